"""How fast we may ask: the platform's budget and a failing host's cool-down, as pure steps over frozen values.

All times are seconds of one clock that never jumps; the caller passes them in."""

from __future__ import annotations

import math
import sys

import msgspec

from hubbub.http.access import BudgetReading

WINDOW_S = 600.0
"""Length of Reddit's fixed rate window (api/reddit.md §5); a longer one is believed when headers show it."""
RESERVE = 0.05
"""Share of a window that is left for others who use the same credential."""
BURST = 60.0
"""Most that may run ahead of the even pace, where an access does not say."""
PROBE_S = 5.0
"""How long the one request that goes ahead into an unknown window may keep the others waiting for its answer."""
_ROUNDED_S = 1.0
"""What a reset in whole seconds may leave out: Reddit cuts the fraction off (api/reddit.md §5)."""
_SET_BACK_S = 2.0
"""A window that begins later than now by more: the clock was set back."""
_MOST_REQUESTS = 1e9
_SOON_S = 0.05
"""When to look again whether the first answer has come."""
_LONGEST_RESET_S = 10 * 366 * 86400.0


class Budget(msgspec.Struct, frozen=True, kw_only=True):
    """What we may still ask in the current window. One per Access."""

    size: float
    """What a window grants, in the platform's own measure (requests, or points): remaining + used, as the last headers
    said, or the default."""
    used: float
    """Of that, spent on what was answered so far."""
    in_flight: float
    """Spent on what was sent and is not yet answered: not in `used` yet."""
    opened_at: float
    """Where the even pace begins to count."""
    resets_at: float
    exhausted: bool = False
    """The platform said that nothing remains."""
    held_until: float = 0.0
    """After a 429: until when nobody asks, whatever the window says."""
    gap_s: float = 0.0
    """Least time between two requests, whatever the window would allow."""
    next_at: float = 0.0
    """When the gap behind the last request is over."""
    reserve: float = RESERVE
    """Share of a window that is left for others."""
    known: bool = False
    """Whether an answer told where we stand in this window: before that nobody knows what others have used, nor whether
    the platform's window is over when ours is, and requests go one by one."""
    told: bool = False
    """Whether any answer had headers: a platform that sends none is counted down by ourselves."""
    unseen: float = 0
    """Spent on answers without headers that no later count is known to include."""
    older: int = 0
    """How many counts may still come of requests that left before the last such answer."""
    asked_at: float | None = None
    """When the last request left that went ahead into an unknown window."""
    burst: float = BURST
    """Most that may run ahead of the even pace."""


def opened(
    per_minute: float, now: float, *, gap_s: float = 0.0, reserve: float = RESERVE, burst: float = BURST
) -> Budget:
    """The budget before any answer: `per_minute` requests (or points) a minute, in a window that begins now, each
    request `gap_s` after the one before it."""
    size = max(1.0, per_minute) * WINDOW_S / 60
    ends = now + WINDOW_S
    burst = min(burst, sys.float_info.max)  # a shared budget is kept as JSON, which has no infinity
    return Budget(
        size=size, used=0, in_flight=0, opened_at=now, resets_at=ends, gap_s=gap_s, reserve=reserve, burst=burst
    )


def wait_s(budget: Budget, now: float, *, cost: float = 1.0) -> float:
    """Seconds before a request of this cost may leave; 0 while at most a burst ahead of the even pace."""
    budget = _rolled(budget, now)
    gap_s = budget.next_at - now if budget.gap_s else 0.0
    return max(_pace_s(budget, now, cost=cost), budget.held_until - now, gap_s, 0.0)


def _pace_s(budget: Budget, now: float, *, cost: float) -> float:
    if not budget.known and budget.in_flight > 0 and budget.asked_at is not None and now - budget.asked_at < PROBE_S:
        return _SOON_S
    until_reset = max(budget.resets_at - now, 0.0)
    usable = max(1.0, math.floor(budget.size * (1 - budget.reserve)))
    # What costs more than a whole window goes when nothing of it is used: else it would wait for ever.
    next_one = budget.used + budget.unseen + budget.in_flight + min(cost, usable)
    if budget.exhausted or next_one > usable:
        return until_reset
    burst = budget.burst if budget.burst > BURST else min(budget.burst, max(1.0, usable / 10))
    length = budget.resets_at - budget.opened_at
    due_at = budget.opened_at + length * max(0.0, next_one - burst) / usable
    return min(due_at - now, until_reset)


def taken(budget: Budget, now: float, *, cost: float = 1.0) -> Budget:
    """The budget once a request of this cost has left."""
    budget = _rolled(budget, now)
    asked_at = None if budget.known else now
    return msgspec.structs.replace(
        budget, in_flight=budget.in_flight + cost, next_at=now + budget.gap_s, asked_at=asked_at
    )


def untaken(budget: Budget, *, cost: float = 1.0) -> Budget:
    """The budget once a request that had leave did not go after all."""
    return msgspec.structs.replace(budget, in_flight=max(0.0, budget.in_flight - cost))


