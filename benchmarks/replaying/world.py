"""undrift's loop on a model bank: its policies, gate, line-ups and merge strategies, with models looked up.

Labels come one window late: what is decided after window t knows labels to t - 1 and serves from t + 1. The
order of a tick is that of ``undrift.loop``; a test holds the two against each other.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from types import SimpleNamespace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from replaying.bank import Bank
from replaying.streams import HISTORY, PLAYED, WINDOWS
from undrift.gate import Gate, lacking
from undrift.lineup import LineUp, mixed
from undrift.lineup.mixture import Mixture
from undrift.losses import Loss
from undrift.merging import Merge
from undrift.policies import Policy
from undrift.records import (
    Decision,
    Fit,
    Member,
    Outcome,
    Rule,
    Score,
    Selection,
    Situation,
    Version,
    Window,
)
from undrift.workspace.contest import Contest
from undrift.workspace.held_out import Split
from undrift.workspace.weighing import Weighing

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Settings:
    """What a loop is made of; the defaults are undrift's."""

    policy: Policy
    lineup: LineUp = field(default_factory=Mixture)
    gate: Gate = field(default_factory=Gate)
    merges: tuple[str, ...] = ("everything", "recent")


@dataclass
class Played:
    """What came of a stream: the mean loss of each window, and the trainings and promotions."""

    losses: Floats
    retrainings: int = 0
    promotions: int = 0
    wrong: int = 0
    outcomes: list[Outcome] = field(default_factory=list)
    versions: dict[int, Version] = field(default_factory=dict)
    trained: list[int] = field(default_factory=list)
    """How many decisions came before each training."""


@dataclass(frozen=True)
class Rows:
    """Labelled rows of some windows, as the gate takes them."""

    labels: Floats
    block: NDArray[np.int64]
    weights: None = None

    def __len__(self) -> int:
        return len(self.labels)


class Looked:
    """The versions of one run: who they are, and what each says, from the bank."""

    def __init__(self, bank: Bank) -> None:
        self.bank, self.stream = bank, bank.stream
        self.versions: dict[int, Version] = {}
        self.selections: dict[int, tuple[Selection, Selection]] = {}
        self.weights: dict[int, tuple[Member, ...]] = {}
        self.task, self.deciding, self.metric = bank.task, bank.deciding, bank.deciding.mean
        self.outcomes: list[Outcome] = []
        self.store = SimpleNamespace(all=lambda kind: self.outcomes)  # noqa: ARG005

    def version(self, number: int) -> Version:
        return self.versions[number]

    def by_row(self, data: Rows, values: Floats, loss: Loss | None = None) -> Floats:
        return (loss or self.deciding).by_row(data.labels, values, data.block)

    def loss_of(self, data: Rows, values: Floats) -> float:
        return self.deciding.over(data.labels, values)

    def blocks(self, data: Rows) -> NDArray[np.int64]:
        return data.block

    def mean_calibrations(self, data: Any, predicted: Any) -> dict[str, Any]:  # noqa: ARG002
        return {}

    def members(self, version: Version) -> tuple[Member, ...]:
        return self.weights.get(version.number, version.members) or (Member(version.number, 1.0),)

    def rows(self, windows: Sequence[int]) -> Rows:
        labels = np.concatenate([self.stream.labels[self.stream.window(w)] for w in windows])
        return Rows(labels, self.stream.blocks(list(windows)))

    def unseen(self, number: int, window: int) -> Floats:
        """What a version, or its twin where it was refitted on the window, says about it."""
        twin, refit = self.selections[number]
        return self.bank.said(refit if window > refit.last else twin)[self.stream.window(window)]

    def said(self, number: int, windows: Sequence[int]) -> Floats:
        return np.concatenate([self.unseen(number, w) for w in windows])

    def serves(self, version: Version, window: int) -> Floats:
        """What a version says about a window that comes."""
        weights = {m.version: m.weight for m in self.members(version)}
        return mixed({n: self.unseen(n, window) for n in weights}, weights)


