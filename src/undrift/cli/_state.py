"""The two states in a line, and the command that leads on: how status begins and how run ends."""

from __future__ import annotations

from undrift.cli._print import VERDICTS, Colour, paint
from undrift.words.moves import ICONS
from undrift.words.states import BROKEN, MODEL, MODEL_ICONS, data
from undrift.workspace.overview import Overview

STATES: dict[str, Colour] = {"worse": "red", "as promised": "green", "unknown": "dim"}


def headline(found: Overview) -> None:
    """The two states, before anything else."""
    model = found.model
    if found.broken:
        first = paint(f"✗ Model {BROKEN}", "red")
    else:
        first = paint(f"{MODEL_ICONS[model.state]} Model {MODEL[model.state]}", STATES[model.state])
    verdict = found.data
    icon = f"{ICONS[verdict]} " if verdict else ""
    second = f"{icon}Data: {data(found.last.comparison if found.last else None)}"
    print(f"{first}   {paint(second, VERDICTS[verdict] if verdict else None)}")


def follow_up(found: Overview) -> str:
    """The command that leads on."""
    if found.broken:
        return "restore the artifact from a backup, or undrift rollback, or undrift promote VERSION"
    return "undrift why" if found.last else "undrift run NEXT_BATCH"
