"""The champion against its challengers on the rows that are held out, and what came of it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from undrift import gate as gates
from undrift import losses
from undrift.gate import Gate
from undrift.records import Outcome, Trial, Version, Window
from undrift.words.deeds import outcome as outcome_sentence
from undrift.workspace import honest
from undrift.workspace.archive import Labelled
from undrift.workspace.guards import guarded
from undrift.workspace.models import Models
from undrift.workspace.occasions import Occasion
from undrift.workspace.weighing import Together, Weighing

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Contest:
    """Every contestant's predictions of the same held-out rows, none of which was trained on any of them."""

    occasion: Occasion
    champion: Version
    challengers: Sequence[Version]
    held_out: list[Window]
    data: Labelled
    said: dict[int, Floats]
    stood_in: dict[str, tuple[str, ...]]

    @classmethod
    def of(
        cls,
        occasion: Occasion,
        champion: Version,
        challengers: Sequence[Version],
        held_out: list[Window],
        weighing: Weighing,
    ) -> Contest:
        """Ask everyone, of a mixture its members; raises LeakError for one that was trained on these rows."""
        models = weighing.models
        data = models.archive.labelled_in(held_out)
        pool = weighing.pool(champion)
        asked = {v.number: v for v in (*pool, *challengers)} or {champion.number: champion}
        if not pool:
            asked[champion.number] = champion
        answers = {n: honest.ask(models, v, data, held_out) for n, v in asked.items()}
        gates.assert_unseen(set(data.ids.to_pylist()), {n: answer.seen for n, answer in answers.items()})
        said = {n: answer.values for n, answer in answers.items()}
        if champion.members:
            said[champion.number] = weighing.together({v.number: said[v.number] for v in pool}, data).values
        stood_in = {str(n): tuple(w.key for w in a.stood_in) for n, a in answers.items() if a.stood_in}
        return cls(occasion, champion, challengers, held_out, data, said, stood_in)

    def mixture(self, weighing: Weighing) -> Together:
        """The members of what serves and the challengers, those that fit best, weighed on these rows."""
        pool = [v.number for v in weighing.pool(self.champion)]
        said = {n: self.said[n] for n in (*pool, *(v.number for v in self.challengers))}
        return weighing.together(said, self.data, weighing.lineup.members)

    def judged(
        self, models: Models, gate: Gate, failed: Mapping[str, str], mixture: tuple[Version, Floats] | None
    ) -> Outcome:
        """What the gate finds of the challengers, or of a ``mixture`` with them in it."""
        said = self.said if mixture is None else self.said | {mixture[0].number: mixture[1]}
        attempt = 1 + sum(bool(o.trials) for o in models.store.all(Outcome))
        trials = self._trials(self.challengers, said, models, gate, attempt)
        if mixture is not None:
            (together,) = self._trials([mixture[0]], said, models, gate, attempt)
            if not {m.version for m in mixture[0].members} & {v.number for v in self.challengers}:
                together = replace(together, passes=False)
            trials = (together, *trials)
        best = gates.winner(trials if mixture is None else trials[:1])
        numbers = [self.champion.number, *(t.version for t in trials)]
        block = models.blocks(self.data)
        shown = {n: said[n] for n in numbers}
        ranking = {n: models.task.ranking(self.data.labels, values, block) for n, values in shown.items()}
        outcome = Outcome(
            window=self.occasion.window.key,
            index=self.occasion.window.index,
            champion=self.champion.number,
            champion_loss=models.loss_of(self.data, said[self.champion.number]),
            loss=models.metric,
            trials=trials,
            promoted=best.version if best else None,
            held_out=tuple(w.key for w in self.held_out),
            rows=len(self.data),
            blocks=len(np.unique(block)),
            confidence=gate.confidence(len(trials) if mixture is None else 1, attempt),
            require=gate.require,
            why="",
            others={str(n): models.task.others(self.data.labels, values) for n, values in shown.items()},
            failed=dict(failed),
            on=self.occasion.on,
            alpha=gate.spends(attempt),
            ranking={str(n): one for n, one in ranking.items() if one},
            mean_calibration=models.mean_calibrations(self.data, shown),
            stood_in=self.stood_in,
        )
        return replace(outcome, why=outcome_sentence(outcome))

    def _trials(
        self,
        rivals: Sequence[Version],
        said: Mapping[int, Floats],
        models: Models,
        gate: Gate,
        attempt: int,
    ) -> tuple[Trial, ...]:
        """Some contestants against the champion, each by its losses and by how it ranks rows."""
        labels, block, live = self.data.labels, models.blocks(self.data), self.champion.number
        chosen = {n: said[n] for n in (live, *(v.number for v in rivals))}
        by_row = {n: models.by_row(self.data, values) for n, values in chosen.items()}
        found = gates.judge(
            by_row[live],
            [(v, by_row[v.number]) for v in rivals],
            block,
            gate,
            attempt,
            _bounded(models, self.data, chosen, live),
        )
        ranking = {n: models.task.ranking(labels, values, block) for n, values in chosen.items()}
        found = gates.without_constants(found, ranking, live)
        versions = {v.number: v for v in rivals}
        return tuple(guarded(t, versions[t.version], chosen, live, self.data, models, gate) for t in found)


def _bounded(
    models: Models, data: Labelled, predicted: Mapping[int, Floats], champion: int
) -> gates.Bounded | None:
    """What the contestants lose by the loss that stands beside the deciding one; None where none does."""
    if not models.deciding.bounded:
        return None
    beside = losses.named(models.deciding.bounded, models.task.name)
    found = {n: models.by_row(data, values, beside) for n, values in predicted.items()}
    own = found.pop(champion)
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
