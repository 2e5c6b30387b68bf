"""What ud.live costs over the bare model, side by side in one process.

Usage: python benchmarks/live.py [--repeats 300]

The same rows go to the fitted pipeline and to ``ud.live`` in turn, with the spool on. Shown is the median of
the differences of neighbouring calls: as a share of the bare call for batches of 1,000 rows, in milliseconds
for one row.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

import undrift as ud
from undrift import inputs
from undrift.config.file import document
from undrift.config.wiring import created, load


def rows(count: int, seed: int) -> pd.DataFrame:
    random = np.random.default_rng(seed)
    frame = pd.DataFrame(random.normal(size=(count, 12)), columns=[f"x{i}" for i in range(12)])
    frame["colour"] = random.choice(["red", "green", "blue"], count)
    frame["target"] = np.where(frame["x0"] + random.normal(size=count) > 0, "yes", "no")
    frame.insert(0, "id", np.arange(count))
    return frame


def workspace(folder: Path, model: str) -> Any:
    options = {"data.target": "target", "data.id": "id", "model.use": model}
    (folder / "undrift.toml").write_text(document(options, "benchmark"))
    history = rows(5_000, 0)
    loop = created(load(folder), inputs.read(history), "history")
    loop.start(history)
    return loop.models.load(loop.live().number)


def compared(bare: Any, champion: Any, frame: pd.DataFrame, repeats: int) -> tuple[float, float]:
    """Median seconds of the bare call, and median of what the other takes more."""
    shown = frame[list(bare.feature_names_in_)]
    alone, more = [], []
    for _ in range(repeats):
        begin = time.perf_counter()
        bare.predict_proba(shown)
        middle = time.perf_counter()
        champion.predict_proba(frame)
        end = time.perf_counter()
        alone.append(middle - begin)
        more.append((end - middle) - (middle - begin))
    return float(np.median(alone)), float(np.median(more))


def main() -> None:
    options = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    options.add_argument("--repeats", type=int, default=300)
    repeats = options.parse_args().repeats
    print("| model | rows | more than the bare model | in ms a call |")
    print("|---|--:|--:|--:|")
    for model in (
        "sklearn.ensemble:HistGradientBoostingClassifier",
        "sklearn.linear_model:LogisticRegression",
    ):
        with tempfile.TemporaryDirectory() as folder:
            bare = workspace(Path(folder), model)
            with ud.live(folder, room=10**8) as champion:
                for count in (1, 64, 1_000):
                    frame = rows(count, 1).drop(columns="target")
                    compared(bare, champion, frame, 20)
                    alone, more = compared(bare, champion, frame, repeats)
                    name = model.rpartition(":")[2]
                    print(f"| {name} | {count:,} | {more / alone:+.1%} | {1000 * more:.3f} |", flush=True)


if __name__ == "__main__":
    main()
