"""undrift predict: what the live model says about rows."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from undrift.cli._print import note
from undrift.cli._shell import Json, emit, loop_here, progress

if TYPE_CHECKING:
    from collections.abc import Iterator

    from undrift.workspace.serving import Predictions


def predict(
    context: typer.Context,
    file: Annotated[
        str, typer.Argument(help="The rows; the target may be absent, other columns are ignored.")
    ],
    version: Annotated[int | None, typer.Option(help="Another version than the live one.")] = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FILE", help="Write the CSV there, not on stdout."),
    ] = None,
    json: Json = False,
) -> None:
    """Ask the live model about rows and keep nothing: CSV of id, prediction and, for classes, probabilities.

    Without an id column rows are numbered from 1.
    """
    loop = loop_here(context)
    with progress():
        found = loop.predictions(file, version)
    id_ = loop.schema.id if found.ids is not None and loop.schema.id else "row"
    head = [id_, "prediction", *(f"probability_{name}" for name in found.classes)]
    text = _csv(head, found)
    if output is not None:
        _write(output, text)
    if json:
        rows = [] if output else [dict(zip(head, row, strict=True)) for row in _rows(found)]
        where = str(output) if output else None
        emit({"version": found.version, "rows": len(found.values), "output": where, "predictions": rows})
        return
    if output is None:
        print(text, end="")
    note(f"{len(found.values):,} rows by v{found.version}" + (f", written to {output}" if output else ""))


def _csv(head: list[str], found: Predictions) -> str:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(head)
    writer.writerows(_rows(found))
    return out.getvalue()


def _rows(found: Predictions) -> Iterator[list[Any]]:
    """Each row as it is written: what NumPy holds as Python has it."""
    values = found.values.tolist()
    ids = found.ids if found.ids is not None else range(1, len(values) + 1)
    beside = [()] * len(values) if found.probabilities is None else found.probabilities.tolist()
    for id_, value, probabilities in zip(ids, values, beside, strict=True):
        yield [id_, str(value).lower() if isinstance(value, bool) else value, *probabilities]


def _write(path: Path, text: str) -> None:
    """Write a file whole or not at all."""
    from undrift.errors import unwritable

    beside = Path(f"{path}.part")
    try:
        beside.write_text(text, encoding="utf-8")
        beside.replace(path)
    except OSError as error:
        raise unwritable(path, error) from error
