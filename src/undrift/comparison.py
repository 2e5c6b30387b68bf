"""Profiles, metrics and a calibration make a Comparison: what moved, how far, is it over the limit."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import inf
from os import PathLike
from typing import Any

from undrift import wording
from undrift.calibration import Calibration
from undrift.errors import ConfigError, DataError, MergeError, suggest
from undrift.metrics import Metric
from undrift.plugins import build, checked, find
from undrift.profiles import codec
from undrift.profiles.categorical import CategoricalProfile
from undrift.profiles.counting import AnyProfile
from undrift.profiles.effects import constant, effect
from undrift.profiles.numeric import NumericProfile
from undrift.profiles.table import TableProfile, profile
from undrift.quality import MINIMUM_ROWS, faults
from undrift.records import Comparison, Fault, FeatureComparison, Finding, Kind, Verdict, encode
from undrift.report.html import fragment, html

FORMAT = 1
"""Version of the JSON form of a result."""

BESIDE = ("jensen_shannon", "ks", "wasserstein")
"""Metrics that a comparison of two tables shows beside the deciding ones."""

FALLBACK = "psi"
"""The metric for features of a kind that the chosen one is not defined for."""

WORST_FIRST: tuple[Verdict, ...] = ("drift", "watch", "stable", "insufficient")


@dataclass(frozen=True)
class Limits:
    """Which metric watches a feature, and the smallest effect worth caring about.

    ``threshold`` None means the metric's own. ``also`` are watched beside it, at their own
    thresholds; those ``beside`` are shown and decide nothing. ``features`` overrides metric and
    threshold by feature name.
    """

    metric: str = "psi"
    threshold: float | None = None
    also: tuple[str, ...] = ("missing", "unseen")
    beside: tuple[str, ...] = ()
    calibration: str = "threshold"
    features: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Raise ConfigError for unknown metrics, unknown keys and negative thresholds."""
        for name in (self.metric, *self.also, *self.beside):
            checked(name, str, "drift.also")
            find("metrics", name)
        find("calibration", self.calibration)
        _positive(self.threshold, "drift.threshold")
        for name, table in self.features.items():
            _check_feature(name, table)

    def watch(self, name: str, kind: Kind) -> list[tuple[Metric, float]]:
        """The metrics for a feature, the deciding one first, each with its threshold."""
        own = self.features.get(name, {})
        chosen = find("metrics", own.get("metric", self.metric))
        limit = own.get("threshold", self.threshold if "metric" not in own else None)
        if not chosen.understands(kind):
            chosen, limit = find("metrics", FALLBACK), None
        beside = [find("metrics", n) for n in self.also if n != chosen.name]
        first = (chosen, chosen.threshold if limit is None else float(limit))
        return [first, *((m, m.threshold) for m in beside if m.understands(kind))]

    def values(self, kind: Kind, ref: AnyProfile, cur: AnyProfile, judged: Iterable[str]) -> dict[str, float]:
        """Values of the metrics beside, but for those that were judged."""
        shown = [find("metrics", name) for name in self.beside if name not in judged]
        return {m.name: m(ref, cur) for m in shown if m.understands(kind)}


@dataclass(frozen=True, repr=False)
class Result:
    """A comparison together with the two profiles it was made from."""

    record: Comparison
    reference: TableProfile
    current: TableProfile

    @property
    def verdict(self) -> Verdict:
        """The worst verdict of any feature."""
        return self.record.verdict

    @property
    def features(self) -> dict[str, FeatureResult]:
        """Feature results by name, worst first."""
        return {f.name: FeatureResult(f) for f in self.record.features}

    @property
    def segments(self) -> dict[str, Result]:
        """Results by segment, where rows were told apart by a column."""
        return {
            label: Result(record, self.reference.segments[label], self.current.segments[label])
            for label, record in self.record.segments.items()
        }

    @property
    def drifted(self) -> list[str]:
        """Names of the features over the limit in all rows, worst first, with those lost or retyped."""
        return list(wording.drifted(self.record))

    @property
    def sentence(self) -> str:
        """The verdict in one sentence."""
        return wording.comparison(self.record)

    def to_dict(self) -> dict[str, Any]:
        """The versioned JSON form."""
        return {"format": FORMAT, **comparison_dict(self.record)}

    def to_html(self) -> str:
        """One HTML page that stands alone: no script, nothing loaded from elsewhere."""
        return html(self.record, self.reference, self.current)

    def __repr__(self) -> str:
        return f"<Result {self.sentence}>"

    def _repr_html_(self) -> str:
        return fragment(self.record, self.reference, self.current)


@dataclass(frozen=True)
class FeatureResult:
    """One feature of a result; ``metrics`` maps metric names to values."""

    record: FeatureComparison

    @property
    def metrics(self) -> dict[str, float]:
        """Values by metric name, those that decide first."""
        return {f.metric: f.value for f in self.record.findings} | self.record.beside

    @property
    def verdict(self) -> Verdict:
        """The worst verdict of the feature's findings."""
        return self.record.verdict

    @property
    def effect(self) -> str:
        """What changed, in words."""
        return self.record.effect


