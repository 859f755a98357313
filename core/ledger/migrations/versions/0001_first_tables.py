"""The first tables. Written out, not taken from core.ledger.tables: what an old ledger went through must never change."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def _feeds() -> None:
    """What is pulled: health, runs, watermarks."""
    op.create_table('feed_health',
    sa.Column('feed', sa.String(length=64), nullable=False),
    sa.Column('state', sa.String(length=16), nullable=False),
    sa.Column('layer', sa.String(length=16), nullable=False),
    sa.Column('headline', sa.Text(), nullable=False),
    sa.Column('checked_at', sa.String(length=32), nullable=False),
    sa.Column('success_at', sa.String(length=32), nullable=True),
    sa.Column('newest_reading', sa.String(length=32), nullable=True),
    sa.Column('changed_at', sa.String(length=32), nullable=True),
    sa.Column('failures', sa.Integer(), nullable=False),
    sa.Column('etag', sa.Text(), nullable=False),
    sa.Column('last_modified', sa.Text(), nullable=False),
    sa.Column('raw', sa.String(length=64), nullable=False),
    sa.PrimaryKeyConstraint('feed')
    )
    op.create_table('feed_run',
    sa.Column('feed', sa.String(length=64), nullable=False),
    sa.Column('at', sa.String(length=32), nullable=False),
    sa.Column('outcome', sa.String(length=16), nullable=False),
    sa.Column('records', sa.Integer(), nullable=False),
    sa.Column('set_aside', sa.Integer(), nullable=False),
    sa.Column('raw', sa.String(length=64), nullable=False),
    sa.Column('error', sa.Text(), nullable=False),
    sa.PrimaryKeyConstraint('feed', 'at')
    )
    op.create_table('watermark',
    sa.Column('consumer', sa.String(length=64), nullable=False),
    sa.Column('source', sa.String(length=64), nullable=False),
    sa.Column('position', sa.Text(), nullable=False),
    sa.PrimaryKeyConstraint('consumer', 'source')
    )


def _assessments() -> None:
    """What the rules decided and remember."""
    op.create_table('assessment',
    sa.Column('at', sa.String(length=32), nullable=False),
    sa.Column('town', sa.String(length=16), nullable=False),
    sa.Column('hazard', sa.String(length=16), nullable=False),
    sa.Column('level', sa.Integer(), nullable=False),
    sa.Column('ceiling', sa.Integer(), nullable=False),
    sa.Column('proved', sa.Integer(), nullable=False),
    sa.Column('floor', sa.Integer(), nullable=False),
    sa.Column('score', sa.Float(), nullable=False),
    sa.Column('silent', sa.Text(), nullable=False),
    sa.Column('newest_reading', sa.String(length=32), nullable=True),
    sa.Column('body', sa.Text(), nullable=False),
    sa.PrimaryKeyConstraint('at', 'town', 'hazard')
    )
    op.create_table('hold',
    sa.Column('town', sa.String(length=16), nullable=False),
    sa.Column('rule', sa.String(length=64), nullable=False),
    sa.Column('level', sa.Integer(), nullable=False),
    sa.Column('pending', sa.Integer(), nullable=False),
    sa.Column('pending_since', sa.String(length=32), nullable=True),
    sa.Column('excluded', sa.String(length=160), nullable=False),
    sa.Column('updated_at', sa.String(length=32), nullable=False),
    sa.PrimaryKeyConstraint('town', 'rule')
    )


def _alerts() -> None:
    """Threads and their signatures; versions come last, because they refer to both."""
    op.create_table('alert',
    sa.Column('alert_id', sa.String(length=64), nullable=False),
    sa.Column('hazard', sa.String(length=16), nullable=False),
    sa.Column('status', sa.String(length=16), nullable=False),
    sa.Column('opened_at', sa.String(length=32), nullable=False),
    sa.Column('closed_at', sa.String(length=32), nullable=True),
    sa.PrimaryKeyConstraint('alert_id')
    )
    op.create_table('approval',
    sa.Column('alert_id', sa.String(length=64), nullable=False),
    sa.Column('version', sa.Integer(), nullable=False),
    sa.Column('officer', sa.String(length=64), nullable=False),
    sa.Column('role', sa.String(length=16), nullable=False),
    sa.Column('decision', sa.String(length=16), nullable=False),
    sa.Column('at', sa.String(length=32), nullable=False),
    sa.Column('signed_hash', sa.String(length=64), nullable=False),
    sa.Column('signature', sa.Text(), nullable=False),
    sa.Column('note', sa.Text(), nullable=False),
    sa.PrimaryKeyConstraint('alert_id', 'version', 'officer')
    )


def _versions() -> None:
    """Alert versions."""
    op.create_table('alert_version',
    sa.Column('alert_id', sa.String(length=64), nullable=False),
    sa.Column('version', sa.Integer(), nullable=False),
    sa.Column('msg_type', sa.String(length=16), nullable=False),
    sa.Column('state', sa.String(length=16), nullable=False),
    sa.Column('level', sa.Integer(), nullable=False),
    sa.Column('body', sa.Text(), nullable=False),
    sa.Column('body_hash', sa.String(length=64), nullable=False),
    sa.Column('audience', sa.Text(), nullable=False),
    sa.Column('reading_at', sa.String(length=32), nullable=True),
    sa.Column('assessed_at', sa.String(length=32), nullable=False),
    sa.Column('drafted_at', sa.String(length=32), nullable=False),
    sa.Column('decided_at', sa.String(length=32), nullable=True),
    sa.Column('issued_at', sa.String(length=32), nullable=True),
    sa.Column('first_handed_at', sa.String(length=32), nullable=True),
    sa.Column('last_handed_at', sa.String(length=32), nullable=True),
    sa.Column('acknowledged_at', sa.String(length=32), nullable=True),
    sa.Column('expires', sa.String(length=32), nullable=False),
    sa.Column('cap_path', sa.Text(), nullable=False),
    sa.ForeignKeyConstraint(['alert_id'], ['alert.alert_id'], ),
    sa.PrimaryKeyConstraint('alert_id', 'version')
    )


def _people() -> None:
    """Residents."""
    op.create_table('resident',
    sa.Column('resident_id', sa.String(length=64), nullable=False),
    sa.Column('town', sa.String(length=16), nullable=False),
    sa.Column('groups', sa.Text(), nullable=False),
    sa.Column('phone', sa.LargeBinary(), nullable=False),
    sa.Column('phone_index', sa.String(length=64), nullable=False),
    sa.Column('opted_out', sa.Boolean(), nullable=False),
    sa.Column('synthetic', sa.Boolean(), nullable=False),
    sa.PrimaryKeyConstraint('resident_id'),
    sa.UniqueConstraint('phone_index')
    )
    op.create_index('ix_resident_town', 'resident', ['town'], unique=False)


def _deliveries() -> None:
    """The outbox and what came back."""
    op.create_table('delivery',
    sa.Column('delivery_id', sa.Integer(), autoincrement=True, nullable=False),
    sa.Column('alert_id', sa.String(length=64), nullable=False),
    sa.Column('version', sa.Integer(), nullable=False),
    sa.Column('channel', sa.String(length=16), nullable=False),
    sa.Column('recipient', sa.String(length=64), nullable=False),
    sa.Column('town', sa.String(length=16), nullable=False),
    sa.Column('groups', sa.Text(), nullable=False),
    sa.Column('state', sa.String(length=16), nullable=False),
    sa.Column('attempt', sa.Integer(), nullable=False),
    sa.Column('priority', sa.Integer(), nullable=False),
    sa.Column('claimed_at', sa.String(length=32), nullable=True),
    sa.Column('handed_at', sa.String(length=32), nullable=True),
    sa.Column('finished_at', sa.String(length=32), nullable=True),
    sa.Column('not_before', sa.String(length=32), nullable=True),
    sa.Column('provider_id', sa.String(length=64), nullable=False),
    sa.Column('code', sa.String(length=32), nullable=False),
    sa.Column('possible_duplicate', sa.Boolean(), nullable=False),
    sa.PrimaryKeyConstraint('delivery_id'),
    sa.UniqueConstraint('alert_id', 'version', 'channel', 'recipient', name='uq_delivery_once')
    )
    op.create_index('ix_delivery_provider', 'delivery', ['provider_id'], unique=False)
    op.create_index('ix_delivery_work', 'delivery', ['state', 'channel', 'priority'], unique=False)
    op.create_table('receipt',
    sa.Column('receipt_id', sa.Integer(), autoincrement=True, nullable=False),
    sa.Column('delivery_id', sa.Integer(), nullable=False),
    sa.Column('kind', sa.String(length=32), nullable=False),
    sa.Column('at', sa.String(length=32), nullable=False),
    sa.Column('detail', sa.Text(), nullable=False),
    sa.PrimaryKeyConstraint('receipt_id'),
    sa.UniqueConstraint('delivery_id', 'kind', name='uq_receipt_once')
    )
    op.create_table('sequence',
    sa.Column('name', sa.String(length=64), nullable=False),
    sa.Column('value', sa.Integer(), nullable=False),
    sa.PrimaryKeyConstraint('name')
    )


def _records() -> None:
    """The duty log and the audit chain."""
    op.create_table('audit',
    sa.Column('seq', sa.Integer(), autoincrement=False, nullable=False),
    sa.Column('at', sa.String(length=32), nullable=False),
    sa.Column('actor', sa.String(length=64), nullable=False),
    sa.Column('action', sa.String(length=64), nullable=False),
    sa.Column('subject', sa.String(length=128), nullable=False),
    sa.Column('payload', sa.Text(), nullable=False),
    sa.Column('prev', sa.String(length=64), nullable=False),
    sa.Column('hash', sa.String(length=64), nullable=False),
    sa.PrimaryKeyConstraint('seq')
    )
    op.create_table('duty_log',
    sa.Column('entry', sa.Integer(), autoincrement=True, nullable=False),
    sa.Column('at', sa.String(length=32), nullable=False),
    sa.Column('kind', sa.String(length=32), nullable=False),
    sa.Column('text', sa.Text(), nullable=False),
    sa.Column('ref', sa.Text(), nullable=False),
    sa.PrimaryKeyConstraint('entry'),
    sa.UniqueConstraint('kind', 'ref', name='uq_duty_once')
    )


def upgrade() -> None:
    """All tables of the first ledger."""
    _feeds()
    _assessments()
    _alerts()
    _versions()
    _people()
    _deliveries()
    _records()


def downgrade() -> None:
    """Drop every table: what they hold is lost."""
    op.drop_table('alert_version')
    op.drop_table('watermark')
    op.drop_table('sequence')
    op.drop_index('ix_resident_town', table_name='resident')
    op.drop_table('resident')
    op.drop_table('receipt')
    op.drop_table('hold')
    op.drop_table('feed_run')
    op.drop_table('feed_health')
    op.drop_table('duty_log')
    op.drop_index('ix_delivery_work', table_name='delivery')
    op.drop_index('ix_delivery_provider', table_name='delivery')
    op.drop_table('delivery')
    op.drop_table('audit')
    op.drop_table('assessment')
    op.drop_table('approval')
    op.drop_table('alert')
