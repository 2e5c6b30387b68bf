"""JSON lines: one object on each line."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import pyarrow as pa
import pyarrow.json as pj

from undrift.inputs import Rows, in_memory, sliced
from undrift.inputs._types import cast, joined, wider

BLOCK = 16 << 20
"""Bytes parsed at a time."""

HELD = 64 << 20
"""Bytes of a parsed file up to which it is held in memory instead of being parsed again."""


def jsonl(name: str, opened: Callable[[], pa.NativeFile], text: frozenset[str]) -> Rows:
    """The rows of a file of JSON lines; a field that a line does not have is null.

    Types are inferred over the whole file; what looks like a time is text where it is named so. Raises
    DataError when a field is of several types.
    """
    schema, size = pa.schema([]), 0
    held: list[pa.Table] = []
    for block in _blocks(opened):
        found = _parsed(block)
        schema = joined(schema, found.schema, name, _fit)
        size += found.nbytes
        held = [*held, found] if size <= HELD else []

    schema = pa.schema(
        [f.with_type(pa.string()) if f.name in text and pa.types.is_timestamp(f.type) else f for f in schema]
    )

    def scan(columns: Sequence[str] | None) -> Iterator[pa.RecordBatch]:
        chosen = pa.schema([schema.field(n) for n in (schema.names if columns is None else columns)])
        for block in _blocks(opened):
            yield from sliced(_parsed(block, chosen).to_batches(), chosen.names)

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
    return pj.read_json(
        pa.BufferReader(block),
        read_options=pj.ReadOptions(block_size=len(block) + 1),
        parse_options=pj.ParseOptions(
            explicit_schema=schema, unexpected_field_behavior="infer" if schema is None else "ignore"
        ),
    )


def _fit(one: pa.DataType, other: pa.DataType) -> pa.DataType | None:
    return wider(one, other) or _spoken(one, other)


def _spoken(one: pa.DataType, other: pa.DataType) -> pa.DataType | None:
    """Texts that look like times in one block only are texts; of nested values the first ones are kept."""
    if pa.types.is_nested(one) and pa.types.is_nested(other):
        return one
    kinds = {pa.types.is_string(one), pa.types.is_string(other)}
    times = pa.types.is_timestamp(one) or pa.types.is_timestamp(other)
    return pa.string() if kinds == {True, False} and times else None


def _reads_otherwise(found: pa.Schema, agreed: pa.Schema) -> bool:
    """Whether a block must be parsed again: its values are not those of the agreed types."""
    pairs = [(field.type, agreed.field(field.name).type) for field in found]
    return any(a != b and (pa.types.is_timestamp(a) or pa.types.is_nested(a)) for a, b in pairs)


def _filled(table: pa.Table, schema: pa.Schema) -> pa.RecordBatch:
    """The rows of a block with all fields, null where it has none of a name."""
    for field in schema:
        if field.name not in table.column_names:
            table = table.append_column(field, pa.nulls(table.num_rows, field.type))
    return cast(table.combine_chunks().to_batches()[0], schema)
