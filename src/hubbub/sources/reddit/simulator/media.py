"""Media ids, addresses and signatures of the pretend media hosts."""

from __future__ import annotations

import hashlib

import msgspec

from hubbub.simulator.things import Post
from hubbub.simulator.world import World
from hubbub.sources.reddit.simulator.numbers import b36, unb36

WIDTHS = (108, 216, 320, 640, 960, 1080)
"""Widths of previews; only those below the source's are made."""
_SPACE = 36**13
_FACTOR = 94_906_265_624_251_387
_OFFSET = 31_415_926_535_897_932_384 % _SPACE
_BACK = pow(_FACTOR, -1, _SPACE)
_SLOTS = 32


class Picture(msgspec.Struct, frozen=True, kw_only=True):
    """One picture of a post, as it was uploaded."""

    media_id: str
    post: Post
    """The post it was uploaded with."""
    place: int
    width: int
    height: int
    extension: str
    """jpg, jpeg, png or gif (animated)."""
    dice: str
    """Seed of the drawing: the same for a picture posted again."""

    @property
    def mime(self) -> str:
        """As Reddit names it, which is not the registered name for jpg."""
        return f"image/{self.extension}"


def media_id(post: Post, place: int) -> str:
    """13 base-36 characters naming picture `place` of a post."""
    return b36(((post.number * _SLOTS + place) * _FACTOR + _OFFSET) % _SPACE).rjust(13, "0")


def picture(world: World, post: Post, place: int) -> Picture:
    """Picture `place` of a post; size and type come from its own dice."""
    shown = post if post.picture_of is None else world.post(post.picture_of) or post
    dice = world.dice("picture", shown.number, place)
    width, height = dice.choice(((640, 480), (480, 640), (800, 600), (720, 720), (1200, 900), (600, 800)))
    extension = dice.choices(("jpg", "jpeg", "png", "gif"), (60, 25, 11, 4 if post.kind == "gallery" else 0))[0]
    return Picture(
        media_id=media_id(post, place),
        post=post,
        place=place,
        width=width,
        height=height,
        extension=extension,
        dice=f"{world.seed}/drawing/{shown.number}/{place}",
    )


def find(world: World, name: str) -> Picture | None:
    """The picture of that media id; None when no post has it."""
    number = unb36(name) if len(name) == 13 else None
    if number is None:
        return None
    post_number, place = divmod((number - _OFFSET) * _BACK % _SPACE, _SLOTS)
    post = world.post(post_number) if post_number < 1 << 40 else None
    if post is None or place >= max(1, post.pictures):
        return None
    return picture(world, post, place)


class Addresses:
    """Addresses on the media hosts: the real hosts' names, or the same hosts as folders of the simulator's address."""

    def __init__(self, base_url: str | None, *, seed: int) -> None:
        self._base_url = base_url
        self._seed = seed

    def host(self, name: str) -> str:
        """Where a media host begins, without a last slash."""
        return f"{self._base_url}/{name}" if self._base_url else f"https://{name}"

    def original(self, picture: Picture) -> str:
        """The uploaded file: unsigned, permanent."""
        return f"{self.host('i.redd.it')}/{picture.media_id}.{picture.extension}"

    def signed(self, name: str, query: str, *, host: str = "preview.redd.it") -> str:
        """A preview address whose signature covers the whole query."""
        return f"{self.host(host)}/{name}?{query}&s={self.signature(host, name, query)}"

    def signature(self, host: str, name: str, query: str) -> str:
        """40 hex digits over host, file name and query (without `s`)."""
        covered = f"{self._seed}/{host}/{name}?{query}"
        return hashlib.sha1(covered.encode(), usedforsecurity=False).hexdigest()

    def is_signed(self, host: str, name: str, raw_query: str) -> bool:
        """Whether this query is exactly one we signed."""
        query, _, signature = raw_query.rpartition("&s=")
        return bool(query) and signature == self.signature(host, name, query)

    def previews(self, picture: Picture, *, html_name: str | None = None) -> list[tuple[int, int, str]]:
        """(width, height, address) of the previews below the picture's own width."""
        name = html_name or f"{picture.media_id}.{picture.extension}"
        return [
            (w, w * picture.height // picture.width, self.signed(name, f"width={w}&crop=smart&auto=webp"))
            for w in WIDTHS
            if w < picture.width
        ]
