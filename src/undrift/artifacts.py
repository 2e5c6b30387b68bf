"""Fitted models as bytes and back, and asking them for predictions.

Models are kept with skops, which rebuilds only types that are named: scikit-learn's own and those
on our list. A pickle can run any code when it is loaded, so it needs the user's explicit consent.
"""

from __future__ import annotations

import io
import re
import sys
import zipfile
from collections.abc import Callable, Sequence
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from undrift import tasks
from undrift.arrow import kind_of, type_named
from undrift.errors import DataError, ModelError, UndriftError, UntrustedError, suggest
from undrift.importing import neighbours
from undrift.records import Schema
from undrift.schema import ASIDE, NOT_KEPT, UNTYPED, features

if TYPE_CHECKING:
    import pandas as pd

Format = Literal["skops", "pickle", "onnx", "folder"]
"""How a model is kept; a pickle and a folder with a program can run any code."""

FORMATS: dict[str, Format] = {".skops": "skops", ".onnx": "onnx"}
"""How files end that can run no code; all others are pickles."""

KEPT_WHOLE: dict[str, Format] = {"undrift.onnx": "onnx", "undrift.jobs": "folder"}
"""Modules of models that are their own bytes."""

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
    "undrift.onnx.OnnxClassifier",
    "undrift.onnx.OnnxModel",
    "undrift.trainers.recalibrate.Recalibrated",
    "xgboost.core.Booster",
    "xgboost.sklearn.XGBClassifier",
    "xgboost.sklearn.XGBRegressor",
)
"""Types that skops does not vouch for by itself and that we do: plain containers of numbers.

`functools.partial` and functions never stand here: they call whatever they hold.
"""

TYPE = re.compile(rb'"__(?:class|module|loader)__": "[^"]*"')
"""Where a skops file names the types of its parts."""

_loadable: set[frozenset[bytes]] = set()

UNNAMED = re.compile(r"Column_\d+")
"""What LightGBM calls a column of an array, which has no name."""

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
    _refuse_what_cannot_be_loaded(artifact)
    return artifact


def serialise(model: Any, *, prefer_pickle: bool) -> tuple[bytes, Format]:
    """A fitted model as skops bytes, or as a pickle where the user consented and skops cannot.

    Raises ModelError for one that can be kept in neither form.
    """
    if hasattr(model, "content") and type(model).__module__ in KEPT_WHOLE:
        return model.content, KEPT_WHOLE[type(model).__module__]
    try:
        return dump(model), "skops"
    except ModelError:
        if not prefer_pickle:
            raise
    import joblib

    sink = io.BytesIO()
    try:
        joblib.dump(model, sink)
    except Exception as error:
        raise ModelError(
            f"{type(model).__name__} cannot be stored: {error}",
            "Use functions and classes that a module defines by name: no lambda, none within a function.",
        ) from error
    return sink.getvalue(), "pickle"


def load(artifact: bytes, format: Format, *, trust_pickle: bool = False) -> Any:  # noqa: A002
    """The model in these bytes; an ONNX file can run no code.

    Raises UntrustedError for types nobody vouched for, and for a pickle without consent; ModelError for bytes
    that are no such model.
    """
    _require_consent(format, trust_pickle)
    try:
        return _loaded(artifact, format)
    except UndriftError:
        raise
    except Exception as error:
        why = str(error) or type(error).__name__
        raise ModelError(f"the {format} model does not load: {why}", "Save it again.") from error


def _require_consent(form: Format, trust_pickle: bool) -> None:
    if form in ("pickle", "folder") and not trust_pickle:
        what = "a pickle, which can run any code when it is loaded" if form == "pickle" else "a program"
        raise UntrustedError(
            f"the model is {what}",
            "If you trust whoever made it, adopt it with --trust, or set model.trust_pickle = true.",
        )


