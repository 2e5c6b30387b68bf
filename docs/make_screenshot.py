"""Takes the README's picture of the dashboard over the demo's workspace; needs Chromium.

Usage: uv run undrift demo && uv run python docs/make_screenshot.py undrift-demo
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

from playwright.sync_api import sync_playwright

PORT = 8599
PICTURE = Path(__file__).parent / "images" / "dashboard.png"
DRAWN = (
    "() => document.querySelectorAll('[data-testid=\"stVegaLiteChart\"] :is(canvas, svg)').length >= 5"
    " && document.querySelectorAll('[data-testid=\"stSkeleton\"]').length === 0"
)


def main(workspace: str) -> None:
    """Serve the workspace, wait until the page is drawn, keep its upper part as a picture."""
    command = [
        sys.executable,
        "-m",
        "undrift",
        "dashboard",
        "-C",
        workspace,
        "--port",
        str(PORT),
        "--no-browser",
    ]
    server = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    try:
        next(line for line in server.stderr or [] if "http://" in line)
        with sync_playwright() as driver:
            browser = driver.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
            page = browser.new_page(viewport={"width": 1440, "height": 1300}, color_scheme="light")
            page.goto(f"http://127.0.0.1:{PORT}")
            page.wait_for_function(DRAWN, timeout=60_000)
            page.wait_for_timeout(1000)
            page.screenshot(path=PICTURE)
            browser.close()
    finally:
        server.terminate()
        server.wait(timeout=20)


if __name__ == "__main__":
    main(sys.argv[1])
