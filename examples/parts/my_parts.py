"""Parts for undrift: a metric, a quality check, a policy, a merge strategy and a loss."""

from __future__ import annotations

import numpy as np

from undrift.policies import decision, enough
from undrift.records import Rule, Selection


def range_shift(ref, cur):
    """How far the range of a numeric feature grew, as a share of what it was; 0 where it did not."""
    if not (ref.finite and cur.finite) or ref.minimum == ref.maximum:
        return 0.0
    below = max(0.0, ref.minimum - cur.minimum)
    above = max(0.0, cur.maximum - ref.maximum)
    return (below + above) / (ref.maximum - ref.minimum)


def negative(ref, cur):
    """Say that numbers fell below zero which never did before; "" where they did not."""
    before, now = (getattr(side, "minimum", None) for side in (ref, cur))
    if before is None or now is None or not before >= 0 > now:
        return ""
    return f"negative numbers, down to {now:g}"


class Monday:
    """Retrains after a window that ends on a Monday, if enough new rows are labelled."""

    def __init__(self, minimum_rows: int = 100) -> None:
        self.minimum_rows = minimum_rows

    def decide(self, situation):
        end = situation.window.end
        due = end is not None and end.weekday() == 0
        rule = Rule("monday", due, "the window ends on a Monday" if due else "it is not Monday")
        return decision(situation, (rule, enough(situation, self.minimum_rows)))


class LastHalf:
    """Trains on the newer half of the windows that are there."""

    def select(self, windows):
        return Selection(windows[len(windows) // 2].index, windows[-1].index)


def pinball(labels, predictions):
    """The loss of which the 90th percentile is the best prediction, in the target's unit."""
    error = labels - predictions
    return np.maximum(0.9 * error, -0.1 * error)
