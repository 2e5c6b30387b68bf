"""Quiet streams played through the whole loop: nothing changes, so every alarm is false."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from undrift import inputs
from undrift.comparison.limits import Limits
from undrift.loop import Loop
from undrift.plugins import build
from undrift.records import Comparison, FeatureComparison
from undrift.schema import infer
from undrift.stores import holder
from undrift.stores.sql import Sql
from undrift.tasks import OUTPUT
from undrift.trainers.estimator import Estimator
from undrift.windows import Cut

START = pd.Timestamp("2024-01-01", tz="UTC")

LEARNERS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "linear": ("sklearn.linear_model:LogisticRegression", "sklearn.linear_model:Ridge", {}),
    "boosting": (
        "sklearn.ensemble:HistGradientBoostingClassifier",
        "sklearn.ensemble:HistGradientBoostingRegressor",
        {"max_iter": 40},
    ),
    "forest": (
        "sklearn.ensemble:RandomForestClassifier",
        "sklearn.ensemble:RandomForestRegressor",
        {"n_estimators": 20},
    ),
    "shallow tree": (
        "sklearn.tree:DecisionTreeClassifier",
        "sklearn.tree:DecisionTreeRegressor",
        {"max_depth": 3},
    ),
    "nearly constant": (
        "sklearn.ensemble:HistGradientBoostingClassifier",
        "sklearn.ensemble:HistGradientBoostingRegressor",
        {"max_iter": 2, "learning_rate": 0.02},
    ),
}
"""Names of learners, what each is for two classes and for numbers, and its parameters."""

SOURCES = ("now", "slow", "ground")
"""Where an alarm comes from: this window's rows, all windows since, or new ground for the model."""


@dataclass(frozen=True)
class World:
    """How quiet rows vary: levels of days, a weekly season, and whether days follow one another.

    ``day`` is the deviation of daily levels in standard deviations of a row, ``week`` the height of a
    weekly wave, ``lasting`` the correlation of levels from day to day. ``labels`` gives rows of labels alone.
    """

    name: str
    day: float = 0.0
    week: float = 0.0
    lasting: float = 0.0
    labels: bool = False

    def rows(self, random: np.random.Generator, days: int, rows: int, *, classes: bool) -> pd.DataFrame:
        """So many days of so many rows each: four features, a label or number, ids and times."""
        n = days * rows
        of = np.repeat(np.arange(days), rows)
        x = random.normal(size=(n, 2)) + self._levels(random, days)[of]
        plan = np.array(["a", "b", "c"])[random.choice(3, n, p=[0.5, 0.3, 0.2])]
        sex = np.where(random.random(n) < 0.5 + 0.1 * self.day * random.normal(size=days)[of], "f", "m")
        score = (plan == "a") + 0.7 * (sex == "f") + (0.0 if self.labels else x[:, 0] - 0.5 * x[:, 1])
        y = random.random(n) < 1 / (1 + np.exp(1.0 - score)) if classes else score + random.normal(size=n)
        at = START + pd.to_timedelta(of * 86_400.0 + np.arange(n) % rows * 86_400.0 / rows, unit="s")
        frame = {"id": np.arange(n), "at": at, "plan": plan, "sex": sex}
        numbers = {} if self.labels else {"x": x[:, 0], "z": x[:, 1]}
        region = {"region": random.choice(["n", "s", "e", "w"], n)}
        return pd.DataFrame(frame | numbers | region | {"y": np.where(y, "yes", "no") if classes else y})

    def _levels(self, random: np.random.Generator, days: int) -> NDArray[np.float64]:
        """The level of each number on each day (days, 2)."""
        level = random.normal(size=(days, 2))
        for day in range(1, days if self.lasting else 0):
            level[day] = self.lasting * level[day - 1] + np.sqrt(1 - self.lasting**2) * level[day]
        wave = self.week * np.sin(2 * np.pi * (np.arange(days) % 7) / 7)
        return np.asarray(self.day * level + wave[:, None])


WORLDS = (
    World("independent rows"),
    World("labels only", labels=True),
    World("day effects", day=0.1),
    World("weekly season", day=0.05, week=0.2),
    World("following days", day=0.1, lasting=0.6),
)


