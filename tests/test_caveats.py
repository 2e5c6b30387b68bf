"""Sentences about retrainings: how many wrong promotions they allow, and what skews a loss."""

from __future__ import annotations

from dataclasses import replace

import pytest

from undrift.gate import Gate
from undrift.records import MeanCalibration, Outcome, Trial
from undrift.words.caveats import alphas, dominated, hopeless, of_model, retrainings


def outcome(challengers: int, gate: Gate, attempt: int = 1) -> Outcome:
    trials = tuple(Trial(k, "m", 1.0, 0.0, -1.0, 1.0, better=False) for k in range(challengers))
    confidence = gate.confidence(challengers, attempt)
    return Outcome("w", 0, 1, 1.0, "MAE", trials, None, (), 9, 9, confidence, "")


@pytest.mark.parametrize("challengers", [1, 2, 3])
def test_26_retrainings_at_a_twentieth_allow_1_3_wrong_promotions_however_many_challengers(challengers):
    spent = alphas([outcome(challengers, Gate("better"))] * 26)
    assert sum(spent) == pytest.approx(1.3)
    said = "26 retrainings at gate.alpha = 0.05: at most 1.3 wrong promotions expected"
    assert retrainings(spent) == f"{said}, were all challengers equal"


def test_a_retraining_without_a_challenger_spends_nothing():
    assert alphas([replace(outcome(0, Gate("better")), confidence=0.0)]) == []
    assert retrainings([]) == ""


def test_under_a_budget_for_life_the_sum_stays_under_it():
    gate = Gate("better", alpha_life=0.2)
    spent = alphas(outcome(2, gate, attempt) for attempt in range(1, 31))
    assert spent == pytest.approx([gate.spends(k) for k in range(1, 31)])
    assert sum(spent) < 0.2
    assert "at an alpha of their own" in retrainings(spent)


def test_a_row_that_decides_is_named_and_one_of_many_is_not():
    one = outcome(1, Gate("better"))
    for share, said in ((0.63, ["63 %"]), (0.5, []), (None, [])):
        trials = tuple(replace(t, heaviest=share) for t in one.trials)
        found = [*dominated(replace(one, trials=trials, loss="log loss"))]
        assert len(found) == len(said)
        assert all(word in text for word, text in zip(said, found, strict=True))
        assert all(text.endswith(': set score.loss = "brier"') for text in found)


def test_calibrated_probabilities_need_no_word():
    assert [*of_model(MeanCalibration(0.1, 0.1, 1.0, 0.9, 1.1, off=False), 0.2, "log loss")] == []
    low = MeanCalibration(0.05, 0.3, 0.12, 0.1, 0.2, off=True)
    (said,) = of_model(low, None, "Brier score")
    assert said.startswith(
        "its probabilities are too low: 5 % on average, where 30 % of the rows are positive"
    )
    assert "Brier score counts that as error" in said
    (of_a_rank,) = of_model(low, None, "1 − AUC")
    assert "counts that as error" not in of_a_rank


def retraining(loss: float, *trials: tuple[float, float, float]) -> Outcome:
    """What the gate found of some challengers, each a difference with its bounds."""
    found = tuple(
        Trial(2 + i, "everything", loss + one[0], *one, better=one[2] < 0, worse=one[1] > 0)
        for i, one in enumerate(trials)
    )
    return Outcome("0009", 9, 1, loss, "MAE", found, None, ("0008",), 500, 9, 0.95, "")


def test_retraining_will_not_help_once_nothing_gained_three_times() -> None:
    nothing = retraining(10.0, (-0.1, -0.5, 0.3), (0.2, -0.2, 0.6))
    said = hopeless([nothing] * 3)
    assert said.startswith("retraining will probably not help: none of the challengers of the last 3")
    assert "the MAE by −1 % [−5 %, +3 %]" in said
    assert hopeless([nothing] * 2) == ""
    gained = retraining(10.0, (-2.0, -3.0, -1.0))
    assert hopeless([nothing, nothing, gained]) == ""
    assert hopeless([gained, nothing, nothing, nothing]) == said
