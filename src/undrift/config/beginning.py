"""A workspace that is being made: it carries a mark, written first and taken away last.

Whoever finds the mark of an init that was killed may start anew. Nothing else is ever removed.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING

from undrift.errors import BusyError, UndriftError

if TYPE_CHECKING:
    from undrift.lakes import Lake
    from undrift.stores import Store

try:
    import fcntl
except ImportError:  # not on Windows: two inits at once in one folder go unnoticed there
    fcntl = None  # type: ignore[assignment]

FILE = "undrift.toml"
"""The settings of a workspace."""

DATA = ".undrift"
"""The folder in which a workspace keeps rows, records and models."""

OWN = ("store.db", "store.db-wal", "store.db-shm", "lake", "models")
"""What an init makes there."""

MARK = Path(DATA) / "init.json"
"""The mark: it holds the undrift.toml that the init wrote."""


@contextmanager
def beginning(root: Path, toml: str | None) -> Iterator[None]:
    """Make a workspace within this context: if it fails, what was made goes again, and nothing else.

    ``toml`` is written to undrift.toml; without it there is one, which stays. Raises BusyError where
    another init is at work.
    """
    (root / DATA).mkdir(parents=True, exist_ok=True)
    try:
        mark = (root / MARK).open("x", encoding="utf-8")
    except FileExistsError:
        raise _busy(root) from None
    with mark:
        _locked(mark)
        json.dump({"toml": toml}, mark)
        mark.flush()
        os.fsync(mark.fileno())
        try:
            if toml is not None:
                _write(root / FILE, toml)
            yield
        except BaseException:
            clear(root)
            raise
        finish(root)


def finish(root: Path) -> None:
    """Take the mark away: the workspace is made."""
    (root / MARK).unlink(missing_ok=True)


def abandoned(root: Path) -> bool:
    """Whether an init was killed here; raises BusyError while it is at work."""
    try:
        with (root / MARK).open("r+", encoding="utf-8") as mark:
            if not _locked(mark):
                raise _busy(root)
    except FileNotFoundError:
        return False
    return True


def worth_keeping(root: Path, store: Store | None, lake: Lake) -> str:
    """What is here that an init which was killed did not make; empty where there is no such thing.

    ``store`` is None where there is no database.
    """
    from undrift.lakes import BATCH
    from undrift.records import Batch

    strange = sorted(p.name for p in (root / DATA).glob("*") if p.name not in (*OWN, MARK.name))
    if strange:
        return f"{DATA} holds {strange[0]!r}, which undrift did not make"
    made = _toml(root)
    if made is not None and (root / FILE).exists() and (root / FILE).read_text(encoding="utf-8") != made:
        return f"{FILE} was edited"
    if store is None:
        rest = lake.versions() or (root / DATA / "models").exists()
        return f"{DATA} holds rows or models, but its store is gone" if rest else ""
    if store.ledger() or any(not batch.history for batch in store.all(Batch)):
        return "its store knows a model that was live"
    rows = lake.read("rows", columns=[BATCH])
    more = rows is not None and len(rows[BATCH].unique()) > 1
    return f"{DATA} holds more rows than its store knows" if more else ""


def clear(root: Path) -> None:
    """Remove what an init made under its mark."""
    (root / f".{FILE}.partial").unlink(missing_ok=True)
    if _toml(root) is not None:
        (root / FILE).unlink(missing_ok=True)
    for name in OWN:
        path = root / DATA / name
        shutil.rmtree(path, ignore_errors=True) if path.is_dir() else path.unlink(missing_ok=True)
    finish(root)
    if (root / DATA).is_dir() and not any((root / DATA).iterdir()):
        (root / DATA).rmdir()


def absent(root: Path) -> str:
    """The remedy where a workspace has no store: never one that would lose its rows."""
    if any((root / DATA / name).exists() for name in ("lake", "models")):
        return f"{root / DATA} holds its rows and models: restore the store from a backup."
    return f"Run undrift init --from FILE{'' if (root / FILE).exists() else ' --target COLUMN'}."


def _toml(root: Path) -> str | None:
    """The undrift.toml that an init wrote; None where it wrote none, for there was one, or had yet to."""
    try:
        found: str | None = json.loads((root / MARK).read_text(encoding="utf-8"))["toml"]
    except (OSError, ValueError, KeyError):
        return None
    return found


def _write(path: Path, text: str) -> None:
    """Write a file whole or not at all."""
    partial = path.with_name(f".{path.name}.partial")
    partial.write_text(text, encoding="utf-8")
    partial.replace(path)


def _locked(mark: IO[str]) -> bool:
    """Lock the mark for as long as it is open; False where another process holds it, however it ends."""
    if fcntl is None:
        return True
    try:
        fcntl.flock(mark, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _busy(root: Path) -> UndriftError:
    return BusyError(f"another undrift init is at work in {root}", "Wait for it, or choose another folder.")
