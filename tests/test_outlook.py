"""What settings cannot do with data like these is said at once, with the setting to change."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from conftest import ask
from undrift import inputs
from undrift.comparison.limits import Limits
from undrift.config.outlook import advice
from undrift.gate import Gate
from undrift.lineup.single import Single
from undrift.loop import Loop
from undrift.plugins import build
from undrift.records import Outcome
from undrift.schema import infer
from undrift.stores import holder
from undrift.stores.sql import Sql
from undrift.trainers.estimator import Estimator
from undrift.windows import Cut

WEIGHTED = Estimator("sklearn.linear_model:LogisticRegression", {"class_weight": "balanced"})
CONSTANT = Estimator("sklearn.dummy:DummyClassifier", {})


def numbers(rows: int = 2_000, seed: int = 0) -> pd.DataFrame:
    """Rows an hour apart with a number to predict."""
    random = np.random.default_rng(seed)
    x = random.normal(size=rows)
    y = x + random.normal(size=rows)
    return pd.DataFrame({"at": pd.date_range("2024-01-01", periods=rows, freq="h"), "x": x, "y": y})


def frauds(rows: int = 6_000, seed: int = 0) -> pd.DataFrame:
    """Rows an hour apart of which 0.8 % are frauds, with one feature that tells them apart: AUC 0.84."""
    random = np.random.default_rng(seed)
    a, b = random.normal(size=rows), random.normal(size=rows)
    fraud = (random.random(rows) < 1 / (1 + np.exp(6 - 1.5 * a))).astype(int)
    at = pd.date_range("2024-01-01", periods=rows, freq="h")
    return pd.DataFrame({"at": at, "a": a, "b": b, "y": np.where(fraud, "yes", "no")})


def started(frame: pd.DataFrame, size: int | str, time: str | None = "at", **changes: object) -> Loop:
    schema = infer(inputs.read(frame), target="y", time=time, ignore=["at"] if time is None else [])
    parts: dict[str, object] = {
        "schema": schema,
        "store": Sql(),
        "lake": build("lakes", {"use": "memory"}),
        "registry": build("registries", {"use": "memory"}),
        "policy": build("policies", {"use": "schedule", "every": 1}),
        "merges": {"everything": build("merging", {"use": "everything"})},
        "holder": holder(),
        "trainer": Estimator("sklearn.linear_model:LinearRegression", {}),
        "cut": Cut.of(size),
    }
    loop = Loop(**(parts | changes))
    loop.start(frame)
    return loop


def test_settings_that_fit_need_no_advice() -> None:
    assert advice(started(numbers(), "7d")) == []


def test_windows_of_a_day_can_be_judged_on_but_are_too_short_to_compare() -> None:
    found = advice(started(numbers(), "1d", limits=Limits(threshold=1.0), gate=Gate(windows=2)))
    assert "windows of 24 rows are never judged, 30 rows are needed" in found[0]
    assert len(found) == 1, "two days are no blocks of a day, but ten runs of rows"


def test_windows_in_which_chance_alone_reaches_the_limit_are_named() -> None:
    """PSI over ten bins is 9 / n_e by chance: 0.122 with 80 rows beside 1,000, 0.05 with 240."""
    (said,) = advice(started(numbers(1_200), 80))
    assert "in windows of 80 rows chance alone takes 1 of 1 feature over the limit (x, psi 0.1" in said
    assert "windows.size" in said
    assert "drift.threshold" in said
    assert advice(started(numbers(1_200), 80, limits=Limits(threshold=0.2))) == []
    assert advice(started(numbers(1_200), 240)) == []


def test_nothing_is_guessed_about_batches_before_any_came() -> None:
    frame = numbers(1_000)
    loop = started(frame, "batch", time=None)
    assert advice(loop) == []
    more = numbers(60, seed=1)
    for start in range(0, 60, 20):
        loop.step(more[start : start + 20])
    assert ["windows of 20 rows are never judged" in said for said in advice(loop)] == [True]


def test_a_row_that_makes_up_most_of_the_spread_is_said_with_a_loss_that_bears_it() -> None:
    frame = numbers()
    frame.loc[1_900, "y"] = 1e4
    (said,) = advice(started(frame, "7d", loss="squared"))
    assert said.startswith("v1: one row makes up 99")
    assert said.endswith('of the spread of its MSE: set score.loss = "absolute"')


def test_a_class_that_is_too_rare_is_said_with_the_number_of_windows_that_would_do() -> None:
    loop = started(frauds(), "7d", trainer=WEIGHTED)
    said = advice(loop)[0]
    assert "rows of the class 'yes', 10 are needed: raise gate.windows; gate.windows = " in said
    enough = int(said.rpartition("=")[2].removesuffix(" would do"))
    windows = loop.archive.windows(history=True)[:-1]
    labels = [loop.archive.labelled_in([w]).labels.sum() for w in windows]
    # up to four times as many windows are held out where a class is rare
    assert sum(labels[-4 * enough :]) >= 10 > sum(labels[4 - 4 * enough :])


@pytest.fixture(scope="module")
def judged() -> Loop:
    """A weighted regression is live; a constant was its challenger, on rows with a dozen frauds."""
    frame = frauds()
    gate = Gate("better", windows=12)
    loop = started(frame[:3_500], "7d", trainer=WEIGHTED, gate=gate, lineup=Single())
    loop.trainer, loop.models.trainers = CONSTANT, {CONSTANT.name: CONSTANT}
    loop.step(frame[3_500:])
    return loop


def test_a_constant_does_not_beat_a_model_that_ranks_by_its_loss_alone(judged: Loop) -> None:
    (outcome,) = judged.store.all(Outcome)
    (trial,) = outcome.trials
    assert (trial.upper < 0, trial.ranks, trial.better, outcome.promoted) == (True, False, False, None)
    assert outcome.ranking["1"].value == pytest.approx(0.84, abs=0.1)
    assert outcome.ranking["2"].value == 0.5
    assert judged.live().number == 1
    assert "but it ranks rows no better than a constant (AUC 0.5, v1 0." in outcome.why
    assert outcome.mean_calibration["1"].off
    assert not outcome.mean_calibration["2"].off
    assert (outcome.alpha, outcome.confidence) == (0.05, 0.95)


def test_probabilities_on_the_wrong_scale_are_said_with_what_to_do(judged: Loop) -> None:
    said = [one for one in advice(judged) if "too high" in one]
    assert len(said) == 1
    assert "CalibratedClassifierCV" in said[0]
    assert "class_weight" in said[0]


def test_init_status_and_why_say_it(tmp_path: Path) -> None:
    frame = frauds()
    frame[:3_500].to_csv(tmp_path / "h.csv", index=False)
    frame[3_500:].to_csv(tmp_path / "next.csv", index=False)
    at = ("-C", tmp_path / "w")
    weighted = ("--set", "model.use=sklearn.linear_model:LogisticRegression")
    weighted += ("--set", "model.params.class_weight=balanced", "--set", "windows.size=7d")
    _, out, _ = ask(*at, "init", "--from", tmp_path / "h.csv", "--target", "y", "--time", "at", *weighted)
    assert "Challengers will be judged by log loss: score.loss." in out
    assert "Note: no challenger can be promoted on windows like these" in out
    assert "Note: v1: its probabilities are too high" in out
    constant = ("--set", "model.use=sklearn.dummy:DummyClassifier", "--set", "policy.use=schedule")
    ask(
        *at,
        "run",
        tmp_path / "next.csv",
        *constant,
        "--set",
        "policy.every=1",
        "--set",
        "gate.windows=12",
        *("--set", "gate.require=better"),
    )
    assert "note    no challenger can be promoted" in ask(*at, "status")[1]
    assert len(json.loads(ask(*at, "status", "--json")[1])["advice"]) == 2
    why = ask(*at, "why")[1]
    assert "v1 ranks rows with AUC 0." in why
    assert "v2 ranks rows with AUC 0.5, at least 0.5, which is not surely better than a constant." in why
    assert "v1: its probabilities are too high" in why
    assert "Up to here 1 retraining at gate.alpha = 0.05: at most 0.05 wrong promotions expected" in why
    assert "1 retraining at gate.alpha = 0.05" in ask(*at, "models")[1]
    assert json.loads(ask(*at, "models", "--json")[1])["expected_wrong_promotions"] == pytest.approx(0.05)
    found = json.loads(ask(*at, "why", "--json")[1])
    assert (found["retrainings"], found["expected_wrong_promotions"]) == (1, pytest.approx(0.05))


def test_init_says_in_json_what_judges_and_what_to_change(tmp_path: Path) -> None:
    numbers().to_csv(tmp_path / "h.csv", index=False)
    options = ("--target", "y", "--time", "at", "--set", "windows.size=1d", "--json")
    body = json.loads(ask("-C", tmp_path / "w", "init", "--from", tmp_path / "h.csv", *options)[1])
    assert body["judged_by"] == "MAE"
    assert "windows of 24 rows are never judged" in body["advice"][0]
