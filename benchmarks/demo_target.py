"""Does a finished demo meet its target? The live model's mean error is at most 0.6 of the first model's.

Usage: undrift demo --json | tee summary.json; python benchmarks/demo_target.py summary.json
"""

import json
import sys
from pathlib import Path

RATIO = 0.6
RETRAININGS_PER_WINDOW = 0.4

summary = json.loads(Path(sys.argv[1]).read_text())
ratio = summary["live"] / summary["first"]
share = summary["retrainings"] / summary["windows"]
print(f"live / first = {ratio:.3f} (at most {RATIO}); retrainings / windows = {share:.2f}")
sys.exit(0 if ratio <= RATIO and share <= RETRAININGS_PER_WINDOW else 1)
