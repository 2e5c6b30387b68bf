"""The colours of both themes; each meaning has one colour, wherever it is drawn."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Palette:
    """One theme's colours by meaning.

    ``quiet`` goes from paper to slate for what moved far and is ordinary, ``drifts`` has two depths.
    """

    live: str
    first: str
    promoted: str
    rejected: str
    rolled_back: str
    window: str
    quiet: tuple[str, str, str, str]
    watched: str
    drifts: tuple[str, str]
    gone: str
    few: str
    zero: str
    paper: str


LIGHT = Palette(
    live="#2f5fe0",
    first="#9298a3",
    promoted="#2e7d4f",
    rejected="#8a909b",
    rolled_back="#b26a00",
    window="#e07b00",
    quiet=("#f3f5f9", "#dbe0e9", "#bcc5d3", "#98a4b6"),
    watched="#f3e3a1",
    drifts=("#ea9868", "#b3473b"),
    gone="#1b1d22",
    few="#f3f5f9",
    zero="#31333f",
    paper="#ffffff",
)

DARK = Palette(
    live="#7ba0ff",
    first="#8f96a3",
    promoted="#55c487",
    rejected="#8f96a3",
    rolled_back="#f0a53c",
    window="#ff9d3b",
    quiet=("#1f242c", "#303946", "#465263", "#627085"),
    watched="#6d6122",
    drifts=("#c9702f", "#e0584a"),
    gone="#000000",
    few="#1f242c",
    zero="#e6e8ee",
    paper="#171614",
)


def of_theme(kind: str | None) -> Palette:
    """The palette for a theme that Streamlit calls "light" or "dark"."""
    return DARK if kind == "dark" else LIGHT
