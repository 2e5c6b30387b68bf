"""Models of one's own: by import path, of any library with the scikit-learn API, on any column they name."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import joblib
import lightgbm
import numpy as np
import pandas as pd
import pytest
import xgboost
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.svm import LinearSVC

import undrift as ud
from conftest import ask
from undrift import artifacts
from undrift.errors import ConfigError, ModelError
from undrift.importing import ImportPath
from undrift.schema import infer
from undrift.trainers.estimator import Estimator

TRAIN = """
from sklearn.compose import ColumnTransformer
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

import neighbour


def hours(rows):
    return rows.apply(lambda column: column.dt.hour).astype(float)


def make_model(fit_intercept=True):
    columns = ColumnTransformer([("hour", FunctionTransformer(hours), ["at"]), ("x", "passthrough", ["x 1"])])
    return make_pipeline(columns, LinearRegression(fit_intercept=fit_intercept))


pipeline = make_model()
number = 7
"""


def stream(rows: int = 600, seed: int = 0) -> pd.DataFrame:
    """``y`` is the hour of its time and twice ``x 1``: nothing else tells the hour."""
    rng = np.random.default_rng(seed)
    at = pd.Timestamp("2024-01-01") + pd.to_timedelta(np.sort(rng.integers(0, 60 * 24 * 60, rows)), unit="m")
    frame = pd.DataFrame(
        {"id": range(rows), "at": at, "x 1": rng.normal(size=rows), "x 2": rng.normal(size=rows)}
    )
    return frame.assign(y=frame["at"].dt.hour + 2 * frame["x 1"], late=(frame["at"].dt.hour > 11).astype(int))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with rows, two batches and a module of one's own that imports its neighbour."""
    whole = stream(1200)
    for name, part in (("train", whole[:600]), ("b1", whole[600:900]), ("b2", whole[900:])):
        part.drop(columns="late").to_csv(tmp_path / f"{name}.csv", index=False)
        part.drop(columns="y").to_csv(tmp_path / f"{name}_late.csv", index=False)
    (tmp_path / "train.py").write_text(TRAIN)
    (tmp_path / "neighbour.py").write_text("")
    return tmp_path


def init(folder: Path, *more: object, data: str = "train.csv", target: str = "y") -> tuple[int, str, str]:
    at = ("-C", folder, "init", "--from", folder / data, "--target", target, "--time", "at", "--id", "id")
    return ask(
        *at, "--set", "windows.size=4d", "--set", "policy.use=schedule", "--set", "policy.every=1", *more
    )


def error_of(folder: Path, version: int = 1) -> float:
    loop = ud.open(folder)
    rows = pd.read_csv(folder / "b2.csv", parse_dates=["at"])
    return float(np.abs(loop.predict(rows, version) - rows["y"]).mean())


@pytest.mark.parametrize("path", ["./train.py:make_model", "train:make_model", "train:pipeline"])
def test_a_model_of_ones_own_is_trained_kept_and_trained_again(folder: Path, path: str) -> None:
    code, out, err = init(folder, "--set", f"model.use={path}")
    assert code == 0, err
    assert "v1 is live" in out
    assert error_of(folder) < 0.01, "it knows the hour"
    fresh = [sys.executable, "-m", "undrift", "-C", str(folder), "run"]
    for batch in ("b1", "b2"):
        done = subprocess.run(
            [*fresh, folder / f"{batch}.csv"], capture_output=True, text=True, cwd="/", check=False
        )
        assert done.returncode == 0, done.stderr
        assert "could not predict" not in done.stdout + done.stderr
    assert len(ud.open(folder).store.all(ud.open(folder).live().__class__)) > 1, "challengers were trained"


