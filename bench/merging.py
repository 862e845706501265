"""Writing records that are there already decoded: hubbub's batch merge beside what people use instead.

Every case writes the same comments, in batches of 10,000 where it knows batches; the peers write the columns of
hubbub's own row. Each runs in an interpreter of its own (`bench.measure`)."""

from __future__ import annotations

import random
import sqlite3
import uuid
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from bench.dump import Words
from bench.meter import Meter
from bench.stores import drop_indexes

BATCH = 10_000
AT = 1_767_225_600


def comments(rows: int, *, at: int = AT) -> list[Any]:
    """Comments as an import of a dump would hand them over, the same for the same number."""
    from hubbub.records.models import Comment, Door

    words, pick = Words(1), random.Random(2)
    made = []
    for number in range(rows):
        author = f"Person{pick.randrange(rows // 4 + 1)}"
        post = f"t3_{1_000_000 + number // 12:x}"
        place = f"Bugs{pick.randrange(50)}"
        made.append(
            Comment(
                source="reddit",
                id=f"t1_{10_000_000 + number:x}",
                door=Door.DUMP,
                observed_at=at,
                terms="archive",
                community=place.lower(),
                community_name=place,
                post_id=post,
                parent_id=post,
                created_at=at - 90 * 86_400 + number * 30,
                permalink=f"/r/{place}/comments/{post[3:]}/_/{number:x}/",
                is_submitter=number % 9 == 0,
                locked=False,
                archived=False,
                stickied=False,
                author=author.lower(),
                author_name=author,
                author_id=f"t2_{number % 5000:x}",
                body=" ".join(pick.choices(words.words, cum_weights=words.weights, k=28)),
                edited=False,
                score=pick.randrange(-3, 60),
                score_hidden=False,
                controversiality=0,
                extra='{"gilded":0}',
            )
        )
    return made


def whole_rows(rows: int) -> list[dict[str, Any]]:
    """The same comments as rows of hubbub's own table."""
    from hubbub.records.merge import fold
    from hubbub.store.rows import CODECS

    codec = CODECS["comment"]
    names = (*codec.columns, "run_id", "updated_at")
    return [
        dict(zip(names, (*map(_plain, codec.encode(fold(None, record).kept)), 1, AT), strict=True))
        for record in comments(rows)
    ]


def _plain(value: Any) -> Any:
    return int(value) if isinstance(value, bool) else value


def batches(rows: Sequence[Any]) -> Iterator[Sequence[Any]]:
    for start in range(0, len(rows), BATCH):
        yield rows[start : start + BATCH]


def hubbub_merge(
    *, url: str, rows: int, indexes: bool = True, search: bool = False, again: bool = False
) -> dict[str, float]:
    """`Store.write` into a new store, or (`again`) the same once more."""
    from hubbub.store.batch import Batch
    from hubbub.store.engine import open_store

    records, meter = comments(rows), Meter()
    if url.startswith("postgresql"):  # every round begins with nothing
        url += f"?schema=bench_{uuid.uuid4().hex[:12]}"
    with open_store(url) as store:
        store.search_later = not search
        run_id = store.begin_run(command="bench", target="x", started_at=AT)
        if not indexes:
            drop_indexes(store)

        def write() -> None:
            for some in batches(records):
                store.write(Batch(run_id=run_id, source="reddit", stream="bench", records=some))

        if again:
            write()
        before = _wal_bytes(store)
        meter.server = _backend(store)
        with meter.on():
            write()
        after = _wal_bytes(store)
        if store.engine == "postgresql":
            with store.transaction() as db:
                db.execute(f"DROP SCHEMA {url.rpartition('=')[2]} CASCADE")
    return {**meter.per_row(rows), "WAL B/row": (after - before) / rows}


def _wal_bytes(store: Any) -> float:
    if store.engine == "sqlite":
        return 0.0
    with store.reading() as connection:
        found = connection.exec_driver_sql("SELECT (pg_current_wal_lsn() - '0/0')::float8").scalar_one()
    return float(found)


def _backend(store: Any) -> int | None:
    """The process of the server that works for the writer."""
    if store.engine == "sqlite":
        return None
    with store.exclusive() as db:
        return int(db.execute("SELECT pg_backend_pid()").fetchone()[0])


