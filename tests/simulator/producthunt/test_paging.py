"""Connections page as the real ones do: capped, lying, by ordinals that shift."""

from __future__ import annotations

import base64
from collections import Counter

import pytest

from tests.simulator.producthunt.conftest import PAGE_INFO, Hunt


def page(hunt: Hunt, args: str) -> tuple[list[str], dict[str, object], int]:
    told = hunt.data(f"{{ posts({args}) {{ nodes {{ id }} {PAGE_INFO} totalCount }} }}")["posts"]
    return [node["id"] for node in told["nodes"]], told["pageInfo"], told["totalCount"]


@pytest.mark.parametrize("size", [20, 21, 100, 1000])
def test_a_page_has_twenty_nodes_at_most(hunt: Hunt, size: int) -> None:
    ids, info, total = page(hunt, f"order: NEWEST, first: {size}")
    assert len(ids) == 20
    assert info["hasNextPage"] is True
    assert total == 20, "the total is the size of the page"


def test_without_first_the_page_claims_to_be_the_last(hunt: Hunt) -> None:
    ids, info, _ = page(hunt, "order: NEWEST")
    assert len(ids) == 20
    assert info["hasNextPage"] is False
    assert len(hunt.posts(order="NEWEST")) > 20


def test_cursors_are_ordinals_with_and_without_padding(hunt: Hunt) -> None:
    edges = hunt.data("{ posts(order: NEWEST, first: 20) { edges { cursor node { id } } } }")["posts"]["edges"]
    assert edges[0]["cursor"] == "MQ"
    assert edges[-1]["cursor"] == "MjA"
    assert [base64.b64decode(e["cursor"] + "==").decode() for e in edges] == [str(n) for n in range(1, 21)]
    expected = [e["node"]["id"] for e in edges[1:3]]
    for cursor in ("MQ", "MQ=="):
        ids, info, _ = page(hunt, f'order: NEWEST, first: 2, after: "{cursor}"')
        assert ids == expected
        assert (info["startCursor"], info["endCursor"], info["hasPreviousPage"]) == ("Mg", "Mw", True)


def test_before_and_last_cut_from_the_other_end(hunt: Hunt) -> None:
    every = [post["id"] for post in hunt.posts(order="NEWEST")]
    assert page(hunt, 'order: NEWEST, before: "NQ", last: 2')[0] == every[2:4]
    assert page(hunt, 'order: NEWEST, before: "NQ", first: 20')[0] == every[:4]
    ids, info, _ = page(hunt, "order: NEWEST, last: 50")
    assert ids == every[-20:]
    assert (info["hasNextPage"], info["hasPreviousPage"]) == (False, True)


def test_an_empty_page_has_no_cursors(hunt: Hunt) -> None:
    beyond = base64.b64encode(b"99999").decode()
    ids, info, _ = page(hunt, f'order: NEWEST, first: 20, after: "{beyond}"')
    assert ids == []
    assert (info["hasNextPage"], info["startCursor"], info["endCursor"]) == (False, None, None)


def test_a_launch_that_appears_between_two_pages_shifts_the_second() -> None:
    hunt = Hunt()
    launched = Counter(post["launched"] for post in hunt.truth()["posts"].values())
    appears = max(at for at, count in launched.items() if count == 1)
    hunt.at = appears - 1
    first, info, _ = page(hunt, "order: NEWEST, first: 20")
    hunt.at = appears
    second, _, _ = page(hunt, f'order: NEWEST, first: 20, after: "{info["endCursor"]}"')
    assert first[-1] == second[0], "the last of the first page moved to the second"
    newcomer = page(hunt, "order: NEWEST, first: 1")[0][0]
    assert newcomer not in first + second


def test_a_deletion_above_the_cursor_hides_one_from_both_pages() -> None:
    hunt = Hunt()
    number, at = max(hunt.truth(deletions="1")["posts"].items(), key=lambda pair: pair[1])
    hunt.at = at - 1
    before = [post["id"] for post in hunt.posts(order="NEWEST")]
    cut = before.index(number) + 1
    assert cut < len(before) - 20, "it is not on the last page"
    hunt.at = at
    cursor = base64.b64encode(str(cut).encode()).decode()
    second, _, _ = page(hunt, f'order: NEWEST, first: 20, after: "{cursor}"')
    assert second == before[cut + 1 : cut + 21], "the one just below the cursor has moved above it"


def test_late_featuring_enters_the_middle_of_the_ranking() -> None:
    hunt = Hunt()
    query = "query Q($id: ID) { post(id: $id) { featuredAt } }"
    late = {i: p["featured"] for i, p in hunt.truth()["posts"].items() if (p["featured"] or 0) > p["launched"]}
    moves = []
    for number, featured_at in late.items():
        seen = []
        for hunt.at in (featured_at - 1, featured_at):
            ranked = [post["id"] for post in hunt.posts(order="RANKING")]
            seen.append((hunt.data(query, id=number)["post"]["featuredAt"], ranked.index(number)))
        assert seen[0][0] != seen[1][0]
        assert seen[0][1] >= seen[1][1]
        moves.append((seen[0][1], seen[1][1]))
    assert any(0 < after < before - 1 for before, after in moves)


def test_by_featuring_equals_come_in_another_order_on_every_page(hunt: Hunt) -> None:
    walked = [post["id"] for post in hunt.posts(order="FEATURED_AT")]
    newest = [post["id"] for post in hunt.posts(order="NEWEST")]
    assert len(walked) == len(newest)
    assert set(walked) < set(newest), "pages repeat some and omit others"
