"""The lease: while one process holds it, no other writes to the workspace."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from undrift.errors import BusyError
from undrift.workspace.remembered import RememberedLake, RememberedStore

NAME = "loop"
SECONDS = 600.0
"""How long a lease holds without a sign of life; a holder that died on this machine is replaced at once."""


class Lease:
    """The right of one holder to write; what the store and the lake gave is remembered meanwhile."""

    def __init__(self, store: RememberedStore, lake: RememberedLake, holder: str) -> None:
        self.store, self.lake, self.holder = store, lake, holder
        self.token = 0
        """Grows with every new holder: a promotion with an older one is refused."""
        self._renewed = -SECONDS

    @contextmanager
    def held(self) -> Iterator[None]:
        """Hold the lease; raises BusyError while another process does."""
        self._acquire()
        done = threading.Event()
        threading.Thread(target=self._beat, args=(done,), daemon=True).start()
        try:
            with self.store.held(), self.lake.held():
                yield
        finally:
            done.set()
            self.store.release(NAME, self.holder)

    def renew(self) -> None:
        """Renew the lease, unless that was done a moment ago; raises BusyError where it was lost."""
        if time.monotonic() - self._renewed > SECONDS / 10:
            self._acquire()

    def _acquire(self) -> None:
        self.token = self.store.acquire(NAME, self.holder, SECONDS)
        self._renewed = time.monotonic()

    def _beat(self, done: threading.Event) -> None:
        """Keep the lease while a long verb runs; a lease that was lost is noticed at the promotion."""
        while not done.wait(SECONDS / 4):
            try:
                self.store.acquire(NAME, self.holder, SECONDS)
            except BusyError:
                return
