"""What the loop costs beside the commit it is compared with: ratios of CPU seconds, run in turns.

    uv run python benchmarks/loop.py [--quick] [--against COMMIT] [--windows N]

COMMIT (by default the one of version 0.1.0) is checked out beside this tree with an environment of its own.
Every row is measured on both, one after the other, in fresh processes; --quick takes fewer windows and rows.
Seconds are those of this machine: only the ratio counts.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
FIRST = "4e34f05"
"""The commit of version 0.1.0."""


@dataclass(frozen=True)
class Cost:
    """CPU seconds (user and system) and peak memory of a process."""

    seconds: float
    mebibytes: int


@dataclass(frozen=True)
class Side:
    """One of the two commits: its interpreter, and the folder it works in."""

    name: str
    python: Path
    folder: Path

    def run(self, *words: object) -> Cost:
        """What a command of undrift costs."""
        return cost([self.python, "-m", "undrift", *words])

    def part(self, name: str, *words: object) -> dict[str, float]:
        """What a part of benchmarks/loop_parts.py measures of itself."""
        command = [str(self.python), str(HERE / "loop_parts.py"), name, *map(str, words)]
        done = subprocess.run(command, capture_output=True, text=True, env=environment(), check=False)
        if done.returncode:
            raise SystemExit(f"{self.name}: {name} failed\n{done.stderr}")
        found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
        return found


def environment() -> dict[str, str]:
    """The environment of a measured process: bytecode is used."""
    return {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}


def cost(command: list[object]) -> Cost:
    """What a command costs; it must succeed."""
    code = (
        "import json, resource, subprocess, sys\n"
        "done = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)\n"
        "used = resource.getrusage(resource.RUSAGE_CHILDREN)\n"
        "if done.returncode not in (0, 3, 4, 5): sys.exit(done.stderr.decode())\n"
        "print(json.dumps([used.ru_utime + used.ru_stime, used.ru_maxrss // 1024]))\n"
    )
    words = [sys.executable, "-c", code, *map(str, command)]
    done = subprocess.run(words, capture_output=True, text=True, env=environment(), check=False)
    if done.returncode:
        raise SystemExit(f"{' '.join(map(str, command))}\n{done.stderr}")
    return Cost(*json.loads(done.stdout))


def sides(against: str, folder: Path) -> tuple[Side, Side]:
    """The commit that is compared with, checked out and installed, and this tree."""
    tree = folder / "against"
    subprocess.run(["git", "-C", ROOT, "worktree", "add", "--detach", "-f", tree, against], check=True)
    subprocess.run(["uv", "sync", "--quiet", "--no-dev"], cwd=tree, check=True)
    found = []
    for name, where in (("before", tree), ("now", ROOT)):
        python = where / ".venv" / "bin" / "python"
        subprocess.run([python, "-m", "compileall", "-q", where / ".venv", where / "src"], check=False)
        own = folder / name
        own.mkdir()
        found.append(Side(name, python, own))
    return found[0], found[1]


def rows(before: Side, now: Side, windows: int, *, quick: bool) -> Iterator[tuple[str, float, float, str]]:
    """Every row: what was measured, before and now, and the unit."""
    both = (before, now)
    weeks = 20 if quick else 89

    costs = [side.run("demo", "-C", side.folder / "demo", "--windows", weeks) for side in both]
    yield f"demo of {weeks} windows, whole process", costs[0].seconds, costs[1].seconds, "s"
    yield "  its peak memory", costs[0].mebibytes, costs[1].mebibytes, "MiB"

    parts = [side.part("demo", 12 if quick else 40) for side in both]
    for name in ("quiet tick", "retraining tick", "overhead beyond fit and predict"):
        yield f"demo: {name}", parts[0][name], parts[1][name], "%" if "beyond" in name else "s"

    size = 20_000 if quick else 100_000
    parts = [side.part("tick", size) for side in both]
    yield f"tick on {size:,} × 25 rows", parts[0]["tick"], parts[1]["tick"], "s"

    for side in both:
        side.part("grow", side.folder / "grown", windows, 20)
    for words in (("status",), ("why",), ("history", "--last", "20")):
        costs = [side.run(*words, "-C", side.folder / "grown") for side in both]
        yield (
            f"{' '.join(words)} at {windows:,} windows × 20 features",
            costs[0].seconds,
            costs[1].seconds,
            "s",
        )
        if words == ("status",):
            yield "  its peak memory", costs[0].mebibytes, costs[1].mebibytes, "MiB"
    for side in both:
        side.part("files", side.folder / "grown")
    for name, words in (
        ("label", ("label", "labels.parquet")),
        ("run that settles one window", ("run", "rows.parquet")),
        ("run with nothing due", ("run",)),
    ):
        files = [[side.folder / "grown" / w if "." in w else w for w in words] for side in both]
        costs = [
            side.run(*found, "-C", side.folder / "grown") for side, found in zip(both, files, strict=True)
        ]
        yield f"{name}, {windows:,} windows of history", costs[0].seconds, costs[1].seconds, "s"
    kept = [(side.folder / "grown" / ".undrift" / "store.db").stat().st_size / 1e6 for side in both]
    yield f"store after {windows:,} windows × 20 features", *kept, "MB"

    size = 60_000 if quick else 480_000
    parts = [side.part("start", size) for side in both]
    yield f"start on {size:,} × 25, beyond the fit", parts[0]["beyond"], parts[1]["beyond"], "s"
    yield "  its peak memory", parts[0]["mebibytes"], parts[1]["mebibytes"], "MiB"

    size = 60_000 if quick else 300_000
    parts = [side.part("history", size) for side in both]
    yield (
        f"profile with a history ÷ without, {size:,} × 25, 366 days",
        parts[0]["ratio"],
        parts[1]["ratio"],
        "×",
    )

    columns = 2_000 if quick else 10_000
    parts = [side.part("wide", columns) for side in both]
    yield f"a window of {columns:,} columns profiled", parts[0]["profile"], parts[1]["profile"], "s"

    parts = [side.part("judge") for side in both]
    yield "judging 25 columns of 100,000 labels", parts[0]["labels"], parts[1]["labels"], "s"
    yield "judging 300 columns, a feature", parts[0]["numbers"], parts[1]["numbers"], "ms"

    size = 200_000 if quick else 800_000
    parts = [side.part("csv", size) for side in both]
    yield f"profile of a CSV of {size:,} × 10 ÷ Arrow's bare read", parts[0]["ratio"], parts[1]["ratio"], "×"

    parts = [side.part("pickle") for side in both]
    yield "a pickled profile ÷ its own serial form", parts[0]["ratio"], parts[1]["ratio"], "×"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="fewer windows and rows")
    parser.add_argument("--against", default=FIRST, metavar="COMMIT")
    parser.add_argument(
        "--windows", type=int, help="settled windows of the long workspace: 5,000, or 300 with --quick"
    )
    asked = parser.parse_args()
    windows = asked.windows or (300 if asked.quick else 5_000)
    folder = Path(tempfile.mkdtemp(prefix="undrift-loop-"))
    try:
        before, now = sides(asked.against, folder)
        print(f"| CPU, against {asked.against} | before | now | now ÷ before |\n|---|--:|--:|--:|")
        for name, old, new, unit in rows(before, now, windows, quick=asked.quick):
            print(f"| {name} | {old:.3g} {unit} | {new:.3g} {unit} | {new / old:.2f} |", flush=True)
    finally:
        subprocess.run(["git", "-C", ROOT, "worktree", "remove", "--force", folder / "against"], check=False)
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
