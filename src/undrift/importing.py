"""What an import path names: "package.module:name", or "./file.py:name" beside the undrift.toml.

A path is first looked at: the module is found and its source is read, but nothing is run. Only what could
be meant is imported, and only where it is used.
"""

from __future__ import annotations

import ast
import sys
from dataclasses import dataclass
from importlib import import_module
from importlib.machinery import ModuleSpec, PathFinder
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any

from undrift.errors import ConfigError, suggest

_LOADED: dict[Path, ModuleType] = {}
"""Modules that were loaded from a folder of one's own, by file."""


@dataclass(frozen=True)
class ImportPath:
    """``text`` as it was written for the setting ``where``; own files and modules are sought in ``folder``.

    Installed modules come first: a file in the folder never takes the place of one of them, unless it is
    named as a file. ``refused`` says why nothing must be imported, where that is so.

    >>> ImportPath("sklearn.linear_model:Ridge").load().__name__
    'Ridge'
    """

    text: str
    folder: Path = Path()
    where: str = "model.use"
    refused: str = ""

    @property
    def module(self) -> str:
        """The part before the colon."""
        return self.text.rpartition(":")[0]

    @property
    def name(self) -> str:
        """The part after the colon."""
        return self.text.rpartition(":")[2]

    @property
    def package(self) -> str:
        """The name of the installed package, or of the own module, that it lies in."""
        return Path(self.module).stem if self._is_file else self.module.partition(".")[0]

    @property
    def absolute(self) -> str:
        """The same path, as it can be followed from any folder."""
        spec = self._spec() if self.own and ":" in self.text else None
        plain = spec is not None and "." not in spec.name and spec.origin
        return f"{spec.origin}:{self.name}" if spec is not None and plain else self.text

    @property
    def own(self) -> bool:
        """Whether it lies in a folder of one's own, not in an installed package."""
        return self._is_file or self.module.startswith(".") or _installed(self.module) is None

    def look(self) -> None:
        """Raise ConfigError unless there is such a name; nothing is imported for it."""
        if not self.module or not self.name:
            raise self._wrong("names nothing", 'Write "module:name", or "./file.py:name".')
        spec = self._spec()
        if not self._is_file and self.package in sys.stdlib_module_names:
            raise self._wrong("lies in Python's standard library", "Name a package of your own choice.")
        source = Path(spec.origin) if spec.origin and spec.origin.endswith(".py") else None
        if source is None or not source.is_file():
            return
        known = _names(source)
        first = self.name.partition(".")[0]
        if known is not None and first not in known:
            public = [name for name in known if not name.startswith("_")]
            raise self._wrong(f"{self.module} has no {self.name!r}", _near(first, public))

    def load(self) -> Any:
        """What it names, imported; raises ConfigError where there is no such thing, or its module fails."""
        self.look()
        if self.refused:
            raise self._wrong(
                self.refused, f"If you trust it, say so yourself: --set {self.where}={self.text}"
            )
        try:
            found = self._loaded()
        except (Exception, SystemExit) as error:
            problem = f"{type(error).__name__}: {error}"
            raise self._wrong(
                f"cannot be imported: {problem}", "Install what is lacking, or correct it."
            ) from error
        for part in self.name.split("."):
            if not hasattr(found, part):
                public = [name for name in dir(found) if not name.startswith("_")]
                raise self._wrong(f"{self.module} has no {self.name!r}", _near(part, public))
            found = getattr(found, part)
        return found

    @property
    def _is_file(self) -> bool:
        return self.module.endswith(".py") or "/" in self.module

    def _loaded(self) -> Any:
        spec = None if not self.own else self._spec()
        if spec is None or spec.origin is None:
            return import_module(self.module)
        file = Path(spec.origin).resolve()
        if file not in _LOADED:
            _LOADED[file] = _run(spec, file)
        if "." not in spec.name:
            sys.modules[spec.name] = _LOADED[file]
        return _LOADED[file]

    def _spec(self) -> ModuleSpec:
        """Where the module lies; raises ConfigError where there is none."""
        if self._is_file:
            file = (self.folder / self.module).resolve()
            spec = spec_from_file_location(file.stem, file) if file.is_file() else None
            if spec is None:
                raise self._wrong(f"there is no file {file}", "Paths begin at the folder of undrift.toml.")
            if _installed(file.stem) is not None and file.parent not in map(Path, sys.path[:1]):
                raise self._wrong(f"a package called {file.stem!r} is installed", "Rename the file.")
            return spec
        spec = None
        if all(part.isidentifier() for part in self.module.split(".")):
            spec = _installed(self.module) or _within(
                self.module, [str(self.folder.resolve()), str(Path.cwd())]
            )
        if spec is None:
            raise self._wrong(
                f"there is no module {self.module!r}",
                "Install the package, put the file beside undrift.toml, or correct the path.",
            )
        return spec

    def _wrong(self, problem: str, remedy: str) -> ConfigError:
        return ConfigError(f"{self.where} = {self.text!r}: {problem}", remedy)


