"""MLflow mirrors what serves: on a database of its own, and on a real server where there is one."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LinearRegression

import undrift as ud
from conftest import ask

mlflow = pytest.importorskip("mlflow")
from mlflow import MlflowClient  # noqa: E402

SERVER = os.environ.get("UNDRIFT_MLFLOW", "")
"""A Python that has the whole of MLflow, for the tests on a real server."""


def rows(count: int, first: int, *, level: float = 0.0) -> pd.DataFrame:
    rng = np.random.default_rng(first)
    frame = pd.DataFrame({"id": np.arange(first, first + count), "x": rng.normal(size=count)})
    return frame.assign(y=2 * frame["x"] + level)


@pytest.fixture(params=["database", "server"])
def uri(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")
    database = f"sqlite:///{tmp_path / 'mlflow.db'}"
    monkeypatch.chdir(tmp_path)
    if request.param == "database":
        monkeypatch.setenv("MLFLOW_TRACKING_URI", database)
        yield database
        return
    if not SERVER:
        pytest.skip("UNDRIFT_MLFLOW does not name a Python with MLflow's server")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    words = ["-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    words += ["--backend-store-uri", database, "--artifacts-destination", str(tmp_path / "artifacts")]
    process = subprocess.Popen([SERVER, *words], start_new_session=True)
    address = f"http://127.0.0.1:{port}"
    end = time.monotonic() + 120
    while True:
        try:
            urllib.request.urlopen(f"{address}/health", timeout=1)
            break
        except OSError:
            assert time.monotonic() < end, "the server does not start"
            time.sleep(0.3)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", address)
    yield address
    os.killpg(process.pid, 15)
    process.wait(timeout=30)


def started(folder: Path, uri: str, *more: object) -> None:
    rows(600, 0).to_csv(folder / "train.csv", index=False)
    settings = ("registry.use=mlflow", f"registry.uri={uri}", "registry.name=price", "policy.use=schedule")
    settings += ("policy.every=2", "policy.minimum_rows=1", "lineup.use=single")
    words = [word for one in settings for word in ("--set", one)]
    model = more or ("--set", "model.use=sklearn.linear_model:LinearRegression")
    code, _, err = ask(
        *("-C", folder / "w", "init", "--from", folder / "train.csv", "--target", "y", "--id", "id", *words),
        *model,
    )
    assert code == 0, err


def alias(uri: str) -> tuple[str, dict[str, str]]:
    found = MlflowClient(uri, uri).get_model_version_by_alias("price", "champion")
    return str(found.version), found.tags


def test_promotions_and_rollbacks_move_the_alias_and_what_was_moved_is_set_right(
    tmp_path: Path, uri: str
) -> None:
    started(tmp_path, uri)
    first = alias(uri)
    assert first[1]["undrift.version"] == "1"
    loop = ud.open(tmp_path / "w")
    for place in range(2):
        loop.step(rows(200, 600 + 200 * place, level=9.0))
    live = loop.live()
    assert live.number != 1
    promoted = alias(uri)
    assert promoted[1]["undrift.version"] == str(live.number)
    loop.rollback("back", 1)
    assert alias(uri) == first, "a version that was registered is not registered again"
    client = MlflowClient(uri, uri)
    client.set_registered_model_alias("price", "champion", promoted[0])
    ud.open(tmp_path / "w").step()
    assert alias(uri) == first, "the ledger is the truth"
    place = mlflow.artifacts.download_artifacts("models:/price@champion", dst_path=str(tmp_path / "got"))
    said = json.loads((Path(place) / "champion.json").read_text())
    assert said["version"] == 1
    (one,) = said["models"]
    kept = Path(place) / f"{one['sha256']}.skops"
    assert kept.read_bytes() == ud.open(tmp_path / "w").registry.get(one["sha256"])


def test_a_server_that_is_away_stops_nothing_and_catches_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    away = "http://127.0.0.1:9"
    started(tmp_path, away)
    assert (tmp_path / "w" / ".undrift" / "models" / "champion.json").exists()
    assert ud.open(tmp_path / "w").live().number == 1
    database = f"sqlite:///{tmp_path / 'late.db'}"
    toml = tmp_path / "w" / "undrift.toml"
    toml.write_text(toml.read_text().replace(away, database))
    ud.open(tmp_path / "w").step()
    assert alias(database)[1]["undrift.version"] == "1"


def test_a_registered_model_is_adopted(tmp_path: Path, uri: str) -> None:
    train = rows(600, 0)
    model = LinearRegression().fit(train[["x"]], train["y"])
    (tmp_path / "files").mkdir()
    joblib.dump(model, tmp_path / "files" / "model.pkl")
    client = MlflowClient(uri, uri)
    client.create_registered_model("theirs")
    run = client.create_run(client.create_experiment("theirs"))
    client.log_artifacts(run.info.run_id, str(tmp_path / "files"), "model")
    made = client.create_model_version("theirs", f"{run.info.artifact_uri}/model", run.info.run_id)
    client.set_registered_model_alias("theirs", "prod", made.version)
    code, _, err = ask(
        "-C",
        tmp_path / "n",
        "init",
        "--from",
        _kept(tmp_path, train),
        "--target",
        "y",
        "--model",
        "models:/theirs@prod",
    )
    assert code == 2
    assert "pickle" in err
    started(tmp_path, uri, "--model", "models:/theirs@prod", "--trust")
    fresh = rows(20, 5000).drop(columns="y")
    assert np.allclose(ud.open(tmp_path / "w").predict(fresh), model.predict(fresh[["x"]]))
    code, _, err = ask(
        "-C",
        tmp_path / "o",
        "init",
        "--from",
        tmp_path / "t.csv",
        "--target",
        "y",
        "--model",
        "models:/nobody@prod",
    )
    assert code == 2
    assert "cannot be fetched" in err


def _kept(folder: Path, frame: pd.DataFrame) -> Path:
    frame.to_csv(folder / "t.csv", index=False)
    return folder / "t.csv"


@pytest.mark.parametrize("setting", ["uri=nonsense://x", "uri=ftp://x", "uri=127.0.0.1:5000", "name=o'brien"])
def test_an_address_or_a_name_that_cannot_be_is_refused_at_once(tmp_path: Path, setting: str) -> None:
    rows(600, 0).to_csv(tmp_path / "train.csv", index=False)
    words = ["--set", "registry.use=mlflow", "--set", f"registry.{setting}"]
    code, _, err = ask(
        *("-C", tmp_path, "init", "--from", tmp_path / "train.csv", "--target", "y", "--id", "id", *words),
    )
    assert code == 2
    assert f"registry.{setting.partition('=')[0]}" in err


def test_an_upload_that_fails_is_a_failed_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def denied(*_: object) -> None:
        raise RuntimeError("access denied")

    uri = f"sqlite:///{tmp_path / 'mlflow.db'}"
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(MlflowClient, "log_artifacts", denied)
    started(tmp_path, uri)
    assert "access denied" in caplog.text
    client = MlflowClient(uri, uri)
    experiment = client.get_experiment_by_name("price")
    assert experiment is not None
    assert [run.info.status for run in client.search_runs([experiment.experiment_id])] == ["FAILED"]
