"""Several classes: labels, probabilities, what is on record of them, and a class that nobody agreed on."""

from __future__ import annotations

from pathlib import Path

import lightgbm
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import xgboost
from sklearn.linear_model import LogisticRegression

from conftest import ask
from undrift import artifacts, inputs, tasks
from undrift.arrow import predictions
from undrift.config.wiring import created, load
from undrift.errors import DataError, ModelError
from undrift.lakes import ID
from undrift.loop import Loop
from undrift.records import Column, Comparison, Schema, Score
from undrift.tasks import CONFIDENCE, OUTPUT, UNSEEN
from undrift.workspace.deliveries import on_record

NAMES = np.array(["adelie", "chinstrap", "gentoo"])


def penguins(rows: int, first: int, *, turned: bool = False, king: int = 0) -> pd.DataFrame:
    """Rows of three classes that four numbers tell; once ``turned`` each looks as another one did."""
    rng = np.random.default_rng(first)
    codes = rng.integers(0, 3, rows)
    numbers = rng.normal(size=(rows, 4)) + 1.5 * np.eye(4)[(codes + turned) % 3]
    frame = pd.DataFrame(numbers, columns=["bill", "depth", "flipper", "mass"])
    frame.insert(0, "id", np.arange(first, first + rows))
    frame["island"] = rng.choice(["Biscoe", "Dream"], rows)
    frame["species"] = NAMES[codes]
    if king:
        frame.loc[: king - 1, "species"] = "king"
    return frame


def started(folder: Path, frame: pd.DataFrame, **settings: object) -> Loop:
    """A loop over a new workspace, with its first model live."""
    options = {"data.target": "species", "data.id": "id"} | {
        key.replace("__", "."): value for key, value in settings.items()
    }
    loop = created(load(folder, options), inputs.read(frame), "the history")
    loop.start(frame)
    return loop


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory) -> Loop:
    """Four windows of the world that was learnt, one of them with kings, and four of another one."""
    folder = tmp_path_factory.mktemp("penguins")
    loop = started(folder, penguins(1200, 0), model__use="sklearn.linear_model:LogisticRegression")
    for place in range(8):
        loop.step(penguins(250, 1200 + 250 * place, turned=place > 3, king=15 * (place == 2)))
    return loop


def test_the_loop_learns_another_world_of_classes_and_goes_back(lived: Loop) -> None:
    scores = {s.index: s for s in lived.store.all(Score) if s.version == 1}
    newest = [s for s in lived.store.all(Score) if s.version == lived.live().number][-1]
    assert newest.metric == "log loss"
    assert newest.value < scores[newest.index].value - 1
    assert set(newest.others) == {"accuracy", "macro_f1", "auc"}
    before = lived.live().number
    lived.rollback("a try")
    assert lived.live().number != before
    lived.promote(before, "it was better")
    assert lived.live().number == before


def test_labels_of_a_class_that_nobody_agreed_on_are_counted_and_count_as_mistakes(lived: Loop) -> None:
    (batch,) = [b for b in lived.archive.batches() if b.unseen]
    assert batch.unseen == {"king": 15}
    index = next(iter(map(int, batch.windows)))
    data = lived.archive.labelled_in([w for w in lived.archive.windows() if w.index == index])
    assert int(np.sum(data.labels == UNSEEN)) == 15
    assert len(lived.models.learnable(data)) == len(data) - 15
    quiet, kings = (
        next(s.value for s in lived.store.all(Score) if s.version == 1 and s.index == i)
        for i in (index - 1, index)
    )
    assert kings == pytest.approx(quiet + 15 / 250 * 13.8, abs=0.25)
    line = next(line for line in lived.history() if line.window.index == index)
    assert line.unseen == {"king": 15}


def test_the_output_is_compared_as_the_class_and_how_sure_it_is(lived: Loop) -> None:
    found = {f.name: f.kind for c in lived.store.all(Comparison) for f in c.features}
    assert found[OUTPUT] == "categorical"
    assert found[CONFIDENCE] == "numeric"


def test_predictions_of_the_lake_are_the_probabilities_of_all_classes(lived: Loop) -> None:
    window = lived.archive.windows()[-1]
    rows = lived.archive.rows(window.index, window.index)
    said = lived.models.logged(1, rows["_undrift_id"], [window])
    assert said.shape == (rows.num_rows, 3)
    assert np.allclose(said.sum(axis=1), 1)
    assert np.array_equal(said, lived.models.ask(1, rows))


def test_a_mixture_of_classes_is_the_mean_of_probabilities(lived: Loop) -> None:
    live = lived.live()
    assert live.members, "a mixture serves"
    window = lived.archive.windows()[-1]
    rows = lived.archive.rows(window.index, window.index)
    weights = {m.version: m.weight for m in lived.models.members(live)}
    expected = sum(w * lived.models.ask(n, rows) for n, w in weights.items())
    assert np.allclose(lived.models.ask(live.number, rows), expected)
    answer = lived.predictions(penguins(5, 9000).drop(columns="species"))
    assert answer.probabilities is not None
    assert answer.probabilities.shape == (5, 3)
    assert set(answer.values) <= set(NAMES)


# Models that name classes their own way -----------------------------------------------------------


