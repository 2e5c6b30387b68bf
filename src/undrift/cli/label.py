"""undrift label: labels that arrived after their rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from undrift.cli._print import note, say
from undrift.cli._shell import Detailed, Json, advise, config_here, emit

if TYPE_CHECKING:
    from collections.abc import Iterator

    from undrift.loop import Loop
    from undrift.records import Batch
    from undrift.workspace.settled import Report


def label(
    context: typer.Context,
    file: Annotated[str, typer.Argument(help="A file with the id column and the target column.")],
    detailed: Detailed = False,
    json: Json = False,
) -> int:
    """Take in late labels, score the windows that have enough of them now, and decide on the new scores.

    Labels that contradict those on record are corrections: their windows are scored anew.
    """
    from undrift.cli._lines import acted, happened, known, settled_dict
    from undrift.config.wiring import opened
    from undrift.records import encode
    from undrift.stores import scores
    from undrift.words.deeds import labels, score
    from undrift.words.phrases import ended
    from undrift.words.spans import named

    settings = config_here(context)
    loop = opened(settings)
    windows = known(loop.archive.windows())
    before = {(s.window, s.version, s.revision) for s in scores(loop.store)}
    report = loop.label(file)
    advise(loop, settings, report)
    batch = report.batch
    fresh = [s for s in scores(loop.store) if (s.window, s.version, s.revision) not in before]
    if json:
        settled = [settled_dict(s) for s in report.settled]
        said = {"settled": settled, "happened": happened(report), "action": report.action, "why": report.why}
        kept = {"batch": encode(batch), "counts": _counts(batch)} if batch else {"batch": None}
        emit({**kept, "fresh": [encode(s) for s in fresh], **said})
        return _code(loop, report) if detailed else 0
    if batch:
        for text in labels(batch, len({s.window for s in fresh if s.revision})):
            say(text)
        for text in _notes(batch):
            note(text)
    for found in fresh:
        say(f"{named([found.window], windows)}  v{found.version}  {score(found)}")
    for settled_ in report.settled:
        for text in acted(settled_):
            say(text)
    if report.settled:
        say(ended(report.why))
    return _code(loop, report) if detailed else 0


def _code(loop: Loop, report: Report) -> int:
    from undrift.cli._lines import code

    return code(report, worse=bool(report.settled) and loop.status().model.state == "worse")


def _notes(batch: Batch) -> Iterator[str]:
    """What is to be said of the labels of a delivery."""
    from undrift.words.deeds import of_no_class
    from undrift.words.phrases import count

    if batch.unknown:
        verb = "belongs to no known row and was" if batch.unknown == 1 else "belong to no known row and were"
        yield f"{count(batch.unknown, 'label')} {verb} left out."
    if batch.one_class:
        yield f"All labels are {batch.one_class!r}."
    if batch.unseen:
        yield of_no_class(batch.unseen)


def _counts(batch: Batch) -> dict[str, int]:
    """How many labels were new, contradicted those on record, said the same, and found no row."""
    return {
        "new": sum(batch.labels.values()),
        "corrected": sum(batch.corrected.values()),
        "same": batch.same,
        "unknown": batch.unknown,
    }
