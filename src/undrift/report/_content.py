"""What a report says, in the order in which it says it; the templates only set it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from undrift.profiles.effects import outside
from undrift.profiles.feature import AnyProfile
from undrift.profiles.numeric import NumericProfile
from undrift.profiles.table import TableProfile
from undrift.records import Comparison, FeatureComparison, Finding, Verdict
from undrift.report import _charts
from undrift.words.moves import deciding, gone, promise
from undrift.words.numbers import number, percent
from undrift.words.phrases import count

DETAILED: tuple[Verdict, ...] = ("drift", "watch")
"""Verdicts of the features that are shown at length."""

Profiles = tuple[AnyProfile, AnyProfile]


@dataclass(frozen=True)
class Row:
    """One feature in the ranking; ``place`` leads to its details where it has any."""

    feature: FeatureComparison
    finding: Finding | None
    meter: _charts.Meter | None
    picture: _charts.Pair | None
    place: int | None


@dataclass(frozen=True)
class Measure:
    """One quantity on both sides."""

    name: str
    reference: str
    current: str


@dataclass(frozen=True)
class Detail:
    """One feature at length."""

    place: int
    feature: FeatureComparison
    histogram: _charts.Histogram | None
    shares: _charts.Shares | None
    measures: tuple[Measure, ...]
    outside: str

    @property
    def tested(self) -> bool:
        """Whether any finding comes with a p-value."""
        return any(f.p_value is not None for f in self.feature.findings)


@dataclass(frozen=True)
class Content:
    """Everything on the page; ``hidden`` counts the features that moved but are not shown at length."""

    record: Comparison
    promise: str
    gone: dict[str, str]
    verdicts: dict[Verdict, int]
    rows: tuple[Row, ...]
    details: tuple[Detail, ...]
    hidden: int


def content(record: Comparison, reference: TableProfile, current: TableProfile, most: int) -> Content:
    """The content of a report that shows at most so many features at length."""
    moved = [f for f in record.features if f.verdict in DETAILED]
    shown = moved[:most]
    places = {f.name: place for place, f in enumerate(shown, start=1)}
    sides = {f.name: _sides(f.name, reference, current) for f in record.features}
    return Content(
        record,
        promise(record),
        gone(record),
        _verdicts(record),
        tuple(_row(f, sides[f.name], places.get(f.name)) for f in record.features),
        tuple(_detail(f, sides[f.name], places[f.name]) for f in shown),
        len(moved) - len(shown),
    )


def _verdicts(record: Comparison) -> dict[Verdict, int]:
    """How many features have each verdict; a column that is gone counts as drift."""
    counted = Counter(f.verdict for f in record.features)
    counted["drift"] += len(gone(record))
    order: tuple[Verdict, ...] = ("drift", "watch", "stable", "insufficient")
    return {verdict: counted[verdict] for verdict in order if counted[verdict]}


def _sides(name: str, reference: TableProfile, current: TableProfile) -> Profiles | None:
    ref, cur = reference.features.get(name), current.features.get(name)
    return (ref, cur) if ref is not None and cur is not None else None


def _row(feature: FeatureComparison, sides: Profiles | None, place: int | None) -> Row:
    finding = deciding(feature.findings) if feature.findings else None
    return Row(
        feature,
        finding,
        _charts.meter(finding) if finding else None,
        _charts.small(*sides) if sides else None,
        place,
    )


def _detail(feature: FeatureComparison, sides: Profiles | None, place: int) -> Detail:
    if sides is None:
        return Detail(place, feature, None, None, (), "")
    return Detail(
        place,
        feature,
        _charts.histogram(*sides),
        _charts.shares(*sides),
        tuple(_measures(*sides)),
        outside(*sides),
    )


def _measures(ref: AnyProfile, cur: AnyProfile) -> Iterator[Measure]:
    yield Measure("rows", f"{ref.rows:,}", f"{cur.rows:,}")
    yield Measure("missing", _missing(ref), _missing(cur))
    if isinstance(ref, NumericProfile) and isinstance(cur, NumericProfile):
        if ref.infinite or cur.infinite:
            yield Measure("infinite", count(ref.infinite, "row"), count(cur.infinite, "row"))
        yield Measure("mean", number(ref.mean), number(cur.mean))
        yield Measure("standard deviation", number(ref.deviation), number(cur.deviation))
        yield Measure("smallest", number(ref.minimum), number(cur.minimum))
        yield Measure("largest", number(ref.maximum), number(cur.maximum))


def _missing(profile: AnyProfile) -> str:
    return percent(profile.missing / profile.rows) if profile.rows else "–"
