from __future__ import annotations

import json
import struct
import zlib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hubbub.media.sniff import sniff
from hubbub.media.validate import validate
from tests.shared import DATA, FAULTS, needs_shared

HOSTILE = json.loads((FAULTS / "images" / "index.json").read_text())["cases"] if FAULTS.is_dir() else []
HOSTILE = [case for case in HOSTILE if "file" in case]
GOOD = json.loads((DATA / "images" / "index.json").read_text()) if DATA.is_dir() else []
GOOD = [entry for entry in GOOD if entry["file"].startswith("good/")]
NOT_KEPT = {".tif", ".tiff", ".ico"}


def png(width: int, height: int, *, pad: int = 0) -> bytes:
    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    rows = b"".join(b"\0" + b"\0" * width for _ in range(height))
    text = chunk(b"tEXt", b"k\0" + b"v" * pad) if pad else b""
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + text + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    )


@needs_shared
@pytest.mark.parametrize("case", HOSTILE, ids=lambda case: case["id"])
def test_every_hostile_file_is_judged_as_it_must_be(case: dict[str, object]) -> None:
    verdict = validate((FAULTS / "images" / str(case["file"])).read_bytes())
    outcomes = case["outcomes"]
    assert isinstance(outcomes, list)
    if verdict.state == "stored":
        assert {"accept", "repair"} & set(outcomes)
        if "size" in case:
            assert [verdict.width, verdict.height] == case["size"]
    else:
        assert "quarantine" in outcomes
        assert verdict.reason


@needs_shared
@pytest.mark.parametrize("entry", GOOD, ids=lambda entry: entry["file"])
def test_every_good_file_is_kept_with_its_size(entry: dict[str, object]) -> None:
    path = DATA / "images" / str(entry["file"])
    verdict = validate(path.read_bytes())
    if path.suffix in NOT_KEPT:
        assert verdict.state == "refused"
        return
    assert verdict.state == "stored", verdict
    if entry.get("size"):
        assert [verdict.width, verdict.height] == entry["size"]


@needs_shared
@pytest.mark.parametrize(
    "name", ["hopper.jpg", "hopper.png", "hopper.gif", "hopper.webp", "avif_hopper.avif", "hopper.bmp"]
)
@pytest.mark.parametrize("share", [0.2, 0.5, 0.9, 0.99])
def test_a_file_cut_anywhere_is_broken(name: str, share: float) -> None:
    whole = (DATA / "images" / "good" / name).read_bytes()
    assert validate(whole[: int(len(whole) * share)]).state == "broken"


SAMPLES = [
    (FAULTS / "images" / f"control-{name}.bin").read_bytes()
    for name in ("jpeg", "progressive", "png", "gif", "webp")
    if FAULTS.is_dir()
]


@needs_shared
@settings(max_examples=300, deadline=None)
@given(st.data())
def test_no_bytes_whatever_break_the_judge(data: st.DataObject) -> None:
    content = bytearray(data.draw(st.sampled_from(SAMPLES)) if data.draw(st.booleans()) else data.draw(st.binary()))
    for _ in range(data.draw(st.integers(0, 4))):
        if content:
            content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    content = content[: data.draw(st.integers(0, len(content)))]
    verdict = validate(bytes(content), video=True)
    assert verdict.state == "stored" or verdict.reason


def test_imgurs_picture_for_a_removed_one_is_gone() -> None:
    bare = png(161, 81)
    placeholder = png(161, 81, pad=503 - len(bare) - 14)
    assert len(placeholder) == 503
    assert validate(placeholder).state == "gone"
    assert validate(png(161, 81)).state == "stored"
    assert validate(png(5, 5), url="https://i.imgur.com/removed.png").state == "gone"


def test_a_header_that_promises_too_many_pixels_is_refused() -> None:
    assert validate(png(20, 20), max_pixels=399).state == "refused"
    assert validate(png(20, 20), max_pixels=400).state == "stored"


def test_a_video_is_kept_only_where_one_was_announced() -> None:
    video = (
        struct.pack(">I4s4sI4s", 20, b"ftyp", b"isom", 512, b"mp41") + struct.pack(">I4s", 16, b"mdat") + b"12345678"
    )
    assert validate(video).state == "refused"
    kept = validate(video, video=True)
    assert (kept.state, kept.mime) == ("stored", "video/mp4")
    assert validate(video[:-1], video=True).state == "broken"


@pytest.mark.parametrize(
    ("head", "name"),
    [
        (b"<!DOCTYPE html><html>", "HTML"),
        (b"\xef\xbb\xbf  <html>", "HTML"),
        (b"<svg onload=alert(1)>", "HTML"),
        (b"II*\0", "TIFF"),
        (b"\0\0\1\0\1\0", "ICO"),
        (b"\0\0\0\x18ftypmif1\0\0\0\0avifmif1", "AVIF"),
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "HEIC"),
        (b"\0\0\0\x14ftypisom\0\0\2\0mp41", "MP4"),
        (b"%PDF-1.4", None),
        (b"", None),
    ],
)
def test_bytes_are_known_by_their_beginning(head: bytes, name: str | None) -> None:
    found = sniff(head)
    assert (found and found.name) == name


def test_the_files_of_this_test_exist_where_the_index_says() -> None:
    assert all(Path(DATA / "images" / entry["file"]).is_file() for entry in GOOD)
