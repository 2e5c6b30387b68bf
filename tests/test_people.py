"""What persons decide holds against the loop: rollbacks, holds, releases, promotions by hand."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from conftest import ask, moving_stream
from test_loop import make_loop, played, recorded
from undrift.config.wiring import open as open_loop
from undrift.errors import NotFoundError, UntrustedError
from undrift.gate import Gate
from undrift.loop import Loop
from undrift.records import Decision, Outcome, Score, Service, Step, Version
from undrift.replay import Recording, play
from undrift.workspace.overview import overview


def killed_at(loop: Loop, recording: Recording, part: str, verb: str, call: int) -> None:
    """Play until the process would die in a verb of a part, the ``call``-th time that it is reached."""
    owner = getattr(loop, part)
    plain, calls = getattr(owner, verb), iter(range(call))

    def die(*arguments: object, **named: object) -> object:
        if next(calls, None) is None:
            raise KeyboardInterrupt
        return plain(*arguments, **named)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(owner, verb, die)
        with pytest.raises(KeyboardInterrupt):
            for _ in play(loop, recording, loop.label_delay):
                pass


def started(policy: dict[str, object] | None = None) -> tuple[Loop, Recording]:
    frame = moving_stream()
    loop = make_loop(frame, policy)
    recording = recorded(loop, frame)
    loop.start(recording.past)
    return loop, recording


def pending() -> tuple[Loop, Recording, Outcome]:
    """A loop whose process died after the gate had found a second winner, before it was crowned."""
    loop, recording = started()
    killed_at(loop, recording, "store", "crown", 1)
    outcome = loop.store.all(Outcome)[-1]
    assert outcome.promoted is not None
    assert outcome.champion == loop.live().number
    return loop, recording, outcome


def finish(loop: Loop, recording: Recording) -> None:
    for _ in play(loop, recording, loop.label_delay):
        pass


# A pending promotion --------------------------------------------------------------------------


def test_without_a_person_a_pending_promotion_is_carried_through() -> None:
    loop, _, outcome = pending()
    loop.step()
    assert loop.live().number == outcome.promoted


@pytest.mark.parametrize("hold", [True, False])
def test_a_pending_promotion_does_not_override_a_rollback(hold: bool) -> None:
    loop, recording, outcome = pending()
    back = loop.rollback("feed is broken", hold=hold).version
    report = loop.step()
    assert loop.live().number == back
    assert report.settled[0].step.action == "reject"
    for part in (f"v{outcome.promoted} was better", "is not promoted", "feed is broken"):
        assert part in report.settled[0].step.why
    assert outcome.promoted not in {p.version for p in loop.chronicle.changes()}
    seen = overview(loop.store)
    assert seen.outcomes[-1].promoted is None, "history and dashboard show it as rejected"
    assert seen.status_of(loop.models.version(outcome.promoted)) == "rejected"
    finish(loop, recording)
    assert len([s for s in loop.store.all(Step) if not s.on]) == len(loop.archive.windows())


def test_a_pending_promotion_is_void_while_the_loop_is_held_though_its_champion_is_live() -> None:
    loop, _, outcome = pending()
    loop.promote(loop.first().number, "to see")
    loop.rollback("back", to=outcome.champion)
    assert loop.live().number == outcome.champion
    assert "the loop is held since the rollback of v1: back" in loop.step().why
    assert loop.live().number == outcome.champion


def test_a_decision_to_retrain_that_was_pending_trains_nothing_while_the_loop_is_held() -> None:
    loop, recording = started()
    killed_at(loop, recording, "making", "train", 2)
    before = len(loop.store.all(Version))
    loop.rollback("feed is broken")
    report = loop.step()
    assert report.action == "keep"
    assert "Not retrained: held since the rollback of" in report.why
    assert len(loop.store.all(Version)) == before


@pytest.mark.parametrize(
    ("part", "verb", "stage"),
    [("watch", "compare", "predicted"), ("making", "train", "decided"), ("making", "complete", "judged")],
)
def test_a_step_that_was_interrupted_is_pending_until_the_next_one(part: str, verb: str, stage: str) -> None:
    loop, recording = started()
    killed_at(loop, recording, part, verb, 0)
    found = overview(loop.store).pending
    assert found is not None
    assert found.stage == stage
    assert loop.store.get(Service, found.window) is not None
    loop.step(now=loop.archive.windows()[-1].end)
    assert overview(loop.store).pending is None


# A rollback repeated --------------------------------------------------------------------------


def test_a_rollback_repeated_goes_no_further() -> None:
    loop = played()
    before = [p.version for p in loop.chronicle.changes()]
    assert len(before) >= 3, "there is room to go further"
    loop.rollback("feed is broken")
    live = loop.live().number
    with pytest.raises(NotFoundError, match=f"v{live} is live since a rollback") as refused:
        loop.rollback("feed is broken")
    assert f"--to {before[-3]}" in refused.value.remedy
    loop.release("mended")
    with pytest.raises(NotFoundError, match="since a rollback"):
        loop.rollback("feed is broken")
    assert loop.live().number == live
    loop.rollback("further", to=before[-3])
    assert loop.live().number == before[-3]


# The hold -------------------------------------------------------------------------------------


def held() -> tuple[Loop, Recording]:
    """A loop in the middle of a change that was rolled back and is held."""
    frame = moving_stream()
    loop = make_loop(frame)
    recording = recorded(loop, frame)
    loop.start(recording.past)
    for _ in play(loop, recording, loop.label_delay, 6):
        pass
    assert loop.live().number != 1
    loop.rollback("partner feed broken")
    return loop, recording


def test_a_held_loop_watches_and_scores_but_neither_trains_nor_promotes() -> None:
    loop, recording = held()
    versions, scores = len(loop.store.all(Version)), len(loop.store.all(Score))
    finish(loop, recording)
    assert loop.live().number == 1
    assert len(loop.store.all(Version)) == versions
    assert len(loop.store.all(Score)) > scores
    since = [d for d in loop.store.all(Decision) if d.index > 78884 + 6]
    assert since
    assert all(d.action == "keep" for d in since)
    assert {d.rules[-1].name for d in since} == {"hold"}
    assert since[-1].why == "held since the rollback of v2: partner feed broken"
    assert any(d.rules[0].holds for d in since), (
        "the policy is asked all the same, and its answer is on record"
    )


def test_after_a_release_the_loop_retrains_on_the_next_score() -> None:
    loop, recording = held()
    for window in recording.production[6:9]:
        loop.step(recording.rows(window), now=window.end)
    assert loop.live().number == 1
    done = loop.release("feed mended")
    assert (done.action, done.version, done.previous) == ("release", 1, 1)
    finish(loop, recording)
    assert loop.live().number not in (1, 2)
    with pytest.raises(NotFoundError, match="not held"):
        loop.release("again")


def test_a_rollback_without_a_hold_retrains_again_as_before() -> None:
    frame = moving_stream()
    loop = make_loop(frame)
    recording = recorded(loop, frame)
    loop.start(recording.past)
    for _ in play(loop, recording, loop.label_delay, 6):
        pass
    assert not loop.rollback("not so good", hold=False).hold
    finish(loop, recording)
    assert loop.live().number not in (1, 2)


def test_a_promotion_by_hand_takes_any_version_checks_its_hash_and_ends_the_hold() -> None:
    loop, _ = held()
    crowned = {p.version for p in loop.chronicle.changes()}
    rejected = next(v for v in loop.store.all(Version) if v.number not in crowned)
    genuine = loop.registry._artifacts[rejected.artifact]
    loop.registry._artifacts[rejected.artifact] = b"forged"
    loop.models.forget_all_but(set())
    with pytest.raises(UntrustedError):
        loop.promote(rejected.number, "I know better")
    assert reigning(loop) == (1, True)
    loop.registry._artifacts[rejected.artifact] = genuine
    done = loop.promote(rejected.number, "I know better")
    assert (done.manual, done.previous) == (True, 1)
    assert reigning(loop) == (rejected.number, False)
    assert loop.rollback("no, I do not").version == 1
    with pytest.raises(NotFoundError, match="v1 is live already"):
        loop.promote(1, "again")
    with pytest.raises(NotFoundError, match="v99"):
        loop.promote(99, "nobody")


def reigning(loop: Loop) -> tuple[int, bool]:
    found = overview(loop.store)
    return found.live.number, found.held is not None


# Decisions on scores --------------------------------------------------------------------------


def monthly() -> tuple[Loop, Recording, list[object]]:
    """Six windows after a change; the labels of the last three have not come."""
    frame = moving_stream(change=12)
    loop = make_loop(frame)
    recording = recorded(loop, frame)
    loop.start(recording.past)
    windows = recording.production[:6]
    for window in windows:
        loop.step(recording.rows(window).drop_columns(["y"]), now=window.end)
    return loop, recording, list(windows)


def labels(recording: Recording, window: object) -> object:
    return recording.rows(window).select(["id", "y"])


def test_labels_call_for_a_decision_of_their_own_before_the_next_window_comes() -> None:
    loop, recording, windows = monthly()
    late = windows[-1].end + loop.label_delay
    for window in windows[:5]:
        report = loop.label(labels(recording, window), now=late)
    assert [s.decision.on for s in report.settled] == [f"scores-{len(loop.store.all(Score))}"]
    assert report.settled[0].window == windows[-1]
    assert report.settled[0].decision.scored == (windows[4].key,)
    assert report.action == "promote"
    assert loop.live().number != 1


def test_the_same_evidence_is_decided_on_once_however_often_the_loop_is_called() -> None:
    loop, recording, windows = monthly()
    late = windows[-1].end + loop.label_delay
    loop.label(labels(recording, windows[0]), now=late)
    before = len(loop.store.all(Decision))
    for _ in range(3):
        assert loop.label(labels(recording, windows[0]), now=late).settled == ()
        assert loop.step(now=late).settled == ()
    assert len(loop.store.all(Decision)) == before


def test_labels_that_mature_later_are_decided_on_by_a_tick_without_rows() -> None:
    loop, recording, windows = monthly()
    loop.label(labels(recording, windows[-1]))
    assert loop.store.all(Score) == [], "the labels are there, but they may still change"
    report = loop.step(now=windows[-1].end + loop.label_delay)
    assert [s.decision.scored for s in report.settled] == [(windows[-1].key,)]


def test_a_window_without_a_new_score_says_so_and_asks_no_gate_again() -> None:
    loop, recording, windows = monthly()
    late = windows[-1].end + loop.label_delay
    for window in windows[:5]:
        loop.label(labels(recording, window), now=late)
    judged = len(loop.store.all(Outcome))
    following = recording.production[6]
    rows = recording.rows(following).drop_columns(["y"])
    loop.step(rows, now=following.end)
    assert len(loop.store.all(Outcome)) == judged
    kept = loop.store.all(Decision)[-1]
    assert (kept.window, kept.on, kept.scored) == (following.key, "", ())


def test_drift_is_new_evidence_but_the_same_held_out_windows_are_not_judged_on_twice() -> None:
    frame = moving_stream()
    policy = {"use": "drift", "features": ("x",), "persist": 1, "cooldown": 0}
    loop = make_loop(frame, policy, gate=Gate("better", block="1h"))
    recording = recorded(loop, frame)
    loop.start(recording.past)
    windows = recording.production
    for window in windows[:6]:
        loop.step(recording.rows(window).drop_columns(["y"]), now=window.end)
    late = windows[5].end + loop.label_delay
    for window in windows[:5]:
        loop.label(labels(recording, window), now=late)
    judged = len(loop.store.all(Outcome))
    assert judged > 0
    loop.step(recording.rows(windows[6]).drop_columns(["y"]), now=windows[6].end)
    assert len(loop.store.all(Outcome)) == judged
    held_out = [o.held_out for o in loop.store.all(Outcome)]
    assert len(set(held_out)) == len(held_out)


@pytest.mark.parametrize(
    ("part", "verb"), [("policy", "decide"), ("making", "train"), ("making", "complete"), ("store", "crown")]
)
def test_a_label_call_that_was_killed_is_decided_on_at_the_next_tick(part: str, verb: str) -> None:
    ended = []
    for kill in (False, True):
        loop, recording, windows = monthly()
        late = windows[-1].end + loop.label_delay
        for window in windows[:4]:
            loop.label(labels(recording, window), now=late)
        if kill:
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(type(getattr(loop, part)), verb, _dies)
                with pytest.raises(KeyboardInterrupt):
                    loop.label(labels(recording, windows[4]), now=late)
            assert len(loop.step().settled) == 1
        else:
            assert len(loop.label(labels(recording, windows[4]), now=late).settled) == 1
        assert loop.step().settled == ()
        ended.append((loop.store.all(Decision), loop.store.all(Step), loop.chronicle.changes()))
    assert ended[0] == ended[1]


def _dies(*_: object, **__: object) -> None:
    raise KeyboardInterrupt


# Rows to train on -----------------------------------------------------------------------------


def test_new_rows_are_all_that_a_refit_would_learn_from() -> None:
    """The first model knows the whole history: what came since is new, the held-out windows included."""
    frame = moving_stream()
    loop = make_loop(frame)
    recording = recorded(loop, frame)
    loop.start(frame[: 8 * 120])
    through = loop.live().through
    counts = {}
    for window in recording.production[:4]:
        loop.step(recording.rows(window), now=window.end + loop.label_delay)
        rule = loop.store.all(Decision)[-1].rules[2]
        counts[window.index - through] = (rule.value, rule.text)
    assert [value for value, _ in counts.values()] == [120, 240, 360, 480]
    assert all("are new to the live model" in text for _, text in counts.values())


# The command line -----------------------------------------------------------------------------


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    """A workspace by batches: v1 live, and challengers that were judged after a change of concept."""
    stream = moving_stream()
    root = tmp_path / "workspace"
    stream.head(960).to_csv(tmp_path / "history.csv", index=False)
    words = [
        "--target",
        "y",
        "--id",
        "id",
        "--ignore",
        "at",
        "--set",
        "gate.windows=1",
        "--set",
        "gate.require=better",
        "--set",
        "gate.block=1h",
    ]
    assert ask("init", "--from", tmp_path / "history.csv", *words, "-C", root)[0] == 0
    return root


def deliver(root: Path, number: int, *options: object) -> tuple[int, str, str]:
    path = root.parent / f"batch{number}.csv"
    moving_stream()[960 + 120 * number : 1080 + 120 * number].to_csv(path, index=False)
    return ask("run", path, *options, "-C", root)


def changed(root: Path) -> int:
    """Deliver rows of the change until another than the first model is live."""
    for number in range(4, 12):
        deliver(root, number)
        if json.loads(ask("status", "--json", "-C", root)[1])["live"]["number"] != 1:
            return number
    raise AssertionError("nothing was promoted")


def test_a_rollback_stands_in_history_and_status_until_it_is_released(workspace: Path) -> None:
    number = changed(workspace)
    code, _, err = ask("rollback", "-C", workspace)
    assert code == 2
    assert "v1 would become live in place of v" in err
    assert "--yes" in err
    code, out, _ = ask("rollback", "--reason", "bad feed", "--yes", "-C", workspace)
    assert (code, "held" in out) == (0, True)
    assert "Held since the rollback of v" in ask("status", "-C", workspace)[1]
    assert deliver(workspace, number + 1)[0] == 0
    assert ": bad feed. `undrift release` lets it retrain again." in ask("status", "-C", workspace)[1]
    held_by = json.loads(ask("status", "--json", "-C", workspace)[1])["held"]
    assert (held_by["version"], held_by["reason"]) == (1, "bad feed")
    lines = ask("history", "-C", workspace)[1].splitlines()
    assert "rolled back from" in lines[-2]
    assert lines[-2].endswith("held: bad feed")
    assert ask("rollback", "--reason", "bad feed", "--yes", "-C", workspace)[0] == 2
    code, out, _ = ask("release", "--reason", "mended", "-C", workspace)
    assert (code, "v1 stays live: mended" in out) == (0, True)
    assert "Held" not in ask("status", "-C", workspace)[1]
    assert ask("history", "-C", workspace)[1].splitlines()[-1].endswith("released, v1 stays: mended")
    changes = json.loads(ask("history", "--json", "-C", workspace)[1])["changes"]
    assert [c["action"] for c in changes] == ["start", "promote", "rollback", "release"]
    assert [c["hold"] for c in changes] == [False, False, True, False]
    assert ask("release", "-C", workspace)[0] == 2


def test_a_promotion_by_hand_needs_a_yes_and_names_what_it_does(workspace: Path) -> None:
    changed(workspace)
    live = json.loads(ask("status", "--json", "-C", workspace)[1])["live"]["number"]
    ask("rollback", "--yes", "-C", workspace)
    code, _, err = ask("promote", live, "-C", workspace)
    assert code == 2
    assert f"v{live} would become live in place of v1, past the gate" in err
    code, out, _ = ask("promote", live, "--yes", "--reason", "checked by me", "-C", workspace)
    assert (code, out) == (0, f"v{live} is live, v1 is not: checked by me.\n")
    assert "promoted by hand in place of v1: checked by me" in ask("history", "-C", workspace)[1]
    assert "Held" not in ask("status", "-C", workspace)[1]


def test_label_prints_the_decision_and_ends_as_run_does(workspace: Path) -> None:
    stream = moving_stream()
    late = workspace.parent / "late.csv"
    for number in range(4, 12):
        rows = stream[960 + 120 * number : 1080 + 120 * number]
        rows.drop(columns="y").to_csv(late, index=False)
        ask("run", late, "-C", workspace)
        rows[["id", "y"]].to_csv(late, index=False)
        code, out, _ = ask("label", late, "--detailed-exitcode", "-C", workspace)
        if "retrained:" in out:
            break
    assert "retrained: v" in out
    assert code in (0, 3, 4)
    assert (code == 4) == ("rejected" in out)
    assert ask("status", "--detailed-exitcode", "-C", workspace)[0] == code
    assert "Decided when the labels of" in ask("why", "-C", workspace)[1]
    shown = json.loads(ask("history", "--json", "-C", workspace)[1])["windows"][-1]["later"]
    assert [act["decision"]["on"][:7] for act in shown] == ["scores-"]


def test_a_wrecked_model_is_unreliable_whatever_its_features_do(workspace: Path) -> None:
    """Labels alone say so: the features are those of the training rows, the loss is far over its limit."""
    stream = moving_stream()[:1080]
    batch = workspace.parent / "batch.csv"
    stream[960:].drop(columns="y").to_csv(batch, index=False)
    assert ask("run", batch, "--detailed-exitcode", "-C", workspace)[0] == 0
    assert ask("status", "-C", workspace)[1].startswith("? Model unknown")
    stream[960:].assign(y=lambda d: 1000 - d.y)[["id", "y"]].to_csv(batch, index=False)
    code, out, _ = ask("label", batch, "--detailed-exitcode", "-C", workspace)
    assert code in (3, 4), out
    assert ask("status", "--detailed-exitcode", "-C", workspace)[0] == code
    said = ask("status", "-C", workspace)[1]
    assert said.startswith("✗ Model worse than promised")
    assert "promise MAE 1,00" in said


def test_a_model_that_was_promoted_for_a_loss_over_the_limit_is_not_called_unreliable(
    workspace: Path,
) -> None:
    changed(workspace)
    assert "promoted" in ask("history", "-C", workspace)[1]
    assert ask("status", "-C", workspace)[1].startswith("? Model unknown")


def test_a_live_model_that_cannot_be_loaded_is_said_and_is_no_success(workspace: Path) -> None:
    artifact = json.loads(ask("models", "--json", "-C", workspace)[1])["models"][0]["artifact"]
    files = [p for p in (workspace / ".undrift" / "models").rglob("*") if p.is_file()]
    path = next(p for p in files if p.name.startswith(artifact) or artifact.startswith(p.parent.name))
    path.chmod(0o644)
    path.write_bytes(b"damaged")
    assert deliver(workspace, 0)[0] == 2
    said = ask("status", "-C", workspace)[1].splitlines()
    assert said[0].startswith("✗ Model broken")
    assert "it cannot predict: artifact" in said[1]
    assert "undrift rollback" in said[-1]


def test_every_line_of_run_shows_the_score_of_its_own_window(tmp_path: Path) -> None:
    stream = moving_stream()
    stream.head(960).to_csv(tmp_path / "history.csv", index=False)
    words = [
        "--target",
        "y",
        "--id",
        "id",
        "--time",
        "at",
        "--set",
        "windows.size=6h",
        "--set",
        "policy.use=never",
    ]
    assert ask("init", "--from", tmp_path / "history.csv", *words, "-C", tmp_path / "w")[0] == 0
    stream[960:1681].to_csv(tmp_path / "six.csv", index=False)
    _, out, _ = ask("run", tmp_path / "six.csv", "-C", tmp_path / "w")
    lines = [line for line in out.splitlines() if " Jan 2024 " in line]
    _, csv, _ = ask("history", "--scores", "-C", tmp_path / "w")
    scores = {r.split(",")[0]: float(r.split(",")[4]) for r in csv.splitlines()[1:] if ",live," in r}
    assert len(lines) == len(scores) == 6
    from undrift.words.numbers import number
    from undrift.words.spans import days

    loop = open_loop(tmp_path / "w")
    for line, (key, score) in zip(lines, scores.items(), strict=True):
        assert line.startswith(days(loop.status().windows[key]))
        assert line.endswith(f"MAE {number(score)} (v1)")


@pytest.mark.parametrize("moment", [0.0, 0.4, 0.8, 1.2])
def test_a_killed_rollback_that_is_repeated_goes_back_one_version(workspace: Path, moment: float) -> None:
    """A real process, killed: whether it had taken effect or not, the second call ends in the same place."""
    changed(workspace)
    for number in range(12, 14):
        deliver(workspace, number)
    loop = open_loop(workspace)
    target = loop.earlier()
    command = [sys.executable, "-m", "undrift", "rollback", "--yes", "-C", str(workspace)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    time.sleep(moment)
    if process.poll() is None:
        os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert ask("rollback", "--yes", "-C", workspace)[0] in (0, 2)
    assert open_loop(workspace).live().number == target
