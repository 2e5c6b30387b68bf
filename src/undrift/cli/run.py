"""undrift run: one tick of the loop over a batch of rows."""

from __future__ import annotations

from typing import Annotated

import typer

from undrift.cli._shell import Detailed, Json, Set, emit, loop_here, note, say


def run(
    context: typer.Context,
    file: Annotated[
        str | None, typer.Argument(help="The rows; without one, only what is due is done.")
    ] = None,
    assignments: Set = None,
    detailed: Detailed = False,
    json: Json = False,
) -> int:
    """Take in a batch and do one step: compare, score, decide, retrain, judge, promote.

    The same file twice changes nothing. Ends with 2 where the live model cannot predict the newest window.
    """
    from undrift.cli._lines import code, lines, settled_dict
    from undrift.records import encode

    loop = loop_here(context, assignments)
    known = {b.id for b in loop.archive.batches()}
    report = loop.step(file)
    batch = report.batch
    broken = bool(report.settled and report.settled[-1].failed)
    ended_with = 2 if broken else code(report) if detailed else 0
    again = batch is not None and batch.id in known
    if json:
        kept = {**encode(batch), "again": again} if batch else None
        emit(
            {
                "batch": kept,
                "settled": [settled_dict(s) for s in report.settled],
                "action": report.action,
                "why": report.why,
            }
        )
        return ended_with
    if again:
        note("This batch was taken in before; nothing was added.")
    elif batch:
        labelled = sum(batch.labels.values())
        note(f"{batch.rows:,} rows taken in, {labelled:,} with labels.")
        if batch.extra:
            note(f"Unknown columns, not kept: {', '.join(batch.extra)}.")
        if batch.repeated:
            note(f"{batch.repeated:,} rows were here already: left as they were, their labels taken in.")
        if batch.late:
            note(f"{batch.late:,} rows are late: kept and trained on, but their window is not judged again.")
    for settled in report.settled:
        for text in lines(settled, loop.first().number):
            say(text)
    say(report.why if report.why.endswith(".") else f"{report.why}.")
    return ended_with
