"""What is read of the newest windows is what is read of all: the same lines, the same state."""

from __future__ import annotations

from dataclasses import replace

import pytest

from test_loop import played
from undrift.loop import Loop
from undrift.records import Decision
from undrift.workspace.overview import Overview, overview

NEWEST = 5


@pytest.fixture(scope="module")
def loop() -> Loop:
    return played()


@pytest.fixture(autouse=True)
def _few(monkeypatch: pytest.MonkeyPatch) -> None:
    """The stream is short: with more windows read besides, the newest would be nearly all."""
    monkeypatch.setattr("undrift.workspace.overview.BEFORE", 3)


def both(loop: Loop) -> tuple[Overview, Overview]:
    """The overview of the newest windows, and that of all."""
    return overview(loop.store, loop.registry, newest=NEWEST), overview(loop.store, loop.registry)


def test_the_newest_lines_are_those_of_all(loop: Loop) -> None:
    some, every = both(loop)
    assert len(every.lines) > 2 * NEWEST
    assert some.lines == every.lines[-NEWEST:]
    assert [line.comparison for line in some.lines] == [line.comparison for line in every.lines[-NEWEST:]]


def test_the_state_is_the_same(loop: Loop) -> None:
    some, every = both(loop)
    for name in (
        "live",
        "since",
        "first",
        "place",
        "day",
        "data",
        "broken",
        "held",
        "waiting",
        "labels",
        "promoted",
    ):
        assert getattr(some, name) == getattr(every, name), name
    assert some.model == every.model
    assert some.sentence == every.sentence


def test_older_windows_and_retrainings_are_found(loop: Loop) -> None:
    some, every = both(loop)
    oldest = every.lines[0].window.key
    assert some.line(oldest) == every.line(oldest)
    assert some.outcomes == every.outcomes
    assert some.whole.lines == every.lines


def test_a_decision_that_was_not_carried_out_hides_no_window() -> None:
    loop = played({"use": "never"})
    newest = loop.store.all(Decision)[-1]
    for number in range(3):
        loop.store.put(f"{newest.window}/killed-{number}", replace(newest, on=f"killed-{number}"))
    some, every = both(loop)
    assert some.lines == every.lines[-NEWEST:]
