"""`python -m bench.peers.duck upsert|ctas|parquet|direct TARGET [DUMP]`: DuckDB reading lines from its standard input.

`direct` reads the dump itself, as its documentation shows. The types of all columns are given: guessing them costs
half as much again."""

from __future__ import annotations

import sys

import duckdb

from bench.peers.columns import COLUMNS, FLAGS, META_COLUMNS, WHOLE

KINDS = {name: "BIGINT" if name in WHOLE else "BOOLEAN" if name in FLAGS else "VARCHAR" for name in COLUMNS}
META = "STRUCT(removal_type VARCHAR, retrieved_2nd_on BIGINT)"


def reading(source: str, *, options: str = "") -> str:
    """The query that gives the kept columns of newline-delimited JSON."""
    columns = ", ".join(f"{name}: '{kind}'" for name, kind in {**KINDS, "_meta": META}.items())
    wanted = ", ".join([*COLUMNS, *(f"_meta.{name} AS {name}" for name in META_COLUMNS)])
    read = f"read_json('{source}', format='newline_delimited', columns={{{columns}}}{options})"
    return f"SELECT {wanted} FROM {read}"


def main() -> None:
    how, target = sys.argv[1:3]
    lines = reading("/dev/stdin")
    database = duckdb.connect(":memory:" if how == "parquet" else target)
    database.execute("SET threads = 2")
    if how == "parquet":
        database.execute(f"COPY ({lines}) TO '{target}' (FORMAT parquet, COMPRESSION zstd)")
    elif how == "ctas":
        database.execute(f"CREATE TABLE comments AS {lines}")
    elif how == "direct":
        lines = reading(sys.argv[3], options=", compression='zstd'")
        database.execute(f"CREATE TABLE comments AS {lines}")
    else:
        types = [f"{name} {kind}" for name, kind in KINDS.items()] + ["removal_type VARCHAR", "retrieved_2nd_on BIGINT"]
        database.execute(f"CREATE TABLE IF NOT EXISTS comments ({', '.join(types)}, PRIMARY KEY (id))")
        sets = ", ".join(f"{name} = excluded.{name}" for name in [*COLUMNS[1:], *META_COLUMNS])
        database.execute(f"INSERT INTO comments {lines} ON CONFLICT (id) DO UPDATE SET {sets}")
    database.close()


if __name__ == "__main__":
    main()
