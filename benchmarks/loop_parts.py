"""Parts of benchmarks/loop.py, each run in a process of its own by the interpreter of either commit.

    python benchmarks/loop_parts.py NAME [ARGUMENT ...]

Prints one JSON object of figures. Only what version 0.1.0 had too is called, under either of its names.
"""

from __future__ import annotations

import json
import pickle
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

import undrift as ud

START = datetime(2010, 1, 4, tzinfo=UTC)
HISTORY = 60
"""Days of the workspace that grows on which its first model is trained."""


def seconds(do: Callable[[], object]) -> float:
    """CPU seconds of a call."""
    begun = time.process_time()
    do()
    return time.process_time() - begun


def least(do: Callable[[], object], times: int = 3) -> float:
    """The least CPU seconds of some calls."""
    return min(seconds(do) for _ in range(times))


def config() -> Any:
    """What reads and writes settings, in one module or in two."""
    try:
        from undrift.config import file, wiring
    except ImportError:
        from undrift import config as wiring

        file = wiring
    return type("Config", (), {**vars(file), **vars(wiring)})


def opened(root: Path) -> Any:
    """The loop of a workspace."""
    return config().open(root)


def fitting() -> list[float]:
    """The CPU seconds of every fit and prediction of a pipeline from now on."""
    from sklearn.pipeline import Pipeline

    spent: list[float] = []
    for name in ("fit", "predict", "predict_proba"):
        setattr(Pipeline, name, timed(vars(Pipeline)[name], spent))
    return spent


def timed(method: Any, spent: list[float]) -> Callable[..., Any]:
    """The same method; what each call takes is added to ``spent``."""

    def call(self: Any, *rows: Any, **how: Any) -> Any:
        begun = time.process_time()
        try:
            return method.__get__(self, type(self))(*rows, **how)
        finally:
            spent.append(time.process_time() - begun)

    return call


def demo(windows: str) -> dict[str, float]:
    """The demo's stream, tick by tick: quiet ones, retrainings, and what is neither fit nor prediction."""
    from undrift.demo.stage import Stage

    spent = fitting()
    quiet, retrained = [], []
    with tempfile.TemporaryDirectory() as folder:
        stage = Stage.set(Path(folder) / "demo", {}, int(windows))
        loop, recording = stage.loop()
        spent.clear()
        begun = before = time.process_time()
        for _, report in stage.play(loop, recording):
            after = time.process_time()
            (retrained if any(s.outcome for s in report.settled) else quiet).append(after - before)
            before = after
        whole = before - begun
    return {
        "quiet tick": median(quiet),
        "retraining tick": median(retrained),
        "overhead beyond fit and predict": 100 * (whole - sum(spent)) / sum(spent),
    }


def day(index: int, features: int, rows: int) -> pa.Table:
    """Rows of a day: numbers, every fifth feature labels, and a target that follows from two of them."""
    random = np.random.default_rng(index)
    first = int((START + timedelta(days=index)).timestamp() * 1e6)
    values = random.normal(0, 1, (features, rows)) + 0.05 * random.normal(0, 1, (features, 1))
    columns: dict[str, Any] = {
        "id": [f"{index:05d}-{row:06d}" for row in range(rows)],
        "time": pa.array(
            first + np.sort(random.integers(0, 86_400_000_000, rows)), pa.timestamp("us", "UTC")
        ),
    }
    for place, column in enumerate(values):
        columns[f"x{place:03d}"] = (
            column if place % 5 else np.char.add("l", (abs(column) * 3).astype(int).astype(str))
        )
    columns["y"] = values[1] + values[2] + random.normal(0, 1, rows)
    return pa.table(columns)


def made(root: Path, features: int, rows: int) -> Any:
    """A workspace with sixty days of history."""
    settings = {
        "data.target": "y",
        "data.time": "time",
        "data.id": "id",
        "windows.size": "1d",
        "labels.delay": "1d",
        "model.use": "sklearn.linear_model:Ridge",
    }
    c = config()
    root.mkdir(parents=True)
    (root / "undrift.toml").write_text(c.document(settings, "benchmark"))
    history = pa.concat_tables([day(index, features, rows) for index in range(HISTORY)])
    loop = c.created(c.load(root, settings), history, "history")
    loop.start(history)
    return loop


def deliver(loop: Any, index: int, features: int, rows: int) -> None:
    """The labels of the day before, and the rows of a day."""
    now = START + timedelta(days=index + 1)
    if index > HISTORY:
        loop.label(day(index - 1, features, rows).select(["id", "y"]), now=now, batch=f"labels-{index - 1}")
    loop.step(day(index, features, rows).drop_columns(["y"]), now=now, batch=f"rows-{index}")


