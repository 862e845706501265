"""Two engines: PostgreSQL's first schema; in SQLite cheaper checks, facts in the search index, labels keyed as media are.

Written out in full and never edited once released: later changes are migrations of their own.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

POSTGRES = Path(__file__).parents[1] / "0002_postgresql.sql"
CONTENT = ("posts", "comments", "users", "communities")
LIST = "('forget', 'author', 'legal', 'staff', 'moderator', 'gone')"
DEAR, CHEAP = f"CHECK (tombstone IN {LIST})", f"CHECK (tombstone IS NULL OR tombstone IN {LIST})"
"""The check of a tombstone's reason: the list costs a row its time only where there is a tombstone to check."""

NEW_LABELS = (
    'CREATE TABLE labels (n INTEGER NOT NULL, source TEXT NOT NULL, post_id TEXT NOT NULL, post_n '
    "INTEGER NOT NULL, label TEXT NOT NULL CHECK (label <> ''), rank TEXT, origin TEXT NOT NULL, "
    'confidence FLOAT CHECK (confidence BETWEEN 0 AND 1), details TEXT, built_at INTEGER NOT NULL, '
    'PRIMARY KEY (n), FOREIGN KEY(post_n) REFERENCES posts (n) ON DELETE CASCADE)'
)

OLD_LABELS = (
    'CREATE TABLE labels (n INTEGER NOT NULL, post_n INTEGER NOT NULL, label TEXT NOT NULL CHECK '
    "(label <> ''), rank TEXT, origin TEXT NOT NULL, confidence FLOAT CHECK (confidence BETWEEN 0 AND"
    ' 1), details TEXT, built_at INTEGER NOT NULL, PRIMARY KEY (n), FOREIGN KEY(post_n) REFERENCES '
    'posts (n) ON DELETE CASCADE)'
)

LABELS_BACK = (
    "INSERT INTO labels__new (n, post_n, label, rank, origin, confidence, details, built_at)"
    " SELECT n, post_n, label, rank, origin, confidence, details, built_at FROM labels"
)
LABELS_ON = (
    "INSERT INTO labels__new (n, source, post_id, post_n, label, rank, origin, confidence, details, built_at)"
    " SELECT l.n, p.source, p.id, l.post_n, l.label, l.rank, l.origin, l.confidence, l.details, l.built_at"
    " FROM labels l JOIN posts p ON p.n = l.post_n"
)

