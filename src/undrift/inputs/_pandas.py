"""pandas frames: their columns and the named levels of their index."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import pyarrow as pa

from undrift.inputs import Rows, batch_rows, in_memory
from undrift.inputs._objects import MISFITS, column


def rows(frame: Any, text: frozenset[str]) -> Rows:
    """The rows of a pandas frame; sparse columns are filled out batch by batch.

    Levels of the index that have a name are columns, those without one number rows and are none.
    """
    named = [*_levels(frame), *((_name(n), frame.iloc[:, at]) for at, n in enumerate(frame.columns))]
    sparse = {name: values for name, values in named if _is_sparse(values)}
    arrays = [as_arrow(values[:0] if name in sparse else values, name in text) for name, values in named]
    names = [name for name, _ in named]
    if not sparse:
        return in_memory(pa.table(arrays, names=names))
    types = pa.schema([pa.field(name, found.type) for name, found in zip(names, arrays, strict=True)])
    full = pa.table({n: a for n, a in zip(names, arrays, strict=True) if n not in sparse})

    def scan(columns: Sequence[str] | None) -> Iterator[pa.RecordBatch]:
        chosen = names if columns is None else list(columns)
        most = batch_rows(len(chosen))
        for start in range(0, len(frame), most):
            parts = [
                _filled_out(sparse[n].iloc[start : start + most], types.field(n).type)
                if n in sparse
                else full[n].slice(start, most).combine_chunks()
                for n in chosen
            ]
            yield pa.RecordBatch.from_arrays(parts, names=chosen)

    return Rows("the table", types, scan)


def as_arrow(values: Any, text: bool) -> Any:
    """The values of a pandas column, index or array as Arrow; its NaN becomes null, as pandas means it."""
    import pandas as pd

    if isinstance(values.dtype, pd.CategoricalDtype):
        codes = pd.Series(pd.Categorical(values).codes)
        labels = as_arrow(values.dtype.categories, text)
        return pa.DictionaryArray.from_arrays(pa.array(codes.where(codes >= 0, None), pa.int32()), labels)
    if isinstance(values.dtype, pd.SparseDtype):
        values = values.astype(values.dtype.subtype)
    try:
        return pa.array(values, from_pandas=True)
    except MISFITS:
        return column(list(values), text=text)


def _levels(frame: Any) -> Iterator[tuple[str, Any]]:
    """The levels of the index that have a name which no column has."""
    for at, name in enumerate(frame.index.names):
        if name is not None and name not in frame.columns:
            yield str(name), frame.index.get_level_values(at)


def _name(name: Any) -> str:
    """The name of a column as text; None and NaN are none."""
    return "" if name is None or name != name else str(name)


def _is_sparse(values: Any) -> bool:
    """Whether a column is sparse, of numbers or truths: its type can be told without its values."""
    import pandas as pd

    return isinstance(values.dtype, pd.SparseDtype) and values.dtype.subtype.kind in "biuf"


def _filled_out(values: Any, type_: pa.DataType) -> pa.Array:
    found = as_arrow(values, text=False)
    return found if found.type == type_ else found.cast(type_)
