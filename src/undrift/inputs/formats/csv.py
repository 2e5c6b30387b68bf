"""CSV and tab-separated values, with a header line."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

import pyarrow as pa
from pyarrow import csv as pc

from undrift.errors import DataError
from undrift.inputs import Rows, in_memory, sliced
from undrift.inputs._quotes import Quotes, opening, unclosed

BLOCK = 8 << 20
"""Bytes parsed at a time."""

HELD = 64 << 20
"""Bytes of a parsed file up to which it is held in memory instead of being parsed again."""

NULLS = ["", "NA", "N/A", "NULL", "null", "None"]
"""Fields that mean that there is no value."""

DELIMITERS = ",\t;|"
"""What may stand between fields: the first of these that the header line has."""

_FOUND = pc.ConvertOptions(strings_can_be_null=True, null_values=NULLS)

Types = dict[str, pa.DataType]
Reader = Callable[[pc.ConvertOptions], pc.CSVStreamingReader]


def csv(name: str, opened: Callable[[], pa.NativeFile], text: frozenset[str]) -> Rows:
    """The rows of a CSV file; fields stand between commas, tabs, semicolons or bars, as in the header.

    Types are inferred over the whole file: a column is text as soon as one value is neither empty nor
    of the type that the others have. Raises DataError when a column is not UTF-8, or when a quote that is
    not closed swallows rows.
    """
    delimiter = "\t" if name.lower().removesuffix(".gz").endswith(".tsv") else _delimiter(opened)

    def reader(how: pc.ConvertOptions) -> pc.CSVStreamingReader:
        return pc.open_csv(
            opened(),
            read_options=pc.ReadOptions(block_size=BLOCK),
            parse_options=pc.ParseOptions(delimiter=delimiter, newlines_in_values=True),
            convert_options=how,
        )

    def scan(columns: Sequence[str] | None) -> Iterator[pa.RecordBatch]:
        with reader(_as({f.name: f.type for f in schema})) as stream:
            yield from sliced(stream, columns)

    try:
        schema, held = _settled(reader, dict.fromkeys(text, pa.string()), Quotes(name, delimiter, NULLS))
    except pa.ArrowInvalid as error:
        if (row := opening(opened, delimiter)) is None:
            raise
        raise unclosed(name, row) from error
    odd = next((field.name for field in schema if pa.types.is_binary(field.type)), None)
    if odd is not None:
        raise DataError(f"column {odd!r} of {name} is not UTF-8", "Save the file as UTF-8.")
    return Rows(name, schema, scan) if held is None else in_memory(pa.Table.from_batches(held, schema), name)


def _delimiter(opened: Callable[[], pa.NativeFile]) -> str:
    with opened() as stream:
        header = stream.read(1 << 16).partition(b"\n")[0].decode("utf-8", "replace")
    return next((sign for sign in DELIMITERS if sign in header), ",")


def _settled(reader: Reader, told: Types, quotes: Quotes) -> tuple[pa.Schema, list[pa.RecordBatch] | None]:
    """The schema that holds for every value, and the batches if they are few.

    What the first block shows mostly holds for the whole file. Where it does not, all blocks are looked
    at, and the file is parsed once more.
    """
    with reader(_as(told)) as stream:
        schema = stream.schema
        try:
            return schema, _held(quotes.checked(stream))
        except pa.ArrowInvalid as error:
            if "conversion error" not in str(error):
                raise
    with reader(_as(_surveyed(reader, schema.names) | told)) as stream:
        return stream.schema, _held(quotes.checked(stream))


def _surveyed(reader: Reader, names: Sequence[str]) -> Types:
    """The type of each column by the types that its blocks would have, each by itself."""
    types = dict.fromkeys(names, pa.null())
    words = pc.ConvertOptions(column_types=dict.fromkeys(names, pa.string()))
    with reader(words) as stream:
        for batch in stream:
            for field in _again(batch):
                types[field.name] = _wider(types[field.name], field.type)
    return types


def _again(batch: pa.RecordBatch) -> pa.Schema:
    """The schema that the fields of a block have when they are parsed by themselves."""
    sink = pa.BufferOutputStream()
    pc.write_csv(batch, sink)
    block = sink.getvalue()
    return pc.read_csv(
        pa.BufferReader(block),
        read_options=pc.ReadOptions(block_size=max(block.size, 1)),
        parse_options=pc.ParseOptions(newlines_in_values=True),
        convert_options=_FOUND,
    ).schema


def _wider(one: pa.DataType, other: pa.DataType) -> pa.DataType:
    """The type of fields of which some were read as the one and some as the other."""
    if one == other or pa.types.is_null(other):
        return one
    if pa.types.is_null(one):
        return other
    both = {one, other}
    if both == {pa.int64(), pa.float64()}:
        return pa.float64()
    if both <= {pa.date32(), pa.timestamp("s"), pa.timestamp("ns")}:
        return pa.timestamp("ns" if pa.timestamp("ns") in both else "s")
    return pa.string()


def _as(types: Types) -> pc.ConvertOptions:
    """Convert fields to these types; those of other columns are inferred."""
    return pc.ConvertOptions(strings_can_be_null=True, null_values=NULLS, column_types=types)


def _held(batches: Iterable[pa.RecordBatch]) -> list[pa.RecordBatch] | None:
    """The batches, or None where they are too large to be held; all are read either way."""
    held, size = [], 0
    for batch in batches:
        size += batch.nbytes
        if size <= HELD:
            held.append(batch)
    return held if size <= HELD else None
