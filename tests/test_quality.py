"""What looks broken: each part says so where it is so, and is silent on sound data."""

from __future__ import annotations

import numpy as np
import pytest

import undrift as ud
from undrift.plugins import find, names
from undrift.profiles.categorical import LABELS, OTHERS
from undrift.quality import faults
from undrift.verdicts import MINIMUM_ROWS

nan, inf = float("nan"), float("inf")


def said(part: str, before: list, now: list) -> str:
    """What a part says of a column that held the one values and holds the others."""
    ref = ud.profile(beside(before), kinds={"c": "numeric"} if None in before else None)
    return find("quality", part)(ref.features["c"], ud.profile(beside(now), like=ref).features["c"])


def beside(values: list) -> dict[str, list]:
    """The column beside another one: a table of which nothing can be compared has no profile."""
    return {"c": values, "beside": [*range(len(values))]}


def normal(seed: int, rows: int, mean: float = 0.0, deviation: float = 1.0) -> np.ndarray:
    return np.random.default_rng(seed).normal(mean, deviation, rows)


SAID = [
    ("constant", [1.0, 2.0, 3.0] * 50, [2.0] * 99, "always 2"),
    ("constant", [1.0, 2.0] * 50, [9.0] * 99, "always 9"),
    ("constant", [1.0] * 99, [2.0] * 99, "always 2, was always 1"),
    ("constant", [1.0] * 99, [1.000001] * 99, "always 1.000001, was always 1"),
    ("constant", [0.1] * 99, [np.float32(0.1)] * 99, ""),
    ("constant", [1.0] * 99, [1.0, 2.0] * 50, "was always 1, now varies"),
    ("constant", ["a", "b"] * 50, ["a", None] * 50, "always a"),
    ("constant", ["a"] * 99, ["a", "b"] * 50, "was always a, now varies"),
    ("constant", [True, False] * 50, [False] * 50, "always false"),
    ("infinite", [1.0, 2.0] * 50, [1.0, inf, -inf] * 20, "40 infinite rows"),
    ("missing", [1.0, 2.0] * 50, [1.0, nan, None, 2.0] * 25, "missing 0 % → 50 %"),
    ("missing", ["a", "b"] * 50, ["a", None] * 50, "missing 0 % → 50 %"),
    ("out_of_range", [*range(10)] * 20, [*range(-5, 15)] * 10, "25 % below 0, 25 % above 9"),
    ("unseen", ["a", "b"] * 50, ["a", "c", "c", "d"] * 25, "new labels: c, d (75 % of rows)"),
    ("unseen", ["a", "b"] * 50, [*"acdefg"] * 10, "new labels: c, d, e and 2 more (83 % of rows)"),
    ("unit", normal(0, 500, 20, 5), 1000 * normal(1, 500, 20, 5), "×1,000: another unit?"),
    ("unit", normal(0, 500, 20, 5), normal(1, 500, 20, 5) / 100, "÷100: another unit?"),
    ("unit", -normal(0, 500, 20, 5), -60 * normal(1, 500, 20, 5), "×60: another unit?"),
    ("unit", normal(0, 500), 1000 * normal(1, 400), "×1,000: another unit?"),
    ("unit", normal(0, 500), normal(1, 400) / 1000, "÷1,000: another unit?"),
    ("unit", [1e100, 3e100] * 50, [1e103, 3e103] * 50, "×1,000: another unit?"),
]


@pytest.mark.parametrize(("part", "before", "now", "text"), SAID)
def test_what_is_broken_is_said(part, before, now, text):
    assert said(part, before, now) == text


