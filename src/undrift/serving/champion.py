"""What serves, as one object: it predicts, reloads itself after a promotion, and hands on rows."""

from __future__ import annotations

import logging
import os
import threading
import weakref
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from undrift import artifacts, inputs, lineup, stores, tasks
from undrift import schema as agreed
from undrift.columns import calendar
from undrift.config.beginning import DATA, FILE
from undrift.config.wiring import Config, load, opened
from undrift.errors import ModelError, NotFoundError, UndriftError
from undrift.records import Schema
from undrift.serving.spool import ROOM, Spool
from undrift.tasks import Task
from undrift.workspace.serving import frame_for

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]

log = logging.getLogger("undrift.serving")

PLANS = 100
"""Kinds of frames of which is remembered how they are shown."""

NUMBERS = frozenset({"integer", "floating", "mixed-integer-float", "boolean", "empty"})
WORDS = frozenset({"string", "empty"})
"""What pandas calls objects that are shown to a model as they are."""

ROWS = "the table"
"""What the rows of a call are called in errors."""


@dataclass(frozen=True)
class Member:
    """A loaded model with its number and weight, and how rows are shown to it.

    It is shown ``columns``, of which ``numbers`` are floats and ``texts`` are objects; one that ``picks`` its
    columns by name is shown all that there are. ``reading`` (classes of the model, classes) turns what it
    says into probabilities of the classes; it is None for numbers, and for a model that names its classes
    only with its answer. ``plans`` remembers what has to be done to frames of some columns and types.
    """

    number: int
    weight: float
    model: Any
    schema: Schema
    columns: list[str]
    numbers: frozenset[str]
    texts: frozenset[str]
    picks: bool
    reading: Floats | None
    plans: dict[tuple[object, ...], Plan | None] = field(default_factory=dict, compare=False, repr=False)

    def ask(self, rows: pd.DataFrame, task: Task) -> Floats:
        """A prediction for each row, or the probability of each class."""
        said = np.asarray(task.ask(self.model, self.shown(rows)), dtype=np.float64)
        classes = self.schema.classes
        if not classes:
            numbers: Floats = said.reshape(len(rows), -1)[:, 0]
            return numbers
        reading = _reading(self.model, task, classes) if self.reading is None else self.reading
        found: Floats = said @ reading
        return found

    def shown(self, rows: pd.DataFrame) -> pd.DataFrame:
        """What the model is shown of rows, as in training; the frame itself where that is the same.

        Raises DataError for a column that is lacking, or holds something else than agreed on.
        """
        found = self._at_once(rows)
        return self._as_agreed(rows) if found is None else found

    def _at_once(self, rows: pd.DataFrame) -> pd.DataFrame | None:
        """The rows where all are plain numbers and words; None where they have to be read first."""
        plan = self._plan(rows)
        if plan is None:
            return None
        if plan.places is not None:
            rows = rows.iloc[:, plan.places]
        if not plan.changed:
            return _without_infinities(rows, self.numbers)
        try:
            return _rebuilt(rows, self.numbers, {*self.columns})
        except (TypeError, ValueError, OverflowError):
            return None

    def _as_agreed(self, rows: pd.DataFrame) -> pd.DataFrame:
        """The rows as ``Loop.predict`` reads them: slower, and right for times, codes and the calendar."""
        table = calendar.with_features(inputs.read(rows), self.schema, ROWS)
        return frame_for(self.model, table, self.schema, ROWS)[self.columns]

    def _plan(self, rows: pd.DataFrame) -> Plan | None:
        names = rows.columns.tolist()
        key = (tuple(names), tuple(rows.dtypes))
        if key not in self.plans:
            if len(self.plans) > PLANS:
                self.plans.clear()
            self.plans[key] = self._planned(names, rows)
        return self.plans[key]

    def _planned(self, names: list[str], rows: pd.DataFrame) -> Plan | None:
        """What has to be done to such frames; None where all their values have to be read."""
        wanted = {*self.columns}
        if len({*names}) < len(names) or not wanted <= {*names} or not wanted <= self.numbers | self.texts:
            return None
        types = {name: rows[name].dtype for name in self.columns}
        if not all(_at_hand(type_, number=name in self.numbers) for name, type_ in types.items()):
            return None
        other = [n for n in self.numbers if types[n] != "float64"]
        changed = bool(other) or any(map(_objects, types.values()))
        whole = names == self.columns or self.picks
        return Plan(None if whole else [names.index(name) for name in self.columns], changed)


def _at_hand(type_: Any, *, number: bool) -> bool:
    """Whether a column of a type may hold what the model was trained on, as it is.

    Floats of 32 bits are not what they say: 0.1 is another number there.
    """
    if _objects(type_):
        return True
    if number:
        return isinstance(type_, np.dtype) and (type_.kind in "iub" or type_ == np.float64)
    return bool(type_ == "str")


def _objects(type_: Any) -> bool:
    return isinstance(type_, np.dtype) and type_.kind == "O"


def _without_infinities(rows: pd.DataFrame, numbers: frozenset[str]) -> pd.DataFrame:
    """The rows with NaN for infinities, as models see them in training."""
    if len(numbers) == len(rows.columns):
        values = rows.to_numpy()
        return rows.mask(np.isinf(values)) if np.isinf(values).any() else rows
    odd = {name: np.isinf(rows[name].to_numpy()) for name in numbers}
    changed: dict[str, Any] = {name: rows[name].mask(at, np.nan) for name, at in odd.items() if at.any()}
    return rows.assign(**changed) if changed else rows


