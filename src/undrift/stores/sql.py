"""A store in an SQL database: SQLite by default, any SQLAlchemy URL."""

from __future__ import annotations

import base64
import json
import sqlite3
import threading
import time
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError, OperationalError
from sqlalchemy.pool import StaticPool

from undrift import redaction
from undrift.errors import BusyError, ConfigError, SupersededError, UndriftError
from undrift.records import Promotion, Version, decode, encode
from undrift.stores import Store, _chain, gone
from undrift.stores._tables import HEAD, champion, leases, ledger, profiles, records

T = TypeVar("T")

SQLITE_PATIENCE = 30.0
"""Seconds to wait for another process that writes."""

WRITERS = 7_308_332
"""The advisory lock that the writers of one PostgreSQL database take in turns."""

LONG, PACKED = 1_000, "zlib:"
"""Characters from which on a record is compressed, and how it begins then."""

RECENT = 64
"""Records of a kind that are remembered where only the newest were asked for."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One link of the ledger."""

    number: int
    at: datetime
    promotion: Promotion
    hash: str


class Sql:
    """Records, profiles, lease and ledger in one database.

    ``url`` is an SQLAlchemy URL; "sqlite://" alone is a database in memory. Several models may share a
    database, each under the name of its ``stream``. The tables are made, or migrated, when it is opened.
    """

    def __init__(self, url: str = "sqlite://", stream: str = "main") -> None:
        self.url, self.stream = url, stream
        try:
            self._engine = _engine(url)
        except (sa.exc.ArgumentError, ImportError) as error:
            shown = redaction.setting("store.url", url)
            raise ConfigError(f"store.url = {shown!r}: {error}", "Give an SQLAlchemy URL.") from None
        self._alone = threading.RLock()  # threads of a loop share the store, in memory even its connection
        self._read: dict[type[Any], tuple[int, list[Any]]] = {}
        self._recent: dict[type[Any], dict[int, Any]] = {}
        self._decoders: dict[type[Any], msgspec.json.Decoder[Any]] = {}
        self._migrate()

    def put(self, key: str, record: Any) -> bool:
        """Keep a record under its class and key; False, and nothing changed, if there is one."""
        body = _packed(_text(encode(record)))
        row = {"kind": type(record).__name__, "key": key, "body": body, "at": time.time()}
        try:
            with self._writing() as connection:
                connection.execute(records.insert().values(row | {"stream": self.stream}))
        except IntegrityError:
            return False
        return True

    def get(self, kind: type[T], key: str) -> T | None:
        """The record of this class under the key."""
        query = sa.select(records.c.body).where(*self._of(kind), records.c.key == key)
        with self._reading() as connection:
            body = connection.execute(query).scalar()
        return self._decoded(kind, key, body) if body is not None else None

    def all(self, kind: type[T], newest: int | None = None) -> list[T]:
        """All records of a class, or the newest ones, in the order in which they were put.

        Records never change, so those read before are remembered and only newer ones are fetched.
        """
        if newest is not None and kind not in self._read:
            return self._newest(kind, newest)
        last, known = self._read.get(kind, (0, []))
        query = (
            sa.select(records.c.number, records.c.key, records.c.body)
            .where(*self._of(kind), records.c.number > last)
            .order_by(records.c.number)
        )
        with self._reading() as connection:
            rows = connection.execute(query).all()
        if rows:
            known = known + [self._decoded(kind, row.key, row.body) for row in rows]
            self._read[kind] = (rows[-1].number, known)
        return known[-newest:] if newest else list(known)

    def _newest(self, kind: type[T], most: int) -> list[T]:
        """The newest records of a class, without those before them."""
        numbers = sa.select(records.c.number).where(*self._of(kind)).order_by(records.c.number.desc())
        known = self._recent.get(kind, {})
        with self._reading() as connection:
            wanted = sorted(connection.execute(numbers.limit(most)).scalars())
            missing = [number for number in wanted if number not in known]
            query = sa.select(records.c.number, records.c.key, records.c.body)
            rows = connection.execute(query.where(records.c.number.in_(missing))).all() if missing else []
        known = known | {row.number: self._decoded(kind, row.key, row.body) for row in rows}
        self._recent[kind] = dict(sorted(known.items())[-max(RECENT, most) :])
        return [known[number] for number in wanted]

    def count(self, kind: type[Any]) -> int:
        """How many records of a class there are."""
        with self._reading() as connection:
            query = sa.select(sa.func.count()).select_from(records).where(*self._of(kind))
            return int(connection.execute(query).scalar() or 0)

    def keys(self, kind: type[Any]) -> list[str]:
        """The keys of all records of a class, in the order in which they were put."""
        query = sa.select(records.c.key).where(*self._of(kind)).order_by(records.c.number)
        with self._reading() as connection:
            return list(connection.execute(query).scalars())

    def times(self, kind: type[Any], newest: int | None = None) -> dict[str, datetime]:
        """When each record of a class, or the newest of them, was put (UTC), by key."""
        query = (
            sa.select(records.c.key, records.c.at)
            .where(*self._of(kind))
            .order_by(records.c.number.desc())
            .limit(newest)
        )
        with self._reading() as connection:
            rows = connection.execute(query).all()
        return {key: datetime.fromtimestamp(at, UTC) for key, at in reversed(rows)}

    def put_profile(self, key: str, data: bytes) -> None:
        """Keep a profile's serial form; the first one under a key stays."""
        try:
            with self._writing() as connection:
                connection.execute(profiles.insert().values(stream=self.stream, key=key, body=data))
        except IntegrityError:
            return

    def get_profile(self, key: str) -> bytes | None:
        """The profile's serial form under the key."""
        with self._reading() as connection:
            own = (profiles.c.stream == self.stream, profiles.c.key == key)
            body = connection.execute(sa.select(profiles.c.body).where(*own)).scalar()
        return bytes(body) if body is not None else None

    def champion(self) -> Version | None:
        """The version that is live."""
        with self._reading() as connection:
            number = self._champion(connection)
            newest = self._entries(ledger.c.body).order_by(ledger.c.number.desc()).limit(1)
            body = connection.execute(newest).scalar()
        entered = self._decoded(Promotion, "newest", body).version if body else None
        if number != entered:
            problem = f"the champion is {number}, but the newest entry of the ledger says {entered}"
            raise UndriftError(problem, "Restore the store from a backup.")
        if number is None:
            return None
        version = self.get(Version, str(number))
        if version is None:
            raise UndriftError(
                f"the record of v{number}, which is live, is gone", "Restore the store from a backup."
            )
        return version

    def crown(self, promotion: Promotion, token: int) -> None:
        """Make a version champion and write its ledger entry, in one transaction."""
        try:
            self._crown(promotion, token)
        except IntegrityError:  # where two may write at once, the second finds the entry's number taken
            with self._reading() as connection:
                self._check_champion(connection, promotion)
            raise

    def _crown(self, promotion: Promotion, token: int) -> None:
        with self._writing() as connection:
            self._check_token(connection, token)
            self._check_champion(connection, promotion)
            last = connection.execute(
                self._entries(ledger.c.number, ledger.c.hash).order_by(ledger.c.number.desc()).limit(1)
            ).first()
            number, previous = (last.number + 1, last.hash) if last else (1, _chain.GENESIS)
            at, body = time.time(), _text(encode(promotion))
            row = {"number": number, "at": at, "body": body, "hash": _chain.link(previous, number, at, body)}
            connection.execute(ledger.insert().values(row | {"stream": self.stream}))
            connection.execute(champion.delete().where(champion.c.stream == self.stream))
            connection.execute(champion.insert().values(stream=self.stream, version=promotion.version))

    def ledger(self) -> list[Entry]:
        """All changes of champion, oldest first; raises UndriftError when the chain is broken."""
        with self._reading() as connection:
            rows = connection.execute(self._entries(ledger).order_by(ledger.c.number)).all()
        _chain.check(rows)
        return [
            Entry(
                r.number,
                datetime.fromtimestamp(r.at, UTC),
                self._decoded(Promotion, str(r.number), r.body),
                r.hash,
            )
            for r in rows
        ]

    def acquire(self, name: str, holder: str, seconds: float) -> int:
        """Take or renew a lease; a holder that died on this machine is replaced at once."""
        now = time.time()
        mine = (leases.c.stream == self.stream) & (leases.c.name == name)
        with self._writing() as connection:
            held = connection.execute(sa.select(leases).where(mine)).first()
            if held and held.holder == holder:
                connection.execute(leases.update().where(mine).values(expires=now + seconds))
                return int(held.token)
            if held and held.expires > now and not gone(held.holder):
                raise BusyError(
                    f"{held.holder} is at work on this workspace",
                    f"Wait, or try again in {held.expires - now:.0f} s.",
                )
            every = sa.select(sa.func.max(leases.c.token)).where(leases.c.stream == self.stream)
            token = 1 + int(connection.execute(every).scalar() or 0)
            row = {"holder": holder, "token": token, "expires": now + seconds}
            if held:
                connection.execute(leases.update().where(mine).values(row))
            else:
                connection.execute(leases.insert().values(row | {"stream": self.stream, "name": name}))
            return token

    def release(self, name: str, holder: str) -> None:
        """Give a lease back: it expires now, its token is kept."""
        mine = (leases.c.stream == self.stream) & (leases.c.name == name) & (leases.c.holder == holder)
        with self._writing() as connection:
            connection.execute(leases.update().where(mine).values(expires=0.0, holder=""))

    def _of(self, kind: type[Any]) -> tuple[sa.ColumnElement[bool], ...]:
        """What tells the records of a class in this stream."""
        return records.c.stream == self.stream, records.c.kind == kind.__name__

    def _entries(self, *columns: Any) -> sa.Select[Any]:
        """The ledger of this stream."""
        return sa.select(*columns).where(ledger.c.stream == self.stream)

    def _champion(self, connection: sa.Connection) -> int | None:
        query = sa.select(champion.c.version).where(champion.c.stream == self.stream)
        number: int | None = connection.execute(query).scalar()
        return number

    def _check_token(self, connection: sa.Connection, token: int) -> None:
        """Raise BusyError unless a lease of this stream has the token: no two ever had the same."""
        query = sa.select(leases.c.token).where(leases.c.stream == self.stream, leases.c.token == token)
        if connection.execute(query).first() is None:
            raise BusyError("another process took over this workspace", "Run the step again.")

    def _check_champion(self, connection: sa.Connection, promotion: Promotion) -> None:
        live = self._champion(connection)
        if live != promotion.previous:
            meant, found = ("no version" if n is None else f"v{n}" for n in (promotion.previous, live))
            problem = f"v{promotion.version} was to replace {meant}, but {found} is live by now"
            raise SupersededError(problem, "Look again: undrift status.")

    def close(self) -> None:
        """Let go of files and connections."""
        self._engine.dispose()

    def _decoded(self, kind: type[T], key: str, body: str) -> T:
        try:
            body = _unpacked(body)
            return self._decoder(kind).decode(body)
        except (msgspec.MsgspecError, ValueError, zlib.error):
            pass  # NaN is null there; and what does not fit is named more plainly below
        try:
            return decode(kind, json.loads(body))
        except (ValueError, TypeError) as error:
            raise UndriftError(
                f"the store {self._where} is damaged: its {kind.__name__} {key!r} cannot be read ({error})",
                "Restore the store from a backup.",
            ) from error

    def _decoder(self, kind: type[T]) -> msgspec.json.Decoder[T]:
        """The decoder of a class, made when it is first needed."""
        if kind not in self._decoders:
            self._decoders[kind] = msgspec.json.Decoder(kind)
        found: msgspec.json.Decoder[T] = self._decoders[kind]
        return found

    @property
    def _where(self) -> str:
        return redaction.redacted(self.url)

    @contextmanager
    def _writing(self) -> Iterator[sa.Connection]:
        writer = self._engine.execution_options(writes=True)
        with self._alone, _reachable(self._where), writer.begin() as connection:
            if connection.dialect.name == "postgresql":  # numbers then rise in the order of commits
                connection.execute(sa.select(sa.func.pg_advisory_xact_lock(WRITERS)))
            yield connection

    @contextmanager
    def _reading(self) -> Iterator[sa.Connection]:
        with self._alone, _reachable(self._where), self._engine.connect() as connection:
            yield connection

    def _migrate(self) -> None:
        found = self._version()
        if found == HEAD:
            return
        if found is not None and found > HEAD:
            raise UndriftError(
                f"the store {self._where} is of revision {found}, which a newer undrift wrote",
                "Update undrift.",
            )
        from alembic import command
        from alembic.config import Config

        config = Config()
        config.set_main_option("script_location", str(Path(__file__).parent / "_migrations"))
        with self._writing() as connection:
            config.attributes["connection"] = connection
            command.upgrade(config, "head")

    def _version(self) -> str | None:
        with self._reading() as connection:
            if not sa.inspect(connection).has_table("alembic_version"):
                return None
            found: str | None = connection.execute(
                sa.text("select version_num from alembic_version")
            ).scalar()
            return found


