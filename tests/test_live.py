"""The live model inside a service: hot swap, hand-over of rows, and what goes wrong."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import undrift as ud
from conftest import ask
from undrift import inputs
from undrift.config.beginning import DATA
from undrift.config.wiring import created, load
from undrift.errors import DataError, NotFoundError
from undrift.records import Batch
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
    from undrift.config.file import document

    (tmp_path / "undrift.toml").write_text(document(options, "x"))
    with ud.live(tmp_path) as champion:
        champion.predict(rows(30, 5000).drop(columns=["y", "id"]).assign(id=1))
    ud.open(tmp_path).step(next((tmp_path / DATA / "spool").glob("*.parquet")))
    newest = max(w.end for w in ud.open(tmp_path).archive.windows() if w.end)
    assert newest.year >= 2026


def test_what_is_wrong_is_said_at_once(workspace: Path, champion: Live, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no column 'x'"):
        champion.predict(rows(5, 0).drop(columns="x"))
    with pytest.raises(DataError, match="not all rows hold numbers"):
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