def compare(
    reference: Any,
    current: Any,
    *,
    limits: Limits | None = None,
    columns: Sequence[str] | None = None,
    kinds: Mapping[str, str] | None = None,
    by: str | None = None,
    **settings: Any,
) -> Result:
    """Compare rows with a reference, feature by feature.

    Both are anything that ``profile`` takes, profiles, or files of profiles. ``columns`` names the only
    ones to compare, ``kinds`` tells the kind of a column, ``by`` compares within each segment too;
    ``settings`` are those of Limits (``metric="ks"``, ``threshold=0.2``). Columns that hold one and the
    same value in both are left out by name. Raises DataError when no column is common.

    >>> rows = {"x": [float(i % 50) for i in range(5000)]}
    >>> compare(rows, rows).verdict
    'stable'
    """
    if limits is not None and settings:
        raise ConfigError(f"limits and {min(settings)} are both given", "Put all into the limits.")
    chosen = limits or Limits(**{"beside": BESIDE, **settings})
    ref = _reference(reference, columns, kinds, by)
    cur = read_profile(current, like=ref)
    return Result(judge(ref, cur, chosen, _constants(ref, cur)), ref, cur)


def read_profile(source: Any, like: TableProfile | None = None, **how: Any) -> TableProfile:
    """The profile that a source is, holds as a file, or that is made of its rows as ``profile`` does.

    Raises MergeError when it was made over other grids than ``like``.
    """
    if isinstance(source, str | PathLike) and str(source).endswith(codec.ENDING):
        source = codec.read(source)
    if not isinstance(source, TableProfile):
        return profile(source, like, **how)
    return source if like is None else _alike(source, like)


def judge(
    ref: TableProfile, cur: TableProfile, limits: Limits, constants: Mapping[str, str] | None = None
) -> Comparison:
    """The comparison record of two table profiles, without the features that are called constant.

    Raises DataError when they have no feature in common.
    """
    aside = dict(constants or {})
    common = [name for name in ref.features if name in cur.features]
    lost = tuple(n for n in ref.features if n not in cur.features and n not in cur.retyped)
    if not common and not cur.retyped:
        raise DataError("the two tables have no column in common", "Compare tables of the same kind.")
    calibration = build("calibration", {"use": limits.calibration})
    judged = [name for name in common if name not in aside]
    found = [_feature(name, ref.features[name], cur.features[name], limits, calibration) for name in judged]
    features = tuple(sorted(found, key=_worst_first))
    segments = {
        label: judge(segment, cur.segments[label], limits, aside)
        for label, segment in ref.segments.items()
        if label in cur.segments
    }
    verdicts = [*(f.verdict for f in features), *(s.verdict for s in segments.values())]
    return Comparison(
        verdict="drift" if lost or cur.retyped else _worst(verdicts),
        rows_reference=ref.rows,
        rows_current=cur.rows,
        features=features,
        calibration=limits.calibration,
        lost=lost,
        new=cur.new,
        retyped=cur.retyped,
        left_out=ref.left_out | aside,
        reordered=_order(ref, cur) != _order(cur, ref),
        faults=_faults(ref, cur, [f.name for f in features]),
        by=ref.by if segments else None,
        segments=segments,
    )


def comparison_dict(record: Comparison) -> dict[str, Any]:
    """The JSON form of a comparison."""
    return {
        "verdict": record.verdict,
        "rows": {"reference": record.rows_reference, "current": record.rows_current},
        "sentence": wording.comparison(record),
        "features": [feature_dict(f) for f in record.features],
        "schema": {
            **{change: list(getattr(record, change)) for change in ("lost", "new", "retyped")},
            "reordered": record.reordered,
        },
        "faults": [encode(fault) for fault in record.faults],
        "left_out": record.left_out,
        **_segments_dict(record),
    }


def _segments_dict(record: Comparison) -> dict[str, Any]:
    segments = {label: comparison_dict(segment) for label, segment in record.segments.items()}
    if not segments:
        return {"segments": {}}
    outside = dict(zip(("reference", "current"), wording.in_no_segment(record), strict=True))
    return {"by": record.by, "segments": segments, "in_no_segment": outside}


def _reference(
    source: Any, columns: Sequence[str] | None, kinds: Mapping[str, str] | None, by: str | None
) -> TableProfile:
    ref = read_profile(source, columns=columns, kinds=kinds, by=by)
    if (by and ref.by != by) or any(ref.kinds.get(name) != kind for name, kind in (kinds or {}).items()):
        raise ConfigError(
            "the reference's profile was made without these kinds or segments",
            "Make it again with undrift profile --kind and --by.",
        )
    for name in columns or ():
        if name not in ref.features and name not in ref.left_out:
            raise DataError(f"the reference has no column {name!r}", suggest(name, list(ref.features)))
    return ref if columns is None else _only(ref, {*columns})


