"""Contracts of what judges a window: calibrations, quality checks, and metrics of features together."""

# ruff: noqa: S101 - an assertion is what a contract is made of

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from undrift.calibration import Calibration
from undrift.multivariate import Part
from undrift.profiles.joint import Joint
from undrift.profiles.table import TableProfile, profile

DAYS, ROWS = 40, 100
"""Windows of the history, and rows of each."""


def check_calibration(calibration: Calibration) -> None:
    """An assumption in words; p-values of the features it was asked about; a change is more surprising."""
    ref = profile(_days(DAYS), time="at", window="1d")
    calm, moved = (_window(ref, seed=1, shift=shift) for shift in (0.0, 8.0))
    names = ("x", "y")
    found = calibration.judge(ref, calm, names)
    assert found == calibration.judge(ref, calm, names), "the same window was judged in two ways"
    assert found.assumes
    assert calibration.judge(ref, calm, ()).evidence == {}
    surprising = calibration.judge(ref, moved, names).evidence
    assert found.evidence.keys() == surprising.keys() <= {*names}
    for name, evidence in found.evidence.items():
        assert all(0 <= p <= 1 for p in evidence.parts.values())
        assert surprising[name].p_value < min(1e-3, evidence.p_value)


def check_quality(check: Callable[[Any, Any], str]) -> None:
    """One line of text, and none on a feature beside itself."""
    ref = profile(_days(DAYS), time="at", window="1d")
    odd = profile(_days(1, seed=1).assign(x=np.inf, y=np.nan, label="new"), like=ref)
    for name, feature in ref.features.items():
        assert check(feature, feature) == ""
        said = check(feature, odd.features[name])
        assert isinstance(said, str)
        assert "\n" not in said


def check_together(part: Part) -> None:
    """A p-value, and an effect that is larger and less likely where features no longer move together."""
    ref = profile(_days(DAYS), time="at", window="1d")
    past = _sums(ref)
    calm, turned = (_sums(_window(ref, seed=1, turn=turn)) for turn in (1.0, -1.0))
    found, other = part(past, calm), part(past, turned)
    assert found == part(past, calm)
    for moved in (found, other):
        assert 0 <= moved.p_value <= 1
        assert moved.threshold > 0
        assert moved.effect
        assert {*moved.features} <= {*past.names}
    assert other.p_value < min(0.01, found.p_value)
    assert other.value > found.value


def _days(days: int, seed: int = 0, shift: float = 0.0, turn: float = 1.0) -> pd.DataFrame:
    """Two numbers that move together, and a label."""
    random = np.random.default_rng(seed)
    x = random.normal(size=days * ROWS)
    return pd.DataFrame(
        {
            "at": pd.date_range("2024-01-01", periods=days, freq="D").repeat(ROWS),
            "x": x + shift,
            "y": turn * x + random.normal(0, 0.5, len(x)) + shift,
            "label": random.choice(["a", "b"], len(x)),
        }
    )


def _window(ref: TableProfile, **how: Any) -> TableProfile:
    """One day after the history, counted like it."""
    rows = _days(1, **how)
    return profile(rows.assign(at=rows["at"] + pd.Timedelta(days=DAYS)), like=ref)


def _sums(counted: TableProfile) -> Joint:
    """The sums of a profile's windows."""
    assert counted.history is not None
    assert counted.history.joint is not None
    return counted.history.joint
