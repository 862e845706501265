"""What becomes of single posts and comments: removal in all its forms, media, odd values."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hubbub.records.facets import Facet
from hubbub.records.models import Comment, MediaItem, Post, Reason, Stub, Tombstone
from hubbub.sources.reddit import SOURCE
from hubbub.sources.reddit.fields import extra_of
from tests.sources.drive import NOW
from tests.sources.reddit.forest import post_data

POST = post_data("abc", comments=3)
COMMENT = {
    "id": "c1",
    "link_id": "t3_abc",
    "parent_id": "t3_abc",
    "subreddit": "Bugs",
    "author": "Helper",
    "author_fullname": "t2_h",
    "body": "a beetle",
    "score": 1,
    "created_utc": 1_700_000_000.0,
    "edited": False,
    "replies": "",
}


def saved(kind: str, data: dict[str, Any]) -> Any:
    body = json.dumps({"kind": "Listing", "data": {"after": None, "children": [{"kind": kind, "data": data}]}}).encode()
    return SOURCE.decode_saved(body, where="x.json", observed_at=1_700_000_100, now=NOW)


def one(kind: str, data: dict[str, Any], **over: Any) -> Any:
    decoded = saved(kind, {**data, **over})
    (record,) = [record for record in decoded.records if not isinstance(record, Stub)]
    return record


def post(**over: Any) -> Any:
    return one("t3", POST, **over)


def comment(**over: Any) -> Any:
    return one("t1", COMMENT, **over)


@pytest.mark.parametrize(
    ("over", "reason"),
    [
        ({"author": "[deleted]", "selftext": "[deleted]", "removed_by_category": "deleted"}, Reason.AUTHOR),
        ({"author": "[deleted]", "selftext": "[deleted]"}, Reason.AUTHOR),
        ({"selftext": "[deleted]"}, Reason.MODERATOR),
        ({"selftext": " [removed] \n", "removed_by_category": "moderator"}, Reason.MODERATOR),
        ({"selftext": "[removed]"}, Reason.MODERATOR),
        ({"removed_by_category": "automod_filtered"}, Reason.MODERATOR),
        ({"removed_by_category": "reddit"}, Reason.MODERATOR),
        ({"removed_by_category": "reddit", "title": "[ Removed by Reddit ]"}, Reason.STAFF),
        ({"selftext": "[ Removed by Reddit ]"}, Reason.STAFF),
        ({"removed_by_category": "anti_evil_ops"}, Reason.STAFF),
        ({"removed_by_category": "community_ops"}, Reason.STAFF),
        ({"removed_by_category": "content_takedown"}, Reason.STAFF),
        ({"removed_by_category": "copyright_takedown"}, Reason.LEGAL),
        ({"removed_by_category": "legal_operations"}, Reason.LEGAL),
        ({"removal_reason": "legal"}, Reason.LEGAL),
        ({"removal_reason": "legal", "removed_by_category": "reddit"}, Reason.LEGAL),
        ({"removal_reason": "legal", "removed_by_category": "deleted"}, Reason.AUTHOR),
        ({"selftext": "[ Removed by Reddit in response to a copyright notice. ]"}, Reason.LEGAL),
        ({"removed_by_category": "author"}, Reason.AUTHOR),
        ({"removed_by_category": "something_new"}, Reason.MODERATOR),
        ({"author": "[deleted]", "title": "[deleted by user]"}, Reason.AUTHOR),
    ],
)
def test_a_withdrawn_post_is_a_tombstone_with_its_place(over: dict[str, Any], reason: Reason) -> None:
    stone = post(**over)
    assert isinstance(stone, Tombstone)
    assert (stone.reason, stone.id, stone.community) == (reason, "t3_abc", "bugs")
    assert (stone.created_at, stone.at) == (1_700_000_000, 1_700_000_100)


@pytest.mark.parametrize(
    ("over", "reason"),
    [
        ({"author": "[deleted]", "body": "[deleted]"}, Reason.AUTHOR),
        ({"author": "[deleted]", "body": "[removed]"}, Reason.MODERATOR),
        ({"body": "[ Removed by Reddit ]"}, Reason.STAFF),
        ({"author": "", "body": "[removed]"}, Reason.MODERATOR),
    ],
)
def test_a_withdrawn_comment_is_a_tombstone_with_its_place(over: dict[str, Any], reason: Reason) -> None:
    stone = comment(**over)
    assert isinstance(stone, Tombstone)
    assert (stone.reason, stone.post_id, stone.parent_id) == (reason, "t3_abc", "t3_abc")


@pytest.mark.parametrize("body", ["[removed]", "[deleted]"])
def test_a_comment_whose_author_typed_the_words_is_kept(body: str) -> None:
    assert comment(body=body).body == body


def test_an_account_that_is_gone_loses_its_name_and_keeps_its_text() -> None:
    for record in (post(author="[deleted]", author_fullname="t2_x"), comment(author="[deleted]")):
        assert record.author_gone
        assert (record.author, record.author_name, record.author_id, record.author_flair) == (None, None, None, None)
        assert record.stated & Facet.AUTHOR
    assert comment(author="[deleted]").body == "a beetle"


@pytest.mark.parametrize("author", [None, "", "[unavailable]", "[removed]"])
def test_an_author_nobody_names_is_not_stated(author: str | None) -> None:
    record = post(author=author)
    assert not record.author_gone
    assert not record.stated & Facet.AUTHOR


def test_what_a_block_hides_is_no_deletion() -> None:
    hidden = comment(author="[deleted]", body="[unavailable]", author_is_blocked=True)
    assert isinstance(hidden, Comment)
    assert not hidden.stated & (Facet.AUTHOR | Facet.CONTENT)


def test_keys_are_folded_and_names_are_kept() -> None:
    decoded = saved("t1", COMMENT)
    record = decoded.records[0]
    assert (record.author, record.author_name, record.author_id) == ("helper", "Helper", "t2_h")
    assert (record.community, record.community_name) == ("bugs", "Bugs")
    mentions = {(stub.kind, stub.id, stub.name) for stub in decoded.records if isinstance(stub, Stub)}
    assert mentions == {("user", "helper", "Helper"), ("community", "bugs", "Bugs")}


def test_a_record_set_aside_leaves_no_mention_behind() -> None:
    decoded = saved("t3", {**POST, "title": {"en": "x"}, "score": "many"})
    assert not decoded.records
    assert (len(decoded.rejected), decoded.repaired) == (1, 0)
    assert b'"en"' in decoded.rejected[0].raw


def test_people_by_id_state_no_profile() -> None:
    body = json.dumps({"t2_h": {"name": "Helper", "created_utc": 1.3e9, "link_karma": 1, "comment_karma": 2}}).encode()
    (user,) = SOURCE.decode_saved(body, where="x", observed_at=5, now=NOW).records
    assert (user.id, user.platform_id, user.stated) == ("helper", "t2_h", Facet.FRAME | Facet.NUMBERS)  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("edited", "expected"),
    [
        (False, (False, None)),
        (True, (True, None)),
        (1.7e9, (True, 1_700_000_000)),
        ("1700000000", (True, 1_700_000_000)),
        (None, (None, None)),
    ],
)
def test_edits_have_a_time_or_none(edited: Any, expected: tuple[bool | None, int | None]) -> None:
    assert (post(edited=edited).edited, post(edited=edited).edited_at) == expected


def test_a_post_without_anything_but_an_id_and_a_time_is_kept() -> None:
    bare = one("t3", {"id": "abc", "created_utc": 1_700_000_000})
    assert isinstance(bare, Post)
    assert (bare.title, bare.score, bare.over_18, bare.body, bare.url) == (None,) * 5


JUNK = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.lists(st.integers(), max_size=2)
    | st.dictionaries(st.text(), st.integers(), max_size=2)
)


@given(
    data=st.dictionaries(
        st.sampled_from(
            [
                *POST,
                "media",
                "preview",
                "gallery_data",
                "media_metadata",
                "poll_data",
                "crosspost_parent_list",
                "is_video",
                "url",
            ]
        ),
        JUNK,
    )
)
def test_no_value_breaks_the_mapping(data: dict[str, Any]) -> None:
    body = json.dumps({"kind": "t3", "data": {**POST, **data}}).encode()
    decoded = SOURCE.decode_saved(body, where="x", observed_at=5, now=NOW)
    kept = [record for record in decoded.records if not isinstance(record, Stub)]
    assert len(kept) + len(decoded.rejected) == 1


def link(url: str, **over: Any) -> tuple[MediaItem, ...]:
    found: tuple[MediaItem, ...] = post(is_self=False, url=url, **over).media
    return found


SIGNED = "https://preview.redd.it/xyz123.jpg?width=640&auto=webp&s=aa"


def test_a_gallery_keeps_its_own_order_and_originals() -> None:
    metadata = {
        "bb": {
            "status": "valid",
            "e": "Image",
            "m": "image/png",
            "s": {"x": 9, "y": 8, "u": "https://preview.redd.it/bb.png?s=1"},
        },
        "aa": {
            "status": "valid",
            "e": "AnimatedImage",
            "m": "image/gif",
            "s": {
                "x": 1,
                "y": 2,
                "gif": "https://i.redd.it/aa.gif",
                "mp4": "https://preview.redd.it/aa.gif?format=mp4&s=2",
            },
        },
        "cc": {"status": "unprocessed"},
        "dd": {
            "status": "valid",
            "e": "Image",
            "m": "image/jpg",
            "s": {},
            "p": [{"u": "https://preview.redd.it/dd.jpeg?s=3"}],
        },
    }
    items = [
        {"media_id": "aa", "id": 1},
        {"media_id": "bb", "id": 2, "caption": "wing"},
        {"media_id": "cc"},
        {"media_id": "dd"},
        {"media_id": "ee"},
        {"media_id": "bb", "is_deleted": True},
    ]
    found = link(
        "https://www.reddit.com/gallery/abc", is_gallery=True, gallery_data={"items": items}, media_metadata=metadata
    )
    assert [(i.kind, i.url, i.status) for i in found] == [
        ("animated", "https://i.redd.it/aa.gif", None),
        ("gallery", "https://i.redd.it/bb.png", None),
        ("gallery", None, "unprocessed"),
        ("gallery", "https://i.redd.it/dd.jpeg", None),
        ("gallery", None, "missing"),
        ("gallery", None, "deleted"),
    ]
    assert (found[1].caption, found[1].width, found[1].fallback_url) == (
        "wing",
        9,
        "https://preview.redd.it/bb.png?s=1",
    )


@pytest.mark.parametrize(
    ("url", "kind", "original"),
    [
        ("https://i.redd.it/xyz123.jpg", "image", "https://i.redd.it/xyz123.jpg"),
        ("https://i.redd.it/xyz123.gif", "animated", "https://i.redd.it/xyz123.gif"),
        (SIGNED, "image", "https://i.redd.it/xyz123.jpg"),
        ("https://preview.redd.it/a-nice-title-v0-xyz123.jpeg?s=1", "image", "https://i.redd.it/xyz123.jpeg"),
        ("https://i.imgur.com/AbCdE.jpg?1", "external", "https://i.imgur.com/AbCdE.jpg"),
        ("https://i.imgur.com/AbCdE_d.jpg?maxwidth=520", "external", "https://i.imgur.com/AbCdE.jpg"),
        ("https://i.imgur.com/AbCdE.gifv", "external", "https://i.imgur.com/AbCdE.mp4"),
        ("https://imgur.com/AbCdEfG", "external", "https://i.imgur.com/AbCdEfG.jpg"),
        ("https://example.org/pic.PNG", "external", "https://example.org/pic.PNG"),
    ],
)
def test_a_link_to_a_picture_becomes_its_original(url: str, kind: str, original: str) -> None:
    (item,) = link(url)
    assert (item.kind, item.url) == (kind, original)


@pytest.mark.parametrize(
    "url", ["https://imgur.com/a/abcde", "https://example.org/page", "javascript:x.png", "http://[x.png"]
)
def test_other_links_show_nothing(url: str) -> None:
    assert link(url) == ()


def test_a_signed_preview_is_only_a_fallback() -> None:
    preview = {"images": [{"source": {"url": SIGNED, "width": 640, "height": 480}}]}
    (item,) = link("https://i.redd.it/xyz123.jpg", preview=preview)
    assert (item.fallback_url, item.width, item.height) == (SIGNED, 640, 480)


def test_a_video_says_how_it_lies() -> None:
    video = {
        "fallback_url": "https://v.redd.it/vid9/CMAF_720.mp4?source=fallback",
        "width": 0,
        "height": 720,
        "duration": 8,
        "transcoding_status": "completed",
    }
    (item,) = link("https://v.redd.it/vid9", is_video=True, media={"reddit_video": video})
    assert (item.kind, item.media_id, item.width, item.height, item.status) == ("video", "vid9", None, 720, None)
    assert item.details == '{"duration":8}'


def test_a_crosspost_shows_its_parents_media_and_says_so() -> None:
    parent = post_data("par", comments=0) | {"is_self": False, "url": "https://i.redd.it/par1.png"}
    record = post(is_self=False, url="/r/x/comments/par/", crosspost_parent="t3_par", crosspost_parent_list=[parent])
    assert [(i.url, i.crosspost) for i in record.media] == [("https://i.redd.it/par1.png", True)]
    assert (record.post_type, record.crosspost_parent) == ("crosspost", "t3_par")
    assert (
        post(is_self=False, url="https://v.redd.it/q", crosspost_parent="t3_par", crosspost_parent_list=[]).media == ()
    )


@pytest.mark.parametrize(
    "over",
    [
        {"removed_by_category": "moderator"},
        {"author": "[deleted]", "selftext": "[deleted]"},
        {"selftext": "[removed]"},
        {"removal_reason": "legal"},
    ],
)
def test_a_crosspost_of_what_was_withdrawn_shows_nothing(over: dict[str, Any]) -> None:
    parent = post_data("par", comments=0) | {"is_self": False, "url": "https://i.redd.it/par1.png"} | over
    record = post(is_self=False, url="/r/x/comments/par/", crosspost_parent="t3_par", crosspost_parent_list=[parent])
    assert record.media == ()


def test_an_old_image_host_makes_an_image_post() -> None:
    assert post(is_self=False, url="https://i.redditmedia.com/xyz123.jpg").post_type == "image"


def test_a_collection_takes_its_authors_name_nowhere() -> None:
    record = post(collections=[{"title": "finds", "author_name": "Somebody", "author_id": "t2_s"}])
    assert record.extra is None or "Somebody" not in record.extra


def test_what_may_not_be_indexed_says_so() -> None:
    assert post(is_robot_indexable=False).extra == '{"is_robot_indexable":false}'
    assert post(is_robot_indexable=True).extra is None


def test_a_platform_id_is_an_accounts_or_none() -> None:
    assert post(author_fullname="t5_x").author_id is None


def test_who_blocked_the_reader_is_not_gone() -> None:
    record = post(author="[deleted]", author_is_blocked=True)
    assert (record.author_gone, bool(record.stated & Facet.AUTHOR)) == (False, False)


def test_pictures_inside_a_text_come_in_its_order() -> None:
    entry = {"status": "valid", "e": "Image", "m": "image/png", "s": {"x": 1, "y": 1}}
    metadata = {"one1": entry, "two2": entry, "emote|t5_x|1": entry, "unused": entry}
    text = "see ![img](two2) and ![img](one1) ![img](emote|t5_x|1)"
    assert [i.media_id for i in post(selftext=text, media_metadata=metadata).media] == ["two2", "one1"]
    assert [i.url for i in comment(body=text, media_metadata=metadata).media] == [
        "https://i.redd.it/two2.png",
        "https://i.redd.it/one1.png",
    ]


def test_a_poll_keeps_its_options_and_its_end_in_seconds() -> None:
    poll = {
        "options": [{"id": "1", "text": "moth"}, {"id": "2", "text": "fly"}],
        "total_vote_count": 9,
        "voting_end_timestamp": 1_707_004_800_000,
    }
    record = post(poll_data=poll)
    assert record.post_type == "poll"
    assert json.loads(record.media[0].details) == {"options": poll["options"], "ends_at": 1_707_004_800}
    assert post(poll_data=False).media == ()


def test_extra_is_compact_and_canonical() -> None:
    record = post(
        suggested_sort="new",
        contest_mode=False,
        is_robot_indexable=True,
        pinned=True,
        gilded=0,
        thumbnail="x",
        author_premium=True,
    )
    assert record.extra == '{"pinned":true,"suggested_sort":"new"}'


def test_no_author_is_named_inside_extra() -> None:
    unknown: dict[str, int] = {}
    shelf = [{"title": "Finds", "author_name": "Asker", "more": {"author_id": "t2_x", "size": 3}}]
    extra = extra_of({"id": "1abc", "new_shelf": shelf}, kind="post", unknown=unknown)
    assert extra == '{"new_shelf":[{"more":{"size":3},"title":"Finds"}]}'
