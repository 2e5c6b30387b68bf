"""A person's own data and model, by the same path, and everything that can be wrong with them."""

from __future__ import annotations

import io
import json
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from itertools import pairwise
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
import pytest
import skops.io
from sklearn.compose import make_column_transformer
from sklearn.ensemble import RandomForestRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

import undrift
from conftest import moving_stream
from undrift.cli import execute

Capture = pytest.CaptureFixture[str]


def ask(capsys: Capture, *arguments: object) -> tuple[int, str, str]:
    code = execute([str(a) for a in arguments])
    out, err = capsys.readouterr()
    assert "Traceback" not in err
    return code, out, err


def write(frame: pd.DataFrame, path: Path) -> Path:
    if path.suffix == ".parquet":
        frame.to_parquet(path, index=False)
    elif path.suffix == ".jsonl":
        frame.to_json(path, orient="records", lines=True, date_format="iso")
    elif path.suffix == ".feather":
        frame.to_feather(path)
    else:
        frame.to_csv(path, index=False)
    return path


def made(tmp_path: Path, capsys: Capture, *options: object, frame: pd.DataFrame | None = None) -> Path:
    """A workspace made from a small history."""
    frame = moving_stream().head(960) if frame is None else frame
    history = write(frame, tmp_path / "history.csv")
    root = tmp_path / "workspace"
    code, _, err = ask(capsys, "init", "--from", history, "--target", "y", *options, "-C", root)
    assert code == 0, err
    return root


@pytest.mark.parametrize("ending", ["csv", "csv.gz", "parquet", "feather", "jsonl"])
def test_a_file_of_any_kind_makes_a_workspace_and_runs(ending: str, tmp_path: Path, capsys: Capture) -> None:
    stream = moving_stream().assign(at=lambda d: d["at"].astype("datetime64[ms]"))
    history = write(stream.head(960), tmp_path / f"history.{ending}")
    following = write(stream[960:1080], tmp_path / f"next.{ending}")
    root = tmp_path / "workspace"
    assert (
        ask(capsys, "init", "--from", history, "--target", "y", "--id", "id", "--time", "at", "-C", root)[0]
        == 0
    )
    code, out, _ = ask(capsys, "run", following, "--json", "-C", root)
    body = json.loads(out)
    assert (code, body["batch"]["rows"], len(body["settled"])) == (0, 120, 1)
    assert body["settled"][0]["fresh"][0]["rows"] == 120


def test_the_written_file_is_commented_and_says_what_was_asked(tmp_path: Path, capsys: Capture) -> None:
    root = made(tmp_path, capsys, "--id", "id", "--time", "at", "--set", "gate.alpha=0.1")
    text = (root / "undrift.toml").read_text()
    assert 'target = "y" ' in text
    assert "alpha = 0.1 " in text
    assert '# metric = "psi"' in text
    assert text.count("#") > 25


def test_the_same_file_twice_changes_nothing(tmp_path: Path, capsys: Capture) -> None:
    root = made(tmp_path, capsys)
    batch = write(moving_stream()[960:1080], tmp_path / "next.csv")
    ask(capsys, "run", batch, "-C", root)
    code, out, _ = ask(capsys, "run", batch, "--json", "-C", root)
    body = json.loads(out)
    assert (code, body["batch"]["again"], body["settled"], body["action"]) == (0, True, [], "wait")


def test_late_labels_score_the_window(tmp_path: Path, capsys: Capture) -> None:
    root = made(tmp_path, capsys, "--id", "id")
    batch = moving_stream()[960:1080]
    ask(capsys, "run", write(batch.drop(columns="y"), tmp_path / "next.csv"), "-C", root)
    _, out, _ = ask(capsys, "label", write(batch[["id", "y"]], tmp_path / "labels.csv"), "--json", "-C", root)
    assert [s["rows"] for s in json.loads(out)["fresh"]] == [120]
    stray = pd.DataFrame({"id": ["nobody"], "y": [1.0]})
    _, _, err = ask(capsys, "label", write(stray, tmp_path / "stray.csv"), "-C", root)
    assert "no known row" in err


def test_detailed_exit_codes(tmp_path: Path, capsys: Capture) -> None:
    root = made(tmp_path, capsys, "--set", "policy.use=never")
    few = write(moving_stream()[960:970], tmp_path / "few.csv")
    assert ask(capsys, "run", few, "--detailed-exitcode", "-C", root)[0] == 5
    moved = write(moving_stream()[1500:1620], tmp_path / "moved.csv")
    assert ask(capsys, "run", moved, "--detailed-exitcode", "-C", root)[0] == 3
    few = write(moving_stream()[1620:1630], tmp_path / "few.csv")
    assert ask(capsys, "run", few, "--detailed-exitcode", "-C", root)[0] == 3, "worse than promised"


