"""The token endpoint (API reference, section 3)."""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from hubbub.simulator.exchange import Ask, Reply
from hubbub.simulator.limits import Windows

CLIENT_ID = "hubbub-simulated-app"
CLIENT_SECRET = "simulated-secret"  # noqa: S105 - it opens nothing but a pretend platform
USERNAME = "simulated_user"
PASSWORD = "simulated-password"  # noqa: S105 - as above
Decision = tuple[int, dict[str, Any]]
"""Status and body."""
_INSTALLED = "https://oauth.reddit.com/grants/installed_client"


class Issued(msgspec.Struct, frozen=True, kw_only=True):
    """An access token's owner and end."""

    username: str | None
    expires_at: float
    scope: str


class Tokens:
    """Issues, checks and revokes tokens. Token texts depend on nothing but the seed and their number."""

    def __init__(self, *, seed: int, limit: int, window_s: int, lives_s: int = 86_400) -> None:
        self._seed = seed
        self._lives_s = lives_s
        self._windows = Windows(requests=limit, seconds=window_s)
        self._issued: dict[str, Issued] = {}
        self._handed_out: list[str] = []
        self._refresh: dict[str, str] = {}
        """Refresh tokens that still work, and their scope."""
        self._count = 0
        self.first_refresh_token = self._text("refresh")
        self._refresh[self.first_refresh_token] = "*"
        self._withdrawn = False

    def grant(self, ask: Ask) -> Reply:
        """The answer to POST /api/v1/access_token."""
        client, secret = _basic(ask.headers)
        if self._withdrawn or client != CLIENT_ID or secret not in (CLIENT_SECRET, ""):
            asking = (("www-authenticate", 'Basic realm="reddit"'),)
            return _json({"message": "Unauthorized", "error": 401}, status=401, headers=asking)
        standing = self._windows.count(client, at=ask.at)
        headers = (
            ("x-ratelimit-remaining", str(int(standing.remaining))),
            ("x-ratelimit-used", str(standing.used)),
            ("x-ratelimit-reset", str(standing.reset_s)),
        )
        if standing.refused:
            return _json({"message": "Too Many Requests", "error": 429}, status=429, headers=headers)
        status, body = self._decide(ask, secret=secret)
        return _json(body, status=status, headers=headers)

    def _decide(self, ask: Ask, *, secret: str) -> Decision:
        grants: dict[str, Callable[[], Decision]] = {
            "password": lambda: self._password(ask, secret=secret),
            "client_credentials": lambda: (200, self._issue(ask, None, scope=_scope(ask))),
            _INSTALLED: lambda: self._installed(ask),
            "refresh_token": lambda: self._refreshed(ask),
            "authorization_code": lambda: (200, {"error": "invalid_grant"}),
        }
        decide = grants.get(ask.form.get("grant_type", ""))
        return decide() if decide is not None else (400, {"error": "unsupported_grant_type"})

    def _password(self, ask: Ask, *, secret: str) -> Decision:
        if not secret:
            advice = "Only script apps may use password auth"
            return 200, {"error": "unauthorized_client", "error_description": advice}
        given = (ask.form.get("username", "").casefold(), ask.form.get("password"))
        if given != (USERNAME, PASSWORD):
            return 200, {"error": "invalid_grant"}
        return 200, self._issue(ask, USERNAME, scope=_scope(ask))

    def _installed(self, ask: Ask) -> Decision:
        device = ask.form.get("device_id", "")
        # The server's own bounds; its documents say 20 to 30.
        if not 20 <= len(device) <= 50:
            return 400, {"error": "invalid_request", "error_description": "bad device_id"}
        return 200, self._issue(ask, None, scope=_scope(ask)) | {"device_id": device}

    def _refreshed(self, ask: Ask) -> Decision:
        held = self._refresh.pop(ask.form.get("refresh_token", ""), None)
        if held is None:
            return 400, {"message": "Bad Request", "error": 400}
        fresh = self._text("refresh")
        self._refresh[fresh] = held
        return 200, self._issue(ask, USERNAME, scope=held) | {"refresh_token": fresh}

    def _issue(self, ask: Ask, username: str | None, *, scope: str) -> dict[str, Any]:
        token = self._text("access")
        self._handed_out.append(token)
        self._issued[token] = Issued(username=username, expires_at=ask.at + self._lives_s, scope=scope)
        return {"access_token": token, "token_type": "bearer", "expires_in": self._lives_s, "scope": scope}

    def _text(self, kind: str) -> str:
        self._count += 1
        digest = hashlib.sha256(f"{self._seed}/{kind}/{self._count}".encode()).digest()
        return f"{self._count}-{base64.urlsafe_b64encode(digest).decode().rstrip('=')[:30]}"

    def holder(self, ask: Ask) -> Issued | None:
        """Who asks; None without a token that still works."""
        kind, _, token = ask.headers.get("authorization", "").partition(" ")
        held = self._issued.get(token.strip()) if kind.casefold() == "bearer" else None
        return held if held is not None and ask.at < held.expires_at else None

    def issued(self) -> list[str]:
        """Every access token that was handed out, dead ones too."""
        return [*self._handed_out]

    def revoke(self, ask: Ask) -> Reply:
        """The answer to POST /api/v1/revoke_token: empty, for unknown tokens too."""
        token = ask.form.get("token", "")
        self._issued.pop(token, None)
        self._refresh.pop(token, None)
        return Reply(status=200)

    def revoke_all(self) -> None:
        """Kill every access token; refresh tokens live on."""
        self._issued.clear()

    def withdraw(self, *, withdrawn: bool) -> None:
        """Turn the app away from now on, and kill its access tokens; or let it in again."""
        self._withdrawn = withdrawn
        if withdrawn:
            self.revoke_all()


def _scope(ask: Ask) -> str:
    return ask.form.get("scope", "").replace(",", " ") or "*"


def _basic(headers: Mapping[str, str]) -> tuple[str, str]:
    kind, _, coded = headers.get("authorization", "").partition(" ")
    if kind.casefold() != "basic":
        return "", ""
    try:
        client, _, secret = base64.b64decode(coded, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return "", ""
    return client, secret


def _json(body: dict[str, Any], *, status: int, headers: tuple[tuple[str, str], ...]) -> Reply:
    return Reply(status=status, body=msgspec.json.encode(body), headers=headers)
