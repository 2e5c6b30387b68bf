"""Commands of one's own: run with a limit of time, their progress shown; a folder with one is a model."""

from __future__ import annotations

import io
import json
import logging
import os
import signal
import subprocess
import sys
import tarfile
import tempfile
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from undrift.errors import ModelError, UntrustedError

Floats = NDArray[np.float64]

log = logging.getLogger("undrift.jobs")

PREDICT = "predict"
"""The file in a model's folder that predicts."""

TAIL = 15
"""Lines of a job that are shown when it fails."""

EPOCH = 0
"""When all files of a folder were changed, so that the same folder has the same bytes."""


def run(command: Sequence[str], given: dict[str, Any], folder: Path, timeout: float) -> None:
    """Run a command in a folder with JSON on its stdin; every line that it writes is shown on stderr.

    Raises ModelError, with its last lines, where it cannot be started, ends with another code than 0 or takes
    longer than ``timeout`` seconds; then it and all that it started are killed.
    """
    try:
        process = subprocess.Popen(  # noqa: S603 - the user names the command
            list(command),
            cwd=folder,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,
        )
    except OSError as error:
        raise ModelError(f"{command[0]} cannot be run: {error}", "Check the command.") from error
    late = threading.Event()

    def stop() -> None:
        late.set()
        _kill(process)

    clock = threading.Timer(timeout, stop)
    clock.start()
    try:
        lines = _talk(process, given)
        code = process.wait()
    except BaseException:
        _kill(process)
        raise
    finally:
        clock.cancel()
    if late.is_set():
        raise ModelError(f"{command[0]} took longer than {timeout:g} s", "Raise the timeout, or speed it up.")
    if code:
        tail = "\n".join(lines[-TAIL:])
        raise ModelError(f"{command[0]} ended with {code}:\n{tail}", "Correct the job.")


def _talk(process: subprocess.Popen[str], given: dict[str, Any]) -> list[str]:
    """Hand over the JSON, show what comes, and give it."""
    if process.stdin is None or process.stdout is None:
        return []
    try:
        process.stdin.write(json.dumps(given))
        process.stdin.close()
    except BrokenPipeError:
        log.debug("the job does not read its stdin")
    lines = []
    for line in process.stdout:
        lines.append(line.rstrip())
        del lines[: -10 * TAIL]
        print(f"  │ {line.rstrip()}", file=sys.stderr, flush=True)
    return lines


def _kill(process: subprocess.Popen[str]) -> None:
    """End a process with all that it started."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        process.kill()
    process.wait()


class JobModel:
    """A folder with an executable ``predict``, kept as one file and unpacked where it is used.

    ``predict ROWS.parquet OUT.parquet`` writes one column for numbers, or one for each class that is named
    like it. It is run with every right of this process, so a folder needs the same consent as a pickle.
    """

    def __init__(self, content: bytes, timeout: float = 600.0) -> None:
        self.content, self.timeout = content, timeout
        self._home = tempfile.TemporaryDirectory(prefix="undrift-model-")
        self._folder = Path(self._home.name)
        try:
            with tarfile.open(fileobj=io.BytesIO(content)) as archive:
                archive.extractall(self._folder, filter="data")
        except tarfile.TarError as error:
            raise UntrustedError(f"this is no whole folder: {error}", "Train the model again.") from error
        if not os.access(self._folder / PREDICT, os.X_OK):
            raise ModelError(f"the model's folder has no executable file {PREDICT!r}", "Add it: chmod +x.")

    def _said(self, rows: Any) -> pa.Table:
        with tempfile.TemporaryDirectory(prefix="undrift-rows-") as place:
            here, out = Path(place) / "rows.parquet", Path(place) / "said.parquet"
            pq.write_table(pa.Table.from_pandas(rows, preserve_index=False), here)
            run([str(self._folder / PREDICT), str(here), str(out)], {}, self._folder, self.timeout)
            try:
                said = pq.read_table(out)
            except (OSError, pa.ArrowException) as error:
                raise ModelError(f"{PREDICT} wrote no predictions: {error}", "Write Parquet.") from error
        if said.num_rows != len(rows):
            raise ModelError(
                f"{PREDICT} gave {said.num_rows:,} predictions of {len(rows):,} rows",
                "Give one for each row.",
            )
        return said

    def predict(self, rows: Any) -> NDArray[Any]:
        """Numbers, or the class of which most is said; shape (rows,)."""
        said = self._said(rows)
        if said.num_columns == 1:
            return np.asarray(said.column(0).to_numpy())
        best: NDArray[Any] = np.asarray(said.column_names)[_stacked(said).argmax(axis=1)]
        return best

    def predict_proba(self, rows: Any) -> Floats:
        """The probability of each class, shape (rows, classes)."""
        said = self._said(rows)
        self.classes_ = np.asarray(said.column_names)
        return _stacked(said)


def _stacked(said: pa.Table) -> Floats:
    return np.column_stack(
        [np.asarray(said[name].to_numpy(), dtype=np.float64) for name in said.column_names]
    )


def packed(folder: Path) -> bytes:
    """A folder as one file, the same bytes for the same content."""

    def plain(info: tarfile.TarInfo) -> tarfile.TarInfo:
        info.mtime, info.uid, info.gid, info.uname, info.gname = EPOCH, 0, 0, "", ""
        return info

    sink = io.BytesIO()
    with tarfile.open(fileobj=sink, mode="w") as archive:
        for path in sorted(folder.rglob("*")):
            archive.add(path, str(path.relative_to(folder)), recursive=False, filter=plain)
    return sink.getvalue()
