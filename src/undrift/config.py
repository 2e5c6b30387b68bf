"""One TOML in, one Loop out: the only place that wires parts together.

A setting comes, in this order, from the command line, from ``UNDRIFT_*``, from ``undrift.toml``, from
``[tool.undrift]`` in ``pyproject.toml``, or is the default. ``UNDRIFT_DRIFT__METRIC=ks`` sets drift.metric.
"""

from __future__ import annotations

import json
import os
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from undrift import beginning, calendar, time_formats
from undrift.consent import stranger
from undrift.errors import ConfigError, DataError, NotFoundError, suggest
from undrift.importing import ImportPath, neighbours
from undrift.plugins import build, checked
from undrift.records import Schema
from undrift.schema import IGNORED, NOT_KEPT, OUTPUT

if TYPE_CHECKING:
    import pyarrow as pa

    from undrift.lakes import Lake
    from undrift.loop import Loop
    from undrift.registries import Registry
    from undrift.stores import Store

FILE = beginning.FILE
PYPROJECT = "pyproject.toml"
ENVIRONMENT = "UNDRIFT_"


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting: its default, its type, and what to tell whoever reads the file."""

    default: Any
    type: Any
    comment: str


SETTINGS: dict[str, Setting] = {
    "data.target": Setting(None, str | None, "what the model predicts"),
    "data.time": Setting(None, str | None, "the event time; without one, rows are taken in order"),
    "data.time_format": Setting(
        None, str | None, 'how times are written: "epoch", "year", "%d.%m.%Y %H:%M"; by default as they look'
    ),
    "data.id": Setting(None, str | None, "names a row, so that late labels find it"),
    "data.prediction": Setting(
        None, str | None, "a foreign model's predictions, where undrift holds no model"
    ),
    "data.task": Setting(None, str | None, '"regression" or "binary"; by default what the target looks like'),
    "data.ignore": Setting([], list, "columns that are neither kept, compared nor shown to the model"),
    "data.calendar": Setting(
        [], list, 'shown to the model beside the columns: "hour", "weekday", "month" of the time (UTC)'
    ),
    "windows.size": Setting("batch", str | int, '"7d" or "12h" of event time, a number of rows, or "batch"'),
    "labels.delay": Setting(None, str | None, "how long after a window its labels are complete"),
    "labels.coverage": Setting(0.9, float, "share of a window's rows that need a label before it is scored"),
    "drift.metric": Setting("psi", str, "how far a feature has moved"),
    "drift.threshold": Setting(
        None, float | None, "the smallest move worth caring about, in the metric's units"
    ),
    "drift.also": Setting(["missing", "unseen"], list, "metrics watched beside it, at their own thresholds"),
    "drift.alarm_rate": Setting(0.01, float, "how often a quiet window may alarm, over all features"),
    "drift.calibration": Setting(
        None, str | None, "what chance does: history where windows are known, else asymptotic"
    ),
    "drift.novelty": Setting(
        0.1, float, "share of rows on ground the model hardly knows that is drift; 0: never"
    ),
    "drift.multivariate": Setting(["rank_correlation"], list, "what looks at features together"),
    "drift.ignore": Setting([], list, "features that are not watched; the model still sees them"),
    "drift.season": Setting(None, str | None, '"day", "week" or "year": compare like with like'),
    "score.loss": Setting("auto", str, '"absolute" or "squared"; "log_loss" or "brier" for two classes'),
    "policy.use": Setting("performance", str, "when to retrain"),
    "merge.candidates": Setting(["everything", "recent"], list, "rows to train on: one challenger each"),
    "model.use": Setting(
        None, str | None, 'what to train: "module:name" of a class, a function that makes a model, or a model'
    ),
    "model.seed": Setting(0, int, "given to the model as random_state"),
    "model.trust_pickle": Setting(False, bool, "consent to load a pickled model, which can run any code"),
    "gate.alpha": Setting(0.05, float, "how often, at most, a retraining may promote a model no better"),
    "gate.alpha_life": Setting(
        None, float | None, "the chance that any retraining ever does so; by default there is no such limit"
    ),
    "gate.windows": Setting(2, int, "newest labelled windows that challengers are judged on"),
    "gate.block": Setting("1d", str, "rows of one block err together: the interval is over blocks"),
    "gate.margin": Setting(0.0, float, "the mean loss that a challenger must at least save"),
    "lake.use": Setting("delta", str, "where rows are kept"),
    "lake.uri": Setting(".undrift/lake", str, "a folder or object storage"),
    "registry.use": Setting("folder", str, "where models are kept"),
    "registry.path": Setting(".undrift/models", str, "a folder"),
    "store.use": Setting("sql", str, "where records are kept"),
    "store.url": Setting("sqlite:///.undrift/store.db", str, "an SQLAlchemy URL"),
}
"""Every setting by dotted name. A section with ``use`` takes the arguments of its part besides."""

SECTIONS = tuple(dict.fromkeys(name.partition(".")[0] for name in SETTINGS))

PARTS = ("policy", "lake", "registry", "store")
"""Sections whose keys are the arguments of the part that ``use`` names."""

TUPLES = ("also", "multivariate", "ignore")
"""Lists in ``[drift]``."""

OPEN_TABLES = ("drift.features", "model.params")
"""Tables whose keys are the user's: feature names, and arguments of a model's constructor."""


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
                _plant(table, key[len(name) + 1 :], value)
        return table

    def store(self, *, create: bool = False) -> Store:
        """The store of records, opened; raises NotFoundError where there is none, unless it is to be made."""
        table = self.section("store")
        if table["url"].startswith("sqlite:///") and ":memory:" not in table["url"]:
            path = self.root / table["url"].removeprefix("sqlite:///")
            if create:
                path.parent.mkdir(parents=True, exist_ok=True)
            elif not path.exists():
                raise NotFoundError(f"{self.root} holds no model yet", beginning.absent(self.root))
            table["url"] = f"sqlite:///{quote(str(path))}"
        opened: Store = build("stores", table, "store")
        return opened

    def registry(self) -> Registry:
        """Where models are kept."""
        opened: Registry = build("registries", self._rooted("registry", "path"), "registry")
        return opened

    def lake(self) -> Lake:
        """Where rows are kept, opened."""
        opened: Lake = build("lakes", self._rooted("lake", "uri"), "lake")
        return opened

    def loop(self, schema: Schema, store: Store) -> Loop:
        """Wire every part into a loop."""
        from undrift.gate import Gate
        from undrift.limits import Limits
        from undrift.loop import Loop
        from undrift.stores.sql import holder
        from undrift.windows import Cut, span

        delay = self.get("labels.delay")
        limits = Limits(**self._drift())
        limits = replace(limits, ignore=(*limits.ignore, *calendar.names(schema)))
        loop = Loop(
            schema=schema,
            store=store,
            lake=self.lake(),
            registry=self.registry(),
            policy=build("policies", self.section("policy"), "policy"),
            merges=dict(_merges(self.get("merge.candidates"))),
            holder=holder(),
            trainer=self._trainer(),
            limits=limits,
            gate=Gate(**self.section("gate")),
            cut=Cut.of(self.get("windows.size")),
            coverage=self.get("labels.coverage"),
            loss=self.get("score.loss"),
            trust_pickle=self._trusts_pickles(),
        )
        if delay is not None:
            loop.label_delay = span(delay, "labels.delay", least=0)
        return loop

    def check(self) -> None:
        """Raise ConfigError unless every part can be built from its settings; nothing is opened."""
        from undrift.gate import Gate
        from undrift.limits import Limits
        from undrift.losses import LOSSES
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
        if self.get("data.time_format") is not None:
            time_formats.check(self.get("data.time_format"))
        calendar.check(self.get("data.calendar"))
        if not 0 < self.get("labels.coverage") <= 1:
            raise ConfigError(f"labels.coverage = {self.get('labels.coverage')}", "Give a share up to 1.")
        if self.get("score.loss") not in ("auto", *LOSSES):
            raise ConfigError(
                f"no loss is called {self.get('score.loss')!r}", suggest(self.get("score.loss"), [*LOSSES])
            )
        build("policies", self.section("policy"), "policy")
        dict(_merges(self.get("merge.candidates")))
        self._trainer()

    def check_names(self, schema: Schema) -> None:
        """Raise ConfigError for a feature that ``[drift]`` names and the data does not have."""
        known = [c.name for c in schema.columns]
        for name in self.get("drift.ignore"):
            if name not in (*known, OUTPUT):
                raise ConfigError(f"drift.ignore: no column {name!r}", suggest(str(name), known))
        for name in self.section("drift").get("features", {}):
            if name not in known:
                raise ConfigError(f"drift.features.{name}: no such column", suggest(name, known))

    def _drift(self) -> dict[str, Any]:
        """What ``Limits`` takes; raises ConfigError for a metric that is not installed, but a file's name."""
        table = self.section("drift")
        for key in TUPLES:
            table[key] = tuple(table[key])
        for name in (table["metric"], *table["also"], *table["multivariate"]):
            if ":" in str(name):
                raise ConfigError(
                    f"drift: {name!r} is an import path",
                    "Install a package with an entry point: see docs/parts.md.",
                )
        return table

    def _trainer(self) -> Any:
        table = self.section("model")
        use = table["use"]
        if use is None:
            return None
        if ":" not in use:
            return build("trainers", {"use": use}, "model")
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

    def _rooted(self, section: str, key: str) -> dict[str, Any]:
        """A section whose path, if it is relative, starts at the workspace."""
        table = self.section(section)
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
    config.check()
    store = config.store()
    schema = store.get(Schema, "schema")
    if schema is None:
        raise NotFoundError(f"{config.root} holds no model yet", beginning.absent(config.root))
    if store.champion() is not None:
        beginning.finish(config.root)
    made = {f"data.{name}": getattr(schema, name) for name in ("target", "id", "prediction")}
    made["data.time"] = schema.time or schema.order
    if config.get("data.time_format") is not None:
        made["data.time_format"] = time_formats.COUNTER if schema.order else schema.time_format
    made["data.ignore"] = [c.name for c in schema.columns if c.reason in (IGNORED, NOT_KEPT)]
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
    from undrift.schema import infer, require, require_history, widened
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
    ignored = tuple(replace(c, reason=NOT_KEPT) if c.reason == IGNORED else c for c in schema.columns)
    schema = replace(schema, columns=ignored)
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


