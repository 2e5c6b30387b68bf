"""Stores: the contract, and what only real databases and real processes can show."""

from __future__ import annotations

import multiprocessing
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from undrift import plugins
from undrift.errors import BusyError, SupersededError, UndriftError
from undrift.records import Promotion, Selection, Version
from undrift.stores import holder
from undrift.stores.sql import Sql
from undrift.testing import contracts

WHERE = {
    "memory": lambda folder: "sqlite://",
    "file": lambda folder: f"sqlite:///{folder / 'undrift.db'}",
}

ME = holder()


def version(number: int) -> Version:
    return Version(number, "w", "everything", "t", "a", "skops", 1, 0)


def promotion(number: int) -> Promotion:
    return Promotion("promote", number, number - 1 or None, f"w{number}", f"reason {number}")


def url(folder: Path) -> str:
    return WHERE["file"](folder)


@pytest.fixture
def store(tmp_path):
    made = Sql(url(tmp_path))
    yield made
    made.close()


def raw(folder: Path) -> sqlite3.Connection:
    return sqlite3.connect(folder / "undrift.db")


def crowned(store: Sql, *numbers: int) -> None:
    token = store.acquire("loop", ME, 60)
    for number in numbers:
        live = store.champion()
        store.put(str(number), version(number))
        store.crown(replace(promotion(number), previous=live.number if live else None), token)


@pytest.mark.parametrize("where", WHERE)
@pytest.mark.parametrize("name", plugins.names("stores"))
def test_every_store_keeps_the_contract(name, where, tmp_path_factory):
    make = plugins.find("stores", name)
    contracts.check_store(lambda: make(WHERE[where](tmp_path_factory.mktemp("store"))))


def test_what_was_put_is_there_when_the_store_is_opened_again(store, tmp_path):
    store.put("a", Selection(1, 2))
    store.put_profile("p", b"profile")
    crowned(store, 1)
    store.close()
    again = Sql(url(tmp_path))
    assert again.get(Selection, "a") == Selection(1, 2)
    assert again.get_profile("p") == b"profile"
    assert again.champion() == version(1)
    again.close()


def test_a_commit_is_on_the_disk_and_readers_do_not_wait_for_writers(store, tmp_path):
    assert raw(tmp_path).execute("pragma journal_mode").fetchone() == ("wal",)
    with store._engine.connect() as connection:
        assert connection.exec_driver_sql("pragma synchronous").scalar() == 2, "full"
    writer = raw(tmp_path)
    writer.execute("begin immediate")
    assert store.all(Selection) == []
    writer.rollback()


def test_two_open_stores_see_each_others_records(store, tmp_path):
    other = Sql(url(tmp_path))
    assert store.all(Selection) == other.all(Selection) == []
    store.put("a", Selection(1, 1))
    assert other.put("a", Selection(2, 2)) is False
    other.put("b", Selection(3, 3))
    assert store.all(Selection) == other.all(Selection) == [Selection(1, 1), Selection(3, 3)]
    other.close()


@pytest.mark.parametrize(
    "damage",
    [
        "update ledger set body = replace(body, 'reason 2', 'reason 9') where number = 2",
        "update ledger set at = at + 1 where number = 1",
        "update ledger set hash = '0' where number = 3",
        "delete from ledger where number = 2",
        "delete from ledger where number = 1",
        "update ledger set number = 9 where number = 3",
    ],
)
def test_a_tampered_ledger_is_noticed(store, tmp_path, damage):
    crowned(store, 1, 2, 3)
    assert len(store.ledger()) == 3
    with raw(tmp_path) as connection:
        assert connection.execute(damage).rowcount == 1
    with pytest.raises(UndriftError, match=r"ledger entry . was altered"):
        store.ledger()


@pytest.mark.parametrize("table", ["champion", "ledger"])
def test_champion_and_ledger_change_together_or_not_at_all(store, tmp_path, table):
    crowned(store, 1, 2)
    with raw(tmp_path) as connection:
        connection.execute(
            f"create trigger no before insert on {table} begin select raise(abort, 'disk gone'); end"
        )
    with pytest.raises(Exception, match="disk gone"):
        crowned(store, 3)
    assert store.champion() == version(2)
    assert [e.promotion.version for e in store.ledger()] == [1, 2]


