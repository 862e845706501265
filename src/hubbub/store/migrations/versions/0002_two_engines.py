"""Two engines: PostgreSQL's first schema; in SQLite cheaper checks, facts in the search index, labels keyed as media are.

Written out in full and never edited once released: later changes are migrations of their own.
"""

from __future__ import annotations

from typing import Any

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

NEW: dict[str, tuple[str, ...]] = {
    "posts": (
        (
            "CREATE TABLE posts (n INTEGER NOT NULL, source TEXT NOT NULL CHECK (source <> ''), id TEXT NOT "
            "NULL CHECK (id <> ''), community TEXT, created_at INTEGER, community_name TEXT, permalink TEXT, "
            'post_type TEXT, over_18 INTEGER CHECK (over_18 IN (0, 1)), spoiler INTEGER CHECK (spoiler IN (0,'
            ' 1)), locked INTEGER CHECK (locked IN (0, 1)), archived INTEGER CHECK (archived IN (0, 1)), '
            'stickied INTEGER CHECK (stickied IN (0, 1)), distinguished TEXT, crosspost_parent TEXT, '
            'featured_at INTEGER, author TEXT, author_name TEXT, author_id TEXT, author_flair TEXT, title '
            'TEXT, body TEXT, url TEXT, domain TEXT, flair TEXT, tagline TEXT, edited INTEGER CHECK (edited '
            'IN (0, 1)), edited_at INTEGER, media TEXT, score INTEGER, score_hidden INTEGER CHECK '
            '(score_hidden IN (0, 1)), upvote_ratio FLOAT CHECK (upvote_ratio BETWEEN 0 AND 1), comment_count'
            ' INTEGER CHECK (comment_count >= 0), crosspost_count INTEGER CHECK (crosspost_count >= 0), extra'
            " TEXT, author_gone INTEGER DEFAULT '0' NOT NULL CHECK (author_gone IN (0, 1)), door TEXT, terms "
            'TEXT, run_id INTEGER, observed_at INTEGER, frame_at INTEGER, author_at INTEGER, content_at '
            'INTEGER, numbers_at INTEGER, extra_at INTEGER, text_since INTEGER, first_seen_at INTEGER, '
            'last_seen_at INTEGER, updated_at INTEGER, hidden_at INTEGER, hidden_by TEXT, tombstone TEXT '
            "CHECK (tombstone IS NULL OR tombstone IN ('forget', 'author', 'legal', 'staff', 'moderator', "
            "'gone')), tombstone_at INTEGER, tombstone_detail TEXT, wiped_to INTEGER, withdrawn INTEGER "
            "DEFAULT '0' NOT NULL CHECK (withdrawn IN (0, 1)), PRIMARY KEY (n), CONSTRAINT uq_posts_source_id"
            ' UNIQUE (source, id))'
        ),
        (
            'CREATE INDEX ix_posts_author ON posts (source, author)'
        ),
        (
            'CREATE INDEX ix_posts_community_created ON posts (source, community, created_at)'
        ),
        (
            'CREATE INDEX ix_posts_community_score ON posts (source, community, score)'
        ),
        (
            'CREATE INDEX ix_posts_featured ON posts (source, featured_at)'
        ),
    ),
    "comments": (
        (
            "CREATE TABLE comments (n INTEGER NOT NULL, source TEXT NOT NULL CHECK (source <> ''), id TEXT "
            "NOT NULL CHECK (id <> ''), community TEXT, post_id TEXT, parent_id TEXT, created_at INTEGER, "
            'community_name TEXT, permalink TEXT, is_submitter INTEGER CHECK (is_submitter IN (0, 1)), locked'
            ' INTEGER CHECK (locked IN (0, 1)), archived INTEGER CHECK (archived IN (0, 1)), stickied INTEGER'
            ' CHECK (stickied IN (0, 1)), distinguished TEXT, author TEXT, author_name TEXT, author_id TEXT, '
            'author_flair TEXT, body TEXT, edited INTEGER CHECK (edited IN (0, 1)), edited_at INTEGER, media '
            'TEXT, score INTEGER, score_hidden INTEGER CHECK (score_hidden IN (0, 1)), controversiality '
            "INTEGER, extra TEXT, author_gone INTEGER DEFAULT '0' NOT NULL CHECK (author_gone IN (0, 1)), "
            'door TEXT, terms TEXT, run_id INTEGER, observed_at INTEGER, frame_at INTEGER, author_at INTEGER,'
            ' content_at INTEGER, numbers_at INTEGER, extra_at INTEGER, text_since INTEGER, first_seen_at '
            'INTEGER, last_seen_at INTEGER, updated_at INTEGER, hidden_at INTEGER, hidden_by TEXT, tombstone '
            "TEXT CHECK (tombstone IS NULL OR tombstone IN ('forget', 'author', 'legal', 'staff', "
            "'moderator', 'gone')), tombstone_at INTEGER, tombstone_detail TEXT, wiped_to INTEGER, withdrawn "
            "INTEGER DEFAULT '0' NOT NULL CHECK (withdrawn IN (0, 1)), PRIMARY KEY (n), CONSTRAINT "
            'uq_comments_source_id UNIQUE (source, id))'
        ),
        (
            'CREATE INDEX ix_comments_author ON comments (source, author)'
        ),
        (
            'CREATE INDEX ix_comments_community_created ON comments (source, community, created_at)'
        ),
        (
            'CREATE INDEX ix_comments_community_score ON comments (source, community, score)'
        ),
        (
            'CREATE INDEX ix_comments_parent ON comments (source, parent_id)'
        ),
        (
            'CREATE INDEX ix_comments_post ON comments (source, post_id)'
        ),
    ),
    "users": (
        (
            "CREATE TABLE users (n INTEGER NOT NULL, source TEXT NOT NULL CHECK (source <> ''), id TEXT NOT "
            "NULL CHECK (id <> ''), created_at INTEGER, name TEXT, platform_id TEXT, is_suspended INTEGER "
            'CHECK (is_suspended IN (0, 1)), is_employee INTEGER CHECK (is_employee IN (0, 1)), is_moderator '
            'INTEGER CHECK (is_moderator IN (0, 1)), verified INTEGER CHECK (verified IN (0, 1)), no_index '
            'INTEGER CHECK (no_index IN (0, 1)), title TEXT, body TEXT, url TEXT, post_karma INTEGER, '
            'comment_karma INTEGER, total_karma INTEGER, extra TEXT, door TEXT, terms TEXT, run_id INTEGER, '
            'observed_at INTEGER, frame_at INTEGER, content_at INTEGER, numbers_at INTEGER, extra_at INTEGER,'
            ' text_since INTEGER, first_seen_at INTEGER, last_seen_at INTEGER, updated_at INTEGER, hidden_at '
            "INTEGER, hidden_by TEXT, tombstone TEXT CHECK (tombstone IS NULL OR tombstone IN ('forget', "
            "'author', 'legal', 'staff', 'moderator', 'gone')), tombstone_at INTEGER, tombstone_detail TEXT, "
            "wiped_to INTEGER, withdrawn INTEGER DEFAULT '0' NOT NULL CHECK (withdrawn IN (0, 1)), PRIMARY "
            'KEY (n), CONSTRAINT uq_users_source_id UNIQUE (source, id))'
        ),
        (
            'CREATE INDEX ix_users_name ON users (name)'
        ),
    ),
    "communities": (
        (
            "CREATE TABLE communities (n INTEGER NOT NULL, source TEXT NOT NULL CHECK (source <> ''), id TEXT"
            " NOT NULL CHECK (id <> ''), created_at INTEGER, name TEXT, platform_id TEXT, community_type "
            'TEXT, over_18 INTEGER CHECK (over_18 IN (0, 1)), quarantined INTEGER CHECK (quarantined IN (0, '
            '1)), language TEXT, title TEXT, body TEXT, description TEXT, url TEXT, member_count INTEGER '
            'CHECK (member_count >= 0), active_count INTEGER CHECK (active_count >= 0), rules TEXT, extra '
            'TEXT, door TEXT, terms TEXT, run_id INTEGER, observed_at INTEGER, frame_at INTEGER, content_at '
            'INTEGER, numbers_at INTEGER, rules_at INTEGER, extra_at INTEGER, text_since INTEGER, '
            'first_seen_at INTEGER, last_seen_at INTEGER, updated_at INTEGER, hidden_at INTEGER, hidden_by '
            "TEXT, tombstone TEXT CHECK (tombstone IS NULL OR tombstone IN ('forget', 'author', 'legal', "
            "'staff', 'moderator', 'gone')), tombstone_at INTEGER, tombstone_detail TEXT, wiped_to INTEGER, "
            "withdrawn INTEGER DEFAULT '0' NOT NULL CHECK (withdrawn IN (0, 1)), PRIMARY KEY (n), CONSTRAINT "
            'uq_communities_source_id UNIQUE (source, id))'
        ),
    ),
    "labels": (
        (
            'CREATE TABLE labels (n INTEGER NOT NULL, source TEXT NOT NULL, post_id TEXT NOT NULL, post_n '
            "INTEGER NOT NULL, label TEXT NOT NULL CHECK (label <> ''), rank TEXT, origin TEXT NOT NULL, "
            'confidence FLOAT CHECK (confidence BETWEEN 0 AND 1), details TEXT, built_at INTEGER NOT NULL, '
            'PRIMARY KEY (n), FOREIGN KEY(post_n) REFERENCES posts (n) ON DELETE CASCADE)'
        ),
        (
            'CREATE INDEX ix_labels_post ON labels (post_n)'
        ),
    ),
}

