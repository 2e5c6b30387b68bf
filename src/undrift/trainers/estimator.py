"""Anything with the scikit-learn API, named by its import path."""

from __future__ import annotations

import inspect
import logging
from hashlib import sha256
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from undrift import tasks
from undrift.artifacts import fit, require_usable, shown
from undrift.errors import ConfigError, ModelError, suggest
from undrift.importing import ImportPath
from undrift.records import Schema
from undrift.schema import features
from undrift.trainers import ByPath, Trainer

if TYPE_CHECKING:
    import pandas as pd

log = logging.getLogger("undrift")

HANDFUL = 5
"""Rows of a class under which boosted trees are not trained on it."""

MAX_CATEGORIES = 50
"""One-hot columns per feature; rarer labels share one."""

KNOWN = {"lightgbm": "lightgbm", "sklearn": "scikit-learn", "xgboost": "xgboost"}
"""Packages whose models are kept without a pickle, and which any workspace may train: what each is
distributed as."""


class Estimator:
    """Trains what ``path`` names: a class, a function that makes a model, or a model.

    A class ("sklearn.linear_model:Ridge") is called with ``params`` and put behind a preprocessing of mixed
    columns. If it takes NaN by itself (trees), it gets numbers as they are and labels as codes; any other
    gets numbers imputed and scaled, and labels one-hot. A label never seen in training is "unknown" to both.
    A function ("train:make_model", "./train.py:make_model") is called with ``params``, a model
    ("train:pipeline") is cloned with them: both get the raw columns. ``seed`` is handed on as
    ``random_state`` where one is taken. Nothing is imported until ``ready`` or ``fit``.
    """

    def __init__(self, path: str | ImportPath, params: dict[str, Any] | None = None, seed: int = 0) -> None:
        self._path = path if isinstance(path, ImportPath) else ImportPath(path)
        self._path.look()
        self._params = dict(params or {})
        self._seed = seed
        self._found: Any = None
        self.name = self._path.text

    def ready(self) -> None:
        """Import what is named; raises ConfigError where it is no model, or does not take its parameters."""
        self._found = self._path.load()
        known, others = _parameters(self._found, self.name)
        for key in self._params:
            if key not in known and not others:
                raise ConfigError(f"unknown key model.params.{key}", suggest(key, known))

    @property
    def recipe(self) -> str:
        """What tells a model of a known package from others, its version included; empty for own code."""
        package = KNOWN.get(self._path.package)
        if package is None:
            return ""
        try:
            release = version(package)
        except PackageNotFoundError:
            return ""
        said = repr((self.name, sorted(self._params.items()), self._seed, package, release))
        return sha256(said.encode("utf-8", "surrogatepass")).hexdigest()

    def made(self, name: str) -> bool:
        """Whether it is no model of a known package, and its module makes versions of such a name."""
        return self._path.package not in KNOWN and name.rpartition(":")[0] == self._path.module

    def fit(
        self,
        rows: pd.DataFrame,
        labels: NDArray[np.float64],
        schema: Schema,
        champion: Any | None,  # noqa: ARG002
        weights: NDArray[np.float64] | None = None,
    ) -> Any:
        """A model fitted on all rows, preprocessing included; raises ModelError if it cannot."""
        self.ready()
        model = self._model()
        require_usable(model, schema)
        rows, labels, weights = _without_rare(model, rows, labels, weights, schema)
        targets = tasks.named(schema.task).fitted_on(labels, schema.classes, model)
        try:
            if not inspect.isclass(self._found):
                return fit(model, shown(model, rows, schema), targets, weights)
            return fit(_prepared(model, schema), [rows[[c.name for c in features(schema)]]], targets, weights)
        except ModelError:
            raise
        except Exception as error:
            raise ModelError(
                f"{self.name} does not train: {error}", "Check model.params and the data."
            ) from error

    def _model(self) -> Any:
        """A new, unfitted model; raises ConfigError where what is named does not give one."""
        from sklearn.base import clone

        params = dict(self._params)
        if "random_state" in _parameters(self._found, self.name)[0]:
            params.setdefault("random_state", self._seed)
        try:
            made = (
                clone(self._found).set_params(**params) if _is_model(self._found) else self._found(**params)
            )
        except Exception as error:
            raise ConfigError(
                f"model.use = {self.name!r} does not make a model: {error}", "Correct it, or model.params."
            ) from error
        if not _is_model(made):
            raise ConfigError(
                f"model.use = {self.name!r} gives an object of type {type(made).__name__}, not a model",
                "It should give an unfitted model, such as a scikit-learn Pipeline.",
            )
        return made


