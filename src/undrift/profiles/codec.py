"""The serial form of a table profile: versioned, compressed JSON; every float round-trips exactly.

Sums over numbers beyond 1e154 overflow to infinity, which Python's JSON writes as ``Infinity``.
"""

from __future__ import annotations

import base64
import json
import zlib
from contextlib import suppress
from dataclasses import replace
from functools import lru_cache
from os import PathLike
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from undrift.errors import DataError, unwritable
from undrift.profiles.blocks import History
from undrift.profiles.categorical import CategoricalProfile
from undrift.profiles.embedding import Embedding
from undrift.profiles.feature import AnyProfile
from undrift.profiles.grid import Grid
from undrift.profiles.joint import Joint
from undrift.profiles.numeric import NumericProfile
from undrift.profiles.table import TableProfile

T = TypeVar("T")

MAGIC = b"undrift-profile\n"
VERSION = 4

ENDING = ".profile"
"""How the names of files end that hold a profile."""

MOST = 1 << 28
"""Bytes that a profile may hold unpacked."""

SIZES = ("<u1", "<u2", "<i4", "<i8")
"""Integers to pack counts in, smallest first."""

_TAILS = ("below", "above")

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


def dumps(profile: TableProfile, like: TableProfile | None = None) -> bytes:
    """A profile as bytes; the same profile always gives the same bytes.

    What it was counted over, as ``like`` was, is left out then: whoever reads it needs that one too.

    >>> loads(dumps(TableProfile(rows=3))).rows
    3
    """
    body = {"version": VERSION, **_table_out(profile, like)}
    text = json.dumps(body, separators=(",", ":"))
    return MAGIC + zlib.compress(text.encode(), level=6)


