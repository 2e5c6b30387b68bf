"""The colours of both themes; each meaning has one colour, wherever it is drawn."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Palette:
    """One theme's colours by meaning; ``bands`` go from far below the limit to far over it."""

    live: str
    first: str
    promoted: str
    rejected: str
    rolled_back: str
    window: str
    bands: tuple[str, str, str, str, str]
    gone: str
    few: str
    mark: str
    zero: str
    paper: str


LIGHT = Palette(
    live="#2f5fe0",
    first="#9298a3",
    promoted="#2e7d4f",
    rejected="#8a909b",
    rolled_back="#b26a00",
    window="#e07b00",
    bands=("#eef2f9", "#fdf0d3", "#f9cf95", "#ea9868", "#c2564a"),
    gone="#6a4a9c",
    few="#d5dae3",
    mark="#4a1410",
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
    bands=("#212833", "#3d3523", "#74501f", "#a9562d", "#d0594a"),
    gone="#a98be0",
    few="#39424f",
    mark="#ffeade",
    zero="#e6e8ee",
    paper="#171614",
)


def of_theme(kind: str | None) -> Palette:
    """The palette for a theme that Streamlit calls "light" or "dark"."""
    return DARK if kind == "dark" else LIGHT
