"""Profiles: exact counts, exact moments, and a serial form that old files keep."""

from __future__ import annotations

import json
import math
import zlib
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import hypothesis.strategies as st
import numpy as np
import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet
import pytest
from hypothesis import given, settings

from undrift import inputs
from undrift.errors import DataError, MergeError
from undrift.profiles import codec
from undrift.profiles import sample as samples
from undrift.profiles.buckets import faster_than_sorting
from undrift.profiles.categorical import CategoricalProfile
from undrift.profiles.cutting import following
from undrift.profiles.grid import MONITORED, SHORT, Grid
from undrift.profiles.numeric import NumericProfile
from undrift.profiles.table import TableProfile, of_schema, profile
from undrift.schema import infer
from undrift.testing import laws

GOLDEN = Path(__file__).parent / "data" / "profile-v1.bin"
GOLDEN_2 = Path(__file__).parent / "data" / "profile-v2.bin"


def naive_count(grid: Grid, values: np.ndarray) -> list[int]:
    """Cell i holds the values in [edge i-1, edge i), counted one cell at a time."""
    edges = [-np.inf, *grid.edges, np.inf]
    return [int(np.count_nonzero((values >= low) & (values < high))) for low, high in pairwise(edges)]


@pytest.mark.parametrize("rows", [1, 255, 257, SHORT - 1, SHORT, SHORT + 1, 3 * SHORT + 17])
def test_grid_counts_equal_a_naive_count_over_block_boundaries(rows):
    random = np.random.default_rng(rows)
    ties = np.round(random.normal(0, 1, rows), 1)
    reference = np.where(random.random(rows) < 0.5, ties, random.normal(0, 1, rows))
    current = np.where(random.random(rows) < 0.5, ties + 0.1, random.standard_cauchy(rows))
    grid = Grid.of(reference)
    assert grid.count(reference).tolist() == naive_count(grid, reference)
    assert grid.count(current).tolist() == naive_count(grid, current)
    assert grid.count(current).sum() == rows


