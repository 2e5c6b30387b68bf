"""undrift profile: one small file that stands for many rows."""

from __future__ import annotations

from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from undrift.cli._print import note, say, table
from undrift.cli._shell import Json, emit, progress
from undrift.cli.compare import SOURCE, By, Columns, Kinds, Time, TimeFormat, forced_kinds, named

if TYPE_CHECKING:
    from undrift.profiles.blocks import History
    from undrift.profiles.feature import AnyProfile
    from undrift.profiles.table import TableProfile


def profile(
    sources: Annotated[list[str], typer.Argument(metavar="SOURCE…", help=SOURCE)],
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FILE", help="Keep the profile: a name in .profile."),
    ] = None,
    merge: Annotated[bool, typer.Option("--merge", help="Put several sources into one profile.")] = False,
    like: Annotated[
        Path | None,
        typer.Option(metavar="PROFILE", help="Count over the grids of this profile, so that both merge."),
    ] = None,
    columns: Columns = None,
    kinds: Kinds = None,
    by: By = None,
    time: Time = None,
    time_format: TimeFormat = None,
    window: Annotated[
        str | None,
        typer.Option(metavar="SPAN", help="The shortest window to be judged, such as 6h, with --time."),
    ] = None,
    json: Json = False,
) -> None:
    """Summarise a table: small, mergeable, without whole rows; usable in place of a file by compare."""
    from undrift.errors import ConfigError
    from undrift.profiles import codec

    if len(sources) > 1 and not merge:
        raise ConfigError(f"{len(sources)} sources", "Give --merge to put them into one profile.")
    if output is not None and output.suffix != codec.ENDING:
        raise ConfigError(f"{output} does not end in {codec.ENDING}", f"Name it {output.stem}{codec.ENDING}.")
    how = {"columns": named(columns), "kinds": forced_kinds(kinds), "by": by, "window": window}
    how |= {"time": time, "time_format": time_format}
    if any(how.values()) and (like or any(name.endswith(codec.ENDING) for name in sources)):
        raise ConfigError(
            "a profile settles columns, kinds, segments and history for what is counted like it",
            "Leave out --columns, --kind, --by, --time and --window, or --like and profiles.",
        )
    with progress():
        found = _made(sources, codec.read(like) if like else None, how)
    size = codec.write(found, output) if output else len(codec.dumps(found))
    if json:
        emit(_dict(found, output, size))
        return
    _show(found)
    note(
        f"profile written to {output}, {size:,} bytes" if output else f"keep it with -o FILE: {size:,} bytes"
    )


def _made(sources: list[str], like: TableProfile | None, how: dict[str, Any]) -> TableProfile:
    """The profile of all sources: of their rows together, or of profiles and what is counted like them."""
    from functools import reduce

    from undrift.comparison.tables import read_profile
    from undrift.profiles.codec import ENDING
    from undrift.profiles.table import TableProfile

    kept = [name for name in sources if name.endswith(ENDING)]
    if like is None and not kept:
        return read_profile(sources if len(sources) > 1 else sources[0], **how)
    like = like or read_profile(kept[0])
    return reduce(TableProfile.merge, [read_profile(name, like) for name in sources])


def _show(found: TableProfile) -> None:
    from undrift.words.phrases import cut

    say(f"{found.rows:,} rows, {len(found.features)} features")
    rows = [(cut(name), f.kind, _share(f.missing, f.rows), *_words(f)) for name, f in found.features.items()]
    table(("feature", "kind", "missing", "typical", "range", "shape"), rows, right=(2,))
    for name, reason in found.left_out.items():
        say(f"left out: {cut(name)} ({reason})")
    if found.history is not None:
        say(_past(found.history))
    if found.segments:
        parts = ", ".join(f"{cut(label)} ({part.rows:,})" for label, part in found.segments.items())
        say(f"segments by {found.by}: {parts}")
        say(f"in no segment: {found.rows - sum(s.rows for s in found.segments.values()):,} rows")


def _past(history: History) -> str:
    """How far the history reaches, and in which steps."""
    from undrift.words.numbers import step
    from undrift.words.phrases import count

    blocks = count(len(history.blocks), "block")
    return f"history by {history.time}: {blocks} of {step(history.width, calendar=history.calendar)}"


def _words(feature: AnyProfile) -> tuple[str, str, str]:
    """What is typical of a feature, between which ends it lies, and its shape."""
    from undrift.pictures.sparkline import sparkline
    from undrift.profiles.numeric import NumericProfile
    from undrift.words.numbers import number
    from undrift.words.phrases import count, cut

    shape = sparkline(feature, feature)[0]
    if isinstance(feature, NumericProfile):
        typical = f"{number(feature.mean)} ± {number(feature.deviation)}"
        return typical, f"{number(feature.minimum)} … {number(feature.maximum)}", shape
    most = sorted(feature.labelled.items(), key=lambda item: -item[1])[:3]
    typical = ", ".join(f"{cut(label)} {_share(rows, feature.valid)}" for label, rows in most)
    return typical, ("over " if feature.rest else "") + count(len(feature.labelled), "label"), shape


def _share(rows: int, all_: int) -> str:
    from undrift.words.numbers import percent

    return percent(rows / all_ if all_ else 0.0)


def _dict(found: TableProfile, path: Path | None, size: int) -> dict[str, Any]:
    return {
        "path": str(path) if path else None,
        "bytes": size,
        "rows": found.rows,
        "features": [{"name": name, **_feature_dict(f)} for name, f in found.features.items()],
        "left_out": found.left_out,
        "by": found.by,
        "segments": {label: segment.rows for label, segment in found.segments.items()},
    }


def _feature_dict(feature: AnyProfile) -> dict[str, Any]:
    from undrift.profiles.numeric import NumericProfile

    body: dict[str, Any] = {"kind": feature.kind, "missing": feature.missing}
    if not isinstance(feature, NumericProfile):
        return body | {"labels": feature.labelled, "unnamed": feature.rest}
    return body | {
        "infinite": feature.infinite,
        "mean": _finite(feature.mean),
        "deviation": _finite(feature.deviation),
        "minimum": feature.minimum,
        "maximum": feature.maximum,
    }


def _finite(value: float) -> float | None:
    """The value; None for what JSON cannot say."""
    return value if isfinite(value) else None
