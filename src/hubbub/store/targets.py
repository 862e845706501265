"""What a user names: `post:t3_x`, `comment:t1_x`, `user:NAME`, `community:NAME`, found in the store or refused."""

# ruff: noqa: S608 - table and column names come from tables.py, every value is bound

from __future__ import annotations

import difflib
from collections.abc import Iterable

import msgspec

from hubbub.errors import UsageError
from hubbub.store.session import Session
from hubbub.store.tables import CONTENT

FORMS = "post:ID, comment:ID, user:NAME or community:NAME"

_NEIGHBOURS = 100
"""Ids on either side of an unknown one among which the nearest is sought."""
_NAMES = 5_000
"""Names that begin like an unknown one, or communities at all, among which the nearest is sought."""
_PRINTED = {"user": ("u/", "/u/"), "community": ("r/", "/r/")}
"""How the platform prints names, which is how people copy them."""


class Target(msgspec.Struct, frozen=True):
    """A record as it was typed."""

    kind: str
    source: str | None
    """None when the user leaves it to the store."""
    id: str
    name: str
    """The id before its case was folded: people are found by their name, too."""


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """A record of the store that a target names; it may be a stub, or withdrawn."""

    kind: str
    source: str
    id: str
    hidden_at: int | None
    hidden_by: str | None

    @property
    def typed(self) -> str:
        """The target that names just this record, whatever other sources hold."""
        return f"{self.kind}:{self.source}/{self.id}"


def parse(text: str) -> Target:
    """Understand `KIND:[SOURCE/]ID`. Raises UsageError."""
    kind, _, rest = text.strip().partition(":")
    kind = kind.casefold()
    if not rest:
        raise UsageError(f"{text!r} says not what kind of thing it is; write {FORMS}")
    if kind not in CONTENT:
        close = difflib.get_close_matches(kind, CONTENT, n=1)
        hint = f", did you mean {close[0]}:{rest}?" if close else f"; write {FORMS}"
        raise UsageError(f"{text!r}: there is no kind {kind!r}{hint}")
    return named(kind, rest)


def named(kind: str, text: str) -> Target:
    """Understand `[SOURCE/]ID` of a kind; `r/` and `u/` in front of a name are taken off. Raises UsageError."""
    text = _plain(kind, text.strip())
    source, slash, rest = text.partition("/")
    name = _plain(kind, rest) if slash else text
    if not name or (slash and not source):
        raise UsageError(f"{text!r} names no {kind}")
    folded = name.casefold() if kind in _PRINTED else name
    return Target(kind, source if slash else None, folded, name)


def _plain(kind: str, name: str) -> str:
    for prefix in _PRINTED.get(kind, ()):
        name = name.removeprefix(prefix)
    return name


def resolve(db: Session, targets: Iterable[Target]) -> list[Found]:
    """The record of each target, each once. Raises UsageError for one that is unknown or in several sources."""
    found: dict[tuple[str, str, str], Found] = {}
    for target in targets:
        record = _resolve(db, target)
        found[record.kind, record.source, record.id] = record
    return list(found.values())


def _resolve(db: Session, target: Target) -> Found:
    records = found_by(db, target)
    if len(records) > 1:
        forms = " or ".join(record.typed for record in records)
        raise UsageError(f"{target.kind}:{target.name} is in several sources; write {forms}")
    if not records:
        raise _unknown(db, target, [target.source] if target.source is not None else sources_of(db, target.kind))
    return records[0]


def found_by(db: Session, target: Target) -> list[Found]:
    """The records a target names, in whatever sources; none when there are none."""
    sources = [target.source] if target.source is not None else sources_of(db, target.kind)
    return _by_id(db, target, sources) or _by_name(db, target)


def sources_of(db: Session, kind: str) -> list[str]:
    """The sources that have records of a kind, one look at the key's index for each."""
    found: list[str] = []
    while True:
        sql = f"SELECT min(source) FROM {CONTENT[kind].name} WHERE source > ?"
        source = db.execute(sql, (found[-1] if found else "",)).fetchone()[0]
        if source is None:
            return found
        found.append(source)


def _by_id(db: Session, target: Target, sources: Iterable[str]) -> list[Found]:
    sql = f"SELECT id, hidden_at, hidden_by FROM {CONTENT[target.kind].name} WHERE source = ? AND id = ?"
    records = []
    for source in sources:
        for record_id, at, by in db.execute(sql, (source, target.id)):
            records.append(Found(kind=target.kind, source=source, id=record_id, hidden_at=at, hidden_by=by))
    return records


def _by_name(db: Session, target: Target) -> list[Found]:
    """People whose key is not their name."""
    if target.kind != "user":
        return []
    rows = db.execute("SELECT source, id, hidden_at, hidden_by FROM users WHERE name = ?", (target.name,))
    return [
        Found(kind="user", source=source, id=record_id, hidden_at=at, hidden_by=by)
        for source, record_id, at, by in rows
        if target.source in {None, source}
    ]


def _unknown(db: Session, target: Target, sources: Iterable[str]) -> UsageError:
    sources = list(sources)
    for kind in CONTENT:
        elsewhere = msgspec.structs.replace(target, kind=kind)
        if kind != target.kind and _by_id(db, elsewhere, sources_of(db, kind)):
            return UsageError(f"{target.name} is a {kind}, not a {target.kind}; write {kind}:{target.name}")
    where = f" in {target.source}" if target.source is not None else ""
    close = _nearest(db, target, sources)
    hint = f", did you mean {target.kind}:{close}?" if close else ""
    return UsageError(
        f"there is no {target.kind} {target.name!r}{where} in the store{hint}",
        advice=None if close else "`hubbub search` and exports show ids; `hubbub status` shows communities",
    )


def _nearest(db: Session, target: Target, sources: Iterable[str]) -> str | None:
    """The id most like an unknown one, among its neighbours in the index and the names that begin as it does."""
    table = CONTENT[target.kind].name
    near: dict[str, str] = {}
    for source in sources:
        asked = [
            (f"id < ? ORDER BY id DESC LIMIT {_NEIGHBOURS}", (target.id,)),
            (f"id > ? ORDER BY id LIMIT {_NEIGHBOURS}", (target.id,)),
        ]
        if target.kind == "community":
            asked.append((f"id > ? ORDER BY id LIMIT {_NAMES}", ("",)))
        elif target.kind == "user":
            asked.append((f"id >= ? ORDER BY id LIMIT {_NAMES}", (target.id[:1],)))
        for where, values in asked:
            for (record_id,) in db.execute(f"SELECT id FROM {table} WHERE source = ? AND {where}", (source, *values)):
                near.setdefault(record_id, record_id if target.source is None else f"{source}/{record_id}")
    close = difflib.get_close_matches(target.id, near, n=1)
    return near[close[0]] if close else None