@pytest.fixture(scope="module", autouse=True)
def _always_by_buckets():
    """Whatever this processor does faster, buckets are what may go wrong."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("undrift.profiles.grid.faster_than_sorting", lambda: True)
        yield


@pytest.mark.parametrize("buckets", [True, False])
def test_either_way_of_counting_gives_the_same(buckets, monkeypatch):
    monkeypatch.setattr("undrift.profiles.grid.faster_than_sorting", lambda: buckets)
    values = np.random.default_rng(5).normal(0, 1, 2 * SHORT)
    grid = Grid.of(values[:1000])
    assert grid.count(values).tolist() == naive_count(grid, values)
    assert isinstance(faster_than_sorting(), bool)


DISTRIBUTIONS = {
    "normal": lambda r, n: r.normal(0, 1, n),
    "normal at 1e12": lambda r, n: r.normal(1e12, 1, n),
    "cauchy": lambda r, n: r.standard_cauchy(n),
    "lognormal": lambda r, n: r.lognormal(0, 4, n),
    "whole": lambda r, n: r.poisson(3, n).astype(float),
    "two values": lambda r, n: r.choice([0.0, 1.0], n),
    "two neighbours": lambda r, n: r.choice([1.0, np.nextafter(1.0, 2)], n),
    "constant": lambda r, n: np.full(n, 3.25),
    "zero inflated": lambda r, n: np.where(r.random(n) < 0.9, 0.0, r.exponential(1, n)),
    "rounded": lambda r, n: np.round(r.normal(0, 100, n), 1),
    "subnormal": lambda r, n: r.integers(-50, 50, n) * 5e-324,
    "largest": lambda r, n: r.choice([1e308, -1e308, 1.7e308], n) * r.random(n),
    "all sizes": lambda r, n: r.choice([-1.0, 1.0], n) * 10.0 ** r.uniform(-320, 308, n),
    "signed zeros": lambda r, n: r.choice([0.0, -0.0, 5e-324, -5e-324], n),
    "with outliers": lambda r, n: np.where(r.random(n) < 1e-3, 1e300, r.normal(0, 1, n)),
    "bits": lambda r, n: np.nan_to_num(
        r.integers(0, 2**64, n, np.uint64).view(np.float64), posinf=0, neginf=0
    ),
}


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("before", DISTRIBUTIONS)
def test_counting_in_buckets_equals_sorting_for_every_pair_of_distributions(before):
    """Few rows are sorted anyway, so these are more than that."""
    rows = SHORT + 3
    for seed, now in enumerate(DISTRIBUTIONS):
        random = np.random.default_rng(seed)
        grid = Grid.of(DISTRIBUTIONS[before](random, rows if seed % 2 else 1000))
        for values in (DISTRIBUTIONS[now](random, rows), random.choice(grid.edges[:-1], rows)):
            below = np.searchsorted(np.sort(values), grid.edges)
            assert grid.count(values).tolist() == np.diff(below, prepend=0, append=rows).tolist(), now


@settings(max_examples=60, deadline=None)
@given(
    reference=st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=300),
    current=st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=300),
)
def test_counting_in_buckets_equals_sorting_for_any_numbers(reference, current):
    grid = Grid.of(np.array(reference))
    some = np.concatenate([grid.edges, -following(-grid.edges), reference, current])
    values = np.resize(some[np.isfinite(some)], SHORT + 1)
    below = np.searchsorted(np.sort(values), grid.edges)
    assert grid.count(values).tolist() == np.diff(below, prepend=0, append=len(values)).tolist()


def test_the_profile_of_a_hundred_features_is_at_most_400_kb():
    random = np.random.default_rng(0)
    rows = 100_000
    numbers = {f"n{i}": random.normal(i, i + 1, rows) for i in range(50)}
    gaps = {
        f"g{i}": np.where(random.random(rows) < 0.1, np.nan, random.normal(0, 1, rows)) for i in range(10)
    }
    whole = {f"w{i}": random.poisson(i + 1, rows) for i in range(20)}
    labels = {f"c{i}": random.choice([f"label {n}" for n in range(50)], rows) for i in range(20)}
    found = profile(numbers | gaps | whole | labels)
    assert len(found.features) == 100
    assert len(codec.dumps(found)) <= 400_000


def test_a_count_does_not_depend_on_the_order_of_rows():
    values = np.random.default_rng(0).normal(0, 1, 2 * SHORT)
    grid = Grid.of(values[:1000])
    assert grid.count(values).tolist() == grid.count(np.sort(values)[::-1]).tolist()


def test_atoms_have_a_cell_of_their_own():
    random = np.random.default_rng(3)
    values = np.concatenate([np.zeros(3000), np.full(500, 7.25), random.normal(0, 5, 6500)])
    random.shuffle(values)
    profiled = NumericProfile.of(values, null=0)
    for atom, share in ((0.0, 3000), (7.25, 500)):
        cell = np.searchsorted(profiled.grid.edges, atom, side="right")
        low, high = profiled.grid.edges[cell - 1 : cell + 1]
        assert low <= np.float32(atom) < high
        assert high - low == pytest.approx(0.0, abs=1e-5), "as wide as rounding to float32"
        assert profiled.counts[cell] == share


def test_up_to_256_different_values_are_counted_one_by_one():
    values = np.repeat(np.linspace(-1, 1, 256), 3)
    profiled = NumericProfile.of(values, null=0)
    assert profiled.counts[profiled.counts > 0].tolist() == [3] * 256
    beside = NumericProfile.of(values + 1e-6, null=0, grid=profiled.grid)
    assert not np.any((beside.counts > 0) & (profiled.counts > 0)), "a millionth beside is another value"
    same = NumericProfile.of(values.astype(np.float32).astype(np.float64), null=0, grid=profiled.grid)
    assert same.counts.tolist() == profiled.counts.tolist(), "its rounding to float32 is not"


def test_the_reference_lies_inside_its_own_grid_and_fills_it_evenly():
    values = np.random.default_rng(2).lognormal(0, 2, 25_600)
    counts = NumericProfile.of(values, null=0).counts
    assert counts[0] == 0
    assert counts[-1] == 0
    assert counts.max() <= 101
    below = np.cumsum(counts)
    for rows in [*range(100, 25_600, 100), *(MONITORED * 25_600)]:
        assert np.abs(below - rows).min() < 1.5, "each quantile of the grid and of the monitor has its edge"


@pytest.mark.parametrize(("offset", "sd"), [(0.0, 1.0), (1e9, 1e-2), (-1e12, 1.0), (1e-300, 1e-302)])
def test_moments_keep_their_digits_at_large_offsets(offset, sd):
    values = offset + sd * np.random.default_rng(4).normal(0, 1, 100_000)
    whole = NumericProfile.of(values, null=0)
    assert whole.mean == pytest.approx(values.mean(), rel=1e-14)
    if sd > 1e-100:
        assert whole.deviation == pytest.approx(np.std(values - offset), rel=1e-9)
    parts = [NumericProfile.of(v, 0, whole.grid) for v in np.array_split(values, 100)]
    merged = NumericProfile.over(whole.grid)
    for part in parts:
        merged = merged.merge(part)
    assert merged.mean == pytest.approx(whole.mean, rel=1e-14)
    assert merged.deviation == pytest.approx(whole.deviation, rel=1e-9)


def test_null_nan_and_the_infinities_are_told_apart():
    nan, inf = float("nan"), float("inf")
    found = profile(pa.table({"x": pa.array([1.0, None, None, nan, inf, inf, inf, -inf, 2.0])})).features["x"]
    assert (found.null, found.nan, found.positive_infinite, found.negative_infinite) == (2, 1, 3, 1)
    assert (found.rows, found.finite, found.missing, found.infinite) == (9, 2, 3, 4)
    assert (found.minimum, found.maximum, found.mean) == (1.0, 2.0, 1.5)
    assert (found.ordered[0], found.ordered[-1]) == (1, 3)


def test_an_empty_column_has_no_moments():
    found = profile(pa.table({"x": pa.array([None], pa.float64())})).features["x"]
    assert (found.minimum, found.maximum, found.finite) == (None, None, 0)
    assert np.isnan(found.mean)
    assert np.isnan(found.deviation)


@pytest.mark.filterwarnings("error")
def test_the_largest_floats_are_profiled_and_kept():
    largest = np.finfo(np.float64).max
    whole = profile({"x": [largest, largest, -largest, 1.0]})
    again = codec.loads(codec.dumps(whole))
    assert codec.dumps(again) == codec.dumps(whole)
    assert again.features["x"].counts.sum() == 4
    assert profile({"x": [largest]}, like=again).features["x"].counts.sum() == 1


@pytest.mark.parametrize(
    "type_", [pa.int8(), pa.uint64(), pa.int64(), pa.float16(), pa.float32(), pa.decimal128(9, 2)]
)
def test_every_numeric_type_is_profiled_alike(type_):
    numbers = pa.array([1, 2, 2, 3, None]).cast(pa.decimal128(21, 2)) if "dec" in str(type_) else None
    column = numbers if numbers is not None else pa.array([1, 2, 2, 3, None], pa.int8()).cast(type_)
    plain = profile({"x": [1.0, 2.0, 2.0, 3.0, None]})
    assert codec.dumps(profile(pa.table({"x": column}))) == codec.dumps(plain)


@pytest.mark.parametrize(
    "type_", [pa.large_string(), pa.string_view(), pa.dictionary(pa.int8(), pa.string())]
)
def test_every_text_type_is_profiled_alike(type_):
    plain = profile({"c": ["a", "b", None, "a"]})
    assert codec.dumps(profile(pa.table({"c": pa.array(["a", "b", None, "a"]).cast(type_)}))) == codec.dumps(
        plain
    )


def test_a_null_inside_a_dictionary_is_a_null():
    column = pa.DictionaryArray.from_arrays(pa.array([0, 1, 0]), pa.array(["a", None]))
    found = profile(pa.table({"c": column})).features["c"]
    assert (found.counts, found.null) == ({"a": 2}, 1)


def test_dictionaries_of_numbers_are_numbers():
    column = pa.array([1, 2, None, 1]).dictionary_encode()
    found = profile(pa.table({"x": column})).features["x"]
    assert (found.kind, found.null, found.mean) == ("numeric", 1, pytest.approx(4 / 3))


def test_an_id_like_column_keeps_no_values():
    table = {"x": list(range(200)), "name": [f"customer {i}" for i in range(200)]}
    data = codec.dumps(profile(table))
    assert b"customer" not in zlib.decompress(data[len(codec.MAGIC) :])
    assert "ID-like" in profile(table).left_out["name"]


def test_like_a_reference_lists_new_lost_and_retyped_columns():
    ref = profile({"a": [1.0, 2.0], "b": [1.0, 2.0], "c": ["x", "y"]})
    cur = profile({"b": ["1", "2"], "c": ["x", "z"], "d": [1, 2]}, like=ref)
    assert (cur.new, cur.retyped) == (("d",), ("b",))
    assert list(cur.features) == ["c"]


def test_a_table_that_conforms_is_profiled_the_same():
    table = pa.table({"x": [1.0, 2.0, 3.0], "c": ["a", "b", "a"], "y": [0, 1, 0]})
    agreed = infer(table, target="y")
    whole = profile(table, target="y")
    laws.same(of_schema(table, agreed, whole), profile(table, like=whole))
    laws.same(of_schema(table, agreed), whole)


def test_unlike_grids_are_refused_with_the_remedy():
    one, other = profile({"x": [1.0, 2.0]}), profile({"x": [1.0, 3.0]})
    with pytest.raises(MergeError, match=r"unlike grids.*Profile both with like="):
        one.merge(other)
    with pytest.raises(MergeError, match="'x' is numeric and categorical"):
        one.merge(profile({"x": ["a", "b"]}))
    with pytest.raises(MergeError, match="'y' is in one of the profiles only"):
        one.merge(profile({"x": [1.0, 2.0], "y": [1.0, 2.0]}, like=None))


def test_the_golden_file_of_version_1_still_loads():
    """Eight rows, written once by version 1 and never again: number 1 1 2.5 null NaN inf -inf -3,
    label a b a null </script> é a b, flag t f t t null f t t, a time, and the target y.
    """
    found = codec.loads(GOLDEN.read_bytes())
    assert (found.rows, list(found.features)) == (8, ["number", "label", "flag"])
    number, label, flag = found.features.values()
    assert number.grid.edges.tolist() == [
        *(-3.0, np.nextafter(-3.0, 0), 1.0, np.nextafter(1.0, 2), 2.5, np.nextafter(2.5, 3)),
    ]
    assert number.counts.tolist() == [0, 1, 0, 2, 0, 1, 0]
    assert (number.null, number.nan, number.positive_infinite, number.negative_infinite) == (1, 1, 1, 1)
    assert (number.minimum, number.maximum, number.mean) == (-3.0, 2.5, 0.375)
    assert number.deviation == pytest.approx(np.std([1.0, 1.0, 2.5, -3.0]), rel=1e-15)
    assert (label.counts, label.null) == ({"</script>": 1, "a": 3, "b": 2, "é": 1}, 1)
    assert (flag.kind, flag.counts, flag.null) == ("boolean", {"false": 2, "true": 5}, 1)
    assert found.left_out == {"when": "timestamp[us, tz=UTC] is not compared", "y": "target"}


def golden_2() -> TableProfile:
    """What the file of version 2 holds: every field filled, by hand, not by counting."""
    grid = Grid(np.array([-1.5, 0.0, np.nextafter(0.0, 1), 5e-324 + 1e300]), 0.25)
    numbers = NumericProfile(
        grid,
        np.array([1, 2, 3, 4, 5]),
        total=0.1,
        squares=math.inf,
        minimum=-9.75,
        maximum=1.7e308,
        null=1,
        nan=2,
        negative_infinite=3,
        positive_infinite=4,
    )
    labels = CategoricalProfile("categorical", {"a": 9, "\u00e9\n": 0}, 6, {"=cmd()": 2, "</script>": 3}, 5)
    flags = CategoricalProfile("boolean", {"false": 20, "true": 5})
    whole = TableProfile(
        rows=25,
        features={"number": numbers, "la,bel": labels, "flag": flags},
        left_out={"when": "timestamp[us] is not compared"},
        new=("later",),
        retyped=("other",),
        columns=("when", "number", "la,bel", "flag", "later"),
        kinds={"flag": "boolean"},
        by="flag",
    )
    return replace(whole, segments={"false": whole, "true": whole.empty()})


def test_the_golden_file_of_version_2_still_loads():
    """Written once by version 2 and never again."""
    found, expected = codec.loads(GOLDEN_2.read_bytes()), golden_2()
    laws.same(found, expected)
    assert vars(found) | {"features": 0, "segments": 0} == vars(expected) | {"features": 0, "segments": 0}
    assert found.features["number"].squares == math.inf


def test_the_golden_file_compares_with_rows_of_today():
    golden = codec.loads(GOLDEN.read_bytes())
    rows = {"number": [1.0, 9.0], "label": ["a", "new"], "flag": [True, None]}
    assert golden.merge(profile(rows, like=golden)).rows == 10


def test_a_newer_version_is_refused():
    body = json.loads(zlib.decompress(GOLDEN.read_bytes()[len(codec.MAGIC) :]))
    newer = codec.MAGIC + zlib.compress(json.dumps(body | {"version": codec.VERSION + 1}).encode())
    with pytest.raises(DataError, match=rf"version {codec.VERSION + 1}.*newer undrift"):
        codec.loads(newer)


def test_a_damaged_byte_is_refused_or_changes_nothing():
    data = GOLDEN.read_bytes()
    harmless = 0
    for at in range(len(data)):
        for mask in (0x01, 0x80, 0xFF):
            try:
                found = codec.loads(data[:at] + bytes([data[at] ^ mask]) + data[at + 1 :])
            except DataError:
                continue
            harmless += 1  # the last deflate byte has bits that nobody reads
            assert codec.dumps(found) == codec.dumps(codec.loads(data))
    assert harmless <= 1


def test_no_missing_tail_goes_unnoticed():
    data = GOLDEN.read_bytes()
    for end in range(len(data)):
        with pytest.raises(DataError):
            codec.loads(data[:end])


@pytest.mark.parametrize(
    "body", [[], 3, {}, {"version": 1}, {"version": 1, "rows": 1, "features": {"x": {}}}]
)
def test_well_packed_nonsense_is_refused(body):
    with pytest.raises(DataError, match="damaged"):
        codec.loads(codec.MAGIC + zlib.compress(json.dumps(body).encode()))


def test_the_neutral_element_knows_the_features():
    whole = profile({"x": [1.0], "c": ["a"]})
    assert (whole.empty().rows, list(whole.empty().features)) == (0, ["x", "c"])
    assert TableProfile().merge(TableProfile()).rows == 0


@pytest.mark.parametrize(
    "type_", [pa.string(), pa.string_view(), pa.dictionary(pa.int32(), pa.string()), pa.list_(pa.int64())]
)
def test_a_sample_is_drawn_from_rows_of_any_type(type_, monkeypatch):
    monkeypatch.setattr("undrift.profiles.sample.CELLS", 0)
    monkeypatch.setattr("undrift.profiles.sample.LEAST", 500)
    text = None if pa.types.is_nested(type_) else pa.array(["a", "b", "c", "d"] * 1000).cast(type_)
    rows = pa.table({"x": np.arange(4000) % 7 / 2, "c": pa.nulls(4000, type_) if text is None else text})
    found = profile(rows, kinds={"c": "ignored"} if text is None else None)
    assert found.rows == 4000
    assert found.features["x"].finite == 4000
    if text is not None:
        assert found.features["c"].counts == dict.fromkeys("abcd", 1000)


def test_batches_and_samples_of_wide_tables_are_bounded(tmp_path, monkeypatch):
    monkeypatch.setattr(inputs, "CELLS", 10_000)
    monkeypatch.setattr(samples, "CELLS", 10_000)
    monkeypatch.setattr(samples, "LEAST", 1)
    table = pa.table({f"c{i}": np.arange(1000.0) for i in range(100)})
    pa.parquet.write_table(table, tmp_path / "t.parquet")
    pa.feather.write_feather(table, str(tmp_path / "t.feather"))
    for source in (table, tmp_path / "t.parquet", tmp_path / "t.feather"):
        rows = inputs.rows(source)
        batches = list(rows.scan(None))
        assert sum(b.num_rows for b in batches) == 1000
        assert max(b.num_rows * b.num_columns for b in batches) <= 10_000
        assert 0 < samples.sample(rows).table.num_rows <= 100
