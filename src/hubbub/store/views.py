"""What metadata cannot hold for SQLite: views, search tables, the one row each search index has."""

from __future__ import annotations

from hubbub.store.search_index import DDL as SEARCH_DDL

RULES_VIEW = (
    "CREATE VIEW rules AS SELECT c.source AS source, c.id AS community, r.key + 1 AS position,"
    " json_extract(r.value, '$.short_name') AS short_name, json_extract(r.value, '$.applies_to') AS applies_to,"
    " json_extract(r.value, '$.description') AS description,"
    " json_extract(r.value, '$.violation_reason') AS violation_reason,"
    " json_extract(r.value, '$.created_at') AS created_at"
    " FROM communities c, json_each(c.rules) r"
)

SQLITE_DDL: tuple[str, ...] = (
    RULES_VIEW,
    *SEARCH_DDL,
    "INSERT INTO search_state (kind, pending, purge) VALUES ('post', 0, 0), ('comment', 0, 0)",
)
"""Statements that complete a SQLite store after its tables are made."""
