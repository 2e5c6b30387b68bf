"""undrift explain: what tells a window's rows from those that its model was trained on."""

from __future__ import annotations

from typing import Annotated

import typer

from undrift.cli._print import say, table
from undrift.cli._shell import Json, emit, loop_here


def explain(
    context: typer.Context,
    window: Annotated[
        str, typer.Argument(help="A window's name, as history lists it; by default the newest.")
    ] = "",
    json: Json = False,
) -> None:
    """Explain an alarm: which features together tell a window's rows from the training rows, and where.

    A classifier is fitted on at most 5,000 rows of each side and judged on rows it has not seen.
    """
    from undrift.records import encode
    from undrift.words import moves, numbers, phrases

    found = loop_here(context).explain(window)
    if json:
        emit({"sentence": moves.explanation(found), **encode(found)})
        return
    say(moves.explanation(found))
    if found.where:
        say(f"Where: {moves.region(found.where)}.")
    if found.features:
        say("")
        rows = [(name, numbers.percent(share)) for name, share in found.features.items()]
        table(("feature", "share"), rows, right=(1,))
        say("")
    say(
        f"Window {found.window}, {phrases.count(found.rows_window, 'row')}, against "
        f"{phrases.count(found.rows_reference, 'row')} that {phrases.trained(found.reference)}."
    )
