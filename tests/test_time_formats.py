"""How time columns are written: what is recognised, what is read in a format, and what is refused."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

import undrift as ud
from conftest import ask
from undrift.columns.time_formats import check, read, recognised
from undrift.errors import ConfigError, DataError
from undrift.records import Batch, Comparison, Schema, Step
from undrift.windows import Cut

MOMENTS = st.datetimes(datetime(1980, 1, 1), datetime(2099, 1, 1)).map(
    lambda moment: moment.replace(microsecond=0, tzinfo=UTC)
)


def column(*values: object) -> pa.ChunkedArray:
    return pa.chunked_array([list(values)])


@given(st.lists(MOMENTS, min_size=1, max_size=5))
@pytest.mark.parametrize(
    ("form", "write"),
    [
        ("epoch", lambda m: int(m.timestamp())),
        ("epoch", lambda m: m.timestamp()),
        ("epoch_ms", lambda m: int(m.timestamp()) * 1000),
        ("epoch_us", lambda m: int(m.timestamp()) * 1_000_000),
        ("epoch_ns", lambda m: int(m.timestamp()) * 1_000_000_000),
        ("epoch", lambda m: str(int(m.timestamp()))),
        ("iso", lambda m: m.isoformat()),
        ("%d.%m.%Y %H:%M:%S", lambda m: f"{m:%d.%m.%Y %H:%M:%S}"),
        ("%m/%d/%Y %I:%M:%S %p", lambda m: f"{m:%m/%d/%Y %I:%M:%S %p}"),
    ],
)
def test_every_format_reads_back_what_was_written(form, write, moments) -> None:
    found = read(pa.chunked_array([[write(m) for m in moments]]), form, "at", "a.csv")
    assert found.to_pylist() == moments


@pytest.mark.parametrize(
    ("values", "form"),
    [
        ((1999, 2013, 2024), "year"),
        (("2013-01", "2013-12"), "year_month"),
        ((20130101, 20131231), "%Y%m%d"),
        ((1_700_000_000, 1_700_000_001), "epoch"),
        ((1_700_000_000_000, 1_700_000_000_001), "epoch_ms"),
        ((1_700_000_000.5, None), "epoch"),
        ((1_700_000_000_000_000, 1_700_000_000_000_001), "epoch_us"),
        ((1_700_000_000_000_000_000,), "epoch_ns"),
        (("2013-01-01T09:00Z", "2013-01-01T10:00Z"), "iso"),
        ((datetime(2013, 1, 1),), "iso"),
    ],
)
def test_what_cannot_be_mistaken_is_recognised(values: tuple[object, ...], form: str) -> None:
    assert recognised(column(*values), "at", "a.csv") == form


@pytest.mark.parametrize(
    ("values", "says"),
    [
        (("14.11.2023 22:13", "02.03.2023 10:00"), ["'14.11.2023 22:13'", "--time-format '%d.%m.%Y %H:%M'"]),
        (("03/04/2023", "05/06/2023"), ["'%d/%m/%Y'", "'%m/%d/%Y'"]),
        (("2023-01-01", "noon"), ["'noon'", "row 2"]),
        ((1, 2, 3), ["could be anything", "counter"]),
        ((True, False), ["bool"]),
    ],
)
def test_what_could_be_mistaken_is_refused_with_the_formats_it_could_be(
    values: tuple[object, ...], says: list[str]
) -> None:
    with pytest.raises(DataError) as error:
        recognised(column(*values), "at", "a.csv")
    for words in says:
        assert words in str(error.value)


@pytest.mark.parametrize(
    ("values", "form"),
    [
        (("01.02.2023", "31.02.2023"), "%d.%m.%Y"),
        ((1.0, float("nan")), "epoch"),
        ((1.0, 1e30), "epoch"),
        (("1", "x"), "epoch"),
        ((1, 400_000_000_000), "epoch"),
        (("2023", "10000"), "year"),
    ],
)
def test_a_value_that_is_no_time_is_named_with_its_row(values: tuple[object, ...], form: str) -> None:
    with pytest.raises(DataError, match="row 12"):
        read(column(*values), form, "at", "a.csv", before=10)


@pytest.mark.parametrize("unit", ["s", "ms", "us"])
@pytest.mark.parametrize("year", ["-0001", "0000", "10000", "290000"])
def test_years_beyond_the_calendar_of_python_are_named_with_their_row(unit: str, year: str) -> None:
    moments = np.array(["2023-01-01", f"{year}-01-01"], dtype=f"datetime64[{unit}]")
    with pytest.raises(DataError, match=r"row 2.*years 1 to 9999"):
        read(pa.chunked_array([pa.array(moments)]), "iso", "at", "a.csv")


def test_an_unknown_format_is_refused_with_the_name_that_was_meant() -> None:
    with pytest.raises(ConfigError, match="epoch_ms"):
        check("epoch_mS")


def stream(rows: int = 1200, seed: int = 0) -> pd.DataFrame:
    """Two years of rows by the hour and a half of a day, that depend on x."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=rows)
    at = pd.Timestamp("2022-01-05") + pd.to_timedelta(np.arange(rows) * 14, "h")
    frame = pd.DataFrame({"id": np.arange(rows), "at": at, "x": x, "z": rng.normal(size=rows)})
    return frame.assign(y=2 * x + rng.normal(0, 0.1, rows))


