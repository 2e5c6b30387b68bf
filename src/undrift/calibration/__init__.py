"""Calibration: how surprising a window would be if nothing had changed.

A part is a class whose ``judge`` takes the profiles of the reference, of the window and, where they are
known, of the windows before it, and gives a Judgement: p-values, and what they take for granted. It
alone knows what chance does; which p-values are believed, and whether the effect is large enough, is
decided from its answer.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from undrift.profiles.table import TableProfile


@dataclass(frozen=True)
class Evidence:
    """How surprising one feature is.

    ``parts`` are p-values of what metrics watch ("values", "missing", "unseen"), each with its share of
    the error rate, so that the smallest is a p-value of the feature. ``component`` says which part of the
    distribution speaks loudest and ``direction`` where it went ("up", "down" or neither). ``e_value`` is
    the evidence that windows up to this one have gathered for a slow drift, which began ``since``.
    """

    parts: dict[str, float]
    component: str = ""
    direction: str = ""
    e_value: float = 0.0
    since: datetime | int | None = None

    @property
    def p_value(self) -> float:
        """The p-value of the feature."""
        return min(1.0, *self.parts.values())


@dataclass(frozen=True)
class Judgement:
    """What a calibration says: evidence by feature, empty where it never asks for significance.

    Not ``sure`` is one that has seen too few windows to call what it finds ordinary. ``instead`` names the
    calibration that was used where the one asked for could not be.
    """

    assumes: str
    evidence: dict[str, Evidence] = field(default_factory=dict)
    sure: bool = True
    instead: str = ""


@dataclass(frozen=True)
class Reading:
    """How the windows of a stream's past are read, each by the place of its block.

    Windows ``aside`` were out of the ordinary and are no part of it. From ``era`` on the stream is another
    one: its level is that of the windows since, how far windows differ is learnt from all. Windows from
    ``served`` on are those in which a slow drift may have begun.
    """

    aside: frozenset[int] = frozenset()
    era: int | None = None
    served: int | None = None


class Calibration(Protocol):
    """Judges a window against a reference."""

    def judge(
        self,
        ref: TableProfile,
        cur: TableProfile,
        names: Sequence[str],
        earlier: Sequence[TableProfile] = (),
        reading: Reading | None = None,
    ) -> Judgement:
        """The evidence for each of the named features, which both profiles have; ``earlier`` oldest first.

        A ``reading`` says how the windows of the reference's own history are to be read.
        """
