"""Storage that is damaged, gone, read-only or silent: what is wrong, what to do, and never exit code 1."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from deltalake.exceptions import CommitFailedError

import undrift as ud
from conftest import ask
from undrift.errors import BusyError, ConfigError
from undrift.lakes import delta
from undrift.lakes.delta import Delta

Damage = Callable[[Path], object]

VERBS = {
    "status": ("status",),
    "history": ("history",),
    "models": ("models",),
    "why": ("why",),
    "explain": ("explain",),
    "run": ("run", "new.csv"),
    "label": ("label", "labels.csv"),
    "rollback": ("rollback", "--yes", "--reason", "x"),
}
FEW = {"status", "history", "models", "why", "rollback"}
"""Verbs that need the store alone."""


def stream() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    at = pd.Timestamp("2024-01-01") + pd.to_timedelta(np.arange(2000) * 1.2, "h")
    frame = pd.DataFrame(
        {"id": np.arange(2000), "at": at, "x": rng.normal(size=2000), "z": rng.normal(size=2000)}
    )
    return frame.assign(y=frame["x"] + rng.normal(0, 0.1, 2000))


def init(root: Path, source: object, *more: object) -> tuple[int, str, str]:
    return ask(
        *("-C", root, "init", "--from", source, "--target", "y", "--time", "at", "--id", "id"),
        *("--set", "windows.size=5d", "--set", "model.use=sklearn.linear_model:LinearRegression", *more),
    )


@pytest.fixture(scope="module")
def healthy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace that has compared and scored windows, with rows and labels yet to be delivered."""
    root = tmp_path_factory.mktemp("healthy")
    frame = stream()
    frame[:1000].to_csv(root / "history.csv", index=False)
    frame[1000:1500].to_csv(root / "old.csv", index=False)
    frame[1500:].to_csv(root / "new.csv", index=False)
    frame[1000:1200][["id", "y"]].to_csv(root / "labels.csv", index=False)
    assert init(root, root / "history.csv")[0] == 0
    assert ask("-C", root, "run", root / "old.csv")[0] == 0
    return root


def sql(*statements: str) -> Damage:
    def damage(root: Path) -> None:
        connection = sqlite3.connect(root / ".undrift/store.db")
        for statement in statements:
            assert connection.execute(statement).rowcount != 0, statement
        connection.commit()
        connection.close()

    return damage


def each(pattern: str, change: Callable[[Path], object]) -> Damage:
    def damage(root: Path) -> None:
        found = sorted((root / ".undrift").glob(pattern))
        assert found
        for path in found:
            change(path)

    return damage


