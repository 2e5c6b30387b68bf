"""Where files lie: on this machine or, by a URI, on object storage."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from urllib.parse import unquote

import pyarrow as pa
from pyarrow.fs import FileInfo, FileSelector, FileSystem, FileType, LocalFileSystem

from undrift.errors import DataError

SIGNS = "*?["
"""What makes a name a pattern."""


@dataclass(frozen=True)
class Place:
    """A path on a file system, and the name that people gave it."""

    name: str
    system: FileSystem
    path: str

    def info(self) -> FileInfo:
        """What lies there now: nothing, a folder, or a file with its size and time."""
        return self.system.get_file_info([self.path])[0]

    def open(self) -> pa.NativeFile:
        """The file's bytes, which can be read from any place."""
        return self.system.open_input_file(self.path)

    def below(self, *, deep: bool = True) -> Iterator[Place]:
        """All files of a folder, ``deep`` also those of the folders in it."""
        for info in self.system.get_file_info(FileSelector(self.path, allow_not_found=True, recursive=deep)):
            if info.type == FileType.File:
                within = info.path.removeprefix(self.path).lstrip("/")
                name = within if self.name == "." else f"{self.name.rstrip('/')}/{within}"
                yield Place(name, self.system, info.path)


def place(source: str) -> Place:
    """Where a source lies; raises DataError when its name cannot be one of a file."""
    if "://" not in source:
        if not source or "\0" in source:
            raise DataError(f"{source!r} is not a path", "Name a file, a folder or a pattern.")
        return Place(source, LocalFileSystem(), source)
    try:
        system, path = _system(source)
    except (pa.ArrowException, OSError, ValueError) as error:
        raise DataError(f"{shown(source)} cannot be found: {shown(str(error))}", _remedy(source)) from error
    return Place(shown(source).partition("?")[0], system, path)


def matching(source: str) -> tuple[Place, list[Place]]:
    """The folder under which a pattern looks, and the files that match it."""
    path, mark, query = source.partition("?") if "://" in source else (source, "", "")
    start = next(at for at, sign in enumerate(path) if sign in SIGNS)
    base, rest = path[:start].rpartition("/")[0], path[path[:start].rfind("/") + 1 :]
    folder = place(f"{base}{mark}{query}" or ("/" if path.startswith("/") else "."))
    whole = _compiled(f"{folder.path.rstrip('/')}/{unquote(rest) if '://' in source else rest}")
    found = folder.below(deep="/" in rest or "**" in rest)
    return folder, [where for where in found if whole.fullmatch(where.path)]


def is_pattern(source: str) -> bool:
    """Whether a name has wildcards in it; a question mark begins the query of a URI."""
    if "://" in source:
        return any(sign in source.partition("?")[0] for sign in SIGNS)
    return any(sign in source for sign in SIGNS) and not _lies_here(source)


def is_folder(source: str) -> bool:
    """Whether a folder lies there."""
    where = place(source)
    try:
        return bool(where.info().type == FileType.Directory)
    except (pa.ArrowException, OSError):  # reading it will say why
        return False


def ending(path: str) -> str:
    """What a path ends with, in small letters, before the ending of gzip."""
    last = path.lower().removesuffix(".gz").rpartition("/")[2]
    return last.rpartition(".")[2] if "." in last else ""


def shown(text: str) -> str:
    """The same text without the passwords and keys of its URIs.

    >>> shown("postgresql://me:secret@host/shop")
    'postgresql://me:***@host/shop'
    """
    hidden_ = re.sub(r"(://[^/\s:@]*):\S*@", r"\1:***@", text)
    return re.sub(r"(?i)((?:password|secret\w*|token|access_key)=)[^&\s]+", r"\1***", hidden_)


@cache
def _system(uri: str) -> tuple[FileSystem, str]:
    found: tuple[FileSystem, str] = FileSystem.from_uri(uri)
    return found


def _remedy(source: str) -> str:
    if re.match(r"(sqlite|postgres|mysql|mariadb|mssql|oracle|duckdb)", source):
        return "Write a query, or a table's name, after it: URL#QUERY."
    if " " in source:
        return "Write a space as %20."
    return "undrift reads file://, s3://, gs:// and abfs://; download the file otherwise."


def _compiled(pattern: str) -> re.Pattern[str]:
    """A pattern in which ``*`` and ``?`` stay within a folder and ``**`` goes through all below it."""
    words = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    parts = re.split(r"(\*\*/|\*\*|\*|\?|\[!?[^\]]+\])", pattern)
    return re.compile(
        "".join(words.get(part) or _class(part) or re.escape(part) for part in parts), re.DOTALL
    )


def _class(part: str) -> str:
    """The characters between brackets as a regular expression; nothing for other words."""
    if not re.fullmatch(r"\[!?[^\]]+\]", part):
        return ""
    return "[" + part[1:].replace("\\", "\\\\").replace("!", "^", 1 if part[1] == "!" else 0)


def _lies_here(path: str) -> bool:
    try:
        return Path(path).exists()
    except (OSError, ValueError):  # no name that a file could have
        return False
