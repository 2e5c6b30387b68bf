"""What was found in a window, in words, made from stored records."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from undrift.records import (
    Comparison,
    Condition,
    Explanation,
    FeatureComparison,
    Finding,
    Ground,
    Region,
    Together,
    Verdict,
)
from undrift.words.numbers import LARGE, chance, number, percent
from undrift.words.phrases import TITLES, clean, count, cut, listed, title
from undrift.words.spans import moment

ICONS: dict[Verdict, str] = {"drift": "■", "watch": "▲", "stable": "·", "insufficient": "?"}


def drifted(record: Comparison) -> tuple[str, ...]:
    """Names of the features that drifted, worst first, then those lost or retyped."""
    over = tuple(f.name for f in record.features if f.verdict == "drift")
    return (*over, *record.lost, *record.retyped)


def total(record: Comparison) -> int:
    """How many features there are, with those that are lost or retyped."""
    return len(record.features) + len(record.lost) + len(record.retyped)


def gone(record: Comparison) -> dict[str, str]:
    """What became of the columns that could not be compared, by name."""
    lost = dict.fromkeys(record.lost, "the column is gone")
    return lost | dict.fromkeys(record.retyped, "the column has another type")


def comparison(record: Comparison) -> str:
    """The verdict on a window in one sentence."""
    every = count(total(record), "feature")
    over = drifted(record)
    if record.verdict == "insufficient":
        return f"Insufficient: {_few(record)} too few to judge any feature."
    if over:
        return f"Drift: {len(over)} of {every} drifted. Worst: {worst(record)}."
    none = f"none of {every} drifted"
    joint = [one for one in record.together if one.verdict == "drift"]
    if joint:
        return f"Drift: {none} alone, but together: {joint[0].effect}."
    apart = {label: s for label, s in record.segments.items() if s.verdict == "drift"}
    if apart:
        return f"Drift: {none} in all rows together, but {_apart(record, apart)}."
    watched = sum(f.verdict == "watch" for f in record.features)
    parts = sum(s.verdict == "watch" for s in record.segments.values())
    few = sum(f.verdict == "insufficient" for f in record.features)
    moved_together = [one.effect for one in record.together if one.verdict == "watch"]
    far = sum(map(ordinary, record.features))
    tails = (
        (watched, f", {watched} to watch"),
        (parts, f", {count(parts, 'segment')} to watch"),
        (len(moved_together), f", together to watch: {''.join(moved_together[:1])}"),
        (few, f", {few} with too few rows to judge"),
        (far, f"; {far} moved far, but no further than ordinary windows do"),
    )
    return f"{record.verdict.capitalize()}: {none}{''.join(tail for n, tail in tails if n)}."


def _few(record: Comparison) -> str:
    """The side that has fewer rows, or both where they have as many."""
    before, now = record.rows_reference, record.rows_current
    if before < now:
        return f"{count(before, 'row')} of the reference {'is' if before == 1 else 'are'}"
    return f"{count(now, 'row')} {'is' if now == 1 else 'are'}"


def _apart(record: Comparison, over: Mapping[str, Comparison]) -> str:
    """How many segments are over the limit, and the worst of them."""

    def size(label: str) -> float:
        return max((times_limit(deciding(f.findings)) for f in over[label].features), default=0.0)

    label = max(over, key=size)
    some = f"in {len(over)} of {count(len(record.segments), 'segment')} by {record.by}"
    return f"{some}. Worst: {label}: {worst(over[label])}"


def in_no_segment(record: Comparison) -> tuple[int, int]:
    """Rows of the reference and of the current table that lie in none of the segments."""
    parts = record.segments.values()
    return (
        record.rows_reference - sum(s.rows_reference for s in parts),
        record.rows_current - sum(s.rows_current for s in parts),
    )


def worst(record: Comparison) -> str:
    """The worst feature with what happened to it."""
    if record.lost:
        return f"{cut(record.lost[0])} is gone"
    if record.retyped:
        return f"{cut(record.retyped[0])} has another type"
    feature = min(record.features, key=lambda f: (f.verdict != "drift", f.name in TITLES))
    return f"{cut(title(feature.name))}, {feature.effect} ({finding(deciding(feature.findings))})"


def ordinary(record: FeatureComparison) -> bool:
    """Whether a feature moved far, but no further than quiet windows do."""
    if not record.findings:
        return False
    found = deciding(record.findings)
    far = found.value >= found.threshold > 0
    return record.verdict == "stable" and record.p_value is not None and far


def ground(record: Ground | None) -> str:
    """Where numbers lie that the reference hardly has, and how few it has there; empty where they do not.

    New labels and missing values are named by the effect itself.

    >>> ground(Ground("values", 0.83, 0.7, 0.1, 0.01, True, 13.6, 33.4))
    '83 % of the rows below 13.6 or above 33.4, where 1 % of the reference lies'
    """
    if record is None or not record.new or record.part == "missing":
        return ""
    sides = (("below", record.below), ("above", record.above))
    ends = " or ".join(f"{side} {number(end)}" for side, end in sides if end is not None)
    few = percent(record.trained)
    return f"{percent(record.share)} of the rows {ends}, where {few} of the reference lies" if ends else ""


def deciding(findings: Sequence[Finding]) -> Finding:
    """The finding that lies furthest over its limit; the first one where none is near it."""
    over = [f for f in findings if f.verdict == "drift"] or [f for f in findings if f.verdict == "watch"]
    return max(over or findings[:1], key=lambda f: f.value / f.threshold if f.threshold else 0)


def times_limit(record: Finding) -> float:
    """A value in multiples of its limit."""
    if record.threshold:
        return record.value / record.threshold
    return math.inf if record.value else 0.0


SHARES = {"unseen": "labels never seen in training", "novelty": "new ground"}
"""Metrics whose value is a share of the rows, and what lies there."""


def finding(record: Finding) -> str:
    """A value beside its limit, in words where it is a share of the rows.

    >>> finding(Finding("psi", 1.43, 0.1, 0.0, "drift"))
    'psi 1.43, limit 0.1'
    >>> finding(Finding("novelty", 0.83, 0.1, 0.0, "drift"))
    'new ground: 83 % of rows, limit 10 %'
    """
    if record.metric in SHARES:
        share, limit = percent(record.value), percent(record.threshold)
        return f"{SHARES[record.metric]}: {share} of rows, limit {limit}"
    return f"{record.metric} {number(record.value)}, limit {number(record.threshold)}"


def in_its_place(record: Comparison, metric: str) -> str:
    """Which metric judges the features that the chosen one is not defined for; empty where it judges all."""
    others = [f for f in record.features if f.findings[0].metric != metric]
    if not others:
        return ""
    kinds = " and ".join(sorted({f.kind for f in others}))
    first = others[0].findings[0]
    said = f"{first.metric}, limit {number(first.threshold)}, judges {count(len(others), f'{kinds} feature')}"
    return f"{metric} is not defined for all kinds: {said}"


DIRECTIONS = {
    ("location", "up"): "went up",
    ("location", "down"): "went down",
    ("spread", "up"): "spread out",
    ("spread", "down"): "drew together",
    ("peak", "up"): "more peaked",
    ("peak", "down"): "flatter",
    ("low tail", "up"): "more very low values",
    ("low tail", "down"): "fewer very low values",
    ("high tail", "up"): "more very high values",
    ("high tail", "down"): "fewer very high values",
    ("missing", "up"): "more missing",
    ("missing", "down"): "fewer missing",
    ("unseen", "up"): "new labels",
}
"""What moved most in a feature and where to, in words."""


def component(record: FeatureComparison) -> str:
    """What moved most in a feature, in words."""
    return DIRECTIONS.get((record.component, record.direction), f"{record.component} moved")


def moved(record: FeatureComparison) -> str:
    """What moved most, how likely that is by chance, and since when: "went up, chance 0.02 %"."""
    if record.p_value is None:
        return ""
    said = chance(record.p_value)
    if record.significant:
        said = f"{component(record)}, {said}"
    elif ordinary(record):
        said = f"as ordinary windows do, {said}"
    if record.relevance == 0:
        said += ", not used by the model"
    return f"{said}, since {_moment(record.since)}" if record.since else said


def _moment(text: str) -> str:
    """A moment in words; what is no moment (the number of a row) as it is."""
    try:
        return moment(datetime.fromisoformat(text))
    except ValueError:
        return text


def together(record: Together) -> str:
    """What was found over several features: verdict, effect, value beside its limit, chance."""
    value = (
        f"{record.name} {number(record.value)}, limit {number(record.threshold)}, {chance(record.p_value)}"
    )
    return clean(f"{ICONS[record.verdict]} {record.verdict}: {record.effect} ({value})")


def promise(record: Comparison) -> str:
    """How often quiet windows alarm, and what that takes for granted."""
    if record.alarm_rate is None:
        return f"False alarms: {record.assumes} (calibration {record.calibration})"
    often = f"at most {number(100 * record.alarm_rate)} in 100 quiet windows"
    return clean(f"False alarms: {often}, if {record.assumes} (calibration {record.calibration})")


def promise_in_short(record: Comparison) -> str:
    """The promise with its first condition alone."""
    first, _, rest = record.assumes.partition("; ")
    few = rest.partition("; ")[0]
    short_ = f"{first}; {few}" if "firmer" in few else first
    return promise(replace(record, assumes=short_))


def movers(record: Comparison, most: int = 2) -> str:
    """The features that drift, each with what moved, the first few named."""
    over = [f for f in record.features if f.verdict == "drift"]
    over.sort(key=lambda f: f.name in TITLES)
    named = ", ".join(map(mover, over[:most]))
    more = f", {len(over) - most} more" if len(over) > most else ""
    return named + more


def mover(record: FeatureComparison) -> str:
    """A feature with what called the alarm: the new ground, the part that moved most, or the shift."""
    name = title(record.name)
    part = record.ground.part if record.ground and record.ground.new else ""
    if part == "values" and record.kind == "numeric" and record.ground and not record.significant:
        return f"{name} {percent(record.ground.share)} on new ground"
    if record.significant and record.component not in ("location", "shares", "unseen", "missing", ""):
        return f"{name} {component(record)}"
    return f"{name} {short(record.effect)}"


def watched(record: Comparison) -> str:
    """How many features are worth watching, the first one named; empty where none is."""
    over = [f for f in record.features if f.verdict == "watch"]
    return f"{len(over)} to watch: {mover(over[0])}" if over else ""


def short(effect: str) -> str:
    """The first part of an effect; the shift in sd alone where there is one."""
    first = effect.split("; ", maxsplit=1)[0]
    _, bracket, shift = first.rpartition(" (")
    return shift[:-1] if bracket and shift.endswith(" sd)") else first


MOST = 0.6
"""What features must make up together to be said to do most of it."""


def explanation(record: Explanation) -> str:
    """Whether a classifier tells the window's rows from the training rows, and by what."""
    auc = f"AUC {record.auc:.2f} [{record.lower:.2f}, {record.upper:.2f}]"
    if record.lower <= 0.5:
        return f"A classifier cannot tell the window's rows from the training rows ({auc})."
    opening = f"A classifier tells the window's rows from the training rows with {auc}"
    return f"{opening}: {_doing_most(record.features)}."


