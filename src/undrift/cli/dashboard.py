"""undrift dashboard: the workspace's story, in the browser."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from undrift.cli._print import note
from undrift.cli._shell import here

if TYPE_CHECKING:
    import subprocess
    from pathlib import Path

ADDRESS = "127.0.0.1"
PORT = 8501
STDERR = 2
LIGHT_BLUE, DARK_BLUE = "#2f5fe0", "#7ba0ff"


def dashboard(
    context: typer.Context,
    port: Annotated[
        int | None, typer.Option(min=1, max=65535, help=f"By default the first free one from {PORT}.")
    ] = None,
    browser: Annotated[bool, typer.Option("--browser/--no-browser", help="Open a browser.")] = True,
) -> None:
    """Show the workspace in the browser: state, performance, drift, every retraining."""
    root = here(context)
    _need_streamlit()
    chosen = _free(port)
    process = _start(root, chosen, browser=browser)
    try:
        if _answers(process, chosen):
            note(f"undrift dashboard: http://{ADDRESS}:{chosen} (Ctrl-C ends it)")
        code = process.wait()
    finally:
        _end(process)
    raise typer.Exit(1 if code else 0)


def _need_streamlit() -> None:
    from importlib.util import find_spec

    from undrift.errors import ConfigError

    if find_spec("streamlit") is None:
        raise ConfigError(
            "the dashboard needs Streamlit, which is not installed", "pip install 'undrift[dashboard]'"
        )


def _free(wanted: int | None) -> int:
    """The port that was asked for, or the first free one."""
    from undrift.errors import ConfigError

    candidates = [wanted] if wanted else range(PORT, PORT + 100)
    for port in candidates:
        if _is_free(port):
            return port
    raise ConfigError(f"port {wanted or PORT} is in use", "Give another one with --port N.")


def _is_free(port: int) -> bool:
    import socket

    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((ADDRESS, port))
        except OSError:
            return False
    return True


def _start(root: Path, port: int, *, browser: bool) -> subprocess.Popen[bytes]:
    """Streamlit in a process of its own: this machine only, nothing reported to anyone."""
    import subprocess
    import sys
    from importlib.resources import files

    settings = {
        "server.address": ADDRESS,
        "server.port": port,
        "server.headless": not browser,
        "server.fileWatcherType": "none",
        "server.showEmailPrompt": False,
        "browser.gatherUsageStats": False,
        "browser.serverAddress": ADDRESS,
        "client.toolbarMode": "viewer",
        "theme.light.primaryColor": LIGHT_BLUE,
        "theme.dark.primaryColor": DARK_BLUE,
        "logger.hideWelcomeMessage": True,
    }
    options = [f"--{name}={str(value).lower()}" for name, value in settings.items()]
    script = str(files("undrift.dashboard") / "app.py")
    command = [sys.executable, "-m", "streamlit", "run", script, *options, "--", str(root)]
    return subprocess.Popen(command, stdout=STDERR)  # noqa: S603 - our own script


def _answers(process: subprocess.Popen[bytes], port: int, seconds: float = 60.0) -> bool:
    """Wait until the server answers; False when it ended instead."""
    import http.client
    import time

    stop = time.monotonic() + seconds
    while process.poll() is None and time.monotonic() < stop:
        connection = http.client.HTTPConnection(ADDRESS, port, timeout=2)
        try:
            connection.request("GET", "/_stcore/health")
            if connection.getresponse().status == http.client.OK:
                return True
        except OSError:
            time.sleep(0.1)
        finally:
            connection.close()
    return False


def _end(process: subprocess.Popen[bytes]) -> None:
    """End the server, gently at first."""
    import subprocess

    if process.poll() is not None:
        return
    process.terminate()
    try:
        process.wait(timeout=5)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
