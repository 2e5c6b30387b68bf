"""What every command prints, word for word, on a terminal of 80 and of 120 columns, and the form of its JSON.

After a change that is meant, write the texts anew and read the difference:

    UNDRIFT_GOLDEN=write uv run pytest -n 0 tests/test_golden.py && git diff tests/golden
"""

from __future__ import annotations

import itertools
import json
import os
import re
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from conftest import ask
from undrift.cli import verbs
from undrift.cli._print import wide
from undrift.stores import sql
from undrift.workspace import archive

GOLDEN = Path(__file__).parent / "golden"

WIDTHS = (80, 120)

NOT_HERE = {"dashboard"}
"""Commands that print nothing of their own: the dashboard is a page, tested in a browser."""

HASH = re.compile(r"\b[0-9a-f]{12}\b|\b[0-9a-f]{64}\b")

SECONDS = re.compile(r"\d+(\.\d+)? s\b")

SETTINGS = (
    *("--set", "model.use=sklearn.linear_model:LinearRegression"),
    *("--set", "windows.size=7d", "--set", "labels.delay=3d"),
)

SESSION: list[tuple[str, tuple[str, ...]]] = [
    ("compare", ("compare", "history.csv", "moved.csv")),
    ("compare-time", ("compare", "history.csv", "moved.csv", "--time", "at", "--by", "country")),
    ("compare-stable", ("compare", "history.csv", "history.csv")),
    ("profile", ("profile", "history.csv", "--time", "at", "-o", "history.profile")),
    ("calibrate", ("calibrate", "history.csv", "--time", "at", "--window", "7d")),
    (
        "init",
        ("init", "--from", "history.csv", "--target", "price", "--time", "at", "--id", "order", *SETTINGS),
    ),
    ("status-first", ("status",)),
    *(
        (f"{verb}-{number}", (verb, f"{what}-{number}.csv"))
        for number in range(1, 9)
        for verb, what in (("run", "week"), ("label", "labels"))
    ),
    ("run-again", ("run", "week-8.csv")),
    ("run-refused", ("run", "broken.csv")),
    ("status-refused", ("status",)),
    ("run-9", ("run", "week-9.csv")),
    ("label-corrected", ("label", "corrected.csv")),
    ("status", ("status",)),
    ("history", ("history",)),
    ("history-scores", ("history", "--scores")),
    ("models", ("models",)),
    ("why", ("why",)),
    ("why-retrained", ("why", "2024-08-05", "--all")),
    ("why-version", ("why", "v3")),
    ("explain", ("explain",)),
    ("check", ("check", "moved.csv")),
    ("predict", ("predict", "three.csv")),
    ("export", ("export", "model")),
    ("parts", ("parts",)),
    ("config", ("config", "show")),
    ("promote", ("promote", "1", "--yes", "--reason", "the simple one")),
    ("rollback", ("rollback", "--yes", "--reason", "no better")),
    ("status-held", ("status",)),
    ("release", ("release", "--reason", "all is well")),
    ("history-people", ("history",)),
    ("verify", ("verify",)),
    ("wrong-option", ("status", "--set", "x=1")),
    ("wrong-window", ("why", "2031-01-01")),
    ("wrong-setting", ("run", "--set", "gate.alhpa=1")),
]
"""A life of a workspace: the name of each text, and the command that prints it."""


def stream() -> Iterator[tuple[str, pd.DataFrame]]:
    """Files by name: prices that follow from weight and distance, in another way from August on."""
    random = np.random.default_rng(1)
    at = np.repeat(pd.date_range("2024-01-01", periods=252, freq="D"), 20)
    orders = pd.DataFrame(
        {
            "order": np.arange(len(at)),
            "at": at,
            "weight": random.gamma(4, 1, len(at)).round(3),
            "distance": random.gamma(2, 100, len(at)).round(1),
            "country": random.choice(["DE", "FR", "NL"], len(at)),
        }
    )
    fuel = np.where(at < np.datetime64("2024-07-22"), 0.02, 0.035)
    noise = random.normal(0, 1, len(at))
    orders["price"] = (3 + orders["weight"] + fuel * orders["distance"] + noise).round(2)
    past = at < np.datetime64("2024-07-01")
    yield "history.csv", orders[past]
    weeks = orders[~past]
    for number, (_, week) in enumerate(weeks.groupby(weeks["at"].dt.to_period("W")), start=1):
        yield f"week-{number}.csv", week.drop(columns="price")
        yield f"labels-{number}.csv", week[["order", "price"]]
        if number == 7:
            yield "corrected.csv", week[["order", "price"]].assign(price=lambda d: d["price"] + 1).head(30)
        if number == 9:
            yield "broken.csv", week.drop(columns=["price", "weight"])
    moved = orders[past].tail(400)
    yield (
        "moved.csv",
        moved.assign(weight=moved["weight"] + 1.5, country=moved["country"].replace("NL", "BE")),
    )
    yield "three.csv", weeks.head(3)