def answered(budget: Budget, reading: BudgetReading | None, now: float, *, cost: float = 1.0) -> Budget:
    """The budget once a request of this cost is over; without a usable reading it is taken for one that was counted."""
    budget = untaken(_rolled(budget, now), cost=cost)
    if reading is None or not _sane(reading):
        return _bare(budget, cost=cost)
    reading = _bounded(reading)
    # Of more counts than requests were under way at the last bare answer, one left after it and includes it.
    older, unseen = (budget.older - 1, budget.unseen) if budget.older else (0, 0)
    budget = msgspec.structs.replace(budget, known=True, told=True, older=older, unseen=unseen)
    resets_at = now + _until_reset_s(reading)
    if reading.remaining <= 0:
        return msgspec.structs.replace(budget, resets_at=resets_at, exhausted=True)
    same_window = abs(resets_at - budget.resets_at) < WINDOW_S / 2
    if reading.used is None:
        return _without_used(budget, reading, resets_at=resets_at, now=now)
    # Answers overtake each other: within one window the count only rises, and what is used up stays so.
    used = max(reading.used, budget.used) if same_window else reading.used
    length = max(WINDOW_S, resets_at - now)
    return msgspec.structs.replace(
        budget,
        size=max(1.0, reading.remaining + reading.used),
        used=used,
        opened_at=resets_at - length,
        resets_at=resets_at,
        exhausted=budget.exhausted and same_window,
    )


def held(budget: Budget, seconds: float, now: float) -> Budget:
    """The budget after a 429: nobody asks for so long (seconds)."""
    budget = _rolled(budget, now)
    return msgspec.structs.replace(budget, held_until=max(budget.held_until, now + seconds))


def _without_used(budget: Budget, reading: BudgetReading, *, resets_at: float, now: float) -> Budget:
    """Only what remains is known: spread it over the rest of the window (redditwarp's rule)."""
    return msgspec.structs.replace(
        budget,
        size=max(1.0, reading.remaining / (1 - budget.reserve)),
        used=0,
        opened_at=now,
        resets_at=resets_at,
        exhausted=False,
    )


def _bare(budget: Budget, *, cost: float) -> Budget:
    """The budget after an answer without a usable count."""
    if not budget.told:
        return msgspec.structs.replace(budget, used=budget.used + cost, known=True)
    # How many are under way is told from what they cost: all of an access cost one, or they go one by one.
    older = math.ceil(budget.in_flight / cost)
    return msgspec.structs.replace(budget, unseen=budget.unseen + cost, older=older)


def _until_reset_s(reading: BudgetReading) -> float:
    """Seconds until the window is over for certain; at least one where nothing remains: never a hot loop."""
    rounded_s = _ROUNDED_S if float(reading.reset_s).is_integer() else 0.0
    least_s = 1.0 if reading.remaining <= 0 else 0.0
    return min(max(reading.reset_s + rounded_s, least_s), _LONGEST_RESET_S)


def _sane(reading: BudgetReading) -> bool:
    numbers = (reading.remaining, reading.reset_s, 0.0 if reading.used is None else reading.used)
    return all(math.isfinite(number) for number in numbers) and (reading.used is None or reading.used >= 0)


def _bounded(reading: BudgetReading) -> BudgetReading:
    """The reading without counts that no window holds, whose sums would overflow."""
    used = None if reading.used is None else min(reading.used, _MOST_REQUESTS)
    return msgspec.structs.replace(reading, remaining=min(reading.remaining, _MOST_REQUESTS), used=used)


def _rolled(budget: Budget, now: float) -> Budget:
    """The budget with a new window, when the old one is over and no answer has said so yet, or when the clock of a
    shared place was set back: its window would last as much longer."""
    set_back = now < budget.opened_at - _SET_BACK_S
    if not set_back and now < budget.resets_at:
        return budget
    return msgspec.structs.replace(
        budget,
        used=0,
        opened_at=now,
        resets_at=now + WINDOW_S,
        exhausted=False,
        known=budget.known and not budget.told,
        unseen=0,
        older=0,
        asked_at=None,
        held_until=0.0 if set_back else budget.held_until,
        next_at=0.0 if set_back else budget.next_at,
    )


class CoolDown(msgspec.Struct, frozen=True, kw_only=True):
    """Whether a host is left alone for a while. One per host."""

    failures: int = 0
    """In a row."""
    open_until: float = 0.0
    probe_until: float = 0.0
    """While a probe is under way: when it is given up for lost."""


class CoolDownRules(msgspec.Struct, frozen=True, kw_only=True):
    """When a host is left alone, and how long (seconds)."""

    after_failures: int = 8
    first_s: float = 5.0
    """Doubles with every failed probe, up to `longest_s`."""
    longest_s: float = 60.0
    probe_s: float = 60.0
    """A probe that has not come back after this is lost."""


def cool_s(state: CoolDown, rules: CoolDownRules, now: float) -> float:
    """Seconds until a request to this host may leave; 0 when closed, or when it may leave as the probe."""
    if state.failures < rules.after_failures:
        return 0.0
    return max(state.open_until - now, state.probe_until - now, 0.0)


def sent(state: CoolDown, rules: CoolDownRules, now: float) -> CoolDown:
    """The state once a request has left: past the cool-down this is the one probe, others wait for it."""
    if state.failures < rules.after_failures:
        return state
    return msgspec.structs.replace(state, probe_until=now + rules.probe_s)


def failed(state: CoolDown, rules: CoolDownRules, now: float) -> CoolDown:
    """The state after one more failure."""
    failures = state.failures + 1
    if failures < rules.after_failures:
        return CoolDown(failures=failures)
    doublings = min(failures - rules.after_failures, 16)
    pause = min(rules.first_s * 2**doublings, rules.longest_s)
    return CoolDown(failures=failures, open_until=max(state.open_until, now + pause))


def released(state: CoolDown) -> CoolDown:
    """The state after a request that was broken off: another may be the probe."""
    return msgspec.structs.replace(state, probe_until=0.0)


def succeeded(_state: CoolDown) -> CoolDown:
    """The state after an answer: closed."""
    return CoolDown()
