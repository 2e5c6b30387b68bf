"""Fitted models as bytes and back, and asking them for predictions.

Models are kept with skops, which rebuilds only types that are named: scikit-learn's own and those
on our list. A pickle can run any code when it is loaded, so it needs the user's explicit consent.
"""

from __future__ import annotations

import io
import zipfile
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Literal, cast

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from undrift.errors import ConfigError, DataError, ModelError, UntrustedError, suggest
from undrift.kinds import as_text
from undrift.records import Schema
from undrift.schema import features

Format = Literal["skops", "pickle"]

TRUSTED = (
    "collections.OrderedDict",
    "lightgbm.basic.Booster",
    "lightgbm.sklearn.LGBMClassifier",
    "lightgbm.sklearn.LGBMRegressor",
    "numpy.dtype",
    "sklearn._loss.link.Interval",
    "sklearn._loss.link.IdentityLink",
    "sklearn._loss.link.LogitLink",
    "sklearn._loss.link.LogLink",
    "sklearn._loss.loss.AbsoluteError",
    "sklearn._loss.loss.HalfBinomialLoss",
    "sklearn._loss.loss.HalfPoissonLoss",
    "sklearn._loss.loss.HalfSquaredError",
    "sklearn._loss.loss.PinballLoss",
    "sklearn.compose._column_transformer._RemainderColsList",
    "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
    "sklearn.metrics._dist_metrics.EuclideanDistance64",
    "sklearn.metrics._dist_metrics.ManhattanDistance64",
    "sklearn.metrics._dist_metrics.MinkowskiDistance64",
    "sklearn.neighbors._ball_tree.BallTree",
    "sklearn.neighbors._kd_tree.KDTree",
    "sklearn.neural_network._stochastic_optimizers.AdamOptimizer",
    "sklearn.neural_network._stochastic_optimizers.SGDOptimizer",
    "sklearn.tree._tree.Tree",
    "xgboost.core.Booster",
    "xgboost.sklearn.XGBClassifier",
    "xgboost.sklearn.XGBRegressor",
)
"""Types that skops does not vouch for by itself and that we do: plain containers of numbers.

`functools.partial` and functions never stand here: they call whatever they hold.
"""

SMALL = 1_000_000
"""Cells (rows times columns) under which one thread is faster than several."""

LIBRARIES = ("numpy", "pandas", "scikit-learn", "skops", "undrift")
"""Packages whose versions are kept with a model."""


def dump(model: Any) -> bytes:
    """A fitted model as skops bytes; raises ModelError when skops cannot, or when we could not load it."""
    import skops.io

    try:
        artifact: bytes = skops.io.dumps(model, compression=zipfile.ZIP_DEFLATED, compresslevel=1)
    except Exception as error:
        raise ModelError(
            f"{type(model).__name__} cannot be stored: {error}", "Choose another model."
        ) from error
    _refuse_unknown(artifact)
    return artifact


def serialise(model: Any, *, prefer_pickle: bool) -> tuple[bytes, Format]:
    """A fitted model as skops bytes, or as a pickle where the user consented and skops cannot."""
    try:
        return dump(model), "skops"
    except ModelError:
        if not prefer_pickle:
            raise
        import joblib

        sink = io.BytesIO()
        joblib.dump(model, sink)
        return sink.getvalue(), "pickle"


def load(artifact: bytes, format: Format, *, trust_pickle: bool = False) -> Any:  # noqa: A002
    """The model in these bytes.

    Raises UntrustedError for types nobody vouched for, and for a pickle without consent.
    """
    if format == "pickle":
        if not trust_pickle:
            raise UntrustedError(
                "the model is a pickle, which can run any code when it is loaded",
                "If you trust whoever made it, set model.trust_pickle = true, or adopt it with --trust.",
            )
        import joblib

        return joblib.load(io.BytesIO(artifact))
    import skops.io

    _refuse_unknown(artifact)
    return skops.io.loads(artifact, trusted=list(TRUSTED))


def read_file(path: str | Path, *, trust_pickle: bool = False) -> tuple[Any, bytes, Format]:
    """A fitted model from a file (.skops, or .pkl, .pickle and .joblib with consent), and its bytes."""
    file = Path(path)
    if not file.is_file():
        raise DataError(f"model file {file} does not exist", "Check the path.")
    format_: Format = "skops" if file.suffix == ".skops" else "pickle"
    artifact = file.read_bytes()
    try:
        return load(artifact, format_, trust_pickle=trust_pickle), artifact, format_
    except UntrustedError:
        raise
    except Exception as error:
        raise ModelError(f"{file} does not load as a {format_} model: {error}", "Save it again.") from error


