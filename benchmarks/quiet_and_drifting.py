"""Who alarms on real streams: on quiet stretches, at documented changes, and where seasons turn.

    uv run python benchmarks/quiet_and_drifting.py                 all; rewrites its part of the document
    uv run python benchmarks/quiet_and_drifting.py --only elec2    some streams; writes nothing
    uv run python benchmarks/quiet_and_drifting.py --peers evidently,nannyml    some contestants; the same

Every stretch of a stream (`stretches.py`) is cut into windows, some of which are the reference; every
contestant is asked which features alarm in each of the others. The streams are found in the folder that
UNDRIFT_STREAMS names, or in `shared/data` beside the checkout. Peers run in environments of their own below
~/.cache/undrift-benchmarks (--cache), where their answers are kept until anything they depend on changes.
"""

import argparse
import hashlib
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from platform import python_version
from time import perf_counter

import contestants
import numpy as np
import pandas as pd
from contestants import HERE, Contestant
from scipy.stats import beta, chi2_contingency, ks_2samp
from stretches import ROOT, STRETCHES, Material, Stretch, material

import undrift as ud

DOC = ROOT / "docs" / "false_alarms.md"
BEGIN, END = "<!-- streams:begin -->", "<!-- streams:end -->"
CACHE = Path("~/.cache/undrift-benchmarks").expanduser()
ALARM_RATE = 0.01
SIGNIFICANT = 0.05
PSI_LIMIT = 0.2
PSI_FILL = 1e-4
"""The share that empty bins are given, as is the custom where PSI is used with a fixed limit."""

Alarms = list[list[str]]
"""For every window, the features that alarm."""


@dataclass(frozen=True)
class Voice:
    """A contestant: its heading, what it does, and the environment it lives in."""

    label: str
    judge: Callable[[Material, Path], Alarms]
    home: str = ""


def undrift_drift(given: Material, _: Path) -> Alarms:
    """Features with the verdict "drift"."""
    return [[name for name, verdict, _ in window if verdict == "drift"] for window in undrift(given)]


def undrift_significant(given: Material, _: Path) -> Alarms:
    """Features in the false-discovery set, however small the effect."""
    return [[name for name, _, found in window if found] for window in undrift(given)]


def undrift_insufficient(given: Material) -> int:
    """How many features were not judged, over all windows."""
    return sum(verdict == "insufficient" for window in undrift(given) for _, verdict, _ in window)


Judged = list[tuple[str, str, bool]]
_judged: dict[str, list[Judged]] = {}


def undrift(given: Material) -> list[Judged]:
    """For every window, each feature's name, its verdict and whether it is significant."""
    title = given.stretch.title
    if title not in _judged:
        known = ud.profile(given.reference, time=given.time, target=given.target, window=given.length)
        _judged[title] = [judged(known, window) for window in given.windows]
    return _judged[title]


def judged(known: ud.TableProfile, window: pd.DataFrame) -> Judged:
    """What undrift says of a window."""
    features = ud.compare(known, window, alarm_rate=ALARM_RATE).features
    return [(name, found.verdict, found.significant) for name, found in features.items()]


def tests(given: Material, _: Path) -> Alarms:
    """Two-sample KS for numbers and chi-square for labels, each at 5 %, uncorrected."""
    return each(given, lambda old, new: ks(old, new) < SIGNIFICANT, lambda o, n: chi2(o, n) < SIGNIFICANT)


def psi(given: Material, _: Path) -> Alarms:
    """PSI above .2 over the reference's deciles, or over labels."""
    return each(given, lambda old, new: deciles(old, new) > PSI_LIMIT, lambda o, n: labels(o, n) > PSI_LIMIT)


Rule = Callable[[pd.Series, pd.Series], bool]


def each(given: Material, numbers: Rule, categories: Rule) -> Alarms:
    """Ask a rule for numbers and a rule for labels about every feature of every window."""
    rules = {name: categories if name in given.categorical else numbers for name in given.features}
    return [
        [name for name, rule in rules.items() if rule(given.reference[name], window[name])]
        for window in given.windows
    ]


