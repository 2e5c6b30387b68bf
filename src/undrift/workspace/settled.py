"""What a verb of the loop did: the windows that it settled, and the delivery that it kept."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from undrift.comparison.result import Result
from undrift.records import Batch, Comparison, Decision, Outcome, Score, Step, Window


@dataclass(frozen=True)
class Settled:
    """All that happened after one window, or after ``scores`` that came for windows before.

    Every score is reported once: with its own window, or with the oldest one that was settled at that time.
    ``failed`` says why the live model could not predict, empty where it could.
    """

    window: Window
    comparison: Comparison
    decision: Decision
    scores: tuple[Score, ...]
    outcome: Outcome | None
    step: Step
    failed: str = ""


@dataclass(frozen=True)
class Report:
    """What one call of ``step`` or ``label`` did: the batch it kept and the windows it decided about."""

    batch: Batch | None
    settled: tuple[Settled, ...]
    _compared: Callable[[Comparison], Result] | None = field(default=None, repr=False, compare=False)

    @property
    def action(self) -> str:
        """What was done at last: keep, promote or reject; wait when there was nothing to decide on."""
        return self.settled[-1].step.action if self.settled else "wait"

    @property
    def why(self) -> str:
        """The reason, in words."""
        return self.settled[-1].step.why if self.settled else "No new window is complete yet"

    @property
    def comparison(self) -> Result | None:
        """How the newest window compares with the reference; None where none was settled."""
        return self._compared(self.settled[-1].comparison) if self.settled and self._compared else None
