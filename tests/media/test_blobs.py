from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from hubbub.errors import StorageError
from hubbub.media.blobs import Blobs


def files(root: Path) -> list[Path]:
    return sorted(path for path in root.rglob("*") if path.is_file())


def test_a_kept_file_lies_under_its_own_hash(tmp_path: Path) -> None:
    blobs = Blobs(tmp_path / "blobs")
    with blobs.incoming() as incoming:
        incoming.begin()
        incoming.write(b"bee")
        incoming.write(b"tle")
        blob = incoming.keep()
    sha256 = hashlib.sha256(b"beetle").hexdigest()
    assert (blob.sha256, blob.size_bytes, blob.fresh) == (sha256, 6, True)
    path = tmp_path / "blobs" / sha256[:2] / sha256[2:]
    assert path.read_bytes() == b"beetle"
    assert files(tmp_path) == [path]


def test_a_second_attempt_starts_afresh(tmp_path: Path) -> None:
    with Blobs(tmp_path).incoming() as incoming:
        incoming.begin()
        incoming.write(b"half of a long answer")
        incoming.begin()
        incoming.write(b"beetle")
        with incoming.content() as content:
            assert content[:] == b"beetle"
        blob = incoming.keep()
    assert blob.sha256 == hashlib.sha256(b"beetle").hexdigest()
    assert blob.size_bytes == 6


def test_what_is_not_kept_leaves_nothing(tmp_path: Path) -> None:
    with Blobs(tmp_path).incoming() as incoming:
        incoming.write(b"beetle")
    assert files(tmp_path) == []


def test_equal_bytes_are_stored_once(tmp_path: Path) -> None:
    blobs = Blobs(tmp_path)
    fresh = []
    for _ in range(2):
        with blobs.incoming() as incoming:
            incoming.write(b"beetle")
            fresh.append(incoming.keep().fresh)
    assert fresh == [True, False]
    assert len(files(tmp_path)) == 1


def test_a_damaged_copy_is_replaced(tmp_path: Path) -> None:
    blobs = Blobs(tmp_path)
    path = blobs.path(hashlib.sha256(b"beetle").hexdigest())
    path.parent.mkdir()
    path.write_bytes(b"bee")
    with blobs.incoming() as incoming:
        incoming.write(b"beetle")
        incoming.keep()
    assert path.read_bytes() == b"beetle"


def test_old_leftovers_are_swept_and_young_ones_left_to_their_owners(tmp_path: Path) -> None:
    old, young = tmp_path / "incoming-old", tmp_path / "incoming-young"
    old.write_bytes(b"x")
    young.write_bytes(b"x")
    os.utime(old, (1000, 1000))
    os.utime(young, (5000, 5000))
    assert Blobs(tmp_path).sweep(older_than=3000) == 1
    assert files(tmp_path) == [young]


def test_the_first_bytes_can_stop_a_download(tmp_path: Path) -> None:
    def refuse(head: bytes) -> None:
        raise ValueError(head[:6].decode())

    with Blobs(tmp_path).incoming() as incoming:
        incoming.check_head = refuse
        incoming.write(b"<html>")
        with pytest.raises(ValueError, match="<html>"):
            incoming.write(b"x" * 100)


def test_a_folder_that_cannot_be_made_is_a_storage_error(tmp_path: Path) -> None:
    (tmp_path / "blobs").write_bytes(b"a file, not a folder")
    with pytest.raises(StorageError, match="blobs"):
        Blobs(tmp_path / "blobs").incoming()


@pytest.mark.parametrize("name", ["", "../../etc/passwd", "AB" * 32, "a" * 63])
def test_only_hashes_name_blobs(tmp_path: Path, name: str) -> None:
    with pytest.raises(ValueError, match="sha256"):
        Blobs(tmp_path).path(name)
