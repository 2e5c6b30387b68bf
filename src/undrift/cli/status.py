"""undrift status: how the model is and how the data is, which version is live and since when."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from undrift.cli._print import fields
from undrift.cli._shell import Detailed, Json, advice_here, config_here, emit, ended, here
from undrift.cli._state import follow_up, headline

if TYPE_CHECKING:
    from undrift.workspace.overview import Overview


def status(context: typer.Context, detailed: Detailed = False, json: Json = False) -> int:
    """Say how the model and the data are, which version is live and since when, and what was done.

    With --detailed-exitcode: 2 where the live model is damaged, 3 for drift or a model that is worse than it
    promised, 4 where the last challenger was rejected, 5 where nothing could be judged.
    """
    from undrift.workspace.overview import SHOWN, overview

    settings = config_here(context)
    store = settings.store()
    found = overview(store, settings.registry(), newest=SHOWN)
    notes = advice_here(settings, store)
    code = _code(found) if detailed else 0
    if json:
        emit({"workspace": str(here(context)), **_as_dict(found), "advice": notes})
    else:
        _tell(found, notes)
    return code


def _code(found: Overview) -> int:
    if found.broken:
        return 2
    if found.last is None:
        return 0
    act = found.last.newest
    return ended(found.last.verdict, act.step.action, worse=found.model.state == "worse")


def _tell(found: Overview, notes: list[str]) -> None:
    from undrift.words import states
    from undrift.words.deeds import refusal
    from undrift.words.moves import ICONS, comparison
    from undrift.words.spans import days

    headline(found)
    if found.unmended:
        refused = found.unmended
        fields([("feed", f"broken: {refusal(refused.refusal, refused.at)}. {refused.refusal.remedy}")])
    last = found.last
    if last:
        drift = f"{ICONS[last.verdict]} {days(last.window)}: {comparison(last.comparison)}"
        fields([*_model(found), ("data", drift), ("did", last.newest.step.why), ("labels", _labels(found))])
    else:
        fields(_model(found))
    fields([("pending", f"{found.pending.sentence}." if found.pending else "")])
    fields([("held", states.holding(found.held)), *(("note", f"{text}.") for text in notes)])
    fields([("next", follow_up(found))])


def _model(found: Overview) -> list[tuple[str, str]]:
    """Which version is live, and what is known of its scores and of those before it."""
    from undrift.words import states
    from undrift.words.deeds import estimate, serving
    from undrift.words.numbers import number, ordinal
    from undrift.words.phrases import model
    from undrift.words.spans import during

    place = f" ({ordinal(found.place)} live model)" if found.place != found.live.number else ""
    live = f"{model(found.live.number)} since {found.day}{place}"
    if found.broken:
        live += f"; it cannot predict: {found.broken}"
    newest, held_to = found.scored, found.model
    together = f"a mixture: {serving(found.serving)}" if found.live.members else ""
    out = [
        ("live", live),
        ("serves", together),
        ("promise", states.held_up(held_to, [found.windows[k] for k in held_to.windows])),
    ]
    if newest and newest.live:
        said = f"{model(newest.live.version)}: {newest.live.metric} {number(newest.live.value)}"
        other = newest.first if newest.first and newest.first.version != newest.live.version else None
        beside = f"; first model {number(other.value)}" if other else ""
        out.append(("score", f"{said} {during(newest.window)}{beside}"))
    last = found.last
    if last is not None and last.estimate is not None and last.live is None:
        out.append(("likely", estimate(last.estimate)))
    return out


def _labels(found: Overview) -> str:
    """Which windows wait for labels, or have them and no score."""
    from undrift.words.spans import days

    line = found.unscored
    lacking = [f"{days(line.window)}: labels but no score: {line.unscored}"] if line else []
    return "; ".join([found.labels, *lacking])


def _as_dict(found: Overview) -> dict[str, object]:
    from undrift.records import encode
    from undrift.words.forms import refusal_dict
    from undrift.words.moves import drifted

    last = found.last
    scored = found.scored
    return {
        "sentence": found.sentence,
        "model": encode(found.model),
        "broken": found.broken,
        "verdict": found.data,
        "window": encode(last.window) if last else None,
        "drifted": list(drifted(last.comparison)) if last else [],
        "live": encode(found.live),
        "serving": [encode(member) for member in found.serving],
        "since": {"at": found.since.at.isoformat(), "day": found.day, **encode(found.since.promotion)},
        "pending": encode(found.pending) if found.pending else None,
        "held": encode(found.held) if found.held else None,
        "score": encode(scored.live) if scored and scored.live else None,
        "estimate": encode(last.estimate) if last and last.estimate else None,
        "waiting": len(found.waiting),
        "refused": refusal_dict(found.unmended.refusal, found.unmended.at) if found.unmended else None,
        "unscored": {line.window.key: line.unscored for line in found.lines if line.unscored},
    }
