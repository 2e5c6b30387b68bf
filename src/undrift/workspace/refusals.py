"""Deliveries that were refused: they are put on record, so that whoever looks knows that a feed broke."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Literal

from undrift.errors import DataError
from undrift.records import Batch, Refusal
from undrift.stores import Store, keep


@contextmanager
def recorded(store: Store, what: Literal["rows", "labels"], source: str) -> Iterator[None]:
    """Put a delivery on record that is refused within this context, and raise its DataError again.

    The same file that is refused again, before another delivery was taken in, is one refusal.
    """
    try:
        yield
    except DataError as error:
        refusal = Refusal(what, source, error.problem, error.remedy, before=store.count(Batch))
        keep(store, _key(refusal), refusal)
        raise


def newest(store: Store) -> Refusal | None:
    """The last delivery of rows or labels, if it was refused; None where one of its kind came since."""
    refusals = store.all(Refusal, 1)
    if not refusals:
        return None
    last = refusals[-1]
    since = store.count(Batch) - last.before
    mended = any(brings(batch, last.what) for batch in store.all(Batch, since)) if since else False
    return None if mended else last


def brings(batch: Batch, what: Literal["rows", "labels"]) -> bool:
    """Whether a delivery brought rows (new or known), or only labels."""
    return bool(batch.rows or batch.repeated) == (what == "rows")


def _key(refusal: Refusal) -> str:
    text = repr(replace(refusal, before=0)).encode("utf-8", "surrogateescape")
    return f"{refusal.before}/{hashlib.sha256(text).hexdigest()[:16]}"
