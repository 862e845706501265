"""Whether a downloaded file is a whole picture (or video) worth keeping. Pure: a buffer in, a verdict out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal
from urllib.parse import urlsplit

import msgspec

from hubbub.media import formats, sniff
from hubbub.media.formats import Buffer, DamagedError, Size
from hubbub.media.sniff import Format

MAX_PIXELS = 100_000_000
"""Largest picture a header may announce; beyond it decoding would need more than 400 MB."""
_PLACEHOLDER_BYTES = 503
_PLACEHOLDER_SIZE = (161, 81)

_WALKERS: dict[str, Callable[[Buffer], Size | None]] = {
    "JPEG": formats.jpeg,
    "PNG": formats.png,
    "GIF": formats.gif,
    "WEBP": formats.webp,
    "AVIF": formats.boxes,
    "HEIC": formats.boxes,
    "BMP": formats.bmp,
    "MP4": formats.boxes,
}


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a download: the state of its media row, and what is known of the file."""

    state: Literal["stored", "gone", "refused", "broken"]
    reason: str | None = None
    mime: str | None = None
    width: int | None = None
    height: int | None = None


def may_be_media(head: bytes) -> str | None:
    """Why a file that begins so is not worth loading further, or None: stops error pages at their first bytes."""
    found = sniff.sniff(head)
    if found is sniff.HTML:
        return "a web page, not a picture"
    if found is None:
        return "no picture format that is known"
    if found.name not in _WALKERS:
        return f"{found.name} files are not kept"
    return None


def validate(data: Buffer, *, url: str = "", video: bool = False, max_pixels: int = MAX_PIXELS) -> Verdict:
    """The verdict over a whole file that `url` (after redirects) answered; `video` allows moving pictures in MP4."""
    if not len(data):
        return Verdict(state="broken", reason="an empty file")
    head = data[: sniff.HEAD_BYTES]
    reason = may_be_media(head)
    found = sniff.sniff(head)
    if reason is not None or found is None:
        return Verdict(state="refused", reason=reason)
    if found is sniff.MP4 and not video:
        return Verdict(state="refused", reason="a video where a picture was announced", mime=found.mime)
    try:
        size = _WALKERS[found.name](data)
    except DamagedError as error:
        return Verdict(state="broken", reason=str(error), mime=found.mime)
    if _is_placeholder(size, length=len(data), url=url):
        return Verdict(state="gone", reason="the host's picture for a removed one", mime=found.mime)
    return _sized(found, size, max_pixels=max_pixels)


def _sized(found: Format, size: Size | None, *, max_pixels: int) -> Verdict:
    if size is None:
        if found is not sniff.MP4:
            return Verdict(state="broken", reason=f"the {found.name} does not say how large it is", mime=found.mime)
        return Verdict(state="stored", mime=found.mime)
    width, height = size
    if width <= 0 or height <= 0:
        return Verdict(state="broken", reason=f"the {found.name} says it is {width} x {height}", mime=found.mime)
    if width * height > max_pixels:
        return Verdict(state="refused", reason=f"{width} x {height} pixels are too many", mime=found.mime)
    return Verdict(state="stored", mime=found.mime, width=width, height=height)


def _is_placeholder(size: Size | None, *, length: int, url: str) -> bool:
    """Imgur answers for a removed picture with 200 and a small PNG (api/reddit.md §18 Fetch rules)."""
    if length == _PLACEHOLDER_BYTES and size == _PLACEHOLDER_SIZE:
        return True
    try:
        return urlsplit(url).path == "/removed.png"
    except ValueError:
        return False
