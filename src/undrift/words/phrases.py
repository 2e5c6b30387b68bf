"""Small pieces that sentences are put together from."""

from __future__ import annotations

from collections.abc import Sequence


def clean(text: str) -> str:
    """The text without line breaks and characters that cannot be seen, which could turn a line round."""
    return "".join(c if c.isprintable() else "�" for c in text)


def cut(text: str, most: int = 40) -> str:
    """The text, or as much of its beginning as there is room for.

    >>> cut("Llanfairpwllgwyngyll", 8)
    'Llanfai…'
    """
    return text if len(text) <= most else f"{text[: most - 1]}…"


def times(number_: int) -> str:
    """How often: "once", "twice", "3 times"."""
    return {1: "once", 2: "twice"}.get(number_, f"{number_} times")


def ended(text: str) -> str:
    """The text with a full stop at its end, and one only."""
    return text if text.endswith(".") else f"{text}."


def listed(names: Sequence[str]) -> str:
    """Names as a sentence has them.

    >>> listed(["x", "y", "z"])
    'x, y and z'
    """
    return " and ".join(filter(None, (", ".join(names[:-1]), *names[-1:])))


def model(version: int) -> str:
    """What to call a version; number 0 is a model that undrift does not hold.

    >>> model(3), model(0)
    ('v3', 'the foreign model')
    """
    return f"v{version}" if version else "the foreign model"


def trained(version: int | None) -> str:
    """Who was trained on the reference rows.

    >>> trained(3), trained(0)
    ('v3 was trained on', 'the model came with')
    """
    return f"{model(version)} was trained on" if version else "the model came with"


TITLES = {"(prediction)": "what the model predicts", "(target)": "the labels"}
"""What is compared beside the features, and what people call it."""


def title(name: str) -> str:
    """What to call a feature; the model's output and the labels are none.

    >>> title("humidity"), title("(prediction)")
    ('humidity', 'what the model predicts')
    """
    return TITLES.get(name, name)


def count(number_: int, noun: str) -> str:
    """A count with its noun: "1 row", "2,000 rows"."""
    return f"{number_:,} {noun}{'' if number_ == 1 else 's'}"
