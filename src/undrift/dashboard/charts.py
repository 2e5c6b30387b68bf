"""Rows as Altair charts; no name that a user chose is ever a field name."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import altair as alt
import pandas as pd

from undrift.dashboard.rows import (
    BREAKS,
    DRIFTS,
    FEW,
    FIRST,
    GONE,
    HOLDS,
    LIVE,
    PROMOTED,
    QUIET,
    REJECTED,
    ROLLED_BACK,
    WATCHED,
    Row,
)
from undrift.pictures.palette import Palette
from undrift.profiles.shapes import Share, Steps
from undrift.words.numbers import number

Chart = alt.LayerChart | alt.FacetChart | alt.Chart

LEVELS = 3
"""Heights at which the labels of events stand, so that neighbours do not cover each other."""

DAY = 86_400_000.0
"""Milliseconds."""

REFERENCE, WINDOW = "reference", "window"
"""The two sides of what changed."""


def performance(
    scores: Sequence[Row],
    events: Sequence[Row],
    estimates: Sequence[Row],
    colours: Palette,
    *,
    timed: bool,
) -> Chart:
    """Scores over time with what the loop did on them, and estimates with their bands, apart."""
    ends = [row[end] for row in estimates for end in ("lower", "upper")]
    low, high = _room([*(row["score"] for row in scores), *ends])
    x = _time_axis(timed, [row["at"] for row in (*scores, *estimates, *events)])
    title = f"{[*estimates, *scores][-1]['metric']} (lower is better)"
    y = alt.Y(
        "score:Q",
        title=title,
        scale=alt.Scale(domain=[low, high], nice=False, zero=False),
        axis=alt.Axis(tickCount=6, titlePadding=10),
    )
    models = present(scores, "model", (LIVE, FIRST))
    colour = alt.Color(
        "model:N",
        title=None,
        scale=alt.Scale(domain=models, range=[colours.live if m == LIVE else colours.first for m in models]),
        legend=None,
    )
    lines = alt.Chart(_frame(scores)).encode(x=x, y=y, color=colour)
    tooltip = [_tip("days", "window"), _tip("model"), _tip("version"), _tip("text", "score")]
    chart: Chart = (
        alt.layer(
            *_event_layers(events, x, colours),
            *_estimate_layers(estimates, x, y, title, colours),
            *([lines.mark_line(strokeWidth=2.5)] if scores else []),
            *([lines.mark_circle(size=32, opacity=1).encode(tooltip=tooltip)] if scores else []),
        )
        .resolve_scale(color="independent")
        .properties(height=330)
    )
    return chart


def _estimate_layers(
    estimates: Sequence[Row], x: alt.X, y: alt.Y, title: str, colours: Palette
) -> list[alt.Chart]:
    """A hollow point for each estimate, and its band as a rule."""
    if not estimates:
        return []
    base = alt.Chart(_frame(estimates)).encode(x=x)
    rules = base.mark_rule(color=colours.live, strokeWidth=1.5, opacity=0.5).encode(
        y=alt.Y("lower:Q", title=title), y2="upper:Q"
    )
    points = base.mark_point(size=45, color=colours.live, fill=colours.paper, opacity=1)
    tooltip = [_tip("days", "window"), _tip("version"), _tip("text", "estimate")]
    return [rules, points.encode(y=y, tooltip=tooltip)]


def _event_layers(events: Sequence[Row], x: alt.X, colours: Palette) -> list[alt.Chart]:
    """A rule for each event, and the labels beside them."""
    if not events:
        return []
    meaning = {PROMOTED: colours.promoted, REJECTED: colours.rejected, ROLLED_BACK: colours.rolled_back}
    kinds = present(events, "event", meaning)
    scale = alt.Scale(domain=kinds, range=[meaning[kind] for kind in kinds])
    dashes = alt.Scale(domain=kinds, range=[[4, 3] if kind == REJECTED else [1, 0] for kind in kinds])
    base = alt.Chart(_frame(events)).encode(
        x=x,
        color=alt.Color("event:N", title=None, scale=scale, legend=None),
        tooltip=[_tip("event"), _tip("window", "after window"), _tip("text", "why")],
    )
    rules = base.mark_rule(strokeWidth=1.5).encode(
        strokeDash=alt.StrokeDash("event:N", scale=dashes, legend=None)
    )
    return [
        rules,
        *(
            label
            for level, rows in enumerate(_levels(events))
            for label in _event_labels(rows, x, colours, level)
        ),
    ]


def _levels(events: Sequence[Row]) -> list[list[Row]]:
    """The events that have a label, dealt out over the levels in turn."""
    labelled = [row for row in events if row["label"]]
    return [labelled[level::LEVELS] for level in range(LEVELS) if labelled[level::LEVELS]]


def _event_labels(rows: Sequence[Row], x: alt.X, colours: Palette, level: int) -> list[alt.Chart]:
    """The labels of one level, over a halo that keeps the rules behind them from crossing them out."""
    base = alt.Chart(_frame(rows)).encode(x=x, y=alt.value(8 + 15 * level), text="label:N")
    look: dict[str, Any] = {"align": "left", "baseline": "middle", "dx": 4, "fontSize": 11, "fontWeight": 600}
    halo = base.mark_text(**look, color=colours.paper, stroke=colours.paper, strokeWidth=5)
    colour = alt.condition(
        alt.datum.event == ROLLED_BACK, alt.value(colours.rolled_back), alt.value(colours.promoted)
    )
    tooltip = [_tip("event"), _tip("window", "after window"), _tip("text", "why")]
    return [halo, base.mark_text(**look).encode(color=colour, tooltip=tooltip)]


def heatmap(cells: Sequence[Row], features: Sequence[str], windows: Sequence[str], colours: Palette) -> Chart:
    """Features × windows, each in the colour of its verdict; a mark stands where there is none."""
    meaning = bands(colours)
    shown = present(cells, "band", meaning)
    base = alt.Chart(_frame(cells)).encode(
        x=alt.X(
            "window:O",
            title=None,
            sort=list(windows),
            scale=alt.Scale(domain=list(windows)),
            axis=alt.Axis(
                orient="top",
                labelAngle=0,
                labelOverlap=True,
                labelSeparation=10,
                labelFlush=False,
                ticks=False,
                domain=False,
            ),
        ),
        y=alt.Y(
            "feature:N",
            title=None,
            scale=alt.Scale(domain=list(features)),
            axis=alt.Axis(
                labelLimit=130,
                labelOverlap=False,
                ticks=False,
                domain=False,
                labelPadding=8,
                labelFlush=False,
            ),
        ),
    )
    picked = alt.selection_point(name="cell", fields=["feature", "window"], on="click", empty=False)
    tiles = base.mark_rect(cornerRadius=1).encode(
        color=alt.Color(
            "band:N",
            title=None,
            scale=alt.Scale(domain=shown, range=[meaning[name] for name in shown]),
            legend=None,
        ),
        stroke=alt.condition(picked, alt.value(colours.zero), alt.value("transparent")),
        tooltip=[
            _tip("feature"),
            _tip("days", "window"),
            _tip("verdict"),
            _tip("value"),
            _tip("effect", "what changed"),
        ],
    )
    colour = alt.condition(alt.datum.band == GONE, alt.value("#ffffff"), alt.value(colours.zero))
    marks = base.transform_filter("datum.mark").mark_text(fontSize=11, tooltip=False)
    marks = marks.encode(text="mark:N", color=colour)
    return alt.layer(tiles.add_params(picked), marks).properties(height=26 * len(features) + 40)


def bands(colours: Palette) -> dict[str, str]:
    """The colour of every band of the heatmap: warm for drift alone."""
    warm = dict(zip(reversed(DRIFTS), reversed(colours.drifts), strict=True))
    rest = dict(zip(reversed(QUIET), reversed(colours.quiet), strict=True))
    return warm | {WATCHED: colours.watched} | rest | {FEW: colours.few, GONE: colours.gone}


def forest(trials: Sequence[Row], against: str, colours: Palette) -> Chart:
    """Differences with their intervals beside zero; left of it the challenger is better."""
    names = [row["challenger"] for row in trials]
    meaning = fates(colours)
    kinds = present(trials, "event", meaning)
    base = alt.Chart(_frame(trials)).encode(
        y=alt.Y(
            "challenger:N",
            title=None,
            scale=alt.Scale(domain=names),
            axis=alt.Axis(
                labelLimit=170, ticks=False, domain=False, grid=True, labelPadding=8, labelFlush=False
            ),
        ),
        color=alt.Color(
            "event:N",
            title=None,
            scale=alt.Scale(domain=kinds, range=[meaning[kind] for kind in kinds]),
            legend=None,
        ),
        tooltip=[
            _tip("challenger"),
            _tip("event"),
            _tip("text", "loss"),
            _tip("bounds", "difference"),
            _tip("rows", "same rows"),
        ],
    )
    zero = alt.Chart(pd.DataFrame({"zero": [0.0]})).mark_rule(color=colours.zero, strokeWidth=1.5)
    x = alt.X("lower:Q", title=against, axis=alt.Axis(tickCount=6), scale=alt.Scale(padding=12))
    return alt.layer(
        zero.encode(x=alt.X("zero:Q", title=against)),
        base.mark_rule(strokeWidth=3).encode(x=x, x2="upper:Q"),
        base.mark_circle(size=130, opacity=1).encode(x=alt.X("difference:Q", title=against)),
    ).properties(height=max((34 if len(names) < 8 else 24) * len(names), 80) + 70)


def fates(colours: Palette) -> dict[str, str]:
    """The colours of a forest plot: of challengers, and of segments that are guarded."""
    return {
        PROMOTED: colours.promoted,
        REJECTED: colours.rejected,
        HOLDS: colours.promoted,
        BREAKS: colours.drifts[1],
    }


def histogram(drawn: Steps, colours: Palette, title: str) -> Chart:
    """Both sides as steps over each other, on the same bins."""
    rows = [
        {"side": side, "x": x, "share": share}
        for side, heights in ((REFERENCE, drawn.reference), (WINDOW, drawn.window))
        for x, share in zip(drawn.edges, [*heights, heights[-1]], strict=True)
    ]
    base = alt.Chart(_frame(rows)).encode(
        x=alt.X("x:Q", title=title, scale=alt.Scale(zero=False, nice=False), axis=alt.Axis(grid=False)),
        y=alt.Y(
            "share:Q",
            title=f"share of rows per {number(drawn.width)}",
            stack=None,
            axis=alt.Axis(format=".0%" if _largest(rows) >= 0.1 else ".1%", tickCount=5),
        ),
        color=_sides(colours),
    )
    return alt.layer(
        base.mark_area(interpolate="step-after", opacity=0.28),
        base.mark_line(interpolate="step-after", strokeWidth=2),
    ).properties(height=300)


def bars(shares: Sequence[Share], colours: Palette) -> Chart:
    """Paired bars: the share of each label on both sides."""
    rows = _both(shares)
    chart: Chart = (
        alt.Chart(_frame(rows))
        .mark_bar(cornerRadiusEnd=2)
        .encode(
            y=alt.Y(
                "name:N",
                title=None,
                scale=alt.Scale(domain=[s.name for s in shares], paddingInner=0.3),
                axis=alt.Axis(labelLimit=150, ticks=False, domain=False, labelPadding=8, labelFlush=False),
            ),
            yOffset=alt.YOffset("side:N", scale=alt.Scale(domain=[REFERENCE, WINDOW])),
            x=alt.X("share:Q", title="share of rows", axis=alt.Axis(format=".0%", tickCount=5)),
            color=_sides(colours),
            tooltip=[_tip("name", "label"), _tip("side"), _tip("text", "share")],
        )
        .properties(height=max(48 * len(shares), 100) + 60)
    )
    return chart


def dumbbells(shares: Sequence[Share], colours: Palette) -> Chart:
    """Which range moved: the share of rows in each, from the reference to the window."""
    order = [s.name for s in shares]
    y = alt.Y(
        "name:N",
        title=None,
        sort=order,
        scale=alt.Scale(domain=order),
        axis=alt.Axis(labelLimit=150, ticks=False, domain=False, labelPadding=8, labelFlush=False),
    )
    x = alt.X(
        "share:Q", title="share of rows", axis=alt.Axis(format=".0%", tickCount=5), scale=alt.Scale(zero=True)
    )
    spans = [{"name": s.name, "share": s.reference, "to": s.window} for s in shares]
    links = alt.Chart(_frame(spans)).mark_rule(color=colours.first, strokeWidth=2).encode(y=y, x=x, x2="to:Q")
    dots = (
        alt.Chart(_frame(_both(shares)))
        .mark_circle(size=110, opacity=1)
        .encode(
            y=y,
            x=x,
            color=_sides(colours),
            tooltip=[_tip("name", "range"), _tip("side"), _tip("text", "share")],
        )
    )
    return alt.layer(links, dots).properties(height=300)


def present(rows: Sequence[Row], field: str, values: Iterable[str]) -> list[str]:
    """Those of the values that some row has in a field."""
    held = {row[field] for row in rows}
    return [value for value in values if value in held]


def _both(shares: Sequence[Share]) -> list[Row]:
    return [
        {"name": s.name, "side": side, "share": share, "text": f"{share:.1%}"}
        for s in shares
        for side, share in ((REFERENCE, s.reference), (WINDOW, s.window))
    ]


def _sides(colours: Palette) -> alt.Color:
    return alt.Color(
        "side:N",
        title=None,
        scale=alt.Scale(domain=[REFERENCE, WINDOW], range=[colours.live, colours.window]),
        legend=None,
    )


def _time_axis(timed: bool, places: Sequence[float]) -> alt.X:
    """Time in UTC, as exact as the stretch of it asks for, or the number of the window."""
    if not timed:
        axis = alt.Axis(grid=False, tickMinStep=1, format="d")
        return alt.X("at:Q", title="window", scale=alt.Scale(zero=False, nice=False), axis=axis)
    days = (max(places) - min(places)) / DAY
    written: dict[str, Any] = {} if days > 120 else {"format": "%d %b" if days > 4 else "%d %b %H:%M"}
    axis = alt.Axis(grid=False, labelOverlap=True, tickCount=12, **written)
    return alt.X("at:T", title=None, scale=alt.Scale(type="utc"), axis=axis)


def _room(values: Sequence[float]) -> tuple[float, float]:
    """Limits of an axis: near the data, with room above for labels; never below zero for its sake."""
    low, high = min(values), max(values)
    spread = (high - low) or abs(high) or 1.0
    floor = low - 0.08 * spread
    return (0.0 if low >= 0 and (floor < 0 or low < 0.3 * spread) else floor), high + 0.24 * spread


def _tip(field: str, title: str | None = None) -> alt.Tooltip:
    return alt.Tooltip(f"{field}:N", title=title or field)


def _largest(rows: Sequence[Row]) -> float:
    return max(float(row["share"]) for row in rows)


def _frame(rows: Sequence[Row]) -> pd.DataFrame:
    return pd.DataFrame(list(rows))
