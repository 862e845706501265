"""The token door and who holds which token (API reference, section 2)."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping

import msgspec

from hubbub.simulator.exchange import Ask, Reply
from hubbub.simulator.limits import Windows
from hubbub.sources.producthunt.simulator import failures
from hubbub.sources.producthunt.simulator.points import Standing

_REQUESTS = 450
"""In a quarter of an hour, on all doors but GraphQL's."""
_WINDOW_S = 900
_UNKNOWN_CLIENT = (
    "Client authentication failed due to unknown client, no client authentication included, or unsupported "
    "authentication method."
)
_UNKNOWN_GRANT = "The authorization grant type is not supported by the authorization server."


class Holder(msgspec.Struct, frozen=True, kw_only=True):
    """Whom a token stands for."""

    owner: bool
    """The application's owner, not just the application."""


class Tokens:
    """Issues, checks and kills tokens; their texts depend on nothing but the seed and their number."""

    def __init__(self, *, seed: int) -> None:
        self._seed = seed
        self.developer = self._text("developer", 0)
        self.client_id = self._text("client", 0)
        self.client_secret = self._text("secret", 0)
        self._windows = Windows(requests=_REQUESTS, seconds=_WINDOW_S)
        self._holders = {self.developer: Holder(owner=True)}
        self._count = 0
        self._withdrawn = False

    def grant(self, ask: Ask) -> Reply:
        """The answer to POST /v2/oauth/token, with a JSON body or a form."""
        counted = self._windows.count(self.client_id, at=ask.at)
        standing = Standing(limit=_REQUESTS, remaining=int(counted.remaining), reset_s=counted.reset_s)
        if counted.refused:
            return failures.too_much(msgspec.structs.replace(standing, remaining=_REQUESTS - counted.used))
        return failures.with_headers(self._decide(ask), *failures.rate_headers(standing))

    def _decide(self, ask: Ask) -> Reply:
        told = _members(ask)
        if self._withdrawn or (told.get("client_id"), told.get("client_secret")) != (
            self.client_id,
            self.client_secret,
        ):
            return failures.not_granted("invalid_client", _UNKNOWN_CLIENT, status=401)
        if told.get("grant_type") != "client_credentials":
            return failures.not_granted("unsupported_grant_type", _UNKNOWN_GRANT, status=400)
        self._count += 1
        token = self._text("access", self._count)
        self._holders[token] = Holder(owner=False)
        # No `expires_in`: these tokens are said not to expire. Both spellings of the type were seen.
        kind = "bearer" if self._count % 2 else "Bearer"
        made = {"access_token": token, "token_type": kind, "scope": "public", "created_at": int(ask.at)}
        return Reply(body=msgspec.json.encode(made))

    def holder(self, ask: Ask) -> Holder | None:
        """Who asks; None without a token that works."""
        kind, _, token = ask.headers.get("authorization", "").partition(" ")
        return self._holders.get(token.strip()) if kind.casefold() == "bearer" else None

    def revoke_all(self) -> None:
        """Kill every token, the developer's too."""
        self._holders.clear()

    def withdraw(self, *, withdrawn: bool) -> None:
        """Turn the application away, and kill its tokens; or let it in again, with its developer token."""
        self._withdrawn = withdrawn
        if withdrawn:
            self.revoke_all()
        else:
            self._holders[self.developer] = Holder(owner=True)

    def _text(self, kind: str, count: int) -> str:
        digest = hashlib.sha256(f"{self._seed}/producthunt/{kind}/{count}".encode()).digest()
        return base64.urlsafe_b64encode(digest).decode().rstrip("=").replace("-", "x")


def _members(ask: Ask) -> Mapping[str, str]:
    if ask.form:
        return ask.form
    try:
        return msgspec.json.decode(ask.body, type=dict[str, str])
    except msgspec.MsgspecError:
        return {}
