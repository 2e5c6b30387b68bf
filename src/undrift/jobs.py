"""Commands of one's own: run with a limit of time, their progress shown; a folder with one is a model."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
import tarfile
import tempfile
import threading
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, Any, cast

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from undrift import supervised
from undrift.errors import ModelError, UntrustedError

Floats = NDArray[np.float64]

PREDICT = "predict"
"""The file in a model's folder that predicts."""

LIMIT = ".undrift-timeout"
"""The file in a model's folder that says how many seconds it may predict."""

SECONDS = 600.0
"""Seconds that a model may predict of which nothing is said."""

TAIL = 15
"""Lines of a job that are shown when it fails."""

PATIENCE = 1.0
"""Seconds that a job's last lines are waited for: a daemon that it left may hold them back for ever."""

EPOCH = 0
"""When all files of a folder were changed, so that the same folder has the same bytes."""


def run(command: Sequence[str], given: dict[str, Any], folder: Path, timeout: float) -> None:
    """Run a command in a folder with JSON on its stdin; every line that it writes is shown on stderr.

    When it ends, takes longer than ``timeout`` seconds, or undrift is killed, all that it started is killed
    with it. Raises ModelError, with its last lines, where it cannot be started, is late or fails.
    """
    lines: deque[str] = deque(maxlen=TAIL)
    alive, here = os.pipe()
    process = subprocess.Popen(  # noqa: S603 - the user names the command
        [sys.executable, "-I", "-S", supervised.__file__, str(alive), *command],
        cwd=folder,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        start_new_session=True,
        pass_fds=(alive,),
    )
    os.close(alive)
    threading.Thread(target=_hand_over, args=(cast(IO[str], process.stdin), given), daemon=True).start()
    reader = threading.Thread(target=_show, args=(cast(IO[str], process.stdout), lines), daemon=True)
    reader.start()
    try:
        code = process.wait(timeout)
    except subprocess.TimeoutExpired as error:
        raise ModelError(
            f"{command[0]} took longer than {timeout:g} s", "Raise the timeout, or speed it up."
        ) from error
    finally:
        _kill(process)
        os.close(here)
        reader.join(PATIENCE)
    tail = "\n".join(lines)
    if code == supervised.CANNOT_RUN:
        raise ModelError(f"{command[0]} cannot be run: {tail}", "Check the command.")
    if code:
        raise ModelError(f"{command[0]} ended with {code}:\n{tail}", "Correct the job.")


def _hand_over(stdin: IO[str], given: dict[str, Any]) -> None:
    """Write the JSON; a job need not read it."""
    with suppress(BrokenPipeError), stdin:
        json.dump(given, stdin)


def _show(stdout: IO[str], lines: deque[str]) -> None:
    """Show what the job writes, and keep the last lines."""
    with stdout:
        for line in stdout:
            lines.append(line.rstrip())
            print(f"  │ {line.rstrip()}", file=sys.stderr, flush=True)


def _kill(process: subprocess.Popen[str]) -> None:
    """End a process with all that it started in its group."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


class JobModel:
    """A folder with an executable ``predict``, kept as one file and unpacked where it is used.

    ``predict ROWS.parquet OUT.parquet`` writes one column for numbers, or one for each class that is named
    like it. It is run with every right of this process, so a folder needs the same consent as a pickle.
    """

    def __init__(self, content: bytes) -> None:
        self.content = content
        self._home = tempfile.TemporaryDirectory(prefix="undrift-model-")
        self._folder = Path(self._home.name)
        try:
            with tarfile.open(fileobj=io.BytesIO(content)) as archive:
                archive.extractall(self._folder, filter="data")
        except tarfile.TarError as error:
            raise UntrustedError(f"this is no whole folder: {error}", "Train the model again.") from error
        limit = self._folder / LIMIT
        self.timeout = float(limit.read_text()) if limit.is_file() else SECONDS
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
