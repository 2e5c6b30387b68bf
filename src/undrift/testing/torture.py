"""A process that dies at its k-th write, in process: what wraps store, lake and registry, and counts."""

from __future__ import annotations

from typing import Any

WRITES = ("put", "put_profile", "crown", "append")
"""Methods of a store, a lake and a registry that write something."""


class Death(BaseException):
    """The end of the process: nothing that catches errors catches it."""


class Deaths:
    """Counts the writes of the parts it wraps, and dies at the k-th, before it is made or just after.

    >>> deaths, kept = Deaths(), []
    >>> for row in "ab":
    ...     deaths.mortal(kept).append(row)
    >>> deaths.writes, kept
    (2, ['a', 'b'])
    """

    def __init__(self, at: int = 0, *, after: bool = False) -> None:
        """Die at write number ``at``, from 1; never at 0."""
        self.at, self.after, self.writes = at, after, 0

    def mortal(self, part: Any) -> Any:
        """The part, whose writes are counted."""
        return _Mortal(part, self)

    def write(self, method: Any, *given: Any, **named: Any) -> Any:
        """Make a write, unless it is the one at which the process dies."""
        self.writes += 1
        if self.writes == self.at and not self.after:
            raise Death
        made = method(*given, **named)
        if self.writes == self.at:
            raise Death
        return made


class _Mortal:
    def __init__(self, part: Any, deaths: Deaths) -> None:
        self._part, self._deaths = part, deaths

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._part, name)
        if name not in WRITES:
            return found
        return lambda *given, **named: self._deaths.write(found, *given, **named)
