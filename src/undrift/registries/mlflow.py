"""Artifacts in a folder, and in MLflow a version of what serves with the alias ``champion``."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from undrift.errors import ConfigError, NotFoundError, suggest
from undrift.registries import Registry
from undrift.registries.folder import Folder

if TYPE_CHECKING:
    from mlflow import MlflowClient

ALIAS = "champion"
"""The alias of the version that serves."""

VERSION, CONTENT = "undrift.version", "undrift.models"
"""Tags of a registered version: undrift's number of it, and the hash of its artifacts' hashes."""

SCHEMES = ["http", "https", "sqlite", "postgresql", "mysql", "mssql", "file", "databricks", "databricks-uc"]
"""How addresses of MLflow begin."""

FORBIDDEN = ("/", ":", "'", '"', "`")
"""What the name of a registered model must not hold, or what cannot be searched for."""

PREFIX = "models:/"
"""How the address of a registered model begins."""

FILES = ("model.skops", "model.onnx", "model.pkl", "model.joblib")
"""Files of a registered model that are adopted, the safest first."""


class Mlflow(Folder):
    """Keeps artifacts under ``path`` by sha256, and mirrors what serves as ``name`` on the server at ``uri``.

    The ledger is the truth: the alias follows it after every promotion and rollback, and is set right by the
    next step where the server was away or somebody moved it. A registered version holds ``champion.json`` and
    the artifacts that it names; nothing is read back from there.
    """

    def __init__(self, path: str, uri: str = "http://127.0.0.1:5000", name: str = "undrift") -> None:
        super().__init__(path)
        self.uri, self.name = uri, name
        if uri.partition(":")[0].partition("+")[0] not in SCHEMES:
            raise ConfigError(
                f"registry.uri = {uri!r} is no address of an MLflow server", suggest(uri, SCHEMES)
            )
        if not name or {*name} & {*FORBIDDEN}:
            raise ConfigError(
                f"registry.name = {name!r} cannot be a model's name", f"Leave out {' '.join(FORBIDDEN)}."
            )

    def announce(self, champion: bytes) -> None:
        """Replace ``champion.json``, register what serves unless it is, and move the alias to it.

        Raises OSError where the server does not answer or refuses.
        """
        super().announce(champion)
        said = json.loads(champion)
        client = _client(self.uri)
        from mlflow.exceptions import MlflowException

        try:
            self._mirror(client, said, champion)
        except MlflowException as error:
            raise OSError(f"MLflow at {self.uri}: {error}") from error

    def _mirror(self, client: MlflowClient, said: dict[str, Any], champion: bytes) -> None:
        content = hashlib.sha256("".join(sorted(m["sha256"] for m in said["models"])).encode()).hexdigest()
        wanted = {VERSION: str(said["version"]), CONTENT: content}
        known = {v.version: v for v in client.search_model_versions(f"name='{self.name}'")}
        held = next((v for v in known.values() if {k: v.tags.get(k) for k in wanted} == wanted), None)
        if held is None:
            if not known and self.name not in {m.name for m in client.search_registered_models()}:
                client.create_registered_model(self.name)
            held = self._registered(client, said, champion, wanted)
        now = client.get_registered_model(self.name).aliases.get(ALIAS)
        if str(now) != str(held.version):
            client.set_registered_model_alias(self.name, ALIAS, str(held.version))

    def _registered(
        self, client: MlflowClient, said: dict[str, Any], champion: bytes, tags: dict[str, str]
    ) -> Any:
        """A new version with the artifacts of what serves."""
        found = client.get_experiment_by_name(self.name)
        experiment = found.experiment_id if found else client.create_experiment(self.name)
        run = client.create_run(experiment, run_name=f"v{said['version']}")
        try:
            self._upload(client, run.info.run_id, said, champion)
        except BaseException:
            client.set_terminated(run.info.run_id, "FAILED")
            raise
        client.set_terminated(run.info.run_id)
        source = f"{run.info.artifact_uri}/model"
        return client.create_model_version(self.name, source, run.info.run_id, tags=tags)

    def _upload(self, client: MlflowClient, run: str, said: dict[str, Any], champion: bytes) -> None:
        with tempfile.TemporaryDirectory(prefix="undrift-mlflow-") as place:
            folder = Path(place)
            (folder / "champion.json").write_bytes(champion)
            for model in said["models"]:
                if model["sha256"]:
                    (folder / f"{model['sha256']}.{model['format']}").write_bytes(self.get(model["sha256"]))
            client.log_artifacts(run, place, "model")


def fetched(address: str, folder: Path) -> Path:
    """The model file of a registered model, ``models:/NAME@alias`` or ``models:/NAME/VERSION``, in a folder.

    The server is that of MLFLOW_TRACKING_URI. Raises NotFoundError where there is none such.
    """
    _client(os.environ.get("MLFLOW_TRACKING_URI", ""))
    import mlflow
    from mlflow.exceptions import MlflowException

    try:
        place = Path(mlflow.artifacts.download_artifacts(address, dst_path=str(folder)))
    except (MlflowException, OSError) as error:
        raise NotFoundError(
            f"{address} cannot be fetched: {error}", "Set MLFLOW_TRACKING_URI to the server that has it."
        ) from error
    for name in FILES:
        for file in sorted(place.rglob(name)):
            return file
    kept = sorted(f for f in place.rglob("*") if f.suffix in (".skops", ".onnx", ".pickle"))
    if len(kept) == 1:
        return kept[0]
    raise NotFoundError(f"{address} holds none of {', '.join(FILES)}", "Log it as skops, ONNX or a pickle.")


def _client(uri: str) -> MlflowClient:
    """A client; MLflow's own telemetry is off. Raises ConfigError where it is not installed."""
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    os.environ.setdefault("DO_NOT_TRACK", "true")
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "10")
    try:
        from mlflow import MlflowClient
    except ImportError as error:
        raise ConfigError("MLflow is not installed", 'Install "undrift[mlflow]".') from error
    return MlflowClient(uri or None, uri or None)


_: type[Registry] = Mlflow
