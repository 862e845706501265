"""How a community comes about: who posts what when, who answers whom, and what befalls it later."""

from __future__ import annotations

import math
from collections.abc import Sequence
from random import Random

from hubbub.simulator import talk, taxa
from hubbub.simulator.things import (
    AUTOMATON,
    HORIZON,
    MODERATORS,
    NEVER,
    Comment,
    Community,
    Ground,
    Person,
    Post,
)

_QUIET_S = 7200
"""Nothing is written in the last two hours before the horizon, so no score is still hidden then."""
_DEEPEST = 15
_FIRST_POST = 3_700_000_000
_POSTS_PER_S = 18
_FIRST_COMMENT = 46_000_000_000
_COMMENTS_PER_S = 1000
_KINDS = ("image", "gallery", "text", "link", "hosted", "video", "poll", "crosspost")
_KIND_WEIGHTS = (50, 14, 20, 4, 3, 4, 2, 3)
_FATES = {4: "deleted", 9: "removed", 15: "held", 22: "staff", 30: "gone", 37: "legal", 44: "deleted"}
"""What befalls every 50th post; fixed places, so that small worlds have each of them too."""


def grow(ground: Ground, name: str) -> Community:
    """All that ever happens in the community of that name: exactly the world's number of posts and comments."""
    dice = ground.dice("community", name)
    position = ground.positions[name]
    choice = taxa.of_groups("spider") if "spider" in name.casefold() else taxa.of_groups()
    count = ground.size.posts
    times = sorted(int(ground.beginning + dice.random() * (ground.span_s - _QUIET_S)) for _ in range(count))
    numbers = _numbers(ground, times, first=_FIRST_POST, per_s=_POSTS_PER_S, position=position)
    posts = [
        _post(ground, dice, name=name, position=i, number=numbers[i], created_at=times[i], choice=choice)
        for i in range(count)
    ]
    _repost(posts, dice)
    comments = _talk(ground, dice, posts=posts, position=position)
    return Community(
        name=name,
        position=position,
        created_at=ground.beginning - 86_400 * (1000 + position),
        posts=posts,
        comments=comments,
    )


def _numbers(ground: Ground, times: Sequence[int], *, first: int, per_s: int, position: int) -> list[int]:
    """Rising numbers for rising times, whose remainder by the stride is the community's position."""
    made: list[int] = []
    last = 0
    for at in times:
        number = first + int((at - ground.beginning) * per_s)
        number = max(number - number % ground.stride + position, last + ground.stride)
        made.append(number)
        last = number
    return made


def _later(dice: Random, created_at: int, *, mean_s: float) -> int:
    """An instant after creation and well before the horizon."""
    return min(created_at + 60 + int(dice.expovariate(1 / mean_s)), HORIZON - 3600)


def _author(ground: Ground, dice: Random, *, at: int) -> Person:
    everyone = ground.people
    found = everyone[MODERATORS[0] + int((len(everyone) - 1) * dice.random() ** 2.2)]
    # Nobody writes after the account is gone or suspended.
    while found.fate in ("gone", "suspended") and found.fate_at <= at:
        found = everyone[1 + dice.randrange(len(everyone) - 1)]
    return found


def _post(
    ground: Ground, dice: Random, *, name: str, position: int, number: int, created_at: int, choice: Sequence[int]
) -> Post:
    kind = dice.choices(_KINDS, _KIND_WEIGHTS)[0]
    post = Post(
        number=number,
        position=position,
        community=name,
        author=_author(ground, dice, at=created_at),
        created_at=created_at,
        kind=kind,
        taxon=dice.choice(choice),
        question=kind in ("image", "gallery", "hosted", "video") or (kind == "text" and dice.random() < 0.5),
        peak=int(dice.lognormvariate(2.6, 1.4)),
        pictures={"image": 1, "hosted": 1, "gallery": dice.randrange(2, 7)}.get(kind, 0),
        adult=dice.random() < 0.01,
        spoiler=dice.random() < 0.01,
        locked=dice.random() < 0.02,
        edited_at=_later(dice, created_at, mean_s=7200) if dice.random() < 0.08 else NEVER,
    )
    post.pinned = position == ground.size.posts - 5
    if not post.pinned:
        _befall(post, dice, fate=_FATES.get(position % 50, ""))
    return post


def _befall(post: Post, dice: Random, *, fate: str) -> None:
    at = _later(dice, post.created_at, mean_s=43_200)
    if fate == "deleted":
        post.deleted_at = at
    elif fate == "held":
        post.held_until = at
    elif fate == "gone":
        post.gone_at = at
    elif fate:
        post.removed_at = at
        post.removal = {"removed": "moderator"}.get(fate, fate)


def _repost(posts: list[Post], dice: Random) -> None:
    """A few pictures are posted a second time by somebody else."""
    earlier: list[Post] = []
    for post in posts:
        if post.kind == "image":
            if earlier and dice.random() < 0.04:
                first = dice.choice(earlier)
                post.picture_of, post.taxon = first.number, first.taxon
            else:
                earlier.append(post)


