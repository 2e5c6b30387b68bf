"""Numbers as people write them."""

from __future__ import annotations

from undrift.records import Trial
from undrift.words.phrases import count

UNITS = (("week", 604_800_000_000), ("day", 86_400_000_000), ("hour", 3_600_000_000), ("minute", 60_000_000))
"""Lengths of time in microseconds, longest first."""


LARGE = 1e15
"""From here on a number is written with an exponent."""


def number(value: float | None) -> str:
    """A number as people write it: three digits that matter, no exponent for ordinary sizes.

    >>> number(61.234), number(0.01234), number(12345.6)
    ('61.2', '0.0123', '12,346')
    """
    if value is None or value != value:
        return "–"
    if abs(value) >= LARGE:
        return f"{value:.3g}"
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    if abs(value) >= 100:
        return f"{value:.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.3g}"


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


def chance(p_value: float) -> str:
    """A p-value as people write it.

    >>> chance(0.0312), chance(0.0000004), chance(1.0)
    ('p 0.031', 'p < 0.0001', 'p 1')
    """
    return "p < 0.0001" if p_value < 0.0001 else f"p {p_value:.2g}"


def step(width: int, *, calendar: bool) -> str:
    """A length of time in microseconds in its largest whole unit; a plain number elsewhere.

    >>> step(86_400_000_000, calendar=True), step(500, calendar=False)
    ('1 day', '500')
    """
    if not calendar:
        return f"{width:,}"
    units = (
        ("week", 604_800_000_000),
        ("day", 86_400_000_000),
        ("hour", 3_600_000_000),
        ("minute", 60_000_000),
    )
    name, size = next(((n, s) for n, s in units if width % s == 0), ("microsecond", 1))
    return count(width // size, name)


def bounds(trial: Trial) -> str:
    """A difference with its bounds: "−17.0 [−22.0, −12.0]"."""
    return f"{signed(trial.difference)} [{signed(trial.lower)}, {signed(trial.upper)}]"
