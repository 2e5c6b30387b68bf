"""Models as ONNX files: adopted, asked, exchanged and taken away, without running any code."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.compose import make_column_transformer
from sklearn.ensemble import StackingClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.multiclass import OneVsRestClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

onnxruntime = pytest.importorskip("onnxruntime")
skl2onnx = pytest.importorskip("skl2onnx")

from skl2onnx.common.data_types import FloatTensorType, StringTensorType  # noqa: E402

import undrift as ud  # noqa: E402
from conftest import ask  # noqa: E402
from undrift import artifacts, onnx  # noqa: E402
from undrift.errors import ModelError  # noqa: E402
from undrift.records import Column, Schema  # noqa: E402
from undrift.trainers.recalibrate import Recalibrate  # noqa: E402


def rows(count: int, seed: int, *, classes: tuple[str, ...], turned: bool = False) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame({"id": np.arange(count) + 10_000 * seed})
    codes = rng.integers(0, max(len(classes), 3), count)
    for place, name in enumerate(["a", "b", "c"]):
        frame[name] = rng.normal(size=count).astype(np.float32) + 2.0 * ((codes + turned) % 3 == place)
    if not classes:
        return frame.assign(target=frame["a"] * (-3 if turned else 3) + frame["b"])
    return frame.assign(target=np.array(classes)[codes % len(classes)])


def one_tensor(model: Any, *, zipmap: bool = True) -> bytes:
    options = {id(model): {"zipmap": zipmap}} if hasattr(model, "predict_proba") else None
    graph = skl2onnx.convert_sklearn(
        model, initial_types=[("x", FloatTensorType([None, 3]))], options=options
    )
    return bytes(graph.SerializeToString())


CASES = {
    "numbers": ((), LinearRegression(), True),
    "two classes": (("no", "yes"), LogisticRegression(), True),
    "three classes": (("ant", "bee", "cat"), make_pipeline(StandardScaler(), LogisticRegression()), True),
    "two numbered classes, as a tensor": ((0, 1), LogisticRegression(), False),
    "three classes, as a tensor": (("ant", "bee", "cat"), LogisticRegression(), False),
}


@pytest.mark.parametrize("name", CASES)
def test_a_graph_is_adopted_replaced_and_brought_back(name: str, tmp_path: Path) -> None:
    classes, model, zipmap = CASES[name]
    train = rows(900, 1, classes=classes)
    fitted = model.fit(train[["a", "b", "c"]].to_numpy(), train["target"])
    (tmp_path / "model.onnx").write_bytes(one_tensor(fitted, zipmap=zipmap))
    train.to_csv(tmp_path / "train.csv", index=False)

    def undrift(*arguments: object) -> str:
        code, out, err = ask("-C", tmp_path, *arguments)
        assert code == 0, f"undrift {arguments}: {err}"
        return out

    undrift("init", "--from", tmp_path / "train.csv", "--target", "target", "--id", "id",
            "--model", tmp_path / "model.onnx", "--set", "policy.use=performance", "--set",
            "lineup.use=single")  # fmt: skip
    loop = ud.open(tmp_path)
    assert loop.live().format == "onnx"
    fresh = rows(200, 2, classes=classes).drop(columns="target")
    if classes:
        expected = fitted.predict_proba(fresh[["a", "b", "c"]].to_numpy())
        assert np.allclose(loop.predict_proba(fresh), expected, atol=1e-5)
    else:
        assert np.allclose(loop.predict(fresh), fitted.predict(fresh[["a", "b", "c"]].to_numpy()), atol=1e-4)
    for place in range(5):
        rows(300, 3 + place, classes=classes, turned=place > 1).to_csv(tmp_path / "b.csv", index=False)
        undrift("run", tmp_path / "b.csv")
    assert json.loads(undrift("status", "--json"))["model"]["version"] != 1, (
        "another model was trained and promoted"
    )
    undrift("rollback", "--to", "1", "--reason", "back", "--yes")
    undrift("export", tmp_path / "out")
    assert (tmp_path / "out" / "model.onnx").read_bytes() == (tmp_path / "model.onnx").read_bytes()
    with ud.live(tmp_path, spool=False) as champion:
        assert np.array_equal(champion.predict(fresh), ud.open(tmp_path).predict(fresh))


def test_a_graph_of_named_columns_is_shown_each_by_its_name() -> None:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"x": rng.normal(size=90), "colour": rng.choice(["red", "green"], 90)})
    pipeline = make_pipeline(
        make_column_transformer((OneHotEncoder(), ["colour"]), remainder="passthrough"), LinearRegression()
    )
    pipeline.fit(frame, 3 * frame["x"] + (frame["colour"] == "red"))
    types = [("x", FloatTensorType([None, 1])), ("colour", StringTensorType([None, 1]))]
    graph = bytes(skl2onnx.convert_sklearn(pipeline, initial_types=types).SerializeToString())
    schema = Schema(
        (Column("colour", "string", "categorical"), Column("x", "double", "numeric")), "y", "regression"
    )
    said = artifacts.predict(artifacts.load(graph, "onnx"), frame[["colour", "x"]], schema)
    assert np.allclose(said, pipeline.predict(frame), atol=1e-5)


def test_what_is_no_graph_is_refused() -> None:
    with pytest.raises(ModelError, match="no ONNX model that runs"):
        artifacts.load(b"nonsense", "onnx")


@pytest.mark.parametrize("zipmap", [True, False])
@pytest.mark.parametrize("classes", [("9", "10", "100"), ("no", "yes"), (9, 10, 100)])
def test_a_graph_has_its_classes_in_its_own_order(classes: tuple[Any, ...], zipmap: bool) -> None:
    frame = rows(400, 1, classes=classes)
    model = LogisticRegression().fit(frame[["a", "b", "c"]].to_numpy(), frame["target"])
    content = one_tensor(model, zipmap=zipmap)
    found = onnx.loaded(content)
    assert isinstance(found, onnx.OnnxClassifier)
    assert found.classes_.tolist() == model.classes_.tolist()
    shown = frame[["a", "b", "c"]]
    assert np.allclose(found.predict_proba(shown), model.predict_proba(shown.to_numpy()), atol=1e-5)


@pytest.mark.parametrize(
    ("classes", "zipmap"), [((0, 1), False), ((0, 1), True), (("no", "yes"), True), ((), True)]
)
def test_a_graph_is_recalibrated_and_kept_with_its_map(classes: tuple[Any, ...], zipmap: bool) -> None:
    frame, names = rows(400, 1, classes=classes), ["a", "b", "c"]
    model = LogisticRegression() if classes else LinearRegression()
    graph = onnx.loaded(one_tensor(model.fit(frame[names].to_numpy(), frame["target"]), zipmap=zipmap))
    columns = tuple(Column(name, "float", "numeric") for name in names)
    task = "binary" if classes else "regression"
    agreed = Schema(columns, target="target", task=task, classes=tuple(map(str, classes)))
    turned = rows(400, 2, classes=classes, turned=True)
    labels = (turned["target"] == classes[1]) if classes else turned["target"]
    mapped = Recalibrate().fit(turned[names], labels.to_numpy(dtype=float), agreed, graph)
    again = artifacts.load(artifacts.dump(mapped), "skops")
    said = artifacts.predict(again, turned[names], agreed)
    assert np.array_equal(said, artifacts.predict(mapped, turned[names], agreed))
    assert not np.allclose(said, artifacts.predict(graph, turned[names], agreed))


PARTS = (
    OneVsRestClassifier(LogisticRegression()),
    StackingClassifier([("one", LogisticRegression()), ("other", GaussianNB())]),
    MLPClassifier((4,), solver="lbfgs", max_iter=20, random_state=0),
)


@pytest.mark.parametrize("zipmap", [True, False])
@pytest.mark.parametrize("classes", [("9", "10", "100"), (9, 10, 100)])
@pytest.mark.filterwarnings("ignore:lbfgs failed to converge")
@pytest.mark.parametrize("model", PARTS, ids=lambda model: type(model).__name__)
def test_a_graph_of_several_parts_has_the_classes_of_the_whole(
    model: Any, classes: tuple[Any, ...], zipmap: bool
) -> None:
    frame = rows(400, 1, classes=classes)
    model = clone(model).fit(frame[["a", "b", "c"]].to_numpy(), frame["target"])
    found = onnx.loaded(one_tensor(model, zipmap=zipmap))
    assert isinstance(found, onnx.OnnxClassifier)
    assert found.classes_.tolist() == model.classes_.tolist()
    shown = frame[["a", "b", "c"]]
    assert np.allclose(found.predict_proba(shown), model.predict_proba(shown.to_numpy()), atol=1e-5)


def test_a_graph_whose_labels_are_none_of_its_classes_is_refused() -> None:
    with pytest.raises(ModelError, match="which class"):
        onnx._require_named(np.array(["a"]), np.array([0, 1]), np.array([[0.9, 0.1]]))


def test_a_graph_that_does_not_say_which_class_is_which_is_refused() -> None:
    said = np.array([[0.9, 0.1], [0.2, 0.8]])
    onnx._require_numbered(np.array([0, 1]), said)
    with pytest.raises(ModelError, match="which class"):
        onnx._require_numbered(np.array([9, 10]), said)
