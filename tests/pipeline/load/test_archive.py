"""Reading: every line of every file, where it ends, and what is said of files that are damaged or of another kind."""

from __future__ import annotations

import gzip
import itertools
import json
import os
import tracemalloc
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hubbub.errors import InputError, TruncatedInputError
from hubbub.pipeline.archive import LONGEST_LINE, LineChunk, LongLine, Position, _Splitter, open_archive
from hubbub.pipeline.archive_frames import Piece
from hubbub.pipeline.archive_kinds import Shape
from tests.pipeline.load.cases import ARCHIVES, PACKERS, line, long_line, posts, record, squeeze, stored_cases, zeros
from tests.shared import needs_shared

REFUSED = {"html-page", "lfs-pointer", "zip-traversal", "tar-symlink", "sqlite-file", "csv-file", "utf16", "empty-file"}
SKIPPABLE = b"\x50\x2a\x4d\x18\x03\0\0\0abc"


def read(path: Path, start: Position | None = None) -> tuple[list[bytes], list[LineChunk], InputError | None]:
    """All lines, the chunks they came in and the error at the end."""
    chunks: list[LineChunk] = []
    error = None
    with open_archive(path) as archive:
        try:
            chunks.extend(archive.chunks(start or Position()))
        except InputError as raised:
            error = raised
    return [text for chunk in chunks for text in chunk.apart()], chunks, error


def whole(lines: list[bytes]) -> int:
    """How many lines are JSON objects."""
    count = 0
    for text in lines:
        try:
            count += isinstance(json.loads(text), dict)
        except (ValueError, RecursionError):
            continue
    return count


@needs_shared
@pytest.mark.parametrize("case", [c for c in stored_cases() if c["id"] not in REFUSED], ids=lambda case: case["id"])
def test_every_line_that_is_whole_is_handed_out(case: dict[str, Any]) -> None:
    if case["id"] == "json-array":
        with open_archive(ARCHIVES / case["file"]) as archive:
            assert archive.shape is Shape.DOCUMENT
            assert len(json.loads(archive.document())) == 100
        return
    try:
        lines, _, error = read(ARCHIVES / case["file"])
    except InputError as raised:
        lines, error = [], raised
    assert whole(lines) >= case.get("good_ideal", case["good"])
    assert (error is not None) == (case["outcomes"] == ["error"])
    if case.get("untrusted_rows"):
        assert isinstance(error, TruncatedInputError)
        assert error.untrusted


@needs_shared
@pytest.mark.parametrize("name", sorted(REFUSED))
def test_a_file_of_another_kind_is_called_by_its_name(name: str) -> None:
    words = {
        "html-page": "HTML",
        "lfs-pointer": "Git LFS pointer",
        "zip-traversal": "zip archive",
        "tar-symlink": "tar archive",
        "sqlite-file": "SQLite",
        "csv-file": "CSV",
        "utf16": "UTF-16",
        "empty-file": "is empty",
    }
    file = next(case["file"] for case in stored_cases() if case["id"] == name)
    with pytest.raises(InputError, match=words[name]), open_archive(ARCHIVES / file):
        pass


def test_other_kinds_of_files_are_called_by_their_name(tmp_path: Path) -> None:
    kinds = {
        b"\x80\x04\x95\x10\0\0\0": "pickle",
        b"PAR1" + bytes(60): "Parquet",
        len(squeeze(b"x")).to_bytes(4, "little") + squeeze(b"x"): "zst_blocks",
        squeeze(squeeze(b"{}\n")): "packed twice",
        gzip.compress(bytes(257) + b"ustar" + bytes(300)): "tar archive",
        "a line\nand another\n".encode("utf-16"): "UTF-16",
        bytes(5000): "zero bytes",
        b"nothing but talk\n" * 9: "text without JSON",
    }
    for content, word in kinds.items():
        path = tmp_path / "file.zst"
        path.write_bytes(content)
        with pytest.raises(InputError, match=word), open_archive(path):
            pass