def neighbours(*folders: Path) -> None:
    """Let modules in these folders be found, after all that are installed."""
    for folder in map(str, map(Path.resolve, folders)):
        if folder not in sys.path:
            _FOLDERS.add(folder)
            sys.path.append(folder)


def _installed(module: str) -> ModuleSpec | None:
    """The place of a module that Python finds by itself, without running its packages."""
    top, *rest = module.split(".")
    spec = next((s for f in sys.meta_path if (s := f.find_spec(top, None)) is not None), None)
    if spec is None or _added(spec):
        return None
    for depth in range(len(rest)):
        if spec is None or spec.submodule_search_locations is None:
            return None
        spec = PathFinder.find_spec(
            ".".join([top, *rest[: depth + 1]]), list(spec.submodule_search_locations)
        )
    return spec


def _within(module: str, folders: list[str]) -> ModuleSpec | None:
    """The place of a module in one of some folders."""
    spec, places = None, folders
    parts = module.split(".")
    for depth in range(len(parts)):
        spec = PathFinder.find_spec(".".join(parts[: depth + 1]), places)
        if spec is None:
            return None
        places = list(spec.submodule_search_locations or ())
    return spec


def _added(spec: ModuleSpec) -> bool:
    """Whether a module is found only through a folder that was put on the path for another one's sake."""
    file = Path(spec.origin or "")
    return str(file.parents[file.name == "__init__.py"]) in _FOLDERS


_FOLDERS: set[str] = set()
"""Folders of own modules, on the path so that these find their neighbours."""


def _run(spec: ModuleSpec, file: Path) -> ModuleType:
    """Run an own module, with its neighbours at the end of the path: they hide no installed one."""
    top = spec.name.partition(".")[0]
    root = file.parents[spec.name.count(".") + (file.name == "__init__.py")]
    neighbours(root)
    if "." in spec.name or file.name == "__init__.py":
        taken = getattr(sys.modules.get(top), "__file__", None)
        if taken and not Path(taken).is_relative_to(root):
            raise ImportError(f"another package called {top!r} is loaded already, from {taken}: rename one")
        return import_module(spec.name)
    made = module_from_spec(spec)
    before = sys.modules.get(spec.name)
    sys.modules[spec.name] = made
    try:
        spec.loader.exec_module(made)  # type: ignore[union-attr]
    except BaseException:
        sys.modules.pop(spec.name)
        if before is not None:
            sys.modules[spec.name] = before
        raise
    return made


def _names(source: Path) -> set[str] | None:
    """All names that a module binds, as far as its text shows; None where it may bind others."""
    try:
        tree = ast.parse(source.read_bytes())
    except (SyntaxError, ValueError):
        return None
    names: set[str] = set()
    waiting: list[ast.AST] = [*tree.body]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            names.add(node.name)
            continue
        if isinstance(node, ast.Import | ast.ImportFrom):
            names |= {(alias.asname or alias.name).partition(".")[0] for alias in node.names}
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names.add(node.id)
        waiting += ast.iter_child_nodes(node)
    return None if names & {"*", "__getattr__"} else names


def _near(name: str, known: list[str]) -> str:
    return suggest(name, known) if len(known) < 20 else suggest(name, known).partition("Known:")[0]
