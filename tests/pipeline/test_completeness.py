"""From counts to statements."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from hubbub.pipeline.completeness import missing, of_community, of_store, share
from hubbub.store.completeness import CommunityFacts, Mark, StoreFacts, Window

COUNT = st.integers(0, 10**6)
MARKS = st.lists(
    st.builds(
        Mark,
        door=st.sampled_from(["reddit", "arctic"]),
        stream=st.just("new"),
        state=st.sampled_from(['{"watermark":9}', '{"floor":5}', '{"walk":{"cursor":"x"}}', "{}", "x", "[1]"]),
        updated_at=COUNT,
    ),
    max_size=2,
)
FACTS = st.builds(
    CommunityFacts,
    source=st.just("reddit"),
    community=st.just("bugs"),
    lacking=COUNT,
    orphans=COUNT,
    lost_parents=COUNT,
    unread_trees=COUNT,
    posts=st.builds(Window, stored=COUNT, api_rows=COUNT, api_rows_late=COUNT, older_than_day=COUNT),
    marks=MARKS,
)


@given(FACTS)
def test_something_is_missing_just_when_a_count_or_an_unfinished_walk_says_so(facts: CommunityFacts) -> None:
    unfinished = any("walk" in mark.state for mark in facts.marks)
    expected = bool(facts.lacking or facts.orphans or facts.lost_parents or facts.posts.api_rows_late or unfinished)
    statements = of_community(facts)
    assert missing(statements) == expected
    assert all(each.advice and "hubbub " in each.advice for each in statements if each.missing)
    assert len({each.words for each in statements}) >= len({each.about for each in statements})


@given(COUNT, COUNT)
def test_a_share_never_hides_a_part(part: int, rest: int) -> None:
    said = share(part, part + rest)
    assert (said == "0 %") == (part == 0)
    assert (said == "100 %") == (part > 0 and rest == 0)


def test_a_community_with_everything_says_nothing() -> None:
    mark = Mark(door="reddit", stream="new", state='{"watermark":9}', updated_at=1)
    whole = CommunityFacts(source="reddit", community="bugs", posts=Window(stored=3), marks=[mark])
    assert of_community(whole) == ()
    assert of_store(StoreFacts(quarantined=0, findings={"info": 3}, cut_trees=0)) == ()


def test_the_way_to_fill_a_gap_is_where_it_came_from() -> None:
    synced = Mark(door="reddit", stream="new", state="{}", updated_at=1)
    for marks, command in (([], "hubbub import RC"), ([synced], "hubbub sync reddit:bugs --full")):
        facts = CommunityFacts(source="reddit", community="bugs", lacking=3, expected=9, lacking_posts=1, marks=marks)
        assert command in str(of_community(facts)[0].advice)