@dataclass(frozen=True)
class Cell:
    """One way to play a quiet stream: its world, days of training, rows a day, learner, task and windows."""

    world: World
    training: int
    learner: str
    classes: bool
    by_time: bool
    rows: int = 100
    threshold: float | None = None

    def loop(self, history: pd.DataFrame) -> Loop:
        """A loop that never retrains, in memory, its first model trained."""
        time = "at" if self.by_time else None
        ignore = () if self.by_time else ("at",)
        classifier, regressor, parameters = LEARNERS[self.learner]
        made = Loop(
            schema=infer(inputs.read(history), target="y", time=time, id="id", ignore=ignore),
            store=Sql(),
            lake=build("lakes", {"use": "memory"}),
            registry=build("registries", {"use": "memory"}),
            policy=build("policies", {"use": "never"}),
            merges={},
            holder=holder(),
            trainer=Estimator(classifier if self.classes else regressor, dict(parameters)),
            limits=Limits(threshold=self.threshold),
            cut=Cut.of("1d" if self.by_time else self.rows),
            label_delay=timedelta(0),
        )
        made.start(history)
        return made

    def play(self, seed: int, windows: int) -> Iterator[Comparison]:
        """Train on the first days, then compare window after window."""
        random = np.random.default_rng(seed)
        frame = self.world.rows(random, self.training + windows + 1, self.rows, classes=self.classes)
        first = self.training * self.rows
        loop = self.loop(frame[:first])
        for start in range(first, len(frame) - self.rows, self.rows):
            loop.step(frame[start : start + self.rows], now=frame["at"].iloc[start + self.rows - 1].ceil("D"))
        yield from (c for c in loop.store.all(Comparison) if c.window is not None)


@dataclass
class Tally:
    """Windows played, and alarms by source; ``by`` says which feature raised those of this window's rows."""

    windows: int = 0
    alarms: Counter[str] = field(default_factory=Counter)
    by: Counter[str] = field(default_factory=Counter)

    def merge(self, other: Tally) -> None:
        """Add what another tally has counted."""
        self.windows += other.windows
        self.alarms.update(other.alarms)
        self.by.update(other.by)

    def add(self, comparison: Comparison) -> None:
        """Count the alarms of one window."""
        self.windows += 1
        found = alarms(comparison)
        self.alarms.update(source for source in SOURCES if found[source])
        self.by.update(_kind(name) for name in found["now"])


def alarms(comparison: Comparison) -> dict[str, set[str]]:
    """What raised an alarm in a window, by source; features together are called "together"."""
    found: dict[str, set[str]] = {source: set() for source in SOURCES}
    for feature in comparison.features:
        for finding in feature.findings:
            if finding.verdict == "drift":
                found[_source(feature, finding.metric)].add(feature.name)
    if any(one.verdict == "drift" for one in comparison.together):
        found["now"].add("together")
    return found


def _source(feature: FeatureComparison, metric: str) -> str:
    if metric == "novelty":
        return "ground"
    by_now = (
        feature.p_value is not None and feature.p_limit is not None and feature.p_value <= feature.p_limit
    )
    return "now" if by_now else "slow"


def _kind(name: str) -> str:
    return {OUTPUT: "output", "together": "together"}.get(name, "feature")


def found_changes(job: tuple[str, str, int]) -> list[bool]:
    """Whether the output drifts in each of ten windows after a change, from the sixth served on.

    ``job`` names a learner, the change and a seed. A "shift" moves what the model says by half a standard
    deviation; a "correlation" between features leaves every feature as it was.
    """
    learner, change, seed = job
    random = np.random.default_rng(seed)
    rows, training, quiet, changed = 200, 40, 5, 10
    days = training + quiet + changed + 1
    n = days * rows
    of = np.repeat(np.arange(days), rows)
    x = random.normal(size=(n, 4)) + 0.05 * random.normal(size=(days, 4))[of]
    y = x[:, 0] + x[:, 1] + 0.5 * random.normal(size=n)
    after = of >= training + quiet
    if change == "shift":
        x[after, :2] += 0.5 / np.sqrt(2)
    else:
        x[after, 1] = 0.8 * x[after, 0] + 0.6 * x[after, 1]
    at = START + pd.to_timedelta(of * 86_400.0 + np.arange(n) % rows * 86_400.0 / rows, unit="s")
    frame = pd.DataFrame({"id": np.arange(n), "at": at, **{f"x{i}": x[:, i] for i in range(4)}, "y": y})
    loop = Cell(WORLDS[0], training, learner, classes=False, by_time=True, rows=rows).loop(
        frame[: training * rows]
    )
    for start in range(training * rows, n - rows, rows):
        loop.step(frame[start : start + rows], now=at[start + rows - 1].ceil("D"))
    served = [c for c in loop.store.all(Comparison) if c.window is not None][quiet:]
    return [any(f.name == OUTPUT and f.verdict == "drift" for f in c.features) for c in served]
