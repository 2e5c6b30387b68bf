"""The demo: other parts by name, going on after a kill, starting clean, touching nothing of others."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from undrift.cli import execute
from undrift.config.wiring import load, opened
from undrift.profiles.numeric import NumericProfile
from undrift.records import Batch, Comparison, Decision, Outcome, Score, Service, Step, Version, encode
from undrift.workspace import kept

Capture = pytest.CaptureFixture[str]
KINDS = (Comparison, Service, Score, Decision, Version, Outcome, Step)


def records_of(root: Path) -> dict[str, list[dict[str, object]]]:
    """All records of a workspace but for what may differ: hashes and sizes of artifacts."""
    store = load(root).store()
    bare = {
        kind.__name__: [
            {k: v for k, v in encode(r).items() if k not in ("artifact", "bytes")} for r in store.all(kind)
        ]
        for kind in KINDS
    }
    bare["ledger"] = [encode(e.promotion) for e in store.ledger()]
    return bare


def start(root: Path, windows: int) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "undrift", "demo", "--windows", str(windows), "-C", str(root)]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def settled(root: Path) -> int:
    if not (root / "undrift.toml").exists() or not (root / ".undrift" / "store.db").exists():
        return 0
    store = load(root).store()
    found = len(store.all(Step))
    store.close()
    return found


def test_a_demo_killed_again_and_again_ends_with_the_same_records(demo_weeks: Path, tmp_path: Path) -> None:
    root = tmp_path / "undrift-demo"
    kills, reached = 0, 0
    for goal in (1, 3, 5, 8, 10):
        process = start(root, 12)
        deadline = time.monotonic() + 120
        while settled(root) < goal and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.02)
        time.sleep(0.037 * goal)  # die in another verb every time
        if process.poll() is None:
            os.kill(process.pid, signal.SIGKILL)
            kills += 1
        process.wait()
        assert settled(root) >= reached, "what was settled stays settled"
        reached = settled(root)
    assert kills >= 3
    assert start(root, 12).wait(timeout=240) == 0
    assert records_of(root) == records_of(demo_weeks)


def test_a_finished_demo_starts_clean_and_touches_nothing_it_did_not_make(
    tmp_path: Path, capsys: Capture
) -> None:
    root = tmp_path / "undrift-demo"
    arguments = ["demo", "--windows", "2", "--json", "-C", str(root)]
    assert execute(arguments) == 0
    mine = root / "notes.txt"
    mine.write_text("mine")
    capsys.readouterr()
    assert execute(arguments) == 0
    assert json.loads(capsys.readouterr().out)["windows"] == 2
    assert mine.read_text() == "mine"
    toml = root / "undrift.toml"
    toml.write_text(toml.read_text() + "# edited\n")
    assert execute(arguments) == 2
    assert "was edited" in capsys.readouterr().err
    assert toml.read_text().endswith("# edited\n")


def test_a_folder_that_the_demo_did_not_make_is_refused(tmp_path: Path, capsys: Capture) -> None:
    (tmp_path / "precious.txt").write_text("mine")
    assert execute(["demo", "-C", str(tmp_path)]) == 2
    assert "did not make it" in capsys.readouterr().err
    assert [p.name for p in tmp_path.iterdir()] == ["precious.txt"]


def test_a_folder_named_like_the_demos_own_is_not_the_demos(tmp_path: Path, capsys: Capture) -> None:
    for name in (".undrift-old", ".undrift-new"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "precious.txt").write_text("mine")
    assert execute(["demo", "-C", str(tmp_path)]) == 2
    assert "did not make it" in capsys.readouterr().err
    assert {p.read_text() for p in tmp_path.rglob("*.txt")} == {"mine"}


def test_a_demo_that_a_person_delivered_rows_to_is_not_removed(
    demo_weeks: Path, tmp_path: Path, capsys: Capture
) -> None:
    root = Path(shutil.copytree(demo_weeks, tmp_path / "undrift-demo"))
    load(root).store().put("mine", Batch("mine", 5, 0))
    assert execute(["demo", "--windows", "2", "-C", str(root)]) == 2
    assert "the batch mine" in capsys.readouterr().err
    assert len([s for s in load(root).store().all(Step) if not s.on]) == 12


def test_the_demo_runs_with_another_metric_and_another_model(tmp_path: Path, capsys: Capture) -> None:
    root = tmp_path / "undrift-demo"
    swapped = ["--set", "drift.metric=ks", "--set", "model.use=sklearn.linear_model:Ridge"]
    assert execute(["demo", "--windows", "4", "--json", *swapped, "-C", str(root)]) == 0
    body = json.loads(capsys.readouterr().out)
    assert {
        "metric",
        "windows",
        "live",
        "first",
        "retrainings",
        "promotions",
        "rejections",
        "workspace",
        "seconds",
    } <= set(body)
    store = load(root).store()
    assert {v.trainer for v in store.all(Version)} == {"sklearn.linear_model:Ridge"}
    metrics = {
        f.metric for c in store.all(Comparison) for x in c.features for f in x.findings if x.kind == "numeric"
    }
    assert metrics == {"ks", "missing", "novelty"}
    assert execute(["status", "-C", str(root)]) == 0, "the workspace keeps the settings it was made with"


def test_a_course_that_retrains_every_window_is_played_beside_it(tmp_path: Path, capsys: Capture) -> None:
    root = tmp_path / "undrift-demo"
    assert execute(["demo", "--windows", "5", "--full", "--json", "-C", str(root)]) == 0
    body = json.loads(capsys.readouterr().out)
    assert 0 < body["always"] < body["first"]
    assert len(load(root / ".undrift" / "always").store().all(Outcome)) > body["retrainings"]


def test_a_wrong_setting_is_refused_before_anything_is_made(tmp_path: Path, capsys: Capture) -> None:
    root = tmp_path / "undrift-demo"
    assert execute(["demo", "--set", "drift.metrik=ks", "-C", str(root)]) == 2
    assert not root.exists() or not list(root.iterdir())
    assert "drift.metric" in capsys.readouterr().err


def test_a_feature_that_the_model_uses_and_half_of_whose_rows_are_out_of_range_is_drift(
    demo_weeks: Path,
) -> None:
    loop = opened(load(demo_weeks))
    far = 0
    for comparison in loop.store.all(Comparison):
        assert comparison.window is not None
        reference = loop.models.reference(comparison.reference or 0)
        window = kept.get(loop.store, f"window/{comparison.window.key}")
        assert window is not None
        for feature in comparison.features:
            now = window.features.get(feature.name)
            if feature.name not in reference.features or not isinstance(now, NumericProfile):
                continue
            outside = float(now.ordered[[0, -1]].sum()) / now.rows
            if outside > 0.5 and (feature.relevance is None or feature.relevance > 0):
                assert feature.verdict == "drift", (comparison.window.key, feature.name)
                far += 1
    assert far, "spring of the demo is warmer than anything that the first models saw"
