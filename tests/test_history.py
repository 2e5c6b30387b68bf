"""The history that a reference keeps: blocks, windows cut from them, and the laws of merging."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import pairwise

import hypothesis.strategies as st
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings

import undrift as ud
from undrift.errors import DataError, MergeError
from undrift.profiles.blocks import BLOCKS, START
from undrift.profiles.codec import dumps, loads
from undrift.profiles.joint import correlations
from undrift.profiles.table import profile
from undrift.testing import laws

DAY = 86_400_000_000
HOUR = DAY // 24
MOMENTS = st.none() | st.integers(0, 30 * DAY) | st.sampled_from([0, DAY, 2**61, -(2**61)])


def days(count: int, rows: int = 100, seed: int = 0, start: str = "2024-01-01") -> pd.DataFrame:
    """Rows of so many days, evenly spread over each."""
    random = np.random.default_rng(seed)
    step = pd.Timedelta(days=1) / rows
    return pd.DataFrame(
        {
            "t": pd.Timestamp(start) + step * np.arange(count * rows),
            "x": random.normal(size=count * rows),
            "y": random.integers(0, 4, count * rows).astype(float),
            "c": random.choice(["a", "b", None], count * rows),
        }
    )


@pytest.mark.filterwarnings("error")
@settings(max_examples=80, deadline=None)
@given(
    rows=st.lists(
        st.tuples(
            MOMENTS, st.none() | st.floats(), st.none() | st.sampled_from("abc"), st.sampled_from("pq")
        ),
        min_size=1,
        max_size=50,
    ),
    cuts=st.lists(st.integers(0, 50), max_size=3),
    by=st.sampled_from([None, "segment"]),
)
def test_histories_merge_to_the_whole_whatever_the_times(rows, cuts, by):
    times, numbers, labels, segments = zip(*rows, strict=True)
    columns = {
        "t": pa.array(times, pa.timestamp("us", tz="UTC")),
        "x": pa.array(numbers, pa.float64()),
        "z": pa.array(numbers[::-1], pa.float64()),
        "c": pa.array(labels, pa.string()),
        "segment": pa.array(segments, pa.string()),
    }
    laws.check_profile(pa.table(columns), *(min(cut, len(rows)) for cut in cuts), time="t", by=by)


def test_every_row_with_a_time_is_in_one_block_and_every_value_in_one_bin():
    table = days(60)
    table.loc[::7, "t"] = pd.NaT
    found = profile(table, time="t")
    timed = int(table["t"].notna().sum())
    for counts in found.history.counts.values():
        assert counts.sum() == timed
    assert found.features["x"].rows == len(table)
    whole = profile(table.dropna(subset=["t"]), like=found)
    for name in ("x", "y", "c"):
        summed = found.history.counts[name].sum(axis=0)
        assert summed.tolist() == found.history.coarse(name, whole.features[name]).tolist()


@pytest.mark.parametrize(
    ("count", "window", "width"),
    [(10, None, HOUR // 6), (60, None, 6 * HOUR), (60, "1d", 6 * HOUR), (60, "7d", DAY), (400, "7d", DAY)],
)
def test_blocks_are_cut_on_the_calendar_and_divide_the_shortest_window(count, window, width):
    table = days(count, rows=48)
    past = profile(table, time="t", window=window).history
    assert past.width == width
    assert len(past.blocks) <= BLOCKS
    assert past.start(int(past.blocks[0])) <= datetime(2024, 1, 1, tzinfo=UTC)
    assert (START + int(past.blocks[0]) * past.width) % min(past.width, DAY) == 0


def test_times_to_the_day_give_blocks_of_a_day_and_whole_numbers_blocks_of_numbers():
    table = days(90, rows=10)
    table["t"] = table["t"].dt.normalize()
    assert profile(table, time="t").history.width == DAY
    order = pd.DataFrame({"seq": np.arange(100_000), "x": np.zeros(100_000)})
    past = profile(order, time="seq").history
    assert (past.width, past.calendar, len(past.blocks)) == (100, False, 1000)
    assert past.start(3) == 300


def test_windows_are_whole_aligned_with_the_one_that_is_judged_and_hold_all_its_rows():
    past = profile(days(60), time="t", window="7d").history
    first = int(past.blocks[0])
    windows, numbers = past.windows(7, first + 2)
    assert numbers.tolist() == list(range(8))
    assert windows.rows.tolist() == [700] * 8
    assert past.windows(61, first)[1].tolist() == []


def test_stray_rows_do_not_stretch_a_window():
    ref = profile(days(60), time="t", window="1d")
    now = days(1, rows=1000, start="2024-05-01")
    now.loc[0, "t"], now.loc[1, "t"] = pd.Timestamp("2019-01-01"), pd.Timestamp("2199-01-01")
    first, span = profile(now, like=ref).history.extent
    assert (ref.history.start(first), span) == (datetime(2024, 5, 1, tzinfo=UTC), DAY // ref.history.width)


def test_more_blocks_than_are_kept_leave_the_newest():
    ref = profile(days(60, rows=10), time="t", window="1d")
    late = profile(days(1100, rows=10, start="2024-06-01"), like=ref)
    merged = ref.merge(late).history
    assert len(merged.blocks) == BLOCKS
    assert int(merged.blocks[-1]) == int(late.history.blocks[-1])
    assert ref.merge(late).history == late.merge(ref).history


def test_a_history_comes_back_from_its_file_and_is_small():
    random = np.random.default_rng(0)
    wide = pd.DataFrame({f"x{i}": random.normal(size=20_000) for i in range(100)})
    wide.insert(0, "t", pd.Timestamp("2024-01-01") + pd.Timedelta(days=200) / 20_000 * np.arange(20_000))
    found = profile(wide, time="t", window="1d")
    data = dumps(found)
    assert loads(data).history == found.history
    assert dumps(loads(data)) == data
    assert len(data) - len(dumps(profile(wide))) < 1_000_000, "200 blocks of 100 features are at most 1 MB"


def test_unlike_histories_are_refused_and_wrong_time_columns_are_named():
    one, other = (profile(days(60), time="t", window=w) for w in ("1d", "1h"))
    with pytest.raises(MergeError, match="like="):
        one.history.merge(other.history)
    with pytest.raises(DataError, match="has no column 'when'"):
        profile(days(3), time="when")
    with pytest.raises(DataError, match="time column 'c'"):
        profile(days(3), time="c")
    with pytest.raises(DataError, match="time column 't' is int64"):
        profile(days(3).assign(t=np.arange(300)), like=one)


def test_text_in_iso_8601_is_time_and_rows_without_a_time_column_have_no_history():
    table = days(60)
    written = table.assign(t=table["t"].astype(str))
    ref = profile(table, time="t", window="1d")
    assert profile(written, time="t", window="1d").history == ref.history
    assert profile(table.drop(columns="t"), like=ref).history is None
    assert ref.merge(profile(table.drop(columns="t"), like=ref)).history is None


def test_rank_correlations_of_blocks_are_those_of_their_rows():
    random = np.random.default_rng(3)
    table = days(60)
    table["y"] = 0.8 * table["x"] + 0.6 * random.normal(size=len(table))
    found = profile(table, time="t", window="1d")
    joint = found.history.joint
    assert joint.names == ("x", "y")
    together, rows = correlations(joint.sums.sum(axis=0, keepdims=True), 2)
    assert rows.tolist() == [len(table)]
    assert together[0, 0] == pytest.approx(0.8, abs=0.01)
    of_a_day = DAY // found.history.width
    single, _ = correlations(joint.sums[:of_a_day].sum(axis=0, keepdims=True), 2)
    assert single[0, 0] == pytest.approx(table[:100][["x", "y"]].corr("pearson").iloc[0, 1], abs=0.03)


def test_of_a_large_reference_the_same_rows_are_summed_however_it_is_cut(monkeypatch):
    monkeypatch.setattr("undrift.profiles.joint.ROWS", 1000)
    table = pa.Table.from_pandas(days(60))
    whole = profile(table, time="t", window="1d")
    sampled = int(whole.history.joint.sums[:, 0].sum())
    assert 800 < sampled < 1200
    parts = [profile(table[a:b], like=whole) for a, b in pairwise([0, 17, 3000, 6000])]
    assert parts[0].merge(parts[1]).merge(parts[2]).history == whole.history


def test_a_label_of_one_window_is_new_to_the_others():
    from undrift.calibration.history import Windows

    table = days(60)
    table["c"] = np.where(np.arange(len(table)) // 100 == 7, "once", table["c"])
    ref = profile(table, time="t", window="1d")
    windows = Windows.of(ref.history, DAY // ref.history.width, int(ref.history.blocks[0]))
    counts = windows.counts(ref, ["c"])
    assert counts.unseen[:, 0].tolist() == [100 if day == 7 else 0 for day in range(60)]
    assert counts.bins.sum() + counts.unseen.sum() + counts.null.sum() == len(table)


def test_a_window_without_any_time_falls_back_and_says_so():
    ref = ud.profile(days(60), time="t", window="1d")
    empty = pa.table({"t": pa.nulls(500), "x": np.zeros(500), "y": np.ones(500), "c": ["a"] * 500})
    assert "has no times in t" in ud.compare(ref, empty).record.assumes