def _require_task(history: pa.Table, target: str | None, task: str | None, source: str) -> None:
    """Raise ConfigError for a target that might be a number or classes, unless the settings say which."""
    from undrift.schema import perhaps_classes

    if task is not None or target not in history.column_names:
        return
    if number := perhaps_classes(history[target]):
        raise ConfigError(
            f"target {target!r} of {source} holds {number} different whole numbers: a number or classes?",
            "For a number: --set data.task=regression. More than two classes are not trained on yet.",
        )


def find_root(start: Path) -> Path:
    """The nearest folder upward that holds an ``undrift.toml``; raises NotFoundError if none does."""
    for folder in (start, *start.parents):
        if (folder / FILE).is_file():
            return folder
    raise NotFoundError(
        f"no {FILE} in {start} or above", "Run undrift init, or name a workspace with -C DIR."
    )


def load(
    root: Path, overrides: Mapping[str, Any] | None = None, environment: Mapping[str, str] | None = None
) -> Config:
    """Read the settings of a workspace; raises ConfigError for an unknown key or a wrong type."""
    layers = [
        ("default", {name: setting.default for name, setting in SETTINGS.items()}),
        (PYPROJECT, dict(_flat(_pyproject(root)))),
        (FILE, dict(_flat(_toml(root / FILE)))),
        ("environment", dict(_environment(os.environ if environment is None else environment))),
        ("command line", dict(overrides or {})),
    ]
    settings: dict[str, tuple[Any, str]] = {}
    for source, values in layers:
        for key, value in sorted(values.items(), key=lambda item: not item[0].endswith(".use")):
            _known(key)
            if key.endswith(".use") and value != settings.get(key, (None,))[0]:
                _forget(settings, key.removesuffix(".use"))
            type_ = SETTINGS[key].type if key in SETTINGS else Any
            settings[key] = (checked(value, type_, key), source)
    ordered = [*(k for k in SETTINGS if k in settings), *(k for k in settings if k not in SETTINGS)]
    return Config(root, {key: settings[key] for key in ordered})


