"""What bytes really are, by their first ones: names and content types lie. Pure."""

from __future__ import annotations

from collections.abc import Callable

import msgspec


class Format(msgspec.Struct, frozen=True):
    """A file format: its name, its content type and its usual suffix."""

    name: str
    mime: str
    suffix: str


JPEG = Format("JPEG", "image/jpeg", ".jpg")
PNG = Format("PNG", "image/png", ".png")
GIF = Format("GIF", "image/gif", ".gif")
WEBP = Format("WEBP", "image/webp", ".webp")
AVIF = Format("AVIF", "image/avif", ".avif")
HEIC = Format("HEIC", "image/heic", ".heic")
BMP = Format("BMP", "image/bmp", ".bmp")
TIFF = Format("TIFF", "image/tiff", ".tif")
ICO = Format("ICO", "image/vnd.microsoft.icon", ".ico")
MP4 = Format("MP4", "video/mp4", ".mp4")
HTML = Format("HTML", "text/html", ".html")

HEAD_BYTES = 512
"""How many bytes sniff() wants to see; fewer will do for a shorter file."""

_AVIF_BRANDS = frozenset({b"avif", b"avis"})
_HEIC_BRANDS = frozenset({b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"mif1", b"msf1"})
_HTML_STARTS = (b"<!doctype", b"<html", b"<head", b"<body", b"<script", b"<?xml", b"<svg", b"<!--", b"<title")

_MAGIC: tuple[tuple[Callable[[bytes], bool], Format], ...] = (
    (lambda head: head.startswith(b"\xff\xd8\xff"), JPEG),
    (lambda head: head.startswith(b"\x89PNG\r\n\x1a\n"), PNG),
    (lambda head: head.startswith((b"GIF87a", b"GIF89a")), GIF),
    (lambda head: head.startswith(b"RIFF") and head[8:12] == b"WEBP", WEBP),
    (lambda head: head.startswith(b"BM") and head[6:10] == b"\0\0\0\0", BMP),
    (lambda head: head.startswith((b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")), TIFF),
    (lambda head: head.startswith(b"\0\0\1\0") and head[4:6] != b"\0\0", ICO),
    (lambda head: head.lstrip(b"\xef\xbb\xbf \t\r\n").lower().startswith(_HTML_STARTS), HTML),
)


def sniff(head: bytes) -> Format | None:
    """The format of a file that begins with these bytes, or None."""
    if head[4:8] == b"ftyp":
        return _by_brand(head)
    return next((found for matches, found in _MAGIC if matches(head)), None)


def _by_brand(head: bytes) -> Format:
    """ISO base media files say what they are in their brands (ISO/IEC 14496-12 §4.3): the major one first."""
    size = min(int.from_bytes(head[:4], "big"), len(head))
    brands = [head[8:12], *(head[i : i + 4] for i in range(16, size, 4))]
    for brand in brands:
        if brand in _AVIF_BRANDS:
            return AVIF
    return HEIC if any(brand in _HEIC_BRANDS for brand in brands) else MP4
