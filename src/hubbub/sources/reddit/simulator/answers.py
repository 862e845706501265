"""What each route answers: parameters in, JSON out, refusals as exceptions."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import islice
from typing import Any
from urllib.parse import quote

import msgspec

from hubbub.simulator.exchange import Ask, Reply
from hubbub.simulator.things import Comment, Community, Person, Post
from hubbub.sources.reddit.simulator import listings, places, trees
from hubbub.sources.reddit.simulator.failures import error, refused_field, shut
from hubbub.sources.reddit.simulator.listings import Thing, number
from hubbub.sources.reddit.simulator.media import Addresses
from hubbub.sources.reddit.simulator.numbers import unb36
from hubbub.sources.reddit.simulator.posts import post_json
from hubbub.sources.reddit.simulator.shapes import community_position, listing
from hubbub.sources.reddit.simulator.view import View, post_id

_MOST_IDS = 100
_SPECIAL = ("all", "popular", "mod")
_SEARCHED = 250
"""Results a search hands out at most (API reference, section 13)."""


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """A request with all that is needed to answer it."""

    view: View
    ask: Ask
    found: Mapping[str, str | None]
    """Named parts of the path."""
    addresses: Addresses
    username: str | None


class RefusedError(Exception):
    """The platform answers, but not with what was asked for."""

    def __init__(self, reply: Reply) -> None:
        super().__init__(f"refused with {reply.status}")
        self.reply = reply


def _communities(asked: Asked) -> list[Community]:
    """Those named in the path, joined with +; one that is shut or unknown refuses when it is the only one."""
    spelled = {name.casefold(): name for name in reversed((asked.found.get("s") or "").split("+"))}
    names = list(reversed(spelled.values()))
    open_ones = [c for name in names if (c := asked.view.community(name)) is not None]
    if open_ones:
        return open_ones
    raise RefusedError(_refusal(asked, names[0]))


def _refusal(asked: Asked, name: str) -> Reply:
    """What a community answers that cannot be read."""
    standing = asked.view.standing(name)
    if standing == "invalid" or name.casefold() in _SPECIAL:
        return error(404)
    if standing in ("missing", "listing"):
        return _found(f"{asked.ask.base_url}/subreddits/search?q={quote(name)}")
    return shut(standing)


def _found(target: str) -> Reply:
    return Reply(status=302, body=b"{}", headers=(("location", target),))


def listed(asked: Asked) -> Any:
    """/r/a+b/SORT."""
    sort = (asked.found.get("sort") or "hot").replace("best", "hot")
    communities = _communities(asked)
    things = listings.merged([asked.view.listable(c.name) for c in communities])
    ordered = listings.ranked(asked.view, things, sort=sort, span=asked.ask.value("t", "day"))
    on_top = [p for c in communities for p in c.posts if p.pinned and p.created_at <= asked.view.at]
    return listings.page(
        asked.view,
        ordered,
        part=listings.paging(asked.ask),
        addresses=asked.addresses,
        on_top=on_top if sort == "hot" else (),
    )


def community_comments(asked: Asked) -> Any:
    """/r/a+b/comments, newest first."""
    things = listings.merged([asked.view.comment_stream(c.name) for c in _communities(asked)])
    return listings.page(asked.view, things, part=listings.paging(asked.ask), addresses=asked.addresses)


def thread(asked: Asked) -> Any:
    """/comments/ID, whole or around one comment."""
    view, ask = asked.view, asked.ask
    post = _post(view, asked.found.get("post") or "")
    if post is None:
        raise RefusedError(error(404))
    called = view.called(post.community)
    if not view.readable(post.community):
        raise RefusedError(_refusal(asked, called))
    if (asked.found.get("s") or called).casefold() != called.casefold():
        raise RefusedError(error(404))
    named = asked.found.get("comment") or ask.value("comment")
    focus = _comment(view, named) if named else None
    shown = post_json(view, post, asked.addresses) | {"num_duplicates": 0}
    first = listing([{"kind": "t3", "data": shown}], dist=1)
    if named and (focus is None or focus.post is not post):
        return [first, listing([])]
    depth = number(ask.value("depth"), default=trees.DEPTH)
    second = trees.page(
        view,
        post,
        limit=max(1, min(trees.LIMIT, number(ask.value("limit"), default=200))),
        depth=depth if 0 < depth < trees.DEPTH else trees.DEPTH,
        sort=ask.value("sort", "confidence"),
        focus=focus,
        context=min(8, number(ask.value("context"), default=0)),
    )
    things = second["data"]["children"]
    if ask.value("threaded").casefold() in ("false", "0"):
        things = trees.flat(things)
    if ask.value("showmore").casefold() in ("false", "0"):
        things = [thing for thing in things if thing["kind"] != "more"]
    return [first, listing(things)]


def morechildren(asked: Asked) -> Any:
    """/api/morechildren: what hides behind a `more` object."""
    view, ask = asked.view, asked.ask
    post = _post(view, ask.value("link_id").removeprefix("t3_"))
    if post is None or not view.readable(post.community):
        raise RefusedError(error(403))
    names = [name.strip().removeprefix("t1_") for name in ask.value("children").split(",")]
    found = [c for name in dict.fromkeys(names) if (c := _comment(view, name)) is not None and c.post is post]
    alone = ask.value("limit_children").casefold() in ("true", "1")
    things = trees.unfold(view, found, sort=ask.value("sort", "confidence"), alone=alone)
    return {"json": {"errors": [], "data": {"things": things}}}


def info(asked: Asked) -> Any:
    """/api/info by id, url or community name; what does not exist is left out."""
    view, ask = asked.view, asked.ask
    if ask.value("sr_name"):
        return listing([_stub(view, name) for name in ask.value("sr_name").split(",") if _known(view, name)])
    if ask.value("url"):
        everything = [p for name in view.world.names for p in view.listable(name) if view.listed(p)]
        shown = [post_json(view, post, asked.addresses) for post in everything]
        return listing([{"kind": "t3", "data": data} for data in shown if data["url"] == ask.value("url")][:25])
    names = [name for name in ask.value("id").replace(" ", ",").split(",") if name]
    if len(names) > _MOST_IDS:
        raise RefusedError(refused_field("TOO_MANY_THING_IDS"))
    children = [made for name in names if (made := _by_fullname(asked, name)) is not None]
    return listing(children, dist=len(children))


def by_id(asked: Asked) -> Any:
    """/by_id/t3_a,t3_b."""
    names = (asked.found.get("ids") or "").split(",")[:_MOST_IDS]
    children = [made for name in names if name.startswith("t3_") and (made := _by_fullname(asked, name)) is not None]
    return listing(children, dist=len(children))


def about(asked: Asked) -> Any:
    """/r/X/about; of some names nobody ever made, an empty search instead of a redirect."""
    if asked.view.standing(asked.found.get("s") or "") == "listing":
        return listing([], dist=0)
    return {"kind": "t5", "data": places.about_json(asked.view, _communities(asked)[0])}


def rules(asked: Asked) -> Any:
    """/r/X/about/rules."""
    return places.rules_json(_communities(asked)[0])


def sticky(asked: Asked) -> Any:
    """/r/X/about/sticky: on to the pinned post."""
    pinned = [p for p in _communities(asked)[0].posts if p.pinned and asked.view.listed(p)]
    place = number(asked.ask.value("num"), default=1)
    if not 1 <= place <= len(pinned):
        raise RefusedError(error(404))
    raise RefusedError(_found(f"{asked.ask.base_url}/comments/{post_id(pinned[place - 1])}"))


def moderation(asked: Asked) -> Any:
    """Lists for moderators: not for us."""
    _communities(asked)
    raise RefusedError(error(403))


def user_about(asked: Asked) -> Any:
    """/user/X/about; gone and unknown accounts are not there."""
    return places.user_json(_person(asked), at=asked.view.at)


def user(asked: Asked) -> Any:
    """/user/X/submitted, comments or overview; empty for people who hide their profile."""
    person = _person(asked)
    fate = person.fate if person.fate_at <= asked.view.at else "plain"
    if fate == "suspended":
        raise RefusedError(error(403))
    what = asked.found.get("what") or "overview"
    things: Sequence[Thing] = [] if fate == "hidden" else listings.written_by(asked.view, person, what=what)
    sort = asked.ask.value("sort", "new")
    ordered = listings.ranked(asked.view, things, sort=sort, span=asked.ask.value("t", "all"))
    return listings.page(asked.view, ordered, part=listings.paging(asked.ask), addresses=asked.addresses)


def users_by_id(asked: Asked) -> Any:
    """/api/user_data_by_account_ids; 404 when none exists."""
    names = asked.ask.value("ids").split(",")[:_MOST_IDS]
    found = {name: person for name in names if (person := _person_numbered(asked.view, name)) is not None}
    if not found:
        raise RefusedError(error(404))
    return {name: places.account_json(person) for name, person in found.items()}


def me(asked: Asked) -> Any:
    """/api/v1/me; for user tokens only."""
    if asked.username is None:
        raise RefusedError(error(403))
    return places.me_json(asked.username)


def search(asked: Asked) -> Any:
    """Posts whose title or text holds all the words; plain, and as incomplete as the real one."""
    view, ask = asked.view, asked.ask
    restricted = asked.found.get("s") and ask.value("restrict_sr").casefold() in ("1", "true", "on")
    names = [c.name for c in _communities(asked)] if restricted else list(view.world.names)
    words = ask.value("q").casefold().split()
    posts = [p for name in names for p in view.listable(name) if view.listed(p) and _holds(view, p, words)]
    sort = ask.value("sort", "relevance").replace("comments", "top").replace("relevance", "top")
    ordered = listings.ranked(view, listings.newest_first(posts), sort=sort, span=ask.value("t", "all"))
    return listings.page(view, islice(ordered, _SEARCHED), part=listings.paging(ask), addresses=asked.addresses)


def subreddits(asked: Asked) -> Any:
    """Communities whose name holds the query."""
    query = asked.ask.value("q").casefold()
    return listing([_stub(asked.view, name) for name in _names(asked.view) if query in name.casefold()])


def names(asked: Asked) -> Any:
    """Names that begin with the query."""
    query = asked.ask.value("query").casefold()
    return {"names": [name for name in _names(asked.view) if name.casefold().startswith(query)]}


def _holds(view: View, post: Post, words: Sequence[str]) -> bool:
    text = f"{view.title(post)} {view.text(post)}".casefold()
    for word in words:
        field, _, value = word.partition(":")
        if field == "author" and value:
            if post.author.name.casefold() != value:
                return False
        elif word not in text:
            return False
    return True


def _person(asked: Asked) -> Person:
    person = asked.view.world.person(asked.found.get("user") or "")
    if person is None or asked.view.author_gone(person):
        raise RefusedError(error(404))
    return person


def _person_numbered(view: View, fullname: str) -> Person | None:
    found = unb36(fullname.strip().removeprefix("t2_"))
    person = view.world.person_numbered(found) if found is not None else None
    return None if person is None or view.author_gone(person) else person


def _post(view: View, name: str) -> Post | None:
    found = unb36(name.casefold())
    post = view.world.post(found) if found is not None else None
    return post if post is not None and view.exists(post) else None


def _comment(view: View, name: str) -> Comment | None:
    found = unb36(name.casefold())
    comment = view.world.comment(found) if found is not None else None
    return comment if comment is not None and comment.created_at <= view.at else None


def _by_fullname(asked: Asked, fullname: str) -> dict[str, Any] | None:
    kind, _, name = fullname.strip().partition("_")
    view = asked.view
    if kind == "t3" and (post := _post(view, name)) is not None and view.readable(post.community):
        return {"kind": "t3", "data": post_json(view, post, asked.addresses)}
    if kind == "t1" and (comment := _comment(view, name)) is not None and _reachable(view, comment.post):
        return listings.thing_json(view, comment, asked.addresses)
    if kind == "t5":
        place = community_position(name)
        return _stub(view, view.called(view.world.names[place])) if 0 <= place < len(view.world.names) else None
    return None


def _reachable(view: View, post: Post) -> bool:
    return view.exists(post) and view.readable(post.community)


def _names(view: View) -> list[str]:
    """What can be found by its name."""
    return [view.called(name) for name in view.world.names if view.readable(name)]


def _known(view: View, name: str) -> bool:
    return view.standing(name) not in ("missing", "listing", "invalid")


def _stub(view: View, name: str) -> dict[str, Any]:
    community = view.community(name)
    if community is not None:
        return {"kind": "t5", "data": places.about_json(view, community)}
    shut = {
        "display_name": name,
        "subreddit_type": "private",
        "id": None,
        "name": None,
        "subscribers": None,
        "title": None,
    }
    return {"kind": "t5", "data": shut}


ANSWERS: dict[str, Callable[[Asked], Any]] = {
    **dict.fromkeys(("new", "hot", "top", "rising", "controversial", "best"), listed),
    **dict.fromkeys(("user_submitted", "user_comments", "user_overview"), user),
    **dict.fromkeys(("thread", "thread_focus"), thread),
    "community_comments": community_comments,
    "morechildren": morechildren,
    "info": info,
    "by_id": by_id,
    "about": about,
    "rules": rules,
    "sticky": sticky,
    "moderation": moderation,
    "user_about": user_about,
    "users_by_id": users_by_id,
    "me": me,
    "search": search,
    "subreddits": subreddits,
    "names": names,
}
"""Route name to answer; a route that is not here is 404."""
