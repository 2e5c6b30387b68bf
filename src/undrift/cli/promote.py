"""undrift promote: make a version live by a person's decision."""

from __future__ import annotations

from typing import Annotated

import typer

from undrift.cli._print import say
from undrift.cli._shell import Json, confirmed, emit, loop_here


def promote(
    context: typer.Context,
    version: Annotated[int, typer.Argument(help="The version's number, as undrift models lists it.")],
    reason: Annotated[str, typer.Option(help="Goes into the ledger.")] = "promoted by hand",
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    json: Json = False,
) -> None:
    """Make a version live, past the gate; its artifact's hash is checked first. A rollback's hold ends."""
    from undrift.records import encode

    loop = loop_here(context)
    loop.models.version(version)
    confirmed(f"v{version} would become live in place of v{loop.live().number}, past the gate", yes=yes)
    done = loop.promote(version, reason)
    if json:
        emit(encode(done))
    else:
        say(f"v{done.version} is live, v{done.previous} is not: {done.reason}.")
