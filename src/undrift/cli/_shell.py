"""What all verbs share: options, the workspace, and how things are printed."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Annotated, Any

import typer

from undrift.cli._print import WIDEST, clean, say, table
from undrift.words import moves, phrases
from undrift.words.phrases import TITLES

if TYPE_CHECKING:
    from undrift.comparison.result import Result
    from undrift.config.wiring import Config
    from undrift.loop import Loop
    from undrift.records import Comparison
    from undrift.stores import Store
    from undrift.workspace.settled import Report

FORMAT = 1
"""Version of the JSON that commands print."""

LEAST = ("kind", "reference → current", "metric", "how odd")
"""Columns of a comparison that are left out where room is short, least worth first."""

ALL = ("drift", "watch", "stable", "insufficient")
"""Every verdict."""

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object on one line.")]
Set = Annotated[
    list[str] | None,
    typer.Option(
        "--set", metavar="KEY=VALUE", help="Set one setting, such as drift.metric=ks; may be repeated."
    ),
]

Detailed = Annotated[
    bool,
    typer.Option(
        "--detailed-exitcode",
        help="3 drift or a model worse than promised, 4 challenger rejected, 5 nothing could be judged.",
    ),
]


def _version(asked: bool) -> None:
    if asked:
        import undrift

        print(f"undrift {undrift.__version__}")
        raise typer.Exit


def options(
    context: typer.Context,
    directory: Annotated[
        Path | None,
        typer.Option("-C", metavar="DIR", help="The workspace; by default the nearest undrift.toml upward."),
    ] = None,
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks.")] = False,  # noqa: ARG001
    log_format: Annotated[
        str,
        typer.Option(
            "--log-format", metavar="json|none", help="Log every record on stderr, one JSON a line."
        ),
    ] = "none",
    version: Annotated[  # noqa: ARG001
        bool, typer.Option("--version", help="Print the version and end.", is_eager=True, callback=_version)
    ] = False,
) -> None:
    """Take the options that stand before the verb."""
    context.obj = directory
    if log_format == "json":
        from undrift.cli._logs import log_as_json

        log_as_json()
    elif log_format != "none":
        raise typer.BadParameter("json or none", param_hint="--log-format")


def here(context: typer.Context) -> Path:
    """The workspace's folder: -C, or the nearest one upward."""
    from undrift.config.file import find_root
    from undrift.errors import NotFoundError

    if context.obj and not context.obj.is_dir():
        raise NotFoundError(f"{context.obj} is not a folder", "Name a workspace's folder with -C DIR.")
    return find_root((context.obj or Path.cwd()).resolve())


def config_here(context: typer.Context, assignments: Iterable[str] | None = None) -> Config:
    """The workspace's settings, with those given on the command line."""
    from undrift.config.file import parsed
    from undrift.config.wiring import load

    return load(here(context), dict(parsed(a) for a in assignments or ()))


def store_here(context: typer.Context) -> Store:
    """The workspace's store of records; no model and no row is loaded."""
    return config_here(context).store()


def loop_here(context: typer.Context, assignments: Iterable[str] | None = None) -> Loop:
    """The workspace's loop."""
    from undrift.config.wiring import opened

    return opened(config_here(context, assignments))


def advise(loop: Loop, config: Config, report: Report) -> None:
    """Keep what the settings cannot do with data like these, where a window was settled since."""
    from undrift.config.outlook import keep_advice
    from undrift.errors import UndriftError

    if report.settled:
        with suppress(UndriftError):  # the step is done: what troubles the workspace, the next one says
            keep_advice(loop, config.fingerprint)


def advice_here(config: Config, store: Store) -> list[str]:
    """What the settings cannot do with data like these, as a step found at last; none of other settings."""
    from undrift.records import Advice

    own = [found for found in store.all(Advice) if found.settings == config.fingerprint]
    return [sentence for found in own[-1:] for sentence in found.sentences]


