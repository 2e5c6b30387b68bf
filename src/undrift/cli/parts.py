"""undrift parts: what is installed, and where each part comes from."""

from __future__ import annotations

from typing import Annotated

import typer

from undrift.cli._print import table
from undrift.cli._shell import Json, emit


def parts(
    room: Annotated[str | None, typer.Argument(help="Only one room, such as metrics.")] = None,
    json: Json = False,
) -> None:
    """List every part by room: metrics, policies, merging …, undrift's own and those of other packages."""
    from undrift.errors import ConfigError, suggest
    from undrift.plugins import ROOMS, installed

    if room is not None and room not in ROOMS:
        raise ConfigError(f"no room is called {room!r}", suggest(room, list(ROOMS)))
    found = [part for name in ([room] if room else ROOMS) for part in installed(name)]
    if json:
        keys = ("room", "name", "package", "version", "object", "entry_point")
        emit({"parts": [{key: getattr(part, key) for key in keys} for part in found]})
        return
    rows = [(p.room, p.name, f"{p.package} {p.version}".strip(), p.object) for p in found]
    table(("room", "part", "from", "object"), rows)
