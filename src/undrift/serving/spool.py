"""Rows that a service has predicted, written beside the workspace in the background."""

from __future__ import annotations

import atexit
import itertools
import logging
import os
import threading
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from undrift.records import Schema

if TYPE_CHECKING:
    import pandas as pd

log = logging.getLogger("undrift.serving")

ROOM = 100_000
"""Rows that wait in memory, at most."""

FILES = 1_000
"""Files that wait to be taken in, at most: beyond, rows are dropped and counted."""

EVERY = 5.0
"""Seconds after which what waits is written."""


TAKEN = "taken-"
"""How the folder of files begins that are taken in as one batch."""


def takings(folder: Path) -> list[Path]:
    """Folders of spooled files, each to be taken in as one batch of its name and then deleted, oldest first.

    Files that wait are moved into a new one; one that was left by a process that died comes first, as it was.
    """
    waiting = sorted(folder.glob("*.parquet"))
    if waiting:
        new = folder / f"{TAKEN}{time.time_ns()}"
        new.mkdir()
        for file in waiting:
            file.replace(new / file.name)
    return sorted(path for path in folder.glob(f"{TAKEN}*") if path.is_dir())


class Spool:
    """A bounded queue of frames, written as Parquet files into a folder for ``undrift run`` to take in.

    A row without the workspace's id cannot be found again and is dropped; a row without a time gets the
    present one. A file appears whole or not at all.
    """

    def __init__(self, folder: Path, schema: Schema, room: int = ROOM, every: float = EVERY) -> None:
        self._folder, self._schema, self._room, self._every = folder, schema, room, every
        self._wanted = {c.name for c in schema.columns} | {*filter(None, (schema.time, schema.id))}
        self._waiting: list[pd.DataFrame] = []
        self._rows = 0
        self._number = itertools.count()
        self._lock, self._work = threading.Lock(), threading.Condition()
        self._closed = False
        self.written = self.dropped = 0
        self._writer = threading.Thread(target=self._run, name="undrift-spool", daemon=True)
        self._writer.start()
        atexit.register(self.close)

    def put(self, rows: pd.DataFrame) -> None:
        """Let rows wait to be written; never blocks and never raises."""
        lacks = self._schema.id is not None and self._schema.id not in rows.columns
        with self._lock:
            if lacks or self._closed or self._rows + len(rows) > self._room:
                if not self.dropped:
                    why = f"they have no column {self._schema.id!r}" if lacks else "there is no room"
                    log.warning("rows are not handed to the workspace: %s", why)
                self.dropped += len(rows)
                return
            moment = datetime.now(UTC)
            self._waiting.append(self._timed(rows.copy(), moment))
            self._rows += len(rows)

    def close(self) -> None:
        """Write what waits, and stop."""
        atexit.unregister(self.close)
        with self._lock:
            if self._closed:
                return
            self._closed = True
        with self._work:
            self._work.notify_all()
        self._writer.join(timeout=30)

    def _timed(self, rows: pd.DataFrame, moment: datetime) -> pd.DataFrame:
        time_ = self._schema.time
        if time_ is not None and time_ not in rows.columns and self._schema.time_format == "iso":
            rows[time_] = moment.isoformat()
        return rows

    def _run(self) -> None:
        while not self._closed:
            with self._work:
                self._work.wait(self._every)
            self._flush()
        self._flush()

    def _flush(self) -> None:
        with self._lock:
            waiting, rows = self._waiting, self._rows
            self._waiting, self._rows = [], 0
        if not waiting:
            return
        try:
            self._write(waiting)
            self.written += rows
        except Exception as error:  # noqa: BLE001 - a full disk must not stop a service
            self.dropped += rows
            log.warning("%s rows are not handed to the workspace: %s", rows, error)

    def _write(self, waiting: list[pd.DataFrame]) -> None:
        import pandas as pd
        import pyarrow as pa
        import pyarrow.parquet as pq

        self._folder.mkdir(parents=True, exist_ok=True)
        if sum(1 for _ in self._folder.glob("*.parquet")) >= FILES:
            raise OSError(f"{FILES} files wait in {self._folder}: run undrift run")
        every = pd.concat(waiting, ignore_index=True)
        every = every[[name for name in every.columns if name in self._wanted]]
        name = f"{time.time_ns()}-{os.getpid()}-{next(self._number)}.parquet"
        part = self._folder / f".{name}.part"
        with part.open("wb") as file:
            pq.write_table(pa.Table.from_pandas(every, preserve_index=False), file)
            file.flush()
            os.fsync(file.fileno())
        part.replace(self._folder / name)
