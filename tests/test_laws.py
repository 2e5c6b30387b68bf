"""Laws that every metric and every profile obeys, tried on whatever Hypothesis comes up with."""

from __future__ import annotations

from dataclasses import replace
from functools import reduce
from itertools import pairwise

import hypothesis.strategies as st
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings

from undrift import plugins
from undrift.metrics import metric
from undrift.profiles.codec import dumps, loads
from undrift.profiles.numeric import NumericProfile
from undrift.profiles.table import TableProfile, profile
from undrift.testing import laws
from undrift.testing.contracts import HOSTILE

METRICS = [plugins.find("metrics", name) for name in plugins.names("metrics")]

TIES = st.sampled_from(
    [0.0, -0.0, 1.0, 2.0, float("nan"), float("inf"), float("-inf"), 1e308, -1e308, 5e-324]
)
NUMBERS = st.lists(st.none() | TIES | st.floats(), max_size=60)
ORDINARY = st.lists(st.none() | st.floats(-1e6, 1e6), max_size=60)
LABELS = st.lists(st.none() | st.sampled_from(HOSTILE) | st.text(max_size=3), max_size=60)
FLAGS = st.lists(st.none() | st.booleans(), max_size=30)
COLUMNS = {
    "numbers": (NUMBERS, pa.float64()),
    "ordinary": (ORDINARY, pa.float64()),
    "labels": (LABELS, pa.string()),
    "flags": (FLAGS, pa.bool_()),
}

ELSEWHERE = {"missing", "deviation_shift", "l_infinity"}
"""Metrics that rows of other values do not drive to their bound: they look at something else."""

laws_hold = settings(max_examples=120, deadline=None)


def table(kind: str, values: list) -> pa.Table:
    return pa.table({"c": pa.array(values, COLUMNS[kind][1])})


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("kind", COLUMNS)
@laws_hold
@given(data=st.data())
def test_every_metric_obeys_the_laws(kind, data):
    values = COLUMNS[kind][0]
    whole = profile(table(kind, data.draw(values)))
    current = table(kind, data.draw(values))
    cut = data.draw(st.integers(0, current.num_rows))
    cur, *parts = (profile(t, like=whole).features["c"] for t in (current, current[:cut], current[cut:]))
    for one in METRICS:
        laws.check_metric(one, whole.features["c"], cur, parts)


@pytest.mark.filterwarnings("error")
@laws_hold
@given(
    rows=st.integers(0, 40).flatmap(
        lambda n: st.fixed_dictionaries(
            {
                "numbers": st.lists(st.none() | TIES | st.floats(), min_size=n, max_size=n),
                "labels": st.lists(st.none() | st.sampled_from(HOSTILE), min_size=n, max_size=n),
                "flags": st.lists(st.none() | st.booleans(), min_size=n, max_size=n),
            }
        )
    ),
    cuts=st.lists(st.integers(0, 40), max_size=3),
)
def test_every_profile_obeys_the_laws(rows, cuts):
    columns = {name: pa.array(values, COLUMNS[name][1]) for name, values in rows.items()}
    columns["ordinary"] = pa.array(range(len(rows["flags"])), pa.float64())
    laws.check_profile(pa.table(columns), *(min(cut, len(rows["flags"])) for cut in cuts))


