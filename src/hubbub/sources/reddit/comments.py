"""Comment trees, whole: every hidden comment is asked for, with as few requests as the platform allows.

A tree is read when more comments of its post are lacking than when it was last read: the platform's count never equals
what can be had (removed comments count, deleted leaves vanish), so what was lacking then is remembered."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, Sequence
from itertools import zip_longest
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
    RecallCounts,
    RecallSaved,
    StoredCount,
    Stream,
    SyncOptions,
)
from hubbub.records.models import Post
from hubbub.sources.reddit import api
from hubbub.sources.reddit.answers import Parsed, add_thing, listing_of, parse, things_of, thread_of
from hubbub.sources.reddit.listings import gather, look_of
from hubbub.sources.reddit.places import Places
from hubbub.sources.reddit.tree import Ask, Pool, Thread, settle_below, settle_ids
from hubbub.sources.reddit.values import joined

SIDE_BY_SIDE = 10
_ENDS_ALL = (AuthError, BlockedError, RateLimitedError)
_FEW = 3


class Reading(msgspec.Struct, frozen=True):
    """One good answer."""

    response: Response
    parsed: Parsed
    value: Any


class _Remembered(msgspec.Struct, frozen=True, omit_defaults=True):
    """The checkpoint of a tree that was read whole."""

    count: int
    """Comments the platform gave for the post then."""
    lacking: int | None = None
    """How many of them were not to be had; None in checkpoints of before this was noted."""


def community_comments(name: str, *, options: SyncOptions) -> Stream:
    """The comments of one community by its trees alone, as far as its listing of posts has shown them."""
    places = Places([name])
    place = places[name.casefold()]
    place.learn((yield RecallSaved(place.marks)))
    yield from walk_trees((yield from due_threads(places, options=options)))


def walk_trees(threads: Sequence[Thread]) -> Stream:
    """The comments of these posts, as far as they are to be had.

    A post that fails does not stop the others: posts that are gone are noted, other failures raised at the end."""
    reading = _UnderWay()
    for group in _groups(threads):
        asks = [_tree(thread, sort=sort) for thread in group for sort in thread.sorts]
        yield from _round(asks, reading=reading)
        if len(group) >= _FEW and all(thread.failed is not None for thread in group):
            _raise_unless_gone(group)
        yield from _expand(reading, final=False)
    yield from _expand(reading, final=True)
    yield from _conclude(threads, reading=reading)


class _UnderWay:
    """Hidden comments to ask for, and trees that have become whole but are not yet remembered."""

    def __init__(self) -> None:
        self.pool = Pool()
        self.whole: list[Thread] = []


def due_threads(places: Places, *, options: SyncOptions, touched: bool = False) -> Generator[Any, Any, list[Thread]]:
    """The posts of which fewer comments are stored than the platform gives, and more are lacking than when their trees
    were last read: newest first, a community after the other by turns. `touched` looks only at posts whose count was
    given in this sync.

    Only posts that the listing has shown are asked for: what an archive brought is older than the API's reach is
    worth."""
    queues: list[list[Thread]] = []
    for place in places.open():
        ids = places.counted(place) if touched else None
        if ids == ():
            continue
        counts: list[StoredCount] = yield RecallCounts(place.key, post_ids=ids, lacking=not options.full)
        oldest = max(place.posts.reached or 0, options.since or 0)
        counts = [each for each in counts if each.comment_count > 0 and each.created_at >= oldest]
        saved: dict[str, Checkpoint] = yield RecallSaved(tuple(place.tree_key(each.post_id) for each in counts))
        queues.append(
            [
                Thread(each.post_id, count=each.comment_count, community=place.key)
                for each in counts
                if options.full or _lacks_more(each, known=saved.get(place.tree_key(each.post_id)))
            ]
        )
    return [thread for turn in zip_longest(*queues) for thread in turn if thread is not None]


def _lacks_more(given: StoredCount, *, known: Checkpoint | None) -> bool:
    """Whether more comments of a post are lacking than its last reading could find."""
    if known is None:
        return True
    before = msgspec.json.decode(known.state, type=_Remembered)
    if before.lacking is None:
        return before.count != given.comment_count
    return given.comment_count - given.stored > before.lacking


def _groups(threads: Sequence[Thread]) -> Iterator[list[Thread]]:
    for start in range(0, len(threads), SIDE_BY_SIDE):
        yield list(threads[start : start + SIDE_BY_SIDE])


def _tree(thread: Thread, *, sort: str) -> Ask:
    return Ask(request=api.tree(thread.short, sort=sort), kind="tree", threads=(thread,))


def _expand(reading: _UnderWay, *, final: bool) -> Stream:
    """Ask for what is pooled, round after round; before the end, less than a hundred leaves may stay."""
    while asks := list(reading.pool.asks(final=final)):
        for start in range(0, len(asks), SIDE_BY_SIDE):
            yield from _round(asks[start : start + SIDE_BY_SIDE], reading=reading)


def _round(asks: Sequence[Ask], *, reading: _UnderWay) -> Stream:
    """Send some requests side by side and store their answers; trees that became whole in the round before
    are remembered meanwhile."""
    answers = yield from fetch_all(asks)
    ending: HubbubError | None = None
    pages = yield from _remembered(reading)
    for ask, answer in zip(asks, answers, strict=True):
        if isinstance(answer, HubbubError):
            ending = ending or (answer if ends_all(answer) else None)
            _fail(ask, error=answer)
        else:
            pages.append(_absorb(ask, reading=answer))
    if pages:
        yield joined(pages)
    touched = {thread.post_id: thread for ask in asks for thread in ask.threads}.values()
    for thread in touched:
        if thread.failed is None and ending is None:
            reading.pool.take(thread)
    _note_whole(touched, reading=reading)
    if ending is not None:
        yield from (yield from _remembered(reading))
        raise ending


def _note_whole(threads: Iterable[Thread], *, reading: _UnderWay) -> None:
    for thread in threads:
        if thread.is_done and not thread.remembered:
            thread.forget()
            reading.whole.append(thread)


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
        readers: dict[str, Any] = {"info": listing_of, "more": things_of, "below": things_of}
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
    if ask.kind == "below":
        thread.absorb(reading.value, look=look, out=out, scrubbing=scrubbing)
        settle_below(thread, asked=ask.ids[0], things=reading.value)
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


def _remembered(reading: _UnderWay) -> Generator[Any, Any, list[Page]]:
    """A page with the checkpoints of those trees that have become whole; none when there are none.

    What their posts still lack is counted by the store, which has the comments by now."""
    whole, reading.whole = reading.whole, []
    if not whole:
        return []
    lacking: dict[str, int] = {}
    for community in dict.fromkeys(thread.community for thread in whole):
        ids = tuple(thread.post_id for thread in whole if thread.community == community)
        counts: list[StoredCount] = yield RecallCounts(community, post_ids=ids)
        lacking |= {each.post_id: max(0, each.comment_count - each.stored) for each in counts}
    notes = [
        f"{thread.post_id}: stopped asking for hidden comments, {thread.missing} are missing"
        for thread in whole
        if thread.cut
    ]
    checkpoints = []
    for thread in whole:
        state = msgspec.json.encode(_Remembered(thread.count, lacking.get(thread.post_id, 0))).decode()
        checkpoints.append(Checkpoint(key=f"{thread.community}/tree/{thread.post_id}", state=state))
    missing = sum(thread.missing for thread in whole)
    return [Page(checkpoints=tuple(checkpoints), missing=missing, note="; ".join(notes) or None)]


def _conclude(threads: Sequence[Thread], *, reading: _UnderWay) -> Stream:
    _note_whole(threads, reading=reading)
    yield from (yield from _remembered(reading))
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
