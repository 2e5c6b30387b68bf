"""undrift rollback: make an earlier version live again."""

from __future__ import annotations

from typing import Annotated

import typer

from undrift.cli._print import say
from undrift.cli._shell import Json, confirmed, emit, loop_here


def rollback(
    context: typer.Context,
    to: Annotated[
        int | None, typer.Option(help="The version; by default the one before the live one.")
    ] = None,
    reason: Annotated[str, typer.Option(help="Goes into the ledger.")] = "rolled back by hand",
    no_hold: Annotated[
        bool, typer.Option("--no-hold", help="Let the loop retrain at once, from the same rows.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    json: Json = False,
) -> None:
    """Make the previous champion live again; its artifact's hash is checked first.

    The loop is held then: it watches and scores, but neither retrains nor promotes until undrift release.
    """
    from undrift.records import encode

    loop = loop_here(context)
    target, live = loop.earlier(to), loop.live().number
    confirmed(f"v{target} would become live in place of v{live}", yes=yes)
    done = loop.rollback(reason, target, hold=not no_hold)
    if json:
        emit(encode(done))
        return
    say(f"Rolled back from v{done.previous} to v{done.version}: {done.reason}.")
    if done.hold:
        say("The loop is held: it neither retrains nor promotes until undrift release.")
