"""undrift rollback: make an earlier version live again."""

from __future__ import annotations

from typing import Annotated

import typer

from undrift.cli._shell import Json, confirmed, emit, loop_here, say


def rollback(
    context: typer.Context,
    to: Annotated[
        int | None, typer.Option(help="The version; by default the one before the live one.")
    ] = None,
    reason: Annotated[str, typer.Option(help="Goes into the ledger.")] = "rolled back by hand",
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    json: Json = False,
) -> None:
    """Make the previous champion live again; its artifact's hash is checked first."""
    from undrift.records import encode

    loop = loop_here(context)
    live = loop.live().number
    confirmed(
        f"v{live} is live. Go back to {f'v{to}' if to is not None else 'the version before it'}?", yes=yes
    )
    done = loop.rollback(reason, to)
    if json:
        emit(encode(done))
    else:
        say(f"v{done.version} is live again, v{done.previous} is not: {done.reason}.")