OLD: dict[str, tuple[str, ...]] = {
    "posts": (
        (
            "CREATE TABLE posts (n INTEGER NOT NULL, source TEXT NOT NULL CHECK (source <> ''), id TEXT NOT "
            "NULL CHECK (id <> ''), community TEXT, created_at INTEGER, community_name TEXT, permalink TEXT, "
            'post_type TEXT, over_18 INTEGER CHECK (over_18 IN (0, 1)), spoiler INTEGER CHECK (spoiler IN (0,'
            ' 1)), locked INTEGER CHECK (locked IN (0, 1)), archived INTEGER CHECK (archived IN (0, 1)), '
            'stickied INTEGER CHECK (stickied IN (0, 1)), distinguished TEXT, crosspost_parent TEXT, '
            'featured_at INTEGER, author TEXT, author_name TEXT, author_id TEXT, author_flair TEXT, title '
            'TEXT, body TEXT, url TEXT, domain TEXT, flair TEXT, tagline TEXT, edited INTEGER CHECK (edited '
            'IN (0, 1)), edited_at INTEGER, media TEXT, score INTEGER, score_hidden INTEGER CHECK '
            '(score_hidden IN (0, 1)), upvote_ratio FLOAT CHECK (upvote_ratio BETWEEN 0 AND 1), comment_count'
            ' INTEGER CHECK (comment_count >= 0), crosspost_count INTEGER CHECK (crosspost_count >= 0), extra'
            " TEXT, author_gone INTEGER DEFAULT '0' NOT NULL CHECK (author_gone IN (0, 1)), door TEXT, terms "
            'TEXT, run_id INTEGER, observed_at INTEGER, frame_at INTEGER, author_at INTEGER, content_at '
            'INTEGER, numbers_at INTEGER, extra_at INTEGER, text_since INTEGER, first_seen_at INTEGER, '
            'last_seen_at INTEGER, updated_at INTEGER, hidden_at INTEGER, hidden_by TEXT, tombstone TEXT '
            "CHECK (tombstone IN ('forget', 'author', 'legal', 'staff', 'moderator', 'gone')), tombstone_at "
            "INTEGER, tombstone_detail TEXT, wiped_to INTEGER, withdrawn INTEGER DEFAULT '0' NOT NULL CHECK "
            '(withdrawn IN (0, 1)), PRIMARY KEY (n), CONSTRAINT uq_posts_source_id UNIQUE (source, id))'
        ),
        (
            'CREATE INDEX ix_posts_author ON posts (source, author)'
        ),
        (
            'CREATE INDEX ix_posts_community_created ON posts (source, community, created_at)'
        ),
        (
            'CREATE INDEX ix_posts_community_score ON posts (source, community, score)'
        ),
        (
            'CREATE INDEX ix_posts_featured ON posts (source, featured_at)'
        ),
    ),
    "comments": (
        (
            "CREATE TABLE comments (n INTEGER NOT NULL, source TEXT NOT NULL CHECK (source <> ''), id TEXT "
            "NOT NULL CHECK (id <> ''), community TEXT, post_id TEXT, parent_id TEXT, created_at INTEGER, "
            'community_name TEXT, permalink TEXT, is_submitter INTEGER CHECK (is_submitter IN (0, 1)), locked'
            ' INTEGER CHECK (locked IN (0, 1)), archived INTEGER CHECK (archived IN (0, 1)), stickied INTEGER'
            ' CHECK (stickied IN (0, 1)), distinguished TEXT, author TEXT, author_name TEXT, author_id TEXT, '
            'author_flair TEXT, body TEXT, edited INTEGER CHECK (edited IN (0, 1)), edited_at INTEGER, media '
            'TEXT, score INTEGER, score_hidden INTEGER CHECK (score_hidden IN (0, 1)), controversiality '
            "INTEGER, extra TEXT, author_gone INTEGER DEFAULT '0' NOT NULL CHECK (author_gone IN (0, 1)), "
            'door TEXT, terms TEXT, run_id INTEGER, observed_at INTEGER, frame_at INTEGER, author_at INTEGER,'
            ' content_at INTEGER, numbers_at INTEGER, extra_at INTEGER, text_since INTEGER, first_seen_at '
            'INTEGER, last_seen_at INTEGER, updated_at INTEGER, hidden_at INTEGER, hidden_by TEXT, tombstone '
            "TEXT CHECK (tombstone IN ('forget', 'author', 'legal', 'staff', 'moderator', 'gone')), "
            "tombstone_at INTEGER, tombstone_detail TEXT, wiped_to INTEGER, withdrawn INTEGER DEFAULT '0' NOT"
            ' NULL CHECK (withdrawn IN (0, 1)), PRIMARY KEY (n), CONSTRAINT uq_comments_source_id UNIQUE '
            '(source, id))'
        ),
        (
            'CREATE INDEX ix_comments_author ON comments (source, author)'
        ),
        (
            'CREATE INDEX ix_comments_community_created ON comments (source, community, created_at)'
        ),
        (
            'CREATE INDEX ix_comments_community_score ON comments (source, community, score)'
        ),
        (
            'CREATE INDEX ix_comments_parent ON comments (source, parent_id)'
        ),
        (
            'CREATE INDEX ix_comments_post ON comments (source, post_id)'
        ),
    ),
    "users": (
        (
            "CREATE TABLE users (n INTEGER NOT NULL, source TEXT NOT NULL CHECK (source <> ''), id TEXT NOT "
            "NULL CHECK (id <> ''), created_at INTEGER, name TEXT, platform_id TEXT, is_suspended INTEGER "
            'CHECK (is_suspended IN (0, 1)), is_employee INTEGER CHECK (is_employee IN (0, 1)), is_moderator '
            'INTEGER CHECK (is_moderator IN (0, 1)), verified INTEGER CHECK (verified IN (0, 1)), no_index '
            'INTEGER CHECK (no_index IN (0, 1)), title TEXT, body TEXT, url TEXT, post_karma INTEGER, '
            'comment_karma INTEGER, total_karma INTEGER, extra TEXT, door TEXT, terms TEXT, run_id INTEGER, '
            'observed_at INTEGER, frame_at INTEGER, content_at INTEGER, numbers_at INTEGER, extra_at INTEGER,'
            ' text_since INTEGER, first_seen_at INTEGER, last_seen_at INTEGER, updated_at INTEGER, hidden_at '
            "INTEGER, hidden_by TEXT, tombstone TEXT CHECK (tombstone IN ('forget', 'author', 'legal', "
            "'staff', 'moderator', 'gone')), tombstone_at INTEGER, tombstone_detail TEXT, wiped_to INTEGER, "
            "withdrawn INTEGER DEFAULT '0' NOT NULL CHECK (withdrawn IN (0, 1)), PRIMARY KEY (n), CONSTRAINT "
            'uq_users_source_id UNIQUE (source, id))'
        ),
        (
            'CREATE INDEX ix_users_name ON users (name)'
        ),
    ),
    "communities": (
        (
            "CREATE TABLE communities (n INTEGER NOT NULL, source TEXT NOT NULL CHECK (source <> ''), id TEXT"
            " NOT NULL CHECK (id <> ''), created_at INTEGER, name TEXT, platform_id TEXT, community_type "
            'TEXT, over_18 INTEGER CHECK (over_18 IN (0, 1)), quarantined INTEGER CHECK (quarantined IN (0, '
            '1)), language TEXT, title TEXT, body TEXT, description TEXT, url TEXT, member_count INTEGER '
            'CHECK (member_count >= 0), active_count INTEGER CHECK (active_count >= 0), rules TEXT, extra '
            'TEXT, door TEXT, terms TEXT, run_id INTEGER, observed_at INTEGER, frame_at INTEGER, content_at '
            'INTEGER, numbers_at INTEGER, rules_at INTEGER, extra_at INTEGER, text_since INTEGER, '
            'first_seen_at INTEGER, last_seen_at INTEGER, updated_at INTEGER, hidden_at INTEGER, hidden_by '
            "TEXT, tombstone TEXT CHECK (tombstone IN ('forget', 'author', 'legal', 'staff', 'moderator', "
            "'gone')), tombstone_at INTEGER, tombstone_detail TEXT, wiped_to INTEGER, withdrawn INTEGER "
            "DEFAULT '0' NOT NULL CHECK (withdrawn IN (0, 1)), PRIMARY KEY (n), CONSTRAINT "
            'uq_communities_source_id UNIQUE (source, id))'
        ),
    ),
    "labels": (
        (
            'CREATE TABLE labels (n INTEGER NOT NULL, post_n INTEGER NOT NULL, label TEXT NOT NULL CHECK '
            "(label <> ''), rank TEXT, origin TEXT NOT NULL, confidence FLOAT CHECK (confidence BETWEEN 0 AND"
            ' 1), details TEXT, built_at INTEGER NOT NULL, PRIMARY KEY (n), FOREIGN KEY(post_n) REFERENCES '
            'posts (n) ON DELETE CASCADE)'
        ),
        (
            'CREATE INDEX ix_labels_post ON labels (post_n)'
        ),
    ),
}

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

