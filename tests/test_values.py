"""One value in whatever precision, type or format it comes, and rows placed where they are."""

from __future__ import annotations

import decimal
import itertools
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy import stats

import undrift as ud
from undrift.metrics.energy import energy
from undrift.metrics.wasserstein import wasserstein
from undrift.profiles import codec
from undrift.profiles.numeric import NumericProfile

ROWS = 3000

VALUES = {
    "three": [0.1, 0.2, 0.3],
    "prices": [round(0.37 * k + 1.99, 2) for k in range(200)],
    "many prices": [round(0.37 * k + 1.99, 2) for k in range(2000)],
    "large": [1e9 + 0.25, 1.5e9 + 0.75, 2e9 + 0.1],
    "small": [1e-9, 3.3e-9, 7e-9],
    "whole": [1.0, 2.0, 3.0],
}

FORMS = {
    "double": lambda v: pd.DataFrame({"a": v}),
    "float": lambda v: pd.DataFrame({"a": v.astype(np.float32)}),
    "polars": lambda v: pl.DataFrame({"a": v.astype(np.float32)}),
    "arrow": lambda v: pa.table({"a": pa.array(v, pa.float32())}),
    "decimal": lambda v: pa.table({"a": pa.array([decimal.Decimal(repr(x)) for x in v.tolist()])}),
    "sums": lambda v: pd.DataFrame({"a": (v + 0.7 * v) - 0.7 * v}),
    "csv": lambda v, at: pd.DataFrame({"a": v}).to_csv(at, index=False),
    "csv of float": lambda v, at: pd.DataFrame({"a": v.astype(np.float32)}).to_csv(at, index=False),
    "parquet": lambda v, at: pd.DataFrame({"a": v}).to_parquet(at),
    "parquet of float": lambda v, at: pd.DataFrame({"a": v.astype(np.float32)}).to_parquet(at),
    "jsonl": lambda v, at: pd.DataFrame({"a": v}).to_json(
        at, orient="records", lines=True, double_precision=15
    ),
    "mixed": lambda v: pd.DataFrame({"a": np.where(np.arange(len(v)) % 2, v, v.astype(np.float32))}),
}


def _in_form(values: np.ndarray, form: str, folder: Path, name: str) -> object:
    kind = form.split(maxsplit=1)[0]
    if kind not in ("csv", "parquet", "jsonl"):
        return FORMS[form](values)
    at = folder / f"{name}.{kind}"
    FORMS[form](values, at)
    return str(at)


@pytest.mark.parametrize(
    "values", [VALUES[n] for n in ("three", "prices", "many prices")], ids=lambda v: len(v)
)
@pytest.mark.parametrize(("one", "other"), itertools.permutations(FORMS, 2))
def test_the_same_rows_in_another_format_are_stable(values, one, other, tmp_path):
    rows = np.random.default_rng(0).choice(values, ROWS)
    result = ud.compare(_in_form(rows, one, tmp_path, "a"), _in_form(rows, other, tmp_path, "b"))
    assert result.verdict == "stable", result.sentence
    assert result.features["a"].metrics["psi"] == pytest.approx(0, abs=1e-3)
    assert result.features["a"].metrics["wasserstein"] == pytest.approx(0, abs=1e-3)
    assert result.features["a"].p_value > 0.9
    assert not result.record.faults


@pytest.mark.parametrize("values", VALUES.values(), ids=VALUES)
def test_other_rows_in_float32_move_no_further_than_in_float64(values):
    random = np.random.default_rng(1)
    before, now = random.choice(values, ROWS), random.choice(values, ROWS)
    plain = ud.compare({"a": before}, {"a": now})
    single = ud.compare({"a": before}, {"a": now.astype(np.float32)})
    turned = ud.compare({"a": before.astype(np.float32)}, {"a": now})
    for found in (single, turned):
        assert found.verdict == plain.verdict
        assert found.features["a"].metrics["psi"] == pytest.approx(
            plain.features["a"].metrics["psi"], abs=2e-3
        )
        assert found.features["a"].p_value > 0.5 * plain.features["a"].p_value


