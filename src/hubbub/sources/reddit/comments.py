"""Comment trees, whole: every hidden comment is asked for, with as few requests as the platform allows.

A tree is read when the post's comment count differs from the one its checkpoint remembers. The count is remembered as
the platform gave it, since it never equals what can be read (removed comments count, deleted leaves vanish)."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, Sequence
from typing import Any

import msgspec

from hubbub.errors import (
    AuthError,
    BlockedError,
    HubbubError,
    RateLimitedError,
    RemoteError,
    TransientRemoteError,
    UnavailableError,
)
from hubbub.http.messages import Response
from hubbub.plugins.contracts import (
    Answer,
    Checkpoint,
    Page,
    RecallCheckpoint,
    RecallCheckpoints,
    RecallCounts,
    StoredCount,
    Stream,
    SyncOptions,
)
from hubbub.records.models import Post
from hubbub.sources.reddit import api
from hubbub.sources.reddit.answers import Parsed, add_thing, listing_of, parse, things_of, thread_of
from hubbub.sources.reddit.listings import gather, look_of, mark_of
from hubbub.sources.reddit.tree import Ask, Pool, Thread, settle_ids

SIDE_BY_SIDE = 10
_ENDS_ALL = (AuthError, BlockedError, RateLimitedError)
_FEW = 3


class Reading(msgspec.Struct, frozen=True):
    """One good answer."""

    response: Response
    parsed: Parsed
    value: Any


class _Remembered(msgspec.Struct, frozen=True):
    count: int


def walk_trees(community: str, *, options: SyncOptions) -> Stream:
    """The comments of every post whose count changed since its tree was last read; `community` is its key.

    Only posts that the listing has shown are asked for: what an archive brought is older than the API's reach is worth.
    A post that fails does not stop the others: posts that are gone are noted, other failures raised at the end."""
    counts: list[StoredCount] = yield RecallCounts(community)
    remembered: dict[str, Checkpoint] = yield RecallCheckpoints(f"{community}/tree/")
    shown: Checkpoint | None = yield RecallCheckpoint(f"{community}/new")
    threads = _due(counts, community=community, remembered=remembered, reached=mark_of(shown).reached, options=options)
    pool = Pool()
    for group in _groups(threads):
        asks = [_tree(thread, sort=sort) for thread in group for sort in thread.sorts]
        yield from _round(asks, pool=pool, community=community)
        if len(group) >= _FEW and all(thread.failed is not None for thread in group):
            _raise_unless_gone(group)
        yield from _expand(pool, community=community, final=False)
    yield from _expand(pool, community=community, final=True)
    yield from _conclude(threads, community=community)


def _due(
    counts: Sequence[StoredCount],
    *,
    community: str,
    remembered: dict[str, Checkpoint],
    reached: int | None,
    options: SyncOptions,
) -> list[Thread]:
    """The posts whose trees are to be read, in the order given (newest first)."""
    oldest = max(reached or 0, options.since or 0)
    due = []
    for count in counts:
        if count.comment_count <= 0 or count.created_at < oldest:
            continue
        known = remembered.get(f"{community}/tree/{count.post_id}")
        if options.full or known is None or _count_in(known) != count.comment_count:
            due.append(Thread(count.post_id, count=count.comment_count))
    return due


def _count_in(known: Checkpoint) -> int:
    return msgspec.json.decode(known.state, type=_Remembered).count


def _groups(threads: Sequence[Thread]) -> Iterator[list[Thread]]:
    for start in range(0, len(threads), SIDE_BY_SIDE):
        yield list(threads[start : start + SIDE_BY_SIDE])


def _tree(thread: Thread, *, sort: str) -> Ask:
    return Ask(request=api.tree(thread.short, sort=sort), kind="tree", threads=(thread,))


def _expand(pool: Pool, *, community: str, final: bool) -> Stream:
    """Ask for what is pooled, round after round; before the end, less than a hundred leaves may stay."""
    while asks := list(pool.asks(final=final)):
        for start in range(0, len(asks), SIDE_BY_SIDE):
            yield from _round(asks[start : start + SIDE_BY_SIDE], pool=pool, community=community)


def _round(asks: Sequence[Ask], *, pool: Pool, community: str) -> Stream:
    """Send some requests side by side, store their answers one by one, and remember the trees that are whole."""
    answers = yield from fetch_all(asks)
    ending: HubbubError | None = None
    for ask, answer in zip(asks, answers, strict=True):
        if isinstance(answer, HubbubError):
            ending = ending or (answer if ends_all(answer) else None)
            _fail(ask, error=answer)
        else:
            yield _absorb(ask, reading=answer)
    if ending is not None:
        raise ending
    touched = {thread.post_id: thread for ask in asks for thread in ask.threads}.values()
    for thread in touched:
        if thread.failed is None:
            pool.take(thread)
    yield from _remember(touched, community=community)


def fetch_all(asks: Sequence[Ask]) -> Generator[Any, Any, list[Reading | HubbubError]]:
    """The answers in order; those whose body was damaged are asked for once more."""
    answers: tuple[Answer, ...] = yield tuple(ask.request for ask in asks)
    readings = [_read(ask, answer=answer) for ask, answer in zip(asks, answers, strict=True)]
    damaged = [
        i
        for i, answer in enumerate(answers)
        if isinstance(answer, Response) and answer.status == 200 and isinstance(readings[i], TransientRemoteError)
    ]
    if damaged:
        again: tuple[Answer, ...] = yield tuple(asks[i].request for i in damaged)
        for i, answer in zip(damaged, again, strict=True):
            readings[i] = _read(asks[i], answer=answer)
    return readings


def _read(ask: Ask, *, answer: Answer) -> Reading | HubbubError:
    if isinstance(answer, HubbubError):
        return answer
    where = answer.url
    try:
        api.check_status(answer)
        parsed = parse(answer.body, where=where)
        readers: dict[str, Any] = {"info": listing_of, "more": things_of}
        value = readers.get(ask.kind, thread_of)(parsed.value, where=where)
        if ask.kind == "tree":
            _check_post(value[0].children, thread=ask.threads[0], where=where)
    except HubbubError as error:
        return error
    return Reading(answer, parsed, value)


def _check_post(children: Sequence[Any], *, thread: Thread, where: str) -> None:
    """Raise RemoteError when a tree is of another post than was asked for."""
    data = children[0].get("data") if children and isinstance(children[0], dict) else None
    if not isinstance(data, dict) or data.get("id") != thread.short:
        raise RemoteError(f"{where} answered with another post than {thread.post_id}")


def _absorb(ask: Ask, *, reading: Reading) -> Page:
    """What one answer brought, as a page."""
    response = reading.response
    out, look = gather(response), look_of(response)
    entities = not api.has_raw_json(response.request)
    scrubbing = (reading.parsed.dirty, entities)
    if ask.kind == "info":
        _absorb_info(ask, reading=reading, out=out)
        return out.page()
    thread = ask.threads[0]
    if ask.kind == "more":
        found = thread.absorb(reading.value, look=look, out=out, scrubbing=scrubbing)
        settle_ids(thread, ids=ask.ids[0], found=found)
        return out.page()
    posts, comments = reading.value
    if ask.kind == "tree" and not thread.seen:
        add_thing(posts.children[0], look=look, out=out, dirty=scrubbing[0], entities=entities)
        post = out.records[-1] if out.records else None
        if isinstance(post, Post) and post.comment_count is not None:
            thread.count = post.comment_count
    thread.absorb(comments.children, look=look, out=out, scrubbing=scrubbing)
    if ask.kind == "branch":
        thread.waiting -= 1
    return out.page()


def _absorb_info(ask: Ask, *, reading: Reading, out: Any) -> None:
    """The leaves of several posts: each child goes to the thread that asked for it."""
    owners = {key: thread for thread, ids in zip(ask.threads, ask.ids, strict=True) for key in ids}
    scrubbing = (reading.parsed.dirty, not api.has_raw_json(reading.response.request))
    for child in reading.value.children:
        data = child.get("data") if isinstance(child, dict) else None
        key = data.get("id") if isinstance(data, dict) else None
        owner = owners.get(key, ask.threads[0]) if isinstance(key, str) else ask.threads[0]
        owner.absorb([child], look=look_of(reading.response), out=out, scrubbing=scrubbing)
    for thread, ids in zip(ask.threads, ask.ids, strict=True):
        settle_ids(thread, ids=ids, found=0)


def _fail(ask: Ask, *, error: HubbubError) -> None:
    """A request for a whole tree or for branches of it spoils that tree; a branch that is gone is only missing."""
    for number, thread in enumerate(ask.threads):
        thread.waiting -= len(ask.ids[number]) if ask.ids else int(ask.kind == "branch")
        if ask.kind == "branch" and isinstance(error, UnavailableError):
            thread.missing += 1
        else:
            thread.failed = thread.failed or error


def _remember(threads: Iterable[Thread], *, community: str) -> Stream:
    """A page with the checkpoints of those trees that have just become whole; none when there are none."""
    whole = [thread for thread in threads if thread.is_done and not thread.remembered]
    if not whole:
        return
    notes = [
        f"{thread.post_id}: stopped asking for hidden comments, {thread.missing} are missing"
        for thread in whole
        if thread.cut
    ]
    checkpoints = []
    for thread in whole:
        thread.forget()
        state = msgspec.json.encode(_Remembered(thread.count)).decode()
        checkpoints.append(Checkpoint(key=f"{community}/tree/{thread.post_id}", state=state))
    missing = sum(thread.missing for thread in whole)
    yield Page(checkpoints=tuple(checkpoints), missing=missing, note="; ".join(notes) or None)


def _conclude(threads: Sequence[Thread], *, community: str) -> Stream:
    yield from _remember(threads, community=community)
    failed = [thread for thread in threads if thread.failed is not None]
    gone = [thread for thread in failed if isinstance(thread.failed, UnavailableError)]
    if gone:
        yield Page(note=f"the comments of {len(gone)} posts could not be read; the first: {gone[0].failed}")
    rest = [thread for thread in failed if thread not in gone]
    if rest:
        raise RemoteError(
            f"the comments of {len(rest)} of {len(threads)} posts could not be read; the first: {rest[0].failed}",
            advice="the next sync asks for them again",
        ) from rest[0].failed


def _raise_unless_gone(threads: Sequence[Thread]) -> None:
    """Raise the first failure that says more than that its post is gone."""
    for thread in threads:
        if thread.failed is not None and not isinstance(thread.failed, UnavailableError):
            raise thread.failed


def ends_all(error: HubbubError) -> bool:
    """True for what makes asking on pointless or rude, and for what is no failure of the platform."""
    return isinstance(error, _ENDS_ALL) or not isinstance(error, RemoteError)
