"""How much CPU time `undrift compare` takes beside its peers, as ratios measured side by side.

    uv run python benchmarks/compare.py                    every case; rewrites docs/benchmarks.md
    uv run python benchmarks/compare.py disk window        some cases; rewrites their sections
    uv run python benchmarks/compare.py disk --peers nannyml,frouros    some rivals; writes nothing
    uv run python benchmarks/compare.py --quick            a twentieth of the rows; judges and writes nothing

Ends with 1 when a target was missed. The peers are installed in environments of their own below
~/.cache/undrift-benchmarks (--cache), as is the data (about 4 GB, most of it for `large`).
"""

import argparse
import hashlib
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from importlib.metadata import version
from pathlib import Path
from platform import python_version

import contestants
from contestants import CONTESTANTS, HERE, Contestant
from measuring import Duel, Run, Server, Turn, duel, middle, whole

DOC = HERE.parent / "docs" / "benchmarks.md"
CACHE = Path("~/.cache/undrift-benchmarks").expanduser()
SECONDS = 60.0
MIB = 2**20
QUICK = 20

STREAMS = {
    "ref.parquet": (1_000_000, 20, 5, 0),
    "cur.parquet": (1_000_000, 20, 5, 1),
    "next.parquet": (1_000_000, 20, 5, 2),
    "window.parquet": (10_000, 20, 5, 3),
    "large.parquet": (20_000_000, 20, 5, 4),
    "wide-ref.parquet": (10_000, 240, 60, 0),
    "wide-cur.parquet": (10_000, 240, 60, 1),
    "small-ref.csv": (1_000, 20, 5, 0),
    "small-cur.csv": (1_000, 20, 5, 1),
    "warm-ref.parquet": (2_000, 20, 5, 0),
    "warm-cur.parquet": (2_000, 20, 5, 1),
}
"""File name: rows, numeric columns, columns of labels, seed."""


@dataclass(frozen=True)
class Case:
    """A race: undrift against rivals on the same files.

    ``targets`` are the least CPU time of a rival over undrift's; ``most_cpu`` and ``most_memory`` bound
    undrift itself. With ``served`` everything is in memory and only the judging is counted.
    """

    story: str
    reference: str
    windows: tuple[str, ...]
    rivals: tuple[str, ...]
    ours: str = "undrift"
    targets: dict[str, float] = field(default_factory=dict)
    most_cpu: float | None = None
    most_memory: float | None = None
    served: bool = False


CASES = {
    "disk": Case(
        "Whole processes: a current file of 1,000,000 rows × 25 columns (20 of numbers, 5 of labels; Parquet,"
        " snappy) against a reference of the same size.",
        "ref.parquet",
        ("cur.parquet",),
        (
            *("decode", "undrift-rows", "nannyml", "nannyml-kept", "frouros", "alibi-detect"),
            *("whylogs", "whylogs-kept", "deepchecks", "evidently"),
        ),
        targets={"decode": 1 / 1.6, "evidently": 100, "nannyml": 8, "frouros": 6},
    ),
    "memory": Case(
        "The same tables held in memory, reference prepared: CPU time of judging second and later windows.",
        "ref.parquet",
        ("cur.parquet", "next.parquet"),
        ("undrift-pandas", "nannyml", "frouros", "alibi-detect", "evidently"),
        ours="undrift-api",
        targets={"evidently": 200, "nannyml": 8, "frouros": 8, "alibi-detect": 12},
        served=True,
    ),
    "window": Case(
        "Whole processes: a window of 10,000 rows × 25 columns against a reference of 1,000,000.",
        "ref.parquet",
        ("window.parquet",),
        ("undrift-rows", "nannyml", "nannyml-kept", "frouros", "alibi-detect", "evidently"),
        targets={"evidently": 60, "nannyml": 12, "frouros": 5},
    ),
    "wide": Case(
        "Whole processes: 300 columns (240 of numbers, 60 of labels) × 10,000 rows against a reference of the"
        " same size.",
        "wide-ref.parquet",
        ("wide-cur.parquet",),
        ("undrift-rows", "nannyml", "frouros", "evidently"),
        targets={"evidently": 30},
        most_cpu=1.0,
    ),
    "large": Case(
        "Whole processes: a current file of 20,000,000 rows × 25 columns against a reference of 1,000,000;"
        " beside it, engines that only add the columns up.",
        "ref.parquet",
        ("large.parquet",),
        ("undrift-1m", "duckdb", "polars", "stream"),
        targets={"undrift-1m": 1 / 20, "duckdb": 1 / 2},
        most_memory=512 * MIB,
    ),
    "small": Case(
        "Whole processes: two CSV files of 1,000 rows × 25 columns, no profile.",
        "small-ref.csv",
        ("small-cur.csv",),
        (),
        ours="undrift-rows",
        most_cpu=0.8,
    ),
}


