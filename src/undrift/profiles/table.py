"""The profile of a whole table: one feature profile per compared column."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa

from undrift import inputs, schema
from undrift.errors import DataError, MergeError
from undrift.profiles.categorical import CategoricalProfile
from undrift.profiles.grid import Grid
from undrift.profiles.numeric import NumericProfile
from undrift.records import Kind

AnyProfile = NumericProfile | CategoricalProfile


@dataclass(frozen=True)
class TableProfile:
    """Feature profiles by name, and the columns that have none, with the reason.

    ``new`` and ``retyped`` are filled when the table was profiled like a reference.
    """

    rows: int = 0
    features: dict[str, AnyProfile] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)
    new: tuple[str, ...] = ()
    retyped: tuple[str, ...] = ()

    def merge(self, other: TableProfile) -> TableProfile:
        """The profile of the rows of both tables.

        Raises MergeError when they do not have the same features or count over unlike grids.
        """
        unlike = set(self.features) ^ set(other.features)
        if unlike:
            raise MergeError(
                f"feature {min(unlike)!r} is in one of the profiles only",
                "Profile both with like= the same reference.",
            )
        features: dict[str, AnyProfile] = {}
        for name, mine in self.features.items():
            theirs = other.features[name]
            if type(mine) is not type(theirs):
                raise MergeError(f"feature {name!r} is {mine.kind} and {theirs.kind}", "Cast it first.")
            features[name] = mine.merge(theirs)  # type: ignore[arg-type]
        return TableProfile(
            self.rows + other.rows,
            features,
            self.left_out | other.left_out,
            tuple(sorted({*self.new, *other.new})),
            tuple(sorted({*self.retyped, *other.retyped})),
        )

    def empty(self) -> TableProfile:
        """The profile of no rows with the same features: the neutral element of ``merge``."""
        return TableProfile(0, {name: _empty(p) for name, p in self.features.items()})


def profile(
    data: Any,
    like: TableProfile | None = None,
    *,
    target: str | None = None,
    time: str | None = None,
    ignore: Iterable[str] = (),
) -> TableProfile:
    """Summarise rows, once, as a small mergeable profile without whole rows.

    ``data`` is a file name or a pandas, Polars, pyarrow or DuckDB table. With ``like``, the same
    features are counted over the same grids, so the two can be compared and merged. Target, time
    and ignored columns are left out, as are ID-like and time ones, each with its reason.
    Raises DataError when the data cannot be read, holds no feature, or a column is nested.

    >>> profile({"x": [1.0, 2.0, None]}).features["x"].missing
    1
    """
    table = inputs.read(data)
    if like is not None:
        return _like(table, like)
    agreed = schema.infer(table, target=target, time=time, ignore=ignore, source=inputs.label_of(data))
    features = {c.name: _feature(table[c.name], c.kind) for c in schema.features(agreed) if c.kind}
    left_out = {c.name: c.reason for c in agreed.columns if c.role == "left out"}
    return TableProfile(table.num_rows, features, left_out | ({target: "target"} if target else {}))


def of_schema(table: pa.Table, agreed: Any, like: TableProfile | None = None) -> TableProfile:
    """Profile the features of a table that already conforms to a schema."""
    grids = like.features if like else {}
    features = {
        c.name: _feature(table[c.name], c.kind, grids.get(c.name)) for c in schema.features(agreed) if c.kind
    }
    left_out = {c.name: c.reason for c in agreed.columns if c.role == "left out"}
    return TableProfile(table.num_rows, features, left_out)


def _like(table: pa.Table, like: TableProfile) -> TableProfile:
    features: dict[str, AnyProfile] = {}
    retyped = []
    for name in [n for n in like.features if n in table.column_names]:
        try:
            features[name] = _feature(table[name], like.features[name].kind, like.features[name])
        except DataError:
            retyped.append(name)
    known = {*like.features, *like.left_out}
    new = sorted(n for n in table.column_names if n not in known)
    return TableProfile(table.num_rows, features, dict(like.left_out), tuple(new), tuple(retyped))


def _feature(values: pa.ChunkedArray, kind: Kind, like: AnyProfile | None = None) -> AnyProfile:
    if pa.types.is_null(values.type):
        values = values.cast(pa.float64() if kind == "numeric" else pa.string())
    found = schema.kind_of(values.type)
    if (kind == "numeric") != (found == "numeric"):
        raise DataError(f"a column that was {kind} is now {values.type}", "Deliver it as it was.")
    if kind != "numeric":
        return CategoricalProfile.of(values, kind)
    null = values.null_count
    numbers = values.drop_null().cast(pa.float64(), safe=False).to_numpy()
    grid = like.grid if isinstance(like, NumericProfile) else None
    return NumericProfile.of(np.asarray(numbers, dtype=np.float64), null, grid)


def _empty(profile: AnyProfile) -> AnyProfile:
    if isinstance(profile, NumericProfile):
        return NumericProfile.empty(profile.grid)
    return CategoricalProfile(profile.kind)


__all__ = ["Grid", "TableProfile", "of_schema", "profile"]
