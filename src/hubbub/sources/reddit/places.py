"""What one sync knows of the communities it is asked for: how far each is, how fast it grows, what is still to ask."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from hubbub.errors import HubbubError
from hubbub.plugins.contracts import Checkpoint
from hubbub.sources.reddit.listings import Mark, mark_of
from hubbub.sources.reddit.schedule import Pace


class Place:
    """One community during one sync."""

    def __init__(self, name: str) -> None:
        self.name = name
        """As typed."""
        self.key = name.casefold()
        self.posts = Mark()
        self.comments = Mark()
        self.about_at: int | None = None
        """When its description was last read (epoch seconds)."""
        self.about_asked_at: int | None = None
        """When this sync last asked for it."""
        self.closed: HubbubError | None = None
        """Why nothing more is asked of it."""
        self.pace = Pace()
        """Of its comments."""
        self.recount = False
        """Comments were missed: its posts must be counted again, and trees read where the counts say so."""

    @property
    def posts_key(self) -> str:
        """Of the checkpoint of its posts."""
        return f"{self.key}/new"

    @property
    def comments_key(self) -> str:
        """Of the checkpoint of its comments."""
        return f"{self.key}/comments"

    @property
    def about_key(self) -> str:
        """Of the checkpoint of its description."""
        return f"{self.key}/about"

    @property
    def is_settled(self) -> bool:
        """Whether its listing of posts was read to the end once, and nothing of that is half done."""
        return self.posts.heard_at is not None and self.posts.walk is None

    def tree_key(self, post_id: str) -> str:
        """Of the checkpoint of a post's comment tree."""
        return f"{self.key}/tree/{post_id}"

    @property
    def marks(self) -> tuple[str, str, str]:
        """The keys of all checkpoints that tell how far it is."""
        return self.posts_key, self.comments_key, self.about_key

    def learn(self, saved: dict[str, Checkpoint]) -> None:
        """Take over what the store says."""
        self.posts = mark_of(saved.get(self.posts_key))
        self.comments = mark_of(saved.get(self.comments_key))
        about = saved.get(self.about_key)
        self.about_at = None if about is None else msgspec.json.decode(about.state, type=Described).at


class Described(msgspec.Struct, frozen=True):
    """The checkpoint of a community's description."""

    at: int
    """When it was read (epoch seconds)."""


class Places:
    """The communities of one sync, and the posts among them that wait for something."""

    def __init__(self, names: Iterable[str]) -> None:
        self._places = {place.key: place for place in map(Place, names)}
        self.touched: dict[str, tuple[str, int]] = {}
        """Posts seen in this sync: community and when, until their comments were counted."""
        self.strays: set[str] = set()
        """Posts and comments that were spoken of but are not stored (see `strays`)."""
        self.vain: set[str] = set()
        """Ids that were asked for and are in no answer."""

    def __getitem__(self, key: str) -> Place:
        return self._places[key]

    def open(self) -> list[Place]:
        """Those that may be asked for."""
        return [place for place in self._places.values() if place.closed is None]

    def touch(self, post_id: str, *, community: str, at: int) -> None:
        """Note that a post's count was given at this time."""
        if community in self._places:
            self.touched[post_id] = (community, at)

    def counted(self, place: Place) -> tuple[str, ...]:
        """The touched posts of a community whose comments can be counted by now: the listing of comments was read after
        their count was given. They are touched no more."""
        heard = place.comments.heard_at or 0
        ready = tuple(post for post, (key, at) in self.touched.items() if key == place.key and at <= heard)
        for post in ready:
            del self.touched[post]
        return ready