def test_half_precision_has_three_digits_and_its_values_are_those_of_the_reference():
    random = np.random.default_rng(2)
    before, now = random.choice([0.1, 0.2, 0.3], ROWS), random.choice([0.1, 0.2, 0.3], ROWS)
    for one, other in itertools.permutations((np.float16, np.float32, np.float64), 2):
        result = ud.compare(pd.DataFrame({"a": before.astype(one)}), pd.DataFrame({"a": now.astype(other)}))
        assert result.verdict == "stable", (one, other)
        assert result.features["a"].metrics["psi"] < 0.01


def test_half_the_rows_one_price_among_continuous_amounts():
    random = np.random.default_rng(3)
    rows = [np.where(random.random(ROWS) < 0.5, 9.99, random.gamma(2, 10, ROWS)) for _ in range(2)]
    result = ud.compare({"a": rows[0]}, {"a": rows[1].astype(np.float32)})
    assert result.verdict == "stable"
    assert result.features["a"].metrics["psi"] < 0.02


def test_a_saved_profile_takes_the_values_in_either_precision(tmp_path):
    rows = np.random.default_rng(4).choice([0.1, 0.2, 0.3], ROWS)
    for before in (np.float32, np.float64):
        codec.write(ud.profile(pd.DataFrame({"a": rows.astype(before)})), tmp_path / "a.profile")
        for now in (np.float32, np.float64):
            result = ud.compare(tmp_path / "a.profile", pd.DataFrame({"a": rows.astype(now)}))
            assert result.features["a"].metrics["psi"] == pytest.approx(0, abs=1e-9)


def test_a_constant_in_another_precision_is_the_same_constant():
    rows = np.full(ROWS, 0.1)
    other = np.random.default_rng(0).normal(0, 1, ROWS)
    result = ud.compare({"a": rows, "b": other}, pd.DataFrame({"a": rows.astype(np.float32), "b": other}))
    assert result.record.left_out == {"a": "constant: always 0.1"}
    assert not result.record.faults


@pytest.mark.parametrize(
    ("before", "now"),
    [
        ([0.1, 0.2], [0.11, 0.2]),
        ([1, 2], [1, 1]),
        ([1, 3], [2, 3]),
        ([10**15, 10**15 + 5], [10**15 + 1, 10**15 + 5]),
        ([1e15, 1e15 + 5], [1e15 + 1, 1e15 + 5]),
        ([1e9, 1e9], [1e9 + 1, 1e9 + 1]),
        ([1e9, 1e9 + 2], [1e9 + 1, 1e9 + 2]),
        ([1e9 + 0.1, 1e9 + 0.3], [1e9 + 0.2, 1e9 + 0.3]),
        ([0.0, 1.0], [1e-9, 1.0]),
        ([1.0, 1.0], [1.000001, 1.000001]),
    ],
)
def test_real_differences_are_told_apart(before, now):
    result = ud.compare({"a": np.repeat(before, 500)}, {"a": np.repeat(now, 500)})
    assert result.verdict == "drift"
    assert result.features["a"].metrics["psi"] > 1


FEW = st.lists(st.decimals(-9999, 9999, places=2).map(float), min_size=2, max_size=8, unique=True)


@settings(max_examples=60, deadline=None)
@given(FEW, FEW, st.integers(0, 1000))
def test_law_a_detour_through_float32_never_changes_a_verdict(before, now, seed):
    random = np.random.default_rng(seed)
    ref, cur = random.choice(before, 400), random.choice(now, 300)
    single = [x.astype(np.float32).astype(np.float64) for x in (ref, cur)]
    told = {
        ud.compare({"a": a, "b": np.arange(len(a)) % 7}, {"a": b, "b": np.arange(len(b)) % 7}).verdict
        for a, b in itertools.product((ref, single[0]), (cur, single[1]))
    }
    assert len(told) == 1


