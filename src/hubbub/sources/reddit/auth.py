"""How a token is got: which of Reddit's grants the settings allow, the request, and what a refusal means (§3)."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Generator, Mapping
from typing import Any

import msgspec

from hubbub import __version__
from hubbub.errors import AuthError, BlockedError, ConfigError, RateLimitedError, RemoteError, TransientRemoteError
from hubbub.http.access import LONGEST_LIFE_S, SHORTEST_LIFE_S, Token
from hubbub.http.messages import Request, Response
from hubbub.sources.reddit.api import SEE_CREDENTIALS, come_back_at, object_in
from hubbub.sources.reddit.values import number_of

TOKEN_URL = "https://www.reddit.com/api/v1/access_token"  # noqa: S105 - an address, not a password
INSTALLED_GRANT = "https://oauth.reddit.com/grants/installed_client"
_ANONYMOUS_DEVICE = "DO_NOT_TRACK_THIS_DEVICE"
_USUAL_S = 3_600

TokenFlow = Callable[[], Generator[Request, Response, Token]]


def user_agent(values: Mapping[str, str]) -> str:
    """The User-Agent Reddit asks for: `platform:app:version (by /u/name)`; a `user_agent` setting replaces it.

    Raises ConfigError when the setting cannot be a header."""
    given = values.get("user_agent")
    if given:
        if not given.isprintable() or not given.isascii():
            raise ConfigError("reddit.user_agent holds characters that a header cannot carry")
        return given
    name = values.get("username") or "unknown"
    safe = "".join(c for c in name if c.isascii() and (c.isalnum() or c in "_-")) or "unknown"
    return f"python:hubbub:{__version__} (by /u/{safe})"


def grant(values: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    """The form fields of the grant these settings allow: a refresh token before a password before an app alone.

    Raises ConfigError, naming the setting that is missing."""
    if not values.get("client_id"):
        raise ConfigError(
            "reddit.client_id is not set: Reddit's API needs an approved app of your own",
            advice=f"set HUBBUB_REDDIT__CLIENT_ID and HUBBUB_REDDIT__CLIENT_SECRET; {SEE_CREDENTIALS}. "
            "Without any account, `hubbub sync arctic:NAME` and `hubbub import` read archives",
        )
    if values.get("refresh_token"):
        return (("grant_type", "refresh_token"), ("refresh_token", values["refresh_token"]))
    if values.get("username") and values.get("password"):
        _need_secret(values, why="a password")
        fields = (("grant_type", "password"), ("username", values["username"]), ("password", values["password"]))
        return (*fields, *_scope(values))
    if values.get("password"):
        raise ConfigError("reddit.password is set, but reddit.username is not")
    if values.get("device_id"):
        return (("grant_type", INSTALLED_GRANT), ("device_id", values["device_id"]), *_scope(values))
    if values.get("client_secret"):
        return (("grant_type", "client_credentials"), *_scope(values))
    return (("grant_type", INSTALLED_GRANT), ("device_id", _ANONYMOUS_DEVICE), *_scope(values))


def account(values: Mapping[str, str]) -> str:
    """A digest of who reads and with which scopes: what one user of an application is shown, another may not see."""
    told = [values.get(name, "") for name in ("client_id", "username", "refresh_token", "device_id", "scope")]
    return hashlib.blake2b(msgspec.json.encode([grant(values)[0][1], *told]), digest_size=16).hexdigest()


def token_flow(values: Mapping[str, str], *, base_url: str | None) -> TokenFlow:
    """A function that begins one run of the flow; a rotated refresh token is used from then on, and kept nowhere else.

    `base_url` is set for a server that stands in for Reddit: it then answers token requests too."""
    fields = grant(values)
    url = TOKEN_URL if base_url is None else base_url.rstrip("/") + "/api/v1/access_token"
    basic = base64.b64encode(f"{values['client_id']}:{values.get('client_secret', '')}".encode()).decode()
    current = {"refresh_token": values.get("refresh_token")}

    def run() -> Generator[Request, Response, Token]:
        form = tuple(
            (key, current["refresh_token"] or "") if key == "refresh_token" else (key, value) for key, value in fields
        )
        try:
            response = yield Request(
                method="POST",
                url=url,
                form=form,
                headers=(("authorization", f"Basic {basic}"),),
                route="token",
                authorize=False,
            )
        except RateLimitedError as error:
            raise _too_many(error.until) from None
        token = read_token(response, grant_type=fields[0][1])
        held = current["refresh_token"]
        rotated = token.refresh_token if held and token.refresh_token != held else None
        current["refresh_token"] = rotated or held
        return msgspec.structs.replace(token, refresh_token=rotated)

    return run


def read_token(response: Response, *, grant_type: str) -> Token:
    """The token in an answer of the token endpoint: success is a usable `access_token`, whatever the status.

    Raises AuthError with what to do, or what a failing platform, a block page or a rate limit calls for."""
    said = object_in(response.body)
    status = response.status
    error = said.get("error")
    if status == 200 and "access_token" in said:
        return _token(said)
    if status == 429:
        raise _too_many(come_back_at(response))
    if status == 403 and response.body.lstrip()[:1] == b"<":
        raise BlockedError("Reddit's edge turned the login away with a block page (403 HTML)", advice=SEE_CREDENTIALS)
    if status >= 500:
        raise TransientRemoteError(f"Reddit's token endpoint answered {status}", advice="try again later")
    if status == 401:
        raise AuthError(
            "Reddit does not know this client_id and client_secret",
            advice="compare both with the application's page; one that is no longer listed there was deleted or "
            f"revoked; {SEE_CREDENTIALS}",
        )
    if 300 <= status < 400 or status in {404, 405, 410}:
        raise RemoteError(
            f"{response.url} gives no tokens ({status}): this is not Reddit",
            advice="check reddit.base_url or --base-url; without either, Reddit itself is asked",
        )
    if isinstance(error, str) and error in _REFUSED:
        words, advice = _REFUSED[error]
        raise AuthError(words, advice=advice)
    if status == 400 and grant_type == "refresh_token":
        raise AuthError(
            "Reddit does not accept the refresh token (revoked, replaced, or unused for a year)",
            advice=f"authorise the application again and put the new one into reddit.refresh_token; {SEE_CREDENTIALS}",
        )
    given = f": {error}"[:120] if isinstance(error, str) else ""
    raise AuthError(
        f"Reddit's token endpoint answered {status} without a token{given}",
        advice=f"if reddit.base_url is set, is it right? {SEE_CREDENTIALS}",
    )


def _too_many(until: int | None) -> RateLimitedError:
    return RateLimitedError(
        "Reddit's token endpoint had too many requests",
        until=until,
        advice="logins have a limit of their own, apart from the budget: start fewer commands, and come back then",
    )


_REFUSED = {
    "invalid_grant": (
        "Reddit refused the login (invalid_grant)",
        "check username and password (two-factor: password:123456); the account must be a developer of the app",
    ),
    "unauthorized_client": (
        "Reddit refused the login: only script apps may use a password (unauthorized_client)",
        "create a script app, or leave username and password out",
    ),
    "invalid_request": ("Reddit refused the login (invalid_request)", "device_id must have 20 to 30 characters"),
    "invalid_scope": ("Reddit refused the scope (invalid_scope)", "leave reddit.scope out"),
    "unsupported_grant_type": ("Reddit refused the kind of login (unsupported_grant_type)", SEE_CREDENTIALS),
}


def _token(said: dict[str, Any]) -> Token:
    value = said["access_token"]
    if not isinstance(value, str) or not value or not value.isascii() or not value.isprintable() or " " in value:
        raise AuthError("Reddit answered with a token that cannot be one", advice="check the address of the platform")
    renewed = said.get("refresh_token")
    usable = isinstance(renewed, str) and bool(renewed) and renewed.isascii() and renewed.isprintable()
    return Token(
        value=value,
        expires_in_s=_lifetime(said.get("expires_in")),
        refresh_token=renewed if usable else None,
        scopes=tuple(scope.replace(",", " ").split()) if isinstance(scope := said.get("scope"), str) else None,
    )


def _lifetime(value: Any) -> int:
    """Seconds a token is used for: as stated where that can be true, an hour where it is no number or not positive."""
    seconds = number_of(value)
    if seconds is None or not seconds > 0:
        return _USUAL_S
    return int(min(max(seconds, SHORTEST_LIFE_S), LONGEST_LIFE_S))


def _need_secret(values: Mapping[str, str], *, why: str) -> None:
    if not values.get("client_secret"):
        raise ConfigError(f"reddit.client_secret is not set, but {why} is", advice=SEE_CREDENTIALS)


def _scope(values: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    return (("scope", values["scope"]),) if values.get("scope") else ()
