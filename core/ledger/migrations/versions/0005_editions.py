"""Editions of the register: a list is written beside what is in force, and comes into force whole.

Revision ID: 0005
Revises: 0004
"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

KEPT = "resident_id, town, groups, phone, phone_index, language, opted_out, synthetic, renewed, phone_at, erase_at"


def upgrade() -> None:
    """Every resident is part of edition 0."""
    _anew(f"{KEPT} from resident", sa.Column("since", sa.Integer(), nullable=False, server_default="0"), sa.Column("until", sa.Integer(), nullable=True))


def downgrade() -> None:
    """Only what is in force stays."""
    edition = "coalesce((select value from sequence where name = 'register'), 0)"
    _anew(f"{KEPT} from resident where since <= {edition} and (until is null or until > {edition})")
    op.execute("delete from sequence where name in ('register', 'register.touched')")


def _anew(taken: str, *more: "sa.Column[int]") -> None:
    """The table with another key, and in it what is `taken` of the former one."""
    op.create_table("resident_anew",
        sa.Column("resident_id", sa.String(length=64), nullable=False), *more,
        sa.Column("town", sa.String(length=16), nullable=False),
        sa.Column("groups", sa.Text(), nullable=False),
        sa.Column("phone", sa.LargeBinary(), nullable=False),
        sa.Column("phone_index", sa.String(length=64), nullable=False),
        sa.Column("language", sa.String(length=16), nullable=False, server_default=""),
        sa.Column("opted_out", sa.Boolean(), nullable=False),
        sa.Column("synthetic", sa.Boolean(), nullable=False),
        sa.Column("renewed", sa.String(length=10), nullable=True),
        sa.Column("phone_at", sa.String(length=32), nullable=True),
        sa.Column("erase_at", sa.String(length=32), nullable=True),
        sa.PrimaryKeyConstraint("resident_id", *(["since"] if more else [])),
    )
    op.execute(f"insert into resident_anew ({KEPT}) select {taken}")
    op.drop_table("resident")
    op.rename_table("resident_anew", "resident")
    op.create_index("ix_resident_town", "resident", ["town"])
    op.create_index("ix_resident_phone", "resident", ["phone_index"])
