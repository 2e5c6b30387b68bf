"""A process may die at any write: whoever goes on ends where one that never died ends."""

from __future__ import annotations

import pytest

from conftest import moving_stream
from test_loop import KINDS, _bare, make_loop, recorded
from undrift.loop import Loop
from undrift.plugins import build
from undrift.records import Batch, Importance
from undrift.replay import play
from undrift.stores.sql import Sql
from undrift.testing.torture import Death, Deaths

WINDOWS = 5
"""Windows of production: enough for a retraining that is promoted and one that is not."""

FRAME = moving_stream(windows=15, rows=60, change=8)

PARTS = 8
"""Slices of the writes, each a test, so that they run side by side."""


def parts() -> dict[str, object]:
    """A store, a lake and a registry of no rows, all in memory."""
    return {
        "store": Sql(),
        "lake": build("lakes", {"use": "memory"}),
        "registry": build("registries", {"use": "memory"}),
    }


def lived(kept: dict[str, object], deaths: Deaths) -> Loop:
    """The whole play over these parts, up to the end or to a death."""
    mortal = {name: deaths.mortal(part) for name, part in kept.items()}
    loop = make_loop(FRAME, {"use": "schedule", "every": 2}, **mortal)
    recording = recorded(loop, FRAME)
    loop.start(recording.past)
    for _ in play(loop, recording, loop.label_delay, WINDOWS):
        pass
    return loop


def ends(loop: Loop) -> dict[str, list[object]]:
    """All that is on record, whatever the order of what happened at once."""
    records = {
        kind.__name__: sorted((_bare(r) for r in loop.store.all(kind)), key=str)
        for kind in (*KINDS, Batch, Importance)
    }
    rows = {
        name: sorted(map(str, table.to_pylist()))
        for name in ("rows", "labels", "predictions")
        for table in [loop.lake.read(name)]
        if table is not None
    }
    return {**records, **rows, "ledger": [_bare(entry.promotion) for entry in loop.store.ledger()]}


@pytest.fixture(scope="module")
def alive() -> tuple[int, dict[str, list[object]]]:
    """How many writes a life takes, and how it ends."""
    deaths = Deaths()
    loop = lived(parts(), deaths)
    assert len(loop.store.ledger()) > 1, "something was promoted"
    return deaths.writes, ends(loop)


@pytest.mark.parametrize("part", range(PARTS))
def test_death_at_any_write_changes_nothing(alive: tuple[int, dict[str, list[object]]], part: int) -> None:
    writes, end = alive
    assert writes > 10 * PARTS
    for at in range(1 + part, writes + 1, PARTS):
        kept = parts()
        with pytest.raises(Death):
            lived(kept, Deaths(at, after=bool(at // PARTS % 2)))
        assert ends(lived(kept, Deaths())) == end, f"died at write {at} of {writes}"
