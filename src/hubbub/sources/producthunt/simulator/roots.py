"""The roots of the schema: what can be asked for, in which order it comes, and what the filters mean."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from typing import Any
from urllib.parse import urlsplit

from graphql import GraphQLError

from hubbub.sources.producthunt.simulator import nodes
from hubbub.sources.producthunt.simulator.launches import LATEST_FEATURING_S, Launch
from hubbub.sources.producthunt.simulator.nodes import OWNER, OWNER_ID, Node, Scene, collection, post, topic
from hubbub.sources.producthunt.simulator.paging import connection, ordinal
from hubbub.sources.producthunt.simulator.shelves import Collection, Topic

_DAY_S = 86_400
_LONGEST_LEAD_S = 15 * _DAY_S
"""No `createdAt` is further before its launch."""
_PEOPLE = 8_000_000
"""Ids up to this are somebody's."""


def roots(scene: Scene) -> Node:
    """The root value that queries are run on."""

    def follow(_info: Any, **_args: Any) -> None:
        raise GraphQLError("The scope `write` is required for this.")

    return {
        "posts": lambda _info, **args: connection(
            shown(scene, args=args), args=args, make=lambda launch: post(launch, scene)
        ),
        "post": lambda _info, **args: _post(scene, args),
        "comment": lambda _info, **args: _comment(scene, args),
        "topics": lambda _info, **args: connection(_topics(scene, args), args=args, make=partial(topic, scene=scene)),
        "topic": lambda _info, **args: _one(known_topics(scene), args, make=partial(topic, scene=scene)),
        "collections": lambda _info, **args: connection(
            _collections(scene, args), args=args, make=partial(collection, scene=scene)
        ),
        "collection": lambda _info, **args: _one(known_collections(scene), args, make=partial(collection, scene=scene)),
        "user": lambda _info, **args: _user(scene, args),
        "viewer": {"user": nodes.user(scene, mine=True)} if scene.owner else None,
        "userFollow": follow,
        "userFollowUndo": follow,
    }


def shown(scene: Scene, *, args: Mapping[str, Any]) -> Iterable[Launch]:
    """What `posts` shows: launched, not deleted, within the filters, in the order asked for (newest ranking without).

    Days are grown as far as the page needs when the order is by days."""
    if args.get("twitterUrl") is not None:
        return ()
    keep = _kept(scene, args)
    found: Iterator[Launch] = filter(keep, scene.world.of_days(_days(scene, args), at=scene.at))
    order = args.get("order", "RANKING")
    by_day = order == "RANKING" or (order == "NEWEST" and scene.world.switches.dates == "launch")
    ordering = _ordering(scene, order, args)
    if not by_day:
        return sorted(found, key=ordering)
    days = _days(scene, args)
    return (one for day in days for one in sorted(filter(keep, scene.world.of_days([day], at=scene.at)), key=ordering))


def known_topics(scene: Scene) -> list[Topic]:
    """The topics there are at that time, oldest first."""
    return [each for each in scene.world.topics if each.created_at <= scene.at]


def known_collections(scene: Scene) -> list[Collection]:
    """The collections there are at that time, oldest first."""
    return [each for each in scene.world.collections if each.created_at <= scene.at]


def date_of(launch: Launch, scene: Scene) -> int:
    """The date that the filters test, as the scenario has it."""
    match scene.world.switches.dates:
        case "created":
            return launch.created(scene.at)
        case "featured":
            return launch.featured(scene.at) or launch.launched_at
        case _:
            return launch.launched_at


def _days(scene: Scene, args: Mapping[str, Any]) -> range:
    """The days of launch that the filters may leave, the newest first."""
    calendar = scene.world.calendar
    first, last = 0, calendar.of(scene.at)
    if args.get("postedAfter") is not None:
        first = max(first, calendar.of(args["postedAfter"] - LATEST_FEATURING_S))
    if args.get("postedBefore") is not None:
        reach = _LONGEST_LEAD_S if scene.world.switches.dates == "created" else 0
        last = min(last, calendar.of(args["postedBefore"] + reach))
    return range(last, first - 1, -1)


