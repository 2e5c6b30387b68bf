"""Legends beside the charts rather than in them: they wrap on a narrow screen and can be read aloud."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from undrift.dashboard.charts import REFERENCE, WINDOW, bands, fates, present
from undrift.dashboard.rows import ESTIMATED, FIRST, LIVE, MARKS, PROMOTED, REJECTED, ROLLED_BACK, Row
from undrift.pictures.palette import Palette

SWATCHES = {
    "line": "width:18px;height:3px;border-radius:2px;background:{0}",
    "rule": "width:2px;height:14px;background:{0}",
    "dashes": "width:0;height:14px;border-left:2px dashed {0}",
    "dot": "width:11px;height:11px;border-radius:50%;background:{0}",
    "ring": "width:8px;height:8px;border-radius:50%;border:2px solid {0}",
    "square": "width:13px;height:13px;border-radius:2px;background:{0}",
}
"""How each kind of key is drawn."""

ROW = "display:flex;flex-wrap:wrap;gap:4px 20px;font-size:0.875rem;opacity:0.85"
ITEM = "display:inline-flex;align-items:center;gap:7px"

Key = tuple[str, str, str]
"""What a key says, its swatch, and its colour."""


def performance(
    scores: Sequence[Row], events: Sequence[Row], estimates: Sequence[Row], colours: Palette
) -> str:
    """The legend of the performance chart."""
    models = {LIVE: colours.live, FIRST: colours.first}
    kinds = {
        PROMOTED: ("rule", colours.promoted),
        REJECTED: ("dashes", colours.rejected),
        ROLLED_BACK: ("rule", colours.rolled_back),
    }
    lines = [(name, "line", models[name]) for name in present(scores, "model", models)]
    lines += [(ESTIMATED, "ring", colours.live)] if estimates else []
    return _html([*lines, *((name, *kinds[name]) for name in present(events, "event", kinds))])


def heatmap(cells: Sequence[Row], colours: Palette) -> str:
    """The legend of the heatmap."""
    meaning = bands(colours)
    return _html([(_name(band), "square", meaning[band]) for band in present(cells, "band", meaning)])


def _name(band: str) -> str:
    return f"{MARKS[band]} {band}" if band in MARKS else band


def forest(trials: Sequence[Row], colours: Palette) -> str:
    """The legend of a forest plot."""
    meaning = fates(colours)
    return _html([(name, "dot", meaning[name]) for name in present(trials, "event", meaning)])


def sides(colours: Palette) -> str:
    """The legend of what changed."""
    return _html([(REFERENCE, "square", colours.live), (WINDOW, "square", colours.window)])


def _html(keys: Sequence[Key]) -> str:
    items = "".join(
        f'<span style="{ITEM}"><span aria-hidden="true" style="{_swatch(kind, colour)}">'
        f"</span>{escape(name)}</span>"
        for name, kind, colour in keys
    )
    return f'<div style="{ROW}">{items}</div>'


def _swatch(kind: str, colour: str) -> str:
    return "display:inline-block;" + SWATCHES[kind].format(colour)
