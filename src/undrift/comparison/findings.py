"""A window makes a Comparison: what moved, how far, is that ordinary, and does the model know such rows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from undrift.calibration import Evidence, Judgement, Reading
from undrift.comparison.ground import ground
from undrift.comparison.limits import Limits
from undrift.errors import DataError
from undrift.metrics import Metric
from undrift.multivariate import Moved, moved
from undrift.plugins import find
from undrift.profiles.effects import constant, effect
from undrift.profiles.feature import AnyProfile
from undrift.profiles.table import TableProfile
from undrift.quality import faults
from undrift.quality.missing import missing
from undrift.records import Comparison, Fault, FeatureComparison, Finding, Ground, Together, Verdict
from undrift.schema import INDEX
from undrift.statistics import discoveries
from undrift.verdicts import MINIMUM_ROWS, WORST_FIRST, verdict, worst
from undrift.words import moves

Key = tuple[str | None, str, bool]
"""A segment (None for all rows), a feature of it, or what looks at all features together (True)."""

NOVELTY = "novelty"
"""The metric that asks for new ground."""

MUTED = "not watched"
"""Why a feature that the settings mute is left out."""

EVEN = 0.5
"""Part of the alarm rate that is shared evenly among all features; the rest goes by importance."""

Relevance = Mapping[str, float | None]
"""Importance of features to the model, as shares; None where nobody knows, which counts as much as any."""


@dataclass(frozen=True)
class Ordinary:
    """What is ordinary for some features: windows of a history, and the one to be judged over the same grids.

    ``earlier`` are windows before it that the history does not hold, oldest first; a ``reading`` says how
    the history's own windows are read. Without ``names`` it speaks of every feature.
    """

    ref: TableProfile
    cur: TableProfile
    earlier: Sequence[TableProfile] = ()
    reading: Reading | None = None
    names: frozenset[str] | None = None


@dataclass(frozen=True)
class Question:
    """A window beside what its model was trained on, and beside what is ordinary for its stream.

    Whether the model stands on ground it knows, and how large an effect is, is asked of ``ref``; whether that
    is out of the ordinary of each of ``ordinary``. ``aside`` are features that are not compared, with
    the reason; of those in ``known`` ground is not asked, for they are no input of the model.
    """

    ref: TableProfile
    cur: TableProfile
    limits: Limits
    ordinary: tuple[Ordinary, ...]
    aside: Mapping[str, str] = field(default_factory=dict)
    relevance: Relevance | None = None
    known: frozenset[str] = frozenset()

    @property
    def names(self) -> list[str]:
        """The features to compare."""
        common = [name for name in self.ref.features if name in self.cur.features]
        return [name for name in common if name not in self.aside]


@dataclass(frozen=True)
class Belief:
    """What is believed of one feature: its evidence, the limit of its p-value, and by which of two roads."""

    evidence: Evidence
    limit: float
    slowly: bool
    sure: bool

    def significant(self, metric: Metric) -> bool:
        """Whether what a metric watches has moved more than chance moves it."""
        by_now = self.evidence.parts.get(metric.watches, 1.0) <= self.limit > 0
        return by_now or (self.slowly and metric.watches == "values")


def compared(
    ref: TableProfile,
    cur: TableProfile,
    limits: Limits,
    constants: Mapping[str, str] | None = None,
    earlier: Sequence[TableProfile] = (),
) -> Comparison:
    """The comparison record of two tables: what is ordinary is learnt from the reference's own windows.

    Features called constant are left out; ``earlier`` are the windows before, oldest first. Raises
    DataError when they have no feature in common.
    """
    return judge(Question(ref, cur, limits, (Ordinary(ref, cur, earlier),), dict(constants or {})))


def judge(question: Question) -> Comparison:
    """The comparison record of a window.

    The alarm rate is spent where it matters, and a feature that the model does not use is never worse than
    ``watch``. The false discovery rate is held over all features, and over all segments with them. Raises
    DataError when the two sides have no feature in common.
    """
    question = _without_muted(question)
    ref, cur, limits = question.ref, question.cur, question.limits
    names = question.names
    if not (names or question.aside) and not cur.retyped:
        raise DataError("the two tables have no column in common", "Compare tables of the same kind.")
    found = [_judged(one, names, limits) for one in question.ordinary]
    judged = {label: [each[label] for each in found if label in each] for label in _sides(ref, cur)}
    whole = question.ordinary[0]
    parts = limits.multivariate if _learns(found) else ()
    together = moved(whole.ref, whole.cur, parts, limits.season, whole.reading, limits.ignore)
    believed = _believed(judged, together, limits.alarm_rate, _weights(question.relevance, names))
    records = {
        label: _record(pair, question, judged[label], believed, label)
        for label, pair in _sides(ref, cur).items()
    }
    segments = {label: record for label, record in records.items() if label is not None}
    record = _with_together(records[None], together, believed, question.relevance)
    record = _with_segments(record, ref, segments)
    return replace(record, unusual=_unusual(record))


def _without_muted(question: Question) -> Question:
    """The question without the features that the limits mute, which its record then names as left out."""
    muted = {name for name in question.limits.ignore if name in question.ref.features}
    if not muted:
        return question
    ref = question.ref.without(*muted)
    return replace(
        question,
        ref=replace(ref, left_out=ref.left_out | dict.fromkeys(sorted(muted), MUTED)),
        cur=replace(question.cur, retyped=tuple(n for n in question.cur.retyped if n not in muted)),
    )


def _unusual(record: Comparison) -> bool:
    """Whether anything is large and out of the ordinary, new ground apart."""
    alone = any(
        one.verdict == "drift" and one.metric != NOVELTY for f in record.features for one in f.findings
    )
    together = any(one.verdict == "drift" for one in record.together)
    return alone or together or any(map(_unusual, record.segments.values()))


def _judged(one: Ordinary, names: Sequence[str], limits: Limits) -> dict[str | None, Judgement]:
    """What a calibration says of all rows, and of each segment."""
    calibration, part = limits.calibrated(one.ref)
    chosen = [n for n in names if one.names is None or n in one.names]
    return {
        label: _named(
            part.judge(*pair, chosen, [_segment(e, label) for e in one.earlier], one.reading),
            calibration,
            one.earlier,
        )
        for label, pair in _sides(one.ref, one.cur).items()
    }


def _named(found: Judgement, calibration: str, earlier: Sequence[TableProfile]) -> Judgement:
    """A judgement with the name of its calibration, and what it made nothing of."""
    used = found.instead or calibration
    unused = "; the windows before are not used" if earlier and used != "history" else ""
    return replace(found, instead=used, assumes=found.assumes + unused)


def _learns(found: Sequence[Mapping[str | None, Judgement]]) -> bool:
    """Whether what is ordinary is learnt from windows."""
    return bool(found) and found[0][None].instead == "history"


def constants(ref: TableProfile, cur: TableProfile) -> dict[str, str]:
    """Features that hold one and the same value in both, without nulls: there is nothing to compare."""
    if min(ref.rows, cur.rows) < MINIMUM_ROWS:
        return {}
    pairs = {name: (f, cur.features[name]) for name, f in ref.features.items() if name in cur.features}
    return {
        name: f"constant: always {constant(before)}"
        for name, (before, now) in pairs.items()
        if constant(before) is not None
        and constant(before) == constant(now)
        and not (before.missing or now.missing)
    }


def _sides(ref: TableProfile, cur: TableProfile) -> dict[str | None, tuple[TableProfile, TableProfile]]:
    """All rows of both, then those of each segment that both have."""
    sides: dict[str | None, tuple[TableProfile, TableProfile]] = {None: (ref, cur)}
    sides.update({n: (part, cur.segments[n]) for n, part in ref.segments.items() if n in cur.segments})
    return sides


def _segment(table: TableProfile, label: str | None) -> TableProfile:
    return table if label is None else table.segments.get(label, table.empty())


def _believed(
    judged: Mapping[str | None, Sequence[Judgement]],
    together: Mapping[str, Moved],
    rate: float,
    weights: Mapping[str, float],
) -> dict[Key, Belief]:
    """What to believe of everything with evidence, the false discovery rate held over all of it."""
    sure: dict[Key, bool] = {}
    evidence: dict[Key, Evidence] = {}
    for label, several in judged.items():
        for found in several:
            evidence.update({(label, name, False): e for name, e in found.evidence.items()})
            sure.update(dict.fromkeys(((label, name, False) for name in found.evidence), found.sure))
    evidence.update({(None, n, True): Evidence({"values": m.p_value}) for n, m in together.items()})
    sure.update(
        dict.fromkeys(((None, n, True) for n in together), judged[None][0].sure if judged[None] else True)
    )
    weight = {key: 1.0 if key[2] else weights[key[1]] for key in evidence}
    p_limits = discoveries.limits({key: e.p_value for key, e in evidence.items()}, rate, weight)
    slow = discoveries.slowly({key: e.e_value for key, e in evidence.items() if not key[2]}, rate)
    return {key: Belief(e, p_limits[key], key in slow, sure[key]) for key, e in evidence.items()}


def _weights(relevance: Relevance | None, names: Sequence[str]) -> dict[str, float]:
    """How the alarm rate is shared out, averaging 1; evenly where nothing is known of importance.

    Features without importance keep an even share: they are shown, but never raise an alarm.
    """
    known = relevance or {}
    most = max((value for value in known.values() if value is not None), default=0.0)
    found = {n: max(0.0, most if (value := known.get(n, 0.0)) is None else value) for n in names}
    total = sum(found.values())
    if not total:
        return dict.fromkeys(names, 1.0)
    return {name: EVEN + (1 - EVEN) * len(names) * share / total for name, share in found.items()}


def _unused(name: str, relevance: Relevance | None) -> bool:
    """Whether the model is known not to use a feature, and to use others."""
    importance = (relevance or {}).get(name, 0.0)
    return relevance is not None and importance is not None and importance <= 0 and _uses_any(relevance)


def _uses_any(relevance: Relevance) -> bool:
    return any(value is None or value > 0 for value in relevance.values())


def _record(
    pair: tuple[TableProfile, TableProfile],
    question: Question,
    judged: Sequence[Judgement],
    believed: Mapping[Key, Belief],
    label: str | None,
) -> Comparison:
    """The record of all rows or of one segment."""
    ref, cur = pair
    lost = tuple(n for n in ref.features if n not in cur.features and n not in cur.retyped)
    names = [name for name in ref.features if name in cur.features and name not in question.aside]
    found = [_feature(n, pair, question, believed.get((label, n, False))) for n in names]
    features = tuple(sorted(found, key=_worst_first))
    return Comparison(
        verdict="drift" if lost or cur.retyped else worst(f.verdict for f in features),
        rows_reference=ref.rows,
        rows_current=cur.rows,
        features=features,
        calibration=judged[0].instead if judged else "",
        assumes=judged[0].assumes if judged else "",
        alarm_rate=question.limits.alarm_rate if believed else None,
        lost=lost,
        new=cur.new,
        retyped=cur.retyped,
        left_out=ref.left_out | dict(question.aside),
        reordered=_order(ref, cur) != _order(cur, ref),
        faults=_faults(ref, cur, [f.name for f in features]),
    )


def _with_together(
    record: Comparison,
    together: Mapping[str, Moved],
    believed: Mapping[Key, Belief],
    relevance: Relevance | None,
) -> Comparison:
    """The record with what moved over several features, which is drift like that of one."""
    rows = min(record.rows_reference, record.rows_current)
    found = tuple(_together(name, one, believed[None, name, True], rows) for name, one in together.items())
    found = tuple(
        replace(one, verdict="watch") if one.verdict == "drift" and _all_unused(one, relevance) else one
        for one in found
    )
    verdicts = [record.verdict, *(one.verdict for one in found if one.verdict in ("drift", "watch"))]
    return replace(record, verdict=worst(verdicts), together=found)


def _all_unused(found: Together, relevance: Relevance | None) -> bool:
    """Whether the model is known to use none of the features that moved together."""
    return bool(found.features) and all(_unused(name, relevance) for name in found.features)


def _together(name: str, found: Moved, belief: Belief, rows: int) -> Together:
    significant = found.p_value <= belief.limit
    said = verdict(found.value, found.threshold, 0.0, rows, significant=significant, sure=belief.sure)
    return Together(
        name,
        said,
        found.effect,
        found.value,
        found.threshold,
        found.p_value,
        belief.limit,
        significant,
        found.features,
    )


def _with_segments(whole: Comparison, ref: TableProfile, segments: dict[str, Comparison]) -> Comparison:
    if not segments:
        return whole
    verdicts = [whole.verdict, *(s.verdict for s in segments.values())]
    return replace(whole, verdict=worst(verdicts), by=ref.by, segments=segments)


def _feature(
    name: str,
    pair: tuple[TableProfile, TableProfile],
    question: Question,
    belief: Belief | None,
) -> FeatureComparison:
    ref, cur, limits = pair[0].features[name], pair[1].features[name], question.limits
    watched = limits.watch(name, ref.kind)
    asked = 0.0 if name in question.known else limits.ground(name, watched[0][1])
    stands = ground(name, ref, cur, pair[1].history, asked) if asked else None
    findings = [_finding(m, ref, cur, t, belief, stands) for m, t in watched]
    if stands is not None and all(m.watches != "ground" for m, _ in watched):
        findings.append(_finding(find("metrics", NOVELTY), ref, cur, asked, belief, stands))
    found = _worst_of(findings)
    if found == "drift" and _unused(name, question.relevance):
        found = "watch"
    capped = tuple(_at_most(one, found) for one in findings)
    beside = limits.values(ref.kind, ref, cur, [f.metric for f in findings])
    told = {} if belief is None else _told(belief, findings)
    importance = None if question.relevance is None else question.relevance.get(name, 0.0)
    moved_so = "; ".join(filter(None, (effect(ref, cur), moves.ground(stands))))
    return FeatureComparison(
        name, ref.kind, found, moved_so, capped, beside, relevance=importance, ground=stands, **told
    )


def _worst_of(findings: Sequence[Finding]) -> Verdict:
    """The verdict of a feature; where the deciding metric cannot judge, another must have found something."""
    found = worst(f.verdict for f in findings)
    return "insufficient" if findings[0].verdict == "insufficient" and found == "stable" else found


def _at_most(finding: Finding, most: Verdict) -> Finding:
    """The finding, no worse than its feature."""
    worse = WORST_FIRST.index(finding.verdict) < WORST_FIRST.index(most)
    return replace(finding, verdict=most) if worse else finding


def _told(belief: Belief, findings: Sequence[Finding]) -> dict[str, Any]:
    """What the evidence says of a feature, as the record keeps it."""
    evidence = belief.evidence
    significant = any(f.significant for f in findings if f.metric != NOVELTY)
    return {
        "p_value": evidence.p_value,
        "p_limit": belief.limit,
        "significant": significant,
        "component": evidence.component,
        "direction": evidence.direction,
        "since": None if evidence.since is None or not significant else _when(evidence.since),
    }


def _when(since: object) -> str:
    """A moment in ISO 8601, or a place in the order of rows."""
    return since.isoformat() if hasattr(since, "isoformat") else str(since)


def _finding(
    metric: Metric,
    ref: AnyProfile,
    cur: AnyProfile,
    threshold: float,
    belief: Belief | None,
    stands: Ground | None,
) -> Finding:
    if metric.watches == "ground" and stands is not None:
        said: Verdict = "drift" if stands.new else "stable"
        return Finding(metric.name, stands.value, threshold, 0.0, said, None, stands.new)
    value, noise = metric(ref, cur), metric.noise(ref, cur)
    significant = None if belief is None else belief.significant(metric)
    p_value = None if belief is None else belief.evidence.parts.get(metric.watches)
    sure = belief is None or belief.sure
    found = verdict(value, threshold, noise, min(ref.rows, cur.rows), significant=significant, sure=sure)
    return Finding(metric.name, value, threshold, noise, found, p_value, significant)


def _faults(ref: TableProfile, cur: TableProfile, names: Iterable[str]) -> tuple[Fault, ...]:
    """What looks broken, feature by feature; columns of another type, and those left out and gone, first."""
    retyped = [Fault(name, "type", cur.left_out.get(name, "has another type")) for name in cur.retyped]
    gone = [
        Fault(name, "gone", f"the column is gone (it was left out: {reason})")
        for name, reason in ref.left_out.items()
        if reason not in ("target", INDEX) and name in ref.columns and cur.columns and name not in cur.columns
    ]
    found = [faults(name, ref.features[name], cur.features[name]) for name in names]
    return (*retyped, *gone, *(fault for some in found for fault in some), *_without_lists(ref, cur))


def _without_lists(ref: TableProfile, cur: TableProfile) -> list[Fault]:
    """Columns of lists in which rows have lost theirs, or hold lists of another length."""
    before, now = (side.history.embeddings if side.history else {} for side in (ref, cur))
    pairs = [(name, one, now[name]) for name, one in before.items() if name in now]
    found = [(n, len(one.centre), missing(one, here)) for n, one, here in pairs if one.rows and here.rows]
    return [Fault(n, "missing", f"lists of {length} numbers {text}") for n, length, text in found if text]


def _order(one: TableProfile, other: TableProfile) -> list[str]:
    """The columns that both have, in the order of the first."""
    return [name for name in one.columns if name in other.columns]


def _worst_first(feature: FeatureComparison) -> tuple[int, float]:
    """By verdict, then by how far over the limit, weighted by what the model makes of it."""
    weight = 1.0 if feature.relevance is None else feature.relevance
    return WORST_FIRST.index(feature.verdict), -weight * _relative(moves.deciding(feature.findings))


def _relative(finding: Finding) -> float:
    return finding.value / finding.threshold if finding.threshold else finding.value
