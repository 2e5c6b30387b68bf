"""The newest rows are given back: a version that goes live is refitted on what it was judged on."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from test_loop import make_loop, moving_stream, played, recorded
from undrift import stores
from undrift.errors import LeakError, ModelError
from undrift.gate import Gate
from undrift.loop import Loop
from undrift.records import Outcome, Refitted, Rule, Score, Version, decode, encode
from undrift.replay import play
from undrift.trainers.estimator import Estimator
from undrift.workspace import honest

HELD_OUT = 2


class Every:
    """Retrains whenever it is asked."""

    def decide(self, situation: Any) -> Any:
        from undrift.policies import conclude

        return conclude(situation, (Rule("always", holds=True, text="always"),), 0, 1)


@pytest.fixture(scope="module")
def loop() -> Loop:
    """A loop that retrained after every window of a stream that moves."""
    frame = moving_stream()
    loop = make_loop(frame, policy=Every(), gate=Gate(block="1h", alpha=0.49))
    recording = recorded(loop, frame)
    loop.start(recording.past)
    for _ in play(loop, recording, loop.label_delay):
        pass
    return loop


def test_the_first_model_serves_as_a_refit_on_the_whole_history(loop: Loop) -> None:
    first = loop.first()
    history = loop.archive.windows(history=True)
    assert first.twin is not None
    assert first.snapshot is not None
    assert first.through == history[-1].index
    assert first.judged_through == history[-1 - HELD_OUT].index
    assert first.snapshot.rows == sum(w.rows for w in history)
    assert first.artifact != first.twin.artifact


def test_a_promise_is_that_of_the_model_that_was_judged(loop: Loop) -> None:
    first = loop.first()
    held_out = loop.archive.labelled_in(loop.archive.windows(history=True)[-HELD_OUT:])
    said = loop.models.ask_unseen(first, held_out.rows)
    assert first.reference_score == loop.models.loss_of(held_out, said)
    served = loop.models.ask(first.number, held_out.rows)
    assert loop.models.loss_of(held_out, served) < first.reference_score


def test_a_winner_serves_as_a_refit_on_the_rows_that_it_was_judged_on(loop: Loop) -> None:
    versions = {v.number: v for v in stores.versions(loop.store)}
    outcomes = [o for o in loop.store.all(Outcome) if o.promoted]
    assert outcomes
    for outcome in outcomes:
        won = versions[outcome.promoted or 0]
        newest = max(w.index for w in loop.archive.windows() if w.key in outcome.held_out)
        assert won.twin is not None
        assert won.through == newest
        assert won.judged_through < newest


def test_only_what_went_live_is_refitted(loop: Loop) -> None:
    refitted = {r.version for r in loop.store.all(Refitted)}
    assert refitted == {e.promotion.version for e in loop.store.ledger()}


def test_a_twin_stands_in_where_the_champion_has_seen_the_rows_and_the_record_says_so(loop: Loop) -> None:
    """Of promotions in consecutive windows the second judges the first on rows that it was refitted on."""
    versions = {v.number: v for v in stores.versions(loop.store)}
    promoted = [o for o in loop.store.all(Outcome) if o.promoted]
    pairs = [(a, b) for a, b in pairwise(promoted) if set(a.held_out) & set(b.held_out)]
    assert pairs, "no two promotions share held-out windows: the test tests nothing"
    for earlier, later in pairs:
        seen = tuple(k for k in later.held_out if k in earlier.held_out)
        assert later.stood_in == {str(later.champion): seen}
        data = loop.archive.labelled_in([w for w in loop.archive.windows() if w.key in later.held_out])
        windows = [w for w in loop.archive.windows() if w.key in later.held_out]
        answer = honest.ask(loop.models, versions[later.champion], data, windows)
        assert answer.seen == set()
        assert later.champion_loss == loop.models.loss_of(data, answer.values)


def test_nothing_is_scored_on_rows_that_it_was_fitted_on(loop: Loop) -> None:
    versions = {v.number: v for v in stores.versions(loop.store)}
    scored = loop.store.all(Score)
    assert scored
    assert all(score.index > versions[score.version].through for score in scored)


def test_a_refit_that_answers_for_rows_it_has_seen_is_a_leak(loop: Loop, monkeypatch: Any) -> None:
    """If the record of the twin were lost the refit would be asked: it is caught."""
    raw = loop.store.get(Version, "1")
    refit = loop.store.get(Refitted, "1")
    assert raw is not None
    assert refit is not None
    windows = loop.archive.windows(history=True)[-HELD_OUT:]
    data = loop.archive.labelled_in(windows)
    from dataclasses import replace

    blind = replace(loop.first(), twin=None)
    assert honest.ask(loop.models, blind, data, windows).seen == set(data.ids.to_pylist())
    from undrift import gate

    with pytest.raises(LeakError):
        gate.assert_unseen(set(data.ids.to_pylist()), {1: set(data.ids.to_pylist())})


def test_a_recipe_that_does_not_fit_again_serves_as_it_was_judged() -> None:
    class Once(Estimator):
        """Fits as long as it is not shown the newest rows of the history."""

        def fit(self, *arguments: Any) -> Any:
            if len(arguments[0]) == whole:
                raise ModelError("out of memory", "Give more.")
            return super().fit(*arguments)

    frame = moving_stream()
    loop = make_loop(frame, {"use": "never"}, trainer=Once("sklearn.tree:DecisionTreeRegressor"))
    recording = recorded(loop, frame)
    whole = recording.past.num_rows
    first = loop.start(recording.past)
    assert first.twin is None
    assert loop.models.load(1) is not None
    report = loop.step(recording.rows(recording.production[0]), now=recording.production[0].end)
    assert report.settled


def test_a_version_promoted_by_hand_is_refitted_on_what_was_known_when_it_was_judged() -> None:
    loop = played({"use": "schedule", "every": 4})
    outcome = loop.store.all(Outcome)[0]
    lost = next(t.version for t in outcome.trials if t.version != outcome.promoted)
    newest = max(w.index for w in loop.archive.windows() if w.key in outcome.held_out)
    loop.promote(lost, "try it")
    live = loop.live()
    assert (live.number, live.through) == (lost, newest)
    assert live.judged_through < newest


def test_the_record_of_a_refit_survives_its_json_form(loop: Loop) -> None:
    refit = loop.store.all(Refitted)[0]
    assert decode(Refitted, encode(refit)) == refit
    version = loop.first()
    assert decode(Version, encode(version)) == version
    outcome = next(o for o in loop.store.all(Outcome) if o.stood_in)
    assert decode(Outcome, encode(outcome)) == outcome
    assert np.isfinite(version.reference_score or np.nan)


def test_where_a_class_is_rare_more_windows_are_held_out() -> None:
    """One row in twenty-four is "yes": two windows of 120 hold ten or fewer of them."""
    frame = moving_stream().assign(y=lambda d: np.where(np.arange(len(d)) % 24 == 0, "yes", "no"))
    frame.loc[frame.index % 240 == 0, "y"] = "no"
    loop = make_loop(frame, policy=Every(), trainer=Estimator("sklearn.tree:DecisionTreeClassifier"))
    recording = recorded(loop, frame)
    loop.start(recording.past)
    for _ in play(loop, recording, loop.label_delay):
        pass
    outcomes = loop.store.all(Outcome)
    assert outcomes
    counts = []
    for outcome in outcomes:
        windows = [*loop.archive.windows(history=True), *loop.archive.windows()]
        held_out = [w for w in windows if w.key in outcome.held_out]
        counts.append(int(loop.archive.labelled_in(held_out).labels.sum()))
        champion = loop.models.version(outcome.champion)
        assert all(w.index > champion.judged_through for w in held_out)
    assert {len(o.held_out) for o in outcomes} == {3}, "two windows hold nine or so"
    assert min(counts) >= 10