# Distances against SciPy ----------------------------------------------------------------------

SHAPES = {
    "normal": lambda r, n: r.normal(0, 1, n),
    "lognormal 1": lambda r, n: r.lognormal(0, 1, n),
    "lognormal 2": lambda r, n: r.lognormal(0, 2, n),
    "lognormal 2.5": lambda r, n: r.lognormal(0, 2.5, n),
    "Cauchy": lambda r, n: r.standard_cauchy(n),
    "Pareto 1": lambda r, n: r.pareto(1, n),
    "Pareto 2": lambda r, n: r.pareto(2, n),
    "Student 2": lambda r, n: r.standard_t(2, n),
    "three values": lambda r, n: r.choice([0.1, 0.2, 0.3], n),
    "flag": lambda r, n: r.integers(0, 2, n).astype(float),
    "twenty values": lambda r, n: r.integers(0, 20, n).astype(float),
    "two heaps": lambda r, n: r.normal(0, 1, n) + 100 * r.integers(0, 2, n),
    "mostly zero": lambda r, n: np.where(r.random(n) < 0.6, 0, r.lognormal(0, 1, n)),
}

MOVES = {
    "nothing": lambda x, s: x,
    "twice": lambda x, s: 2 * x,
    "a fifth wider": lambda x, s: 1.2 * x,
    "a thousandth": lambda x, s: x + 0.001 * s,
    "a hundredth": lambda x, s: x + 0.01 * s,
    "a seventh": lambda x, s: x + 0.15 * s,
    "third of an sd": lambda x, s: x + s / 3,
    "stuck": lambda x, s: np.full(len(x), np.median(x)),
    "one row of 1e6": lambda x, s: np.append(x, 1e6),
    "one row of -1e9": lambda x, s: np.append(x, -1e9),
    "one row at a hundred sd": lambda x, s: np.append(x, 100 * s),
}


def _exact(distance, ref, cur):
    """SciPy's distance in sd of the reference, all beyond a million sd at a million sd."""
    a, b = (np.clip((x - ref.min()) / ref.std(), -1e6, 1e6) for x in (ref, cur))
    return distance(a, b)


@pytest.mark.parametrize("rows", [(2000, 2000), (50_000, 5000)])
@pytest.mark.parametrize("wild", [None, 1e6, 1e9])
@pytest.mark.parametrize("move", MOVES.values(), ids=MOVES)
@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_distances_are_those_of_scipy(shape, move, wild, rows):
    random = np.random.default_rng(7)
    ref, cur = shape(random, rows[0]), shape(random, rows[1])
    cur = move(cur, ref.std())
    ref = ref if wild is None else np.append(ref, wild)
    before = NumericProfile.of(ref, 0)
    now = NumericProfile.of(cur, 0, before.grid)
    for ours, theirs in ((wasserstein, stats.wasserstein_distance), (energy, stats.energy_distance)):
        value = _exact(theirs, ref, cur)
        assert ours(before, now) == pytest.approx(value, rel=0.1, abs=0.1 * ours.threshold)


@pytest.mark.parametrize("by", [0.2, 0.5])
def test_one_wild_row_in_the_reference_does_not_make_a_small_move_drift(by):
    random = np.random.default_rng(8)
    ref = pd.DataFrame({"a": np.append(random.normal(0, 1, 50_000), 1e6)})
    cur = pd.DataFrame({"a": random.normal(by, 1, 5000)})
    result = ud.compare(ref, cur, metric="wasserstein")
    assert result.features["a"].metrics["wasserstein"] == pytest.approx(0.0046, abs=0.003)
    assert result.verdict == "stable"


