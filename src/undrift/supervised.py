"""Run a command, and kill its whole process group once undrift has gone: a script of its own, run by path.

It is given the number of a pipe's end that nobody writes to: reading it ends when undrift does, however
that happens. The code is the command's, 128 and its signal, or 126 where it cannot be run.
"""

import os
import signal
import subprocess
import sys
import threading

CANNOT_RUN = 126
"""The code of a command that cannot be run."""


def supervise(pipe: int, command: list[str]) -> int:
    """Run the command; its code."""
    threading.Thread(target=_end_with_undrift, args=(pipe,), daemon=True).start()
    try:
        code = subprocess.call(command)  # noqa: S603 - the user names the command
    except OSError as error:
        print(error, flush=True)
        return CANNOT_RUN
    return code if code >= 0 else 128 - code


def _end_with_undrift(pipe: int) -> None:
    while os.read(pipe, 1):
        continue
    os.killpg(0, signal.SIGKILL)


if __name__ == "__main__":
    sys.exit(supervise(int(sys.argv[1]), sys.argv[2:]))
