"""The agreed table: what is inferred, what fits, and what is refused with its place."""

from __future__ import annotations

from datetime import UTC, datetime

import hypothesis.strategies as st
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given

from undrift import schema
from undrift.columns.kinds import as_text
from undrift.errors import DataError
from undrift.records import Column, decode, encode
from undrift.schema import conform, features, infer, labels


def agreed(**columns) -> dict[str, Column]:
    return {
        c.name: c
        for c in infer(pa.table({"x": [1.0] * len(next(iter(columns.values()))), **columns})).columns
    }


def fitted(type_: pa.DataType, values) -> list:
    """The values of a batch in a column that was agreed to have this type."""
    known = infer(pa.table({"x": [1.0], "c": pa.array([None], type_)}))
    batch = values if isinstance(values, pa.Array) else pa.array(values)
    return conform(pa.table({"x": [1.0] * len(batch), "c": batch}), known, "day.csv")["c"].to_pylist()


# Infer ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("values", "kind", "type_"),
    [
        (pa.array([1, 2], pa.int8()), "numeric", "int8"),
        (pa.array([1, 2], pa.uint16()), "numeric", "int64"),
        (pa.array([2**64 - 1, 2], pa.uint64()), "numeric", "double"),
        (pa.array([1.5, 2], pa.float32()), "numeric", "float"),
        (pa.array([1, 2]).cast(pa.decimal128(21, 2)), "numeric", "double"),
        (pa.array([True, None]), "boolean", "bool"),
        (pa.array(["a", "b"], pa.large_string()), "categorical", "string"),
        (pa.array(["a", "b"]).dictionary_encode(), "categorical", "string"),
        (pa.array([1, 2]).dictionary_encode(), "numeric", "int64"),
    ],
)
def test_types_that_are_compared(values, kind, type_):
    assert agreed(c=values)["c"] == Column("c", type_, kind)


@pytest.mark.parametrize(
    ("values", "type_"),
    [
        (pa.array([1, 2], pa.timestamp("ns")), "timestamp[us, tz=UTC]"),
        (pa.array([1, 2], pa.date32()), "timestamp[us, tz=UTC]"),
        (pa.array([1, 2], pa.time64("us")), "string"),
        (pa.array([1, 2], pa.duration("s")), "int64"),
        (pa.array([b"a", b"b"], pa.binary(1)), "binary"),
        (pa.array([b"a", b"b"], pa.large_binary()), "binary"),
    ],
)
def test_types_that_are_kept_but_not_compared(values, type_):
    column = agreed(c=values)["c"]
    assert (column.type, column.role, column.kind) == (type_, "left out", None)
    assert column.reason == ("bytes are not compared" if type_ == "binary" else "times are not compared")
    table = pa.table({"x": [1.0, 2.0], "c": values})
    assert conform(table, infer(table)).num_rows == 2


def test_a_column_without_values_is_left_out():
    assert agreed(c=pa.nulls(3))["c"] == Column("c", "double", None, "left out", "all null")


@pytest.mark.parametrize("encoded", [False, True])
def test_a_text_column_that_names_rows_is_id_like(encoded):
    def column(values):
        return pa.array(values).dictionary_encode() if encoded else pa.array(values)

    names = [f"customer {i}" for i in range(150)]
    assert agreed(c=column(names))["c"].reason == "ID-like: nearly every value is different"
    assert agreed(c=column(names[:99]))["c"].role == "feature", "too few rows to tell"
    assert agreed(c=column(names[:75] * 2))["c"].role == "feature", "half of the values repeat"
    assert agreed(c=column([*names[:76], *names[:74]]))["c"].role == "left out"
    assert agreed(c=pa.array([7 * i % 151 for i in range(150)]))["c"].role == "feature", "numbers may differ"


