"""The real dashboard in a real browser: it is drawn, without an error, and nothing leaves the machine."""

from __future__ import annotations

import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from test_dashboard import COLOUR, IMAGE, told

CHROMIUM = shutil.which("chromium") or "/usr/bin/chromium"
QUIET = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip
CHARTS = '[data-testid="stVegaLiteChart"] :is(canvas, svg)'

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not Path(CHROMIUM).exists(), reason="no Chromium here: apt-get install chromium"),
]


@pytest.fixture
def served(tmp_path):
    """The address of a dashboard over a workspace with hostile names; SIGTERM ends it cleanly."""
    root = told(tmp_path / "workspace").root
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [
        sys.executable,
        "-m",
        "undrift",
        "dashboard",
        "-C",
        str(root),
        "--port",
        str(port),
        "--no-browser",
    ]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)
    try:
        said = next((line for line in process.stderr if "http://" in line), "")
        assert f"http://127.0.0.1:{port}" in said
        yield f"http://127.0.0.1:{port}"
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=20) == 143
        process.stderr.close()
        with socket.socket() as probe:
            assert probe.connect_ex(("127.0.0.1", port)) != 0, "the server is gone too"


@pytest.mark.parametrize("width", [390])
def test_the_page_is_drawn_and_nothing_leaves_the_machine(served, width):
    playwright = pytest.importorskip("playwright.sync_api")
    errors, outside = [], []
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        page = browser.new_page(viewport={"width": width, "height": 900})
        page.on("console", lambda m: errors.append(m.text) if m.type == "error" else None)
        page.on("pageerror", lambda e: errors.append(str(e)))
        page.on("request", lambda r: outside.append(r.url) if _leaves(r.url) else None)
        page.on("websocket", lambda w: outside.append(w.url) if _leaves(w.url) else None)
        page.goto(served)
        page.wait_for_function(
            "([charts, skeletons]) => document.querySelectorAll(charts).length >= 5"
            " && document.querySelectorAll(skeletons).length === 0",
            arg=[CHARTS, '[data-testid="stSkeleton"]'],
            timeout=25_000,
        )
        chosen = page.get_by_label("Feature", exact=True).first
        chosen.click()
        chosen.press("ArrowDown")
        page.locator("[role=option]").get_by_text(COLOUR, exact=True).click()
        page.wait_for_function("() => document.body.innerText.includes('stable: new labels')")
        shown = page.inner_text("body")
        wider = page.evaluate("document.querySelector('[data-testid=stMain]').scrollWidth")
        pictures = page.locator("img").count()
        browser.close()
    assert "is live since" in shown
    assert "![x](http:" in shown.replace("\u200b", ""), "the hostile name is shown as it is written"
    assert not pictures
    assert wider <= width
    assert not errors
    assert not outside


def _leaves(url: str) -> bool:
    parts = urlsplit(url)
    return parts.scheme not in ("data", "blob") and parts.hostname != "127.0.0.1"


def test_the_guard_would_notice():
    assert _leaves("http://evil.example/x.png")
    assert not _leaves("ws://127.0.0.1:1/_stcore/stream")
    assert IMAGE.startswith("![")
