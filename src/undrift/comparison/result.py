"""A comparison with the two profiles that it was made from, and its forms for people and for programs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from undrift.profiles.table import TableProfile
from undrift.records import Comparison, FeatureComparison, Verdict
from undrift.report.html import fragment, html
from undrift.words import forms, moves

if TYPE_CHECKING:
    import pandas as pd

FORMAT = 1
"""Version of the JSON form of a result."""


@dataclass(frozen=True, repr=False)
class Result:
    """A comparison together with the two profiles it was made from."""

    record: Comparison
    reference: TableProfile
    current: TableProfile

    @property
    def verdict(self) -> Verdict:
        """The worst verdict of any feature."""
        return self.record.verdict

    @property
    def features(self) -> dict[str, FeatureResult]:
        """Feature results by name, worst first."""
        return {f.name: FeatureResult(f) for f in self.record.features}

    @property
    def segments(self) -> dict[str, Result]:
        """Results by segment, where rows were told apart by a column."""
        return {
            label: Result(record, self.reference.segments[label], self.current.segments[label])
            for label, record in self.record.segments.items()
        }

    @property
    def drifted(self) -> list[str]:
        """Names of the features drifted in all rows, worst first, with those lost or retyped."""
        return list(moves.drifted(self.record))

    @property
    def sentence(self) -> str:
        """The verdict in one sentence."""
        return moves.comparison(self.record)

    def to_dict(self) -> dict[str, Any]:
        """The versioned JSON form."""
        return {"format": FORMAT, **forms.comparison_dict(self.record)}

    def to_pandas(self) -> pd.DataFrame:
        """One row per feature, worst first: verdict, kind, what changed, chance, and every metric's value.

        The index is the feature's name, ``p_value`` the probability that chance alone moves it so far.
        """
        import pandas as pd

        rows = {
            one.name: {
                "verdict": one.verdict,
                "kind": one.kind,
                "effect": one.effect,
                "p_value": one.p_value,
                **FeatureResult(one).metrics,
            }
            for one in self.record.features
        }
        return pd.DataFrame.from_dict(rows, orient="index").rename_axis("feature")

    def to_html(self) -> str:
        """One HTML page that stands alone: no script, nothing loaded from elsewhere."""
        return html(self.record, self.reference, self.current)

    def __repr__(self) -> str:
        return f"<Result {self.sentence}>"

    def _repr_html_(self) -> str:
        return fragment(self.record, self.reference, self.current)


@dataclass(frozen=True)
class FeatureResult:
    """One feature of a result; ``metrics`` maps metric names to values."""

    record: FeatureComparison

    @property
    def metrics(self) -> dict[str, float]:
        """Values by metric name, those that decide first."""
        return forms.metrics(self.record)

    @property
    def verdict(self) -> Verdict:
        """The worst verdict of the feature's findings."""
        return self.record.verdict

    @property
    def effect(self) -> str:
        """What changed, in words."""
        return self.record.effect

    @property
    def p_value(self) -> float | None:
        """How often chance alone would move the feature so far; None where nobody asks."""
        return self.record.p_value

    @property
    def significant(self) -> bool | None:
        """Whether it is among the features that are believed to have moved, however little."""
        return self.record.significant

    @property
    def component(self) -> str:
        """Which part of the distribution moved most: location, spread, shape, a tail, missing, unseen."""
        return self.record.component

    @property
    def direction(self) -> str:
        """Where it went: up or down, empty where neither can be said."""
        return self.record.direction

    @property
    def since(self) -> str | None:
        """The window in which it began, by the windows before; None if it did not, or they are not known."""
        return self.record.since
