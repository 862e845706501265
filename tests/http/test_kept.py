"""Answers that are kept: given while they are good, asked about when they are old, never shared, never tampered with."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest
import redis

from hubbub import clock
from hubbub.errors import ConfigError
from hubbub.http.access import Access, KeptOptions
from hubbub.http.kept import FolderShelf, MemoryShelf, Shelf, open_shelf
from hubbub.http.memory import Memory, memory_of
from hubbub.http.messages import Request, Response
from hubbub.plugins import registry
from hubbub.plugins.contracts import SourceSettings

NOW = 1_780_000_000
TTL_S = 60.0
ABOUT = Request(url="/r/bugs/about", params=(("raw_json", "1"),), route="about")
HEADERS = (("etag", '"one"'), ("x-ratelimit-used", "7"), ("set-cookie", "session=hunter2"), ("content-type", "json"))


class Platform:
    """Answers, counts, and knows whether its answer still holds."""

    def __init__(self) -> None:
        self.asked: list[Request] = []
        self.body = b'{"kind": "t5"}'
        self.headers: tuple[tuple[str, str], ...] = HEADERS
        self.status = 200

    async def ask(self, request: Request) -> Response:
        self.asked.append(request)
        known = dict(request.headers).get("if-none-match") == dict(self.headers).get("etag")
        status = 304 if known else self.status
        return Response(
            request=request,
            url="https://oauth.reddit.com/r/bugs/about",
            status=status,
            headers=self.headers,
            body=b"" if status == 304 else self.body,
            received_at=NOW + len(self.asked),
        )


@pytest.fixture
def time(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    at = [NOW]
    monkeypatch.setattr("hubbub.clock.now", lambda: at[0])

    def move(seconds: int) -> None:
        at[0] += seconds

    return move


@pytest.fixture(params=["memory", "folder", "valkey"])
def where(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    places = {"memory": "memory", "folder": str(tmp_path / "answers")}
    return places.get(request.param) or str(request.getfixturevalue("valkey"))


def shelf_at(where: str) -> Shelf:
    shelf = open_shelf(KeptOptions(where=where), warn=pytest.fail)
    assert shelf is not None
    return shelf


def memory_on(shelf: Shelf, *, identity: str = "app", **by_route: float) -> Memory:
    return Memory(shelf, identity=identity, options=KeptOptions(ttl_s=TTL_S, by_route=by_route))


async def test_an_answer_is_given_again_while_it_is_good(where: str, time: Callable[[int], None]) -> None:
    platform, kept = Platform(), memory_on(shelf_at(where))
    first = await kept.answer(ABOUT, ask=platform.ask)
    time(int(TTL_S) - 1)
    again = await kept.answer(ABOUT, ask=platform.ask)
    assert len(platform.asked) == 1
    assert (again.body, again.status, again.request) == (first.body, 200, ABOUT)
    assert again.received_at == first.received_at  # what it says was seen then
    assert (kept.hits, kept.misses) == (1, 1)
    assert dict(again.headers) == {"etag": '"one"', "content-type": "json"}


async def test_an_old_answer_is_asked_about_and_holds(where: str, time: Callable[[int], None]) -> None:
    platform, kept = Platform(), memory_on(shelf_at(where))
    await kept.answer(ABOUT, ask=platform.ask)
    time(int(TTL_S))
    again = await kept.answer(ABOUT, ask=platform.ask)
    assert dict(platform.asked[1].headers)["if-none-match"] == '"one"'
    assert (again.status, again.body, again.received_at) == (200, platform.body, NOW + 2)
    time(int(TTL_S) - 1)
    await kept.answer(ABOUT, ask=platform.ask)
    assert len(platform.asked) == 2


async def test_an_old_answer_that_changed_is_replaced(where: str, time: Callable[[int], None]) -> None:
    platform, kept = Platform(), memory_on(shelf_at(where))
    await kept.answer(ABOUT, ask=platform.ask)
    time(int(TTL_S))
    platform.body, platform.headers = b'{"kind": "new"}', (("etag", '"two"'),)
    assert (await kept.answer(ABOUT, ask=platform.ask)).body == platform.body
    assert (await kept.answer(ABOUT, ask=platform.ask)).body == platform.body
    assert len(platform.asked) == 2


async def test_without_a_validator_an_old_answer_is_asked_for_anew(time: Callable[[int], None]) -> None:
    platform, kept = Platform(), memory_on(MemoryShelf(most_bytes=10_000))
    platform.headers = (("content-type", "json"),)
    await kept.answer(ABOUT, ask=platform.ask)
    time(int(TTL_S))
    await kept.answer(ABOUT, ask=platform.ask)
    assert [request.headers for request in platform.asked] == [(), ()]


async def test_each_kind_of_request_has_its_time(time: Callable[[int], None]) -> None:
    platform, kept = Platform(), memory_on(MemoryShelf(most_bytes=10_000), about=5.0)
    await kept.answer(ABOUT, ask=platform.ask)
    time(6)
    await kept.answer(ABOUT, ask=platform.ask)
    assert len(platform.asked) == 2


async def test_credentials_share_nothing_and_other_parameters_are_another_question(where: str) -> None:
    platform, shelf = Platform(), shelf_at(where)
    await memory_on(shelf).answer(ABOUT, ask=platform.ask)
    await memory_on(shelf, identity="another").answer(ABOUT, ask=platform.ask)
    other = Request(url=ABOUT.url, params=(("raw_json", "0"),), route="about")
    await memory_on(shelf).answer(other, ask=platform.ask)
    assert len(platform.asked) == 3


@pytest.mark.parametrize("status", [403, 404, 500, 302])
async def test_only_good_answers_are_kept(status: int) -> None:
    platform, kept = Platform(), memory_on(MemoryShelf(most_bytes=10_000))
    platform.status = status
    for _ in range(2):
        await kept.answer(ABOUT, ask=platform.ask)
    assert len(platform.asked) == 2


@pytest.mark.parametrize(
    "request_of",
    [
        Request(method="POST", url="/api/morechildren", form=(("children", "a"),)),
        Request(url="/api/v1/access_token", authorize=False),
    ],
)
async def test_tokens_and_questions_that_send_something_are_never_kept(request_of: Request) -> None:
    platform, kept = Platform(), memory_on(MemoryShelf(most_bytes=10_000))
    for _ in range(2):
        await kept.answer(request_of, ask=platform.ask)
    assert len(platform.asked) == 2
    assert (kept.hits, kept.misses) == (0, 0)


def only_file(folder: Path) -> Path:
    (file,) = folder.rglob("*.json")
    return file


async def test_files_are_the_owners_alone_hold_no_secret_and_are_dropped_when_tampered_with(tmp_path: Path) -> None:
    platform, kept = Platform(), memory_on(FolderShelf(tmp_path, most_bytes=10_000), identity="client-4711")
    await kept.answer(ABOUT, ask=platform.ask)
    file = only_file(tmp_path)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    content = file.read_text()
    assert not any(word in content for word in ("hunter2", "client-4711", "x-ratelimit"))
    document = json.loads(content)
    document["entry"]["status"] = 201
    file.write_text(json.dumps(document))
    await kept.answer(ABOUT, ask=platform.ask)
    file.write_bytes(b"\x80\x04\x95pickle")
    await kept.answer(ABOUT, ask=platform.ask)
    assert len(platform.asked) == 3


async def test_what_was_used_longest_ago_goes_first(tmp_path: Path) -> None:
    platform = Platform()
    platform.body = b"x" * 1_000
    for shelf in (MemoryShelf(most_bytes=6_000), FolderShelf(tmp_path, most_bytes=6_000)):
        kept = memory_on(shelf)
        for number in range(5):
            await kept.answer(Request(url=f"/r/{number}/about"), ask=platform.ask)
        entries, size_bytes = shelf.sizes()
        assert 1 < entries < 5
        assert size_bytes <= 6_000
        before = len(platform.asked)
        await kept.answer(Request(url="/r/4/about"), ask=platform.ask)
        assert len(platform.asked) == before


async def test_old_entries_are_cleared(where: str, time: Callable[[int], None]) -> None:
    platform, shelf = Platform(), shelf_at(where)
    await memory_on(shelf).answer(ABOUT, ask=platform.ask)
    time(100)
    await memory_on(shelf).answer(Request(url="/r/ants/about"), ask=platform.ask)
    assert shelf.sizes()[0] == 2
    assert shelf.clear(older_than_s=50) == 1
    assert shelf.clear(older_than_s=0) == 1
    assert shelf.sizes() == (0, 0)


async def test_a_place_that_is_away_is_a_miss_and_one_warning() -> None:
    warnings: list[str] = []
    shelf = open_shelf(KeptOptions(where="redis://:hunter2@127.0.0.1:9/0"), warn=warnings.append)
    assert shelf is not None
    platform = Platform()
    for _ in range(3):
        await memory_on(shelf).answer(ABOUT, ask=platform.ask)
    assert len(platform.asked) == 3
    assert len(warnings) == 1
    assert "hunter2" not in warnings[0]
    with pytest.raises(ConfigError, match="out of reach"):
        shelf.clear(older_than_s=0)


async def test_what_another_program_wrote_into_a_shared_place_is_a_miss(valkey: str) -> None:
    platform, shelf = Platform(), shelf_at(valkey)
    await memory_on(shelf).answer(ABOUT, ask=platform.ask)
    with redis.Redis.from_url(valkey) as client:
        (name,) = client.keys("hubbub:answer:*")
        client.set(name, b"nonsense")
    await memory_on(shelf).answer(ABOUT, ask=platform.ask)
    assert len(platform.asked) == 2


def test_nothing_is_kept_unless_it_is_asked_for() -> None:
    access = Access(base_url="http://x", user_agent="test", read_budget=lambda _: None)
    assert memory_of(access, source="reddit", warn=lambda _: None) is None


async def test_two_accounts_of_one_application_share_nothing(tmp_path: Path) -> None:
    platform = Platform()
    for account in ("one", "two", "one"):
        access = Access(
            base_url="http://x",
            user_agent="test",
            read_budget=lambda _: None,
            identity="app",
            account=account,
            kept=KeptOptions(where=str(tmp_path)),
        )
        memory = memory_of(access, source="reddit", warn=pytest.fail)
        assert memory is not None
        await memory.answer(ABOUT, ask=platform.ask)
    assert len(platform.asked) == 2


async def test_every_run_leaves_word_of_how_often_it_was_answered(where: str) -> None:
    platform, shelf = Platform(), shelf_at(where)
    for _ in range(3):
        kept = memory_on(shelf)
        await kept.answer(ABOUT, ask=platform.ask)
        kept.close()
    assert shelf.counts() == ((0, 0) if where == "memory" else (2, 1))
    shelf.clear(older_than_s=1_000)
    assert shelf.counts() == ((0, 0) if where == "memory" else (2, 1))
    shelf.clear(older_than_s=0)
    assert shelf.counts() == (0, 0)


def test_what_a_killed_process_left_half_written_is_cleared(tmp_path: Path) -> None:
    shelf = FolderShelf(tmp_path, most_bytes=10_000)
    for name, age_s in (("old.part", 7_200), ("new.part", 0)):
        file = tmp_path / "ab" / name
        file.parent.mkdir(exist_ok=True)
        file.write_bytes(b"half")
        os.utime(file, (clock.now() - age_s,) * 2)
    shelf.clear(older_than_s=0)
    assert [file.name for file in tmp_path.rglob("*.part")] == ["new.part"]


@pytest.mark.parametrize("source", ["reddit", "arctic"])
def test_every_source_keeps_what_the_settings_say(source: str) -> None:
    settings = SourceSettings(values={"client_id": "app", "client_secret": "x"}, kept=KeptOptions(where="memory"))
    assert registry.load("sources", source).access(settings).kept == settings.kept
