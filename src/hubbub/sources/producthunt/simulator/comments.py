"""What is said under a launch: comments over days, replies one or two levels deep, and deletions."""

from __future__ import annotations

import math
from collections.abc import Callable
from random import Random

import msgspec

from hubbub.simulator.things import NEVER

_DAY_S = 86_400
_LATEST_S = 12 * _DAY_S
_DEEPEST = 2


class Comment(msgspec.Struct, kw_only=True, eq=False):
    """A comment, and when it goes. A reply goes with what it answers."""

    number: int
    parent: Comment | None
    depth: int
    created_at: int
    """The maker's own may be older than the launch, as recorded ones are."""
    deleted_at: int = NEVER
    peak: int = 0
    opening: bool = False
    """The maker's introduction."""
    owned: bool = False
    """Written by the token's owner."""
    replies: list[Comment] = []

    def shown(self, at: float) -> bool:
        """Whether it is there at that time, given that its launch is."""
        return self.created_at <= at < self.gone_at()

    def gone_at(self) -> int:
        """When it goes, by its own deletion or that of what it answers."""
        return self.deleted_at if self.parent is None else min(self.deleted_at, self.parent.gone_at())

    def votes(self, at: float) -> int:
        """Votes at that time; they come within two days."""
        return int(self.peak * (1 - math.exp(-max(0.0, at - self.created_at) / 43_200)))


def talk(dice: Random, *, launched_at: int, count: int, owned: bool, number: Callable[[int], int]) -> list[Comment]:
    """`count` comments, oldest first, no two in one second; `number` gives the id of one made at an instant."""
    delays = (dice.lognormvariate(math.log(14_400), 1.4) for _ in range(count))
    times = sorted(launched_at + 30 + int(min(delay, dice.random() * _LATEST_S + 1)) for delay in delays)
    made: list[Comment] = []
    last = 0
    for position, drawn in enumerate(times):
        opening = position == 0
        early = opening and dice.random() < 0.3
        at = launched_at - dice.randrange(60, _DAY_S // 2) if early else max(drawn, last + 1)
        last = at
        comment = _comment(dice, earlier=made, at=at, number=number(at))
        if opening:
            comment.opening, comment.owned = True, owned
        made.append(comment)
    return made


def _comment(dice: Random, *, earlier: list[Comment], at: int, number: int) -> Comment:
    parent = dice.choice(earlier) if earlier and dice.random() < 0.45 else None
    # Nobody answers what is gone.
    if parent is not None and parent.gone_at() <= at:
        parent = None
    if parent is not None and parent.depth >= _DEEPEST:
        parent = parent.parent
    comment = Comment(
        number=number,
        parent=parent,
        depth=0 if parent is None else parent.depth + 1,
        created_at=at,
        peak=int(dice.lognormvariate(0.6, 1.0)),
    )
    if dice.random() < 0.03:
        comment.deleted_at = at + 120 + int(dice.expovariate(1 / _DAY_S))
    if parent is not None:
        parent.replies.append(comment)
    return comment