def grow(root: str, windows: str, features: str) -> dict[str, float]:
    """A workspace with so many settled windows, each really played."""
    loop = made(Path(root), int(features), 100)
    end = HISTORY + int(windows)
    spent = [
        seconds(lambda index=index: deliver(loop, index, int(features), 100)) for index in range(HISTORY, end)
    ]
    (Path(root) / "next.json").write_text(json.dumps([end, int(features)]))
    return {"first": median(spent[:20]), "last": median(spent[-20:])}


def files(root: str) -> dict[str, float]:
    """The next window of that workspace as files."""
    folder = Path(root)
    end, features = json.loads((folder / "next.json").read_text())
    pq.write_table(day(end - 1, features, 100).select(["id", "y"]), folder / "labels.parquet")
    following = day(end + 1, features, 100).slice(0, 1)  # with it the window before is complete
    pq.write_table(
        pa.concat_tables([day(end, features, 100), following]).drop_columns(["y"]), folder / "rows.parquet"
    )
    return {}


def tick(rows: str) -> dict[str, float]:
    """A step on many rows, after two that warm it up."""
    with tempfile.TemporaryDirectory() as folder:
        loop = made(Path(folder) / "w", 25, 200)
        for index in (HISTORY, HISTORY + 1):
            deliver(loop, index, 25, 200)
        table = day(HISTORY + 2, 25, int(rows)).drop_columns(["y"])
        now = START + timedelta(days=HISTORY + 3)
        return {"tick": seconds(lambda: loop.step(table, now=now, batch="large"))}


def start(rows: str) -> dict[str, float]:
    """A first model on a long history: CPU beyond the fit, and the peak of memory."""
    spent = fitting()
    with tempfile.TemporaryDirectory() as folder:
        whole = seconds(lambda: made(Path(folder) / "w", 25, int(rows) // HISTORY))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    return {"beyond": whole - sum(spent), "mebibytes": peak}


def numbers(rows: int, columns: int) -> pa.Table:
    """Columns of normal numbers."""
    random = np.random.default_rng(0)
    return pa.table({f"x{place}": random.normal(size=rows) for place in range(columns)})


def history(rows: str) -> dict[str, float]:
    """A reference profile with a history by day, beside the same without."""
    table = numbers(int(rows), 25)
    random = np.random.default_rng(1)
    moments = np.sort(random.integers(0, 366 * 86_400, int(rows))) * 1_000_000
    timed = table.append_column("t", pa.array(moments, pa.timestamp("us")))
    ud.profile(timed.slice(0, 1000), time="t")
    with_it, without = least(lambda: ud.profile(timed, time="t")), least(lambda: ud.profile(table))
    return {"ratio": with_it / without}


def wide(columns: str) -> dict[str, float]:
    """A window of many columns, profiled like a reference."""
    table = numbers(500, int(columns))
    reference = ud.profile(table)
    return {"profile": seconds(lambda: ud.profile(table, reference))}


def judge() -> dict[str, float]:
    """Two profiles compared: of columns of many labels, and of many columns of numbers."""
    random = np.random.default_rng(0)

    def labels(rows: int) -> pa.Table:
        names = [np.char.add("l", random.integers(0, 100_000, rows).astype(str)) for _ in range(5)]
        return pa.table({f"c{place}": values for place, values in enumerate(names)})

    ud.compare(numbers(500, 2), numbers(500, 2))  # whatever is imported once
    many = ud.profile(labels(300_000))
    found = ud.profile(labels(100_000), many)
    slow = 5 * seconds(lambda: ud.compare(many, found))
    table = numbers(10_000, 300)
    reference = ud.profile(table)
    current = ud.profile(table, reference)
    return {"labels": slow, "numbers": 1000 * seconds(lambda: ud.compare(reference, current)) / 300}


def csv(rows: str) -> dict[str, float]:
    """A large CSV profiled, beside Arrow's bare read of it."""
    from pyarrow.csv import read_csv, write_csv

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rows.csv"
        write_csv(numbers(int(rows), 10), path)
        reference = ud.profile(numbers(10_000, 10))
        return {
            "ratio": least(lambda: ud.profile(str(path), reference), 2) / least(lambda: read_csv(path), 2)
        }


def pickled() -> dict[str, float]:
    """The size of a pickled profile, beside that of its own serial form."""
    from undrift.profiles.codec import dumps

    table = numbers(200_000, 25)
    reference = ud.profile(table)
    current = ud.profile(table, reference)
    return {"ratio": len(pickle.dumps(current)) / len(dumps(current))}


if __name__ == "__main__":
    parts = {f.__name__: f for f in (demo, grow, files, tick, start, history, wide, judge, csv)}
    print(json.dumps((parts | {"pickle": pickled})[sys.argv[1]](*sys.argv[2:])))
