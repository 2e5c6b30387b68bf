"""The command line: one file per verb, each with a function of the file's name.

Data goes to stdout, progress and logs to stderr. Nothing heavy is imported before a verb needs it.
"""

from __future__ import annotations

import os
import pkgutil
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from importlib import import_module
from typing import Any, TextIO, cast

HOISTED = {"-C": True, "--debug": False, "--log-format": True}
"""Options of undrift itself that may also stand behind the verb; True where a value follows."""


def main() -> None:
    """Run one command and end the process with its exit code."""
    sys.exit(execute(sys.argv[1:]))


def execute(arguments: list[str]) -> int:
    """Run one command line and return its exit code.

    0 done, 1 unexpected, 2 usage or data, 3 drift, 4 rejected, 5 too little to decide, 6 try later.
    """
    import typer

    from undrift.errors import UndriftError

    debug = "--debug" in arguments
    signal.signal(signal.SIGTERM, _terminated)
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")
    try:
        with _patient_stdout():
            code = _app()(args=hoisted(arguments), prog_name="undrift", standalone_mode=False)
            if sys.stdout is not None:
                sys.stdout.flush()
    except UndriftError as error:
        if debug:
            raise
        _complain(error.problem, error.remedy)
        return error.exit_code
    except (KeyboardInterrupt, typer.Abort):
        return 130
    except OSError as error:
        if debug:
            raise
        _complain(
            f"{error.strerror or error}: {error.filename or 'the system refused'}", "Nothing stored is lost."
        )
        return 6 if isinstance(error, ConnectionError | TimeoutError) else 2
    except Exception as error:
        if _is_usage(error):
            error.show()  # type: ignore[attr-defined]
            return 2
        if debug:
            raise
        _complain(f"unexpected {type(error).__name__}: {error}", "Run again with --debug for the traceback.")
        return 1
    return code if isinstance(code, int) else 0


def hoisted(arguments: list[str]) -> list[str]:
    """The same arguments with undrift's own options moved to the front.

    >>> hoisted(["status", "-C", "there", "--json"])
    ['-C', 'there', 'status', '--json']
    """
    front, rest = [], []
    words = iter(arguments)
    for word in words:
        if word == "--":
            rest += [word, *words]
        elif word.partition("=")[0] in HOISTED:
            takes_value = HOISTED[word.partition("=")[0]] and "=" not in word
            front += [word, *([value] if takes_value and (value := next(words, None)) is not None else [])]
        else:
            rest.append(word)
    return front + rest


def verbs() -> list[str]:
    """Names of all commands: the files of this folder."""
    return sorted(m.name for m in pkgutil.iter_modules(__path__) if not m.name.startswith("_"))


def _app() -> Any:
    import typer

    from undrift.cli import _shell

    app = typer.Typer(
        help="Watch a deployed model's data; retrain when it must, prove the new model better, or go back.",
        no_args_is_help=True,
        add_completion=False,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(_shell.options)
    for verb in verbs():
        part = getattr(import_module(f"undrift.cli.{verb}"), verb)
        if isinstance(part, typer.Typer):
            app.add_typer(part, name=verb)
        else:
            app.command(verb)(part)
    return app


def _is_usage(error: Exception) -> bool:
    """Whether the command line itself was wrong: such errors can show themselves."""
    return hasattr(error, "show") and hasattr(error, "exit_code")


def _complain(problem: str, remedy: str) -> None:
    from undrift.cli._print import clean

    print(f"undrift: {clean(problem)}.", file=sys.stderr)
    if remedy:
        print(f"  {clean(remedy)}", file=sys.stderr)


def _terminated(_signal: int, _frame: object) -> None:
    """End cleanly on SIGTERM: locks are given back, what was stored stays."""
    raise SystemExit(143)


@contextmanager
def _patient_stdout() -> Iterator[None]:
    """Within this context a reader of stdout that goes away is no error: the verb ends with its own code."""
    if sys.stdout is None:
        yield
        return
    with redirect_stdout(cast(TextIO, _Patient(sys.stdout))):
        yield


class _Patient:
    """A stream that says nothing more once nobody listens."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        return self._unheard(lambda: self._stream.write(text)) or len(text)

    def flush(self) -> None:
        self._unheard(self._stream.flush)

    def _unheard(self, act: Callable[[], int | None]) -> int | None:
        """Do it; where the reader is gone, turn to where all can be said."""
        try:
            return act()
        except BrokenPipeError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), self._stream.fileno())
            return None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)