@dataclass(frozen=True)
class Ground:
    """Where a benchmark takes place: cache, temporary folder, which undrift, how large and how long."""

    cache: Path
    work: Path
    undrift: str
    quick: bool
    seconds: float

    def file(self, name: str) -> str:
        """A data file, made when it is not there yet."""
        rows, *shape = STREAMS[name]
        if self.quick:
            rows = max(1_000, rows // QUICK)
        maker = HERE / "streams.py"
        version = hashlib.sha256(maker.read_bytes()).hexdigest()[:8]
        path = self.cache / f"data-{version}" / f"{rows}-{name}"
        if not path.exists():
            progress(f"making {path.name}")
            path.parent.mkdir(parents=True, exist_ok=True)
            part = path.with_name(f"part-{path.name}")
            subprocess.run([sys.executable, maker, part, *map(str, (rows, *shape))], check=True)
            part.rename(path)
        return str(path)

    def command(self, who: Contestant, reference: str, window: str) -> list[str]:
        """The command line of a whole process, after the reference was prepared if it is to be kept."""
        if who.kept:
            reference = str(self.keep(who, reference, window))
        if not who.script:
            return [self.undrift, "compare", reference, window, "--json"]
        return [*contestants.script(who, self.cache), *(["--kept"] if who.kept else []), reference, window]

    def keep(self, who: Contestant, reference: str, window: str) -> Path:
        """Prepare a reference outside the timing."""
        path = self.work / f"{who.script or 'undrift'}-{Path(reference).stem}-{Path(window).stem}.profile"
        if not path.exists():
            made = [*contestants.script(who, self.cache), "--keep", path, reference, window]
            ours = [self.undrift, "profile", reference, "-o", path]
            run = whole(list(map(str, made if who.script else ours)), contestants.surroundings(who))
            progress(
                f"reference kept for {who.label}: {run.cpu:.2f} CPU s, {path.stat().st_size / 1024:.0f} KiB"
            )
        return path


@dataclass(frozen=True)
class Row:
    """A rival's line in the table."""

    name: str
    duel: Duel
    peak: int
    target: float | None

    @property
    def met(self) -> bool:
        """Whether the rival took long enough."""
        return self.target is None or self.duel.ratio >= self.target


@dataclass(frozen=True)
class Outcome:
    """What a case came to."""

    name: str
    rows: list[Row]
    ours: list[Run]
    peak: int

    @property
    def case(self) -> Case:
        """The case itself."""
        return CASES[self.name]

    @property
    def met(self) -> bool:
        """Whether every target was met."""
        return all(row.met for row in self.rows) and all(ok for _, ok in self.bounds)

    @property
    def bounds(self) -> Iterator[tuple[str, bool]]:
        """What undrift itself was to stay under, in words."""
        cpu, case = middle(self.ours), self.case
        if case.most_cpu:
            yield f"{cpu:.2f} CPU s, target at most {case.most_cpu:.2f}", cpu <= case.most_cpu
        if case.most_memory:
            text = f"peak {self.peak / MIB:.0f} MiB, target at most {case.most_memory / MIB:.0f}"
            yield text, self.peak <= case.most_memory

    @property
    def versions(self) -> list[str]:
        """Versions of everything that took part."""
        found = [f"Python {python_version()}"]
        found += [f"{name} {version(name)}" for name in ("undrift", "numpy", "pyarrow")]
        homes = dict.fromkeys(CONTESTANTS[row.name].home for row in self.rows)
        return [*found, *(contestants.release(home) for home in homes if home)]


def progress(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def race(name: str, rivals: tuple[str, ...], ground: Ground) -> Outcome:
    """Measure a case."""
    case = CASES[name]
    expected = sum(STREAMS[case.windows[0]][1:3])
    ours: list[Run] = []
    rows, peaks = [], []
    with ExitStack() as ends:
        mine = entered(case.ours, case, ground, ends, peaks)
        for rival in rivals:
            progress(f"{name}: {rival}")
            row = against(rival, case, mine, ground)
            checked(rival, row.duel.theirs, expected)
            progress(f"    {middle(row.duel.theirs):.2f} CPU s, ratio {row.duel.ratio:.2f}")
            rows.append(row)
            ours += row.duel.ours
        if not rows:
            ours = [mine() for _ in range(7)]
    checked(case.ours, ours, expected)
    return Outcome(name, rows, ours, max([*peaks, *(run.peak for run in ours)]))


def against(rival: str, case: Case, mine: Turn, ground: Ground) -> Row:
    """Measure one rival in turns with undrift."""
    peaks: list[int] = []
    with ExitStack() as ends:
        theirs = entered(rival, case, ground, ends, peaks)
        found = duel(mine, theirs, ground.seconds)
    peak = max([*peaks, *(run.peak for run in found.theirs)])
    return Row(rival, found, peak, None if ground.quick else case.targets.get(rival))


def entered(name: str, case: Case, ground: Ground, ends: ExitStack, peaks: list[int]) -> Turn:
    """A contestant made ready: installed, its bytecode and files warm."""
    who = CONTESTANTS[name]
    variables = contestants.surroundings(who)
    reference = ground.file(case.reference)
    windows = [ground.file(w) for w in ((who.window,) if who.window else case.windows)]
    if who.script:
        warm = [ground.file("warm-ref.parquet"), ground.file("warm-cur.parquet")]
        whole([*contestants.script(who, ground.cache), *warm], variables)
    if case.served:
        server = Server([*contestants.script(who, ground.cache), "--serve", reference, *windows], variables)
        ends.callback(lambda: peaks.append(server.close()))
        return server
    command = ground.command(who, reference, windows[0])
    if not who.script:
        whole(command, variables)
    return partial(whole, command, variables)


def checked(name: str, runs: list[Run], expected: int) -> None:
    """Stop when a contestant did not judge every column: its time would mean nothing."""
    if {run.columns for run in runs} != {expected}:
        sys.exit(f"{name} judged {sorted({run.columns for run in runs})} columns, not {expected}")


def section(outcome: Outcome, command: str) -> str:
    """A case as Markdown."""
    case = outcome.case
    lines = [f"## {outcome.name}", "", case.story, ""]
    if outcome.rows:
        lines += [
            "| beside undrift | CPU ÷ undrift's | target | CPU s | undrift's CPU s | peak MiB | turns |",
            "|---|--:|--:|--:|--:|--:|--:|",
            *map(line, outcome.rows),
            "",
        ]
    seconds, wall = middle(outcome.ours), sorted(run.wall for run in outcome.ours)[len(outcome.ours) // 2]
    lines += [
        f"{CONTESTANTS[case.ours].label}: {seconds:.2f} CPU s, {wall:.2f} s by the clock,"
        f" peak {outcome.peak / MIB:.0f} MiB."
        + "".join(f" {text}: {'met' if ok else 'missed'}." for text, ok in outcome.bounds),
        "",
        f"`{command}`, {datetime.now(UTC):%Y-%m-%d}, {os.cpu_count()} cores; "
        + ", ".join(outcome.versions)
        + ".",
    ]
    return "\n".join(lines) + "\n"


def line(row: Row) -> str:
    """A rival as a line of a Markdown table."""
    target = "" if row.target is None else f"≥ {number(row.target)}{'' if row.met else ', missed'}"
    cells = (
        CONTESTANTS[row.name].label,
        f"{number(row.duel.ratio)}",
        target,
        f"{middle(row.duel.theirs):.2f}",
        f"{middle(row.duel.ours):.2f}",
        f"{row.peak / MIB:.0f}",
        f"{len(row.duel.theirs)}",
    )
    return f"| {' | '.join(cells)} |"


def number(ratio: float) -> str:
    """Three digits at most.

    >>> number(0.625), number(12.34), number(212.6)
    ('0.62', '12.3', '213')
    """
    return f"{ratio:.2f}" if ratio < 10 else f"{ratio:.1f}" if ratio < 100 else f"{ratio:.0f}"


INTRODUCTION = """# Benchmarks

What `undrift compare` costs beside other ways to look for drift in the same rows. The numbers to read
are ratios of CPU time (user and system, all threads): two contestants run in turns on the same machine,
A B A B (undrift three times a turn where the rival takes ten times as long), and the medians are divided.
They hold for the data, versions and machine they were measured with, and for nothing else.

The data are made up from fixed seeds (`benchmarks/streams.py`): numbers of several shapes with 2 to 5 %
nulls, some rounded, and labels; a few columns have moved. Every contestant must give a finite value for
every column. undrift is given a profile of the reference, made beforehand by `undrift profile`; peers
read and prepare the reference rows within their time, because that is how they are run, and where a
peer can keep a prepared reference it also takes part as "beforehand". "Reference read as rows"
shows undrift without that help. In `memory` every reference is prepared before the clock starts.

The contestants do not compute the same thing: exact or approximate, tests or distances, all rows or a
sample. Each is used as its documentation says, with its defaults and without telemetry; how, stands in
`benchmarks/peers/`. They are pinned in `benchmarks/contestants.py` and each lives in its own
environment with compiled bytecode. Where a peer cannot take nulls or labels, they are prepared for it;
in `memory` outside its time.
"""


def publish(sections: dict[str, str]) -> None:
    """Put the measured sections into the document; the others stay."""
    old = DOC.read_text() if DOC.exists() else ""
    kept = {m[1]: m[0] for m in re.finditer(r"^## (\w+)\n.*?(?=^## |\Z)", old, re.MULTILINE | re.DOTALL)}
    both = {name: text.rstrip() for name, text in (kept | sections).items()}
    DOC.write_text("\n\n".join([INTRODUCTION.rstrip(), *(both[n] for n in CASES if n in both)]) + "\n")


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("cases", nargs="*", metavar="CASE", help=f"one of {', '.join(CASES)}; all if none")
    parser.add_argument("--peers", help="only these rivals, separated by commas; writes no document")
    parser.add_argument("--quick", action="store_true", help="a twentieth of the rows, to see that it runs")
    parser.add_argument(
        "--seconds",
        type=float,
        default=SECONDS,
        help=f"how long one rival is measured ({SECONDS:.0f}); a slow one gets its two turns all the same",
    )
    parser.add_argument("--cache", type=Path, default=CACHE, help="folder for environments and data")
    parser.add_argument("--undrift", help="another undrift command to measure")
    given = parser.parse_args()
    if unknown := set(given.cases) - set(CASES):
        parser.error(f"no such case: {', '.join(sorted(unknown))}")
    return given


def main() -> int:
    given = arguments()
    command = " ".join(["uv run python benchmarks/compare.py", *sys.argv[1:]])
    sections, met = {}, True
    with tempfile.TemporaryDirectory(prefix="undrift-benchmark-") as work:
        ground = Ground(
            given.cache, Path(work), contestants.undrift(given.undrift), given.quick, given.seconds
        )
        for name in given.cases or CASES:
            wanted = given.peers.split(",") if given.peers is not None else CASES[name].rivals
            outcome = race(name, tuple(r for r in CASES[name].rivals if r in wanted), ground)
            sections[name] = section(outcome, command)
            met &= outcome.met
            print(sections[name], flush=True)
    if given.quick:
        return 0
    if given.peers is None and not given.undrift:
        publish(sections)
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())
