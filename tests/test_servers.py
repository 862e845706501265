from __future__ import annotations

import psycopg
import pytest
from redis import Redis
from redis.exceptions import ConnectionError as NoConnection

from tests.servers import PostgresServer, ValkeyServer


def test_postgres_is_a_real_one_of_version_18(postgres: str) -> None:
    with psycopg.connect(postgres) as connection:
        (version,) = connection.execute("SELECT version()").fetchone() or ("",)
        assert version.startswith("PostgreSQL 18.")
        (upper,) = connection.execute("SELECT upper('é')").fetchone() or ("",)
        assert upper == "É"


def test_two_databases_know_nothing_of_each_other(postgres: str, postgres_server: PostgresServer) -> None:
    with psycopg.connect(postgres) as connection:
        connection.execute("CREATE TABLE bug (name text)")
    with postgres_server.database() as other, psycopg.connect(other) as connection:
        assert connection.execute("SELECT to_regclass('bug')").fetchone() == (None,)


def test_a_database_is_dropped_under_an_open_connection(postgres_server: PostgresServer) -> None:
    with postgres_server.database() as url:
        connection = psycopg.connect(url)
    with pytest.raises(psycopg.OperationalError):
        connection.execute("SELECT 1")
    connection.close()


def test_the_wrong_password_is_refused(postgres_server: PostgresServer) -> None:
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(postgres_server.url("postgres", password="wrong"))


@pytest.mark.parametrize("way", ["fast", "immediate", "crash"])
def test_committed_rows_outlive_the_server(own_postgres: PostgresServer, way: str) -> None:
    url = own_postgres.make_database()
    with psycopg.connect(url) as connection:
        connection.execute("CREATE TABLE bug (name text)")
        connection.execute("INSERT INTO bug VALUES ('earwig')")
    held = psycopg.connect(url)
    if way == "crash":
        own_postgres.crash()
    else:
        own_postgres.stop("fast" if way == "fast" else "immediate")
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(url)
    with pytest.raises(psycopg.OperationalError):
        held.execute("SELECT 1")
    held.close()
    own_postgres.start()
    with psycopg.connect(url) as connection:
        assert connection.execute("SELECT name FROM bug").fetchall() == [("earwig",)]


def test_a_killed_server_may_stay_dead(own_postgres: PostgresServer) -> None:
    own_postgres.crash()


def test_valkey_keeps_what_it_is_given(valkey: str) -> None:
    with Redis.from_url(valkey) as client:
        assert client.dbsize() == 0
        client.set("bug", "earwig")
        assert client.get("bug") == b"earwig"
        assert client.info("server")["server_name"] == "valkey"


def test_every_test_finds_valkey_empty(valkey: str) -> None:
    with Redis.from_url(valkey) as client:
        assert client.dbsize() == 0


def test_a_valkey_that_stops_comes_back_empty_at_its_address(own_valkey: ValkeyServer) -> None:
    with Redis.from_url(own_valkey.url()) as client:
        client.set("bug", "earwig")
        own_valkey.stop()
        with pytest.raises(NoConnection):
            client.get("bug")
        own_valkey.start()
        assert client.get("bug") is None
