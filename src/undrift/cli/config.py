"""undrift config: the settings in force, and where each comes from."""

from __future__ import annotations

import typer

from undrift import redaction
from undrift.cli._print import table
from undrift.cli._shell import Json, Set, config_here, emit

config = typer.Typer(help="The settings in force.", no_args_is_help=True, rich_markup_mode=None)


@config.callback()
def _group() -> None:
    """Keep ``show`` a subcommand, though it is the only one."""


@config.command()
def show(context: typer.Context, assignments: Set = None, json: Json = False) -> None:
    """Show every setting with its value and where it comes from."""
    found = config_here(context, assignments).settings
    settings = {key: (redaction.setting(key, value), source) for key, (value, source) in found.items()}
    if json:
        emit(
            {"settings": {key: {"value": value, "from": source} for key, (value, source) in settings.items()}}
        )
        return
    rows = [(key, "–" if value is None else repr(value), source) for key, (value, source) in settings.items()]
    table(("setting", "value", "from"), rows, widest=10_000)