@pytest.fixture(scope="module", params=WIDTHS)
def said(request: pytest.FixtureRequest) -> tuple[int, dict[str, str]]:
    """What the commands of the session print on a terminal of so many columns, by name."""
    if tempfile.gettempdir() != "/tmp":
        pytest.skip("the texts hold the path of a folder in /tmp, whose length decides where lines end")
    with life(columns=request.param) as (root, answers):
        return request.param, {name: masked(root, *answer) for name, answer in answers}


@contextmanager
def life(
    *options: str, columns: int = 80
) -> Iterator[tuple[Path, Iterator[tuple[str, tuple[int, str, str]]]]]:
    """A folder, and what the commands of the session answer in it, by name, with some options each."""
    root = Path(f"/tmp/undrift-golden-{os.getpid():010d}")
    shutil.rmtree(root, ignore_errors=True)
    root.mkdir()
    for name, rows in stream():
        rows.to_csv(root / name, index=False)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COLUMNS", str(columns))
        patch.chdir(root)
        patch.setattr(archive, "utc_now", lambda: datetime(2026, 1, 1, tzinfo=UTC))
        yield root, _answers(root, patch, options)
    shutil.rmtree(root)


def _answers(
    root: Path, patch: pytest.MonkeyPatch, options: tuple[str, ...]
) -> Iterator[tuple[str, tuple[int, str, str]]]:
    minutes = itertools.count(1_767_225_600, 60)
    for name, words in SESSION:
        patch.setattr(sql, "time", SimpleNamespace(**{**vars(time), "time": partial(float, next(minutes))}))
        yield name, ask(*words, *options)
    yield "demo", ask("demo", "--windows", "12", "-C", root / "demo", *options)


def masked(root: Path, code: int, out: str, err: str) -> str:
    """A text without what differs from run to run: the folder's number, hashes, seconds."""
    text = f"{out}{'--- stderr' if err else ''}\n{err}--- exit code {code}\n".replace("\n\n---", "\n---")
    text = text.replace(root.name, "undrift-golden-".ljust(len(root.name), "0"))
    return SECONDS.sub("… s", HASH.sub("·" * 12, text))


def test_every_command_says_what_it_said(said: tuple[int, dict[str, str]]) -> None:
    width, texts = said
    folder = GOLDEN / str(width)
    if os.environ.get("UNDRIFT_GOLDEN") == "write":
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        for name, text in texts.items():
            (folder / f"{name}.txt").write_text(text, encoding="utf-8")
    kept = {path.stem: path.read_text(encoding="utf-8") for path in folder.glob("*.txt")}
    assert {*kept} == {*texts}
    changed = [name for name in texts if texts[name] != kept[name]]
    assert {name: texts[name] for name in changed} == {name: kept[name] for name in changed}


def test_every_command_is_among_them() -> None:
    assert {words[0] for _, words in SESSION} | {"demo"} | NOT_HERE == {*verbs()}


RAW = {"history-scores", "predict", "wrong-option"}
"""Output for programs, and of the parser of options."""


OTHER = {"history-scores"}
"""CSV, whatever else is said."""


def test_every_json_has_the_form_that_it_had() -> None:
    with life("--json") as (_, answers):
        shapes = {name: shape(json.loads(out)) for name, (_, out, _) in answers if out and name not in OTHER}
    assert len(shapes) > len(SESSION) / 2
    folder = GOLDEN / "json"
    if os.environ.get("UNDRIFT_GOLDEN") == "write":
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        for name, text in shapes.items():
            (folder / f"{name}.txt").write_text(text, encoding="utf-8")
    assert shapes == {path.stem: path.read_text(encoding="utf-8") for path in folder.glob("*.txt")}


def shape(body: object) -> str:
    """Every place of a JSON value with the types that stand there, a line each."""
    found: dict[str, set[str]] = {}
    _visit(body, "", found)
    return "".join(f"{place}: {' or '.join(sorted(types))}\n" for place, types in sorted(found.items()))


def _visit(body: object, place: str, found: dict[str, set[str]]) -> None:
    if isinstance(body, dict) and body:
        for key, value in body.items():
            _visit(value, f"{place}.{'N' if key.isdecimal() else key}".lstrip("."), found)
    elif isinstance(body, list) and body:
        for value in body:
            _visit(value, f"{place}[]", found)
    else:
        kind = {int: "number", float: "number", type(None): "null"}.get(type(body), type(body).__name__)
        found.setdefault(place, set()).add(kind)


def test_no_line_is_longer_than_the_terminal_is_wide(said: tuple[int, dict[str, str]]) -> None:
    width, texts = said
    long = {
        name: line
        for name, text in texts.items()
        for line in text.partition("--- stderr")[0].splitlines()
        if name not in RAW and wide(line) > width
    }
    assert long == {}
