"""Policies: at which number they turn, and what they say."""

from __future__ import annotations

from dataclasses import replace

import pytest

from undrift import plugins
from undrift.errors import ConfigError
from undrift.policies.any_of import AnyOf
from undrift.policies.clock import Clock
from undrift.policies.drift import Drift
from undrift.policies.never import Never
from undrift.policies.performance import Performance
from undrift.policies.schedule import Schedule
from undrift.records import Score, Selection, Situation, Window
from undrift.testing import contracts
from undrift.testing.contracts import situation


def made(room: str, name: str):
    """The part with its own defaults; any_of around two others."""
    part = plugins.find(room, name)
    return part((Drift(), Schedule())) if name == "any_of" else part()


@pytest.mark.parametrize("name", plugins.names("policies"))
def test_every_policy_keeps_the_contract(name):
    contracts.check_policy(made("policies", name))


@pytest.mark.parametrize("name", plugins.names("merging"))
def test_every_merge_strategy_keeps_the_contract(name):
    contracts.check_merge(made("merging", name))


@pytest.mark.parametrize(
    ("name", "settings", "expected"),
    [
        ("everything", {}, Selection(2, 9)),
        ("recent", {"windows": 3}, Selection(6, 9)),
        ("recent", {"windows": 1}, Selection(9, 9)),
        ("recent", {"windows": 99}, Selection(2, 9)),
    ],
)
def test_merge_strategies_take_the_windows_they_say(name, settings, expected):
    windows = [Window(f"{i:04d}", i, 10) for i in (2, 3, 6, 7, 9)]
    assert plugins.find("merging", name)(**settings).select(windows) == expected


def failed(policy, seen) -> list[str]:
    """The rules that hold the retraining back."""
    found = policy.decide(seen)
    return [rule.name for rule in found.rules if not rule.holds]


# Drift ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("drifted", "retrains"),
    [
        ((3, 3), True),
        ((9, 0, 3, 3), True),
        ((2, 3), False),
        ((3, 2), False),
        ((10,), False),
        ((10, 0), False),
        ((0, 10), False),
        ((), False),
    ],
)
def test_drift_retrains_when_the_share_is_reached_in_each_of_the_last_windows(drifted, retrains):
    found = Drift(share=0.3, persist=2).decide(situation(drifted=drifted))
    assert (found.action == "retrain") is retrains


def test_drift_says_how_much_and_of_what():
    found = Drift().decide(situation(drifted=(2, 5)))
    assert (found.rules[0].value, found.rules[0].limit) == (0.2, 0.3)
    assert all(part in found.why.replace(" %", "%") for part in ("20%", "30%", "last 2 windows"))


def test_a_named_feature_is_enough_if_it_is_the_same_one():
    policy = Drift(features=("f0", "f1"), persist=2)
    found = policy.decide(situation(drifted=(1, 1)))
    assert (found.action, found.why[:10]) == ("retrain", "f0 drifted")
    assert "none of f0, f1 drifted" in policy.decide(situation(drifted=(1, 0))).why
    assert failed(policy, situation(drifted=(1,))) == ["drift"]
    alternating = replace(
        situation(drifted=(1, 1)),
        comparisons=tuple(
            replace(c, features=c.features[i:]) for i, c in enumerate(situation(drifted=(1, 2)).comparisons)
        ),
    )
    assert failed(policy, alternating) == ["drift"], "f0 first and f1 then is not one drift that persists"


def test_a_lost_or_retyped_feature_has_drifted():
    lost = tuple(
        replace(c, lost=("f9",), retyped=("f8",)) for c in situation(drifted=(0, 0), of=8).comparisons
    )
    seen = replace(situation(), comparisons=lost)
    assert failed(Drift(share=0.2), seen) == []
    assert failed(Drift(share=0.21), seen) == ["drift"]
    assert failed(Drift(features=("f9",)), seen) == []


# Performance ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("scores", "retrains"),
    [
        ((1.25, 1.25), True),
        ((1.0, 1.5), True),
        ((1.24, 1.25), False),
        ((9.0, 1.0, 1.0), False),
        ((1.0,), False),
        ((), False),
    ],
)
def test_performance_retrains_when_the_mean_loss_has_risen_by_the_drop(scores, retrains):
    found = Performance(drop=0.25, over=2).decide(situation(scores=scores, reference=1.0))
    assert (found.action == "retrain") is retrains