def loads(data: bytes, like: TableProfile | None = None) -> TableProfile:
    """The profile that ``dumps`` wrote, with the same ``like``; raises DataError for anything else."""
    if not data.startswith(MAGIC):
        raise DataError("this is not an undrift profile", "Make one with undrift.profile(...).")
    try:
        body = json.loads(_unpacked(data[len(MAGIC) :]))
        if body["version"] > VERSION:
            raise DataError(f"the profile has version {body['version']}", "Install a newer undrift.")
        return _table_in(body, like)
    except (zlib.error, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise DataError("the profile is damaged", "Make it again from the rows.") from error


@lru_cache(maxsize=8)
def shared(data: bytes) -> TableProfile:
    """The profile that ``dumps`` wrote; one process that is given the same bytes again has it already."""
    return loads(data)


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


def _table_out(profile: TableProfile, like: TableProfile | None) -> dict[str, Any]:
    before = like.features if like else {}
    past = like.history if like else None
    return {
        "rows": profile.rows,
        "columns": profile.columns,
        "kinds": profile.kinds,
        "left_out": profile.left_out,
        "new": profile.new,
        "retyped": profile.retyped,
        "features": {name: _feature_out(f, before.get(name)) for name, f in profile.features.items()},
        "by": profile.by,
        "segments": {label: _segment_out(segment) for label, segment in profile.segments.items()},
        **({"history": _past_out(profile.history, past)} if profile.history else {}),
    }


def _table_in(body: dict[str, Any], like: TableProfile | None) -> TableProfile:
    before = like.features if like else {}
    past = like.history if like else None
    features = {name: _feature_in(f, before.get(name)) for name, f in body["features"].items()}
    whole = TableProfile(
        body["rows"],
        features,
        body["left_out"],
        tuple(body["new"]),
        tuple(body["retyped"]),
        tuple(body.get("columns", ())),
        body.get("kinds", {}),
        body.get("by"),
        history=_past_in(body["history"], past) if "history" in body else None,
    )
    segments = {label: _segment_in(part, whole) for label, part in body.get("segments", {}).items()}
    return replace(whole, segments=segments)


def _segment_out(segment: TableProfile) -> dict[str, Any]:
    """A segment without the grids, which are those of the whole."""
    features = {name: _feature_out(f, f) for name, f in segment.features.items()}
    past = {"history": _past_out(segment.history)} if segment.history else {}
    return {"rows": segment.rows, "features": features, **past}


def _segment_in(body: dict[str, Any], whole: TableProfile) -> TableProfile:
    features = {name: _feature_in(f, whole.features[name]) for name, f in body["features"].items()}
    past = _past_in(body["history"]) if "history" in body else None
    return replace(whole, rows=body["rows"], features=features, history=past)


def _past_out(past: History, like: History | None = None) -> dict[str, Any]:
    """A history: the counts of each feature as packed integers; without the bins that another one has too."""
    known = like is not None and like.alike(past) and _scored_alike(past.joint, like.joint)
    lists = [*past.embeddings.values()]
    return {
        "time": past.time,
        "width": past.width,
        "calendar": past.calendar,
        "note": past.note,
        "form": past.form,
        "shortest": past.shortest,
        "stays": {name: _packed(stay) for name, stay in past.stays.items()},
        "joint": _joint_out(past.joint, scores=not known) if past.joint else None,
        **({"embeddings": [_embedding_out(one, like) for one in lists]} if lists else {}),
        "blocks": past.blocks.tolist(),
        **({} if known else {"cells": {n: _cells_out(cells) for n, cells in past.cells.items()}}),
        "counts": {name: _packed(counts) for name, counts in past.counts.items()},
    }


def _past_in(body: dict[str, Any], like: History | None = None) -> History:
    blocks = np.array(body["blocks"], dtype=np.int64)
    if "cells" in body:
        cells = {name: _cells_in(found) for name, found in body["cells"].items()}
    else:
        cells = dict(_given(like).cells)
    empty = History(body["time"], body["width"], body["calendar"], cells).empty()
    counts = {
        n: _unpacked_counts(body["counts"][n], (len(blocks), c.shape[1])) for n, c in empty.counts.items()
    }
    empty = replace(empty, stays={name: _unpacked_counts(t, (2, -1)) for name, t in body["stays"].items()})
    joint = _joint_in(body["joint"], len(blocks), like) if body.get("joint") else None
    lists = [_embedding_in(one, len(blocks), like) for one in body.get("embeddings", ())]
    empty = replace(empty, embeddings={one.name: one for one in lists})
    said = {"note": body.get("note", ""), "form": body.get("form", "")}
    return replace(empty, blocks=blocks, counts=counts, shortest=body["shortest"], joint=joint, **said)


def _given(like: T | None) -> T:
    """What a profile was counted like; raises ValueError where it is not given."""
    if like is None:
        raise ValueError("counted over another profile, which is not given")
    return like


def _scored_alike(one: Joint | None, other: Joint | None) -> bool:
    """Whether two histories give the values of the same features the same scores."""
    if one is None or other is None:
        return one is other
    known = other.scores
    return one.names == other.names and all(np.array_equal(s, known[n]) for n, s in one.scores.items())


def _joint_out(joint: Joint, *, scores: bool) -> dict[str, Any]:
    known = {name: found.tolist() for name, found in joint.scores.items()}
    return {
        **({"scores": known} if scores else {}),
        "share": joint.share,
        "sums": _packed(joint.sums),
    }


def _joint_in(body: dict[str, Any], blocks: int, like: History | None) -> Joint:
    if "scores" in body:
        scores = {name: np.array(found, dtype=np.int64) for name, found in body["scores"].items()}
    else:
        scores = dict(_given(_given(like).joint).scores)
    empty = Joint(scores, body["share"], np.empty((0, 0), np.int64)).empty()
    return empty.of(_unpacked_counts(body["sums"], (blocks, empty.width)))


def _embedding_out(one: Embedding, like: History | None) -> dict[str, Any]:
    """The sums of a column of lists; without its centre where that is the one of what it was counted like."""
    known = like.embeddings.get(one.name) if like else None
    centre = {} if known and known.alike(one) else {"centre": one.centre.tolist(), "scale": one.scale}
    return {"name": one.name, **centre, "sums": _packed(one.sums)}


def _embedding_in(body: dict[str, Any], blocks: int, like: History | None) -> Embedding:
    name, none = body["name"], np.empty((0, 0), np.int64)
    if "centre" in body:
        one = Embedding(name, np.array(body["centre"], dtype=np.float64), float(body["scale"]), none)
    else:
        one = _given(like).embeddings[name]
    return one.of(_unpacked_counts(body["sums"], (blocks, one.width)))


def _cells_out(cells: Any) -> list[Any]:
    found: list[Any] = list(cells) if isinstance(cells, tuple) else cells.tolist()
    return found


def _cells_in(found: list[Any]) -> Any:
    return np.array(found, dtype=np.int64) if found and isinstance(found[0], int) else tuple(found)


def _packed(counts: NDArray[np.int64]) -> str:
    """Counts column by column, in as few bytes as the largest needs."""
    low, high = (int(counts.min()), int(counts.max())) if counts.size else (0, 0)
    size = next(s for s in SIZES if np.iinfo(s).min <= low and high <= np.iinfo(s).max)
    body = base64.b64encode(zlib.compress(counts.T.astype(size).tobytes(), 6)).decode()
    return f"{size[1:]}:{body}"


def _unpacked_counts(text: str, shape: tuple[int, int]) -> NDArray[np.int64]:
    size, _, body = text.partition(":")
    found = np.frombuffer(_unpacked(base64.b64decode(body)), f"<{size}")
    return np.ascontiguousarray(found.reshape(shape[::-1]).T.astype(np.int64))


def _feature_out(profile: AnyProfile, like: AnyProfile | None = None) -> dict[str, Any]:
    """A feature; without its grid or vocabulary where they are those of another one."""
    if isinstance(profile, CategoricalProfile):
        known = isinstance(like, CategoricalProfile) and [*like.counts] == [*profile.counts]
        return {
            "kind": profile.kind,
            "counts": [*profile.counts.values()] if known and like is not profile else profile.counts,
            "others": profile.others,
            "rest": profile.rest,
            "null": profile.null,
        }
    return {
        "kind": profile.kind,
        **({} if isinstance(like, NumericProfile) and like.grid == profile.grid else _grid_out(profile.grid)),
        "counts": profile.counts.tolist(),
        **{name: getattr(profile, name) for name in _COUNTERS},
        **{name: getattr(profile, name).tolist() for name in _TAILS if len(getattr(profile, name))},
    }


def _feature_in(body: dict[str, Any], like: AnyProfile | None = None) -> AnyProfile:
    if body["kind"] != "numeric":
        others, rest, counts = body.get("others", {}), body.get("rest", 0), body["counts"]
        if isinstance(counts, list):
            words = like.counts if isinstance(like, CategoricalProfile) else {}
            counts = dict(zip(words, counts, strict=True))
        return CategoricalProfile(body["kind"], counts, body["null"], others, rest)
    if "edges" in body:
        grid = _grid_in(body)
    else:
        grid = _given(like if isinstance(like, NumericProfile) else None).grid
    counts = np.array(body["counts"], dtype=np.int64)
    if counts.shape != (len(grid.edges) + 1,):
        raise ValueError("counts that do not fit their grid")
    below, above = (_tail_in(body.get(name), edges) for name, edges in zip(_TAILS, grid.tails, strict=True))
    found = {name: body[name] for name in _COUNTERS}
    return NumericProfile(grid, counts, **found, below=below, above=above)


def _grid_out(grid: Grid) -> dict[str, Any]:
    return {
        "edges": _shuffled(grid.edges),
        "points": grid.points.tolist(),
        "separate": grid.separate,
        "centre": grid.centre,
    }


def _grid_in(body: dict[str, Any]) -> Grid:
    """A grid; before version 4 edges were a list, and values with an own cell known by them."""
    if isinstance(body["edges"], list):
        return Grid(np.array(body["edges"], dtype=np.float64), body["centre"])
    edges, points = _sorted_out(body["edges"]), np.array(body["points"], dtype=np.float64)
    return Grid(edges, body["centre"], points, body["separate"])


def _shuffled(numbers: NDArray[np.float64]) -> str:
    """Floats as text, the first bytes of all, then the second ones: alike bytes pack well."""
    planes = numbers.astype("<f8").view(np.uint8).reshape(-1, 8).T
    return base64.b64encode(zlib.compress(planes.tobytes(), 6)).decode()


def _sorted_out(text: str) -> NDArray[np.float64]:
    planes = np.frombuffer(_unpacked(base64.b64decode(text)), np.uint8).reshape(8, -1)
    return np.ascontiguousarray(planes.T).view("<f8").reshape(-1).astype(np.float64)


def _tail_in(found: list[int] | None, edges: NDArray[np.float64]) -> NDArray[np.int64]:
    counts = np.array(found or [], dtype=np.int64)
    if found is not None and counts.shape != (len(edges) + 1,):
        raise ValueError("counts that do not fit their tail")
    return counts
