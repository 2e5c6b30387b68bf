"""Requests a second and their 99th percentile: the example service beside a naive one, in turn.

Usage: python benchmarks/serve.py [--seconds 10] [--clients 16] [--rounds 3]

The naive server loads the same pipeline from its file and asks it once for each request. Both answer one row
at a time, on loopback, to as many clients as are named, each of which sends its next request when the last
one was answered.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np
from live import rows, workspace

import undrift as ud

APP = Path(__file__).parents[1] / "examples" / "serve" / "app.py"

NAIVE = """
import json, os
import pandas as pd, skops.io, uvicorn
from fastapi import FastAPI
folder = os.environ["MODEL"]
trusted = json.load(open(folder + "/model.json"))["load"]["trusted"]
model = skops.io.load(folder + "/model.skops", trusted=trusted)
app = FastAPI()
@app.post("/predict")
def predict(rows: list[dict]):
    return {"predictions": model.predict(pd.DataFrame(rows)).tolist()}
@app.get("/health")
def health():
    return {}
uvicorn.run(app, host="127.0.0.1", port=int(os.environ["PORT"]), log_level="warning")
"""


def started(script: Path, **more: str) -> tuple[subprocess.Popen[bytes], int]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = {**os.environ, "PORT": str(port), "OMP_NUM_THREADS": "1", **more}
    process = subprocess.Popen([sys.executable, str(script)], env=environment)
    end = time.monotonic() + 60
    while time.monotonic() < end:
        try:
            ask(http.client.HTTPConnection("127.0.0.1", port, timeout=2), "GET", "/health", None)
        except OSError:
            time.sleep(0.2)
        else:
            return process, port
    raise TimeoutError("the server does not start")


def ask(connection: http.client.HTTPConnection, method: str, path: str, body: object) -> bytes:
    connection.request(method, path, json.dumps(body), {"content-type": "application/json"})
    answer = connection.getresponse()
    found = answer.read()
    if answer.status != 200:
        raise RuntimeError(f"{answer.status}: {found[:200]!r}")
    return found


def load(port: int, bodies: list[object], clients: int, seconds: float) -> tuple[float, float]:
    """Requests a second, and their 99th percentile in milliseconds."""
    taken: list[float] = []
    end = time.monotonic() + seconds

    def client(start: int) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        place = start
        while time.monotonic() < end:
            begin = time.perf_counter()
            ask(connection, "POST", "/predict", [bodies[place % len(bodies)]])
            taken.append(time.perf_counter() - begin)
            place += 1

    threads = [threading.Thread(target=client, args=(31 * start,)) for start in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return len(taken) / seconds, 1000 * float(np.percentile(taken, 99))


def main() -> None:
    options = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    options.add_argument("--seconds", type=float, default=10)
    options.add_argument("--clients", type=int, default=16)
    options.add_argument("--rounds", type=int, default=3)
    given = options.parse_args()
    bodies: list[object] = list(rows(200, 1).drop(columns="target").to_dict("records"))
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        (folder / "w").mkdir()
        workspace(folder / "w", "sklearn.ensemble:HistGradientBoostingClassifier")
        ud.open(folder / "w").export(folder / "model")
        (folder / "naive.py").write_text(NAIVE)
        found: dict[str, list[tuple[float, float]]] = {"example": [], "naive": []}
        for _ in range(given.rounds):
            for name, script, more in (
                ("naive", folder / "naive.py", {"MODEL": str(folder / "model")}),
                ("example", APP, {"UNDRIFT": str(folder / "w")}),
            ):
                process, port = started(script, **more)
                load(port, bodies, given.clients, 2)
                found[name].append(load(port, bodies, given.clients, given.seconds))
                process.terminate()
                process.wait(timeout=30)
    print("| requests a second, times the naive server's | 99th percentile, times the naive server's |")
    print("|--:|--:|")
    ratios = [(a[0] / b[0], a[1] / b[1]) for a, b in zip(found["example"], found["naive"], strict=True)]
    print(
        f"| {statistics.median(r[0] for r in ratios):.2f} | {statistics.median(r[1] for r in ratios):.2f} |"
    )


if __name__ == "__main__":
    main()