def test_parameters_reach_a_factory_and_unknown_ones_are_refused(folder: Path) -> None:
    known = ImportPath("./train.py:make_model", folder)
    Estimator(known, {"fit_intercept": False}).ready()
    with pytest.raises(
        ConfigError, match=r"unknown key model.params.intercept. Did you mean 'fit_intercept'"
    ):
        Estimator(known, {"intercept": False}).ready()
    with pytest.raises(ConfigError, match="is not a model"):
        Estimator(ImportPath("./train.py:number", folder)).ready()
    with pytest.raises(ConfigError, match=r"has no 'make_modle'. Did you mean 'make_model'"):
        Estimator(ImportPath("./train.py:make_modle", folder))


@pytest.mark.parametrize(
    "text", ["antigravity:X", "os:system", "sklearn.linear_model:Rigde", "nowhere:X", "x", ":"]
)
def test_what_cannot_be_a_model_is_refused_unimported(text: str) -> None:
    look = f"import sys; from undrift.importing import ImportPath\ntry: ImportPath({text!r}).look()\n"
    look += (
        "except Exception as e: print(type(e).__name__)\nprint({'antigravity', 'sklearn'} & {*sys.modules})"
    )
    done = subprocess.run([sys.executable, "-c", look], capture_output=True, text=True, check=True)
    assert done.stdout.split("\n")[:2] == ["ConfigError", "set()"]


