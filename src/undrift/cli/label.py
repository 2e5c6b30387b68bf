"""undrift label: labels that arrived after their rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from undrift.cli._shell import Json, emit, loop_here, note, say

if TYPE_CHECKING:
    from undrift.records import Batch


def label(
    context: typer.Context,
    file: Annotated[str, typer.Argument(help="A file with the id column and the target column.")],
    json: Json = False,
) -> None:
    """Take in late labels, and score the windows that have enough of them now.

    Labels that contradict those on record are corrections: their windows are scored anew.
    """
    from undrift.records import encode
    from undrift.stores import scores
    from undrift.wording import count, labels, score

    loop = loop_here(context)
    before = {(s.window, s.version, s.revision) for s in scores(loop.store)}
    batch = loop.label(file)
    fresh = [s for s in scores(loop.store) if (s.window, s.version, s.revision) not in before]
    if json:
        emit({"batch": encode(batch), "counts": _counts(batch), "scores": [encode(s) for s in fresh]})
        return
    for text in labels(batch, len({s.window for s in fresh if s.revision})):
        say(text)
    if batch.unknown:
        verb = "belongs to no known row and was" if batch.unknown == 1 else "belong to no known row and were"
        note(f"{count(batch.unknown, 'label')} {verb} left out.")
    if batch.one_class:
        note(f"All labels are {batch.one_class!r}.")
    for found in fresh:
        say(f"{found.window}  v{found.version}  {score(found)}")


def _counts(batch: Batch) -> dict[str, int]:
    """How many labels were new, contradicted those on record, said the same, and found no row."""
    return {
        "new": sum(batch.labels.values()),
        "corrected": sum(batch.corrected.values()),
        "same": batch.same,
        "unknown": batch.unknown,
    }
