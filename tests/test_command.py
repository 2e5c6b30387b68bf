"""Training jobs of one's own: what they are given, what they may leave, and how they fail."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import undrift as ud
from conftest import ask
from undrift import artifacts, jobs
from undrift.errors import ConfigError, ModelError, UntrustedError
from undrift.jobs import JobModel, packed
from undrift.records import Column, Schema
from undrift.trainers.command import Command

EXAMPLES = Path(__file__).parents[1] / "examples"

SKOPS = """
import json, sys
import pandas as pd, skops.io
from sklearn.linear_model import LinearRegression
job = json.load(sys.stdin)
rows = pd.read_parquet(job["rows"])
names = [one["name"] for one in job["features"]]
weights = rows[job["weight"]] if job["weight"] else None
print("fitting", len(rows), "rows", flush=True)
model = LinearRegression().fit(rows[names], rows[job["target"]], weights)
skops.io.dump(model, job["output"] + "/model.skops")
"""

FOLDER = """
import json, os, sys
import pandas as pd
job = json.load(sys.stdin)
rows = pd.read_parquet(job["rows"])
folder = job["output"] + "/model"
os.mkdir(folder)
shares = rows[job["target"]].value_counts(normalize=True).reindex(job["classes"], fill_value=0.0)
shares.to_json(folder + "/shares.json")
with open(folder + "/predict", "w") as file:
    file.write(f'''#!{sys.executable}
import json, sys, os
import pandas as pd
shares = json.load(open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "shares.json")))
rows = pd.read_parquet(sys.argv[1])
pd.DataFrame([shares] * len(rows)).to_parquet(sys.argv[2])
''')
os.chmod(folder + "/predict", 0o755)
"""

NUMBERS = Schema((Column("a", "double", "numeric"), Column("b", "double", "numeric")), "y", "regression")


def job(folder: Path, code: str) -> list[str]:
    (folder / "job.py").write_text(code)
    return [sys.executable, str(folder / "job.py")]


def rows(count: int = 200) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    return pd.DataFrame({"a": rng.normal(size=count), "b": rng.normal(size=count), "more": 1.0})


def test_a_job_is_given_rows_and_weights_and_leaves_a_model(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "tmp").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "tmp"))
    frame = rows()
    labels = 3 * frame["a"].to_numpy()
    trainer = Command(job(tmp_path, SKOPS))
    weights = np.where(np.arange(200) < 100, 1.0, 1e-9)
    model = trainer.fit(frame, np.where(np.arange(200) < 100, labels, 0.0), NUMBERS, None, weights)
    assert artifacts.predict(model, frame, NUMBERS) == pytest.approx(labels, abs=1e-3)
    assert "│ fitting 200 rows" in capfd.readouterr().err
    assert not [*(tmp_path / "tmp").iterdir()], "what the job wrote is deleted"


def test_a_folder_that_predicts_is_kept_as_the_same_bytes_and_needs_consent(tmp_path: Path) -> None:
    schema = Schema(NUMBERS.columns, "y", "multiclass", ("ant", "bee", "cat"))
    labels = np.array([0.0, 1.0, 2.0, 2.0] * 50)
    model = Command(job(tmp_path, FOLDER)).fit(rows(), labels, schema, None)
    said = artifacts.predict(model, rows(7), schema)
    assert said.tolist() == [[0.25, 0.25, 0.5]] * 7
    assert model.predict(rows(2)).tolist() == ["cat", "cat"]
    content, form = artifacts.serialise(model, prefer_pickle=False)
    assert (content, form) == (model.content, "folder")
    with pytest.raises(UntrustedError, match="the model is a program"):
        artifacts.load(content, "folder")
    again = artifacts.load(content, "folder", trust_pickle=True)
    assert np.array_equal(artifacts.predict(again, rows(7), schema), said)


@pytest.mark.parametrize(
    ("code", "problem"),
    [
        ("import sys; print('no memory'); sys.exit(3)", r"ended with 3:\nno memory"),
        ("pass", "left no model but nothing"),
        (
            "import json, sys; open(json.load(sys.stdin)['output'] + '/model.txt', 'w')",
            "left no model but model.txt",
        ),
        (
            "import json, sys, os; os.mkdir(json.load(sys.stdin)['output'] + '/model')",
            "no executable file 'predict'",
        ),
    ],
)
def test_a_job_that_fails_says_what_it_said(tmp_path: Path, code: str, problem: str) -> None:
    with pytest.raises(ModelError, match=problem):
        Command(job(tmp_path, code)).fit(rows(), np.ones(200), NUMBERS, None)


def test_a_job_that_takes_too_long_is_killed_with_all_that_it_started(tmp_path: Path) -> None:
    mark = tmp_path / "alive"
    child = f"import time\nwhile True:\n    open({str(mark)!r}, 'a').write('x'); time.sleep(0.05)"
    code = (
        f"import subprocess, sys, time\nsubprocess.Popen([sys.executable, '-c', {child!r}])\ntime.sleep(60)"
    )
    begin = time.monotonic()
    with pytest.raises(ModelError, match=r"took longer than 2 s"):
        Command(job(tmp_path, code), timeout=2).fit(rows(), np.ones(200), NUMBERS, None)
    assert time.monotonic() - begin < 20
    size = mark.stat().st_size
    time.sleep(0.4)
    assert mark.stat().st_size == size, "a child of the job lives on"


def test_a_job_is_tried_again_as_often_as_wanted(tmp_path: Path) -> None:
    count = tmp_path / "count"
    flaky = f"import os, sys\nopen({str(count)!r}, 'a').write('x')\n"
    flaky += f"if os.path.getsize({str(count)!r}) < 2: sys.exit(1)\n"
    model = Command(job(tmp_path, flaky + SKOPS), retries=2).fit(
        rows(), rows()["a"].to_numpy(), NUMBERS, None
    )
    assert artifacts.predict(model, rows(), NUMBERS) == pytest.approx(rows()["a"].to_numpy())
    assert count.stat().st_size == 2


@pytest.mark.parametrize(
    ("params", "problem"),
    [
        ({"command": ""}, "is empty"),
        ({"command": "x", "timeout": 0}, "timeout"),
        ({"command": "x", "retries": -1}, "retries"),
    ],
)
def test_settings_that_do_not_fit_are_refused(params: dict[str, object], problem: str) -> None:
    with pytest.raises(ConfigError, match=problem):
        Command(**params)  # type: ignore[arg-type]
    with pytest.raises(ModelError, match="cannot be run"):
        Command(["/no/such/program"]).fit(rows(), np.ones(200), NUMBERS, None)


def test_a_folder_is_the_same_bytes_whenever_it_was_made(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name / "deep").mkdir(parents=True)
        (tmp_path / name / "predict").write_text("#!/bin/sh\n")
        (tmp_path / name / "predict").chmod(0o755)
        (tmp_path / name / "deep" / "x").write_text("1")
        os.utime(tmp_path / name / "deep" / "x", (len(name), len(name) + (name == "two")))
    assert packed(tmp_path / "one") == packed(tmp_path / "two")
    with pytest.raises(UntrustedError):
        JobModel(b"nonsense")


def started(folder: Path, command: list[str], frame: pd.DataFrame) -> None:
    frame.to_csv(folder / "train.csv", index=False)
    (folder / "undrift.toml").write_text(
        f'[data]\ntarget = "y"\nid = "id"\n[model]\nuse = "command"\nparams.command = {json.dumps(command)}\n'
        '[policy]\nuse = "schedule"\nevery = 2\nminimum_rows = 1\n[lineup]\nuse = "single"\n'
    )
    code, _, err = ask("-C", folder, "init", "--from", folder / "train.csv")
    assert code == 0, err


def stream(count: int, first: int, *, turned: bool = False) -> pd.DataFrame:
    rng = np.random.default_rng(first)
    a, b = rng.normal(size=count), rng.normal(size=count)
    colour = rng.choice(["red", "green"], count)
    y = np.where(colour == "red", 4.0, 0.0) + (-2 if turned else 2) * a + 0.1 * b
    return pd.DataFrame({"id": np.arange(first, first + count), "a": a, "b": b, "colour": colour, "y": y})


def lived(folder: Path, command: list[str], *, colours: bool) -> None:
    """A job trains the first model, and the one that takes its place."""

    def part(count: int, first: int, *, turned: bool = False) -> pd.DataFrame:
        frame = stream(count, first, turned=turned)
        return frame if colours else frame.drop(columns="colour")

    started(folder, command, part(600, 0))
    assert ud.open(folder).live().trainer == "command"
    for place in range(4):
        part(200, 600 + 200 * place, turned=place > 0).to_csv(folder / "b.csv", index=False)
        code, _, err = ask("-C", folder, "run", folder / "b.csv")
        assert code == 0, err
    loop = ud.open(folder)
    assert loop.live().number != 1
    loop.rollback("back", 1)
    fresh = part(100, 5000)
    assert np.abs(loop.predict(fresh.drop(columns="y")) - fresh["y"]).mean() < 2.5


def test_a_job_trains_the_first_model_and_its_successor(tmp_path: Path) -> None:
    lived(tmp_path, job(tmp_path, SKOPS), colours=False)


def test_a_network_in_pytorch_is_trained_promoted_and_rolled_back(tmp_path: Path) -> None:
    pytest.importorskip("torch", reason="PyTorch is not installed: it is in no dependency group")
    lived(tmp_path, [sys.executable, str(EXAMPLES / "torch" / "train.py")], colours=True)


LOOPS = "import time\nwhile True:\n    open({mark!r}, 'a').write('x'); time.sleep(0.05)"


def still_grows(mark: Path) -> bool:
    size = mark.stat().st_size
    time.sleep(0.4)
    return mark.stat().st_size > size


def leaving(mark: Path, then: str) -> list[str]:
    """A command that starts a process of its own, waits until that runs, and goes on."""
    code = (
        "import os, subprocess, sys, time\n"
        f"subprocess.Popen([sys.executable, '-c', {LOOPS.format(mark=str(mark))!r}])\n"
        f"while not os.path.exists({str(mark)!r}): time.sleep(0.02)\n{then}"
    )
    return [sys.executable, "-c", code]


@pytest.mark.parametrize("then", ["", "sys.exit(3)"])
def test_what_a_job_leaves_running_ends_with_it(tmp_path: Path, then: str) -> None:
    mark = tmp_path / "alive"
    with pytest.raises(ModelError, match="ended with 3") if then else nullcontext():
        jobs.run(leaving(mark, then), {}, tmp_path, 30)
    assert not still_grows(mark)


def test_a_daemon_that_holds_the_output_delays_no_job_beyond_its_time(tmp_path: Path) -> None:
    daemon = "import subprocess, sys; subprocess.Popen(['sleep', '15'], start_new_session=True)"
    begin = time.monotonic()
    jobs.run([sys.executable, "-c", daemon], {}, tmp_path, 5)
    with pytest.raises(ModelError, match="took longer than 1 s"):
        jobs.run([sys.executable, "-c", daemon + "\nimport time; time.sleep(60)"], {}, tmp_path, 1)
    assert time.monotonic() - begin < 10


def test_a_job_that_writes_before_it_reads_is_not_waited_for(tmp_path: Path) -> None:
    code = "import sys; print('x' * 300_000); sys.stdout.flush(); print(len(sys.stdin.read()))"
    jobs.run([sys.executable, "-c", code], {"long": "y" * 300_000}, tmp_path, 20)


def test_a_job_ends_with_an_undrift_that_is_killed(tmp_path: Path) -> None:
    mark = tmp_path / "alive"
    job = [sys.executable, "-c", LOOPS.format(mark=str(mark))]
    code = f"from pathlib import Path\nfrom undrift import jobs\njobs.run({job!r}, {{}}, Path('.'), 60)"
    with subprocess.Popen([sys.executable, "-c", code], cwd=tmp_path) as undrift:
        while not mark.exists():
            time.sleep(0.02)
        undrift.kill()
    time.sleep(0.5)
    assert not still_grows(mark)


@pytest.mark.parametrize("content", [b"", b"no pickle", b"cnowhere\nThing\n."])
@pytest.mark.parametrize("form", ["pickle", "skops"])
def test_a_broken_artifact_is_an_error_of_the_model(content: bytes, form: artifacts.Format) -> None:
    with pytest.raises(ModelError, match=r"does not load: \w|not a whole"):
        artifacts.load(content, form, trust_pickle=True)


def test_a_folder_model_keeps_its_limit_of_time(tmp_path: Path) -> None:
    (tmp_path / "predict").write_text("#!/bin/sh\n")
    (tmp_path / "predict").chmod(0o755)
    assert JobModel(packed(tmp_path)).timeout == jobs.SECONDS
    (tmp_path / jobs.LIMIT).write_text("7.0")
    assert JobModel(packed(tmp_path)).timeout == 7
