"""Launches, comments, topics, collections and people in the shapes of the schema, as one asker sees them at one time.

A node is a dictionary of the schema's fields; what is costly is a function that runs only when it is asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from random import Random
from typing import Any
from urllib.parse import urlencode

import msgspec

from hubbub.sources.producthunt.simulator import pictures, words
from hubbub.sources.producthunt.simulator.comments import Comment
from hubbub.sources.producthunt.simulator.launches import OWNED_EVERY, Launch, Launches
from hubbub.sources.producthunt.simulator.paging import connection
from hubbub.sources.producthunt.simulator.shelves import Collection, Topic

Node = dict[str, Any]
OWNER_ID = "4711001"
OWNER = "simulated_maker"
_SITE = "https://www.producthunt.com"
_REDACTED = "[REDACTED]"
_TRACKING = urlencode(
    {
        "utm_campaign": "producthunt-api",
        "utm_medium": "api-v2",
        "utm_source": "Application: hubbub simulated (ID: 245617)",
    }
)
_PICTURED = 0.97
_OLD_ADDRESSES = 3
"""The first of so many parts of the story has launches under /posts/ still, as it was half of 2025."""


class Scene(msgspec.Struct, frozen=True, kw_only=True):
    """Who asks, and when."""

    world: Launches
    at: float
    """Epoch seconds, not behind the horizon."""
    owner: bool
    """The token's owner asks, not just an application."""
    base_url: str | None
    """Where pictures lie; None = on the real host."""
    strange: bool = False
    """Some values are such as nobody has met before."""


def post(launch: Launch, scene: Scene) -> Node:
    """A launch that can be seen."""
    world, at = scene.world, scene.at
    said = world.words(launch, at=at)
    maker = launch.owned and scene.owner
    dice = world.dice("media", launch.number)
    return {
        "__typename": "Post",
        "id": str(launch.number),
        "name": said.name,
        "slug": said.slug,
        "tagline": said.tagline,
        "description": said.description,
        "url": f"{address(launch, scene)}?{_TRACKING}",
        "website": f"{_SITE}/r/{launch.number:X}?{_TRACKING}",
        "createdAt": launch.created(at),
        "featuredAt": launch.featured(at),
        "votesCount": launch.votes(at),
        "commentsCount": lambda _info: sum(1 for _ in talk_of(launch, scene)),
        "reviewsCount": launch.peak // 150,
        "reviewsRating": 4.5 if launch.peak >= 150 else 0.0,
        "media": lambda _info: _gallery(launch, scene),
        "thumbnail": _media(words.picture(dice), scene) if dice.random() < _PICTURED else None,
        "productLinks": [{"type": "Website", "url": f"{_SITE}/r/p/{launch.number}?{_TRACKING}"}],
        "makers": lambda _info: [user(scene, mine=maker and not i) for i in range(launch.makers)],
        "user": lambda _info: user(scene, mine=maker),
        "userId": OWNER_ID if maker else "0",
        "isCollected": False,
        "isVoted": False,
        "topics": partial(_listed, [world.topics[i] for i in launch.topics], partial(topic, scene=scene)),
        "collections": lambda _info, **args: connection(
            (world.collections[i] for i, since in launch.collections if since <= at),
            args=args,
            make=partial(collection, scene=scene),
        ),
        "comments": lambda _info, **args: _talk(
            (c for c in talk_of(launch, scene) if c.parent is None or world.switches.comments_listed == "all"),
            about=launch,
            scene=scene,
            args=args,
        ),
        "votes": lambda _info, **args: _votes(launch, scene, since=launch.launched_at, held=launch.gathered, args=args),
    }


