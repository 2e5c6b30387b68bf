"""Models as ONNX files, which hold a graph of known operations and no code."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from undrift.errors import ConfigError, ModelError

Floats = NDArray[np.float64]

TYPES = {
    "tensor(float)": np.float32,
    "tensor(double)": np.float64,
    "tensor(int64)": np.int64,
    "tensor(int32)": np.int32,
    "tensor(bool)": np.bool_,
}

CLASSES = ("classlabels_strings", "classlabels_int64s", "classlabels_ints")
"""Attributes of a node that name classes."""

PASSING = ("Cast", "Flatten", "Identity", "Reshape", "Squeeze")
"""Operations that hand on labels as they are."""

UNCLEAR = "the ONNX graph does not say which probability belongs to which class"


class OnnxModel:
    """A graph that is asked like a fitted scikit-learn model, on the CPU.

    It takes one tensor of all features (rows, features) in the order of the columns, or one input per column,
    named like it. One output is numbers; two are classes and their probabilities (rows, classes), or a map
    from class to probability for each row.
    """

    def __init__(self, content: bytes) -> None:
        try:
            import onnxruntime
        except ImportError as error:
            raise ConfigError(
                "a model is an ONNX file, and onnxruntime is not installed", 'Install "undrift[onnx]".'
            ) from error
        self.content = content
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 4
        try:
            self._session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
        except Exception as error:
            raise ModelError(f"this is no ONNX model that runs: {error}", "Export it again.") from error
        self._inputs = self._session.get_inputs()
        if len(self._inputs) > 1:
            self.feature_names_in_ = np.array([one.name for one in self._inputs], dtype=object)

    def __getstate__(self) -> dict[str, bytes]:
        """The graph: a session that runs it cannot be kept."""
        return {"content": self.content}

    def __setstate__(self, state: dict[str, bytes]) -> None:
        self.__init__(state["content"])  # type: ignore[misc] # whatever runs it is made anew

    def outputs(self, rows: Any) -> list[Any]:
        """What the graph gives for a frame of rows."""
        if len(self._inputs) == 1:
            (one,) = self._inputs
            return list(self._session.run(None, {one.name: _tensor(rows.to_numpy(), one.type)}))
        feed = {one.name: _tensor(rows[one.name].to_numpy()[:, None], one.type) for one in self._inputs}
        return list(self._session.run(None, feed))

    def predict(self, rows: Any) -> Any:
        """The first output: numbers, or classes (rows,)."""
        found = np.asarray(self.outputs(rows)[0])
        return found.reshape(len(rows), -1)[:, 0]


class OnnxClassifier(OnnxModel):
    """A graph whose second output are probabilities; ``classes_`` are those that it names."""

    def __init__(self, content: bytes) -> None:
        super().__init__(content)
        names = _class_names(content)
        if names:
            self.classes_ = np.array(names)

    def predict_proba(self, rows: Any) -> Floats:
        """The probability of each class (rows, classes), in the order of ``classes_``.

        A graph that names no classes must number them from 0; ModelError where its labels say otherwise.
        """
        labels, said = self.outputs(rows)[:2]
        if isinstance(said, list):
            names = getattr(self, "classes_", np.array(list(said[0]) if said else [])).tolist()
            return np.array([[one[name] for name in names] for one in said], dtype=np.float64)
        found = np.asarray(said, dtype=np.float64).reshape(len(rows), -1)
        found = np.column_stack([1 - found, found]) if found.shape[1] == 1 else found
        given = np.asarray(labels).reshape(-1)
        if hasattr(self, "classes_"):
            _require_named(given, self.classes_, found)
        else:
            _require_numbered(given, found)
        return found


def loaded(content: bytes) -> OnnxModel:
    """The model in an ONNX file; raises ModelError where it is none, ConfigError without onnxruntime."""
    model = OnnxModel(content)
    several = len(model._session.get_outputs()) > 1
    return OnnxClassifier(content) if several else model


def _class_names(content: bytes) -> list[Any]:
    """The classes that a graph names, in the order of its probabilities; none where it names none.

    A graph may hold several classifiers: the last map counts, else what the labels are made by.
    """
    from onnx import load_model_from_string

    graph = load_model_from_string(content).graph
    maps = [node for node in graph.node if node.op_type == "ZipMap"]
    if maps:
        return _named_by(maps[-1])
    makers = {name: node for node in graph.node for name in node.output}
    values = {one.name: one for one in graph.initializer}
    node = makers.get(graph.output[0].name)
    while node is not None:
        names = _named_by(node)
        if names:
            return names
        if node.op_type == "ArrayFeatureExtractor" and node.input[0] in values:
            return _words(values[node.input[0]])
        node = makers.get(node.input[0]) if node.op_type in PASSING else None
    return []


def _named_by(node: Any) -> list[Any]:
    """The classes that a node of a graph names."""
    for found in node.attribute:
        if found.name in CLASSES and (found.strings or found.ints):
            return [word.decode() for word in found.strings] or list(found.ints)
    return []


def _words(initializer: Any) -> list[Any]:
    """The values of a constant of a graph."""
    from onnx.numpy_helper import to_array

    values = to_array(initializer).reshape(-1).tolist()
    return [value.decode() if isinstance(value, bytes) else value for value in values]


def _require_named(labels: NDArray[Any], names: NDArray[Any], chances: Floats) -> None:
    """Raise ModelError where labels are none of the classes, or these are not one for each probability."""
    known = len(names) == chances.shape[1]
    if not known or not {*labels.astype(str).tolist()} <= {*names.astype(str).tolist()}:
        raise ModelError(UNCLEAR, "Export it with ZipMap, or with classes numbered from 0.")


def _require_numbered(labels: NDArray[Any], chances: Floats) -> None:
    """Raise ModelError where labels are not the places of the most probable classes."""
    sure = np.sort(chances, axis=1)[:, -1] > np.sort(chances, axis=1)[:, -2] + 1e-6
    if not np.array_equal(labels[sure].astype(str), chances.argmax(axis=1)[sure].astype(str)):
        raise ModelError(UNCLEAR, "Export it with ZipMap, or with classes numbered from 0.")


def _tensor(values: Any, type_: str) -> Any:
    """Values in the type that an input takes; what is missing is NaN in numbers, "" in text."""
    if type_ == "tensor(string)":
        return np.array(
            [["" if v is None or v != v else str(v) for v in row] for row in values], dtype=object
        )
    return np.asarray(values, dtype=np.float64).astype(TYPES.get(type_, np.float32))
