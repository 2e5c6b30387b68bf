"""Rows that a service has predicted, written beside the workspace in the background."""

from __future__ import annotations

import atexit
import itertools
import logging
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from undrift.arrow import UNREAD, type_named
from undrift.columns.time_formats import written
from undrift.errors import BusyError, DataError
from undrift.records import Schema

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

try:
    import fcntl
except ImportError:  # Windows has no such locks: there, one process at a time is up to its user
    fcntl = None  # type: ignore[assignment]

log = logging.getLogger("undrift.serving")

ROOM = 100_000
"""Rows that wait in memory, at most."""

BYTES = 1 << 30
"""Bytes that wait to be taken in, at most: beyond, rows are dropped and counted."""

TOGETHER = 64 << 20
"""Bytes that are taken in as one batch, about: what is taken in has to fit into memory."""

EVERY = 5.0
"""Seconds after which what waits is written."""

ODD = 1_000
"""Odd rows that are looked for in what is written at once, at most: what is still unread then is dropped."""

STALE = 3600.0
"""Seconds after which a file that is not whole was left by a service that died."""

TAKEN, REFUSED, FILLING = "taken-", "refused-", ".filling-"
"""How folders of files begin: taken in as one batch, refused by the workspace, being filled."""


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Be the only process that takes in the spool; raises BusyError while another one does."""
    folder.mkdir(parents=True, exist_ok=True)
    if fcntl is None:
        yield
        return
    opened = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError as error:
        raise BusyError("another process takes in what services predicted", "Try again.") from error
    finally:
        os.close(opened)


def takings(folder: Path) -> list[Path]:
    """Folders of spooled files, each to be taken in as one batch of its name and then deleted, oldest first.

    Files that wait are moved into a new one; one that was left by a process that died comes first, as it was.
    """
    for left in folder.glob(f"{FILLING}*"):
        left.rename(folder / f"{TAKEN}{left.name.removeprefix(FILLING)}")
    for files in _parts(sorted(folder.glob("*.parquet"))):
        new = folder / f"{FILLING}{time.time_ns()}"
        new.mkdir()
        for file in files:
            file.replace(new / file.name)
        new.rename(folder / f"{TAKEN}{new.name.removeprefix(FILLING)}")
    return sorted(path for path in folder.glob(f"{TAKEN}*") if path.is_dir())


def _parts(files: list[Path]) -> Iterator[list[Path]]:
    """The files, as many at a time as are taken in as one batch."""
    part, size = [], 0
    for file in files:
        part.append(file)
        size += file.stat().st_size
        if size >= TOGETHER:
            yield part
            part, size = [], 0
    if part:
        yield part


def _bytes(folder: Path) -> int:
    """How many bytes wait in a folder, from which another process may take files meanwhile."""
    found = 0
    for place, _, names in os.walk(folder):
        for name in names:
            with suppress(FileNotFoundError):
                found += (Path(place) / name).stat().st_size
    return found


def _without_remains(folder: Path) -> None:
    """Delete what services that died were writing."""
    for part in folder.glob(".*.part"):
        with suppress(OSError):
            if time.time() - part.stat().st_mtime > STALE:
                part.unlink()


def together(folder: Path, id_: str | None) -> pa.Table:
    """The rows of a folder's files; of those with one id the last one, as a request may be sent twice.

    Raises DataError for a file that is damaged, or is not of the same columns and types as the others.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        rows = pa.concat_tables([pq.read_table(file) for file in sorted(folder.glob("*.parquet"))])
    except (OSError, pa.ArrowException) as error:
        raise DataError(f"not all files can be read together: {error}", "Delete what is damaged.") from error
    if id_ is None or id_ not in rows.column_names:
        return rows
    last = {one: place for place, one in enumerate(rows[id_].to_pylist())}
    return rows if len(last) == len(rows) else rows.take(sorted(last.values()))


def refused(folder: Path) -> Path:
    """Move a folder that the workspace does not take out of the way; where it is now."""
    return folder.rename(folder.with_name(folder.name.replace(TAKEN, REFUSED, 1)))


