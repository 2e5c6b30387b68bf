"""undrift models: every version that was trained, and what became of it."""

from __future__ import annotations

import typer

from undrift.cli._shell import Json, emit, say, store_here, table


def models(context: typer.Context, json: Json = False) -> None:
    """List every version: trained when and on what, judged how, live or not."""
    from undrift.caveats import alphas, retrainings
    from undrift.overview import overview
    from undrift.promise import promise
    from undrift.records import encode
    from undrift.words.numbers import number

    found = overview(store_here(context))
    spent = alphas(found.outcomes)
    if json:
        versions = [
            {"status": found.status_of(v), **encode(v), "promise": promise(v)} for v in found.versions
        ]
        emit({"models": versions, "retrainings": len(spent), "expected_wrong_promotions": sum(spent)})
        return
    rows = [
        (
            f"v{v.number}",
            found.status_of(v),
            v.window,
            v.merge,
            f"{v.snapshot.rows:,}" if v.snapshot else "–",
            number(v.reference_score),
            promise(v) if v.metric else "–",
            v.trainer.partition(":")[2] or v.trainer,
            v.artifact[:12],
        )
        for v in found.versions
    ]
    metric = found.live.metric or "score"
    table(
        ("version", "status", "trained after", "on", "rows", metric, "measured", "model", "artifact"),
        rows,
        (4, 5),
    )
    if spent:
        say(f"{retrainings(spent)}.")
