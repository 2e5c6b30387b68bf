"""Artifacts as files in a folder, named by their sha256."""

from __future__ import annotations

import os
from pathlib import Path

from undrift.errors import UntrustedError
from undrift.registries import Registry, fingerprint


class Folder:
    """One file per artifact under ``path``, written whole or not at all."""

    def __init__(self, path: str) -> None:
        self.path = Path(path)

    def put(self, artifact: bytes) -> str:
        """Write to a temporary file, flush it to disk, then rename: a crash leaves no half artifact."""
        sha256 = fingerprint(artifact)
        final = self._file(sha256)
        if final.exists() and fingerprint(final.read_bytes()) == sha256:
            return sha256
        final.parent.mkdir(parents=True, exist_ok=True)
        partial = final.with_name(f".{final.name}.{os.getpid()}")
        try:
            with partial.open("wb") as file:
                file.write(artifact)
                file.flush()
                os.fsync(file.fileno())
            partial.replace(final)
        finally:
            partial.unlink(missing_ok=True)
        _sync_folder(final.parent)
        return sha256

    def get(self, sha256: str) -> bytes:
        """The artifact with this hash; raises UntrustedError if it is missing or was altered."""
        try:
            artifact = self._file(sha256).read_bytes()
        except OSError as error:
            raise UntrustedError(
                f"artifact {sha256[:12]} cannot be read from {self.path}: {error.strerror}",
                "Restore it from a backup, or roll back to another version.",
            ) from error
        if fingerprint(artifact) != sha256:
            raise UntrustedError(
                f"artifact {sha256[:12]} in {self.path} is not what was stored: its hash differs",
                "Restore it from a backup, or roll back to another version.",
            )
        return artifact

    def announce(self, champion: bytes) -> None:
        """Replace ``champion.json`` whole, unless it says the same."""
        final = self.path / "champion.json"
        if final.exists() and final.read_bytes() == champion:
            return
        self.path.mkdir(parents=True, exist_ok=True)
        partial = final.with_name(f".{final.name}.{os.getpid()}")
        partial.write_bytes(champion)
        partial.replace(final)

    def _file(self, sha256: str) -> Path:
        return self.path / sha256[:2] / sha256


def _sync_folder(folder: Path) -> None:
    """Make the rename itself durable, where folders can be synced."""
    if os.name == "nt":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


_: type[Registry] = Folder
