"""A workspace made by undrift 0.1.0 opens, explains itself and goes on, whatever the records have become.

It was made by `undrift demo --windows 20 --set model.params.max_iter=20`, then stripped of the artifacts and
reference profiles of rejected versions.
"""

from __future__ import annotations

import json
import tarfile
from importlib.resources import files
from pathlib import Path

import pytest

import undrift as ud
from undrift import inputs
from undrift.cli import execute
from undrift.records import Comparison, Decision, Score, Step
from undrift.replay import Recording
from undrift.windows import Cut

Capture = pytest.CaptureFixture[str]

ARCHIVE = Path(__file__).parent / "data" / "workspace-0.1.0.tar.xz"

PLAYED = 20
"""Weeks that 0.1.0 played into it, after the sixteen of its history."""


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    with tarfile.open(ARCHIVE) as packed:
        packed.extractall(tmp_path, filter="data")
    return tmp_path


def test_it_opens_with_every_record_that_0_1_kept(workspace: Path, capsys: Capture) -> None:
    loop = ud.open(workspace / "undrift.toml")
    assert loop.live().number == 7
    assert loop.first().number == 1
    assert len(loop.store.all(Comparison)) == len(loop.store.all(Decision)) == PLAYED
    assert len(loop.store.all(Step)) == PLAYED
    assert [e.promotion.version for e in loop.store.ledger()] == [1, 3, 5, 7]
    assert execute(["-C", str(workspace), "status", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["live"]["number"] == 7


def test_it_explains_a_window_and_a_retraining(workspace: Path, capsys: Capture) -> None:
    at = ["-C", str(workspace)]
    for verb in (["status"], ["history"], ["models"], ["why", "2011-05-23"], ["explain", "2011-08-29"]):
        assert execute([*at, *verb]) == 0, verb
        assert capsys.readouterr().out.strip()
    assert execute([*at, "why", "2011-05-23", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["outcome"]["promoted"] == 7


def test_its_ledger_holds_and_takes_what_people_decide_today(workspace: Path) -> None:
    loop = ud.open(workspace / "undrift.toml")
    assert not any(e.promotion.hold or e.promotion.manual for e in loop.store.ledger())
    before = [e.hash for e in loop.store.ledger()]
    assert (loop.rollback("feed broken").version, loop.release("mended").version) == (5, 5)
    assert loop.promote(7, "it was good").previous == 5
    entries = loop.store.ledger()  # raises where the chain is broken
    assert [e.hash for e in entries[:4]] == before
    assert [e.promotion.action for e in entries[4:]] == ["rollback", "release", "promote"]


def test_it_goes_on_where_0_1_stopped(workspace: Path) -> None:
    loop = ud.open(workspace / "undrift.toml")
    before = {(s.window, s.version): s.value for s in loop.store.all(Score)}
    table = inputs.read(str(files("undrift.demo") / "bike_sharing.parquet"))
    recording = Recording.of(table, Cut.of("7d"), "timestamp", 16)
    weeks = recording.production[PLAYED : PLAYED + 3]
    reports = [loop.step(recording.rows(week), now=week.end) for week in weeks]
    assert all(r.settled for r in reports)
    after = {(s.window, s.version): s.value for s in loop.store.all(Score)}
    assert before.items() <= after.items()
    assert len(loop.store.all(Step)) == PLAYED + 3
