"""The plain rule: over the threshold is drift, and nothing else is asked."""

from __future__ import annotations

from typing import Any

from undrift.calibration import Calibration
from undrift.metrics import Metric
from undrift.records import Finding, Verdict

MINIMUM_ROWS = 30
"""With fewer rows a share is not known to within a tenth, whatever the metric's noise floor says."""

WATCH = 1 / 3
"""From this part of the threshold on, an effect is worth watching."""


class Threshold:
    """Judges by effect size alone; says ``insufficient`` where noise alone would reach the threshold."""

    def judge(self, metric: Metric, ref: Any, cur: Any, threshold: float) -> Finding:
        """The finding: value, limit, noise floor and verdict, without a p-value."""
        value, noise = metric(ref, cur), metric.noise(ref, cur)
        few = min(ref.rows, cur.rows) < MINIMUM_ROWS
        verdict = "insufficient" if few else _verdict(value, threshold, noise)
        return Finding(metric.name, value, threshold, noise, verdict)


def _verdict(value: float, threshold: float, noise: float) -> Verdict:
    if noise > threshold and (threshold > 0 or noise == float("inf")):  # a limit of 0: any change counts
        return "insufficient"
    if value >= threshold > 0 or (threshold == 0 and value > 0):
        return "drift"
    return "watch" if value >= threshold * WATCH and value > 0 else "stable"


_: type[Calibration] = Threshold