def emit(body: dict[str, Any]) -> None:
    """Print one versioned JSON object on one line."""
    print(json.dumps({"format": FORMAT, **body}, default=str, allow_nan=False))


def show_comparison(
    record: Comparison,
    result: Result | None = None,
    only: Sequence[str] = ALL,
) -> None:
    """Print every feature of a comparison, worst first, and what else was found about the columns."""
    tested = record.alarm_rate is not None
    head = ["verdict", "feature", "kind", "what changed", *(["how odd"] if tested else []), "metric"]
    shown = sorted((f for f in record.features if f.verdict in only), key=lambda f: f.name not in TITLES)
    rows: list[Sequence[str]] = [
        (
            f"{moves.ICONS[f.verdict]} {f.verdict}",
            *(phrases.cut(phrases.title(f.name)), f.kind, f.effect),
            *([moves.moved(f)] if tested else []),
            moves.finding(moves.deciding(f.findings)),
        )
        for f in shown
    ]
    if result is not None:
        head.append("reference → current")
        rows = [(*row, _drawn(result, f.name)) for row, f in zip(rows, shown, strict=True)]
    for word, names in (("lost", record.lost), ("retyped", record.retyped)):
        if names:
            say(f"{word}: {', '.join(map(phrases.cut, names))}")
    if rows:
        table(head, rows, least=[head.index(h) for h in LEAST if h in head])
    for one in record.together:
        say(f"together: {moves.together(one)}")
    for fault in record.faults:
        say(f"quality: {phrases.cut(fault.column)}: {fault.text}")
    if record.new:
        say(f"new: {', '.join(map(phrases.cut, record.new))}")
    if record.reordered:
        say("reordered: the columns come in another order")


def show_grounds(record: Comparison) -> None:
    """Print which columns were left out, and how often quiet windows alarm."""
    for name, reason in record.left_out.items():
        say(f"left out: {phrases.cut(name)} ({phrases.cut(reason, WIDEST)})")
    if record.assumes:
        say(f"{moves.promise(record)}.")


def _drawn(result: Result, name: str) -> str:
    from undrift.pictures.sparkline import sparkline

    before, now = sparkline(result.reference.features[name], result.current.features[name])
    return f"{before} → {now}" if before else ""


@contextmanager
def progress() -> Iterator[None]:
    """Say on a terminal how many rows were read, once it takes longer than a moment."""
    from undrift import inputs

    if not sys.stderr.isatty():
        yield
        return
    read: dict[str, int] = {}
    begun = shown = monotonic()

    def tell(name: str, rows: int) -> None:
        nonlocal shown
        read[name] = read.get(name, 0) + rows
        if monotonic() - begun > 1 and monotonic() - shown > 0.2:
            shown = monotonic()
            print(f"\r\x1b[K{clean(name)}: {read[name]:,} rows", end="", file=sys.stderr, flush=True)

    try:
        with inputs.watched(tell):
            yield
    finally:
        if shown > begun:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)


def exit_code(result: Result) -> int:
    """3 for drift, 5 where nothing could be judged, else 0."""
    return {"drift": 3, "insufficient": 5}.get(result.verdict, 0)


def ended(verdict: str, action: str, *, worse: bool) -> int:
    """The detailed exit code: 4 where a challenger was rejected, 3 for drift, 5 where nothing was judged.

    A live model that is worse than promised counts as drift.
    """
    if action == "reject":
        return 4
    if worse:
        return 3
    return {"drift": 3, "insufficient": 5}.get(verdict, 0)


def confirmed(consequence: str, *, yes: bool) -> None:
    """Say what would happen and ask; off a terminal --yes must have been given."""
    if yes:
        return
    if not sys.stdin.isatty():
        from undrift.errors import ConfigError

        raise ConfigError(f"{consequence}: this needs a confirmation", "Give --yes.")
    typer.confirm(f"{clean(consequence)}. Go on?", abort=True, err=True)
