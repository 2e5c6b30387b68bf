"""What is half done: a step that began and is not closed, because it is at work, or was killed."""

from __future__ import annotations

from dataclasses import dataclass

from undrift.records import Comparison, Decision, Outcome, Service, Step
from undrift.stores import Store

STAGES: tuple[tuple[type, str], ...] = (
    (Outcome, "judged"),
    (Decision, "decided"),
    (Comparison, "compared"),
    (Service, "predicted"),
)
"""The records of a step, the last one first, and what has been done once it is there."""


@dataclass(frozen=True)
class Pending:
    """The oldest window whose step is not closed, what was done of it, and how many wait with it."""

    window: str
    stage: str
    windows: int

    @property
    def sentence(self) -> str:
        """The same in words, with what to do."""
        others = f", with {self.windows - 1} more" if self.windows > 1 else ""
        return (
            f"the step of window {self.window}{others} is at work, or was interrupted "
            f"({self.stage} so far): the next undrift run finishes it"
        )


def pending(store: Store) -> Pending | None:
    """The step that began and is not closed; None where there is none."""
    closed = set(store.keys(Step))
    begun = {kind: [key for key in store.keys(kind) if key not in closed] for kind, _ in STAGES}
    keys = list(dict.fromkeys(key for kind, _ in reversed(STAGES) for key in begun[kind]))
    if not keys:
        return None
    stage = next(word for kind, word in STAGES if keys[0] in begun[kind])
    return Pending(keys[0].partition("/")[0], stage, len(keys))
