"""What becomes of Product Hunt's nodes (docs/explanation/producthunt.md)."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hubbub.errors import RecordError
from hubbub.records.facets import Facet
from hubbub.records.merge import fold
from hubbub.records.models import Comment, LinkListing, MediaItem, Post, Stub
from hubbub.sources.producthunt.fields import KNOWN
from hubbub.sources.producthunt.mapping import (
    Look,
    collection_of,
    collection_posts_of,
    comment_of,
    post_of,
    topic_of,
    unknown_fields,
)
from tests.shared import SHARED, needs_shared
from tests.sources.producthunt.looking import JANE, LIVE, NAMED, REDACTED, SAVED, launch, post, remark

MOMENT = 1_763_452_860
"""2025-11-18T08:01:00Z."""


def comments(node: dict[str, Any], look: Look = SAVED) -> list[Comment]:
    found = comment_of(node, post_id="1037362", look=look)
    assert all(isinstance(one, Comment) for one in found)
    return found  # type: ignore[return-value]


def test_a_whole_launch_becomes_a_post_and_its_topics() -> None:
    found, topics = post_of(launch(), LIVE)
    assert isinstance(found, Post)
    assert (found.source, found.id, found.post_type, found.community) == ("producthunt", "1037362", "launch", None)
    assert (found.title, found.tagline, found.body) == ("Typeless", "AI voice dictation", "Speak & be understood.")
    assert (found.created_at, found.featured_at) == (MOMENT, MOMENT + 3540)
    assert (found.score, found.comment_count) == (551, 116)
    assert found.permalink == "/products/typeless-2"
    assert found.url == "https://www.producthunt.com/r/ABC123?app_id=9"
    assert found.media == (
        MediaItem(kind="gallery", url="https://ph-files.imgix.net/a.png?auto=format"),
        MediaItem(kind="video", url="https://youtu.be/x", fallback_url="https://ph-files.imgix.net/still.png"),
        MediaItem(kind="gallery", url="https://ph-files.imgix.net/b.png"),
        MediaItem(kind="image", url="https://ph-files.imgix.net/t.png?auto=format", details='{"thumbnail":true}'),
    )
    assert json.loads(found.extra or "") == {
        "slug": "typeless-2",
        "reviews_count": 3,
        "reviews_rating": 4.5,
        "makers": 2,
        "product_links": [{"type": "Website", "url": "https://www.producthunt.com/r/p/1"}],
    }
    assert found.stated == Facet.FRAME | Facet.CONTENT | Facet.NUMBERS | Facet.EXTRA, "nobody is its author"
    assert isinstance(topics, LinkListing)
    assert (topics.link, topics.owner, topics.members) == ("post_topics", "1037362", ("46", "268"))
    assert topics.complete


def test_the_name_of_the_application_is_nowhere() -> None:
    told = msgspec.json.encode([*post_of(launch(), LIVE), *comments(remark())]).decode()
    assert "utm_" not in told
    assert "MyApp" not in told
    assert "245617" not in told


@pytest.mark.parametrize(
    ("website", "kept"),
    [
        (f"https://x.org/a?{NAMED}", "https://x.org/a"),
        (f"https://x.org/a?b=1&{NAMED}&c=%20", "https://x.org/a?b=1&c=%20"),
        ("https://x.org/a?b=1&amp;utm_source=Application%3A+MyApp", "https://x.org/a?b=1"),
        ("https://x.org/a?UTM_Source=MyApp&utm%5Fmedium=MyApp", "https://x.org/a"),
        ("https://x.org/#utm_source=MyApp", "https://x.org/"),
        ("https://x.org/#part", "https://x.org/#part"),
        ("javascript:alert(1)", None),
        ("https://[broken", None),
        (12, None),
    ],
)
def test_an_address_keeps_all_but_what_names_the_application(website: Any, kept: str | None) -> None:
    assert post(launch(website=website)).url == kept


@pytest.mark.parametrize(
    ("url", "path"),
    [
        (f"https://www.producthunt.com/posts/x?{NAMED}", "/posts/x"),
        ("https://producthunt.com/products/x#reviews", "/products/x"),
        ("/posts/x", "/posts/x"),
        ("//evil.org/posts/x", None),
        ("https://evil.org/posts/x", None),
        ("https://producthunt.com.evil.org/posts/x", None),
        ("http://[", None),
    ],
)
def test_a_permalink_is_a_path_of_the_platform(url: str, path: str | None) -> None:
    assert post(launch(url=url)).permalink == path


def test_a_single_picture_is_no_gallery() -> None:
    node = launch(media=[{"type": "image", "url": "https://a.org/1.png"}], thumbnail=None)
    assert post(node).media == (MediaItem(kind="image", url="https://a.org/1.png"),)


@pytest.mark.parametrize(
    ("topics", "members", "complete"),
    [
        ({"nodes": [{"id": "1"}], "pageInfo": {"hasNextPage": False}}, ("1",), True),
        ({"nodes": [{"id": "1"}], "pageInfo": {"hasNextPage": True}}, ("1",), False),
        ({"nodes": [{"id": "2"}], "pageInfo": {"hasNextPage": False, "hasPreviousPage": True}}, ("2",), False),
        ({"nodes": [{"id": "1"}]}, ("1",), False),
        ({"edges": [{"node": {"id": 1}}, {"node": {"id": "1"}}]}, ("1",), False),
        ([{"id": "1"}, {"id": "2"}], ("1", "2"), False),
        ({"nodes": [{"id": "1"}, {"name": "AI"}], "pageInfo": {"hasNextPage": False}}, ("1",), False),
        ({"nodes": [], "pageInfo": {"hasNextPage": False}}, (), True),
    ],
)
def test_a_listing_of_topics_is_complete_only_when_the_platform_says_so(
    topics: Any, members: tuple[str, ...], complete: Any
) -> None:
    listing = post_of(launch(topics=topics), SAVED)[1]
    assert isinstance(listing, LinkListing)
    assert (listing.members, listing.complete) == (members, complete)


@pytest.mark.parametrize(
    "topics",
    [
        ["AI", "Audio"],
        [{"name": "AI"}, {"name": "Audio"}],
        {"edges": [{"node": {"name": "AI"}}, {"node": {"name": "Audio"}}]},
    ],
)
def test_topics_without_ids_are_names_in_extra(topics: Any) -> None:
    (found,) = post_of({"id": 5, "topics": topics}, SAVED)
    assert isinstance(found, Post)
    assert found.id == "5"
    assert found.extra == '{"topics":["AI","Audio"]}'
    assert found.stated == Facet.EXTRA


@pytest.mark.parametrize(
    ("fields", "stated"),
    [
        ({"votesCount": 0}, Facet.NUMBERS),
        ({"commentsCount": 3}, Facet.NUMBERS),
        ({"name": "x"}, Facet.CONTENT),
        ({"tagline": "x"}, Facet.CONTENT),
        ({"description": "x"}, 0),
        ({"createdAt": "2025-11-18T08:01:00Z"}, Facet.FRAME),
        ({"url": "https://www.producthunt.com/posts/x"}, Facet.FRAME),
        ({"slug": "x"}, Facet.EXTRA),
        ({"makers": []}, Facet.EXTRA),
    ],
)
def test_only_facets_the_node_carries_something_of_are_stated(fields: dict[str, Any], stated: int) -> None:
    (found,) = post_of({"id": "1", **fields}, SAVED)
    assert (found.stated if isinstance(found, Post) else 0) == stated


def test_a_query_for_counters_hides_nothing_else() -> None:
    later = Look(observed_at=LIVE.observed_at + 60, door=LIVE.door, terms=LIVE.terms, now=LIVE.now)
    kept = fold(fold(None, post(launch(), LIVE)).kept, post({"id": "1037362", "votesCount": 540}, later)).kept.record
    assert isinstance(kept, Post)
    assert (kept.score, kept.title, kept.created_at) == (540, "Typeless", MOMENT)
    assert kept.permalink == "/products/typeless-2"


def test_an_id_alone_is_a_mention() -> None:
    assert post_of({"id": "1"}, LIVE) == [Stub(source="producthunt", kind="post", id="1")]


def test_a_redacted_person_is_nobody() -> None:
    for user in (REDACTED, {"id": "0"}, {"id": "5", "username": "[REDACTED]"}, {"id": 5}, None, "x"):
        found = post(launch(user=user), LIVE)
        assert not found.stated & Facet.AUTHOR
        assert found.author is None


def test_a_real_person_is_stated_live_and_dropped_from_snapshots() -> None:
    found = post(launch(user=JANE), LIVE)
    assert (found.author, found.author_name, found.author_id) == ("janeroe", "JaneRoe", "77")
    assert found.stated & Facet.AUTHOR
    assert collection_of({"id": "1", "user": JANE}, LIVE).owner == "janeroe"
    told = [*post_of(launch(user=JANE, makers=[JANE]), SAVED), *comments(remark(user=JANE))]
    told.append(collection_of({"id": "1", "user": JANE}, SAVED))
    assert "jane" not in msgspec.json.encode(told).decode().lower()


def test_replies_follow_their_comment_and_name_what_they_answer() -> None:
    deepest = remark(id="4", parentId="3")
    node = remark(
        replies={
            "edges": [
                {"node": remark(id="2")},
                {"node": remark(id="3", replies={"nodes": [deepest]})},
            ]
        }
    )
    assert [(one.id, one.parent_id, one.post_id) for one in comments(node)] == [
        ("5005144", None, "1037362"),
        ("2", "5005144", "1037362"),
        ("3", "5005144", "1037362"),
        ("4", "3", "1037362"),
    ]
    assert comments(remark(parentId="9"))[0].parent_id == "9"
    assert comments(remark(parent={"id": 8}))[0].parent_id == "8"


def test_replies_ten_thousand_deep_are_flattened() -> None:
    node = remark(id="0")
    for number in range(1, 10_000):
        node = remark(id=str(number), replies=[node])
    assert len(comments(node)) == 10_000


def test_a_comment_keeps_its_html_only_where_formatting_was_lost() -> None:
    (plain,) = comments(remark(body="<p>one</p><p>two<br>three</p>"))
    assert (plain.body, plain.extra) == ("one\ntwo\nthree", None)
    html = '<p>see <strong>this</strong></p><img src="https://a.org/p.png?x=1&amp;y=2">'
    (rich,) = comments(remark(body=html))
    assert rich.body == "see this"
    assert json.loads(rich.extra or "") == {"html": html}
    assert rich.media == (MediaItem(kind="inline", url="https://a.org/p.png?x=1&y=2"),)
    assert rich.permalink == "/posts/typeless-2?comment=5005144#comment-5005144"
    assert (rich.score, rich.created_at) == (2, MOMENT + 7140)
    assert not comments({"id": "1"})[0].stated & (Facet.CONTENT | Facet.NUMBERS | Facet.EXTRA)


def test_topics_and_collections() -> None:
    topic = topic_of(
        {
            "id": "46",
            "slug": "productivity",
            "name": "Productivity",
            "description": "Getting done",
            "createdAt": "2014-01-01T00:00:00Z",
            "followersCount": 5,
            "postsCount": 6,
            "image": "https://ph-files.imgix.net/i",
        },
        LIVE,
    )
    assert (topic.slug, topic.name, topic.follower_count, topic.post_count) == ("productivity", "Productivity", 5, 6)
    assert (topic.url, topic.created_at) == ("https://ph-files.imgix.net/i", 1_388_534_400)
    assert topic_of({"id": 46}, LIVE).name is None
    collection = collection_of(
        {
            "id": "9",
            "name": "Best",
            "tagline": "of all",
            "url": f"https://www.producthunt.com/@janeroe/collections/best-of?{NAMED}",
            "user": REDACTED,
            "featuredAt": None,
        },
        LIVE,
    )
    assert (collection.slug, collection.name, collection.owner) == ("best-of", "Best", None)
    listing = collection_posts_of("9", ["1", "2", "1"], complete=True, look=LIVE)
    assert (listing.link, listing.members, listing.complete) == ("collection_posts", ("1", "2"), True)


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"id": None}, "id is missing"),
        ({"id": " "}, "id is missing"),
        ({"id": True}, "id is no id"),
        ({"id": "a b"}, "id is no id"),
        ({"createdAt": "yesterday"}, "createdAt is no time"),
        ({"createdAt": 1e300}, "createdAt is no time"),
        ({"featuredAt": []}, "featuredAt is no time"),
        ({"votesCount": "many"}, "votesCount is no whole number"),
        ({"votesCount": 2**70}, "votesCount is out of range"),
        ({"commentsCount": -1}, "commentsCount is out of range"),
        ({"name": {}}, "name is no text"),
    ],
)
def test_what_cannot_be_stored_is_refused_by_the_field(fields: dict[str, Any], reason: str) -> None:
    with pytest.raises(RecordError) as refused:
        post_of(launch(**fields), SAVED)
    assert str(refused.value) == reason


@pytest.mark.parametrize(
    "given",
    ["2025-11-18T08:01:00Z", "2025-11-18T08:01:00.250Z", "2025-11-18 08:01:00", "2025-11-18 00:01:00-08:00",
     "2025-11-18 08:01:00 UTC", MOMENT, float(MOMENT), MOMENT * 1000, str(MOMENT)],
)  # fmt: skip
def test_times_as_data_sets_spell_them(given: Any) -> None:
    assert post(launch(createdAt=given)).created_at == MOMENT


def test_fields_nobody_knows_are_counted() -> None:
    assert unknown_fields("post", {**launch(), "category": "x", "__typename": "Post"}) == {"post.category": 1}
    assert unknown_fields("comment", remark()) == {}


@needs_shared
def test_every_field_of_the_schema_is_known() -> None:
    text = (SHARED / "api" / "producthunt-schema.graphql").read_text()
    for kind in ("Post", "Comment", "Topic", "Collection", "User"):
        block = text.split(f"\ntype {kind} ", 1)[1].split("\n}", 1)[0].splitlines()[1:]
        names = {line.strip().partition(":")[0].partition("(")[0] for line in block}
        assert names == KNOWN[kind.lower()]


_leaf = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)
_json = st.recursive(
    _leaf,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
_keys = st.sampled_from(sorted({*launch(), *remark(), "replies", "parent", "followersCount", "image", "coverImage"}))
_given = st.dictionaries(
    _keys, _json | st.sampled_from(["0", "7", JANE, {"nodes": [{"id": "1"}]}, [{"id": {}}]]), max_size=12
)


@settings(max_examples=150, deadline=None)
@given(_given, st.sampled_from([LIVE, SAVED]))
def test_arbitrary_nodes_are_mapped_or_refused(node: dict[str, Any], look: Look) -> None:
    for mapped in (
        lambda: post_of(node, look),
        lambda: comment_of(node, post_id="1", look=look),
        lambda: [topic_of(node, look)],
        lambda: [collection_of(node, look)],
    ):
        try:
            records: Any = mapped()
        except RecordError:
            continue
        assert all(record.id if not isinstance(record, LinkListing) else record.owner for record in records)
        msgspec.json.encode(records).decode()
