"""Runs count their commits: after a lost connection that tells whether the last batch went through.

Never edited once released: later changes are migrations of their own.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    whole = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.add_column("runs", sa.Column("batches", whole, nullable=False, server_default="0"))


def downgrade() -> None:
    op.drop_column("runs", "batches")
