"""The only way in which text that people chose (columns, labels, reasons) enters Markdown."""

from __future__ import annotations

import re

from undrift.words.phrases import clean

PUNCTUATION = re.compile(r"([!-/:-@\[-`{-~])")
"""Every character that CommonMark lets a backslash take the meaning from."""

BREAK = "\u200b"
"""Unseen and of no width; put where Streamlit would else make a link, an icon or an emoji of a word."""


def inert(text: str) -> str:
    r"""The text as Markdown that shows it and does nothing: no link, image, icon, formula or colour.

    >>> inert("![x](y)")
    '\\!\\[x\\]\\(y\\)'
    """
    escaped = PUNCTUATION.sub(r"\\\1", clean(text))
    return escaped.replace(":", f":{BREAK}").replace("www", f"w{BREAK}ww").replace("@", f"@{BREAK}")
