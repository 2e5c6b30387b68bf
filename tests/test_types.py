"""One table, in whatever holds it: the same columns, kinds, values and verdicts."""

from __future__ import annotations

import datetime
import json
import uuid
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet
import pytest

import undrift as ud
from conftest import ask
from undrift.profiles.table import TableProfile

ROWS = 600

NUMBERS = [
    "int8",
    "uint16",
    "int64",
    "uint64",
    "float32",
    "float64",
    "nulls",
    "nullable int",
    "nullable float",
    "arrow int",
    "decimal",
    "huge",
    "sparse",
]
LABELS = [
    "text",
    "string",
    "category",
    "cut",
    "interval",
    "date interval",
    "uuid",
    "mixed",
    "shop",
    "arrow text",
]
TRUTHS = ["bool", "boolean", "truths"]
TIMES = [
    "datetime",
    "zoned",
    "day",
    "clock",
    "length",
    "month",
    "quarter",
    "week",
    "period day",
    "texted time",
]


def table(seed: int = 0, shift: float = 0.0) -> pd.DataFrame:
    """A frame with a column of each type that people have."""
    rng = np.random.default_rng(seed)
    n = ROWS
    whole = rng.integers(0, 40, n)
    real = rng.normal(shift, 1, n).round(6)
    start = pd.Timestamp("2024-01-01")
    hours = rng.integers(0, 5000, n)
    months = rng.integers(0, 11, n)
    known = rng.random(n) > 0.2
    colours = rng.choice(["red", "green", "blue"], n)
    frame = pd.DataFrame(
        {
            "int8": whole.astype("int8"),
            "uint16": whole.astype("uint16"),
            "int64": whole * 1_000_003,
            "uint64": whole.astype("uint64"),
            "float32": (whole / 4).astype("float32"),
            "float64": real,
            "nulls": np.where(known, real, np.nan),
            "nullable int": pd.array(np.where(known, whole, 0), "Int64").copy(),
            "nullable float": pd.array(real, "Float64"),
            "arrow int": pd.array(whole, pd.ArrowDtype(pa.int32())),
            "decimal": [Decimal(int(v)) / 4 + Decimal("0.25") for v in whole],
            "huge": [int(v) * 2**70 for v in whole],
            "sparse": pd.array(np.where(known, 0.0, real), pd.SparseDtype(float, 0.0)),
            "sparse int": pd.array(np.where(known, 0, whole), pd.SparseDtype(int, 0)),
            "text": colours,
            "string": pd.array(colours, "string"),
            "arrow text": pd.array(colours, pd.ArrowDtype(pa.string())),
            "category": pd.Categorical(colours, categories=["blue", "green", "red", "never"]),
            "cut": pd.cut(real, [-99, -1, 0.5, 99]),
            "interval": pd.arrays.IntervalArray.from_arrays(whole // 10, whole // 10 + 1, closed="left"),
            "date interval": pd.arrays.IntervalArray.from_arrays(
                start + pd.to_timedelta(months, "D"), start + pd.to_timedelta(months + 1, "D")
            ),
            "uuid": [uuid.UUID(int=int(v) + 2**100) for v in whole],
            "mixed": [f"a{v}" if v % 2 else int(v) for v in whole],
            "shop": np.char.add("s", (whole % 7).astype(str)),
            "bool": known,
            "boolean": pd.array(known, "boolean"),
            "truths": pd.array(
                [bool(k) if w else None for k, w in zip(known, whole, strict=True)], "boolean"
            ),
            "datetime": start + pd.to_timedelta(hours, "h"),
            "zoned": (start + pd.to_timedelta(hours, "h")).tz_localize("UTC"),
            "day": [(start + pd.Timedelta(days=int(h % 300))).date() for h in hours],
            "clock": [datetime.time(int(h % 24), 30) for h in hours],
            "length": pd.to_timedelta(hours, "h"),
            "month": pd.PeriodIndex.from_ordinals(months + 648, freq="M"),
            "quarter": pd.PeriodIndex.from_ordinals(months + 200, freq="Q"),
            "week": pd.PeriodIndex.from_ordinals(months + 2800, freq="W"),
            "period day": pd.PeriodIndex.from_ordinals(hours + 19000, freq="D"),
            "texted time": (start + pd.to_timedelta(hours, "h")).strftime("%Y-%m-%d %H:%M:%S"),
            "rising": np.arange(n) + seed * 100_000,
            "name": [f"customer {seed} {i}" for i in range(n)],
            "complex": real + 1j * whole,
            "list": [[float(v)] for v in real],
            "empty": [None] * n,
            "comma": [f"{v:.2f}".replace(".", ",") for v in real],
            "word": [*map(float, real[:16]), "Test", *map(float, real[17:])],
        }
    )
    return frame.set_index("shop")


def arrow(frame: pd.DataFrame) -> pa.Table:
    """The frame as pandas writes it; what Arrow has no type for is text, as in a file without types."""
    text = {name: frame[name].astype(str) for name in ("complex", "mixed", "word")}
    dense = {name: frame[name].sparse.to_dense() for name in ("sparse", "sparse int")}
    return pa.Table.from_pandas(frame.assign(**text, **dense, huge=frame.huge.map(float)))


def flat(frame: pd.DataFrame) -> pd.DataFrame:
    """The frame without what neither Parquet nor DuckDB holds: intervals of pandas are text."""
    return frame.assign(**{name: frame[name].astype(str) for name in ("cut",)})


def parquet(frame: pd.DataFrame, path: Path) -> Any:
    pa.parquet.write_table(arrow(flat(frame)), path / "t.parquet")
    return path / "t.parquet"


def feather(frame: pd.DataFrame, path: Path) -> Any:
    pa.feather.write_feather(arrow(flat(frame)), path / "t.feather")
    return path / "t.feather"


def duck(frame: pd.DataFrame, path: Path) -> Any:
    """DuckDB knows no periods, intervals and lengths of pandas: in it they are text."""
    odd = ["interval", "date interval", "length", "month", "quarter", "week", "period day"]
    file = parquet(frame.assign(**{name: frame[name].astype(str) for name in odd}), path)
    return duckdb.sql(f"select * from '{file}'")


def polars(frame: pd.DataFrame, path: Path) -> Any:
    """Polars has neither a type for UUIDs nor one for mixed values."""
    whole = arrow(frame.assign(uuid=frame["uuid"].map(str))).drop_columns(["mixed", "word"])
    found = pl.from_arrow(whole)
    objects = [pl.Series(n, frame[n].tolist(), dtype=pl.Object) for n in ("mixed", "word")]
    return found.with_columns(objects)


def csv(frame: pd.DataFrame, path: Path) -> Any:
    frame.to_csv(path / "t.csv")
    return path / "t.csv"


def jsonl(frame: pd.DataFrame, path: Path) -> Any:
    rows = frame.reset_index().to_dict("records")
    lines = [json.dumps({name: plain(value) for name, value in row.items()}) for row in rows]
    (path / "t.jsonl").write_text("\n".join(lines))
    return path / "t.jsonl"


def plain(value: Any) -> Any:
    """A value as JSON has it: what is no number, truth or list is text."""
    if isinstance(value, list):
        return value
    if pd.isna(value):
        return None
    if isinstance(value, np.generic) and not isinstance(value, np.complexfloating):
        return value.item()
    if isinstance(value, Decimal):
        return float(value)
    return value if isinstance(value, bool | int | float | str) else str(value)


HOLDERS = {
    "pandas": lambda frame, path: frame,
    "Arrow": lambda frame, path: arrow(frame),
    "Polars": polars,
    "DuckDB": duck,
    "Parquet": parquet,
    "Feather": feather,
    "CSV": csv,
    "JSON lines": jsonl,
}


@pytest.fixture(scope="module")
def before() -> TableProfile:
    return ud.profile(table())


@pytest.mark.parametrize("holder", HOLDERS)
def test_one_table_has_one_answer_as_reference(before, holder, tmp_path):
    found = ud.profile(HOLDERS[holder](table(), tmp_path))
    assert kinds(found) == kinds(before)
    assert {*found.left_out} == {*before.left_out}
    alike = {*before.left_out} - {"complex", "list"}  # text where there are no types
    assert {n: found.left_out[n] for n in alike} == {n: before.left_out[n] for n in alike}
    for name, feature in before.features.items():
        known = found.features[name]
        assert (known.rows, known.missing) == (feature.rows, feature.missing), name
        if feature.kind != "numeric":
            assert known.counts == feature.counts, name
        else:
            assert known.mean == pytest.approx(feature.mean, rel=1e-6), name


@pytest.mark.parametrize("holder", HOLDERS)
def test_one_table_has_one_answer_as_the_current_one(before, holder, tmp_path):
    result = ud.compare(before, HOLDERS[holder](table(), tmp_path))
    assert result.record.lost == result.record.new == result.record.retyped == ()
    assert result.drifted == []
    now = ud.compare(before, HOLDERS[holder](table(1, shift=3.0), tmp_path))
    assert (
        {*now.drifted}
        == {*ud.compare(before, table(1, shift=3.0)).drifted}
        >= {"float64", "cut", "nullable float"}
    )
    assert now.record.lost == now.record.new == now.record.retyped == ()


def kinds(profile: TableProfile) -> dict[str, str]:
    return {name: feature.kind for name, feature in profile.features.items()}


def test_every_kind_of_column_is_what_it_means(before):
    found = kinds(before)
    assert {n: found.get(n) for n in NUMBERS} == dict.fromkeys(NUMBERS, "numeric")
    assert {n: found.get(n) for n in LABELS} == dict.fromkeys(LABELS, "categorical")
    assert {n: found.get(n) for n in TRUTHS} == dict.fromkeys(TRUTHS, "boolean")
    assert {n: before.left_out.get(n) for n in TIMES} == dict.fromkeys(TIMES, "times are not compared")
    assert before.left_out["complex"] == "complex is not compared"
    assert before.left_out["word"] == "599 of 600 are numbers; first other: 'Test' (row 17)"
    assert before.left_out["comma"].startswith("they look like numbers, such as '")
    assert {*before.features["cut"].counts} == {"(-99.0, -1.0]", "(-1.0, 0.5]", "(0.5, 99.0]"}
    assert "[0, 1)" in before.features["interval"].counts


def test_whole_numbers_may_widen(tmp_path):
    """A column of whole numbers may bring fractions and nulls later, in compare and in the loop."""
    rng = np.random.default_rng(0)
    rows = pd.DataFrame({"n": rng.integers(0, 9, 600), "c": rng.choice(list("ab"), 600)})
    rows["y"] = rows["n"] * 2 + rng.normal(0, 0.1, 600)
    rows.to_csv(tmp_path / "history.csv", index=False)
    model = ("--set", "model.use=sklearn.linear_model:LinearRegression")
    assert (
        ask("-C", tmp_path / "w", "init", "--from", tmp_path / "history.csv", "--target", "y", *model)[0] == 0
    )
    wider = rows.assign(n=rows["n"] + 0.5)
    wider.loc[4, "n"] = np.nan
    wider.to_csv(tmp_path / "wider.csv", index=False)
    code, _, err = ask("-C", tmp_path / "w", "run", tmp_path / "wider.csv")
    assert code == 0, err
    narrow = rows.astype({"n": "int8"})
    narrow.to_parquet(tmp_path / "narrow.parquet")
    assert ask("-C", tmp_path / "w", "run", tmp_path / "narrow.parquet")[0] == 0
    result = ud.compare(rows, wider)
    assert result.record.retyped == ()


def test_numbers_beyond_floats_stay_whole_numbers(tmp_path):
    """Where a float could not hold each of them, a column stays as it is."""
    rows = pd.DataFrame({"n": 2**60 + np.arange(600) % 7, "x": np.arange(600) % 5})
    rows.assign(y=rows["x"] + 0.5).to_parquet(tmp_path / "history.parquet")
    assert ask("-C", tmp_path / "w", "init", "--from", tmp_path / "history.parquet", "--target", "y")[0] == 0
    types = {column.name: column.type for column in ud.open(tmp_path / "w").schema.columns}
    assert types == {"n": "int64", "x": "double"}
