"""Estimates without labels beside NannyML's, on the same windows: error and coverage.

Usage: python benchmarks/estimates.py [--seeds 20] [--peers nannyml]

A gradient boosting is fitted on 4,000 rows. 12 reference windows of 500 labelled rows follow, then 12 windows
whose labels nobody sees: quiet ones, ones whose rows come from elsewhere (covariate drift), and ones in which
the same rows mean something else (concept drift). The error is the mean distance from the realised loss, the
coverage how often the band holds it. NannyML's bands are chunk thresholds, not intervals: only its error is
compared.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

from undrift.estimates import Side, estimated
from undrift.estimates.cbpe import Cbpe
from undrift.estimates.dle import Dle
from undrift.estimates.pape import Pape
from undrift.losses import named

TRAINED, WINDOW, WINDOWS = 4_000, 500, 12
DRIFTS = ("quiet", "covariate drift", "concept drift")

Floats = NDArray[np.float64]


def frame(rows: int, random: np.random.Generator, drift: str) -> tuple[pd.DataFrame, Floats, Floats]:
    """Features, the log odds of the second class, and a number whose spread depends on the features."""
    x = random.normal(size=(rows, 4))
    if drift == "covariate drift":
        x = x * np.array([0.6, 1.0, 1.0, 1.0]) + np.array([1.0, -0.5, 0.0, 0.0])
    odds = 1.5 * x[:, 0] + np.sin(2 * x[:, 1]) - 0.6 * x[:, 0] * x[:, 2]
    if drift == "concept drift":
        odds = odds * 0.3 - 0.8 * x[:, 1]
    number = 3 * odds + random.normal(0, 0.5 + 1.0 * (np.abs(x[:, 0] + 0.5) > 1), rows)
    return pd.DataFrame(x, columns=list("abcd")), odds, number


def world(task: str, seed: int, drift: str) -> tuple[Side, list[Side]]:
    """The labelled reference windows, and the windows to estimate with the labels that nobody sees."""
    random = np.random.default_rng(seed)
    x, odds, number = frame(TRAINED, random, "quiet")
    if task == "binary":
        model = HistGradientBoostingClassifier(max_iter=60, random_state=0).fit(x, _labels(odds, random))
    else:
        model = HistGradientBoostingRegressor(max_iter=60, random_state=0).fit(x, number)

    def side(rows: int, of: str) -> Side:
        x, odds, number = frame(rows, random, of)
        if task == "binary":
            return Side(x, model.predict_proba(x)[:, 1], _labels(odds, random))
        return Side(x, model.predict(x), number)

    return side(WINDOW * WINDOWS, "quiet"), [side(WINDOW, drift) for _ in range(WINDOWS)]


def _labels(odds: Floats, random: np.random.Generator) -> Floats:
    found: Floats = (random.random(len(odds)) < 1 / (1 + np.exp(-odds))).astype(np.float64)
    return found


def ours(task: str, known: Side, windows: list[Side], loss_name: str) -> dict[str, tuple[Floats, Floats]]:
    """Per method the signed errors, and whether the band held the realised loss."""
    loss = named(loss_name, task)
    parts = (
        {"CBPE": (Cbpe(), Cbpe()), "PAPE": (Pape(), Cbpe())} if task == "binary" else {"DLE": (Dle(), Dle())}
    )
    found = {}
    for name, (part, quick) in parts.items():
        errors, held = [], []
        for window in windows:
            blind = Side(window.rows, window.predictions)
            band = estimated(part, quick, known, blind, loss)
            real = loss.over(window.labels, window.predictions)
            if band is None:
                continue
            errors.append(band.mean - real)
            held.append(band.lower <= real <= band.upper)
        found[name] = (np.array(errors), np.array(held, dtype=float))
    return found


def nannyml(task: str, known: Side, windows: list[Side], python: Path) -> Floats:
    """The signed errors of NannyML's CBPE (AUC) or DLE (MAE) on the same windows."""
    with tempfile.TemporaryDirectory() as folder:
        every = [_table(known, "reference", 0), *(_table(w, "analysis", i) for i, w in enumerate(windows))]
        pd.concat(every).to_parquet(Path(folder) / "rows.parquet")
        done = subprocess.run(
            [python, Path(__file__).with_name("peer_nannyml_estimates.py"), folder, task, str(WINDOW)],
            capture_output=True,
            text=True,
            check=True,
        )
    values = np.array(json.loads(done.stdout.splitlines()[-1]))
    loss = named("auc" if task == "binary" else "absolute", task)
    real = np.array([loss.over(w.labels, w.predictions) for w in windows])
    return (1 - values if task == "binary" else values) - real


def _table(side: Side, part: str, place: int) -> pd.DataFrame:
    return side.rows.assign(said=side.predictions, target=side.labels, part=part, window=place)


def main() -> None:
    options = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    options.add_argument("--seeds", type=int, default=20)
    options.add_argument("--peer", type=Path, help="a Python that has NannyML")
    given = options.parse_args()
    print("| drift | loss | method | mean error | bias | coverage |")
    print("|---|---|---|--:|--:|--:|")
    for drift in DRIFTS:
        for task, name in (("binary", "auc"), ("binary", "log_loss"), ("regression", "absolute")):
            rows: dict[str, list[tuple[Floats, Floats]]] = {}
            for seed in range(given.seeds):
                known, windows = world(task, seed, drift)
                for method, one in ours(task, known, windows, name).items():
                    rows.setdefault(method, []).append(one)
                if given.peer and name != "log_loss":
                    errors = nannyml(task, known, windows, given.peer)
                    rows.setdefault("NannyML", []).append((errors, np.full(len(errors), np.nan)))
            for method, found in rows.items():
                errors, held = (np.concatenate(part) for part in zip(*found, strict=True))
                covered = "" if np.isnan(held).all() else f"{held.mean():.3f}"
                line = f"{np.abs(errors).mean():.4f} | {errors.mean():+.4f} | {covered}"
                print(f"| {drift} | {named(name, task).mean} | {method} | {line} |", flush=True)


if __name__ == "__main__":
    sys.exit(main())
