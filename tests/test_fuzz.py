"""Two tables of any columns: no traceback, nothing skipped in silence, no drift from a table to itself."""

from __future__ import annotations

import csv
import json
import os
import re
import warnings
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest

import undrift as ud
from conftest import ask
from undrift.errors import UndriftError
from undrift.schema import NO_NAME
from undrift.testing.contracts import HOSTILE

EXAMPLES = int(os.environ.get("UNDRIFT_FUZZ", "400"))
"""Pairs of tables that are tried; more of them find more."""

ODD = ("", " ", "\x1b[2J", "a\nb", "nan", "None", "#", "é" * 60, "\u202e", "{{ 7 }}", "0", "a=b", "_", "表")
NAMES = (*HOSTILE, *ODD, "x", "y", "z", "id", "when", "region")
EXTREME = [0.0, -0.0, np.nan, np.inf, -np.inf, 1e308, -1e308, 5e-324, 1e-300, 1e154, 2.0**53, 1.0, 1e12]
START = datetime(2024, 1, 1, tzinfo=UTC)

Random = np.random.Generator
Make = Callable[[Random, int], pa.Array]


def floats(random: Random, rows: int) -> pa.Array:
    size = 10.0 ** random.integers(-3, 7)
    return pa.array(random.normal(random.integers(-2, 3) * size, size, rows))


def extremes(random: Random, rows: int) -> pa.Array:
    few = random.choice(EXTREME, random.integers(1, 4))
    return pa.array(np.where(random.random(rows) < 0.5, random.choice(few, rows), random.normal(0, 1, rows)))


def few_extremes(random: Random, rows: int) -> pa.Array:
    return pa.array(random.choice(random.choice(EXTREME, random.integers(1, 4)), rows))


def integers(random: Random, rows: int) -> pa.Array:
    type_ = random.choice([np.int8, np.uint8, np.int32, np.int64, np.uint64])
    return pa.array(random.integers(0, 2 ** random.integers(1, 7), rows).astype(type_))


def large_integers(random: Random, rows: int) -> pa.Array:
    return pa.array(random.integers(2**53, 2**63 - 1, rows, dtype=np.int64))


def counter(random: Random, rows: int) -> pa.Array:
    return pa.array(np.arange(rows) + int(random.integers(0, 1000)))


def singles(random: Random, rows: int) -> pa.Array:
    with np.errstate(over="ignore"):
        return pa.array(random.standard_cauchy(rows).astype(random.choice([np.float16, np.float32])))


def decimals(random: Random, rows: int) -> pa.Array:
    numbers = random.integers(-999, 999, rows).tolist()
    return pa.array([Decimal(n) / 100 for n in numbers], pa.decimal128(9, 2))


def labels(random: Random, rows: int) -> pa.Array:
    known = random.choice([*NAMES, *"abcdef"], random.integers(1, 12)).tolist()
    return pa.array(random.choice(known, rows).tolist(), pa.string())


def many_labels(random: Random, rows: int) -> pa.Array:
    return pa.array([f"label {n}" for n in random.integers(0, max(rows, 1), rows)], pa.large_string())


def dictionary(random: Random, rows: int) -> pa.Array:
    return labels(random, rows).cast(pa.string()).dictionary_encode()


def numbers_as_dictionary(random: Random, rows: int) -> pa.Array:
    return integers(random, rows).dictionary_encode()


def views(random: Random, rows: int) -> pa.Array:
    return labels(random, rows).cast(pa.string_view())


def flags(random: Random, rows: int) -> pa.Array:
    return pa.array(random.random(rows) < random.choice([0.0, 0.1, 0.5, 1.0]))


def moments(random: Random, rows: int) -> pa.Array:
    seconds = random.integers(0, 10**7, rows).tolist()
    return pa.array([START + timedelta(seconds=s) for s in seconds], pa.timestamp("us", "UTC"))


def dates(random: Random, rows: int) -> pa.Array:
    return moments(random, rows).cast(pa.timestamp("us")).cast(pa.date32(), safe=False)


def durations(random: Random, rows: int) -> pa.Array:
    return pa.array(random.integers(0, 10**6, rows)).cast(pa.duration("ms"))


def bytes_(random: Random, rows: int) -> pa.Array:
    return pa.array([random.bytes(2) for _ in range(rows)], pa.binary())


def lists(random: Random, rows: int) -> pa.Array:
    return pa.array([[1, 2]] * rows, pa.list_(pa.int64()))


def nothing(random: Random, rows: int) -> pa.Array:
    return pa.nulls(rows, random.choice([pa.null(), pa.float64(), pa.string(), pa.bool_()]))


def constant(random: Random, rows: int) -> pa.Array:
    return pa.array([random.choice([0.0, 1.5, 1e12, 1e308, np.inf, np.nan])] * rows, pa.float64())


def text_of_numbers(random: Random, rows: int) -> pa.Array:
    return pa.array([str(n) for n in random.integers(0, 9, rows)], pa.string())


MAKES: tuple[Make, ...] = (
    *(floats, extremes, few_extremes, integers, large_integers, counter, singles, decimals, labels),
    *(many_labels, dictionary, numbers_as_dictionary, views, flags, moments, dates, durations, bytes_),
    *(lists, nothing, constant, text_of_numbers),
)
KINDS = ("numeric", "categorical", "boolean", "text", "ignored")
ROWS = (0, 1, 2, 29, 30, 40, 200)

UNCOMPARABLE = re.compile(
    r"no column in common|has no feature column|has no rows|nothing is left to compare|cannot be told apart"
    r"|cannot be (numeric|boolean|categorical)"
)
"""What two such tables may be refused for."""


