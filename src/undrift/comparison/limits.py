"""What is watched, and from when on it counts: metrics, thresholds, the alarm rate."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from math import inf
from typing import Any

from undrift.calibration import Calibration
from undrift.errors import ConfigError, suggest
from undrift.metrics import Metric
from undrift.plugins import build, checked, find
from undrift.profiles.feature import AnyProfile
from undrift.profiles.table import TableProfile
from undrift.records import Kind

FALLBACK = "psi"
"""The metric for features of a kind that the chosen one is not defined for."""

SEASONS = ("day", "week", "year")


@dataclass(frozen=True)
class Limits:
    """Which metric watches a feature, the smallest effect that matters, and how many false alarms may be.

    ``threshold`` None means the metric's own. ``also`` are watched beside it, at their own
    thresholds; those ``beside`` are shown and decide nothing. ``features`` overrides metric and
    threshold by feature name. ``alarm_rate`` is how often a quiet window may raise a false alarm, over
    all features; ``calibration`` None means ``history`` where there is one, else ``asymptotic``.
    A ``season`` ("day", "week", "year") compares windows with those of the same phase. ``multivariate``
    parts look at features together. ``novelty`` is the share of a window's rows on ground that the
    reference hardly knows from which on that alone is drift; 0 does not ask, nor do a threshold of 0 and the
    calibration ``threshold``.
    """

    metric: str = "psi"
    threshold: float | None = None
    also: tuple[str, ...] = ("missing", "unseen")
    beside: tuple[str, ...] = ()
    calibration: str | None = None
    alarm_rate: float = 0.01
    season: str | None = None
    multivariate: tuple[str, ...] = ("rank_correlation",)
    ignore: tuple[str, ...] = ()
    novelty: float = 0.1
    features: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Raise ConfigError for unknown names and keys, and for numbers that make no sense."""
        for name in (self.metric, *self.also, *self.beside):
            checked(name, str, "drift.also")
            find("metrics", name)
        for name in self.multivariate:
            checked(name, str, "drift.multivariate")
            find("multivariate", name)
        if self.ignore and "mmd" in self.multivariate:
            raise ConfigError(
                "mmd looks at all features and can ignore none", "Drop one of the two settings."
            )
        if self.calibration is not None:
            find("calibration", self.calibration)
        if not 0 < checked(self.alarm_rate, float, "drift.alarm_rate") < 1:
            raise ConfigError(
                f"drift.alarm_rate = {self.alarm_rate} is out of range", "Give a rate such as 0.01."
            )
        if self.season is not None and self.season not in SEASONS:
            raise ConfigError(f"no season is called {self.season!r}", suggest(self.season, list(SEASONS)))
        _positive(self.threshold, "drift.threshold")
        _share(self.novelty, "drift.novelty")
        for name, table in self.features.items():
            _check_feature(name, table)

    def calibrated(self, ref: TableProfile) -> tuple[str, Calibration]:
        """The calibration for a reference, and its name."""
        name = self.calibration or ("history" if ref.history is not None else "asymptotic")
        season = {"season": self.season} if name == "history" and self.season else {}
        return name, build("calibration", {"use": name, **season})

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

    def ground(self, name: str, threshold: float) -> float:
        """The share of rows on new ground from which on a feature has drifted; 0 where nobody asks."""
        if self.calibration == "threshold" or threshold == 0:
            return 0.0
        return float(self.features.get(name, {}).get("novelty", self.novelty))

    def values(self, kind: Kind, ref: AnyProfile, cur: AnyProfile, judged: Iterable[str]) -> dict[str, float]:
        """Values of the metrics beside, but for those that were judged."""
        shown = [find("metrics", name) for name in self.beside if name not in judged]
        return {m.name: m(ref, cur) for m in shown if m.understands(kind)}


def _check_feature(name: str, table: Any) -> None:
    where = f"drift.features.{name}"
    if not isinstance(table, Mapping):
        raise ConfigError(f"{where} = {table!r} is not a table", "Write metric, threshold or novelty in it.")
    known = {"metric": str, "threshold": float, "novelty": float}
    for key, value in table.items():
        if key not in known:
            raise ConfigError(f"unknown key {where}.{key}", suggest(key, list(known)))
        checked(value, known[key], f"{where}.{key}")
    find("metrics", table.get("metric", FALLBACK))
    _positive(table.get("threshold"), f"{where}.threshold")
    _share(table.get("novelty", 0.0), f"{where}.novelty")


def _share(value: float, where: str) -> None:
    if not 0 <= checked(value, float, where) < 1:
        raise ConfigError(
            f"{where} = {value} is out of range", "Give a share of rows, 0 or more and less than 1."
        )


def _positive(threshold: float | None, where: str) -> None:
    if threshold is not None and not 0 <= checked(threshold, float, where) < inf:
        raise ConfigError(
            f"{where} = {threshold} is out of range", "A threshold is a finite number, 0 or more."
        )