WRITTEN = {
    "iso": lambda at: at.dt.strftime("%Y-%m-%dT%H:%M"),
    "epoch": lambda at: at.astype("datetime64[s]").astype("int64"),
    "epoch_ms": lambda at: at.astype("datetime64[ms]").astype("int64"),
    "%d.%m.%Y %H:%M": lambda at: at.dt.strftime("%d.%m.%Y %H:%M"),
}


def workspace(root: Path, frame: pd.DataFrame, form: str | None, size: str, *more: str) -> tuple[int, str]:
    root.mkdir()
    frame.to_csv(root / "history.csv", index=False)
    option = ("--time-format", form) if form else ()
    code, _, err = ask(
        *("-C", root, "init", "--from", root / "history.csv", "--target", "y", "--time", "at", "--id", "id"),
        *(*option, "--set", f"windows.size={size}", *more),
        *("--set", "model.use=sklearn.linear_model:LinearRegression"),
    )
    return code, err


@pytest.mark.parametrize("size", ["month", "30d"])
def test_the_loop_is_the_same_however_times_are_written(tmp_path: Path, size: str) -> None:
    found = {}
    for form, write in WRITTEN.items():
        frame = stream()
        frame["at"] = write(frame["at"])
        root = tmp_path / f"{len(found)}"
        named = form if form.startswith("%") else None
        assert workspace(root, frame[:700], named, size)[0] == 0
        frame[700:].to_csv(root / "next.csv", index=False)
        assert ask("-C", root, "run", root / "next.csv")[0] == 0
        store = ud.open(root).store
        assert store.get(Schema, "schema").time_format == form
        found[form] = [(s.window, s.verdict) for s in store.all(Step)], store.all(Comparison)
    assert len(found["iso"][0]) >= 9
    assert all(steps == found["iso"][0] for steps, _ in found.values())


def test_windows_of_the_calendar_begin_with_the_month() -> None:
    times = ["2023-12-31T23:59:59", "2024-01-01", "2024-02-29", "1969-12-31"]
    micros = np.array(times, dtype="datetime64[us]").astype(np.int64)
    cut = Cut.of("month")
    indices = cut.indices(micros, 0, 4, 0, first=False)
    windows = [cut.window(int(i), 1) for i in indices]
    assert [w.key for w in windows] == ["2023-12", "2024-01", "2024-02", "1969-12"]
    assert windows[2].start == datetime(2024, 2, 1, tzinfo=UTC)
    assert windows[2].end == datetime(2024, 3, 1, tzinfo=UTC)
    quarter = Cut.of("quarter")
    keys = [quarter.window(int(i), 1).key for i in quarter.indices(micros, 0, 4, 0, first=False)]
    assert keys == ["2023-Q4", "2024-Q1", "2024-Q1", "1969-Q4"]
    year = Cut.of("year")
    assert year.window(int(year.indices(micros, 0, 4, 0, first=False)[0]), 1).key == "2023"


def test_rows_that_complete_the_history_are_not_late(tmp_path: Path) -> None:
    frame = stream()
    frame["at"] = frame["at"].dt.strftime("%Y-%m-%dT%H:%M")
    assert workspace(tmp_path / "w", frame[:700], None, "month")[0] == 0
    frame[700:].to_csv(tmp_path / "next.csv", index=False)
    _, _, err = ask("-C", tmp_path / "w", "run", tmp_path / "next.csv")
    batch = ud.open(tmp_path / "w").store.all(Batch)[-1]
    ends = pd.Timestamp(frame["at"][699]).to_period("M")
    same = int((pd.to_datetime(frame["at"][700:]).dt.to_period("M") == ends).sum())
    assert (batch.late, batch.completing) == (0, same)
    assert "late" not in err
    assert "the window that the training rows end in" in err


