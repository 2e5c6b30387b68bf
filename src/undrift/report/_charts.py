"""Shapes as paths over a drawing space of WIDE × HIGH; what surrounds them is the template's."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from undrift.profiles import shapes
from undrift.profiles.categorical import CategoricalProfile
from undrift.profiles.feature import AnyProfile
from undrift.profiles.numeric import NumericProfile
from undrift.profiles.shapes import Share, Steps
from undrift.records import Finding
from undrift.words.moves import times_limit
from undrift.words.numbers import number

WIDE, HIGH = 500, 200
"""The drawing space of a histogram; the page stretches it."""

ROW = 20
"""Height of one row of a share chart in its drawing space."""

PAIRS = 6
"""Labels that a small picture has room for."""

MULTIPLES = 3
"""A meter is full at this many times the limit."""

TICKS = 6
"""About as many ticks as an axis has."""


@dataclass(frozen=True)
class Pair:
    """The same picture of both sides, as two paths."""

    reference: str
    current: str


@dataclass(frozen=True)
class Tick:
    """A mark on an axis: how many per cent from its left or upper end, and what it says."""

    at: float
    text: str


@dataclass(frozen=True)
class Histogram:
    """Both sides as steps over each other, with the ticks of both axes."""

    steps: Pair
    across: tuple[Tick, ...]
    up: tuple[Tick, ...]
    width: str

    @property
    def rules(self) -> str:
        """A line across at every tick of the shares."""
        return "".join(f"M0 {HIGH * tick.at / 100:g}h{WIDE}" for tick in self.up)


@dataclass(frozen=True)
class Shares:
    """Shares of labels or ranges, one row each: bars, or dots joined by lines."""

    rows: tuple[Share, ...]
    most: float
    marks: Pair
    links: str = ""

    @property
    def height(self) -> int:
        """Height of the drawing space."""
        return ROW * len(self.rows)

    @property
    def moved(self) -> Share:
        """The row whose share changed most."""
        return max(self.rows, key=lambda row: abs(row.window - row.reference))


@dataclass(frozen=True)
class Meter:
    """A value beside its limit, in per cent of the meter."""

    filled: int
    limit: int
    over: bool


def small(ref: AnyProfile, cur: AnyProfile) -> Pair | None:
    """A feature at a glance: its histogram, or bars of its most frequent labels."""
    if isinstance(ref, NumericProfile) and isinstance(cur, NumericProfile):
        drawn = shapes.steps(ref, cur)
        return _outlines(drawn) if drawn else None
    shares = _labels(ref, cur)
    return _columns(shares[:PAIRS]) if shares else None


def histogram(ref: AnyProfile, cur: AnyProfile) -> Histogram | None:
    """A numeric feature on both sides, over the same bins."""
    if not (isinstance(ref, NumericProfile) and isinstance(cur, NumericProfile)):
        return None
    drawn = shapes.steps(ref, cur)
    if drawn is None:
        return None
    low, high = float(drawn.edges[0]), float(drawn.edges[-1])
    return Histogram(_outlines(drawn), _across(low, high), _up(_top(drawn)), number(drawn.width))


def shares(ref: AnyProfile, cur: AnyProfile) -> Shares | None:
    """How the rows are shared out: over the reference's tenths, or over labels."""
    if isinstance(ref, NumericProfile) and isinstance(cur, NumericProfile):
        rows = tuple(shapes.ranges(ref, cur))
        return Shares(rows, _most(rows), _dots(rows), _links(rows)) if rows else None
    rows = tuple(_labels(ref, cur))
    return Shares(rows, _most(rows), _bars(rows)) if rows else None


def meter(finding: Finding) -> Meter:
    """How far a finding is, with its limit a third of the way along."""
    far = times_limit(finding)
    part = 0.0 if math.isnan(far) else min(max(far, 0.0) / MULTIPLES, 1.0)
    return Meter(round(100 * part), round(100 / MULTIPLES), far > MULTIPLES)


def _labels(ref: AnyProfile, cur: AnyProfile) -> list[Share]:
    if isinstance(ref, CategoricalProfile) and isinstance(cur, CategoricalProfile):
        return shapes.labels(ref, cur)
    return []


def _most(rows: Sequence[Share]) -> float:
    """The largest share on either side: where a row's scale ends."""
    return max((max(row.reference, row.window) for row in rows), default=0.0) or 1.0


