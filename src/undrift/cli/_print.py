"""How text gets on the terminal: as wide as there is room, wrapped at words, coloured for whoever looks."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain, repeat
from typing import Literal

from undrift.words import phrases
from undrift.words.moves import ICONS

Colour = Literal["red", "yellow", "green", "dim"]

ANSI: dict[Colour, str] = {"red": "31", "yellow": "33", "green": "32", "dim": "2"}

VERDICTS: dict[str, Colour] = {"drift": "red", "watch": "yellow", "stable": "green", "insufficient": "dim"}

CELLS: dict[str, Colour] = {f"{ICONS[name]} {name}": VERDICTS[name] for name in ICONS}
"""Cells of a table that have a colour."""

WIDEST = 120
"""Characters of a cell at most."""

NARROWEST = 12
"""Characters that a column keeps at least when it must give way."""

GAP = "  "

FIELD = 8
"""Columns of the terminal for the name of a field."""


def room() -> int | None:
    """How many characters a line may have: COLUMNS, or the terminal's width; None where there is none."""
    columns = os.environ.get("COLUMNS", "")
    if columns.isdecimal() and int(columns):
        return int(columns)
    if not sys.stdout.isatty():
        return None
    try:
        return os.get_terminal_size(sys.stdout.fileno()).columns or None
    except OSError:
        return None


def paint(text: str, colour: Colour | None) -> str:
    """The text in a colour, on a terminal and unless NO_COLOR is set."""
    if colour is None or os.environ.get("NO_COLOR") or not sys.stdout.isatty():
        return text
    return f"\x1b[{ANSI[colour]}m{text}\x1b[0m"


def say(text: str) -> None:
    """Print a line of the result on stdout, wrapped at words under where it began."""
    for line in wrapped(clean(text), room()):
        print(line, flush=True)


def fields(pairs: Iterable[tuple[str, str]]) -> None:
    """Print what is known, each under its name; what is empty is left out, and what is long is wrapped."""
    width = room()
    for name, text in pairs:
        if text:
            lines = wrapped(clean(text), width and width - FIELD)
            for head, line in zip(chain([name], repeat("")), lines, strict=False):
                print(f"{head:<{FIELD}}{line}", flush=True)


def note(text: str) -> None:
    """Print a line about the progress on stderr."""
    print(clean(text), file=sys.stderr, flush=True)


def clean(text: str) -> str:
    """The text without control characters: a hostile name cannot move the cursor, add or hide a line."""
    return phrases.clean(text)


def wide(text: str) -> int:
    """How many columns of a terminal a text takes: two for a character of East Asian width.

    >>> wide("naïve"), wide("日本")
    (5, 4)
    """
    if text.isascii():
        return len(text)
    from rich.cells import cell_len

    return cell_len(text)


def wrapped(text: str, width: int | None) -> Iterator[str]:
    """The lines of a text: broken between words, and indented as its first one is.

    >>> list(wrapped("  drift: two of eleven", 14))
    ['  drift: two', '    of eleven']
    """
    if width is None or wide(text) <= width:
        yield text
        return
    indent = text[: len(text) - len(text.lstrip())]
    line, deeper = indent, f"{indent}  " if indent else ""
    begun = False
    for word in text.split():
        longer = f"{line} {word}" if begun else f"{line}{word}"
        if begun and wide(longer) > width:
            yield line
            longer = f"{deeper}{word}"
        line, begun = longer, True
    yield line


@dataclass(frozen=True)
class Column:
    """A column of a table: its head and cells, and how it gives way where room is short.

    Columns are left out in the order of ``worth``, least first; those without one stay, and are cut.
    ``place`` is where it stands among all columns.
    """

    head: str
    cells: tuple[str, ...]
    place: int
    right: bool = False
    worth: int | None = None

    @property
    def width(self) -> int:
        """Columns of the terminal that the widest cell takes."""
        return max(map(wide, (self.head, *self.cells)))


def table(
    head: Sequence[str],
    rows: Iterable[Sequence[object]],
    right: Sequence[int] = (),
    least: Sequence[int] = (),
    widest: int = WIDEST,
) -> None:
    """Print columns under a head; ``right`` are aligned to the right, ``least`` are left out first.

    No cell is wider than ``widest``, and no line wider than the terminal: what then does not fit is cut. A
    row that is one text has no cells: it is printed whole, below the row before it.
    """
    given = list(rows)
    cells = [
        tuple(clean(phrases.cut(str(c), widest)) for c in row) for row in given if not isinstance(row, str)
    ]
    columns = [
        Column(name, tuple(row[i] for row in cells), i, i in right, least.index(i) if i in least else None)
        for i, name in enumerate(head)
    ]
    shown = fitted(columns, room())
    lines = zip(*((c.head, *c.cells) for c in shown), strict=True)
    for row in (None, *given):
        if isinstance(row, str):
            say(f"  {row}")
        else:
            print(GAP.join(_cell(text, c) for text, c in zip(next(lines), shown, strict=True)).rstrip())
    hidden = [c.head for c in columns if c.head and c.place not in {s.place for s in shown}]
    if hidden:
        say(f"(no room for: {', '.join(hidden)})")


def fitted(columns: Sequence[Column], width: int | None) -> list[Column]:
    """The columns that there is room for, the widest of them cut where that is needed."""
    shown = list(columns)
    while width is not None and _over(shown, width) > 0:
        leaving = [c for c in shown if c.worth is not None]
        if leaving:
            shown.remove(min(leaving, key=lambda c: c.worth or 0))
            continue
        widest = max((c for c in shown if not c.right), key=lambda c: c.width)
        if widest.width <= NARROWEST:
            break
        to = max(NARROWEST, widest.width - _over(shown, width))
        shown[shown.index(widest)] = _cut(widest, to)
    return shown


def _over(columns: Sequence[Column], width: int) -> int:
    return sum(c.width for c in columns) + len(GAP) * (len(columns) - 1) - width


def _cut(column: Column, width: int) -> Column:
    cells = tuple(cut(cell, width) for cell in column.cells)
    return replace(column, head=cut(column.head, width), cells=cells)


def cut(text: str, width: int) -> str:
    """The text, or as much of its beginning as there is room for on a terminal.

    >>> cut("temperature", 8), cut("日本の気温", 6)
    ('tempera…', '日本…')
    """
    if wide(text) <= width:
        return text
    while wide(text) > width - 1:
        text = text[:-1]
    return f"{text.rstrip()}…"


def _cell(text: str, column: Column) -> str:
    """A cell with its padding, in the colour of its verdict."""
    padding = " " * (column.width - wide(text))
    painted = paint(text, CELLS.get(text))
    return padding + painted if column.right else painted + padding
