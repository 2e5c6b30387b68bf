"""Models as bytes: what was stored predicts the same, and what nobody vouched for is not loaded."""

from __future__ import annotations

import functools
import io
import json
import os
import pickle
import subprocess
import zipfile

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import skops.io
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from undrift import artifacts
from undrift.arrow import type_named
from undrift.errors import ConfigError, DataError, ModelError, UntrustedError
from undrift.records import Schema
from undrift.schema import conform, infer
from undrift.trainers.estimator import Estimator
from undrift.trainers.refit import Refit

ROWS = 300
REGRESSORS = {
    "sklearn.ensemble:HistGradientBoostingRegressor": {"max_iter": 10},
    "sklearn.ensemble:RandomForestRegressor": {"n_estimators": 5},
    "sklearn.linear_model:Ridge": {},
}
CLASSIFIERS = {
    "sklearn.ensemble:HistGradientBoostingClassifier": {"max_iter": 10},
    "sklearn.ensemble:RandomForestClassifier": {"n_estimators": 5},
    "sklearn.linear_model:LogisticRegression": {},
}


def table(seed: int, rows: int = ROWS, labels: tuple[str, ...] = ("north", "south", "west")) -> pa.Table:
    """Numbers, labels and flags with missing values; ``y`` depends on them, ``late`` is 0 or 1."""
    random = np.random.default_rng(seed)
    size, flag = random.normal(0, 1, rows), random.random(rows) < 0.5
    region = random.choice(labels, rows)
    y = 2 * size + 3 * flag + (region == labels[0]) + random.normal(0, 0.1, rows)
    gone = random.random((3, rows)) < 0.1
    return pa.table(
        {
            "size": pa.array(size, mask=gone[0]),
            "region": pa.array(region.tolist(), mask=gone[1]),
            "flag": pa.array(flag, mask=gone[2]),
            "count": pa.array(random.integers(0, 9, rows)),
            "y": y,
            "late": (y > 1).astype(int),
        }
    )


def agreed(target: str) -> Schema:
    other = {"y": "late", "late": "y"}[target]
    return infer(table(0).drop_columns([other]), target=target)


def fitted(path: str, params: dict, target: str):
    known = agreed(target)
    frame = artifacts.frame(conform(table(0), known), known)
    labels = table(0)[target].to_numpy().astype(np.float64)
    return Estimator(path, params).fit(frame, labels, known, None), known


@pytest.mark.parametrize(
    ("path", "params", "target"),
    [
        *((path, params, "y") for path, params in REGRESSORS.items()),
        *((path, params, "late") for path, params in CLASSIFIERS.items()),
    ],
)
def test_a_stored_model_predicts_identically_also_on_missing_values_and_unseen_labels(path, params, target):
    model, known = fitted(path, params, target)
    again = artifacts.load(artifacts.dump(model), "skops")
    for seed, labels in ((1, ("north", "south", "west")), (2, ("east", "</script>"))):
        rows = artifacts.frame(conform(table(seed, labels=labels), known), known)
        before, after = (artifacts.predict(m, rows, known) for m in (model, again))
        assert before.tolist() == after.tolist()
        assert np.ptp(after) > 0
    nothing = artifacts.frame(
        pa.table({c.name: pa.nulls(2, type_named(c.type)) for c in known.columns}), known
    )
    assert np.isfinite(artifacts.predict(again, nothing, known)).all()
    single = [artifacts.predict(again, rows[i : i + 1], known)[0] for i in range(5)]
    assert single == pytest.approx(after[:5], abs=1e-12), "a row does not depend on its neighbours"


@pytest.mark.parametrize(
    ("path", "target"), [(next(iter(REGRESSORS)), "y"), (next(iter(CLASSIFIERS)), "late")]
)
def test_a_model_learns_what_there_is_to_learn(path, target):
    model, known = fitted(path, {}, target)
    found = artifacts.predict(model, artifacts.frame(conform(table(5, 2000), known), known), known)
    assert np.corrcoef(found, table(5, 2000)[target].to_numpy())[0, 1] > 0.8


