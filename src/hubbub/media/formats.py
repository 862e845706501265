"""The inside of picture files, as far as it shows without decoding pixels: size, and whether the file has an end. Pure.

Every function takes a whole file as a buffer, returns (width, height) or None where the file does not say, and raises
DamagedError. Sources: ITU T.81 (JPEG), PNG third edition, GIF89a, RFC 9649 (WebP), ISO/IEC 14496-12 (AVIF, HEIC)."""

from __future__ import annotations

import mmap
import struct
import zlib

Size = tuple[int, int]
Buffer = bytes | mmap.mmap

_SOF = frozenset({*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC})
_ALONE = frozenset({0x01, *range(0xD0, 0xD8)})
_SMALL_IDAT_BYTES = 1 << 16
"""Picture data up to this size are unpacked to count their bytes: cheap, and where broken writers show."""
_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}


class DamagedError(Exception):
    """The file is cut short or broken; the message says how."""


def jpeg(data: Buffer) -> Size | None:
    """Walks the segments to the scan, then wants an end marker behind it (a thumbnail's own does not count)."""
    size: Size | None = None
    at = 2
    while True:
        if at + 4 > len(data):
            raise DamagedError("the JPEG ends before its picture begins")
        if data[at] != 0xFF:
            raise DamagedError("the JPEG's segments are broken")
        marker = data[at + 1]
        if marker == 0xFF:
            at += 1
            continue
        if marker in _ALONE:
            at += 2
            continue
        if marker == 0xD9:
            raise DamagedError("the JPEG holds no picture")
        length = int.from_bytes(data[at + 2 : at + 4], "big")
        if marker in _SOF:
            height, width = struct.unpack(">HH", data[at + 5 : at + 9].ljust(4, b"\0"))
            size = (width, height)
        at += 2 + max(length, 2)
        if marker == 0xDA:
            break
    if data.rfind(b"\xff\xd9", at) == -1:
        raise DamagedError("the JPEG is cut short: its end marker is missing")
    return size


def png(data: Buffer) -> Size | None:
    """Walks the chunks, checks every checksum, wants IHDR first and IEND last, and looks into the picture data."""
    at = 8
    header = b""
    packed: list[bytes] = []
    packed_bytes = 0
    while True:
        if at + 12 > len(data):
            raise DamagedError("the PNG is cut short: its end chunk is missing")
        length, kind = struct.unpack(">I4s", data[at : at + 8])
        end = at + 12 + length
        if end > len(data):
            raise DamagedError("the PNG is cut short inside a chunk")
        body = data[at + 4 : end - 4]
        if zlib.crc32(body) != int.from_bytes(data[end - 4 : end], "big"):
            raise DamagedError(f"the PNG has a wrong checksum in {kind.decode('latin-1')!r}")
        if not header:
            if kind != b"IHDR" or length != 13:
                raise DamagedError("the PNG does not begin with its header")
            header = body[4:]
        if kind == b"IDAT":
            packed_bytes += length
            if packed_bytes - length < _SMALL_IDAT_BYTES:
                packed.append(body[4:])
        if kind == b"IEND":
            break
        at = end
    _check_idat(header, b"".join(packed), whole=packed_bytes <= _SMALL_IDAT_BYTES)
    width, height = struct.unpack(">II", header[:8])
    return width, height


def _check_idat(header: bytes, packed: bytes, *, whole: bool) -> None:
    width, height, depth, colour, _, _, interlaced = struct.unpack(">IIBBBBB", header)
    row = (width * depth * _CHANNELS.get(colour, 1) + 7) // 8 + 1
    expected = row * height
    unpacker = zlib.decompressobj()
    try:
        if not whole or expected > _SMALL_IDAT_BYTES * 64 or interlaced:
            unpacker.decompress(packed, 64)
            return
        got = len(unpacker.decompress(packed, expected + 1))
    except zlib.error:
        raise DamagedError("the PNG's picture data are damaged") from None
    if got < expected:
        raise DamagedError("the PNG's picture data end too soon")


def gif(data: Buffer) -> Size | None:
    """Walks the blocks to the trailer."""
    if len(data) < 13:
        raise DamagedError("the GIF ends inside its header")
    width, height, flags = struct.unpack("<HHB", data[6:11])
    at = 13 + _palette_bytes(flags)
    frames = 0
    while at < len(data):
        kind = data[at]
        if kind == 0x3B:
            break
        if kind == 0x21:
            at = _past_blocks(data, at + 2)
        elif kind == 0x2C:
            if at + 10 > len(data):
                break
            frames += 1
            at = _past_blocks(data, at + 11 + _palette_bytes(data[at + 9]))
        else:
            raise DamagedError("the GIF's blocks are broken")
    if at >= len(data) or data[at] != 0x3B:
        raise DamagedError("the GIF is cut short: its trailer is missing")
    if not frames:
        raise DamagedError("the GIF holds no picture")
    return width, height


def _palette_bytes(flags: int) -> int:
    return 3 * 2 ** ((flags & 7) + 1) if flags & 0x80 else 0


def _past_blocks(data: Buffer, at: int) -> int:
    while at < len(data) and data[at]:
        at += data[at] + 1
    return at + 1


def webp(data: Buffer) -> Size | None:
    """The RIFF size must fit the file; the first chunk says how large the picture is."""
    if len(data) < 30 or int.from_bytes(data[4:8], "little") + 8 > len(data):
        raise DamagedError("the WebP is cut short")
    kind, start = data[12:16], data[20:30]
    if kind == b"VP8X":
        return int.from_bytes(start[4:7], "little") + 1, int.from_bytes(start[7:10], "little") + 1
    if kind == b"VP8L":
        bits = int.from_bytes(start[1:5], "little")
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    if kind == b"VP8 ":
        width, height = struct.unpack("<HH", start[6:10])
        return width & 0x3FFF, height & 0x3FFF
    raise DamagedError("the WebP holds no picture")


def boxes(data: Buffer) -> Size | None:
    """ISO base media (AVIF, HEIC, MP4): the boxes must fill the file; the largest `ispe` is the picture's size."""
    at = 0
    while at < len(data):
        if at + 8 > len(data):
            raise DamagedError("the file ends inside a box")
        length = int.from_bytes(data[at : at + 4], "big")
        if length == 1:
            length = int.from_bytes(data[at + 8 : at + 16], "big")
        elif length == 0:
            break
        if length < 8 or at + length > len(data):
            raise DamagedError("the file is cut short inside a box")
        at += length
    return _largest_ispe(data)


def _largest_ispe(data: Buffer) -> Size | None:
    found: list[Size] = []
    at = data.find(b"ispe")
    while at != -1 and at + 16 <= len(data) and len(found) < 64:
        width, height = struct.unpack(">II", data[at + 8 : at + 16])
        found.append((width, height))
        at = data.find(b"ispe", at + 4)
    return max(found, key=lambda size: size[0] * size[1], default=None)


def bmp(data: Buffer) -> Size | None:
    """The header's sizes must fit the file (uncompressed kinds)."""
    if len(data) < 34:
        raise DamagedError("the BMP ends inside its header")
    start = int.from_bytes(data[10:14], "little")
    width, height = struct.unpack("<ii", data[18:26])
    depth, packing = struct.unpack("<HI", data[28:34])
    row = (abs(width) * depth + 31) // 32 * 4
    if packing in {0, 3} and start + row * abs(height) > len(data):
        raise DamagedError("the BMP is cut short")
    return abs(width), abs(height)
