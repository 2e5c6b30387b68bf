"""Who takes part in the benchmark, in which versions, and how each is started.

Every peer lives in an environment of its own, made by uv below the cache folder with its bytecode
compiled; none is ever a dependency of the project. ``PINS`` is the only place that names versions.
"""

import hashlib
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).parent
EXCLUDE_NEWER = "2026-11-16T00:00:00Z"

PINS = {
    # Evidently imports a name that pandas 3.1 no longer has.
    "evidently": ("evidently==0.7.23", "pandas==3.0.6", "pyarrow==26.0.1"),
    # NannyML imports statsmodels without asking for it.
    "nannyml": ("nannyml==0.13.1", "pandas==3.1.1", "pyarrow==26.0.1", "statsmodels==0.15.0"),
    "frouros": ("frouros==0.9.0", "pandas==3.1.1", "pyarrow==26.0.1"),
    # alibi-detect holds NumPy below 2, which pyarrow left behind after 24.
    "alibi-detect": ("alibi-detect==0.13.0", "pandas==2.3.3", "pyarrow==24.0.0"),
    # whylogs asks NumPy 2 for a name it no longer has as soon as pandas 3 is there.
    "whylogs": ("whylogs[viz]==1.6.4", "pandas==2.3.3", "pyarrow==26.0.1"),
    # deepchecks needs pkg_resources, NumPy below 2 and a scorer that scikit-learn renamed since.
    "deepchecks": (
        "deepchecks==0.19.1",
        "numpy==1.26.4",
        "pandas==2.3.3",
        "pyarrow==24.0.0",
        "scikit-learn==1.5.2",
        "setuptools==80.10.2",
    ),
    "duckdb": ("duckdb==2.0.0",),
    "polars": ("polars==2.1.0",),
}

QUIET = {
    "DISABLE_DEEPCHECKS_ANONYMOUS_TELEMETRY": "1",
    "DO_NOT_TRACK": "1",
    "NML_DISABLE_USAGE_LOGGING": "1",
    "WHYLOGS_NO_ANALYTICS": "1",
}
"""Telemetry off."""


@dataclass(frozen=True)
class Contestant:
    """One row of a result table.

    ``script`` is a file of ``peers/``; without one it is the undrift command. ``home`` names the pins it
    runs with; without one it runs in the project's own environment. With ``kept`` its reference was
    prepared beforehand. ``window`` replaces the case's own current file.
    """

    label: str
    script: str = ""
    home: str = ""
    kept: bool = False
    window: str = ""
    variables: dict[str, str] = field(default_factory=dict)


CONTESTANTS = {
    "undrift": Contestant("undrift, profiled beforehand", kept=True),
    "undrift-rows": Contestant("undrift, reference read as rows"),
    "undrift-1m": Contestant("undrift on 1/20 of the rows", kept=True, window="cur.parquet"),
    "undrift-api": Contestant("undrift, pyarrow tables", "peer_undrift.py"),
    "undrift-pandas": Contestant("undrift, pandas frames", "peer_undrift.py", variables={"TABLE": "pandas"}),
    "decode": Contestant("decoding the current file, no more", "peer_decode.py"),
    "stream": Contestant("decoding it batch by batch, no more", "peer_stream.py"),
    "evidently": Contestant("Evidently DataDriftPreset", "peer_evidently.py", "evidently"),
    "nannyml": Contestant("NannyML UnivariateDriftCalculator", "peer_nannyml.py", "nannyml"),
    "nannyml-kept": Contestant("NannyML, fitted beforehand", "peer_nannyml.py", "nannyml", kept=True),
    "frouros": Contestant("Frouros KSTest, ChiSquareTest", "peer_frouros.py", "frouros"),
    "alibi-detect": Contestant("alibi-detect TabularDrift", "peer_alibi_detect.py", "alibi-detect"),
    "whylogs": Contestant("whylogs drift scores", "peer_whylogs.py", "whylogs"),
    "whylogs-kept": Contestant("whylogs, profiled beforehand", "peer_whylogs.py", "whylogs", kept=True),
    "deepchecks": Contestant("deepchecks FeatureDrift (100,000 rows)", "peer_deepchecks.py", "deepchecks"),
    "duckdb": Contestant("DuckDB, sums and counts only", "peer_duckdb.py", "duckdb"),
    "polars": Contestant("Polars, sums and counts only", "peer_polars.py", "polars"),
}


def python(contestant: Contestant, cache: Path) -> str:
    """The interpreter a contestant runs in; its environment is made when it is not there yet."""
    if not contestant.home:
        return sys.executable
    pins = PINS[contestant.home]
    version = hashlib.sha256(repr((pins, EXCLUDE_NEWER)).encode()).hexdigest()[:8]
    home = cache / "environments" / f"{contestant.home}-{version}"
    interpreter = home / "bin" / "python"
    if not (home / "complete").exists():
        _install(home, interpreter, pins)
    return str(interpreter)


def _install(home: Path, interpreter: Path, pins: tuple[str, ...]) -> None:
    print(f"installing {', '.join(pins)}", file=sys.stderr)
    uv = os.environ.get("UV") or shutil.which("uv") or sys.exit("uv is not on the path")
    subprocess.run([uv, "venv", "--quiet", "--clear", "--python", sys.executable, home], check=True)
    install = [uv, "pip", "install", "--quiet", "--compile-bytecode", "--exclude-newer", EXCLUDE_NEWER]
    subprocess.run([*install, "--python", interpreter, *pins], check=True)
    (home / "complete").touch()


def surroundings(contestant: Contestant) -> dict[str, str]:
    """The environment variables of a contestant: telemetry off, bytecode read and written as usual."""
    ours = {k: v for k, v in os.environ.items() if k not in {"PYTHONDONTWRITEBYTECODE", "VIRTUAL_ENV"}}
    return ours | QUIET | contestant.variables


def release(home: str) -> str:
    """The name and version of what an environment is for."""
    return PINS[home][0].replace("[viz]", "").replace("==", " ")


def undrift(command: str | None) -> str:
    """The undrift command to measure: the one named, or this environment's."""
    return command or str(Path(sys.executable).with_name("undrift"))


def script(contestant: Contestant, cache: Path) -> list[str]:
    """How a contestant's script starts."""
    return [python(contestant, cache), str(HERE / "peers" / contestant.script)]
