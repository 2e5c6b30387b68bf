"""A stream in every key, so that several models can live in one store; records found newest first."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

STREAM = "main"
"""The stream of a store that had room for one only."""

KEPT = {
    "profiles": ("key", "body"),
    "ledger": ("number", "at", "body", "hash"),
    "leases": ("name", "holder", "token", "expires"),
    "champion": ("version",),
    "records": ("number", "kind", "key", "body", "at"),
}
"""The columns of each table that stay."""


def upgrade() -> None:
    """Make each table anew with its stream, and move the rows over."""
    for name in KEPT:
        op.rename_table(name, f"{name}_0001")
    op.create_table(
        "records",
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("stream", sa.String(100), nullable=False),
        sa.Column("kind", sa.String(40), nullable=False),
        sa.Column("key", sa.String(200), nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.Column("at", sa.Float, nullable=False),
        sa.UniqueConstraint("stream", "kind", "key"),
    )
    op.create_index("records_newest", "records", ["stream", "kind", "number"])
    op.create_table(
        "profiles",
        sa.Column("stream", sa.String(100), primary_key=True),
        sa.Column("key", sa.String(200), primary_key=True),
        sa.Column("body", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "champion",
        sa.Column("stream", sa.String(100), primary_key=True),
        sa.Column("version", sa.Integer, nullable=False),
    )
    op.create_table(
        "ledger",
        sa.Column("stream", sa.String(100), primary_key=True),
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("at", sa.Double, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.Column("hash", sa.String(64), nullable=False),
    )
    op.create_table(
        "leases",
        sa.Column("stream", sa.String(100), primary_key=True),
        sa.Column("name", sa.String(100), primary_key=True),
        sa.Column("holder", sa.String(200), nullable=False),
        sa.Column("token", sa.Integer, nullable=False),
        sa.Column("expires", sa.Double, nullable=False),
    )
    for name, columns in KEPT.items():
        kept = ", ".join(columns)
        op.execute(f"insert into {name} (stream, {kept}) select '{STREAM}', {kept} from {name}_0001")  # noqa: S608 - names of our own
        op.drop_table(f"{name}_0001")
    if op.get_bind().dialect.name == "postgresql":
        op.execute("select setval(pg_get_serial_sequence('records', 'number'), max(number)) from records")
