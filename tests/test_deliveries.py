"""What comes twice, late, wrong or ahead of its time: corrections, repeated rows, clocks, kills.

The model always predicts 0, so that the MAE of a window is the mean of the sizes of its labels.
"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from conftest import ask
from undrift import inputs
from undrift.comparison.limits import Limits
from undrift.errors import DataError, ModelError
from undrift.gate import Gate
from undrift.lakes.delta import Delta
from undrift.loop import Loop
from undrift.plugins import build
from undrift.records import (
    Batch,
    Comparison,
    Outcome,
    Schema,
    Score,
    Selection,
    Step,
    Unscored,
    Version,
)
from undrift.schema import infer
from undrift.stores import holder, scores
from undrift.stores.sql import Sql
from undrift.tasks import OUTPUT
from undrift.trainers.estimator import Estimator
from undrift.windows import Cut
from undrift.workspace.making import Making
from undrift.workspace.overview import overview

DAY = 96
HISTORY = 6
START = pd.Timestamp("2024-01-01")


def stream(days: int = 10, seed: int = 0) -> pd.DataFrame:
    """A row every quarter of an hour; labels of size 1."""
    rng = np.random.default_rng(seed)
    n = days * DAY
    return pd.DataFrame(
        {
            "id": [f"r{i}" for i in range(n)],
            "at": START + pd.Timedelta("15min") * np.arange(n),
            "x": rng.normal(size=n),
            "y": np.where(np.arange(n) % 2, 1.0, -1.0),
        }
    )


def day(number: int, frame: pd.DataFrame | None = None) -> pd.DataFrame:
    frame = stream() if frame is None else frame
    return frame[number * DAY : (number + 1) * DAY].reset_index(drop=True)


def end(number: int) -> datetime:
    """The moment at which a day ends."""
    return (START + pd.Timedelta(days=number + 1)).tz_localize("UTC").to_pydatetime()


def agreed(frame: pd.DataFrame, **names: str) -> Schema:
    """Labels are numbers, though there are two of them."""
    found = infer(inputs.read(frame), target="y", time="at", id="id", **names)
    return replace(found, task="regression", classes=())


def make(folder: Path, frame: pd.DataFrame | None = None, **changes: object) -> Loop:
    """A loop over a Delta lake and an SQLite file, with its first model live."""
    frame = stream() if frame is None else frame
    parts: dict[str, object] = {
        "schema": agreed(frame),
        "store": Sql(f"sqlite:///{folder / 'store.db'}"),
        "lake": Delta(str(folder / "lake")),
        "registry": build("registries", {"use": "folder", "path": str(folder / "models")}),
        "policy": build("policies", {"use": "never"}),
        "merges": {name: build("merging", {"use": name}) for name in ("everything", "recent")},
        "holder": holder(),
        "trainer": Estimator("sklearn.dummy:DummyRegressor", {"strategy": "constant", "constant": 0.0}),
        "limits": Limits(threshold=0.25),
        "gate": Gate(block="1h"),
        "cut": Cut.of("1d"),
    }
    loop = Loop(**(parts | changes))
    loop.start(frame[: HISTORY * DAY])
    return loop


def delivered(loop: Loop, number: int, rows: pd.DataFrame | None = None, **columns: object) -> Batch:
    """The record of a day's rows, delivered without labels when the day is over."""
    rows = day(number) if rows is None else rows
    batch = loop.step(rows.drop(columns="y").assign(**columns), now=end(number)).batch
    assert batch is not None
    return batch


def labels(number: int, size: float = 1.0) -> pd.DataFrame:
    return day(number)[["id", "y"]].assign(y=lambda rows: rows.y * size)


def labelled(loop: Loop, rows: pd.DataFrame, now: datetime) -> Batch:
    """The record of labels that were delivered."""
    batch = loop.label(rows, now=now).batch
    assert batch is not None
    return batch


