"""What a challenger must not do, however much it saves on average: the gate's guardrails."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from undrift.columns.kinds import as_text
from undrift.gate import Gate
from undrift.records import Guard, Trial, Version
from undrift.statistics.intervals import serial_t
from undrift.workspace.archive import Labelled
from undrift.workspace.models import Models

Floats = NDArray[np.float64]

FEWEST = 30
"""Rows of a segment under which nothing is said about it."""

MOST = 20
"""Segments of a column that are judged, those with most rows."""


def guarded(
    trial: Trial,
    version: Version,
    said: Mapping[int, Floats],
    live: int,
    data: Labelled,
    models: Models,
    gate: Gate,
) -> Trial:
    """The trial with its guardrails: one that breaks any neither passes nor is better."""
    guards = (
        *_segments(said[live], said[trial.version], data, models, gate),
        *_calibration(said[live], said[trial.version], data, models, gate),
        *_size(version, models, gate),
    )
    whole = all(guard.holds for guard in guards)
    return replace(trial, guards=guards, better=trial.better and whole, passes=trial.admitted and whole)


def _segments(
    champion: Floats, challenger: Floats, data: Labelled, models: Models, gate: Gate
) -> list[Guard]:
    """In each named segment the loss must not surely rise by more than the margin; they share gate.alpha."""
    masks = {
        f"{name} = {label}": mask for name in gate.segments for label, mask in _parts(data.rows[name]).items()
    }
    found = []
    for name, mask in masks.items():
        part = data.only(mask)
        before, after = models.by_row(part, champion[mask]), models.by_row(part, challenger[mask])
        if np.isnan(before).any() or np.isnan(after).any():
            continue
        interval = serial_t(after - before, models.blocks(part), 1 - gate.alpha / len(masks))
        limit = gate.segment_margin * abs(float(before.mean()))
        found.append(
            Guard(
                name=name,
                holds=not interval.lower > limit,
                value=interval.mean,
                limit=limit,
                lower=interval.lower,
                upper=interval.upper,
                rows=len(part),
            )
        )
    return found


def _parts(values: pa.ChunkedArray) -> dict[str, NDArray[np.bool_]]:
    """The rows (rows,) of each label of a column that has enough of them, the commonest first."""
    labels = np.array(as_text(values).fill_null("(missing)").to_pylist(), dtype=object)
    names, counts = np.unique(labels, return_counts=True)
    order = sorted(zip(names, counts, strict=True), key=lambda one: (-one[1], one[0]))
    return {name: labels == name for name, count in order[:MOST] if count >= FEWEST}


def _calibration(
    champion: Floats, challenger: Floats, data: Labelled, models: Models, gate: Gate
) -> list[Guard]:
    """Probabilities that were right on average must not become wrong."""
    if not gate.calibration:
        return []
    found = models.mean_calibrations(data, {0: champion, 1: challenger})
    after, before = found.get("1"), found.get("0")
    if after is None:
        return []
    holds = not after.off or (before is not None and before.off)
    return [
        Guard(
            name="calibration",
            holds=holds,
            value=after.ratio,
            limit=1.0,
            lower=after.lower,
            upper=after.upper,
            rows=len(data),
        )
    ]


def _size(version: Version, models: Models, gate: Gate) -> list[Guard]:
    """The artifacts of what would serve must not take more bytes than the limit."""
    if gate.max_bytes is None:
        return []
    members = [models.version(m.version) for m in version.members if m.weight > 0] or [version]
    size = sum(member.bytes for member in members)
    return [Guard("bytes", holds=size <= gate.max_bytes, value=float(size), limit=float(gate.max_bytes))]
