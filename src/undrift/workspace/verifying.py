"""Whether what is on record is there and was not altered: the ledger, versions, artifacts, rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from undrift.errors import UndriftError
from undrift.lakes import BATCH, WINDOW, Lake
from undrift.records import Batch, Version
from undrift.registries import Registry
from undrift.stores import Store, versions
from undrift.words.phrases import count


@dataclass(frozen=True)
class Verified:
    """One kind of thing that was looked at: what was found in words, and every fault with its remedy."""

    what: str
    found: str
    faults: tuple[str, ...]


def verified(store: Store, lake: Lake, registry: Registry, head: str = "") -> list[Verified]:
    """Look at everything that is on record; ``head`` is a hash that the ledger must contain.

    The chain is whole up to every hash that it contains, so nothing before a head that somebody noted was
    altered since.
    """
    return [
        _looked("ledger", lambda: _ledger(store, head)),
        _looked("versions", lambda: _versions(store)),
        _looked("artifacts", lambda: _artifacts(store, registry)),
        _looked("rows", lambda: _rows(store, lake)),
    ]


def _looked(what: str, look: Callable[[], tuple[str, list[str]]]) -> Verified:
    try:
        found, faults = look()
    except UndriftError as error:
        return Verified(what, "cannot be read", (str(error),))
    return Verified(what, found, tuple(faults))


def _ledger(store: Store, head: str) -> tuple[str, list[str]]:
    entries = store.ledger()
    found = f"entries: {len(entries):,}"
    newest = f", head {entries[-1].hash}" if entries else ""
    if head and all(entry.hash != head for entry in entries):
        return found + newest, [f"no entry has the hash {head}: entries are gone. Restore a backup."]
    return found + newest, []


def _versions(store: Store) -> tuple[str, list[str]]:
    known = {one.number for one in versions(store)}
    wanted = {entry.promotion.version for entry in store.ledger()}
    wanted |= {member.version for one in versions(store) for member in one.members}
    faults = [f"v{number} is gone, which the ledger names. Restore a backup." for number in wanted - known]
    return count(len(known), "version"), sorted(faults)


def _artifacts(store: Store, registry: Registry) -> tuple[str, list[str]]:
    wanted = {sha256: one.number for one in versions(store) for sha256 in _of(one)}
    faults = []
    for sha256, number in wanted.items():
        try:
            registry.get(sha256)
        except UndriftError as error:
            faults.append(f"v{number}: {error}")
    return count(len(wanted), "artifact"), faults


def _of(one: Version) -> Iterator[str]:
    """The artifacts of a version: what serves, and what was judged for it."""
    yield from filter(None, (one.artifact, one.twin.artifact if one.twin else ""))


def _rows(store: Store, lake: Lake) -> tuple[str, list[str]]:
    batches = [batch for batch in store.all(Batch) if batch.rows]
    kept = _counted(lake.read("rows", columns=[BATCH, WINDOW]))
    faults = []
    for batch in batches:
        there = kept.get(batch.kept_as or batch.id, 0)
        if there != batch.rows:
            gone = f"delivery {batch.id}: {batch.rows:,} rows are on record, {there:,} in the lake"
            faults.append(f"{gone}. Restore the lake from a backup.")
    rows = count(sum(batch.rows for batch in batches), "row")
    return f"{rows}, deliveries: {len(batches):,}", faults


def _counted(rows: pa.Table | None) -> dict[str, int]:
    """How many rows the lake has of each delivery."""
    if rows is None:
        return {}
    return {one["values"]: one["counts"] for one in pc.value_counts(rows[BATCH]).to_pylist()}
