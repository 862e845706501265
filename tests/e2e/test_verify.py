"""`hubbub verify`: each way in which credentials, platform and communities can be wrong has words of its own, the right
exit code, and costs no more requests than it must (rows 28, 29, 31 and 39)."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from hubbub.errors import ExitCode
from hubbub.http.retry import RetryPolicy
from hubbub.pipeline.verify import Checked, verify
from hubbub.plugins import registry
from hubbub.plugins.contracts import SourceSettings, Target
from hubbub.plugins.verifying import Verifies
from hubbub.simulator.faults import Clock, Limits, Scenario
from hubbub.simulator.server import Options, Running
from tests.cli.running import Outcome, hubbub
from tests.e2e.road import simulated
from tests.scripted import Scripted, scripted
from tests.shared import needs_shared
from tests.sources.reddit import recordings

NAME = "whatisthisbug"
CANARY = "CANARY-secret-77"
KEYS = ("client_id", "client_secret", "username", "password")
HASTY = RetryPolicy(attempts=1, rate_attempts=1, max_wait_s=1.0, attempt_s=5.0)
APP = {"client_id": "app", "client_secret": CANARY, "username": "me", "password": CANARY}


@pytest.fixture(scope="module")
def reddit() -> Iterator[Running]:
    with simulated(posts=3, comments=0) as running:
        yield running


@pytest.fixture(autouse=True)
def no_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("HUBBUB_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)


def configured(patch: pytest.MonkeyPatch, values: dict[str, str]) -> None:
    for key, value in values.items():
        patch.setenv(f"HUBBUB_REDDIT__{key.upper()}", value)


def right(running: Running, *keys: str) -> dict[str, str]:
    return {key: str(running[key]) for key in keys or KEYS}


def verified(*words: str, base: str, as_json: bool = True) -> Outcome:
    return hubbub("verify", *words, "--base-url", base, *(["--json"] if as_json else []))


def test_it_says_who_one_is_which_door_is_open_and_what_is_left(
    reddit: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    configured(monkeypatch, right(reddit))
    done = verified("reddit", base=reddit.url)
    (told,) = done.document["sources"]
    assert done.code == 0
    assert told["account"] == f"u/{reddit['username']}"
    assert told["door"].startswith("password")
    assert told["scopes"] == ["*"]
    assert told["requests"] == 2, "a token and one question"
    assert told["budget"]["remaining"] + told["budget"]["used"] == 1000
    assert 0 < told["budget"]["reset_s"] <= 600
    plain = verified("reddit", base=reddit.url, as_json=False)
    assert f"u/{reddit['username']}" in plain.out
    assert "requests left" in plain.out


@pytest.mark.parametrize(
    ("keys", "door"),
    [
        (("client_id", "client_secret"), "client credentials"),
        (("client_id",), "installed client"),
    ],
)
def test_an_application_without_a_user_says_so(
    reddit: Running, *, monkeypatch: pytest.MonkeyPatch, keys: tuple[str, ...], door: str
) -> None:
    configured(monkeypatch, right(reddit, *keys))
    (told,) = verified("reddit", base=reddit.url).document["sources"]
    assert (told["account"], told["exit_code"], told["requests"]) == (None, 0, 2)
    assert told["door"].startswith(door)
    assert told["budget"]["remaining"] > 0
    (named,) = verified(f"reddit:{NAME}", base=reddit.url).document["sources"]
    assert named["requests"] == 2, "who has no user is not asked for one where a community tells the budget"


def test_each_community_has_its_state_and_open_ones_cost_one_request_together(
    reddit: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    configured(monkeypatch, right(reddit))
    closed = {f"simulated_{state}": state for state in ("private", "quarantined", "gated", "banned")}
    names = [NAME, "SPIDERS", *closed, "nosuchplace", "u/nobody_at_all"]
    done = verified(*(f"reddit:{name}" for name in names), base=reddit.url)
    (told,) = done.document["sources"]
    assert done.code == ExitCode.PARTIAL
    states = {each["target"].removeprefix("reddit:"): each["state"] for each in told["targets"]}
    wanted = {NAME: "public", "SPIDERS": "public", **closed, "nosuchplace": "missing", "u/nobody_at_all": "missing"}
    assert states == wanted
    assert all(each["open"] == (each["state"] == "public") for each in told["targets"])
    assert all(each["said"] and each["advice"] for each in told["targets"] if not each["open"])
    assert told["requests"] == 3 + 6, "token, account, the open ones together, each other by itself"
    only_open = verified(f"reddit:{NAME}", "reddit:spiders", base=reddit.url)
    assert only_open.code == 0
    assert only_open.document["sources"][0]["requests"] == 3


@pytest.mark.parametrize(
    ("wrong", "code", "words", "advice", "requests"),
    [
        ({"password": CANARY}, 4, "invalid_grant", "two-factor: password:123456", 1),
        ({"client_secret": CANARY}, 4, "does not know this client_id and client_secret", "revoked", 1),
        ({"refresh_token": CANARY}, 4, "refresh token", "authorise the application again", 1),
        ({"scope": "identity"}, 4, "lacks a scope", "read and history", 3),
        ({"client_id": ""}, 10, "reddit.client_id is not set", "HUBBUB_REDDIT__CLIENT_ID", 0),
        ({"username": ""}, 10, "reddit.username is not", None, 0),
    ],
)
def test_wrong_settings_are_told_apart(
    reddit: Running,
    monkeypatch: pytest.MonkeyPatch,
    *,
    wrong: dict[str, str],
    code: int,
    words: str,
    advice: str | None,
    requests: int,
) -> None:
    values = {key: value for key, value in {**right(reddit), **wrong}.items() if value}
    configured(monkeypatch, values)
    done = verified(f"reddit:{NAME}", base=reddit.url)
    (told,) = done.document["sources"]
    assert (done.code, told["requests"]) == (code, requests)
    assert words in told["error"]["message"]
    assert (advice or "") in (told["error"]["advice"] or "")
    assert done.document["error"] == told["error"]
    assert CANARY not in done.out + done.err


def test_a_missing_identity_is_a_note_and_no_failure(reddit: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    configured(monkeypatch, {**right(reddit), "scope": "read"})
    (told,) = verified(f"reddit:{NAME}", base=reddit.url).document["sources"]
    assert (told["exit_code"], told["account"], told["scopes"]) == (0, None, ["read"])
    assert "identity" in told["note"]


@pytest.mark.parametrize(
    ("limits", "words"),
    [
        (Limits(requests=0), "too many requests"),
        (Limits(token_requests=0), "token endpoint had too many requests"),
    ],
)
def test_a_spent_budget_says_when_to_come_back(limits: Limits, words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    scenario = Scenario(clock=Clock(speed=0, step=0), limits=limits)
    with simulated(posts=1, comments=0, scenario=scenario) as running:
        configured(monkeypatch, right(running))
        done = verified("reddit", base=running.url)
    assert done.code == ExitCode.RATE_LIMITED
    assert words in done.document["error"]["message"]
    assert done.document["error"]["come_back_at"]
    assert done.document["sources"][0]["requests"] <= 2


def test_a_profile_is_a_credential_of_its_own(reddit: Running, tmp_path: Path) -> None:
    sections = {
        "collecting": {**right(reddit), "base_url": reddit.url},
        "teaching": {**right(reddit, "client_id", "client_secret"), "base_url": reddit.url},
    }
    lines = [
        f"[profiles.{name}.reddit]\n" + "".join(f"{key} = {json.dumps(value)}\n" for key, value in values.items())
        for name, values in sections.items()
    ]
    (tmp_path / "hubbub.toml").write_text("\n".join(lines))
    doors = [
        hubbub("--profile", name, "verify", "reddit", "--json").document["sources"][0]["door"].partition(":")[0]
        for name in sections
    ]
    assert doors == ["password", "client credentials"]


def test_without_arguments_every_source_that_is_set_up_is_asked(
    reddit: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    configured(monkeypatch, {**right(reddit), "base_url": reddit.url})
    done = hubbub("verify", "--json")
    assert [(each["source"], each["exit_code"]) for each in done.document["sources"]] == [("reddit", 0)]


def test_a_source_that_cannot_be_asked_for_a_name_is_a_usage_error(reddit: Running) -> None:
    assert hubbub("verify", "nowhere").code == ExitCode.USAGE
    assert hubbub("verify", "reddit:not a name", "--base-url", reddit.url).code in {ExitCode.USAGE, ExitCode.CONFIG}


def test_the_archive_is_verified_by_what_it_holds() -> None:
    with Running(Options(routes=[registry.load("simulators", "arctic")], posts=3, comments=0)) as running:
        done = hubbub("verify", f"arctic:{NAME}", "arctic:nosuchplace", "--base-url", str(running["arctic"]), "--json")
        bare = hubbub("verify", "arctic", "--base-url", str(running["arctic"]), "--json")
    (told,) = done.document["sources"]
    assert [each["state"] for each in told["targets"]] == ["archived", "missing"]
    assert (done.code, bare.code) == (3, 0)
    assert bare.document["sources"][0]["requests"] == 1


TOKEN = Scripted(body=json.dumps({"access_token": "t", "expires_in": 86400, "scope": "read identity"}).encode())
ME = Scripted(body=b'{"name": "me"}', headers={"x-ratelimit-remaining": "99", "x-ratelimit-reset": "9"})
BLOCK = Scripted(403, b"<html>whoa there, pardner!</html>", media_type="text/html")


def ask(answers: dict[str, Scripted], *names: str, base: str = "") -> tuple[Checked, list[str]]:
    """Verify against a server that answers these paths so; all others are not found."""
    with scripted(lambda path: answers.get(path, Scripted(404, b"nothing", media_type="text/plain"))) as server:
        settings = SourceSettings(values=APP, base_url=server.url + base)
        targets = [Target(source="reddit", name=name) for name in names]
        found = verify("reddit", targets, settings=settings, policy=HASTY)
    assert CANARY not in f"{found.error} {found.error and found.error.advice} {found.verdict}"
    return found, server.asked


@pytest.mark.parametrize(
    ("token", "me", "code", "words", "most"),
    [
        (TOKEN, Scripted(401, b'{"message": "Unauthorized", "error": 401}'), 4, "even with a new token", 4),
        (TOKEN, Scripted(403, b'{"message": "Forbidden", "error": 403}'), 4, "refuses the account", 2),
        (TOKEN, BLOCK, 6, "block page", 2),
        (BLOCK, ME, 6, "block page", 1),
        (TOKEN, Scripted(503, b"<html>", media_type="text/html"), 6, "503", 2),
        (Scripted(502, b"<html>", media_type="text/html"), ME, 6, "502", 1),
        (TOKEN, Scripted(200, b"<html>hello", media_type="text/html"), 6, "web page instead of data", 2),
        (TOKEN, Scripted(200, b'{"hello": "world"}'), 6, "no account of Reddit's", 2),
        (TOKEN, Scripted(200, b"not json"), 6, "", 2),
        (Scripted(404, b"no"), ME, 6, "this is not Reddit", 1),
        (Scripted(301, b"", {"location": "https://example.org/"}), ME, 6, "this is not Reddit", 1),
        (Scripted(200, b'{"error": "unauthorized_client"}'), ME, 4, "only script apps", 1),
        (Scripted(200, b'{"error": "invalid_scope"}'), ME, 4, "invalid_scope", 1),
        (Scripted(200, b"[]"), ME, 4, "without a token", 1),
        (Scripted(429, b"{}", {"retry-after": "7"}), ME, 5, "token endpoint had too many requests", 1),
        (TOKEN, Scripted(429, b"", {"retry-after": "7"}, "text/html"), 5, "too many requests", 2),
    ],
)
def test_what_no_simulator_shows_is_told_apart_too(
    *, token: Scripted, me: Scripted, code: int, words: str, most: int
) -> None:
    found, asked = ask({"/api/v1/access_token": token, "/api/v1/me": me})
    assert found.error is not None
    assert (int(found.exit_code), found.error.advice is not None) == (code, True)
    assert words in str(found.error)
    assert len(asked) == found.requests <= most


def about(**data: Any) -> Scripted:
    return Scripted(body=json.dumps({"kind": "t5", "data": {"id": "1", **data}}).encode())


@pytest.mark.parametrize(
    ("answer", "state", "code"),
    [
        (about(display_name="Bugs", subreddit_type="restricted"), "restricted", 0),
        (about(display_name="bugs", subreddit_type="archived"), "archived", 0),
        (about(display_name="bugs", subreddit_type="private"), "private", 0),
        (about(display_name="bugs", subreddit_type="public", quarantine=True), "quarantined", 0),
        (about(display_name="insects", subreddit_type="public"), "renamed", 3),
        (Scripted(301, b"", {"location": "https://oauth.reddit.com/r/insects/about"}), "renamed", 3),
        (Scripted(302, b"", {"location": "https://oauth.reddit.com/subreddits/search?q=bugs"}), "missing", 3),
        (Scripted(body=b'{"kind": "Listing", "data": {"children": []}}'), "missing", 3),
        (Scripted(404, b'{"message": "Not Found", "error": 404}'), "missing", 3),
        (Scripted(403, b'{"reason": "gold_only", "message": "Forbidden", "error": 403}'), "gold_only", 3),
        (Scripted(403, b'{"message": "Forbidden", "error": 403}'), "forbidden", 3),
        (Scripted(451, b""), "unavailable", 3),
        (Scripted(500, b"<html>", media_type="text/html"), "unknown", 6),
        (Scripted(body=b'{"kind": "wiki"}'), "unknown", 6),
        (Scripted(body=b"[[["), "unknown", 6),
    ],
)
def test_every_answer_about_a_community_is_a_state(answer: Scripted, state: str, code: int) -> None:
    found, asked = ask({"/api/v1/access_token": TOKEN, "/api/v1/me": ME, "/r/bugs/about": answer}, "bugs")
    assert found.verdict is not None
    (standing,) = found.verdict.standings
    assert (standing.state, int(found.exit_code)) == (state, code)
    assert len(asked) == 3
    assert standing.said or not code


def test_a_block_page_in_the_middle_ends_it() -> None:
    found, _ = ask({"/api/v1/access_token": TOKEN, "/api/v1/me": ME, "/r/bugs/about": BLOCK}, "bugs")
    assert found.verdict is None
    assert "block page" in str(found.error)


def test_ours_fulfil_the_contract() -> None:
    assert all(isinstance(registry.load("sources", name), Verifies) for name in ("reddit", "arctic"))


CODES = {401: 4, 403: 4, 429: 5}
"""What a recorded refusal of /api/v1/me ends with; everything else means that platform or address is at fault."""


@needs_shared
@pytest.mark.parametrize("entry", [pytest.param(e, id=e["file"]) for e in recordings.of_kind("error")])
def test_every_recorded_error_ends_in_words_and_a_code_and_nothing_else(entry: dict[str, Any]) -> None:
    """Each body comes with its recorded status and headers, as the account, as the token and as a community."""
    kept = {"location", "www-authenticate", "retry-after", "content-type"}
    headers = {k: v for k, v in entry["headers"].items() if k in kept or k.startswith("x-ratelimit")}
    media_type = headers.pop("content-type", "text/plain")
    recorded = Scripted(entry["status"], recordings.body(entry), headers, media_type)
    status, html = entry["status"], "html" in media_type

    as_account, asked = ask({"/api/v1/access_token": TOKEN, "/api/v1/me": recorded})
    login = "login" in entry["headers"].get("location", "")
    assert int(as_account.exit_code) == (4 if login else 6 if status == 403 and html else CODES.get(status, 6))
    told(as_account)
    assert len(asked) <= 4

    as_token, asked = ask({"/api/v1/access_token": recorded})
    elsewhere = {301, 302, 404}
    wanted = 5 if status == 429 else 6 if status in elsewhere or status >= 500 or (status == 200 and html) else 4
    assert int(as_token.exit_code) == wanted
    told(as_token)
    assert len(asked) == 1

    as_place, asked = ask({"/api/v1/access_token": TOKEN, "/api/v1/me": ME, "/r/bugs/about": recorded}, "bugs")
    if status in {401, 429} or login:
        assert int(as_place.exit_code) == CODES.get(status, 4)
        told(as_place)
    else:
        assert as_place.verdict is not None
        (standing,) = as_place.verdict.standings
        assert int(as_place.exit_code) == (3 if closed(entry) else 6)
        assert standing.said
        assert "<" not in standing.said


def closed(entry: dict[str, Any]) -> bool:
    """Whether a recorded refusal says something of the community, as the index and the reference tell."""
    location = entry["headers"].get("location", "")
    moved = entry["status"] in {301, 302} and ("/r/" in location or "/subreddits/search" in location)
    return entry["status"] in {403, 404, 451} or moved


def told(found: Checked) -> None:
    assert found.error is not None
    assert str(found.error)
    assert "<" not in str(found.error), "no page of theirs in words of ours"
    assert "Traceback" not in str(found.error)


@needs_shared
@pytest.mark.parametrize("entry", [pytest.param(e, id=e["file"]) for e in recordings.of_kind("token")])
def test_every_recorded_token_opens_the_door_and_tells_its_scopes(entry: dict[str, Any]) -> None:
    body = recordings.body(entry)
    token = Scripted(body=body.replace(b"<ACCESS_TOKEN>", b"redacted").replace(b"<REFRESH_TOKEN>", b"redacted"))
    found, _ = ask({"/api/v1/access_token": token, "/api/v1/me": ME})
    assert found.verdict is not None
    assert found.scopes == tuple(json.loads(body)["scope"].split())
