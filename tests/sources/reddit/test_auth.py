"""Which login the settings mean, what goes over the wire, and what a refusal tells the user to do."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from hubbub.errors import AuthError, BlockedError, ConfigError, HubbubError, TransientRemoteError
from hubbub.http.access import Access, Token
from hubbub.http.messages import Request
from hubbub.plugins.contracts import SourceSettings
from hubbub.sources.reddit import SOURCE, api
from tests.sources.drive import answer

APP = {"client_id": "app", "client_secret": "s3cret"}
GOOD = {"access_token": "tok", "token_type": "bearer", "expires_in": 86400, "scope": "*"}


def access(base_url: str | None = None, **values: str) -> Access:
    return SOURCE.access(SourceSettings(values=values, base_url=base_url))


def request_of(found: Access) -> Request:
    assert found.token is not None
    return next(found.token())


def run(found: Access, body: Any, **kind: Any) -> Token:
    assert found.token is not None
    flow = found.token()
    request = next(flow)
    with pytest.raises(StopIteration) as stop:
        flow.send(answer(request, body, **kind))
    token = stop.value.value
    assert isinstance(token, Token)
    return token


@pytest.mark.parametrize(
    ("values", "grant"),
    [
        (APP, "client_credentials"),
        ({**APP, "username": "u", "password": "p"}, "password"),
        ({**APP, "refresh_token": "r", "username": "u", "password": "p"}, "refresh_token"),
        ({**APP, "device_id": "d" * 24}, "https://oauth.reddit.com/grants/installed_client"),
        ({"client_id": "app"}, "https://oauth.reddit.com/grants/installed_client"),
    ],
)
def test_the_settings_choose_the_grant(values: dict[str, str], grant: str) -> None:
    request = request_of(access(**values))
    assert dict(request.form)["grant_type"] == grant
    assert request.url == "https://www.reddit.com/api/v1/access_token"
    assert not request.authorize
    assert not any(secret in request.url for secret in values.values() if len(secret) > 3)


def test_each_reader_of_an_application_is_another_account_and_none_is_named() -> None:
    readers = [
        APP,
        {**APP, "username": "ann", "password": "x"},
        {**APP, "username": "ben", "password": "x"},
        {**APP, "username": "ben", "password": "x", "scope": "read"},
        {**APP, "refresh_token": "r1"},
        {**APP, "refresh_token": "r2"},
    ]
    accounts = [access(**values).account for values in readers]
    assert len(set(accounts)) == len(readers)
    assert accounts == [access(**values).account for values in readers]
    assert access(**{**readers[1], "password": "changed"}).account == accounts[1]
    assert not any(word in account for account in accounts for word in ("ann", "ben", "r1", "s3cret"))


def test_the_app_signs_with_basic_auth() -> None:
    header = dict(request_of(access(**APP)).headers)["authorization"]
    assert base64.b64decode(header.removeprefix("Basic ")) == b"app:s3cret"


def test_a_stand_in_answers_token_requests_itself() -> None:
    found = access("http://127.0.0.1:9/", **APP)
    assert request_of(found).url == "http://127.0.0.1:9/api/v1/access_token"


@pytest.mark.parametrize(
    ("values", "missing"),
    [
        ({}, "client_id"),
        ({**APP, "password": "p"}, "username"),
        ({"client_id": "a", "username": "u", "password": "p"}, "client_secret"),
        ({**APP, "user_agent": "a\r\nb"}, "user_agent"),
    ],
)
def test_a_missing_setting_is_named(values: dict[str, str], missing: str) -> None:
    with pytest.raises(ConfigError, match=missing):
        access(**values)


def test_the_user_agent_is_the_one_reddit_asks_for() -> None:
    agent = access(**APP, username="Some_One").user_agent
    assert agent.startswith("python:hubbub:")
    assert agent.endswith("(by /u/Some_One)")
    assert access(**APP, user_agent="mine/1").user_agent == "mine/1"


def test_a_rotated_refresh_token_is_used_from_then_on() -> None:
    found = access(**APP, refresh_token="first")
    assert run(found, {**GOOD, "refresh_token": "second"}).refresh_token == "second"
    assert dict(request_of(found).form)["refresh_token"] == "second"
    assert run(found, {**GOOD, "refresh_token": "second"}).refresh_token is None


def test_a_token_that_comes_with_a_refusal_is_none() -> None:
    with pytest.raises(AuthError):
        run(access(**APP), GOOD, status=400)


def test_a_refresh_token_nobody_asked_for_is_left_alone() -> None:
    assert run(access(**APP), {**GOOD, "refresh_token": "unasked"}).refresh_token is None


@pytest.mark.parametrize(
    ("expires", "seconds"),
    [
        (3600, 3600),
        (86400, 86400),
        ("3600", 3600),
        (0, 3600),
        (-1, 3600),
        (1, 60),
        (10**18, 604800),
        (None, 3600),
        (True, 3600),
        ("soon", 3600),
        ({}, 3600),
    ],
)
def test_lifetimes_are_made_sane(expires: Any, seconds: int) -> None:
    assert run(access(**APP), {**GOOD, "expires_in": expires}).expires_in_s == seconds


@pytest.mark.parametrize(
    ("status", "body", "error", "words"),
    [
        (200, {"error": "invalid_grant"}, AuthError, "invalid_grant"),
        (200, {"error": "unauthorized_client"}, AuthError, "script"),
        (400, {"error": "invalid_request"}, AuthError, "invalid_request"),
        (401, {"message": "Unauthorized", "error": 401}, AuthError, "client_id"),
        (403, b"<html>whoa there, pardner!</html>", BlockedError, "block page"),
        (503, b"<html>", TransientRemoteError, "503"),
        (200, b"nonsense", AuthError, "without a token"),
        (200, b"[" * 20000, AuthError, "without a token"),
    ],
)
def test_a_refused_login_says_why_and_what_to_do(
    *, status: int, body: Any, error: type[HubbubError], words: str
) -> None:
    found = access(**APP)
    assert found.token is not None
    flow = found.token()
    request = next(flow)
    with pytest.raises(error, match=words) as caught:
        flow.send(answer(request, body, status=status))
    assert caught.value.advice
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"x-ratelimit-remaining": "997.0", "x-ratelimit-used": "3", "x-ratelimit-reset": "412"}, (997.0, 3.0, 412.0)),
        ({"x-ratelimit-remaining": "0", "x-ratelimit-reset": "9"}, (0.0, None, 9.0)),
        ({"x-ratelimit-remaining": "nan", "x-ratelimit-reset": "9"}, None),
        ({"x-ratelimit-remaining": "-1", "x-ratelimit-reset": "9"}, (-1.0, None, 9.0)),
        ({"x-ratelimit-remaining": "5", "x-ratelimit-reset": "soon"}, None),
        ({"x-ratelimit-remaining": "5", "x-ratelimit-reset": "1e300"}, (5.0, None, 86400.0)),
        ({}, None),
    ],
)
def test_a_budget_is_read_or_left_alone(headers: dict[str, str], expected: Any) -> None:
    reading = api.read_budget(answer(Request(url="/x"), b"", headers=headers.items()))
    assert (reading and (reading.remaining, reading.used, reading.reset_s)) == expected


@pytest.mark.parametrize(
    ("status", "headers", "body", "error"),
    [
        (401, {}, b"", AuthError),
        (403, {"www-authenticate": 'Bearer realm="reddit", error="insufficient_scope"'}, b"{}", AuthError),
        (403, {"content-type": "text/html"}, b"<!doctype html>blocked by network security", BlockedError),
        (302, {"location": "http://www.reddit.com/login?dest=x"}, b"", AuthError),
        (502, {}, b"<html>", TransientRemoteError),
    ],
)
def test_refusals_that_end_a_run_are_told_apart(
    *, status: int, headers: dict[str, str], body: bytes, error: type[HubbubError]
) -> None:
    with pytest.raises(error) as caught:
        api.check_status(answer(Request(url="/r/x/new"), body, status=status, headers=headers.items()))
    assert caught.value.advice