def ks(old: pd.Series, new: pd.Series) -> float:
    """The p-value of a KS test; nulls are left out."""
    old, new = old.dropna(), new.dropna()
    return ks_2samp(old, new).pvalue if len(old) and len(new) else 1.0


def chi2(old: pd.Series, new: pd.Series) -> float:
    """The p-value of a chi-square test; a null is a label."""
    counts = table(old, new)
    return chi2_contingency(counts, correction=False).pvalue if counts.shape[1] > 1 else 1.0


def table(old: pd.Series, new: pd.Series) -> np.ndarray:
    """How often each label occurs in either."""
    both = pd.concat([old.astype(object), new.astype(object)])
    codes = pd.factorize(both, use_na_sentinel=False)[0]
    width = codes.max() + 1
    return np.array([np.bincount(part, minlength=width) for part in np.split(codes, [len(old)])])


def labels(old: pd.Series, new: pd.Series) -> float:
    """PSI over labels."""
    return index(*table(old, new))


def deciles(old: pd.Series, new: pd.Series) -> float:
    """PSI over the reference's deciles; nulls are left out."""
    old, new = old.dropna().to_numpy(), new.dropna().to_numpy()
    if not len(old) or not len(new):
        return 0.0
    edges = np.unique(np.quantile(old, np.arange(0.1, 1, 0.1)))
    counted = [
        np.bincount(np.searchsorted(edges, x, side="left"), minlength=len(edges) + 1) for x in (old, new)
    ]
    return index(*counted)


def index(old: np.ndarray, new: np.ndarray) -> float:
    """The population stability index of two rows of counts.

    >>> round(index(np.array([50, 50]), np.array([75, 25])), 4)
    0.2747
    """
    p, q = (np.maximum(counts / counts.sum(), PSI_FILL) for counts in (old, new))
    return float(((p - q) * np.log(p / q)).sum())


def peer(name: str) -> Callable[[Material, Path], Alarms]:
    """A contestant with a script; its answers are kept in the cache."""

    def judge(given: Material, cache_folder: Path) -> Alarms:
        who = Contestant(name, f"alarms_{name}.py", name)
        kept = cache_folder / "alarms" / f"{fingerprint(who, given)}.json"
        if not kept.exists():
            answer = asked(who, given, cache_folder)
            kept.parent.mkdir(parents=True, exist_ok=True)
            kept.write_text(json.dumps(answer))
        return json.loads(kept.read_text())

    return judge


def fingerprint(who: Contestant, given: Material) -> str:
    """What a peer's answer depends on: its rows, its script, its versions."""
    scripts = [(HERE / "peers" / name).read_text() for name in ("_alarms.py", who.script)]
    found = hashlib.sha256(repr((contestants.PINS[who.home], scripts)).encode())
    for frame in (given.reference, *given.windows):
        found.update(pd.util.hash_pandas_object(frame, index=False).to_numpy().tobytes())
        found.update(repr((len(frame), list(frame.columns))).encode())
    return found.hexdigest()[:16]


def asked(who: Contestant, given: Material, cache_folder: Path) -> Alarms:
    """Let a peer's script judge every window."""
    with tempfile.TemporaryDirectory(prefix="undrift-benchmark-") as work:
        plan = Path(work) / "plan.json"
        plan.write_text(json.dumps(written(given, Path(work))))
        command = [*contestants.script(who, cache_folder), str(plan)]
        done = subprocess.run(
            command, env=contestants.surroundings(who), capture_output=True, text=True, check=False
        )
    if done.returncode:
        sys.exit(f"{who.label} ended with {done.returncode}:\n{done.stderr[-2000:]}")
    return json.loads(done.stdout.splitlines()[-1])


