"""A copy is the same collection in another place, whatever happens on the way."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from hubbub.errors import LockedError, StorageError
from hubbub.events import CopyProgress, Event, Finding
from hubbub.records.models import MediaItem
from hubbub.store.backend import StoreOptions
from hubbub.store.copying import check as copy_check
from hubbub.store.copying import layouts as copy_tables
from hubbub.store.copying.copy import Copied, copy_store
from hubbub.store.digest import digest
from hubbub.store.engine import Store, open_store
from tests.servers import PostgresServer
from tests.store.everything import answers, contents, fill, lost_references
from tests.store.making import HOUR, T0, comment, gone, index_faults, one, post, rows, write


class Places:
    """Empty stores of either engine, as many as a test wants."""

    def __init__(self, folder: Path, request: pytest.FixtureRequest) -> None:
        self._folder = folder
        self._request = request
        self._made = 0
        self.held = ExitStack()

    def address(self, engine: str) -> str:
        self._made += 1
        if engine == "sqlite":
            return f"sqlite:///{self._folder}/{self._made}.db"
        return f"{self._request.getfixturevalue('postgres')}?schema=store_{self._made}"

    def opened(self, url: str) -> Store:
        return self.held.enter_context(open_store(url))

    def store(self, engine: str) -> Store:
        return self.opened(self.address(engine))


@pytest.fixture
def places(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Places]:
    made = Places(tmp_path, request)
    with made.held:
        yield made


@pytest.fixture
def short_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(copy_tables, "PAGE_ROWS", 20)


PAIRS = [("sqlite", "postgresql"), ("postgresql", "sqlite"), ("sqlite", "sqlite"), ("postgresql", "postgresql")]
either_way = pytest.mark.parametrize(("origin", "to"), PAIRS[:2])


def _same(one: Store, other: Store) -> None:
    assert contents(other) == contents(one)
    for shared in (False, True):
        assert digest(other, shared=shared) == digest(one, shared=shared)
    assert answers(other) == answers(one)
    assert index_faults(other) == []
    assert lost_references(other) == []


@pytest.mark.parametrize("page", [3, 5_000])
def test_a_collection_is_the_same_wherever_it_is_copied(
    places: Places, monkeypatch: pytest.MonkeyPatch, page: int
) -> None:
    monkeypatch.setattr(copy_tables, "PAGE_ROWS", page)
    first = places.store("sqlite")
    fill(first)
    before = contents(first)
    assert [table for table, held in before.items() if not held] == []
    stores = [first]
    for engine in ("postgresql", "postgresql", "sqlite", "sqlite"):
        stores.append(places.store(engine))
        done = copy_store(*stores[-2:])
        assert done.rows == {table: len(held) for table, held in before.items()}
        assert (done.digest, done.replaced) == (digest(first), 0)
        _same(first, stores[-1])
    assert contents(first) == before


def test_row_numbers_stay_between_files(places: Places) -> None:
    source, target = places.store("sqlite"), places.store("sqlite")
    fill(source)
    write(source, post("t3_z"), comment("t1_z", author="zed"))
    write(source, gone("comment", "t1_z"))  # its author's stub goes and leaves a hole
    copy_store(source, target)
    for query in ("SELECT n, id FROM posts ORDER BY n", "SELECT n, id FROM users ORDER BY n", "SELECT * FROM media"):
        assert rows(target, query) == rows(source, query)


@pytest.mark.parametrize(("origin", "to"), PAIRS)
def test_collecting_goes_on_in_the_copy_as_it_would_have_in_the_original(places: Places, origin: str, to: str) -> None:
    source, target = places.store(origin), places.store(to)
    fill(source)
    copy_store(source, target)
    runs, media = one(target, "SELECT max(id) FROM runs"), one(target, "SELECT max(n) FROM media")
    later = T0 + 30 * HOUR
    for store in (source, target):
        run = store.begin_run(command="sync", target="reddit:bugs", started_at=later)
        assert run == runs + 1
        tally = write(
            store,
            post("t3_a", at=later, title="A beetle after all", score=41, media=()),
            post("t3_new", media=_one_picture()),
            comment("t1_0001", body="word1 of many", score=1, created_at=T0 + 1),
            comment("t1_0002", at=later, body="edited", score=7, author="frank"),
            gone("comment", "t1_b", at=later),
            comment("t1_removed", at=T0, body="spam"),
            comment("t1_more", author="gonzo", body="by somebody who is gone"),
            run_id=run,
        )
        assert (tally.new, tally.updated, tally.unchanged, tally.tombstoned) == (2, 2, 1, 2)
        store.add_finding(run_id=run, severity="info", what="went on")
        store.end_run(run, exit_code=0, summary={}, ended_at=later)
        assert one(store, "SELECT n FROM media WHERE post_id = 't3_new'") > (media if store is target else 0)
    assert digest(target) == digest(source)
    assert answers(target) == answers(source)
    assert index_faults(target) == []
    assert one(target, "SELECT author IS NULL FROM comments WHERE id = 't1_more'") == 1


def _one_picture() -> tuple[Any, ...]:
    return (MediaItem(kind="image", url="https://i.redd.it/new.jpg"),)


@pytest.mark.parametrize("pair", PAIRS[:2])
def test_a_large_target_is_compared_by_another_process(
    places: Places, monkeypatch: pytest.MonkeyPatch, pair: tuple[str, str]
) -> None:
    monkeypatch.setattr(copy_check, "APART_ROWS", 1)
    source, target = map(places.store, pair)
    fill(source)
    inside = digest(source)
    monkeypatch.setattr(copy_check, "digest", lambda store: "this process was asked")
    assert copy_store(source, target).digest == inside


def test_a_target_is_compared_here_when_the_other_process_fails(
    places: Places, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(copy_check, "APART_ROWS", 1)
    monkeypatch.setattr(copy_check, "_address", lambda store: (f"sqlite:///{tmp_path}/none.db", StoreOptions()))
    source, target = places.store("sqlite"), places.store("sqlite")
    fill(source)
    assert copy_store(source, target).digest == digest(source)


@pytest.mark.parametrize(("origin", "to"), PAIRS[:2])
def test_what_an_import_left_unindexed_is_found_in_the_copy(places: Places, origin: str, to: str) -> None:
    source, target = places.store(origin), places.store(to)
    source.search_later = True
    write(source, post(), comment())
    copy_store(source, target)
    assert answers(target)["beetle"] == [("comment", "t1_a"), ("post", "t3_a")]
    assert one(target, "SELECT max(pending) FROM search_state") == 0


_COPY = """
import sys
from hubbub.store.copying import copy
from hubbub.store.copying import layouts as copy_tables
from hubbub.store.copying import target as copy_target
from hubbub.store.engine import open_store
from tests.servers import PostgresServer
from tests.store.everything import fill

