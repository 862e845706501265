"""Files that others made of Product Hunt's answers, told by their shape."""

from __future__ import annotations

import contextlib
import json
import logging
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hubbub.errors import InputError
from hubbub.plugins.contracts import Decoded, FileReader
from hubbub.plugins.files import RowReader, TimedReader
from hubbub.records.models import Collection, Comment, Door, LinkListing, Post, Topic
from hubbub.sources.producthunt import SOURCE
from tests.shared import DATA, needs_shared
from tests.sources.producthunt.looking import JANE, JANES, NOW, launch, remark

FOLDER = DATA / "producthunt"
MOMENT = 1_763_452_860


def lines(*values: Any, observed_at: int | None = None) -> Decoded:
    """Each value as a line; bytes as they are."""
    reader: FileReader = SOURCE if observed_at is None else SOURCE.observed(observed_at)
    some = [value if isinstance(value, bytes) else json.dumps(value).encode() for value in values]
    return reader.decode_lines(some, where="f", first_line=1, now=NOW)


def saved(value: Any, observed_at: int | None = None) -> Decoded:
    body = value if isinstance(value, bytes) else json.dumps(value).encode()
    return SOURCE.decode_saved(body, where="f.json", observed_at=observed_at, now=NOW)


def reasons(found: Decoded) -> list[tuple[str, str]]:
    return [(one.where, one.reason) for one in found.rejected]


def kinds(found: Decoded) -> list[str]:
    return [type(record).__name__ for record in found.records]


def test_the_plug_in_reads_files_lines_and_tables() -> None:
    assert isinstance(SOURCE, FileReader)
    assert isinstance(SOURCE, TimedReader)
    assert isinstance(SOURCE, RowReader)
    assert SOURCE.mapping_version == 1


def test_a_launch_a_line() -> None:
    found = lines(launch(), b"", launch(id="2", topics=["AI"]))
    assert kinds(found) == ["Post", "LinkListing", "Post"]
    (first, *_) = found.records
    assert isinstance(first, Post)
    assert (first.door, first.terms, first.author) == (Door.SAVED, "producthunt-snapshot", None)
    assert first.observed_at == MOMENT + 3540, "the greatest time inside"


def test_times_of_a_line_by_their_rank() -> None:
    day = 1_764_000_000
    assert [r.observed_at for r in lines({"id": "1", "votesCount": 1}, observed_at=day).records] == [day]  # type: ignore[union-attr]
    assert lines(launch(topics=[]), observed_at=day).records[0].observed_at == day  # type: ignore[union-attr]
    told = lines({"fetchedAt": "2025-11-20T00:00:00.273Z", "posts": [launch(topics=[])]}, observed_at=day)
    assert told.records[0].observed_at == 1_763_596_800  # type: ignore[union-attr]
    assert reasons(lines({"id": "1", "votesCount": 1})) == [("f:1", "no time is in it: give --observed-at")]
    assert reasons(lines(launch(), observed_at=NOW + 86_401)) == [("f:1", "observed more than a day ahead")]
    assert reasons(lines({"fetchedAt": "soon", "posts": [launch()]})) == [("f:1", "fetchedAt is no time")]
    assert not lines(launch(), observed_at=NOW + 86_400).rejected


@pytest.mark.parametrize("name", ["post_id", "postId", "product_id"])
def test_a_comment_names_its_launch(name: str) -> None:
    (found,) = lines({**remark(), name: 1037362}).records
    assert isinstance(found, Comment)
    assert (found.id, found.post_id) == ("5005144", "1037362")
    assert not lines({**remark(), name: "1"}).unknown_fields
    assert reasons(lines(remark())) == [("f:1", "the id of the post is missing")]


def test_a_broken_reply_takes_none_along() -> None:
    found = lines({**remark(), "post_id": "1", "replies": [remark(id="2"), remark(id=None), remark(id="4")]})
    assert [record.id for record in found.records] == ["5005144", "2", "4"]  # type: ignore[union-attr]
    assert reasons(found) == [("f:1", "id is missing")]


def test_answers_as_they_came() -> None:
    page = {"nodes": [launch(), launch(id="2", createdAt="never")], "pageInfo": {"hasNextPage": True}}
    found = saved({"data": {"posts": page}})
    assert kinds(found) == ["Post", "LinkListing"]
    assert reasons(found) == [("f.json", "createdAt is no time")]
    assert (found.rejected[0].kind, found.rejected[0].id) == ("post", "2")
    one = saved({"data": {"post": launch(comments={"edges": [{"cursor": "MQ", "node": remark()}]})}})
    assert kinds(one) == ["Post", "LinkListing", "Comment"]
    assert isinstance(one.records[2], Comment)
    assert one.records[2].post_id == "1037362"
    assert kinds(lines({"data": {"posts": page}})) == ["Post", "LinkListing"], "also as lines"
    assert saved({"data": {"post": None}}).records == []


