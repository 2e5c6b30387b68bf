"""undrift label: labels that arrived after their rows."""

from __future__ import annotations

from typing import Annotated

import typer

from undrift.cli._shell import Detailed, Json, emit, loop_here, note, say


def label(
    context: typer.Context,
    file: Annotated[str, typer.Argument(help="A file with the id column and the target column.")],
    detailed: Detailed = False,
    json: Json = False,
) -> int:
    """Take in late labels, score the windows that have enough of them now, and decide on the new scores."""
    from undrift.cli._lines import acted, code, settled_dict
    from undrift.records import Score, encode
    from undrift.wording import count, score

    loop = loop_here(context)
    before = {(s.window, s.version) for s in loop.store.all(Score)}
    report = loop.label(file)
    batch = report.batch
    fresh = [s for s in loop.store.all(Score) if (s.window, s.version) not in before]
    if json:
        settled = [settled_dict(s) for s in report.settled]
        said = {"settled": settled, "action": report.action, "why": report.why}
        emit({"batch": encode(batch), "scores": [encode(s) for s in fresh], **said})
        return code(report) if detailed else 0
    say(f"{count(sum(batch.labels.values()) if batch else 0, 'label')} taken in.")
    if batch and batch.unknown:
        note(f"{count(batch.unknown, 'label')} belong to no known row and were left out.")
    for found in fresh:
        say(f"{found.window}  v{found.version}  {score(found)}")
    for settled_ in report.settled:
        for text in acted(settled_):
            say(text)
    if report.settled:
        say(report.why if report.why.endswith(".") else f"{report.why}.")
    return code(report) if detailed else 0
