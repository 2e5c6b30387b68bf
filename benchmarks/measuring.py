"""CPU seconds, wall seconds and peak memory of other processes, measured in turns.

Imports nothing but the standard library: a child's peak memory would otherwise begin at ours.
"""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median
from time import perf_counter

TURNS = 7
FEWEST_TURNS = 2
TURNS_BESIDE_SLOW = 3
SLOW = 10
DRIFT = 3
"""The exit code with which undrift says that there is drift."""


@dataclass(frozen=True)
class Run:
    """One measurement: CPU and wall seconds, peak bytes, how many columns were really judged."""

    cpu: float
    wall: float
    columns: int
    peak: int = 0


Turn = Callable[[], Run]


def whole(command: list[str], variables: dict[str, str]) -> Run:
    """Run a process to its end: user and system time of all its threads and children."""
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
        start = perf_counter()
        child = subprocess.Popen(command, stdout=out, stderr=err, env=variables)
        usage = _wait(child)
        wall = perf_counter() - start
        out.seek(0), err.seek(0)
        if child.returncode not in {0, DRIFT}:
            sys.exit(f"{' '.join(command)} ended with {child.returncode}:\n{err.read()[-2000:]}")
        columns = _judged(out.read())
    return Run(usage.ru_utime + usage.ru_stime, wall, columns, usage.ru_maxrss * 1024)


def _wait(child: subprocess.Popen):
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    return usage


def _judged(text: str) -> int:
    """The number of columns in a contestant's line, or in what ``undrift compare --json`` says."""
    if not text.strip().startswith("{"):
        return 0
    said = json.loads(text)
    return said.get("columns", len(said.get("features", ())))


class Server:
    """A contestant that holds its tables in memory and judges a window on demand."""

    def __init__(self, command: list[str], variables: dict[str, str]) -> None:
        pipe = subprocess.PIPE
        self.errors = tempfile.TemporaryFile("w+")  # noqa: SIM115 - lives as long as the child
        self.child = subprocess.Popen(
            command, stdin=pipe, stdout=pipe, stderr=self.errors, text=True, env=variables
        )
        self._answer()

    def __call__(self) -> Run:
        self.child.stdin.write("next\n")
        self.child.stdin.flush()
        return Run(**self._answer())

    def _answer(self) -> dict:
        line = self.child.stdout.readline()
        if not line:
            self.errors.seek(0)
            sys.exit(f"{' '.join(self.child.args)} stopped:\n{self.errors.read()[-2000:]}")
        return json.loads(line)

    def close(self) -> int:
        """End it; its peak memory in bytes."""
        self.child.stdin.close()
        return _wait(self.child).ru_maxrss * 1024


@dataclass(frozen=True)
class Duel:
    """Runs of undrift and of a rival, taken in turns."""

    ours: list[Run]
    theirs: list[Run]

    @property
    def ratio(self) -> float:
        """The rival's median CPU time over undrift's."""
        return middle(self.theirs) / middle(self.ours)


def middle(runs: list[Run]) -> float:
    """The median of the CPU seconds."""
    return median(run.cpu for run in runs)


def duel(ours: Turn, theirs: Turn, seconds: float) -> Duel:
    """A B A B ... for some seconds, B at least twice and not more often than is of use.

    Beside a slow rival undrift takes several turns to its one: two of ours would be a thin median.
    """
    found = Duel([ours()], [theirs()])
    slow = found.theirs[0].wall > SLOW * found.ours[0].wall
    start = perf_counter() - found.theirs[0].wall - found.ours[0].wall
    while len(found.theirs) < FEWEST_TURNS or (
        len(found.theirs) < TURNS and perf_counter() - start < seconds
    ):
        found.ours.extend(ours() for _ in range(TURNS_BESIDE_SLOW if slow else 1))
        found.theirs.append(theirs())
    return found
