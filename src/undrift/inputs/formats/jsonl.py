"""JSON lines: one object on each line."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.json as pj

from undrift.arrow import Unread, understood
from undrift.inputs import Rows, in_memory, sliced
from undrift.inputs._objects import column
from undrift.inputs._types import cast, joined, wider

BLOCK = 16 << 20
"""Bytes parsed at a time."""

HELD = 64 << 20
"""Bytes of a parsed file up to which it is held in memory instead of being parsed again."""


def jsonl(name: str, opened: Callable[[], pa.NativeFile], text: frozenset[str]) -> Rows:
    """The rows of a file of JSON lines; a field that a line does not have is null.

    Types are inferred over the whole file; what looks like a time is text where it is named so. A field
    of numbers and text is text, as in a file without types; nested ones are not read.
    """
    schema, size = pa.schema([]), 0
    held: list[pa.Table] = []
    for block in _blocks(opened):
        found = _parsed(block)
        schema = joined(schema, found.schema, _fit)
        size += found.nbytes
        held = [*held, found] if size <= HELD else []

    schema = pa.schema(
        [f.with_type(pa.string()) if f.name in text and pa.types.is_timestamp(f.type) else f for f in schema]
    )

    def scan(columns: Sequence[str] | None) -> Iterator[pa.RecordBatch]:
        chosen = pa.schema([schema.field(n) for n in (schema.names if columns is None else columns)])
        for block in _blocks(opened):
            yield from sliced([_filled(_parsed(block, chosen), chosen)], chosen.names)

    if size > HELD or any(_reads_otherwise(table.schema, schema) for table in held):
        return Rows(name, schema, scan)
    return in_memory(pa.Table.from_batches([_filled(t, schema) for t in held], schema), name)


def _blocks(opened: Callable[[], pa.NativeFile]) -> Iterator[bytes]:
    """The file in pieces that end with a line."""
    rest = b""
    with opened() as stream:
        while part := stream.read(BLOCK):
            lines, end, after = part.rpartition(b"\n")
            if not end:
                rest += part
                continue
            yield from filter(bytes.strip, [rest + lines])
            rest = after
    yield from filter(bytes.strip, [rest])


def _parsed(block: bytes, schema: pa.Schema | None = None) -> pa.Table:
    """The rows of a block, in these types and with these fields only where they are known."""
    types = pa.schema([field for field in schema or () if not isinstance(field.type, Unread)])
    try:
        return _without_nested(
            pj.read_json(
                pa.BufferReader(block),
                read_options=pj.ReadOptions(block_size=len(block) + 1),
                parse_options=pj.ParseOptions(
                    explicit_schema=types if len(types) else None,
                    unexpected_field_behavior="ignore" if len(types) else "infer",
                ),
            )
        )
    except pa.ArrowInvalid as error:
        if "changed from" not in str(error):
            raise
    return _mixed([json.loads(line) for line in block.splitlines() if line.strip()])


def _mixed(rows: list[dict[str, Any]]) -> pa.Table:
    """The rows of a block of which a field is of several types."""
    names = dict.fromkeys(name for row in rows for name in row)
    return _without_nested(pa.table({name: column([row.get(name) for row in rows]) for name in names}))


def _without_nested(table: pa.Table) -> pa.Table:
    """The same rows without the values of nested fields, which are not read."""
    for at, field in enumerate(table.schema):
        if not understood(field.type) and not isinstance(field.type, Unread):
            table = table.set_column(at, field.name, Unread("nested").of(table.num_rows))
    return table


def _fit(one: pa.DataType, other: pa.DataType) -> pa.DataType | None:
    """The type of both; texts that look like times in one block only are texts, as are unlike values."""
    return wider(one, other) or (pa.string() if understood(one) and understood(other) else None)


def _reads_otherwise(found: pa.Schema, agreed: pa.Schema) -> bool:
    """Whether a block must be parsed again: what looked like times in it is text."""
    return any(pa.types.is_timestamp(f.type) and f.type != agreed.field(f.name).type for f in found)


def _filled(table: pa.Table, schema: pa.Schema) -> pa.RecordBatch:
    """The rows of a block with all fields, null where it has none of a name."""
    for field in schema:
        if field.name not in table.column_names:
            table = table.append_column(field.name, pa.nulls(table.num_rows))
    return cast(table.select(schema.names).combine_chunks().to_batches()[0], schema)