def _doing_most(shares: Mapping[str, float]) -> str:
    """The fewest features that do most of it, at most three."""
    names: list[str] = []
    for name, _ in sorted(shares.items(), key=lambda item: -item[1])[:3]:
        names.append(name)
        if sum(shares[n] for n in names) >= MOST:
            return f"{listed(names)} {'does' if len(names) == 1 else 'do'} most of it"
    return f"many features do a little of it, {listed(names)} most" if names else "no feature does it alone"


def region(record: Region) -> str:
    """Where the two sides differ most: "temperature > 24.5: 61 % of the window, 8 % of the training rows"."""
    conditions = " and ".join(condition(c) for c in record.conditions)
    shares = f"{percent(record.window)} of the window, {percent(record.reference)} of the training rows"
    return f"{conditions}: {shares}"


def condition(record: Condition) -> str:
    """A test of one feature, with a number as exact as it was tested.

    >>> condition(Condition("age", ">", 1234.5)), condition(Condition("age", "missing"))
    ('age > 1,234.5', 'age is missing')
    """
    if record.test == "missing":
        return f"{record.feature} is missing"
    if record.value is None:
        return f"{record.feature} {record.test} {record.label}"
    whole = float(record.value).is_integer() and abs(record.value) < LARGE
    value = f"{record.value:,.0f}" if whole else f"{record.value:,}"
    return f"{record.feature} {record.test} {value.replace('-', '−')}"