def written(given: Material, work: Path) -> dict:
    """The plan of a peer, its files written."""

    def file(name: str, frame: pd.DataFrame) -> str:
        frame[given.features].to_parquet(work / name)
        return str(work / name)

    return {
        "reference": file("reference.parquet", given.reference),
        "windows": [file(f"{i}.parquet", window) for i, window in enumerate(given.windows)],
        "categorical": given.categorical,
        "rows": given.usual,
    }


VOICES = {
    "undrift": Voice("undrift", undrift_drift),
    "undrift-any": Voice("undrift, threshold 0", undrift_significant),
    "tests": Voice("KS, chi² p < .05", tests),
    "psi": Voice("PSI > .2", psi),
    "evidently": Voice("Evidently", peer("evidently"), "evidently"),
    "nannyml": Voice("NannyML", peer("nannyml"), "nannyml"),
}


@dataclass(frozen=True)
class Found:
    """What every contestant said about a stretch."""

    given: Material
    said: dict[str, Alarms] = field(default_factory=dict)

    def windows(self, who: str, which: Sequence[int]) -> int:
        """In how many windows something alarmed."""
        return sum(bool(self.said[who][i]) for i in which)

    def features(self, who: str, which: Sequence[int]) -> int:
        """How many features alarmed, over windows."""
        return sum(len(self.said[who][i]) for i in which)

    def hits(self, who: str) -> list[bool]:
        """Whether a feature that changed alarmed, in every window since the change."""
        changed = set(self.given.stretch.changed)
        return [bool(changed & set(self.said[who][i])) for i in self.given.after]


def measure(stretch: Stretch, voices: Sequence[str], cache_folder: Path) -> Found:
    """Ask everybody about a stretch."""
    given = material(stretch)
    found = Found(given)
    for name in voices:
        start = perf_counter()
        found.said[name] = VOICES[name].judge(given, cache_folder)
        share = found.windows(name, range(len(given.windows))) / len(given.windows)
        progress(f"{stretch.title}: {name} {share:.3f}, {perf_counter() - start:.1f} s")
    return found