def test_performance_counts_rows_not_windows():
    seen = situation(scores=(2.0, 1.0))
    weighed = replace(seen, scores=(replace(seen.scores[0], rows=300), seen.scores[1]))
    rule = Performance(drop=0.75).decide(weighed).rules[0]
    assert (rule.value, rule.holds) == (pytest.approx(0.75), True)


def test_performance_looks_only_at_what_the_live_model_served():
    seen = situation(scores=(9.0, 9.0))
    others = replace(seen, scores=tuple(replace(s, version=1) for s in seen.scores))
    assert "no labels have matured for v2" in Performance().decide(others).why


def test_performance_says_the_numbers():
    why = Performance().decide(situation(scores=(1.1, 1.1))).why
    assert all(
        part in why
        for part in ("MAE 1.1", "2 scored windows", "against 1 that it promised", "+10 %", "+20 %")
    )
    assert "no reference score" in Performance().decide(situation(scores=(9.0,), reference=None)).why
    assert "no reference score" in Performance().decide(replace(situation(), champion=None)).why


def adopted(scores: tuple[float, ...], promise: str, reference: float | None) -> Situation:
    """A model from elsewhere, numbered 2 as the scores are, with so many scored windows."""
    found = situation(scores=scores)
    live = replace(found.champion, merge="adopted", promise=promise, reference_score=reference)
    return replace(found, champion=live)


@pytest.mark.parametrize(("promise", "reference"), [("first windows", None), ("", 0.1), ("in sample", 0.1)])
def test_a_model_of_which_only_the_training_loss_is_known_is_held_to_its_first_two_windows(
    promise: str, reference: float | None
):
    one = Performance().decide(adopted((1.0,), promise, reference))
    assert (one.action, "first 2 scored windows" in one.why) == ("keep", True)
    assert Performance().decide(adopted((1.0, 1.1), promise, reference)).action == "keep"
    assert Performance().decide(adopted((1.0, 1.1, 1.2, 1.2), promise, reference)).action == "keep"
    worse = Performance().decide(adopted((1.0, 1.0, 1.3, 1.3), promise, reference))
    assert (worse.action, "against 1 in its first windows: +30 %" in worse.why) == ("retrain", True), (
        worse.why
    )


@pytest.mark.parametrize("promise", ["held out", "cross-fitted", "logged"])
def test_a_score_on_rows_that_the_model_did_not_see_is_the_reference(promise: str):
    assert Performance().decide(adopted((1.3,), promise, 1.0)).action == "retrain"


def test_a_predecessors_training_loss_is_no_reference():
    found = situation(scores=(1.1, 1.1))
    before = replace(found.champion, number=1, merge="adopted", reference_score=0.1)
    assert Performance().decide(replace(found, predecessor=before)).action == "keep"


def test_any_loss_is_more_than_none():
    assert Performance().decide(situation(scores=(0.1,), reference=0.0)).action == "retrain"
    assert Performance().decide(situation(scores=(0.0,), reference=0.0)).action == "keep"


# Schedule, cooldown, rows ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("decisions", "retrains"),
    [
        ("", False),
        ("kk", False),
        ("kkk", True),
        ("kkkk", True),
        ("r", False),
        ("rkk", False),
        ("krkkk", True),
        ("kkkr", False),
    ],
)
def test_a_schedule_counts_windows_since_the_last_retraining(decisions, retrains):
    found = Schedule(every=4).decide(situation(decisions=decisions))
    assert (found.action == "retrain") is retrains, found.why


def test_a_schedule_of_1_retrains_after_every_window():
    actions = ""
    for _ in range(5):
        actions += Schedule(every=1).decide(situation(decisions=actions)).action[0]
    assert actions == "rrrrr"


@pytest.mark.parametrize(
    ("decisions", "cooldown", "over"),
    [
        ("kkk", 5, True),
        ("r", 1, True),
        ("r", 2, False),
        ("rk", 2, True),
        ("rkr", 2, False),
        ("rkk", 4, False),
        ("r", 0, True),
    ],
)
def test_the_cooldown_is_counted_in_windows(decisions, cooldown, over):
    seen = situation(drifted=(9, 9), scores=(9.0, 9.0), decisions=decisions)
    for policy in (Drift(cooldown=cooldown), Performance(cooldown=cooldown)):
        assert failed(policy, seen) == ([] if over else ["cooldown"])


def test_a_hundred_alarms_in_a_cooldown_are_one_run():
    actions = ""
    for _ in range(100):
        actions += Drift(cooldown=1000).decide(situation(drifted=(9, 9), decisions=actions)).action[0]
    assert actions == "r" + "k" * 99


