"""A job of one's own: PyTorch, a GPU, a cluster, another language."""

from __future__ import annotations

import logging
import shlex
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from undrift import artifacts, jobs, tasks
from undrift.errors import ConfigError, ModelError
from undrift.records import Schema
from undrift.schema import features
from undrift.trainers import ByPath, Trainer

if TYPE_CHECKING:
    import pandas as pd

log = logging.getLogger("undrift.jobs")

TARGET, WEIGHT = "_target", "_weight"
"""Columns of what a job trains on, beside the features."""

MODELS: dict[str, artifacts.Format] = {
    "model.skops": "skops",
    "model.onnx": "onnx",
    "model.joblib": "pickle",
    "model.pkl": "pickle",
}
"""What a job may leave behind, if not a folder ``model`` with an executable ``predict``."""


class Command:
    """Runs ``command`` with JSON on its stdin, and takes the model that it leaves behind.

    The JSON says where the rows are (``rows``, a Parquet file with the features, ``_target`` and, where
    rows weigh, ``_weight``), what they are (``features``, ``task``, ``classes``), and into which folder the
    model goes (``output``). Rows that are held out to judge the model are not among them. It leaves
    ``model.skops``, ``model.onnx``, ``model.joblib``, or a folder ``model`` with an executable ``predict``.
    It is tried again ``retries`` times, each for at most ``timeout`` seconds; what it wrote is deleted.
    Relative paths start where undrift runs.
    """

    name = "command"

    def __init__(
        self,
        command: str | Sequence[str],
        timeout: float = 3600.0,
        retries: int = 0,
        predict_timeout: float = jobs.SECONDS,
    ) -> None:
        words = shlex.split(command) if isinstance(command, str) else [str(word) for word in command]
        if not words:
            raise ConfigError("model.params.command is empty", 'Name a command: ["python", "train.py"].')
        if not timeout > 0 or not predict_timeout > 0:
            raise ConfigError("model.params.timeout is out of range", "Give seconds above 0.")
        if retries < 0:
            raise ConfigError("model.params.retries is out of range", "Give 0 or more.")
        self._command, self._timeout, self._retries = words, timeout, retries
        self._predict_timeout = predict_timeout
        self._home = Path.cwd()

    def ready(self) -> None:
        """Nothing has to be imported."""

    @property
    def recipe(self) -> str:
        """Empty: it is own code."""
        return ""

    def made(self, name: str) -> bool:
        """Whether a version of such a name was trained by a command: then it may be loaded here."""
        return name.partition(" ")[0] == "command"

    def fit(
        self,
        rows: pd.DataFrame,
        labels: NDArray[np.float64],
        schema: Schema,
        champion: Any | None,  # noqa: ARG002
        weights: NDArray[np.float64] | None = None,
    ) -> Any:
        """The model that the job leaves behind; raises ModelError where it fails or leaves none."""
        for attempt in range(1 + self._retries):
            try:
                return self._once(rows, labels, schema, weights)
            except ModelError as error:
                if attempt == self._retries:
                    raise
                log.warning("attempt %d of %d failed: %s", attempt + 1, 1 + self._retries, error)
                time.sleep(min(2**attempt, 30))
        raise ModelError("the command was never run", "Set model.params.retries to 0 or more.")

    def _once(
        self,
        rows: pd.DataFrame,
        labels: NDArray[np.float64],
        schema: Schema,
        weights: NDArray[np.float64] | None,
    ) -> Any:
        names = [c.name for c in features(schema)]
        with tempfile.TemporaryDirectory(prefix="undrift-job-") as place:
            table = pa.Table.from_pandas(rows[names], preserve_index=False)
            table = table.append_column(TARGET, tasks.named(schema.task).written(labels, schema.classes))
            if weights is not None:
                table = table.append_column(WEIGHT, pa.array(weights))
            output = Path(place) / "output"
            output.mkdir()
            pq.write_table(table, Path(place) / "rows.parquet")
            given = {
                "rows": str(Path(place) / "rows.parquet"),
                "output": str(output),
                "features": [{"name": c.name, "kind": c.kind} for c in features(schema)],
                "target": TARGET,
                "weight": WEIGHT if weights is not None else None,
                "task": schema.task,
                "classes": list(schema.classes),
            }
            jobs.run(self._command, given, self._home, self._timeout)
            return self._left(output)

    def _left(self, output: Path) -> Any:
        """The model that a job left in a folder."""
        if (output / "model").is_dir():
            (output / "model" / jobs.LIMIT).write_text(str(self._predict_timeout))
            return jobs.JobModel(jobs.packed(output / "model"))
        for name, form in MODELS.items():
            if (output / name).is_file():
                return artifacts.load((output / name).read_bytes(), form, trust_pickle=True)
        left = ", ".join(sorted(path.name for path in output.iterdir())) or "nothing"
        raise ModelError(
            f"{self._command[0]} left no model but {left}", f"Write {', '.join(MODELS)} or a folder model."
        )


_: type[Trainer] = Command
__: type[ByPath] = Command