def fitted(frame: pd.DataFrame, columns: list[str]) -> object:
    encoded = make_column_transformer(
        (OneHotEncoder(handle_unknown="ignore"), ["colour"]), remainder="passthrough"
    )
    rows = frame[columns].assign(x=frame.x.fillna(0))
    return make_pipeline(encoded, RandomForestRegressor(10, random_state=0)).fit(rows, frame.y)


def test_a_fitted_model_is_adopted_serves_and_is_refitted(tmp_path: Path, capsys: Capture) -> None:
    stream = moving_stream()
    skops.io.dump(fitted(stream.head(960), ["x", "z", "colour"]), tmp_path / "mine.skops")
    root = made(tmp_path, capsys, "--model", tmp_path / "mine.skops", "--ignore", "id", "--ignore", "at",
                frame=stream.head(960).assign(x=lambda d: d.x.fillna(0)))  # fmt: skip
    actions = []
    for i in range(10):
        part = stream[1440 + 120 * i : 1560 + 120 * i]
        _, out, _ = ask(capsys, "run", write(part, tmp_path / f"b{i}.csv"), "--json", "-C", root)
        actions += [s["action"] for s in json.loads(out)["settled"]]
    assert "promote" in actions
    models = json.loads(ask(capsys, "models", "--json", "-C", root)[1])["models"]
    assert models[0]["trainer"] == "Pipeline"
    assert models[0]["merge"] == "adopted"
    live = next(m for m in models if m["status"] == "live")
    assert live["trainer"] == "mixture"
    serving = {m["version"] for m in live["members"]}
    assert any(m["trainer"] == "refit" and m["number"] in serving for m in models)


def test_a_pickle_needs_consent(tmp_path: Path, capsys: Capture) -> None:
    stream = moving_stream().head(960).assign(x=lambda d: d.x.fillna(0))
    joblib.dump(fitted(stream, ["x", "z", "colour"]), tmp_path / "mine.joblib")
    history = write(stream, tmp_path / "history.csv")
    root = tmp_path / "workspace"
    options = ["init", "--from", history, "--target", "y", "--ignore", "id", "--ignore", "at"]
    options += ["--model", tmp_path / "mine.joblib", "-C", root]
    code, _, err = ask(capsys, *options)
    assert code == 2
    assert "--trust" in err
    assert not (root / "undrift.toml").exists()
    assert ask(capsys, *options, "--trust")[0] == 0
    assert ask(capsys, "run", write(stream.tail(100), tmp_path / "n.csv"), "-C", root)[0] == 0


def test_without_a_model_predictions_are_scored_and_retraining_says_what_it_lacks(
    tmp_path: Path, capsys: Capture
) -> None:
    stream = moving_stream().assign(guess=lambda d: 2 * d.x.fillna(0))
    root = made(tmp_path, capsys, "--prediction", "guess", "--id", "id", frame=stream.head(960))
    out = ""
    for i in range(3):
        part = stream[1440 + 120 * i : 1560 + 120 * i]
        _, out, _ = ask(capsys, "run", write(part, tmp_path / f"b{i}.csv"), "--json", "-C", root)
    newest = json.loads(out)["settled"][0]
    assert newest["fresh"][0]["version"] == 0
    assert newest["fresh"][0]["value"] > 1
    assert newest["action"] == "keep"
    assert "set model.use" in newest["why"]
    assert ask(capsys, "rollback", "--yes", "-C", root)[0] == 2


