"""undrift label: labels that arrived after their rows."""

from __future__ import annotations

from typing import Annotated

import typer

from undrift.cli._shell import Json, emit, loop_here, note, say


def label(
    context: typer.Context,
    file: Annotated[str, typer.Argument(help="A file with the id column and the target column.")],
    json: Json = False,
) -> None:
    """Take in late labels, and score the windows that have enough of them now."""
    from undrift.records import Score, encode
    from undrift.wording import count, score

    loop = loop_here(context)
    before = {(s.window, s.version) for s in loop.store.all(Score)}
    batch = loop.label(file)
    fresh = [s for s in loop.store.all(Score) if (s.window, s.version) not in before]
    if json:
        emit({"batch": encode(batch), "scores": [encode(s) for s in fresh]})
        return
    say(f"{count(sum(batch.labels.values()), 'label')} taken in.")
    if batch.unknown:
        note(f"{count(batch.unknown, 'label')} belong to no known row and were left out.")
    for found in fresh:
        say(f"{found.window}  v{found.version}  {score(found)}")
