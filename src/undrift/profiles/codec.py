"""The serial form of a table profile: versioned, compressed JSON; every float round-trips exactly.

Sums over numbers beyond 1e154 overflow to infinity, which Python's JSON writes as ``Infinity``.
"""

from __future__ import annotations

import json
import zlib
from typing import Any

import numpy as np

from undrift.errors import DataError
from undrift.profiles.categorical import CategoricalProfile
from undrift.profiles.grid import Grid
from undrift.profiles.numeric import NumericProfile
from undrift.profiles.table import AnyProfile, TableProfile

MAGIC = b"undrift-profile\n"
VERSION = 1

_COUNTERS = (
    "null",
    "nan",
    "negative_infinite",
    "positive_infinite",
    "total",
    "squares",
    "minimum",
    "maximum",
)


def dumps(profile: TableProfile) -> bytes:
    """A profile as bytes; the same profile always gives the same bytes.

    >>> loads(dumps(TableProfile(rows=3))).rows
    3
    """
    body = {
        "version": VERSION,
        "rows": profile.rows,
        "left_out": profile.left_out,
        "new": profile.new,
        "retyped": profile.retyped,
        "features": {name: _feature_out(f) for name, f in profile.features.items()},
    }
    text = json.dumps(body, separators=(",", ":"))
    return MAGIC + zlib.compress(text.encode(), level=6)


def loads(data: bytes) -> TableProfile:
    """The profile that ``dumps`` wrote; raises DataError for anything else or a newer version."""
    if not data.startswith(MAGIC):
        raise DataError("this is not an undrift profile", "Make one with undrift.profile(...).")
    try:
        body = json.loads(zlib.decompress(data[len(MAGIC) :]))
        if body["version"] > VERSION:
            raise DataError(f"the profile has version {body['version']}", "Install a newer undrift.")
        return _table_in(body)
    except (zlib.error, ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataError("the profile is damaged", "Make it again from the rows.") from error


def _table_in(body: dict[str, Any]) -> TableProfile:
    features = {name: _feature_in(f) for name, f in body["features"].items()}
    return TableProfile(body["rows"], features, body["left_out"], tuple(body["new"]), tuple(body["retyped"]))


def _feature_out(profile: AnyProfile) -> dict[str, Any]:
    if isinstance(profile, CategoricalProfile):
        return {"kind": profile.kind, "counts": profile.counts, "null": profile.null}
    return {
        "kind": profile.kind,
        "edges": profile.grid.edges.tolist(),
        "centre": profile.grid.centre,
        "counts": profile.counts.tolist(),
        **{name: getattr(profile, name) for name in _COUNTERS},
    }


def _feature_in(body: dict[str, Any]) -> AnyProfile:
    if body["kind"] != "numeric":
        return CategoricalProfile(body["kind"], body["counts"], body["null"])
    grid = Grid(np.array(body["edges"], dtype=np.float64), body["centre"])
    counts = np.array(body["counts"], dtype=np.int64)
    return NumericProfile(grid, counts, **{name: body[name] for name in _COUNTERS})