def _loaded(artifact: bytes, form: Format) -> Any:
    if form == "folder":
        from undrift.jobs import JobModel

        return JobModel(artifact)
    if form == "pickle":
        import joblib

        return joblib.load(io.BytesIO(artifact))
    if form == "onnx":
        from undrift.onnx import loaded

        return loaded(artifact)
    import skops.io

    _refuse_unknown(artifact)
    return skops.io.loads(artifact, trusted=list(TRUSTED))


def read_file(path: str | Path, *, trust_pickle: bool = False) -> tuple[Any, bytes, Format]:
    """A fitted model from a file (.skops, .onnx, else a pickle, with consent), and its bytes."""
    file = Path(path)
    if not file.is_file():
        raise DataError(f"model file {file} does not exist", "Check the path.")
    format_ = FORMATS.get(file.suffix, "pickle")
    artifact = file.read_bytes()
    if trust_pickle:
        neighbours(Path.cwd(), file.parent)
    try:
        _require_consent(format_, trust_pickle)
        return _loaded(artifact, format_), artifact, format_
    except UndriftError:
        raise
    except Exception as error:
        if isinstance(error, ImportError | AttributeError) and format_ == "pickle":
            remedy = "Put the module that defines what is missing beside it, or install it."
        else:
            remedy = "Save it again."
        why = str(error) or type(error).__name__
        raise ModelError(f"{file} does not load as a {format_} model: {why}", remedy) from error


def frame(table: pa.Table, schema: Schema, columns: Sequence[str] | None = None) -> pd.DataFrame:
    """Columns of a table (by default the features) as a model sees them.

    Numbers and booleans are float64, times are datetimes in UTC without a zone, all else is objects.
    Infinities are shown as missing: most models refuse them, and drift reports them. Types do not depend on
    the rows, so training and serving see the same.
    """
    import pandas as pd

    names = _own(schema) if columns is None else columns
    return pd.DataFrame({name: _column(table[name]) for name in names})


def columns(schema: Schema, model: Any | None = None) -> list[str]:
    """The columns that a model may be shown: those it was fitted on, where it remembers them.

    Else the features, then times, and what a pipeline selects by name.
    """
    known = _known(schema)
    remembered = _remembered(model, known)
    if remembered is not None:
        return [name for name in remembered if name in known]
    types = {c.name: type_named(c.type) for c in schema.columns if c.name in known}
    times = [name for name, type_ in types.items() if pa.types.is_timestamp(type_) or name == schema.time]
    return list(dict.fromkeys([*_own(schema), *times, *(n for n in _selected(model) if n in known)]))


def remembers(model: Any, schema: Schema) -> bool:
    """Whether a model remembers the columns that it was fitted on."""
    return _remembered(model, _known(schema)) is not None


def shown(model: Any, rows: pd.DataFrame, schema: Schema) -> list[pd.DataFrame]:
    """What a model is shown of ``rows``, which hold its ``columns``: all frames that might be meant.

    That is what it was fitted on, where it remembers it. Else it is the features with what it selects by
    name; then, for a model that cannot do with these, the times besides. Raises ModelError where the model
    wants a column that is not there, or does not know a feature.
    """
    remembered = _remembered(model, _known(schema))
    if remembered is not None:
        _fits(remembered, schema)
        return [rows[remembered]]
    wanted = list(dict.fromkeys([*_own(schema), *(n for n in _selected(model) if n in rows.columns)]))
    with_times = [name for name in columns(schema, model) if name in rows.columns]
    return [rows[wanted], *([rows[with_times]] if len(with_times) > len(wanted) else [])]


def fit(
    model: Any,
    frames: Sequence[pd.DataFrame],
    labels: Any,
    weights: NDArray[np.float64] | None = None,
) -> Any:
    """The model, fitted on the first of the frames that it takes; weights need a ``sample_weight``."""
    more = {} if weights is None else {_weighed_by(model): weights}
    with threads(frames[0]):
        return _first(frames, lambda rows: model.fit(rows, labels, **more))


