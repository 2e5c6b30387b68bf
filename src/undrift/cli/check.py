"""undrift check: one file against the live reference; nothing is kept."""

from __future__ import annotations

from typing import Annotated

import typer

from undrift.cli._print import say
from undrift.cli._shell import Json, Set, emit, exit_code, loop_here, show_comparison, show_grounds


def check(
    context: typer.Context,
    file: Annotated[str, typer.Argument(help="CSV, Parquet, Feather or JSON lines.")],
    assignments: Set = None,
    json: Json = False,
) -> int:
    """Compare a file with what the live model was trained on, and keep nothing.

    Exit code 0: no drift; 3: drift; 5: too few rows to say.
    """
    result = loop_here(context, assignments).check(file)
    if json:
        emit(result.to_dict())
    else:
        say(result.sentence)
        show_comparison(result.record)
        show_grounds(result.record)
    return exit_code(result)
