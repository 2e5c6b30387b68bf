"""undrift models: every version that was trained, and what became of it."""

from __future__ import annotations

import typer

from undrift.cli._shell import Json, emit, say, store_here, table


def models(context: typer.Context, json: Json = False) -> None:
    """List every version: trained when and on what, judged how, live or not."""
    from undrift.overview import overview
    from undrift.records import encode
    from undrift.wording import number

    found = overview(store_here(context))
    if json:
        emit(
            {
                "models": [
                    {
                        "status": found.status_of(v),
                        "unwatched": found.unwatched.get(v.number, ""),
                        **encode(v),
                    }
                    for v in found.versions
                ]
            }
        )
        return
    rows = [
        (
            f"v{v.number}",
            found.status_of(v),
            v.window,
            v.merge,
            f"{v.snapshot.rows:,}" if v.snapshot else "–",
            number(v.reference_score),
            v.trainer.partition(":")[2] or v.trainer,
            v.artifact[:12],
        )
        for v in found.versions
    ]
    metric = found.live.metric or "score"
    table(
        ("version", "status", "trained after", "on", "rows", f"{metric} held out", "model", "artifact"),
        rows,
        (4, 5),
    )
    for number_, reason in found.unwatched.items():
        say(f"The output of v{number_} is not watched: {reason}")