def _weighed_by(model: Any) -> str:
    """The argument of a model's ``fit`` that takes the weights of the rows."""
    from sklearn.pipeline import Pipeline
    from sklearn.utils.validation import has_fit_parameter

    if isinstance(model, Pipeline):
        name, last = model.steps[-1]
        return f"{name}__{_weighed_by(last)}"
    if not has_fit_parameter(model, "sample_weight"):
        raise ModelError(
            f"{type(model).__name__} takes no weights: its fit has no sample_weight",
            "Choose another model, or merge strategies without weights in merge.candidates.",
        )
    return "sample_weight"


def predict(model: Any, rows: pd.DataFrame, schema: Schema) -> NDArray[np.float64]:
    """One number per row: the prediction, or for two classes the probability of the second one.

    Of several classes it is the probability of each, shape (rows, classes). ``rows`` hold the model's
    ``columns``. Raises ModelError when the model does not fit the columns or gives no finite numbers.
    """
    said = asked(model, rows, schema)
    try:
        values = tasks.named(schema.task).read(model, said, len(rows), schema.classes)
    except (TypeError, ValueError, IndexError) as error:
        raise _unasked(model, rows, error) from error
    if not np.isfinite(values).all():
        raise ModelError(f"{type(model).__name__} predicted NaN or infinity", "Check the model's inputs.")
    return values


def asked(model: Any, rows: pd.DataFrame, schema: Schema) -> NDArray[np.float64]:
    """What a model itself says about rows: numbers, or probabilities in the order of its own classes.

    Raises ModelError when it does not fit the columns.
    """
    require_usable(model, schema)
    frames = shown(model, rows, schema)
    task = tasks.named(schema.task)
    try:
        with threads(rows):
            return np.asarray(_first(frames, lambda shown_: task.ask(model, shown_)), dtype=np.float64)
    except ModelError:
        raise
    except Exception as error:
        raise _unasked(model, frames[0], error) from error


def _unasked(model: Any, rows: pd.DataFrame, error: Exception) -> ModelError:
    """What to say of a model that does not predict."""
    names = ", ".join(map(str, rows))
    return ModelError(
        f"{type(model).__name__} does not predict on the columns {names}: {error}",
        "Adopt a pipeline that takes the raw columns of the data file.",
    )


def require_usable(model: Any, schema: Schema) -> None:
    """Raise ModelError, with what to do, for what is no model, or gives no probabilities where it should."""
    name, origin = type(model).__name__, type(model).__module__.partition(".")[0]
    task = tasks.named(schema.task)
    wrapper = {"lightgbm": "LGBM", "xgboost": "XGB"}.get(origin, "")
    if name == "Booster" and wrapper:
        raise ModelError(
            f"the model is a bare Booster of {origin}, which has no scikit-learn API",
            f"Adopt {wrapper}{task.wrapper}, its scikit-learn wrapper, "
            "or watch what it predicts with --prediction.",
        )
    if not hasattr(model, "predict"):
        inside = (
            [str(k) for k, v in model.items() if hasattr(v, "predict")] if isinstance(model, dict) else []
        )
        where = f"; a model stands under {inside[0]!r}" if inside else ""
        raise ModelError(
            f"the model is an object of type {name}, which cannot predict{where}",
            "Save the fitted model itself, with its preprocessing in one scikit-learn Pipeline.",
        )
    task.require(model)


def threads(rows: pd.DataFrame) -> Any:
    """A context in which a small table is worked on by one thread.

    Threads that wait for one another cost more than they save there, twofold on a busy machine.
    """
    return _controller(len(sys.modules)).limit(limits=1 if rows.size < SMALL else None)


@cache
def _controller(modules: int) -> Any:  # noqa: ARG001 - with more modules there may be more libraries
    """What limits the threads of the libraries that are loaded: finding them takes longer than predicting."""
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()


def untrusted(artifact: bytes) -> list[str]:
    """The types in skops bytes for which skops does not vouch by itself."""
    import skops.io

    return sorted(set(skops.io.get_untrusted_types(data=artifact)))


