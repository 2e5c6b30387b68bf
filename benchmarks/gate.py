"""How often the gate errs, and how often it finds what is better: the table of docs/replay.md.

Usage: python benchmarks/gate.py [--seeds 1000]

Losses like 0 and 1 of 5,000 held-out rows: champion and challenger disagree on 5 % of them, and every day
moves their difference by an effect with a standard deviation of .02, half of which all challengers share.
The effects follow on one another with a lag-1 correlation. Of several challengers the first may be one
point better or worse.
"""

from __future__ import annotations

import argparse
from itertools import product

import numpy as np
from numpy.typing import NDArray

from undrift.gate import Gate, judge, winner
from undrift.records import Version
from undrift.statistics.intervals import block_t

ROWS, SHARE, EFFECT, COMMON = 5_000, 0.05, 0.02, 0.5
POINT = 0.01
LAGS, DAYS, CHALLENGERS = (0.0, 0.3, 0.6, 0.8), (14, 50), (1, 2, 4)
COLUMNS = (
    "equal, promoted as better",
    "the same, days taken as independent",
    "one point better, found",
    "the same, days taken as independent",
    "equal, refused as worse",
    "one point worse, let in",
)

Floats = NDArray[np.float64]


def effects(random: np.random.Generator, days: int, lag: float) -> Floats:
    found = random.normal(0, EFFECT, days)
    for day in range(1, days):
        found[day] = lag * found[day - 1] + np.sqrt(1 - lag**2) * found[day]
    return found


def losses(
    random: np.random.Generator, days: int, lag: float, challengers: int, worse: float
) -> tuple[Floats, list[Floats], NDArray[np.int64]]:
    """The champion's losses, those of every challenger, and the day of each row; shape (rows,)."""
    day = np.arange(ROWS) * days // ROWS
    champion = (random.random(ROWS) < 0.2).astype(float)
    shared = effects(random, days, lag)
    found = []
    for place in range(challengers):
        disagrees = random.choice([-1.0, 0.0, 1.0], ROWS, p=[SHARE / 2, 1 - SHARE, SHARE / 2])
        own = np.sqrt(COMMON) * shared + np.sqrt(1 - COMMON) * effects(random, days, lag)
        found.append(champion + disagrees + own[day] + worse * (place == 0))
    return champion, found, day


def rates(seeds: int, days: int, lag: float, challengers: int) -> list[float]:
    proof, veto = Gate("better"), Gate("not_worse")
    counts = np.zeros(len(COLUMNS))
    confidence = proof.confidence(challengers)
    for seed in range(seeds):
        for worse, columns in ((0.0, (0, 1, 4)), (-POINT, (2, 3)), (POINT, (5,))):
            champion, rivals, day = losses(np.random.default_rng(seed), days, lag, challengers, worse)
            named = [(version(place + 2), values) for place, values in enumerate(rivals)]
            plain = any(block_t(values - champion, day, confidence).upper < 0 for values in rivals)
            found = winner(judge(champion, named, day, proof)) is not None
            if 4 in columns:
                counts[[0, 1, 4]] += found, plain, winner(judge(champion, named, day, veto)) is None
            elif 2 in columns:
                counts[[2, 3]] += found, plain
            else:
                best = winner(judge(champion, named[:1], day, veto))
                counts[5] += best is not None
    return [float(c) / seeds for c in counts]


def version(number: int) -> Version:
    return Version(number, "", "", "", "", "", 0, 0)


def main() -> None:
    options = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    options.add_argument("--seeds", type=int, default=1_000)
    seeds = options.parse_args().seeds
    print(f"| days | lag-1 correlation | challengers | {' | '.join(COLUMNS)} |")
    print("|--:|--:|--:|" + "--:|" * len(COLUMNS))
    for days, lag, challengers in product(DAYS, LAGS, CHALLENGERS):
        found = " | ".join(f"{rate:.3f}" for rate in rates(seeds, days, lag, challengers))
        print(f"| {days} | {lag} | {challengers} | {found} |", flush=True)


if __name__ == "__main__":
    main()
