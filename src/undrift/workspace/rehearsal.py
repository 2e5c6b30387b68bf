"""Parts of other packages, tried on made-up records: what they give is looked at before rows are taken in."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np

from undrift.comparison.limits import Limits
from undrift.errors import ConfigError, UndriftError
from undrift.losses import Loss
from undrift.merging import Merge
from undrift.plugins import find, foreign, names
from undrift.policies import Policy
from undrift.profiles.categorical import CategoricalProfile
from undrift.profiles.numeric import NumericProfile
from undrift.records import Comparison, Decision, Score, Selection, Situation, Version, Window

REMEDY = "See docs/parts.md for what it should give."


def rehearse(policy: Policy, merges: Mapping[str, Merge], limits: Limits, loss: Loss) -> None:
    """Try every part that is none of undrift's own; raises ConfigError for one that does not fit."""
    if foreign(type(policy)):
        _try("policy", type(policy).__name__, lambda: policy.decide(_situation()), Decision)
    for name, merge in merges.items():
        if foreign(type(merge)):
            _try("merge strategy", name, lambda merge=merge: merge.select(_windows()), Selection)  # type: ignore[misc]
    if foreign(loss):
        loss(np.array([0.0, 1.0]), np.array([0.25, 0.75]))
    for name in names("quality"):
        check = find("quality", name)
        if foreign(check):
            for sides in _sides():
                _try("quality check", name, lambda check=check, sides=sides: check(*sides), str)  # type: ignore[misc]
    _try_metrics({limits.metric, *limits.also, *limits.beside})


def _try_metrics(chosen: Iterable[str]) -> None:
    """A metric of another package checks what its function gives each time that it is called."""
    for name in chosen:
        metric = find("metrics", name)
        if foreign(metric):
            for sides in _sides():
                if metric.understands("numeric" if isinstance(sides[0], NumericProfile) else "categorical"):
                    metric(*sides)


def _try(what: str, name: str, act: Callable[[], Any], wanted: type) -> None:
    try:
        found = act()
    except UndriftError:
        raise
    except Exception as error:
        raise ConfigError(
            f"the {what} {name!r} fails on made-up records: {type(error).__name__}: {error}", REMEDY
        ) from error
    if not isinstance(found, wanted):
        raise ConfigError(f"the {what} {name!r} gives {found!r:.60}, which is no {wanted.__name__}", REMEDY)


def _windows() -> Sequence[Window]:
    begin = datetime(2024, 1, 1, tzinfo=UTC)
    day = timedelta(days=1)
    return [Window(f"2024-01-{n + 1:02}", n, 100, begin + n * day, begin + (n + 1) * day) for n in range(6)]


def _situation() -> Situation:
    """Six quiet windows of a model that does as it promised."""
    windows = _windows()
    live = Version(
        1, windows[0].key, "everything", "Ridge", "", "skops", 1, 0, metric="MAE", reference_score=1.0
    )
    return Situation(
        window=windows[-1],
        comparisons=tuple(Comparison("stable", 100, 100, (), "history", window=window) for window in windows),
        scores=tuple(Score(w.key, w.index, 1, "MAE", 1.0, 100, 1.0) for w in windows),
        decisions=tuple(Decision(w.key, w.index, "keep", "all is well", ()) for w in windows[:-1]),
        champion=live,
        labelled_rows=600,
    )


def _sides() -> Iterable[tuple[Any, Any]]:
    """A feature of each kind, in the reference and now."""
    random = np.random.default_rng(0)
    before = NumericProfile.of(random.normal(size=200), null=0, grid=None)
    yield before, NumericProfile.of(random.normal(1.0, 1.0, 200), null=3, grid=before.grid)
    yield CategoricalProfile(counts={"a": 120, "b": 80}), CategoricalProfile(counts={"a": 90, "c": 20})
