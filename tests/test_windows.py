"""Windows: where rows fall, when a window is over, and what is not a length of time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given

from undrift.errors import ConfigError
from undrift.records import Window
from undrift.windows import HISTORY_PARTS, Cut, blocks, matured, newest, span

SIZES = ["30m", "1h", "12h", "1d", "36h", "7d", "1w", "10w"]


def micros(*moments: datetime) -> np.ndarray:
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    return np.array([(m - epoch) // timedelta(microseconds=1) for m in moments], dtype=np.int64)


def index_of(cut: Cut, moment: datetime) -> int:
    return int(cut.indices(micros(moment), 0, 1, 0, first=False)[0])


@given(
    moment=st.datetimes(datetime(1900, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC)),
    size=st.sampled_from(SIZES),
)
def test_every_moment_lies_in_the_window_that_it_is_given(moment, size):
    cut = Cut.of(size)
    window = cut.window(index_of(cut, moment), 1)
    assert window.start <= moment < window.end
    assert window.end - window.start == cut.length
    assert cut.window(window.index + 1, 1).start == window.end


@given(index=st.integers(-2000, 2000), size=st.sampled_from(SIZES))
def test_a_boundary_belongs_to_the_later_window(index, size):
    cut = Cut.of(size)
    window = cut.window(index, 0)
    assert index_of(cut, window.start) == index
    assert index_of(cut, window.end) == index + 1
    assert index_of(cut, window.end - timedelta(microseconds=1)) == index


@given(index=st.integers(-1500, 8000))
def test_weeks_begin_on_monday_at_midnight_utc(index):
    start = Cut.of("7d").window(index, 0).start
    assert (start.weekday(), start.hour, start.minute, start.utcoffset()) == (0, 0, 0, timedelta(0))


@pytest.mark.parametrize("day", [datetime(2024, 3, 31, tzinfo=UTC), datetime(2024, 10, 27, tzinfo=UTC)])
def test_days_on_which_clocks_change_are_days_like_others(day):
    hours = micros(*(day + timedelta(hours=h) for h in range(24)))
    cut = Cut.of("1d")
    found = cut.indices(hours, 0, 24, 0, first=False)
    assert len(set(found.tolist())) == 1
    assert cut.window(int(found[0]), 24).key == day.strftime("%Y-%m-%d")


@given(sizes=st.lists(st.integers(1, 50), min_size=1, max_size=20), count=st.integers(1, 30))
def test_windows_by_count_do_not_depend_on_how_rows_are_delivered(sizes, count):
    cut = Cut.of(count)
    found, before = [], 0
    for rows in sizes:
        found += cut.indices(None, before, rows, 99, first=before == 0).tolist()
        before += rows
    assert found == [i // count for i in range(sum(sizes))]


def test_one_window_per_batch_and_the_first_rows_in_parts():
    cut = Cut.of("batch")
    assert set(cut.indices(None, 100, 7, 12, first=False).tolist()) == {12}
    history = cut.indices(None, 0, 1000, 0, first=True)
    assert np.bincount(history).tolist() == [100] * HISTORY_PARTS
    assert cut.indices(None, 0, 3, 0, first=True).tolist() == [0, 3, 6]


def test_windows_by_time_need_times():
    with pytest.raises(ConfigError, match="need a time column"):
        Cut.of("1d").indices(None, 0, 1, 0, first=True)


def test_keys_sort_as_time_does():
    for size in SIZES:
        cut = Cut.of(size)
        keys = [cut.window(i, 0).key for i in range(2000)]
        assert keys == sorted(set(keys))
    assert [Cut.of(5).window(i, 5).key for i in (0, 12, 9999)] == ["0000", "0012", "9999"]


@pytest.mark.parametrize(
    "text", ["0d", "d", "", "1.5d", "-1d", "7 days", "1y", "²", "1d1h", "0", "-5", "9" * 20 + "d"]
)
def test_what_is_no_size_is_refused(text):
    with pytest.raises(ConfigError):
        Cut.of(text)


@pytest.mark.parametrize("count", [0, -3])
def test_a_window_needs_a_row(count):
    with pytest.raises(ConfigError, match="at least one row"):
        Cut.of(count)


def test_lengths_of_time_are_read():
    assert [span(t) for t in ("90m", " 24 h ", "1d", "2w")] == [
        timedelta(hours=h) for h in (1.5, 24, 24, 336)
    ]
    assert Cut.of("500") == Cut.of(500) == Cut(count=500)


def test_a_window_is_over_when_the_watermark_reaches_its_end():
    cut = Cut.of("1d")
    window = cut.window(19_000, 5)
    assert not cut.closed(window, None)
    assert not cut.closed(window, window.end - timedelta(microseconds=1))
    assert cut.closed(window, window.end)


def test_a_window_by_count_is_over_when_it_is_full():
    cut = Cut.of(10)
    assert [cut.closed(cut.window(0, rows), None) for rows in (0, 9, 10)] == [False, False, True]
    assert Cut.of("batch").closed(Window("0000", 0, 1), None)


def test_labels_mature_after_the_delay():
    window = Cut.of("1d").window(19_000, 5)
    delay = timedelta(days=3)
    assert not matured(window, delay, None)
    assert not matured(window, delay, window.end + delay - timedelta(microseconds=1))
    assert matured(window, delay, window.end + delay)
    assert matured(Window("0000", 0, 1), delay, None), "counted rows come with their labels"


def test_blocks_are_calendar_stretches_or_equal_runs():
    moments = micros(*(datetime(2024, 1, 1, tzinfo=UTC) + timedelta(hours=h) for h in range(96)))
    assert np.unique(blocks(moments, 96, span("1d")), return_counts=True)[1].tolist() == [24] * 4
    late = blocks(moments[::-1][:72], 72, span("1d"))
    assert np.bincount(late).tolist() == [8, 7, 7, 7, 7, 8, 7, 7, 7, 7], "three days are too few"
    assert (np.diff(late) <= 0).all(), "runs of rows follow their times"
    assert np.bincount(blocks(None, 100, span("1d"))).tolist() == [10] * 10
    assert blocks(None, 0, span("1d")).tolist() == []


def test_the_newest_windows_are_those_with_the_highest_index():
    windows = [Window(str(i), i, 1) for i in (5, 1, 9, 3)]
    assert [w.index for w in newest(windows, 2)] == [5, 9]
    assert [w.index for w in newest(windows, 9)] == [1, 3, 5, 9]