@settings(max_examples=80, deadline=None)
@given(
    st.sampled_from(list(SHAPES)),
    st.floats(-3, 3),
    st.floats(0.2, 5),
    st.lists(st.floats(-1e7, 1e7), max_size=3),
    st.integers(0, 10_000),
)
@example(shape="Pareto 1", shift=0.5, scale=0.5, wild=[], seed=0)
def test_law_distances_are_near_those_of_scipy(shape, shift, scale, wild, seed):
    random = np.random.default_rng(seed)
    ref = np.append(SHAPES[shape](random, 2000), wild)
    cur = scale * SHAPES[shape](random, 1000) + shift * np.std(ref)
    before = NumericProfile.of(ref, 0)
    now = NumericProfile.of(cur, 0, before.grid)
    for ours, theirs in ((wasserstein, stats.wasserstein_distance), (energy, stats.energy_distance)):
        assert ours(before, now) == pytest.approx(
            _exact(theirs, ref, cur), rel=0.25, abs=0.1 * ours.threshold
        )


# All null, and filled now ---------------------------------------------------------------------


NULLS = {
    "untyped": pa.nulls(1000),
    "numbers": pa.nulls(1000, pa.float64()),
    "text": pa.nulls(1000, pa.string()),
}
FILLED = {
    "numbers": np.arange(1000.0) % 7,
    "labels": ["a", "b"] * 500,
    "one value": [3.0] * 1000,
    "flags": [True, False] * 500,
}


@pytest.mark.parametrize("nulls", NULLS.values(), ids=NULLS)
@pytest.mark.parametrize("filled", FILLED.values(), ids=FILLED)
def test_a_column_that_was_all_null_and_is_filled_now_is_drift(nulls, filled, tmp_path):
    steady = np.arange(1000) % 5
    ref = pa.table({"e": nulls, "y": steady})
    codec.write(ud.profile(ref), tmp_path / "a.profile")
    for before in (ref, tmp_path / "a.profile"):
        result = ud.compare(before, {"e": filled, "y": steady})
        assert result.verdict == "drift"
        assert result.drifted == ["e"]
        assert result.features["e"].metrics["missing"] == 1
        assert "nulls 100 % → 0 %" in result.features["e"].effect
        assert "e" not in result.record.left_out
        assert result.to_html()


def test_a_column_that_is_all_null_in_both_is_left_out_by_name():
    for one, other in itertools.product(NULLS.values(), repeat=2):
        steady = np.arange(1000) % 5
        result = ud.compare(pa.table({"e": one, "y": steady}), pa.table({"e": other, "y": steady}))
        assert (result.verdict, result.record.left_out) == ("stable", {"e": "all null"})


def test_a_filled_column_is_seen_in_segments_and_with_a_history():
    times = pd.date_range("2024-01-01", periods=6000, freq="1h")
    steady, side = np.arange(6000) % 5, np.where(np.arange(6000) % 2, "n", "s")
    ref = pa.table({"t": times, "e": pa.nulls(6000), "y": steady, "by": side})
    cur = {"t": times + pd.Timedelta(days=300), "e": steady * 1.5, "y": steady, "by": side}
    result = ud.compare(ref, pd.DataFrame(cur), time="t", by="by")
    assert result.features["e"].verdict == "drift"
    assert {label: part.features["e"].verdict for label, part in result.segments.items()} == {
        "n": "drift",
        "s": "drift",
    }


def test_pieces_with_and_without_a_value_merge_to_the_whole():
    steady = np.arange(1000) % 5
    ref = ud.profile(pa.table({"e": pa.nulls(1000), "y": steady}))
    rows = pa.table({"e": pa.array([None] * 500 + [1.5] * 500), "y": steady})
    parts = [ud.profile(part, like=ref) for part in (rows[:500], rows[500:])]
    whole = ud.profile(rows, like=ref).features["e"]
    for one, other in (parts, parts[::-1]):
        found = one.merge(other).features["e"]
        assert (found.rows, found.missing, found.mean) == (whole.rows, 500, 1.5)


def test_a_constant_that_varies_now_is_drift():
    steady = np.arange(1000) % 5
    for before, now in (([1.0] * 1000, np.arange(1000.0)), (["a"] * 1000, ["a", "b"] * 500)):
        assert ud.compare({"e": before, "y": steady}, {"e": now, "y": steady}).drifted == ["e"]
