"""The serial form of a table profile: versioned, compressed JSON; every float round-trips exactly.

Sums over numbers beyond 1e154 overflow to infinity, which Python's JSON writes as ``Infinity``.
"""

from __future__ import annotations

import json
import zlib
from contextlib import suppress
from dataclasses import replace
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from undrift.errors import DataError, unwritable
from undrift.profiles.categorical import CategoricalProfile
from undrift.profiles.counting import AnyProfile
from undrift.profiles.grid import Grid
from undrift.profiles.numeric import NumericProfile
from undrift.profiles.table import TableProfile

MAGIC = b"undrift-profile\n"
VERSION = 2

ENDING = ".profile"
"""How the names of files end that hold a profile."""

MOST = 1 << 28
"""Bytes that a profile may hold unpacked."""

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
    body = {"version": VERSION, **_table_out(profile)}
    text = json.dumps(body, separators=(",", ":"))
    return MAGIC + zlib.compress(text.encode(), level=6)


def loads(data: bytes) -> TableProfile:
    """The profile that ``dumps`` wrote; raises DataError for anything else or a newer version."""
    if not data.startswith(MAGIC):
        raise DataError("this is not an undrift profile", "Make one with undrift.profile(...).")
    try:
        body = json.loads(_unpacked(data[len(MAGIC) :]))
        if body["version"] > VERSION:
            raise DataError(f"the profile has version {body['version']}", "Install a newer undrift.")
        return _table_in(body)
    except (zlib.error, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise DataError("the profile is damaged", "Make it again from the rows.") from error


def _unpacked(data: bytes) -> bytes:
    """The packed bytes, unless they are cut off or swell beyond all measure."""
    packed = zlib.decompressobj()
    body = packed.decompress(data, MOST)
    if not packed.eof:
        raise ValueError("cut off, or too large")
    return body


def read(path: str | PathLike[str]) -> TableProfile:
    """The profile in a file; raises DataError naming it."""
    try:
        return loads(Path(path).read_bytes())
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}", "Check the path.") from error
    except DataError as error:
        raise DataError(f"{path}: {error.problem}", error.remedy) from error


def write(profile: TableProfile, path: str | PathLike[str]) -> int:
    """Keep a profile in a file, whole or not at all; gives the bytes written.

    Raises DataError naming the file when it cannot be written: what was there is still there then.
    """
    data = dumps(profile)
    beside = Path(f"{path}.part")
    try:
        beside.write_bytes(data)
        beside.replace(path)
    except OSError as error:
        raise unwritable(path, error) from error
    finally:
        with suppress(OSError):
            beside.unlink(missing_ok=True)
    return len(data)


def _table_out(profile: TableProfile) -> dict[str, Any]:
    return {
        "rows": profile.rows,
        "columns": profile.columns,
        "kinds": profile.kinds,
        "left_out": profile.left_out,
        "new": profile.new,
        "retyped": profile.retyped,
        "features": {name: _feature_out(f) for name, f in profile.features.items()},
        "by": profile.by,
        "segments": {label: _segment_out(segment) for label, segment in profile.segments.items()},
    }


def _table_in(body: dict[str, Any]) -> TableProfile:
    features = {name: _feature_in(f) for name, f in body["features"].items()}
    whole = TableProfile(
        body["rows"],
        features,
        body["left_out"],
        tuple(body["new"]),
        tuple(body["retyped"]),
        tuple(body.get("columns", ())),
        body.get("kinds", {}),
        body.get("by"),
    )
    segments = {label: _segment_in(part, whole) for label, part in body.get("segments", {}).items()}
    return replace(whole, segments=segments)


def _segment_out(segment: TableProfile) -> dict[str, Any]:
    """A segment without the grids, which are those of the whole."""
    features = {name: _feature_out(f) for name, f in segment.features.items()}
    for body in features.values():
        body.pop("edges", None)
    return {"rows": segment.rows, "features": features}


def _segment_in(body: dict[str, Any], whole: TableProfile) -> TableProfile:
    features = {name: _feature_in(f, whole.features[name]) for name, f in body["features"].items()}
    return replace(whole, rows=body["rows"], features=features)


def _feature_out(profile: AnyProfile) -> dict[str, Any]:
    if isinstance(profile, CategoricalProfile):
        return {
            "kind": profile.kind,
            "counts": profile.counts,
            "others": profile.others,
            "rest": profile.rest,
            "null": profile.null,
        }
    return {
        "kind": profile.kind,
        "edges": profile.grid.edges.tolist(),
        "centre": profile.grid.centre,
        "counts": profile.counts.tolist(),
        **{name: getattr(profile, name) for name in _COUNTERS},
    }


def _feature_in(body: dict[str, Any], like: AnyProfile | None = None) -> AnyProfile:
    if body["kind"] != "numeric":
        others, rest = body.get("others", {}), body.get("rest", 0)
        return CategoricalProfile(body["kind"], body["counts"], body["null"], others, rest)
    if isinstance(like, NumericProfile):
        grid = like.grid
    else:
        grid = Grid(np.array(body["edges"], dtype=np.float64), body["centre"])
    counts = np.array(body["counts"], dtype=np.int64)
    if counts.shape != (len(grid.edges) + 1,):
        raise ValueError("counts that do not fit their grid")
    return NumericProfile(grid, counts, **{name: body[name] for name in _COUNTERS})
