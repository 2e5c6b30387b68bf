"""A classifier tells apart what differs, and says so of nothing else."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from conftest import ask, moving_stream
from test_loop import played
from undrift import inputs
from undrift.errors import NotFoundError, TooFewError
from undrift.explaining.classifier import FEWEST, ROWS, explain
from undrift.records import Condition, Explanation, Region, Schema, decode, encode
from undrift.schema import infer
from undrift.words import moves, numbers


def rows_of(n: int, seed: int) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "x": rng.normal(size=n),
            "z": np.where(rng.random(n) < 0.1, np.nan, rng.normal(size=n)),
            "colour": rng.choice(["red", "green", "blue"], n),
            "sunny": rng.random(n) < 0.4,
        }
    )


REFERENCE = rows_of(2000, seed=1)
SCHEMA: Schema = infer(inputs.read(REFERENCE))


def explained(window: pd.DataFrame, reference: pd.DataFrame = REFERENCE) -> Explanation:
    return explain(inputs.read(window), inputs.read(reference), SCHEMA)


def test_rows_of_one_kind_cannot_be_told_apart() -> None:
    """The interval holds in 95 of 100: fewer than 8 of 10 have a chance of one in a hundred."""
    found = [explained(rows_of(300, seed), rows_of(900, seed + 100)) for seed in range(10)]
    quiet = [e for e in found if e.lower <= 0.5 <= e.upper]
    assert len(quiet) >= 8
    for one in quiet:
        assert (one.features, one.where) == ({}, None)
        assert moves.explanation(one).startswith("A classifier cannot tell the window's rows")


def test_a_shifted_number_is_named_first_and_where() -> None:
    found = explained(rows_of(600, seed=5).assign(x=lambda f: f.x + 1.5))
    assert found.lower > 0.75
    assert next(iter(found.features)) == "x"
    assert found.where
    (condition,) = found.where.conditions
    assert (condition.feature, condition.test) == ("x", ">")
    assert condition.value == pytest.approx(0.75, abs=0.25)
    assert "x does most of it." in moves.explanation(found)


def test_the_auc_of_a_known_shift_is_what_theory_says() -> None:
    """Two normals 1.5 sd apart have AUC Φ(1.5/√2) = 0.856; a fitted classifier comes close to it."""
    found = explained(rows_of(4000, seed=5).assign(x=lambda f: f.x + 1.5), rows_of(4000, seed=6))
    assert 0.82 < found.auc < 0.86
    assert found.upper - found.lower < 0.06


def test_what_the_region_says_is_what_the_rows_are() -> None:
    window = rows_of(600, seed=5)
    window["x"] = np.where(window.colour == "red", window.x + 4, window.x)
    found = explained(window).where
    assert found
    for share, rows in ((found.window, window), (found.reference, REFERENCE)):
        inside = np.logical_and.reduce([meets(rows, c) for c in found.conditions])
        assert share == pytest.approx(inside.mean(), abs=1e-6)


def meets(rows: pd.DataFrame, condition: Condition) -> pd.Series:
    column = rows[condition.feature]
    tests = (
        {">": column > condition.value, "≤": column <= condition.value} if condition.value is not None else {}
    )
    return (tests | {"=": column == condition.label, "≠": column != condition.label})[condition.test]


def test_two_conditions_are_said_where_both_are_needed() -> None:
    rng = np.random.default_rng(3)
    window = rows_of(900, seed=5)
    window["x"] = np.where(window.sunny, np.abs(rng.normal(size=900)), -np.abs(rng.normal(size=900)))
    found = explained(window)
    assert set(list(found.features)[:2]) == {"x", "sunny"}
    assert found.where
    assert {c.feature for c in found.where.conditions} == {"x", "sunny"}
    assert {c.label for c in found.where.conditions if c.feature == "sunny"} <= {"true", "false"}


@pytest.mark.parametrize(
    ("change", "feature", "text", "before"),
    [
        ({"colour": "violet"}, "colour", "colour = violet", REFERENCE.colour == "violet"),
        ({"z": np.nan}, "z", "z is missing", REFERENCE.z.isna()),
        ({"sunny": True}, "sunny", "sunny = true", REFERENCE.sunny),
    ],
    ids=["a new label", "all missing", "a boolean that stands still"],
)
def test_labels_nulls_and_booleans_are_said_in_words(
    change: dict, feature: str, text: str, before: pd.Series
) -> None:
    window = rows_of(600, seed=5).assign(**change).astype({"z": float})
    found = explained(window)
    assert next(iter(found.features)) == feature
    assert found.where
    share = numbers.percent(before.mean())
    assert moves.region(found.where) == f"{text}: 100 % of the window, {share} of the training rows"


def test_a_change_of_how_features_go_together_is_found() -> None:
    window = rows_of(900, seed=5)
    window["z"] = window.x + np.random.default_rng(0).normal(0, 0.3, 900)
    found = explained(window)
    assert found.lower > 0.6
    assert set(list(found.features)[:2]) == {"x", "z"}


def test_columns_without_values_constants_and_many_labels_do_no_harm() -> None:
    rng = np.random.default_rng(0)

    def odd(n: int, shift: float) -> pd.DataFrame:
        return rows_of(n, seed=n).assign(
            x=lambda f: np.where(rng.random(n) < 0.1, np.inf, f.x + shift),
            z=np.nan,
            colour=[f"c{i}" for i in rng.integers(0, 5000, n)],
            sunny=True,
        )

    assert explained(odd(600, 0.0), odd(1500, 0.0)).lower < 0.5
    assert next(iter(explained(odd(600, 1.5), odd(1500, 0.0)).features)) == "x"


def test_a_column_that_begins_within_the_window_is_named() -> None:
    window, reference = rows_of(600, seed=5), REFERENCE.assign(z=np.nan)
    window["z"] = np.where(np.arange(600) < 400, np.nan, 1.0)
    found = explained(window, reference)
    assert found.auc > 0.6
    assert next(iter(found.features), "z") == "z"


def test_the_same_rows_give_the_same_answer_and_large_sides_are_sampled() -> None:
    window, reference = rows_of(6000, seed=5), rows_of(7000, seed=6)
    found = explained(window, reference)
    assert (found.rows_window, found.rows_reference) == (ROWS, ROWS)
    assert explained(window, reference) == found


def test_few_rows_are_too_few_and_sixty_are_not() -> None:
    with pytest.raises(TooFewError, match="the window has 59 rows"):
        explained(rows_of(FEWEST - 1, seed=5))
    assert explained(rows_of(FEWEST, seed=5)).rows_window == FEWEST


def test_the_record_comes_back() -> None:
    found = explained(rows_of(600, seed=5).assign(x=lambda f: f.x + 3))
    assert decode(Explanation, json.loads(json.dumps(encode(found)))) == found


def test_sentences() -> None:
    shares = {"temperature": 0.5, "season": 0.3, "hour": 0.1}
    record = Explanation("w", 1, 168, 2000, 0.93, 0.91, 0.95, shares)
    assert moves.explanation(record) == (
        "A classifier tells the window's rows from the training rows with AUC 0.93 [0.91, 0.95]: "
        "temperature and season do most of it."
    )
    conditions = (Condition("temperature", ">", value=24.5), Condition("season", "=", label="summer"))
    assert moves.region(Region(conditions, 0.61, 0.08)) == (
        "temperature > 24.5 and season = summer: 61 % of the window, 8 % of the training rows"
    )


def test_the_loop_explains_against_the_model_that_was_live_then() -> None:
    loop = played()
    windows = loop.archive.windows()
    for window in (windows[5], windows[-1]):
        found = loop.explain(window.key)
        assert found.window == window.key
        assert found.rows_window == window.rows
    moved = next(w for w in windows if w.index - windows[0].index >= 12 - 8)
    found = loop.explain(moved.key)
    assert found.reference == 1
    assert next(iter(found.features)) == "x"
    assert loop.explain().window == windows[-1].key
    with pytest.raises(NotFoundError, match="there is no window 'soon'"):
        loop.explain("soon")


def test_a_model_from_elsewhere_is_explained_by_its_history() -> None:
    from test_importance import with_prediction
    from test_loop import make_loop, recorded

    frame = moving_stream().assign(guess=lambda f: f.y)
    loop = make_loop(frame, {"use": "never"}, schema=with_prediction(frame), trainer=None)
    recording = recorded(loop, frame)
    loop.start(recording.past)
    loop.step(frame[frame["at"] >= "2024-01-03"])
    found = loop.explain(loop.archive.windows()[6].key)
    assert (found.reference, found.rows_reference) == (0, 8 * 120)
    assert next(iter(found.features)) == "x"


def test_the_command_says_it_in_text_and_json(demo_weeks: Path) -> None:
    code, out, err = ask("explain", "2011-04-18", "-C", demo_weeks)
    assert (code, err) == (0, "")
    first, where, *_ = out.splitlines()
    assert first.startswith("A classifier tells the window's rows from the training rows with AUC 0.9")
    assert where.startswith("Where: season ≠ spring")
    code, out, _ = ask("explain", "2011-04-18", "--json", "-C", demo_weeks)
    body = json.loads(out)
    assert (code, body["window"], body["reference"]) == (0, "2011-04-18", 1)
    assert body["sentence"] == first
    assert next(iter(body["features"])) == "season"


def test_the_newest_window_is_explained_by_default(demo_weeks: Path) -> None:
    body = json.loads(ask("explain", "--json", "-C", demo_weeks)[1])
    assert body["window"] == json.loads(ask("why", "--json", "-C", demo_weeks)[1])["window"]["key"]


def test_an_unknown_window_is_refused_as_why_does(demo_weeks: Path) -> None:
    code, out, err = ask("explain", "2019-01-01", "-C", demo_weeks)
    assert (code, out) == (2, "")
    assert err == ask("why", "2019-01-01", "-C", demo_weeks)[2]
