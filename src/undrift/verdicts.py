"""What a value means: one rule for every metric and calibration."""

from __future__ import annotations

from collections.abc import Iterable
from math import inf

from undrift.records import Verdict

MINIMUM_ROWS = 30
"""With fewer rows a share is not known to within a tenth, whatever the metric's noise floor says."""

WATCH = 1 / 3
"""From this part of the threshold on, an effect is worth watching."""

WORST_FIRST: tuple[Verdict, ...] = ("drift", "watch", "stable", "insufficient")


def verdict(
    value: float, threshold: float, noise: float, rows: int, *, significant: bool | None, sure: bool = True
) -> Verdict:
    """The verdict on one metric: drift is an effect that is both significant and large enough.

    ``noise`` is the value that chance alone is expected to give, ``rows`` those of the smaller side.
    ``significant`` None means that nobody asks for it. Where noise alone would reach the threshold only a
    significant effect that stands out of the noise by as much is believed. A threshold of 0 switches the
    question of size off. Where the calibration is not ``sure``, for it has seen few windows, an effect over
    the threshold that it cannot tell from ordinary variation is worth watching.

    >>> verdict(0.2, 0.1, 0.01, 1000, significant=True), verdict(0.2, 0.1, 0.01, 1000, significant=False)
    ('drift', 'stable')
    >>> verdict(0.05, 0.1, 0.01, 1000, significant=None), verdict(5.0, 0.1, 0.3, 20, significant=True)
    ('watch', 'insufficient')
    """
    if rows < MINIMUM_ROWS or noise == inf:
        return "insufficient"
    if noise > threshold > 0:
        return "drift" if significant and value - noise >= threshold else "insufficient"
    if significant is False:
        return "watch" if not sure and value >= threshold > 0 else "stable"
    if value >= threshold and (value > 0 or significant):
        return "drift"
    return "watch" if value >= threshold * WATCH and value > 0 else "stable"


def worst(verdicts: Iterable[Verdict]) -> Verdict:
    """The worst verdict; ``insufficient`` only where nothing could be judged, ``stable`` without features."""
    return min(verdicts, key=WORST_FIRST.index, default="stable")
