"""Text that was meant to be numbers: a word among them, decimal commas, thousands separators, units."""

from __future__ import annotations

from collections.abc import Iterable

import pyarrow as pa
import pyarrow.compute as pc

NUMBER = r"^\s*[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?\s*$|^\s*[+-]?(?i:nan|inf|infinity)\s*$"
"""What a number looks like to a program."""

_MONEY = r"[$€£¥]?\s?"
_WHOLE = r"\d{1,3}(?:[.,'\s\x{00a0}\x{202f}]\d{3})+|\d+"
WRITTEN = rf"^\s*[+-]?{_MONEY}(?:{_WHOLE})(?:[.,]\d+)?\s?[%$€£¥]?\s*$"
"""What a number looks like to people: 1.234,56 or 1,234.56 or 1 234 or $5 or 12 %."""

MOSTLY = 0.5
"""Share of a column's values from which on it is said to be numbers with something else among them."""

REMEDY = "without thousands separators or units and with a decimal point, as 1234.56"


def disguised(columns: Iterable[pa.Array | pa.ChunkedArray]) -> str:
    """What to say of text, given batch by batch, of which most values are numbers; empty for any other.

    >>> disguised([pa.array(["1", "2.5", None, "Test"])])
    "2 of 3 are numbers; first other: 'Test' (row 4)"
    >>> disguised([pa.array(["1.234,56", "7,5"])])[:46]
    "they look like numbers, such as '1.234,56': wr"
    """
    valid = numbers = written = begun = 0
    other, example = "", ""
    for values in columns:
        words = _words(values)
        is_number = pc.match_substring_regex(words, NUMBER)
        is_written = pc.and_not(pc.match_substring_regex(words, WRITTEN), is_number)
        valid += len(words) - words.null_count
        numbers += pc.sum(is_number).as_py() or 0
        written += pc.sum(is_written).as_py() or 0
        example = example or _first(words, is_written)[0]
        if not other:
            word, row = _first(words, pc.invert(is_number))
            other = f"{word!r} (row {begun + row + 1:,})" if row >= 0 else ""
        begun += len(words)
    if not valid or numbers + written <= MOSTLY * valid:
        return ""
    if written > numbers:
        return f"they look like numbers, such as {example!r}: write them {REMEDY}"
    if numbers == valid:
        return "numbers written as text: if they are no codes, give the kind numeric"
    return f"{numbers:,} of {valid:,} are numbers; first other: {other}"


def _words(values: pa.Array | pa.ChunkedArray) -> pa.Array:
    whole = values.combine_chunks() if isinstance(values, pa.ChunkedArray) else values
    return whole.cast(pa.large_string())


def _first(words: pa.Array, where: pa.Array) -> tuple[str, int]:
    """The first of the words where something holds, shortened, and its place; -1 where there is none."""
    row = pc.index(where, True).as_py()
    if row < 0:
        return "", -1
    word = words[row].as_py()
    return (word if len(word) <= 40 else f"{word[:39]}…"), row
