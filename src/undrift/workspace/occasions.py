"""What calls for a decision: a window that is complete, or scores that came after it.

What a decision has seen stands in its record, so that the same evidence is never decided on twice.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from undrift.records import Decision, Score, Step, Window
from undrift.stores import Store


@dataclass(frozen=True)
class Occasion:
    """``on`` is empty for the completion of the window, else it names the scores that came after it."""

    window: Window
    on: str = ""

    @property
    def key(self) -> str:
        """What the decision, the outcome and the step are stored under."""
        return f"{self.window.key}/{self.on}" if self.on else self.window.key


def unfinished(store: Store) -> Occasion | None:
    """A decision on scores that was made but not carried through: its process was killed."""
    closed = _closed(store)
    steps = {s.window.key: s.window for s in store.all(Step)}
    for decision in reversed(store.all(Decision)):
        if decision.on and (decision.window, decision.on) not in closed:
            return Occasion(steps[decision.window], decision.on)
    return None


def of_scores(store: Store) -> Occasion | None:
    """The newest settled window, if scores came since the last decision; else None."""
    settled = [s.window for s in store.all(Step)]
    if not settled or not fresh(store):
        return None
    return Occasion(max(settled, key=lambda w: w.index), f"scores-{len(store.all(Score))}")


def fresh(store: Store) -> list[Score]:
    """The scores that no decision has seen yet, in the order in which they came."""
    return store.all(Score)[seen(store) :]


def seen(store: Store) -> int:
    """How many scores the last decision that was carried through had seen."""
    closed = _closed(store)
    made = [d for d in store.all(Decision) if (d.window, d.on) in closed]
    if not made:
        return 0
    if made[-1].seen is not None:
        return made[-1].seen
    at = store.times(Decision)[made[-1].window]  # made by 0.1.0, which did not count
    return sum(moment <= at for moment in store.times(Score).values())


def names(scores: Sequence[Score]) -> tuple[str, ...]:
    """The windows that scores belong to, each once."""
    return tuple(dict.fromkeys(s.window for s in scores))


def shared(scores: Sequence[Score], windows: Sequence[Window]) -> dict[str, tuple[Score, ...]]:
    """Every score once, by the window it belongs to; those of earlier windows go with the first given."""
    own = {w.index: w.key for w in windows}
    shares: dict[str, list[Score]] = {w.key: [] for w in windows}
    for score in scores:
        shares[own.get(score.index, windows[0].key)].append(score)
    return {key: tuple(share) for key, share in shares.items()}


def _closed(store: Store) -> set[tuple[str, str]]:
    return {(s.window.key, s.on) for s in store.all(Step)}