class Spool:
    """A bounded queue of frames, written as Parquet files into a folder for ``undrift run`` to take in.

    A row without the workspace's id cannot be found again and is dropped, as is one that the workspace would
    not take. A row without a time gets the present one, one without a weight counts once. A file appears
    whole or not at all.
    """

    def __init__(self, folder: Path, schema: Schema, room: int = ROOM, every: float = EVERY) -> None:
        self._folder, self._schema, self._room, self._every = folder, schema, room, every
        self._wanted = {c.name for c in schema.columns} | {*filter(None, (schema.time, schema.id))}
        self._waiting: list[tuple[pd.DataFrame, datetime]] = []
        self._number = itertools.count()
        self.written = self.dropped = 0
        _without_remains(folder)
        self.begin()
        atexit.register(self.close)

    def begin(self) -> None:
        """Write from now on; once more in a process that was forked, whose parent writes what waited."""
        self._waiting, self._rows = [], 0
        self._lock, self._work = threading.Lock(), threading.Condition()
        self._closed = False
        self._writer = threading.Thread(target=self._run, name="undrift-spool", daemon=True)
        self._writer.start()

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
            self._waiting.append((rows.copy(), datetime.now(UTC)))
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

    def _filled(self, rows: pd.DataFrame, moment: datetime) -> pd.DataFrame:
        """The rows with the present time and the weight 1 where they have none."""
        schema, rows = self._schema, rows.copy()
        for name, value in ((schema.time, written(moment, schema.time_format)), (schema.weight, 1.0)):
            if name is None or value is None:
                continue
            rows[name] = rows[name].where(rows[name].notna(), value) if name in rows.columns else value
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
            written = self._write(waiting)
        except Exception as error:  # noqa: BLE001 - a full disk must not stop a service
            written = 0
            log.warning("%s rows are not handed to the workspace: %s", rows, error)
        self.written += written
        self.dropped += rows - written

    def _write(self, waiting: list[tuple[pd.DataFrame, datetime]]) -> int:
        """Write what the workspace will take as one file; how many rows that are."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        self._folder.mkdir(parents=True, exist_ok=True)
        if _bytes(self._folder) >= BYTES:
            what = f"run undrift run, and look after what was refused ({REFUSED}*)"
            raise OSError(f"{BYTES >> 20} MiB wait in {self._folder}: {what}")
        found = [table for rows in self._alike(waiting) for table in self._readable(rows)]
        if not found:
            return 0
        name = f"{time.time_ns()}-{os.getpid()}-{next(self._number)}.parquet"
        part = self._folder / f".{name}.part"
        try:
            with part.open("wb") as file:
                pq.write_table(pa.concat_tables(found), file)
                file.flush()
                os.fsync(file.fileno())
            part.replace(self._folder / name)
        finally:
            part.unlink(missing_ok=True)
        return sum(table.num_rows for table in found)

    def _alike(self, waiting: list[tuple[pd.DataFrame, datetime]]) -> Iterator[pd.DataFrame]:
        """The rows of frames of the same columns and types; others would change one another's values."""
        import pandas as pd

        alike: dict[tuple[object, ...], list[pd.DataFrame]] = {}
        for rows, moment in waiting:
            if rows.columns.is_unique:
                kept = self._filled(rows[[name for name in rows.columns if name in self._wanted]], moment)
                alike.setdefault((*kept.columns, *kept.dtypes), []).append(kept)
        for some in alike.values():
            yield pd.concat(some, ignore_index=True)

    def _readable(self, rows: pd.DataFrame) -> list[pa.Table]:
        """The rows that the workspace will take, in its types; why not the others is logged once."""
        odd: list[str] = []
        found = list(_halved(rows, self._read, odd))
        if odd:
            log.warning("not all rows are handed to the workspace: %s", odd[0])
        return found

    def _read(self, rows: pd.DataFrame) -> pa.Table:
        """The rows as the workspace reads them; a column that it keeps beside the model's may be missing."""
        import pyarrow as pa

        from undrift.workspace import reading

        schema = self._schema
        if schema.id is not None:
            rows = rows[~rows[schema.id].astype(str).duplicated(keep="last") | rows[schema.id].isna()]
        table = pa.Table.from_pandas(rows, preserve_index=False)
        for column in schema.columns:
            if column.role != "feature" and column.name not in table.column_names and column.type != UNREAD:
                table = table.append_column(column.name, pa.nulls(table.num_rows, type_named(column.type)))
        return reading.read(table, schema, "spool", "what a service sent", datetime.now(UTC)).rows


def _halved(
    rows: pd.DataFrame, read: Callable[[pd.DataFrame], pa.Table], odd: list[str]
) -> Iterator[pa.Table]:
    """The tables of the rows that can be read; why others cannot is added to ``odd``.

    Odd rows are found by halving, until that was done too often.
    """
    if len(odd) >= ODD:
        return
    try:
        yield read(rows)
    except Exception as error:  # noqa: BLE001 - whatever a client sent
        if len(rows) == 1:
            odd.append(str(error))
            return
        half = len(rows) // 2
        yield from _halved(rows.iloc[:half], read, odd)
        yield from _halved(rows.iloc[half:], read, odd)