def _only(ref: TableProfile, columns: set[str]) -> TableProfile:
    """The same profile with these features only."""
    return replace(
        ref,
        features={name: feature for name, feature in ref.features.items() if name in columns},
        left_out={name: reason for name, reason in ref.left_out.items() if name in columns},
        segments={label: _only(segment, columns) for label, segment in ref.segments.items()},
    )


def _alike(cur: TableProfile, like: TableProfile) -> TableProfile:
    """A profile that was made before, seen as the current one; raises MergeError over other grids."""
    if like.by is not None and (cur.by != like.by or cur.segments.keys() != like.segments.keys()):
        raise MergeError(
            f"the second profile does not tell rows apart by {like.by!r} as the first one does",
            "Make the second one with undrift profile --like FIRST, or give the rows themselves.",
        )
    for name, ref in like.features.items():
        now = cur.features.get(name, ref)
        if ref.kind != now.kind or not _over_one_grid(ref, now):
            kinds = f"is {ref.kind} in the first profile and {now.kind} in the second"
            grids = "of the two profiles was counted over unlike grids"
            raise MergeError(
                f"feature {name!r} {grids if ref.kind == now.kind else kinds}",
                "Make the second one with undrift profile --like FIRST, or give the rows themselves.",
            )
    known = {*like.features, *like.left_out, *like.columns}
    return replace(cur, new=tuple(sorted({*cur.new, *(n for n in cur.features if n not in known)})))


def _over_one_grid(ref: AnyProfile, cur: AnyProfile) -> bool:
    if isinstance(ref, NumericProfile) and isinstance(cur, NumericProfile):
        return ref.grid == cur.grid
    if isinstance(ref, CategoricalProfile) and isinstance(cur, CategoricalProfile):
        return ref.counts.keys() == cur.counts.keys() or not cur.rest
    return False


def _constants(ref: TableProfile, cur: TableProfile) -> dict[str, str]:
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


def _faults(ref: TableProfile, cur: TableProfile, names: Iterable[str]) -> tuple[Fault, ...]:
    """What looks broken, feature by feature, and the columns of another type first."""
    retyped = [Fault(name, "type", cur.left_out.get(name, "has another type")) for name in cur.retyped]
    found = [faults(name, ref.features[name], cur.features[name]) for name in names]
    return (*retyped, *(fault for some in found for fault in some))


def _order(one: TableProfile, other: TableProfile) -> list[str]:
    """The columns that both have, in the order of the first."""
    return [name for name in one.columns if name in other.columns]


def feature_dict(feature: FeatureComparison) -> dict[str, Any]:
    """The JSON form of one feature: metric values by name, and the deciding threshold."""
    first = feature.findings[0]
    return {
        "name": feature.name,
        "kind": feature.kind,
        "verdict": feature.verdict,
        "metrics": FeatureResult(feature).metrics,
        "threshold": first.threshold,
        "effect": feature.effect,
        "findings": [encode(f) for f in feature.findings],
    }


def _feature(
    name: str, ref: AnyProfile, cur: AnyProfile, limits: Limits, calibration: Calibration
) -> FeatureComparison:
    findings = tuple(
        calibration.judge(metric, ref, cur, limit) for metric, limit in limits.watch(name, ref.kind)
    )
    verdict = _worst([f.verdict for f in findings])
    if findings[0].verdict == "insufficient" and verdict != "drift":
        verdict = "insufficient"
    beside = limits.values(ref.kind, ref, cur, [f.metric for f in findings])
    return FeatureComparison(name, ref.kind, verdict, effect(ref, cur), findings, beside)


def _worst(verdicts: list[Verdict]) -> Verdict:
    """The worst verdict; ``insufficient`` only where nothing could be judged, ``stable`` without features."""
    return min(verdicts, key=WORST_FIRST.index, default="stable")


def _worst_first(feature: FeatureComparison) -> tuple[int, float]:
    return WORST_FIRST.index(feature.verdict), -max(_relative(f) for f in feature.findings)


def _relative(finding: Finding) -> float:
    return finding.value / finding.threshold if finding.threshold else finding.value


def _check_feature(name: str, table: Any) -> None:
    where = f"drift.features.{name}"
    if not isinstance(table, Mapping):
        raise ConfigError(f"{where} = {table!r} is not a table", "Write metric and threshold in it.")
    known = {"metric": str, "threshold": float}
    for key, value in table.items():
        if key not in known:
            raise ConfigError(f"unknown key {where}.{key}", suggest(key, list(known)))
        checked(value, known[key], f"{where}.{key}")
    find("metrics", table.get("metric", FALLBACK))
    _positive(table.get("threshold"), f"{where}.threshold")


def _positive(threshold: float | None, where: str) -> None:
    if threshold is not None and not 0 <= threshold < inf:
        raise ConfigError(f"{where} = {threshold}", "A threshold is a finite number, 0 or more.")
