"""A mixture as one scikit-learn model, to take away: it needs no undrift to be loaded and asked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from undrift.errors import ModelError
from undrift.records import Schema


def voting(models: Mapping[str, Any], weights: Mapping[str, float], schema: Schema) -> Any:
    """A fitted voting model whose members are ``models`` by name, each with its weight.

    It predicts the weighted mean of their numbers, or of their probabilities. Raises ModelError where the
    members do not name the two classes alike.
    """
    members = [*models.items()]
    shares = [weights[name] for name in models]
    voter = _classifier(members, shares) if schema.classes else _regressor(members, shares)
    voter.estimators_ = [model for _, model in members]
    return voter


def _regressor(members: list[tuple[str, Any]], shares: list[float]) -> Any:
    from sklearn.ensemble import VotingRegressor

    return VotingRegressor(members, weights=shares)


def _classifier(members: list[tuple[str, Any]], shares: list[float]) -> Any:
    from sklearn.ensemble import VotingClassifier
    from sklearn.preprocessing import LabelEncoder

    classes = {name: tuple(getattr(model, "classes_", ())) for name, model in members}
    if len(set(classes.values())) > 1 or not all(classes.values()):
        raise ModelError(
            "the members of this mixture do not name the classes alike",
            "Export one of them: --version N.",
        )
    voter = VotingClassifier(members, voting="soft", weights=shares)
    voter.le_ = LabelEncoder().fit(list(next(iter(classes.values()))))
    voter.classes_ = voter.le_.classes_
    return voter