copy_tables.PAGE_ROWS = 20
where, after = sys.argv[3], int(sys.argv[4])
times = 0

def reached(place):
    global times
    times += place == where
    if place == where and times == after:
        print("here", flush=True)
        sys.stdin.read()

write = copy_tables.write
def write_and_tell(db, layout, page):
    write(db, layout, page)
    reached("inside " + layout.table)
copy_tables.write = write_and_tell

clear = copy_target.clear
def clear_and_tell(target, **how):
    clear(target, **how)
    reached("clear")
copy_target.clear = clear_and_tell

with open_store(sys.argv[1], read_only=True) as source, open_store(sys.argv[2]) as target:
    copy.copy_store(source, target, tell=lambda event: reached(getattr(event, "table", "")))
"""


def _killed(source: str, target: str, *, at: str, times: int) -> None:
    """Copy in another process and kill it where it says it is."""
    process = subprocess.Popen(
        [sys.executable, "-c", _COPY, source, target, at, str(times)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdin is not None
    assert process.stdout.readline() == "here\n"
    process.kill()
    process.wait()
    process.stdout.close()
    process.stdin.close()


def _killed_again(source: str, target: str, *, at: str, times: int) -> None:
    """The same, as soon as the server has noticed that the process before is gone."""
    with open_store(target) as store:
        while True:
            try:
                with store.claim("copy"):
                    break
            except LockedError:
                continue
    _killed(source, target, at=at, times=times)


def _again(source: Store, target: Store, **how: Any) -> Copied:
    """Copy as soon as the server has noticed that the process before is gone."""
    while True:
        try:
            return copy_store(source, target, **how)
        except LockedError:
            continue


POINTS = [
    ("inside runs", 1),
    ("comments", 1),
    ("inside comments", 2),
    ("posts", 1),
    ("inside media", 1),
    ("indexes", 5),
    ("comments_fts", 1),
    ("digest", 1),
    ("digest", 2),
]


@either_way
@pytest.mark.usefixtures("short_pages")
def test_killed_anywhere_the_same_copy_goes_on_where_it_was(places: Places, origin: str, to: str) -> None:
    url = places.address(origin)
    source = places.opened(url)
    fill(source)
    for at, times in POINTS:
        if at == "comments_fts" and to != "sqlite":
            continue
        place = places.address(to)
        _killed(url, place, at=at, times=times)
        target = places.opened(place)
        had = rows(target, "SELECT count(*) FROM comments")
        told: list[Event] = []
        done = _again(source, target, tell=told.append)
        assert done.digest == digest(source), at
        assert done.rows == {table: len(held) for table, held in contents(source).items()}
        assert not [event for event in told if isinstance(event, Finding)], at
        seen = [event.done for event in told if isinstance(event, CopyProgress) and event.table == "comments"]
        assert not seen or seen[0] > had[0][0], at
        _same(source, target)


def test_killed_many_times_a_copy_ends_all_the_same(places: Places) -> None:
    url, place = places.address("sqlite"), places.address("sqlite")
    source = places.opened(url)
    fill(source)
    for at, times in POINTS:
        _killed(url, place, at=at, times=times if at != "digest" else 1)
    target = places.opened(place)
    copy_store(source, target)
    _same(source, target)


def _meddle(store: Store, event: Event, *, at: str = "digest", number: list[int]) -> None:
    """Write into a store when a copy is at some point."""
    if isinstance(event, CopyProgress) and (event.table, event.done) == (at, 0):
        number[0] += 1
        write(store, comment(f"t1_late{number[0]}", author="late", body="written meanwhile"))
        write(store, gone("post", "t3_b", at=T0 + 40 * HOUR), gone("comment", "t1_a", at=T0 + 40 * HOUR))


@either_way
def test_what_was_written_to_the_source_meanwhile_is_copied_in_a_second_walk(
    places: Places, origin: str, to: str
) -> None:
    source, target = places.store(origin), places.store(to)
    fill(source)
    told: list[Event] = []

    def tell(event: Event) -> None:
        told.append(event)
        if not [each for each in told if isinstance(each, Finding)]:
            _meddle(source, event, number=[0])

    done = copy_store(source, target, tell=tell)
    (found,) = [event.what for event in told if isinstance(event, Finding)]
    assert "copied once more" in found
    assert done.digest == digest(source)
    assert one(target, "SELECT count(*) FROM comments WHERE id = 't1_late1'") == 1
    _same(source, target)


@either_way
def test_a_source_that_is_written_to_all_the_time_is_an_error_until_it_is_left_alone(
    places: Places, origin: str, to: str
) -> None:
    source, target = places.store(origin), places.store(to)
    fill(source)
    number = [0]
    with pytest.raises(StorageError, match="something goes on writing") as refused:
        copy_store(source, target, tell=lambda event: _meddle(source, event, number=number))
    assert "same command again" in str(refused.value.advice)
    assert number == [2]
    copy_store(source, target)
    _same(source, target)


@either_way
def test_a_source_that_changed_between_two_tries_is_copied_as_it_is_now(places: Places, origin: str, to: str) -> None:
    url, place = places.address(origin), places.address(to)
    source = places.opened(url)
    fill(source)
    _killed(url, place, at="media", times=1)
    picture = _one_picture()
    write(source, post("t3_a", at=T0 + 50 * HOUR, media=picture), gone("comment", "t1_a", at=T0 + 50 * HOUR))
    with source.transaction() as db:  # the row numbers change places
        db.execute("UPDATE media SET n = n + 1000")
    target = places.opened(place)
    _again(source, target)
    _same(source, target)


@either_way
def test_killed_while_it_begins_anew_a_copy_goes_on_with_that(places: Places, origin: str, to: str) -> None:
    url, place = places.address(origin), places.address(to)
    source = places.opened(url)
    fill(source)
    _killed(url, place, at="digest", times=1)
    write(source, gone("post", "t3_a", at=T0 + 50 * HOUR))
    _killed_again(url, place, at="clear", times=1)
    target = places.opened(place)
    assert rows(target, "SELECT id FROM posts") == []
    _again(source, target)
    _same(source, target)


@pytest.mark.parametrize("whose", ["source", "target"])
@pytest.mark.usefixtures("short_pages")
def test_a_server_that_restarts_is_waited_for(places: Places, own_postgres: PostgresServer, whose: str) -> None:
    far, near = places.opened(own_postgres.make_database()), places.store("sqlite")
    source, target = (far, near) if whose == "source" else (near, far)
    fill(source)
    restarts: list[Event] = []

    def tell(event: Event) -> None:
        if isinstance(event, CopyProgress) and event.table in {"comments", "media"} and event not in restarts:
            restarts.append(event)
            own_postgres.restart("immediate")

    done = copy_store(source, target, tell=tell)
    assert len(restarts) > 3
    assert done.digest == digest(source)
    _same(source, target)


def test_a_copy_needs_no_prepared_statements_and_no_session_locks(places: Places) -> None:
    source, plain = places.store("sqlite"), StoreOptions(prepared=False)
    fill(source)
    with open_store(places.address("postgresql"), options=plain) as target:
        copy_store(source, target)
        _same(source, target)


def test_what_another_command_collected_into_the_target_is_never_cleared(places: Places) -> None:
    source, place = places.store("sqlite"), places.address("sqlite")
    fill(source)
    target, other = places.opened(place), places.opened(place)

    def tell(event: Event) -> None:
        if isinstance(event, CopyProgress) and (event.table, event.done) == ("digest", 0):
            run = other.begin_run(command="sync reddit:moths", target="reddit:moths", started_at=T0)
            write(other, post("t3_only_here"), run_id=run)

    with pytest.raises(StorageError, match="`hubbub sync reddit:moths` wrote into"):
        copy_store(source, target, tell=tell)
    assert one(target, "SELECT count(*) FROM posts WHERE id = 't3_only_here'") == 1


@pytest.mark.parametrize("engine", ["sqlite", "postgresql"])
@pytest.mark.parametrize("what", ["a record", "a run", "a checkpoint"])
def test_a_target_that_holds_anything_else_is_refused_and_left_alone(places: Places, engine: str, what: str) -> None:
    source, target = places.store("sqlite"), places.store(engine)
    write(source, post())
    if what == "a run":
        target.begin_run(command="sync", target="x", started_at=T0)
    elif what == "a record":
        write(target, post("t3_mine"))
    else:
        with target.transaction() as db:
            db.execute("INSERT INTO checkpoints (source, key, state, updated_at) VALUES ('reddit', 'k', '{}', 1)")
    before = contents(target)
    with pytest.raises(StorageError, match="already holds a collection") as refused:
        copy_store(source, target)
    assert "empty store" in str(refused.value.advice)
    assert contents(target) == before


def test_a_finished_copy_is_content_like_any_other(places: Places) -> None:
    source, target = places.store("sqlite"), places.store("sqlite")
    fill(source)
    copy_store(source, target)
    with pytest.raises(StorageError, match="already holds"):
        copy_store(source, target)
    _same(source, target)


def test_half_a_copy_is_no_source_and_takes_no_other_one(places: Places) -> None:
    url, place = places.address("sqlite"), places.address("sqlite")
    source = places.opened(url)
    fill(source)
    _killed(url, place, at="comments", times=1)
    half, fresh = places.opened(place), places.store("sqlite")
    with pytest.raises(StorageError, match="is itself an unfinished copy of"):
        copy_store(half, fresh)
    write(fresh, post())
    with pytest.raises(StorageError, match=r"holds an unfinished copy of .*1\.db, not of .*3\.db"):
        copy_store(fresh, half)
    copy_store(source, half)
    _same(source, half)


def test_a_store_is_not_copied_into_itself(places: Places, tmp_path: Path) -> None:
    url = places.address("sqlite")
    store = places.opened(url)
    fill(store)
    (tmp_path / "link.db").symlink_to(tmp_path / "1.db")
    for other in (store, places.opened(url), places.opened(f"sqlite:///{tmp_path}/link.db")):
        with pytest.raises(StorageError, match="into itself"):
            copy_store(store, other)


def test_a_schema_is_not_copied_into_itself_by_another_name_of_its_server(places: Places) -> None:
    url = places.address("postgresql")
    store, other = places.opened(url), places.opened(url.replace("127.0.0.1", "localhost"))
    with pytest.raises(StorageError, match="into itself"):
        copy_store(store, other)


def test_two_copies_at_once_are_told_apart(places: Places) -> None:
    source = places.store("sqlite")
    for engine in ("sqlite", "postgresql"):
        place = places.address(engine)
        target, other = places.opened(place), places.opened(place)
        with other.claim("copy"), pytest.raises(LockedError, match="another copy into"):
            copy_store(source, target)
        copy_store(source, target)


def _with_nuls(store: Store) -> None:
    fill(store)
    write(store, comment("t1_nul", body="a moth, named X"), post("t3_nul", title="X and X"))
    with store.transaction() as db:
        db.execute("UPDATE comments SET body = replace(body, 'X', char(0)) WHERE id = 't1_nul'")
        db.execute("UPDATE posts SET title = replace(title, 'X', char(0)) WHERE id = 't3_nul'")


def test_nul_characters_are_replaced_and_counted_on_the_way_to_postgresql(places: Places) -> None:
    source, target, back = (places.store(each) for each in ("sqlite", "postgresql", "sqlite"))
    _with_nuls(source)
    done = copy_store(source, target)
    assert done.replaced == 3
    assert one(target, "SELECT body FROM comments WHERE id = 't1_nul'") == "a moth, named \ufffd"
    assert one(target, "SELECT title FROM posts WHERE id = 't3_nul'") == "\ufffd and \ufffd"
    assert done.digest == digest(target)
    assert index_faults(target) == []
    assert copy_store(target, back).replaced == 0
    _same(target, back)


def test_nul_characters_stay_between_files(places: Places) -> None:
    source, target = places.store("sqlite"), places.store("sqlite")
    _with_nuls(source)
    assert copy_store(source, target).replaced == 0
    assert contents(target) == contents(source)


def test_long_texts_make_pages_short(places: Places, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(copy_tables, "PAGE_BYTES", 50_000)
    monkeypatch.setattr(copy_tables, "FETCH_ROWS", 10)
    source, target = places.store("sqlite"), places.store("postgresql")
    write(source, *(post(f"t3_{n:03}", body="stone " * 1500) for n in range(100)))
    told: list[Event] = []
    copy_store(source, target, tell=told.append)
    pages = [event.done for event in told if isinstance(event, CopyProgress) and event.table == "posts"]
    assert pages == list(range(10, 101, 10))


def test_an_unverified_copy_has_no_digest(places: Places) -> None:
    source, target = places.store("sqlite"), places.store("postgresql")
    fill(source)
    told: list[Event] = []
    assert copy_store(source, target, verify=False, tell=told.append).digest is None
    assert not [event for event in told if isinstance(event, CopyProgress) and event.table == "digest"]
    _same(source, target)


def test_the_copy_has_every_index_of_a_new_store(places: Places) -> None:
    for engine in ("sqlite", "postgresql"):
        query = {
            "sqlite": "SELECT name, sql FROM sqlite_master WHERE type = 'index' ORDER BY 1",
            "postgresql": "SELECT tablename, replace(indexdef, current_schema(), ''), indexname FROM pg_indexes"
            " WHERE schemaname = current_schema() ORDER BY 1, 2",
        }[engine]
        source, fresh, target = (places.store(each) for each in ("sqlite", engine, engine))
        fill(source)
        with fresh.transaction() as db:
            db.make_room(["reddit"])
        copy_store(source, target)
        assert rows(target, query) == rows(fresh, query)


@pytest.mark.parametrize("right", ["CREATE SCHEMA hubbub AUTHORIZATION joe", "GRANT CREATE ON DATABASE {name} TO joe"])
def test_a_schema_of_its_own_or_the_right_to_make_one_is_enough(
    places: Places, own_postgres: PostgresServer, right: str
) -> None:
    name = own_postgres.make_database().rpartition("/")[2]
    own_postgres.sql("CREATE ROLE joe LOGIN PASSWORD 'x'")
    own_postgres.sql(f"REVOKE ALL ON DATABASE {name} FROM PUBLIC")
    own_postgres.sql(f"GRANT CONNECT, TEMPORARY ON DATABASE {name} TO joe")
    own_postgres.sql(right.format(name=name), database=name)
    source, target = places.store("sqlite"), places.opened(f"postgresql://joe:x@127.0.0.1:{own_postgres.port}/{name}")
    fill(source)
    copy_store(source, target)
    _same(source, target)
