"""The register of a real county: numbers that a family shares, renewal, erasure, opt-outs that outlive a list.

Revision ID: 0004
Revises: 0003
"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

#: The first ledger's unique number had no name of its own: PostgreSQL gave it this one, and on SQLite alembic is told to.
UNIQUE = "resident_phone_index_key"
NAMES = {"uq": "%(table_name)s_%(column_0_name)s_key"}


def upgrade() -> None:
    """New columns of residents, whose number is no longer unique; which number a message went to; the opt-outs."""
    with op.batch_alter_table("resident", naming_convention=NAMES) as table:
        table.add_column(sa.Column("language", sa.String(length=16), nullable=False, server_default=""))
        table.add_column(sa.Column("renewed", sa.String(length=10), nullable=True))
        table.add_column(sa.Column("phone_at", sa.String(length=32), nullable=True))
        table.add_column(sa.Column("erase_at", sa.String(length=32), nullable=True))
        table.drop_constraint(UNIQUE, type_="unique")
        table.create_index("ix_resident_phone", ["phone_index"], unique=False)
    op.add_column("delivery", sa.Column("number", sa.String(length=64), nullable=True))
    op.create_table("opt_out",
        sa.Column("who", sa.String(length=64), nullable=False),
        sa.Column("at", sa.String(length=32), nullable=False),
        sa.PrimaryKeyConstraint("who"),
    )


def downgrade() -> None:
    """Back to unique numbers; fails where a family shares one. Opt-outs of numbers that nobody has are lost."""
    op.drop_table("opt_out")
    with op.batch_alter_table("delivery") as table:
        table.drop_column("number")
    with op.batch_alter_table("resident") as table:
        table.drop_index("ix_resident_phone")
        table.create_unique_constraint(UNIQUE, ["phone_index"])
        for name in ("erase_at", "phone_at", "renewed", "language"):
            table.drop_column(name)
