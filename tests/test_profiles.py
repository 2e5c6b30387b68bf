"""Profiles: exact counts, exact moments, and a serial form that old files keep."""

from __future__ import annotations

import json
import zlib
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from undrift.errors import DataError, MergeError
from undrift.profiles import codec
from undrift.profiles.grid import BLOCK, Grid
from undrift.profiles.numeric import NumericProfile
from undrift.profiles.table import TableProfile, of_schema, profile
from undrift.schema import infer
from undrift.testing import laws

GOLDEN = Path(__file__).parent / "data" / "profile-v1.bin"


def naive_count(grid: Grid, values: np.ndarray) -> list[int]:
    """Cell i holds the values in [edge i-1, edge i), counted one cell at a time."""
    edges = [-np.inf, *grid.edges, np.inf]
    return [int(np.count_nonzero((values >= low) & (values < high))) for low, high in pairwise(edges)]


@pytest.mark.parametrize("rows", [1, 255, 257, BLOCK - 1, BLOCK, BLOCK + 1, 3 * BLOCK + 17])
def test_grid_counts_equal_a_naive_count_over_block_boundaries(rows):
    random = np.random.default_rng(rows)
    ties = np.round(random.normal(0, 1, rows), 1)
    reference = np.where(random.random(rows) < 0.5, ties, random.normal(0, 1, rows))
    current = np.where(random.random(rows) < 0.5, ties + 0.1, random.standard_cauchy(rows))
    grid = Grid.of(reference)
    assert grid.count(reference).tolist() == naive_count(grid, reference)
    assert grid.count(current).tolist() == naive_count(grid, current)
    assert grid.count(current).sum() == rows


def test_a_count_does_not_depend_on_the_order_of_rows():
    values = np.random.default_rng(0).normal(0, 1, 2 * BLOCK)
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
        assert (low, high) == (atom, np.nextafter(atom, np.inf))
        assert profiled.counts[cell] == share


def test_up_to_256_different_values_are_counted_one_by_one():
    values = np.repeat(np.linspace(-1, 1, 256), 3)
    profiled = NumericProfile.of(values, null=0)
    assert profiled.counts[profiled.counts > 0].tolist() == [3] * 256
    beside = NumericProfile.of(np.nextafter(values, np.inf), null=0, grid=profiled.grid)
    assert not np.any((beside.counts > 0) & (profiled.counts > 0)), "the next float is another value"


def test_the_reference_lies_inside_its_own_grid_and_fills_it_evenly():
    values = np.random.default_rng(2).lognormal(0, 2, 25_600)
    counts = NumericProfile.of(values, null=0).counts
    assert counts[0] == 0
    assert counts[-1] == 0
    assert set(counts[1:-2].tolist()) <= {99, 100, 101}
    assert counts[-3:].sum() in {99, 100, 101}, "the largest value has a cell of its own"


@pytest.mark.parametrize(("offset", "sd"), [(0.0, 1.0), (1e9, 1e-2), (-1e12, 1.0), (1e-300, 1e-302)])
def test_moments_keep_their_digits_at_large_offsets(offset, sd):
    values = offset + sd * np.random.default_rng(4).normal(0, 1, 100_000)
    whole = NumericProfile.of(values, null=0)
    assert whole.mean == pytest.approx(values.mean(), rel=1e-14)
    if sd > 1e-100:
        assert whole.deviation == pytest.approx(np.std(values - offset), rel=1e-9)
    parts = [NumericProfile.of(v, 0, whole.grid) for v in np.array_split(values, 100)]
    merged = NumericProfile.empty(whole.grid)
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


def test_the_golden_file_compares_with_rows_of_today():
    golden = codec.loads(GOLDEN.read_bytes())
    rows = {"number": [1.0, 9.0], "label": ["a", "new"], "flag": [True, None]}
    assert golden.merge(profile(rows, like=golden)).rows == 10


def test_a_newer_version_is_refused():
    body = json.loads(zlib.decompress(GOLDEN.read_bytes()[len(codec.MAGIC) :]))
    newer = codec.MAGIC + zlib.compress(json.dumps(body | {"version": codec.VERSION + 1}).encode())
    with pytest.raises(DataError, match=r"version 2.*newer undrift"):
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