def test_topics_and_collections_of_answers() -> None:
    collection = {
        "id": "9",
        "name": "Best",
        "followersCount": 3,
        "url": "https://www.producthunt.com/@janeroe/collections/best",
        "posts": {"nodes": [{"id": "1"}, launch(id="2", topics=[])], "pageInfo": {"hasNextPage": False}},
    }
    found = saved({"data": {"collection": collection, "topics": {"nodes": [{"id": "46", "name": "AI"}]}}}, MOMENT)
    assert kinds(found) == ["Collection", "LinkListing", "Post", "Topic"]
    kept, listing, _, topic = found.records
    assert isinstance(kept, Collection)
    assert isinstance(listing, LinkListing)
    assert isinstance(topic, Topic)
    assert (kept.slug, listing.members, listing.complete, topic.name) == ("best", ("1", "2"), True, "AI")


RATE = {"error": "rate_limit_reached", "error_description": "Sorry.", "details": {"limit": 6250, "remaining": -50}}
FIELD = {"message": "Field 'x' doesn't exist on type 'Post'", "locations": [{"line": 1, "column": 2}], "path": ["q"]}


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ({"data": None, "errors": [RATE]}, "rate_limit_reached: Sorry."),
        ({"errors": [FIELD]}, "Field 'x' doesn't exist on type 'Post'"),
        ({"data": None, "errors": [{"error": "invalid_oauth_token"}, FIELD]}, "invalid_oauth_token; Field 'x'"),
        ({"error": "rate_limit_reached", "message": "Wait.", "reset_in": 359}, "rate_limit_reached: Wait."),
        ({"errors": [{}]}, "an error without words"),
    ],
)
def test_error_answers_are_refused_in_the_platforms_words(answer: Any, words: str) -> None:
    with pytest.raises(InputError, match="error answer of Product Hunt: ") as refused:
        saved(answer)
    assert words in str(refused.value)
    found = lines(answer, launch())
    assert kinds(found) == ["Post", "LinkListing"]
    assert [where for where, _ in reasons(found)] == ["f:1"]
    assert words in found.rejected[0].reason


def test_an_answer_that_is_partly_errors_keeps_the_rest() -> None:
    found = saved({"data": {"posts": {"nodes": [launch()]}, "topics": None}, "errors": [FIELD]})
    assert kinds(found) == ["Post", "LinkListing"]
    assert [reason.partition(":")[0] for _, reason in reasons(found)] == ["an error answer of Product Hunt"]


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b'{"data": {"posts": ', "is no JSON"),
        (b"[" * 100_000, "nested too deeply"),
        (b"3", "holds no answer"),
        (b"[1]", "holds no answer"),
        (b'{"data": {"viewer": {"user": {"id": "7"}}}}', "people, whom hubbub does not store"),
        (b'{"kind": "Listing", "data": {"children": []}}', "nothing that hubbub reads"),
        (b'{"foo": 1}', "nothing that hubbub reads"),
    ],
)
def test_files_that_are_something_else_are_refused(body: bytes, words: str) -> None:
    with pytest.raises(InputError, match=words):
        saved(body)


def test_anything_else_in_lines_is_set_aside_and_the_rest_goes_on() -> None:
    found = lines(b'{"id": 1', b"[" * 100_000, b"[]", b'"x"', {"foo": 1}, {"id": "5", "name": "x"}, launch())
    assert reasons(found) == [
        ("f:1", "the line is no JSON"),
        ("f:2", "the line is nested too deeply to read"),
        ("f:3", "the line holds no JSON object"),
        ("f:4", "the line holds no JSON object"),
        ("f:5", "no time is in it: give --observed-at"),
        ("f:6", "no time is in it: give --observed-at"),
    ]
    assert kinds(found) == ["Post", "LinkListing"]
    assert reasons(lines({"id": "5", "name": "x"}, observed_at=NOW)) == [
        ("f:1", "neither a post nor a comment, topic or collection")
    ]


def test_names_as_data_sets_spell_them() -> None:
    node = {
        "id": 7,
        "name": "x",
        "votes_count": "12",
        "comments_count": "3.0",
        "created_at": "2025-11-18 08:01:00",
        "topics": "['AI', \"Kids' games\"]",
        "thumbnail_url": "https://a.org/t.png",
        "maker_inside": "?",
    }
    found = lines(node, {**node, "id": 8, "topics": '["AI"]'}, {**node, "id": 9, "topics": "AI; Dev Tools"})
    posts = [record for record in found.records if isinstance(record, Post)]
    assert [(post.score, post.comment_count, post.created_at) for post in posts] == [(12, 3, MOMENT)] * 3
    assert [post.extra for post in posts] == [
        '{"topics":["AI","Kids\' games"]}',
        '{"topics":["AI"]}',
        '{"topics":["AI","Dev Tools"]}',
    ]
    assert posts[0].media[0].url == "https://a.org/t.png"
    assert found.unknown_fields == {"post.maker_inside": 3}


