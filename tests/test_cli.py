"""Every command on a workspace that the demo left behind, and how commands fail."""

from __future__ import annotations

import csv
import io
import json
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

import undrift
from undrift.cli import execute, verbs
from undrift.records import Batch

Capture = pytest.CaptureFixture[str]


@pytest.fixture
def workspace(demo_weeks: Path, tmp_path: Path) -> Path:
    """A copy of the demo's workspace that a test may change."""
    return Path(shutil.copytree(demo_weeks, tmp_path / "workspace"))


def ask(capsys: Capture, *arguments: str) -> tuple[int, str, str]:
    code = execute([str(a) for a in arguments])
    out, err = capsys.readouterr()
    return code, out, err


def ask_json(capsys: Capture, *arguments: str) -> dict:
    code, out, _ = ask(capsys, *arguments, "--json")
    assert out.count("\n") == 1, "stdout carries exactly one line"
    body = json.loads(out)
    assert body["format"] == 1
    body["exit"] = code
    return body


READERS = (["status"], ["history"], ["models"], ["why"], ["config", "show"])


@pytest.mark.parametrize("words", READERS, ids=lambda w: " ".join(w))
def test_every_reading_command_speaks_text_and_json(
    words: list[str], demo_weeks: Path, capsys: Capture
) -> None:
    code, out, err = ask(capsys, *words, "-C", demo_weeks)
    assert (code, err) == (0, "")
    assert len(out.splitlines()) > 1
    assert ask_json(capsys, *words, "-C", demo_weeks)["exit"] == 0


def test_status_says_which_version_is_live_and_what_drifts(demo_weeks: Path, capsys: Capture) -> None:
    body = ask_json(capsys, "status", "-C", demo_weeks)
    assert body["verdict"] in ("drift", "watch")
    assert f"v{body['live']['number']}, live since {body['since']['day']}," in body["sentence"]
    assert body["model"]["state"] in ("as promised", "worse")
    assert bool(body["drifted"]) == (body["verdict"] == "drift")


def test_history_scores_are_csv_with_live_and_first_on_the_same_rows(
    demo_weeks: Path, capsys: Capture
) -> None:
    _, out, _ = ask(capsys, "history", "--scores", "-C", demo_weeks)
    rows = list(csv.DictReader(io.StringIO(out)))
    live = {r["window"]: r["rows"] for r in rows if r["model"] == "live"}
    first = {r["window"]: r["rows"] for r in rows if r["model"] == "first"}
    assert live == first
    assert len(live) == 12
    assert {r["version"] for r in rows if r["model"] == "first"} == {"1"}


def test_why_shows_every_rule_and_every_challenger(demo_weeks: Path, capsys: Capture) -> None:
    body = ask_json(capsys, "history", "-C", demo_weeks)
    key = next(w["window"]["key"] for w in body["windows"] for act in w["later"] if act["outcome"])
    found = ask_json(capsys, "why", key, "-C", demo_weeks)
    retrained = next(act for act in found["later"] if act["outcome"])
    for decision in (found["decision"], retrained["decision"]):
        decision_rules = {"clock": ["clock"], "cost": ["cost"]}[decision["rules"][0]["name"]]
        assert [r["name"] for r in decision["rules"]] == [*decision_rules, "cooldown", "labelled rows"]
    assert [t["merge"] for t in retrained["outcome"]["trials"]] == ["mixture", "everything", "recent"]
    _, out, _ = ask(capsys, "why", key, "-C", demo_weeks)
    assert "Decided when the labels of" in out
    for trial in retrained["outcome"]["trials"]:
        assert f"v{trial['version']}" in out


def test_why_of_an_unknown_window_says_what_to_do(demo_weeks: Path, capsys: Capture) -> None:
    code, out, err = ask(capsys, "why", "2019-01-01", "-C", demo_weeks)
    assert (code, out) == (2, "")
    assert "there is no window" in err
    assert "Traceback" not in err


