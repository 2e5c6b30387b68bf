"""What serves, as one object: it predicts, reloads itself after a promotion, and hands on rows."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from undrift import artifacts, lineup, stores, tasks
from undrift import schema as agreed
from undrift.config.beginning import DATA, FILE
from undrift.config.wiring import Config, load, opened
from undrift.errors import DataError, ModelError, UndriftError
from undrift.records import Schema
from undrift.serving.spool import ROOM, Spool
from undrift.tasks import Task

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]

log = logging.getLogger("undrift.serving")

PLANS = 100
"""Kinds of frames of which is remembered how they are shown."""


@dataclass(frozen=True)
class Member:
    """A loaded model with its number and weight, and how rows are shown to it.

    It is shown ``columns``, of which ``numbers`` are floats; one that ``picks`` its columns by name is
    shown all that there are. ``reading`` (classes of the model, classes) turns what it says into
    probabilities; None for numbers. ``plans`` remembers what has to be done to frames of some columns and
    types.
    """

    number: int
    weight: float
    model: Any
    columns: list[str]
    numbers: frozenset[str]
    picks: bool
    reading: Floats | None
    plans: dict[tuple[object, ...], Plan] = field(default_factory=dict, compare=False, repr=False)

    def ask(self, rows: pd.DataFrame, task: Task) -> Floats:
        """A prediction for each row, or the probability of each class."""
        said = np.asarray(task.ask(self.model, self.shown(rows)), dtype=np.float64)
        found: Floats = said.reshape(len(rows), -1)[:, 0] if self.reading is None else said @ self.reading
        return found

    def shown(self, rows: pd.DataFrame) -> pd.DataFrame:
        """What the model is shown of rows; the frame itself where it may be.

        Raises DataError for a column that is lacking, or holds something else than numbers.
        """
        names = rows.columns.tolist()
        key = (tuple(names), tuple(rows.dtypes))
        plan = self.plans.get(key)
        if plan is None:
            if len(self.plans) > PLANS:
                self.plans.clear()
            plan = self.plans[key] = self._plan(names, rows)
        if plan.places is not None:
            rows = rows.iloc[:, plan.places]
        if plan.floats:
            try:
                rows = rows.astype(plan.floats)
            except (TypeError, ValueError) as error:
                raise DataError(f"not all rows hold numbers: {error}", "Hand over numbers.") from error
        return rows

    def _plan(self, names: list[str], rows: pd.DataFrame) -> Plan:
        lacking = [name for name in self.columns if name not in names]
        if lacking:
            raise DataError(f"the rows have no column {lacking[0]!r}", "Hand over all columns of the model.")
        floats = {
            name: "float64" for name in self.columns if name in self.numbers and rows[name].dtype != "float64"
        }
        whole = names == self.columns or (self.picks and len({*names}) == len(names))
        return Plan(None if whole else [names.index(name) for name in self.columns], floats)


@dataclass(frozen=True)
class Plan:
    """Where the model's columns stand in a frame (None: it is shown as it is), and what becomes floats."""

    places: list[int] | None
    floats: dict[str, str]


@dataclass(frozen=True)
class Serving:
    """What serves at one time: a version, and the models that it is made of."""

    version: int
    key: tuple[object, ...]
    members: tuple[Member, ...]
    schema: Schema
    task: Task

    def ask(self, rows: pd.DataFrame) -> Floats:
        """A prediction for each row, or the probability of each class."""
        if len(self.members) == 1:
            return self.members[0].ask(rows, self.task)
        said = {one.number: one.ask(rows, self.task) for one in self.members}
        return lineup.mixed(said, {one.number: one.weight for one in self.members})