class World:
    """One stream, one learner and one set of settings."""

    def __init__(self, bank: Bank, settings: Settings) -> None:
        self.bank, self.settings = bank, settings
        self.models = Looked(bank)
        self.windows = [Window(f"{i:04d}", i, bank.stream.size) for i in range(WINDOWS)]
        self.weighing = Weighing(
            *(None, None, self.models, settings.lineup),  # type: ignore[arg-type]
        )
        self.decisions: list[Decision] = []
        self.scores: list[Score] = []
        self.served: dict[int, int] = {}
        self.live_since = HISTORY - 1
        self.before: Version | None = None
        self.live = self._first()

    def play(self, refuse: int | None = None) -> Played:
        """Play the stream; with ``refuse`` the promotion after that window is not carried out."""
        losses = np.empty(PLAYED)
        played = Played(losses)
        for t in range(HISTORY, WINDOWS):
            losses[t - HISTORY] = self._serve(t)
            if t == WINDOWS - 1:
                break
            self._tick(played, t, t - 2, (), refuse)
            self._tick(played, t, t - 1, self._label(t - 1), refuse)
        played.outcomes, played.versions = self.models.outcomes, self.models.versions
        return played

    def _tick(self, played: Played, t: int, known: int, fresh: tuple[str, ...], refuse: int | None) -> None:
        """Decide and act after window t: when it is complete, and again when labels came."""
        decision = self._decide(t, known, fresh)
        self.decisions.append(decision)
        if decision.action == "keep":
            return
        played.retrainings += 1
        played.trained.append(len(self.decisions) - 1)
        outcome = self._contest(t, known)
        if outcome is None:
            return
        self.models.outcomes.append(outcome)
        if outcome.promoted is not None and refuse != len(self.models.outcomes):
            played.promotions += 1
            self._promote(outcome, t, known)

    # One window -----------------------------------------------------------------------------------

    def _serve(self, t: int) -> float:
        stream = self.bank.stream
        self.served[t] = self.live.number
        self._said = {v.number: self.models.serves(v, t) for v in self._serving()}
        self._said_at = getattr(self, "_said_at", {}) | {t: self._said}
        return self.bank.deciding.over(stream.labels[stream.window(t)], self._said[self.live.number])

    def _serving(self) -> list[Version]:
        return [self.live, *([self.before] if self.before else [])]

    def _label(self, known: int) -> tuple[str, ...]:
        """Score a window whose labels came, and weigh anew."""
        if known < HISTORY:
            return ()
        stream, window = self.bank.stream, self.windows[known]
        labels = stream.labels[stream.window(known)]
        for number, said in self._said_at[known].items():
            value = self.bank.deciding.over(labels, said)
            self.scores.append(Score(window.key, known, number, self.models.metric, value, len(labels), 1.0))
        for version in self._serving():
            if version.members and version.through < known:
                said = {m.version: self.models.said(m.version, [known]) for m in version.members}
                found = self.weighing.together(said, self.models.rows([known]))  # type: ignore[arg-type]
                self.models.weights[version.number] = found.members
        return (window.key,)

    def _decide(self, t: int, known: int, fresh: tuple[str, ...]) -> Decision:
        situation = self._situation(t, known, fresh)
        decision = self.settings.policy.decide(situation)
        reason = self._lacking(known) if decision.action == "retrain" else None
        if reason:
            rule = Rule("ready", holds=False, text=reason)
            decision = replace(decision, action="keep", why=reason, rules=(*decision.rules, rule))
        return decision

    def _situation(self, t: int, known: int, fresh: tuple[str, ...]) -> Situation:
        live = self.live.number
        mine = [
            s for s in self.scores if s.version == live == self.served[s.index] and s.index > self.live_since
        ]
        windows = {s.window for s in mine}
        return Situation(
            window=self.windows[t],
            comparisons=(),
            scores=tuple(mine),
            decisions=tuple(self.decisions),
            champion=self.live,
            labelled_rows=max(0, known - self.live.through) * self.bank.stream.size,
            shadow=tuple(s for s in self.scores if s.window in windows and s.version != live),
            predecessor=self.before,
            fresh=fresh,
        )

    # Training -------------------------------------------------------------------------------------

    def _split(self, known: int) -> tuple[list[Window], list[Window]]:
        newest = self.windows[max(0, known + 1 - self.settings.gate.windows) : known + 1]
        held_out = [w for w in newest if w.index > self.live.judged_through]
        found = Split(self.windows[: known + 1 - len(held_out)], held_out)
        if self.bank.stream.schema.classes:
            archive: Any = SimpleNamespace(
                labelled_in=lambda some: self.models.rows([w.index for w in some]),
                schema=self.bank.stream.schema,
            )
            found = found.widened(archive, self.settings.gate, self.live.judged_through)
        return found.available, found.held_out

    def _lacking(self, known: int) -> str | None:
        available, held_out = self._split(known)
        if not held_out or not available:
            return "no labelled window is unseen by the live model"
        if any(o.held_out == tuple(w.key for w in held_out) for o in self.models.outcomes):
            return "nothing new to decide on"
        data = self.models.rows([w.index for w in held_out])
        return lacking(data.labels, data.block, self.bank.stream.schema.classes)

    def _contest(self, t: int, known: int) -> Outcome | None:
        available, held_out = self._split(known)
        challengers = self._challengers(t, known, available)
        if not challengers:
            return None
        windows = [w.index for w in held_out]
        data = self.models.rows(windows)
        pool = self.weighing.pool(self.live)
        said = {v.number: self.models.said(v.number, windows) for v in (*pool, *challengers)}
        if self.live.members:
            own = {v.number: said[v.number] for v in pool}
            said[self.live.number] = self.weighing.together(own, data).values  # type: ignore[arg-type]
        occasion = SimpleNamespace(window=self.windows[t], on="")
        contest = Contest(occasion, self.live, challengers, held_out, data, said, {})  # type: ignore[arg-type]
        mixture = None
        if self.settings.lineup.members > 1:
            found = contest.mixture(self.weighing)
            score = self.bank.deciding.over(data.labels, found.values)
            version = self._version(t, "mixture", None, available[-1].index, score, found.members)
            mixture = (version, found.values)
        return contest.judged(self.models, self.settings.gate, {}, mixture)  # type: ignore[arg-type]

    def _challengers(self, t: int, known: int, available: list[Window]) -> list[Version]:
        found: dict[Selection, str] = {}
        for name in self.settings.merges:
            found.setdefault(self.merges[name].select(available), name)
        return [
            self._version(t, name, (twin, self.merges[name].select(self.windows[: known + 1])), twin.last)
            for twin, name in found.items()
            if np.isfinite(self.bank.said(twin)[-1]).all()
        ]

    @cached_property
    def merges(self) -> Mapping[str, Merge]:
        return self.bank.merges

    def _version(
        self,
        t: int,
        merge: str,
        selections: tuple[Selection, Selection] | None,
        through: int,
        score: float | None = None,
        members: tuple[Member, ...] = (),
    ) -> Version:
        number = len(self.models.versions) + 1
        if selections is not None:
            self.models.selections[number] = selections
        version = Version(
            *(number, self.windows[t].key, merge, "", "", "", 0, through),
            metric=self.models.metric,
            reference_score=score,
            promise="held out",
            members=members,
        )
        self.models.versions[number] = version
        return version

    def _first(self) -> Version:
        """The first model serves refitted on the whole history; its twin gave the promise."""
        hold = self.settings.gate.windows
        chosen = self.bank.merges["everything"]
        twin, refit = chosen.select(self.windows[: HISTORY - hold]), chosen.select(self.windows[:HISTORY])
        promise = float(self.bank.mean(twin)[HISTORY - hold : HISTORY].mean())
        version = self._version(HISTORY - 1, "everything", (twin, refit), twin.last, promise)
        return self._served_as(version, refit.last)

    def _served_as(self, version: Version, through: int) -> Version:
        twin = Fit("", "", 0, version.through)
        self.models.versions[version.number] = replace(version, twin=twin, through=through)
        return self.models.versions[version.number]

    def _promote(self, outcome: Outcome, t: int, known: int) -> None:
        won = self.models.versions[outcome.promoted or 0]
        trial = next(x for x in outcome.trials if x.version == won.number)
        version = replace(won, reference_score=trial.loss)
        for member in won.members:
            one = self.models.versions[member.version]
            if one.twin is None:
                self._served_as(one, self.models.selections[one.number][1].last)
        self.before, self.live, self.live_since = self.live, self._served_as(version, known), t


def play(bank: Bank, settings: Settings, *, wrong: bool = False) -> Played:
    """Play a stream; where ``wrong`` is asked for, count the promotions that made the rest of it worse."""
    played = World(bank, settings).play()
    if not wrong:
        return played
    for place, outcome in enumerate(played.outcomes, start=1):
        if outcome.promoted is not None:
            without = World(bank, replace(settings, policy=Same(played.trained))).play(refuse=place)
            rest = slice(outcome.index + 1 - HISTORY, None)
            played.wrong += bool(without.losses[rest].mean() <= played.losses[rest].mean())
    return played


class Same:
    """Trains whenever another run did: that many decisions into the stream."""

    def __init__(self, at: Sequence[int]) -> None:
        self.at = set(at)

    def decide(self, situation: Situation) -> Decision:
        window = situation.window
        action = "retrain" if len(situation.decisions) in self.at else "keep"
        return Decision(window.key, window.index, action, "")