def _kept(scene: Scene, args: Mapping[str, Any]) -> Callable[[Launch], bool]:
    after, before, slug, url = (args.get(name) for name in ("postedAfter", "postedBefore", "topic", "url"))
    about = next((t.position for t in known_topics(scene) if t.slug == slug), -1)
    # `featured: false` filters nothing (issue 254).
    asked = args.get("featured")
    featured = asked is True or (asked is None and scene.world.switches.featured_only)

    def keep(launch: Launch) -> bool:
        date = date_of(launch, scene)
        return (
            (after is None or date >= after)
            and (before is None or date < before)
            and (slug is None or about in launch.topics)
            and (not featured or launch.featured(scene.at) is not None)
            and (url is None or _is_at(launch, url, scene=scene))
        )

    return keep


def _is_at(launch: Launch, url: str, *, scene: Scene) -> bool:
    bare = nodes.address(launch, scene)
    return url in (bare, post(launch, scene)["url"]) and urlsplit(url).scheme == "https"


def _ordering(scene: Scene, order: str, args: Mapping[str, Any]) -> Callable[[Launch], Any]:
    """The key by which a result is sorted; all orders descend."""
    at = scene.at
    # FEATURED_AT leaves open which of equals comes first, and every page decides anew (issue 285).
    turn = ordinal(args.get("after"), default=0)
    return {
        "NEWEST": lambda one: (-date_of(one, scene), -one.number),
        "VOTES": lambda one: (-one.votes(at), -one.number),
        "FEATURED_AT": lambda one: (-(one.featured(at) or 0), _shuffled(one.number, turn)),
        "RANKING": lambda one: (-one.day, one.featured(at) is None, -one.votes(at), one.number),
    }[order]


def _shuffled(number: int, turn: int) -> str:
    return hashlib.sha256(f"{turn}/{number}".encode()).hexdigest()


def _post(scene: Scene, args: Mapping[str, Any]) -> Node | None:
    launch = None
    if args.get("id") is not None:
        launch = scene.world.launch(_number(args["id"]))
    elif args.get("slug") is not None:
        launch = scene.world.named(args["slug"], at=scene.at)
    return post(launch, scene) if launch is not None and launch.shown(scene.at) else None


def _comment(scene: Scene, args: Mapping[str, Any]) -> Node | None:
    found = scene.world.comment(_number(args["id"]))
    if found is None or not (found[0].shown(scene.at) and found[1].shown(scene.at)):
        return None
    return nodes.comment(found[1], about=found[0], scene=scene)


def _topics(scene: Scene, args: Mapping[str, Any]) -> list[Topic]:
    words = (args.get("query") or "").casefold()
    found = [each for each in known_topics(scene) if words in each.name.casefold() or words in each.slug]
    if args.get("followedByUserid") is not None:
        return []
    if args.get("order") == "FOLLOWERS_COUNT":
        return sorted(found, key=lambda one: -one.followers_at(scene.at))
    return sorted(found, key=lambda one: (-one.created_at, -one.number))


def _collections(scene: Scene, args: Mapping[str, Any]) -> list[Collection]:
    at = scene.at
    found = known_collections(scene)
    if args.get("userId") is not None:
        return []
    if args.get("featured") is True:
        found = [each for each in found if each.featured(at) is not None]
    if args.get("postId") is not None:
        launch = scene.world.launch(_number(args["postId"]))
        holding = set() if launch is None else {i for i, since in launch.collections if since <= at}
        found = [each for each in found if each.position in holding]
    keys: dict[str, Callable[[Collection], Any]] = {
        "NEWEST": lambda one: (-one.created_at, -one.number),
        "FEATURED_AT": lambda one: (-(one.featured(at) or 0), -one.number),
        "FOLLOWERS_COUNT": lambda one: (-one.followers_at(at), -one.number),
    }
    return sorted(found, key=keys[args.get("order", "FOLLOWERS_COUNT")])


def _one(known: Iterable[Any], args: Mapping[str, Any], *, make: Callable[[Any], Node]) -> Node | None:
    wanted, slug = args.get("id"), args.get("slug")
    found = (each for each in known if (str(each.number) == wanted if wanted is not None else each.slug == slug))
    return next((make(each) for each in found), None)


def _user(scene: Scene, args: Mapping[str, Any]) -> Node | None:
    """Anybody who could be somebody is redacted; which people there are, nothing tells (an assumption)."""
    wanted, name = args.get("id"), args.get("username")
    if wanted is None and name is None:
        return None
    mine = scene.owner and (wanted == OWNER_ID if wanted is not None else name == OWNER)
    exists = mine or (0 <= _number(wanted) <= _PEOPLE if wanted is not None else name != "")
    return nodes.user(scene, mine=mine) if exists else None


def _number(written: str) -> int:
    return int(written) if written.isascii() and written.isdigit() and len(written) < 19 else -1
