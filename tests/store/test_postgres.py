"""What only PostgreSQL has: connections that break, locks on a server, rights, poolers, replicas, partitions."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from hubbub.errors import ConfigError, ExitCode, LockedError, StorageError, StoreAwayError
from hubbub.events import Event, StoreAway
from hubbub.records.models import Door, Post
from hubbub.store import migrate, reads, upsert
from hubbub.store.backend import StoreOptions
from hubbub.store.digest import digest
from hubbub.store.engine import Store, open_store
from hubbub.store.postgres.backend import PostgresBackend
from hubbub.store.postgres.session import address_of
from hubbub.store.search.find import search
from tests.servers import PASSWORD, PostgresServer
from tests.store.making import T0, comment, index_faults, one, post, rows, write

LOCKS = (
    "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'"
    " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
)
QUICK = StoreOptions(patience_s=0.0, busy_timeout_s=0.2)


@pytest.fixture
def store(postgres: str) -> Iterator[Store]:
    with open_store(postgres) as opened:
        yield opened


def backend(store: Store) -> PostgresBackend:
    assert isinstance(store.backend, PostgresBackend)
    return store.backend


def kill_connections(url: str) -> None:
    """As an administrator does, or a server that restarts."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE backend_type = 'client backend'"
            " AND pid <> pg_backend_pid() AND datname = current_database()"
        )


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://h:x/y",
        "postgresql://h/y?schema=Bad-Name",
        "postgresql://h/y?nonsense=1",
        "postgresql://h/y?schema=",
    ],
)
def test_an_address_that_cannot_be_is_a_configuration_error(url: str) -> None:
    with pytest.raises(ConfigError):
        address_of(url, schema="hubbub")


def test_an_address_is_shown_without_its_password() -> None:
    found = address_of(f"postgresql://me:{PASSWORD}@h:5433/talk?schema=bugs&sslmode=require", schema="hubbub")
    assert PASSWORD not in found.shown
    assert (found.shown, found.schema) == ("postgresql://h:5433/talk (schema bugs)", "bugs")
    assert "sslmode=require" in found.conninfo
    assert address_of("postgresql://a,b/talk?target_session_attrs=read-write", schema="hubbub").schema == "hubbub"


def test_two_stores_live_in_two_schemas_of_one_database(postgres: str) -> None:
    with open_store(f"{postgres}?schema=one") as first, open_store(f"{postgres}?schema=two") as second:
        write(first, post())
        assert (one(first, "SELECT count(*) FROM posts"), one(second, "SELECT count(*) FROM posts")) == (1, 0)


def test_a_store_that_is_not_there_is_not_made_for_readers(postgres: str) -> None:
    for create, read_only in ((False, False), (True, True)):
        with pytest.raises(StorageError, match="there is no store in") as refused:
            open_store(postgres, create=create, read_only=read_only)
        assert PASSWORD not in str(refused.value)
    with psycopg.connect(postgres) as connection:
        assert connection.execute("SELECT to_regnamespace('hubbub')").fetchone() == (None,)


def test_a_store_of_a_newer_version_is_refused_and_left_alone(postgres: str) -> None:
    with open_store(postgres) as store, store.transaction() as db:
        db.execute("UPDATE alembic_version SET version_num = '9999'")
    for opening in (open_store, migrate.upgrade):
        with pytest.raises(StorageError, match="needs a newer hubbub"):
            opening(postgres)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda url: url.replace(PASSWORD, "wrong"), "refused the user or the password"),
        (lambda url: url.rpartition("/")[0] + "/nowhere", "no such database"),
        (lambda url: url.replace("127.0.0.1", "no.such.host.invalid"), "host's name is unknown"),
    ],
)
def test_a_door_that_stays_shut_is_named_at_once(postgres: str, change: Any, words: str) -> None:
    with pytest.raises(StorageError, match=words) as refused:
        open_store(change(postgres))
    assert not isinstance(refused.value, StoreAwayError)
    assert refused.value.exit_code is ExitCode.STORAGE
    assert "wrong" not in str(refused.value).replace("password", "")


def test_a_missing_right_is_named(postgres: str, postgres_server: PostgresServer) -> None:
    database = postgres.rpartition("/")[2]
    postgres_server.sql(
        f"ALTER DATABASE {database} OWNER TO postgres; REVOKE CREATE ON DATABASE {database} FROM PUBLIC"
    )
    with pytest.raises(StorageError, match="lacks a right") as refused:
        open_store(postgres)
    assert "CREATE on the schema" in str(refused.value.advice)


def test_a_server_that_is_down_is_away_and_says_where(own_postgres: PostgresServer) -> None:
    url = own_postgres.make_database()
    own_postgres.stop("fast")
    with pytest.raises(StoreAwayError, match=f"127.0.0.1:{own_postgres.port}.*cannot be reached"):
        open_store(url)