def maes(loop: Loop) -> list[tuple[int, float, int]]:
    """Revision, MAE and rows of every score on record."""
    return [(s.revision, round(s.value, 9), s.rows) for s in loop.store.all(Score)]


# Corrections --------------------------------------------------------------------------------


def test_a_label_that_contradicts_the_one_on_record_is_a_correction_and_the_newest_counts(
    tmp_path: Path,
) -> None:
    loop = make(tmp_path)
    delivered(loop, 6)
    first, second, third = (labelled(loop, labels(6, size), end(6)) for size in (1.0, 3.0, 1.0))
    index = str(first.labels and next(iter(first.labels)))
    assert (first.labels, first.corrected, first.same) == ({index: DAY}, {}, 0)
    assert (second.labels, second.corrected, second.same) == ({}, {index: DAY}, 0)
    assert (third.labels, third.corrected, third.same) == ({}, {index: DAY}, 0)
    assert maes(loop) == [(0, 1.0, DAY), (1, 3.0, DAY), (2, 1.0, DAY)]
    assert [(s.revision, s.value) for s in scores(loop.store)] == [(2, 1.0)]
    assert [s.revision for s in loop.chronicle.live_scores()] == [2]


def test_only_labels_that_differ_are_corrections(tmp_path: Path) -> None:
    loop = make(tmp_path)
    delivered(loop, 6)
    loop.label(labels(6)[:90], now=end(6))
    again = labels(6)
    again.loc[:8, "y"] *= 5
    batch = labelled(loop, again, end(6))
    assert (sum(batch.labels.values()), sum(batch.corrected.values()), batch.same) == (6, 9, 81)
    assert maes(loop) == [(0, 1.0, 90), (1, pytest.approx((87 + 9 * 5) / DAY), DAY)]


def test_the_same_labels_twice_change_nothing(tmp_path: Path) -> None:
    loop = make(tmp_path)
    delivered(loop, 6)
    loop.label(labels(6), now=end(6))
    held, known = loop.lake.versions(), len(loop.archive.batches())
    for _ in range(2):
        batch = labelled(loop, labels(6), end(6))
        assert (batch.labels, batch.corrected, batch.same) == ({}, {}, DAY)
    assert (loop.lake.versions(), len(loop.archive.batches())) == (held, known)
    assert maes(loop) == [(0, 1.0, DAY)]


def test_rows_that_come_again_with_other_labels_correct_them_and_back_again(tmp_path: Path) -> None:
    loop = make(tmp_path)
    rows = day(6)
    for size in (1.0, 4.0, 1.0, 1.0):
        loop.step(rows.assign(y=rows.y * size), now=end(6))
    assert maes(loop) == [(0, 1.0, DAY), (1, 4.0, DAY), (2, 1.0, DAY)]
    assert loop.lake.read("rows").num_rows == (HISTORY + 1) * DAY
    assert [w.rows for w in loop.archive.windows()] == [DAY]


def test_what_a_version_was_trained_on_can_be_had_after_its_labels_were_corrected(tmp_path: Path) -> None:
    loop = make(tmp_path)
    snapshot = loop.first().snapshot
    assert snapshot is not None
    before = loop.archive.as_of(snapshot)
    loop.label(labels(1, 7.0))
    assert abs(loop.archive.labelled(snapshot.selection).labels).max() == 7
    after = loop.archive.as_of(snapshot)
    assert abs(after.labels).max() == 1
    assert after.rows.equals(before.rows)
    assert (after.labels == before.labels).all()