def _talk(ground: Ground, dice: Random, *, posts: list[Post], position: int) -> list[Comment]:
    total = ground.size.comments
    if not posts:
        return []
    weights = [min(90.0, dice.lognormvariate(0, 1.35)) for _ in posts]
    counts = [0] * len(posts)
    for i in dice.choices(range(len(posts)), weights, k=total):
        counts[i] += 1
    by_count = sorted(range(len(posts)), key=lambda i: -counts[i])
    chains = {i for i in range(len(posts)) if dice.random() < 0.03} | set(by_count[1:3])
    made: list[Comment] = []
    for i, post in enumerate(posts):
        _answer(ground, dice, post=post, count=counts[i], chain=i in chains)
        made.extend(post.comments)
    made.sort(key=lambda c: c.created_at)
    times = [c.created_at for c in made]
    numbers = _numbers(ground, times, first=_FIRST_COMMENT, per_s=_COMMENTS_PER_S, position=position)
    for comment, number in zip(made, numbers, strict=True):
        comment.number = number
    return made


def _answer(ground: Ground, dice: Random, *, post: Post, count: int, chain: bool) -> None:
    room = HORIZON - _QUIET_S - post.created_at
    delays = (dice.lognormvariate(math.log(10_800), 1.3) for _ in range(count))
    times = sorted(post.created_at + 1 + int(d if d < room - 1 else dice.random() ** 2 * (room - 1)) for d in delays)
    bot = count > 1 and post.position % 12 == 0
    for i, at in enumerate(times):
        if i == 0 and bot:
            post.comments.append(
                _comment(dice, post=post, parent=None, author=ground.people[AUTOMATON], at=at, pinned=True)
            )
            continue
        parent = _parent(dice, post.comments, chain=chain)
        author = post.author if dice.random() < 0.15 and post.author.fate == "plain" else _author(ground, dice, at=at)
        post.comments.append(_comment(dice, post=post, parent=parent, author=author, at=at, pinned=False))
        if parent is not None:
            parent.replies.append(post.comments[-1])


def _parent(dice: Random, earlier: list[Comment], *, chain: bool) -> Comment | None:
    if not earlier or dice.random() < (0.06 if chain else 0.42):
        return None
    back = int(dice.expovariate(0.7)) if chain else int(len(earlier) * dice.random())
    parent = earlier[max(0, len(earlier) - 1 - back)]
    return None if parent.depth >= _DEEPEST or parent.pinned else parent


def _comment(dice: Random, *, post: Post, parent: Comment | None, author: Person, at: int, pinned: bool) -> Comment:
    claim = _claim(dice, post=post, depth=0 if parent is None else parent.depth + 1)
    right = claim == post.taxon
    comment = Comment(
        number=0,
        post=post,
        parent=parent,
        depth=0 if parent is None else parent.depth + 1,
        author=author,
        created_at=at,
        peak=int(dice.lognormvariate(1.6 if right else 0.8, 1.1)) - (6 if dice.random() < 0.05 else 0),
        claim=None if pinned else claim,
        pinned=pinned,
    )
    throw = dice.random()
    if pinned:
        return comment
    if throw < 0.03:
        comment.deleted_at = _later(dice, at, mean_s=43_200)
    elif throw < 0.045:
        comment.removed_at, comment.removal = _later(dice, at, mean_s=3600), "moderator"
    elif throw < 0.048:
        comment.removed_at, comment.removal = _later(dice, at, mean_s=3600), "staff"
    elif throw < 0.09:
        comment.edited_at = _later(dice, at, mean_s=3600)
    return comment


def _claim(dice: Random, *, post: Post, depth: int) -> int | None:
    """Most people who answer a question name the right animal; deeper down people chat."""
    if not post.question or dice.random() > (0.75 if depth == 0 else 0.3):
        return None
    if dice.random() < 0.72:
        return post.taxon
    kin = [i for i in taxa.of_groups(taxa.TAXA[post.taxon].group) if i != post.taxon]
    return dice.choice(kin)


def people(seed: int, *, span_s: int) -> tuple[Person, ...]:
    """All accounts of a world of that length; those that go, go one by one in its later half."""
    dice = Random(f"{seed}/people")  # noqa: S311 - plausible talk, no secrets
    made: list[Person] = []
    names = {"automoderator"}
    for position in range(600):
        name = "AutoModerator" if position == AUTOMATON else talk.name(dice)
        while position and name.casefold() in names:
            name = (talk.name(dice)[:16] + str(dice.randrange(1000)))[:20]
        names.add(name.casefold())
        fate, fate_at = "plain", NEVER
        if position > max(MODERATORS):
            fate = {5: "gone", 17: "suspended", 23: "hidden"}.get(position % 29, "plain")
            fate_at = HORIZON - dice.randrange(3600, span_s // 2)
        created_at = HORIZON - span_s - dice.randrange(86_400, 10 * 365 * 86_400)
        number = 10_000_000 + position * 7919 + seed % 1000
        made.append(
            Person(position=position, name=name, number=number, created_at=created_at, fate=fate, fate_at=fate_at)
        )
    return tuple(made)
