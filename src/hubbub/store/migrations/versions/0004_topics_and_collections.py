"""Topics and collections are stored: columns for all that is known of them, and how and when it came.

Nothing wrote these tables before, so columns and indexes cost a store of any size nothing. Never edited once released:
later changes are migrations of their own.
"""

from __future__ import annotations

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_INT, _TEXT, _COUNT = "int", "text", "count"
_OURS = (("door", _TEXT), ("terms", _TEXT), ("run_id", _INT), ("updated_at", _INT))
COLUMNS = {
    "topics": (("created_at", _INT), ("url", _TEXT), ("follower_count", _COUNT), ("post_count", _COUNT), *_OURS),
    "collections": (("featured_at", _INT), ("url", _TEXT), ("follower_count", _COUNT), *_OURS),
}
INDEXES = {"ix_collections_slug": ["source", "slug"], "ix_collections_owner": ["source", "owner"]}


def upgrade() -> None:
    postgres = op.get_bind().dialect.name == "postgresql"
    whole, text = ("BIGINT", 'TEXT COLLATE "C"') if postgres else ("INTEGER", "TEXT")
    for table, columns in COLUMNS.items():
        for name, kind in columns:
            check = f" CHECK ({name} >= 0)" if kind == _COUNT else ""
            op.execute(f"ALTER TABLE {table} ADD COLUMN {name} {text if kind == _TEXT else whole}{check}")
        # What is there (after a way back) lost half of what was known: it counts as a mention until it is seen again.
        op.execute(f"UPDATE {table} SET observed_at = NULL")
    for name, keys in INDEXES.items():
        op.create_index(name, "collections", keys)


def downgrade() -> None:
    for name in INDEXES:
        op.drop_index(name, "collections")
    for table, columns in COLUMNS.items():
        for name, _ in reversed(columns):
            op.drop_column(table, name)
