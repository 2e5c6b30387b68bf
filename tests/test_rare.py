"""Counts of rare rows: their prediction is bounded by the rows of the window."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from undrift.statistics.rare import Rare, rare


def fitted(share: float, dispersion: float) -> Rare:
    return Rare(np.ones((1, 1)), np.full((1, 1), dispersion), np.zeros((1, 1), dtype=bool))


@pytest.mark.parametrize("rows", [60, 600, 5000])
@pytest.mark.parametrize("share", [0.01, 0.0165, 0.1, 0.3])
@pytest.mark.parametrize("dispersion", [0.5, 5.0, 19.0])
@pytest.mark.parametrize("part", [0.1, 0.5, 1.0])
def test_many_rare_rows_are_as_likely_as_scipys_beta_binomial_says(
    rows: int, share: float, dispersion: float, part: float
) -> None:
    found = np.full((1, 1, 1), float(int(rows * part)))
    expected, all_rows = np.full((1, 1, 1), rows * share), np.full((1, 1, 1), float(rows))
    p = float(fitted(share, dispersion).more(found, expected, all_rows)[0, 0, 0])
    total = 1 / min(dispersion * share / (1 - share), 1 - 1e-9) - 1
    exact = stats.betabinom.sf(found[0, 0, 0] - 1, rows, share * total, (1 - share) * total)
    if exact < 0.1:
        assert p == pytest.approx(exact, rel=0.05, abs=1e-9)
    else:
        assert p >= 0.09


def test_one_clump_does_not_make_a_window_of_nothing_else_likely() -> None:
    """Nineteen windows without a null and one with a third of its rows: all 600 rows null is no accident."""
    history = np.zeros((1, 1, 20))
    history[..., 7] = 200
    rows = np.full((1, 1, 20), 600.0)
    found = rare(history, rows * history.sum() / rows.sum())
    mean = np.full((1, 1, 1), 600 * history.sum() / rows.sum())
    window = np.full((1, 1, 1), 600.0)
    assert found.more(window, mean, window)[0, 0, 0] < 1e-3
    assert found.more(window / 2, mean, window)[0, 0, 0] < 0.05