@pytest.mark.parametrize("values", [[["a"], ["b"]], [{"a": 1}, {"a": 2}]])
def test_a_nested_column_is_left_out_and_asked_of_nobody(values):
    table = pa.table({"x": [1, 2], "tags": values})
    known = infer(table, source="day.parquet")
    assert {c.name: c.reason for c in known.columns} == {
        "x": "",
        "tags": f"{table['tags'].type} is not compared",
    }
    for batch in (table, table.select(["x"])):
        assert conform(batch, known).column_names == ["x"]
        assert schema.extra(batch, known) == ()
    with pytest.raises(DataError, match=r"column 'tags' of day.parquet is .*, which undrift does not read"):
        infer(table, id="tags", source="day.parquet")


def test_the_lakes_own_names_are_refused():
    with pytest.raises(DataError, match=r"'_undrift_id'.*Rename"):
        infer(pa.table({"x": [1, 2], "_undrift_id": [1, 2]}))


@pytest.mark.parametrize("role", ["target", "time", "id", "prediction", "ignore"])
def test_a_named_column_that_is_not_there_is_guessed(role):
    name = ["humidty"] if role == "ignore" else "humidty"
    with pytest.raises(DataError, match=r"no column 'humidty'. Did you mean 'humidity'"):
        infer(pa.table({"humidity": [1.0, 2.0]}), **{role: name})


def test_columns_with_a_role_are_no_features():
    table = pa.table({n: [1.0, 2.0] for n in ("x", "y", "when", "who", "guess", "skip")})
    found = infer(table, target="y", time="when", id="who", prediction="guess", ignore=["skip"])
    assert [c.name for c in features(found)] == ["x"]
    assert {c.name: c.reason for c in found.columns} == {
        "x": "",
        "when": "time",
        "who": "id",
        "skip": "ignored",
    }
    with pytest.raises(DataError, match="no feature column"):
        infer(table, target="y", ignore=["x", "when", "who", "guess", "skip"])


@pytest.mark.parametrize(
    ("values", "task", "classes"),
    [
        ([1.5, 2.5, 3.5], "regression", ()),
        ([1e300, 2e300, float("inf")], "regression", ()),
        ([1, 0, None], "binary", ("0", "1")),
        ([1.0, 0.0, 1.0], "binary", ("0", "1")),
        ([True, False, True], "binary", ("false", "true")),
        (["yes", "no", None], "binary", ("no", "yes")),
    ],
)
def test_the_task_follows_the_target(values, task, classes):
    found = infer(pa.table({"x": [1, 2, 3], "y": values}), target="y")
    assert (found.task, found.classes) == (task, classes)


@pytest.mark.parametrize(
    ("values", "task", "message"),
    [
        (pa.array([None, None, None], pa.float64()), None, "holds no label"),
        ([1, 1, 1], None, "has one value only: '1'"),
        (["a", None, "a"], None, "has one value only: 'a'"),
        (["a", "b", "c"], "binary", "has 3 classes"),
        ([1, 2, 3], "binary", "has 3 classes"),
        (["a", "b", "a"], "regression", "is not a number"),
    ],
)
def test_a_target_that_cannot_be_learnt_is_refused(values, task, message):
    with pytest.raises(DataError, match=f"target 'y' of day.csv {message}"):
        infer(pa.table({"x": [1, 2, 3], "y": values}), target="y", task=task, source="day.csv")


def test_three_labels_are_three_classes_in_the_order_of_numbers_or_of_the_alphabet():
    assert infer(pa.table({"x": [1, 2, 3], "y": ["c", "a", "b"]}), target="y").classes == ("a", "b", "c")
    numbers = infer(pa.table({"x": [1, 2, 3], "y": [10, 2, 9]}), target="y", task="multiclass")
    assert (numbers.task, numbers.classes) == ("multiclass", ("2", "9", "10"))


