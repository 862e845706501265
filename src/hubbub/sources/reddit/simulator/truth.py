"""What a perfect client would hold now, and what it must have forgotten."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from hubbub.simulator.things import Comment, Person, Post
from hubbub.simulator.world import World, text_of, true_taxon
from hubbub.sources.reddit.simulator import listings
from hubbub.sources.reddit.simulator.listings import Thing, fullname
from hubbub.sources.reddit.simulator.numbers import b36
from hubbub.sources.reddit.simulator.view import View, comment_id, post_id

_SHORTEST = 24
"""Characters of a deleted text that is worth a search: shorter ones are in what others say, too."""


def of_community(view: View, name: str) -> dict[str, Any]:
    """Fullnames of what listings and trees of a community of the world show, and what its posts truly show."""
    posts = [post for post in view.listable(name) if view.listed(post)]
    comments = [c for post in posts for c in view.made(post) if view.shown(c)]
    community = view.world.community(name)
    blank = [f"t1_{comment_id(c)}" for c in comments if view.comment_state(c) != "live"]
    taxa = {f"t3_{post_id(p)}": taxon for p in posts if (taxon := true_taxon(p)) is not None}
    return {
        "posts": [f"t3_{post_id(p)}" for p in posts],
        "comments": [f"t1_{comment_id(c)}" for c in comments],
        "blank_comments": blank,
        "counts": {
            "posts": len(posts),
            "comments": len(comments),
            "blank_comments": len(blank),
            "posts_made": len(community.posts) if community else 0,
            "comments_made": len(community.comments) if community else 0,
        },
        "taxa": {key: {"common": t.common, "scientific": t.scientific} for key, t in taxa.items()},
    }


def of_user(view: View, name: str) -> dict[str, Any]:
    """Fullnames of what an account's pages show."""
    person = view.world.person(name)
    shown = [] if person is None else listings.written_by(view, person, what="overview")
    kept = [thing for thing in shown if listings.shown_in_listings(view, thing)]
    return {
        "posts": [fullname(t) for t in kept if isinstance(t, Post)],
        "comments": [fullname(t) for t in kept if isinstance(t, Comment)],
    }


def deletions(view: View, names: Sequence[str], *, texts: bool) -> dict[str, Any]:
    """What was deleted or removed so far in these communities of the world, when and by whom; and the accounts gone.

    With `texts` each has what its author had written, in every version; without what somebody else still says, and
    without what is too short to be searched for."""
    things = {name: list(_made(view, name)) for name in names}
    said = _still_said(view, (thing for made in things.values() for thing in made)) if texts else None
    gone = (person for person in view.world.people if view.author_gone(person))
    return {
        "deletions": {name: [d for t in made if (d := _deletion(view, t, said=said))] for name, made in things.items()},
        "accounts": [_account(person) for person in sorted(gone, key=lambda p: p.fate_at)],
    }


def _made(view: View, name: str) -> Iterator[Thing]:
    community = view.world.community(name)
    if community is not None:
        yield from (post for post in community.posts if post.created_at <= view.at)
        yield from (comment for comment in community.comments if comment.created_at <= view.at)


def _end(thing: Thing) -> tuple[int, str]:
    """When readers lost it first, and to whom: author, moderator, staff, legal, or the platform without a word."""
    ends = [(thing.deleted_at, "author"), (thing.removed_at, thing.removal)]
    if isinstance(thing, Post):
        ends.append((thing.gone_at, "platform"))
    return min(ends)


def _deletion(view: View, thing: Thing, *, said: Callable[[str], bool] | None) -> dict[str, Any] | None:
    at, by = _end(thing)
    if at > view.at:
        return None
    made = {"id": fullname(thing), "at": at, "by": by}
    if said is None:
        return made
    own = [text for text in _versions(view.world, thing) if len(text) >= _SHORTEST and not said(text)]
    return made | {"texts": own}


def _versions(world: World, thing: Thing) -> list[str]:
    """All that its author ever published as this thing, without doubles."""
    published = [text_of(world, thing, at=at) for at in (thing.created_at, _end(thing)[0])]
    title = [world.title(thing)] if isinstance(thing, Post) else []
    return list(dict.fromkeys(title + published))


def _still_said(view: View, things: Iterable[Thing]) -> Callable[[str], bool]:
    """Whether something that nobody deleted holds a text, as far as the world's way of talking lets texts hold others:
    whole, or before the note of an edit."""
    living = {text for thing in things if _end(thing)[0] > view.at for text in _versions(view.world, thing)}
    return living.__contains__


def _account(person: Person) -> dict[str, Any]:
    return {"name": person.name, "id": f"t2_{b36(person.number)}", "at": person.fate_at}