NEW_FTS: tuple[str, ...] = (
    (
        "CREATE VIEW posts_words AS SELECT n, title, body, char(57344) || 's' || replace(replace(source, '_',"
        " char(57345)), '-', char(57346)) || coalesce(' ' || char(57344) || 'c' || replace(replace(community,"
        " '_', char(57345)), '-', char(57346)), '') || coalesce(' ' || char(57344) || 'a' || "
        "replace(replace(author, '_', char(57345)), '-', char(57346)), '') || coalesce(' ' || char(57344) || "
        "'t' || strftime('%Y', created_at, 'unixepoch'), '') || coalesce(' ' || char(57344) || 't' || "
        "strftime('%Y%m', created_at, 'unixepoch'), '') || CASE WHEN score IS NULL THEN '' ELSE ' ' || "
        "char(57344) || 'b' || CASE WHEN score < -100 THEN 'a' WHEN score < -10 THEN 'b' WHEN score < 0 THEN "
        "'c' WHEN score < 1 THEN 'd' WHEN score < 2 THEN 'e' WHEN score < 3 THEN 'f' WHEN score < 5 THEN 'g' "
        "WHEN score < 10 THEN 'h' WHEN score < 20 THEN 'i' WHEN score < 50 THEN 'j' WHEN score < 100 THEN 'k'"
        " WHEN score < 200 THEN 'l' WHEN score < 500 THEN 'm' WHEN score < 1000 THEN 'n' WHEN score < 2000 "
        "THEN 'o' WHEN score < 5000 THEN 'p' WHEN score < 10000 THEN 'q' WHEN score < 50000 THEN 'r' ELSE 's'"
        ' END END AS facts, observed_at, withdrawn FROM posts'
    ),
    (
        'CREATE VIRTUAL TABLE posts_fts USING fts5 /* content="posts" */ (title, body, facts, '
        'content=\'posts_words\', content_rowid=\'n\', tokenize="unicode61 remove_diacritics 2 separators '
        '\'@SEPARATORS@\'")'
    ),
    (
        "CREATE VIEW comments_words AS SELECT n, body, char(57344) || 's' || replace(replace(source, '_', "
        "char(57345)), '-', char(57346)) || coalesce(' ' || char(57344) || 'c' || replace(replace(community, "
        "'_', char(57345)), '-', char(57346)), '') || coalesce(' ' || char(57344) || 'a' || "
        "replace(replace(author, '_', char(57345)), '-', char(57346)), '') || coalesce(' ' || char(57344) || "
        "'t' || strftime('%Y', created_at, 'unixepoch'), '') || coalesce(' ' || char(57344) || 't' || "
        "strftime('%Y%m', created_at, 'unixepoch'), '') || CASE WHEN score IS NULL THEN '' ELSE ' ' || "
        "char(57344) || 'b' || CASE WHEN score < -100 THEN 'a' WHEN score < -10 THEN 'b' WHEN score < 0 THEN "
        "'c' WHEN score < 1 THEN 'd' WHEN score < 2 THEN 'e' WHEN score < 3 THEN 'f' WHEN score < 5 THEN 'g' "
        "WHEN score < 10 THEN 'h' WHEN score < 20 THEN 'i' WHEN score < 50 THEN 'j' WHEN score < 100 THEN 'k'"
        " WHEN score < 200 THEN 'l' WHEN score < 500 THEN 'm' WHEN score < 1000 THEN 'n' WHEN score < 2000 "
        "THEN 'o' WHEN score < 5000 THEN 'p' WHEN score < 10000 THEN 'q' WHEN score < 50000 THEN 'r' ELSE 's'"
        ' END END AS facts, observed_at, withdrawn FROM comments'
    ),
    (
        'CREATE VIRTUAL TABLE comments_fts USING fts5 /* content="comments" */ (body, facts, '
        'content=\'comments_words\', content_rowid=\'n\', tokenize="unicode61 remove_diacritics 2 separators '
        '\'@SEPARATORS@\'")'
    ),
)

OLD_FTS: tuple[str, ...] = (
    (
        'CREATE VIRTUAL TABLE posts_fts USING fts5(title, body, content="posts", content_rowid=\'n\', '
        "tokenize='unicode61 remove_diacritics 2')"
    ),
    (
        'CREATE VIRTUAL TABLE comments_fts USING fts5(body, content="comments", content_rowid=\'n\', '
        "tokenize='unicode61 remove_diacritics 2')"
    ),
)

VIEW: tuple[str, ...] = (
    (
        'CREATE VIEW rules AS SELECT c.source AS source, c.id AS community, r.key + 1 AS position, '
        "json_extract(r.value, '$.short_name') AS short_name, json_extract(r.value, '$.applies_to') AS "
        "applies_to, json_extract(r.value, '$.description') AS description, json_extract(r.value, "
        "'$.violation_reason') AS violation_reason, json_extract(r.value, '$.created_at') AS created_at FROM "
        'communities c, json_each(c.rules) r'
    ),
)

