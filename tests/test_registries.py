"""Registries: what comes out is what went in, or nothing does."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from undrift import plugins
from undrift.errors import UntrustedError
from undrift.registries import fingerprint
from undrift.registries.folder import Folder
from undrift.registries.memory import Memory
from undrift.testing import contracts

ARTIFACT = b"model" * 1000


@pytest.mark.parametrize("name", plugins.names("registries"))
def test_every_registry_keeps_the_contract(name, tmp_path_factory, monkeypatch):
    if name == "mlflow":
        pytest.importorskip("mlflow")
    part, folder = plugins.find("registries", name), tmp_path_factory.mktemp("models")
    monkeypatch.chdir(folder)  # where MLflow keeps what belongs to no server
    given = {"mlflow": (str(folder), f"sqlite:///{folder / 'mlflow.db'}"), "folder": (str(folder),)}
    contracts.check_registry(lambda: part(*given.get(name, ())))


def stored(folder: Path) -> Path:
    (file,) = (f for f in folder.rglob("*") if f.is_file())
    return file


@pytest.mark.parametrize("damage", [b"", ARTIFACT[:-1], ARTIFACT + b"x", b"M" + ARTIFACT[1:]])
def test_an_altered_artifact_is_refused(tmp_path, damage):
    registry = Folder(str(tmp_path))
    sha256 = registry.put(ARTIFACT)
    stored(tmp_path).write_bytes(damage)
    with pytest.raises(UntrustedError, match=r"its hash differs.*backup"):
        registry.get(sha256)


def test_a_missing_artifact_is_refused_and_named(tmp_path):
    registry = Folder(str(tmp_path))
    sha256 = registry.put(ARTIFACT)
    stored(tmp_path).unlink()
    with pytest.raises(UntrustedError, match=sha256[:12]):
        registry.get(sha256)


def test_putting_an_artifact_again_mends_a_damaged_copy(tmp_path):
    registry = Folder(str(tmp_path))
    sha256 = registry.put(ARTIFACT)
    stored(tmp_path).write_bytes(b"half")
    registry.put(ARTIFACT)
    assert registry.get(sha256) == ARTIFACT


def test_an_artifact_swapped_in_memory_is_refused():
    registry = Memory()
    sha256 = registry.put(ARTIFACT)
    registry._artifacts[sha256] = b"another model"
    with pytest.raises(UntrustedError):
        registry.get(sha256)


def test_a_failed_write_leaves_nothing(tmp_path, monkeypatch):
    def disk_full(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", disk_full)
    with pytest.raises(OSError, match="No space left"):
        Folder(str(tmp_path)).put(ARTIFACT)
    assert [f for f in tmp_path.rglob("*") if f.is_file()] == []


PUTTER = """
import sys
from undrift.registries.folder import Folder
registry = Folder(sys.argv[1])
print("ready", flush=True)
for i in range(10**6):
    registry.put(i.to_bytes(8, "big") * 2**17)
"""


@pytest.mark.parametrize("wait", [0.005, 0.03, 0.1])
def test_a_kill_during_put_leaves_no_half_artifact_under_its_name(tmp_path, wait):
    putter = subprocess.Popen([sys.executable, "-c", PUTTER, str(tmp_path)], stdout=subprocess.PIPE)
    assert putter.stdout.readline() == b"ready\n"
    time.sleep(wait)
    os.kill(putter.pid, signal.SIGKILL)
    putter.communicate()
    kept = [f for f in tmp_path.rglob("*") if f.is_file() and not f.name.startswith(".")]
    assert all(fingerprint(f.read_bytes()) == f.name for f in kept)
    registry = Folder(str(tmp_path))
    for i in range(len(kept) + 2):
        artifact = i.to_bytes(8, "big") * 2**17
        assert registry.get(registry.put(artifact)) == artifact