def _engine(url: str) -> sa.Engine:
    if url in ("sqlite://", "sqlite:///:memory:"):
        return sa.create_engine(url, poolclass=StaticPool, connect_args={"check_same_thread": False})
    if not url.startswith("sqlite"):
        return sa.create_engine(url)
    engine = sa.create_engine(url, connect_args={"timeout": SQLITE_PATIENCE})
    sa.event.listen(engine, "connect", _sqlite_settings)
    sa.event.listen(engine, "begin", _sqlite_begin)
    return engine


def _sqlite_settings(connection: Any, _record: Any) -> None:
    """WAL, full durability, and transactions that we begin ourselves."""
    connection.isolation_level = None
    deadline = time.monotonic() + SQLITE_PATIENCE
    while not _in_wal(connection):
        if time.monotonic() > deadline:
            raise sqlite3.OperationalError("database is locked")
        time.sleep(0.01)
    connection.execute("pragma synchronous=full")


def _in_wal(connection: sqlite3.Connection) -> bool:
    """Switch to WAL; False where others open the same new file, for which SQLite does not wait by itself."""
    try:
        if connection.execute("pragma journal_mode").fetchone()[0] != "wal":
            connection.execute("pragma journal_mode=wal")
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY:
            raise
        return False
    return True


def _sqlite_begin(connection: sa.Connection) -> None:
    """A writer takes the lock at once, so that nobody writes between what it reads and what it writes."""
    writes = connection.get_execution_options().get("writes", False)
    connection.exec_driver_sql("begin immediate" if writes else "begin")