KILLED = """
import os, signal, sys
from pathlib import Path
sys.path.insert(0, {tests!r})
from test_deliveries import day, end, labels, make
from undrift.lakes.delta import Delta
from undrift.stores.sql import Sql

loop = make(Path({folder!r}))
append, put = Delta.append, Sql.put
def append_and_die(self, table, rows, batch):
    if {where!r} == "before the append":
        os.kill(os.getpid(), signal.SIGKILL)
    append(self, table, rows, batch)
    os.kill(os.getpid(), signal.SIGKILL)
def put_and_die(self, key, record):
    if type(record).__name__ == {where!r}:
        put(self, key, record)
        os.kill(os.getpid(), signal.SIGKILL)
    return put(self, key, record)
if "append" in {where!r}:
    Delta.append = append_and_die
else:
    Sql.put = put_and_die
loop.label(labels(6, 3.0), now=end(6))
"""


@pytest.mark.parametrize("where", ["before the append", "after the append", "Batch", "Score"])
def test_a_correction_killed_midway_and_delivered_again_is_taken_once(tmp_path: Path, where: str) -> None:
    loop = make(tmp_path)
    delivered(loop, 6)
    loop.label(labels(6), now=end(6))
    loop.store.close()
    code = KILLED.format(tests=str(Path(__file__).parent), folder=str(tmp_path), where=where)
    died = subprocess.run([sys.executable, "-c", textwrap.dedent(code)], check=False, timeout=120)
    assert died.returncode == -signal.SIGKILL
    loop = make(tmp_path)
    loop.label(labels(6, 3.0), now=end(6))
    assert maes(loop) == [(0, 1.0, DAY), (1, 3.0, DAY)]
    assert [sum(b.corrected.values()) for b in loop.archive.batches()] == [0, 0, 0, DAY]
    assert loop.lake.read("labels").num_rows == (HISTORY + 2) * DAY


def test_rows_left_by_a_process_that_died_are_cut_anew_if_others_came_since(tmp_path: Path) -> None:
    loop = make(tmp_path, cut=Cut.of(DAY))
    put = loop.store.put
    loop.store.put = _dying  # type: ignore[method-assign]
    with pytest.raises(KeyboardInterrupt):
        loop.step(day(6))
    loop.store.put = put  # type: ignore[method-assign]
    loop.step(day(7))
    loop.step(day(6))
    assert [(w.index, w.rows) for w in loop.archive.windows()] == [(6, DAY), (7, DAY)]
    ids = [set(loop.archive.rows(i, i)["id"].to_pylist()) for i in (6, 7)]
    assert ids == [set(day(7).id), set(day(6).id)]


def test_a_named_batch_that_died_and_comes_with_other_labels_is_taken_as_it_comes(tmp_path: Path) -> None:
    loop = make(tmp_path)
    put = loop.store.put
    loop.store.put = _dying  # type: ignore[method-assign]
    with pytest.raises(KeyboardInterrupt):
        loop.step(day(6), now=end(6), batch="sunday")
    loop.store.put = put  # type: ignore[method-assign]
    loop.step(day(6).assign(y=lambda rows: rows.y * 2), now=end(6), batch="sunday")
    assert [w.rows for w in loop.archive.windows()] == [DAY]
    assert maes(loop) == [(0, 2.0, DAY)]


def _dying(*_: object) -> None:
    raise KeyboardInterrupt


# Rows that come late -------------------------------------------------------------------------


def test_a_window_whose_rows_came_late_is_scored_on_all_of_them(tmp_path: Path) -> None:
    loop = make(tmp_path)
    delivered(loop, 6, day(6)[:40])
    late = delivered(loop, 6, day(6)[40:])
    assert (late.rows, late.late) == (56, 56)
    loop.label(labels(6), now=end(6))
    assert maes(loop) == [(0, 1.0, DAY)]
    assert loop.store.all(Score)[0].coverage == 1


def test_a_score_on_what_has_become_a_minority_is_computed_anew(tmp_path: Path) -> None:
    loop = make(tmp_path)
    delivered(loop, 6, day(6)[:40])
    loop.label(labels(6)[:40], now=end(6))
    delivered(loop, 6, day(6)[40:])
    loop.label(labels(6, 3.0)[40:], now=end(6))
    assert maes(loop) == [(0, 1.0, 40), (1, pytest.approx((40 + 56 * 3) / DAY), DAY)]


