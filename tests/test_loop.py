"""The loop end to end on a small stream, with a lake in memory and a real database."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from conftest import moving_stream
from undrift import inputs, stores
from undrift.comparison.limits import Limits
from undrift.errors import BusyError, DataError, LeakError, ModelError, NotFoundError, TooFewError
from undrift.gate import Gate
from undrift.lakes import WINDOW
from undrift.lineup.single import Single
from undrift.loop import Loop
from undrift.plugins import build
from undrift.records import (
    Batch,
    Comparison,
    Decision,
    Outcome,
    Promotion,
    Score,
    Selection,
    Service,
    Step,
    Version,
    Weight,
    Window,
    decode,
    encode,
)
from undrift.replay import Recording, play, totals
from undrift.schema import infer
from undrift.stores import holder
from undrift.stores.sql import Sql
from undrift.tasks import CONFIDENCE, OUTPUT
from undrift.trainers.estimator import Estimator
from undrift.windows import Cut
from undrift.workspace import lease, reign
from undrift.workspace.contest import Contest
from undrift.workspace.monitor import ENOUGH
from undrift.workspace.occasions import Occasion

HISTORY = 8
KINDS = (Comparison, Service, Score, Decision, Version, Outcome, Step)


def make_loop(frame: pd.DataFrame, policy: Any = None, **changes: object) -> Loop:
    schema = infer(inputs.read(frame), target="y", time="at", id="id")
    parts: dict[str, object] = {
        "schema": schema,
        "store": Sql(),
        "lake": build("lakes", {"use": "memory"}),
        "registry": build("registries", {"use": "memory"}),
        "policy": policy
        if hasattr(policy, "decide")
        else build("policies", policy or {"use": "performance"}),
        "merges": {name: build("merging", {"use": name}) for name in ("everything", "recent")},
        "holder": holder(),
        "trainer": Estimator("sklearn.tree:DecisionTreeRegressor", {"max_depth": 6}),
        "limits": Limits(threshold=0.25),
        "gate": Gate(block="1h"),
        "lineup": Single(),
        "cut": Cut.of("6h"),
        "label_delay": timedelta(hours=6),
    }
    return Loop(**(parts | changes))


def recorded(loop: Loop, frame: pd.DataFrame) -> Recording:
    return Recording.of(inputs.read(frame), loop.cut, "at", HISTORY)


def played(policy: dict[str, object] | None = None, **changes: object) -> Loop:
    frame = moving_stream()
    loop = make_loop(frame, policy, **changes)
    recording = recorded(loop, frame)
    loop.start(recording.past)
    for _ in play(loop, recording, loop.label_delay):
        pass
    return loop


@pytest.fixture(scope="module")
def loop() -> Loop:
    return played()


def test_a_change_is_found_handled_and_the_live_model_beats_the_first(loop: Loop) -> None:
    verdicts = {c.window.index: c.verdict for c in loop.store.all(Comparison) if c.window}
    changed = sorted(verdicts)[12 - HISTORY]
    assert verdicts[changed] == "drift"
    assert all(v in ("stable", "watch") for i, v in verdicts.items() if i < changed)
    found = totals(loop.store.all(Score), loop.store.all(Service), loop.first().number)
    assert found.windows == 26 - HISTORY - 1  # the stream does not reach the last window's end
    assert found.live < 0.7 * found.first
    assert loop.live().number != loop.first().number


def test_every_window_has_every_record_once(loop: Loop) -> None:
    windows = [w.key for w in loop.archive.windows()]
    assert [s.window.key for s in loop.store.all(Step) if not s.on] == windows
    assert [c.window.key for c in loop.store.all(Comparison) if c.window] == windows
    decisions = loop.store.all(Decision)
    assert [d.window for d in decisions if not d.on] == windows
    assert [d.window for d in decisions if d.on] == windows, "the labels of each come after it, by themselves"
    assert [(s.window.key, s.on) for s in loop.store.all(Step)] == [(d.window, d.on) for d in decisions]
    retrained = [(d.window, d.on) for d in decisions if d.action == "retrain"]
    assert [(o.window, o.on) for o in loop.store.all(Outcome)] == retrained


def test_no_score_is_taken_before_the_labels_are_due(loop: Loop) -> None:
    frame = moving_stream()
    early = make_loop(frame)
    recording = recorded(early, frame)
    early.start(recording.past)
    first, second = recording.production[:2]
    early.step(recording.rows(first), now=first.end)  # the labels come with the rows
    assert early.store.all(Score) == []
    early.step(recording.rows(second), now=second.end)
    assert {s.window for s in early.store.all(Score)} == {first.key}


def test_too_few_labels_are_no_score(loop: Loop) -> None:
    frame = moving_stream()
    sparse = make_loop(frame)
    recording = recorded(sparse, frame)
    sparse.start(recording.past)
    window, following = recording.production[:2]
    sparse.step(recording.rows(window).drop_columns(["y"]), now=window.end)
    tenth = recording.rows(window).slice(0, 12).select(["id", "y"])
    sparse.label(tenth, now=following.end)
    assert sparse.store.all(Score) == []
    sparse.label(recording.rows(window).select(["id", "y"]), now=following.end)
    assert [s.rows for s in sparse.store.all(Score)] == [120]


def test_held_out_rows_are_newer_than_what_anybody_was_trained_on(loop: Loop) -> None:
    versions = {v.number: v for v in loop.store.all(Version)}
    index = {w.key: w.index for w in [*loop.archive.windows(history=True), *loop.archive.windows()]}
    assert loop.store.all(Outcome)
    for outcome in loop.store.all(Outcome):
        oldest = min(index[key] for key in outcome.held_out)
        for number in (outcome.champion, *(t.version for t in outcome.trials)):
            assert versions[number].through < oldest


def test_the_champion_is_who_the_ledger_says(loop: Loop) -> None:
    promotions = [e.promotion for e in loop.store.ledger()]
    assert promotions[0].action == "start"
    assert promotions[-1].version == loop.live().number
    promoted = [o.promoted for o in loop.store.all(Outcome) if o.promoted is not None]
    assert [p.version for p in promotions[1:]] == promoted
    for earlier, later in pairwise(promotions):
        assert later.previous == earlier.version


def test_the_same_seed_gives_the_same_records(loop: Loop) -> None:
    again = played()
    for kind in KINDS:
        assert [_bare(r) for r in again.store.all(kind)] == [_bare(r) for r in loop.store.all(kind)]


def _bare(record: object) -> dict[str, object]:
    """A record without the hash of its artifact: the same model dumped twice gives different bytes."""
    return {k: v for k, v in encode(record).items() if k not in ("artifact", "bytes")}


def test_the_same_batch_three_times_changes_nothing() -> None:
    frame = moving_stream()
    loop = make_loop(frame)
    recording = recorded(loop, frame)
    loop.start(recording.past)
    window = recording.production[0]
    reports = [loop.step(recording.rows(window), now=window.end) for _ in range(3)]
    assert [len(r.settled) for r in reports] == [1, 0, 0]
    assert loop.archive.windows()[0].rows == 120
    assert loop.lake.read("rows").num_rows == HISTORY * 120 + 120
    assert loop.lake.read("predictions").num_rows == 120


def test_rows_delivered_again_in_another_batch_are_not_doubled_but_their_labels_count() -> None:
    frame = moving_stream()
    loop = make_loop(frame)
    recording = recorded(loop, frame)
    loop.start(recording.past)
    first, second = recording.production[:2]
    loop.step(recording.rows(first).drop_columns(["y"]), now=first.end)
    both = pa.concat_tables([recording.rows(first), recording.rows(second)])
    report = loop.step(both, now=second.end)
    assert (report.batch.rows, report.batch.repeated) == (120, 120)
    assert [w.rows for w in loop.archive.windows()] == [120, 120]
    assert loop.lake.read("rows").num_rows == (HISTORY + 2) * 120
    assert [(s.window, s.rows) for s in loop.store.all(Score)] == [(first.key, 120)]


def test_a_batch_killed_before_it_was_recorded_stays_out_until_it_comes_again() -> None:
    frame = moving_stream()
    loop = make_loop(frame)
    recording = recorded(loop, frame)
    loop.start(recording.past)
    lost, following = recording.production[:2]
    put, loop.store.put = loop.store.put, _dying_at_once
    with pytest.raises(KeyboardInterrupt):
        loop.step(recording.rows(lost), now=lost.end)
    loop.store.put = put
    loop.step(recording.rows(following), now=following.end)
    assert [w.key for w in loop.archive.windows()] == [following.key]
    loop.step(recording.rows(lost), now=following.end)
    assert [(w.key, w.rows) for w in loop.archive.windows()] == [(lost.key, 120), (following.key, 120)]
    assert loop.archive.rows(lost.index, following.index).num_rows == 240
    assert loop.lake.read("rows").num_rows == (HISTORY + 2) * 120


def _dying_at_once(*_: object) -> None:
    raise KeyboardInterrupt


@pytest.mark.parametrize(
    ("policy", "retrainings"),
    [({"use": "never"}, 0), ({"use": "schedule", "every": 4}, 4), ({"use": "schedule", "every": 1}, 17)],
)
def test_policies_are_swapped_by_name(policy: dict[str, object], retrainings: int) -> None:
    loop = played(policy)
    decisions = [d for d in loop.store.all(Decision) if d.action == "retrain"]
    assert len(decisions) == retrainings
    held_out = [o.held_out for o in loop.store.all(Outcome)]
    assert len(set(held_out)) == len(held_out), "no held-out windows are looked at twice"


def test_drift_policy_retrains_on_persistent_drift_only() -> None:
    loop = played({"use": "drift", "features": ("x",), "persist": 2})
    first = next(d for d in loop.store.all(Decision) if d.action == "retrain")
    windows = [w.key for w in loop.archive.windows()]
    assert windows.index(first.window) == 12 - HISTORY + 1


def test_rollback_serves_the_previous_model_again_and_is_in_the_ledger() -> None:
    loop = played()
    live = loop.live()
    frame = pd.DataFrame({"x": [0.5], "z": [0.0], "colour": ["red"]})
    before = loop.models.load(live.number).predict(frame)
    done = loop.rollback("partner feed broken")
    assert done.previous == live.number
    assert loop.live().number == done.version
    assert loop.live().artifact != live.artifact
    assert loop.models.load(loop.live().number).predict(frame) != before
    last = loop.store.ledger()[-1].promotion
    assert (last.action, last.reason) == ("rollback", "partner feed broken")
    assert loop.reference().rows == loop.live().snapshot.rows


def test_rolling_back_goes_to_the_first_model_and_no_further() -> None:
    loop = played()
    while loop.live().number != loop.first().number:
        loop.rollback("further", to=reign.predecessor(loop.chronicle.changes(), loop.live().number))
    with pytest.raises(NotFoundError, match="first model"):
        loop.rollback("too far")
    with pytest.raises(NotFoundError, match="v99"):
        loop.rollback("nowhere", to=99)


def test_rollback_refuses_an_altered_artifact_and_the_champion_stays() -> None:
    from undrift.errors import UntrustedError

    loop = played()
    live, target = loop.live().number, loop.chronicle.predecessor()
    loop.registry._artifacts[target.artifact] = b"forged"
    loop.models.forget_all_but(set())
    with pytest.raises(UntrustedError):
        loop.rollback("forged")
    assert loop.live().number == live


def test_a_leak_is_refused() -> None:
    loop = played({"use": "never"})
    window = loop.archive.windows()[4]
    now = loop.archive.watermark() + timedelta(days=1)
    occasion = Occasion(window)
    split = loop.chronicle.split(now)
    challengers = loop.training.challengers(occasion, split, {})
    leaked = replace(challengers[0].snapshot, selection=Selection(0, 10**9))
    challengers[0] = replace(challengers[0], snapshot=leaked)
    with pytest.raises(LeakError, match=f"v{challengers[0].number} was trained on"):
        Contest.of(occasion, loop.live(), challengers, split.held_out, loop.weighing)


def test_a_second_loop_is_kept_out_while_one_is_at_work() -> None:
    frame = moving_stream()
    loop = make_loop(frame)
    loop.start(recorded(loop, frame).past)
    loop.store.acquire(lease.NAME, "elsewhere:1", 60)
    with pytest.raises(BusyError, match="elsewhere"):
        loop.step()


def test_a_history_too_short_to_hold_rows_out_is_refused() -> None:
    frame = moving_stream(windows=2)
    loop = make_loop(frame)
    with pytest.raises(TooFewError):
        loop.start(frame)


def test_rows_of_the_future_are_refused_and_nothing_is_kept() -> None:
    frame = moving_stream()
    loop = make_loop(frame)
    loop.start(recorded(loop, frame).past)
    wrong = frame.tail(5).assign(at=pd.Timestamp("2199-01-01"))
    with pytest.raises(DataError, match="future"):
        loop.step(wrong)
    assert loop.lake.read("rows").num_rows == HISTORY * 120


def test_checking_a_file_changes_nothing(loop: Loop) -> None:
    before = {kind: len(loop.store.all(kind)) for kind in KINDS}
    result = loop.check(moving_stream(seed=5).head(2000).drop(columns="z"))
    assert result.record.lost == ("z",)
    assert result.verdict == "drift"
    assert {kind: len(loop.store.all(kind)) for kind in KINDS} == before


@pytest.mark.parametrize("spoil", ["null", "unseen"])
def test_a_feature_gone_null_or_a_label_never_seen_is_drift_not_an_error(spoil: str) -> None:
    frame = moving_stream()
    loop = make_loop(frame, {"use": "never"})
    recording = recorded(loop, frame)
    loop.start(recording.past)
    window = recording.production[0]
    rows = recording.rows(window).to_pandas()
    rows = rows.assign(z=None) if spoil == "null" else rows.assign(colour="ultraviolet")
    report = loop.step(rows, now=window.end)
    assert report.comparison is not None
    assert report.comparison.verdict == "drift"
    over = {f.name: f for f in report.comparison.record.features if f.verdict == "drift"}
    name, metric = ("z", "missing") if spoil == "null" else ("colour", "unseen")
    assert {f.metric: f.value for f in over[name].findings}[metric] == 1.0


@pytest.mark.parametrize("form", ["float32", "float64"])
def test_a_batch_in_another_precision_is_not_drift(form: str) -> None:
    frame = moving_stream()
    frame["w"] = np.random.default_rng(0).choice([0.1, 0.2, 0.3], len(frame)).astype(form)
    loop = make_loop(frame, {"use": "never"})
    recording = recorded(loop, frame)
    loop.start(recording.past)
    window = recording.production[0]
    rows = recording.rows(window).to_pandas()
    rows["w"] = rows["w"].astype("float64" if form == "float32" else "float32")
    report = loop.step(rows, now=window.end)
    assert report.comparison is not None
    found = {f.name: f for f in report.comparison.record.features}["w"]
    assert found.verdict == "stable"
    assert found.findings[0].value < 0.25, "15 if they were other values"


def test_a_column_all_null_in_training_and_filled_now_is_drift_or_said() -> None:
    frame = moving_stream().assign(typed=np.nan, untyped=None)
    loop = make_loop(frame, {"use": "never"})
    recording = recorded(loop, frame)
    loop.start(recording.past)
    window = recording.production[0]
    rows = recording.rows(window).to_pandas()
    filled = rows.assign(typed=np.arange(len(rows)) % 7.0, untyped="a")
    assert "untyped" in {f.name for f in loop.check(filled).record.features if f.verdict == "drift"}
    report = loop.step(filled, now=window.end)
    assert report.comparison is not None
    assert {f.name: f.verdict for f in report.comparison.record.features}["typed"] == "drift"
    assert loop.store.all(Batch)[-1].extra == ("untyped",), "of no known type, so not kept, and said to be"


def test_start_twice_trains_once(tmp_path: Path) -> None:
    frame = moving_stream()
    loop = make_loop(frame)
    past = recorded(loop, frame).past
    assert loop.start(past) == loop.start(past)
    assert len(loop.store.ledger()) == 1


def test_a_promotion_is_refused_when_the_lease_was_lost() -> None:
    loop = played({"use": "never"})
    loop.lease.renew()
    stale = loop.lease.token
    loop.store.release(lease.NAME, loop.holder)
    loop.store.acquire(lease.NAME, "elsewhere:1", 60)
    with pytest.raises(BusyError, match="took over"):
        loop.store.crown(Promotion("promote", 1, 1, "w", "stale"), stale)


def started(policy: dict[str, object] | None = None, **changes: object) -> tuple[Loop, Recording]:
    frame = moving_stream()
    loop = make_loop(frame, policy, **changes)
    recording = recorded(loop, frame)
    loop.start(recording.past)
    return loop, recording


def test_catching_up_predicts_every_window_before_it_learns_from_any() -> None:
    loop, recording = started(label_delay=timedelta(0))
    rows = pa.concat_tables([recording.rows(w) for w in recording.production[:12]])
    report = loop.step(rows, now=recording.production[11].end)
    assert len(report.settled) == 12
    assert {s.live for s in loop.store.all(Service)} == {loop.first().number}
    assert [d.rules[0].name for d in loop.store.all(Decision)][:-1] == ["newest"] * 11
    for service in loop.store.all(Service):
        assert loop.store.get(Version, str(service.live)).through < service.index


def test_a_window_that_the_history_reaches_into_is_not_judged_but_trained_on() -> None:
    frame = moving_stream()
    loop = make_loop(frame, {"use": "schedule", "every": 1}, label_delay=timedelta(0))
    middle = HISTORY * 120 + 60
    loop.start(frame[:middle])
    for begin in range(middle, middle + 120 * 8, 120):
        loop.step(frame[begin : begin + 120])
    judged = [s.window.index for s in loop.store.all(Step)]
    assert min(judged) == max(w.index for w in loop.archive.windows(history=True)) + 1
    assert all(s.coverage <= 1 and s.rows <= 120 for s in loop.store.all(Score))
    assert loop.archive.windows(history=True)[-1].rows == 120
    assert loop.store.all(Outcome)


def test_a_model_that_cannot_predict_does_not_stop_the_monitoring() -> None:
    from undrift.errors import ModelError

    loop, recording = started({"use": "never"})

    def cannot(number: int, rows: object) -> None:
        raise ModelError("it knows no such label", "Refit it.")

    ask, loop.models.ask = loop.models.ask, cannot
    first, second = recording.production[:2]
    report = loop.step(recording.rows(first), now=first.end)
    assert "could not predict: it knows no such label" in report.why
    loop.models.ask = ask
    assert len(loop.step(recording.rows(second), now=second.end).settled) == 1
    assert {s.window for s in loop.store.all(Score)} <= {second.key}


def test_a_training_that_fails_is_recorded_and_the_champion_stays() -> None:
    from undrift.errors import ModelError

    loop, recording = started({"use": "schedule", "every": 2}, label_delay=timedelta(0))

    class Failing:
        name = "failing"

        def fit(self, *_: object) -> None:
            raise ModelError("one class only", "Wait for both.")

    loop.models.trainers = {"failing": Failing()}
    for window in recording.production[:4]:
        loop.step(recording.rows(window), now=window.end)
    assert len(loop.store.all(Step)) == 4
    assert loop.live() == loop.first()
    assert "one class only" in loop.store.all(Outcome)[0].why


def test_a_sparsely_labelled_window_between_held_out_ones_stays_out_of_the_gate() -> None:
    loop, recording = started({"use": "schedule", "every": 3}, label_delay=timedelta(0))
    for i, window in enumerate(recording.production[:3]):
        rows = recording.rows(window).to_pandas()
        loop.step(rows if i != 1 else rows.assign(y=rows.y.where(rows.index < 12)), now=window.end)
    outcome = loop.store.all(Outcome)[0]
    assert outcome.held_out == (recording.production[0].key, recording.production[2].key)
    assert outcome.rows == 240


def test_corrected_labels_do_not_count_twice_and_the_newest_counts() -> None:
    loop, recording = started({"use": "never"}, label_delay=timedelta(0))
    window = recording.production[0]
    loop.step(recording.rows(window).drop_columns(["y"]), now=window.end)
    some = recording.rows(window).slice(0, 70).select(["id", "y"]).to_pandas()
    loop.label(some)
    loop.label(some.assign(y=some.y + 1))
    assert loop.archive.coverage()[window.index] == pytest.approx(70 / 120)
    assert loop.store.all(Score) == []
    data = loop.archive.labelled(Selection(window.index, window.index))
    assert data.labels == pytest.approx((some.y + 1).to_numpy())


def test_labels_that_came_before_their_rows_count_when_they_come_again() -> None:
    loop, recording = started({"use": "never"}, label_delay=timedelta(0))
    window = recording.production[0]
    labels = recording.rows(window).select(["id", "y"])
    assert loop.label(labels).batch.unknown == 120
    loop.step(recording.rows(window).drop_columns(["y"]), now=window.end)
    assert loop.label(labels, now=window.end).batch.unknown == 0
    assert [s.rows for s in loop.store.all(Score)] == [120]


def test_a_version_that_was_never_live_cannot_be_rolled_back_to() -> None:
    loop = played()
    crowned = {e.promotion.version for e in loop.store.ledger()}
    rejected = next(v.number for v in loop.store.all(Version) if v.number not in crowned)
    with pytest.raises(NotFoundError, match="never live"):
        loop.rollback("no", to=rejected)


def test_a_budget_for_life_is_spent_attempt_by_attempt_and_kept_with_each_outcome() -> None:
    gate = Gate("better", block="1h", alpha_life=0.1)
    outcomes = played({"use": "schedule", "every": 5}, gate=gate).store.all(Outcome)
    assert len(outcomes) > 2
    assert [o.alpha for o in outcomes] == [gate.spends(k) for k in range(1, len(outcomes) + 1)]
    assert all(o.confidence == pytest.approx(1 - o.alpha / len(o.trials)) for o in outcomes)
    assert sum(o.alpha for o in outcomes) < 0.1


def test_runs_of_rows_stand_in_for_blocks_of_which_there_are_too_few() -> None:
    loop = played({"use": "schedule", "every": 4}, gate=Gate(block="7d"))
    outcomes = loop.store.all(Outcome)
    assert outcomes
    assert {o.blocks for o in outcomes} == {10}, "days are too few: runs of rows stand in for them"


def test_after_a_rollback_only_scores_of_the_new_reign_count() -> None:
    loop = played()
    loop.rollback("feed broken")
    assert loop.chronicle.live_scores() == []


@pytest.mark.parametrize("size", ["batch", 60])
def test_rows_delivered_again_are_found_whatever_the_windows(size: str | int) -> None:
    loop, recording = started({"use": "never"}, label_delay=timedelta(0), cut=Cut.of(size))
    rows = recording.rows(recording.production[0])
    loop.step(rows.drop_columns(["y"]))
    report = loop.step(rows)
    assert (report.batch.rows, report.batch.repeated) == (0, rows.num_rows)
    assert sum(s.rows for s in loop.store.all(Score)) == rows.num_rows


def test_labels_of_a_batch_that_was_never_recorded_do_not_count() -> None:
    loop, recording = started({"use": "never"}, label_delay=timedelta(0))
    window = recording.production[0]
    loop.step(recording.rows(window).drop_columns(["y"]), now=window.end)
    labels = recording.rows(window).select(["id", "y"]).to_pandas()
    put, loop.store.put = loop.store.put, _dying_at_once
    with pytest.raises(KeyboardInterrupt):
        loop.label(labels.assign(y=labels.y + 1000), now=window.end)
    loop.store.put = put
    loop.label(labels, now=window.end)
    assert [s.value < 100 for s in loop.store.all(Score)] == [True]


def test_a_champion_that_the_ledger_does_not_know_is_refused() -> None:
    from undrift.errors import UndriftError

    loop = played()
    with loop.store.store._writing() as connection:
        connection.exec_driver_sql("update champion set version = 999")
    with pytest.raises(UndriftError, match="the newest entry of the ledger says"):
        loop.live()


# The calibrated monitor in the loop ----------------------------------------------------------


def test_the_models_own_output_is_compared_once_it_has_said_enough_about_unseen_rows(loop: Loop) -> None:
    found = [c for c in loop.store.all(Comparison) if c.window]
    watched = [OUTPUT in {f.name for f in c.features} for c in found]
    assert any(watched)
    for comparison, is_watched in zip(found, watched, strict=True):
        live = loop.models.version(comparison.reference or 0)
        assert comparison.window is not None
        unseen = comparison.window.index - live.judged_through - 1
        assert is_watched == (unseen >= ENOUGH)
        assert is_watched or "are needed" in comparison.left_out[OUTPUT]
    assert found[-1].calibration == "history"
    assert OUTPUT not in loop.reference().features
    assert OUTPUT not in {f.name for f in loop.check(moving_stream().tail(200)).record.features}


def test_the_reference_of_the_output_is_not_that_of_a_model_that_knows_its_rows() -> None:
    """A tree without bounds repeats its labels; on new rows its output would look like drift every time."""
    frame = moving_stream(change=99)
    parrot = make_loop(frame, {"use": "never"}, trainer=Estimator("sklearn.tree:DecisionTreeRegressor", {}))
    recording = recorded(parrot, frame)
    parrot.start(recording.past)
    for _ in play(parrot, recording, parrot.label_delay):
        pass
    output = [f for c in parrot.store.all(Comparison) for f in c.features if f.name == OUTPUT]
    assert len(output) == 26 - HISTORY - 1 - (ENOUGH - 2)  # two windows were held out of training
    assert sum(f.verdict == "drift" for f in output) <= 1


def test_a_window_whose_predictions_fail_is_compared_without_output(monkeypatch: pytest.MonkeyPatch) -> None:
    frame = moving_stream()
    broken = make_loop(frame)
    recording = recorded(broken, frame)
    broken.start(recording.past)

    def fail(*_: object) -> object:
        raise ModelError("the model is broken", "Mend it.")

    monkeypatch.setattr(broken.models, "ask", fail)
    window = recording.production[0]
    report = broken.step(recording.rows(window), now=window.end)
    assert report.comparison is not None
    assert OUTPUT not in {f.name for f in report.comparison.record.features}
    assert not report.comparison.record.lost


def test_a_change_is_dated(loop: Loop) -> None:
    moved = [
        f.since
        for c in loop.store.all(Comparison)
        for f in c.features
        if c.window and c.window.index >= 12 and f.name == "x" and f.since
    ]
    assert moved, "once two windows have moved the first of them is named"
    near = ("2024-01-03T18", "2024-01-04T00")
    assert moved[0].startswith(near), "the change comes with the 13th window of six hours"
    assert sum(loop.first().importance.values()) == pytest.approx(1)


def test_a_model_without_any_skill_does_not_silence_its_features() -> None:
    from undrift.workspace.monitor import _relevance

    loop, _ = started({"use": "never"})
    reference = loop.reference()
    assert _relevance({"x": 0.0, "z": 0.0}, reference) is None
    known = _relevance({"x": 1.0, "z": 0.0}, reference)
    assert known == {"x": 1.0, "z": 0.0, OUTPUT: 1.0, CONFIDENCE: 1.0}


# Weights --------------------------------------------------------------------------------------


class Fading:
    """Leaves the oldest window out, and counts the newest one three times."""

    def select(self, windows: Sequence[Window]) -> Selection:
        first, last = windows[0].index, windows[-1].index
        return Selection(first, last, (Weight(first, 0.0), Weight(last, 3.0)))


class Noting(Estimator):
    """Notes what each fit weighs."""

    def fit(self, *arguments: Any) -> Any:
        noted.append((arguments[0], arguments[4] if len(arguments) > 4 else None))
        return super().fit(*arguments)


noted: list[tuple[pd.DataFrame, Any]] = []


def test_rows_are_trained_on_with_the_weights_of_their_windows() -> None:
    noted.clear()
    tree = Noting("sklearn.tree:DecisionTreeRegressor", {"max_depth": 6})
    loop = played({"use": "schedule", "every": 4}, trainer=tree, merges={"fading": Fading()})
    snapshots = []
    for version in stores.versions(loop.store)[1:]:
        assert version.merge == "fading"
        twin = version.twin
        snapshots += [twin.snapshot, version.snapshot] if twin else [version.snapshot]
    assert len(snapshots) > 2
    assert [weights for _, weights in noted[:2]] == [None, None], "the first model knows no strategy"
    for snapshot, (rows, weights) in zip(snapshots, noted[2:], strict=True):
        data = loop.archive.as_of(snapshot)
        windows = np.asarray(data.rows[WINDOW])
        assert len(rows) == len(weights) == snapshot.rows == len(data)
        assert snapshot.selection.first < windows.min()
        assert (weights == np.where(windows == windows.max(), 3.0, 1.0)).all()
    version = stores.versions(loop.store)[1]
    assert decode(Version, encode(version)) == version


def test_a_model_that_takes_no_weights_is_a_challenger_that_failed() -> None:
    loop = played(
        {"use": "schedule", "every": 4},
        trainer=Estimator("sklearn.neighbors:KNeighborsRegressor"),
        merges={"fading": Fading()},
    )
    assert [v.number for v in loop.store.all(Version)] == [1]
    failed = [o.failed["fading"] for o in loop.store.all(Outcome)]
    assert failed
    assert all("takes no weights" in text for text in failed)
