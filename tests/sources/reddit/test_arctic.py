"""The walk through Arctic Shift's pages: complete whatever shares a second, resumable, and content with what the archive
has time for."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hubbub.errors import HubbubError, RateLimitedError, RemoteError, TransientRemoteError, UnavailableError, UsageError
from hubbub.http.messages import Request
from hubbub.plugins.contracts import Decoded, SourceSettings, Stream, SyncOptions, Target
from hubbub.records.models import Comment, Door, Post, Reason, Tombstone
from hubbub.sources.reddit.arctic import SOURCE
from hubbub.sources.reddit.arctic_api import read_budget
from hubbub.sources.reddit.arctic_walk import LOOKBACK_S
from hubbub.sources.reddit.dump import decode_lines
from tests.shared import DATA, needs_shared
from tests.sources.drive import NOW, Memory, Stop, answer, drive
from tests.sources.reddit.shelf import DAY, Shelf, lines_of, post_line, spread


def posts(name: str = "Bugs", **options: Any) -> Stream:
    (stage,) = SOURCE.plan(Target(source="arctic", name=name), SyncOptions(started_at=NOW, **options))
    return next(plan.begin for plan in stage if plan.name == "posts")()


def mark(memory: Memory) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(memory.checkpoints["bugs/posts"].state)
    return found


@pytest.mark.parametrize("inclusive", [False, True])
def test_the_first_walk_reads_everything_and_offers_each_item_once(*, inclusive: bool) -> None:
    shelf = Shelf(spread(350), inclusive=inclusive)
    memory = drive(posts(), shelf.respond)
    assert memory.ids() == shelf.ids()
    assert sum(len([r for r in page.records if isinstance(r, Post)]) for page in memory.pages) == 350
    assert mark(memory) == {"watermark": NOW - DAY}
    assert (memory.missing, memory.notes) == (0, [])
    assert "after" not in shelf.searches[0]


@settings(max_examples=120, deadline=None)
@given(
    crowds=st.lists(st.tuples(st.integers(0, 40), st.integers(1, 200)), min_size=1, max_size=12),
    inclusive=st.booleans(),
    auto=st.integers(100, 140),
    pages=st.integers(1, 4),
)
def test_nothing_is_lost_however_many_share_a_second_and_wherever_the_walk_is_cut(
    crowds: list[tuple[int, int]], *, inclusive: bool, auto: int, pages: int
) -> None:
    per_second: dict[int, int] = {}
    for second, count in crowds:
        per_second[second] = min(per_second.get(second, 0) + count, 2 * auto)
    times = [NOW - DAY + second for second, count in per_second.items() for _ in range(count)]
    shelf = Shelf(times, inclusive=inclusive, auto=auto)
    memory = Memory()
    for _ in range(len(times) + 50):  # an endless walk would use them all up
        drive(posts(max_pages=pages), shelf.respond, memory=memory)
        if "walk" not in mark(memory):
            break
    assert memory.ids() == shelf.ids()
    assert "walk" not in mark(memory)


def test_a_second_too_crowded_for_the_pages_is_stepped_past_and_told() -> None:
    crowd = NOW - 2 * DAY
    shelf = Shelf([*spread(50, until=crowd - 60), *[crowd] * 750, *spread(50)])
    memory = drive(posts(), shelf.respond)
    assert {f"t3_{item['id']}" for item in shelf.items if item["created_utc"] != crowd} <= memory.ids()
    told = 800 + 50 - len(memory.ids())
    assert 0 < told < 600
    crowded, counted = memory.notes
    assert f"in the second {crowd}" in crowded
    assert f"{told} of them are not stored" in counted
    assert memory.missing == told


@pytest.mark.parametrize("kept", range(6))
def test_a_killed_walk_goes_on_where_it_was_and_ends_alike(kept: int) -> None:
    shelf = Shelf(spread(420))
    whole = drive(posts(), Shelf(spread(420)).respond)
    memory = Memory()
    with suppress(Stop):
        drive(posts(), shelf.respond, memory=memory, kill_after=kept)
    before = len(shelf.searches)
    drive(posts(), shelf.respond, memory=memory)
    assert memory.ids() == whole.ids()
    assert mark(memory) == mark(whole)
    again = [search for search in shelf.searches[before:] if "after" not in search]
    assert len(again) == (1 if kept == 0 else 0)


def test_a_later_sync_reads_the_lookback_only_and_offers_it_for_second_thoughts() -> None:
    shelf = Shelf(spread(500))
    memory = drive(posts(), shelf.respond)
    shelf.searches.clear()
    withdrawn = shelf.items[-1]
    withdrawn |= {"_meta": {"retrieved_2nd_on": NOW, "was_deleted_later": True, "removal_type": "deleted"}}
    shelf.add(NOW - 60)
    drive(posts(), shelf.respond, memory=memory)
    assert memory.ids() == shelf.ids()
    assert isinstance(memory.records[f"t3_{withdrawn['id']}"], Tombstone)
    assert int(shelf.searches[0]["after"]) == NOW - DAY - LOOKBACK_S - 1
    assert len(shelf.searches) == 2
    assert mark(memory)["watermark"] == NOW - 60
    assert [params["precision"] for params in shelf.counted] == ["month", "day"]


def test_what_an_unfinished_walk_read_too_early_is_read_again_by_the_walk_after_it() -> None:
    shelf = Shelf(spread(150, step=600, until=NOW - 60))
    memory = drive(posts(max_pages=1), shelf.respond)
    early = shelf.items[90]
    assert f"t3_{early['id']}" in memory.ids()
    early |= {"score": 77, "_meta": {"retrieved_2nd_on": early["created_utc"] + 36 * 3_600}}
    shelf.add(NOW + 30 * DAY)

    def later(request: Request) -> Any:
        answered = shelf.respond(request)
        assert not isinstance(answered, HubbubError)
        return msgspec.structs.replace(answered, received_at=NOW + 30 * DAY)

    for _ in range(2):
        drive(posts(), later, memory=memory)
    assert memory.records[f"t3_{early['id']}"].score == 77


def test_an_archive_short_of_time_is_not_asked_for_much_again_and_again() -> None:
    shelf = Shelf(spread(3_000))
    shelf.too_much = lambda params: params["limit"] == "auto"
    assert drive(posts(), shelf.respond).ids() == shelf.ids()
    assert sum(search["limit"] == "auto" for search in shelf.searches) < len(shelf.searches) / 6


def test_full_walks_from_the_beginning_and_since_from_its_time() -> None:
    shelf = Shelf(spread(200, step=DAY))
    memory = drive(posts(since=NOW - 30 * DAY), shelf.respond)
    assert len(memory.ids()) == 30
    assert mark(memory)["floor"] == NOW - 30 * DAY
    drive(posts(since=NOW - 60 * DAY), shelf.respond, memory=memory)
    assert len(memory.ids()) == 60
    assert mark(memory)["floor"] == NOW - 60 * DAY
    drive(posts(full=True), shelf.respond, memory=memory)
    assert memory.ids() == shelf.ids()
    assert "floor" not in mark(memory)


def test_since_behind_the_watermark_does_not_claim_the_gap() -> None:
    shelf = Shelf(spread(20, step=DAY, until=NOW - 40 * DAY))
    memory = drive(posts(), shelf.respond)
    shelf.add(NOW - 20 * DAY, NOW - 2 * DAY)
    drive(posts(since=NOW - 5 * DAY), shelf.respond, memory=memory)
    assert mark(memory)["floor"] == NOW - 5 * DAY
    drive(posts(since=NOW - 60 * DAY), shelf.respond, memory=memory)
    assert memory.ids() == shelf.ids()


def test_a_limit_of_pages_keeps_the_place() -> None:
    shelf = Shelf(spread(350))
    memory = drive(posts(max_pages=2), shelf.respond)
    assert len(memory.ids()) == 199  # the second page shows the last item of the first again
    assert (len(shelf.searches), shelf.counted) == (2, [])
    drive(posts(), shelf.respond, memory=memory)
    assert memory.ids() == shelf.ids()
    assert len(shelf.searches) == 5


@pytest.mark.parametrize("status", [200, 422])
@pytest.mark.parametrize("most", [100, 25])
def test_what_takes_too_long_is_asked_in_smaller_pages(most: int, *, status: int) -> None:
    shelf = Shelf(spread(300), auto=150)
    shelf.timeout_status = status
    shelf.too_much = lambda params: params["limit"] == "auto" or int(params["limit"]) > most
    memory = drive(posts(), shelf.respond)
    assert memory.ids() == shelf.ids()
    assert (memory.missing, memory.notes) == (0, [])


def test_what_still_takes_too_long_is_asked_in_stretches_of_time() -> None:
    shelf = Shelf([*spread(150, step=9_000), *spread(5, step=400 * DAY, until=NOW - 300 * DAY)])
    shelf.too_much = lambda params: "before" not in params
    memory = drive(posts(), shelf.respond)
    assert memory.ids() == shelf.ids()
    assert "walk" not in mark(memory)
    assert mark(memory)["watermark"] <= NOW
    assert len(shelf.searches) < 120


def test_an_archive_without_time_for_anything_ends_the_stream_and_keeps_what_came() -> None:
    shelf = Shelf(spread(300))
    shelf.too_much = lambda _: len(shelf.searches) > 2
    memory = Memory()
    with pytest.raises(TransientRemoteError, match=r"r/Bugs.*Timeout\. Maybe slow down") as caught:
        drive(posts(), shelf.respond, memory=memory)
    assert "goes on from here" in (caught.value.advice or "")
    assert len(memory.ids()) == 199
    assert len(shelf.searches) < 12
    shelf.too_much = lambda _: False
    drive(posts(), shelf.respond, memory=memory)
    assert memory.ids() == shelf.ids()


def test_a_damaged_answer_is_asked_for_again_and_a_refusal_ends_in_its_own_words() -> None:
    shelf = Shelf(spread(150))
    shelf.bodies = {1: b'{"data":[{"id":', 2: None}
    assert drive(posts(), shelf.respond).ids() == shelf.ids()
    shelf = Shelf(spread(150))
    shelf.bodies = {2: {"data": None, "error": "'limit' must be between 1 and 100"}}
    memory = Memory()
    with pytest.raises(RemoteError, match="'limit' must be between"):
        drive(posts(), shelf.respond, memory=memory)
    assert len(memory.ids()) == 100


def test_a_server_that_takes_no_notice_of_time_ends_the_walk() -> None:
    shelf = Shelf(spread(100))
    page = {"data": list(shelf.items)}
    shelf.bodies = dict.fromkeys(range(1, 40), page)
    with pytest.raises(RemoteError, match="the same posts whatever time"):
        drive(posts(), shelf.respond)
    assert len(shelf.searches) < 30


def test_an_error_of_the_network_leaves_the_checkpoint_of_the_last_page() -> None:
    shelf = Shelf(spread(300))
    shelf.bodies = {3: RateLimitedError("too many requests", until=NOW + 60)}
    memory = Memory()
    with pytest.raises(RateLimitedError):
        drive(posts(), shelf.respond, memory=memory)
    assert mark(memory)["walk"]["next"] == max(record.created_at for record in memory.records.values())


def test_items_that_are_no_records_are_set_aside_once_and_never_lead_the_walk_astray() -> None:
    shelf = Shelf(spread(120))
    nameless = {"title": "no id", "subreddit": "bugs", "author": "x", "created_utc": NOW - 2 * DAY}
    future = post_line(900, created=NOW + 10 * 366 * DAY)
    shelf.items += [nameless, future, post_line(901, created=0, created_utc="soon")]
    shelf.series = {"data": []}
    memory = drive(posts(), Lying(shelf).respond)
    assert len(memory.ids()) == 120
    assert len(memory.rejected) == 3
    assert {each.door for each in memory.rejected} == {Door.MIRROR}
    assert mark(memory)["watermark"] == NOW - DAY


@pytest.mark.parametrize(
    ("odd", "wanted"),
    [(rb"\ud83e beetle", "\ufffd beetle"), (b"\xff beetle", "\ufffd beetle"), (rb"beetle\u0000", "beetle\ufffd")],
)
def test_text_that_is_no_unicode_is_repaired_and_spoils_neither_its_item_nor_its_page(
    odd: bytes, *, wanted: str
) -> None:
    shelf = Shelf(spread(130))

    def respond(request: Request) -> Any:
        answered = shelf.respond(request)
        assert not isinstance(answered, HubbubError)
        return msgspec.structs.replace(answered, body=answered.body.replace(b"what is it? 99", odd))

    memory = drive(posts(), respond)
    assert memory.ids() == shelf.ids()
    assert memory.records["t3_a00099"].title == wanted
    assert (memory.repaired, memory.rejected) == (1, [])


class Lying:
    """The shelf with items of nonsense on every page."""

    def __init__(self, shelf: Shelf) -> None:
        self.odd, shelf.items = shelf.items[-3:], shelf.items[:-3]
        self.shelf = shelf

    def respond(self, request: Request) -> Any:
        if request.url == "/api/time_series":
            return self.shelf.respond(request)
        page = self.shelf.page(dict(request.params))
        return answer(request, {"data": [*self.odd, *page] if page else []})


def test_records_are_those_of_a_dump_but_for_their_door() -> None:
    shelf = Shelf(spread(3))
    shelf.items[0] |= {"promoted": True}
    shelf.items[1] |= {"_meta": {"retrieved_2nd_on": NOW - 60, "was_deleted_later": True, "removal_type": "moderator"}}
    memory = drive(posts(), shelf.respond)
    dumped = observed(decode_lines(lines_of(shelf.items), where="RS", first_line=1, now=NOW))
    assert memory.ids() == set(dumped)
    for key, record in dumped.items():
        ours = memory.records[key]
        assert (ours.source, ours.door, ours.terms) == ("reddit", Door.MIRROR, record.terms)
        assert fields(ours) == fields(record)
    removed = memory.records[f"t3_{shelf.items[1]['id']}"]
    assert (removed.reason, removed.at) == (Reason.MODERATOR, NOW - 60)
    assert sum(page.filtered for page in memory.pages) == 1


def observed(decoded: Decoded) -> dict[str, Any]:
    """The records that are no mere mentions, by id."""
    return {record.id: record for record in decoded.spread() if isinstance(record, Post | Comment | Tombstone)}


def fields(record: Any) -> dict[str, Any]:
    """All that a record says but for its door."""
    return {name: getattr(record, name) for name in record.__struct_fields__ if name != "door"}


@needs_shared
@pytest.mark.parametrize("name", ["RS_mixed_years.ndjson", "RC_mixed_years.ndjson"])
def test_recorded_lines_of_many_years_come_as_an_import_would_bring_them(name: str) -> None:
    lines = [line for line in (DATA / "archive" / name).read_bytes().splitlines() if line.strip()]
    body = b'{"data":[' + b",".join(lines) + b"]}"
    bodies = [body, body]
    kind = "comments" if name.startswith("RC") else "posts"

    def respond(request: Request) -> Any:
        return answer(request, bodies.pop() if bodies and "time_series" not in request.url else {"data": []})

    (stage,) = SOURCE.plan(Target(source="arctic", name="bugs"), SyncOptions(started_at=NOW))
    memory = drive(next(plan.begin for plan in stage if plan.name == kind)(), respond)
    dumped = decode_lines(lines, where=name, first_line=1, now=NOW)
    wanted = {key: fields(record) for key, record in observed(dumped).items()}
    assert wanted
    assert {key: fields(record) for key, record in memory.records.items()} == wanted
    assert len(memory.rejected) == len(dumped.rejected)


def test_what_the_archive_counts_and_does_not_hand_out_is_told_by_month() -> None:
    shelf = Shelf(spread(300, step=DAY))
    shelf.lost = {item["id"] for item in shelf.items[40:47]}
    memory = drive(posts(), shelf.respond)
    assert memory.missing == 7
    (note,) = memory.notes
    assert "counts 300 posts in r/Bugs, 7 of them are not stored (20" in note
    shelf.lost = {item["id"] for item in shelf.items if item["created_utc"] > NOW - 3 * DAY}
    shelf.add(NOW - 2 * DAY)
    shelf.lost.add(shelf.items[-1]["id"])
    memory = drive(
        posts(), shelf.respond, memory=drive(posts(), Shelf(spread(10, step=DAY, until=NOW - 4 * DAY)).respond)
    )
    assert "--full" in memory.notes[-1]


@pytest.mark.parametrize(
    "series", [{"data": [{"day": 1}]}, {"data": None, "error": "Under maintenance"}, RemoteError("gone"), b"<html>"]
)
def test_counts_that_cannot_be_had_are_told_and_cost_nothing_else(series: Any) -> None:
    shelf = Shelf(spread(120))
    shelf.series = series
    memory = drive(posts(), shelf.respond)
    assert memory.ids() == shelf.ids()
    assert "walk" not in mark(memory)
    (note,) = memory.notes
    assert note.startswith("completeness is not checked")


def test_a_community_nobody_knows_is_told_apart_from_one_without_news() -> None:
    with pytest.raises(UnavailableError, match="nothing of r/Bugs") as caught:
        drive(posts(), Shelf([]).respond)
    assert caught.value.advice == "check the spelling"
    shelf = Shelf(spread(5))
    memory = drive(posts(), shelf.respond)
    shelf.items = []
    drive(posts(), shelf.respond, memory=memory)


def test_a_person_is_asked_for_by_name_and_told_that_nobody_counts() -> None:
    asked: list[dict[str, str]] = []

    def respond(request: Request) -> Any:
        asked.append(dict(request.params))
        return answer(request, {"data": [post_line(1, created=NOW - DAY)]})

    memory = drive(posts("u/Asker1"), respond)
    assert asked[0]["author"] == "Asker1"
    assert memory.ids() == {"t3_a00001"}
    assert list(memory.checkpoints) == ["u/asker1/posts"]
    assert "not checked" in memory.notes[0]


@pytest.mark.parametrize("name", ["", "no name", "r/", "u/x", "a" * 30, "bugs/new"])
def test_a_name_reddit_cannot_have_is_refused_before_anything_is_asked(name: str) -> None:
    with pytest.raises(UsageError):
        SOURCE.plan(Target(source="arctic", name=name), SyncOptions())


def test_a_listing_is_refused_for_an_archive_has_none() -> None:
    with pytest.raises(UsageError, match="no listings"):
        SOURCE.plan(Target(source="arctic", name="bugs"), SyncOptions(listing="hot"))


@pytest.mark.parametrize(
    ("remaining", "reset", "wanted"),
    [
        ("12", "30", (12.0, 30.0)),
        ("0", str(NOW + 45), (0.0, 45.0)),
        ("7", str((NOW + 45) * 1000), (7.0, 45.0)),
        ("7", str(NOW - 45), (7.0, 0.0)),
        ("many", "30", None),
        ("7", "", None),
        ("1e999", "3", None),
    ],
)
def test_the_rate_headers_are_read_in_whatever_unit(
    remaining: str, reset: str, *, wanted: tuple[float, float] | None
) -> None:
    headers = (("x-ratelimit-remaining", remaining), ("x-ratelimit-reset", reset))
    reading = read_budget(answer(Request(url="/api/posts/search"), {"data": []}, headers=headers))
    assert wanted == (None if reading is None else (reading.remaining, reading.reset_s))


def test_the_archive_is_asked_with_a_pause_and_one_question_at_a_time() -> None:
    access = SOURCE.access(SourceSettings(values={}))
    assert access.gap_s >= 0.5
    assert access.token is None
    assert SOURCE.access(SourceSettings(values={}, base_url="http://127.0.0.1:1")).gap_s == 0
    shelf = Shelf(spread(5))
    memory = drive(posts(), shelf.respond)
    assert len({request.serial for request in memory.requests}) == 1
    assert None not in {request.serial for request in memory.requests}


def test_only_errors_of_hubbub_leave_a_stream() -> None:
    shelf = Shelf(spread(50))
    shelf.too_much = lambda _: True
    with pytest.raises(HubbubError):
        drive(posts(), shelf.respond)