def schema(classes: tuple[str, ...]) -> Schema:
    columns = tuple(Column(name, "double", "numeric") for name in "ab")
    return Schema(columns, target="y", task="multiclass", classes=classes)


@pytest.mark.parametrize(
    ("labels", "classes"),
    [
        (np.array(["a", "b", "c"]), ("a", "b", "c")),
        (np.array([1, 2, 10]), ("1", "2", "10")),
        (np.array([0.0, 1.0, 2.0]), ("0", "1", "2")),
    ],
)
def test_a_model_that_lacks_a_class_gives_it_no_probability(
    labels: np.ndarray, classes: tuple[str, ...]
) -> None:
    rng = np.random.default_rng(0)
    rows = pd.DataFrame({"a": np.repeat([0.0, 5.0], 30), "b": rng.normal(size=60)})
    model = LogisticRegression().fit(rows, np.repeat(labels[[0, 2]], 30))
    said = artifacts.predict(model, rows, schema(classes))
    assert said.shape == (60, 3)
    assert np.all(said[:, 1] == 0)
    assert np.mean(said[:30, 0] > 0.5) > 0.9


@pytest.mark.parametrize("library", [lightgbm.LGBMClassifier, xgboost.XGBClassifier])
def test_boosters_learn_names_and_are_kept_without_a_pickle(library: type) -> None:
    task = tasks.named("multiclass")
    classes = ("ant", "bee", "cat")
    rng = np.random.default_rng(1)
    codes = np.repeat([0.0, 1.0, 2.0], 40)
    rows = pd.DataFrame({"a": codes + rng.normal(0, 0.1, 120), "b": rng.normal(size=120)})
    quiet = {"verbose": -1} if library is lightgbm.LGBMClassifier else {}
    model = library(n_estimators=5, n_jobs=1, **quiet)
    model.fit(rows, task.fitted_on(codes, classes, model))
    again = artifacts.load(artifacts.dump(model), "skops")
    said = artifacts.predict(again, rows, schema(classes))
    assert np.mean(said.argmax(axis=1) == codes) > 0.95
    assert np.array_equal(said, artifacts.predict(model, rows, schema(classes)))


def test_a_model_of_other_classes_is_refused() -> None:
    rows = pd.DataFrame({"a": np.arange(6.0), "b": np.arange(6.0)})
    model = LogisticRegression().fit(rows, ["x", "y", "z"] * 2)
    with pytest.raises(ModelError, match="the model knows the classes x, y, z, the data a, b, c"):
        artifacts.predict(model, rows, schema(("a", "b", "c")))


# A target and predictions as they come ------------------------------------------------------------


def test_whole_numbers_are_no_classes_until_somebody_says_so(tmp_path: Path) -> None:
    frame = penguins(300, 0).assign(species=lambda f: f["species"].map({n: i for i, n in enumerate(NAMES)}))
    frame.to_csv(tmp_path / "t.csv", index=False)
    at = ("-C", tmp_path, "init", "--from", tmp_path / "t.csv", "--target", "species", "--id", "id")
    code, _, err = ask(*at)
    assert code == 2
    assert "--set data.task=multiclass" in err
    quick = ("--set", "model.use=sklearn.linear_model:LogisticRegression")
    code, out, err = ask(*at, "--set", "data.task=multiclass", *quick)
    assert code == 0, err
    assert "log loss" in out


def test_too_many_classes_are_no_classes(tmp_path: Path) -> None:
    frame = penguins(2500, 0).assign(species=lambda f: "name " + f["id"].astype(str))
    with pytest.raises(DataError, match="has 2,500 classes, 1,000 are the most"):
        started(tmp_path, frame)


@pytest.mark.parametrize("how", ["class", "probabilities"])
def test_predictions_of_a_foreign_model_are_watched_and_scored(tmp_path: Path, how: str) -> None:
    def said(frame: pd.DataFrame) -> pd.DataFrame:
        codes = frame[["bill", "depth", "flipper"]].to_numpy().argmax(axis=1)
        chance = np.eye(3)[codes] * 0.7 + 0.1
        return frame.assign(said=[*chance] if how == "probabilities" else NAMES[codes])

    options = {"model__use": None, "data__prediction": "said"}
    loop = started(tmp_path, said(penguins(600, 0)), **options)
    loop.step(said(penguins(300, 600)))
    score = loop.store.all(Score)[-1]
    assert score.metric == "error rate"
    assert 0.05 < score.value < 0.5
    with pytest.raises(DataError, match="prediction column 'said'"):
        loop.step(penguins(300, 900).assign(said="walrus"))


def test_probabilities_are_found_by_id_and_missing_ones_keep_their_shape() -> None:
    said = predictions(np.array([[0.2, 0.8], [0.7, 0.3]]))
    logged = pa.table({ID: ["b", "a"], "said": said})
    found = on_record(pa.chunked_array([["a", "c", "b"]]), logged)
    assert np.array_equal(found, [[0.7, 0.3], [np.nan, np.nan], [0.2, 0.8]], equal_nan=True)
    assert on_record(pa.chunked_array([["x"]]), logged).shape == (1, 2)
    assert on_record(pa.chunked_array([pa.array([], pa.string())]), logged).shape == (0, 2)