def test_folders_pipes_devices_and_missing_files_are_refused_without_reading(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path, word in (
        (tmp_path, "folder"),
        (tmp_path / "pipe", "pipe"),
        (Path("/dev/zero"), "device"),
        (tmp_path / "none.zst", "does not exist"),
    ):
        with pytest.raises(InputError, match=word), open_archive(path):
            pass


def test_a_window_that_nobody_has_is_refused_with_its_size(tmp_path: Path) -> None:
    path = tmp_path / "w.zst"
    path.write_bytes(b"\x28\xb5\x2f\xfd\x00" + bytes([(41 - 10) << 3]) + b"\x01\x00\x00")
    with pytest.raises(InputError, match="2,199,023,255,552"), open_archive(path):
        pass


def test_frames_of_any_kind_are_all_read(tmp_path: Path) -> None:
    some = posts(30)
    parts = [b"".join(some[:10])[:-7], b"".join(some[:10])[-7:] + b"".join(some[10:20]), b"", b"".join(some[20:])]
    for kind, pack in PACKERS.items():
        path = tmp_path / f"dump.{kind.value}"
        path.write_bytes(b"".join(pack(part) for part in parts))
        lines, _, error = read(path)
        assert [text + b"\n" for text in lines] == some
        assert error is None


def test_a_packed_file_that_is_cut_hands_out_its_whole_lines_and_says_where_it_ends(tmp_path: Path) -> None:
    some = posts(3000)
    for kind, pack in PACKERS.items():
        packed = pack(b"".join(some[:1500])) + pack(b"".join(some[1500:]))
        path = tmp_path / f"dump.{kind.value}"
        path.write_bytes(packed[:-40])
        lines, _, error = read(path)
        assert isinstance(error, TruncatedInputError)
        assert error.offset == len(packed) - 40
        assert f"{error.offset:,}" in str(error)
        assert lines == [text.rstrip() for text in some[: len(lines)]]
        assert len(lines) >= 1500


def test_zeros_after_the_last_frame_are_passed_over_and_anything_else_is_told(tmp_path: Path) -> None:
    path = tmp_path / "dump.zst"
    packed = squeeze(b"".join(posts(5)))
    path.write_bytes(packed + bytes(300_000))
    assert read(path)[2] is None
    path.write_bytes(packed + bytes(300_000) + b"x")
    lines, _, error = read(path)
    assert len(lines) == 5
    assert "something follows" in str(error)


def test_going_on_from_any_border_gives_the_rest_and_nothing_twice(tmp_path: Path) -> None:
    text = b"".join(posts(4000))
    frames = [text[at : at + 300_001] for at in range(0, len(text), 300_001)]
    packed = SKIPPABLE + b"".join(squeeze(part) + SKIPPABLE for part in frames)
    files = {
        "plain": text,
        "one-frame": squeeze(text),
        "frames": packed,
        "gzip": b"".join(gzip.compress(part) for part in frames),
        "bom-crlf": b"\xef\xbb\xbf" + text.replace(b"\n", b"\r\n"),
    }
    for name, content in files.items():
        path = tmp_path / name
        path.write_bytes(content)
        lines, chunks, error = read(path)
        assert error is None
        assert len(lines) == 4000
        assert len(chunks) > 1
        for chunk in chunks:
            rest, later, _ = read(path, chunk.end)
            assert rest == lines[chunk.end.lines :]
            assert all(part.first_line > chunk.end.lines for part in later)


def test_line_ends_of_all_manners_give_the_same_records(tmp_path: Path) -> None:
    some = posts(50)
    path = tmp_path / "dump"
    for content in (b"".join(some), b"".join(some).replace(b"\n", b"\r\n"), b"".join(some).replace(b"\n", b"\r")):
        for variant in (content, b"\xef\xbb\xbf" + content, content.rstrip(b"\r\n"), content.replace(b"\n", b"\n\n")):
            path.write_bytes(squeeze(variant))
            lines, _, error = read(path)
            assert error is None
            assert [json.loads(text)["id"] for text in lines if text.strip()] == [f"p{n:06d}" for n in range(50)]


def test_a_line_that_is_too_long_is_set_aside_by_number_and_its_neighbours_are_kept(tmp_path: Path) -> None:
    for mb in (17, 40):
        path = tmp_path / f"long{mb}.zst"
        long_line(path, mb=mb)
        lines, chunks, error = read(path)
        (found,) = [chunk.too_long for chunk in chunks if chunk.too_long]
        assert error is None
        assert [json.loads(text)["id"] for text in lines] == ["ar0001", "ar0002"]
        assert isinstance(found, LongLine)
        assert (found.number, found.size_bytes) == (2, mb * 1_000_000 + len(line(record("bd0001", selftext=""))) - 1)
        assert found.sample.startswith(b'{"id":"bd0001"')


def test_a_line_of_just_the_allowed_length_is_a_line(tmp_path: Path) -> None:
    path = tmp_path / "dump"
    body = b'{"a":"' + b"x" * (LONGEST_LINE - 8) + b'"}'
    path.write_bytes(body + b"\n{}\n")
    assert [len(text) for text in read(path)[0]] == [LONGEST_LINE, 2]
    path.write_bytes(body + b" \n{}\n")
    assert [len(text) for text in read(path)[0]] == [2]


def test_numbers_of_lines_count_blank_and_long_ones(tmp_path: Path) -> None:
    path = tmp_path / "dump"
    path.write_bytes(b'{"a":1}\n\n \n' + b"x" * (LONGEST_LINE + 1) + b'\n{"b":1}\n' + b"\n" * 3_000_000 + b'{"c":1}')
    _, chunks, _ = read(path)
    numbered = {
        text: chunk.first_line + at for chunk in chunks for at, text in enumerate(chunk.apart()) if text.strip()
    }
    assert numbered == {b'{"a":1}': 1, b'{"b":1}': 5, b'{"c":1}': 3_000_006}


@given(
    text=st.lists(st.sampled_from([b"\n", b"\r\n", b"{}", b'{"a":1}', b" ", b"\xc2\x85", b"\xe2\x80\xa8", b"x"])),
    sizes=st.lists(st.integers(1, 9), min_size=1),
)
def test_lines_do_not_depend_on_the_pieces_they_come_in(text: list[bytes], sizes: list[int]) -> None:
    whole_text = b"".join(text)
    splitter, at = _Splitter(Position(), b"\n"), 0
    chunks: list[LineChunk] = []
    for size in itertools.cycle(sizes):
        if at >= len(whole_text):
            break
        chunks += splitter.take(Piece(whole_text[at : at + size], at, 0, 0))
        at += size
    chunks += splitter.rest(cut=False)
    numbered = {chunk.first_line + n: line for chunk in chunks for n, line in enumerate(chunk.apart()) if line.strip()}
    assert numbered == {n: line for n, line in enumerate(whole_text.split(b"\n"), 1) if line.strip()}
    for chunk in chunks:
        ended = chunk.end.offset < len(whole_text) or whole_text.endswith(b"\n")
        assert whole_text[: chunk.end.offset].count(b"\n") + (not ended) == chunk.end.lines
    assert not chunks or chunks[-1].end.offset == len(whole_text)


def test_memory_does_not_grow_with_what_is_unpacked(tmp_path: Path) -> None:
    path = tmp_path / "zeros.zst"
    zeros(path, mib=200)
    path.write_bytes(squeeze(b'{"a":1}\n') + path.read_bytes())
    tracemalloc.start()
    lines, chunks, _ = read(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert lines == [b'{"a":1}']
    assert sum(chunk.too_long is not None for chunk in chunks) == 1
    assert peak < 100 << 20


def test_a_file_that_changes_while_it_is_read_is_told(tmp_path: Path) -> None:
    path = tmp_path / "dump.ndjson"
    path.write_bytes(b"{}\n")
    with open_archive(path) as archive:
        archive.check_unchanged()
        path.write_bytes(b"{}\n{}\n")
        with pytest.raises(InputError, match="changed"):
            archive.check_unchanged()


@pytest.mark.parametrize(
    ("text", "shape"),
    [
        (b'{"kind": "Listing", "data": {}}', Shape.DOCUMENT),
        (b'{"kind": "Listing",\n "data": {}}', Shape.DOCUMENT),
        (b'{\n  "data": {}}', Shape.DOCUMENT),
        (b'{"json": {"errors": []}}', Shape.DOCUMENT),
        (b'[{"kind": "Listing"}, {"kind": "Listing"}]', Shape.DOCUMENT),
        (b'[\n{"id": "a"},\n{"id": "b"}\n]', Shape.DOCUMENT),
        (b'{"id": "a", "kind": 1}', Shape.LINES),
        (b'{"_meta": {}, "id": "a"}\n{"id": "b"}', Shape.LINES),
        (b'[1,2,3]\n{"id": "b"}', Shape.LINES),
        (b'WARNING\n{"id": "b"}', Shape.LINES),
        (b"", Shape.LINES),
    ],
)
def test_a_document_is_told_from_lines_by_what_it_holds(tmp_path: Path, text: bytes, shape: Shape) -> None:
    path = tmp_path / "file"
    path.write_bytes(squeeze(text))
    with open_archive(path) as archive:
        assert archive.shape is shape