def estimator(path: str) -> Any:
    """The class named by an import path such as "sklearn.linear_model:Ridge".

    >>> estimator("sklearn.linear_model:Ridge").__name__
    'Ridge'
    """
    module_name, _, name = path.partition(":")
    try:
        module = import_module(module_name)
    except (ImportError, TypeError, ValueError) as error:
        raise ConfigError(
            f"model.use = {path!r}: {error}", "Install the package, or correct the path."
        ) from error
    if not hasattr(module, name):
        known = [n for n in dir(module) if n[:1].isupper()]
        raise ConfigError(f"model.use = {path!r}: {module_name} has no {name!r}", suggest(name, known))
    found = getattr(module, name)
    if not (isinstance(found, type) and hasattr(found, "fit")):
        raise ConfigError(f"model.use = {path!r} is not a model", "Name a class with fit and predict.")
    return found


def frame(table: pa.Table, schema: Schema) -> pd.DataFrame:
    """The features of a table as a model sees them: numbers and booleans as float64, labels as objects.

    Infinities are shown to it as missing: most models refuse them, and drift reports them.

    Types do not depend on the rows, so training and serving see the same.
    """
    columns = {c.name: _column(table[c.name], numeric=c.kind != "categorical") for c in features(schema)}
    return pd.DataFrame(columns)


def predict(model: Any, rows: pd.DataFrame, schema: Schema) -> NDArray[np.float64]:
    """One number per row: the prediction, or for two classes the probability of the second one.

    Raises ModelError when the model does not fit the columns or gives anything but finite numbers.
    """
    fit_check(model, rows)
    column = _positive(model, schema) if schema.task == "binary" else 0
    try:
        with threads(rows):
            raw = model.predict_proba(rows) if schema.task == "binary" else model.predict(rows)
        values = np.asarray(raw, dtype=np.float64).reshape(len(rows), -1)[:, column]
    except Exception as error:
        raise ModelError(
            f"{type(model).__name__} does not predict on the columns {', '.join(map(str, rows))}: {error}",
            "Adopt a pipeline that takes the raw columns of the data file.",
        ) from error
    if not np.isfinite(values).all():
        raise ModelError(f"{type(model).__name__} predicted NaN or infinity", "Check the model's inputs.")
    return values


def fit_check(model: Any, rows: pd.DataFrame) -> None:
    """Raise ModelError unless the model was fitted on exactly these columns, where it remembers them."""
    wanted = [str(name) for name in getattr(model, "feature_names_in_", rows.columns)]
    lacking = [name for name in wanted if name not in rows.columns]
    if lacking:
        raise ModelError(
            f"the model wants the column {lacking[0]!r}, which the data does not have",
            suggest(lacking[0], list(map(str, rows.columns))),
        )
    surplus = [str(name) for name in rows.columns if name not in wanted]
    if surplus:
        raise ModelError(
            f"the data has the feature {surplus[0]!r}, which the model was not trained on",
            f"Leave it out: --ignore {surplus[0]}, or data.ignore in undrift.toml.",
        )


def threads(rows: pd.DataFrame) -> Any:
    """A context in which a small table is worked on by one thread.

    Threads that wait for one another cost more than they save there, twofold on a busy machine.
    """
    from threadpoolctl import threadpool_limits

    return threadpool_limits(limits=1 if rows.size < SMALL else None)


def libraries() -> dict[str, str]:
    """The versions of the packages that a model's behaviour depends on."""
    found = {}
    for name in LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def _refuse_unknown(artifact: bytes) -> None:
    import skops.io

    try:
        unknown = sorted(set(skops.io.get_untrusted_types(data=artifact)) - set(TRUSTED))
    except Exception as error:  # a forged or damaged file fails in any way it likes
        raise UntrustedError(f"this is not a whole skops file: {error}", "Save the model again.") from error
    if unknown:
        raise UntrustedError(
            f"the model holds the type {unknown[0]}, which is not on undrift's list of trusted types",
            "Use a plain scikit-learn pipeline; encode categories before the model.",
        )


def _positive(model: Any, schema: Schema) -> int:
    """The column of predict_proba of the second class: by its label, or by 1 where labels are coded."""
    known = pa.chunked_array([np.asarray(getattr(model, "classes_", (0, 1)))])
    classes: list[str] = as_text(known).to_pylist()
    for second, both in ((schema.classes[1], set(schema.classes)), ("1", {"0", "1"})):
        if set(classes) == both:
            return int(classes.index(second))
    raise ModelError(
        f"the model knows the classes {', '.join(classes)}, the data {', '.join(schema.classes)}",
        "Train it on the same labels.",
    )


def _column(values: pa.ChunkedArray, *, numeric: bool) -> Any:
    if numeric:
        numbers = values.cast(pa.float64(), safe=False).to_numpy()
        return np.where(np.isfinite(numbers), numbers, np.nan)
    objects = np.array(values.to_pylist(), dtype=object)
    return cast(Any, pd.Series(np.where(pd.isna(objects), np.nan, objects), dtype=object))