def document(settings: Mapping[str, Any], title: str) -> str:
    """An ``undrift.toml`` with these settings; every other one stands there as a comment.

    >>> document({"data.target": "y"}, "Mine.").splitlines()[3:5]
    ['[data]', 'target = "y"                              # what the model predicts']
    """
    lines = [f"# {_printable(title)}", "# A line that is commented out shows the default.", ""]
    for section in SECTIONS:
        own = {k: v for k, v in settings.items() if k.startswith(f"{section}.")}
        lines.append(f"[{section}]")
        for name, setting in SETTINGS.items():
            if name.startswith(f"{section}."):
                lines.append(_line(name, setting, own))
        plain = {k: v for k, v in own.items() if k not in SETTINGS}
        lines += [f"{_key(k[len(section) + 1 :])} = {written(v)}" for k, v in plain.items()]
        lines.append("")
    return "\n".join(lines)


def _printable(title: str) -> str:
    """A title on one line, without what a comment in TOML may not hold."""
    return " ".join("".join(c if c.isprintable() else " " for c in title).split())


def _line(name: str, setting: Setting, own: Mapping[str, Any]) -> str:
    key = name.partition(".")[2]
    given = own.get(name, setting.default)
    assignment = f"{key} = {written(given)}" if given is not None else f"{key} ="
    hidden = "" if name in own and given is not None else "# "
    return f"{hidden + assignment:<40}  # {setting.comment}"


