"""Rows as the numbers that a model of an estimate is fitted on."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from undrift.estimates import Side

Floats = NDArray[np.float64]


def numbers(side: Side, known: Side, window: Side) -> Floats:
    """Rows as numbers, labels as places among all labels, with the predictions beside them."""
    columns = []
    for name in known.rows.columns:
        values = side.rows[name]
        if values.dtype.kind in "fiub":
            columns.append(values.to_numpy(dtype=np.float64))
            continue
        every = sorted({*known.rows[name].astype(str)} | {*window.rows[name].astype(str)})
        places = {label: float(place) for place, label in enumerate(every)}
        columns.append(values.astype(str).map(places).to_numpy(dtype=np.float64))
    said = side.predictions.reshape(len(side), -1)
    return np.column_stack([*columns, said])