def table(**columns: object) -> pd.DataFrame:
    n = 300
    base = {"x": np.arange(n) / 7, "c": ["a", "b", "c"] * (n // 3), "y": np.arange(n) % 17 + 0.5}
    return pd.DataFrame(base | columns)


def many_names() -> pd.DataFrame:
    """A target that names every row."""
    return pd.concat([table()] * 10, ignore_index=True).assign(y=[f"n{i}" for i in range(3000)])


BAD_HISTORIES = {
    "missing target": (table().drop(columns="y"), ["y"], 2),
    "target without a label": (table(y=np.nan), ["no label"], 2),
    "one class only": (table(y="yes"), ["one value only", "'yes'"], 2),
    "a name for a target": (many_names(), ["3,000 classes"], 2),
    "one row": (table().head(1), ["has 1 rows"], 5),
    "three rows": (table().head(3), ["has 3 rows"], 5),
    "no feature": (table()[["y"]], ["no feature"], 2),
    "infinite target": (table(y=[np.inf] + [1.0, 2.0, 3.0] * 99 + [1.0, 2.0]), ["not finite"], 2),
    "reserved name": (table(_undrift_id=1.0), ["_undrift_id"], 2),
}


@pytest.mark.parametrize("case", BAD_HISTORIES)
def test_a_bad_history_is_refused_by_name_and_nothing_is_left(
    case: str, tmp_path: Path, capsys: Capture
) -> None:
    frame, says, exit_code = BAD_HISTORIES[case]
    history = write(frame, tmp_path / "history.parquet" if case != "one row" else tmp_path / "history.csv")
    root = tmp_path / "workspace"
    code, out, err = ask(capsys, "init", "--from", history, "--target", "y", "-C", root)
    assert (code, out) == (exit_code, "")
    for word in says:
        assert word in err
    assert not root.exists() or not list(root.iterdir())


BAD_FILES = {
    "empty.csv": (b"", "is empty"),
    "header.csv": (b"x,y\n", "no rows"),
    "ragged.csv": (b"x,y\n1,2\n3\n", "as many fields"),
    "twice.csv": (b"x,x,y\n1,2,3\n", "more than one column"),
    "latin.csv": "naïve,y\né,1\n".encode("latin-1"),
    "broken.parquet": (b"PAR1 this is no parquet", "cannot be read"),
    "broken.csv.gz": (b"\x1f\x8b not gzip", "cannot be read"),
    "what.xyz": (b"1", "unknown ending"),
}


@pytest.mark.parametrize("name", BAD_FILES)
def test_an_unreadable_file_is_named_with_the_remedy(name: str, tmp_path: Path, capsys: Capture) -> None:
    case = BAD_FILES[name]
    content, says = case if isinstance(case, tuple) else (case, "")
    path = tmp_path / name
    path.write_bytes(content)
    code, _, err = ask(capsys, "init", "--from", path, "--target", "y", "-C", tmp_path / "workspace")
    assert code == 2
    assert name in err
    assert says in err
    assert not (tmp_path / "workspace" / "undrift.toml").exists()


def test_a_missing_file_and_a_misspelt_column_are_named(tmp_path: Path, capsys: Capture) -> None:
    code, _, err = ask(capsys, "init", "--from", tmp_path / "no.csv", "--target", "y", "-C", tmp_path / "w")
    assert code == 2
    assert "no.csv does not exist" in err
    history = write(moving_stream().head(960), tmp_path / "h.csv")
    code, _, err = ask(
        capsys, "init", "--from", history, "--target", "y", "--time", "att", "-C", tmp_path / "w"
    )
    assert code == 2
    assert "Did you mean 'at'?" in err


def bad_batches() -> dict[str, tuple[pd.DataFrame, list[str]]]:
    good = moving_stream()[960:1080].reset_index(drop=True)
    text = good.assign(z=["what"] + [1.0] * 119)
    return {
        "lost column": (good.drop(columns="z"), ["next.csv", "'z'"]),
        "text in a number": (text, ["next.csv", "'z'", "row 1", "'what'"]),
        "duplicate ids": (pd.concat([good, good.head(1)]), ["'r960'", "more than once"]),
        "null id": (good.assign(id=[None, *good.id[1:]]), ["nulls"]),
        "label is text": (good.assign(y="high"), ["'y'"]),
        "time is text": (good.assign(at="yesterday"), ["'at'"]),
        "no rows": (good.head(0), ["no rows"]),
    }


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bad")
    history = write(moving_stream().head(960), folder / "history.csv")
    root = folder / "workspace"
    assert (
        execute(
            ["init", "--from", str(history), "--target", "y", "--id", "id", "--time", "at", "-C", str(root)]
        )
        == 0
    )
    return root


@pytest.mark.parametrize("case", bad_batches())
def test_a_bad_batch_is_refused_by_name_and_nothing_is_kept(
    case: str, workspace: Path, tmp_path: Path, capsys: Capture
) -> None:
    frame, says = bad_batches()[case]
    before = state(workspace)
    code, out, err = ask(capsys, "run", write(frame, tmp_path / "next.csv"), "-C", workspace)
    assert (code, out) == (2, "")
    for word in says:
        assert word in err
    assert state(workspace) == before


def state(root: Path) -> tuple[object, ...]:
    from undrift.config.wiring import open as open_loop

    loop = open_loop(root)
    return tuple(loop.archive.batches()), tuple(loop.lake.versions().items()), len(loop.store.ledger())


def test_reordered_and_new_columns_are_taken_in_and_said(tmp_path: Path, capsys: Capture) -> None:
    root = made(tmp_path, capsys)
    batch = moving_stream()[960:1080].assign(extra=1)
    mixed = batch[sorted(batch, reverse=True)]
    code, _, err = ask(capsys, "run", write(mixed, tmp_path / "next.csv"), "-C", root)
    assert code == 0
    assert "Unknown columns, not kept: extra" in err


def test_hostile_column_names_go_through_the_whole_loop(tmp_path: Path, capsys: Capture) -> None:
    names = {"x": "</script>", "z": "=cmd()|x", "colour": "![](http://example.invalid/a.png)"}
    stream = moving_stream().rename(columns=names)
    root = made(tmp_path, capsys, frame=stream.head(960))
    code, out, _ = ask(capsys, "run", write(stream[960:1080], tmp_path / "next.csv"), "--json", "-C", root)
    assert code == 0
    assert set(names.values()) <= {f["name"] for f in json.loads(out)["settled"][0]["comparison"]["features"]}


def test_init_over_a_workspace_is_refused(tmp_path: Path, capsys: Capture) -> None:
    root = made(tmp_path, capsys)
    code, _, err = ask(capsys, "init", "--from", tmp_path / "history.csv", "--target", "y", "-C", root)
    assert code == 2
    assert "already holds a workspace" in err
    (root / "undrift.toml").unlink()
    code, _, err = ask(capsys, "init", "--from", tmp_path / "history.csv", "--target", "y", "-C", root)
    assert code == 2
    assert "undrift.toml is gone" in err


def contents(folder: Path) -> dict[str, bytes]:
    """Every file but the store's own, which is opened to be looked at."""
    return {
        str(p.relative_to(folder)): p.read_bytes()
        for p in sorted(folder.rglob("*"))
        if p.is_file() and "store.db" not in p.name
    }


@pytest.mark.parametrize("loss", ["store and settings gone", "store gone", "store empty", "version gone"])
def test_init_never_takes_a_workspace_without_its_store_for_an_unfinished_one(
    loss: str, tmp_path: Path, capsys: Capture
) -> None:
    root = made(tmp_path, capsys, "--id", "id")
    ask(capsys, "run", write(moving_stream()[960:1080], tmp_path / "next.csv"), "-C", root)
    if loss == "version gone":
        with closing(sqlite3.connect(root / ".undrift" / "store.db")) as store, store:
            store.execute("delete from records where kind = 'Version'")
    else:
        for path in (root / ".undrift").glob("store.db*"):
            path.unlink()
        if loss == "store empty":
            (root / ".undrift" / "store.db").touch()
        if loss == "store and settings gone":
            (root / "undrift.toml").unlink()
    before = contents(root)
    for verb in (["status"], ["run"], ["init", "--from", tmp_path / "history.csv", "--target", "y"]):
        code, _, err = ask(capsys, *verb, "-C", root)
        assert code == 2, err
        assert "emove" not in err.replace("moved", "")
        if loss != "store and settings gone" or verb[0] == "init":
            assert "estore" in err
        assert contents(root) == before, "nothing is lost"


KILLED_WHEN = (
    "undrift.toml", ".undrift/init.json", ".undrift/store.db", ".undrift/lake/rows", ".undrift/models"
)  # fmt: skip


@pytest.mark.parametrize("reached", KILLED_WHEN)
def test_an_init_that_was_killed_starts_over_and_leaves_nothing_behind(
    reached: str, tmp_path: Path, capsys: Capture
) -> None:
    history = write(moving_stream().head(960), tmp_path / "history.csv")
    root = tmp_path / "workspace"
    words = ["init", "--from", str(history), "--target", "y", "-C", str(root)]
    process = subprocess.Popen([sys.executable, "-m", "undrift", *words], stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 120
    while not (root / reached).exists() and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.001)
    process.kill()
    assert process.wait() == -signal.SIGKILL
    code, _, err = ask(capsys, *words)
    assert (code, "did not finish" in err) == (0, True)
    assert sorted(p.name for p in root.iterdir()) == [".undrift", "undrift.toml"]
    assert {p.name for p in (root / ".undrift").iterdir()} <= {
        "store.db",
        "store.db-wal",
        "store.db-shm",
        "lake",
        "models",
    }
    assert state(root)[2] == 1
    assert ask(capsys, "status", "-C", root)[0] == 0


def test_an_init_in_the_middle_of_another_waits(tmp_path: Path, capsys: Capture) -> None:
    from undrift.config.beginning import beginning

    history = write(moving_stream().head(960), tmp_path / "history.csv")
    root = tmp_path / "workspace"
    with beginning(root, "# being made"):
        before = contents(root)
        code, _, err = ask(capsys, "init", "--from", history, "--target", "y", "-C", root)
        assert code == 6, err
        assert contents(root) == before


@pytest.mark.parametrize("also", ["undrift.toml", ".undrift/notes.txt", ".undrift/lake/rows"])
def test_a_killed_init_that_a_person_went_on_with_is_left_alone(
    also: str, tmp_path: Path, capsys: Capture
) -> None:
    """The mark alone proves nothing: settings that were edited, or files of others, stay."""
    from undrift.config.beginning import MARK

    root = made(tmp_path, capsys)
    mark = json.dumps({"toml": (root / "undrift.toml").read_text()})
    for path in (root / ".undrift").glob("store.db*"):
        path.unlink()
    if also != ".undrift/lake/rows":
        shutil.rmtree(root / ".undrift")
        (root / ".undrift").mkdir()
        with (root / also).open("a") as file:
            file.write("# mine")
    (root / MARK).write_text(mark)
    before = contents(root)
    code, _, err = ask(capsys, "init", "--from", tmp_path / "history.csv", "--target", "y", "-C", root)
    assert code == 2, err
    assert contents(root) == before


def test_an_init_that_fails_takes_only_what_it_made(tmp_path: Path, capsys: Capture) -> None:
    history = write(moving_stream().head(2), tmp_path / "history.csv")
    (tmp_path / "w" / "lake").mkdir(parents=True)
    (tmp_path / "w" / "lake" / "mine.txt").write_text("mine")
    before = contents(tmp_path / "w")
    assert ask(capsys, "init", "--from", history, "--target", "y", "-C", tmp_path / "w")[0] in (2, 5)
    assert contents(tmp_path / "w") == before
    assert [p.name for p in (tmp_path / "w").iterdir()] == ["lake"]


PREPARED = """# mine
[data]
target = "y"
time = "at"
id = "id"

[windows]
size = "6h"

[model]
use = "sklearn.linear_model:LinearRegression"
"""


def test_a_prepared_settings_file_is_used_and_stays_as_it_is(tmp_path: Path, capsys: Capture) -> None:
    stream = moving_stream().drop(columns="colour").fillna(0.0)
    history = write(stream.head(960), tmp_path / "history.csv")
    (tmp_path / "undrift.toml").write_text(PREPARED)
    code, _, err = ask(capsys, "status", "-C", tmp_path)
    assert (code, "Run undrift init --from FILE" in err) == (2, True)
    code, out, err = ask(capsys, "init", "--from", history, "-C", tmp_path)
    assert code == 0, err
    assert "undrift.toml is used as it is" in out
    assert ask(capsys, "run", write(stream[960:1200], tmp_path / "next.csv"), "-C", tmp_path)[0] == 0
    assert (tmp_path / "undrift.toml").read_text() == PREPARED
    code, _, err = ask(capsys, "init", "--from", history, "-C", tmp_path)
    assert (code, "already holds a workspace" in err) == (2, True)


@pytest.mark.parametrize(
    ("toml", "options", "says"),
    [
        ("# mine\n", ["--target", "y"], 'Write target = "y" under [data]'),
        (PREPARED, ["--target", "x"], 'Write target = "x" under [data]'),
        (PREPARED, ["--set", "gate.windows=3"], "Write windows = 3 under [gate]"),
        (
            PREPARED.partition("[model]")[0],
            [],
            'Write use = "sklearn.ensemble:HistGradientBoostingRegressor"',
        ),
        (PREPARED.replace('"y"', '"nothing"'), [], "nothing"),
        (PREPARED.replace("target", "tarjet"), [], "tarjet"),
    ],
)
def test_what_a_prepared_settings_file_lacks_is_named_and_nothing_is_made(
    tmp_path: Path, capsys: Capture, toml: str, options: list[str], says: str
) -> None:
    history = write(moving_stream().head(960), tmp_path / "history.csv")
    (tmp_path / "undrift.toml").write_text(toml)
    code, _, err = ask(capsys, "init", "--from", history, *options, "-C", tmp_path)
    assert (code, says in err) == (2, True), err
    assert (tmp_path / "undrift.toml").read_text() == toml
    assert not (tmp_path / ".undrift").exists()


STREAMS: dict[str, list[str]] = {
    "nanny_car_price": ["--time", "timestamp"],
    "nyc_flights": ["--time", "ts"],
    "syn_stagger_recurring": ["--ignore", "seq"],
}


@pytest.mark.parametrize("name", STREAMS)
def test_recorded_streams_run_from_init_to_the_last_batch(
    name: str, streams: Path, tmp_path: Path, capsys: Capture
) -> None:
    stream = pd.read_parquet(streams / f"{name}.parquet")
    cut = np.linspace(0.3, 1.0, 5) * len(stream)
    root = tmp_path / "workspace"
    history = write(stream[: int(cut[0])], tmp_path / "history.parquet")
    assert ask(capsys, "init", "--from", history, "--target", "target", *STREAMS[name], "-C", root)[0] == 0
    settled = []
    for i, (a, b) in enumerate(pairwise(cut)):
        part = write(stream[int(a) : int(b)], tmp_path / f"b{i}.parquet")
        code, out, err = ask(capsys, "run", part, "--json", "-C", root)
        assert code == 0, err
        settled += json.loads(out)["settled"]
    assert len(settled) == 4
    assert all(s["fresh"] for s in settled)


def test_an_abrupt_shift_that_does_not_hurt_is_reported_and_not_retrained(
    streams: Path, tmp_path: Path, capsys: Capture
) -> None:
    stream = pd.read_parquet(streams / "nanny_car_price.parquet")
    root = tmp_path / "workspace"
    history = write(stream[:60_000], tmp_path / "history.parquet")
    assert (
        ask(capsys, "init", "--from", history, "--target", "target", "--time", "timestamp", "-C", root)[0]
        == 0
    )
    verdicts, actions = [], []
    for i in range(4):
        part = write(stream[60_000 + 15_000 * i : 75_000 + 15_000 * i], tmp_path / f"b{i}.parquet")
        found = json.loads(ask(capsys, "run", part, "--json", "-C", root)[1])["settled"][0]
        verdicts.append(found["verdict"])
        actions.append(found["action"])
    assert verdicts == ["stable", "stable", "drift", "drift"]
    assert actions == ["keep"] * 4


def grades(folder: Path) -> Path:
    """Rows whose target is a whole number from 0 to 9."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=800)
    frame = pd.DataFrame({"x": x, "grade": np.clip(np.round(x * 2 + 5), 0, 9).astype(int)})
    return write(frame, folder / "history.csv")


def test_a_target_of_few_whole_numbers_is_not_taken_for_either(tmp_path: Path, capsys: Capture) -> None:
    words = ("init", "--from", grades(tmp_path), "--target", "grade", "-C", tmp_path / "w")
    code, _, err = ask(capsys, *words)
    assert code == 2
    assert "10 different whole numbers" in err
    assert "data.task=regression" in err
    assert not (tmp_path / "w" / ".undrift").exists()
    assert ask(capsys, *words, "--set", "data.task=regression")[0] == 0


@pytest.mark.parametrize("answer", ["y\n", "n\n"])
def test_on_a_terminal_it_is_asked_for(
    tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch, answer: str
) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setattr(sys, "stdin", Terminal(answer))
    code, out, err = ask(
        capsys, "init", "--from", grades(tmp_path), "--target", "grade", "-C", tmp_path / "w"
    )
    assert "grade holds 10 different whole numbers. Is it a number, not classes?" in out
    assert code == (0 if answer == "y\n" else 2), err
    if code == 0:
        assert 'task = "regression"' in (tmp_path / "w" / "undrift.toml").read_text()


def test_two_whole_numbers_are_two_classes_unasked(tmp_path: Path, capsys: Capture) -> None:
    frame = pd.read_csv(grades(tmp_path)).assign(grade=lambda d: (d["grade"] > 5).astype(int))
    history = write(frame, tmp_path / "two.csv")
    assert ask(capsys, "init", "--from", history, "--target", "grade", "-C", tmp_path / "w")[0] == 0
    assert undrift.open(tmp_path / "w").schema.task == "binary"
