"""Numbers as people write them, with a true minus sign."""

from __future__ import annotations

import math

from undrift.records import Beside, Trial
from undrift.words.phrases import count

UNITS = (("week", 604_800_000_000), ("day", 86_400_000_000), ("hour", 3_600_000_000), ("minute", 60_000_000))
"""Lengths of time in microseconds, longest first."""

LARGE = 1e15
"""From here on a number is written with an exponent."""


def number(value: float | None) -> str:
    """A number as people write it: three digits that matter, no exponent for ordinary sizes.

    >>> number(61.234), number(-0.01234), number(12345.6)
    ('61.2', '−0.0123', '12,346')
    """
    if value is None or value != value:
        return "–"
    return minus(_written(value))


def _written(value: float) -> str:
    if abs(value) >= LARGE:
        return f"{value:.3g}"
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    if abs(value) >= 100:
        return f"{value:.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.3g}"


def minus(text: str) -> str:
    """A number that the machine wrote, with a true minus sign."""
    return text.replace("-", "−")


def percent(share: float) -> str:
    """A share as people write it: whole percent, finer where that would say nothing.

    >>> percent(0.414), percent(0.0012), percent(0.0), percent(0.9996)
    ('41 %', '0.12 %', '0 %', '99.96 %')
    """
    edge = min(share, 1 - share)
    digits = 0 if edge >= 0.01 or edge <= 0 else 2 if edge >= 0.0001 else 4
    return f"{share * 100:.{digits}f} %"


def signed(value: float) -> str:
    """A difference with its sign.

    >>> signed(-17.0), signed(0.5)
    ('−17.0', '+0.5')
    """
    return ("+" if value >= 0 else "−") + number(abs(value))


def relative(share: float) -> str:
    """By how much something has risen, as a share of what it was.

    >>> [relative(share) for share in (0.388, 0.2, -0.0312, 2.4, math.inf)]
    ['+38.8 %', '+20 %', '−3.1 %', '+240 %', 'from nothing']
    """
    if math.isinf(share):
        return "from nothing"
    digits = 0 if abs(share) >= 1 else 1
    return minus(f"{100 * share:+,.{digits}f}".removesuffix(".0")) + " %"


def chance(p_value: float) -> str:
    """A p-value as people say it: how likely chance alone does as much in a quiet window.

    >>> chance(0.0312), chance(0.0000004), chance(1.0)
    ('chance 3.1 %', 'chance < 0.01 %', 'chance 100 %')
    """
    return "chance < 0.01 %" if p_value < 0.0001 else f"chance {float(f'{100 * p_value:.2g}'):g} %"


def bounds(trial: Trial | Beside) -> str:
    """A difference with its bounds, all to the same decimal: "−17.0 [−22.0, −12.0]".

    >>> bounds(Trial(2, "everything", 40.0, 6.0, -3.951, 15.94, better=False))
    '+6.0 [−4.0, +15.9]'
    """
    values = (trial.difference, trial.lower, trial.upper)
    largest = max(map(abs, values))
    if not math.isfinite(largest) or largest >= LARGE:
        middle, low, high = map(signed, values)
    else:
        digits = max(0, 2 - math.floor(math.log10(largest))) if largest else 0
        middle, low, high = (minus(f"{value:+,.{digits}f}") for value in values)
    return f"{middle} [{low}, {high}]"


def step(width: int, *, calendar: bool) -> str:
    """A length of time in microseconds in its largest whole unit; a plain number elsewhere.

    >>> step(86_400_000_000, calendar=True), step(500, calendar=False)
    ('1 day', '500')
    """
    if not calendar:
        return f"{width:,}"
    name, size = next(((n, s) for n, s in UNITS if width % s == 0), ("microsecond", 1))
    return count(width // size, name)


def ordinal(place: int) -> str:
    """Which one in a row.

    >>> [ordinal(n) for n in (1, 2, 3, 11, 16, 22)]
    ['1st', '2nd', '3rd', '11th', '16th', '22nd']
    """
    if place % 100 in (11, 12, 13):
        return f"{place}th"
    return f"{place}{({1: 'st', 2: 'nd', 3: 'rd'}).get(place % 10, 'th')}"
