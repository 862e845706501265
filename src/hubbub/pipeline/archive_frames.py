"""Unpacks a file frame by frame, in pieces of at most 1 MiB, and knows when a frame is whole.

zstd, gzip, bzip2 and xz files are all frames (members, streams) one after the other. Every frame has its own decoder,
whose end is checked: a file that merely stops is told from one that is complete (archives reference, section 2).
"""

from __future__ import annotations

import bz2
import lzma
import sys
import zlib
from collections.abc import Callable, Iterator
from typing import BinaryIO, Protocol

import msgspec

from hubbub.errors import TruncatedInputError
from hubbub.pipeline.archive_kinds import ZSTD_MAGIC, Packing

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

PIECE_BYTES = 1 << 20
"""Most bytes handed out at once, unless fewer are asked for."""
FEED_BYTES = 1 << 17
"""Packed bytes given to a decoder at once."""
MAX_WINDOW_LOG = 31
"""Real dumps use windows of 2 GiB; more is refused before anything is allocated."""
_LONGEST_HEADER = 18


class Piece(msgspec.Struct, frozen=True, gc=False):
    """Some unpacked bytes and where they lie."""

    data: bytes
    packed_end: int
    """Bytes of the file read so far."""
    frame_offset: int
    """Packed bytes before the frame that `data` lies in."""
    frame_start: int
    """Unpacked bytes before that frame."""


class _Decoder(Protocol):
    @property
    def eof(self) -> bool: ...

    @property
    def needs_input(self) -> bool: ...

    @property
    def unused_data(self) -> bytes: ...

    def decompress(self, data: bytes, max_length: int) -> bytes: ...


class _Gunzip:
    """zlib's decoder with the manners of the other three."""

    def __init__(self) -> None:
        self._inner = zlib.decompressobj(wbits=31)
        self._full = False

    def decompress(self, data: bytes, max_length: int) -> bytes:
        out = self._inner.decompress(self._inner.unconsumed_tail + data, max_length)
        self._full = len(out) == max_length
        return out

    @property
    def eof(self) -> bool:
        return self._inner.eof

    @property
    def needs_input(self) -> bool:
        return not self._full and not self._inner.unconsumed_tail

    @property
    def unused_data(self) -> bytes:
        return self._inner.unused_data


def _unzstd() -> _Decoder:
    return zstd.ZstdDecompressor(options={zstd.DecompressionParameter.window_log_max: MAX_WINDOW_LOG})


def _unxz() -> _Decoder:
    return lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=1 << 30)


_DECODERS: dict[Packing, Callable[[], _Decoder]] = {
    Packing.ZSTD: _unzstd,
    Packing.GZIP: _Gunzip,
    Packing.BZIP2: bz2.BZ2Decompressor,
    Packing.XZ: _unxz,
}
_MAGICS: dict[Packing, bytes] = {
    Packing.ZSTD: ZSTD_MAGIC,
    Packing.GZIP: b"\x1f\x8b",
    Packing.BZIP2: b"BZh",
    Packing.XZ: b"\xfd7zXZ\0",
}
_DAMAGE = (zstd.ZstdError, zlib.error, lzma.LZMAError, EOFError, ValueError, OSError)


def plain_pieces(file: BinaryIO, *, offset: int, size: int = PIECE_BYTES) -> Iterator[Piece]:
    """The bytes of a file that is not packed, from `offset` on."""
    file.seek(offset)
    while data := file.read(size):
        offset += len(data)
        yield Piece(data, offset, 0, 0)


def packed_pieces(
    file: BinaryIO, kind: Packing, *, frame_offset: int, frame_start: int, size: int = PIECE_BYTES
) -> Iterator[Piece]:
    """The unpacked bytes of a file from the frame at `frame_offset` on, whose first byte is number `frame_start`.

    Raises TruncatedInputError, after everything that could be read, when the file is cut, damaged, padded with
    something else, or needs a window or dictionary that is not to be had."""
    yield from _Frames(file, kind, size=size).pieces(frame_offset, frame_start)


