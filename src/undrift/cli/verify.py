"""undrift verify: whether everything that is on record is there, and unaltered."""

from __future__ import annotations

from typing import Annotated

import typer

from undrift.cli._print import say
from undrift.cli._shell import Json, emit, loop_here


def verify(
    context: typer.Context,
    head: Annotated[
        str, typer.Option(help="A hash of the ledger that was noted earlier: it must still be there.")
    ] = "",
    json: Json = False,
) -> None:
    """Check the ledger's chain, every version, every artifact by its hash, and the rows of every delivery.

    Ends with 2 where something is missing or was altered.
    """
    from dataclasses import asdict

    from undrift.workspace.verifying import verified

    loop = loop_here(context)
    found = verified(loop.store, loop.archive.lake, loop.registry, head)
    whole = not any(one.faults for one in found)
    if json:
        emit({"whole": whole, "checked": [asdict(one) for one in found]})
    else:
        for one in found:
            say(f"{'✗' if one.faults else '✓'} {one.what:<10}{one.found}")
            for fault in one.faults:
                say(f"  {fault}")
    if not whole:
        raise typer.Exit(2)