def test_a_counter_puts_rows_in_order_and_windows_are_by_count(tmp_path: Path) -> None:
    frame = stream()
    frame["at"] = np.arange(len(frame)) * 3 + 7
    code, err = workspace(tmp_path / "w", frame[:700], "counter", "7d")
    assert code == 2
    assert "only puts rows in order" in err
    ordered = frame[:700].sample(frac=1, random_state=1)
    assert workspace(tmp_path / "v", ordered, "counter", "100")[0] == 0
    loop = ud.open(tmp_path / "v")
    assert (loop.schema.time, loop.schema.order) == (None, "at")
    rows = loop.archive.rows(0, 6)
    assert rows["at"].to_pylist() == frame["at"][:700].tolist()
    frame[700:].drop(columns="at").to_csv(tmp_path / "next.csv", index=False)
    code, _, err = ask("-C", tmp_path / "v", "run", tmp_path / "next.csv")
    assert code == 2
    assert "no column 'at'" in err
    frame[700:].to_csv(tmp_path / "next.csv", index=False)
    assert ask("-C", tmp_path / "v", "run", tmp_path / "next.csv")[0] == 0
    assert len(loop.store.all(Step)) == 5


def test_a_year_is_a_time(tmp_path: Path) -> None:
    rows = np.repeat(np.arange(1980, 2020), 30)
    frame = stream(len(rows)).assign(at=rows)
    assert workspace(tmp_path / "w", frame[:900], None, "year", "--set", "gate.block=30d")[0] == 0
    frame[900:].to_csv(tmp_path / "next.csv", index=False)
    assert ask("-C", tmp_path / "w", "run", tmp_path / "next.csv")[0] == 0
    assert [s.window.key for s in ud.open(tmp_path / "w").store.all(Step)] == [
        str(year) for year in range(2010, 2019)
    ]


def test_no_delay_is_a_delay(tmp_path: Path) -> None:
    frame = stream()
    frame["at"] = frame["at"].dt.strftime("%Y-%m-%dT%H:%M")
    assert workspace(tmp_path / "w", frame[:700], None, "30d", "--set", "labels.delay=0d")[0] == 0
    code, err = workspace(tmp_path / "v", frame[:700], None, "30d", "--set", "labels.delay=soon")
    assert code == 2
    assert "labels.delay = 'soon'" in err


@pytest.mark.parametrize("written", ["10000-01-01", "0001-01-01", "-0001-01-01"])
def test_impossible_years_in_a_batch_are_refused_with_their_row(tmp_path: Path, written: str) -> None:
    frame = stream()
    assert workspace(tmp_path / "w", frame[:700], None, "30d")[0] == 0
    moments = frame["at"][700:].to_numpy().astype("datetime64[s]")
    moments[4] = np.datetime64(written, "s")
    table = pa.Table.from_pandas(frame[700:], preserve_index=False)
    table = table.set_column(1, "at", pa.array(moments))
    pa.parquet.write_table(table, tmp_path / "next.parquet")
    code, _, err = ask("-C", tmp_path / "w", "run", tmp_path / "next.parquet")
    assert code == 2
    assert "row 5" in err


@pytest.mark.parametrize("form", WRITTEN)
def test_compare_learns_from_the_same_history_however_times_are_written(tmp_path: Path, form: str) -> None:
    frame = stream(4000)
    plain = ud.compare(frame[:3000], frame[3000:], time="at").record
    frame["at"] = WRITTEN[form](frame["at"])
    frame[:3000].to_csv(tmp_path / "a.csv", index=False)
    frame[3000:].to_csv(tmp_path / "b.csv", index=False)
    code, out, err = ask(
        *("compare", tmp_path / "a.csv", tmp_path / "b.csv", "--time", "at", "--time-format", form),
        *("--columns", "x,z,y", "--json"),
    )
    found = json.loads(out)
    assert code in (0, 3), err
    p_values = {f.name: f.p_value for f in plain.features}
    for feature in found["features"]:
        assert feature["p_value"] == pytest.approx(p_values[feature["name"]])
    kept = tmp_path / "a.profile"
    made = ("profile", tmp_path / "a.csv", "--time", "at", "--time-format", form, "-o", kept)
    assert ask(*made, "--columns", "x,z,y")[0] == 0
    again = json.loads(ask("compare", kept, tmp_path / "b.csv", "--json")[1])
    assert again["features"] == found["features"]


def test_a_bad_time_deep_in_a_file_is_named_with_its_row(tmp_path: Path) -> None:
    rows = 300_000
    frame = pd.DataFrame({"at": ["01.02.2023"] * rows, "x": np.arange(rows) % 7})
    frame.loc[200_000, "at"] = "soon"
    frame.to_csv(tmp_path / "a.csv", index=False)
    code, _, err = ask(
        *("compare", tmp_path / "a.csv", tmp_path / "a.csv", "--time", "at", "--time-format", "%d.%m.%Y")
    )
    assert code == 2
    assert "'soon' in row 200,001" in err
