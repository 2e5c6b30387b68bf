"""The two pictures of docs/replay.md, as SVG: what each policy recovers, and every stream over time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

import numpy as np

from replaying.streams import PLAYED

COLOURS = {
    "never": "#8a8f98",
    "calendar": "#c98a1b",
    "always": "#b9bec7",
    "shipped": "#1f6f8b",
    "single": "#7a5ea8",
}
STYLE = "font-family='system-ui, sans-serif' font-size='12' fill='#2b2f36'"
GREY = "#d9dce1"


def recovered(said: Mapping[str, Any], path: Path) -> None:
    """What each policy recovers of what an oracle would save: the mean, its interval, and every stream."""
    means = {p: m for p, m in said["mean_recovered"].items() if m is not None}
    order = sorted(means, key=lambda p: -means[p])
    left, width, step = 190, 560, 26
    low, high = -0.6, 1.2

    def x(value: float) -> float:
        return left + (min(max(value, low), high) - low) / (high - low) * width

    parts = []
    for tick in np.arange(-0.5, 1.25, 0.25):
        at = x(tick)
        strong = "#9aa0a8" if tick in (0.0, 1.0) else GREY
        parts.append(
            f"<line x1='{at:.1f}' x2='{at:.1f}' y1='40' y2='{46 + step * len(order)}' stroke='{strong}'/>"
        )
        parts.append(f"<text x='{at:.1f}' y='34' text-anchor='middle' {STYLE}>{tick:+.2f}</text>")
    for row, policy in enumerate(order):
        y = 58 + row * step
        colour = COLOURS.get(policy, "#4b5563")
        parts.append(f"<text x='{left - 10}' y='{y + 4}' text-anchor='end' {STYLE}>{escape(policy)}</text>")
        for name in said["counted"]:
            value = said["streams"][name][policy]["recovered"]
            title = f"<title>{escape(name)}: {value:+.2f}</title>"
            parts.append(
                f"<circle cx='{x(value):.1f}' cy='{y}' r='3' fill='{colour}' opacity='.35'>{title}</circle>"
            )
        interval = said["intervals"][policy]
        if interval:
            a, b = map(x, interval)
            parts.append(
                f"<line x1='{a:.1f}' x2='{b:.1f}' y1='{y}' y2='{y}' stroke='{colour}' stroke-width='4'/>"
            )
        parts.append(f"<circle cx='{x(means[policy]):.1f}' cy='{y}' r='6' fill='{colour}'/>")
    title = "Share of what an oracle would save that each policy recovers (mean, 90 % interval, streams)"
    _write(path, left + width + 30, 62 + step * len(order), title, parts)


def streams(said: Mapping[str, Any], runs: Mapping[str, Any], found: Mapping[str, Any], path: Path) -> None:
    """The loss of each stream relative to never's, summed up to each window, under three policies."""
    shown = ("calendar", "always", "shipped")
    columns, wide, tall = 3, 280, 150
    parts = []
    for place, name in enumerate(said["streams"]):
        left, top = 50 + place % columns * (wide + 46), 50 + place // columns * (tall + 50)
        never = np.cumsum(runs[name]["never"][""].losses)
        lines = {p: np.cumsum(found[p][name][1].losses) / never for p in shown}
        floor = min(0.9, *(float(line.min()) for line in lines.values()))
        ceiling = max(1.05, *(float(line.max()) for line in lines.values()))
        parts.append(f"<text x='{left}' y='{top - 8}' {STYLE} font-weight='600'>{escape(name)}</text>")
        one = top + (ceiling - 1) / (ceiling - floor) * tall
        parts.append(
            f"<line x1='{left}' x2='{left + wide}' y1='{one:.1f}' y2='{one:.1f}' "
            f"stroke='{COLOURS['never']}' stroke-dasharray='4 3'/>"
        )
        for label, value in (("1", 1.0), (f"{floor:.2f}", floor)):
            y = top + (ceiling - value) / (ceiling - floor) * tall
            parts.append(f"<text x='{left - 6}' y='{y + 4:.1f}' text-anchor='end' {STYLE}>{label}</text>")
        for policy, line in lines.items():
            parts.append(_line(line, left, top, wide, tall, floor, ceiling, COLOURS[policy]))
    rows = -(-len(said["streams"]) // columns)
    legend = "".join(f"<tspan fill='{COLOURS[p]}' font-weight='600'>{p} </tspan>" for p in ("never", *shown))
    height = 60 + rows * (tall + 50)
    parts.append(f"<text x='50' y='{height - 20}' {STYLE}>{legend}</text>")
    title = "Loss up to each window, as a share of never's (a model of the whole history)"
    _write(path, 50 + columns * (wide + 46), height, title, parts)


def _line(
    values: Sequence[float],
    left: int,
    top: int,
    wide: int,
    tall: int,
    floor: float,
    ceiling: float,
    colour: str,
) -> str:
    points = " ".join(
        f"{left + i / (PLAYED - 1) * wide:.1f},{top + (ceiling - v) / (ceiling - floor) * tall:.1f}"
        for i, v in enumerate(values)
    )
    return f"<polyline points='{points}' fill='none' stroke='{colour}' stroke-width='2'/>"


def _write(path: Path, width: int, height: int, title: str, parts: Sequence[str]) -> None:
    size = f"viewBox='0 0 {width} {height}' width='{width}' height='{height}'"
    head = f"<svg xmlns='http://www.w3.org/2000/svg' {size}>"
    body = "\n".join(parts)
    text = f"<text x='10' y='14' {STYLE} font-weight='600'>{escape(title)}</text>"
    path.write_text(
        f"{head}\n<rect width='100%' height='100%' fill='white'/>\n{text}\n{body}\n</svg>\n", encoding="utf-8"
    )
