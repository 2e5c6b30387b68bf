"""Profiles in a store: those counted like another one are kept without what they have of it."""

from __future__ import annotations

from undrift.errors import DataError, UndriftError
from undrift.profiles.codec import dumps, loads, shared
from undrift.profiles.table import TableProfile
from undrift.stores import Store

OVER = b"undrift-profile-over "
"""How such a profile begins; the key of the other one follows, and the end of a line."""


def put(store: Store, key: str, profile: TableProfile, over: str = "") -> None:
    """Keep a profile that was counted like the one kept under ``over``; the first one under a key stays."""
    like = get(store, over) if over else None
    head = OVER + over.encode("utf-8", "surrogatepass") + b"\n" if like else b""
    store.put_profile(key, head + dumps(profile, like))


def get(store: Store, key: str) -> TableProfile | None:
    """The profile under a key, None where there is none; raises UndriftError where it is damaged."""
    data = store.get_profile(key)
    if data is None:
        return None
    try:
        if not data.startswith(OVER):
            return shared(data)
        over, _, body = data.removeprefix(OVER).partition(b"\n")
        return loads(body, get(store, over.decode("utf-8", "surrogatepass")))
    except DataError as error:
        raise UndriftError(
            f"the store is damaged: its profile {key!r} cannot be read", "Restore the store from a backup."
        ) from error
