"""The same counts elsewhere: a reference mapped over processes, profiles merged, nothing lost or doubled."""

from __future__ import annotations

import pickle
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import numpy as np
import pandas as pd
import pytest

import undrift as ud
from undrift.profiles.codec import dumps, loads

ROWS, PARTS = 20_000, 5


def stream() -> pd.DataFrame:
    """Rows in the order of time: numbers with gaps and ties, labels, flags."""
    random = np.random.default_rng(4)
    return pd.DataFrame(
        {
            "at": pd.date_range("2024-01-01", periods=ROWS, freq="7min"),
            "x": np.where(random.random(ROWS) < 0.1, np.nan, random.normal(size=ROWS)),
            "n": random.integers(0, 9, ROWS),
            "c": random.choice(["a", "b", "c", None], ROWS),
            "f": random.random(ROWS) < 0.2,
        }
    )


def part(reference: ud.TableProfile, rows: pd.DataFrame) -> ud.TableProfile:
    """The body of a map."""
    return ud.profile(rows, reference)


@pytest.mark.parametrize("time", ["at", None])
def test_profiles_mapped_over_processes_merge_to_that_of_all_rows(time: str | None) -> None:
    rows = stream() if time else stream().drop(columns="at")
    reference = ud.profile(rows.head(4_000), time=time)
    pieces = [rows.iloc[i::PARTS] for i in range(PARTS)]
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        found = list(pool.map(part, [reference] * PARTS, pieces))
    merged = found[0]
    for one in found[1:]:
        merged = merged.merge(one)
    whole = ud.profile(rows, reference)
    assert merged.rows == whole.rows == ROWS
    assert merged.history == whole.history
    for name, feature in whole.features.items():
        other = merged.features[name]
        if name in ("c", "f"):
            assert other == feature
            continue
        assert other.counts.tolist() == feature.counts.tolist()
        assert (other.below.tolist(), other.above.tolist()) == (
            feature.below.tolist(),
            feature.above.tolist(),
        )
        assert (other.missing, other.minimum, other.maximum) == (
            feature.missing,
            feature.minimum,
            feature.maximum,
        )
        assert other.mean == pytest.approx(feature.mean, rel=1e-12)


def test_a_pickled_profile_is_its_serial_form_and_is_kept_by_the_process_that_reads_it() -> None:
    reference = ud.profile(stream(), time="at")
    reference.features["x"].grid.buckets  # what is computed of it does not travel  # noqa: B018
    pickled = pickle.dumps(reference)
    assert len(pickled) < 1.01 * len(dumps(reference)) + 200
    again = pickle.loads(pickled)
    assert dumps(again) == dumps(reference) == dumps(loads(dumps(reference)))
    assert pickle.loads(pickled) is again
