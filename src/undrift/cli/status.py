"""undrift status: how the model is, which version is live and since when."""

from __future__ import annotations

import typer

from undrift.cli._shell import Json, emit, here, say, store_here


def status(context: typer.Context, json: Json = False) -> None:
    """Say in one sentence how the model is, which version is live and since when."""
    from undrift import wording
    from undrift.overview import overview
    from undrift.records import encode

    found = overview(store_here(context))
    notes = _advice(context)
    last = found.last
    if json:
        emit(
            {
                "workspace": str(here(context)),
                "sentence": found.sentence,
                "verdict": last.verdict if last else None,
                "window": encode(last.window) if last else None,
                "drifted": list(wording.drifted(last.comparison)) if last else [],
                "live": encode(found.live),
                "since": {"at": found.since.at.isoformat(), **encode(found.since.promotion)},
                "score": encode(found.scored) if found.scored else None,
                "waiting": found.waiting,
                "unscored": {line.window.key: line.unscored for line in found.lines if line.unscored},
                "advice": notes,
            }
        )
        return
    say(found.sentence)
    if last:
        say(f"Window {last.window.key}: {wording.comparison(last.comparison)}")
        say(last.step.why)
        if found.waiting:
            say(f"{wording.count(found.waiting, 'window')} waiting for labels.")
        if found.unscored:
            say(f"Window {found.unscored.window.key} has labels but no score: {found.unscored.unscored}.")
    for sentence in notes:
        say(f"Note: {sentence}.")


def _advice(context: typer.Context) -> list[str]:
    """What the settings cannot do; nothing where the workspace cannot be opened, which run will say."""
    from undrift.cli._shell import loop_here
    from undrift.errors import UndriftError
    from undrift.outlook import advice

    try:
        return advice(loop_here(context))
    except UndriftError:
        return []