def test_the_same_rows_and_seed_give_the_same_model():
    path = "sklearn.ensemble:RandomForestRegressor"
    one, known = fitted(path, {"n_estimators": 3}, "y")
    other, _ = fitted(path, {"n_estimators": 3}, "y")
    rows = artifacts.frame(conform(table(1), known), known)
    assert artifacts.predict(one, rows, known).tolist() == artifacts.predict(other, rows, known).tolist()


def test_types_of_columns_do_not_depend_on_the_rows():
    known = agreed("y")
    for rows in (conform(table(0), known), conform(table(0), known)[:0], conform(table(0), known)[3:4]):
        assert [str(t) for t in artifacts.frame(rows, known).dtypes] == [
            "float64",
            "object",
            "float64",
            "float64",
        ]


def test_integers_beyond_the_digits_of_a_float_are_rounded_not_refused():
    rows = pa.table({"id": [2**60 + 1, 1]})
    assert artifacts.frame(rows, infer(rows))["id"].tolist() == [2.0**60, 1.0]


def test_an_adopted_model_is_refitted_with_its_settings():
    known = agreed("late")
    rows = artifacts.frame(conform(table(0), known), known)[["size", "count"]].fillna(0)
    model = LogisticRegression(C=0.5).fit(rows, np.where(table(0)["late"].to_numpy() == 1, "yes", "no"))
    own = tuple(c for c in known.columns if c.name in rows)
    target = Schema(own, target="late", task="binary", classes=("no", "yes"))
    again = Refit().fit(rows, table(0)["late"].to_numpy().astype(float), target, model)
    assert (again.C, again.classes_.tolist()) == (0.5, ["no", "yes"])
    assert again.coef_.tolist() == model.coef_.tolist()
    with pytest.raises(ModelError, match="no model to refit"):
        Refit().fit(rows, np.zeros(ROWS), target, None)


# What is not trusted --------------------------------------------------------------------------


def forged(change) -> bytes:
    """A whole skops file of a pipeline, with its description changed."""
    model = make_pipeline(LinearRegression()).fit([[0.0], [1.0]], [0, 1])
    source, sink = io.BytesIO(artifacts.dump(model)), io.BytesIO()
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(sink, "w") as new:
        for name in old.namelist():
            body = old.read(name)
            new.writestr(name, change(body) if name == "schema.json" else body)
    return sink.getvalue()


def renamed(module: str, name: str):
    def change(body: bytes) -> bytes:
        found = json.loads(body)
        found["__module__"], found["__class__"] = module, name
        return json.dumps(found).encode()

    return change


def test_a_file_that_was_only_repacked_loads():
    assert artifacts.load(forged(lambda body: body), "skops").predict([[0.5]]) == pytest.approx([0.5])


@pytest.mark.parametrize(
    "hidden",
    [
        functools.partial(os.system, "echo no"),
        FunctionTransformer(subprocess.run),
        {"deep": [functools.partial(print)]},
    ],
    ids=["partial", "function", "nested"],
)
def test_a_file_that_holds_something_callable_is_refused(hidden):
    with pytest.raises(UntrustedError, match="which is not on undrift's list of trusted types"):
        artifacts.load(skops.io.dumps(hidden), "skops")


@pytest.mark.parametrize(
    ("module", "name"),
    [("functools", "partial"), ("subprocess", "Popen"), ("builtins", "eval"), ("os", "system")],
)
def test_a_forged_type_is_refused_by_name(module, name):
    with pytest.raises(UntrustedError, match=name):
        artifacts.load(forged(renamed(module, name)), "skops")


def test_partial_stands_on_no_list_of_ours():
    assert not [
        t for t in artifacts.TRUSTED if t.startswith(("functools.", "builtins.", "os.", "subprocess."))
    ]


