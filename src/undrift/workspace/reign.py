"""Who reigns, since when and by whose word: what the entries of the ledger say, oldest first."""

from __future__ import annotations

from collections.abc import Sequence

from undrift.errors import NotFoundError
from undrift.records import Promotion

Changes = Sequence[Promotion]


def since(changes: Changes) -> Promotion:
    """The entry that made the present champion live; a release changes nobody."""
    return next(p for p in reversed(changes) if p.action != "release")


def held(changes: Changes) -> Promotion | None:
    """The rollback that holds the loop: the newest entry, if it holds."""
    return changes[-1] if changes and changes[-1].hold else None


def predecessor(changes: Changes, version: int) -> int | None:
    """The version that the gate replaced by ``version``; None for a model that never passed it."""
    proven = [p for p in changes if p.version == version and p.action == "promote" and not p.manual]
    return proven[-1].previous if proven else None


def before(changes: Changes) -> int:
    """The version that a rollback goes back to.

    Raises NotFoundError for the first model, and after a rollback: the same one repeated goes no further.
    """
    last = since(changes)
    made = [p for p in changes if p.version == last.version and p.action in ("start", "promote")]
    earlier = made[-1].previous
    if earlier is None:
        raise NotFoundError(f"v{last.version} is the first model", "There is nothing to go back to.")
    if last.action == "rollback":
        raise NotFoundError(
            f"v{last.version} is live since a rollback of v{last.previous}: {last.reason}",
            f"To go further back, name the version: --to {earlier}.",
        )
    return earlier
