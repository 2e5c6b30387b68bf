"""The live model inside a service: hot swap, hand-over of rows, and what goes wrong."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import undrift as ud
from conftest import ask
from undrift import inputs, tasks
from undrift.columns.time_formats import written
from undrift.config.beginning import DATA
from undrift.config.file import document
from undrift.config.wiring import created, load
from undrift.errors import DataError, NotFoundError
from undrift.loop import Loop
from undrift.records import Batch, Column, Schema
from undrift.serving import champion as champion_module
from undrift.serving import spool as spool_module
from undrift.serving.champion import Live
from undrift.serving.spool import Spool


def rows(count: int, first: int, *, level: float = 0.0) -> pd.DataFrame:
    rng = np.random.default_rng(first)
    frame = pd.DataFrame({"id": np.arange(first, first + count), "x": rng.normal(size=count)})
    frame["colour"] = rng.choice(["red", "green"], count)
    return frame.assign(whole=rng.integers(0, 9, count), y=2 * frame["x"] + level)


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    rows(600, 0).to_csv(tmp_path / "train.csv", index=False)
    code, _, err = ask(
        *("-C", tmp_path, "init", "--from", tmp_path / "train.csv", "--target", "y", "--id", "id"),
        *("--set", "model.use=sklearn.linear_model:LinearRegression", "--set", "policy.use=schedule"),
        *("--set", "policy.every=2", "--set", "policy.minimum_rows=1"),
    )
    assert code == 0, err
    return tmp_path


@pytest.fixture
def champion(workspace: Path) -> Iterator[Live]:
    with ud.live(workspace / "undrift.toml", every=0.05) as one:
        yield one


def waited(what: str, holds: object, seconds: float = 20.0) -> None:
    end = time.monotonic() + seconds
    while not holds():  # type: ignore[operator]
        assert time.monotonic() < end, f"not within {seconds} s: {what}"
        time.sleep(0.02)


def test_it_says_what_the_loop_says_however_the_rows_come(workspace: Path, champion: Live) -> None:
    fresh = rows(50, 5000).drop(columns="y")
    expected = ud.open(workspace).predict(fresh)
    assert np.array_equal(champion.predict(fresh), expected)
    assert np.array_equal(champion.predict(fresh[[*reversed(fresh.columns)]]), expected)
    assert np.array_equal(champion.predict(fresh.to_dict("records")), expected)
    assert np.array_equal(champion.predict(fresh.to_dict("list")), expected)
    assert champion.predict(fresh.iloc[0].to_dict())[0] == pytest.approx(expected[0])
    assert champion.version == 1
    assert champion.classes == ()


def test_a_promotion_and_a_rollback_are_served_without_a_restart(workspace: Path, champion: Live) -> None:
    fresh = rows(20, 6000).drop(columns="y")
    before = champion.predict(fresh)
    loop = ud.open(workspace)
    for place in range(2):
        loop.step(rows(200, 600 + 200 * place, level=9.0))
    assert loop.live().number != 1
    waited("the promoted version serves", lambda: champion.version == loop.live().number)
    assert np.array_equal(champion.predict(fresh), loop.predict(fresh))
    assert np.abs(champion.predict(fresh) - before).min() > 1
    loop.rollback("back again", 1)
    waited("the first version serves", lambda: champion.version == 1)
    assert np.array_equal(champion.predict(fresh), before)


def test_what_cannot_be_loaded_does_not_stop_what_serves(workspace: Path, champion: Live) -> None:
    fresh = rows(5, 7000)
    before = champion.predict(fresh)
    store = workspace / DATA / "store.db"
    away = store.rename(store.with_suffix(".away"))
    time.sleep(0.3)
    assert np.array_equal(champion.predict(fresh), before)
    away.rename(store)


def test_rows_reach_the_workspace_as_one_batch_and_only_once(workspace: Path) -> None:
    with ud.live(workspace) as champion:
        for place in range(5):
            champion.predict(rows(40, 8000 + 40 * place).drop(columns="y").assign(other="not kept"))
    assert (champion.spooled, champion.dropped) == (200, 0)
    code, out, err = ask("-C", workspace, "run")
    assert code == 0, err
    assert "200 rows taken in" in out + err
    assert sum(b.rows for b in ud.open(workspace).store.all(Batch) if not b.history) == 200
    assert not list((workspace / DATA / "spool").iterdir())
    ask("-C", workspace, "run")
    assert sum(b.rows for b in ud.open(workspace).store.all(Batch) if not b.history) == 200


def test_a_run_that_died_between_taking_and_deleting_takes_nothing_twice(workspace: Path) -> None:
    with ud.live(workspace) as champion:
        champion.predict(rows(40, 8000).drop(columns="y"))
    spool = workspace / DATA / "spool"
    kept = {file.name: file.read_bytes() for file in spool.glob("*.parquet")}
    assert ask("-C", workspace, "run")[0] == 0
    (name,) = [b.id for b in ud.open(workspace).store.all(Batch) if not b.history]
    (spool / name).mkdir()
    for file, content in kept.items():
        (spool / name / file).write_bytes(content)
    assert ask("-C", workspace, "run")[0] == 0
    assert len([b for b in ud.open(workspace).store.all(Batch) if not b.history]) == 1


def test_rows_beyond_the_room_or_without_an_id_are_dropped_and_counted(workspace: Path) -> None:
    with ud.live(workspace, room=100) as champion:
        champion.predict(rows(90, 8000))
        champion.predict(rows(90, 8090))
        champion.predict(rows(5, 9000).drop(columns="id"))
    assert champion.dropped in (95, 5), "the writer may have emptied the queue meanwhile"
    assert champion.spooled + champion.dropped == 185
    with ud.live(workspace, spool=False) as silent:
        silent.predict(rows(5, 9100))
    assert (silent.spooled, silent.dropped) == (0, 0)


def test_a_full_disk_costs_rows_and_no_request(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Spool, "_write", full)
    with ud.live(workspace) as champion:
        assert len(champion.predict(rows(7, 8000))) == 7
    assert (champion.spooled, champion.dropped) == (0, 7)


def test_rows_without_a_time_get_the_present_one(tmp_path: Path) -> None:
    frame = rows(600, 0).assign(
        at=lambda f: pd.date_range("2024-01-01", periods=len(f), freq="h").astype(str)
    )
    options = {"data.target": "y", "data.time": "at", "model.use": "sklearn.linear_model:Ridge"}
    options |= {"windows.size": "1d"}
    loop = created(load(tmp_path, options), inputs.read(frame), "the history")
    loop.start(frame)
    (tmp_path / "undrift.toml").write_text(document(options, "x"))
    with ud.live(tmp_path) as champion:
        champion.predict(rows(30, 5000).drop(columns=["y", "id"]).assign(id=1))
    ud.open(tmp_path).step(next((tmp_path / DATA / "spool").glob("*.parquet")))
    newest = max(w.end for w in ud.open(tmp_path).archive.windows() if w.end)
    assert newest.year >= 2026


def test_what_is_wrong_is_said_at_once(workspace: Path, champion: Live, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no column 'x'"):
        champion.predict(rows(5, 0).drop(columns="x"))
    with pytest.raises(DataError, match="should be double"):
        champion.predict(rows(5, 0).assign(x="a"))
    (tmp_path / "empty").mkdir()
    with pytest.raises(NotFoundError):
        ud.live(tmp_path / "empty")
    champion.close()
    champion.close()
    assert workspace.exists()


def test_champion_json_says_what_serves_and_is_mended_by_the_next_step(workspace: Path) -> None:
    file = workspace / DATA / "models" / "champion.json"
    said = json.loads(file.read_text())
    assert (said["version"], said["target"], said["task"]) == (1, "y", "regression")
    (one,) = said["models"]
    artifact = (file.parent / one["path"]).read_bytes()
    assert hashlib.sha256(artifact).hexdigest() == one["sha256"]
    loop = ud.open(workspace)
    for place in range(2):
        loop.step(rows(200, 600 + 200 * place, level=9.0))
    live = loop.live()
    said = json.loads(file.read_text())
    assert said["version"] == live.number
    weights = {m.version: m.weight for m in loop.models.members(live) if m.weight > 0}
    assert {m["version"]: m["weight"] for m in said["models"]} == weights
    file.unlink()
    ud.open(workspace).step()
    assert json.loads(file.read_text()) == said
    loop.rollback("back again", 1)
    assert json.loads(file.read_text())["version"] == 1


def made(folder: Path, frame: pd.DataFrame, **settings: object) -> Loop:
    """A workspace with its file of settings, as ``undrift init`` leaves it."""
    options = {"data.target": "y", "data.id": "id", "model.use": "sklearn.linear_model:LinearRegression"}
    options |= {name.replace("__", "."): value for name, value in settings.items()}
    loop = created(load(folder, options), inputs.read(frame), "the history")
    loop.start(frame)
    (folder / "undrift.toml").write_text(document(options, "x"))
    return loop


def missing(count: int, first: int) -> pd.DataFrame:
    """Rows of which some lack a colour, or have an infinite x."""
    frame = rows(count, first)
    return frame.assign(colour=frame["colour"].where(np.arange(count) % 5 > 0, None))


def test_what_is_missing_or_infinite_is_shown_as_in_training(tmp_path: Path) -> None:
    loop = made(tmp_path, missing(600, 0), model__use="sklearn.ensemble:HistGradientBoostingRegressor")
    fresh = missing(20, 9000).drop(columns="y")
    fresh.loc[3, "x"] = np.inf
    with ud.live(tmp_path, spool=False) as champion:
        expected = loop.predict(fresh)
        assert np.array_equal(champion.predict(fresh), expected)
        one_by_one = [champion.predict([row])[0] for row in fresh.to_dict("records")]
        assert np.array_equal(one_by_one, expected)


@pytest.mark.parametrize(
    "odd",
    [
        {"code": 1},
        {"code": True},
        {"code": None},
        {"flag": "true"},
        {"flag": 1},
        {"x": "1.5"},
        {"x": 10**400},
    ],
)
def test_values_of_another_type_are_shown_as_in_training(tmp_path: Path, odd: dict[str, object]) -> None:
    frame = rows(600, 0)
    code = np.where(frame["whole"] % 2, "1", "2")
    frame = frame.assign(code=code, flag=frame["x"] > 0.5, y=frame["x"] + 10 * (code == "1"))
    loop = made(tmp_path, frame, model__use="sklearn.ensemble:HistGradientBoostingRegressor")
    usual = {"id": 9000, "x": 1.0, "colour": "red", "whole": 3, "code": "2", "flag": False}
    with ud.live(tmp_path, spool=False) as champion:
        assert champion.predict([usual | odd])[0] == loop.predict(pd.DataFrame([usual | odd]))[0]


def test_a_model_that_sees_the_calendar_is_served(tmp_path: Path) -> None:
    moments = pd.date_range("2024-01-01", periods=600, freq="h").astype(str)
    loop = made(tmp_path, rows(600, 0).assign(at=moments), data__time="at", data__calendar=["hour"])
    fresh = rows(5, 9000).drop(columns="y").assign(at="2024-03-01T07:00:00+02:00")
    with ud.live(tmp_path) as champion:
        assert champion.predict(fresh.to_dict("records")).tolist() == loop.predict(fresh).tolist()
    assert (champion.spooled, champion.dropped) == (5, 0)


def test_rows_that_the_workspace_would_not_take_are_counted_and_the_others_reach_it(workspace: Path) -> None:
    odd: list[dict[str, object]] = [
        {"id": 8001, "x": 1.0, "colour": "red", "whole": 1},  # the same request once more
        {"id": None, "x": 1.0, "colour": "red", "whole": 1},
        {"id": "a8100", "x": 1.0, "colour": "red", "whole": 1},
    ]
    with ud.live(workspace) as champion:
        champion.predict(rows(40, 8000).drop(columns="y"))
        for row in odd:
            champion.predict([row])
    assert champion.dropped == 2
    assert ask("-C", workspace, "run")[0] == 0
    assert sum(b.rows for b in ud.open(workspace).store.all(Batch) if not b.history) == 40
    assert not list((workspace / DATA / "spool").iterdir())


def test_spooled_rows_that_do_not_fit_are_put_aside_and_the_next_are_taken_in(workspace: Path) -> None:
    spool = workspace / DATA / "spool"
    (spool / "taken-1").mkdir(parents=True)
    rows(5, 9000).drop(columns=["x", "y"]).to_parquet(spool / "taken-1" / "a.parquet")
    with ud.live(workspace) as champion:
        champion.predict(rows(40, 8000).drop(columns="y"))
    code, out, err = ask("-C", workspace, "run")
    assert code == 0, err
    assert "refused-1 holds rows that do not fit" in out + err
    assert [path.name for path in spool.iterdir()] == ["refused-1"]
    assert sum(b.rows for b in ud.open(workspace).store.all(Batch) if not b.history) == 40


def test_a_damaged_file_is_put_aside_with_its_folder(workspace: Path) -> None:
    spool = workspace / DATA / "spool"
    spool.mkdir()
    (spool / "1.parquet").write_bytes(b"PAR1 and no more")
    code, out, err = ask("-C", workspace, "run")
    assert code == 0, err
    assert "can be read together" in out + err
    assert [path.name.partition("-")[0] for path in spool.iterdir()] == ["refused"]


def test_spooled_files_are_taken_in_as_batches_that_fit_into_memory(
    workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spool_module, "TOGETHER", 1)
    (workspace / DATA / "spool").mkdir()
    for first in (8000, 8100, 8200):
        rows(5, first).drop(columns="y").to_parquet(workspace / DATA / "spool" / f"{first}.parquet")
    assert ask("-C", workspace, "run")[0] == 0
    assert [b.rows for b in ud.open(workspace).store.all(Batch) if not b.history] == [5, 5, 5]


def test_rows_of_one_request_do_not_change_those_of_another(workspace: Path) -> None:
    large = 2**60 + 1
    with ud.live(workspace) as champion:
        champion.predict([{"id": large, "x": 1.0, "colour": "red", "whole": 1}])
        champion.predict(pd.DataFrame([{"id": None, "x": 1.0, "colour": "red", "whole": 1}], dtype=object))
        champion.predict([{"id": n, "x": 1.0, "colour": "red", "whole": 1} for n in (large + 2, None)])
        champion.predict([{"id": 7, "x": 1.0, "colour": "red", "whole": 1, "more": {}}])
    (file,) = (workspace / DATA / "spool").glob("*.parquet")
    assert sorted(pd.read_parquet(file)["id"]) == [7, large, large + 2]
    assert champion.dropped == 2


def test_many_odd_rows_are_one_warning(
    workspace: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(spool_module, "ODD", 5)
    with ud.live(workspace) as champion:
        champion.predict(rows(40, 8000).drop(columns="y").assign(id=[f"a{i}" for i in range(40)]))
        champion.predict(rows(40, 9000).drop(columns="y"))
    assert (champion.spooled, champion.dropped) == (40, 40)
    assert caplog.text.count("not all rows are handed") == 1


def test_what_a_service_that_died_was_writing_is_deleted(workspace: Path) -> None:
    spool = workspace / DATA / "spool"
    spool.mkdir()
    for name, age in (("old", 7200), ("new", 0)):
        (spool / f".{name}.parquet.part").touch()
        os.utime(spool / f".{name}.parquet.part", (time.time() - age,) * 2)
    ud.live(workspace).close()
    assert [path.name for path in spool.iterdir()] == [".new.parquet.part"]


def test_a_folder_that_a_killed_run_was_filling_is_taken_in(workspace: Path) -> None:
    with ud.live(workspace) as champion:
        champion.predict(rows(40, 8000).drop(columns="y"))
    spool = workspace / DATA / "spool"
    (spool / ".filling-7").mkdir()
    (file,) = spool.glob("*.parquet")
    file.rename(spool / ".filling-7" / file.name)
    assert ask("-C", workspace, "run")[0] == 0
    assert sum(b.rows for b in ud.open(workspace).store.all(Batch) if not b.history) == 40


def test_only_one_process_takes_in_the_spool(workspace: Path) -> None:
    from undrift.serving.spool import alone

    with alone(workspace / DATA / "spool"):
        code, _, err = ask("-C", workspace, "run")
    assert code == 6
    assert "another process takes in" in err


@pytest.mark.parametrize("form", ["iso", "epoch", "epoch_ms", "year_month", "%d.%m.%Y %H:%M"])
def test_a_row_without_a_time_gets_the_present_one_in_its_format(form: str, tmp_path: Path) -> None:
    moments = pd.date_range("2024-01-01", periods=600, freq="D", tz="UTC")
    written_so = [written(moment.to_pydatetime(), form) for moment in moments]
    frame = rows(600, 0).assign(at=written_so)
    made(tmp_path, frame, data__time="at", data__time_format=form)
    with ud.live(tmp_path) as champion:
        champion.predict(rows(30, 5000).drop(columns="y"))
    assert (champion.spooled, champion.dropped) == (30, 0)
    assert ask("-C", tmp_path, "run")[0] == 0
    assert sum(b.rows for b in ud.open(tmp_path).store.all(Batch) if not b.history) == 30


def test_a_missing_weight_counts_once(tmp_path: Path) -> None:
    made(tmp_path, rows(600, 0).assign(w=2.0), data__weight="w")
    with ud.live(tmp_path) as champion:
        champion.predict(rows(30, 5000).drop(columns="y"))
    assert (champion.spooled, champion.dropped) == (30, 0)


def test_looking_for_another_version_opens_no_file_again_and_again(workspace: Path) -> None:
    import gc

    handles = Path("/proc/self/fd")
    if not handles.is_dir():
        pytest.skip("this system does not list open files under /proc")
    gc.disable()
    try:
        with ud.live(workspace, every=0.002, spool=False):
            time.sleep(0.2)
            before = len(list(handles.iterdir()))
            time.sleep(1.0)
            assert len(list(handles.iterdir())) <= before + 3
    finally:
        gc.enable()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_a_forked_process_hands_on_rows_and_keeps_up(workspace: Path) -> None:
    script = f"""
