"""What a version says about rows that it was not fitted on: where it has seen them, its twin answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from undrift.errors import DataError
from undrift.lakes import WINDOW
from undrift.records import Snapshot, Version, Window
from undrift.workspace.archive import Labelled
from undrift.workspace.models import Models


@dataclass(frozen=True)
class Answer:
    """One prediction per row (rows,), the windows in which the twin gave it, and the trained rows among them.

    ``seen`` is empty unless a record is wrong: it holds the ids of rows that whoever answered was fitted on.
    """

    values: NDArray[np.float64]
    stood_in: tuple[Window, ...]
    seen: set[str]


def ask(
    models: Models, version: Version, data: Labelled, windows: Sequence[Window], *, logged: bool = False
) -> Answer:
    """Ask a version about labelled rows of some windows, and its twin where it was refitted on them.

    What was ``logged`` when the rows came need not be asked again.
    """
    at = data.rows[WINDOW].to_numpy()
    twin = version.twin
    theirs = at <= version.through if twin else np.zeros(len(at), dtype=bool)
    mine = [w for w in windows if not twin or w.index > version.through]
    if logged and not theirs.any() and (said := _logged(models, version, data, windows)) is not None:
        values = said
    elif theirs.any():
        values = models.ask_unseen(version, data.rows)
    else:
        values = models.predictions(version.number, data, list(windows))
    seen = _seen(models, twin.snapshot if twin else None, data, theirs)
    seen |= _seen(models, version.snapshot, data, ~theirs)
    return Answer(values, tuple(w for w in windows if w not in mine), seen)


def _logged(
    models: Models, version: Version, data: Labelled, windows: Sequence[Window]
) -> NDArray[np.float64] | None:
    """What a version said about rows when they came; None unless it is on record for all."""
    try:
        return models.logged(version.number, data.ids, windows)
    except DataError:
        return None


def _seen(models: Models, snapshot: Snapshot | None, data: Labelled, asked: NDArray[np.bool_]) -> set[str]:
    """The ids of rows that were asked about and belong to those of a snapshot."""
    if snapshot is None or not asked.any():
        return set()
    (found,) = models.archive.ids([snapshot.selection], data.ids.filter(pa.array(asked)))
    return found
