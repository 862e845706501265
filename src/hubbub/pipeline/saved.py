"""Decodes a file that is one JSON document: a saved API answer, or an array of records."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from hubbub.errors import InputError
from hubbub.pipeline.archive import MOST_LINES
from hubbub.pipeline.archive_kinds import EXPECTED, is_answer
from hubbub.plugins.contracts import Decoded, FileReader


def decode_document(
    body: bytes, reader: FileReader, *, where: str, observed_at: int | None, now: int
) -> Iterator[tuple[Decoded, int]]:
    """What a document holds, in parts, each with the number of elements it came from.

    The elements of an array of records are decoded like lines and named in quarantine by their place in it. Raises
    InputError when the document is no complete JSON or holds neither."""
    if not body.lstrip().startswith(b"["):
        yield reader.decode_saved(body, where=where, observed_at=observed_at, now=now), 1
        return
    try:
        elements = msgspec.json.decode(body, type=list[msgspec.Raw])
    except (msgspec.DecodeError, RecursionError) as error:
        raise InputError(f"{where} is no complete JSON document: {error}", advice=EXPECTED) from error
    if not elements or is_answer(bytes(elements[0])):
        yield reader.decode_saved(body, where=where, observed_at=observed_at, now=now), 1
        return
    # a line break inside an element is only space between tokens: strings hold it escaped
    lines = [bytes(element).replace(b"\n", b" ") for element in elements]
    for at in range(0, len(lines), MOST_LINES):
        some = lines[at : at + MOST_LINES]
        yield reader.decode_lines(some, where=where, first_line=at + 1, now=now), len(some)
