"""The tables of the SQL store, as the newest migration leaves them."""

from __future__ import annotations

from sqlalchemy import Column, Float, Integer, LargeBinary, MetaData, String, Table, Text, UniqueConstraint

HEAD = "0001"
"""The migration that these tables belong to."""

metadata = MetaData()

records = Table(
    "records",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=True),
    Column("kind", String(40), nullable=False),
    Column("key", String(200), nullable=False),
    Column("body", Text, nullable=False),
    Column("at", Float, nullable=False),
    UniqueConstraint("kind", "key"),
)

profiles = Table(
    "profiles",
    metadata,
    Column("key", String(200), primary_key=True),
    Column("body", LargeBinary, nullable=False),
)

champion = Table(
    "champion",
    metadata,
    Column("only", Integer, primary_key=True),
    Column("version", Integer, nullable=False),
)

ledger = Table(
    "ledger",
    metadata,
    Column("number", Integer, primary_key=True),
    Column("at", Float, nullable=False),
    Column("body", Text, nullable=False),
    Column("hash", String(64), nullable=False),
)

leases = Table(
    "leases",
    metadata,
    Column("name", String(100), primary_key=True),
    Column("holder", String(200), nullable=False),
    Column("token", Integer, nullable=False),
    Column("expires", Float, nullable=False),
)