def _key(name: str) -> str:
    """A dotted key; a feature's own name is quoted, whatever stands in it."""
    if name.startswith("features."):
        feature, _, key = name.removeprefix("features.").rpartition(".")
        return f"features.{_quoted(feature)}.{key}"
    return name


def written(value: Any) -> str:
    """A value as TOML.

    >>> written(["a", 1.5, True])
    '["a", 1.5, true]'
    """
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{_quoted(k)} = {written(v)}" for k, v in value.items()) + " }"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(written(v) for v in value) + "]"
    return _quoted(value)


def _quoted(value: Any) -> str:
    """A plain value as TOML, which is JSON but for a control character that JSON leaves alone."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def parsed(assignment: str) -> tuple[str, Any]:
    """A setting from the command line: the value is read as TOML, or taken as text.

    >>> parsed("gate.alpha=0.1"), parsed("drift.metric=ks")
    (('gate.alpha', 0.1), ('drift.metric', 'ks'))
    """
    key, equals, text = assignment.partition("=")
    if not equals:
        raise ConfigError(f"--set {assignment!r} has no value", "Write --set section.key=value.")
    return key.strip(), _value(text.strip())


def _value(text: str) -> Any:
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text


def _merges(candidates: list[Any]) -> Iterator[tuple[str, Any]]:
    if not candidates:
        raise ConfigError("merge.candidates is empty", 'Name at least one strategy, such as "everything".')
    for i, candidate in enumerate(candidates):
        if not isinstance(candidate, str | Mapping):
            raise ConfigError(f"merge.candidates[{i}] = {candidate!r}", "Name a strategy, or write a table.")
        table = {"use": candidate} if isinstance(candidate, str) else dict(candidate)
        arguments = ", ".join(f"{k}={v}" for k, v in table.items() if k != "use")
        name = str(table.get("use")) + (f"({arguments})" if arguments else "")
        yield name, build("merging", table, f"merge.candidates[{i}]")


def _known(key: str) -> None:
    section, _, rest = key.partition(".")
    if section not in SECTIONS:
        raise ConfigError(f"unknown section [{section}]", suggest(section, list(SECTIONS)))
    if not rest:
        raise ConfigError(f"{section} is a section", f"Write [{section}] and its keys under it.")
    if section in PARTS or any(key.startswith(f"{table}.") for table in OPEN_TABLES):
        return
    if key not in SETTINGS:
        known = [k for k in SETTINGS if k.startswith(f"{section}.")]
        raise ConfigError(f"unknown key {key}", suggest(key, known))


def _forget(settings: dict[str, tuple[Any, str]], section: str) -> None:
    """Another part takes other arguments: those of the part it replaces go."""
    keep = ("model.seed", "model.trust_pickle")
    for key in [k for k in settings if k.startswith(f"{section}.") and k not in keep]:
        del settings[key]


def _flat(table: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in table.items():
        name = f"{prefix}{key}"
        own_part = prefix and name not in OPEN_TABLES and isinstance(value, Mapping) and "use" in value
        if isinstance(value, Mapping) and not own_part:
            yield from _flat(value, f"{name}.")
        else:
            yield name, value


def _plant(table: dict[str, Any], name: str, value: Any) -> None:
    """Put a value back under its nested key; a feature's name may hold dots of its own."""
    if name.startswith("features."):
        feature, _, key = name.removeprefix("features.").rpartition(".")
        table.setdefault("features", {}).setdefault(feature, {})[key] = value
        return
    head, _, rest = name.partition(".")
    if rest:
        _plant(table.setdefault(head, {}), rest, value)
    else:
        table[head] = value


def _toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} is not valid TOML: {error}", "Correct the line.") from error


def _pyproject(root: Path) -> dict[str, Any]:
    tool = _toml(root / PYPROJECT).get("tool", {})
    table: dict[str, Any] = tool.get("undrift", {}) if isinstance(tool, Mapping) else {}
    return table


def _environment(environment: Mapping[str, str]) -> Iterator[tuple[str, Any]]:
    for name, text in sorted(environment.items()):
        if name.startswith(ENVIRONMENT) and "__" in name:
            yield name.removeprefix(ENVIRONMENT).lower().replace("__", "."), _value(text)
