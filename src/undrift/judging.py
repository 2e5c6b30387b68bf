"""Two profiles and a calibration make a Comparison: what moved, how far, and is it to be believed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from undrift import discoveries
from undrift.calibration import Evidence, Judgement
from undrift.errors import DataError
from undrift.limits import Limits
from undrift.metrics import Metric
from undrift.multivariate import Moved, moved
from undrift.profiles.effects import constant, effect
from undrift.profiles.feature import AnyProfile
from undrift.profiles.table import TableProfile
from undrift.quality import faults
from undrift.records import Comparison, Fault, FeatureComparison, Finding, Together
from undrift.verdicts import MINIMUM_ROWS, WORST_FIRST, verdict, worst
from undrift.wording import deciding

Key = tuple[str | None, str, bool]
"""A segment (None for all rows), a feature of it, or what looks at all features together (True)."""

EVEN = 0.5
"""Part of the alarm rate that is shared evenly among all features; the rest goes by importance."""


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


def judge(
    ref: TableProfile,
    cur: TableProfile,
    limits: Limits,
    constants: Mapping[str, str] | None = None,
    earlier: Sequence[TableProfile] = (),
    relevance: Mapping[str, float] | None = None,
) -> Comparison:
    """The comparison record of two table profiles, without the features that are called constant.

    ``earlier`` are the windows before, oldest first; ``relevance`` is each feature's importance to the
    model, as shares: the alarm rate is spent where it matters, and a feature that the model does not use is
    never worse than ``watch``. The false discovery rate is held over all features, and over all segments
    with them. Raises DataError when they have no feature in common.
    """
    aside = dict(constants or {})
    common = [name for name in ref.features if name in cur.features]
    if not common and not cur.retyped:
        raise DataError("the two tables have no column in common", "Compare tables of the same kind.")
    names = [name for name in common if name not in aside]
    calibration, part = limits.calibrated(ref)
    sides = _sides(ref, cur)
    judged = {
        label: part.judge(*pair, names, [_segment(e, label) for e in earlier])
        for label, pair in sides.items()
    }
    together = moved(ref, cur, limits.multivariate if calibration == "history" else (), limits.season)
    believed = _believed(judged, together, limits.alarm_rate, _weights(relevance, names))
    used = {
        label: (found.instead or calibration, found.assumes + _unused(found, calibration, earlier))
        for label, found in judged.items()
    }
    records = {
        label: _record(pair, limits, used[label], aside, believed, label, relevance)
        for label, pair in sides.items()
    }
    whole = _with_together(records.pop(None), together, believed, relevance)
    segments = {label: record for label, record in records.items() if label is not None}
    return _with_segments(whole, ref, segments)


def _unused(found: Judgement, calibration: str, earlier: Sequence[TableProfile]) -> str:
    """What is said where the windows before were given to a calibration that makes nothing of them."""
    ignored = bool(earlier) and (found.instead or calibration) != "history"
    return "; the windows before are not used" if ignored else ""


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
    judged: Mapping[str | None, Judgement],
    together: Mapping[str, Moved],
    rate: float,
    weights: Mapping[str, float],
) -> dict[Key, Belief]:
    """What to believe of everything with evidence, the false discovery rate held over all of it."""
    sure = {label: found.sure for label, found in judged.items()}
    evidence: dict[Key, Evidence] = {
        (label, name, False): e for label, found in judged.items() for name, e in found.evidence.items()
    }
    evidence.update({(None, n, True): Evidence({"values": m.p_value}) for n, m in together.items()})
    weight = {key: 1.0 if key[2] else weights[key[1]] for key in evidence}
    p_limits = discoveries.limits({key: e.p_value for key, e in evidence.items()}, rate, weight)
    slow = discoveries.slowly({key: e.e_value for key, e in evidence.items() if not key[2]}, rate)
    return {key: Belief(e, p_limits[key], key in slow, sure[key[0]]) for key, e in evidence.items()}


def _weights(relevance: Mapping[str, float] | None, names: Sequence[str]) -> dict[str, float]:
    """How the alarm rate is shared out, 1 in the mean; evenly where nothing is known of importance.

    Features without importance keep an even share: they are shown, but page nobody.
    """
    found = {name: max(0.0, (relevance or {}).get(name, 0.0)) for name in names}
    total = sum(found.values())
    if not total:
        return dict.fromkeys(names, 1.0)
    return {name: EVEN + (1 - EVEN) * len(names) * share / total for name, share in found.items()}


def _record(
    pair: tuple[TableProfile, TableProfile],
    limits: Limits,
    calibration: tuple[str, str],
    aside: Mapping[str, str],
    believed: Mapping[Key, Belief],
    label: str | None,
    relevance: Mapping[str, float] | None,
) -> Comparison:
    """The record of all rows or of one segment."""
    ref, cur = pair
    lost = tuple(n for n in ref.features if n not in cur.features and n not in cur.retyped)
    names = [name for name in ref.features if name in cur.features and name not in aside]
    found = [
        _feature(n, ref.features[n], cur.features[n], limits, believed.get((label, n, False)), relevance)
        for n in names
    ]
    features = tuple(sorted(found, key=_worst_first))
    return Comparison(
        verdict="drift" if lost or cur.retyped else worst(f.verdict for f in features),
        rows_reference=ref.rows,
        rows_current=cur.rows,
        features=features,
        calibration=calibration[0],
        assumes=calibration[1],
        alarm_rate=limits.alarm_rate if believed else None,
        lost=lost,
        new=cur.new,
        retyped=cur.retyped,
        left_out=ref.left_out | dict(aside),
        reordered=_order(ref, cur) != _order(cur, ref),
        faults=_faults(ref, cur, [f.name for f in features]),
    )


def _with_together(
    record: Comparison,
    together: Mapping[str, Moved],
    believed: Mapping[Key, Belief],
    relevance: Mapping[str, float] | None,
) -> Comparison:
    """The record with what moved over several features, which is drift like that of one."""
    rows = min(record.rows_reference, record.rows_current)
    found = tuple(_together(name, one, believed[None, name, True], rows) for name, one in together.items())
    if relevance is not None:
        found = tuple(
            replace(one, verdict="watch") if one.verdict == "drift" and not _used(one, relevance) else one
            for one in found
        )
    verdicts = [record.verdict, *(one.verdict for one in found if one.verdict in ("drift", "watch"))]
    return replace(record, verdict=worst(verdicts), together=found)


def _used(found: Together, relevance: Mapping[str, float]) -> bool:
    """Whether the model uses any of the features that moved together."""
    return any(relevance.get(name, 0.0) > 0 for name in found.features) or not any(relevance.values())


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
    ref: AnyProfile,
    cur: AnyProfile,
    limits: Limits,
    belief: Belief | None,
    relevance: Mapping[str, float] | None,
) -> FeatureComparison:
    findings = tuple(_finding(m, ref, cur, t, belief) for m, t in limits.watch(name, ref.kind))
    found = worst(f.verdict for f in findings)
    if findings[0].verdict == "insufficient" and found != "drift":
        found = "insufficient"
    importance = None if relevance is None or _untried(ref) else relevance.get(name, 0.0)
    if found == "drift" and importance is not None and importance <= 0 and any(relevance.values()):  # type: ignore[union-attr]
        found = "watch"
    beside = limits.values(ref.kind, ref, cur, [f.metric for f in findings])
    told = {} if belief is None else _told(belief, findings)
    return FeatureComparison(
        name, ref.kind, found, effect(ref, cur), findings, beside, relevance=importance, **told
    )


def _untried(ref: AnyProfile) -> bool:
    """Whether nothing is known of a feature's importance: it was all null or constant in training."""
    return ref.missing == ref.rows or constant(ref) is not None


def _told(belief: Belief, findings: Sequence[Finding]) -> dict[str, Any]:
    """What the evidence says of a feature, as the record keeps it."""
    evidence = belief.evidence
    significant = any(f.significant for f in findings)
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
    metric: Metric, ref: AnyProfile, cur: AnyProfile, threshold: float, belief: Belief | None
) -> Finding:
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
        if reason != "target" and name in ref.columns and cur.columns and name not in cur.columns
    ]
    found = [faults(name, ref.features[name], cur.features[name]) for name in names]
    return (*retyped, *gone, *(fault for some in found for fault in some))


def _order(one: TableProfile, other: TableProfile) -> list[str]:
    """The columns that both have, in the order of the first."""
    return [name for name in one.columns if name in other.columns]


def _worst_first(feature: FeatureComparison) -> tuple[int, float]:
    """By verdict, then by how far over the limit, weighted by what the model makes of it."""
    weight = 1.0 if feature.relevance is None else feature.relevance
    return WORST_FIRST.index(feature.verdict), -weight * _relative(deciding(feature.findings))


def _relative(finding: Finding) -> float:
    return finding.value / finding.threshold if finding.threshold else finding.value
