"""Streams and workspaces that the tests share."""

from __future__ import annotations

import io
import os
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from undrift.cli import execute
from undrift.profiles.categorical import CategoricalProfile
from undrift.profiles.numeric import NumericProfile


@pytest.fixture(autouse=True)
def _no_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lines are as long as they are, wherever the tests run."""
    monkeypatch.delenv("COLUMNS", raising=False)


@pytest.fixture(scope="session")
def streams() -> Path:
    """The folder of recorded streams that are not shipped with the package."""
    folder = os.environ.get("UNDRIFT_STREAMS")
    if not folder or not list(Path(folder).glob("*.parquet")):
        pytest.skip("UNDRIFT_STREAMS does not name a folder of recorded streams")
    return Path(folder)


def ask(*arguments: object) -> tuple[int, str, str]:
    """The exit code, stdout and stderr of a command, run in this process."""
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        code = execute([str(a) for a in arguments])
    return code, out.getvalue(), err.getvalue()


def labels(**counts: int) -> CategoricalProfile:
    """The profile of so many rows of each label."""
    return CategoricalProfile(counts=counts)


def numbers(values: object, like: NumericProfile | None = None) -> NumericProfile:
    """The profile of numbers over their own grid, or over that of another profile."""
    return NumericProfile.of(np.asarray(values, dtype=np.float64), null=0, grid=like.grid if like else None)


def moving_stream(windows: int = 26, rows: int = 120, change: int = 12, seed: int = 0) -> pd.DataFrame:
    """A stream with ids, times (six-hour windows), mixed columns and a change of rows and rule."""
    rng = np.random.default_rng(seed)
    n = windows * rows
    moved = np.arange(n) >= change * rows
    x = rng.normal(np.where(moved, 1.0, 0.0), 1.0)
    colour = rng.choice(["red", "green", "blue"], n)
    y = np.where(moved, -3.0, 2.0) * x + (colour == "red") + rng.normal(0, 0.3, n)
    step = pd.Timedelta(hours=6) / rows
    return pd.DataFrame(
        {
            "id": [f"r{i}" for i in range(n)],
            "at": pd.Timestamp("2024-01-01") + step * np.arange(n),
            "x": np.where(rng.random(n) < 0.05, np.nan, x),
            "z": rng.normal(size=n),
            "colour": colour,
            "y": y,
        }
    )


@pytest.fixture(scope="session")
def demo_weeks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The workspace that the first twelve weeks of the demo leave behind. Do not change it."""
    root = tmp_path_factory.mktemp("demo") / "undrift-demo"
    assert execute(["demo", "--windows", "12", "--json", "-C", str(root)]) == 0
    return root
