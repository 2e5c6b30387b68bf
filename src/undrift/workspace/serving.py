"""What a version says about rows that are not kept; and its model, to take away."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from undrift import artifacts, inputs, lineup, stores, tasks
from undrift import schema as agreed
from undrift.columns import calendar
from undrift.columns.kinds import as_text
from undrift.errors import ConfigError, ModelError, unwritable
from undrift.records import Schema, Version
from undrift.stores import Store
from undrift.workspace.archive import FOREIGN
from undrift.workspace.lines import Line
from undrift.workspace.models import Models
from undrift.workspace.overview import Overview, overview
from undrift.workspace.voting import voting

if TYPE_CHECKING:
    import pandas as pd

MANIFEST = "model.json"
"""What an exported model is, and how to load it."""

FORMAT = 1
"""Version of the manifest."""

ENDINGS = {"pickle": "pkl", "folder": "tar"}
"""How exported files end, where not by the name of their form."""

Manifest = dict[str, Any]
"""What stands beside an exported model."""


@dataclass(frozen=True)
class Predictions:
    """What a version said, one entry per row; ``probabilities`` (rows, classes) where there are classes.

    ``ids`` is None where the rows have no id column. ``classes`` are in the order of the probabilities.
    """

    version: int
    values: NDArray[Any]
    probabilities: NDArray[np.float64] | None
    classes: tuple[str, ...]
    ids: tuple[str, ...] | None


class Served:
    """A loop as those see it who use its model: what it says, how it is, and how to take it away."""

    schema: Schema
    store: Store
    models: Models

    def predict(self, rows: Any, version: int | None = None) -> NDArray[Any]:
        """One prediction per row, shape (rows,): a number, or a class as the target has it; nothing is kept.

        The live model is asked, or another ``version``. The target may be absent, other columns are ignored.
        """
        return self.predictions(rows, version).values

    def predict_proba(self, rows: Any, version: int | None = None) -> NDArray[np.float64]:
        """The probability of each of ``schema.classes``, shape (rows, classes)."""
        found = self.predictions(rows, version).probabilities
        if found is None:
            raise ModelError(f"{self.schema.target!r} is a number: it has no classes", "Use predict.")
        return found

    def predictions(self, rows: Any, version: int | None = None) -> Predictions:
        """What the live model, or another ``version``, says about rows, with their ids and probabilities."""
        return predictions(self.models, self._version(version), rows)

    def export(self, destination: str | Path, version: int | None = None, *, force: bool = False) -> Manifest:
        """Write the live model, or another ``version``, and what it is into a folder."""
        return export(self.models, self._version(version), Path(destination), force=force)

    def status(self) -> Overview:
        """How the model is: ``sentence``, ``state``, ``live``, ``lines`` and what else the records say."""
        return overview(self.store)

    def history(self) -> tuple[Line, ...]:
        """Every settled window, oldest first, with what was found and done."""
        return overview(self.store).lines

    def _version(self, number: int | None) -> Version:
        """A version by its number, by default the live one."""
        return stores.live(self.store) if number is None else self.models.version(number)


def predictions(models: Models, version: Version, rows: Any) -> Predictions:
    """Ask a version about rows: the target may be absent, columns that the model does not use are ignored.

    Raises DataError for a column that is lacking or does not fit, ModelError for a version that undrift holds
    no model of.
    """
    require_model(version)
    source = inputs.label_of(rows)
    table = calendar.with_features(inputs.read(rows), models.schema, source)
    weights = {m.version: m.weight for m in models.members(version)}
    said = {n: _asked(models, n, table, source) for n, weight in weights.items() if weight > 0}
    raw = lineup.mixed(said, weights) if version.members else said[version.number]
    id_ = models.schema.id
    has_ids = id_ is not None and id_ in table.column_names
    ids = tuple(as_text(table[id_]).to_pylist()) if has_ids else None
    classes = models.schema.classes
    labels, probabilities = tasks.named(models.schema.task).answer(raw, classes)
    return Predictions(version.number, labels, probabilities, classes, ids)


def _asked(models: Models, number: int, table: pa.Table, source: str) -> NDArray[np.float64]:
    """What one model says about the rows of a table, as numbers or probabilities."""
    model = models.load(number)
    return artifacts.predict(model, frame_for(model, table, models.schema, source), models.schema)


def frame_for(model: Any, table: pa.Table, schema: Schema, source: str) -> pd.DataFrame:
    """The columns that a model may be shown of a table, in the types that it was trained on.

    Raises DataError for a column that is lacking or does not fit.
    """
    fitting = agreed.conform(table, _wanted(schema, model, table), source)
    names = [name for name in artifacts.columns(schema, model) if name in fitting.column_names]
    return artifacts.frame(fitting, schema, names)


def export(models: Models, version: Version, destination: Path, *, force: bool = False) -> Manifest:
    """Write the model of a version, and what it is, into a folder; gives what the manifest says.

    Its hash is checked; it is loaded only to make one model of the members of a mixture. Raises ConfigError
    where it would write over another one, unless that is wanted.
    """
    require_model(version)
    artifact, form = _artifact(models, version)
    file = f"model.{ENDINGS.get(form, form)}"
    taken = [name for name in (file, MANIFEST) if (destination / name).exists()]
    if taken and not force:
        raise ConfigError(f"{destination / taken[0]} exists already", "Give --force to write over it.")
    said = _manifest(models.schema, version, file, artifact) | _members(models, version)
    try:
        destination.mkdir(parents=True, exist_ok=True)
        for name, data in ((file, artifact), (MANIFEST, json.dumps(said, indent=2).encode() + b"\n")):
            beside = destination / f".{name}.part"
            beside.write_bytes(data)
            beside.replace(destination / name)
    except OSError as error:
        raise unwritable(destination, error) from error
    return said


def _artifact(models: Models, version: Version) -> tuple[bytes, str]:
    """The bytes of the model that serves as a version, and their format."""
    if not version.members:
        return models.registry.get(version.artifact), version.format
    serving = {f"v{m.version}": m for m in models.members(version) if m.weight > 0}
    fitted = {name: models.load(m.version) for name, m in serving.items()}
    together = voting(fitted, {name: m.weight for name, m in serving.items()}, models.schema)
    pickled = any(models.version(m.version).format == "pickle" for m in serving.values())
    return artifacts.serialise(together, prefer_pickle=pickled)


def require_model(version: Version) -> None:
    """Raise ModelError for the predictions that come with the rows, of which undrift holds no model."""
    if version.number == FOREIGN:
        raise ModelError(
            "undrift holds no model here: the predictions come with the rows",
            "Name a version that it trained.",
        )


def _wanted(schema: Schema, model: Any, table: pa.Table) -> Schema:
    """The agreed columns that a model needs: times only where it names them, or they are there."""
    names = artifacts.columns(schema, model)
    own = {c.name for c in agreed.features(schema)}
    needed = (
        own | set(names) if artifacts.remembers(model, schema) else own | ({*names} & {*table.column_names})
    )
    return replace(schema, columns=tuple(c for c in schema.columns if c.name in needed))


def _manifest(schema: Schema, version: Version, file: str, artifact: bytes) -> Manifest:
    return {
        "format": FORMAT,
        "file": file,
        "sha256": hashlib.sha256(artifact).hexdigest(),
        "version": version.number,
        "trainer": version.trainer,
        "trained_after": version.window,
        "task": schema.task,
        "target": schema.target,
        "classes": list(schema.classes),
        "features": [{"name": c.name, "kind": c.kind} for c in agreed.features(schema)],
        "columns": [{"name": c.name, "type": c.type} for c in schema.columns],
        "score": {"metric": version.metric, "value": version.reference_score, "measured": version.promise},
        "libraries": version.libraries,
        "load": _how(file, artifact),
    }


def _members(models: Models, version: Version) -> Manifest:
    """The members of a mixture with their weights; nothing for any other version."""
    if not version.members:
        return {}
    return {
        "members": [
            {"version": m.version, "weight": m.weight, "sha256": models.version(m.version).artifact}
            for m in models.members(version)
        ]
    }


def _how(file: str, artifact: bytes) -> dict[str, Any]:
    """How to load a model: the code, and what it rests on."""
    rows = (
        "predict takes a pandas DataFrame of the features: numbers and truths as float64, "
        "labels as objects, times as datetimes in UTC without a zone"
    )
    if file.endswith(".pkl"):
        return {
            "code": f"import joblib; model = joblib.load({file!r})",
            "note": "A pickle runs code when it is loaded, and needs the modules that it was made with.",
            "rows": rows,
        }
    if file.endswith(".tar"):
        return {"code": "tar xf model.tar; ./predict ROWS.parquet OUT.parquet", "rows": rows}
    if file.endswith(".onnx"):
        return {"code": f"import onnxruntime; model = onnxruntime.InferenceSession({file!r})", "rows": rows}
    code = f"import json, skops.io; trusted = json.load(open({MANIFEST!r}))['load']['trusted']; "
    return {
        "code": f"{code}model = skops.io.load({file!r}, trusted=trusted)",
        "trusted": artifacts.untrusted(artifact),
        "rows": rows,
    }
