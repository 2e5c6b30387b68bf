"""Files: CSV (also .gz), Parquet, Feather and JSON lines, told apart by their ending."""

from __future__ import annotations

from collections import Counter
from os import PathLike
from pathlib import Path

import pyarrow as pa

from undrift.errors import DataError

FORMATS = ".csv, .csv.gz, .tsv, .parquet, .feather, .arrow, .jsonl or .ndjson"


def file(source: str | PathLike[str]) -> pa.Table:
    """All rows of one file as an Arrow table.

    Raises DataError naming the file: not found, unreadable, empty, or with a repeated column name.
    """
    path = Path(source)
    if not path.exists():
        raise DataError(f"{path} does not exist", "Check the path.")
    if path.is_dir():
        raise DataError(f"{path} is a folder", "Give one file.")
    if path.stat().st_size == 0:
        raise DataError(f"{path} is empty", "A file needs a header line and rows.")
    try:
        table = _read(path)
        repeated = [name for name, count in Counter(table.column_names).items() if count > 1]
        bytes_ = next((f.name for f in table.schema if pa.types.is_binary(f.type)), None)
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path} cannot be read: {_first_line(error)}", _remedy(error)) from error
    if bytes_ is not None and ".parquet" not in path.name and ".feather" not in path.name:
        raise DataError(f"column {bytes_!r} of {path} is not UTF-8", "Save the file as UTF-8.")
    if repeated:
        raise DataError(f"{path} has more than one column {repeated[0]!r}", "Rename or drop one.")
    return table


def _read(path: Path) -> pa.Table:
    name = path.name.lower()
    if name.endswith(".parquet"):
        import pyarrow.parquet as pq

        with pq.ParquetFile(path) as parquet:
            return parquet.read()
    if name.endswith((".feather", ".arrow")):
        with pa.memory_map(str(path)) as source:
            return pa.ipc.open_file(source).read_all()
    if name.endswith((".jsonl", ".ndjson", ".jsonl.gz", ".ndjson.gz")):
        import pyarrow.json as pj

        return pj.read_json(path)
    if name.endswith((".csv", ".csv.gz", ".tsv", ".tsv.gz", ".txt")):
        return _read_csv(path, "\t" if ".tsv" in name else ",")
    raise DataError(f"{path} has an unknown ending", f"undrift reads {FORMATS}.")


def _read_csv(path: Path, delimiter: str) -> pa.Table:
    from pyarrow import csv

    return csv.read_csv(
        path,
        parse_options=csv.ParseOptions(delimiter=delimiter, newlines_in_values=True),
        convert_options=csv.ConvertOptions(
            strings_can_be_null=True, null_values=["", "NA", "NULL", "null", "None"]
        ),
    )


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0].rstrip(". ")


def _remedy(error: Exception) -> str:
    text = str(error)
    if "utf" in text.lower():
        return "Save it as UTF-8."
    if "columns, got" in text:
        return "Every line needs as many fields as the header."
    return "Check that the file is whole and of the format its ending says."
