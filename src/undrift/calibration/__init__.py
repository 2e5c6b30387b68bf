"""Calibration: turns an effect into a verdict on one finding.

A part is a class whose ``judge`` takes a metric, two feature profiles and a threshold, and gives a
Finding. It alone decides what counts as significant.
"""

from __future__ import annotations

from typing import Any, Protocol

from undrift.metrics import Metric
from undrift.records import Finding


class Calibration(Protocol):
    """Judges one metric of one feature."""

    def judge(self, metric: Metric, ref: Any, cur: Any, threshold: float) -> Finding:
        """The finding, with its verdict."""
