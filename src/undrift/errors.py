"""Every error undrift raises on purpose: what is wrong, what to do, and the exit code it ends with."""

from __future__ import annotations


class UndriftError(Exception):
    """The one base class: a problem found, and the remedy for it."""

    exit_code = 2

    def __init__(self, problem: str, remedy: str = "") -> None:
        super().__init__(f"{problem}. {remedy}" if remedy else problem)
        self.problem = problem
        self.remedy = remedy


class ConfigError(UndriftError):
    """A setting that is unknown, misspelt or out of its range."""


class DataError(UndriftError):
    """A file or table that cannot be read, or that does not fit what was agreed on."""


class MergeError(UndriftError):
    """Two profiles that were counted over different grids."""


class ModelError(UndriftError):
    """A model that cannot be trained, loaded or asked."""


class UntrustedError(ModelError):
    """An artifact that is not what was stored, or that holds types nobody vouched for."""


class LeakError(UndriftError):
    """A held-out row that one of the judged models was trained on."""


class NotFoundError(UndriftError):
    """A window, version, workspace or file that does not exist."""


class TooFewError(UndriftError):
    """Not enough rows or labels to decide."""

    exit_code = 5


class BusyError(UndriftError):
    """Somebody else holds the lock, or a store cannot be reached: try again later."""

    exit_code = 6


class SupersededError(UndriftError):
    """A change of champion that was meant for another champion than the one who is live."""

    exit_code = 6


def suggest(name: str, known: list[str]) -> str:
    """Say which known name was probably meant, or list them all."""
    import difflib

    close = difflib.get_close_matches(name, known, n=1)
    if close:
        return f"Did you mean {close[0]!r}?"
    return f"Known: {', '.join(sorted(known)) or 'none'}."


def unwritable(path: object, error: OSError) -> DataError:
    """The error of a file that cannot be written."""
    return DataError(
        f"{path} cannot be written: {error.strerror or error}",
        "Name another file, or make room and try again.",
    )
