"""undrift release: let the loop retrain again after a rollback."""

from __future__ import annotations

from typing import Annotated

import typer

from undrift.cli._print import say
from undrift.cli._shell import Json, emit, loop_here


def release(
    context: typer.Context,
    reason: Annotated[str, typer.Option(help="Goes into the ledger.")] = "released by hand",
    json: Json = False,
) -> None:
    """End the hold of a rollback: from the next new score or window on, the loop may retrain and promote."""
    from undrift.records import encode

    done = loop_here(context).release(reason)
    if json:
        emit(encode(done))
    else:
        say(f"The loop may retrain again; v{done.version} stays live: {done.reason}.")