def test_a_list_of_numbers_is_kept_but_names_nothing():
    table = pa.table({"x": [1, 2], "vector": [[1.0, 2.0], [3.0, 4.0]]})
    known = infer(table, source="day.parquet")
    assert {c.name: (c.type, c.reason) for c in known.columns}["vector"] == (
        "list<item: double>",
        "a list of numbers",
    )
    assert conform(table, known)["vector"].to_pylist() == [[1.0, 2.0], [3.0, 4.0]]
    with pytest.raises(DataError, match=r"column 'vector' of day.parquet is .*, which undrift does not read"):
        infer(table, id="vector", source="day.parquet")


def test_two_numbers_may_be_asked_to_be_a_regression():
    found = infer(pa.table({"x": [1, 2], "y": [1.0, 2.0]}), target="y", task="regression")
    assert (found.task, found.classes) == ("regression", ())


# Conform --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("type_", "values", "expected"),
    [
        (pa.int64(), [3.0, None, -4.0], [3, None, -4]),
        (pa.int8(), [127, -128], [127, -128]),
        (pa.int64(), ["7", None], [7, None]),
        (pa.float64(), [1, None], [1.0, None]),
        (pa.float64(), ["0.5", "-1e3"], [0.5, -1000.0]),
        (pa.bool_(), [0, 1, None], [False, True, None]),
        (pa.bool_(), [1.0, 0.0], [True, False]),
        (pa.bool_(), ["true", "false"], [True, False]),
        (pa.string(), [1, None], ["1", None]),
        (pa.float32(), [0.5, float("inf")], [0.5, float("inf")]),
        (pa.timestamp("us"), pa.array([0, None], pa.date32()), [datetime(1970, 1, 1, tzinfo=UTC), None]),
        (
            pa.timestamp("us"),
            pa.array([1999], pa.timestamp("ns")),
            [datetime(1970, 1, 1, 0, 0, 0, 1, tzinfo=UTC)],
        ),
        (pa.timestamp("us"), pa.nulls(2), [None, None]),
        (pa.bool_(), pa.nulls(2), [None, None]),
        (pa.string(), pa.nulls(2), [None, None]),
        (pa.string(), pa.array(["a", None, "a"]).dictionary_encode(), ["a", None, "a"]),
    ],
)
def test_a_cast_that_loses_nothing_is_made(type_, values, expected):
    assert fitted(type_, values) == expected


@pytest.mark.parametrize(
    ("type_", "values", "place"),
    [
        (pa.int64(), [3.0, 4.0, 3.5, 9.5], "should be int64, row 3 holds 3.5"),
        (pa.int64(), [3.0, float("nan")], "row 2 holds nan"),
        (pa.int64(), [float("inf")], "row 1 holds inf"),
        (pa.int8(), [1, 128], "should be int8, row 2 holds 128"),
        (pa.int64(), ["1", "1.0"], "row 2 holds '1.0'"),
        (pa.float64(), [1, 2, 2**53 + 1], "row 3 holds 9007199254740993"),
        (pa.float64(), ["1", "abc", None], "should be double, row 2 holds 'abc'"),
        (pa.bool_(), [1, 0, 2], "should be bool, row 3 holds 2"),
        (pa.bool_(), [1.0, 0.5], "row 2 holds 0.5"),
        (pa.float32(), [0.5, 1e300], "should be float, row 2 holds 1e\\+300"),
        (pa.timestamp("us"), [0, 1], "it is int64"),
        (pa.int64(), pa.array([0, 1], pa.timestamp("us")), "it is timestamp"),
        (pa.float64(), pa.array([0, 1], pa.date32()), "it is date32"),
    ],
)
def test_a_cast_that_loses_something_is_refused_with_the_first_row(type_, values, place):
    with pytest.raises(DataError, match=f"column 'c' of day.csv.*{place}.*Correct the column"):
        fitted(type_, values)


FLOATS = st.integers(-(2**53), 2**53).map(float) | st.floats().filter(lambda v: not 2**53 < abs(v) < 2**63)