class Live:
    """The live model of a workspace, for a service; ``with`` closes it, or ``close``.

    Every ``every`` seconds it looks whether another version serves, or members of a mixture weigh otherwise,
    and takes that one from the next call on; a call that has begun ends with the version that it began with.
    Where it cannot be loaded the old one stays, and a warning is logged. Rows are handed to the workspace in
    the background, unless ``spool`` is False: at most ``room`` of them wait, others are dropped and counted.

    Raises NotFoundError where there is no workspace, ModelError where it holds no model.
    """

    def __init__(
        self, path: str | Path = FILE, *, every: float = 1.0, spool: bool = True, room: int = ROOM
    ) -> None:
        given = Path(path)
        self._config: Config = load(given if given.is_dir() else given.parent)
        self._serving = self._load()
        self._spool = Spool(self._config.root / DATA / "spool", self._serving.schema, room) if spool else None
        self._stop = threading.Event()
        self._watch = threading.Thread(target=self._keep_up, args=(every,), name="undrift-live", daemon=True)
        self._watch.start()

    @property
    def version(self) -> int:
        """The number of the version that serves."""
        return self._serving.version

    @property
    def spooled(self) -> int:
        """Rows that were handed to the workspace's spool so far."""
        return self._spool.written if self._spool else 0

    @property
    def dropped(self) -> int:
        """Rows that were predicted and not handed on, because there was no room or they had no id."""
        return self._spool.dropped if self._spool else 0

    def predict(self, rows: Any) -> NDArray[Any]:
        """One prediction per row of a frame (rows,): a number, or a class as the target has it.

        Other columns than the model's are ignored. Raises DataError for a column that is lacking, ModelError
        where the model fails.
        """
        serving = self._serving
        return serving.task.answer(self._said(serving, rows), serving.schema.classes)[0]

    def predict_proba(self, rows: Any) -> Floats:
        """The probability of each of ``classes``, shape (rows, classes)."""
        serving = self._serving
        found = serving.task.answer(self._said(serving, rows), serving.schema.classes)[1]
        if found is None:
            raise ModelError(f"{serving.schema.target!r} is a number: it has no classes", "Use predict.")
        return found

    @property
    def classes(self) -> tuple[str, ...]:
        """The classes in the order of the probabilities; empty for numbers."""
        return self._serving.schema.classes

    def close(self) -> None:
        """Write what waits in the spool, and stop watching; it may be called twice."""
        self._stop.set()
        self._watch.join(timeout=5)
        if self._spool:
            self._spool.close()

    def __enter__(self) -> Live:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _said(self, serving: Serving, rows: Any) -> Floats:
        frame = rows if hasattr(rows, "iloc") else _frame(rows)
        try:
            said = serving.ask(frame)
        except UndriftError:
            raise
        except Exception as error:
            raise ModelError(
                f"v{serving.version} does not predict these rows: {error}", "Check their columns and types."
            ) from error
        if self._spool:
            self._spool.put(frame)
        return said

    def _keep_up(self, every: float) -> None:
        while not self._stop.wait(every):
            try:
                found = self._load(self._serving)
            except Exception as error:  # noqa: BLE001 - whatever is wrong there, what serves goes on serving
                log.warning("v%s goes on serving: %s", self._serving.version, error)
                continue
            if found is not self._serving:
                log.info("v%s serves from now on", found.version)
                self._serving = found

    def _load(self, now: Serving | None = None) -> Serving:
        """What serves: the same object while nothing changed, else everything loaded anew, hashes checked."""
        store = self._config.store()
        version = stores.live(store)
        members = stores.members(store, version)
        versions = [stores.version(store, one.version) for one in members if one.weight > 0]
        key = (version.number, members, tuple(one.artifact for one in versions))
        if now is not None and now.key == key:
            return now
        loop = opened(self._config)
        weights = {one.version: one.weight for one in members}
        loaded = []
        for one in versions:
            model = loop.models.load(one.number)
            if model is None:
                raise ModelError(f"undrift holds no model of v{one.number}", "It is watched, not served.")
            loaded.append(_member(one.number, weights[one.number], model, loop.schema))
        task = tasks.named(loop.schema.task)
        return Serving(version.number, key, tuple(loaded), loop.schema, task)


def live(path: str | Path = FILE, *, every: float = 1.0, spool: bool = True, room: int = ROOM) -> Live:
    """What serves in a workspace, as one object for a service: see ``Live``.

    Example::

        champion = ud.live("undrift.toml")
        champion.predict(rows)
    """
    return Live(path, every=every, spool=spool, room=room)


def _member(number: int, weight: float, model: Any, schema: Schema) -> Member:
    """A loaded model, ready to be asked."""
    columns = artifacts.columns(schema, model)
    shown = artifacts.shown(model, _empty(schema, columns), schema)[0]
    names = [str(name) for name in shown.columns]
    numbers = frozenset(c.name for c in schema.columns if c.kind in ("numeric", "boolean")) & {*names}
    reading = None
    if schema.classes:
        known = np.eye(len(getattr(model, "classes_", schema.classes)))
        reading = tasks.named(schema.task).read(model, known, len(known), schema.classes)
    return Member(number, weight, model, names, numbers, _picks(model), reading)


def _picks(model: Any) -> bool:
    """Whether a fitted model takes its columns by name, and others beside them do not matter to it."""
    steps = getattr(model, "steps", None)
    first = steps[0][1] if steps else None
    by_name = hasattr(first, "transformers_") and hasattr(first, "feature_names_in_")
    return by_name and getattr(first, "remainder", None) == "drop"


def _frame(rows: Any) -> pd.DataFrame:
    """Rows as a frame: a list of dicts, a dict of lists, or what undrift reads."""
    import pandas as pd

    if isinstance(rows, dict):
        return pd.DataFrame(
            {k: v if isinstance(v, Iterable) and not isinstance(v, str) else [v] for k, v in rows.items()}
        )
    if isinstance(rows, list):
        return pd.DataFrame(rows)
    from undrift import inputs

    frame: pd.DataFrame = inputs.read(rows).to_pandas()
    return frame


def _empty(schema: Schema, columns: list[str]) -> pd.DataFrame:
    """No rows, with these columns."""
    import pandas as pd

    known = [c.name for c in agreed.features(schema)]
    return pd.DataFrame(
        {name: pd.Series(dtype="float64") for name in [*columns, *(n for n in known if n not in columns)]}
    )
