"""Does retraining pay? Plays streams under undrift's policies and under those it is held against.

Usage: python benchmarks/replay.py --streams DIR --out DIR [--rho 1] [--learner boosting|linear|forest]

Every Parquet file of the folder whose first column is a time (a timestamp, an integer or a row number) and
whose last one is the target is a stream: strings, booleans or at most 20 distinct integers are classes. Its
newest 47 x n rows make 47 windows, of which the first 7 are history; labels come one window late. Of more
than 24,000 rows every n-th is taken. OUT receives the predictions of all models, so that a second run is
quick, summary.json, the tables of docs/replay.md and two pictures. Settings are chosen on the other
streams, never in hindsight.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
from replaying import families, pictures, rivals
from replaying.bank import LEARNERS, Bank
from replaying.prices import Prices, at_rho, at_share
from replaying.streams import PLAYED, Stream, UnplayableError, read
from replaying.world import Played, play

CALENDARS = (2, 3, 4, 5, 6, 8, 10, 13, 20)
RHOS = (0.25, 1.0, 4.0)
SHARES = (0.001, 0.01, 0.05)
DRAWS, LEVEL = 2_000, 0.9
COLUMNS = (
    "recovered",
    "minus calendar",
    "mean loss / never",
    "worst stream",
    "trainings",
    "promoted / wrong",
)


@dataclass
class Run:
    """What one policy did on one stream."""

    losses: list[float]
    retrainings: int
    promotions: int
    wrong: int | None


@dataclass
class Result:
    """Everything that was played on one stream, and its yardsticks at every price."""

    name: str
    runs: dict[str, dict[str, Run]] = field(default_factory=dict)
    """By family ("calendar", "mixture", ...), by setting."""
    prices: dict[str, Prices] = field(default_factory=dict)
    seconds: float = 0.0
    missing: dict[str, str] = field(default_factory=dict)


def played(path: Path, cache: Path, learner: str, rhos: tuple[float, ...]) -> Result | str:
    """Play one stream under everything; a reason where it cannot be played."""
    began = time.monotonic()
    try:
        stream = read(path)
        return _played(stream, cache, learner, rhos, began)
    except UnplayableError as reason:
        return str(reason)
    except Exception as error:  # noqa: BLE001 - a stream that cannot be played must not stop the others
        return f"{type(error).__name__}: {error}".splitlines()[0][:300]


def _played(stream: Stream, cache: Path, learner: str, rhos: tuple[float, ...], began: float) -> Result:
    bank = Bank(stream, learner, cache)
    bank.fill()
    found = Result(stream.name)
    found.prices = {f"rho {rho:g}": at_rho(bank, rho) for rho in rhos}
    found.prices |= {f"{share:.1%} of never": at_share(bank, share) for share in SHARES}
    shipped = play(bank, families.shipped(), wrong=True)
    runs: dict[str, dict[str, Played]] = {
        "never": {"": rivals.never(bank)},
        "always": {"": rivals.calendar(bank, 1)},
        "calendar": {f"every {k}": rivals.calendar(bank, k) for k in CALENDARS},
        "random": {"": _mean([rivals.by_chance(bank, shipped.retrainings, seed) for seed in range(20)])},
        "shipped": {"": shipped},
        "single": {name: play(bank, make()) for name, make in families.singles().items()},
        "mixture": {name: play(bank, make()) for name, make in families.mixtures().items()},
    }
    for name, rival in rivals.RIVALS.items():
        try:
            runs[name] = {"": rival(bank)}
        except ImportError as error:
            found.missing[name] = f"{error.name} is not installed"
    judged = {"single", "mixture"}
    found.runs = {
        family: {setting: _run(one, None if family in judged else one.wrong) for setting, one in some.items()}
        for family, some in runs.items()
    }
    found.seconds = time.monotonic() - began
    return found


def _mean(some: list[Played]) -> Played:
    """The mean of several runs with as many trainings each."""
    losses = np.mean([one.losses for one in some], axis=0)
    wrong = round(float(np.mean([one.wrong for one in some])))
    return Played(losses, some[0].retrainings, some[0].promotions, wrong)


def _run(one: Played, wrong: int | None) -> Run:
    return Run(one.losses.tolist(), one.retrainings, one.promotions, wrong)


def recovered(result: Result, run: Run, price: str) -> float:
    return result.prices[price].recovered(np.array(run.losses), run.retrainings)


def chosen(results: Mapping[str, Result], name: str, family: str, price: str) -> str:
    """The setting that recovers most on the other streams that count; the first one where there is none."""
    others = [r for other, r in results.items() if other != name and r.prices[price].counts]
    settings = [*results[name].runs[family]]
    if not others:
        return settings[0]
    return max(settings, key=lambda s: np.mean([recovered(r, r.runs[family][s], price) for r in others]))


def policies(results: Mapping[str, Result], price: str) -> dict[str, dict[str, tuple[str, Run]]]:
    """By policy and stream: the setting that was chosen on the other streams, and its run."""
    names = [f for f in next(iter(results.values())).runs if all(f in r.runs for r in results.values())]
    found = {
        family: {
            name: (setting := chosen(results, name, family, price), result.runs[family][setting])
            for name, result in results.items()
        }
        for family in names
    }
    found["calendar, no more trainings"] = {
        name: _no_more(results, name, found["shipped"], price) for name in results
    }
    return found


def _no_more(
    results: Mapping[str, Result], name: str, shipped: Mapping[str, tuple[str, Run]], price: str
) -> tuple[str, Run]:
    """Of the calendars that train no more often than what is shipped does, the best on the other streams."""
    most = shipped[name][1].retrainings
    fitting = [s for s, run in results[name].runs["calendar"].items() if run.retrainings <= most]
    others = [r for other, r in results.items() if other != name and r.prices[price].counts]
    others = others or [results[name]]
    best = max(
        fitting or ["every 20"],
        key=lambda s: np.mean([recovered(r, r.runs["calendar"][s], price) for r in others]),
    )
    return best, results[name].runs["calendar"][best]


def wrong_promotions(
    paths: Mapping[str, Path],
    cache: Path,
    learner: str,
    found: Mapping[str, Mapping[str, tuple[str, Run]]],
) -> None:
    """Count the wrong promotions of the settings that were chosen; it takes a run for each promotion."""
    makes = {"single": families.singles(), "mixture": families.mixtures()}
    for name, path in paths.items():
        bank = Bank(read(path), learner, cache)
        for family, some in makes.items():
            setting, run = found[family][name]
            if run.wrong is None:
                run.wrong = play(bank, some[setting](), wrong=True).wrong


def summary(
    results: Mapping[str, Result],
    skipped: Mapping[str, str],
    found: Mapping[str, Mapping[str, tuple[str, Run]]],
    price: str,
) -> dict[str, Any]:
    """What summary.json holds."""
    counted = [name for name, result in results.items() if result.prices[price].counts]
    streams = {
        name: {
            policy: {
                "loss": float(np.mean(run.losses)),
                "retrainings": run.retrainings,
                "promotions": run.promotions,
                "wrong": run.wrong,
                "recovered": recovered(result, run, price),
                "setting": setting,
            }
            for policy, by_stream in found.items()
            for setting, run in [by_stream[name]]
        }
        for name, result in results.items()
    }
    means = {
        policy: float(np.mean([streams[name][policy]["recovered"] for name in counted])) if counted else None
        for policy in found
    }
    return {
        "streams": streams,
        "skipped": dict(skipped),
        "mean_recovered": means,
        "counted": counted,
        "price": price,
        "intervals": {policy: _bootstrap(streams, counted, policy) for policy in found},
        "minus_calendar": {policy: _bootstrap(streams, counted, policy, "calendar") for policy in found},
    }


def _bootstrap(
    streams: Mapping[str, Any], counted: list[str], policy: str, minus: str | None = None
) -> list[float] | None:
    """A 90 % interval of the mean over streams."""
    if len(counted) < 2:
        return None
    values = np.array([streams[name][policy]["recovered"] for name in counted])
    if minus is not None:
        values = values - np.array([streams[name][minus]["recovered"] for name in counted])
    drawn = np.random.default_rng(0).choice(values, (DRAWS, len(values))).mean(axis=1)
    return [float(q) for q in np.quantile(drawn, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])]


def tables(
    results: Mapping[str, Result],
    found: Mapping[str, Mapping[str, tuple[str, Run]]],
    said: Mapping[str, Any],
    price: str,
) -> str:
    """The tables of docs/replay.md."""
    return "\n\n".join(
        [_main_table(results, found, said), _stream_table(results, found, said), _price_table(results, price)]
    )


def _main_table(results: Mapping[str, Result], found: Any, said: Mapping[str, Any]) -> str:
    rows = [
        f"| policy | {' | '.join(COLUMNS)} |",
        "|---|" + "--:|" * len(COLUMNS),
    ]
    for policy, by_stream in found.items():
        ratio = [sum(by_stream[n][1].losses) / sum(found["never"][n][1].losses) for n in results]
        runs = [by_stream[n][1] for n in results]
        rows.append(
            f"| {policy} | {_with(said['mean_recovered'][policy], said['intervals'][policy])} "
            f"| {_with(_minus(said, policy), said['minus_calendar'][policy])} | {np.mean(ratio):.3f} "
            f"| {max(ratio):.3f} | {np.mean([r.retrainings for r in runs]):.1f} "
            f"| {sum(r.promotions for r in runs)} / {sum(r.wrong or 0 for r in runs)} |"
        )
    return "\n".join(rows)


def _minus(said: Mapping[str, Any], policy: str) -> float | None:
    mine, theirs = said["mean_recovered"][policy], said["mean_recovered"]["calendar"]
    return None if mine is None else mine - theirs


def _with(value: float | None, interval: list[float] | None) -> str:
    if value is None:
        return "–"
    return f"{value:+.2f}" + (f" [{interval[0]:+.2f}, {interval[1]:+.2f}]" if interval else "")


def _stream_table(results: Mapping[str, Result], found: Any, said: Mapping[str, Any]) -> str:
    shown = [p for p in ("calendar", "always", "single", "mixture", "shipped") if p in found]
    head = " | ".join(f"{p}: loss / never, trainings" for p in shown)
    rows = [f"| stream | {head} |", "|---|" + "--:|" * len(shown)]
    for name in results:
        never = sum(found["never"][name][1].losses)
        cells = []
        for policy in shown:
            run = found[policy][name][1]
            share = said["streams"][name][policy]["recovered"]
            counted = f" {share:+.2f}" if name in said["counted"] else ""
            cells.append(f"{sum(run.losses) / never:.3f}, {run.retrainings}{counted}")
        rows.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(rows)


def _price_table(results: Mapping[str, Result], price: str) -> str:
    """Mean recovered at every price; settings chosen at that price."""
    every = [*next(iter(results.values())).prices]
    by_price = {one: policies(results, one) for one in every}
    names = [*by_price[price]]
    rows = ["| price of a training | " + " | ".join(names) + " |", "|---|" + "--:|" * len(names)]
    for one in every:
        counted = [name for name, r in results.items() if r.prices[one].counts]
        cells = [
            f"{np.mean([recovered(results[n], by_price[one][p][n][1], one) for n in counted]):+.2f}"
            if counted
            else "–"
            for p in names
        ]
        rows.append(f"| {one} ({len(counted)} streams) | " + " | ".join(cells) + " |")
    return "\n".join(rows)


def main() -> None:
    """Play every stream of a folder, and write what came of it."""
    raw = argparse.RawDescriptionHelpFormatter
    options = argparse.ArgumentParser(description=__doc__, formatter_class=raw)
    options.add_argument("--streams", type=Path, required=True)
    options.add_argument("--out", type=Path, required=True)
    options.add_argument("--rho", type=float, default=1.0)
    options.add_argument("--learner", choices=[*LEARNERS], default="boosting")
    options.add_argument("--jobs", type=int, default=min(2, os.cpu_count() or 1))
    given = options.parse_args()
    paths = {path.stem: path for path in sorted(given.streams.glob("*.parquet"))}
    if not paths:
        sys.exit(f"{given.streams} holds no Parquet file")
    given.out.mkdir(parents=True, exist_ok=True)
    results, skipped = _all(paths, given)
    price = f"rho {given.rho:g}"
    if not results:
        said: dict[str, Any] = {"streams": {}, "skipped": skipped, "mean_recovered": {}}
    else:
        found = policies(results, price)
        wrong_promotions({n: paths[n] for n in results}, given.out / "bank", given.learner, found)
        said = summary(results, skipped, found, price)
        said["missing"] = {k: v for r in results.values() for k, v in r.missing.items()}
        text = tables(results, found, said, price)
        (given.out / "tables.md").write_text(text + "\n", encoding="utf-8")
        print(text)
        pictures.recovered(said, given.out / "recovered.svg")
        pictures.streams(said, {n: r.runs for n, r in results.items()}, found, given.out / "streams.svg")
    said["learner"] = given.learner
    (given.out / "summary.json").write_text(json.dumps(said, indent=1, allow_nan=True), encoding="utf-8")
    for name, reason in skipped.items():
        print(f"skipped {name}: {reason}")


def _all(paths: Mapping[str, Path], given: argparse.Namespace) -> tuple[dict[str, Result], dict[str, str]]:
    """Every stream, as many at once as there are jobs, with a line for each that is done."""
    rhos = tuple(sorted({*RHOS, given.rho}))
    results, skipped = {}, {}
    with ProcessPoolExecutor(given.jobs) as pool:
        futures = {
            n: pool.submit(played, p, given.out / "bank", given.learner, rhos) for n, p in paths.items()
        }
        for name, future in futures.items():
            result = future.result()
            if isinstance(result, str):
                skipped[name] = result
                print(f"{name}: skipped, {result}", file=sys.stderr, flush=True)
            else:
                results[name] = result
                print(f"{name}: {PLAYED} windows in {result.seconds:.0f} s", file=sys.stderr, flush=True)
    return results, skipped


if __name__ == "__main__":
    main()