@pytest.mark.parametrize(("labelled", "enough"), [(0, False), (99, False), (100, True), (10**6, True)])
def test_a_retraining_takes_enough_labelled_rows(labelled, enough):
    seen = situation(drifted=(9, 9), scores=(9.0, 9.0), decisions="kkkk", labelled=labelled)
    for policy in (Drift(minimum_rows=100), Performance(minimum_rows=100), Schedule(minimum_rows=100)):
        assert failed(policy, seen) == ([] if enough else ["labelled rows"])


def test_without_a_new_score_performance_has_nothing_to_decide_on():
    seen = situation(scores=(9.0, 9.0))
    known = Performance().decide(replace(seen, fresh=()))
    assert known.action == "keep"
    assert known.why.startswith("no score is newer than that of window 0001: MAE 9 over the last 2")
    assert Performance().decide(replace(seen, fresh=("0001",))).action == "retrain"
    assert Performance().decide(seen).action == "retrain", "None: every score is new"
    drift = replace(situation(drifted=(9, 9)), fresh=())
    assert Drift().decide(drift).action == "retrain", "drift is evidence by itself"


def test_decisions_on_scores_do_not_shorten_the_cooldown():
    """Windows are counted, not decisions: one window may be decided on several times."""
    seen = situation(drifted=(9, 9), decisions="rkk")
    again = replace(
        seen,
        decisions=(
            seen.decisions[0],
            *(replace(seen.decisions[0], action="keep", on=f"scores-{i}") for i in range(5)),
        ),
    )
    same = replace(again, window=replace(seen.window, index=0))
    following = replace(again, window=replace(seen.window, index=1))
    assert failed(Drift(cooldown=1), same) == ["cooldown"]
    assert failed(Drift(cooldown=1), following) == []
    assert failed(Drift(cooldown=2), following) == ["cooldown"]
    assert Schedule(every=1).decide(same).action == "keep"
    assert Schedule(every=1).decide(following).action == "retrain"


def test_the_first_rule_that_fails_is_the_reason():
    seen = situation(drifted=(9, 9), decisions="r", labelled=5)
    assert failed(Drift(), seen) == ["cooldown", "labelled rows"]
    found = Drift().decide(seen)
    _, cooldown, rows = found.rules
    assert (found.why, cooldown.value, cooldown.limit) == (cooldown.text, 1, 2)
    assert (rows.value, rows.limit) == (5, 100)
    assert "cooldown is 2" in found.why
    found = Drift().decide(situation(drifted=(9, 9), decisions="kkk", labelled=5))
    assert found.why == found.rules[2].text
    assert "5 labelled rows" in found.why
    assert "100" in found.why


def test_never_is_never():
    assert Never().decide(situation(drifted=(10,) * 9, scores=(9.0,) * 9)).action == "keep"


# Any of ---------------------------------------------------------------------------------------


def test_any_of_retrains_for_the_first_reason():
    seen = situation(drifted=(9, 9), scores=(1.0, 1.0), decisions="kkkkkkkk")
    drift, both = Drift(), AnyOf((Performance(), Drift(), Schedule()))
    assert both.decide(seen) == drift.decide(seen)


def test_any_of_that_keeps_gives_all_reasons_once():
    found = AnyOf((Never(), Performance(), Never())).decide(situation(scores=(1.0, 1.0)))
    assert found.action == "keep"
    never, performance = Never().decide(situation()).why, found.rules[1].text
    assert found.why == f"{never}; {performance}"
    assert [rule.name for rule in found.rules].count("never") == 2


def test_any_of_keeps_each_cooldown_apart():
    seen = situation(drifted=(9, 9), scores=(9.0, 9.0), decisions="rk")
    assert AnyOf((Drift(cooldown=5), Performance(cooldown=2))).decide(seen).rules[0].name == "performance"


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: Drift(share=0),
        lambda: Drift(share=1.1),
        lambda: Drift(persist=0),
        lambda: Performance(drop=-0.1),
        lambda: Performance(over=0),
        lambda: Schedule(every=0),
        lambda: AnyOf(()),
        lambda: plugins.find("merging", "recent")(0),
    ],
)
def test_settings_without_sense_are_refused(wrong):
    with pytest.raises(ConfigError):
        wrong()


# Clock ----------------------------------------------------------------------------------------