def comment(said: Comment, *, about: Launch, scene: Scene) -> Node:
    """A comment that can be seen."""
    world, at = scene.world, scene.at
    mine = said.owned and scene.owner
    parent = said.parent
    return {
        "__typename": "Comment",
        "id": str(said.number),
        "body": lambda _info: body(said, about=about, world=world),
        "createdAt": said.created_at,
        "url": f"{address(about, scene)}?comment={said.number}&{_TRACKING}",
        "votesCount": said.votes(at),
        "isVoted": False,
        "parentId": None if parent is None else str(parent.number),
        "parent": None if parent is None else lambda _info: comment(parent, about=about, scene=scene),
        "user": lambda _info: user(scene, mine=mine),
        "userId": OWNER_ID if mine else "0",
        "replies": lambda _info, **args: _talk(
            (c for c in said.replies if c.shown(at)), about=about, scene=scene, args=args
        ),
        "votes": lambda _info, **args: _votes(said, scene, since=said.created_at, held=said.votes, args=args),
    }


def body(said: Comment, *, about: Launch, world: Launches) -> str:
    """What a comment says; it never changes."""
    dice = world.dice("body", said.number)
    called = world.words(about, at=about.launched_at).name
    return words.body(dice, called=called, opening=said.opening, reply=said.parent is not None)


def topic(about: Topic, *, scene: Scene) -> Node:
    """A topic."""
    return {
        "__typename": "Topic",
        "id": str(about.number),
        "name": about.name,
        "slug": about.slug,
        "description": about.description,
        "url": f"{_SITE}/topics/{about.slug}?{_TRACKING}",
        "createdAt": about.created_at,
        "followersCount": about.followers_at(scene.at),
        "postsCount": about.posts_at(scene.at),
        "isFollowing": False,
        "image": lambda _info, **sizes: _picture(_named("topic", about.number), scene, sizes=sizes),
    }


def collection(held: Collection, *, scene: Scene) -> Node:
    """A collection that was made by now."""
    world, at = scene.world, scene.at
    return {
        "__typename": "Collection",
        "id": str(held.number),
        "name": held.name,
        "tagline": held.tagline,
        "description": held.description,
        "url": f"{_SITE}/@simulated/collections/{held.slug}?{_TRACKING}",
        "createdAt": held.created_at,
        "featuredAt": held.featured(at),
        "followersCount": held.followers_at(at),
        "isFollowing": False,
        "user": lambda _info: user(scene, mine=False),
        "userId": "0",
        "coverImage": lambda _info, **sizes: _picture(_named("collection", held.number), scene, sizes=sizes),
        "posts": lambda _info, **args: connection(members(held, scene), args=args, make=partial(post, scene=scene)),
        "topics": partial(_listed, [world.topics[i] for i in held.topics], partial(topic, scene=scene)),
    }


def members(held: Collection, scene: Scene) -> Iterator[Launch]:
    """What a collection has at that time, the newest launches first."""
    days = range(scene.world.calendar.of(scene.at), -1, -1)
    for launch in scene.world.of_days(days, at=scene.at):
        if any(position == held.position and since <= scene.at for position, since in launch.collections):
            yield launch


def talk_of(launch: Launch, scene: Scene) -> Iterator[Comment]:
    """What can be read under a launch at that time, replies included, oldest first."""
    return (said for said in scene.world.comments(launch) if said.shown(scene.at))


def address(launch: Launch, scene: Scene) -> str:
    """A launch's page, without what says who asked."""
    place = "posts" if launch.day * _OLD_ADDRESSES < scene.world.calendar.days else "products"
    return f"{_SITE}/{place}/{scene.world.words(launch, at=scene.at).slug}"


