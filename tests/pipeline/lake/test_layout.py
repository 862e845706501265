"""No name of a community, however odd, makes a folder that lies elsewhere, that no reader decodes or that two share."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import duckdb
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from hubbub.errors import UsageError
from hubbub.pipeline.arrow import pa, pq
from hubbub.pipeline.lake_columns import table
from hubbub.pipeline.lake_layout import LONGEST_VALUE, NOWHERE, month, partitions, segment, split

names = st.text(st.characters(exclude_categories=["Cs"]), max_size=80)


@given(names, names)
@example("..", ".")
@example("../../etc", "con")
@example("a/b", "a\\b")
@example("x" * 300, "x" * 299 + "y")
@example("%2e%2e", "..")
@example("__hive_default_partition__", "")
def test_a_folder_is_a_plain_name_of_one_value(one: str, other: str) -> None:
    for value in (one, other):
        text = segment(value)
        assert set(text) <= set("abcdefghijklmnopqrstuvwxyz0123456789_-%ABCDEF") or text == NOWHERE
        assert len(text) <= LONGEST_VALUE
        if len(value.encode()) * 3 <= LONGEST_VALUE and value:
            assert unquote(text) == value
    assert (segment(one) == segment(other)) == (one == other)


def rows_of(communities: list[str | None], times: list[int | None]) -> pa.Table:
    ids = [f"t1_{number}" for number in range(len(communities))]
    columns: dict[str, list[Any]] = {"id": ids, "community": communities, "created_at": times}
    return table("comment", columns, constants={"source": "reddit"}, rows=len(ids))


@settings(max_examples=25, deadline=None)
@given(
    st.lists(
        st.tuples(st.none() | names, st.none() | st.integers(-(2**63), 2**63 - 1) | st.just(1_704_067_200)),
        min_size=1,
        max_size=12,
    )
)
def test_every_row_is_in_the_folder_of_its_values_and_duckdb_reads_them_back(
    given_rows: list[tuple[str | None, int | None]],
) -> None:
    made = rows_of([name for name, _ in given_rows], [at for _, at in given_rows])
    wanted = {f"t1_{at}": (name or None, month(created)) for at, (name, created) in enumerate(given_rows)}
    with tempfile.TemporaryDirectory() as name:
        root = Path(name).resolve()
        for folder, some in split(made, kind="comment", by=("kind", "community", "month")):
            place = root / folder
            assert place.resolve().is_relative_to(root)
            place.mkdir(parents=True)  # fails where two parts share a folder
            pq.write_table(some, place / "part.parquet")
        found = duckdb.execute(
            f"SELECT id, community, month FROM read_parquet('{root}/**/*.parquet', hive_partitioning = true,"
            " hive_types = {'community': VARCHAR, 'month': VARCHAR, 'kind': VARCHAR})"
        ).fetchall()
    assert {identity for identity, *_ in found} == wanted.keys()
    for identity, community, when in found:
        spot, created = wanted[identity]
        assert when == created
        assert community == (None if spot is None else unquote(segment(spot)))


def test_partitions_come_in_one_order_and_unknown_ones_are_refused() -> None:
    assert partitions(["month", "community"]) == ("kind", "community", "month")
    assert partitions(["kind"]) == ("kind",)
    with pytest.raises(UsageError, match="'day'"):
        partitions(["day"])
