"""Legends beside the charts rather than in them: they wrap on a narrow screen and can be read aloud."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from undrift.dashboard.charts import REFERENCE, WINDOW, present
from undrift.dashboard.rows import BANDS, FEW, FIRST, GONE, LIVE, PROMOTED, REJECTED, ROLLED_BACK, Row
from undrift.palette import Palette

SWATCHES = {
    "line": "width:18px;height:3px;border-radius:2px;background:{0}",
    "rule": "width:2px;height:14px;background:{0}",
    "dashes": "width:0;height:14px;border-left:2px dashed {0}",
    "dot": "width:11px;height:11px;border-radius:50%;background:{0}",
    "square": "width:13px;height:13px;border-radius:2px;background:{0}",
    "mark": "width:13px;height:13px;border:4px solid {1};background:{0};box-sizing:border-box",
}
"""How each kind of key is drawn."""

ROW = "display:flex;flex-wrap:wrap;gap:4px 20px;font-size:0.875rem;opacity:0.85"
ITEM = "display:inline-flex;align-items:center;gap:7px"

Key = tuple[str, str, str]
"""What a key says, its swatch, and its colour."""


def performance(scores: Sequence[Row], events: Sequence[Row], colours: Palette) -> str:
    """The legend of the performance chart."""
    models = {LIVE: colours.live, FIRST: colours.first}
    kinds = {
        PROMOTED: ("rule", colours.promoted),
        REJECTED: ("dashes", colours.rejected),
        ROLLED_BACK: ("rule", colours.rolled_back),
    }
    lines = [(name, "line", models[name]) for name in present(scores, "model", models)]
    return _html([*lines, *((name, *kinds[name]) for name in present(events, "event", kinds))], colours)


def heatmap(cells: Sequence[Row], colours: Palette) -> str:
    """The legend of the heatmap."""
    bands = [(name, "square", colour) for name, colour in zip(BANDS, colours.bands, strict=True)]
    extra = {GONE: colours.gone, FEW: colours.few}
    others = [(name, "square", extra[name]) for name in present(cells, "band", extra)]
    return _html(
        [*bands, *others, ("drift: out of the ordinary, or new ground", "mark", colours.mark)], colours
    )


def forest(trials: Sequence[Row], colours: Palette) -> str:
    """The legend of a forest plot."""
    meaning = {PROMOTED: colours.promoted, REJECTED: colours.rejected}
    return _html([(name, "dot", meaning[name]) for name in present(trials, "event", meaning)], colours)


def sides(colours: Palette) -> str:
    """The legend of what changed."""
    return _html([(REFERENCE, "square", colours.live), (WINDOW, "square", colours.window)], colours)


def _html(keys: Sequence[Key], colours: Palette) -> str:
    items = "".join(
        f'<span style="{ITEM}"><span aria-hidden="true" style="{_swatch(kind, colour, colours)}">'
        f"</span>{escape(name)}</span>"
        for name, kind, colour in keys
    )
    return f'<div style="{ROW}">{items}</div>'


def _swatch(kind: str, colour: str, colours: Palette) -> str:
    return "display:inline-block;" + SWATCHES[kind].format(colour, colours.bands[3])