def _is_model(found: Any) -> bool:
    return hasattr(found, "fit") and not inspect.isclass(found)


def _parameters(found: Any, path: str) -> tuple[list[str], bool]:
    """The parameters that a class, function or model takes by name, and whether it takes any others.

    Raises ConfigError for what is none of the three.
    """
    if _is_model(found):
        return (sorted(found.get_params()) if hasattr(found, "get_params") else []), False
    if not callable(found) or (inspect.isclass(found) and not hasattr(found, "fit")):
        raise ConfigError(
            f"model.use = {path!r} is not a model",
            "Name a class with fit and predict, a function that makes a model, or a model.",
        )
    parameters = inspect.signature(found).parameters.values()
    named = {p.name for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)}
    others = any(p.kind is p.VAR_KEYWORD for p in parameters)
    return sorted(named | _by_default(found)), others


def _by_default(found: Any) -> set[str]:
    """What ``get_params`` lists of an instance of a class, where one can be made without arguments."""
    if not inspect.isclass(found):
        return set()
    made: Any = found
    try:
        return set(made().get_params())
    except Exception:  # noqa: BLE001 - a class that needs arguments, or has no get_params, has none to list
        return set()


def _prepared(model: Any, schema: Schema) -> Any:
    """The model behind a preprocessing of mixed columns."""
    from sklearn.pipeline import Pipeline

    return Pipeline([("columns", _columns(schema, tolerant=_takes_nan(model))), ("model", model)])


def _takes_nan(model: Any) -> bool:
    tags = getattr(model, "__sklearn_tags__", None)
    return bool(tags().input_tags.allow_nan) if tags else False


def _columns(schema: Schema, *, tolerant: bool) -> Any:
    from sklearn.compose import ColumnTransformer
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler

    numbers = [c.name for c in features(schema) if c.kind != "categorical"]
    labels = [c.name for c in features(schema) if c.kind == "categorical"]
    if tolerant:
        coded = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1, encoded_missing_value=-2)
        return ColumnTransformer([("numbers", "passthrough", numbers), ("labels", coded, labels)])
    scaled = make_pipeline(SimpleImputer(strategy="median", keep_empty_features=True), StandardScaler())
    one_hot = OneHotEncoder(
        handle_unknown="infrequent_if_exist", max_categories=MAX_CATEGORIES, sparse_output=False
    )
    return ColumnTransformer([("numbers", scaled, numbers), ("labels", one_hot, labels)])


def _without_rare(
    model: Any,
    rows: pd.DataFrame,
    labels: NDArray[np.float64],
    weights: NDArray[np.float64] | None,
    schema: Schema,
) -> tuple[pd.DataFrame, NDArray[np.float64], NDArray[np.float64] | None]:
    """The rows without those of classes that have hardly any, where they would spoil the model.

    scikit-learn's boosted trees cannot set one row of a class apart to stop early, and diverge on others.
    """
    while isinstance(steps := getattr(model, "steps", None), list) and steps:
        model = steps[-1][1]
    if len(schema.classes) < 3 or type(model).__name__ != "HistGradientBoostingClassifier":
        return rows, labels, weights
    found, counts = np.unique(labels, return_counts=True)
    common = found[counts >= HANDFUL]
    if len(common) in (len(found), 0, 1):
        return rows, labels, weights
    kept = np.isin(labels, common)
    rare = ", ".join(schema.classes[int(place)] for place in found[counts < HANDFUL][:5])
    log.warning("not trained on %s rows of classes with under %s rows: %s", int(np.sum(~kept)), HANDFUL, rare)
    return rows[kept], labels[kept], None if weights is None else weights[kept]


_: type[Trainer] = Estimator
__: type[ByPath] = Estimator