class _Frames:
    def __init__(self, file: BinaryIO, kind: Packing, *, size: int) -> None:
        self._file = file
        self._kind = kind
        self._size = size
        self._new = _DECODERS[kind]
        self._magic = _MAGICS[kind]
        self._rest = b""
        self._at = 0
        """Where in the file `_rest` begins."""

    def pieces(self, frame_offset: int, frame_start: int) -> Iterator[Piece]:
        self._file.seek(frame_offset)
        self._at = frame_offset
        total = frame_start
        while self._next_frame():
            began, start = self._at, total
            for piece in self._frame(began, start):
                total += len(piece.data)
                yield piece

    def _next_frame(self) -> bool:
        """Go to the next frame; False at a proper end of the file."""
        while True:
            self._fill(_LONGEST_HEADER)
            head = self._rest[:_LONGEST_HEADER]
            if not head:
                return False
            if self._kind is Packing.ZSTD and head[1:4] == b"\x2a\x4d\x18" and head[0] & 0xF0 == 0x50:
                self._skip(head)
                continue
            if head.startswith(self._magic):
                if self._kind is Packing.ZSTD:
                    _check_zstd_header(head, self._at)
                return True
            return self._end_of_frames(head)

    def _end_of_frames(self, head: bytes) -> bool:
        if self._magic.startswith(head):
            raise _cut(self._at, "inside the header of a frame")
        while not self._rest.strip(b"\0"):  # zeros fill the last block of a tape or a crashed copy
            self._rest = self._file.read(FEED_BYTES)
            if not self._rest:
                return False
        raise TruncatedInputError(
            f"after byte {self._at:,} of the file something follows that is no {self._kind.value} data",
            offset=self._at,
            advice="all before it is kept; compare the file's checksum with its publisher's",
        )

    def _skip(self, head: bytes) -> None:
        """Pass over a skippable frame."""
        began = self._at
        end = began + 8 + int.from_bytes(head[4:8], "little")
        size = self._file.seek(0, 2)
        if len(head) < 8 or end > size:
            raise _cut(began, "inside a skippable frame")
        self._file.seek(end)
        self._rest, self._at = b"", end

    def _frame(self, began: int, start: int) -> Iterator[Piece]:
        decoder = self._new()
        handed_out, fed_at, ended = 0, began, False
        while not ended:
            fed = b""
            if decoder.needs_input:
                if not self._fill(1):
                    raise _cut(self._at, "inside a frame")
                fed, self._rest, fed_at = self._rest, b"", self._at
            try:
                data = decoder.decompress(fed, self._size)
            except _DAMAGE as error:
                self._at += len(fed)
                yield from self._salvage(error, began=began, start=start, handed_out=handed_out, fed_at=fed_at)
                return
            self._at += len(fed)
            handed_out += len(data)
            ended = decoder.eof
            if ended:
                self._rest = decoder.unused_data + self._rest
                self._at -= len(decoder.unused_data)
            if data:
                yield Piece(data, self._at, began, start)

    def _salvage(self, error: Exception, *, began: int, start: int, handed_out: int, fed_at: int) -> Iterator[Piece]:
        """Hand out what lies whole between the last piece and the damage, then raise.

        A decoder that fails keeps what it had unpacked in that call, so the frame is read again and the last packed
        bytes are given to it one by one. A wrong checksum is different: all of the frame may be wrong, nothing more of
        it is handed out. bzip2 and xz do not say which it was."""
        if not isinstance(error, zstd.ZstdError | zlib.error) or "check" in str(error):
            raise TruncatedInputError(
                f"the {self._kind.value} frame that begins at byte {began:,} fails its check ({error})",
                offset=began,
                untrusted=True,
                advice="records of this frame may be wrong; fetch the file again",
            ) from error
        last_good = fed_at
        for piece in _slowly(self._file, self._new(), began=began, careful_from=fed_at, until=self._at):
            begins_at = piece.frame_start
            fresh = piece.data[max(0, handed_out - begins_at) :]
            last_good = piece.packed_end
            if fresh:
                handed_out = begins_at + len(piece.data)
                yield Piece(fresh, piece.packed_end, began, start)
        raise TruncatedInputError(
            f"the file is damaged at byte {last_good:,} ({error})",
            offset=last_good,
            advice="all before it is kept; fetch the file again",
        ) from error

    def _fill(self, least: int) -> bool:
        """Have at least `least` bytes at hand, unless the file ends; True when there are any."""
        while len(self._rest) < least and (more := self._file.read(FEED_BYTES)):
            self._rest += more
        return bool(self._rest)


def _slowly(file: BinaryIO, decoder: _Decoder, *, began: int, careful_from: int, until: int) -> Iterator[Piece]:
    """A frame again, byte by byte from `careful_from`; ends at the damage. `frame_start` counts within the frame."""
    file.seek(began)
    at, unpacked = began, 0
    while at < until:
        fed = file.read(min(FEED_BYTES, careful_from - at) if at < careful_from else 1)
        while True:
            try:
                data = decoder.decompress(fed, PIECE_BYTES)
            except _DAMAGE:
                return
            at, fed = at + len(fed), b""
            if data:
                yield Piece(data, at, began, unpacked)
                unpacked += len(data)
            if decoder.eof:
                return
            if decoder.needs_input:
                break


def _check_zstd_header(head: bytes, at: int) -> None:
    """Refuse what cannot be decoded before a decoder is made (zstd format, section 3.1.1.1)."""
    if len(head) < 5:
        raise _cut(at, "inside the header of a frame")
    flags = head[4]
    single, dictionary_bytes = bool(flags & 0x20), (0, 1, 2, 4)[flags & 3]
    at_dictionary = 5 if single else 6
    size_bytes = (1 if single else 0, 2, 4, 8)[flags >> 6]
    if len(head) < at_dictionary + dictionary_bytes + size_bytes:
        raise _cut(at, "inside the header of a frame")
    dictionary = int.from_bytes(head[at_dictionary : at_dictionary + dictionary_bytes], "little")
    if dictionary:
        raise TruncatedInputError(
            f"the zstd frame at byte {at:,} needs dictionary {dictionary}, which the file does not carry", offset=at
        )
    if single:
        at_size = at_dictionary + dictionary_bytes
        window = int.from_bytes(head[at_size : at_size + size_bytes], "little")
    else:
        base = 1 << (10 + (head[5] >> 3))
        window = base + (base >> 3) * (head[5] & 7)
    if window > 1 << MAX_WINDOW_LOG:
        raise TruncatedInputError(
            f"the zstd frame at byte {at:,} asks for a window of {window:,} bytes; "
            f"at most {1 << MAX_WINDOW_LOG:,} are given (real dumps need no more)",
            offset=at,
        )


def _cut(at: int, where: str) -> TruncatedInputError:
    return TruncatedInputError(
        f"the file is cut off at byte {at:,}, {where}",
        offset=at,
        advice="the download is probably incomplete; what was whole is kept, fetch the file again",
    )
