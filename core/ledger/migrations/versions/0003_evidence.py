"""Evidence by assessment, packed, instead of a text a town and hazard: a year of it takes a twenty-fifth of the room.

Revision ID: 0003
Revises: 0001
"""

import sqlalchemy as sa
from alembic import op

from core.ledger.codec import packed, unpacked

revision = "0003"
down_revision = "0001"
branch_labels = None
depends_on = None

BODIES = "select body from assessment where at = :at order by town, hazard"


def upgrade() -> None:
    """Pack the texts of every assessment; the rows keep what is looked for."""
    op.create_table("evidence",
        sa.Column("at", sa.String(length=32), nullable=False),
        sa.Column("part", sa.Integer(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("at", "part"),
    )
    connection = op.get_bind()
    evidence = sa.table("evidence", sa.column("at", sa.String), sa.column("part", sa.Integer), sa.column("body", sa.LargeBinary))
    for at in connection.execute(sa.text("select distinct at from assessment order by at")).scalars().all():
        texts = connection.execute(sa.text(BODIES), {"at": at}).scalars().all()
        connection.execute(sa.insert(evidence), [{"at": at, "part": n, "body": body} for n, body in enumerate(packed(texts))])
    with op.batch_alter_table("assessment") as table:
        table.drop_column("body")


def downgrade() -> None:
    """Back to a text a row."""
    with op.batch_alter_table("assessment") as table:
        table.add_column(sa.Column("body", sa.Text(), nullable=False, server_default=""))
    connection = op.get_bind()
    for at in connection.execute(sa.text("select distinct at from assessment order by at")).scalars().all():
        keys = connection.execute(sa.text("select town, hazard from assessment where at = :at order by town, hazard"), {"at": at}).all()
        texts = unpacked(connection.execute(sa.text("select body from evidence where at = :at order by part"), {"at": at}).scalars())
        for (town, hazard), body in zip(keys, texts, strict=True):
            connection.execute(sa.text("update assessment set body = :body where at = :at and town = :town and hazard = :hazard"),
                               {"body": body, "at": at, "town": town, "hazard": hazard})
    op.drop_table("evidence")
