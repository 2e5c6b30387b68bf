"""Registries: model artifacts by the sha256 of their bytes."""

from __future__ import annotations

import hashlib
from typing import Protocol


class Registry(Protocol):
    """Keeps artifacts. What ``get`` returns has the hash that was asked for."""

    def put(self, artifact: bytes) -> str:
        """Keep an artifact durably and return its sha256."""

    def get(self, sha256: str) -> bytes:
        """The artifact with this hash; raises UntrustedError if it is missing or was altered."""

    def announce(self, champion: bytes) -> None:
        """Replace what stands there about the model that serves, whole or not at all; it is not read."""


def fingerprint(artifact: bytes) -> str:
    """The sha256 of an artifact in hexadecimal."""
    return hashlib.sha256(artifact).hexdigest()
