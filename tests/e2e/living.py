"""A simulated world that moves on, in which every text carries a word of its own: whether it is gone can be seen in
the bytes of a home."""

from __future__ import annotations

import hashlib
import json
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from hubbub.simulator.server import Running
from hubbub.simulator.things import Comment, Post, Size
from hubbub.simulator.world import World, text_of, title_of
from hubbub.sources.reddit.simulator import posts as posts_of
from hubbub.sources.reddit.simulator import view as view_of
from hubbub.sources.reddit.simulator.numbers import unb36
from hubbub.store.engine import Store
from tests.store.making import rows

NAME = "whatisthisbug"
SIZE = Size(posts=100, comments=600)


def word(thing: Post | Comment) -> str:
    """A word that stands in the text of one thing only; its first letters may be shared, its last are not."""
    return "z" + hashlib.sha256(str(thing.number).encode()).hexdigest()[:16]


def mark_world(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every title and text of the simulated world carries a word of its own."""

    def title(world: World, post: Post) -> str:
        return f"{word(post)} {title_of(world, post)}"

    def text(world: World, thing: Post | Comment, *, at: float) -> str:
        return f"{text_of(world, thing, at=at)} {word(thing)}"

    monkeypatch.setattr(view_of, "title_of", title)
    monkeypatch.setattr(posts_of, "title_of", title)
    monkeypatch.setattr(view_of, "text_of", text)


def move_to(running: Running, at: float) -> None:
    asked = urllib.request.Request(f"{running.url}/__control", data=json.dumps({"now": at}).encode(), method="POST")
    with urllib.request.urlopen(asked, timeout=30):
        pass


def bytes_on_disk(store: Store) -> bytes:
    return b"".join(file.read_bytes() for file in sorted(store.path.parent.glob(f"{store.path.name}*"))).lower()


def bytes_of_home(home: Path, *, but: Path | None = None) -> bytes:
    """Every byte of every file of a home: database, write-ahead log, pictures, what waits on disk; not those in `but`."""
    files = [file for file in sorted(home.rglob("*")) if file.is_file() and (but is None or but not in file.parents)]
    return b"".join(file.read_bytes() for file in files).lower()


def lingering(store: Store, *, content: bytes | None = None) -> list[str]:
    """Withdrawn records whose word is still in the bytes of the database, or in `content`."""
    world = World(7, size=SIZE, communities=(NAME,))
    content = bytes_on_disk(store) if content is None else content
    found = []
    for table, get in (("posts", world.post), ("comments", world.comment)):
        for (key,) in rows(store, f"SELECT id FROM {table} WHERE withdrawn = 1"):
            number = unb36(key[3:])
            assert number is not None
            thing: Any = get(number)
            if word(thing)[4:].encode() in content:
                found.append(key)
    return found
