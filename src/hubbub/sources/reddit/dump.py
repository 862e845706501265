"""Lines of the monthly archives (Pushshift, Arctic Shift) as records (reddit-archives.md §4 to §6).

Every decision is made from the line alone, so that any split of a file over batches or workers gives the same records.

Times: the text is of `retrieved_on` (or `retrieved_utc`), else of the end of the month of `created_utc`; numbers and
flags are of the second fetch where there was one. A score read within a day of posting is kept as what the platform
said then: the row's own times tell how early that was, and exports may leave it out."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, TypedDict

import msgspec

from hubbub.errors import RecordError, TransientRemoteError
from hubbub.plugins.contracts import Decoded, line_place
from hubbub.records.models import Door
from hubbub.records.rows import Rows, joined
from hubbub.sources.reddit.answers import BOM, KIND_NAMES, add_data, identity_of, is_escaped, kind_of, parse
from hubbub.sources.reddit.comment_rows import CommentRows, comment_lines
from hubbub.sources.reddit.fields import LINE_FIELDS, is_unknown
from hubbub.sources.reddit.mapping import Look
from hubbub.sources.reddit.ordinary import ARCTIC_SHIFT_BEGAN, ENTITIES, month_end
from hubbub.sources.reddit.post_rows import PostRows, post_lines
from hubbub.sources.reddit.removal import archive_verdict
from hubbub.sources.reddit.values import ONE_DAY_S, REDDIT_BEGAN, Gathered, moment

TERMS = "archive"
_BLANK = b" \t\r\n"

_LINES: dict[str, msgspec.json.Decoder[Any]] = {
    # mypy knows no TypedDict that is made at run time.
    kind: msgspec.json.Decoder(TypedDict(kind, dict.fromkeys(sorted(fields), Any), total=False))  # type: ignore[operator]
    for kind, fields in LINE_FIELDS.items()
}


def decode_block(block: bytes, *, count: int, where: str, first_line: int, now: int) -> Decoded:
    r"""Records of `count` lines of a dump, as they lie in it with b"\n" between them.

    Lines are decoded all at once where they are what lines of an archive are; else, one by one (`decode_lines`)."""
    at_once = _rows_of(block, count=count, first=first_line <= 1, now=now)
    if at_once is None:
        return decode_lines(block.split(b"\n"), where=where, first_line=first_line, now=now)
    rows, odd = at_once
    out = Gathered(where=where, door=Door.DUMP, terms=TERMS)
    note_unknown(block[: block.find(b"\n") if b"\n" in block else None], out=out)
    if odd:
        lines = block.split(b"\n")
        for offset in odd:
            text = lines[offset].strip(_BLANK).removeprefix(BOM)
            _take(text, place=line_place(where, first_line + offset), raw=lines[offset], now=now, out=out)
    out.where = where
    return out.decoded(rows=rows)


def _rows_of(block: bytes, *, count: int, first: bool, now: int) -> tuple[list[Rows], list[int]] | None:
    """The rows of ordinary lines and the positions of the others; None where that cannot be told from the whole."""
    latest = now + ONE_DAY_S
    text = block.removeprefix(BOM) if first else block
    road = _road(text[: text.find(b"\n")], latest=latest)
    try:
        lines = road.lines.decode_lines(text)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    if len(lines) != count:  # blank lines: positions would not fit
        return None
    return road.rows.take(lines, but=_escaped(lines, text))


class _Road(msgspec.Struct, frozen=True):
    """The short road of one kind of line."""

    lines: msgspec.json.Decoder[Any]
    rows: CommentRows | PostRows


@lru_cache(maxsize=4)
def _roads(latest: int) -> tuple[_Road, _Road]:
    """The roads of comments and of posts; `latest` is the greatest time (epoch seconds) that may stand in a line."""
    return (
        _Road(comment_lines(latest), CommentRows(terms=TERMS, latest=latest)),
        _Road(post_lines(latest), PostRows(terms=TERMS, latest=latest)),
    )


def _road(line: bytes, *, latest: int) -> _Road:
    comments, posts = _roads(latest)
    return comments if b'"link_id"' in line else posts


def _escaped(lines: list[Any], text: bytes) -> frozenset[int]:
    """Positions of the lines that may carry HTML escapes, which only a look at the whole line can tell."""
    old = [i for i, line in enumerate(lines) if (line.retrieved_on or 0) < ARCTIC_SHIFT_BEGAN]
    if not old or not any(mark in text for mark in ENTITIES):
        return frozenset()
    raw = text.split(b"\n")
    return frozenset(i for i in old if any(mark in raw[i] for mark in ENTITIES))


def decode_lines(lines: Sequence[bytes], *, where: str, first_line: int, now: int) -> Decoded:
    """Records of some lines of a dump; a line that is no record is set aside under its file and line number.

    Blank lines are skipped, advertisements counted as filtered. Unknown fields are looked for in the first line of each
    piece only."""
    out = Gathered(where=where, door=Door.DUMP, terms=TERMS)
    parts: list[Rows] = []
    latest, drift = now + ONE_DAY_S, True
    for offset, line in enumerate(lines):
        text = line.strip(_BLANK)
        if first_line + offset <= 1:
            text = text.removeprefix(BOM)
        if not text:
            continue
        if drift:
            note_unknown(text, out=out)
            drift = False
        if (rows := _row_of(text, latest=latest)) is not None:
            parts += rows
        else:
            _take(text, place=line_place(where, first_line + offset), raw=line, now=now, out=out)
    out.where = where
    return out.decoded(rows=joined(parts))


def _row_of(text: bytes, *, latest: int) -> list[Rows] | None:
    """The row of one ordinary line, alone; None for any other line."""
    road = _road(text, latest=latest)
    try:
        line = road.lines.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    rows, odd = road.rows.take([line], but=_escaped([line], text))
    return None if odd else rows


def _take(text: bytes, *, place: str, raw: bytes, now: int, out: Gathered) -> None:
    """Map one line the long way, or set it aside; `place` names it."""
    out.where = place
    kind: str | None = None
    data: dict[str, Any] = {}
    try:
        kind, data, dirty = _read(text)
        _add(data, kind=kind, line=text, dirty=dirty, now=now, out=out)
    except RecordError as error:
        out.reject(str(error), raw=raw, kind=kind, identity=identity_of(data, kind=kind))


def _read(line: bytes) -> tuple[str, dict[str, Any], bool]:
    """(kind, its modelled fields, whether strings need mending) of one line; raises RecordError."""
    kind = "comment" if b'"link_id"' in line else "post"
    try:
        data = _LINES[kind].decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        data = {}
    if "id" in data and ("body" in data if kind == "comment" else "title" in data):
        return kind, data, b"\\u0000" in line
    kind, value, dirty = _read_slowly(line)
    return kind, {key: value[key] for key in value if key in LINE_FIELDS.get(kind, value)}, dirty


def _read_slowly(line: bytes) -> tuple[str, dict[str, Any], bool]:
    """(kind, all fields, whether strings need mending) of a line of any shape; raises RecordError."""
    try:
        parsed = parse(line, where="the line")
    except TransientRemoteError as error:
        raise RecordError(str(error).replace("the line answered", "the line came")) from None
    value = parsed.value
    if not isinstance(value, dict):
        raise RecordError("the line holds no JSON object")
    wrapped = KIND_NAMES.get(str(value.get("kind")))
    if wrapped is not None and isinstance(value.get("data"), dict):
        value = value["data"]
    return wrapped or kind_of(value), value, parsed.dirty


def note_unknown(line: bytes, *, out: Gathered) -> None:
    """Count the fields of a line that nobody modelled."""
    try:
        kind, value, _ = _read_slowly(line.strip(_BLANK).removeprefix(BOM))
    except RecordError:
        return
    if kind in LINE_FIELDS:
        out.unknown.update(f"{kind}.{key[:60]}" for key in value if is_unknown(key, kind=kind))


def _add(data: dict[str, Any], *, kind: str, line: bytes, dirty: bool, now: int, out: Gathered) -> None:
    if data.get("promoted") is True or (kind == "post" and not data.get("subreddit")):
        out.filtered += 1
        return
    look, fetched = _look(data, now=now)
    entities = fetched < ARCTIC_SHIFT_BEGAN and any(mark in line for mark in ENTITIES) and is_escaped(data)
    add_data(data, kind=kind, look=look, out=out, scrubbing=(dirty, entities))


def _look(data: dict[str, Any], *, now: int) -> tuple[Look, int]:
    """When the line was observed and what it says of a later removal; raises RecordError for impossible times."""
    latest = now + ONE_DAY_S
    created_at = moment(data.get("created_utc"), name="created_utc")
    if not REDDIT_BEGAN <= created_at <= latest:
        raise RecordError(f"created_utc is {created_at}, outside June 2005 to now")
    fetched = _first_time(data, ("retrieved_on", "retrieved_utc"))
    observed_at = min(month_end(created_at), now) if fetched is None else fetched
    observed_at = max(observed_at, 0)
    meta = data.get("_meta")
    meta = meta if isinstance(meta, dict) else {}
    again = _first_time(meta, ("retrieved_2nd_on",)) or _first_time(data, ("updated_on", "updated_utc"))
    if max(observed_at, again or 0) > latest:
        raise RecordError(f"retrieved at {max(observed_at, again or 0)}, which is more than a day ahead")
    if again is not None and (meta.get("note") == "initially_unavailable" or meta.get("was_initially_deleted") is True):
        observed_at, again = again, None
    verdict = None
    if meta.get("was_deleted_later") is True:
        verdict = archive_verdict(meta)
        observed_at, again = max(observed_at, again or 0), None
    if again is not None and again <= observed_at:
        again = None
    return Look(door=Door.DUMP, terms=TERMS, observed_at=observed_at, numbers_at=again, verdict=verdict), observed_at


def _first_time(data: dict[str, Any], keys: tuple[str, ...]) -> int | None:
    for key in keys:
        value = data.get(key)
        if type(value) is int and value > REDDIT_BEGAN:
            return moment(value, name=key)
        if value is None or value == "":
            continue
        try:
            return moment(value, name=key)
        except RecordError:
            continue
    return None
