"""What lies beside a dump and vouches for it: `hashes.txt` and `RS_2024_01_info.md` (archives reference, section 1).

Both are written for people, and their forms have varied: only what can be read without a doubt is compared. A
difference is told as a finding; the file is imported all the same, since what is whole in it is true."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec

_HASHES = "hashes.txt"
_LARGEST = 4 << 20
_SHA256 = re.compile(r"(?<![0-9A-Fa-f])[0-9A-Fa-f]{64}(?![0-9A-Fa-f])")
_MONTH = re.compile(r"R([SC])_(\d{4})-(\d{2})(?:\.|\Z)")
_NUMBER = re.compile(r"(?<![\w.,-])(?:\d{1,3}(?:[,_ ]\d{3})+|\d+)(?![\w.-]|,\d)")
_COUNTED = re.compile(r"\b(?:records?|objects?|lines?|entries|rows|posts|submissions|comments)\b", re.IGNORECASE)
_SIZE = re.compile(r"\b(?:size|bytes)\b", re.IGNORECASE)
_BYTES = re.compile(r"\bbytes\b", re.IGNORECASE)
_KINDS = {
    "S": re.compile(r"\bRS(?:_\d|\b)|\b(?:posts|submissions)\b", re.IGNORECASE),
    "C": re.compile(r"\bRC(?:_\d|\b)|\bcomments\b", re.IGNORECASE),
}


class Stated(msgspec.Struct, frozen=True, kw_only=True):
    """What an info file says of one dump; None where it does not say it clearly."""

    records: int | None = None
    size_bytes: int | None = None
    """Unpacked."""


def digest_doubt(path: Path, digest: str) -> str | None:
    """Words about a SHA-256 in the `hashes.txt` beside the file that is not `digest`; None when all is well."""
    text = _text(path.with_name(_HASHES))
    stated = {found.lower() for line in text.splitlines() if (found := _hash_of(path.name, line))}
    if not stated or digest in stated:
        return None
    return f"its SHA-256 is {digest[:16]}…, but {_HASHES} beside it says {min(stated)[:16]}…: fetch the file again"


def count_doubt(path: Path, *, lines: int, size_bytes: int) -> str | None:
    """Words about an info file beside the dump that counts other records or bytes; None when all is well."""
    month = _MONTH.match(path.name)
    if month is None:
        return None
    kind, year, number = month.groups()
    for name in (f"R{kind}_{year}_{number}_info.md", f"RX_{year}_{number}_info.md"):
        said = stated(_text(path.with_name(name)), kind=kind)
        if said.records is not None and said.records != lines:
            return f"it holds {lines:,} records, but {name} beside it says {said.records:,}: the file may not be whole"
        if said.size_bytes is not None and said.size_bytes != size_bytes:
            return f"it unpacks to {size_bytes:,} bytes, but {name} beside it says {said.size_bytes:,}"
    return None


def stated(text: str, *, kind: str) -> Stated:
    """The number of records and the unpacked size in an info file about posts (`kind` "S"), comments ("C") or both.

    A line that has the word and just one number counts; of two lines that differ, none does."""
    records: set[int] = set()
    sizes: set[int] = set()
    about, fenced = kind, False
    for line in text.splitlines():
        if line.lstrip().startswith("```"):
            fenced = not fenced
        if fenced:
            continue
        named = {name for name, words in _KINDS.items() if words.search(line)}
        if len(named) == 1:
            (about,) = named
        numbers = [int(re.sub(r"\D", "", found)) for found in _NUMBER.findall(line)]
        if about != kind or len(named) > 1 or len(numbers) != 1:
            continue
        if _SIZE.search(line):
            sizes.update(numbers if _BYTES.search(line) else ())
        elif _COUNTED.search(line):
            records.update(numbers)
    return Stated(
        records=records.pop() if len(records) == 1 else None, size_bytes=sizes.pop() if len(sizes) == 1 else None
    )


def _hash_of(name: str, line: str) -> str | None:
    """The only SHA-256 of a line that names the file, in any of the usual orders."""
    found = _SHA256.findall(line)
    names = {re.split(r"[\\/]", word.strip("*:()=,|`"))[-1] for word in line.split()}
    return found[0] if len(found) == 1 and name in names else None


def _text(path: Path) -> str:
    """The text of a small regular file; "" when there is none."""
    try:
        if not path.is_file() or path.stat().st_size > _LARGEST:
            return ""
        return path.read_bytes().decode("utf-8", "replace")
    except OSError:
        return ""