def progress(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def share(count: int, total: int) -> str:
    """A share, in percent with the digits it can bear.

    >>> share(0, 51), share(1, 183), share(30, 60), share(3, 25_000)
    ('0', '0.5 %', '50 %', '0.01 %')
    """
    percent = 100 * count / total
    return "0" if not count else f"{percent:.0f} %" if percent >= 9.5 else f"{percent:.1g} %"


def sheet(corner: str, rows: Iterator[list[str]], voices: Sequence[str], sizes: Sequence[str]) -> list[str]:
    """A Markdown table with a column per contestant."""
    heads = [corner, *sizes, *(VOICES[name].label for name in voices)]
    marks = ["---", *("--:" for _ in heads[1:])]
    return [line(heads), f"|{'|'.join(marks)}|", *map(line, rows), ""]


def line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def quiet(results: list[Found], voices: Sequence[str]) -> Iterator[str]:
    """The section of controls."""
    controls = [found for found in results if found.given.stretch.quiet]
    if not controls:
        return
    yield from (QUIET, "")
    yield from sheet("windows in which any feature alarms", per_window(controls, voices), voices, SIZES)
    heading = "features that alarm, over features and windows"
    yield from sheet(heading, per_feature(controls, voices), voices, ("features",))


SIZES = ("windows", "rows in each")


def per_window(controls: list[Found], voices: Sequence[str]) -> Iterator[list[str]]:
    """The rates per window: a row for every control, and two for all of them."""
    for f in controls:
        total = len(f.given.before)
        cells = (share(f.windows(who, f.given.before), total) for who in voices)
        yield [plain(f), f"{total}", f"{f.given.usual:,}", *cells]
    total = sum(len(f.given.before) for f in controls)
    counts = [sum(f.windows(who, f.given.before) for f in controls) for who in voices]
    yield ["**all**", f"{total}", "", *(share(count, total) for count in counts)]
    yield ["95 % interval, as if windows were independent", "", "", *(interval(n, total) for n in counts)]


def per_feature(controls: list[Found], voices: Sequence[str]) -> Iterator[list[str]]:
    """The rates per feature and window: a row for every control, and one for all of them."""
    for f in controls:
        width = len(f.given.features)
        cells = (share(f.features(who, f.given.before), width * len(f.given.before)) for who in voices)
        yield [plain(f), f"{width}", *cells]
    total = sum(len(f.given.features) * len(f.given.before) for f in controls)
    counts = [sum(f.features(who, f.given.before) for f in controls) for who in voices]
    yield ["**all**", "", *(share(count, total) for count in counts)]


def plain(found: Found) -> str:
    """The title of a stretch as a control: what comes before its change."""
    stretch = found.given.stretch
    if stretch.change is None:
        return stretch.title
    name, size, *_ = stretch.title.split(", ")
    return f"{name}, {size}, before row {stretch.change:,}"


def interval(count: int, total: int) -> str:
    """Clopper and Pearson's interval, as if windows were independent.

    >>> interval(0, 100)
    '0–3.6 %'
    """
    low = beta.ppf(0.025, count, total - count + 1) if count else 0.0
    high = beta.ppf(0.975, count + 1, total - count) if count < total else 1.0
    return f"{100 * low:.2g}–{100 * high:.2g} %"


def drifting(results: list[Found], voices: Sequence[str]) -> Iterator[str]:
    """The section of documented changes."""
    events = [found for found in results if found.given.since is not None]
    if not events:
        return
    yield from (DRIFTING, "")
    rows = (
        [f.given.stretch.title, changed(f), f"{len(f.given.after)}", *(delay(f.hits(who)) for who in voices)]
        for f in events
    )
    yield from sheet("windows until the first alarm", rows, voices, ("features that change", "windows since"))
    rows = (
        [
            plain(f),
            f"{len(f.given.before)}",
            *(share(f.windows(w, f.given.before), len(f.given.before)) for w in voices),
        ]
        for f in events
    )
    yield from sheet("false alarms before", rows, voices, ("windows",))


def changed(found: Found) -> str:
    """The features that change, in a cell."""
    names = found.given.stretch.changed
    return "all seven" if len(names) == 7 else ", ".join(f"`{name}`" for name in names)


def delay(hits: list[bool]) -> str:
    """How many windows passed before the first alarm, and the share of windows that alarm.

    >>> delay([False, True, True, True]), delay([False])
    ('1 (75 %)', 'never')
    """
    return f"{hits.index(True)} ({share(sum(hits), len(hits))})" if any(hits) else "never"


def turning(results: list[Found], voices: Sequence[str]) -> Iterator[str]:
    """The section of streams that move without a documented point."""
    moving = [f for f in results if not f.given.stretch.quiet and f.given.since is None]
    if not moving:
        return
    yield from (TURNING, "")
    rows = (
        [
            f.given.stretch.title,
            f"{len(f.given.windows)}",
            *(share(f.windows(who, f.given.before), len(f.given.windows)) for who in voices),
        ]
        for f in moving
    )
    yield from sheet("windows in which any feature alarms", rows, voices, ("windows",))


QUIET = """### Quiet

Nothing happens here, so every alarm is false; undrift was asked for one in a hundred windows. In the
shuffled streams and in the synthetic ones the reference is the first half and the windows are the second.
Real streams have seasons, and half a year does not know the other half: of those, half of the windows,
*dealt* at random, are the reference and the other half are judged. Both have the same seasons, weather and
years, and windows differ from each other as much as windows of that stream do. With "features balanced"
the rows of `syn_stagger_recurring` are drawn so that every combination of features is equally frequent in
each concept: only what they mean changes, three times. Features cannot show that; nobody is to alarm, and
only labels will tell."""

DRIFTING = """### Drifting

The reference is the first half of what comes before the documented change. A delay of 0 means that the
first window with changed rows alarms on a feature that really changes; in brackets, the share of the windows
since then that do. A rule that always alarms has no delay either, hence the second table. Before its
change `elec2` goes from winter to summer, which its reference of 25 weeks has not seen: not every alarm there
is false. The concepts of `syn_stagger_recurring` move the features as well, because each was drawn with as
many rows of either class: the first label of `x1` has 62, 33, 50 and again 62 % of the rows. NannyML gives a
column that was constant a single bin of width one, in which the columns of `elec2` stay."""

TURNING = """### Turning

Real streams judged in the order of time against their beginning. They move with the season and the years,
but nobody knows from when on an alarm is right: read these as how often somebody would be called."""

INTRODUCTION = """The streams that `UNDRIFT_STREAMS` names, cut into windows; everybody gets the same
reference and the same windows, features only. undrift takes the time column as well and has its default
settings. KS (numbers) and chi-square (labels) are uncorrected; PSI has the reference's deciles, with .0001
for an empty bin. Evidently: the columns that fail in `DataDriftPreset`. NannyML: alerts of
`UnivariateDriftCalculator`, fitted on chunks as large as the windows. Both have their defaults; how they are
called stands in `benchmarks/peers/`."""


def document(results: list[Found], voices: Sequence[str], command: str) -> str:
    """Everything between the markers."""
    parts = [
        "## On real streams",
        "",
        INTRODUCTION,
        "",
        *quiet(results, voices),
        *drifting(results, voices),
        *turning(results, voices),
    ]
    if "undrift" in voices:
        parts += [silence(results), ""]
    parts.append(f"`{command}`, {datetime.now(UTC):%Y-%m-%d}; {', '.join(versions(voices))}.")
    return "\n".join(parts)


def silence(results: list[Found]) -> str:
    """How often undrift did not judge."""
    mute = sum(undrift_insufficient(found.given) for found in results)
    total = sum(len(window) for found in results for window in undrift(found.given))
    return f"undrift called {mute:,} of {total:,} features in windows insufficient; they count as no alarm."


def versions(voices: Sequence[str]) -> list[str]:
    """Versions of everything that took part."""
    found = [f"Python {python_version()}"]
    found += [f"{name} {version(name)}" for name in ("undrift", "numpy", "pandas", "scipy")]
    return found + [contestants.release(VOICES[name].home) for name in voices if VOICES[name].home]


def publish(text: str) -> None:
    """Put the tables between their markers; everything else in the document stays."""
    old = DOC.read_text() if DOC.exists() else "# False alarms\n"
    if BEGIN not in old:
        old = f"{old.rstrip()}\n\n{BEGIN}\n{END}\n"
    head, rest = old.split(BEGIN, 1)
    DOC.write_text(f"{head}{BEGIN}\n{text}\n{END}{rest.split(END, 1)[1]}")


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", metavar="STREAM", help="only these streams, separated by commas")
    parser.add_argument("--peers", help=f"only these of {','.join(VOICES)}; writes no document")
    parser.add_argument("--cache", type=Path, default=CACHE, help="folder for environments and answers")
    given = parser.parse_args()
    for names, known in ((given.only, {s.stream for s in STRETCHES}), (given.peers, set(VOICES))):
        if unknown := set(names.split(",") if names else ()) - known:
            parser.error(f"not known: {', '.join(sorted(unknown))}; there are {', '.join(sorted(known))}")
    return given


def main() -> int:
    given = arguments()
    chosen = [f" --{name} {getattr(given, name)}" for name in ("only", "peers") if getattr(given, name)]
    command = "".join(["uv run python benchmarks/quiet_and_drifting.py", *chosen])
    voices = tuple(name for name in VOICES if not given.peers or name in given.peers.split(","))
    wanted = [s for s in STRETCHES if not given.only or s.stream in given.only.split(",")]
    text = document([measure(stretch, voices, given.cache) for stretch in wanted], voices, command)
    print(text)
    if not given.only and not given.peers:
        publish(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
