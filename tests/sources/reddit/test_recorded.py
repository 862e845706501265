"""Real answers, recorded from the platform: nothing in them is lost, and refusals are told apart."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from hubbub.errors import (
    AuthError,
    HubbubError,
    InputError,
    RateLimitedError,
    RemoteError,
    TransientRemoteError,
    UnavailableError,
)
from hubbub.records.facets import Facet
from hubbub.records.models import Comment, Community, Door, Post, Stub, Tombstone, User
from hubbub.sources.reddit import SOURCE, api
from hubbub.sources.reddit.auth import read_token
from tests.shared import needs_shared
from tests.sources.drive import NOW
from tests.sources.reddit import recordings

pytestmark = needs_shared

DECODED = (
    "post_listing",
    "comment_listing",
    "user_listing",
    "empty_listing",
    "thread",
    "session",
    "info",
    "search",
    "subreddits",
    "subreddit_about",
    "user_about",
    "users_by_id",
    "rules",
    "collections",
)
KINDS = {"t1": "comment", "t2": "user", "t3": "post", "t5": "community"}


def params(*kinds: str) -> list[Any]:
    return [pytest.param(entry, id=entry["file"]) for entry in recordings.of_kind(*kinds)]


def decode(body: bytes) -> Any:
    return SOURCE.decode_saved(body, where="saved.json", observed_at=None, now=NOW)


@pytest.mark.parametrize("entry", params(*DECODED))
def test_every_thing_of_a_recorded_answer_is_stored_or_set_aside(entry: dict[str, Any]) -> None:
    body = recordings.body(entry)
    if entry["status"] != 200:
        with pytest.raises(InputError):
            decode(body)
        return
    value = json.loads(body)
    wanted = Counter(KINDS[kind] for kind, _ in recordings.things(value))
    if entry["kind"] == "users_by_id":
        wanted = Counter({"user": len(value)})
    elif entry["kind"] == "user_about" and "kind" not in value:
        wanted = Counter({"user": 1})
    elif entry["kind"] == "rules":
        wanted = Counter({"community": 1})
    elif isinstance(value, list) and entry["kind"] == "collections":
        with pytest.raises(InputError):
            decode(body)
        return
    decoded = decode(body)
    kept = [record for record in decoded.records if not isinstance(record, Stub)]
    assert Counter(r.kind for r in kept) + Counter(r.kind for r in decoded.rejected) == wanted
    assert decoded.repaired == 0, "nothing in a real answer needs repair"
    allowed = {"the answer does not say whose rules these are"} if entry["kind"] == "rules" else set()
    assert {r.reason for r in decoded.rejected} <= allowed
    assert all(record.door is Door.SAVED for record in kept)


OTHERS = sorted((recordings.REDDIT / "other_clients").rglob("*/*.json"))
NO_RECORDS = {"error.json", "subreddit_post-requirements.json"}


@pytest.mark.parametrize("path", OTHERS, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_what_other_clients_saved_is_read_too(path: Path) -> None:
    if path.name in NO_RECORDS:
        with pytest.raises(InputError):
            decode(path.read_bytes())
        return
    decoded = decode(path.read_bytes())
    assert decoded.records or [r.reason for r in decoded.rejected] == ["the answer does not say whose rules these are"]
    assert decoded.repaired == 0
    assert not decoded.unknown_fields


@pytest.mark.parametrize("entry", params("post_listing", "user_listing", "search", "info"))
def test_recorded_posts_keep_what_they_say(entry: dict[str, Any]) -> None:
    value = json.loads(recordings.body(entry))
    decoded = decode(recordings.body(entry))
    posts = {(record.id, record.score): record for record in decoded.records if isinstance(record, Post)}
    stones = {record.id for record in decoded.records if isinstance(record, Tombstone)}
    for kind, data in recordings.things(value):
        if kind != "t3" or "t3_" + data["id"] in stones:
            continue
        post = posts["t3_" + data["id"], data["score"]]
        assert post.community_name == data.get("subreddit"), "only advertisements of 2015 have none"
        assert post.created_at == int(data["created_utc"])
        assert post.comment_count == data["num_comments"]
        assert (post.author_name, post.author_gone) in {(data["author"], False), (None, data["author"] == "[deleted]")}
        assert (post.url is None) == data["is_self"]
        assert all(item.url is None or "preview.redd.it" not in item.url for item in post.media)
        private = {"likes", "saved", "mod_reports", "approved_by", "banned_by", "author_cakeday"}
        assert not private & set(json.loads(post.extra or "{}"))


def test_the_withdrawn_of_the_recordings_carry_no_text() -> None:
    stones: Counter[tuple[str, str]] = Counter()
    for entry in recordings.of_kind("post_listing", "thread", "info", "search", "session", "user_listing"):
        if entry["status"] != 200:
            continue
        for record in decode(recordings.body(entry)).records:
            if isinstance(record, Tombstone):
                stones[record.kind, str(record.reason)] += 1
            elif isinstance(record, Post | Comment):
                assert (record.body or "").strip() not in {"[removed]", "[deleted]", "[ Removed by Reddit ]"}
    assert stones["post", "moderator"]
    assert stones["post", "author"]
    assert stones["comment", "author"]
    assert stones["comment", "moderator"]


def test_answers_asked_for_without_raw_json_are_unescaped_once() -> None:
    entry = next(e for e in recordings.of_kind("session") if e["file"].endswith("thread_yjk55_2015/001_comments.json"))
    raw = {d["id"]: d["body"] for k, d in recordings.things(json.loads(recordings.body(entry))) if k == "t1"}
    escaped = {"t1_" + key for key, text in raw.items() if "&gt;" in text}
    assert escaped
    for record in decode(recordings.body(entry)).records:
        if isinstance(record, Comment) and record.id in escaped:
            assert "&gt;" not in (record.body or "")
            assert ">" in (record.body or "")


def test_a_suspended_person_is_kept_by_name() -> None:
    body = json.dumps({"kind": "t2", "data": {"name": "Gone_One", "is_suspended": True, "total_karma": 0}}).encode()
    (user,) = SOURCE.decode_saved(body, where="x", observed_at=5, now=NOW).records
    assert isinstance(user, User)
    assert (user.id, user.is_suspended, user.platform_id) == ("gone_one", True, None)


def test_a_community_states_all_but_its_rules() -> None:
    entry = next(e for e in recordings.of_kind("subreddit_about") if e["status"] == 200)
    (community,) = decode(recordings.body(entry)).records
    assert isinstance(community, Community)
    assert community.stated == Facet.ALL & ~Facet.RULES


def error_of(entry: dict[str, Any]) -> HubbubError | None:
    try:
        api.check_status(recordings.response(entry))
    except HubbubError as error:
        return error
    return None


@pytest.mark.parametrize("entry", [e for e in params("error") if "access_token" not in e.values[0]["path"]])
def test_a_recorded_refusal_says_what_it_means(entry: dict[str, Any]) -> None:
    error = error_of(entry)
    status = entry["status"]
    if status == 200:
        assert error is None
        with pytest.raises(InputError):
            decode(recordings.body(entry))
        return
    assert error is not None
    classes: dict[int, type[HubbubError]] = {
        401: AuthError,
        403: UnavailableError,
        404: UnavailableError,
        429: RateLimitedError,
        500: TransientRemoteError,
    }
    assert isinstance(error, classes.get(status, RemoteError | AuthError))
    location = entry["headers"].get("location", "")
    if status == 302 and "search" in location:
        assert isinstance(error, UnavailableError)
        assert "PRAW_g6og0xf5xf" in str(error)
    if b'"quarantined"' in recordings.body(entry):
        assert "quarantined" in str(error)


def test_a_dead_refresh_token_is_told_apart_from_a_busy_endpoint() -> None:
    answers = {e["status"]: e for e in recordings.of_kind("error") if "access_token" in e["path"]}
    with pytest.raises(AuthError, match="refresh token"):
        read_token(recordings.response(answers[400]), grant_type="refresh_token")
    with pytest.raises(RateLimitedError):
        read_token(recordings.response(answers[429]), grant_type="password")


@pytest.mark.parametrize("entry", params("token"))
def test_recorded_tokens_are_read(entry: dict[str, Any]) -> None:
    token = read_token(recordings.response(entry), grant_type="password")
    assert token.expires_in_s in {3600, 86400}


@pytest.mark.parametrize("entry", params("info"))
def test_recorded_budgets_are_read(entry: dict[str, Any]) -> None:
    budget = api.read_budget(recordings.response(entry))
    given = entry["headers"].get("x-ratelimit-remaining")
    assert (budget is None) == (given is None)
    if budget is not None:
        assert budget.remaining == float(given)
