"""The profile of a whole table: one feature profile per compared column."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from os import PathLike
from typing import Any

import numpy as np
import pyarrow as pa

from undrift import inputs, schema
from undrift.arrow import kind_of
from undrift.columns import time_formats
from undrift.columns.disguise import disguised
from undrift.columns.kinds import as_kind
from undrift.errors import DataError, MergeError, TooFewError
from undrift.inputs import Rows
from undrift.lakes import ORDER
from undrift.profiles.blocks import History
from undrift.profiles.categorical import CategoricalProfile
from undrift.profiles.counting import Counted, Plan, numbers
from undrift.profiles.cutting import rounding
from undrift.profiles.embedding import Embedding
from undrift.profiles.feature import AnyProfile, merged
from undrift.profiles.grid import Grid
from undrift.profiles.numeric import NumericProfile
from undrift.profiles.sample import sample
from undrift.records import Column, Schema

SEGMENTS = 50
"""Segments that are profiled apart at most, the largest ones of the reference."""


@dataclass(frozen=True)
class TableProfile:
    """Feature profiles by name, and the columns that have none, with the reason.

    ``columns`` are all columns in the order of the table, ``kinds`` those that were set rather than
    inferred. ``new`` and ``retyped`` are filled when the table was profiled like a reference.
    ``segments`` holds the same by the values of the column ``by``, over the same grids. ``history`` holds
    the rows counted coarsely by blocks of time, where a time column is known.
    """

    rows: int = 0
    features: dict[str, AnyProfile] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)
    new: tuple[str, ...] = ()
    retyped: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()
    kinds: dict[str, str] = field(default_factory=dict)
    by: str | None = None
    segments: dict[str, TableProfile] = field(default_factory=dict)
    history: History | None = None

    def __reduce__(self) -> tuple[Any, ...]:
        """A pickled profile is its serial form: small, and without what was computed of it."""
        from undrift.profiles.codec import dumps, shared

        return shared, (dumps(self),)

    def merge(self, other: TableProfile) -> TableProfile:
        """The profile of the rows of both tables.

        Raises MergeError when they do not have the same features, segments or grids.
        """
        other = other.awakened(self)
        if (awake := self.awakened(other)) is not self:
            return awake.merge(other)
        retyped = {*self.retyped, *other.retyped}
        unlike = (self.features.keys() ^ other.features.keys()) - retyped
        if unlike:
            raise MergeError(
                f"feature {min(unlike)!r} is in one of the profiles only",
                "Profile both with like= the same reference, from rows that have the column.",
            )
        if self.segments.keys() != other.segments.keys():
            raise MergeError(
                "the profiles have unlike segments", "Profile both with like= the same reference."
            )
        return replace(
            self,
            rows=self.rows + other.rows,
            features={
                name: _merged(name, mine, other.features[name])
                for name, mine in self.features.items()
                if name not in retyped
            },
            left_out=self.left_out | other.left_out,
            new=tuple(sorted({*self.new, *other.new})),
            retyped=tuple(sorted(retyped)),
            columns=self.columns or other.columns,
            segments={label: mine.merge(other.segments[label]) for label, mine in self.segments.items()},
            history=_merged_past(self.history, other.history, retyped),
        )

    def empty(self) -> TableProfile:
        """The profile of no rows with the same features: the neutral element of ``merge``."""
        return TableProfile(
            features={name: feature.empty() for name, feature in self.features.items()},
            left_out=dict(self.left_out),
            columns=self.columns,
            kinds=self.kinds,
            by=self.by,
            segments={label: segment.empty() for label, segment in self.segments.items()},
            history=self.history.empty() if self.history else None,
        )

    def awakened(self, other: TableProfile) -> TableProfile:
        """The same profile with the columns that are all null here, but have values in the other one."""
        filled = {n for n, f in other.features.items() if self.left_out.get(n) == schema.UNTYPED}
        if not filled:
            return self
        segments = {n: part.awakened(other.segments.get(n, other)) for n, part in self.segments.items()}
        return replace(
            self,
            features=self.features | {n: replace(other.features[n].empty(), null=self.rows) for n in filled},
            left_out={n: reason for n, reason in self.left_out.items() if n not in filled},
            segments=segments,
        )

    def only(self, names: Iterable[str]) -> TableProfile:
        """The same profile with these features only."""
        kept = {*names}
        return replace(
            self,
            features={name: feature for name, feature in self.features.items() if name in kept},
            left_out={name: reason for name, reason in self.left_out.items() if name in kept},
            segments={label: segment.only(kept) for label, segment in self.segments.items()},
            history=self.history.only(kept) if self.history else None,
        )

    def save(self, path: str | PathLike[str]) -> None:
        """Keep the profile in a file, whole or not at all; raises DataError where it cannot be written."""
        from undrift.profiles import codec

        codec.write(self, path)

    @classmethod
    def load(cls, path: str | PathLike[str]) -> TableProfile:
        """The profile that ``save`` or ``undrift profile -o`` wrote; raises DataError for anything else."""
        from undrift.profiles import codec

        return codec.read(path)

    def without(self, *names: str) -> TableProfile:
        """The same profile without some features."""
        if not any(name in self.features for name in names):
            return self
        return replace(self.only({*self.features, *self.left_out}.difference(names)), left_out=self.left_out)


def profile(
    data: Any,
    like: TableProfile | None = None,
    *,
    target: str | None = None,
    time: str | None = None,
    time_format: str | None = None,
    window: str | timedelta | None = None,
    ignore: Iterable[str] = (),
    columns: Sequence[str] | None = None,
    kinds: Mapping[str, str] | None = None,
    by: str | None = None,
) -> TableProfile:
    """Summarise rows, in bounded memory, as a small mergeable profile without whole rows.

    ``data`` is anything that ``inputs.rows`` takes: a frame, a file, a folder, a table, a query. With
    ``like``, the same features are counted over the same grids, so the two can be compared and merged,
    and nothing else need be said. Target, time and ignored columns are left out, as are ID-like and
    time ones, each with its reason; ``columns`` names the only ones to look at, ``kinds`` tells the
    kind of a column (numeric, categorical, boolean, datetime, text, ignored) where it should not be
    inferred, ``by`` a column whose values are profiled apart too. The ``time`` column, of times or of
    whole numbers that rise, makes the profile keep a history of short blocks, from which is learnt what
    quiet windows do; its ``time_format`` ("epoch", "year", "%d.%m.%Y") need be said only where it is not
    ISO 8601; "order" takes the order of the rows for it, where no column is called so. ``window`` is
    the length of the shortest window to be judged ("6h"), where that is
    less than a day. Raises DataError when the data cannot be read or holds no feature.

    The grid of a reference comes from all its rows, or, where these are more than a bounded sample
    holds, from that sample: each bin then has the share it should have but for at most 2ε, ε² = ln(2 /
    δ) / 2m for m sampled rows (Massart 1990, with probability 1 - δ). What is counted over the grid is
    exact either way.

    >>> profile({"x": [1.0, 2.0, None]}).features["x"].missing
    1
    """
    if like is not None:
        words = frozenset(name for name, f in like.features.items() if f.kind == "categorical")
        return _like(inputs.rows(data, words), like)
    columns = [columns] if isinstance(columns, str) else columns
    forced = dict(kinds or {})
    given = inputs.rows(data, frozenset(name for name, kind in forced.items() if kind == "categorical"))
    names = tuple(given.schema.names)
    if time == schema.ROW_ORDER and time not in names:
        given, time = inputs.numbered(given, ORDER), ORDER
    rows = _chosen(given, columns, by, time)
    form = _form(rows, time, time_format) if time is not None else ""
    if time is not None and form:
        rows = inputs.in_time_format(rows, time, form)
    ignored = {*ignore, *(name for name, kind in forced.items() if kind == "ignored")} - {by, time}
    drawn = sample(rows, without=ignored)
    if not drawn.table.num_rows and all(map(pa.types.is_null, drawn.table.schema.types)):
        raise TooFewError(f"{inputs.label_of(data)} has no rows", "Name one that has some.")
    agreed = schema.infer(
        drawn.table,
        target=target,
        time=time,
        ignore=ignore,
        kinds=forced,
        source=inputs.label_of(data),
        stored=False,
    )
    agreed = agreed if drawn.whole else _with_rows(agreed, rows)
    frame = _frame(drawn.table, agreed, forced=forced, by=by)
    frame = replace(frame, columns=names, left_out=_given(frame.left_out))
    if time is not None:
        frame = _with_past(frame, drawn.table, time, _span(window))
        frame = _written(frame, form)
        frame = _noted(frame, "the column 'order' is taken for the time" if time == schema.ROW_ORDER else "")
    found = _counted(inputs.in_memory(drawn.table) if drawn.whole else rows, frame)
    return _with_values(found, forced)


def _with_rows(agreed: Schema, rows: Rows) -> Schema:
    """The schema with reasons that name rows of the table, where they were found in a sample of it."""
    odd = {c.name for c in agreed.columns if c.reason.startswith("ID-like") or "are numbers" in c.reason}
    words = [c.name for c in agreed.columns if c.name in odd and c.kind == "categorical"]
    reasons = {n: disguised(b.column(0) for b in rows.scan([n])) or schema.ID_LIKE for n in words}
    columns = (replace(c, reason=reasons.get(c.name, c.reason)) for c in agreed.columns)
    return replace(agreed, columns=tuple(columns))


def _given(left_out: Mapping[str, str]) -> dict[str, str]:
    """The columns that are left out, without that of the row numbers, which nobody gave."""
    return {name: reason for name, reason in left_out.items() if name != ORDER}


def _form(rows: Rows, time: str, named: str | None) -> str:
    """In which format a time column is written; "" where times, or numbers, are as they are."""
    if named is not None:
        return "" if time_formats.check(named, "time_format") == time_formats.COUNTER else named
    type_ = rows.schema.field(time).type
    if kind_of(type_) != "categorical":
        return ""
    first = next(rows.scan([time]), None)
    if first is None:
        return "iso"
    return time_formats.recognised(pa.chunked_array([first.column(0)]), time, rows.name)


def _written(frame: TableProfile, form: str) -> TableProfile:
    """The frame with the format of its times."""
    if frame.history is None or not form:
        return frame
    past = replace(frame.history, form=form)
    parts = {label: replace(segment, history=past) for label, segment in frame.segments.items()}
    return replace(frame, history=past, segments=parts)


def _noted(frame: TableProfile, note: str) -> TableProfile:
    """The frame with something that should be known about its history."""
    return replace(frame, history=replace(frame.history, note=note)) if frame.history and note else frame


def _with_values(found: TableProfile, forced: Container[str]) -> TableProfile:
    """The profile without features that have no value at all, unless they were named, or nothing else is."""
    values = {n for n, f in found.features.items() if f.missing < f.rows or not f.rows or n in forced}
    reasons = {name: schema.UNTYPED for name in found.features if name not in values}
    if not reasons or not values:
        return found
    kept = found.only({*values, *found.left_out})
    parts = {n: replace(part, left_out=part.left_out | reasons) for n, part in kept.segments.items()}
    return replace(kept, left_out=kept.left_out | reasons, segments=parts)


def of_schema(
    table: pa.Table,
    agreed: Any,
    like: TableProfile | None = None,
    window: timedelta | None = None,
    time: str | None = None,
    width: int | None = None,
) -> TableProfile:
    """Profile the features of a table that already conforms to a schema, with its history.

    That is by the column ``time``, the schema's own by default, in blocks that fit into a ``window`` or are
    of one ``width``.
    """
    frame = _frame(table, agreed, like=like)
    if like is not None:
        frame = replace(frame, history=like.history.empty() if like.history else None)
    elif time or agreed.time:
        frame = _with_past(frame, table, time or agreed.time, window, width)
    return _counted(inputs.in_memory(table), frame)


def _span(window: str | timedelta | None) -> timedelta | None:
    from undrift.windows import span

    return span(window) if isinstance(window, str) else window


def _with_past(
    frame: TableProfile, table: pa.Table, time: str, window: timedelta | None, width: int | None = None
) -> TableProfile:
    """The frame with the history of no rows: its bins are cut where these rows lie."""
    filled = _counted(inputs.in_memory(table), replace(frame, by=None, segments={}))
    past = History.over(table[time], time, filled.features, window, len(frame.segments) + 1, width)
    past = replace(past, embeddings=_embeddings(table, frame.left_out))
    parts = {label: replace(segment, history=past) for label, segment in frame.segments.items()}
    return replace(frame, history=past, segments=parts)


def _embeddings(table: pa.Table, left_out: Mapping[str, str]) -> dict[str, Embedding]:
    """The sums of no rows over each column that was left out as lists of numbers."""
    names = [n for n in table.column_names if left_out.get(n) == schema.VECTOR]
    found = {name: Embedding.over(name, table[name]) for name in names}
    return {name: one for name, one in found.items() if one is not None}


def _chosen(rows: Rows, columns: Sequence[str] | None, by: str | None, time: str | None) -> Rows:
    """The rows with these columns only."""
    for name in (name for name in (*(columns or ()), by, time) if name is not None):
        schema.require(rows.schema.names, name, rows.name)
    if columns is None:
        return rows
    names = [n for n in rows.schema.names if n in {*columns, by, time}]
    return Rows(
        rows.name,
        pa.schema([rows.schema.field(n) for n in names]),
        lambda some: rows.scan(names if some is None else some),
    )


def _frame(
    table: pa.Table,
    agreed: Any,
    like: TableProfile | None = None,
    forced: Mapping[str, str] | None = None,
    by: str | None = None,
) -> TableProfile:
    """The profile of no rows that says what to count, over the grids of ``like`` or ones cut here."""
    known = like.features if like else {}
    features = {
        c.name: known[c.name].empty() if c.name in known else _cut(table[c.name], c, forced or {})
        for c in schema.features(agreed)
    }
    left_out = {c.name: c.reason for c in agreed.columns if c.role == "left out"}
    whole = TableProfile(
        features=features,
        left_out=left_out | ({agreed.target: "target"} if agreed.target else {}),
        columns=tuple(table.column_names),
        kinds=dict(forced or {}),
        by=by,
    )
    return replace(whole, segments=dict.fromkeys(_segments(table[by]), whole)) if by else whole


def _cut(values: pa.ChunkedArray, column: Column, forced: Mapping[str, str]) -> AnyProfile:
    """The profile of no rows over a grid or vocabulary of these values."""
    kind = column.kind or "categorical"
    found = as_kind(values, kind, forced=column.name in forced)
    if kind != "numeric":
        return CategoricalProfile.of(found, kind).bounded().empty()
    known = numbers(found)
    return NumericProfile.over(Grid.of(known[np.isfinite(known)], stored=rounding(values.type)))


def _segments(values: pa.ChunkedArray) -> list[str]:
    """The most frequent labels of a column; DataError where it has none."""
    _check_labels(values.type)
    found = CategoricalProfile.of(values).counts
    return sorted(sorted(found, key=lambda label: -found[label])[:SEGMENTS])


def _check_labels(type_: pa.DataType) -> None:
    if kind_of(type_) is None:
        raise DataError(f"rows cannot be told apart by a column of {type_}", "Name a column of labels.")


def _counted(rows: Rows, frame: TableProfile) -> TableProfile:
    """The frame filled with the rows."""
    found = Plan(frame.features, frame.kinds, frame.by, tuple(frame.segments), frame.history).count(rows)
    if found.retyped:
        name = min(found.retyped)
        why = "holds values that are not of the kind it begins with"
        raise DataError(f"column {name!r} of {rows.name} {why}", "Correct it, or tell its kind.")
    return _filled(frame, found)


def _filled(frame: TableProfile, found: Counted, **facts: Any) -> TableProfile:
    """The frame with what was counted; what holds of the table holds for its segments too."""
    facts.setdefault("retyped", tuple(sorted(found.retyped)))
    parts = {label: _filled(frame.segments[label], part, **facts) for label, part in found.segments.items()}
    features = {name: feature for name, feature in found.features.items() if name not in facts["retyped"]}
    past = frame.history
    if past is not None:
        counted = found.past if found.rows else past.empty()
        past = counted.only(features) if counted else None
    return replace(frame, rows=found.rows, features=features, segments=parts, history=past, **facts)


def _like(rows: Rows, like: TableProfile) -> TableProfile:
    """The rows counted like a reference, with what is new in them."""
    names = tuple(rows.schema.names)
    if like.history is not None and like.history.time == ORDER and ORDER not in names:
        rows = inputs.numbered(rows, ORDER)
    if like.history is not None and like.history.form:
        rows = inputs.in_time_format(rows, like.history.time, like.history.form)
    if like.by is not None:
        schema.require(rows.schema.names, like.by, rows.name)
        type_ = rows.schema.field(like.by).type
        if not pa.types.is_null(type_):  # a column without any value: no row is in any segment
            _check_labels(type_)
    features = like.features | _untyped(rows, like)
    found = Plan(features, like.kinds, like.by, tuple(like.segments), like.history).count(rows)
    found = found.without(
        {n for n, f in found.features.items() if n in like.left_out and f.missing == f.rows}
    )
    known = {*like.features, *like.left_out, *like.columns, *schema.index_of(names)}
    new = tuple(sorted(name for name in names if name not in known))
    left_out = {n: _retyped(like.features[n].kind, rows, n) for n in found.retyped}
    left_out |= {n: reason for n, reason in like.left_out.items() if n not in found.features}
    facts = {"new": new, "columns": names, "left_out": left_out}
    return _filled(like.empty(), found, **facts)


def _untyped(rows: Rows, like: TableProfile) -> dict[str, AnyProfile]:
    """Profiles of no rows for the columns that were all null in the reference and have a type now."""
    names = [n for n in rows.schema.names if like.left_out.get(n) == schema.UNTYPED]
    kinds = {n: kind_of(rows.schema.field(n).type) for n in names}
    return {
        n: NumericProfile.over(Grid.of(np.empty(0))) if kind == "numeric" else CategoricalProfile(kind)
        for n, kind in kinds.items()
        if kind is not None
    }


def _retyped(before: str, rows: Rows, name: str) -> str:
    """What became of a column's type; a file without types may have shown codes as numbers."""
    type_ = rows.schema.field(name).type
    if kind_of(type_) != "categorical":
        return f"was {before}, now {type_}"
    odd = disguised(batch.column(0) for batch in rows.scan([name])) if before == "numeric" else ""
    return f"was {before}, now {odd or f'{type_}; if they are codes, tell the kind categorical'}"


def _merged_past(mine: History | None, theirs: History | None, retyped: set[str]) -> History | None:
    """Both histories together; none where one side has rows without a time, or both are by row order."""
    if mine is None or theirs is None:
        return None
    if mine.time == ORDER and len(mine.blocks) and len(theirs.blocks):
        return None  # the rows of both begin at 0: together they have no order
    kept = (mine.cells.keys() & theirs.cells.keys()) - retyped
    return mine.only(kept).merge(theirs.only(kept))


def _merged(name: str, mine: AnyProfile, theirs: AnyProfile) -> AnyProfile:
    if type(mine) is not type(theirs):
        raise MergeError(f"feature {name!r} is {mine.kind} and {theirs.kind}", "Cast it first.")
    try:
        return merged(mine, theirs)
    except MergeError as error:
        raise MergeError(f"feature {name!r}: {error.problem}", error.remedy) from error
