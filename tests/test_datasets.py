"""Thirteen data sets and the models that people bring, each taken through a whole life."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import joblib
import lightgbm
import numpy as np
import palmerpenguins
import pandas as pd
import pytest
import sklearn.datasets
import skops.io
import statsmodels.api as sm
import vega_datasets
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from conftest import ask

BATCHES = 10


@dataclass(frozen=True)
class Life:
    """Rows, what is predicted from them, and how the first model comes to be."""

    rows: pd.DataFrame
    target: str
    options: tuple[str, ...] = ()
    code: str = ""
    adopt: Callable[[pd.DataFrame, Path], tuple[str, ...]] | None = None


PIPELINE = """
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

def make_model(C=1.0):
    return make_pipeline(StandardScaler(), LogisticRegression(C=C, max_iter=500))
"""

COLUMNS = """
from sklearn.compose import make_column_transformer
from sklearn.ensemble import RandomForestRegressor
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

pipeline = make_pipeline(
    make_column_transformer(
        (OneHotEncoder(handle_unknown="ignore"), ["Origin"]),
        (SimpleImputer(), ["Cylinders", "Displacement", "Horsepower", "Weight_in_lbs", "Acceleration"]),
    ),
    RandomForestRegressor(n_estimators=30, random_state=0),
)
"""

CLOCK = """
import numpy as np
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

def turned(rows):
    at = rows["date"].dt
    day, year = 2 * np.pi * at.hour / 24, 2 * np.pi * at.dayofyear / 365
    return np.column_stack([np.sin(day), np.cos(day), np.sin(year), np.cos(year)])

def make_model():
    return make_pipeline(FunctionTransformer(turned), LinearRegression())
