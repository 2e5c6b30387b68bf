"""One file, its format told by its ending, on this machine or on object storage."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import pyarrow as pa
from pyarrow.fs import FileType

from undrift.errors import DataError, NotFoundError
from undrift.inputs import Rows
from undrift.inputs._places import Place, ending, place, shown
from undrift.plugins import find, names

ENDINGS = {"tsv": "csv", "txt": "csv", "ndjson": "jsonl", "arrow": "feather", "pq": "parquet"}
"""Other endings of the formats."""

FORMATS = ".csv, .csv.gz, .tsv, .jsonl, .jsonl.gz, .parquet or .feather"

PACKED = ("csv", "jsonl")
"""The formats that may be packed with gzip."""

SIGNS: tuple[tuple[bytes, str, str, str], ...] = (
    (b"PAR1", "parquet", "a Parquet file", "Name it .parquet."),
    (b"ARROW1", "feather", "a Feather file", "Name it .feather."),
    (b"\xff\xff\xff\xff", "", "an Arrow stream", "Write it as Feather or Parquet."),
    (b"\x1f\x8b", "", "packed with gzip", "Add .gz to its name."),
    (b"PK\x03\x04", "", "a zip archive or a spreadsheet", "Unpack it, or export it as CSV."),
    (b"BZh", "", "packed with bzip2", "Unpack it."),
    (b"\x28\xb5\x2f\xfd", "", "packed with zstd", "Unpack it."),
    (b"SQLite format 3", "", "an SQLite database", "Name it sqlite:///PATH#TABLE."),
    (b"\xff\xfe", "", "UTF-16", "Save it as UTF-8."),
    (b"\xfe\xff", "", "UTF-16", "Save it as UTF-8."),
)
"""How files begin that may not be what their ending says: the bytes, their format, and what to say."""

Open = Callable[[], pa.NativeFile]
"""Opens a file anew: gives its bytes, unpacked."""


def file(source: str, text: frozenset[str] = frozenset()) -> Rows:
    """The rows of one file.

    Raises DataError naming the file: not found, unreadable, empty, of another format than its ending
    says, broken in the middle, changed while it was read, or with a repeated column name.
    """
    return read(place(source), text)


def read(where: Place, text: frozenset[str] = frozenset()) -> Rows:
    """The rows of the file at a place."""
    before = _present(where)
    with _named(where):
        opened = _opener(where)
        found: Rows = find("inputs.formats", _format(where, opened))(where.name, opened, text)
    _unchanged(where, before)

    def scan(columns: Sequence[str] | None) -> Iterator[pa.RecordBatch]:
        with _named(where):
            yield from found.scan(columns)
        _unchanged(where, before)

    return Rows(where.name, found.schema, scan)


def is_read(path: str) -> bool:
    """Whether undrift reads files whose paths end so."""
    return ENDINGS.get(ending(path), ending(path)) in names("inputs.formats")


@contextmanager
def _named(where: Place) -> Iterator[None]:
    """What goes wrong within is an error that names the file."""
    try:
        yield
    except (pa.ArrowException, OSError, UnicodeError) as error:
        raise DataError(f"{where.name} cannot be read: {shown(_reason(error))}", _remedy(error)) from error


def _present(where: Place) -> tuple[int, object]:
    """The size and time of a file that is there and can be read twice."""
    with _named(where):
        info = where.info()
    if info.type == FileType.NotFound:
        raise NotFoundError(f"{where.name} does not exist", "Check the path.")
    if info.type != FileType.File:
        raise DataError(f"{where.name} is a pipe, a device or a folder", "Write the rows to a file first.")
    if info.size == 0:
        raise DataError(f"{where.name} is empty", "A file needs a header line and rows.")
    return info.size, info.mtime_ns


def _unchanged(where: Place, before: tuple[int, object]) -> None:
    info = where.info()
    if (info.size, info.mtime_ns) != before:
        raise DataError(f"{where.name} changed while it was read", "Compare it when it is complete.")


def _format(where: Place, opened: Open) -> str:
    """The format that the ending names and the first bytes do not belie."""
    last = ending(where.path)
    format_ = ENDINGS.get(last, last)
    with opened() as stream:
        begins = stream.read(16)
    for sign, is_format, what, remedy in SIGNS:
        if begins.startswith(sign) and is_format != format_:
            raise DataError(f"{where.name} is {what}", remedy)
    if format_ not in names("inputs.formats"):
        more = " Name it .jsonl if every line is an object." if last == "json" else ""
        raise DataError(f"{where.name} has an unknown ending", f"undrift reads {FORMATS}.{more}")
    if _is_packed(where) and format_ not in PACKED:
        raise DataError(f"{where.name} is packed with gzip", "Unpack it: its pages are compressed already.")
    return format_


def _opener(where: Place) -> Open:
    if _is_packed(where):
        return lambda: pa.CompressedInputStream(where.open(), "gzip")
    return where.open


def _is_packed(where: Place) -> bool:
    return where.path.lower().endswith(".gz")


def _reason(error: Exception) -> str:
    text = (isinstance(error, OSError) and error.strerror) or str(error)
    return (text.splitlines() or [type(error).__name__])[0].rstrip(". ")


def _remedy(error: Exception) -> str:
    text = str(error)
    if isinstance(error, PermissionError):
        return "Ask for the right to read it."
    if "utf" in text.lower():
        return "Save it as UTF-8."
    if "columns, got" in text:
        return "Every line needs as many fields as the header, and a quote that opens must close."
    return "Check that the file is whole and of the format its ending says."
