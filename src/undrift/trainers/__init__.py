"""Trainers: make a fitted model from rows.

A part is a class whose constructor takes the settings of ``[model]`` and whose ``fit`` trains
everything anew, preprocessing included.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from undrift.records import Schema

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray


class Trainer(Protocol):
    """Fits a model on rows."""

    @property
    def name(self) -> str:
        """What is trained, as the records keep it."""

    def fit(
        self,
        rows: pd.DataFrame,
        labels: NDArray[np.float64],
        schema: Schema,
        champion: Any | None,
        weights: NDArray[np.float64] | None = None,
    ) -> Any:
        """A model fitted on ``rows`` with one label per row; ``champion`` is the live model, if any.

        ``rows`` hold the features and, after them, times and what the champion names besides. ``weights``
        (rows,) are positive; where there are none all rows weigh the same. Raises ModelError for a model that
        cannot be fitted, or takes no weights where there are some.
        """


@runtime_checkable
class OnUnseen(Protocol):
    """A trainer that maps the output of the live model, so that it needs rows newer than that one's."""

    unseen: bool


@runtime_checkable
class ByPath(Protocol):
    """A trainer of what an import path names, which may be the user's own code."""

    def ready(self) -> None:
        """Import it; raises ConfigError where it cannot be, or is no model: before a batch is taken in."""

    @property
    def recipe(self) -> str:
        """What tells it from other models of known packages, by its settings; empty for own code."""

    def made(self, name: str) -> bool:
        """Whether it is the user's own code, and makes versions whose trainer has such a name."""
