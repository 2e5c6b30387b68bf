"""undrift verify: damage of every kind is named, and an untouched workspace is whole."""

from __future__ import annotations

import json
import shutil
import sqlite3
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from deltalake import DeltaTable

from conftest import ask
from undrift.config.beginning import DATA


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("lived")
    random = np.random.default_rng(0)
    for name, first in (("train", 0), ("next", 600)):
        x = random.normal(size=600)
        y = 2 * x + random.normal(0, 0.1, 600) + (first > 0)
        frame = pd.DataFrame({"id": np.arange(first, first + 600), "x": x, "y": y})
        frame.to_csv(folder / f"{name}.csv", index=False)
    code, _, err = ask(
        *("-C", folder, "init", "--from", folder / "train.csv", "--target", "y", "--id", "id"),
        *("--set", "model.use=sklearn.linear_model:LinearRegression", "--set", "windows.size=200"),
        *("--set", "policy.use=schedule", "--set", "policy.every=2", "--set", "policy.minimum_rows=1"),
    )
    assert code == 0, err
    assert ask("-C", folder, "run", folder / "next.csv")[0] == 0
    assert ask("-C", folder, "rollback", "--yes", "--reason", "by hand")[0] == 0
    return folder


@pytest.fixture
def workspace(lived: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(lived, tmp_path / "copy"))


def verified(folder: Path, *more: str) -> tuple[int, dict[str, list[str]]]:
    code, out, _ = ask("-C", folder, "verify", "--json", *more)
    found = json.loads(out)
    assert (code == 0) is found["whole"]
    return code, {one["what"]: one["faults"] for one in found["checked"]}


def head(folder: Path) -> str:
    _, out, _ = ask("-C", folder, "verify", "--json")
    return str(json.loads(out)["checked"][0]["found"].partition("head ")[2])


def test_an_untouched_workspace_is_whole(workspace: Path) -> None:
    code, faults = verified(workspace)
    assert code == 0
    assert faults == {"ledger": [], "versions": [], "artifacts": [], "rows": []}
    code, out, _ = ask("-C", workspace, "verify")
    assert code == 0
    assert "✓ rows      1,200 rows, deliveries: 2" in out


def test_a_head_that_was_noted_must_be_there(workspace: Path) -> None:
    noted = head(workspace)
    assert verified(workspace, "--head", noted)[0] == 0
    assert ask("-C", workspace, "release")[0] == 0
    assert verified(workspace, "--head", noted)[0] == 0, "what came later does not matter"
    with sqlite3.connect(workspace / DATA / "store.db") as store:
        (last,) = store.execute("select max(number) from ledger").fetchone()
        newest = head(workspace)
        store.execute("delete from ledger where number = ?", (last,))
    code, faults = verified(workspace, "--head", newest)
    assert code == 2
    assert "entries are gone" in faults["ledger"][0]


def test_an_entry_that_was_altered_is_named(workspace: Path) -> None:
    with sqlite3.connect(workspace / DATA / "store.db") as store:
        store.execute("update ledger set body = replace(body, 'by hand', 'by the gate')")
    code, faults = verified(workspace)
    assert code == 2
    assert "was altered" in faults["ledger"][0]


@pytest.mark.parametrize("damage", ["altered", "gone"])
def test_an_artifact_that_is_not_what_was_stored_is_named(workspace: Path, damage: str) -> None:
    artifact = max((workspace / DATA / "models").glob("*/*"), key=lambda file: file.stat().st_size)
    if damage == "gone":
        artifact.unlink()
    else:
        artifact.write_bytes(artifact.read_bytes()[:-1] + b"!")
    code, faults = verified(workspace)
    assert code == 2
    assert artifact.name[:12] in faults["artifacts"][0]


def test_rows_that_are_gone_are_counted(workspace: Path) -> None:
    tables = [path.parent for path in (workspace / DATA).rglob("_delta_log")]
    (rows,) = [path for path in tables if path.name == "rows"]
    DeltaTable(rows).delete("id = 7 OR id = 700")
    code, faults = verified(workspace)
    assert code == 2
    assert len(faults["rows"]) == 2
    assert "600 rows are on record, 599 in the lake" in faults["rows"][0]