def trained(
    version: int = 2, after: int = 4, before: float = 1.0, now: float = 1.0, scored: int = 5
) -> Situation:
    """A training after a window was promoted, and both who serves and who served before were scored since."""
    seen = situation(decisions="k" * after + "r" + "k" * scored)
    live = replace(seen.champion, number=version, window=f"{after:04d}")
    earlier = replace(seen.champion, number=version - 1, window="start")
    places = range(after + 1, after + 1 + scored)
    mine = tuple(Score(f"{i:04d}", i, version, "MAE", now, 100, 1.0) for i in places)
    theirs = tuple(Score(f"{i:04d}", i, version - 1, "MAE", before, 100, 1.0) for i in places)
    return replace(seen, champion=live, predecessor=earlier, scores=mine, shadow=theirs)


@pytest.mark.parametrize(("decided", "due"), [(0, False), (6, False), (7, True), (30, True)])
def test_the_clock_trains_when_its_interval_is_over(decided, due):
    """Eight windows with the present one."""
    seen = situation(decisions="k" * decided, scores=(1.0,))
    assert failed(Clock(8), seen) == ([] if due else ["clock"])


@pytest.mark.parametrize(
    ("losses", "cost"), [((1.5, 1.4), 0.9), ((1.5, 1.6), 1.1), ((0.1, 0.1, 2.1), 1.1), ((1.0,) * 6, 0.0)]
)
def test_it_is_brought_forward_when_the_loss_above_the_promise_adds_up(losses, cost):
    """What lies under the promise makes up for nothing."""
    seen = situation(scores=losses, decisions="kkk")
    found = Clock(99, price=1.0).decide(seen)
    assert found.action == ("retrain" if cost >= 1 else "keep")
    if found.action == "retrain":
        assert found.rules[0].name == "cost"
        assert found.rules[0].value == pytest.approx(cost)


def test_what_came_before_the_last_training_costs_nothing_any_more():
    seen = trained(after=4, scored=2)
    old = tuple(Score(f"{i:04d}", i, 2, "MAE", 9.0, 100, 1.0) for i in range(3))
    assert Clock(99).decide(replace(seen, scores=(*old, *seen.scores))).action == "keep"


@pytest.mark.parametrize(
    ("before", "now", "interval"),
    [(1.0, 0.97, 4), (1.0, 0.99, 10), (1.0, 1.0, 10), (1.0, 1.2, 10), (1.0, 0.5, 4)],
)
def test_it_is_put_off_when_the_last_training_gained_nothing(before, now, interval):
    """The training came after the fifth window: twice that, not twice the four windows that are usual."""
    rule = Clock(4, price=99, gain=0.02).decide(trained(before=before, now=now)).rules[0]
    assert rule.limit == interval


def test_while_nobody_knows_what_a_training_gained_the_interval_stays():
    assert Clock(4, price=99).decide(trained(scored=2)).rules[0].limit == 4


def test_a_training_that_was_refused_gained_nothing():
    seen = situation(decisions="kkkkrkk", scores=(1.0,))
    rule = Clock(4, price=99).decide(seen).rules[0]
    assert rule.limit == 10
    assert "was refused" in rule.text


def test_the_interval_never_exceeds_four_times_the_usual_one():
    seen = situation(decisions="k" * 30 + "r" + "k" * 5, scores=(1.0,))
    assert Clock(4, price=99).decide(seen).rules[0].limit == 16


def test_without_a_new_score_the_clock_stands_still():
    seen = situation(decisions="k" * 30, scores=(9.0, 9.0))
    known = Clock().decide(replace(seen, fresh=()))
    assert known.action == "keep"
    assert known.why.startswith("no score is new")


@pytest.mark.parametrize("settings", [{"every": 0}, {"price": 0.0}, {"gain": -0.1}])
def test_a_clock_that_cannot_run_is_refused(settings):
    with pytest.raises(ConfigError, match=f"policy.{next(iter(settings))}"):
        Clock(**settings)


# Budget ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("decisions", "within"),
    [
        ("rkkk", True),
        ("rkkr", False),
        ("rr" + "k" * 60, True),
        ("r" + "k" * 50 + "r", True),
        ("k" + "rk" * 20, False),
    ],
)
def test_a_budget_is_counted_over_52_windows(decisions, within):
    """Two retrainings at most; the present window is one of the 52."""
    seen = situation(drifted=(9, 9), scores=(9.0, 9.0), decisions=decisions)
    for policy in (
        Drift(cooldown=0, budget=2),
        Performance(cooldown=0, budget=2),
        Clock(1, cooldown=0, budget=2),
    ):
        rule = next(rule for rule in policy.decide(seen).rules if rule.name == "budget")
        assert rule.holds is within, rule.text


def test_without_a_budget_no_rule_speaks_of_one():
    assert "budget" not in [rule.name for rule in Clock().decide(situation(scores=(9.0,))).rules]
