"""Pictures go with the record that showed them."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from hubbub.media.blobs import Blobs
from hubbub.pipeline.sweep import sweep_orphans, sweep_strays
from hubbub.records.models import MediaItem
from hubbub.store import reads
from hubbub.store.engine import Store, open_store
from hubbub.store.reads import pending_media
from hubbub.store.writes import Blob, set_media_state
from tests.store.making import gone, post, write


def kept(folder: Path, data: bytes) -> Blob:
    with Blobs(folder).incoming() as incoming:
        incoming.begin()
        incoming.write(data)
        blob = incoming.keep()
    assert blob.sha256 == hashlib.sha256(data).hexdigest()
    return Blob(sha256=blob.sha256, size_bytes=blob.size_bytes)


def pictured(store: Store, folder: Path, pictures: dict[str, bytes]) -> None:
    """A post a picture, each picture stored."""
    write(store, *[post(key, media=(MediaItem(kind="image", url=f"https://i/{key}"),)) for key in pictures])
    for item in pending_media(store):
        assert item.post_id is not None
        assert set_media_state(store, item.n, state="stored", blob=kept(folder, pictures[item.post_id]))


def lying(folder: Path) -> set[bytes]:
    return {file.read_bytes() for file in folder.rglob("*") if file.is_file()}


def test_the_pictures_of_a_withdrawn_post_leave_the_disk_unless_another_post_shows_them(tmp_path: Path) -> None:
    with open_store(f"sqlite:///{tmp_path}/hubbub.db") as store:
        folder = tmp_path / "blobs"
        pictured(store, folder, {"t3_a": b"own", "t3_b": b"shared", "t3_c": b"shared"})
        assert sweep_orphans(store, folder) == 0
        write(store, gone("post", "t3_a"), gone("post", "t3_b"))
        assert sweep_orphans(store, folder) == 1
        assert lying(folder) == {b"shared"}
        write(store, gone("post", "t3_c"))
        assert sweep_orphans(store, folder) == 1
        assert lying(folder) == set()
        assert reads.status(store).blobs == 0


def test_a_file_that_no_row_ever_named_is_removed_when_it_is_a_day_old(tmp_path: Path) -> None:
    with open_store(f"sqlite:///{tmp_path}/hubbub.db") as store:
        folder = tmp_path / "blobs"
        pictured(store, folder, {"t3_a": b"own"})
        stray = Blobs(folder).path(kept(folder, b"stray").sha256)
        assert sweep_strays(store, folder) == 0
        for file in folder.rglob("*"):
            os.utime(file, (1_700_000_000, 1_700_000_000))
        assert sweep_strays(store, folder) == 1
        assert not stray.exists()
        assert lying(folder) == {b"own"}
