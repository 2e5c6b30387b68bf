"""Lakes: the contract, and what becomes of a table whose writer is killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pyarrow as pa
import pytest

from undrift import plugins
from undrift.errors import DataError
from undrift.lakes import WINDOW
from undrift.lakes.delta import COMPACT_EVERY, Delta
from undrift.testing import contracts
from undrift.testing.contracts import content, rows

DAY = 86_400


@pytest.mark.parametrize("name", plugins.names("lakes"))
def test_every_lake_keeps_the_contract(name, tmp_path_factory):
    part = plugins.find("lakes", name)
    contracts.check_lake(lambda: part(str(tmp_path_factory.mktemp("lake"))) if name == "delta" else part())


def test_a_lake_is_the_same_when_it_is_opened_again(tmp_path):
    Delta(str(tmp_path)).append("rows", rows(1), "b")
    again = Delta(f"{tmp_path}/")
    assert content(again.read("rows")) == content(rows(1))
    assert again.append("rows", rows(1), "b") is False


def test_two_open_lakes_see_each_others_batches(tmp_path):
    one, other = Delta(str(tmp_path)), Delta(str(tmp_path))
    assert one.read("rows") is other.read("rows") is None
    for i in range(COMPACT_EVERY + 2):
        assert (one, other)[i % 2].append("rows", rows(i), f"b{i}") is True
        assert (other, one)[i % 2].append("rows", rows(i), f"b{i}") is False
    assert one.versions() == other.versions()
    assert content(one.read("rows")) == content(other.read("rows"))


def test_many_batches_are_put_together_into_few_files(tmp_path):
    lake = Delta(str(tmp_path))
    for i in range(3 * COMPACT_EVERY):
        lake.append("rows", rows(i), f"b{i}")
    assert len(lake._table("rows").file_uris()) < COMPACT_EVERY + 2


def test_old_versions_are_readable_after_a_year_of_appends(tmp_path):
    """Delta deletes its log after 30 days unless it is told not to: then no old snapshot could be read."""
    lake, rows_at = Delta(str(tmp_path)), {}
    for i in range(110):
        if i == 2 * COMPACT_EVERY + 5:
            for file in tmp_path.rglob("*"):
                os.utime(file, (time.time() - 365 * DAY,) * 2)
            lake = Delta(str(tmp_path))
        lake.append("rows", rows(i), f"b{i}")
        rows_at[lake.versions()["rows"]] = 3 * (i + 1)
    for version, count in [*rows_at.items()][::5]:
        assert lake.read("rows", columns=["n"], version=version).num_rows == count
    assert lake.append("rows", rows(0), "b0") is False


def test_a_refused_batch_says_what_differs(tmp_path):
    lake = Delta(str(tmp_path))
    lake.append("rows", rows(0), "a")
    floats = rows(0).set_column(1, "n", pa.array([1.0, 2.5, 3.0]))
    with pytest.raises(DataError, match=r"'rows' holds.*'n'.*int64.*'n'.*double.*Conform"):
        lake.append("rows", floats, "b")


def test_a_window_is_found_among_many(tmp_path):
    lake = Delta(str(tmp_path))
    for i in range(COMPACT_EVERY + 5):
        lake.append("rows", rows(i, 50), f"b{i}")
    for first, last in ((3, 3), (0, 1), (COMPACT_EVERY, COMPACT_EVERY + 2)):
        found = lake.read("rows", first, last)
        assert Counter(found[WINDOW].to_pylist()) == dict.fromkeys(range(first, last + 1), 50)


APPENDER = """
import sys
from undrift.lakes.delta import Delta
from undrift.testing.contracts import rows
lake = Delta(sys.argv[1])
for i in range(int(sys.argv[2]), 1000):
    lake.append("rows", rows(i, 200), f"b{i}")
    print(i, flush=True)
"""


def killed_appender(folder: Path, start: int, after: int, wait: float) -> int:
    """Append from ``start`` on, kill after so many batches, and give the last one acknowledged."""
    appender = subprocess.Popen(
        [sys.executable, "-c", APPENDER, str(folder), str(start)], stdout=subprocess.PIPE, text=True
    )
    said = [int(appender.stdout.readline()) for _ in range(after)]
    time.sleep(wait)
    os.kill(appender.pid, signal.SIGKILL)
    said += [int(line) for line in appender.communicate()[0].splitlines()]
    return said[-1]


def test_a_killed_appender_leaves_whole_batches_and_retrying_neither_loses_nor_doubles(tmp_path):
    start = 0
    for after, wait in ((1, 0.004), (COMPACT_EVERY - 3, 0.05), (7, 0.009), (2, 0.0)):
        told = killed_appender(tmp_path, start, after, wait)
        lake = Delta(str(tmp_path))
        found = Counter(lake.read("rows")[WINDOW].to_pylist())
        assert set(found.values()) == {200}, "whole batches only"
        assert set(range(told + 1)) <= set(found) <= set(range(told + 2)), "acknowledged batches are there"
        appended = [lake.append("rows", rows(i, 200), f"b{i}") for i in range(told + 2)]
        assert appended == [i not in found for i in range(told + 2)]
        assert Counter(lake.read("rows")[WINDOW].to_pylist()) == dict.fromkeys(range(told + 2), 200)
        start = told + 2