def test_a_holder_that_died_on_this_machine_is_replaced_at_once(store):
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    old = store.acquire("loop", f"{socket.gethostname()}:{gone.pid}", 3600)
    assert store.acquire("loop", ME, 60) == old + 1


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="this system lists processes otherwise")
def test_a_holder_that_was_killed_and_that_nobody_waited_for_is_replaced_at_once(store):
    killed = subprocess.Popen([sys.executable, "-c", "import sys; sys.stdin.read()"], stdin=subprocess.PIPE)
    try:
        old = store.acquire("loop", f"{socket.gethostname()}:{killed.pid}", 3600)
        killed.kill()
        os.waitid(os.P_PID, killed.pid, os.WEXITED | os.WNOWAIT)  # it has ended, and is still listed
        assert store.acquire("loop", ME, 60) == old + 1
    finally:
        killed.communicate()


def test_a_holder_that_lives_or_is_elsewhere_is_waited_for(store):
    alive = subprocess.Popen([sys.executable, "-c", "import sys; sys.stdin.read()"], stdin=subprocess.PIPE)
    try:
        for name in (f"{socket.gethostname()}:{alive.pid}", "another-machine:1"):
            store.acquire("loop", name, 3600)
            with pytest.raises(BusyError, match=f"{name} is at work.*try again in 3[56]") as refused:
                store.acquire("loop", ME, 60)
            assert refused.value.exit_code == 6
            store.release("loop", name)
    finally:
        alive.communicate()


def test_a_lease_runs_out(store):
    store.acquire("loop", "another-machine:1", 0.2)
    with pytest.raises(BusyError):
        store.acquire("loop", ME, 60)
    time.sleep(0.25)
    assert store.acquire("loop", ME, 60) == 2


def test_a_stopped_process_cannot_crown_after_another_took_over(store, tmp_path):
    """The fencing token: refused even though the sleeper never noticed that its lease ran out."""
    crowned(store, 1)
    store.release("loop", ME)
    code = f"""
import sys
from undrift.records import Promotion
from undrift.stores import holder
from undrift.stores.sql import Sql
store = Sql({url(tmp_path)!r})
token = store.acquire("loop", holder(), 0.1)
print("held", flush=True)
sys.stdin.readline()
try:
    store.crown(Promotion("promote", 2, 1, "w", "too late"), token)
except Exception as error:
    print(type(error).__name__, error.exit_code, flush=True)
"""
    sleeper = subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert sleeper.stdout.readline() == "held\n"
    os.kill(sleeper.pid, signal.SIGSTOP)
    time.sleep(0.15)
    crowned(store, 3)
    os.kill(sleeper.pid, signal.SIGCONT)
    said, _ = sleeper.communicate("\n", timeout=30)
    assert said == "BusyError 6\n"
    assert [e.promotion.version for e in store.ledger()] == [1, 3]


def _open_and_put(folders: list[Path], name: int, barrier, results) -> None:
    try:
        for folder in folders:
            barrier.wait(30)
            store = Sql(url(folder))
            for i in range(5):
                store.put(f"{name}/{i}", Selection(name, i))
            store.close()
        results.put(None)
    except BaseException as error:  # noqa: BLE001 - whatever it is, the parent must hear of it
        barrier.abort()
        results.put(repr(error))


def _crown_once(folder: Path, number: int, barrier, results) -> None:
    """Replace version 1 by a version of one's own, at the same moment as others who mean to do the same."""
    store = Sql(url(folder))
    barrier.wait(30)
    try:
        store.crown(Promotion("promote", number, 1, "w", f"by {number}"), store.acquire("loop", "shared", 60))
        results.put(number)
    except SupersededError as error:
        results.put(str(error))
    store.close()


