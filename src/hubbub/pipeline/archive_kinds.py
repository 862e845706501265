"""What a file is, told by its bytes: how it is packed, whether it is lines or one document, and why it is refused."""

from __future__ import annotations

import enum
import re

import msgspec

ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"
BOM = b"\xef\xbb\xbf"

EXPECTED = (
    "expected a dump (RS_…/RC_….zst or plain NDJSON, one JSON object a line), a Parquet mirror of one, a JSON array of "
    "records, a saved API answer or the zip of a data request"
)


class Packing(enum.Enum):
    """How the bytes of a file are packed; one layer is undone, never more."""

    ZSTD = "zstd"
    GZIP = "gzip"
    BZIP2 = "bzip2"
    XZ = "xz"
    PLAIN = "plain"


class Shape(enum.Enum):
    """What the unpacked bytes are."""

    LINES = "lines"
    """One JSON object a line."""
    DOCUMENT = "document"
    """One JSON value: a saved API answer, or an array of records."""
    EXPORT = "export"
    """A zip of CSV tables: what a platform hands a user on request."""


_PACKED: tuple[tuple[bytes, Packing], ...] = (
    (ZSTD_MAGIC, Packing.ZSTD),
    (b"\x1f\x8b", Packing.GZIP),
    (b"BZh", Packing.BZIP2),
    (b"\xfd7zXZ\0", Packing.XZ),
)

_REFUSED: tuple[tuple[bytes, int, str], ...] = (
    (b"version https://git-lfs", 0, "is a Git LFS pointer, not the file it points to; run `git lfs pull` first"),
    (b"SQLite format 3\0", 0, "is a SQLite database"),
    (b"PK\x03\x04", 0, "is a zip archive; unpack it and import the files inside"),
    (b"PK\x05\x06", 0, "is an empty zip archive"),
    (b"ustar", 257, "is a tar archive; unpack it and import the files inside"),
    (b"7z\xbc\xaf\x27\x1c", 0, "is a 7-Zip archive; unpack it and import the files inside"),
    (b"Rar!\x1a\x07", 0, "is a RAR archive; unpack it and import the files inside"),
    (b"PAR1", 0, "is a Parquet file"),
    (b"%PDF-", 0, "is a PDF document"),
    (b"\x89PNG\r\n", 0, "is a PNG picture"),
    (b"\xff\xd8\xff", 0, "is a JPEG picture"),
    (b"\x7fELF", 0, "is a program"),
)
_PICKLE = re.compile(rb"\x80[\x02-\x05][\x95\]}(cX]")
_MARKUP = re.compile(rb"<(!doctype|html|head|body|\?xml|!--|[a-z]+[ >])", re.IGNORECASE)
_BEGINS_JSON = re.compile(rb"(?m)^[ \t\0]*[{\[]")
_ANSWER_KEY = re.compile(
    rb'\{\s*"(kind|data|json|rules|site_rules|jquery|message|error|reason|errors|success|is_employee)"\s*:'
)


def packing(head: bytes) -> Packing:
    """How a file that begins with `head` is packed."""
    if 0x184D2A50 <= int.from_bytes(head[:4], "little") <= 0x184D2A5F:  # a skippable frame
        return Packing.ZSTD
    return next((kind for magic, kind in _PACKED if head.startswith(magic)), Packing.PLAIN)


def refusal(head: bytes, *, unpacked_from: Packing) -> str | None:
    """Why a file whose (unpacked) bytes begin with `head` is not read, as a predicate ("is a …"); else None."""
    for magic, at, why in _REFUSED:
        if head[at : at + len(magic)] == magic:
            return why
    if _PICKLE.match(head):
        return "is a Python pickle; pickles are never opened"
    if head[4:8] == ZSTD_MAGIC and int.from_bytes(head[:4], "little") > 0:
        return "is a .zst_blocks container; get the month as .zst, or convert it with its maker's toZst script"
    if unpacked_from is not Packing.PLAIN and (inner := packing(head)) is not Packing.PLAIN:
        return f"is packed twice ({inner.value} inside {unpacked_from.value}); unpack the outer layer first"
    return _not_utf8(head) or _not_json(head.removeprefix(BOM))


def _not_utf8(head: bytes) -> str | None:
    if not head:
        return None
    if not head.strip(b"\0"):
        return "holds nothing but zero bytes"
    if head[:2] in {b"\xff\xfe", b"\xfe\xff"} or head[:2] in {b"{\0", b"\0{", b"[\0", b"\0["}:
        return "is UTF-16 or UTF-32 text; convert it to UTF-8 first"
    return None


def _not_json(head: bytes) -> str | None:
    text = head.lstrip()
    if _MARKUP.match(text):
        return "is an HTML or XML page, perhaps the error page of a failed download"
    if not text or _BEGINS_JSON.search(head.replace(b"\r", b"\n")):
        return None
    first = text.partition(b"\n")[0]
    if b"\0" in head[:4096] or sum(byte < 9 for byte in head[:4096]) > len(head[:4096]) // 20:
        return "is binary data of an unknown kind"
    if any(mark in first for mark in (b",", b"\t", b";")):
        return "looks like CSV: no line begins a JSON object"
    return "is text without JSON: no line begins a JSON object"


def is_answer(text: bytes) -> bool:
    """True when a JSON object that begins so is a saved API answer, by its first key, and no record of a dump."""
    return _ANSWER_KEY.match(text) is not None


def newline(head: bytes) -> bytes:
    r"""What ends the lines of a text that begins so: b"\n", or b"\r" for files in the old Macintosh manner."""
    if b"\n" not in head and re.search(rb"\}[ \t]*\r[ \t]*(\{|\Z)", head):
        return b"\r"
    return b"\n"


def shape(head: bytes) -> Shape:
    """Whether a text that begins so is lines of records or one JSON document."""
    text = head.removeprefix(BOM).lstrip()
    first, _, rest = text.partition(newline(head))
    first, rest = first.rstrip(), rest.lstrip()
    if text.startswith(b"["):
        return Shape.LINES if first.endswith(b"]") and rest.startswith(b"{") else Shape.DOCUMENT
    if first == b"{":
        return Shape.DOCUMENT
    if not rest and _is_no_record(first):
        return Shape.DOCUMENT
    return Shape.DOCUMENT if is_answer(text) and not rest.startswith(b"{") else Shape.LINES


def _is_no_record(line: bytes) -> bool:
    """True for the only line of a text when it is an object without what every record has: some other answer."""
    try:
        value = msgspec.json.decode(line, type=dict[str, msgspec.Raw])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False
    return "id" not in value and "created_utc" not in value
