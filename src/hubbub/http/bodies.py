"""Bodies as they come off the wire: undo the content encodings under a size limit, and see that nothing is missing.

The HTTP library takes a gzip or brotli body that ends too soon for a whole one; this does not."""

from __future__ import annotations

import re
import sys
import zlib
from collections.abc import Iterator
from typing import Protocol

import brotli
import msgspec

if sys.version_info >= (3, 14):
    from compression.zstd import ZstdDecompressor, ZstdError
else:
    from backports.zstd import ZstdDecompressor, ZstdError

ACCEPT_ENCODING = "zstd, br, gzip"
_PIECE = 1 << 20
_MOST_ENCODINGS = 2
_JSON_ENDS = {ord("{"): ord("}"), ord("["): ord("]")}
_STRUCTURE = re.compile(rb'"(?:[^"\\]|\\.)*+(?P<ended>"?)|[\[\]{}]', re.DOTALL)
_DEEPER = {b"[": 1, b"{": 1, b"]": -1, b"}": -1}
_JSON_STARTS = b'{["-0123456789tfn'


class BodyError(Exception):
    """The body cannot be used; the message says why."""


class TooLargeError(Exception):
    """The body is larger than the request allows."""


class _Decoder(Protocol):
    def feed(self, data: bytes) -> Iterator[bytes]: ...

    def end(self) -> None: ...


class Body:
    """Collects one body: feed raw chunks, take decoded pieces, end() raises BodyError when something is missing."""

    def __init__(self, encodings: str, *, max_bytes: int) -> None:
        """Raises BodyError for an encoding we did not ask for, or too many of them."""
        names = [name.strip().lower() for name in encodings.split(",")]
        names = [name for name in names if name and name != "identity"]
        if len(names) > _MOST_ENCODINGS:
            raise BodyError(f"the answer is wrapped in {len(names)} content encodings")
        self._chain = [_decoder(name) for name in reversed(names)]
        self._max_bytes = max_bytes
        self.raw_bytes = 0
        self.decoded_bytes = 0

    def feed(self, chunk: bytes) -> Iterator[bytes]:
        """Decoded pieces of at most about 1 MiB; raises TooLargeError, BodyError."""
        self.raw_bytes += len(chunk)
        if self.raw_bytes > self._max_bytes:
            raise TooLargeError(f"the answer is larger than {self._max_bytes} bytes")
        pieces: Iterator[bytes] = iter((chunk,))
        for decoder in self._chain:
            pieces = _through(decoder, pieces)
        for piece in pieces:
            self.decoded_bytes += len(piece)
            if self.decoded_bytes > self._max_bytes:
                raise TooLargeError(f"the answer is larger than {self._max_bytes} bytes")
            yield piece

    def end(self) -> None:
        """Raises BodyError unless every encoding came to its own end."""
        if self.raw_bytes:
            for decoder in self._chain:
                decoder.end()


def _through(decoder: _Decoder, pieces: Iterator[bytes]) -> Iterator[bytes]:
    for piece in pieces:
        yield from decoder.feed(piece)


def _decoder(name: str) -> _Decoder:
    if name in {"gzip", "x-gzip"}:
        return _Gzip()
    if name == "br":
        return _Brotli()
    if name == "zstd":
        return _Zstd()
    raise BodyError(f"the answer is in the content encoding {name[:20]!r}, which nobody asked for")


class _Gzip:
    def __init__(self) -> None:
        self._inner = zlib.decompressobj(31)

    def feed(self, data: bytes) -> Iterator[bytes]:
        try:
            while data:
                if self._inner.eof:
                    # Another member may follow (RFC 1952 §2.2); anything else is damage.
                    self._inner = zlib.decompressobj(31)
                piece = self._inner.decompress(data, _PIECE)
                if piece:
                    yield piece
                data = self._inner.unused_data if self._inner.eof else self._inner.unconsumed_tail
        except zlib.error as error:
            raise BodyError(f"the gzip encoding is damaged ({error})") from error

    def end(self) -> None:
        if not self._inner.eof:
            raise BodyError("the gzip encoding ends too soon")


class _Brotli:
    def __init__(self) -> None:
        self._inner = brotli.Decompressor()

    def feed(self, data: bytes) -> Iterator[bytes]:
        try:
            piece = self._inner.process(data, output_buffer_limit=_PIECE // 2)
            while piece:
                yield piece
                piece = self._inner.process(b"", output_buffer_limit=_PIECE // 2)
        except brotli.error as error:
            raise BodyError("the brotli encoding is damaged") from error

    def end(self) -> None:
        if not self._inner.is_finished():
            raise BodyError("the brotli encoding ends too soon")


class _Zstd:
    def __init__(self) -> None:
        self._inner = ZstdDecompressor()

    def feed(self, data: bytes) -> Iterator[bytes]:
        try:
            while True:
                if self._inner.eof:
                    data = self._inner.unused_data + data
                    if not data:
                        return
                    self._inner = ZstdDecompressor()
                piece = self._inner.decompress(data, _PIECE)
                data = b""
                if piece:
                    yield piece
                if self._inner.needs_input and not self._inner.eof:
                    return
        except ZstdError as error:
            raise BodyError("the zstd encoding is damaged") from error

    def end(self) -> None:
        if not self._inner.eof:
            raise BodyError("the zstd encoding ends too soon")


def check_json(body: bytes) -> None:
    """Raises BodyError when a body that says it is JSON plainly is not, or stops half-way. Builds nothing of it: what
    else may be wrong in it is for its reader, who may keep the rest."""
    text = body.strip(b" \t\r\n\xef\xbb\xbf")
    if not text:
        raise BodyError("the answer is empty")
    if text[0] not in _JSON_STARTS:
        raise BodyError("the answer says it is JSON and is not")
    closing = _JSON_ENDS.get(text[0])
    if closing is None:
        return
    if text[-1] != closing or not _is_closed(text):
        raise BodyError("the answer is cut short")


def _is_closed(text: bytes) -> bool:
    """False when a list or object is begun and not ended, though the last byte looks as if."""
    try:
        msgspec.json.decode(text, type=msgspec.Raw)  # passes over it at a gigabyte a second
    except msgspec.DecodeError:  # something is wrong; its words do not tell a lone surrogate from an early end
        depth = 0
        for found in _STRUCTURE.finditer(text):
            if found["ended"] == b"":
                return False
            depth += _DEEPER.get(found[0], 0)
        return depth <= 0
    except RecursionError:
        return True
    return True
