"""Parts by name: every room's parts are its files, plus the entry points of other packages."""

from __future__ import annotations

import inspect
import pkgutil
import types
import typing
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points, version
from importlib.util import find_spec
from typing import Any

from undrift.errors import ConfigError, suggest
from undrift.importing import ImportPath

ROOMS = (
    "calibration",
    "estimates",
    "lakes",
    "lineup",
    "losses",
    "merging",
    "metrics",
    "multivariate",
    "policies",
    "quality",
    "registries",
    "stores",
    "tasks",
    "trainers",
)
"""Where parts live. Other packages add theirs by the entry-point group "undrift.ROOM"."""

SINGULAR = {
    "estimates": "estimate",
    "lakes": "lake",
    "lineup": "line-up",
    "losses": "loss",
    "merging": "merge strategy",
    "metrics": "metric",
    "multivariate": "metric of features together",
    "policies": "policy",
    "quality": "quality check",
    "registries": "registry",
    "stores": "store",
    "tasks": "task",
    "trainers": "trainer",
}
"""What one part of a room is called."""


def names(room: str) -> list[str]:
    """Names of all parts in a room, as written in a configuration file.

    >>> "psi" in names("metrics")
    True
    """
    return sorted(_files(room) | set(_foreign(room)))


def find(room: str, name: str) -> Any:
    """The part called ``name`` in a room: the class or function named like its file.

    Undrift's own come first, then those of other packages; a name with a colon is an import path
    ("mymod:f", "./my_metric.py:f"). What is found is put into the form of the room, where the room has an
    ``adapted``: a plain function becomes a metric. Raises ConfigError with a suggestion when there is no such
    part, or it cannot be imported.

    >>> find("metrics", "psi").name
    'psi'
    """
    if ":" in name:
        return _adapted(room, ImportPath(name, where=room).load(), name)
    if name in _files(room):
        return _own(room, name)
    entry = _foreign(room).get(name)
    if entry is None:
        raise ConfigError(f"no {SINGULAR.get(room, room)} is called {name!r}", suggest(name, names(room)))
    try:
        part = entry.load()
    except Exception as error:
        origin = f"{_origin(entry)[0]} ({entry.value})"
        problem = f"{type(error).__name__}: {error}"
        raise ConfigError(
            f"the {SINGULAR.get(room, room)} {name!r} of {origin} cannot be imported: {problem}",
            "Correct or remove the package.",
        ) from error
    return _adapted(room, part, name)


@cache
def _own(room: str, name: str) -> Any:
    """The part that is undrift's own: the class or function named like its file."""
    module = import_module(f"undrift.{room}.{name}")
    return getattr(module, _camel(name), None) or getattr(module, name)


def foreign(part: Any) -> bool:
    """Whether a part (or what it is made of) is none of undrift's own."""
    own = getattr(part, "function", part)
    module = getattr(own, "__module__", None) or type(own).__module__
    return module.partition(".")[0] != "undrift"


@dataclass(frozen=True)
class Installed:
    """A part that is installed: in which room, by which name, from which package."""

    room: str
    name: str
    package: str
    version: str
    object: str
    entry_point: bool


def installed(room: str) -> list[Installed]:
    """Every part of a room and where it comes from; nothing is imported.

    >>> [part.name for part in installed("merging") if part.package == "undrift"]
    ['everything', 'recent']
    """
    own = [
        Installed(room, name, "undrift", version("undrift"), f"undrift.{room}.{name}", entry_point=False)
        for name in sorted(_files(room))
    ]
    others = [
        Installed(room, name, *_origin(entry), entry.value, entry_point=True)
        for name, entry in sorted(_foreign(room).items())
        if name not in _files(room)
    ]
    return [*own, *others]


def _adapted(room: str, part: Any, name: str) -> Any:
    """A part that somebody else wrote, in the form that its room asks for."""
    adapt = getattr(import_module(f"undrift.{room}"), "adapted", None)
    return part if adapt is None else adapt(part, name)


def _origin(entry: EntryPoint) -> tuple[str, str]:
    """The package of an entry point, and its version."""
    return (entry.dist.name, entry.dist.version) if entry.dist else ("another package", "")


def build(room: str, table: Mapping[str, Any], where: str = "") -> Any:
    """Build a part from its table: ``use`` names it, the other keys are its constructor's arguments.

    A table (or a list of tables) with a ``use`` of its own is built first: parts nest.
    Raises ConfigError for an unknown name, an unknown key or a value of the wrong type.
    """
    where = where or room
    arguments = dict(table)
    if "use" not in arguments:
        raise ConfigError(f"[{where}] does not say which part to use", f'Add use = "{names(room)[0]}".')
    use = arguments.pop("use")
    if ":" in use:
        raise ConfigError(
            f"{where}.use = {use!r} is an import path",
            "Install a package with an entry point: see docs/parts.md.",
        )
    part = find(room, use)
    parameters = inspect.signature(part).parameters
    hints = typing.get_type_hints(part.__init__)
    for key, value in arguments.items():
        if key not in parameters:
            raise ConfigError(f"unknown key {where}.{key}", suggest(key, list(parameters)))
        arguments[key] = _nested(room, value, f"{where}.{key}", hints.get(key, Any))
    missing = [p.name for p in parameters.values() if p.default is p.empty and p.name not in arguments]
    if missing:
        raise ConfigError(f"{where}.{missing[0]} is missing", f"Set it beside use = {table['use']!r}.")
    return part(**arguments)


def _nested(room: str, value: Any, where: str, hint: Any) -> Any:
    if isinstance(value, Mapping) and "use" in value:
        return build(room, value, where)
    if isinstance(value, list) and value and all(isinstance(v, Mapping) and "use" in v for v in value):
        return tuple(build(room, v, f"{where}[{i}]") for i, v in enumerate(value))
    return checked(value, hint, where)


def checked(value: Any, hint: Any, where: str) -> Any:
    """The value if it has the hinted type (an integer passes for a float), else a ConfigError."""
    if hint is Any or hint is inspect.Parameter.empty:
        return value
    options = typing.get_args(hint) if typing.get_origin(hint) in (typing.Union, types.UnionType) else (hint,)
    plain = tuple(typing.get_origin(option) or option for option in options)
    if float in plain and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if tuple in plain and isinstance(value, list):
        return tuple(value)
    wanted = tuple(Mapping if p is dict else p for p in plain if isinstance(p, type))
    if not isinstance(value, wanted) or (isinstance(value, bool) and bool not in plain):
        kinds = " or ".join(p.__name__ for p in plain if p is not type(None))
        raise ConfigError(f"{where} = {value!r} should be of type {kinds}", "Correct the value.")
    return value


@cache
def _files(room: str) -> frozenset[str]:
    spec = find_spec(f"undrift.{room}")
    found = pkgutil.iter_modules(spec.submodule_search_locations if spec else None)
    return frozenset(m.name for m in found if not m.ispkg and not m.name.startswith("_"))


@cache
def _foreign(room: str) -> dict[str, Any]:
    return {e.name: e for e in entry_points(group=f"undrift.{room}")}


def _camel(name: str) -> str:
    return "".join(word.capitalize() for word in name.split("_"))
