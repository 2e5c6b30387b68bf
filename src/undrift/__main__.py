"""``python -m undrift``, and the command ``undrift``: one verb, after which the process ends at once."""

from __future__ import annotations

import atexit
import os
import sys
from contextlib import suppress

from undrift.cli import execute


def run() -> None:
    """Run the command line, clean up, and end without taking native libraries apart.

    Threads of theirs that are still about may abort a process whose work is done, and the exit code is lost.
    """
    code = execute(sys.argv[1:])
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError, AttributeError):
            stream.flush()
    os._exit(code)


if __name__ == "__main__":
    run()
