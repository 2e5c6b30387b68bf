"""undrift status: how the model is, which version is live and since when."""

from __future__ import annotations

import typer

from undrift.cli._shell import Detailed, Json, emit, ended, here, say, store_here


def status(context: typer.Context, detailed: Detailed = False, json: Json = False) -> int:
    """Say in one sentence how the model is, which version is live and since when."""
    from undrift.overview import overview
    from undrift.records import encode
    from undrift.words import deeds, moves, phrases

    found = overview(store_here(context))
    notes = _advice(context)
    last = found.last
    act = last.newest if last else None
    code = ended(last.verdict, act.step.action, act.decision) if detailed and last and act else 0
    if json:
        emit(
            {
                "workspace": str(here(context)),
                "sentence": found.sentence,
                "verdict": last.verdict if last else None,
                "window": encode(last.window) if last else None,
                "drifted": list(moves.drifted(last.comparison)) if last else [],
                "live": encode(found.live),
                "since": {"at": found.since.at.isoformat(), **encode(found.since.promotion)},
                "held": encode(found.held) if found.held else None,
                "score": encode(found.scored) if found.scored else None,
                "waiting": found.waiting,
                "refused": encode(found.broken.refusal) if found.broken else None,
                "unscored": {line.window.key: line.unscored for line in found.lines if line.unscored},
                "advice": notes,
            }
        )
        return code
    if found.broken:
        refused = found.broken
        say(f"The feed is broken: {deeds.refusal(refused.refusal, refused.at)}. {refused.refusal.remedy}")
    say(found.sentence)
    if last and act:
        say(f"Window {last.window.key}: {moves.comparison(last.comparison)}")
        say(act.step.why)
        if found.waiting:
            say(f"{phrases.count(found.waiting, 'window')} waiting for labels.")
        if found.unscored:
            say(f"Window {found.unscored.window.key} has labels but no score: {found.unscored.unscored}.")
    for sentence in notes:
        say(f"Note: {sentence}.")
    return code


def _advice(context: typer.Context) -> list[str]:
    """What the settings cannot do; nothing where the workspace cannot be opened, which run will say."""
    from undrift.cli._shell import loop_here
    from undrift.errors import UndriftError
    from undrift.outlook import advice

    try:
        return advice(loop_here(context))
    except UndriftError:
        return []