def test_late_rows_are_predicted_by_the_version_that_served_their_window(tmp_path: Path) -> None:
    loop = make(tmp_path)
    delivered(loop, 6, day(6)[:40])
    window = loop.archive.windows()[0]
    delivered(loop, 6, day(6)[40:])
    assert loop.archive.predictions(1, window.index).num_rows == DAY
    assert loop.lake.read("predictions").num_rows == DAY


def test_a_window_whose_late_rows_cannot_be_predicted_is_not_scored_and_status_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loop = make(tmp_path)
    delivered(loop, 6, day(6)[:40])

    def broken(*_: object) -> None:
        raise ModelError("the artifact is gone", "Restore it.")

    with monkeypatch.context() as patch:
        patch.setattr(type(loop.models), "ask", broken)
        delivered(loop, 6, day(6)[40:])
        for _ in range(2):
            loop.label(labels(6), now=end(6))
    assert maes(loop) == []
    assert [(u.rows, u.total) for u in loop.store.all(Unscored)] == [(40, DAY)]
    found = overview(loop.store)
    assert found.unscored is not None
    assert (
        "40 of 96 rows have a label and a prediction of v1: the artifact is gone" in found.unscored.unscored
    )
    assert found.waiting == ()
    loop.label(labels(6), now=end(6))
    assert maes(loop) == [(0, 1.0, DAY)]
    assert overview(loop.store).unscored is None


# The clock -----------------------------------------------------------------------------------


def clocked(folder: Path, moment: Callable[[], datetime], **changes: object) -> Loop:
    return make(folder, clock=moment, **changes)


def test_one_row_of_tomorrow_does_not_close_today(tmp_path: Path) -> None:
    now = [end(6) - timedelta(hours=12)]
    loop = clocked(tmp_path, lambda: now[0])
    ahead = pd.concat([day(6)[:40], day(7)[:1]])
    report = loop.step(ahead.drop(columns="y"))
    assert report.settled == ()
    assert report.batch is not None
    assert (report.batch.rows, report.batch.ahead) == (41, 1)
    assert loop.archive.watermark() == datetime(2024, 1, 7, 9, 45, tzinfo=UTC)
    now[0] = end(6) + timedelta(hours=1)
    report = loop.step(day(6)[40:].drop(columns="y"))
    assert [(s.window.key, s.window.rows) for s in report.settled] == [("2024-01-07", DAY)]
    assert [w.rows for w in loop.archive.windows()] == [DAY, 1]


def test_a_row_ahead_of_the_clock_does_not_close_the_hours_before_it(tmp_path: Path) -> None:
    """Hours whose rows are still on their way: the clock has passed them, the deliveries have not."""
    now = [end(6) - timedelta(hours=12)]
    loop = clocked(tmp_path, lambda: now[0], cut=Cut.of("1h"))
    report = loop.step(pd.concat([day(6)[:6], day(7)[:1]]).drop(columns="y"))
    assert [s.window.key for s in report.settled] == ["2024-01-07T00:00"]


def test_recorded_rows_close_windows_as_they_always_did(tmp_path: Path) -> None:
    loop = make(tmp_path)
    report = loop.step(pd.concat([day(6), day(7)[:1]]).drop(columns="y"))
    assert [s.window.key for s in report.settled] == ["2024-01-07"]


def test_a_row_of_the_year_1_is_named_by_its_place_in_the_file(tmp_path: Path) -> None:
    loop = make(tmp_path)
    rows = day(6)
    rows["at"] = rows["at"].astype("datetime64[us]")
    rows.loc[4, "at"] = pd.Timestamp("0001-01-01").as_unit("us")
    with pytest.raises(DataError, match=r"1 of 96 rows: 'at' is 0001-01-01 00:00 in row 5"):
        loop.step(rows)
    assert loop.archive.windows() == []


