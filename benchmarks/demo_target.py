"""Does a finished demo meet its targets?

The live model's mean error is at most 44 rentals, and 0.6 of the first model's, with at most 15
retrainings; at most three windows in ten are "watch".

Usage: undrift demo --json | tee summary.json; python benchmarks/demo_target.py summary.json
"""

import json
import sys
from pathlib import Path

ERROR = 44
RATIO = 0.6
RETRAININGS = 15
WATCH = 0.3

summary = json.loads(Path(sys.argv[1]).read_text())
ratio = summary["live"] / summary["first"]
watch = summary["verdicts"].get("watch", 0) / summary["windows"]
print(f"watch / windows = {watch:.2f} (at most {WATCH})")
print(f"live = {summary['live']:.1f} (at most {ERROR}), live / first = {ratio:.3f} (at most {RATIO})")
print(f"retrainings = {summary['retrainings']} (at most {RETRAININGS})")
met = summary["live"] <= ERROR and ratio <= RATIO and summary["retrainings"] <= RETRAININGS and watch <= WATCH
sys.exit(0 if met else 1)
