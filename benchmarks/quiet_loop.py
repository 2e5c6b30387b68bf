"""The whole loop on quiet streams: nothing changes, so every alarm is false.

    uv run python benchmarks/quiet_loop.py             its tables of docs/false_alarms.md, 20 minutes
    uv run python benchmarks/quiet_loop.py rates       only how often quiet windows alarm; or: power
    uv run python benchmarks/quiet_loop.py --quick     a part of the cells, some minutes; the document stays

Five worlds, short and long training, five learners, two classes and numbers, windows by time and by count
(there without a time column): a model is trained, then windows are served and compared, with the default
settings and with ``threshold = 0``. Alarms are counted by source. Rows are drawn from fixed seeds. Ends
with 1 when a target was missed.
"""

import argparse
import itertools
import os
import re
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
from scipy import stats

import undrift as ud
from undrift.testing.quiet import LEARNERS, WORLDS, Cell, Tally, found_changes

DOC = Path(__file__).resolve().parent.parent / "docs" / "false_alarms.md"
PROMISE = 0.01
CELL_FACTOR, POOLED_FACTOR = 2.0, 1.3
CONFIDENCE = 0.99
POWER = 0.8
TRAINING = {"short": 20, "long": 80}
WINDOWS = 25


def cells(threshold: float | None) -> Iterator[Cell]:
    for world, days, learner, classes, by_time in itertools.product(
        WORLDS, TRAINING.values(), LEARNERS, (True, False), (True, False)
    ):
        yield Cell(world, days, learner, classes, by_time, threshold=threshold)


def play(job: tuple[Cell, int, int]) -> tuple[Cell, Tally]:
    cell, seed, windows = job
    tally = Tally()
    for comparison in cell.play(seed, windows):
        tally.add(comparison)
    return cell, tally


def lower_bound(alarms: int, windows: int) -> float:
    """The one-sided 99 % lower bound of a rate (Clopper and Pearson 1934)."""
    return float(stats.beta.ppf(1 - CONFIDENCE, alarms, windows - alarms + 1)) if alarms else 0.0


def rate(part: int, whole: int) -> str:
    return f"{100 * part / whole:.2f} %" if whole else "–"


def grouped(found: dict[Cell, Tally], key) -> dict[str, Tally]:
    sums: dict[str, Tally] = defaultdict(Tally)
    for cell, tally in found.items():
        sums[key(cell)].merge(tally)
    return dict(sums)


def table(found: dict[str, dict[Cell, Tally]]) -> str:
    """Rates by one property at a time, for both thresholds."""
    names = {v: k for k, v in TRAINING.items()}
    views = {
        "world": lambda c: c.world.name,
        "training": lambda c: f"{names[c.training]}, {c.training} windows",
        "learner": lambda c: c.learner,
        "task": lambda c: "two classes" if c.classes else "numbers",
        "windows": lambda c: "by time" if c.by_time else "by count, no time column",
        "all": lambda _: "**all**",
    }
    lines = [
        "| | windows | feature, output, together | of it output | slow | new ground | at 0 | slow at 0 |",
        "|---|--:|--:|--:|--:|--:|--:|--:|",
    ]
    default, bare = found["default"], found["zero"]
    for view in views.values():
        other = grouped(bare, view)
        for name, tally in grouped(default, view).items():
            zero = other.get(name, Tally())
            cells_ = [rate(tally.alarms[s], tally.windows) for s in ("now", "slow", "ground")]
            output = rate(tally.by["output"], tally.windows)
            apart = [rate(zero.alarms[s], zero.windows) for s in ("now", "slow")]
            row = [name, f"{tally.windows:,}", cells_[0], output, *cells_[1:], *apart]
            lines.append(f"| {' | '.join(row)} |")
    return "\n".join(lines)


