"""Who becomes champion: by the gate's finding, or by a person's decision."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from undrift.errors import NotFoundError
from undrift.records import Outcome, Promotion, Version
from undrift.stores import Store, tell
from undrift.words.deeds import void as void_sentence
from undrift.workspace import reign
from undrift.workspace.announcing import announce
from undrift.workspace.archive import FOREIGN
from undrift.workspace.chronicle import Chronicle
from undrift.workspace.lease import Lease
from undrift.workspace.making import Making
from undrift.workspace.models import Models
from undrift.workspace.monitor import Watch
from undrift.workspace.training import Training


@dataclass(frozen=True)
class Succession:
    """Every change of champion is one entry of the ledger, written by the holder of the lease."""

    store: Store
    chronicle: Chronicle
    models: Models
    making: Making
    training: Training
    watch: Watch
    lease: Lease

    def begin(self, version: Version) -> None:
        """Make the first model champion."""
        reason = {FOREIGN: "predictions come with the rows"}.get(version.number, "the first model")
        self.making.complete(version)
        self._crown(Promotion("start", version.number, None, version.window, reason))

    def promote(self, outcome: Outcome) -> str:
        """Make the winner champion, in one transaction with its ledger entry; what speaks against it, if any.

        A promotion is void once a person has put another in the place of the champion that it beat.
        """
        if outcome.promoted is None:
            return outcome.why
        changes = self.chronicle.changes()
        done = ("promote", outcome.promoted, outcome.window)
        if done in [(p.action, p.version, p.window) for p in changes if not p.manual]:
            return ""
        if reign.held(changes) or changes[-1].version != outcome.champion:
            return void_sentence(outcome, reign.since(changes))
        self._prepare(outcome.promoted)
        self._crown(Promotion("promote", outcome.promoted, outcome.champion, outcome.window, outcome.why))
        return ""

    def rollback(self, reason: str, to: int | None, *, hold: bool) -> Promotion:
        """Make the previous champion, or version ``to``, live again, after its hash was checked."""
        target = self.earlier(to)
        self.models.check(target)
        return self._by_hand("rollback", target, reason, hold=hold)

    def earlier(self, to: int | None) -> int:
        """The version that a rollback (to version ``to``) makes live; raises NotFoundError if it cannot."""
        live, changes = self.chronicle.live().number, self.chronicle.changes()
        if to is None:
            return reign.before(changes)
        self.models.version(to)
        if to == live:
            raise NotFoundError(f"v{to} is live already", "See undrift models.")
        if to not in {p.version for p in changes}:
            raise NotFoundError(f"v{to} was never live", "Go back to a version that was: see undrift models.")
        return to

    def release(self, reason: str) -> Promotion:
        """End a hold; raises NotFoundError where there is none."""
        if reign.held(self.chronicle.changes()) is None:
            raise NotFoundError("the loop is not held", "There is nothing to release.")
        return self._by_hand("release", self.chronicle.live().number, reason)

    def appoint(self, version: int, reason: str) -> Promotion:
        """Make a version live past the gate; raises NotFoundError for an unknown one, or the live one."""
        self.models.version(version)
        if version == self.chronicle.live().number:
            held = reign.held(self.chronicle.changes()) is not None
            remedy = "To end the hold: undrift release." if held else "See undrift models."
            raise NotFoundError(f"v{version} is live already", remedy)
        self.models.check(version)
        self._prepare(version)
        return self._by_hand("promote", version, reason, manual=True)

    def _prepare(self, version: int) -> None:
        """Refit a version that goes live, and keep what only such a one needs."""
        self.training.give_back(self.models.version(version))
        self.making.complete(self.models.version(version))

    def _by_hand(
        self, action: Literal["rollback", "release", "promote"], version: int, reason: str, **how: bool
    ) -> Promotion:
        """Write what a person decided into the ledger."""
        newest = max(self.chronicle.archive.windows(), key=lambda w: w.index, default=None)
        key = newest.key if newest else ""
        promotion = Promotion(action, version, self.chronicle.live().number, key, reason, **how)
        self._crown(promotion)
        return promotion

    def _crown(self, promotion: Promotion) -> None:
        self.store.crown(promotion, self.lease.token)
        announce(self.store, self.models.registry, self.models.schema)
        self.watch.forget()
        self.models.forget_all_but({promotion.version, *self.chronicle.shadows()})
        tell("promotion", promotion)
