"""Profiles, metrics and a calibration make a Comparison: what moved, how far, is it over the limit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from html import escape
from typing import Any

from undrift import wording
from undrift.calibration import Calibration
from undrift.errors import ConfigError, DataError, suggest
from undrift.metrics import Metric
from undrift.plugins import build, checked, find
from undrift.profiles.effects import effect
from undrift.profiles.table import AnyProfile, TableProfile, profile
from undrift.records import Comparison, FeatureComparison, Finding, Kind, Verdict, encode

FORMAT = 1
"""Version of the JSON form of a result."""

FALLBACK = "psi"
"""The metric for features of a kind that the chosen one is not defined for."""

WORST_FIRST: tuple[Verdict, ...] = ("drift", "watch", "stable", "insufficient")


@dataclass(frozen=True)
class Limits:
    """Which metric watches a feature, and the smallest effect worth caring about.

    ``threshold`` None means the metric's own. ``also`` are watched beside it, at their own
    thresholds. ``features`` overrides metric and threshold by feature name.
    """

    metric: str = "psi"
    threshold: float | None = None
    also: tuple[str, ...] = ("missing", "unseen")
    calibration: str = "threshold"
    features: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Raise ConfigError for unknown metrics, unknown keys and negative thresholds."""
        for name in (self.metric, *self.also):
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


@dataclass(frozen=True)
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
    def drifted(self) -> list[str]:
        """Names of the features over the limit, worst first, with those lost or retyped."""
        return list(wording.drifted(self.record))

    @property
    def sentence(self) -> str:
        """The verdict in one sentence."""
        return wording.comparison(self.record)

    def to_dict(self) -> dict[str, Any]:
        """The versioned JSON form."""
        record = self.record
        return {
            "format": FORMAT,
            "verdict": record.verdict,
            "rows": {"reference": record.rows_reference, "current": record.rows_current},
            "sentence": self.sentence,
            "features": [feature_dict(f) for f in record.features],
            "schema": {k: list(getattr(record, k)) for k in ("lost", "new", "retyped")},
            "left_out": record.left_out,
        }

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<tr><td>{escape(f.name)}</td><td>{f.verdict}</td><td>{escape(f.effect)}</td></tr>"
            for f in self.record.features
        )
        return f"<p>{escape(self.sentence)}</p><table>{rows}</table>"


@dataclass(frozen=True)
class FeatureResult:
    """One feature of a result; ``metrics`` maps metric names to values."""

    record: FeatureComparison

    @property
    def metrics(self) -> dict[str, float]:
        """Values by metric name."""
        return {f.metric: f.value for f in self.record.findings}

    @property
    def verdict(self) -> Verdict:
        """The worst verdict of the feature's findings."""
        return self.record.verdict

    @property
    def effect(self) -> str:
        """What changed, in words."""
        return self.record.effect


def compare(reference: Any, current: Any, *, limits: Limits | None = None, **settings: Any) -> Result:
    """Compare rows with a reference, feature by feature.

    ``reference`` and ``current`` are profiles, file names or frames; ``settings`` are those of
    Limits (``metric="ks"``, ``threshold=0.2``). Raises DataError when no column is common.

    >>> rows = {"x": [float(i % 50) for i in range(5000)]}
    >>> compare(rows, rows).verdict
    'stable'
    """
    ref = reference if isinstance(reference, TableProfile) else profile(reference)
    cur = current if isinstance(current, TableProfile) else profile(current, like=ref)
    return Result(judge(ref, cur, limits or Limits(**settings)), ref, cur)


def judge(ref: TableProfile, cur: TableProfile, limits: Limits) -> Comparison:
    """The comparison record of two table profiles.

    Raises DataError when they have no feature in common.
    """
    common = [name for name in ref.features if name in cur.features]
    lost = tuple(n for n in ref.features if n not in cur.features and n not in cur.retyped)
    if not common and not cur.retyped:
        raise DataError("the two tables have no column in common", "Compare tables of the same kind.")
    calibration = build("calibration", {"use": limits.calibration})
    found = [_feature(name, ref.features[name], cur.features[name], limits, calibration) for name in common]
    features = tuple(sorted(found, key=_worst_first))
    verdicts: list[Verdict] = [f.verdict for f in features]
    if lost or cur.retyped:
        verdicts.append("drift")
    return Comparison(
        verdict=_worst(verdicts),
        rows_reference=ref.rows,
        rows_current=cur.rows,
        features=features,
        calibration=limits.calibration,
        lost=lost,
        new=cur.new,
        retyped=cur.retyped,
        left_out=dict(ref.left_out),
    )


def feature_dict(feature: FeatureComparison) -> dict[str, Any]:
    """The JSON form of one feature: metric values by name, and the deciding threshold."""
    first = feature.findings[0]
    return {
        "name": feature.name,
        "kind": feature.kind,
        "verdict": feature.verdict,
        "metrics": {f.metric: f.value for f in feature.findings},
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
    return FeatureComparison(name, ref.kind, verdict, effect(ref, cur), findings)


def _worst(verdicts: list[Verdict]) -> Verdict:
    """The worst verdict; ``insufficient`` only where nothing could be judged."""
    return min(verdicts, key=WORST_FIRST.index)


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
    if threshold is not None and not threshold >= 0:
        raise ConfigError(f"{where} = {threshold}", "A threshold is 0 or more.")
