"""Artifacts in memory, for tests and examples."""

from __future__ import annotations

from undrift.errors import UntrustedError
from undrift.registries import Registry, fingerprint


class Memory:
    """A dictionary of artifacts; nothing survives the process."""

    def __init__(self) -> None:
        self._artifacts: dict[str, bytes] = {}
        self.champion = b""

    def put(self, artifact: bytes) -> str:
        """Keep an artifact and return its sha256."""
        sha256 = fingerprint(artifact)
        self._artifacts[sha256] = artifact
        return sha256

    def get(self, sha256: str) -> bytes:
        """The artifact with this hash; raises UntrustedError if it is missing or was altered."""
        artifact = self._artifacts.get(sha256)
        if artifact is None or fingerprint(artifact) != sha256:
            raise UntrustedError(f"artifact {sha256[:12]} is missing or was altered", "Train again.")
        return artifact

    def announce(self, champion: bytes) -> None:
        """Keep what is said of the model that serves."""
        self.champion = champion


_: type[Registry] = Memory
