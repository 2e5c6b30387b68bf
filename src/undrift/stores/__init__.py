"""Stores: records by key, kept versions, profiles, the lease, and the promotion ledger.

The champion is one row, written in one transaction with its ledger entry.
"""

from __future__ import annotations

import itertools
import logging
import os
import socket
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol, TypeVar

from undrift.errors import NotFoundError
from undrift.records import Fit, Member, Promotion, Refitted, Score, Version, Weights, encode

T = TypeVar("T")


events = logging.getLogger("undrift.events")
"""One log record per record kept: its attributes ``event`` and ``record`` say what it is."""


class Store(Protocol):
    """What a store of records can do. Every write is durable when the call returns."""

    def put(self, key: str, record: Any) -> bool:
        """Keep a record under its class and key; False, and nothing changed, if there is one."""

    def get(self, kind: type[T], key: str) -> T | None:
        """The record of this class under the key."""

    def all(self, kind: type[T], newest: int | None = None) -> list[T]:
        """All records of a class, or the newest ones, in the order in which they were put."""

    def count(self, kind: type[Any]) -> int:
        """How many records of a class there are."""

    def keys(self, kind: type[Any]) -> list[str]:
        """The keys of all records of a class, in the order in which they were put."""

    def times(self, kind: type[Any], newest: int | None = None) -> dict[str, datetime]:
        """When each record of a class, or the newest, was put (UTC), by key, in the order of the puts."""

    def put_profile(self, key: str, data: bytes) -> None:
        """Keep a profile's serial form; the first one under a key stays."""

    def get_profile(self, key: str) -> bytes | None:
        """The profile's serial form under the key."""

    def champion(self) -> Version | None:
        """The version that is live."""

    def crown(self, promotion: Promotion, token: int) -> None:
        """Make a version champion and write its ledger entry, in one transaction.

        Raises BusyError when the lease of ``token`` was lost in the meantime, and SupersededError unless
        ``promotion.previous`` is the champion whom it replaces.
        """

    def ledger(self) -> Sequence[LedgerEntry]:
        """All changes of champion, oldest first."""

    def acquire(self, name: str, holder: str, seconds: float) -> int:
        """Take or renew a lease; the token grows with every new holder. Raises BusyError if held."""

    def release(self, name: str, holder: str) -> None:
        """Give a lease back."""

    def close(self) -> None:
        """Let go of files and connections."""


class LedgerEntry(Protocol):
    """One link of the ledger's hash chain."""

    @property
    def number(self) -> int:
        """Position, from 1."""

    @property
    def at(self) -> datetime:
        """When it was written (UTC)."""

    @property
    def promotion(self) -> Promotion:
        """What changed."""

    @property
    def hash(self) -> str:
        """sha256 over the previous hash and this entry."""


_holders = itertools.count(1)


def holder() -> str:
    """A new name for a loop of this process; it tells others whether the process still lives."""
    return f"{socket.gethostname()}:{os.getpid()}:{next(_holders)}"


def gone(name: str) -> bool:
    """Whether a holder is known to be gone: it gave the lease back, or its process on this machine ended."""
    host, pid = (*name.split(":"), "")[:2]
    return not name or (host == socket.gethostname() and pid.isdigit() and not _alive(int(pid)))


def _alive(pid: int) -> bool:
    """Whether a process of this machine is there and has not ended: one nobody waited for is still listed."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    try:
        state = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2]
    except OSError:
        return True
    return state.split()[0] != "Z"


NO_MODEL = "If there was one, restore the store from a backup; else run undrift init."
"""The remedy where no model is live: an empty store may be all that is left of a full one."""


def scores(store: Store) -> list[Score]:
    """The newest revision of every score, in the order in which the windows were scored first."""
    return list({(s.window, s.version): s for s in store.all(Score)}.values())


def live(store: Store) -> Version:
    """The version that is live; raises NotFoundError before there is one."""
    found = store.champion()
    if found is None:
        raise NotFoundError("no model is live in this workspace", NO_MODEL)
    return _as_it_serves(found, store.get(Refitted, str(found.number)))


def version(store: Store, number: int) -> Version:
    """A version as it serves; raises NotFoundError if there is none."""
    found = store.get(Version, str(number))
    if found is None:
        raise NotFoundError(f"there is no version v{number}", "See undrift models.")
    return _as_it_serves(found, store.get(Refitted, str(number)))


def versions(store: Store) -> list[Version]:
    """Every version as it serves, or would, by number."""
    refits = {one.version: one for one in store.all(Refitted)}
    found = [_as_it_serves(one, refits.get(one.number)) for one in store.all(Version)]
    return sorted(found, key=lambda one: one.number)


NEWEST = 8
"""Records of weights that are looked at: two line-ups at most are weighed after each window."""


def members(store: Store, version: Version) -> tuple[Member, ...]:
    """Who serves as a version, and what each weighs by now: of one that is no mixture, itself."""
    if not version.members:
        return (Member(version.number, 1.0),)
    newest = weights(store, version.number)
    return newest.members if newest else version.members


def weights(store: Store, number: int) -> Weights | None:
    """What the members of a mixture weighed last; None where they were not weighed lately."""
    return next((one for one in reversed(store.all(Weights, NEWEST)) if one.version == number), None)


def _as_it_serves(version: Version, refit: Refitted | None) -> Version:
    """A version with its refit in the place of the model that was judged, which becomes its twin."""
    if refit is None:
        return version
    twin = Fit(version.artifact, version.format, version.bytes, version.through, version.snapshot)
    fit = refit.fit
    return replace(
        version,
        artifact=fit.artifact,
        format=fit.format,
        bytes=fit.bytes,
        through=fit.through,
        snapshot=fit.snapshot,
        twin=twin,
    )


def keep(store: Store, key: str, record: Any) -> bool:
    """Put a record and, if it is new, tell the log; whether it was new."""
    new = store.put(key, record)
    if new:
        tell(type(record).__name__.lower(), record)
    return new


def tell(event: str, record: Any) -> None:
    """One structured log line about a record."""
    events.info(event, extra={"event": event, "record": encode(record)})