def missed(found: dict[str, dict[Cell, Tally]]) -> list[str]:
    """Every target that was missed, in words."""
    said = []
    for setting, tallies in found.items():
        total = Counter()
        windows = sum(t.windows for t in tallies.values())
        for cell, tally in tallies.items():
            total.update(tally.alarms)
            if lower_bound(tally.alarms["now"], tally.windows) > CELL_FACTOR * PROMISE:
                said.append(f"{setting}: {cell}: {tally.alarms['now']} of {tally.windows}")
        limits = {"now": POOLED_FACTOR * PROMISE, "slow": PROMISE, "ground": PROMISE}
        if setting == "zero":
            limits.pop("ground")
        said += [
            f"{setting}: {source} in {100 * total[source] / windows:.2f} % of {windows} windows"
            for source, most in limits.items()
            if total[source] > most * windows
        ]
    return said


def measured(windows: int, step: int) -> dict[str, dict[Cell, Tally]]:
    """All cells (or every ``step``-th) under both thresholds."""
    found: dict[str, dict[Cell, Tally]] = {}
    with ProcessPoolExecutor() as pool:
        for name, threshold in (("default", None), ("zero", 0.0)):
            jobs = [(cell, seed, windows) for seed, cell in enumerate(cells(threshold))][::step]
            sums: dict[Cell, Tally] = defaultdict(Tally)
            for place, (cell, tally) in enumerate(pool.map(play, jobs), start=1):
                sums[cell].merge(tally)
                if place % 20 == 0:
                    print(f"{name}: {place} of {len(jobs)}", file=sys.stderr, flush=True)
            found[name] = dict(sums)
    return found


def power(seeds: int) -> tuple[str, list[str]]:
    """How often a change is found in the model's output, from the sixth window served on."""
    lines = [
        "| learner | output shifted by half a deviation | correlation of two features 0 → .8 |",
        "|---|--:|--:|",
    ]
    misses = []
    with ProcessPoolExecutor() as pool:
        for learner in ("linear", "boosting", "forest"):
            shares = []
            for change in ("shift", "correlation"):
                jobs = [(learner, change, seed) for seed in range(seeds)]
                shares.append(float(np.mean(list(itertools.chain(*pool.map(found_changes, jobs))))))
                if shares[-1] < POWER:
                    misses.append(f"{learner}: a {change} is found in {shares[-1]:.2f} of the windows")
            lines.append(f"| {learner} | {shares[0]:.2f} | {shares[1]:.2f} |")
    return "\n".join(lines), misses


def publish(name: str, text: str, command: str) -> None:
    """Put a table between its markers in the document."""
    stamp = f"`{command}`, {datetime.now(UTC):%Y-%m-%d}, undrift {ud.__version__}, numpy {np.__version__}."
    begin, end = f"<!-- {name}:begin -->", f"<!-- {name}:end -->"
    body = f"{begin}\n{text}\n\n{stamp}\n{end}"
    place, doc = re.compile(f"{begin}.*?{end}", re.DOTALL), DOC.read_text()
    DOC.write_text(place.sub(lambda _: body, doc) if place.search(doc) else f"{doc.rstrip()}\n\n{body}\n")


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("sections", nargs="*", metavar="SECTION", help="rates or power; both if none")
    parser.add_argument("--quick", action="store_true", help="a part of the cells; the document stays")
    given = parser.parse_args()
    sections = given.sections or ["power", "rates"]
    if unknown := set(sections) - {"power", "rates"}:
        parser.error(f"no section is called {min(unknown)!r}")
    command, misses = "uv run python benchmarks/quiet_loop.py", []
    if "power" in sections:
        text, missing = power(4 if given.quick else 12)
        misses += missing
        print(text, end="\n\n", flush=True)
        if not given.quick:
            publish("loop-power", text, f"{command} power")
    if "rates" in sections:
        found = measured(WINDOWS, 7 if given.quick else 1)
        text = table(found)
        misses += missed(found)
        print(text, end="\n\n", flush=True)
        if not given.quick:
            publish("loop", text, f"{command} rates")
    print("\n".join(f"missed: {miss}" for miss in misses) or "every target met")
    return 1 if misses else 0


if __name__ == "__main__":
    sys.exit(main())