@contextmanager
def _reachable(where: str) -> Iterator[None]:
    try:
        yield
    except OperationalError as error:
        if "full" in str(error.orig) or "readonly" in str(error.orig):
            raise UndriftError(
                f"the store {where}: {error.orig}", "Make room, or make it writable."
            ) from error
        if "no such table" in str(error.orig) or "no such column" in str(error.orig):
            raise _damaged(where, error) from error
        raise BusyError(f"the store {where} does not answer: {error.orig}", "Try again later.") from error
    except IntegrityError:
        raise
    except sa.exc.DatabaseError as error:
        raise _damaged(where, error) from error


def _damaged(where: str, error: sa.exc.DatabaseError) -> UndriftError:
    return UndriftError(f"the store {where} is damaged: {error.orig}", "Restore it from a backup.")


def _text(body: dict[str, Any]) -> str:
    return json.dumps(body, separators=(",", ":"), sort_keys=True, allow_nan=False)


def _packed(body: str) -> str:
    """A record as it is kept: a long one is compressed, and begins as no JSON does."""
    if len(body) < LONG:
        return body
    return PACKED + base64.b64encode(zlib.compress(body.encode(), 6)).decode()


def _unpacked(body: str) -> str:
    """What was packed; raises ValueError or zlib.error where it is damaged."""
    if not body.startswith(PACKED):
        return body
    return zlib.decompress(base64.b64decode(body.removeprefix(PACKED), validate=True)).decode()


_: type[Store] = Sql
