"""The script that Streamlit runs; its argument is the workspace."""

from __future__ import annotations

import sys
from pathlib import Path

from undrift.dashboard.page import draw

draw(Path(sys.argv[1] if len(sys.argv) > 1 else "."))