def with_nulls(random: Random, values: pa.Array) -> pa.Array:
    if pa.types.is_null(values.type) or random.random() < 0.6:
        return values
    known = random.random(len(values)) < random.choice([0.0, 0.5, 0.95])
    return pa.array([v if k else None for v, k in zip(values.to_pylist(), known, strict=True)], values.type)


def column(random: Random, make: Make, rows: int) -> pa.Array:
    return with_nulls(random, make(random, rows))


def tables(seed: int) -> tuple[pa.Table, pa.Table]:
    """A reference, and a current table with columns lost, new, moved, retyped, redrawn or the same."""
    random = np.random.default_rng(seed)
    names = random.permutation(NAMES)[: random.integers(1, 7)].tolist()
    kinds = {name: MAKES[random.integers(len(MAKES))] for name in names}
    before, now = (int(random.choice(ROWS)) for _ in range(2))
    reference = pa.table({name: column(random, make, before) for name, make in kinds.items()})
    if random.random() < 0.2:
        return reference, reference
    changed = {name: make for name, make in kinds.items() if random.random() > 0.1}
    for name in list(changed):
        if random.random() < 0.1:
            changed[name] = MAKES[random.integers(len(MAKES))]
    if random.random() < 0.3:
        changed["only now"] = MAKES[random.integers(len(MAKES))]
    if random.random() < 0.3:
        changed = dict(reversed(changed.items()))
    return reference, pa.table({name: column(random, make, now) for name, make in changed.items()})


def told(seed: int, reference: pa.Table, current: pa.Table) -> dict[str, Any]:
    """What may be told about such tables: a column to tell rows apart by, or kinds."""
    random = np.random.default_rng(seed)
    by = random.choice(reference.column_names)
    if random.random() < 0.4 and by and by in current.column_names:
        return {"by": str(by)}
    names = random.permutation(reference.column_names)[: random.integers(0, 3)].tolist()
    return {"kinds": {name or NO_NAME: str(random.choice(KINDS)) for name in names}}


def check(reference: pa.Table, current: pa.Table, **how: Any) -> None:
    """Everything that holds of any comparison."""
    try:
        result = ud.compare(reference, current, **how)
    except UndriftError as refusal:
        if not (UNCOMPARABLE.search(refusal.problem) and refusal.remedy):
            raise
        return
    body = json.loads(json.dumps(result.to_dict(), allow_nan=False))
    check_body(body, reference, current)
    assert body["verdict"] == result.verdict
    for name, feature in result.features.items():
        assert not re.search(r"\b(nan|inf)\b", feature.effect) or feature.record.kind != "numeric", name
    assert result.to_html().startswith("<!doctype html>")
    assert result._repr_html_()
    if reference is current:
        assert result.verdict in ("stable", "insufficient"), result.sentence
        assert not result.record.faults


def check_written(table: pa.Table, file: Path, **how: Any) -> None:
    """A table against itself is never drift, whatever a file without types makes of it."""
    with file.open("w", newline="", encoding="utf-8") as stream:
        csv.writer(stream).writerows([table.column_names, *zip(*table.to_pydict().values(), strict=True)])
    try:
        result = ud.compare(file, file, **how)
    except UndriftError as refusal:
        if not (UNCOMPARABLE.search(refusal.problem) and refusal.remedy):
            raise
        return
    assert result.verdict in ("stable", "insufficient"), result.sentence
    assert not result.record.faults
    assert result.record.lost == result.record.new == ()


def check_body(body: dict[str, Any], reference: pa.Table, current: pa.Table) -> None:
    """The JSON names every column of either table."""
    assert body["sentence"].strip()
    assert body["rows"] == {"reference": reference.num_rows, "current": current.num_rows}
    changes = body["schema"]
    accounted = {f["name"] for f in body["features"]} | {*body["left_out"], *changes["lost"]}
    before, now = ({name or NO_NAME for name in table.column_names} for table in (reference, current))
    assert accounted | {*changes["retyped"]} == before
    assert set(changes["new"]) == now - before
    for feature in body["features"]:
        assert feature["effect"]
        assert all(np.isfinite(value) for value in feature["metrics"].values())


def check_command(reference: pa.Table, current: pa.Table, folder: Path) -> None:
    """The same by the command line, on files."""
    for name, table in (("a", reference), ("b", current)):
        pa.parquet.write_table(table, folder / f"{name}.parquet")
    code, out, err = ask("compare", folder / "a.parquet", folder / "b.parquet", "--json")
    assert "Traceback" not in err
    if code == 2:
        assert UNCOMPARABLE.search(err), err
        assert not out
        return
    assert code in (0, 3, 5), err
    assert out.count("\n") == 1
    body = json.loads(out, parse_constant=pytest.fail)
    check_body(body, reference, current)
    assert code == {"drift": 3, "insufficient": 5}.get(body["verdict"], 0)
    shown = ask("compare", folder / "a.parquet", folder / "b.parquet")
    assert (shown[0], shown[2]) == (code, "")
    assert all(c.isprintable() or c == "\n" for c in shown[1])


@pytest.mark.parametrize("part", range(4))
def test_any_two_tables_are_compared_or_refused_with_a_reason(part, tmp_path):
    for seed in range(part, EXAMPLES, 4):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            reference, current = tables(seed)
            try:
                check(reference, current)
                check(reference, current, **told(seed, reference, current))
                check_written(reference, tmp_path / "t.csv", **told(seed, reference, reference))
                if seed % 5 == 0:
                    check_command(reference, current, tmp_path)
            except Exception as error:
                error.add_note(f"seed {seed}: {reference.schema} and {current.schema}")
                raise
