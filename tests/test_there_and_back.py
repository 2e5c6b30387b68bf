"""From the command line, with a pipeline of one's own: adopted, retrained, promoted, and rolled back."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import joblib
import lightgbm
import numpy as np
import pandas as pd
import pytest
import xgboost
from sklearn.datasets import load_digits, load_wine
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from conftest import ask


@dataclass(frozen=True)
class Case:
    """Rows of a world that changes, a model of one's own, and how to ask for it."""

    rows: Callable[[int, int, bool], pd.DataFrame]
    model: Any
    options: tuple[str, ...] = ()
    batch: int = 300
    history: int = 1200


def wine(rows: int, seed: int, moved: bool) -> pd.DataFrame:
    """Wines of three cultivars with some noise; ``moved``, another laboratory measures them."""
    return _resampled(load_wine(as_frame=True).frame, rows, seed, moved, ["a", "b", "c"])


def digits(rows: int, seed: int, moved: bool) -> pd.DataFrame:
    """Digits of 8 x 8 pixels; ``moved``, they are written with another pen."""
    frame = load_digits(as_frame=True).frame
    return _resampled(frame.loc[:, frame.nunique() > 1], rows, seed, moved, None)


def _resampled(
    frame: pd.DataFrame, rows: int, seed: int, moved: bool, names: list[str] | None
) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    drawn = frame.sample(rows, replace=True, random_state=seed).reset_index(drop=True)
    numbers = drawn.drop(columns="target")
    numbers = numbers + rng.normal(0, 0.2, numbers.shape) * frame.drop(columns="target").std().to_numpy()
    if moved:
        numbers = pd.DataFrame(numbers.to_numpy()[:, ::-1], columns=numbers.columns)
    target = drawn["target"] if names is None else drawn["target"].map(dict(enumerate(names)))
    return numbers.assign(target=target)


def penguins(rows: int, seed: int, moved: bool) -> pd.DataFrame:
    """Three species on two islands; ``moved``, each looks like another one."""
    rng = np.random.default_rng(seed)
    codes = rng.integers(0, 3, rows)
    looks = (codes + moved) % 3
    numbers = rng.normal(size=(rows, 3)) + 2 * np.eye(3)[looks]
    frame = pd.DataFrame(numbers, columns=["bill", "flipper", "mass"])
    return frame.assign(target=np.array(["adelie", "chinstrap", "gentoo"])[codes])


def share(of: float) -> Callable[[int, int, bool], pd.DataFrame]:
    """Rows of two classes, of which the second has such a share; ``moved``, other columns tell them apart."""

    def made(rows: int, seed: int, moved: bool) -> pd.DataFrame:
        rng = np.random.default_rng(seed)
        positive = rng.random(rows) < of
        numbers = rng.normal(size=(rows, 4))
        numbers[:, 2 if moved else 0] += 2.5 * positive
        numbers[:, 3 if moved else 1] -= 2.5 * positive
        return pd.DataFrame(numbers, columns=list("abcd")).assign(target=np.where(positive, "yes", "no"))

    return made


CASES = {
    "wine, random forest": Case(wine, RandomForestClassifier(60, min_samples_leaf=3, random_state=0)),
    "digits, xgboost": Case(
        digits,
        xgboost.XGBClassifier(n_estimators=15, max_depth=3, n_jobs=1),
        ("--set", "data.task=multiclass", "--set", "drift.multivariate=[]"),
    ),
    "penguins, lightgbm": Case(penguins, lightgbm.LGBMClassifier(n_estimators=20, verbose=-1, n_jobs=1)),
    "half are positive, lightgbm": Case(
        share(0.5), lightgbm.LGBMClassifier(n_estimators=20, verbose=-1, n_jobs=1)
    ),
    "one in twenty is positive, xgboost by AUC": Case(
        share(0.05),
        xgboost.XGBClassifier(n_estimators=20, max_depth=3, n_jobs=1),
        ("--set", "score.loss=auc"),
        batch=600,
        history=2400,
    ),
    "one in a hundred is positive, boosting by average precision": Case(
        share(0.01),
        HistGradientBoostingClassifier(max_iter=25, min_samples_leaf=5),
        ("--set", "score.loss=average_precision"),
        batch=2500,
        history=10_000,
    ),
    "one in a hundred is positive, logistic regression": Case(
        share(0.01), make_pipeline(StandardScaler(), LogisticRegression()), batch=2500, history=10_000
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_a_pipeline_of_ones_own_is_adopted_retrained_and_rolled_back(name: str, tmp_path: Path) -> None:
    case = CASES[name]

    def keep(file: str, rows: int, seed: int, moved: bool) -> Path:
        frame = case.rows(rows, seed, moved)
        frame.insert(0, "id", np.arange(rows) + 100_000 * seed)
        frame.to_csv(tmp_path / file, index=False)
        return tmp_path / file

    train = keep("train.csv", case.history, 1, False)
    frame = pd.read_csv(train)
    model = case.model.fit(frame.drop(columns=["id", "target"]), _target(case.model, frame["target"]))
    joblib.dump(model, tmp_path / "model.joblib")

    def undrift(*arguments: object) -> str:
        code, out, err = ask("-C", tmp_path, *arguments)
        assert code == 0, f"undrift {arguments}: {err}"
        return out

    undrift("init", "--from", train, "--target", "target", "--id", "id", "--model", tmp_path / "model.joblib",
            "--trust", *case.options, "--set", "policy.use=performance")  # fmt: skip
    for place in range(5):
        undrift("run", keep(f"b{place}.csv", case.batch, 2 + place, place > 0))
    live = json.loads(undrift("status", "--json"))
    assert live["model"]["version"] != 1, "a challenger was promoted"
    probabilities = undrift("predict", tmp_path / "b4.csv").splitlines()
    assert len(probabilities) == case.batch + 1
    undrift("rollback", "--to", "1", "--reason", "the new one is not trusted", "--yes")
    assert json.loads(undrift("status", "--json"))["model"]["version"] == 1


def _target(model: Any, target: pd.Series) -> Any:
    """The target as XGBoost wants it: classes counted from 0."""
    if type(model).__module__.startswith("xgboost"):
        return target.astype("category").cat.codes
    return target