def test_of_two_who_replace_the_same_champion_at_once_only_one_does(store, tmp_path):
    """The check and the crown are one transaction: whoever comes second meant another champion."""
    crowned(store, 1)
    store.release("loop", ME)
    for number in (2, 3):
        store.put(str(number), version(number))
    context = multiprocessing.get_context("spawn")
    barrier, results = context.Barrier(2), context.Queue()
    workers = [context.Process(target=_crown_once, args=(tmp_path, n, barrier, results)) for n in (2, 3)]
    for worker in workers:
        worker.start()
    said = [results.get(timeout=90) for _ in workers]
    for worker in workers:
        worker.join(30)
    won = next(s for s in said if isinstance(s, int))
    assert f"but v{won} is live by now" in next(s for s in said if isinstance(s, str))
    assert [e.promotion.version for e in store.ledger()] == [1, won]


def test_four_processes_may_open_a_fresh_database_at_once(tmp_path):
    folders = [tmp_path / str(i) for i in range(16)]
    for folder in folders:
        folder.mkdir()
    context = multiprocessing.get_context("spawn")
    barrier, results = context.Barrier(4), context.Queue()
    workers = [context.Process(target=_open_and_put, args=(folders, i, barrier, results)) for i in range(4)]
    for worker in workers:
        worker.start()
    said = [results.get(timeout=90) for _ in workers]
    for worker in workers:
        worker.join(30)
    assert said == [None] * 4
    for folder in folders:
        store = Sql(url(folder))
        assert len(store.all(Selection)) == 20
        store.close()


WRITER = """
import sys
from itertools import count
from undrift.records import Promotion, Selection, Version
from undrift.stores import holder
from undrift.stores.sql import Sql
store = Sql(sys.argv[1])
token = store.acquire("loop", holder(), 600)
for i in count(len(store.all(Selection)) + 1):
    store.put(str(i), Selection(i, i))
    store.put(str(i), Version(i, "w", "everything", "t", "a", "skops", 1, 0))
    live = store.champion()
    store.crown(Promotion("promote", i, live and live.number, "w", "x" * 5000), token)
    print(i, flush=True)
"""


@pytest.mark.parametrize("lines", [1, 25, 60])
def test_a_killed_writer_leaves_exactly_what_it_had_committed(tmp_path, lines):
    for _ in range(2):
        writer = subprocess.Popen(
            [sys.executable, "-c", WRITER, url(tmp_path)], stdout=subprocess.PIPE, text=True
        )
        told = [int(writer.stdout.readline()) for _ in range(lines)]
        time.sleep(0.003 * (lines % 7))
        os.kill(writer.pid, signal.SIGKILL)
        told += [int(line) for line in writer.communicate()[0].splitlines()]
        store = Sql(url(tmp_path))
        kept, entries = [s.first for s in store.all(Selection)], store.ledger()
        assert kept == list(range(1, len(kept) + 1)), "in order, none lost, none doubled"
        assert told[-1] <= len(kept) <= told[-1] + 1
        assert told[-1] <= len(entries) <= len(kept)
        assert store.champion().number == entries[-1].promotion.version == len(entries)
        for number in range(len(entries) + 1, len(kept) + 1):  # what the writer would have done next
            crowned(store, number)
        assert store.acquire("loop", ME, 1) >= 2, "the dead writer holds nothing up"
        store.release("loop", ME)
        store.close()


def test_a_locked_database_is_busy_not_broken(tmp_path):
    store = Sql(url(tmp_path))
    lock = raw(tmp_path)
    lock.execute("begin exclusive")
    with store._engine.connect() as connection:
        connection.exec_driver_sql("pragma busy_timeout = 50")
    with pytest.raises(BusyError, match="does not answer") as refused:
        store.put("a", Selection(1, 1))
    assert refused.value.exit_code == 6
    lock.rollback()
    assert store.put("a", Selection(1, 1)) is True
    store.close()


def test_a_store_that_cannot_be_reached_is_busy():
    with pytest.raises(BusyError, match="does not answer"):
        Sql("sqlite:////nowhere/at/all.db")
