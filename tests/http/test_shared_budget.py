"""One budget for several processes: kept in a real Valkey and a real PostgreSQL, never overdrawn, never lost."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Iterator

import msgspec
import pytest

from hubbub.errors import ConfigError
from hubbub.http import budgets, limits
from hubbub.http.access import Access, BudgetOptions, BudgetReading
from hubbub.http.budgets import AwayError, Ledger, SharedKeeper
from hubbub.http.limits import opened
from hubbub.http.places import keeper_of, open_place
from tests.servers import USER, PostgresServer, ValkeyServer

SIZE, WINDOW_S, RESERVE = 60, 1.0, 0.1


class Platform:
    """Counts requests in fixed windows and refuses what is beyond, as Reddit does; others use a part of it."""

    def __init__(self) -> None:
        self._began = time.monotonic()
        self.used: Counter[int] = Counter()
        self.refused = 0

    def answer(self) -> BudgetReading:
        elapsed = time.monotonic() - self._began
        window = int(elapsed / WINDOW_S)
        self.used[window] += 1
        self.refused += self.used[window] > SIZE
        left = max(0, SIZE - self.used[window])
        return BudgetReading(remaining=left, used=self.used[window], reset_s=(window + 1) * WINDOW_S - elapsed)


@pytest.fixture(params=["valkey", "postgres"])
def share(request: pytest.FixtureRequest) -> str:
    return str(request.getfixturevalue(request.param))


Make = Callable[..., SharedKeeper]


@pytest.fixture
def sharing() -> Iterator[Make]:
    """Makes keepers, each as if it were in a process of its own."""
    made: list[SharedKeeper] = []

    def make(share: str, *, identity: str = "app", warnings: list[str] | None = None) -> SharedKeeper:
        made.append(_keeper(share, identity=identity, warnings=warnings))
        return made[-1]

    yield make
    for each in made:
        each.close()


def _keeper(share: str, *, identity: str, warnings: list[str] | None) -> SharedKeeper:
    access = Access(
        base_url="http://x",
        user_agent="test",
        read_budget=lambda _: None,
        identity=identity,
        budget=BudgetOptions(share=share, reserve=RESERVE),
        default_budget=100,
    )
    made = keeper_of(access, source="reddit", warn=(warnings if warnings is not None else []).append)
    assert isinstance(made, SharedKeeper)
    return made


async def ask(each: SharedKeeper, platform: Platform, *, until: float) -> int:
    """Requests one task gets through."""
    done = 0
    while time.monotonic() < until:
        wait = await each.take()
        if wait > 0:
            await asyncio.sleep(min(wait, 0.05))
            continue
        await asyncio.sleep(0.004)
        await each.give_back(platform.answer())
        done += 1
    return done


async def test_processes_that_share_a_budget_never_overdraw_it_and_all_have_their_share(
    share: str, sharing: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "WINDOW_S", WINDOW_S)
    platform = Platform()
    keepers = [sharing(share) for _ in range(3)]
    until = time.monotonic() + 3.2
    done = await asyncio.gather(*(ask(each, platform, until=until) for each in keepers for _ in range(3)))
    assert platform.refused == 0
    assert max(platform.used.values()) <= SIZE * (1 - RESERVE)
    whole = [count for window, count in platform.used.items() if window in {1, 2}]
    assert sum(whole) >= 0.8 * SIZE * (1 - RESERVE) * len(whole)
    assert min(sum(done[start : start + 3]) for start in (0, 3, 6)) > 0


async def test_before_the_first_answer_requests_go_one_by_one(share: str, sharing: Make) -> None:
    """Whoever begins does not know what others have used."""
    first, second = sharing(share), sharing(share)
    assert await first.take() == 0
    assert await first.take() > 0
    assert await second.take() > 0
    await first.give_back(BudgetReading(remaining=0, used=1_000, reset_s=50))
    assert await second.take() == pytest.approx(50, abs=3)


async def test_a_hold_after_a_429_is_for_all(share: str, sharing: Make) -> None:
    first, second = sharing(share), sharing(share)
    await first.hold(30)
    assert await second.take() == pytest.approx(30, abs=3)
    assert await sharing(share, identity="another app").take() == 0


async def test_requests_of_a_process_that_was_killed_are_forgotten(
    share: str, sharing: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    dead, alive = sharing(share), sharing(share)
    assert await dead.take() == 0
    assert await alive.take() > 0
    monkeypatch.setattr(budgets, "LOST_S", 0.05)
    await asyncio.sleep(0.1)
    assert await alive.take() == 0


class Look:
    """A step that only reads what is kept."""

    def __init__(self) -> None:
        self.kept: bytes | None = None

    def __call__(self, kept: bytes | None, now: float) -> bytes:
        self.kept = kept
        return kept or msgspec.json.encode(Ledger(budget=opened(1, now)))


def look(share: str) -> bytes:
    place, step = open_place(share, source="reddit", identity="app"), Look()
    place.change(step)
    place.close()
    assert step.kept is not None
    return step.kept


async def test_what_cannot_be_read_is_begun_anew_and_names_nobody(share: str, sharing: Make) -> None:
    place = open_place(share, source="reddit", identity="app")
    place.change(lambda _, __: b"nonsense")
    place.close()
    assert await sharing(share).take() == 0
    kept = look(share)
    assert msgspec.json.decode(kept, type=Ledger).budget.in_flight == 1
    assert b"app" not in kept


async def test_while_the_place_is_away_each_goes_on_alone_and_says_so_once(
    own_valkey: ValkeyServer, sharing: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    warnings: list[str] = []
    one = sharing(own_valkey.url(), warnings=warnings)
    assert await one.take() == 0
    await one.give_back(BudgetReading(remaining=900, used=100, reset_s=300))
    own_valkey.stop()
    monkeypatch.setattr(budgets, "AWAY_S", 0.0)
    for _ in range(3):
        assert await one.take() == 0
        await one.give_back(BudgetReading(remaining=900, used=100, reset_s=300))
    assert len(warnings) == 1
    assert "out of reach" in warnings[0]
    own_valkey.start()
    assert await one.take() == 0
    assert look(own_valkey.url())


def under_way(share: str) -> float:
    return sum(count for count, _ in msgspec.json.decode(look(share), type=Ledger).under_way.values())


READING = BudgetReading(remaining=900, used=100, reset_s=300)


async def test_answers_that_come_while_the_place_is_away_are_not_under_way_for_ever(
    own_valkey: ValkeyServer, sharing: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(budgets, "AWAY_S", 0.0)
    one = sharing(own_valkey.url())
    await one.take()
    await one.give_back(READING)
    for _ in range(3):
        assert await one.take() == 0
    assert under_way(own_valkey.url()) == 3
    kept = look(own_valkey.url())
    own_valkey.stop()
    for _ in range(3):
        await one.give_back(msgspec.structs.replace(READING, used=140, remaining=860))
    own_valkey.start()
    place = open_place(own_valkey.url(), source="reddit", identity="app")
    place.change(lambda _, __: kept)  # a place that was out of reach, not one that forgot
    place.close()
    assert await one.take() == 0
    assert under_way(own_valkey.url()) == 1


async def test_what_was_learnt_before_the_place_went_away_holds_for_the_process_alone(
    own_valkey: ValkeyServer, sharing: Make
) -> None:
    one = sharing(own_valkey.url())
    await one.take()
    await one.give_back(BudgetReading(remaining=400, used=600, reset_s=300))
    own_valkey.stop()
    assert await one.take() == pytest.approx(300, abs=3), "more than half is used"


async def test_a_server_that_was_started_again_costs_no_warning(
    own_valkey: ValkeyServer, own_postgres: PostgresServer, sharing: Make
) -> None:
    warnings: list[str] = []
    one = sharing(own_valkey.url(), warnings=warnings)
    other = sharing(own_postgres.make_database(), warnings=warnings)
    for each in (one, other):
        assert await each.take() == 0
        await each.give_back(READING)
    own_valkey.stop()
    own_valkey.start()
    own_postgres.restart("immediate")
    for each in (one, other):
        assert await each.take() == 0
    assert warnings == []


async def test_leave_that_is_taken_for_nobody_is_given_back(share: str, sharing: Make) -> None:
    one = sharing(share)
    await one.take()
    await one.give_back(READING)
    for _ in range(5):
        asking = asyncio.ensure_future(one.take())
        await asyncio.sleep(0)
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
    assert under_way(share) == 0
    assert msgspec.json.decode(look(share), type=Ledger).budget.used == READING.used


async def test_many_that_begin_at_once_make_one_table_and_none_goes_alone(postgres: str, sharing: Make) -> None:
    warnings: list[str] = []
    keepers = [sharing(postgres, warnings=warnings) for _ in range(8)]
    await asyncio.gather(*(each.take() for each in keepers))
    assert warnings == []
    assert under_way(postgres) == 1


async def test_the_table_may_lie_in_a_schema_that_the_address_names(
    postgres_server: PostgresServer, postgres: str, sharing: Make
) -> None:
    database = postgres.rpartition("/")[2]
    postgres_server.sql(f"CREATE SCHEMA shared AUTHORIZATION {USER}", database=database)
    assert await sharing(f"{postgres}?schema=shared").take() == 0
    assert postgres_server.sql("SELECT count(*) FROM shared.hubbub_budget", database=database) == "1"


async def test_parameters_of_the_address_are_obeyed(postgres: str, sharing: Make) -> None:
    """Whoever asks for an encrypted connection gets that or none."""
    warnings: list[str] = []
    await sharing(f"{postgres}?sslmode=require", warnings=warnings).take()
    assert ["SSL" in warning for warning in warnings] == [True]


@pytest.mark.parametrize("address", ["postgresql://me:hunter2%zz@host/db", "redis://me:hunter2@host:port/0"])
def test_an_address_that_cannot_be_read_is_refused_without_its_password(address: str) -> None:
    with pytest.raises(ConfigError, match=r"budget\.share") as caught:
        open_place(address, source="reddit", identity="app")
    assert "hunter2" not in f"{caught.value} {caught.value.advice} {caught.value.__cause__}"


def test_an_address_of_another_kind_is_refused_without_its_password() -> None:
    with pytest.raises(ConfigError, match=r"budget\.share") as caught:
        open_place("mysql://me:hunter2@host/db", source="reddit", identity="app")
    assert "hunter2" not in str(caught.value)


def test_a_place_out_of_reach_is_named_without_its_password() -> None:
    place = open_place("redis://:hunter2@127.0.0.1:9/0", source="reddit", identity="app")
    with pytest.raises(AwayError, match=r"redis://127\.0\.0\.1:9/0") as caught:
        place.change(lambda kept, now: b"")
    assert "hunter2" not in str(caught.value)
