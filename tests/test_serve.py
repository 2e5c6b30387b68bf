"""The example service, as a process on loopback, under a bounded load."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import undrift as ud
from conftest import ask

APP = Path(__file__).parents[1] / "examples" / "serve" / "app.py"
SECONDS = float(os.environ.get("UNDRIFT_LOAD_SECONDS", "6"))
"""How long the load lasts; a person who wants to know runs it for 60."""


def rows(count: int, first: int, *, level: float = 0.0) -> pd.DataFrame:
    rng = np.random.default_rng(first)
    frame = pd.DataFrame({"id": np.arange(first, first + count), "x": rng.normal(size=count)})
    frame["colour"] = rng.choice(["red", "green"], count)
    return frame.assign(y=2 * frame["x"] + level)


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    rows(600, 0).to_csv(tmp_path / "train.csv", index=False)
    code, _, err = ask(
        *("-C", tmp_path, "init", "--from", tmp_path / "train.csv", "--target", "y", "--id", "id"),
        *("--set", "model.use=sklearn.linear_model:LinearRegression", "--set", "policy.use=schedule"),
        *("--set", "policy.every=2", "--set", "policy.minimum_rows=1"),
    )
    assert code == 0, err
    return tmp_path


@contextmanager
def served(workspace: Path, **more: str) -> Iterator[str]:
    """The service as a process of its own; its address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = {**os.environ, "UNDRIFT": str(workspace), "PORT": str(port), "OMP_NUM_THREADS": "1", **more}
    process = subprocess.Popen([sys.executable, str(APP)], env=environment)
    address = f"http://127.0.0.1:{port}"
    end = time.monotonic() + 60
    while time.monotonic() < end:
        try:
            urllib.request.urlopen(f"{address}/health", timeout=1)
            break
        except OSError:
            assert process.poll() is None, "the server died"
            time.sleep(0.1)
    yield address
    process.terminate()
    process.wait(timeout=30)


@pytest.fixture
def server(workspace: Path) -> Iterator[str]:
    with served(workspace) as address:
        yield address


def asked(address: str, body: Any, token: str = "") -> tuple[int, Any]:
    head = {"content-type": "application/json"} | ({"authorization": f"Bearer {token}"} if token else {})
    request = urllib.request.Request(f"{address}/predict", json.dumps(body).encode(), head)
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, json.loads(answer.read())
    except urllib.error.HTTPError as error:
        return error.code, json.loads(error.read())


def test_requests_are_answered_through_a_promotion_and_a_rollback_under_load(
    workspace: Path, server: str
) -> None:
    fresh = rows(40, 9000).drop(columns="y")
    bodies = [[record] for record in fresh.to_dict("records")]
    expected = {1: ud.open(workspace).predict(fresh)}
    found: list[tuple[int, int, float]] = []
    failed: list[object] = []
    stop = threading.Event()

    def load(start: int) -> None:
        place = start
        while not stop.is_set():
            place = (place + 1) % len(bodies)
            try:
                status, body = asked(server, bodies[place])
                assert status == 200, body
                found.append((place, body["version"], body["predictions"][0]))
            except Exception as error:  # noqa: BLE001 - every failed request counts
                failed.append(error)

    threads = [threading.Thread(target=load, args=(7 * start,)) for start in range(4)]
    for thread in threads:
        thread.start()
    time.sleep(SECONDS / 3)
    loop = ud.open(workspace)
    for place in range(2):
        loop.step(rows(200, 600 + 200 * place, level=9.0))
    assert loop.live().number != 1
    expected[loop.live().number] = loop.predict(fresh)
    time.sleep(SECONDS / 3)
    loop.rollback("back again", 1)
    time.sleep(SECONDS / 3)
    stop.set()
    for thread in threads:
        thread.join()
    assert not failed, failed[:3]
    assert {version for _, version, _ in found} == {*expected}
    known = {
        (version, place): value for version, values in expected.items() for place, value in enumerate(values)
    }
    crossing = sum(value != pytest.approx(known[version, place]) for place, version, value in found)
    assert crossing <= 8, "but for calls during an exchange, a version says what it says"
    assert found[-1][1] == 1


def test_a_bad_request_fails_alone_and_says_why(server: str) -> None:
    good = rows(1, 0).drop(columns="y").to_dict("records")
    status, body = asked(server, [{"id": 1, "colour": "red"}])
    assert status == 422
    assert "no column 'x'" in body["detail"]
    assert asked(server, [])[0] == 422
    assert asked(server, good)[0] == 200
    with urllib.request.urlopen(f"{server}/health") as answer:
        assert json.loads(answer.read())["version"] == 1


def test_another_address_wants_a_token(workspace: Path) -> None:
    environment = {**os.environ, "UNDRIFT": str(workspace), "HOST": "0.0.0.0"}
    done = subprocess.run(
        [sys.executable, str(APP)], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert "set TOKEN" in done.stderr
    good = rows(1, 0).drop(columns="y").to_dict("records")
    with served(workspace, TOKEN="a long enough token") as address:
        assert asked(address, good)[0] == 401
        assert asked(address, good, "a long enough tokem")[0] == 401
        assert asked(address, good, "a long enough token")[0] == 200
