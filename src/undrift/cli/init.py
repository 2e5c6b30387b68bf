"""undrift init: a workspace from a data file, with a first model trained or adopted."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from undrift.cli._print import note, say
from undrift.cli._shell import Json, Set, emit
from undrift.cli.compare import TimeFormat

if TYPE_CHECKING:
    from undrift.artifacts import Format

NAMED = 8
"""Features that are named; the rest are counted."""

Model = Annotated[
    str | None,
    typer.Option(
        help="A fitted model to adopt: .skops, .onnx, models:/NAME@ALIAS in MLflow, or a pickle with --trust."
    ),
]
Trust = Annotated[bool, typer.Option("--trust", help="Load a pickled model, which can run any code.")]
TrainedUntil = Annotated[
    str | None,
    typer.Option(metavar="TIME", help="The model was trained on rows up to TIME; later ones judge it."),
]
Holdout = Annotated[
    str | None,
    typer.Option(metavar="FILE", help="Labelled rows that the model was not trained on, to judge it."),
]
Prediction = Annotated[
    str | None, typer.Option(metavar="COL", help="The column with a foreign model's predictions.")
]


def init(
    context: typer.Context,
    source: Annotated[
        str,
        typer.Option("--from", metavar="FILE", help="Rows to start from: CSV, Parquet, Feather, JSON lines."),
    ],
    target: Annotated[str | None, typer.Option(help="The column that the model predicts.")] = None,
    time: Annotated[str | None, typer.Option(help="The column with the event time.")] = None,
    time_format: TimeFormat = None,
    id: Annotated[str | None, typer.Option(help="The column that names a row, for late labels.")] = None,  # noqa: A002
    ignore: Annotated[list[str] | None, typer.Option(help="A column to leave out; may be repeated.")] = None,
    model: Model = None,
    trust: Trust = False,
    trained_until: TrainedUntil = None,
    holdout: Holdout = None,
    prediction: Prediction = None,
    assignments: Set = None,
    json: Json = False,
) -> None:
    """Make a workspace here (or in -C DIR): write undrift.toml, and train or adopt the first model."""
    from undrift import inputs
    from undrift.config.beginning import beginning
    from undrift.config.file import document, parsed
    from undrift.config.outlook import keep_advice
    from undrift.config.wiring import created, load
    from undrift.schema import require_history

    root = (context.obj or Path.cwd()).resolve()
    until = _moment(trained_until) if trained_until else None
    table = inputs.read(source)
    require_history(table, inputs.label_of(source))
    prepared = _make_room(root)
    named = {
        "target": target,
        "time": time,
        "time_format": time_format,
        "id": id,
        "ignore": ignore,
        "prediction": prediction,
    }
    fitted = _fitted(model, trust=trust) if model else None
    given = {f"data.{key}": value for key, value in named.items() if value}
    given |= dict(parsed(assignment) for assignment in assignments or ())
    own = _settings(root, given, table, source, prepared, form=fitted[2] if fitted else None)
    settings = load(root, own)
    settings.check()
    root.mkdir(parents=True, exist_ok=True)
    toml = None if prepared else document(own, f"Made by undrift init from {Path(source).name}.")
    with beginning(root, toml):
        loop = created(settings, table, inputs.label_of(source))
        note(_doing(fitted is not None, prediction is not None, told=bool(until or holdout)))
        version = loop.start(table, fitted, inputs.label_of(source), trained_until=until, holdout=holdout)
        keep_advice(loop, load(root).fingerprint)
    if json:
        from undrift.config.outlook import advice
        from undrift.records import encode

        said = {"judged_by": loop.models.metric if loop.trainer else None, "advice": advice(loop)}
        emit({"workspace": str(root), "version": encode(version), **said})
        return
    _tell(loop, version, root, made=not prepared)


def _fitted(model: str, *, trust: bool) -> tuple[Any, bytes, Format]:
    """A fitted model from a file, or from a registered model in MLflow."""
    import tempfile

    from undrift.artifacts import read_file

    if not model.startswith("models:/"):
        return read_file(model, trust_pickle=trust)
    from undrift.registries.mlflow import fetched

    with tempfile.TemporaryDirectory(prefix="undrift-mlflow-") as folder:
        return read_file(fetched(model, Path(folder)), trust_pickle=trust)


def _settings(
    root: Path,
    given: dict[str, Any],
    table: Any,
    source: str,
    prepared: bool,
    *,
    form: Format | None,
) -> dict[str, Any]:
    """The settings of the workspace: of a prepared file, those given, and what follows from the data.

    ``form`` is how an adopted model was kept.
    """
    from undrift.config.wiring import load

    own = (_written(root) if prepared else {}) | given
    own |= _task(own, table)
    use = load(root, own).get("model.use")
    own |= {"model.use": use} if use else {}
    own |= _model(own, table, source, form=form)
    if prepared:
        _require_written(root, own)
    return own


def _model(own: dict[str, Any], table: Any, source: str, *, form: Format | None) -> dict[str, Any]:
    """Which model to train: a clone of the adopted one, none for foreign predictions, else the default."""
    from undrift.errors import ConfigError
    from undrift.inputs import label_of
    from undrift.schema import infer

    if "model.use" in own:
        return {}
    if form is not None and form != "onnx":  # a graph cannot be fitted anew
        return {"model.use": "refit", **({"model.trust_pickle": True} if form == "pickle" else {})}
    if "data.prediction" in own:
        return {}
    if "data.target" not in own:
        raise ConfigError(
            "no target is named", "Give --target COLUMN, or --prediction COLUMN of a foreign model."
        )
    from undrift import tasks

    data = {k.removeprefix("data."): v for k, v in own.items() if k.startswith("data.")}
    data = {k: v for k, v in data.items() if k not in ("time_format", "calendar")}
    return {"model.use": tasks.named(infer(table, source=label_of(source), **data).task).model}


def _task(own: dict[str, Any], table: Any) -> dict[str, Any]:
    """The task of a target that might be a number or classes, as the person at the terminal says."""
    from undrift.schema import perhaps_classes

    target = own.get("data.target")
    asked = target in table.column_names and "data.task" not in own and sys.stdin.isatty()
    number = perhaps_classes(table[target]) if asked else 0
    question = f"{target} holds {number} different whole numbers. Is it a number, not classes?"
    if number and typer.confirm(question):
        return {"data.task": "regression"}
    return {}


def _doing(fitted: bool, foreign: bool, *, told: bool) -> str:
    """What takes a while."""
    if fitted and not told:
        return (
            "taking in the rows, and fitting clones of the model to learn what it is worth on unseen ones …"
        )
    return "taking in the rows …" if fitted or foreign else "training the first model …"


def _moment(text: str) -> datetime:
    """A moment in ISO 8601; without a zone it is UTC, as event times are."""
    from undrift.errors import ConfigError

    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise ConfigError(f"--trained-until {text!r} is no time", "Write it as 2026-03-01T00:00.") from error
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _make_room(root: Path) -> bool:
    """Start anew where an init was killed; refuse over a workspace.

    Returns whether there is an undrift.toml that somebody prepared.
    """
    from undrift.config.beginning import DATA, FILE, abandoned, clear, worth_keeping
    from undrift.config.wiring import load
    from undrift.errors import ConfigError, NotFoundError

    elsewhere = "choose another folder with -C DIR"
    here = any((root / DATA).iterdir()) if (root / DATA).is_dir() else (root / DATA).exists()
    if not here and not (root / FILE).exists():
        return False
    settings = load(root)
    try:
        store = settings.store()
    except NotFoundError:
        store = None
    if store is not None and store.champion() is not None:
        lost = "" if (root / FILE).exists() else ", though its undrift.toml is gone: restore it"
        raise ConfigError(f"{root} already holds a workspace{lost}", f"Or {elsewhere}.")
    if here and not abandoned(root):
        problem = f"{root / DATA} is there, but no store that knows which model is live"
        raise ConfigError(
            problem, f"Restore the store from a backup; to start anew, move {DATA} or {elsewhere}."
        )
    kept = worth_keeping(root, store, settings.lake())
    if store is not None:
        store.close()
    if kept:
        raise ConfigError(f"{root}: {kept}", f"Move it, or {elsewhere}.")
    if here:
        note("an earlier init did not finish: starting anew")
        clear(root)
    return (root / FILE).exists()


def _written(root: Path) -> dict[str, Any]:
    """The settings that an undrift.toml holds."""
    from undrift.config.beginning import FILE
    from undrift.config.wiring import load

    return {key: value for key, (value, source) in load(root).settings.items() if source == FILE}


def _require_written(root: Path, own: dict[str, Any]) -> None:
    """Raise ConfigError for a setting that the undrift.toml that is here would not give the next command."""
    from undrift.config.beginning import FILE
    from undrift.config.file import written
    from undrift.config.wiring import load
    from undrift.errors import ConfigError

    found = load(root)
    for name, value in own.items():
        if found.settings.get(name, (None,))[0] != value:
            section, _, key = name.partition(".")
            raise ConfigError(
                f"{root / FILE} is used as it is, and does not say {name} = {value!r}",
                f"Write {key} = {written(value)} under [{section}].",
            )


def _tell(loop: Any, version: Any, root: Path, *, made: bool) -> None:
    from undrift.config.beginning import FILE
    from undrift.config.outlook import advice
    from undrift.promise import WORDS, promise
    from undrift.schema import features
    from undrift.words.numbers import number
    from undrift.words.phrases import count

    names = [c.name for c in features(loop.schema)]
    shown = ", ".join(names[:NAMED]) + (f", {len(names) - NAMED} more" if len(names) > NAMED else "")
    say(f"{root / FILE} is {'written' if made else 'used as it is'}.")
    say(f"{count(len(names), 'feature')}: {shown}")
    for column in loop.schema.columns:
        if column.role == "left out":
            say(f"left out: {column.name} ({column.reason})")
    if version.number == 0:
        say(f"The predictions in {loop.schema.prediction!r} are watched; to retrain, set model.use.")
    else:
        value = f" {number(version.reference_score)}" if version.reference_score is not None else ""
        score = f", {version.metric}{value} {WORDS[promise(version)]}" if version.metric else ""
        say(f"v{version.number} is live: {version.trainer.partition(':')[2] or version.trainer}{score}.")
    if loop.trainer is not None:
        say(f"Challengers will be judged by {loop.models.metric}: score.loss.")
    for sentence in advice(loop):
        say(f"Note: {sentence}.")
    say("Next: undrift run NEXT_BATCH")