"""

BOOSTED = """
import lightgbm
model = lightgbm.LGBMClassifier(n_estimators=20, verbose=-1, n_jobs=1, random_state=0)
"""


def named(bunch: object) -> pd.DataFrame:
    return bunch.frame.reset_index(names="row id")  # type: ignore[attr-defined]


def breast_cancer() -> Life:
    rows = named(sklearn.datasets.load_breast_cancer(as_frame=True))
    rows["target"] = np.where(rows["target"] == 1, "benign", "malignant")
    return Life(rows, "target", ("--set", "model.use=./train.py:make_model"), PIPELINE)


def digits() -> Life:
    rows = named(sklearn.datasets.load_digits(as_frame=True))
    rows["target"] %= 2
    forest = ("model.use=sklearn.ensemble:RandomForestClassifier", "model.params.n_estimators=20")
    return Life(rows, "target", tuple(word for setting in forest for word in ("--set", setting)))


def diabetes() -> Life:
    def adopt(past: pd.DataFrame, folder: Path) -> tuple[str, ...]:
        names = [name for name in past if name not in ("row id", "target")]
        model = make_pipeline(StandardScaler(), Ridge()).fit(past[names][:150], past["target"][:150])
        skops.io.dump(model, folder / "ridge.skops")
        past[150:].to_csv(folder / "holdout.csv", index=False)
        past[:150].to_csv(folder / "history.csv", index=False)
        return ("--model", str(folder / "ridge.skops"), "--holdout", str(folder / "holdout.csv"))

    return Life(named(sklearn.datasets.load_diabetes(as_frame=True)), "target", adopt=adopt)


def penguins() -> Life:
    rows = palmerpenguins.load_penguins().sample(frac=1, random_state=0, ignore_index=True)
    return Life(rows.reset_index(names="row id"), "body_mass_g")


def seattle_weather() -> Life:
    rows = vega_datasets.local_data.seattle_weather().reset_index(names="row id")
    boosted = ("--set", "model.use=lightgbm:LGBMRegressor", "--set", "model.params.verbose=-1")
    boosted += ("--set", "model.params.n_estimators=30", "--set", "model.params.n_jobs=1")
    return Life(rows, "temp_max", ("--time", "date", *boosted))


def cars() -> Life:
    rows = vega_datasets.local_data.cars().sort_values("Year", kind="stable", ignore_index=True)
    options = ("--ignore", "Name", "--set", "model.use=./train.py:pipeline")
    return Life(rows.reset_index(names="row id"), "Miles_per_Gallon", options, COLUMNS)


def seattle_temps() -> Life:
    rows = vega_datasets.local_data.seattle_temps().reset_index(names="row id")
    rows = rows[::3].assign(wind=np.arange(len(rows[::3])) % 7, temp=lambda d: d["temp"] + 0.25)
    return Life(rows, "temp", ("--time", "date", "--set", "model.use=./train.py:make_model"), CLOCK)


def fair() -> Life:
    rows = sm.datasets.fair.load_pandas().data.sample(frac=1, random_state=0, ignore_index=True)
    rows["affairs"] = rows["affairs"] > 0
    boosted = ("--set", "model.use=xgboost:XGBClassifier", "--set", "model.params.n_estimators=20")
    return Life(rows.reset_index(names="row id"), "affairs", (*boosted, "--set", "model.params.max_depth=3"))


def anes96() -> Life:
    rows = sm.datasets.anes96.load_pandas().data.sample(frac=1, random_state=0, ignore_index=True)
    rows["vote"] = np.where(rows["vote"] == 1, "Dole", "Clinton")
    return Life(rows.reset_index(names="row id"), "vote", ("--set", "model.use=./train.py:model"), BOOSTED)


def stream(folder: Path, name: str, rows: int) -> pd.DataFrame:
    return pd.read_parquet(folder / f"{name}.parquet").head(rows).reset_index(names="row id")


def bike_sharing(folder: Path) -> Life:
    rows = stream(folder, "bike_sharing", 5000)
    boosted = ("--set", "model.use=xgboost:XGBRegressor", "--set", "model.params.n_estimators=40")
    return Life(rows, "rentals", ("--time", rows.columns[1], *boosted))


def hotel_bookings(folder: Path) -> Life:
    return Life(stream(folder, "hotel_bookings", 8000), "target", ("--set", "data.task=binary"))


def elec2(folder: Path) -> Life:
    rows = stream(folder, "elec2", 8000)
    factory = ("--set", "model.use=./train.py:make_model", "--set", "model.params.C=0.1")
    return Life(rows, "target", ("--time", rows.columns[1], *factory), PIPELINE)


def noaa_weather(folder: Path) -> Life:
    rows = stream(folder, "noaa_weather", 6000)
    time = rows.columns[1]

    def adopt(past: pd.DataFrame, folder: Path) -> tuple[str, ...]:
        names = [name for name in past if name not in ("row id", time, "target")]
        model = lightgbm.LGBMClassifier(n_estimators=30, verbose=-1, n_jobs=1)
        model.fit(past[names].astype(float), past["target"])
        joblib.dump(model, folder / "model.joblib")
        return ("--model", str(folder / "model.joblib"), "--trust")

    return Life(rows, "target", ("--time", time, "--time-format", "counter"), adopt=adopt)


SHIPPED = {
    make.__name__: make
    for make in (
        *(breast_cancer, digits, diabetes, penguins, seattle_weather),
        *(cars, seattle_temps, fair, anes96),
    )
}
STREAMS = {make.__name__: make for make in (bike_sharing, hotel_bookings, elec2, noaa_weather)}


def done(root: Path, *words: object) -> str:
    """What a command says that must succeed."""
    code, out, err = ask("-C", root, *words)
    assert code == 0, f"{words}: {err}"
    return out


def corrected(labels: pd.Series) -> pd.Series:
    """Other labels: moved numbers, exchanged classes."""
    classes = sorted(labels.dropna().unique().tolist())
    if len(classes) > 2:
        return labels + labels.std()
    return labels.map({classes[0]: classes[-1], classes[-1]: classes[0]})


def lives(life: Life, folder: Path) -> None:
    """From the first model to one that is taken away."""
    rows, target = life.rows, life.target
    if life.code:
        (folder / "train.py").write_text(life.code)
    half = len(rows) // 2
    past, parts = rows[:half], np.array_split(np.arange(half, len(rows)), BATCHES)
    past.to_csv(folder / "history.csv", index=False)
    adopted = life.adopt(past, folder) if life.adopt else ()
    done(
        *(folder, "init", "--from", folder / "history.csv", "--target", target, "--id", "row id"),
        *(*life.options, *adopted, "--set", "policy.use=schedule", "--set", "policy.every=3"),
        *("--set", "policy.minimum_rows=10"),
    )
    batch, labels = folder / "batch.csv", folder / "labels.csv"
    for number, part in enumerate(parts):
        now = rows.iloc[part]
        now.drop(columns=target).to_csv(batch, index=False)
        done(folder, "run", batch)
        if number:
            before = rows.iloc[parts[number - 1]]
            before[["row id", target]].dropna().to_csv(labels, index=False)
            done(folder, "label", labels)
        if number == 5:
            wrong = rows.iloc[parts[2]][["row id", target]].dropna()
            wrong.assign(**{target: corrected(wrong[target])}).head(6).to_csv(labels, index=False)
            assert "differ from those on record" in done(folder, "label", labels)
    done(folder, "run")

    told = json.loads(done(folder, "history", "--json"))
    assert len(told["windows"]) == BATCHES
    assert sum(window["scores"]["live"] is not None for window in told["windows"]) >= BATCHES - 2
    assert sum(bool(window["scores"]["revised"]) for window in told["windows"]) == 1
    acts = [(w["window"]["key"], act) for w in told["windows"] for act in (w, *w["later"])]
    retrained = [key for key, act in acts if act["outcome"]]
    assert retrained, "a schedule retrains"
    assert "each bound holds with" in " ".join(done(folder, "why", retrained[0]).split())
    models = json.loads(done(folder, "models", "--json"))["models"]
    assert len(models) >= 2
    live = json.loads(done(folder, "status", "--json"))["live"]["number"]
    if live == 1:
        done(folder, "promote", "2", "--yes", "--reason", "to have one to go back from")
    done(folder, "rollback", "--yes", "--reason", "to see that it can be done")
    back = json.loads(done(folder, "status", "--json"))["live"]["number"]
    assert back != (live if live != 1 else 2)

    found = pd.read_csv(io.StringIO(done(folder, "predict", batch)))
    assert found["row id"].tolist() == rows.iloc[parts[-1]]["row id"].tolist()
    assert found["prediction"].notna().all()
    done(folder, "export", folder / "model")
    manifest = json.loads((folder / "model" / "model.json").read_text())
    artifact = (folder / "model" / manifest["file"]).read_bytes()
    assert hashlib.sha256(artifact).hexdigest() == manifest["sha256"]
    assert manifest["version"] == back


@pytest.mark.parametrize("name", SHIPPED)
def test_a_life(name: str, tmp_path: Path) -> None:
    lives(SHIPPED[name](), tmp_path)


@pytest.mark.parametrize("name", STREAMS)
def test_the_life_of_a_stream(name: str, tmp_path: Path, streams: Path) -> None:
    lives(STREAMS[name](streams), tmp_path)


def test_there_are_thirteen() -> None:
    assert len(SHIPPED) + len(STREAMS) == 13