import os, sys, time, pandas as pd, undrift as ud
champion = ud.live({str(workspace)!r}, every=0.05)
if os.fork() == 0:
    champion.predict([{{"id": 8000, "x": 1.0, "colour": "red", "whole": 1}}])
    alive = champion._watch.is_alive()
    champion.close()
    os._exit(0 if alive and champion.spooled == 1 else 1)
_, status = os.wait()
champion.close()
sys.exit(os.waitstatus_to_exitcode(status))
"""
    assert subprocess.run([sys.executable, "-c", script], timeout=60).returncode == 0


def test_a_workspace_that_is_not_there_is_not_looked_for_elsewhere(workspace: Path) -> None:
    for name in ("nowhere", "other.toml"):
        with pytest.raises(NotFoundError, match=name):
            ud.live(workspace / name)


class NamedLate:
    """A model that knows the names of its classes, in another order than the data, once it was asked."""

    def predict_proba(self, rows: pd.DataFrame) -> np.ndarray:
        self.classes_ = np.array(["yes", "no"])
        return np.tile([0.9, 0.1], (len(rows), 1))


def test_a_model_that_names_its_classes_late_is_read_in_its_own_order() -> None:
    columns = (Column("x", "double", "numeric"),)
    schema = Schema(columns=columns, target="y", task="binary", classes=("no", "yes"))
    member = champion_module._member(1, 1.0, NamedLate(), schema)
    said = member.ask(pd.DataFrame({"x": [1.0]}), tasks.named("binary"))
    assert tasks.named("binary").answer(said, schema.classes)[0].tolist() == ["yes"]


def test_an_announcement_that_fails_in_any_way_fails_no_step(
    workspace: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    loop = ud.open(workspace)

    def denied(*_: object) -> None:
        raise RuntimeError("access denied")

    monkeypatch.setattr(type(loop.registry), "announce", denied)
    loop.step(rows(40, 8000))
    assert "access denied" in caplog.text
