"""Rows, profiles or files of them compared."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from os import PathLike
from typing import TYPE_CHECKING, Any

from undrift.comparison.findings import compared, constants
from undrift.comparison.limits import Limits
from undrift.errors import ConfigError, DataError, MergeError, suggest
from undrift.lakes import ORDER
from undrift.profiles import codec
from undrift.profiles.blocks import History
from undrift.profiles.categorical import CategoricalProfile
from undrift.profiles.feature import AnyProfile
from undrift.profiles.numeric import NumericProfile
from undrift.profiles.table import TableProfile, profile
from undrift.records import Comparison
from undrift.schema import ROW_ORDER

if TYPE_CHECKING:
    pass

from undrift.comparison.result import Result

BESIDE = ("jensen_shannon", "ks", "wasserstein")
"""Metrics that a comparison of two tables shows beside the deciding ones."""


REASONS = 5
"""Columns that are left out and named with the reason, at most, where nothing else is there."""


def compare(
    reference: Any,
    current: Any,
    *,
    limits: Limits | None = None,
    columns: Sequence[str] | None = None,
    kinds: Mapping[str, str] | None = None,
    by: str | None = None,
    time: str | None = None,
    time_format: str | None = None,
    earlier: Sequence[Any] = (),
    **settings: Any,
) -> Result:
    """Compare rows with a reference, feature by feature.

    All are anything that ``profile`` takes, profiles, or files of profiles. ``columns`` names the only
    ones to compare, ``kinds`` tells the kind of a column, ``by`` compares within each segment too. With
    the ``time`` column (here or when the reference was profiled) what is normal from one window to the next
    is learnt from the reference; "order" takes the order of its rows for time, ``time_format`` says how times
    are written where that is not ISO 8601. ``earlier`` are the windows
    before this one, oldest first, so that slow drift is found and dated. ``settings`` are those of Limits
    (``metric="ks"``, ``threshold=0.2``, ``alarm_rate=0.05``). Columns that hold one and the same value in
    both are left out by name. Raises DataError when no column is common, or nothing is left to compare.

    >>> rows = {"x": [float(i % 50) for i in range(5000)]}
    >>> compare(rows, rows).verdict
    'stable'
    """
    if limits is not None and settings:
        raise ConfigError(f"limits and {min(settings)} are both given", "Put all settings into limits=.")
    columns = [columns] if isinstance(columns, str) else columns
    chosen = limits or _limits(settings)
    if not isinstance(earlier, list | tuple):
        raise ConfigError(
            "earlier= is not a list of windows", "Give the windows before in a list, oldest first."
        )
    ref = _reference(reference, columns, kinds, by, time, time_format)
    before = [read_profile(window, like=ref) for window in earlier]
    cur = read_profile(current, like=ref)
    ref = ref.awakened(cur)
    return Result(_of_something(compared(ref, cur, chosen, constants(ref, cur), before)), ref, cur)


def _of_something(found: Comparison) -> Comparison:
    """The comparison; raises DataError where nothing was compared, and nothing is lost or of another type."""
    if not (found.features or found.lost or found.retyped):
        raise _nothing(found.left_out)
    return found


def _nothing(left_out: Mapping[str, str]) -> DataError:
    """The error of tables of which no column is compared, with the reasons."""
    reasons = [f"{name} ({reason})" for name, reason in left_out.items()]
    more = f" and {len(reasons) - REASONS} more" if len(reasons) > REASONS else ""
    return DataError(
        f"nothing is left to compare: {', '.join(reasons[:REASONS])}{more}",
        "Name others, or tell their kinds.",
    )


def _limits(settings: Mapping[str, Any]) -> Limits:
    """The limits by settings; what is wrong is said of the settings themselves, not of a configuration."""
    try:
        return Limits(**{"beside": BESIDE, **settings})
    except ConfigError as error:
        raise ConfigError(error.problem.replace("drift.", ""), error.remedy) from error


def read_profile(source: Any, like: TableProfile | None = None, **how: Any) -> TableProfile:
    """The profile that a source is, holds as a file, or that is made of its rows as ``profile`` does.

    Raises MergeError when it was made over other grids than ``like``.
    """
    if isinstance(source, str | PathLike) and str(source).endswith(codec.ENDING):
        source = codec.read(source)
    if not isinstance(source, TableProfile):
        return profile(source, like, **how)
    return source if like is None else _alike(source, like)


def _reference(
    source: Any,
    columns: Sequence[str] | None,
    kinds: Mapping[str, str] | None,
    by: str | None,
    time: str | None,
    time_format: str | None,
) -> TableProfile:
    how: dict[str, Any] = {
        "columns": columns,
        "kinds": kinds,
        "by": by,
        "time": time,
        "time_format": time_format,
    }
    ref = read_profile(source, **how)
    if time is not None and (ref.history is None or not _is_by(ref.history, time)):
        raise ConfigError(
            f"the reference's profile keeps no history by {time!r}",
            f"Make it again with undrift profile --time {time}.",
        )
    if (by and ref.by != by) or any(ref.kinds.get(name) != kind for name, kind in (kinds or {}).items()):
        raise ConfigError(
            "the reference's profile was made without these kinds or segments",
            "Make it again with undrift profile --kind and --by.",
        )
    for name in columns or ():
        if name not in ref.features and name not in ref.left_out:
            raise DataError(f"the reference has no column {name!r}", suggest(name, list(ref.features)))
    return ref if columns is None else _chosen(ref, columns)


def _is_by(past: History, time: str) -> bool:
    """Whether a history is one by this column; the order of rows has a column of its own."""
    return past.time == time or (time == ROW_ORDER and past.time == ORDER)


def _chosen(ref: TableProfile, columns: Sequence[str]) -> TableProfile:
    """The profile with these columns only; raises DataError when nothing of them is compared."""
    found = ref.only(columns)
    if not found.features:
        raise _nothing(found.left_out)
    return found


def _alike(cur: TableProfile, like: TableProfile) -> TableProfile:
    """A profile that was made before, seen as the current one; raises MergeError over other grids."""
    if like.by is not None and (cur.by != like.by or cur.segments.keys() != like.segments.keys()):
        raise MergeError(
            f"the second profile does not tell rows apart by {like.by!r} as the first one does",
            "Make the second one with undrift profile --like FIRST, or give the rows themselves.",
        )
    for name, ref in like.features.items():
        now = cur.features.get(name, ref)
        if ref.kind != now.kind or not _over_one_grid(ref, now):
            kinds = f"is {ref.kind} in the first profile and {now.kind} in the second"
            grids = "of the two profiles was counted over unlike grids"
            raise MergeError(
                f"feature {name!r} {grids if ref.kind == now.kind else kinds}",
                "Make the second one with undrift profile --like FIRST, or give the rows themselves.",
            )
    if like.history is not None and cur.history is not None and not like.history.alike(cur.history):
        raise MergeError(
            "the histories of the two profiles have unlike blocks",
            "Make the second one with undrift profile --like FIRST, or give the rows themselves.",
        )
    cur = replace(cur, retyped=tuple(name for name in cur.retyped if name in like.features))
    known = {*like.features, *like.left_out, *like.columns}
    return replace(cur, new=tuple(sorted({*cur.new, *(n for n in cur.features if n not in known)})))


def _over_one_grid(ref: AnyProfile, cur: AnyProfile) -> bool:
    if isinstance(ref, NumericProfile) and isinstance(cur, NumericProfile):
        return ref.grid == cur.grid
    if isinstance(ref, CategoricalProfile) and isinstance(cur, CategoricalProfile):
        return ref.counts.keys() == cur.counts.keys() or not cur.rest
    return False
