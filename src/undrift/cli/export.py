"""undrift export: the live model, to take away."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from undrift.cli._print import say
from undrift.cli._shell import Json, emit, loop_here


def export(
    context: typer.Context,
    destination: Annotated[Path, typer.Argument(metavar="DEST", help="A folder; it is made.")],
    version: Annotated[int | None, typer.Option(help="Another version than the live one.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Write over an export that is there.")] = False,
    json: Json = False,
) -> None:
    """Write the live model and model.json: its hash, features, classes, libraries, and how to load it."""
    said = loop_here(context).export(destination, version, force=force)
    if json:
        emit({"path": str(destination), "model": said})
        return
    say(f"v{said['version']} is written to {destination / said['file']}, and what it is to model.json.")
    say(f"In that folder: {said['load']['code']}")
