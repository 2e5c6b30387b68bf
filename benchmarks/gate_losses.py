"""How often a gate that requires a better model errs, by loss and by the share of the rarer class.

Usage: python benchmarks/gate_losses.py [--seeds 400] [--loss auc] [--share 0.05]

5,000 held-out rows of 20 days. Champion and challenger see the same truth through noise of their own, and
every day moves the scores of each by an effect of its own (standard deviation .3 on the scale of log odds; of
numbers .3 of their standard deviation): none is better, by construction. Beside it stands how often a
challenger with three quarters of the noise is found.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from undrift.gate import Gate, judge, winner
from undrift.losses import Loss, named
from undrift.records import Version

ROWS, DAYS, EFFECT, NOISE, BETTER = 5_000, 20, 0.3, 1.0, 0.75
SHARES = (0.5, 0.05, 0.008)
CLASSES = 4

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Case:
    """A loss, the task that it is tried on, and the share of positive rows where there are two classes."""

    loss: Loss
    task: str
    share: float | None = None


def cases() -> list[Case]:
    found = [
        Case(named(name, "binary", _params(name, share)), "binary", share)
        for name in (
            "log_loss",
            "brier",
            "zero_one",
            "cost",
            "auc",
            "average_precision",
            "f1",
            "recall_at_k",
        )
        for share in SHARES
    ]
    found += [Case(named(n, "multiclass"), "multiclass") for n in ("log_loss", "zero_one", "auc", "f1")]
    numbers = ("absolute", "squared", "pinball", "absolute_percentage")
    return found + [Case(named(n, "regression", _params(n)), "regression") for n in numbers]


def _params(name: str, share: float = 0.5) -> dict[str, object]:
    """Thresholds that suit the share: where decisions are made, some rows must lie on either side."""
    near = min(0.5, 3 * share)
    return {
        "zero_one": {"threshold": near},
        "f1": {"threshold": near},
        "cost": {"threshold": near, "matrix": [[0, 1], [1 / near - 1, 0]]},
        "pinball": {"quantile": 0.9},
        "absolute_percentage": {"least": 1.0},
    }.get(name, {})


def rows(case: Case, seed: int, noise: float) -> tuple[Floats, Floats, Floats, NDArray[np.int64]]:
    """Labels, what the champion and the challenger say, and the day of every row."""
    random = np.random.default_rng(seed)
    day = np.arange(ROWS) * DAYS // ROWS
    if case.task == "regression":
        truth = random.normal(10, 3, ROWS)
        labels = truth + random.normal(0, 1, ROWS)
        return labels, *(truth + _seen(random, day, ROWS, spread) for spread in (NOISE, noise)), day
    if case.task == "multiclass":
        truth = random.normal(0, 1.5, (ROWS, CLASSES))
        labels = np.argmax(truth + random.gumbel(size=truth.shape), axis=1).astype(np.float64)
        said = [
            truth + np.column_stack([_seen(random, day, ROWS, s) for _ in range(CLASSES)])
            for s in (NOISE, noise)
        ]
        odds = [np.exp(one - one.max(axis=1, keepdims=True)) for one in said]
        return labels, *(one / one.sum(axis=1, keepdims=True) for one in odds), day
    truth = random.normal(0, 1.5, ROWS)
    base = _intercept(case.share or 0.5)
    labels = (random.random(ROWS) < _sigmoid(base + truth)).astype(np.float64)
    return labels, *(_sigmoid(base + truth + _seen(random, day, ROWS, s)) for s in (NOISE, noise)), day


def _seen(random: np.random.Generator, day: NDArray[np.int64], size: int, noise: float) -> Floats:
    """What a model gets wrong: noise of each row, and an effect of each day."""
    found: Floats = random.normal(0, noise, size) + random.normal(0, EFFECT, DAYS)[day]
    return found


def _sigmoid(values: Floats) -> Floats:
    found: Floats = 1 / (1 + np.exp(-values))
    return found


def _intercept(share: float) -> float:
    """The log odds at which so many rows are positive when log odds have a standard deviation of 1.5."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(60)
    low, high = -15.0, 15.0
    for _ in range(60):
        middle = (low + high) / 2
        mean = float(weights @ _sigmoid(middle + 1.5 * nodes) / weights.sum())
        low, high = (middle, high) if mean < share else (low, middle)
    return low


def promoted(case: Case, seed: int, noise: float) -> bool:
    labels, champion, challenger, day = rows(case, seed, noise)
    own, other = (case.loss.by_row(labels, said, day) for said in (champion, challenger))
    return winner(judge(own, [(VERSION, other)], day, Gate("better"))) is not None


VERSION = Version(2, "", "", "", "", "", 0, 0)


def main() -> None:
    options = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    options.add_argument("--seeds", type=int, default=400)
    options.add_argument("--loss")
    options.add_argument("--share", type=float)
    given = options.parse_args()
    print("| loss | task | share | equal, promoted | three quarters of the noise, found |")
    print("|---|---|--:|--:|--:|")
    for case in cases():
        if given.loss not in (None, case.loss.name) or given.share not in (None, case.share):
            continue
        equal, better = (
            np.mean([promoted(case, seed, noise) for seed in range(given.seeds)]) for noise in (NOISE, BETTER)
        )
        share = "" if case.share is None else f"{case.share:g}"
        print(f"| {case.loss.mean} | {case.task} | {share} | {equal:.3f} | {better:.3f} |", flush=True)


if __name__ == "__main__":
    main()