def test_a_model_that_could_not_be_loaded_again_is_not_stored():
    with pytest.raises(ModelError):
        artifacts.dump(make_pipeline(FunctionTransformer(functools.partial(np.log1p))))


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: b"",
        lambda data: data[: len(data) // 2],
        lambda data: b"PK" + data[:50],
        lambda data: forged(lambda body: b"{}"),
        lambda data: forged(lambda body: b"[1, 2]"),
        lambda data: forged(lambda body: b"no json"),
        lambda data: forged(lambda body: body.replace(b"__loader__", b"__loafer__")),
        lambda data: forged(
            lambda body: body.replace(b"PipelineNode", b"Nope").replace(b"ObjectNode", b"Nope")
        ),
    ],
)
def test_a_damaged_file_is_refused(damage):
    with pytest.raises(UntrustedError):
        artifacts.load(damage(artifacts.dump(LinearRegression().fit([[0.0], [1.0]], [0, 1]))), "skops")


class Bomb:
    """Leaves a trace when it is loaded."""

    def __reduce__(self):
        return os.mkdir, ("exploded",)


@pytest.mark.parametrize("suffix", [".pkl", ".pickle", ".joblib"])
def test_a_pickle_is_refused_without_consent_and_not_even_opened(tmp_path, monkeypatch, suffix):
    monkeypatch.chdir(tmp_path)
    file = tmp_path / f"model{suffix}"
    file.write_bytes(pickle.dumps(Bomb()))
    with pytest.raises(UntrustedError, match=r"can run any code.*trust_pickle"):
        artifacts.read_file(file)
    with pytest.raises(UntrustedError):
        artifacts.load(file.read_bytes(), "pickle")
    assert not (tmp_path / "exploded").exists()


def test_a_pickle_named_like_a_skops_file_is_not_opened(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "model.skops").write_bytes(pickle.dumps(Bomb()))
    with pytest.raises(UntrustedError):
        artifacts.read_file(tmp_path / "model.skops")
    assert not (tmp_path / "exploded").exists()


def test_a_pickle_loads_with_consent(tmp_path):
    file = tmp_path / "model.pkl"
    file.write_bytes(pickle.dumps(LinearRegression().fit([[0.0], [1.0]], [0, 1])))
    model, data, form = artifacts.read_file(file, trust_pickle=True)
    assert (model.predict([[0.5]]).round(9).tolist(), data, form) == ([0.5], file.read_bytes(), "pickle")
    file.write_bytes(b"no pickle")
    with pytest.raises(ModelError, match="does not load"):
        artifacts.read_file(file, trust_pickle=True)
    with pytest.raises(DataError, match="does not exist"):
        artifacts.read_file(tmp_path / "none.pkl")


# Asking a model -------------------------------------------------------------------------------


def test_a_column_that_the_data_lacks_is_named():
    known = infer(
        pa.table({"humidity": [1.0, 2.0], "wind": [1.0, 2.0], "y": [1.0, 2.0]}), target="y", task="regression"
    )
    model = LinearRegression().fit(pd.DataFrame({"humidty": [1.0, 2.0], "wind": [1.0, 2.0]}), [1, 2])
    rows = pd.DataFrame({"humidity": [1.0], "wind": [1.0]})
    with pytest.raises(ModelError, match=r"wants the column 'humidty'.*Did you mean 'humidity'"):
        artifacts.predict(model, rows, known)


def test_a_column_that_the_model_never_saw_is_named():
    known = infer(pa.table({"wind": [1.0, 2.0], "extra": [1.0, 2.0]}))
    model = LinearRegression().fit(pd.DataFrame({"wind": [1.0, 2.0]}), [1, 2])
    with pytest.raises(
        ModelError, match=r"feature 'extra', which the model was not trained on.*--ignore extra"
    ):
        artifacts.predict(model, pd.DataFrame({"wind": [1.0], "extra": [1.0]}), known)