SILENT = {
    "always the same": ("constant", [1.0] * 99, [1.0] * 99),
    "either zero": ("constant", [0.0] * 99, [-0.0] * 99),
    "no value any more": ("constant", [1.0] * 99, [None] * 99),
    "no value before": ("constant", [None, nan] * 50, [1.0, 2.0] * 50),
    "a rare flag that happens not to show": ("constant", [True] + [False] * 2000, [False] * 100),
    "a rare number that happens not to show": ("constant", [5.0] + [0.0] * 2000, [0.0] * 100),
    "a rare flag that shows first": ("constant", [False] * 2000, [False] * 1000 + [True]),
    "infinite as before": ("infinite", [1.0, inf] * 50, [inf, inf, 1.0] * 50),
    "labels are never infinite": ("infinite", ["inf", "a"] * 50, ["inf"] * 50),
    "fewer nulls": ("missing", [1.0, None] * 50, [1.0, 2.0] * 50),
    "too few more nulls": ("missing", [1.0] * 1000, [1.0] * 1000 + [None] * 5),
    "more nulls by chance": ("missing", [1.0] * 95 + [None] * 5, [1.0] * 46 + [None] * 4),
    "within the range": ("out_of_range", [0.0, 9.0] * 50, [0.0, 5.0, 9.0] * 50),
    "a new record among few rows": ("out_of_range", [*range(40)], [*range(1, 41)]),
    "infinite is not out of range": ("out_of_range", [1.0, 2.0] * 50, [1.0, inf] * 50),
    "labels known": ("unseen", ["a", "b"] * 50, ["a"] * 50),
    "no label": ("unseen", ["a", "b"] * 50, [None] * 50),
    "one sd more": ("unit", normal(0, 500, 20, 5), normal(1, 500, 25, 5)),
    "twice as much": ("unit", normal(0, 500, 20, 5), 2 * normal(1, 500, 20, 5)),
    "Celsius in Fahrenheit": ("unit", normal(0, 500, 20, 5), 32 + 1.8 * normal(1, 500, 20, 5)),
    "mean alone": ("unit", normal(0, 500, 20, 5), 180 + normal(1, 500, 20, 5)),
    "deviation alone": ("unit", normal(0, 500, 20, 5), normal(1, 500, 20, 50)),
    "another sign": ("unit", normal(0, 500, 20, 5), -1000 * normal(1, 500, 20, 5)),
    "a constant": ("unit", [5.0] * 50, [5000.0] * 50),
    "no value": ("unit", normal(0, 50, 20, 5), [None] * 50),
    "from the largest to the smallest": ("unit", [1e307, 3e307] * 50, [1e-307, 2e-307] * 50),
    "overflow": ("unit", [1e308, 1.5e308] * 50, [1e305, 1.5e305] * 50),
}


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("case", SILENT)
def test_what_is_not_broken_is_not_said(case):
    assert said(*SILENT[case]) == ""


@pytest.mark.parametrize("rows", [(30, 30), (40, 2000), (300, 100), (2000, 40), (3000, 3000)])
def test_quiet_data_has_no_fault(rows):
    """Both tables of one distribution: over all sizes and seeds no part says anything.

    But that a label was never seen is said of columns with few labels, and true of few rows.
    """
    for seed in range(60):
        random = np.random.default_rng([seed, *rows])

        def table(count: int, random: np.random.Generator = random) -> dict:
            numbers = random.normal(10, 3, count)
            return {
                "normal": numbers,
                "skewed": random.lognormal(0, 2, count),
                "whole": random.poisson(1.0, count),
                "gaps": np.where(random.random(count) < 0.05, nan, numbers),
                "labels": random.choice(["a", "b", "c", None], count, p=[0.6, 0.2, 0.1, 0.1]),
                "rare": random.random(count) < 0.002,
                "tail": [f"t{n}" for n in np.minimum(random.zipf(1.7, count), 10**6)],
            }

        found = ud.compare(table(rows[0]), table(rows[1])).record.faults
        assert [f for f in found if f.check != "unseen" or f.column == "tail"] == [], seed


def test_labels_beyond_the_vocabulary_are_not_called_new():
    """A reference with more labels than it names: a fair sample of the others tells which are new."""
    random = np.random.default_rng(0)
    many = [f"l{n}" for n in range(3 * (LABELS + OTHERS))]
    ref = ud.profile({"c": [*many, *many, *many]})
    feature = ref.features["c"]
    assert feature.rest
    unseen = find("quality", "unseen")
    assert unseen(feature, ud.profile({"c": random.choice(many, 5000)}, like=ref).features["c"]) == ""
    new = ud.profile(
        {"c": [*random.choice(many, 500), *[f"new{n}" for n in range(5000)]]}, like=ref
    ).features["c"]
    assert unseen(feature, new).startswith("new labels (of those that can be told apart): new")


def test_few_rows_say_nothing():
    ref = ud.profile({"c": [1.0, 2.0] * 50})
    for rows, expected in ((MINIMUM_ROWS - 1, False), (MINIMUM_ROWS, True)):
        cur = ud.profile({"c": [9.0] * rows}, like=ref)
        assert bool(faults("c", ref.features["c"], cur.features["c"])) is expected


def test_every_part_takes_every_kind_of_column():
    columns = {"n": [1.0, 2.0] * 20, "c": ["a", "b"] * 20, "b": [True, False] * 20, "e": [None, nan] * 20}
    ref = ud.profile(columns)
    for part in names("quality"):
        for feature in ref.features.values():
            check = find("quality", part)
            assert check(feature, feature) == ""
            assert isinstance(check(feature, feature.merge(feature)), str)


def test_a_fault_stands_beside_the_drift_and_decides_nothing():
    before = {"x": normal(0, 2000, 20, 5)}
    result = ud.compare(before, {"x": 1000 * normal(1, 2000, 20, 5)})
    assert [f.check for f in result.record.faults] == ["out_of_range", "unit"]
    assert result.verdict == "drift"
    quiet = ud.compare(before, {"x": [inf, *normal(2, 2000, 20, 5)]})
    assert ([f.check for f in quiet.record.faults], quiet.verdict) == (["infinite"], "stable")
