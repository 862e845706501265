"""The schema's tables about running: checkpoints, runs, what they set aside and found, import ledger, index state."""

from __future__ import annotations

from sqlalchemy import CheckConstraint, Column, ForeignKey, Index, Integer, LargeBinary, Table, Text

from hubbub.store.tables import INT, metadata

checkpoints = Table(
    "checkpoints",
    metadata,
    Column("source", Text, primary_key=True),
    Column("key", Text, CheckConstraint("key <> ''"), primary_key=True),
    Column("state", Text, nullable=False),
    Column("run_id", INT),
    Column("updated_at", INT, nullable=False),
)

TALLY = ("new", "updated", "unchanged", "older", "tombstoned", "filtered", "set_aside", "repaired")

# `batches` counts commits: after a lost connection it tells whether the last one went through.
runs = Table(
    "runs",
    metadata,
    Column("id", INT, primary_key=True),
    Column("command", Text, nullable=False),
    Column("target", Text, nullable=False),
    Column("started_at", INT, nullable=False),
    Column("ended_at", INT),
    Column("exit_code", Integer),
    Column("pid", INT),
    *(Column(name, INT, nullable=False, server_default="0") for name in TALLY),
    Column("untrusted", Text),
    Column("summary", Text),
    Column("batches", INT, nullable=False, server_default="0"),
    Index("ix_runs_started", "started_at"),
)

quarantine = Table(
    "quarantine",
    metadata,
    Column("n", INT, primary_key=True),
    Column("run_id", INT, nullable=False),
    Column("source", Text, nullable=False),
    Column("door", Text, nullable=False),
    Column("place", Text, nullable=False),
    Column("kind", Text),
    Column("id", Text),
    Column("reason", Text, nullable=False),
    Column("raw", LargeBinary, nullable=False),
    Column("raw_bytes", INT, nullable=False),
    Column("cut", Integer, nullable=False, server_default="0"),
    Column("at", INT, nullable=False),
    Index("ix_quarantine_run", "run_id"),
    Index("ix_quarantine_record", "source", "id"),
)

findings = Table(
    "findings",
    metadata,
    Column("n", INT, primary_key=True),
    Column("run_id", INT, ForeignKey("runs.id", ondelete="CASCADE"), nullable=False),
    Column("severity", Text, CheckConstraint("severity IN ('info', 'warning', 'error')"), nullable=False),
    Column("what", Text, nullable=False),
    Column("at", INT, nullable=False),
    Index("ix_findings_run", "run_id"),
)

logs = Table(
    "logs",
    metadata,
    Column("n", INT, primary_key=True),
    Column("run_id", INT),
    Column("at", INT, nullable=False),
    Column("level", Text, nullable=False),
    Column("event", Text, nullable=False),
    Column("fields", Text),
    Index("ix_logs_run", "run_id"),
)

proxies = Table(
    "proxies",
    metadata,
    Column("url", Text, CheckConstraint("url <> ''"), primary_key=True),
    Column("state", Text, nullable=False),
    Column("failures", Integer, nullable=False, server_default="0"),
    Column("checked_at", INT),
)

imports = Table(
    "imports",
    metadata,
    Column("digest", Text, primary_key=True),
    Column("filters", Text, primary_key=True),
    Column("mapping_version", Integer, primary_key=True),
    Column("path", Text, nullable=False),
    Column("size_bytes", INT, nullable=False),
    Column("offset", INT, nullable=False),
    Column("lines", INT, nullable=False),
    Column("frame_offset", INT, nullable=False),
    Column("frame_start", INT, nullable=False),
    Column("done", Integer, CheckConstraint("done IN (0, 1)"), nullable=False),
    Column("damaged", Text),
    Column("run_id", INT, nullable=False),
    Column("updated_at", INT, nullable=False),
)
"""The import ledger: how far each file is, by its content."""

drift = Table(
    "drift",
    metadata,
    Column("source", Text, primary_key=True),
    Column("field", Text, primary_key=True),
    Column("seen", INT, nullable=False),
    Column("first_run", INT, nullable=False),
    Column("last_run", INT, nullable=False),
)
"""Platform fields nobody modelled, and how often they were seen."""

search_state = Table(
    "search_state",
    metadata,
    Column("kind", Text, CheckConstraint("kind IN ('post', 'comment')"), primary_key=True),
    Column("pending", Integer, CheckConstraint("pending IN (0, 1)"), nullable=False),
    Column("purge", Integer, CheckConstraint("purge IN (0, 1)"), nullable=False),
)
"""Whether the search index of a kind waits for `db maintain --search`, and whether it still holds withdrawn words."""
