"""undrift history: every window, what was found and what was done."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING, Annotated

import typer

from undrift.cli._shell import Json, emit, say, store_here, table

if TYPE_CHECKING:
    from datetime import datetime

    from undrift.overview import Change, Line, Overview

Row = tuple[object, ...]


def history(
    context: typer.Context,
    scores: Annotated[bool, typer.Option("--scores", help="Print every score as CSV.")] = False,
    last: Annotated[int | None, typer.Option(min=1, help="Only the newest windows.")] = None,
    json: Json = False,
) -> None:
    """List every window: verdict, drifting features, scores of live and first model, what was done."""
    from undrift.overview import overview

    found = overview(store_here(context))
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
    table(("window", "verdict", "drifting", metric, "first", "live", ""), rows, right=(2, 3, 4))


def _rows(line: Line) -> list[Row]:
    """The row of a window, and one for every retraining on scores that came after it."""
    from undrift.words.moves import ICONS, drifted, movers
    from undrift.words.numbers import number

    window: Row = (
        line.window.key,
        f"{ICONS[line.verdict]} {line.verdict}",
        len(drifted(line.comparison)),
        number(line.live.value) if line.live else "…",
        number(line.first.value) if line.first else "…",
        f"v{line.step.live}",
        line.outcome.why if line.outcome else movers(line.comparison),
    )
    retrained = [act for act in line.later if act.outcome]
    return [window, *(("", "", "", "", "", f"v{act.step.live}", act.step.why) for act in retrained)]


def _between(found: Overview) -> list[tuple[datetime, Row]]:
    """What happened between windows, oldest first: what persons decided, and deliveries that were refused."""
    from undrift.words.deeds import refusal

    refused = [(r.at, ("", "refused", "", "", "", "", refusal(r.refusal, r.at))) for r in found.refused]
    return sorted([*((c.at, _by_hand(c)) for c in found.by_hand), *refused], key=lambda pair: pair[0])


def _by_hand(made: Change) -> Row:
    """The row of what a person decided."""
    from undrift.words.deeds import change

    said = f"{made.at:%Y-%m-%d %H:%M} UTC: {change(made.promotion)}"
    return ("", made.promotion.action, "", "", "", f"v{made.promotion.version}", said)


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