def test_nothing_of_a_person_gets_anywhere(caplog: pytest.LogCaptureFixture) -> None:
    """An old-style data set still names people: in records, in what is set aside, in messages, in logs."""
    caplog.set_level(logging.DEBUG)
    people = {"user": JANE, "makers": [JANE], "hunter": JANE, "maker_name": "Jane Roe", "votes": [{"user": JANE}]}
    collection = {"id": "3", "tagline": "x", "followersCount": 1, "user": JANE, "createdAt": "2015-01-01T00:00:00Z"}
    collection["url"] = JANE["url"] + "/collections/best"
    talk = {**remark(), **people, "post_id": "1", "replies": [{**remark(id="!"), **people}]}
    found = [
        lines(
            {**launch(), **people},
            {**launch(createdAt="never"), **people},
            {**launch(votesCount="many", comments=[{**remark(id="!"), **people}]), **people},
            talk,
            {**remark(), **people},
            collection,
            {**collection, "followersCount": -1},
            JANE,
            {"id": "77", "name": "Jane Roe", "twitter": "jane"},
            {"fetchedAt": "2015-01-01T00:00:00Z", "posts": [JANE]},
            json.dumps({**launch(), **people}).encode()[:-1],
            [JANE],
            observed_at=NOW,
        ),
        saved({"data": {"posts": {"nodes": [{**launch(), **people}, {**launch(id=None), **people}]}}}),
        saved([{"data": {"post": {**launch(), **people}, "viewer": {"user": JANE}}}]),
    ]
    assert sum(len(some.rejected) for some in found) == 13
    told = msgspec.json.encode(
        [[some.records, [(r.reason, r.raw.decode(), r.id, r.kind) for r in some.rejected]] for some in found]
    ).decode()
    with pytest.raises(InputError) as refused:
        saved({"data": {"user": JANE}})
    for word in JANES:
        assert word not in (told + str(refused.value) + caplog.text).lower()
    assert '"author":"' not in told


_FIELDS = (
    *("id", "data", "errors", "posts", "post", "nodes", "edges", "node", "body", "post_id", "createdAt", "user"),
    *("fetchedAt", "comments", "replies", "topics", "votesCount", "followersCount", "collection", "error"),
)
_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(_FIELDS),
            inner,
            max_size=5,
        )
    ),
    max_leaves=15,
)


@settings(max_examples=200, deadline=None)
@given(_json)
def test_arbitrary_json_is_read_or_refused(value: Any) -> None:
    found = lines(value, observed_at=NOW)
    assert found.records is not None
    with contextlib.suppress(InputError):
        saved(value, NOW)


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=60))
def test_arbitrary_bytes_are_one_line_set_aside_or_read(line: bytes) -> None:
    found = lines(line.replace(b"\n", b" "), observed_at=NOW)
    assert len(found.rejected) <= 1


@needs_shared
def test_recorded_posts_and_comments_lose_nothing() -> None:
    for name, count in (("posts_2025-11.ndjson", 110), ("posts_2025-12_extra_columns.ndjson", 140)):
        raw = [json.loads(line) for line in (FOLDER / name).read_bytes().splitlines()]
        found = SOURCE.decode_block(
            (FOLDER / name).read_bytes().strip(), count=count, where=name, first_line=1, now=NOW
        )
        assert (len(found.records), found.rejected) == (count, ())
        for node, record in zip(raw, found.records, strict=True):
            assert isinstance(record, Post)
            assert (record.id, record.title, record.tagline) == (
                node["id"],
                node["name"].strip(),
                node["tagline"].strip(),
            )
            assert (record.body, record.score) == (node["description"].strip(), node["votesCount"])
            assert len(json.loads(record.extra or "{}")["topics"]) >= 1
            assert (record.permalink or "").startswith("/products/")
            assert "Application" not in msgspec.json.encode(record).decode()
    assert found.unknown_fields == {"post.category": 140, "post.processed_text": 140}
    name = "comments_2025-11.ndjson"
    talk = SOURCE.decode_block((FOLDER / name).read_bytes().strip(), count=321, where=name, first_line=1, now=NOW)
    assert (len(talk.records), talk.rejected, talk.unknown_fields) == (321, (), {})
    assert all(isinstance(record, Comment) and record.body for record in talk.records)
    assert "[REDACTED]" not in msgspec.json.encode(talk.records).decode()
