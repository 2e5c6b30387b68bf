"""The hash chain of a ledger: whoever alters an entry breaks the link to the next one."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Protocol

from undrift.errors import UndriftError

GENESIS = "0" * 64
"""What the first entry chains to."""


class Link(Protocol):
    """One entry as it is kept."""

    @property
    def number(self) -> int:
        """Position, from 1."""

    @property
    def at(self) -> float:
        """When it was written, in seconds since 1970."""

    @property
    def body(self) -> str:
        """What it says."""

    @property
    def hash(self) -> str:
        """sha256 over the previous hash and the entry."""


def link(previous: str, number: int, at: float, body: str) -> str:
    """The hash of an entry: sha256 over the previous hash and the entry."""
    return hashlib.sha256(f"{previous}\n{number}\n{at!r}\n{body}".encode()).hexdigest()


def check(entries: Iterable[Link]) -> None:
    """Raise UndriftError unless every entry, oldest first, chains to the one before."""
    previous = GENESIS
    for entry in entries:
        if entry.hash != link(previous, entry.number, entry.at, entry.body):
            raise UndriftError(f"ledger entry {entry.number} was altered", "Restore the store from a backup.")
        previous = entry.hash
