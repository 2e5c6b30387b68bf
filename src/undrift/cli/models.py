"""undrift models: every version that was trained, and what became of it."""

from __future__ import annotations

import typer

from undrift.cli._print import say, table
from undrift.cli._shell import Json, emit, store_here


def models(context: typer.Context, json: Json = False) -> None:
    """List every version: trained when and on what, judged how, live or not."""
    from undrift.promise import promise
    from undrift.records import encode
    from undrift.words.caveats import alphas, retrainings
    from undrift.words.deeds import serving, trained_on, usual
    from undrift.words.numbers import number
    from undrift.workspace.overview import overview

    found = overview(store_here(context))
    spent = alphas(found.outcomes)
    if json:
        versions = [
            {"status": found.status_of(v), **encode(v), "promise": promise(v)} for v in found.versions
        ]
        emit({"models": versions, "retrainings": len(spent), "expected_wrong_promotions": sum(spent)})
        return
    also: dict[int, str] = {}
    for outcome in found.outcomes:
        for trial in outcome.trials:
            also.setdefault(trial.version, usual(outcome.others.get(str(trial.version), {})))
    rows = [
        (
            f"v{v.number}",
            found.status_of(v),
            found.made(v),
            serving(found.serving) if v.number == found.live.number and v.members else trained_on(v),
            number(v.reference_score),
            promise(v) if v.metric else "–",
            also.get(v.number, ""),
            v.trainer.partition(":")[2] or v.trainer,
            v.artifact[:12],
        )
        for v in found.versions
    ]
    alike = len({row[7] for row in rows}) == 1
    metric = found.live.metric or "score"
    head = ("version", "status", "trained after", "on", metric, "measured", "also", "model", "artifact")
    table(head, rows, right=(4,), least=(*((7,) if alike else ()), 8, 6, 5, 7))
    if spent:
        say(f"{retrainings(spent)}.")
