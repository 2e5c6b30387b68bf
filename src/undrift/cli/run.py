"""undrift run: one tick of the loop over a batch of rows."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from undrift.cli._print import note, say
from undrift.cli._shell import Detailed, Json, Set, advise, config_here, emit
from undrift.cli._state import follow_up, headline

if TYPE_CHECKING:
    from collections.abc import Iterator

    from undrift.loop import Loop
    from undrift.records import Batch
    from undrift.workspace.overview import Overview
    from undrift.workspace.settled import Report


def run(
    context: typer.Context,
    file: Annotated[
        str | None, typer.Argument(help="The rows; without one, what services have predicted meanwhile.")
    ] = None,
    assignments: Set = None,
    detailed: Detailed = False,
    json: Json = False,
) -> int:
    """Take in a batch and do one step: compare, score, decide, retrain, judge, promote.

    The same file twice changes nothing. Ends with 2 where the live model cannot predict.
    """
    from undrift.config.wiring import opened
    from undrift.workspace.overview import SHOWN, overview

    settings = config_here(context, assignments)
    loop = opened(settings)
    known_ids = {b.id for b in loop.archive.batches()}
    report = _spooled(loop, settings.root) if file is None else loop.step(file)
    advise(loop, settings, report)
    found = overview(loop.store, loop.registry, newest=SHOWN)
    batch = report.batch
    again = batch is not None and batch.id in known_ids
    if json:
        emit(_as_dict(report, found, again=again))
    else:
        if again:
            note("This batch was already processed; nothing changed.")
        for text in _notes(batch) if batch and not again else ():
            note(text)
        _tell(report, found, loop)
    return _code(report, found, detailed=detailed)


def _spooled(loop: Loop, root: Path) -> Report:
    """Take in what services have predicted meanwhile, then do what is due."""
    from undrift.config.beginning import DATA
    from undrift.errors import DataError
    from undrift.serving import spool

    report, waits = None, root / DATA / "spool"
    if not waits.is_dir():
        return loop.step()
    with spool.alone(waits):
        for folder in spool.takings(waits):
            try:
                report = _taken(loop, folder) or report
            except DataError as error:
                note(f"{spool.refused(folder)} holds rows that do not fit, and is left alone: {error}")
    return report or loop.step()


def _taken(loop: Loop, folder: Path) -> Report | None:
    """Take in a folder of spooled files, and delete it."""
    import shutil

    from undrift.serving.spool import together

    some = any(folder.glob("*.parquet"))
    report = loop.step(together(folder, loop.schema.id), batch=folder.name) if some else None
    shutil.rmtree(folder)
    return report


def _code(report: Report, found: Overview, *, detailed: bool) -> int:
    """2 where the live model cannot predict, else 0 or the detailed code."""
    from undrift.cli._lines import code

    failed = bool(report.settled and report.settled[-1].failed)
    return (
        2 if failed or found.broken else code(report, worse=found.model.state == "worse") if detailed else 0
    )


def _tell(report: Report, found: Overview, loop: Loop) -> None:
    """Every window with what was done, then the state and where to look next."""
    from undrift.cli._lines import lines
    from undrift.words.phrases import ended

    for settled in report.settled:
        for text in lines(settled, loop.first().number, found.windows):
            say(text)
    say(ended(report.why))
    headline(found)
    say(f"Next: {follow_up(found)}")


def _as_dict(report: Report, found: Overview, *, again: bool) -> dict[str, object]:
    from undrift.cli._lines import happened, settled_dict
    from undrift.records import encode

    return {
        "batch": {**encode(report.batch), "again": again} if report.batch else None,
        "settled": [settled_dict(s) for s in report.settled],
        "happened": happened(report),
        "model": encode(found.model),
        "broken": found.broken,
        "action": report.action,
        "why": report.why,
    }


def _notes(batch: Batch) -> Iterator[str]:
    """What is to be said of a batch that was taken in."""
    from undrift.words.deeds import differing, of_no_class
    from undrift.words.phrases import count

    yield f"{batch.rows:,} rows taken in, {sum(batch.labels.values()):,} with labels."
    if batch.extra:
        yield f"Unknown columns, not kept: {', '.join(batch.extra)}."
    if batch.repeated:
        were = "row was" if batch.repeated == 1 else "rows were"
        yield f"{batch.repeated:,} {were} here already: left as on record, new labels taken in."
    if batch.retimed:
        yield f"{batch.retimed:,} of them came with another time than the one on record, which stays."
    if batch.corrected:
        yield f"{differing(sum(batch.corrected.values()))}."
    if batch.one_class:
        yield f"All labels are {batch.one_class!r}."
    if batch.unseen:
        yield of_no_class(batch.unseen)
    if batch.late:
        are = "is" if batch.late == 1 else "are"
        yield f"{count(batch.late, 'row')} {are} late: kept and trained on; the window is not compared again."
    if batch.completing:
        yield (
            f"{count(batch.completing, 'row')} belong to the window that the training rows end in: kept and "
            "trained on; comparison begins with the window after it."
        )
    if batch.ahead:
        lie = "lies" if batch.ahead == 1 else "lie"
        yield f"{count(batch.ahead, 'row')} {lie} ahead of the clock: kept, but no window closes by them yet."