def libraries() -> dict[str, str]:
    """The versions of the packages that a model's behaviour depends on."""
    found = {}
    for name in LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def _refuse_what_cannot_be_loaded(artifact: bytes) -> None:
    """As ``_refuse_unknown``, for what was dumped here: a model of types that passed before passes again."""
    with zipfile.ZipFile(io.BytesIO(artifact)) as file:
        types = frozenset(TYPE.findall(file.read("schema.json")))
    if types not in _loadable:
        _refuse_unknown(artifact)
        _loadable.add(types)


def _refuse_unknown(artifact: bytes) -> None:
    try:
        unknown = [name for name in untrusted(artifact) if name not in TRUSTED]
    except Exception as error:  # a forged or damaged file fails in any way it likes
        raise UntrustedError(f"this is not a whole skops file: {error}", "Save the model again.") from error
    if unknown:
        raise UntrustedError(
            f"the model holds the type {unknown[0]}, which is not on undrift's list of trusted types",
            "Use a plain scikit-learn pipeline; encode categories before the model.",
        )


def _first(frames: Sequence[pd.DataFrame], ask: Callable[[pd.DataFrame], Any]) -> Any:
    """What the first frame gives with which no error comes; else the error that came with the very first."""
    errors: list[Exception] = []
    for rows in frames:
        try:
            return ask(rows)
        except Exception as error:  # noqa: BLE001 - a model may raise anything, and the first one is raised again
            errors.append(error)
    raise errors[0]


def _known(schema: Schema) -> list[str]:
    """All columns that a model may be shown."""
    return [c.name for c in schema.columns if c.reason not in (UNTYPED, NOT_KEPT, ASIDE)]


def _own(schema: Schema) -> list[str]:
    return [c.name for c in features(schema)]


def _remembered(model: Any, known: Sequence[str]) -> list[str] | None:
    """The columns that a model was fitted on, in its order, by their names in the data; None if unknown.

    LightGBM writes an underscore for every space, and numbers what had no name.
    """
    own = getattr(model, "feature_names_in_", None)
    if own is None or all(UNNAMED.fullmatch(str(name)) for name in own):
        return None
    renamed = {name.replace(" ", "_"): name for name in known}
    return [name if name in known else renamed.get(name, name) for name in map(str, own)]


def _selected(model: Any) -> list[str]:
    """The columns that an unfitted pipeline selects by name, in its first step."""
    if isinstance(steps := getattr(model, "steps", None), list) and steps:
        return _selected(steps[0][1])
    if (inner := getattr(model, "estimator", None)) is not None:
        return _selected(inner)
    chosen = [found for _, _, found in getattr(model, "transformers", ())]
    lists = [[found] if isinstance(found, str) else found for found in chosen if not callable(found)]
    return [
        name for names in lists if not isinstance(names, slice) for name in names if isinstance(name, str)
    ]


def _fits(wanted: Sequence[str], schema: Schema) -> None:
    """Raise ModelError unless the model wants nothing that is not there, and knows every feature."""
    known = _known(schema)
    lacking = [name for name in wanted if name not in known]
    if lacking:
        raise ModelError(
            f"the model wants the column {lacking[0]!r}, which the data does not have",
            suggest(lacking[0], known),
        )
    surplus = [name for name in _own(schema) if name not in wanted]
    if surplus:
        raise ModelError(
            f"the data has the feature {surplus[0]!r}, which the model was not trained on",
            f"Leave it out: --ignore {surplus[0]}, or data.ignore in undrift.toml.",
        )


def _column(values: pa.ChunkedArray) -> Any:
    import pandas as pd

    if pa.types.is_timestamp(values.type):
        return pd.Series(values.cast(pa.timestamp("us")).to_numpy()).astype(
            pd.to_datetime(["1970-01-01"]).dtype
        )
    if kind_of(values.type) in ("numeric", "boolean"):
        numbers = values.cast(pa.float64(), safe=False).to_numpy()
        return np.where(np.isfinite(numbers), numbers, np.nan)
    objects = pd.Series(values.to_pylist(), dtype=object)  # lists stay lists, whatever their lengths
    return objects.where(objects.notna(), np.nan)
