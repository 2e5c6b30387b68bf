"""The guides: their commands, settings and snippets run, in the order in which a reader meets them."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pandas as pd
import pyarrow.compute as pc
import pytest
import skops.io
from deltalake import DeltaTable

import undrift as ud
from conftest import ask
from undrift.config.file import FILE
from undrift.config.wiring import load

DOCS = Path(__file__).parents[1] / "docs"

BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$|^    (undrift [^\n]*)$", re.DOTALL | re.MULTILINE)


def blocks(page: str) -> Iterator[tuple[str, str]]:
    """The commands and fenced blocks of a guide, with their language, in order."""
    for match in BLOCK.finditer((DOCS / page).read_text(encoding="utf-8")):
        yield ("command", match[3]) if match[3] else (match[1], match[2])


def follow(page: str, folder: Path) -> None:
    """Do in a folder what a guide says."""
    names: dict[str, object] = {}
    for language, text in blocks(page):
        title = text.partition("\n")[0].removeprefix("# ")
        if language == "command":
            command(text, folder)
        elif language == "toml" and title == FILE:
            (folder / FILE).write_text(text)
        elif language == "toml":
            check_settings(text, folder)
        elif language == "python" and title.endswith(".py"):
            (folder / title).write_text(text)
            subprocess.run([sys.executable, title], cwd=folder, check=True)
        elif language == "python":
            exec(text, names)


def command(text: str, folder: Path) -> None:
    """Run a command; a second first model is made in a folder that is empty again."""
    words = shlex.split(text)[1:]
    if words[0] == "init" and (folder / ".undrift").exists():
        shutil.rmtree(folder / ".undrift")
        (folder / FILE).unlink()
    code, out, err = ask(*words)
    assert code == 0, f"{text}: {err}"
    assert out or words[0] == "export", text


def check_settings(text: str, folder: Path) -> None:
    """Raise an error for settings that are not as undrift wants them."""
    one = folder / "settings"
    one.mkdir(exist_ok=True)
    (one / FILE).write_text(text)
    load(one, {} if "[windows]" in text else {"windows.size": "7d"}).check()


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(scope="module")
def followed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a reader has who followed the first guide. Do not change it."""
    folder = tmp_path_factory.mktemp("loop")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        follow("loop.md", folder)
    return folder


@pytest.fixture
def workspace(followed: Path, here: Path) -> Path:
    """A copy of the same."""
    return shutil.copytree(followed, here, dirs_exist_ok=True)


def test_the_loop_from_the_first_model_to_a_rollback(followed: Path) -> None:
    loop = ud.open(followed)
    kinds = [entry.promotion.action for entry in loop.store.ledger()]
    assert kinds == ["start", "promote", "promote", "rollback", "release"]
    steps = [line.step for line in loop.history()]
    assert [step.window.key for step in steps if step.action == "promote"] == ["2024-08-05", "2024-08-19"], (
        "named"
    )
    loss = [o.trials[0] for line in loop.history() for act in line.acts if (o := act.outcome)]
    assert [(t.better, t.worse) for t in loss] == [(False, False)] * 2, "the guide says: not surely worse"
    assert (followed / "model").is_dir()


def test_adopting_a_model(workspace: Path) -> None:
    history = pd.read_csv("history.csv")
    namespace: dict[str, object] = {}
    exec(next(t for language, t in blocks("models.md") if language == "python"), namespace)
    model = namespace["make_model"]()  # type: ignore[operator]
    known = ["weight", "distance", "country"]
    model.fit(history[known].astype({"country": "category"}), history["price"])
    skops.io.dump(model, "price.skops")
    history.assign(predicted=model.predict(history[known])).to_csv("scored.csv", index=False)
    for language, text in blocks("models.md"):  # the function is written before it is named
        if language == "python":
            Path("train.py").write_text(text)
    follow("models.md", workspace)


def test_labels_that_come_late(workspace: Path) -> None:
    labels = pd.read_csv("labels-5.csv")
    labels.to_csv("labels.csv", index=False)
    labels.assign(price=labels["price"] + 1).to_csv("corrected.csv", index=False)
    follow("labels.md", workspace)
    loop = ud.open(workspace)
    assert len([s for s in loop.history() if s.earlier]) == 1, "the corrected window was scored twice"


def test_every_way_to_write_a_setting(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Path("week-11.csv").rename("batch.csv")
    follow("settings.md", workspace)
    shell = next(text for language, text in blocks("settings.md") if language == "sh")
    for name, value in re.findall(r"export (\w+)='?(.*?)'?$", shell, re.MULTILINE):
        monkeypatch.setenv(name, value)
    assert load(workspace).get("gate.alpha") == 0.01
    assert load(workspace).get("drift.ignore") == ["year"]


def test_the_nightly_job(workspace: Path) -> None:
    script = next(text for language, text in blocks("production.md") if language == "sh")
    data = workspace / "data"
    for kind, name in (("orders", "week-11.csv"), ("labels", "labels-11.csv")):
        (data / kind).mkdir(parents=True)
        pd.read_csv(name).to_parquet(data / kind / f"{date.today():%Y-%m-%d}.parquet")
    script = script.replace("/srv/prices", str(workspace)).replace("/data", str(data))
    Path("nightly.sh").write_text(script)
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    codes = [
        subprocess.run(["sh", "nightly.sh"], env=os.environ | {"PATH": path}, check=False).returncode
        for _ in range(2)
    ]
    assert set(codes) <= {0, 3}, "the same job twice is no error"


def test_deleting_the_rows_of_a_person(workspace: Path) -> None:
    rows = pd.read_csv("history.csv")
    assert {5041, 5042} <= {*rows["order"]}
    follow("data.md", workspace)
    for table in ("rows", "predictions", "labels"):
        kept = DeltaTable(f".undrift/lake/{table}").to_pyarrow_table()
        assert not pc.any(pc.is_in(kept["_undrift_id"], pc.cast([5041, 5042], "string"))).as_py()
        files = {Path(path).name for path in DeltaTable(f".undrift/lake/{table}").file_uris()}
        assert {path.name for path in Path(f".undrift/lake/{table}").glob("*.parquet")} == files
    for arguments in (("run", "week-11.csv"), ("label", "labels-11.csv"), ("status",)):
        assert ask(*arguments)[0] == 0


def test_ignored_columns_are_not_kept(here: Path, followed: Path) -> None:
    rows = pd.read_csv(followed / "history.csv").assign(name="Ada")
    rows.to_csv("named.csv", index=False)
    command("undrift init --from named.csv --target price --time at --id order --ignore name", here)
    assert "name" not in DeltaTable(".undrift/lake/rows").schema().to_arrow().names


def test_every_guide_is_linked_from_the_readme() -> None:
    readme = (DOCS.parent / "README.md").read_text(encoding="utf-8")
    for page in DOCS.glob("*.md"):
        assert f"docs/{page.name}" in readme, page.name


def test_the_glossary_is_in_order() -> None:
    words = re.findall(r"^\| \*\*(.+?)\*\*", (DOCS / "glossary.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert words == sorted(words)
    assert len(words) > 25
