"""The world at one moment: what exists, what is shown, what is blank and why."""

from __future__ import annotations

from bisect import bisect_right
from typing import Literal

from hubbub.simulator.fates import Fates, Standing
from hubbub.simulator.things import Comment, Community, Person, Post
from hubbub.simulator.world import World, points, text_of, title_of
from hubbub.sources.reddit.simulator.numbers import b36

State = Literal["live", "deleted", "removed", "staff", "legal", "held"]
CAP = 1000
"""No listing goes deeper, whatever the paging (API reference, section 8)."""
_READABLE = ("open", "restricted")
_REMOVALS: dict[str, State] = {"moderator": "removed", "staff": "staff", "legal": "legal"}
STAFF_TEXT = "[ Removed by Reddit ]"
LEGAL_TEXT = "[ Removed by Reddit in response to a copyright notice. ]"


def post_id(post: Post) -> str:
    """Base-36 id without prefix."""
    return b36(post.number)


def comment_id(comment: Comment) -> str:
    """Base-36 id without prefix."""
    return b36(comment.number)


def parent_fullname(comment: Comment) -> str:
    """t1_ of the comment answered, t3_ of the post for a first-level comment."""
    return f"t1_{comment_id(comment.parent)}" if comment.parent else f"t3_{post_id(comment.post)}"


class View:
    """Reads the world at a time; never before its beginning, never after its horizon."""

    def __init__(self, world: World, at: float, *, fates: Fates | None = None) -> None:
        self.world = world
        self._moment = at
        """Communities may meet their fates after the horizon, too."""
        self._fates = fates or Fates()
        self._called: dict[str, str] = {}
        self._standings: dict[str, Standing] = {}
        self.at = int(min(at, world.horizon))
        self.permalinks: dict[int, str] = {}
        """Filled by whoever makes them."""
        self._shown: dict[int, bool] = {}
        self._counts: dict[int, int] = {}

    def standing(self, name: str) -> Standing:
        """How the community that answers to a name does so."""
        known = self._standings.get(name)
        if known is None:
            known = self._standings[name] = self._stands(name)
        return known

    def _stands(self, name: str) -> Standing:
        fate = self._fates.of(name, at=self._moment)
        if fate is not None:
            return "missing" if fate.state == "renamed" else fate.state
        known = self.world.knows(self._fates.behind(name, at=self._moment))
        return "open" if known else "missing"

    def community(self, name: str) -> Community | None:
        """The community that can be read under this name now."""
        if self.standing(name) not in _READABLE:
            return None
        return self.world.community(self._fates.behind(name, at=self._moment))

    def called(self, name: str) -> str:
        """What a community of the world is called now."""
        known = self._called.get(name)
        if known is None:
            fate = self._fates.of(name, at=self._moment)
            known = fate.to if fate is not None and fate.state == "renamed" else name
            self._called[name] = known
        return known

    def readable(self, name: str) -> bool:
        """Whether readers get at what is in a community of the world."""
        return self.standing(self.called(name)) in _READABLE

    def exists(self, post: Post) -> bool:
        """Whether the platform still answers about it."""
        return post.created_at <= self.at < post.gone_at

    def state(self, post: Post) -> State:
        """What stands between the post and its readers."""
        if post.deleted_at <= self.at:
            return "deleted"
        if post.removed_at <= self.at:
            return _REMOVALS[post.removal]
        return "held" if post.held_until > self.at else "live"

    def listed(self, post: Post) -> bool:
        """Whether listings show it."""
        return self.exists(post) and self.state(post) == "live" and self.readable(post.community)

    def comment_state(self, comment: Comment) -> State:
        """As `state`, for a comment."""
        if comment.deleted_at <= self.at:
            return "deleted"
        if comment.removed_at <= self.at:
            return "staff" if comment.removal == "staff" else "removed"
        return "live"

    def shown(self, comment: Comment) -> bool:
        """Whether trees show it: a deleted or removed comment stays only while something shown hangs below it."""
        if comment.created_at > self.at:
            return False
        if self.comment_state(comment) in ("live", "staff"):
            return True
        known = self._shown.get(comment.number)
        if known is None:
            known = any(self.shown(reply) for reply in comment.replies)
            self._shown[comment.number] = known
        return known

    def replies(self, comment: Comment) -> list[Comment]:
        """Direct answers made so far, shown or not."""
        return [reply for reply in comment.replies if reply.created_at <= self.at]

    def made(self, post: Post) -> list[Comment]:
        """All comments made so far under a post, oldest first."""
        return post.comments[: bisect_right(post.comments, self.at, key=lambda c: c.created_at)]

    def below(self, comment: Comment) -> int:
        """How many comments were made below this one."""
        replies = self.replies(comment)
        return len(replies) + sum(self.below(reply) for reply in replies)

    def comment_count(self, post: Post) -> int:
        """The platform's own count: an author's deletion lowers it, a moderator's removal does not."""
        known = self._counts.get(post.number)
        if known is None:
            known = self._counts[post.number] = sum(1 for c in self.made(post) if c.deleted_at > self.at)
        return known

    def author_gone(self, person: Person) -> bool:
        """Whether the account was deleted."""
        return person.fate == "gone" and person.fate_at <= self.at

    def score(self, thing: Post | Comment) -> int:
        """Points; a post's never fall below zero."""
        return points(thing.peak, created_at=thing.created_at, at=self.at)

    def title(self, post: Post) -> str:
        """The title as shown now."""
        return STAFF_TEXT if self.state(post) == "staff" else title_of(self.world, post)

    def text(self, thing: Post | Comment) -> str:
        """What its author wrote, whether it is still shown or not."""
        return text_of(self.world, thing, at=self.at)

    def listable(self, name: str) -> list[Post]:
        """The newest CAP posts of a community, newest first, hidden ones among them."""
        community = self.world.community(name)
        if community is None:
            return []
        end = bisect_right(community.posts, self.at, key=lambda p: p.created_at)
        return community.posts[max(0, end - CAP) : end][::-1]

    def comment_stream(self, name: str) -> list[Comment]:
        """The newest CAP comments of a community, newest first, hidden ones among them."""
        community = self.world.community(name)
        if community is None:
            return []
        end = bisect_right(community.comments, self.at, key=lambda c: c.created_at)
        return community.comments[max(0, end - CAP) : end][::-1]

    def streamed(self, comment: Comment) -> bool:
        """Whether listings of comments show it: live, under a listed post."""
        return self.comment_state(comment) == "live" and self.listed(comment.post)

    def crosspost_parent(self, post: Post) -> Post | None:
        """The post a crosspost repeats: an earlier picture of the next community; None when it is gone or never was."""
        names = self.world.names
        community = self.world.community(names[(self.world.position(post.community) + 1) % len(names)])
        if community is None or community.name == post.community or post.number % 5 == 0:
            return None
        end = bisect_right(community.posts, post.created_at - 60, key=lambda p: p.created_at)
        pool = [p for p in community.posts[max(0, end - 40) : end] if p.kind in ("image", "gallery")]
        parent = pool[post.number // 64 % len(pool)] if pool else None
        return parent if parent is not None and self.listed(parent) else None