def test_a_label_is_named_by_its_place_in_the_file_though_rows_are_sorted(tmp_path: Path) -> None:
    loop = make(tmp_path)
    rows = day(6)[::-1].reset_index(drop=True)
    rows["y"] = rows["y"].astype(str)
    rows.loc[4, "y"] = "many"
    with pytest.raises(DataError, match="row 5 holds 'many'"):
        loop.step(rows)
    rows["y"] = day(6)["y"]
    rows.loc[6, "y"] = np.inf
    with pytest.raises(DataError, match="not finite in row 7"):
        loop.step(rows)


# One id is one row ---------------------------------------------------------------------------


def test_windows_by_count_are_filled_by_overlapping_deliveries(tmp_path: Path) -> None:
    frame = stream(22)
    loop = make(tmp_path, frame, cut=Cut.of(100))
    for days in ([6], [6, 7, 8], [8, 9, 10], [10, 11, 12]):
        loop.step(pd.concat([day(d, frame) for d in days]).drop(columns="y"))
    own = [*loop.archive.windows(history=True), *loop.archive.windows()]
    assert [w.rows for w in own] == [100] * 12 + [13 * DAY - 1200]
    assert len(loop.store.all(Step)) == len(loop.archive.windows()) - 1
    orders = loop.lake.read("rows")["_undrift_order"].to_numpy()
    assert (np.sort(orders) == np.arange(13 * DAY)).all()


def test_rows_delivered_with_a_wrong_zone_and_then_right_are_the_same_rows(tmp_path: Path) -> None:
    loop = make(tmp_path)
    moved = day(6).assign(at=lambda rows: rows["at"] + pd.Timedelta("5h30min"))
    loop.step(moved)
    batch = loop.step(day(6)).batch
    assert batch is not None
    assert (batch.rows, batch.repeated, batch.retimed, batch.same) == (0, DAY, DAY, DAY)
    held = loop.lake.read("rows")
    assert held.num_rows == (HISTORY + 1) * DAY == len(set(held["id"].to_pylist()))
    assert sum(w.rows for w in loop.archive.windows()) == DAY


def test_rows_of_the_history_with_another_time_and_label_stop_no_run(tmp_path: Path) -> None:
    """They stay where they are, so that no held-out row is one that a model was trained on."""
    loop = make(tmp_path, policy=build("policies", {"use": "schedule", "every": 1, "minimum_rows": 0}))
    stray = day(1)[:5].assign(at=day(7)["at"][:5], y=2.0)
    for number in (6, 7, 8):
        rows = pd.concat([day(number), stray]) if number == 7 else day(number)
        loop.step(rows, now=end(number))
    found = next(b for b in loop.archive.batches() if b.repeated)
    assert (found.repeated, found.retimed, sum(found.corrected.values())) == (5, 5, 5)
    assert len(loop.store.all(Outcome)) == 3
    index = loop.archive.windows(history=True)[1].index
    data = loop.archive.labelled(Selection(index, index))
    assert sorted(np.asarray(data.ids)[data.labels == 2.0]) == sorted(stray.id)


def test_what_is_remembered_of_rows_on_record_is_what_the_lake_holds(tmp_path: Path) -> None:
    loop = make(tmp_path)
    for number in (6, 7):
        delivered(loop, number)
        loop.label(labels(number))
        fresh = Loop(**{**_parts(loop), "holder": holder()})
        ids = inputs.read(stream()[["id"]])["id"].cast("string").combine_chunks()
        assert (loop.archive.deliveries.windows(ids) == fresh.archive.deliveries.windows(ids)).all()


def _parts(loop: Loop) -> dict[str, object]:
    names = ("schema", "store", "lake", "registry", "policy", "merges", "trainer", "cut")
    return {name: getattr(loop, name) for name in names}


# What failed in silence ----------------------------------------------------------------------