def _outlines(drawn: Steps) -> Pair:
    return Pair(*(_outline(drawn, heights) for heights in (drawn.reference, drawn.window)))


def _outline(drawn: Steps, heights: NDArray[np.float64]) -> str:
    """Up, along and down again, step by step."""
    low, length = drawn.edges[0], drawn.edges[-1] - drawn.edges[0]
    across = np.diff(np.rint(WIDE * ((drawn.edges - low) / length)).astype(int))
    down = np.diff(np.rint(HIGH * (1 - heights / _top(drawn))).astype(int), prepend=HIGH)
    moves = "".join((f"v{y}" if y else "") + f"h{x}" for x, y in zip(across, down, strict=True))
    return f"M0 {HIGH}{moves}V{HIGH}"


def _top(drawn: Steps) -> float:
    return float(max(drawn.reference.max(), drawn.window.max())) or 1.0


def _columns(rows: Sequence[Share]) -> Pair:
    """Upright bars, side by side for each label."""
    room, most = WIDE / len(rows), _most(rows)
    places = [round(room * (i + 0.1)) for i in range(len(rows))]
    wide = round(room * 0.38)
    return Pair(
        "".join(_column(x, wide, row.reference / most) for x, row in zip(places, rows, strict=True)),
        "".join(_column(x + wide, wide, row.window / most) for x, row in zip(places, rows, strict=True)),
    )


def _column(x: int, wide: int, part: float) -> str:
    return f"M{x} {HIGH}v-{round(HIGH * part)}h{wide}V{HIGH}z" if part else ""


def _bars(rows: Sequence[Share]) -> Pair:
    """Bars that lie below each other in the row of each label."""
    most = _most(rows)
    return Pair(
        "".join(_bar(ROW * i + 4, row.reference / most) for i, row in enumerate(rows)),
        "".join(_bar(ROW * i + 10, row.window / most) for i, row in enumerate(rows)),
    )


def _bar(y: int, part: float) -> str:
    return f"M0 {y}h{round(WIDE * part)}v6H0z" if part else ""


def _dots(rows: Sequence[Share]) -> Pair:
    """Strokes without length, which round ends make into dots however the page stretches them."""
    most = _most(rows)
    return Pair(
        "".join(f"M{round(WIDE * row.reference / most)} {_middle(i)}h0" for i, row in enumerate(rows)),
        "".join(f"M{round(WIDE * row.window / most)} {_middle(i)}h0" for i, row in enumerate(rows)),
    )


def _links(rows: Sequence[Share]) -> str:
    most = _most(rows)
    return "".join(
        f"M{round(WIDE * row.reference / most)} {_middle(i)}H{round(WIDE * row.window / most)}"
        for i, row in enumerate(rows)
    )


def _middle(row: int) -> int:
    return ROW * row + ROW // 2


def _across(low: float, high: float) -> tuple[Tick, ...]:
    """The ticks of the axis of values, each text once."""
    step = _step(high - low)
    texts: dict[str, float] = {}
    for value in _multiples(low, high, step):
        texts.setdefault(_written(value, step), value)
    return tuple(Tick(round(100 * ((at - low) / (high - low)), 1), text) for text, at in texts.items())


def _up(top: float) -> tuple[Tick, ...]:
    """The ticks of the axis of shares."""
    step = _step(100 * top)
    marks = _multiples(0, 100 * top, step)
    return tuple(Tick(round(100 - at / top, 1), f"{_written(at, step)} %") for at in marks)


def _step(length: float) -> float:
    """One, two or five times a power of ten: the distance of about as many ticks as an axis has."""
    rough = max(length / TICKS, 1e-300)
    power = 10.0 ** math.floor(math.log10(rough))
    return next((power * times for times in (1, 2, 5) if power * times >= rough), 10 * power)


def _multiples(low: float, high: float, step: float) -> list[float]:
    first, last = math.ceil(low / step), math.floor(high / step)
    return [i * step for i in range(first, min(last, first + 2 * TICKS) + 1)]


def _written(value: float, step: float) -> str:
    """A tick to the decimals that tell it from its neighbours."""
    if abs(value) >= 1e6 or step < 1e-4:
        return number(value)
    return f"{value:,.{max(0, -math.floor(math.log10(step)))}f}"
