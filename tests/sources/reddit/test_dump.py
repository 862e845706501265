"""Archive lines of all eras."""

from __future__ import annotations

import json
from typing import Any

import pytest
from backports import zstd

from hubbub.plugins.contracts import Decoded
from hubbub.records.facets import Facet
from hubbub.records.models import Comment, Door, Post, Reason, Stub, Tombstone
from hubbub.sources.reddit import SOURCE
from tests.shared import DATA, FAULTS, needs_shared
from tests.sources.drive import NOW

ARCHIVE = DATA / "archive"
FETCHED = 1_706_745_615
AGAIN = 1_706_875_209

POST: dict[str, Any] = {
    "id": "1abc",
    "title": "What is it?",
    "selftext": "found in the kitchen",
    "author": "Asker",
    "subreddit": "WhatIsThisBug",
    "created_utc": FETCHED - 60,
    "retrieved_on": FETCHED,
    "is_self": True,
    "score": 5,
    "num_comments": 2,
}
COMMENT: dict[str, Any] = {
    "id": "kod",
    "body": "a beetle",
    "link_id": "t3_1abc",
    "parent_id": "t3_1abc",
    "author": "Helper",
    "subreddit": "WhatIsThisBug",
    "created_utc": FETCHED - 60,
    "retrieved_on": FETCHED,
    "score": -3,
}


def decode(*values: Any, now: int = NOW) -> Decoded:
    lines = [value if isinstance(value, bytes) else json.dumps(value).encode() for value in values]
    return SOURCE.decode_lines(lines, where="RS.zst", first_line=1, now=now)


def only(value: Any, **over: Any) -> Any:
    decoded = decode({**value, **over})
    assert not decoded.rejected
    (record,) = content(decoded)
    return record


def content(decoded: Decoded) -> list[Any]:
    return [record for record in decoded.spread() if not isinstance(record, Stub)]


def lines_of(name: str) -> list[bytes]:
    raw = (ARCHIVE / name).read_bytes()
    if name.endswith(".zst"):
        options = {int(zstd.DecompressionParameter.window_log_max): 31}
        raw = zstd.decompress(raw, options=options)
    return raw.splitlines()


@needs_shared
@pytest.mark.parametrize(
    ("name", "count"),
    [
        ("RC_2005-12.zst", 1_075),
        ("RS_2019-10_one_subreddit.zst", 8_271),
        ("RS_mixed_years.ndjson", 24),
        ("RC_mixed_years.ndjson", 21),
    ],
)
def test_every_line_of_the_real_samples_is_a_record(name: str, count: int) -> None:
    lines = lines_of(name)
    whole = SOURCE.decode_lines(lines, where=name, first_line=1, now=NOW)
    assert len(content(whole)) == len(lines) == count
    assert (whole.rejected, whole.repaired, whole.filtered) == ((), 0, 0)
    assert not whole.unknown_fields
    parts = [SOURCE.decode_lines(lines[n : n + 7], where=name, first_line=n + 1, now=NOW) for n in range(0, count, 7)]
    split = sorted((r for part in parts for r in content(part)), key=repr)
    assert split == sorted(content(whole), key=repr), "how a file is split changes no record"


@needs_shared
def test_old_archives_are_unescaped_and_removed_texts_are_tombstones() -> None:
    records = content(SOURCE.decode_lines(lines_of("RC_2005-12.zst"), where="RC", first_line=1, now=NOW))
    assert not any("&gt;" in (r.body or "") for r in records if isinstance(r, Comment))
    assert any(">" in (r.body or "") for r in records if isinstance(r, Comment))
    assert sum(isinstance(r, Tombstone) for r in records) == 105 + 15
    assert sum(isinstance(r, Comment) and r.author_gone for r in records) == 65


def test_a_second_fetch_dates_the_numbers_and_not_the_text() -> None:
    post = only(POST, _meta={"retrieved_2nd_on": AGAIN})
    read_again = [post.stated_at(facet) for facet in (Facet.FRAME, Facet.NUMBERS)]
    assert read_again == [AGAIN, AGAIN]
    assert [post.stated_at(facet) for facet in (Facet.AUTHOR, Facet.CONTENT, Facet.EXTRA)] == [FETCHED] * 3
    assert (post.door, post.terms, post.community, post.id) == (Door.DUMP, "archive", "whatisthisbug", "t3_1abc")