def test_a_challenger_that_fails_beside_one_that_succeeds_is_on_record(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loop = make(tmp_path, policy=build("policies", {"use": "schedule", "every": 1, "minimum_rows": 0}))
    train = loop.making.train

    def picky(window: str, merge: str, *rest: object, **named: object) -> Version:
        if merge == "recent":
            raise ModelError("it does not converge", "Try another.")
        return train(window, merge, *rest, **named)  # type: ignore[arg-type]

    loop.merges["recent"] = build("merging", {"use": "recent", "windows": 2})
    monkeypatch.setattr(loop.making, "train", picky)
    loop.step(day(6), now=end(6))
    outcome = loop.store.all(Outcome)[0]
    assert [t.merge for t in outcome.trials] == ["mixture", "everything"]
    assert outcome.failed == {"recent": "it does not converge. Try another."}


@pytest.mark.parametrize("window", ["", "2024-01-07"])
def test_why_an_output_is_not_watched_is_on_record(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, window: str
) -> None:
    def gone(*_: object) -> None:
        raise ModelError("the model is out of its depth", "")

    monkeypatch.setattr("undrift.workspace.monitor.ENOUGH", 1)
    loop = make(tmp_path)
    monkeypatch.setattr(loop.models, "ask", gone)
    delivered(loop, 6)
    assert "the model is out of its depth" in loop.store.all(Comparison)[0].left_out[OUTPUT]
    assert overview(loop.store).line(window).comparison.left_out[OUTPUT]


def test_an_output_that_nothing_is_known_of_yet_is_said_to_be_silent(tmp_path: Path) -> None:
    loop = make(tmp_path)
    delivered(loop, 6)
    assert "5 are needed" in loop.store.all(Comparison)[0].left_out[OUTPUT]


def test_a_prediction_that_the_lake_lost_is_named_not_swallowed(tmp_path: Path) -> None:
    frame = stream().assign(p=0.0)
    loop = make(tmp_path, frame, schema=agreed(frame, prediction="p"), trainer=None)
    ids = [*day(0)["id"], "r9999"]
    windows = [w.index for w in loop.archive.windows(history=True)]
    with pytest.raises(DataError, match=r"no prediction of v0 for 1 of 97 rows, such as 'r9999'"):
        loop.archive.said(0, pa.chunked_array([ids]), windows)


# The command line ----------------------------------------------------------------------------


CANDIDATES = 'merge.candidates=["everything", {use = "recent", windows = 2}]'


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    """A workspace of two classes, by the command line: seven days without labels of the last."""
    frame = stream().assign(y=lambda rows: np.where(rows.y > 0, "yes", "no"))
    frame[: HISTORY * DAY].to_csv(tmp_path / "history.csv", index=False)
    for number in (6, 7, 8):
        day(number, frame).to_csv(tmp_path / f"{number}.csv", index=False)
        day(number, frame)[["id", "y"]].to_csv(tmp_path / f"y{number}.csv", index=False)
        day(number, frame).drop(columns="y").to_csv(tmp_path / f"x{number}.csv", index=False)
    made = ask(
        *("-C", tmp_path, "init", "--from", tmp_path / "history.csv", "--target", "y", "--time", "at"),
        *("--id", "id", "--set", "windows.size=1d"),
        *("--set", "model.use=sklearn.linear_model:LogisticRegression", "--set", "model.params.C=0.01"),
    )
    assert made[0] == 0, made
    assert ask("-C", tmp_path, "run", tmp_path / "x6.csv")[0] == 0
    assert ask("-C", tmp_path, "run", tmp_path / "x7.csv")[0] == 0
    return tmp_path


def test_label_says_what_is_new_what_differs_and_what_is_the_same(workspace: Path) -> None:
    at = ("-C", workspace)
    assert ask(*at, "label", workspace / "y6.csv")[1].splitlines()[0] == "96 new, 0 the same."
    assert ask(*at, "label", workspace / "y6.csv")[1].splitlines() == ["0 new, 96 the same."]
    opposite = pd.read_csv(workspace / "y6.csv")
    opposite["y"] = np.where(opposite.y == "yes", "no", "yes")
    opposite.to_csv(workspace / "fix.csv", index=False)
    said = ask(*at, "label", workspace / "fix.csv")[1].splitlines()
    assert said[0] == "0 new, 0 the same."
    assert said[1] == ("96 labels differ from those on record: taken as corrections, 1 window scored anew.")
    told = json.loads(ask(*at, "label", workspace / "y6.csv", "--json")[1])
    assert told["counts"] == {"new": 0, "corrected": DAY, "same": 0, "unknown": 0}
    assert [s["revision"] for s in told["fresh"]] == [2]
    window = json.loads(ask(*at, "history", "--json")[1])["windows"][0]
    assert window["scores"]["live"]["revision"] == 2
    assert [s["revision"] for s in window["scores"]["revised"]] == [0, 1]
    why = json.loads(ask(*at, "why", window["window"]["key"], "--json")[1])
    assert [s["revision"] for s in why["scores"]["revised"]] == [0, 1]
    assert "revised twice" in ask(*at, "why", window["window"]["key"])[1]
    csv = ask(*at, "history", "--scores")[1].splitlines()[1:]
    assert {line.split(",")[4] for line in csv} == {str(window["scores"]["live"]["value"])}


def test_a_batch_whose_labels_are_all_of_one_class_is_named(workspace: Path) -> None:
    at = ("-C", workspace)
    frame = pd.read_csv(workspace / "y6.csv").assign(y="no")
    frame[:29].to_csv(workspace / "few.csv", index=False)
    frame[29:].to_csv(workspace / "many.csv", index=False)
    assert "All labels are" not in ask(*at, "label", workspace / "few.csv")[2]
    assert "All labels are 'no'." in ask(*at, "label", workspace / "many.csv")[2]
    lines = json.loads(ask(*at, "history", "--json")[1])["windows"]
    assert lines[0]["scores"]["one_class"] == "no"
    rows = pd.read_csv(workspace / "8.csv").assign(y="yes")
    rows.to_csv(workspace / "8.csv", index=False)
    assert "All labels are 'yes'." in ask(*at, "run", workspace / "8.csv")[2]


def test_why_says_what_failed(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    at, train = ("-C", workspace), Making.train

    def picky(self: Making, window: str, merge: str, *rest: object, **named: object) -> Version:
        if merge == "recent(windows=2)":
            raise ModelError("it does not converge", "")
        return train(self, window, merge, *rest, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(Making, "train", picky)
    sets = ("policy.use=schedule", "policy.every=1", "policy.minimum_rows=0", "gate.block=1h", CANDIDATES)
    told = ask(*at, "run", workspace / "8.csv", *(part for s in sets for part in ("--set", s)))
    assert told[0] == 0, told
    said = "✗ recent(windows=2): no challenger could be trained: it does not converge"
    assert said in ask(*at, "why")[1]
    failed = json.loads(ask(*at, "why", "--json")[1])["outcome"]["failed"]
    assert failed == {"recent(windows=2)": "it does not converge"}


def test_run_says_what_came_again_and_what_it_corrected(workspace: Path) -> None:
    at = ("-C", workspace)
    ask(*at, "label", workspace / "y7.csv")
    rows = pd.read_csv(workspace / "7.csv")
    rows.loc[:2, "y"] = np.where(rows.y[:3] == "yes", "no", "yes")
    rows.loc[:1, "at"] = "2024-01-08 00:07:00"
    rows.to_csv(workspace / "again.csv", index=False)
    said = ask(*at, "run", workspace / "again.csv")[2]
    assert "96 rows were here already: left as on record, new labels taken in." in said
    assert "2 of them came with another time than the one on record, which stays." in said
    assert "3 labels differ from those on record: taken as corrections." in said