def _rebuilt(rows: pd.DataFrame, numbers: frozenset[str], columns: set[str]) -> pd.DataFrame:
    """The rows with their numbers as floats, and NaN for what is missing or infinite.

    Raises TypeError or ValueError for a column that does not hold numbers only, or words only.
    """
    import pandas as pd

    found: dict[str, Any] = {}
    for name, column in rows.items():
        values: Any = column
        if name in columns and _objects(column.dtype):
            values = _plain(column.to_numpy(), NUMBERS if name in numbers else WORDS)
        if name in numbers:
            values = np.asarray(values, dtype=np.float64)
            values = np.where(np.isfinite(values), values, np.nan)
        found[str(name)] = values
    return pd.DataFrame(found, index=rows.index, copy=False)


def _plain(values: NDArray[Any], kinds: frozenset[str]) -> NDArray[Any]:
    """Objects of one of these kinds, with NaN for those that are missing; raises TypeError for others."""
    import pandas as pd

    kind = pd.api.types.infer_dtype(values, skipna=True)
    if kind not in kinds:
        raise TypeError(f"the objects are {kind}")
    missing = pd.isna(values)
    return np.where(missing, np.nan, values) if missing.any() else values


@dataclass(frozen=True)
class Plan:
    """Where the model's columns stand in a frame (None: it is shown as it is); whether values change."""

    places: list[int] | None
    changed: bool


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


@dataclass(frozen=True)
class Answer:
    """A version, its predictions (rows,), and probabilities (rows, classes), None for numbers."""

    version: int
    predictions: NDArray[Any]
    probabilities: Floats | None


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
        if not given.is_dir() and (given.name != FILE or not given.parent.is_dir()):
            raise NotFoundError(f"there is no workspace {given}", f"Name its folder, or its {FILE}.")
        self._config: Config = load(given if given.is_dir() else given.parent)
        self._store = self._config.store()
        self._every = every
        self._serving = self._load()
        self._spool = Spool(self._config.root / DATA / "spool", self._serving.schema, room) if spool else None
        self._begin()
        if hasattr(os, "register_at_fork"):
            alive = weakref.ref(self)
            os.register_at_fork(after_in_child=lambda: _again(alive()))

    def _begin(self) -> None:
        """Watch what serves from now on; once more in a process that was forked, which has no threads."""
        self._stop = threading.Event()
        self._watch = threading.Thread(target=self._keep_up, name="undrift-live", daemon=True)
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
        return self.answer(rows).predictions

    def answer(self, rows: Any) -> Answer:
        """What ``predict`` gives, with the version that said so, which a promotion may replace meanwhile."""
        serving = self._serving
        said = serving.task.answer(self._said(serving, rows), serving.schema.classes)
        return Answer(serving.version, *said)

    def predict_proba(self, rows: Any) -> Floats:
        """The probability of each of ``classes``, shape (rows, classes)."""
        found = self.answer(rows).probabilities
        if found is None:
            raise ModelError("the target is a number: it has no classes", "Use predict.")
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
        self._store.close()

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
        try:
            frame = rows if hasattr(rows, "iloc") else _frame(rows)
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

    def _keep_up(self) -> None:
        while not self._stop.wait(self._every):
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
        store = self._store
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


def _again(live: Live | None) -> None:
    """Start the threads of a live model anew in a process that was forked."""
    if live is not None and not live._stop.is_set():
        live._store = live._config.store()
        live._begin()
        if live._spool:
            live._spool.begin()


def _member(number: int, weight: float, model: Any, schema: Schema) -> Member:
    """A loaded model, ready to be asked."""
    columns = artifacts.columns(schema, model)
    shown = artifacts.shown(model, _empty(schema, columns), schema)[0]
    names = [str(name) for name in shown.columns]
    known = {c.name: c for c in schema.columns if c.name in names}
    counted = [n for n, c in known.items() if c.kind in ("numeric", "boolean")]
    numbers = frozenset(n for n in counted if known[n].type != "float")
    texts = frozenset(n for n, c in known.items() if c.type in ("string", "large_string"))
    named = schema.classes and hasattr(model, "classes_")
    reading = _reading(model, tasks.named(schema.task), schema.classes) if named else None
    return Member(number, weight, model, schema, names, numbers, texts, _picks(model), reading)


def _reading(model: Any, task: Task, classes: tuple[str, ...]) -> Floats:
    """What turns a model's probabilities into those of the classes, (classes of the model, classes)."""
    known = np.eye(len(getattr(model, "classes_", classes)))
    return task.read(model, known, len(known), classes)


def _picks(model: Any) -> bool:
    """Whether a fitted model takes its columns by name, and others beside them do not matter to it."""
    steps = getattr(model, "steps", None)
    first = steps[0][1] if steps else None
    by_name = hasattr(first, "transformers_") and hasattr(first, "feature_names_in_")
    return by_name and getattr(first, "remainder", None) == "drop"


def _frame(rows: Any) -> pd.DataFrame:
    """Rows as a frame: a list of dicts, a dict of lists, or what undrift reads.

    Values of dicts stay as they are: a row without a number makes no other one a float.
    """
    import pandas as pd

    if isinstance(rows, dict):
        return pd.DataFrame(
            {k: v if isinstance(v, Iterable) and not isinstance(v, str) else [v] for k, v in rows.items()}
        )
    if isinstance(rows, list):
        return pd.DataFrame(rows, dtype=object)
    frame: pd.DataFrame = inputs.read(rows).to_pandas()
    return frame


def _empty(schema: Schema, columns: list[str]) -> pd.DataFrame:
    """No rows, with these columns."""
    import pandas as pd

    known = [c.name for c in agreed.features(schema)]
    return pd.DataFrame(
        {name: pd.Series(dtype="float64") for name in [*columns, *(n for n in known if n not in columns)]}
    )