def test_reading_verbs_import_nothing_of_ones_own(folder: Path) -> None:
    assert init(folder, "--set", "model.use=./train.py:make_model")[0] == 0
    assert ask("-C", folder, "run", folder / "b1.csv")[0] == 0
    (folder / "train.py").write_text("raise RuntimeError('imported')\ndef make_model(): ...\n")
    for verb in (
        ["status"],
        ["history"],
        ["why"],
        ["models"],
        ["config", "show"],
        ["check", folder / "b2.csv"],
    ):
        done = subprocess.run(
            [sys.executable, "-m", "undrift", "-C", str(folder), *map(str, verb)],
            capture_output=True,
            text=True,
        )
        assert done.returncode in (0, 3), (verb, done.stderr)
        assert "imported" not in done.stdout + done.stderr, verb
    done = subprocess.run(
        [sys.executable, "-m", "undrift", "-C", str(folder), "run", str(folder / "b2.csv")],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2
    assert "cannot be imported: RuntimeError: imported" in done.stderr
    assert len(ud.open(folder).archive.batches()) == 2, "the batch was not taken in"


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root gives files away")
def test_a_workspace_of_another_user_runs_no_code(folder: Path) -> None:
    assert init(folder, "--set", "model.use=./train.py:make_model")[0] == 0
    os.chown(folder / "undrift.toml", 12345, -1)
    code, _, err = ask("-C", folder, "run", folder / "b1.csv")
    assert code == 2
    assert "belongs to user 12345" in err
    assert "--set model.use=./train.py:make_model" in err
    assert ask("-C", folder, "status")[0] == 0
    code, _, err = ask("-C", folder, "run", folder / "b1.csv", "--set", "model.use=./train.py:make_model")
    assert code == 0, err


@pytest.mark.parametrize(
    ("path", "target", "params"),
    [
        ("xgboost:XGBRegressor", "y", {"n_estimators": 20, "n_jobs": 1, "max_depth": 3}),
        ("xgboost:XGBClassifier", "late", {"n_estimators": 20, "scale_pos_weight": 2}),
        ("lightgbm:LGBMRegressor", "y", {"n_estimators": 20, "verbose": -1}),
        ("lightgbm:LGBMClassifier", "late", {"n_estimators": 20, "verbosity": -1}),
    ],
)
def test_boosters_take_all_their_parameters_and_are_kept_without_a_pickle(
    folder, path, target, params
) -> None:
    sets = [word for key, value in params.items() for word in ("--set", f"model.params.{key}={value}")]
    data = "train.csv" if target == "y" else "train_late.csv"
    code, _, err = init(folder, "--set", f"model.use={path}", *sets, data=data, target=target)
    assert code == 0, err
    live = ud.open(folder).live()
    assert live.format == "skops"
    model = ud.open(folder).models.load(live.number)[-1]
    assert {key: model.get_params()[key] for key in params} == params


@pytest.mark.parametrize("make", [lightgbm.LGBMRegressor, xgboost.XGBRegressor])
def test_a_booster_fitted_on_names_with_spaces_is_adopted_and_refitted(folder: Path, make) -> None:
    rows = pd.read_csv(folder / "train.csv")
    model = make(n_estimators=5).fit(rows[["x 2", "x 1"]], rows["y"])
    joblib.dump(model, folder / "m.joblib")
    code, _, err = init(folder, "--model", folder / "m.joblib", "--trust")
    assert code == 0, err
    new = pd.read_csv(folder / "b1.csv")
    assert ud.open(folder).predict(new) == pytest.approx(model.predict(new[["x 2", "x 1"]]))
    code, out, err = ask("-C", folder, "run", folder / "b1.csv")
    assert code == 0, err
    assert "does not refit" not in out


def hour(rows: pd.DataFrame) -> pd.DataFrame:
    return rows.assign(hour=rows["at"].dt.hour).drop(columns=["at"])


@pytest.mark.parametrize("remembers", [True, False])
def test_a_model_that_uses_the_time_is_adopted_and_refitted(folder: Path, remembers: bool) -> None:
    rows = pd.read_csv(folder / "train.csv", parse_dates=["at"])[["at", "x 1", "x 2", "y"]]
    step = FunctionTransformer(hour)
    model = make_pipeline(step, LinearRegression()).fit(rows.drop(columns="y"), rows["y"])
    if not remembers:
        for one in (step, model):
            one.__dict__.pop("feature_names_in_", None)
    joblib.dump(model, folder / "m.joblib")
    code, _, err = init(folder, "--model", folder / "m.joblib", "--trust")
    assert code == 0, err
    assert error_of(folder) < 0.01
    loop = ud.open(folder)
    assert loop.live().reference_score < 0.01, "cross-fitted by clones, which saw the time as well"
    assert ask("-C", folder, "run", folder / "b1.csv")[0] == 0
    assert error_of(folder, ud.open(folder).live().number) < 0.01


def agreed(target: str):
    from undrift import inputs

    return infer(inputs.read(stream()[["x 1", "x 2", target]]), target=target)


def test_what_cannot_be_asked_says_what_to_do_instead() -> None:
    rows = stream()
    x, late = rows[["x 1", "x 2"]], rows["late"]
    data = lightgbm.Dataset(x.to_numpy(), late.to_numpy())
    light = lightgbm.train({"verbosity": -1, "objective": "binary"}, data, 2)
    extreme = xgboost.train({}, xgboost.DMatrix(x.to_numpy(), late.to_numpy()), 2)
    for model, remedy in (
        (light, "Adopt LGBMClassifier"),
        (extreme, "Adopt XGBClassifier"),
        ({"scaler": 1, "model": LinearRegression()}, "a model stands under 'model'"),
        (LinearSVC().fit(x, late), "CalibratedClassifierCV"),
    ):
        with pytest.raises(ModelError, match=remedy):
            artifacts.predict(model, x, agreed("late"))
    with pytest.raises(ModelError, match="Adopt LGBMRegressor"):
        artifacts.predict(light, x, agreed("y"))


def test_two_workspaces_may_each_have_a_module_of_the_same_name(tmp_path: Path) -> None:
    for name, value in (("a", 1), ("b", 2)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "twin.py").write_text(f"value = {value}\n")
    paths = [ImportPath("twin:value", tmp_path / "a"), ImportPath("twin:value", tmp_path / "b")]
    assert [p.load() for p in (*paths, *paths)] == [1, 2, 1, 2]


def test_a_file_in_the_folder_takes_the_place_of_no_installed_module(tmp_path: Path) -> None:
    (tmp_path / "joblib.py").write_text("dump = 'mine'\n")
    assert ImportPath("joblib:dump", tmp_path).load() is joblib.dump
    with pytest.raises(ConfigError, match="Rename the file"):
        ImportPath("./joblib.py:dump", tmp_path).load()
    assert sys.modules["joblib"] is joblib