def test_models_says_what_became_of_each(demo_weeks: Path, capsys: Capture) -> None:
    models = ask_json(capsys, "models", "-C", demo_weeks)["models"]
    states = [m["status"] for m in models]
    assert states.count("live") == 1
    assert {"live", "member", "was live"} <= set(states)
    assert models[0]["number"] == 1


def test_check_ends_with_3_on_drift_and_keeps_nothing(
    demo_weeks: Path, tmp_path: Path, capsys: Capture
) -> None:
    stream = pd.read_parquet(demo_file())
    hot = tmp_path / "hot.csv"
    stream.tail(500).assign(temperature=60.0).to_csv(hot, index=False)
    before = ask_json(capsys, "status", "-C", demo_weeks)
    body = ask_json(capsys, "check", hot, "-C", demo_weeks)
    assert body["exit"] == 3
    assert body["verdict"] == "drift"
    assert body["features"][0]["name"] in {"temperature", "season", "feels_like"}
    assert ask_json(capsys, "status", "-C", demo_weeks) == before


def test_check_of_another_kind_of_file_names_it(demo_weeks: Path, tmp_path: Path, capsys: Capture) -> None:
    wrong = tmp_path / "wrong.csv"
    wrong.write_text("a,b\n1,2\n")
    code, out, err = ask(capsys, "check", wrong, "-C", demo_weeks)
    assert (code, out) == (2, "")
    assert "wrong.csv has none of the model's features" in err
    assert "season" in err


def test_check_of_a_handful_of_rows_cannot_decide(demo_weeks: Path, tmp_path: Path, capsys: Capture) -> None:
    few = tmp_path / "few.csv"
    pd.read_parquet(demo_file()).head(20).to_csv(few, index=False)
    assert ask_json(capsys, "check", few, "-C", demo_weeks)["exit"] == 5


def test_the_metric_is_swapped_by_name(demo_weeks: Path, tmp_path: Path, capsys: Capture) -> None:
    rows = tmp_path / "rows.parquet"
    pd.read_parquet(demo_file()).head(2000).to_parquet(rows)
    body = ask_json(capsys, "check", rows, "--set", "drift.metric=ks", "-C", demo_weeks)
    metrics = {f["name"]: set(f["metrics"]) for f in body["features"]}
    assert "ks" in metrics["temperature"]
    assert "psi" in metrics["season"], "ks does not know labels"
    odd = ask_json(
        capsys, "check", rows, "--set", "drift.features.humidity.metric=jensen_shannon", "-C", demo_weeks
    )
    metrics = {f["name"]: set(f["metrics"]) for f in odd["features"]}
    assert "jensen_shannon" in metrics["humidity"]
    assert "psi" in metrics["temperature"]


def test_rollback_needs_a_yes_and_then_really_changes_the_served_model(
    workspace: Path, capsys: Capture
) -> None:
    before = ask_json(capsys, "status", "-C", workspace)["live"]
    code, _, err = ask(capsys, "rollback", "-C", workspace)
    assert code == 2
    assert "--yes" in err
    done = ask_json(capsys, "rollback", "--yes", "--reason", "feed broken", "-C", workspace)
    after = ask_json(capsys, "status", "-C", workspace)
    assert done["previous"] == before["number"]
    assert after["live"]["number"] == done["version"]
    assert after["live"]["members"] != before["members"]
    assert after["since"]["reason"] == "feed broken"


