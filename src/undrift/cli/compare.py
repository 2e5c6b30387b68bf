"""undrift compare: two tables in, drift out; like diff, without any configuration."""

from __future__ import annotations

from collections.abc import Container, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from undrift.cli._print import note, say
from undrift.cli._shell import Json, emit, exit_code, progress, show_comparison, show_grounds
from undrift.words import moves

if TYPE_CHECKING:
    from undrift.comparison.result import Result
    from undrift.records import Comparison

SOURCE = (
    "A file, folder or pattern (CSV, JSON lines, Parquet, Feather), a profile, a Delta table, or URL#QUERY."
)

Columns = Annotated[
    str | None,
    typer.Option(metavar="A,B,…", help="The only columns to look at; quote a name with a comma in it."),
]
Kinds = Annotated[
    list[str] | None,
    typer.Option(
        "--kind",
        metavar="COLUMN=KIND",
        help="Set a column's kind: numeric, categorical, boolean, datetime, text or ignored; may repeat.",
    ),
]
Time = Annotated[
    str | None,
    typer.Option(
        metavar="COLUMN", help='The time column, or "order" of rows: learns what windows quietly do.'
    ),
]
TimeFormat = Annotated[
    str | None,
    typer.Option(
        metavar="FORMAT",
        help="How times are written: epoch, epoch_ms, year, or a pattern such as %d.%m.%Y; else ISO 8601.",
    ),
]
By = Annotated[str | None, typer.Option(metavar="COLUMN", help="Look at each value of this column too.")]


def compare(
    reference: Annotated[str, typer.Argument(metavar="A", help=f"The reference. {SOURCE}")],
    current: Annotated[str, typer.Argument(metavar="B", help="The data to check, in any of the same forms.")],
    metric: Annotated[
        str | None, typer.Option(help="The metric that decides, such as psi, ks or wasserstein.")
    ] = None,
    threshold: Annotated[float | None, typer.Option(help="The smallest effect worth caring about.")] = None,
    alarm_rate: Annotated[
        float | None,
        typer.Option(help="How often a quiet window may alarm, over all features; by default 0.01."),
    ] = None,
    novelty: Annotated[
        float | None,
        typer.Option(help="The share of rows where A has next to none that is drift by itself; 0: never."),
    ] = None,
    time: Time = None,
    time_format: TimeFormat = None,
    season: Annotated[
        str | None,
        typer.Option(metavar="day|week|year", help="Compare windows with those of the same phase."),
    ] = None,
    calibration: Annotated[
        str | None, typer.Option(help="What estimates chance: history, asymptotic, ks_test or threshold.")
    ] = None,
    earlier: Annotated[
        list[str] | None,
        typer.Option(metavar="SOURCE", help="A window before B, oldest first; repeat it: finds slow drift."),
    ] = None,
    columns: Columns = None,
    kinds: Kinds = None,
    by: By = None,
    html: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write a report as one HTML file.")
    ] = None,
    json: Json = False,
) -> int:
    """Compare two tables feature by feature and say what drifted, worst first.

    Exit code 0: no drift; 3: drift; 2: an error; 5: too few rows to say.
    """
    from undrift.comparison.tables import compare as compared

    settings: dict[str, Any] = {
        "metric": metric,
        "threshold": threshold,
        "alarm_rate": alarm_rate,
        "novelty": novelty,
        "season": season,
        "calibration": calibration,
    }
    given = {key: value for key, value in settings.items() if value is not None}
    how: dict[str, Any] = {"columns": named(columns), "kinds": forced_kinds(kinds), "by": by}
    how |= {"time": time, "time_format": time_format}
    with progress(), _said_of_options(given):
        result = compared(reference, current, earlier=earlier or (), **how, **given)
    if html is not None:
        _write(html, result.to_html())
        note(f"report written to {html}")
    if metric is not None and (other := moves.in_its_place(result.record, metric)):
        note(other)
    if json:
        emit(result.to_dict())
    else:
        _show(result)
    return exit_code(result)


@contextmanager
def _said_of_options(given: Container[str]) -> Iterator[None]:
    """Within this context what is wrong with a setting is said of the option that gave it."""
    from undrift.errors import ConfigError

    try:
        yield
    except ConfigError as error:
        name, sign, value = error.problem.partition(" = ")
        if not sign or name not in given:
            raise
        raise ConfigError(f"--{name.replace('_', '-')} {value}", error.remedy) from error


def _write(path: Path, text: str) -> None:
    from undrift.errors import unwritable

    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise unwritable(path, error) from error


def named(columns: str | None) -> list[str] | None:
    """The names in a list with commas, quoted where they hold one; None if there is no list."""
    import csv

    from undrift.errors import ConfigError

    if columns is None:
        return None
    names = [name.strip() for line in csv.reader([columns], skipinitialspace=True) for name in line]
    if not any(names):
        raise ConfigError("--columns names no column", "Write --columns A,B.")
    return [name for name in names if name]


def forced_kinds(kinds: list[str] | None) -> dict[str, str]:
    """The kinds in COLUMN=KIND words."""
    from undrift.errors import ConfigError

    pairs = [word.rpartition("=") for word in kinds or ()]
    for column, _, kind in pairs:
        if not column or not kind:
            raise ConfigError(f"--kind {column or kind} does not say which kind", "Write COLUMN=KIND.")
    return {column: kind for column, _, kind in pairs}


def _show(result: Result) -> None:
    say(result.sentence)
    show_comparison(result.record, result)
    show_grounds(result.record)
    if name := _unnamed_time(result.record):
        say(f"Column {name!r} holds times: --time {name} judges by what quiet windows do.")
    if result.segments:
        _show_segments(result)


def _unnamed_time(record: Comparison) -> str:
    """A column of times by which nothing was told apart; empty where there is none, or one was named."""
    from undrift.schema import TIMES

    if record.calibration == "history" or any(reason == "time" for reason in record.left_out.values()):
        return ""
    return next((name for name, reason in record.left_out.items() if reason == TIMES), "")


def _show_segments(result: Result) -> None:
    from undrift.verdicts import WORST_FIRST
    from undrift.words.moves import in_no_segment
    from undrift.words.phrases import count, cut

    worst_first = sorted(result.segments.items(), key=lambda item: WORST_FIRST.index(item[1].verdict))
    for label, segment in worst_first:
        say("")
        say(f"{result.record.by} = {cut(label)}: {segment.sentence}")
        if segment.verdict in ("drift", "watch"):
            show_comparison(segment.record, segment, only=("drift", "watch"))
    before, now = in_no_segment(result.record)
    if before or now:
        say("")
        say(
            f"in no segment: {count(before, 'row')} of the reference, {now:,} of the current ones "
            f"(no {result.record.by}, a new one, or not among the {len(result.segments)} most frequent)"
        )