@pytest.mark.filterwarnings("error")
@laws_hold
@given(
    rows=st.lists(
        st.tuples(
            st.none() | TIES | st.floats(),
            st.none() | st.sampled_from(HOSTILE) | st.integers(0, 9).map(str),
            st.none() | st.sampled_from([0.5, 2.0, 1e15, float("nan"), -0.0]),
        ),
        max_size=60,
    ),
    cuts=st.lists(st.integers(0, 60), max_size=3),
    by=st.sampled_from(["number", "label", "flag"]),
)
def test_segments_and_labels_beyond_the_vocabulary_obey_the_laws(rows, cuts, by):
    """With a vocabulary of three labels and room for two more, nearly every table has some beyond both."""
    numbers, labels, flags = zip(*rows, strict=True) if rows else ((), (), ())
    table_ = pa.table(
        {
            "number": pa.array(numbers, pa.float64()),
            "label": pa.array(labels, pa.string()),
            "flag": pa.array(flags, pa.float64()),
        }
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("undrift.profiles.categorical.LABELS", 3)
        patch.setattr("undrift.profiles.categorical.OTHERS", 2)
        patch.setattr("undrift.profiles.table.SEGMENTS", 4)
        cuts = [min(cut, len(rows)) for cut in cuts]
        laws.check_profile(table_, *cuts, by=by, kinds={"flag": "categorical"})
        whole = profile(table_, by=by, kinds={"flag": "categorical"})
        laws.same(loads(dumps(profile(table_, like=whole))), whole)
        assert len(whole.segments) <= 4
        if whole.segments and sum(s.rows for s in whole.segments.values()) == whole.rows:
            together = reduce(TableProfile.merge, whole.segments.values())
            laws.same(together, replace(whole, segments={}))


@pytest.mark.parametrize("name", plugins.names("metrics"))
def test_no_metric_grows_with_the_number_of_rows(name):
    one = plugins.find("metrics", name)
    random = np.random.default_rng(7)
    for shift in (0.0, 0.3, 1.0):
        ref = profile({"x": random.normal(0, 1, 20_000)})
        cur = profile({"x": random.normal(shift, 1, 5_000)}, like=ref)
        laws.check_size(one, ref.features["x"], cur.features["x"])
    labels = [random.choice(list("abcd"), 5_000, p=p) for p in ([0.25] * 4, [0.1, 0.2, 0.3, 0.4])]
    ref = profile({"c": [*labels[0], None]})
    cur = profile({"c": labels[1]}, like=ref)
    laws.check_size(one, ref.features["c"], cur.features["c"])
    if np.isfinite(one.upper):  # what has no upper bound is infinite for new labels, but for its prior
        cur = profile({"c": [*labels[1], *["new"] * 300]}, like=ref)
        laws.check_size(one, ref.features["c"], cur.features["c"])


@pytest.mark.parametrize("one", METRICS, ids=lambda m: m.name)
def test_columns_without_any_value_have_finite_metrics(one):
    for kind, (_, type_) in COLUMNS.items():
        nothing = profile(pa.table({"c": pa.array([None] * 5, type_)})).features["c"]
        some = {"numbers": [1.0, 2.0], "ordinary": [3.0], "labels": ["a"], "flags": [True]}[kind]
        something = profile(table(kind, some)).features["c"]
        laws.check_metric(one, nothing, profile(table(kind, some), like=_as(nothing)).features["c"])
        laws.check_metric(one, something, something.empty())


@pytest.mark.parametrize("kind", ["numbers", "labels"])
def test_disjoint_rows_differ_as_much_as_a_bounded_metric_can_say(kind):
    ref = profile(table(kind, [0.0, 1.0] * 5000 if kind == "numbers" else ["a", "b"] * 5000))
    cur = profile(table(kind, [8.0, 9.0] * 5000 if kind == "numbers" else ["c", "d"] * 5000), like=ref)
    for one in METRICS:
        if one.understands(ref.features["c"].kind) and one.name not in ELSEWHERE:
            found = one(ref.features["c"], cur.features["c"])
            assert found > (0.99 * one.upper if np.isfinite(one.upper) else 10 * one.threshold), one.name


def test_a_metric_that_breaks_a_law_is_caught():
    @metric("numeric", symmetric=True, threshold=0.1, upper=1.0, noise=lambda ref, cur: 0.0)
    def shift(ref, cur):
        return cur.mean - ref.mean

    @metric("numeric", symmetric=False, threshold=0.1, noise=lambda ref, cur: 0.0)
    def chi_square(ref, cur):
        a, b = ref.counts, cur.counts
        expected = (a + b) * b.sum() / (a + b).sum()
        return float(np.sum((b - expected)[expected > 0] ** 2 / expected[expected > 0]))

    ref = NumericProfile.of(np.arange(100.0), null=0)
    cur = NumericProfile.of(np.arange(50.0), null=0, grid=ref.grid)
    with pytest.raises(AssertionError):
        laws.check_metric(shift, ref, cur)
    with pytest.raises(AssertionError, match="counted 16 times"):
        laws.check_size(chi_square, ref, cur)


def test_a_merge_that_loses_rows_is_caught(monkeypatch):
    monkeypatch.setattr(NumericProfile, "merge", lambda self, other: self)
    with pytest.raises(AssertionError):
        laws.check_profile(pa.table({"x": [1.0, 2.0, 3.0]}), 1)


def test_blocks_of_any_number_merge_to_the_whole():
    rows = pa.table({"x": np.random.default_rng(1).normal(1e9, 1e-2, 1000)})
    laws.check_profile(rows, *range(10, 1000, 10))
    assert all(a < b for a, b in pairwise(profile(rows).features["x"].grid.edges))


def _as(feature) -> TableProfile:
    return TableProfile(feature.rows, {"c": feature})
