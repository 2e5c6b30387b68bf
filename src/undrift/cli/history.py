"""undrift history: every window, what was found and what was done."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING, Annotated

import typer

from undrift.cli._print import say, table
from undrift.cli._shell import Json, emit, store_here

if TYPE_CHECKING:
    from datetime import datetime

    from undrift.workspace.lines import Line
    from undrift.workspace.overview import Change, Overview

Row = tuple[object, ...] | str
"""The cells of a window, or one line on what was done."""


def history(
    context: typer.Context,
    scores: Annotated[bool, typer.Option("--scores", help="Print every score as CSV.")] = False,
    last: Annotated[int | None, typer.Option(min=1, help="Only the newest windows.")] = None,
    json: Json = False,
) -> None:
    """List every window: how the data and the model were, scores of live and first model, what was done."""
    from undrift.workspace.overview import SHOWN, overview

    found = overview(store_here(context), newest=last and last + SHOWN)
    lines = found.lines[-last:] if last else found.lines
    if json:
        from undrift.cli._lines import line_dict
        from undrift.words.forms import refusal_dict

        emit(
            {
                "windows": [line_dict(line) for line in lines],
                "changes": [change_dict(made) for made in found.changes],
                "refused": [refusal_dict(r.refusal, r.at) for r in found.refused],
            }
        )
    elif scores:
        _as_csv(lines)
    elif not lines:
        say("No window is complete yet.")
    else:
        _as_table(lines, found, whole=len(lines) == len(found.lines))


def _as_table(lines: tuple[Line, ...], found: Overview, *, whole: bool) -> None:
    metric = next((line.live.metric for line in lines if line.live), "score")
    waiting = [(at, row) for at, row in _between(found) if whole or at >= lines[0].at]
    rows: list[Row] = []
    for line in lines:
        while waiting and waiting[0][0] < line.at:
            rows.append(waiting.pop(0)[1])
        rows += _rows(line)
    rows += [row for _, row in waiting]
    head = ("window", "days", "data", "drift", "by", metric, "model", "first", "what moved")
    table(head, rows, right=(3, 5, 7), least=(1, 7, 3))


def _rows(line: Line) -> list[Row]:
    """The row of a window, and one for every retraining after it."""
    from undrift.words.moves import ICONS, drifted, movers
    from undrift.words.numbers import number
    from undrift.words.phrases import model
    from undrift.words.spans import days

    window: Row = (
        line.window.key,
        days(line.window) if line.window.start else "",
        f"{ICONS[line.verdict]} {line.verdict}",
        len(drifted(line.comparison)),
        model(line.served) if line.served is not None else "–",
        number(line.live.value) if line.live else "…",
        line.model.state if line.model else "…",
        number(line.first.value) if line.first else "…",
        movers(line.comparison),
    )
    return [window, *(act.outcome.why for act in line.acts if act.outcome)]


def _between(found: Overview) -> list[tuple[datetime, Row]]:
    """What happened between windows, oldest first: what persons decided, and deliveries that were refused."""
    from undrift.words.deeds import refusal

    refused = [(r.at, refusal(r.refusal, r.at)) for r in found.refused]
    return sorted([*((c.at, _by_hand(c)) for c in found.by_hand), *refused], key=lambda pair: pair[0])


def _by_hand(made: Change) -> str:
    """The line on what a person decided."""
    from undrift.words.deeds import change
    from undrift.words.spans import moment

    return f"{moment(made.at)}: {change(made.promotion)}"


def _as_csv(lines: tuple[Line, ...]) -> None:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(("window", "model", "version", "metric", "value", "rows", "coverage"))
    for line in lines:
        for model, score in (("live", line.live), ("first", line.first)):
            if score:
                row = (
                    line.window.key,
                    model,
                    score.version,
                    score.metric,
                    score.value,
                    score.rows,
                    score.coverage,
                )
                writer.writerow(row)
    print(out.getvalue(), end="")


def change_dict(made: Change) -> dict[str, object]:
    """The JSON form of a change of champion, and when it was made."""
    from undrift.records import encode

    return {"at": made.at.isoformat(), **encode(made.promotion), "hash": made.hash}
