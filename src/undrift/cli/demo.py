"""undrift demo: two years of a city's bike rentals, played as production."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from undrift.cli._print import note, room, say
from undrift.cli._shell import Json, Set, emit

if TYPE_CHECKING:
    from undrift.demo.stage import Stage
    from undrift.loop import Loop
    from undrift.replay import Totals
    from undrift.stores import Store


NARROW = 100
"""Columns of a terminal under which lines below that of their week are indented less."""


def demo(
    context: typer.Context,
    assignments: Set = None,
    windows: Annotated[int | None, typer.Option(min=1, help="Play only the first weeks.")] = None,
    full: Annotated[
        bool, typer.Option("--full", help="Also retrain after every window, to compare.")
    ] = False,
    json: Json = False,
) -> None:
    """Play two years of a city's bike rentals as production: drift, retraining, before and after.

    Leaves a normal workspace in undrift-demo (or -C DIR). A demo that was killed goes on where it stopped.
    """
    began = time.monotonic()
    note("undrift demo: two years of hourly bike rentals, a week at a time, labels a week late")
    note("loading scikit-learn and training the first model on the first 16 weeks …")
    from undrift.config.file import parsed
    from undrift.demo.stage import FOLDER, Stage, summary_of, tally, twin_of_the_first

    root = (context.obj or Path.cwd() / FOLDER).resolve()
    stage = Stage.set(root, dict(parsed(a) for a in assignments or ()), windows)
    if stage.resumed:
        note("going on with the demo that was interrupted")
    loop, recording = stage.loop()
    _play(stage, loop, recording, quiet=json)
    found, twin = summary_of(loop), twin_of_the_first(loop)
    always = _always(stage, len(recording.production[:windows])) if full else None
    stage.finish()
    body = _body(found, tally(loop) | {"first_twin": twin}, root, time.monotonic() - began, always)
    emit(body) if json else _tell(body, picks(loop.store))


def _play(stage: Stage, loop: Loop, recording: Any, *, quiet: bool) -> None:
    from undrift.cli._lines import known, lines
    from undrift.words.numbers import number

    first = loop.first()
    if not quiet:
        name = first.trainer.partition(":")[2] or first.trainer
        say(f"v1 is live: {name}, {first.metric} {number(first.reference_score)} on held-out rows")
    windows = known(recording.windows)
    total = len(recording.production[: stage.windows])
    digits = len(str(total))
    margin = len(f"week {total} of {total}  ")
    width = room()
    below = " " * (2 if width is not None and width < NARROW else margin)
    for done, (window, report) in enumerate(stage.play(loop, recording), start=1):
        for settled in report.settled:
            for text in lines(settled, first.number, windows, margin) if not quiet else ():
                lead = f"week {min(done, total):>{digits}} of {total}  "
                say(f"{lead if 'labels to come' in text else below}{text}")
        if quiet and done % 10 == 0:
            note(f"{done} of {total} windows, {window.key}")


def _always(stage: Stage, total: int) -> float:
    note("playing it again with a retraining after every window …")
    for done, window in enumerate(stage.always(), start=1):
        if done % 10 == 0:
            note(f"{done} of {total} windows, {window.key}")
    return stage.always_score()


def _body(
    found: Totals, tally: dict[str, Any], root: Path, seconds: float, always: float | None
) -> dict[str, Any]:
    body: dict[str, Any] = {
        "metric": found.metric,
        "windows": found.windows,
        "live": found.live,
        "first": found.first,
        **({"always": always} if always is not None else {}),
        **tally,
        "workspace": str(root),
        "seconds": round(seconds, 1),
    }
    return body


def picks(store: Store) -> list[tuple[str, str]]:
    """Windows that are worth a look, and why: the newest with a promotion and the newest with a refusal."""
    from undrift.workspace.overview import overview

    found: dict[str, str] = {}
    for outcome in reversed(overview(store).outcomes):
        if outcome.trials:
            what = "a refusal" if outcome.promoted is None else "a promotion"
            found.setdefault(what, outcome.window)
    return [(window, what) for what, window in sorted(found.items())]


def _beside(body: dict[str, Any], which: str) -> str:
    """What the live model lost, as a share of what another one did."""
    from undrift.words.numbers import percent

    return f"  (live: {percent(body['live'] / body[which])} of it)" if body[which] else ""


def _tell(body: dict[str, Any], worth: list[tuple[str, str]]) -> None:
    from undrift.words.numbers import number

    where = Path(body["workspace"])
    shown = where.relative_to(Path.cwd()) if where.is_relative_to(Path.cwd()) else where
    say("")
    say(f"{body['metric']} over {body['windows']} windows, on the same rows:")
    say(f"  the model that undrift kept alive   {number(body['live']):>6}")
    say(f"  the first model, never retrained    {number(body['first']):>6}{_beside(body, 'first')}")
    if body["first_twin"] is not None:
        twin, share = number(body["first_twin"]), _beside(body, "first_twin")
        say(f"  its twin, without the newest rows   {twin:>6}{share}")
    if "always" in body:
        say(f"  retrained after every window        {number(body['always']):>6}")
    say(
        f"{body['retrainings']} retrainings: {body['promotions']} promoted, {body['rejections']} rejected."
        f" {body['seconds']:.0f} s. Records: {shown}"
    )
    say("")
    say("Try next:")
    say(f"  undrift status -C {shown}")
    for window, what in worth:
        say(f"  undrift why {window} -C {shown}   # {what}")
    say(f"  undrift history -C {shown}")
    say(f"  undrift dashboard -C {shown}")