def test_a_second_fetch_before_the_first_dates_nothing() -> None:
    post = only(POST, _meta={"retrieved_2nd_on": FETCHED - 5})
    assert post.stated_at(Facet.NUMBERS) == FETCHED


@pytest.mark.parametrize(
    ("over", "expected"),
    [
        ({"retrieved_on": None, "retrieved_utc": FETCHED + 5}, FETCHED + 5),
        ({"retrieved_on": str(FETCHED)}, FETCHED),
        ({"retrieved_on": None, "created_utc": 1_135_000_000}, 1_136_073_599),
        ({"_meta": {"retrieved_2nd_on": AGAIN, "was_initially_deleted": True}}, AGAIN),
        ({"_meta": {"retrieved_2nd_on": AGAIN, "note": "initially_unavailable"}}, AGAIN),
    ],
)
def test_a_line_is_dated_by_its_retrieval(over: dict[str, Any], expected: int) -> None:
    post = only(POST, **over)
    assert {post.stated_at(facet) for facet in (Facet.FRAME, Facet.CONTENT, Facet.NUMBERS)} == {expected}


def test_the_month_that_runs_is_dated_now() -> None:
    decoded = decode({**POST, "created_utc": NOW - 5, "retrieved_on": None})
    assert content(decoded)[0].observed_at == NOW


@pytest.mark.parametrize("created", [FETCHED, float(FETCHED), str(FETCHED), FETCHED * 1000, f"{FETCHED}.0"])
def test_times_come_in_many_forms(created: Any) -> None:
    assert only(COMMENT, created_utc=created).created_at == FETCHED


@pytest.mark.parametrize("created", [None, "", 0, -5, 1_000_000_000, NOW + 200_000, 10**40, "soon", True, [1]])
def test_an_impossible_time_is_set_aside(created: Any) -> None:
    decoded = decode({**POST, "created_utc": created}, COMMENT)
    assert [r.where for r in decoded.rejected] == ["RS.zst:1"]
    assert [r.id for r in content(decoded)] == ["t1_kod"]


def test_a_retrieval_ahead_of_now_is_set_aside() -> None:
    assert "ahead" in decode({**POST, "retrieved_on": NOW + 10**6}).rejected[0].reason


@pytest.mark.parametrize(
    ("value", "kind", "reason"),
    [
        ("deleted", COMMENT, Reason.AUTHOR),
        ("removed", COMMENT, Reason.MODERATOR),
        ("removed by reddit", COMMENT, Reason.STAFF),
        ("automod_filtered", POST, Reason.MODERATOR),
        ("copyright_takedown", POST, Reason.LEGAL),
        (None, POST, Reason.GONE),
    ],
)
def test_what_was_deleted_later_brings_no_text(value: str | None, kind: dict[str, Any], reason: Reason) -> None:
    meta = {"retrieved_2nd_on": AGAIN, "was_deleted_later": True, "removal_type": value}
    decoded = decode({**kind, "_meta": meta})
    (stone,) = content(decoded)
    assert isinstance(stone, Tombstone)
    assert (stone.reason, stone.at) == (reason, AGAIN)
    assert not any(isinstance(r, Stub) and r.kind == "user" for r in decoded.records)


def test_advertisements_are_filtered() -> None:
    decoded = decode({**POST, "promoted": True}, {**POST, "subreddit": None}, {**POST, "promoted": False})
    assert (decoded.filtered, len(content(decoded))) == (2, 1)


def test_what_a_line_leaves_out_is_derived() -> None:
    comment = only(COMMENT)
    assert comment.permalink == "/r/WhatIsThisBug/comments/1abc/_/kod/"
    assert only(POST).permalink == "/r/WhatIsThisBug/comments/1abc/"
    assert (comment.post_id, comment.parent_id, comment.score) == ("t3_1abc", "t3_1abc", -3)


