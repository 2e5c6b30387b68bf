"""The tables of the SQL store, as the newest migration leaves them; every key begins with the stream."""

from __future__ import annotations

from sqlalchemy import (
    Column,
    Double,
    Float,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
)

HEAD = "0002"
"""The migration that these tables belong to."""

metadata = MetaData()

records = Table(
    "records",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=True),
    Column("stream", String(100), nullable=False),
    Column("kind", String(40), nullable=False),
    Column("key", String(200), nullable=False),
    Column("body", Text, nullable=False),
    Column("at", Float, nullable=False),
    UniqueConstraint("stream", "kind", "key"),
    Index("records_newest", "stream", "kind", "number"),
)

profiles = Table(
    "profiles",
    metadata,
    Column("stream", String(100), primary_key=True),
    Column("key", String(200), primary_key=True),
    Column("body", LargeBinary, nullable=False),
)

champion = Table(
    "champion",
    metadata,
    Column("stream", String(100), primary_key=True),
    Column("version", Integer, nullable=False),
)

ledger = Table(
    "ledger",
    metadata,
    Column("stream", String(100), primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("at", Double, nullable=False),
    Column("body", Text, nullable=False),
    Column("hash", String(64), nullable=False),
)

leases = Table(
    "leases",
    metadata,
    Column("stream", String(100), primary_key=True),
    Column("name", String(100), primary_key=True),
    Column("holder", String(200), nullable=False),
    Column("token", Integer, nullable=False),
    Column("expires", Double, nullable=False),
)
