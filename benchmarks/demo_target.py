"""Does a finished demo meet its targets?

The live model's mean error is at most 0.6 of the first model's; at most a fifth of the windows are "watch".

Usage: undrift demo --json | tee summary.json; python benchmarks/demo_target.py summary.json
"""

import json
import sys
from pathlib import Path

RATIO = 0.6
RETRAININGS_PER_WINDOW = 0.4
WATCH = 0.2

summary = json.loads(Path(sys.argv[1]).read_text())
ratio = summary["live"] / summary["first"]
share = summary["retrainings"] / summary["windows"]
watch = summary["verdicts"].get("watch", 0) / summary["windows"]
print(f"watch / windows = {watch:.2f} (at most {WATCH})")
print(f"live / first = {ratio:.3f} (at most {RATIO}); retrainings / windows = {share:.2f}")
sys.exit(0 if ratio <= RATIO and share <= RETRAININGS_PER_WINDOW and watch <= WATCH else 1)