class Answer:
    """A model that gives what it was told to."""

    def __init__(self, answer, classes=()):
        self.answer = answer
        self.classes_ = np.asarray(classes)

    def predict(self, rows):
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    predict_proba = predict


@pytest.mark.parametrize(
    "answer",
    [[1.0, np.nan], [np.inf, 1.0], ["cheap", "dear"], None, RuntimeError("no weights"), [1.0, 2.0, 3.0]],
)
def test_a_model_that_gives_no_numbers_is_refused(answer):
    with pytest.raises(ModelError):
        artifacts.predict(Answer(answer), pd.DataFrame({"x": [1.0, 2.0]}), infer(pa.table({"x": [1.0, 2.0]})))


@pytest.mark.parametrize(
    ("classes", "model_classes", "second"),
    [
        (("no", "yes"), ["no", "yes"], 1),
        (("no", "yes"), ["yes", "no"], 0),
        (("no", "yes"), [0, 1], 1),
        (("0", "1"), [0.0, 1.0], 1),
        (("1", "2"), [1, 2], 1),
        (("1", "2"), [1.0, 2.0], 1),
        (("1", "2"), [0, 1], 1),
        (("-1", "0"), [-1, 0], 1),
        (("-1", "0"), [0, 1], 1),
        (("-1", "1"), [-1, 1], 1),
        (("false", "true"), [False, True], 1),
        (("False", "True"), ["False", "True"], 1),
    ],
)
def test_the_probability_is_that_of_the_second_class_however_it_is_written(classes, model_classes, second):
    known = Schema((), target="y", task="binary", classes=classes)
    answer = np.array([[0.1, 0.9], [0.2, 0.8]])
    found = artifacts.predict(Answer(answer, model_classes), pd.DataFrame({"x": [1.0, 2.0]}), known)
    assert found.tolist() == answer[:, second].tolist()


@pytest.mark.parametrize("model_classes", [["a", "b"], [0, 1, 2], ["yes"], [1, 2]])
def test_a_model_of_other_classes_is_refused(model_classes):
    known = Schema((), target="y", task="binary", classes=("no", "yes"))
    with pytest.raises(ModelError, match="the model knows the classes"):
        artifacts.predict(Answer(np.full((2, 2), 0.5), model_classes), pd.DataFrame({"x": [1.0, 2.0]}), known)


# Naming a model -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("sklearn.linear_model:Rigde", "has no 'Rigde'. Did you mean 'Ridge'"),
        ("sklearn.liner_model:Ridge", "there is no module 'sklearn.liner_model'"),
        ("sklearn.linear_model", "sklearn.linear_model"),
        ("", "model.use = ''"),
        ("..linear_model:Ridge", "there is no module '..linear_model'"),
        ("antigravity:X", "standard library"),
        ("sklearn.linear_model:", "names nothing"),
        ("./no/such.py:make", "there is no file"),
    ],
)
def test_a_misspelt_path_is_refused_with_a_suggestion(path, message):
    with pytest.raises(ConfigError, match=message):
        Estimator(path)


def test_a_misspelt_parameter_is_refused_with_a_suggestion():
    with pytest.raises(ConfigError, match=r"unknown key model.params.alhpa. Did you mean 'alpha'"):
        Estimator("sklearn.linear_model:Ridge", {"alhpa": 1.0}).ready()


def test_a_classifier_without_probabilities_is_refused():
    with pytest.raises(ModelError, match="has no predict_proba"):
        fitted("sklearn.svm:LinearSVC", {}, "late")


def test_a_model_that_does_not_train_is_a_model_error():
    with pytest.raises(ModelError, match="Ridge does not train"):
        fitted("sklearn.linear_model:Ridge", {"alpha": "much"}, "y")


def test_the_libraries_behind_a_model_are_known():
    assert {"numpy", "scikit-learn", "skops"} <= set(artifacts.libraries())