POSTGRES: tuple[str, ...] = (
    (
        'CREATE TABLE blobs (sha256 TEXT COLLATE "C" NOT NULL CHECK (length(sha256) = 64), size_bytes BIGINT '
        'NOT NULL CHECK (size_bytes >= 0), mime TEXT COLLATE "C", width INTEGER, height INTEGER, '
        'perceptual_hash TEXT COLLATE "C", stored_at BIGINT NOT NULL, PRIMARY KEY (sha256))'
    ),
    (
        'CREATE TABLE blocklist (source TEXT COLLATE "C" NOT NULL, kind TEXT COLLATE "C" NOT NULL CHECK (kind'
        ' IN (\'post\', \'comment\', \'user\', \'community\')), id TEXT COLLATE "C" NOT NULL CHECK (id <> \'\'), '
        'added_at BIGINT NOT NULL, PRIMARY KEY (source, kind, id))'
    ),
    (
        'CREATE TABLE checkpoints (source TEXT COLLATE "C" NOT NULL, key TEXT COLLATE "C" NOT NULL CHECK (key'
        ' <> \'\'), state TEXT COLLATE "C" NOT NULL, run_id BIGINT, updated_at BIGINT NOT NULL, PRIMARY KEY '
        '(source, key))'
    ),
    (
        'CREATE TABLE collection_posts (source TEXT COLLATE "C" NOT NULL, owner TEXT COLLATE "C" NOT NULL, '
        'member TEXT COLLATE "C" NOT NULL CHECK (member <> \'\'), seen_at BIGINT NOT NULL, PRIMARY KEY (source,'
        ' owner, member))'
    ),
    (
        'CREATE INDEX ix_collection_posts_member ON collection_posts (source, member)'
    ),
    (
        'CREATE TABLE collections (n BIGINT GENERATED BY DEFAULT AS IDENTITY, source TEXT COLLATE "C" NOT '
        'NULL, id TEXT COLLATE "C" NOT NULL CHECK (id <> \'\'), slug TEXT COLLATE "C", name TEXT COLLATE "C", '
        'tagline TEXT COLLATE "C", description TEXT COLLATE "C", owner TEXT COLLATE "C", created_at BIGINT, '
        'observed_at BIGINT, PRIMARY KEY (n), UNIQUE (source, id))'
    ),
    (
        'CREATE TABLE comments (source TEXT COLLATE "C" NOT NULL CHECK (source <> \'\'), id TEXT COLLATE "C" '
        'NOT NULL CHECK (id <> \'\'), community TEXT COLLATE "C", post_id TEXT COLLATE "C", parent_id TEXT '
        'COLLATE "C", created_at BIGINT, community_name TEXT COLLATE "C", permalink TEXT COLLATE "C", '
        'is_submitter INTEGER CHECK (is_submitter IN (0, 1)), locked INTEGER CHECK (locked IN (0, 1)), '
        'archived INTEGER CHECK (archived IN (0, 1)), stickied INTEGER CHECK (stickied IN (0, 1)), '
        'distinguished TEXT COLLATE "C", author TEXT COLLATE "C", author_name TEXT COLLATE "C", author_id '
        'TEXT COLLATE "C", author_flair TEXT COLLATE "C", body TEXT COLLATE "C", edited INTEGER CHECK (edited'
        ' IN (0, 1)), edited_at BIGINT, media TEXT COLLATE "C", score BIGINT, score_hidden INTEGER CHECK '
        '(score_hidden IN (0, 1)), controversiality BIGINT, extra TEXT COLLATE "C", author_gone INTEGER '
        'DEFAULT \'0\' NOT NULL CHECK (author_gone IN (0, 1)), door TEXT COLLATE "C", terms TEXT COLLATE "C", '
        'run_id BIGINT, observed_at BIGINT, frame_at BIGINT, author_at BIGINT, content_at BIGINT, numbers_at '
        'BIGINT, extra_at BIGINT, text_since BIGINT, first_seen_at BIGINT, last_seen_at BIGINT, updated_at '
        'BIGINT, hidden_at BIGINT, hidden_by TEXT COLLATE "C", tombstone TEXT COLLATE "C" CHECK (tombstone IS'
        " NULL OR tombstone IN ('forget', 'author', 'legal', 'staff', 'moderator', 'gone')), tombstone_at "
        'BIGINT, tombstone_detail TEXT COLLATE "C", wiped_to BIGINT, withdrawn INTEGER DEFAULT \'0\' NOT NULL '
        'CHECK (withdrawn IN (0, 1)), search TSVECTOR, PRIMARY KEY (source, id)) PARTITION BY LIST (source)'
    ),
    (
        'CREATE INDEX ix_comments_author ON comments (source, author)'
    ),
    (
        'CREATE INDEX ix_comments_community_created ON comments (source, community, created_at)'
    ),
    (
        'CREATE INDEX ix_comments_community_score ON comments (source, community, score)'
    ),
    (
        'CREATE INDEX ix_comments_created ON comments (created_at)'
    ),
    (
        'CREATE INDEX ix_comments_parent ON comments (source, parent_id)'
    ),
    (
        'CREATE INDEX ix_comments_post ON comments (source, post_id)'
    ),
    (
        'CREATE INDEX ix_comments_search ON comments USING gin (search)'
    ),
    (
        'CREATE TABLE communities (source TEXT COLLATE "C" NOT NULL CHECK (source <> \'\'), id TEXT COLLATE "C"'
        ' NOT NULL CHECK (id <> \'\'), created_at BIGINT, name TEXT COLLATE "C", platform_id TEXT COLLATE "C", '
        'community_type TEXT COLLATE "C", over_18 INTEGER CHECK (over_18 IN (0, 1)), quarantined INTEGER '
        'CHECK (quarantined IN (0, 1)), language TEXT COLLATE "C", title TEXT COLLATE "C", body TEXT COLLATE '
        '"C", description TEXT COLLATE "C", url TEXT COLLATE "C", member_count BIGINT CHECK (member_count >= '
        '0), active_count BIGINT CHECK (active_count >= 0), rules TEXT COLLATE "C", extra TEXT COLLATE "C", '
        'door TEXT COLLATE "C", terms TEXT COLLATE "C", run_id BIGINT, observed_at BIGINT, frame_at BIGINT, '
        'content_at BIGINT, numbers_at BIGINT, rules_at BIGINT, extra_at BIGINT, text_since BIGINT, '
        'first_seen_at BIGINT, last_seen_at BIGINT, updated_at BIGINT, hidden_at BIGINT, hidden_by TEXT '
        'COLLATE "C", tombstone TEXT COLLATE "C" CHECK (tombstone IS NULL OR tombstone IN (\'forget\', '
        "'author', 'legal', 'staff', 'moderator', 'gone')), tombstone_at BIGINT, tombstone_detail TEXT "
        'COLLATE "C", wiped_to BIGINT, withdrawn INTEGER DEFAULT \'0\' NOT NULL CHECK (withdrawn IN (0, 1)), '
        'PRIMARY KEY (source, id))'
    ),
    (
        'CREATE TABLE drift (source TEXT COLLATE "C" NOT NULL, field TEXT COLLATE "C" NOT NULL, seen BIGINT '
        'NOT NULL, first_run BIGINT NOT NULL, last_run BIGINT NOT NULL, PRIMARY KEY (source, field))'
    ),
    (
        'CREATE TABLE imports (digest TEXT COLLATE "C" NOT NULL, filters TEXT COLLATE "C" NOT NULL, '
        'mapping_version INTEGER NOT NULL, path TEXT COLLATE "C" NOT NULL, size_bytes BIGINT NOT NULL, '
        '"offset" BIGINT NOT NULL, lines BIGINT NOT NULL, frame_offset BIGINT NOT NULL, frame_start BIGINT '
        'NOT NULL, done INTEGER NOT NULL CHECK (done IN (0, 1)), damaged TEXT COLLATE "C", run_id BIGINT NOT '
        'NULL, updated_at BIGINT NOT NULL, PRIMARY KEY (digest, filters, mapping_version))'
    ),
    (
        'CREATE TABLE link_listings (source TEXT COLLATE "C" NOT NULL, link TEXT COLLATE "C" NOT NULL CHECK '
        '(link IN (\'post_topics\', \'post_makers\', \'collection_posts\')), owner TEXT COLLATE "C" NOT NULL, '
        'complete_at BIGINT NOT NULL, PRIMARY KEY (source, link, owner))'
    ),
    (
        'CREATE TABLE logs (n BIGINT GENERATED BY DEFAULT AS IDENTITY, run_id BIGINT, at BIGINT NOT NULL, '
        'level TEXT COLLATE "C" NOT NULL, event TEXT COLLATE "C" NOT NULL, fields TEXT COLLATE "C", PRIMARY '
        'KEY (n))'
    ),
    (
        'CREATE INDEX ix_logs_run ON logs (run_id)'
    ),
    (
        'CREATE TABLE observations (source TEXT COLLATE "C" NOT NULL, kind TEXT COLLATE "C" NOT NULL CHECK '
        '(kind IN (\'post\', \'comment\', \'user\', \'community\')), id TEXT COLLATE "C" NOT NULL CHECK (id <> \'\'), '
        'hour BIGINT NOT NULL, observed_at BIGINT NOT NULL, score BIGINT, score_hidden INTEGER CHECK '
        '(score_hidden IN (0, 1)), upvote_ratio FLOAT CHECK (upvote_ratio BETWEEN 0 AND 1), comment_count '
        'BIGINT CHECK (comment_count >= 0), crosspost_count BIGINT CHECK (crosspost_count >= 0), '
        'controversiality BIGINT, post_karma BIGINT, comment_karma BIGINT, total_karma BIGINT, member_count '
        'BIGINT CHECK (member_count >= 0), active_count BIGINT CHECK (active_count >= 0), PRIMARY KEY '
        '(source, kind, id, hour))'
    ),
    (
        'CREATE TABLE past_authors (source TEXT COLLATE "C" NOT NULL, author TEXT COLLATE "C" NOT NULL, kind '
        'TEXT COLLATE "C" NOT NULL CHECK (kind IN (\'post\', \'comment\')), id TEXT COLLATE "C" NOT NULL, PRIMARY'
        ' KEY (source, author, kind, id))'
    ),
    (
        'CREATE INDEX ix_past_authors_record ON past_authors (source, kind, id)'
    ),
    (
        'CREATE TABLE post_makers (source TEXT COLLATE "C" NOT NULL, owner TEXT COLLATE "C" NOT NULL, member '
        'TEXT COLLATE "C" NOT NULL CHECK (member <> \'\'), seen_at BIGINT NOT NULL, PRIMARY KEY (source, owner,'
        ' member))'
    ),
    (
        'CREATE INDEX ix_post_makers_member ON post_makers (source, member)'
    ),
    (
        'CREATE TABLE post_topics (source TEXT COLLATE "C" NOT NULL, owner TEXT COLLATE "C" NOT NULL, member '
        'TEXT COLLATE "C" NOT NULL CHECK (member <> \'\'), seen_at BIGINT NOT NULL, PRIMARY KEY (source, owner,'
        ' member))'
    ),
    (
        'CREATE INDEX ix_post_topics_member ON post_topics (source, member)'
    ),
    (
        'CREATE TABLE posts (source TEXT COLLATE "C" NOT NULL CHECK (source <> \'\'), id TEXT COLLATE "C" NOT '
        'NULL CHECK (id <> \'\'), community TEXT COLLATE "C", created_at BIGINT, community_name TEXT COLLATE '
        '"C", permalink TEXT COLLATE "C", post_type TEXT COLLATE "C", over_18 INTEGER CHECK (over_18 IN (0, '
        '1)), spoiler INTEGER CHECK (spoiler IN (0, 1)), locked INTEGER CHECK (locked IN (0, 1)), archived '
        'INTEGER CHECK (archived IN (0, 1)), stickied INTEGER CHECK (stickied IN (0, 1)), distinguished TEXT '
        'COLLATE "C", crosspost_parent TEXT COLLATE "C", featured_at BIGINT, author TEXT COLLATE "C", '
        'author_name TEXT COLLATE "C", author_id TEXT COLLATE "C", author_flair TEXT COLLATE "C", title TEXT '
        'COLLATE "C", body TEXT COLLATE "C", url TEXT COLLATE "C", domain TEXT COLLATE "C", flair TEXT '
        'COLLATE "C", tagline TEXT COLLATE "C", edited INTEGER CHECK (edited IN (0, 1)), edited_at BIGINT, '
        'media TEXT COLLATE "C", score BIGINT, score_hidden INTEGER CHECK (score_hidden IN (0, 1)), '
        'upvote_ratio FLOAT CHECK (upvote_ratio BETWEEN 0 AND 1), comment_count BIGINT CHECK (comment_count '
        '>= 0), crosspost_count BIGINT CHECK (crosspost_count >= 0), extra TEXT COLLATE "C", author_gone '
        'INTEGER DEFAULT \'0\' NOT NULL CHECK (author_gone IN (0, 1)), door TEXT COLLATE "C", terms TEXT '
        'COLLATE "C", run_id BIGINT, observed_at BIGINT, frame_at BIGINT, author_at BIGINT, content_at '
        'BIGINT, numbers_at BIGINT, extra_at BIGINT, text_since BIGINT, first_seen_at BIGINT, last_seen_at '
        'BIGINT, updated_at BIGINT, hidden_at BIGINT, hidden_by TEXT COLLATE "C", tombstone TEXT COLLATE "C" '
        "CHECK (tombstone IS NULL OR tombstone IN ('forget', 'author', 'legal', 'staff', 'moderator', "
        '\'gone\')), tombstone_at BIGINT, tombstone_detail TEXT COLLATE "C", wiped_to BIGINT, withdrawn INTEGER'
        " DEFAULT '0' NOT NULL CHECK (withdrawn IN (0, 1)), search TSVECTOR, PRIMARY KEY (source, id)) "
        'PARTITION BY LIST (source)'
    ),
    (
        'CREATE INDEX ix_posts_author ON posts (source, author)'
    ),
    (
        'CREATE INDEX ix_posts_community_created ON posts (source, community, created_at)'
    ),
    (
        'CREATE INDEX ix_posts_community_score ON posts (source, community, score)'
    ),
    (
        'CREATE INDEX ix_posts_created ON posts (created_at)'
    ),
    (
        'CREATE INDEX ix_posts_featured ON posts (source, featured_at)'
    ),
    (
        'CREATE INDEX ix_posts_search ON posts USING gin (search)'
    ),
    (
        'CREATE TABLE proxies (url TEXT COLLATE "C" NOT NULL CHECK (url <> \'\'), state TEXT COLLATE "C" NOT '
        "NULL, failures INTEGER DEFAULT '0' NOT NULL, checked_at BIGINT, PRIMARY KEY (url))"
    ),
    (
        'CREATE TABLE quarantine (n BIGINT GENERATED BY DEFAULT AS IDENTITY, run_id BIGINT NOT NULL, source '
        'TEXT COLLATE "C" NOT NULL, door TEXT COLLATE "C" NOT NULL, place TEXT COLLATE "C" NOT NULL, kind '
        'TEXT COLLATE "C", id TEXT COLLATE "C", reason TEXT COLLATE "C" NOT NULL, raw BYTEA NOT NULL, '
        "raw_bytes BIGINT NOT NULL, cut INTEGER DEFAULT '0' NOT NULL, at BIGINT NOT NULL, PRIMARY KEY (n))"
    ),
    (
        'CREATE INDEX ix_quarantine_record ON quarantine (source, id)'
    ),
    (
        'CREATE INDEX ix_quarantine_run ON quarantine (run_id)'
    ),
    (
        'CREATE TABLE revisions (source TEXT COLLATE "C" NOT NULL, kind TEXT COLLATE "C" NOT NULL CHECK (kind'
        ' IN (\'post\', \'comment\', \'user\', \'community\')), id TEXT COLLATE "C" NOT NULL CHECK (id <> \'\'), hash '
        'TEXT COLLATE "C" NOT NULL, first_at BIGINT NOT NULL, last_at BIGINT NOT NULL, text TEXT COLLATE "C" '
        'NOT NULL, PRIMARY KEY (source, kind, id, hash), CHECK (first_at <= last_at))'
    ),
    (
        'CREATE TABLE runs (id BIGINT GENERATED BY DEFAULT AS IDENTITY, command TEXT COLLATE "C" NOT NULL, '
        'target TEXT COLLATE "C" NOT NULL, started_at BIGINT NOT NULL, ended_at BIGINT, exit_code INTEGER, '
        'pid BIGINT, "new" BIGINT DEFAULT \'0\' NOT NULL, updated BIGINT DEFAULT \'0\' NOT NULL, unchanged BIGINT'
        " DEFAULT '0' NOT NULL, older BIGINT DEFAULT '0' NOT NULL, tombstoned BIGINT DEFAULT '0' NOT NULL, "
        "filtered BIGINT DEFAULT '0' NOT NULL, set_aside BIGINT DEFAULT '0' NOT NULL, repaired BIGINT DEFAULT"
        ' \'0\' NOT NULL, untrusted TEXT COLLATE "C", summary TEXT COLLATE "C", PRIMARY KEY (id))'
    ),
    (
        'CREATE INDEX ix_runs_started ON runs (started_at)'
    ),
    (
        'CREATE TABLE search_state (kind TEXT COLLATE "C" NOT NULL CHECK (kind IN (\'post\', \'comment\')), '
        'pending INTEGER NOT NULL CHECK (pending IN (0, 1)), purge INTEGER NOT NULL CHECK (purge IN (0, 1)), '
        'PRIMARY KEY (kind))'
    ),
    (
        'CREATE TABLE tombstones (source TEXT COLLATE "C" NOT NULL, kind TEXT COLLATE "C" NOT NULL CHECK '
        '(kind IN (\'post\', \'comment\', \'user\', \'community\')), id TEXT COLLATE "C" NOT NULL CHECK (id <> \'\'), '
        'reason TEXT COLLATE "C" NOT NULL CHECK (reason IN (\'forget\', \'author\', \'legal\', \'staff\', '
        '\'moderator\', \'gone\')), at BIGINT NOT NULL, detail TEXT COLLATE "C", wiped_to BIGINT, door TEXT '
        'COLLATE "C", run_id BIGINT, PRIMARY KEY (source, kind, id))'
    ),
    (
        'CREATE TABLE topics (n BIGINT GENERATED BY DEFAULT AS IDENTITY, source TEXT COLLATE "C" NOT NULL, id'
        ' TEXT COLLATE "C" NOT NULL CHECK (id <> \'\'), slug TEXT COLLATE "C", name TEXT COLLATE "C", '
        'description TEXT COLLATE "C", observed_at BIGINT, PRIMARY KEY (n), UNIQUE (source, id))'
    ),
    (
        'CREATE INDEX ix_topics_slug ON topics (source, slug)'
    ),
    (
        'CREATE TABLE users (source TEXT COLLATE "C" NOT NULL CHECK (source <> \'\'), id TEXT COLLATE "C" NOT '
        'NULL CHECK (id <> \'\'), created_at BIGINT, name TEXT COLLATE "C", platform_id TEXT COLLATE "C", '
        'is_suspended INTEGER CHECK (is_suspended IN (0, 1)), is_employee INTEGER CHECK (is_employee IN (0, '
        '1)), is_moderator INTEGER CHECK (is_moderator IN (0, 1)), verified INTEGER CHECK (verified IN (0, '
        '1)), no_index INTEGER CHECK (no_index IN (0, 1)), title TEXT COLLATE "C", body TEXT COLLATE "C", url'
        ' TEXT COLLATE "C", post_karma BIGINT, comment_karma BIGINT, total_karma BIGINT, extra TEXT COLLATE '
        '"C", door TEXT COLLATE "C", terms TEXT COLLATE "C", run_id BIGINT, observed_at BIGINT, frame_at '
        'BIGINT, content_at BIGINT, numbers_at BIGINT, extra_at BIGINT, text_since BIGINT, first_seen_at '
        'BIGINT, last_seen_at BIGINT, updated_at BIGINT, hidden_at BIGINT, hidden_by TEXT COLLATE "C", '
        'tombstone TEXT COLLATE "C" CHECK (tombstone IS NULL OR tombstone IN (\'forget\', \'author\', \'legal\', '
        '\'staff\', \'moderator\', \'gone\')), tombstone_at BIGINT, tombstone_detail TEXT COLLATE "C", wiped_to '
        "BIGINT, withdrawn INTEGER DEFAULT '0' NOT NULL CHECK (withdrawn IN (0, 1)), PRIMARY KEY (source, "
        'id))'
    ),
    (
        'CREATE INDEX ix_users_name ON users (name)'
    ),
    (
        'CREATE TABLE votes (n BIGINT GENERATED BY DEFAULT AS IDENTITY, source TEXT COLLATE "C" NOT NULL, '
        'post_id TEXT COLLATE "C" NOT NULL, user_id TEXT COLLATE "C" NOT NULL, created_at BIGINT, observed_at'
        ' BIGINT, PRIMARY KEY (n), UNIQUE (source, post_id, user_id))'
    ),
    (
        'CREATE TABLE findings (n BIGINT GENERATED BY DEFAULT AS IDENTITY, run_id BIGINT NOT NULL, severity '
        'TEXT COLLATE "C" NOT NULL CHECK (severity IN (\'info\', \'warning\', \'error\')), what TEXT COLLATE "C" '
        'NOT NULL, at BIGINT NOT NULL, PRIMARY KEY (n), FOREIGN KEY(run_id) REFERENCES runs (id) ON DELETE '
        'CASCADE)'
    ),
    (
        'CREATE INDEX ix_findings_run ON findings (run_id)'
    ),
    (
        'CREATE TABLE labels (n BIGINT GENERATED BY DEFAULT AS IDENTITY, source TEXT COLLATE "C" NOT NULL, '
        'post_id TEXT COLLATE "C" NOT NULL, label TEXT COLLATE "C" NOT NULL CHECK (label <> \'\'), rank TEXT '
        'COLLATE "C", origin TEXT COLLATE "C" NOT NULL, confidence FLOAT CHECK (confidence BETWEEN 0 AND 1), '
        'details TEXT COLLATE "C", built_at BIGINT NOT NULL, PRIMARY KEY (n), FOREIGN KEY(source, post_id) '
        'REFERENCES posts (source, id) ON DELETE CASCADE)'
    ),
    (
        'CREATE INDEX ix_labels_post ON labels (post_id)'
    ),
    (
        'CREATE TABLE media (n BIGINT GENERATED BY DEFAULT AS IDENTITY, source TEXT COLLATE "C" NOT NULL, '
        'post_id TEXT COLLATE "C", comment_id TEXT COLLATE "C", position INTEGER NOT NULL, kind TEXT COLLATE '
        '"C" NOT NULL, url TEXT COLLATE "C", fallback_url TEXT COLLATE "C", media_id TEXT COLLATE "C", width '
        'INTEGER, height INTEGER, caption TEXT COLLATE "C", state TEXT COLLATE "C" NOT NULL CHECK (state IN '
        '(\'pending\', \'stored\', \'gone\', \'refused\', \'broken\')), reason TEXT COLLATE "C", tries INTEGER DEFAULT '
        '\'0\' NOT NULL, blob TEXT COLLATE "C", changed_at BIGINT, PRIMARY KEY (n), CHECK ((post_id IS NULL) <>'
        " (comment_id IS NULL)), CHECK (kind IN ('image', 'gallery', 'animated', 'video', 'inline', "
        "'preview', 'external', 'poll')), FOREIGN KEY(source, post_id) REFERENCES posts (source, id) ON "
        'DELETE CASCADE, UNIQUE (source, post_id, position), FOREIGN KEY(source, comment_id) REFERENCES '
        'comments (source, id) ON DELETE CASCADE, UNIQUE (source, comment_id, position), FOREIGN KEY(blob) '
        'REFERENCES blobs (sha256))'
    ),
    (
        'CREATE INDEX ix_media_blob ON media (blob)'
    ),
    (
        'CREATE INDEX ix_media_state ON media (state, source)'
    ),
    (
        'CREATE VIEW rules AS SELECT c.source AS source, c.id AS community, r.position AS position, r.rule '
        "->> 'short_name' AS short_name, r.rule ->> 'applies_to' AS applies_to, r.rule ->> 'description' AS "
        "description, r.rule ->> 'violation_reason' AS violation_reason, (r.rule ->> 'created_at')::bigint AS"
        ' created_at FROM communities c, jsonb_array_elements(c.rules::jsonb) WITH ORDINALITY AS r (rule, '
        'position)'
    ),
    (
        "INSERT INTO search_state (kind, pending, purge) VALUES ('post', 0, 0), ('comment', 0, 0)"
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
LABELS_BACK = (
    "INSERT INTO labels__new (n, post_n, label, rank, origin, confidence, details, built_at)"
    " SELECT n, post_n, label, rank, origin, confidence, details, built_at FROM labels"
)
LABELS_ON = (
    "INSERT INTO labels__new (n, source, post_id, post_n, label, rank, origin, confidence, details, built_at)"
    " SELECT l.n, p.source, p.id, l.post_n, l.label, l.rank, l.origin, l.confidence, l.details, l.built_at"
    " FROM labels l JOIN posts p ON p.n = l.post_n"
)


def upgrade() -> None:
    bind = op.get_bind()
    if bind.dialect.name == "postgresql":
        for statement in POSTGRES:
            bind.exec_driver_sql(statement)
        return
    rebuild(bind, NEW, labels=LABELS_ON)
    index(bind, NEW_FTS, {"posts": "title, body, facts", "comments": "body, facts"}, view="{}_words")


def downgrade() -> None:
    bind = op.get_bind()
    if bind.dialect.name == "postgresql":
        raise NotImplementedError("there is nothing before the first schema of PostgreSQL")
    for view in ("posts_words", "comments_words"):
        bind.exec_driver_sql(f"DROP VIEW {view}")
    rebuild(bind, OLD, labels=LABELS_BACK)
    index(bind, OLD_FTS, {"posts": "title, body", "comments": "body"}, view="{}")


def rebuild(bind: Any, tables: dict[str, tuple[str, ...]], *, labels: str) -> None:
    """Make the tables anew with their rows; foreign keys must be off."""
    bind.exec_driver_sql("DROP VIEW rules")
    for table, (made, *indexes) in tables.items():
        bind.exec_driver_sql(made.replace(f"CREATE TABLE {table} ", f"CREATE TABLE {table}__new ", 1))
        if table == "labels":
            bind.exec_driver_sql(labels)
        else:
            info = bind.exec_driver_sql(f"PRAGMA table_info({table})").fetchall()
            names = ", ".join(row[1] for row in info)
            bind.exec_driver_sql(f"INSERT INTO {table}__new ({names}) SELECT {names} FROM {table} ORDER BY n")
        bind.exec_driver_sql(f"DROP TABLE {table}")
        bind.exec_driver_sql(f"ALTER TABLE {table}__new RENAME TO {table}")
        for statement in indexes:
            bind.exec_driver_sql(statement)
    bind.exec_driver_sql(VIEW[0])


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
