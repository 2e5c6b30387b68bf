"""undrift calibrate: what a window size promises, from your own history."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from undrift.cli._print import note, say, table
from undrift.cli._shell import Json, config_here, emit, loop_here, progress
from undrift.cli.compare import SOURCE, Columns, Kinds, TimeFormat, forced_kinds, named

if TYPE_CHECKING:
    from undrift.comparison.variation import FeatureVariation, Variation
    from undrift.profiles.table import TableProfile


def calibrate(
    context: typer.Context,
    source: Annotated[
        str | None,
        typer.Argument(metavar="[SOURCE]", help=f"{SOURCE} By default the live model's reference."),
    ] = None,
    time: Annotated[
        str | None,
        typer.Option(
            metavar="COLUMN", help="The time column of the source; by default the order of its rows."
        ),
    ] = None,
    time_format: TimeFormat = None,
    windows: Annotated[
        list[str] | None,
        typer.Option(
            "--window", metavar="SIZE", help="1d, 6h, month, or a number of rows; repeat it to compare sizes."
        ),
    ] = None,
    season: Annotated[
        str | None, typer.Option(metavar="day|week|year", help="Compare with windows of the same phase.")
    ] = None,
    alarm_rate: Annotated[float | None, typer.Option(help="The rate to be held, over all features.")] = None,
    threshold: Annotated[
        float | None, typer.Option(help="The effect to be found, as PSI; default 0.1.")
    ] = None,
    columns: Columns = None,
    kinds: Kinds = None,
    json: Json = False,
) -> None:
    """Show, from your own history, how windows vary, how often quiet ones alarm, and what would be found."""
    from undrift.schema import ROW_ORDER

    asked: dict[str, Any] = {"season": season, "alarm_rate": alarm_rate, "threshold": threshold}
    sizes: list[str | None] = [*(windows or ())]
    if source is None:
        reference, own = _live(context)
        asked = {key: own[key] if value is None else value for key, value in asked.items()}
        sizes = sizes or [own["size"]]
    else:
        how = {"columns": named(columns), "kinds": forced_kinds(kinds), "window": _shortest(sizes)}
        reference = _profiled(source, time=time or ROW_ORDER, time_format=time_format, **how)
    given = {key: value for key, value in asked.items() if value is not None}
    found = _tried(reference, sizes or [None], given)
    if json:
        emit({"windows": [_dict(one) for one in found]})
        return
    for one in found:
        _show(one)


def _tried(reference: TableProfile, sizes: list[str | None], settings: dict[str, Any]) -> list[Variation]:
    """What each window size promises; sizes for which nothing can be said are named on stderr."""
    from undrift.comparison.variation import variation
    from undrift.errors import UndriftError

    found: list[Variation] = []
    failed: list[UndriftError] = []
    for size in sizes:
        try:
            found.append(variation(reference, size, **settings))
        except UndriftError as error:
            failed.append(error)
    if not found:
        raise failed[0]
    for problem in failed:
        note(str(problem))
    return found


def _profiled(source: str, **how: Any) -> TableProfile:
    from undrift.comparison.tables import read_profile

    with progress():
        return read_profile(source, **how)


def _live(context: typer.Context) -> tuple[TableProfile, dict[str, Any]]:
    """The live model's reference, and the settings of its workspace."""
    config = config_here(context)
    size = str(config.get("windows.size"))
    own = {
        "season": config.get("drift.season"),
        "alarm_rate": config.get("drift.alarm_rate"),
        "threshold": config.get("drift.threshold") if config.get("drift.metric") == "psi" else None,
        "size": None if size == "batch" else size,
    }
    return loop_here(context).reference(), own


def _shortest(sizes: list[str | None]) -> str | None:
    """The shortest span among the sizes: a history's blocks must not be longer."""
    from undrift.windows import span

    spans = [size for size in sizes if size is not None and not size.isdecimal()]
    return min(spans, key=span, default=None)


def _show(found: Variation) -> None:
    from undrift.words.numbers import number, percent
    from undrift.words.phrases import count

    say(
        f"Windows of {found.size}: {count(found.windows, 'window')} in the history, "
        f"of about {count(found.rows, 'row')} each"
    )
    say(
        f"{found.alarms} of {found.judged} held-out windows alarmed, {percent(found.backtested)}; "
        f"{percent(found.alarm_rate)} was set. Each fifth of the history was tested against the others."
    )
    if found.note:
        say(found.note)
    rows = [
        (f.name, f.kind, _size(f.between, f), number(f.persistence), _least(f), _rows(f))
        for f in found.features
    ]
    heads = (
        "feature",
        "kind",
        "quiet",
        "persistence",
        "found from",
        "rows needed",
    )
    table(heads, rows, right=(3, 5), least=(1, 3))
    say("quiet: how far quiet windows differ; found from: the move that is found in 4 of 5 windows")
    say(f"rows needed: of a window, to find PSI {number(found.threshold)} in 4 of 5 windows of this length")
    say(_advice(found))
    say("")


def _advice(found: Variation) -> str:
    """What follows from the table for someone who must choose a window and a threshold."""
    from undrift.words.numbers import number
    from undrift.words.phrases import count

    sharp = [f for f in found.features if f.least is not None and f.least**2 <= found.threshold]
    rows = [f for f in found.features if f not in sharp and f.rows is not None]
    never = len(found.features) - len(sharp) - len(rows)
    features = count(len(found.features), "feature")
    parts = [f"A move of PSI {number(found.threshold)} would be found in {len(sharp)} of {features}"]
    if rows:
        parts.append(f"with more rows in a window in {len(rows)} more")
    if never:
        wide = max(found.features, key=lambda f: f.between)
        parts.append(
            f"in {never} not: quiet windows differ by more ({wide.name} most). Look at larger moves, "
            "or try a longer --window or a --season"
        )
    if found.backtested > 2 * found.alarm_rate and found.alarms > 1:
        parts.append(
            "quiet windows alarm more often than asked for: levels move from one part of the history to "
            "the next, as with seasons; a longer history or a --season would be more reliable"
        )
    return "; ".join(parts) + "."


def _least(feature: FeatureVariation) -> str:
    return "none of the sizes tried" if feature.least is None else f"from {_size(feature.least, feature)}"


def _size(move: float, feature: FeatureVariation) -> str:
    """A move in words: standard deviations of numbers, and as PSI."""
    from undrift.words.numbers import number

    psi = f"PSI {number(move**2)}"
    return f"{number(move)} sd ({psi})" if feature.kind == "numeric" else psi


def _rows(feature: FeatureVariation) -> str:
    return "no number of rows" if feature.rows is None else f"{feature.rows:,}"


def _dict(found: Variation) -> dict[str, Any]:
    from dataclasses import asdict

    return asdict(found) | {"backtested": found.backtested}