def user(scene: Scene, *, mine: bool) -> Node:
    """A person: redacted, unless it is the token's owner (API reference, section 8).

    What a redacted one says in the fields that may not be null and of which nothing is known, is an assumption."""

    def nothing(_info: Any, **args: Any) -> Node:
        return connection((), args=args, make=lambda item: item)

    made: Node = {
        "__typename": "User",
        "id": OWNER_ID if mine else "0",
        "name": "Simulated Maker" if mine else _REDACTED,
        "username": OWNER if mine else _REDACTED,
        "url": f"{_SITE}/@{OWNER if mine else _REDACTED}?{_TRACKING}",
        "createdAt": scene.world.calendar.beginning - 86_400 if mine else 0,
        "headline": "Makes pretend things" if mine else None,
        "twitterUsername": OWNER if mine else None,
        "websiteUrl": None,
        "isFollowing": False if mine else None,
        "isMaker": mine,
        "isViewer": mine,
        "coverImage": None,
        "profileImage": lambda _info, **sizes: (
            _picture(_named("user", 1), scene, sizes={"width": sizes.get("size")}) if mine else None
        ),
    }
    made |= dict.fromkeys(
        ("madePosts", "submittedPosts", "votedPosts", "followedCollections", "followers", "following"), nothing
    )
    if mine:
        made["madePosts"] = made["submittedPosts"] = lambda _info, **args: connection(
            _owned(scene), args=args, make=partial(post, scene=scene)
        )
    return made


def _owned(scene: Scene) -> list[Launch]:
    days = range(0, scene.world.calendar.days, OWNED_EVERY)
    return [launch for launch in scene.world.of_days(days, at=scene.at) if launch.owned][::-1]


def _listed(items: Iterable[Any], make: Callable[[Any], Node], _info: Any, **args: Any) -> Node:
    return connection(items, args=args, make=make)


def _talk(said: Iterable[Comment], *, about: Launch, scene: Scene, args: Node) -> Node:
    def newest(one: Comment) -> tuple[int, int]:
        return one.created_at, one.number

    def loved(one: Comment) -> tuple[int, int]:
        return one.votes(scene.at), one.number

    ordered = sorted(said, key=loved if args.get("order") == "VOTES_COUNT" else newest, reverse=True)
    return connection(ordered, args=args, make=partial(comment, about=about, scene=scene))


def _votes(voted: Launch | Comment, scene: Scene, *, since: int, held: Callable[[float], int], args: Node) -> Node:
    """Votes, newest first: who gave them, nobody learns."""
    count = voted.votes(scene.at)
    given = ((place, _reached(place, since=since, until=int(scene.at), held=held)) for place in range(count, 0, -1))
    after, before = args.get("createdAfter"), args.get("createdBefore")
    kept = ((place, at) for place, at in given if (after is None or at >= after) and (before is None or at < before))

    def vote(one: tuple[int, int]) -> Node:
        made = {"id": f"{voted.number % 1_000_000}{one[0]:05}", "createdAt": one[1], "userId": "0"}
        return made | {"__typename": "Vote", "user": user(scene, mine=False)}

    return connection(kept, args=args, make=vote)


def _reached(count: int, *, since: int, until: int, held: Callable[[float], int]) -> int:
    """The first second at which that many were held."""
    low, high = since, max(since, until)
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if held(middle) >= count else (middle + 1, high)
    return low


def _gallery(launch: Launch, scene: Scene) -> list[Node]:
    dice = scene.world.dice("gallery", launch.number)
    made = [_media(words.picture(dice), scene) for _ in range(dice.randrange(6))]
    if dice.random() < 0.25:
        video = _media(words.picture(dice), scene)
        made.insert(0, video | {"type": "video", "videoUrl": f"https://www.youtube.com/watch?v={_code(dice)}"})
    return made


def _media(picture: str, scene: Scene) -> Node:
    return {
        "type": "hologram" if scene.strange and picture < "4" else "image",
        "url": lambda _info, **sizes: _picture(picture, scene, sizes=sizes),
        "videoUrl": None,
    }


def _picture(picture: str, scene: Scene, *, sizes: Node) -> str:
    return pictures.address(picture, base_url=scene.base_url, sizes=sizes)


def _named(kind: str, number: int) -> str:
    return words.picture(Random(f"{kind}/{number}"))  # noqa: S311 - names a picture, no secret


def _code(dice: Random) -> str:
    return "".join(dice.choices("abcdefghijkmnpqrstuvwxyz23456789", k=11))