SIGNS = (
    '2065-2069 20ba-20cf 218a-218f 23f4-23ff 2427-243f 244b-245f 2700-2700 2b4d-2b4f 2b5a-2bff '
    '1f02c-1f02f 1f094-1f09f 1f0af-1f0b0 1f0bf-1f0c0 1f0d0-1f0d0 1f0e0-1f0ff 1f10d-1f10f 1f12f-1f12f '
    '1f16c-1f16f 1f19b-1f1e5 1f203-1f20f 1f23b-1f23f 1f249-1f24f 1f252-1f2ff 1f321-1f32f 1f336-1f336 '
    '1f37d-1f37f 1f394-1f39f 1f3c5-1f3c5 1f3cb-1f3df 1f3f1-1f3ff 1f43f-1f43f 1f441-1f441 1f4f8-1f4f8 '
    '1f4fd-1f4ff 1f53e-1f53f 1f544-1f54f 1f568-1f5fa 1f641-1f644 1f650-1f67f 1f6c6-1f6ff 1f774-1faff'
)
SEPARATORS = "".join(
    chr(point)
    for first, _, last in (part.partition("-") for part in SIGNS.split())
    for point in range(int(first, 16), int(last, 16) + 1)
)
LIVE = "observed_at IS NOT NULL AND withdrawn = 0"


def upgrade() -> None:
    bind = op.get_bind()
    if bind.dialect.name == "postgresql":
        for statement in POSTGRES.read_text().split(";\n"):
            if statement.strip():
                bind.exec_driver_sql(statement)
        return
    rebuild(bind, DEAR, CHEAP)
    replace(bind, "labels", NEW_LABELS, LABELS_ON)
    index(bind, NEW_FTS, {"posts": "title, body, facts", "comments": "body, facts"}, view="{}_words")


def downgrade() -> None:
    bind = op.get_bind()
    if bind.dialect.name == "postgresql":
        raise NotImplementedError("there is nothing before the first schema of PostgreSQL")
    for view in ("posts_words", "comments_words"):
        bind.exec_driver_sql(f"DROP VIEW {view}")
    rebuild(bind, CHEAP, DEAR)
    replace(bind, "labels", OLD_LABELS, LABELS_BACK)
    index(bind, OLD_FTS, {"posts": "title, body", "comments": "body"}, view="{}")


def rebuild(bind: Any, old: str, new: str) -> None:
    """Make the content tables anew with another check."""
    bind.exec_driver_sql("DROP VIEW rules")
    for table in CONTENT:
        (made,) = bind.exec_driver_sql("SELECT sql FROM sqlite_master WHERE name = ?", (table,)).fetchone()
        if old not in made:
            raise RuntimeError(f"{table} is not as the migration before left it")
        names = ", ".join(row[1] for row in bind.exec_driver_sql(f"PRAGMA table_info({table})").fetchall())
        fill = f"INSERT INTO {table}__new ({names}) SELECT {names} FROM {table} ORDER BY n"
        replace(bind, table, made.replace(old, new), fill)
    bind.exec_driver_sql(VIEW[0])


def replace(bind: Any, table: str, made: str, fill: str) -> None:
    """Put a table of another make in the place of one, with its rows and indexes; foreign keys must be off."""
    asked = "SELECT sql FROM sqlite_master WHERE type = 'index' AND tbl_name = ? AND sql IS NOT NULL ORDER BY name"
    indexes = bind.exec_driver_sql(asked, (table,)).fetchall()
    _, _, body = made.partition("(")
    bind.exec_driver_sql(f"CREATE TABLE {table}__new ({body}")
    bind.exec_driver_sql(fill)
    bind.exec_driver_sql(f"DROP TABLE {table}")
    bind.exec_driver_sql(f"ALTER TABLE {table}__new RENAME TO {table}")
    for (statement,) in indexes:
        bind.exec_driver_sql(statement)


def index(bind: Any, made: tuple[str, ...], columns: dict[str, str], *, view: str) -> None:
    """Make the search index anew, as the store keeps it: live rows only."""
    for table in columns:
        bind.exec_driver_sql(f"DROP TABLE {table}_fts")
    for statement in made:
        bind.exec_driver_sql(statement.replace("@SEPARATORS@", SEPARATORS))
    for table, names in columns.items():
        bind.exec_driver_sql(
            f"INSERT INTO {table}_fts (rowid, {names}) SELECT n, {names} FROM {view.format(table)} WHERE {LIVE}"
        )
    bind.exec_driver_sql("UPDATE search_state SET pending = 0, purge = 1")