@given(st.lists(FLOATS, min_size=1, max_size=20))
def test_the_row_that_is_named_is_the_first_that_does_not_fit(values):
    misfits = [row for row, v in enumerate(values, 1) if not (v == np.floor(v) and abs(v) <= 2**53)]
    if not misfits:
        assert fitted(pa.int64(), pa.array(values)) == [int(v) for v in values]
        return
    with pytest.raises(DataError, match=f"row {misfits[0]} holds"):
        fitted(pa.int64(), pa.array(values))


def test_columns_come_in_the_agreed_order_and_extra_ones_are_dropped():
    known = infer(pa.table({"a": [1, 2], "b": ["x", "y"], "y": [0, 1]}), target="y")
    batch = pa.table({"new": [1], "b": ["z"], "y": [1], "a": [3]})
    assert conform(batch, known).to_pydict() == {"a": [3], "b": ["z"]}
    assert schema.extra(batch, known) == ("new",)
    with pytest.raises(DataError, match=r"day.csv has no column 'a'"):
        conform(batch.drop_columns(["a"]), known, "day.csv")
    with pytest.raises(DataError, match="header but no rows"):
        conform(batch[:0], known)


def test_a_schema_that_was_stored_conforms_as_before():
    table = pa.table(
        {
            "f": pa.array([1.5], pa.float32()),
            "t": pa.array([1], pa.timestamp("ms", tz="Europe/Berlin")),
            "b": pa.array([b"x"], pa.binary(1)),
            **{
                str(t): pa.array([1], t)
                for t in (pa.int8(), pa.int16(), pa.uint8(), pa.float16(), pa.date64())
            },
        }
    )
    known = infer(table)
    again = decode(type(known), encode(known))
    assert again == known
    assert conform(table, again).equals(conform(table, known))


# Labels ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("first", "later", "expected"),
    [
        (["no", "yes"], ["yes", None, "no"], [1, None, 0]),
        ([0, 1], [1.0, 0.0], [1, 0]),
        ([0.0, 1.0], ["1", "0"], [1, 0]),
        ([True, False], [True, None], [1, None]),
        ([1, 2], [2, 1], [1, 0]),
        ([-1, 0], [0, -1], [1, 0]),
    ],
)
def test_labels_of_two_classes_become_0_and_1(first, later, expected):
    known = infer(pa.table({"x": [1] * len(first), "y": first}), target="y")
    assert labels(pa.chunked_array([later]), known).to_pylist() == expected


def test_a_third_class_is_refused_by_name():
    known = infer(pa.table({"x": [1, 2], "y": ["no", "yes"]}), target="y")
    with pytest.raises(DataError, match=r"'y' of day.csv holds the label 'maybe'. Labels are 'no' and 'yes'"):
        labels(pa.chunked_array([["no", "maybe"]]), known, "day.csv")


def test_numbers_to_predict_must_be_finite_numbers():
    known = infer(pa.table({"x": [1, 2, 3], "y": [1.0, 2.0, 3.0]}), target="y")
    assert labels(pa.chunked_array([[1, None]]), known).to_pylist() == [1.0, None]
    for bad, place in (
        ([1.0, float("inf")], "row 2"),
        ([float("nan")], "row 1"),
        (["1", "a"], "row 2 holds 'a'"),
    ):
        with pytest.raises(DataError, match=place):
            labels(pa.chunked_array([bad]), known)


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ([1.0, 2.0, None], ["1", "2", None]),
        ([1000000.0], ["1000000"]),
        ([0.5, 1.0], ["0.5", "1"]),
        ([True, False], ["true", "false"]),
        ([2**63 - 1], ["9223372036854775807"]),
        ([1e20], ["1e+20"]),
    ],
)
def test_labels_read_as_people_write_them(values, text):
    assert as_text(pa.chunked_array([values])).to_pylist() == text


def test_large_unsigned_ids_stay_apart():
    ids = pa.chunked_array([pa.array([2**64 - 1, 2**64 - 2], pa.uint64())])
    assert as_text(ids).to_pylist() == ["18446744073709551615", "18446744073709551614"]
