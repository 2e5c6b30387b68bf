"""Ways to count numbers over a grid, side by side: nanoseconds per value, and each beside the slowest.

uv run python benchmarks/kernel.py
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial

import numpy as np

from undrift.profiles.buckets import Buckets
from undrift.profiles.grid import Grid

ROWS, TURNS = 131_072, 40


def main() -> None:
    random = np.random.default_rng(0)
    shapes = {
        "normal": random.normal(0, 1, ROWS),
        "whole numbers": np.round(random.gamma(2, 10, ROWS)),
        "log-normal": random.lognormal(0, 2, ROWS),
    }
    for name, values in shapes.items():
        grid, edges = Grid.of(values), Grid.of(values).edges
        timed = _in_turns(
            {
                "buckets": partial(Buckets.of(edges, grid.centre, values, grid.points).below, values),
                "sort, search edges": partial(_sorted_then_searched, values, edges),
                "search values": partial(np.searchsorted, edges, values),
            }
        )
        slowest = max(timed.values())
        for way, seconds in timed.items():
            print(f"{name:14} {way:20} {seconds / ROWS * 1e9:6.1f} ns  {seconds / slowest:5.2f}")


def _sorted_then_searched(values: np.ndarray, edges: np.ndarray) -> np.ndarray:
    return np.searchsorted(np.sort(values), edges)


def _in_turns(ways: dict[str, Callable[[], object]]) -> dict[str, float]:
    """The best time of each way, taken in turns so that a slow moment of the machine hits all alike."""
    best = dict.fromkeys(ways, float("inf"))
    for _ in range(TURNS):
        for name, way in ways.items():
            start = time.perf_counter()
            way()
            best[name] = min(best[name], time.perf_counter() - start)
    return best


if __name__ == "__main__":
    main()