def test_a_comment_does_not_carry_the_title_of_its_post_in_its_permalink() -> None:
    comment = only(COMMENT, permalink="/r/WhatIsThisBug/comments/1abc/who_am_i/kod/")
    assert comment.permalink == "/r/WhatIsThisBug/comments/1abc/_/kod/"
    assert only(POST, permalink="/r/x/comments/1abc/who_am_i/").permalink == "/r/x/comments/1abc/who_am_i/"


def test_ids_as_numbers_are_read_as_base_36() -> None:
    comment = only(COMMENT, link_id=int("1abc", 36), parent_id=int("1abc", 36))
    assert (comment.post_id, comment.parent_id) == ("t3_1abc", "t3_1abc")


def test_kind_is_told_by_the_record() -> None:
    wrapped = {"kind": "t3", "data": POST}
    foreign = {**COMMENT, "link_id": None}
    del foreign["link_id"]
    kinds = [[type(record) for record in content(decode(line))] for line in (COMMENT, POST, wrapped, foreign)]
    assert kinds == [[Comment], [Post], [Post], [Comment]]
    assert content(decode(POST)) == content(decode(wrapped))


def test_entities_are_undone_only_where_the_era_and_the_line_say_so() -> None:
    old = {
        **COMMENT,
        "body": "&gt; is it?\n\nyes &amp;lt;",
        "retrieved_on": 1_600_000_000,
        "created_utc": 1_599_000_000,
    }
    assert only(old).body == "> is it?\n\nyes &lt;"
    assert only(old, body="a > b &gt;").body == "a > b &gt;"
    assert only(COMMENT, body="I typed &gt;").body == "I typed &gt;"


def test_private_fields_are_never_kept_and_unknown_ones_are_counted() -> None:
    decoded = decode({**POST, "likes": True, "banned_by": "mod", "saved": True, "brand_new": 7, "mod_fresh": "x"})
    extra = json.loads(content(decoded)[0].extra or "{}")
    assert extra == {}
    assert decoded.unknown_fields == {"post.brand_new": 1}


def test_blank_lines_and_a_byte_order_mark_are_nothing() -> None:
    decoded = decode(b"\xef\xbb\xbf" + json.dumps(POST).encode(), b"", b"  \r", json.dumps(COMMENT).encode() + b"\r")
    assert len(content(decoded)) == 2
    assert not decoded.rejected


def test_a_record_after_another_line_keeps_its_number() -> None:
    decoded = SOURCE.decode_lines([b"{}", b"x"], where="f", first_line=41, now=NOW)
    assert [r.where for r in decoded.rejected] == ["f:41", "f:42"]


CASES = [
    case
    for case in (json.loads((FAULTS / "archives" / "index.json").read_bytes())["cases"] if FAULTS.is_dir() else [])
    if "generator" not in case and case["file"].startswith("line-")
]


@needs_shared
@pytest.mark.parametrize("case", CASES, ids=lambda case: case["id"])
def test_a_bad_line_is_repaired_or_set_aside_and_its_neighbours_stay(case: dict[str, Any]) -> None:
    raw = zstd.decompress((FAULTS / "archives" / case["file"]).read_bytes())
    decoded = SOURCE.decode_lines(raw.split(b"\n"), where="f", first_line=1, now=NOW)
    outcome = "quarantine" if decoded.rejected else "repair" if decoded.repaired else "accept"
    assert outcome in case["outcomes"]
    assert len(content(decoded)) >= case["good"]
    bad = {int(r.where.rsplit(":", 1)[-1]) for r in decoded.rejected}
    assert bad <= set(case.get("bad_lines", ()))


def test_what_is_set_aside_bears_the_key_under_which_it_would_be_stored() -> None:
    late = {"retrieved_on": NOW + 10 * 86_400}
    lines = [POST | {"title": {}}, COMMENT | {"created_utc": "soon"}, POST | late, COMMENT | {"id": "t1_kod", **late}]
    rejected = decode(*lines).rejected
    assert [(item.kind, item.id) for item in rejected] == [
        ("post", "t3_1abc"),
        ("comment", "t1_kod"),
        ("post", "t3_1abc"),
        ("comment", "t1_kod"),
    ]
