"""A column of lists of numbers is one feature: its sums, its judgement, and what tells its rows apart."""

from __future__ import annotations

from datetime import datetime, timedelta

import numpy as np
import pyarrow as pa
import pytest

from undrift import artifacts, inputs, schema
from undrift.comparison.findings import compared
from undrift.comparison.limits import Limits
from undrift.config.wiring import created, load
from undrift.explaining.classifier import explain
from undrift.multivariate.mmd import mmd
from undrift.profiles import codec
from undrift.profiles.embedding import Embedding
from undrift.profiles.table import profile
from undrift.records import Comparison

LENGTH = 24
START = datetime(2025, 1, 6)
MIX = np.random.default_rng(5).normal(size=(4, LENGTH))


def vectors(seed: int, rows: int, shift: float = 0.0) -> np.ndarray:
    """Lists near a curved surface of four dimensions."""
    random = np.random.default_rng(seed)
    inner = random.normal(size=(rows, 4))
    return np.tanh(inner @ MIX + shift) + 0.1 * random.normal(size=(rows, LENGTH))


def column(values: np.ndarray) -> pa.Array:
    return pa.FixedSizeListArray.from_arrays(pa.array(values.astype(np.float32).ravel()), values.shape[1])


def stream(seed: int, days: int, first: int = 0, shift: float = 0.0) -> pa.Table:
    rows = 96 * days
    times = [START + timedelta(days=first, minutes=15 * i) for i in range(rows)]
    x = np.random.default_rng(seed + 1).normal(size=rows)
    return pa.table({"t": times, "x": x, "text": column(vectors(seed, rows, shift))})


@pytest.fixture(scope="module")
def reference():
    return profile(stream(0, 40), time="t", window="1d")


def test_sums_do_not_depend_on_how_rows_are_cut():
    values = column(vectors(1, 500))
    whole = Embedding.over("text", pa.chunked_array([values]))
    block = np.arange(500) // 250
    together = whole.tallied(values, block, 2).sums
    one, other = values.slice(0, 137), values.slice(137)
    apart = whole.tallied(one, block[:137], 2).sums + whole.tallied(other, block[137:], 2).sums
    assert np.array_equal(together, apart)
    assert together[:, 0].tolist() == [250, 250]


def test_rows_without_a_list_of_the_length_are_counted_apart():
    values = pa.array([[1.0, 2.0], None, [3.0], [float("nan"), 1.0], [2.0, 5.0]], pa.list_(pa.float64()))
    one = Embedding.over("text", pa.chunked_array([values])).tallied(values, np.zeros(5, np.int64), 1)
    assert (one.rows, one.missing, one.sums[0, 0]) == (5, 3, 2)


def test_quiet_windows_alarm_as_rarely_as_said():
    found = []
    for seed in range(300):
        values = column(vectors(1000 + seed, 31 * 60))
        spec = Embedding.over("text", pa.chunked_array([values.slice(0, 1800)]))
        windows = spec.tallied(values, np.arange(len(values)) // 60, 31).sums
        found.append(mmd(spec.of(windows[:30]), spec.of(windows[30:])).p_value)
    alarms = int(np.sum(np.array(found) <= 0.05))
    assert 3 <= alarms <= 30  # 15 expected; a binomial lies outside once in 5,000 seeds


@pytest.mark.parametrize(("shift", "verdict"), [(0.0, "stable"), (1.0, "drift")])
def test_a_moved_embedding_is_one_line_of_the_comparison(reference, shift, verdict):
    record = compared(reference, profile(stream(7, 1, 40, shift), like=reference), Limits())
    (found,) = record.together
    assert (found.name, found.verdict, found.features) == ("mmd of text", verdict, ("text",))
    assert found.effect.startswith("text as a whole, distance")
    assert record.verdict == verdict


def test_an_embedding_that_is_not_watched_is_not_judged(reference):
    current = profile(stream(7, 1, 40, 1.0), like=reference)
    assert compared(reference, current, Limits(ignore=("text",))).together == ()


def test_lists_of_another_length_are_a_fault(reference):
    current = stream(7, 1, 40)
    shorter = current.set_column(2, "text", column(vectors(7, 96)[:, :8]))
    record = compared(reference, profile(shorter, like=reference), Limits())
    assert [(f.column, f.text) for f in record.faults] == [
        ("text", f"lists of {LENGTH} numbers missing 0 % → 100 %")
    ]


def test_an_embedding_that_became_text_or_went_away_is_said(reference):
    current = stream(7, 1, 40)
    gone = compared(reference, profile(current.drop_columns("text"), like=reference), Limits())
    assert [(f.column, f.check) for f in gone.faults] == [("text", "gone")]
    as_text = current.set_column(2, "text", pa.array(["a"] * 96))
    assert compared(reference, profile(as_text, like=reference), Limits()).together == ()


def test_a_profile_with_an_embedding_is_read_as_it_was_written(reference):
    again = codec.shared(codec.dumps(reference))
    assert again.history == reference.history
    current = profile(stream(7, 1, 40), like=reference)
    assert compared(again, current, Limits()) == compared(reference, current, Limits())


def test_a_classifier_names_the_embedding_as_one_feature():
    sides = stream(3, 5, shift=0.6), stream(4, 5)
    agreed = schema.infer(sides[0], time="t", target=None)
    found = explain(*sides, agreed)
    assert found.lower > 0.6
    assert next(iter(found.features)) == "text"
    assert explain(stream(5, 5), sides[1], agreed).lower < 0.52


def test_the_loop_judges_an_embedding(tmp_path):
    random = np.random.default_rng(1)

    def rows(seed: int, days: int, first: int, shift: float = 0.0) -> pa.Table:
        table = stream(seed, days, first, shift)
        x = table["x"].to_numpy()
        return table.append_column("y", pa.array(2 * x + random.normal(size=len(x))))

    model = "sklearn.linear_model:LinearRegression"
    options = {"data.target": "y", "data.time": "t", "windows.size": "1d", "model.use": model}
    loop = created(load(tmp_path, options), inputs.read(rows(1, 30, 0)), "the history")
    loop.start(rows(1, 30, 0))
    for table in (rows(2, 2, 30), rows(3, 2, 32, 1.0)):
        loop.step(table)
    verdicts = {
        record.window.key: one.verdict
        for record in loop.store.all(Comparison)
        if record.window is not None
        for one in record.together
        if one.name == "mmd of text"
    }
    assert verdicts == {
        "2025-02-05": "stable",
        "2025-02-06": "stable",
        "2025-02-07": "watch",  # the model does not use it
    }


def test_a_pipeline_of_ones_own_is_shown_the_lists():
    table = stream(1, 20)
    shown = artifacts.frame(table, schema.infer(table, time="t", target=None), ["x", "text"])
    assert len(shown) == table.num_rows
    assert len(shown["text"].iloc[3]) == LENGTH
