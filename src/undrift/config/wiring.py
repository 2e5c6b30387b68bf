"""One TOML in, one Loop out: the only place that wires parts together."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from inspect import signature
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from undrift.config.consent import stranger
from undrift.config.file import FILE, PYPROJECT, layered, plant
from undrift.config.settings import SETTINGS, TUPLES
from undrift.errors import ConfigError, DataError, NotFoundError, suggest
from undrift.importing import ImportPath, neighbours
from undrift.plugins import build, find, names
from undrift.records import Schema

if TYPE_CHECKING:
    import pyarrow as pa

    from undrift.lakes import Lake
    from undrift.loop import Loop
    from undrift.registries import Registry
    from undrift.stores import Store


@dataclass(frozen=True)
class Config:
    """All settings of a workspace by dotted name, each with where it came from."""

    root: Path
    settings: dict[str, tuple[Any, str]]

    def get(self, name: str) -> Any:
        """The value of one setting, None if it has none."""
        return self.settings.get(name, (None, ""))[0]

    def section(self, name: str) -> dict[str, Any]:
        """A section as a nested table."""
        table: dict[str, Any] = {}
        for key, (value, _) in self.settings.items():
            if key.startswith(f"{name}."):
                plant(table, key[len(name) + 1 :], value)
        return table

    def store(self, *, create: bool = False) -> Store:
        """The store of records, opened; raises NotFoundError where there is none, unless it is to be made."""
        table = self.section("store")
        if table["url"].startswith("sqlite:///") and ":memory:" not in table["url"]:
            path = self.root / table["url"].removeprefix("sqlite:///")
            if create:
                path.parent.mkdir(parents=True, exist_ok=True)
            elif not path.exists():
                raise self._empty()
            table["url"] = f"sqlite:///{quote(str(path))}"
        opened: Store = build("stores", table, "store")
        return opened

    def _empty(self) -> NotFoundError:
        """The error where there is no store."""
        from undrift.config.beginning import absent

        return NotFoundError(f"{self.root} holds no model yet", absent(self.root))

    @property
    def fingerprint(self) -> str:
        """What tells these settings from others, but for where things are kept."""
        places = ("lake.", "store.", "registry.")
        own = {key: value for key, (value, _) in self.settings.items() if not key.startswith(places)}
        return hashlib.sha256(json.dumps(own, sort_keys=True, default=str).encode()).hexdigest()[:16]

    def registry(self) -> Registry:
        """Where models are kept."""
        use = self.get("registry.use")
        takes_path = use in names("registries") and "path" in signature(find("registries", use)).parameters
        default = {"path": SETTINGS["registry.path"].default} if takes_path else {}
        opened: Registry = build("registries", self._rooted("registry", "path", default), "registry")
        return opened

    def lake(self) -> Lake:
        """Where rows are kept, opened."""
        opened: Lake = build("lakes", self._rooted("lake", "uri"), "lake")
        return opened

    def loop(self, schema: Schema, store: Store) -> Loop:
        """Wire every part into a loop."""
        from undrift.columns import calendar
        from undrift.comparison.limits import Limits
        from undrift.gate import Gate
        from undrift.loop import Loop
        from undrift.stores import holder
        from undrift.windows import Cut, span

        delay, learners = self.get("labels.delay"), self._learners()
        limits = Limits(**self._drift())
        limits = replace(limits, ignore=(*limits.ignore, *calendar.names(schema)))
        return Loop(
            schema=schema,
            store=store,
            lake=self.lake(),
            registry=self.registry(),
            policy=build("policies", self.section("policy"), "policy"),
            merges=dict(_merges(self.get("merge.candidates"))),
            holder=holder(),
            learners=learners,
            trainer=next(iter(learners.values()), None),
            limits=limits,
            gate=Gate(**self.section("gate")),
            lineup=build("lineup", self.section("lineup"), "lineup"),
            cut=Cut.of(self.get("windows.size")),
            coverage=self.get("labels.coverage"),
            loss=self.get("score.loss"),
            estimate=self.get("estimate.use"),
            loss_params=self.section("score").get("params") or {},
            trust_pickle=self._trusts_pickles(),
            label_delay=timedelta(0) if delay is None else span(delay, "labels.delay", least=0),
        )

    def check(self) -> None:
        """Raise ConfigError unless every part can be built from its settings; nothing is opened."""
        from undrift.comparison.limits import Limits
        from undrift.gate import Gate
        from undrift.windows import Cut, span

        Limits(**self._drift())
        Gate(**self.section("gate"))
        span(self.get("gate.block"), "gate.block")
        cut = Cut.of(self.get("windows.size"))
        delay = self.get("labels.delay")
        if delay is not None and span(delay, "labels.delay", least=0) and not cut.by_time:
            raise ConfigError(
                "labels.delay needs windows by time", 'Set windows.size to a length such as "7d", or drop it.'
            )
        from undrift.columns import calendar, time_formats

        if self.get("data.time_format") is not None:
            time_formats.check(self.get("data.time_format"))
        calendar.check(self.get("data.calendar"))
        if not 0 < self.get("labels.coverage") <= 1:
            raise ConfigError(
                f"labels.coverage = {self.get('labels.coverage')} is out of range", "Give a share up to 1."
            )
        if self.get("score.loss") != "auto":
            _require_installed("score.loss", self.get("score.loss"))
            find("losses", self.get("score.loss"))
        if self.get("estimate.use") is not None:
            _require_installed("estimate.use", self.get("estimate.use"))
            find("estimates", self.get("estimate.use"))
        build("policies", self.section("policy"), "policy")
        build("lineup", self.section("lineup"), "lineup")
        self.registry()
        dict(_merges(self.get("merge.candidates")))
        self._learners()

    def check_names(self, schema: Schema) -> None:
        """Raise ConfigError for settings that name what the data does not have, or cannot do with it."""
        from undrift.schema import INDEX, NOT_KEPT, UNTYPED
        from undrift.tasks import OUTPUT

        known = [c.name for c in schema.columns]
        gone = {c.name for c in schema.columns if c.reason in (NOT_KEPT, UNTYPED, INDEX)}
        for name in self.get("drift.ignore"):
            if name not in (*known, OUTPUT):
                raise ConfigError(f"drift.ignore: no column {name!r}", suggest(str(name), known))
        for name in self.get("gate.segments"):
            if name not in known:
                raise ConfigError(f"gate.segments: no column {name!r}", suggest(str(name), known))
            if name in gone:
                raise ConfigError(
                    f"gate.segments: the values of column {name!r} are not kept",
                    "Name it when the workspace is made, or leave it out.",
                )
        for name in self.section("drift").get("features", {}):
            if name not in known:
                raise ConfigError(f"drift.features.{name}: no such column", suggest(name, known))
        self._check_estimate(schema)

    def _check_estimate(self, schema: Schema) -> None:
        """Raise ConfigError where ``estimate.use`` cannot estimate the deciding loss."""
        use, name = self.get("estimate.use"), self.get("score.loss")
        if use is None or schema.task is None:
            return
        from undrift import estimates, losses, tasks

        chosen = tasks.named(schema.task).loss if name == "auto" else name
        params = self.section("score").get("params") if name != "auto" else None
        estimates.named(use, schema.task, losses.named(chosen, schema.task, params))

    def _drift(self) -> dict[str, Any]:
        """What ``Limits`` takes; raises ConfigError for a metric that is not installed, but a file's name."""
        table = self.section("drift")
        for key in TUPLES:
            table[key] = tuple(table[key])
        for name in (table["metric"], *table["also"], *table["multivariate"]):
            _require_installed("drift", str(name))
        return table

    def _learners(self) -> dict[str, Any]:
        """What challengers are trained by, by name, the first model's trainer first."""
        table = self.section("model")
        if table["use"] is None:
            return {}
        found: dict[str, Any] = {}
        for one in (table, *table["also"]):
            if not isinstance(one, Mapping) or not isinstance(one.get("use"), str):
                raise ConfigError(f"[[model]] {one!r:.60} names no model", 'Write { use = "module:name" }.')
            for key in one.keys() - {"use", "params", *table}:
                raise ConfigError(f"unknown key {key} in [[model]]", suggest(key, ["use", "params"]))
            trainer = self._trainer({"seed": table["seed"], **one})
            alike = sum(name.partition(" ")[0] == trainer.name for name in found)
            if alike:
                trainer.name = f"{trainer.name} {alike + 1}"
            found[trainer.name] = trainer
        return found

    def _trainer(self, table: Mapping[str, Any]) -> Any:
        """The trainer that a ``[model]`` table names."""
        use = table["use"]
        if use == "command" and (why := self._refused("model.use")):
            raise ConfigError(f"model.use: {why}", "Write it into an undrift.toml of your own.")
        if ":" not in use:
            return build("trainers", {"use": use, **(table.get("params") or {})}, "model")
        from undrift.trainers.estimator import KNOWN, Estimator

        path = ImportPath(use, self.root)
        path = path if path.package in KNOWN else replace(path, refused=self._refused("model.use"))
        return Estimator(path, table.get("params"), table["seed"])

    def _trusts_pickles(self) -> bool:
        """Whether the user consents to pickles, whose modules may then lie in the workspace."""
        trusts = bool(self.get("model.trust_pickle")) and not self._refused("model.trust_pickle")
        if trusts:
            neighbours(self.root)
        return trusts

    def _refused(self, key: str) -> str:
        """Why a setting that runs code does not count: it stands in a file of somebody else; else empty."""
        source = self.settings[key][1]
        owner = stranger(self.root / source) if source in (FILE, PYPROJECT) else ""
        return f"{self.root / source} belongs to {owner}, and this would run code of theirs" if owner else ""

    def _rooted(self, section: str, key: str, default: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """A section whose path, if it is relative, starts at the workspace."""
        table = {**(default or {}), **self.section(section)}
        if key in table and "://" not in table[key]:
            table[key] = str(self.root / table[key])
        return table


def open(path: str | Path = FILE, **overrides: Any) -> Loop:  # noqa: A001 - as in gzip.open
    """The loop of a workspace: ``path`` is its ``undrift.toml`` or its folder.

    ``overrides`` are settings by dotted name with __ for the dot: ``drift__metric="ks"``. Raises
    NotFoundError where there is no workspace, ConfigError for settings that are wrong.
    """
    given = Path(path)
    root = given if given.is_dir() else given.parent
    config = load(root, {k.replace("__", "."): v for k, v in overrides.items()})
    return opened(config)


def opened(config: Config) -> Loop:
    """The loop of a workspace that was made before; its schema comes from its store."""
    from undrift.columns.time_formats import COUNTER
    from undrift.config import beginning
    from undrift.schema import ASIDE, IGNORED, NOT_KEPT

    config.check()
    store = config.store()
    schema = store.get(Schema, "schema")
    if schema is None:
        raise config._empty()
    if store.champion() is not None:
        beginning.finish(config.root)
    made = {f"data.{name}": getattr(schema, name) for name in ("target", "id", "prediction")}
    made["data.time"] = schema.time or schema.order
    if config.get("data.time_format") is not None:
        made["data.time_format"] = COUNTER if schema.order else schema.time_format
    made["data.ignore"] = [c.name for c in schema.columns if c.reason in (IGNORED, NOT_KEPT, ASIDE)]
    made["data.calendar"] = [*schema.calendar]
    made["windows.size"] = schema.size
    for name, value in made.items():
        now = config.get(name)
        if (sorted(now) != sorted(value)) if isinstance(value, list) else (str(now) != str(value)):
            raise ConfigError(
                f"{name} = {now!r}, but the workspace was made with {value!r}",
                "Set it back, or make another workspace.",
            )
    config.check_names(schema)
    return config.loop(schema, store)


def created(config: Config, history: pa.Table, source: str) -> Loop:
    """A loop over a new workspace: its schema is agreed on from the history's columns."""
    from undrift.columns import calendar, time_formats
    from undrift.schema import ASIDE, IGNORED, NOT_KEPT, infer, require, require_history, widened
    from undrift.windows import Cut

    config.check()
    require_history(history, source)
    data = config.section("data")
    form, wanted = data.pop("time_format"), tuple(data.pop("calendar"))
    _require_task(history, data["target"], data["task"], source)
    if data["time"] is not None:
        require(history.column_names, data["time"], source)
        form = form or time_formats.recognised(history[data["time"]], data["time"], source)
    times = Schema((), time=data["time"], time_format=form or "iso", calendar=wanted)
    calendar.require_times(times)
    history = calendar.with_features(history, times, source)
    schema = widened(infer(history, source=source, **data), history)
    schema = replace(schema, size=str(config.get("windows.size")), calendar=wanted)
    if schema.time is not None:
        schema = time_formats.agreed(schema, history[schema.time], times.time_format, source)
    config.check_names(schema)
    apart = dict.fromkeys(config.get("gate.segments"), ASIDE)
    columns = (
        replace(c, reason=apart.get(c.name, NOT_KEPT)) if c.reason == IGNORED else c for c in schema.columns
    )
    schema = replace(schema, columns=tuple(columns))
    hostile = [c.name for c in schema.columns if "\0" in c.name and c.reason != NOT_KEPT]
    if hostile:
        raise DataError(
            f"{source}: the column name {hostile[0]!r} holds a NUL character, which no lake can keep",
            "Rename the column.",
        )
    if schema.time is None and Cut.of(config.get("windows.size")).by_time:
        lacking = f"{schema.order!r} only puts rows in order" if schema.order else "there is no data.time"
        raise ConfigError(f"windows by time need times: {lacking}", "Name the time column, or count rows.")
    store = config.store(create=True)
    store.put("schema", schema)
    return config.loop(store.get(Schema, "schema") or schema, store)


def _require_installed(setting: str, name: str) -> None:
    """Raise ConfigError for a part that is named by an import path: a file beside the workspace, say."""
    if ":" in name:
        raise ConfigError(
            f"{setting}: {name!r} is an import path",
            "Install a package with an entry point: see docs/parts.md.",
        )


def _require_task(history: pa.Table, target: str | None, task: str | None, source: str) -> None:
    """Raise ConfigError for a target that might be a number or classes, unless the settings say which."""
    from undrift.schema import perhaps_classes

    if task is not None or target not in history.column_names:
        return
    if number := perhaps_classes(history[target]):
        raise ConfigError(
            f"target {target!r} of {source} holds {number} different whole numbers: a number or classes?",
            "For a number: --set data.task=regression. For classes: --set data.task=multiclass.",
        )


def load(
    root: Path, overrides: Mapping[str, Any] | None = None, environment: Mapping[str, str] | None = None
) -> Config:
    """The settings of a workspace; raises ConfigError for an unknown key or a wrong type."""
    return Config(root, layered(root, overrides, environment))


def _merges(candidates: list[Any]) -> Iterator[tuple[str, Any]]:
    if not candidates:
        raise ConfigError("merge.candidates is empty", 'Name at least one strategy, such as "everything".')
    for i, candidate in enumerate(candidates):
        if not isinstance(candidate, str | Mapping):
            said = f"merge.candidates[{i}] = {candidate!r} names no strategy"
            raise ConfigError(said, 'Write "everything", or a table with use = "everything".')
        table = {"use": candidate} if isinstance(candidate, str) else dict(candidate)
        arguments = ", ".join(f"{k}={v}" for k, v in table.items() if k != "use")
        name = str(table.get("use")) + (f"({arguments})" if arguments else "")
        yield name, build("merging", table, f"merge.candidates[{i}]")