def sqlite_utils_upsert(*, db: str, rows: int) -> dict[str, float]:
    import sqlite_utils

    made, meter = whole_rows(rows), Meter()
    Path(db).unlink(missing_ok=True)
    database = sqlite_utils.Database(db)
    database.conn.execute("PRAGMA journal_mode = WAL")
    table: Any = database["comments"]
    with meter.on():
        for some in batches(made):
            table.upsert_all(some, pk=("source", "id"))
    return meter.per_row(rows)


def core_executemany(*, url: str, rows: int, many_values: bool = False) -> dict[str, float]:
    """SQLAlchemy Core, `insert().on_conflict_do_update()` of dicts, by executemany or by insertmanyvalues."""
    import sqlalchemy as sa
    from sqlalchemy.dialects import postgresql, sqlite

    made, meter = whole_rows(rows), Meter()
    engine = sa.create_engine(url.replace("postgresql://", "postgresql+psycopg://"))
    whole = {name for name, value in made[0].items() if isinstance(value, int) or name.endswith("_at")}
    columns = [
        sa.Column(name, sa.BigInteger if name in whole else sa.Text, primary_key=name in {"source", "id"})
        for name in made[0]
    ]
    table = sa.Table("peer_comments", sa.MetaData(), *columns)
    table.metadata.drop_all(engine)
    table.metadata.create_all(engine)
    insert: Any = sqlite.insert if url.startswith("sqlite") else postgresql.insert
    statement = insert(table)
    values = {name: statement.excluded[name] for name in made[0] if name not in {"source", "id"}}
    statement = statement.on_conflict_do_update(index_elements=["source", "id"], set_=values)
    if many_values:  # the driver's own executemany serves statements that return nothing
        statement = statement.returning(table.c.id)
    with engine.connect() as connection:
        if not url.startswith("sqlite"):
            meter.server = connection.exec_driver_sql("SELECT pg_backend_pid()").scalar_one()
            connection.rollback()
        with meter.on():
            for some in batches(made):
                connection.execute(statement, list(some))
                connection.commit()
    engine.dispose()
    return meter.per_row(rows)


def sqlmodel_per_row(*, url: str, rows: int) -> dict[str, float]:
    """One session a row: get, set, commit, refresh."""
    from sqlmodel import Field, Session, SQLModel, create_engine

    made, meter = whole_rows(rows), Meter()
    kinds = {name: (int | None if isinstance(value, int) else str | None) for name, value in made[0].items()}
    kinds |= {name: int | None for name in made[0] if name.endswith("_at")}
    fields: dict[str, Any] = {name: Field(default=None, primary_key=name in {"source", "id"}) for name in made[0]}
    model: Any = type(
        "PeerComment", (SQLModel,), {"__annotations__": kinds, "__module__": __name__, **fields}, table=True
    )
    engine = create_engine(url)
    SQLModel.metadata.create_all(engine)
    with meter.on():
        for row in made:
            with Session(engine) as session:
                found = session.get(model, (row["source"], row["id"])) or model()
                for name, value in row.items():
                    setattr(found, name, value)
                session.add(found)
                session.commit()
                session.refresh(found)
    return meter.per_row(rows)


def sqlite_floor(*, db: str, rows: int) -> dict[str, float]:
    """The bare driver: one executemany of an upsert, nothing else."""
    made, meter = [tuple(row.values()) for row in whole_rows(rows)], Meter()
    names = list(whole_rows(1)[0])
    Path(db).unlink(missing_ok=True)
    connection = sqlite3.connect(db)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute(f"CREATE TABLE comments ({', '.join(names)}, PRIMARY KEY (source, id))")
    sets = ", ".join(f"{name} = excluded.{name}" for name in names[2:])
    sql = f"INSERT INTO comments VALUES ({', '.join('?' * len(names))}) ON CONFLICT (source, id) DO UPDATE SET {sets}"
    with meter.on():
        for some in batches(made):
            connection.executemany(sql, some)
            connection.commit()
    connection.close()
    return meter.per_row(rows)


MERGES: dict[str, Callable[..., dict[str, float]]] = {
    case.__name__: case
    for case in (hubbub_merge, sqlite_utils_upsert, core_executemany, sqlmodel_per_row, sqlite_floor)
}