def test_a_connection_that_breaks_is_made_again_and_nothing_is_counted_twice(postgres: str) -> None:
    told: list[Event] = []
    with open_store(postgres) as store:
        store.tell(told.append)
        run_id = store.begin_run(command="sync", target="x", started_at=T0)
        for number in range(4):
            kill_connections(postgres)
            assert write(store, comment(f"t1_{number}"), run_id=run_id).new == 1
        (run,) = reads.runs(store)
        assert run.tally.offered == run.tally.new == one(store, "SELECT count(*) FROM comments") == 4
    assert sum(isinstance(event, StoreAway) for event in told) == 4


def test_a_batch_whose_commit_was_not_heard_of_is_not_written_again(
    store: Store, postgres: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_id = store.begin_run(command="sync", target="x", started_at=T0)
    with store.exclusive() as db:
        connection: Any = getattr(db, "connection")  # noqa: B009 - only PostgreSQL's session has one
    real = connection.execute
    deaf: list[str] = []

    def execute(sql: Any, *rest: Any, **named: Any) -> Any:
        done = real(sql, *rest, **named)
        if sql == "COMMIT" and not deaf:
            deaf.append(sql)
            kill_connections(postgres)
            return real("SELECT 1")
        return done

    monkeypatch.setattr(connection, "execute", execute)
    assert write(store, comment(), post(), run_id=run_id).new == 2
    assert deaf
    (run,) = reads.runs(store)
    assert (run.tally.new, run.tally.unchanged) == (2, 0)


@pytest.mark.parametrize(
    ("state", "said"), [("40001", "crossed"), ("40P01", "crossed"), ("XX000", "invalid arbiter index list")]
)
def test_a_transaction_the_server_asks_to_try_again_is_tried_again(
    store: Store, monkeypatch: pytest.MonkeyPatch, state: str, *, said: str
) -> None:
    real = upsert.write_batch
    crossed: list[str] = []

    def write_batch(db: Any, *rest: Any, **named: Any) -> Any:
        done = real(db, *rest, **named)
        if not crossed:
            crossed.append(state)
            db.execute(f"DO $$ BEGIN RAISE EXCEPTION '{said}' USING ERRCODE = '{state}'; END $$")
        return done

    monkeypatch.setattr(upsert, "write_batch", write_batch)
    assert write(store, comment()).new == 1
    assert crossed
    assert one(store, "SELECT count(*) FROM comments") == 1


def test_without_patience_the_error_says_what_to_do_and_the_next_run_goes_on(own_postgres: PostgresServer) -> None:
    url = own_postgres.make_database()
    with open_store(url, options=QUICK) as store:
        write(store, comment("t1_a"))
        own_postgres.stop("immediate")
        with pytest.raises(StoreAwayError) as away:
            write(store, comment("t1_b"))
        assert "goes on from here" in str(away.value.advice)
        own_postgres.start()
        write(store, comment("t1_b"))
        assert one(store, "SELECT count(*) FROM comments") == 2
        assert not index_faults(store)


def test_a_second_writer_waits_and_then_names_the_first(postgres: str) -> None:
    with open_store(postgres) as first, open_store(postgres, options=QUICK) as second:
        with first.transaction(), pytest.raises(LockedError, match=r"locked by process \d+"):
            write(second, post())
        assert write(second, post()).new == 1


def test_writers_side_by_side_lose_nothing_and_double_nothing(postgres: str) -> None:
    with open_store(postgres) as first, open_store(postgres) as second:
        failures: list[BaseException] = []

        def fill(store: Store, offset: int) -> None:
            try:
                for number in range(8):
                    mine = [comment(f"t1_{offset + number}_{k}", author=f"p{k}") for k in range(20)]
                    shared = [comment(f"t1_s{k}", at=T0 + number + offset, score=number) for k in range(20)]
                    write(store, *mine, *shared)
            except BaseException as error:  # noqa: BLE001 - handed to the test
                failures.append(error)

        threads = [threading.Thread(target=fill, args=args) for args in ((first, 100), (second, 200))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert failures == []
        assert one(first, "SELECT count(*) FROM comments") == 2 * 8 * 20 + 20
        assert rows(first, "SELECT DISTINCT observed_at FROM comments WHERE id LIKE 't1_s%'") == [(T0 + 207,)]


def test_one_sync_of_a_source_at_a_time_also_after_a_restart(own_postgres: PostgresServer) -> None:
    url = own_postgres.make_database()
    with open_store(url) as first, open_store(url, options=QUICK) as second:
        with first.claim("reddit"):
            with pytest.raises(LockedError, match=r"another sync of reddit .* process \d+"), second.claim("reddit"):
                pass
            with second.claim("producthunt"):
                pass
            own_postgres.restart("immediate")
            write(first, post())  # it comes back with its claim
            with pytest.raises(LockedError), second.claim("reddit"):
                pass
        with second.claim("reddit"):
            pass


@pytest.mark.parametrize("prepared", [True, False])
def test_a_claim_that_was_given_back_is_free_at_once(postgres: str, *, prepared: bool) -> None:
    options = StoreOptions(prepared=prepared)
    with open_store(postgres, options=options) as first, open_store(postgres) as second, second.exclusive() as db:
        for _ in range(60):
            with first.claim("reddit"):
                assert db.execute(LOCKS).fetchone() == (1,)
            assert db.execute(LOCKS).fetchone() == (0,)


def test_behind_a_pooler_nothing_is_left_on_a_connection(postgres: str) -> None:
    """As PgBouncer hands them out: each transaction may get another connection, and none may keep a setting."""
    with open_store(postgres, options=StoreOptions(prepared=False)) as store:
        for number in range(8):
            write(store, *(comment(f"t1_{number}_{k}") for k in range(40)))
        with store.exclusive() as db:
            left = [
                db.execute(f"SHOW {name}").fetchone()[0]
                for name in ("search_path", "statement_timeout", "lock_timeout", "enable_hashjoin")
            ]
            assert left == ['"$user", public', "0", "0", "on"]
            assert db.execute("SELECT count(*) FROM pg_prepared_statements").fetchone() == (0,)
            assert db.execute(LOCKS).fetchone() == (0,)
        with store.claim("reddit"), store.exclusive() as db:
            assert db.execute(LOCKS).fetchone() == (1,)
        backend(store)._drop_writer()
        assert write(store, comment("t1_0_0")).unchanged == 1
        assert len(search(store, "beetle", limit=500)) == 320


def test_a_statement_that_takes_too_long_is_ended(postgres: str) -> None:
    with open_store(postgres, options=StoreOptions(statement_timeout_s=0.05)) as store:
        with pytest.raises(StorageError, match=r"longer than 0\.05 s"), store.transaction() as db:
            db.execute("SELECT pg_sleep(5)")
        assert write(store, post()).new == 1


def test_each_source_has_partitions_of_its_own(store: Store) -> None:
    odd = "it's a {place}"
    write(store, *(comment(f"t1_{n}") for n in range(64)))
    write(store, Post(source=odd, id="1", door=Door.LIVE, observed_at=T0, title="x"))
    parts = "SELECT tableoid::regclass::text, count(*) FROM comments GROUP BY 1"
    assert len(rows(store, parts)) == 8
    assert one(store, "SELECT title FROM posts WHERE source = ?", odd) == "x"
    assert one(store, "SELECT count(*) FROM pg_inherits WHERE inhparent = 'posts'::regclass") == 2


def test_a_replica_that_is_gone_leaves_reads_to_the_primary(postgres: str, own_postgres: PostgresServer) -> None:
    read_url = own_postgres.make_database()
    with open_store(read_url) as replica:
        write(replica, post(title="from the replica"))
    with open_store(postgres) as primary:
        write(primary, post(title="from the primary"))
    with open_store(postgres, options=StoreOptions(read_url=read_url)) as store:
        assert one(store, "SELECT title FROM posts") == "from the replica"
        write(store, comment())  # to the primary, wherever reads go
        assert one(store, "SELECT count(*) FROM comments") == 0
        own_postgres.stop("immediate")
        other = backend(store)._replica
        assert other is not None
        other._asked_at = None
        assert one(store, "SELECT title FROM posts") == "from the primary"
        assert one(store, "SELECT count(*) FROM comments") == 1


def test_the_digest_is_that_of_sqlite(store: Store, url: str) -> None:
    with open_store(url) as other:
        for each in (store, other):
            write(each, post(), comment(), comment("t1_b", body="日本語 e\u0301", score=-4))
        assert digest(store) == digest(other)
        assert digest(store, shared=True) == digest(other, shared=True)


@pytest.mark.parametrize(
    ("state", "words"),
    [("53100", "the server's disk is full"), ("53200", "out of memory"), ("XX001", "is damaged")],
)
def test_what_fails_on_the_server_is_named_and_nothing_of_the_batch_is_stored(
    store: Store, monkeypatch: pytest.MonkeyPatch, state: str, *, words: str
) -> None:
    real = upsert.write_batch

    def write_batch(db: Any, *rest: Any, **named: Any) -> Any:
        real(db, *rest, **named)
        db.execute(f"DO $$ BEGIN RAISE EXCEPTION 'as the server says it' USING ERRCODE = '{state}'; END $$")

    monkeypatch.setattr(upsert, "write_batch", write_batch)
    with pytest.raises(StorageError, match=words):
        write(store, comment())
    monkeypatch.undo()
    assert one(store, "SELECT count(*) FROM comments") == 0
    assert write(store, comment()).new == 1