def cut_off(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def garble(path: Path) -> None:
    path.write_bytes(b"\x00\xffgarbage" * 10)


def setting(section: str, line: str) -> Damage:
    def damage(root: Path) -> None:
        file = root / "undrift.toml"
        file.write_text(file.read_text().replace(f"[{section}]\n", f"[{section}]\n{line}\n"))

    return damage


def to_file(name: str) -> Damage:
    def damage(root: Path) -> None:
        shutil.rmtree(root / ".undrift" / name)
        (root / ".undrift" / name).write_text("no folder")

    return damage


STORE = {
    "a newer revision": (sql("update alembic_version set version_num='9999'"), "which a newer undrift wrote"),
    "no JSON": (
        sql("update records set body='{nope' where kind='Version'"),
        "its Version '1' cannot be read",
    ),
    "no fields": (sql("update records set body='{}' where kind='Version'"), "its Version '1' cannot be read"),
    "a list": (sql("update records set body='[1]' where kind='Version'"), "a table of fields is needed"),
    "wrong types": (
        sql("""update records set body='{"number": "x"}' where kind='Version'"""),
        "'x' is no int",
    ),
    "an empty record": (sql("update records set body='' where kind='Step'"), "its Step"),
    "no comparison": (sql("delete from records where kind='Comparison'"), "comparison of window"),
    "no decision": (sql("delete from records where kind='Decision'"), "decision of window"),
    "a garbled ledger": (sql("update ledger set body='{'"), "its Promotion"),
    "no champion": (sql("delete from champion"), "the newest entry of the ledger says"),
    "no records": (sql("drop table records"), "no such table: records"),
    "no ledger": (sql("drop table ledger"), "no such table: ledger"),
    "a URL without a driver": (
        setting("store", 'url = "postgresql+nodriver://me:hush@127.0.0.1:9/x"'),
        "postgresql+nodriver://me:***@127.0.0.1:9/x",
    ),
    "a URL that is none": (setting("store", 'url = "me:hush@x"'), "'me:***@x'"),
}
LAKE = {
    "rows cut off": (each("lake/rows/*.parquet", cut_off), "is damaged"),
    "rows garbled": (each("lake/rows/*.parquet", garble), "is damaged"),
    "rows gone": (each("lake/rows/*.parquet", Path.unlink), "is damaged"),
    "labels cut off": (each("lake/labels/*.parquet", cut_off), "is damaged"),
    "labels gone": (each("lake/labels", shutil.rmtree), "is damaged"),
    "the lake gone": (each("lake", shutil.rmtree), "holds no rows"),
    "a garbled log": (each("lake/*/_delta_log/*.json", garble), "is damaged"),
    "an empty log": (each("lake/*/_delta_log/*.json", lambda p: p.write_bytes(b"")), "is damaged"),
    "a file for a lake": (to_file("lake"), "cannot be written"),
    "a web page for a lake": (setting("lake", 'uri = "http://127.0.0.1:9/x"'), "a lake cannot be kept there"),
    "models gone": (each("models", shutil.rmtree), "cannot be read"),
    "a file for models": (to_file("models"), "cannot be read"),
    "profiles garbled": (sql("update profiles set body=x'0011'"), "its profile"),
}


def outcomes(root: Path, verbs: Iterator[str] | set[str]) -> dict[str, tuple[int, str]]:
    """The exit code and all words of some verbs, each in a copy of a workspace."""
    found = {}
    for verb in verbs:
        copy = root.with_name(f"{root.name}-{verb}")
        shutil.copytree(root, copy)
        arguments = [copy / word if word.endswith(".csv") else word for word in VERBS[verb]]
        code, out, err = ask("-C", copy, *arguments)
        found[verb] = (code, out + err)
    return found


@pytest.mark.parametrize("damage", STORE)
def test_a_damaged_store_is_named_by_every_verb(healthy: Path, tmp_path: Path, damage: str) -> None:
    act, words = STORE[damage]
    shutil.copytree(healthy, tmp_path / "w")
    act(tmp_path / "w")
    found = outcomes(tmp_path / "w", FEW)
    assert {code for code, _ in found.values()} <= {0, 2}, found
    assert any(words in said for _, said in found.values()), found
    assert not any("hush" in said or "undrift: unexpected" in said for _, said in found.values()), found


@pytest.mark.parametrize("damage", LAKE)
def test_a_damaged_lake_is_named_and_nothing_is_unexpected(
    healthy: Path, tmp_path: Path, damage: str
) -> None:
    act, words = LAKE[damage]
    shutil.copytree(healthy, tmp_path / "w")
    act(tmp_path / "w")
    found = outcomes(tmp_path / "w", {"status", "run", "label", "explain", "why"})
    assert {code for code, _ in found.values()} <= {0, 2}, found
    assert any(words in said for code, said in found.values() if code == 2), found
    assert not any("undrift: unexpected" in said or "\x1b" in said for _, said in found.values()), found


def test_profiles_that_are_gone_are_made_anew_from_the_rows(healthy: Path, tmp_path: Path) -> None:
    shutil.copytree(healthy, tmp_path / "w")
    sql("delete from profiles")(tmp_path / "w")
    found = outcomes(tmp_path / "w", {"status", "run", "label", "explain", "why"})
    assert {code for code, _ in found.values()} == {0}, found


SILENT = {
    "AWS_ENDPOINT_URL": "http://127.0.0.1:9",
    "AWS_ALLOW_HTTP": "true",
    "AWS_REGION": "eu-1",
    "AWS_ACCESS_KEY_ID": "me",
    "AWS_SECRET_ACCESS_KEY": "hush",
    "max_retries": "0",
}


def test_object_storage_that_does_not_answer_is_to_be_tried_again(healthy: Path, tmp_path: Path) -> None:
    shutil.copytree(healthy, tmp_path / "w")
    options = ", ".join(f'{key} = "{value}"' for key, value in SILENT.items())
    setting("lake", f'uri = "s3://bucket/lake"\noptions = {{ {options} }}')(tmp_path / "w")
    code, _, err = ask("-C", tmp_path / "w", "run", healthy / "new.csv")
    assert code == 6
    assert "does not answer" in err
    assert "hush" not in err


@pytest.mark.parametrize("json_", [False, True])
def test_passwords_are_not_shown(healthy: Path, tmp_path: Path, json_: bool) -> None:
    shutil.copytree(healthy, tmp_path / "w")
    setting("lake", 'uri = "s3://b/x"\noptions = { AWS_SECRET_ACCESS_KEY = "hush", AWS_REGION = "eu-1" }')(
        tmp_path / "w"
    )
    setting("store", 'url = "mysql://me:hu/s@h@host/db?ssl_key=hush"')(tmp_path / "w")
    code, out, err = ask("-C", tmp_path / "w", "config", "show", *(["--json"] if json_ else []))
    assert code == 0, err
    assert "hush" not in out
    assert "hu/s@h" not in out
    assert "mysql://me:***@host/db?ssl_key=***" in out
    assert "eu-1" in out


def test_two_writers_at_once_try_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def lose(*_: object, **__: object) -> None:
        raise CommitFailedError("a concurrent transaction")

    monkeypatch.setattr(delta, "write_deltalake", lose)
    with pytest.raises(BusyError, match="another process wrote"):
        Delta(str(tmp_path / "lake")).append("rows", pa.table({"_undrift_window": [1]}), "a")


@pytest.mark.parametrize("uri", ["http://x/y", "foo://x", "postgresql://me:hush@x"])
def test_a_lake_where_none_can_be_is_refused_at_once(uri: str) -> None:
    with pytest.raises(ConfigError) as error:
        Delta(uri)
    assert "hush" not in str(error.value)


@pytest.fixture
def plain_user() -> list[str]:
    """What to put before a command so that it has no more rights than the folders say."""
    if os.geteuid():
        return []
    if shutil.which("setpriv") is None:
        pytest.skip("root may write anywhere, and there is no setpriv to give that up")
    return ["setpriv", "--bounding-set", "-dac_override"]


@pytest.mark.parametrize("folder", [".undrift", ".undrift/lake", ".undrift/models", "."])
def test_folders_that_may_not_be_written_are_named(
    healthy: Path, tmp_path: Path, plain_user: list[str], folder: str
) -> None:
    root = tmp_path / "w"
    shutil.copytree(healthy, root)
    locked = [root / folder, *(p for p in (root / folder).rglob("*") if p.is_dir())]
    for path in locked:
        path.chmod(0o555)
    main = [*plain_user, sys.executable, "-m", "undrift", "-C"]
    commands = [[*main, str(root), "run", str(root / "new.csv")]]
    if folder == ".":
        fresh = root / "fresh"
        commands.append([*main, str(fresh), "init", "--from", str(root / "history.csv"), "--target", "y"])
    try:
        for command in commands:
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            assert done.returncode in ((0, 2) if folder == ".undrift/models" else (2,)), done.stderr
            assert "panicked" not in done.stderr
            assert "unexpected" not in done.stderr
            assert done.returncode == 0 or str(root) in done.stderr
    finally:
        for path in locked:
            path.chmod(0o755)


@pytest.mark.parametrize("name", ["a\x1bb.csv", "a\x7fb.csv", "a\nb.csv", "a\u2028b.csv", "a\"b'#.csv"])
def test_names_of_files_do_not_break_the_settings(tmp_path: Path, name: str) -> None:
    stream()[:800].to_csv(tmp_path / name, index=False)
    assert init(tmp_path, tmp_path / name)[0] == 0
    assert ask("-C", tmp_path, "status")[0] == 0


@pytest.mark.parametrize(
    "name", ["a\x1bb", "a\nb", "a\x7fb", "=1+1", "a\"b'#]", "a.b", " ", "\u202eab", "[b]"]
)
def test_names_of_columns_do_not_break_the_settings(tmp_path: Path, name: str) -> None:
    frame = stream()[:800].rename(columns={"x": name})
    pq.write_table(pa.Table.from_pandas(frame, preserve_index=False), tmp_path / "h.parquet")
    key = json.dumps(f"x{name}").strip('"')
    assert init(tmp_path, tmp_path / "h.parquet", "--ignore", name)[0] == 0, key
    assert ask("-C", tmp_path, "status")[0] == 0
    assert name in [c.name for c in ud.open(tmp_path).schema.columns if c.reason == "ignored, not kept"]


def test_a_column_name_with_a_nul_is_refused_before_anything_is_kept(tmp_path: Path) -> None:
    frame = stream()[:800].rename(columns={"x": "a\0b"})
    pq.write_table(pa.Table.from_pandas(frame, preserve_index=False), tmp_path / "h.parquet")
    code, _, err = init(tmp_path, tmp_path / "h.parquet")
    assert code == 2
    assert "NUL" in err
    assert [path.name for path in tmp_path.iterdir()] == ["h.parquet"]


@pytest.mark.skipif(sys.platform == "darwin", reason="this system has no file names that are not UTF-8")
def test_a_file_name_that_is_not_text_is_refused(tmp_path: Path) -> None:
    path = os.fsdecode(os.fsencode(tmp_path) + b"/\xff.csv")
    stream()[:800].to_csv(path, index=False)
    for code, _, err in (init(tmp_path, path), ask("compare", path, path)):
        assert code == 2
        assert "Rename the file" in err
