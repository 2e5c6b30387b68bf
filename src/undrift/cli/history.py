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

    from undrift.workspace.overview import Change, Line, Overview

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
        windows = [_as_dict(line) for line in lines]
        emit({"windows": windows, "changes": _changes(found), "refused": _refused(found)})
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


def _as_dict(line: Line) -> dict[str, object]:
    from undrift.records import encode
    from undrift.words.moves import drifted

    return {
        "window": encode(line.window),
        "verdict": line.verdict,
        "drifted": list(drifted(line.comparison)),
        "served": line.served,
        "model": encode(line.model) if line.model else None,
        "live": encode(line.live) if line.live else None,
        "first": encode(line.first) if line.first else None,
        "revised": [encode(score) for score in line.earlier],
        "unscored": line.unscored,
        "one_class": line.one_class,
        "action": line.step.action,
        "why": line.step.why,
        "version": line.step.live,
        "outcome": encode(line.outcome) if line.outcome else None,
        "later": [
            {
                "decision": encode(act.decision),
                "outcome": encode(act.outcome) if act.outcome else None,
                "action": act.step.action,
                "why": act.step.why,
                "version": act.step.live,
            }
            for act in line.later
        ],
    }


def _changes(found: Overview) -> list[dict[str, object]]:
    from undrift.records import encode

    return [{"at": c.at.isoformat(), **encode(c.promotion), "hash": c.hash} for c in found.changes]


def _refused(found: Overview) -> list[dict[str, object]]:
    from undrift.records import encode

    return [{"at": r.at.isoformat(), **encode(r.refusal)} for r in found.refused]