def test_config_show_says_where_a_value_comes_from(
    demo_weeks: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UNDRIFT_GATE__ALPHA", "0.1")
    body = ask_json(capsys, "config", "show", "--set", "drift.metric=ks", "-C", demo_weeks)["settings"]
    assert body["gate.alpha"] == {"value": 0.1, "from": "environment"}
    assert body["drift.metric"] == {"value": "ks", "from": "command line"}
    assert body["windows.size"] == {"value": "7d", "from": "undrift.toml"}
    assert body["labels.coverage"]["from"] == "default"


WRONG_SETTINGS = {
    "drift.metrik=psi": "drift.metric",
    "drift.metric=pis": "psi",
    "polcy.use=never": "policy",
    "policy.price=x": "policy.price",
    "policy.pirce=0.1": "price",
    "gate.alpha=7": "gate.alpha",
    "windows.size=7y": "7y",
    "model.use=sklearn.linear_model:Rigde": "Ridge",
    "merge.candidates=[]": "merge.candidates",
    "labels.coverage=high": "labels.coverage",
    "labels.coverage=90": "labels.coverage",
    "score.loss=nonsense": "no loss is called",
    "store.url=nope": "store.url",
    "model.use=os:system": "lies in Python's standard library",
    "merge.candidates=[1]": "merge.candidates[0]",
    "drift.features.temprature.metric=ks": "temperature",
    "windows.size=1d": "was made with",
}


@pytest.mark.parametrize("assignment", WRONG_SETTINGS)
def test_a_wrong_setting_is_refused_with_a_suggestion(
    assignment: str, demo_weeks: Path, tmp_path: Path, capsys: Capture
) -> None:
    rows = tmp_path / "rows.csv"
    pd.read_parquet(demo_file()).head(100).to_csv(rows, index=False)
    code, out, err = ask(capsys, "check", rows, "--set", assignment, "-C", demo_weeks)
    assert (code, out) == (2, "")
    assert WRONG_SETTINGS[assignment] in err


def test_an_argument_that_a_model_does_not_take_is_refused_before_rows_are_taken_in(
    demo_weeks: Path, tmp_path: Path, capsys: Capture
) -> None:
    root = shutil.copytree(demo_weeks, tmp_path / "w")
    rows = tmp_path / "rows.csv"
    pd.read_parquet(demo_file()).tail(100).to_csv(rows, index=False)
    before = len(undrift.open(root).store.all(Batch))
    code, out, err = ask(capsys, "run", rows, "--set", "model.params.alhpa=1", "-C", root)
    assert (code, out) == (2, "")
    assert "unknown key model.params.alhpa" in err
    assert len(undrift.open(root).store.all(Batch)) == before


def test_outside_a_workspace_a_command_says_so(tmp_path: Path, capsys: Capture) -> None:
    code, _, err = ask(capsys, "status", "-C", tmp_path)
    assert code == 2
    assert "undrift.toml" in err


def test_a_misspelt_command_is_a_usage_error(capsys: Capture) -> None:
    assert ask(capsys, "staus")[0] == 2


def test_a_busy_workspace_is_exit_6(workspace: Path, capsys: Capture) -> None:
    from undrift.config.wiring import load
    from undrift.workspace import lease

    load(workspace).store().acquire(lease.NAME, "elsewhere:1", 60)
    code, _, err = ask(capsys, "run", "-C", workspace)
    assert code == 6
    assert "elsewhere" in err


def test_every_verb_is_one_file_and_has_help() -> None:
    for verb in verbs():
        done = subprocess.run(
            [sys.executable, "-m", "undrift", verb, "--help"], capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        assert "Usage: undrift" in done.stdout


def test_logs_are_one_json_object_a_line(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "undrift", "demo", "--windows", "3", "--log-format", "json"]
    done = subprocess.run([*command, "-C", str(tmp_path / "d")], capture_output=True, text=True, check=True)
    lines = [json.loads(line) for line in done.stderr.splitlines() if line.startswith("{")]
    events = {line["event"] for line in lines}
    assert {"batch", "comparison", "score", "decision", "version", "outcome", "promotion", "step"} <= events


def test_hostile_text_cannot_move_the_cursor() -> None:
    from undrift.cli._shell import clean

    assert clean("a\x1b[2Jb\rc\x9bd\u202ee") == "a�[2Jb�c�d�e"


def test_the_version_is_told_without_a_command(capsys: Capture) -> None:
    import undrift

    assert ask(capsys, "--version") == (0, f"undrift {undrift.__version__}\n", "")


def test_options_may_stand_behind_the_verb(demo_weeks: Path, capsys: Capture) -> None:
    assert ask(capsys, "-C", str(demo_weeks), "status")[1] == ask(capsys, "status", "-C", str(demo_weeks))[1]


def demo_file() -> Path:
    import undrift.demo

    return Path(undrift.demo.__path__[0]) / "bike_sharing.parquet"
