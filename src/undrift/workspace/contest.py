"""The champion against its challengers on the rows that are held out, and what came of it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from undrift import gate as gates
from undrift import losses
from undrift.gate import Gate
from undrift.records import Outcome, Version, Window
from undrift.words.deeds import outcome as outcome_sentence
from undrift.workspace import honest
from undrift.workspace.archive import Labelled
from undrift.workspace.models import Models
from undrift.workspace.occasions import Occasion


def judged(
    occasion: Occasion,
    champion: Version,
    challengers: Sequence[Version],
    held_out: list[Window],
    models: Models,
    gate: Gate,
    failed: Mapping[str, str],
) -> Outcome:
    """What the gate finds: every version predicts the same held-out rows, paired row by row.

    Raises LeakError if any of them was trained on one of these rows.
    """
    data = models.archive.labelled_in(held_out)
    contestants = [champion, *challengers]
    answers = {v.number: honest.ask(models, v, data, held_out) for v in contestants}
    gates.assert_unseen(set(data.ids.to_pylist()), {n: answer.seen for n, answer in answers.items()})
    predicted = {number: answer.values for number, answer in answers.items()}
    per_row = {n: models.per_row(data.labels, values) for n, values in predicted.items()}
    block = models.blocks(data)
    rivals = [(v, per_row[v.number]) for v in challengers]
    attempt = 1 + sum(bool(o.trials) for o in models.store.all(Outcome))
    found = gates.judge(
        per_row[champion.number], rivals, block, gate, attempt, _bounded(models, data, predicted, champion)
    )
    ranking = {n: models.task.ranking(data.labels, values, block) for n, values in predicted.items()}
    trials = gates.without_constants(found, ranking, champion.number)
    best = gates.winner(trials)
    outcome = Outcome(
        window=occasion.window.key,
        index=occasion.window.index,
        champion=champion.number,
        champion_loss=float(per_row[champion.number].mean()),
        loss=models.metric,
        trials=trials,
        promoted=best.version if best else None,
        held_out=tuple(w.key for w in held_out),
        rows=len(data),
        blocks=len(np.unique(block)),
        confidence=gate.confidence(len(trials), attempt),
        require=gate.require,
        why="",
        others={str(n): models.task.others(data.labels, values) for n, values in predicted.items()},
        failed=dict(failed),
        on=occasion.on,
        alpha=gate.spends(attempt),
        ranking={str(n): one for n, one in ranking.items() if one},
        mean_calibration=models.mean_calibrations(data, predicted),
        stood_in={str(n): tuple(w.key for w in a.stood_in) for n, a in answers.items() if a.stood_in},
    )
    return replace(outcome, why=outcome_sentence(outcome))


def _bounded(
    models: Models, data: Labelled, predicted: Mapping[int, NDArray[np.float64]], champion: Version
) -> gates.Bounded | None:
    """What the contestants lose by the loss that stands beside the deciding one; None where none does."""
    if not models.deciding.bounded:
        return None
    beside = losses.named(models.deciding.bounded, models.task.name)
    found = {n: beside(data.labels, values) for n, values in predicted.items()}
    own = found.pop(champion.number)
    return gates.Bounded(beside.mean, own, list(found.values()))


def uncontested(occasion: Occasion, champion: Version, metric: str, failed: Mapping[str, str]) -> Outcome:
    """The outcome of a retraining from which no model came: the champion stays."""
    reasons = "; ".join(f"{name}: {reason}" for name, reason in failed.items())
    return Outcome(
        window=occasion.window.key,
        index=occasion.window.index,
        champion=champion.number,
        champion_loss=math.nan,
        loss=metric,
        trials=(),
        promoted=None,
        held_out=(),
        rows=0,
        blocks=0,
        confidence=0.0,
        why=f"no challenger could be trained, v{champion.number} stays: {reasons}",
        failed=dict(failed),
        on=occasion.on,
    )
