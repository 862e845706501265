"""Lines of the monthly archives (Pushshift, Arctic Shift) as records (reddit-archives.md §4 to §6).

Every decision is made from the line alone, so that any split of a file over batches or workers gives the same records.

Times: the text is of `retrieved_on` (or `retrieved_utc`), else of the end of the month of `created_utc`; numbers and
flags are of the second fetch where there was one. A score read within a day of posting is kept as what the platform
said then: the row's own times tell how early that was, and exports may leave it out."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, TypedDict

import msgspec

from hubbub.errors import RecordError, TransientRemoteError
from hubbub.plugins.contracts import Decoded, line_place
from hubbub.records.models import Door
from hubbub.sources.reddit.answers import BOM, KIND_NAMES, add_data, identity_of, is_escaped, kind_of, parse
from hubbub.sources.reddit.fields import LINE_FIELDS, is_unknown
from hubbub.sources.reddit.mapping import Look
from hubbub.sources.reddit.plain_comments import ARCTIC_SHIFT_BEGAN, ENTITIES, plain_comment
from hubbub.sources.reddit.removal import archive_verdict
from hubbub.sources.reddit.values import ONE_DAY_S, REDDIT_BEGAN, Gathered, moment

TERMS = "archive"
_BLANK = b" \t\r\n"

_LINES: dict[str, msgspec.json.Decoder[Any]] = {
    # mypy knows no TypedDict that is made at run time.
    kind: msgspec.json.Decoder(TypedDict(kind, dict.fromkeys(sorted(fields), Any), total=False))  # type: ignore[operator]
    for kind, fields in LINE_FIELDS.items()
}


def decode_lines(lines: Sequence[bytes], *, where: str, first_line: int, now: int) -> Decoded:
    """Records of some lines of a dump; a line that is no record is set aside under its file and line number.

    Blank lines are skipped, advertisements counted as filtered. Unknown fields are looked for in the first and the last
    line of each piece only."""
    out = Gathered(where=where, door=Door.DUMP, terms=TERMS)
    for offset, line in enumerate(lines):
        text = line.strip(_BLANK)
        if first_line + offset <= 1:
            text = text.removeprefix(BOM)
        if not text:
            continue
        drift = offset in {0, len(lines) - 1}
        if not drift and b'"link_id"' in text:
            comment = plain_comment(text, latest=now + ONE_DAY_S, terms=TERMS, out=out)
            if comment is not None:
                out.records.append(comment)
                continue
        out.where = line_place(where, first_line + offset)
        kind: str | None = None
        data: dict[str, Any] = {}
        try:
            kind, data, dirty = _read(text, drift=drift, out=out)
            _add(data, kind=kind, line=text, dirty=dirty, now=now, out=out)
        except RecordError as error:
            out.reject(str(error), raw=line, kind=kind, identity=identity_of(data, kind=kind))
    out.where = where
    return out.decoded()


def _read(line: bytes, *, drift: bool, out: Gathered) -> tuple[str, dict[str, Any], bool]:
    """(kind, its modelled fields, whether strings need mending) of one line; raises RecordError."""
    kind = "comment" if b'"link_id"' in line else "post"
    if not drift:
        try:
            data = _LINES[kind].decode(line)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            data = {}
        if "id" in data and ("body" in data if kind == "comment" else "title" in data):
            return kind, data, b"\\u0000" in line
    return _read_slowly(line, out=out)


def _read_slowly(line: bytes, *, out: Gathered) -> tuple[str, dict[str, Any], bool]:
    """As `_read`, for a line of any shape, counting its unknown fields."""
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
    kind = wrapped or kind_of(value)
    if kind not in LINE_FIELDS:
        return kind, value, parsed.dirty
    for key in value:
        if is_unknown(key, kind=kind):
            out.unknown[f"{kind}.{key[:60]}"] += 1
    return kind, {key: value[key] for key in value if key in LINE_FIELDS[kind]}, parsed.dirty


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
    observed_at = min(_month_end(created_at), now) if fetched is None else fetched
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


def _month_end(created_at: int) -> int:
    """The last second of the month `created_at` lies in."""
    day = datetime.fromtimestamp(created_at, tz=UTC)
    year, month = (day.year + 1, 1) if day.month == 12 else (day.year, day.month + 1)
    return int(datetime(year, month, 1, tzinfo=UTC).timestamp()) - 1
