"""Quotes in a CSV file that are opened and not closed where they should be: they swallow rows."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from undrift.arrow import as_numpy
from undrift.columns.disguise import NUMBER
from undrift.errors import DataError

LINES = 3
"""Lines of a text that must look like rows where nothing else tells that they are."""


@dataclass(frozen=True)
class Quotes:
    """Looks for rows of a file inside one of its fields; ``nulls`` are the words for no value."""

    name: str
    delimiter: str
    nulls: Sequence[str]

    def checked(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """The same batches; raises DataError, with its row, for a field that holds rows."""
        begun = 0
        for batch in batches:
            for values in filter(_is_text, batch.columns):
                for row, text in _of_several_lines(values):
                    if swallowed := self._rows(text, batch.schema.types):
                        raise unclosed(self.name, begun + row + 1, swallowed)
            begun += batch.num_rows
            yield batch

    def _rows(self, text: str, types: Sequence[pa.DataType]) -> int:
        """How many lines of a field are rows of the file; 0 unless all but its first and last ones are."""
        lines = text.rstrip("\n").split("\n")[1:]
        whole = [line for line in lines[:-1] if line.strip()] + [
            line for line in lines[-1:] if self._is_row(line, types)
        ]
        odd = '"' in text or text.endswith("\n")  # the next quote, or the end of the file
        enough = len(whole) >= (1 if odd and any(map(_is_number, types)) else LINES)
        return len(whole) if enough and all(self._is_row(line, types) for line in whole) else 0

    def _is_row(self, line: str, types: Sequence[pa.DataType]) -> bool:
        """Whether a line has a field for each of several columns, with numbers where these hold numbers."""
        fields = next(csv.reader([line.rstrip("\r")], delimiter=self.delimiter), [])
        return len(fields) == len(types) > 1 and all(
            field in self.nulls or not _is_number(type_) or re.match(NUMBER, field)
            for field, type_ in zip(fields, types, strict=True)
        )


def opening(opened: Callable[[], pa.NativeFile], delimiter: str) -> int | None:
    """The row of a file that cannot be parsed in which a quote opens and goes on over lines; None without."""
    row = 0
    with io.TextIOWrapper(opened(), encoding="utf-8", errors="replace", newline="") as text:
        reader = csv.reader(text, delimiter=delimiter)
        try:
            header = next(reader)
            before = reader.line_num
            for row, fields in enumerate(reader, 1):
                if len(fields) != len(header) and reader.line_num > before + 1:
                    return row
                before = reader.line_num
        except StopIteration:
            return None
        except csv.Error:  # a field of more characters than any text has
            return row + 1
    return None


def unclosed(name: str, row: int, swallowed: int | None = None) -> DataError:
    """The error of a quote that opens in a row and is not closed there."""
    rows = "the rows after it" if swallowed is None else f"{swallowed:,} row{'s' * (swallowed != 1)} after it"
    return DataError(
        f"a quote that opens in row {row:,} of {name} is not closed there, and swallows {rows}",
        "Close it, or write a quote that belongs to the text twice.",
    )


def _of_several_lines(values: pa.Array) -> Iterator[tuple[int, str]]:
    """The values of a text column that have line breaks in them, and their rows."""
    places = as_numpy(pc.indices_nonzero(pc.match_substring(values, "\n")))
    yield from ((int(row), values[int(row)].as_py()) for row in places)


def _is_text(values: pa.Array) -> bool:
    return bool(pa.types.is_string(values.type))


def _is_number(type_: pa.DataType) -> bool:
    return bool(pa.types.is_integer(type_) or pa.types.is_floating(type_))
