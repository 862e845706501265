"""Writes the world as dump files of Arctic Shift's modern shape (archive reference, sections 1 to 4)."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from hubbub.simulator.things import Comment, Community, Person, Post
from hubbub.simulator.world import World
from hubbub.sources.reddit.simulator.comments import comment_json
from hubbub.sources.reddit.simulator.media import Addresses
from hubbub.sources.reddit.simulator.posts import post_json
from hubbub.sources.reddit.simulator.view import State, View

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

_COLLECTED_AFTER_S = 2 * 86_400
"""Late enough that no score in the files is that of a fresh post."""
_SECOND_LOOK_S = 36 * 3600
_NOT_IN_DUMPS = ("body_html", "selftext_html", "whitelist_status", "parent_whitelist_status", "depth")


class _Unblanked(View):
    """The world as it would look if nobody had deleted or removed anything: what an early collector kept."""

    def exists(self, post: Post) -> bool:
        return post.created_at <= self.at

    def state(self, post: Post) -> State:
        del post
        return "live"

    def comment_state(self, comment: Comment) -> State:
        del comment
        return "live"

    def author_gone(self, person: Person) -> bool:
        del person
        return False


def write_dump(
    world: World,
    out: Path,
    *,
    at: int | None = None,
    communities: Sequence[str] | None = None,
    monthly: bool = False,
    frames: int = 1,
    base_url: str | None = None,
) -> list[Path]:
    """Write RS_YYYY-MM.zst and RC_YYYY-MM.zst into `out`; returns the paths, posts before comments.

    `at` is the moment shown (epoch seconds; default the horizon). Without `monthly` there is one pair, named for the
    month before `at`. `frames` cuts each file into so many zstd frames. Media addresses are the real hosts', or folders
    of `base_url`. What live readers see agrees with the live answers of that moment; what they cannot reach (comments
    under posts that left the listings) is left out."""
    view = View(world, min(at if at is not None else world.horizon, world.horizon))
    addresses = Addresses(base_url, seed=world.seed)
    names = communities if communities is not None else world.names
    chosen = [c for name in names if (c := world.community(name)) is not None]
    posts: list[dict[str, Any]] = []
    comments: list[dict[str, Any]] = []
    for community in chosen:
        kept = collected(view, community, addresses=addresses)
        posts += kept.posts
        comments += kept.comments
    out.mkdir(parents=True, exist_ok=True)
    written: list[Path] = []
    for prefix, records in (("RS", posts), ("RC", comments)):
        for month, part in _months(records, monthly=monthly, at=view.at):
            path = out / f"{prefix}_{month}.zst"
            _write(path, part, frames=frames)
            written.append(path)
    return written


class Collected(NamedTuple):
    """What a collector kept of a community, one object a line of a dump."""

    posts: list[dict[str, Any]]
    comments: list[dict[str, Any]]


def collected(view: View, community: Community, *, addresses: Addresses) -> Collected:
    """What a collector that came by some days after `view` holds of a community, in the world's order."""
    early = _Unblanked(view.world, view.at)
    made = (post for post in community.posts if post.created_at <= view.at)
    reachable = (comment for comment in community.comments if _reachable(view, comment))
    return Collected(
        posts=[_post(view, early, post=post, addresses=addresses) for post in made],
        comments=[_comment(view, early, comment=comment) for comment in reachable],
    )


def _months(records: list[dict[str, Any]], *, monthly: bool, at: int) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    ordered = sorted(records, key=by_creation)
    if not monthly:
        yield datetime.fromtimestamp(at - 1, UTC).strftime("%Y-%m"), ordered
        return
    parts: dict[str, list[dict[str, Any]]] = {}
    for record in ordered:
        parts.setdefault(datetime.fromtimestamp(record["created_utc"], UTC).strftime("%Y-%m"), []).append(record)
    yield from parts.items()


def by_creation(record: dict[str, Any]) -> tuple[int, int, str]:
    """The order of records in archives: by time, within a second by id."""
    return record["created_utc"], len(record["id"]), record["id"]


def _write(path: Path, records: list[dict[str, Any]], *, frames: int) -> None:
    lines = [msgspec.json.encode(record, order="sorted") + b"\n" for record in records]
    size = max(1, -(-len(lines) // max(1, frames)))
    parts = [b"".join(lines[start : start + size]) for start in range(0, len(lines), size)] or [b""]
    path.write_bytes(b"".join(zstd.compress(part) for part in parts))


def _reachable(view: View, comment: Comment) -> bool:
    return comment.created_at <= view.at and view.listed(comment.post)


def _post(view: View, early: View, *, post: Post, addresses: Addresses) -> dict[str, Any]:
    state = view.state(post) if view.exists(post) else "deleted"
    kept = state != "live" and (not view.exists(post) or post.position % 2 == 0)
    data = post_json(early if kept else view, post, addresses)
    removal = "deleted" if state == "deleted" else str(post_json(view, post, addresses)["removed_by_category"])
    return _collected(data, view=view, deleted_later=removal if kept else None)


def _comment(view: View, early: View, *, comment: Comment) -> dict[str, Any]:
    state = view.comment_state(comment)
    kept = state != "live" and (not view.shown(comment) or comment.number // 64 % 2 == 0)
    data = comment_json(early if kept else view, comment)
    removal = {"deleted": "deleted", "removed": "removed"}.get(state, "removed by reddit")
    return _collected(data, view=view, deleted_later=removal if kept else None)


def _collected(data: dict[str, Any], *, view: View, deleted_later: str | None) -> dict[str, Any]:
    """The thing as a collector stored it after `view`: two looks, 36 hours apart."""
    first = view.at + _COLLECTED_AFTER_S
    meta: dict[str, Any] = {"retrieved_2nd_on": first + _SECOND_LOOK_S}
    if deleted_later is not None:
        meta |= {"was_deleted_later": True, "removal_type": deleted_later}
    made = {key: value for key, value in data.items() if key not in _NOT_IN_DUMPS}
    made |= {"created_utc": int(data["created_utc"]), "retrieved_on": first}
    # Since April 2024 the dumps carry _meta only where there is something to say.
    return made | ({"_meta": meta} if deleted_later is not None or int(data["created_utc"]) % 3 == 0 else {})
