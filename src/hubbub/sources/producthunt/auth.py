"""How a token is got: the developer token as it is, or one for an application's own credentials (producthunt.md §2)."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Generator, Mapping
from typing import Any

import msgspec

from hubbub import __version__
from hubbub.errors import AuthError, ConfigError, RemoteError, TransientRemoteError
from hubbub.http.access import LONGEST_LIFE_S, Token
from hubbub.http.messages import Request, Response
from hubbub.sources.producthunt.api import SEE, object_in

TOKEN_PATH = "/v2/oauth/token"  # noqa: S105 - an address, not a password
DEVELOPER = "developer token"
APPLICATION = "client credentials: an application without a user"

TokenFlow = Callable[[], Generator[Request, Response, Token]]


def user_agent(values: Mapping[str, str]) -> str:
    """An honest User-Agent: Product Hunt's edge turns bare library names away (§6).

    Raises ConfigError when the setting cannot be a header."""
    agent = values.get("user_agent") or f"hubbub/{__version__} (sync producthunt)"
    if not agent.isprintable() or not agent.isascii():
        raise ConfigError("producthunt.user_agent holds characters that a header cannot carry")
    return agent


def door(values: Mapping[str, str]) -> str:
    """Which of the two ways in the settings open. Raises ConfigError, naming the setting that is missing."""
    if values.get("token"):
        return DEVELOPER
    if values.get("client_id") and values.get("client_secret"):
        return APPLICATION
    if values.get("client_id") or values.get("client_secret"):
        lacking = "client_secret" if values.get("client_id") else "client_id"
        raise ConfigError(f"producthunt.{lacking} is not set", advice=SEE)
    raise ConfigError(
        "producthunt.token is not set: Product Hunt's API needs a token of your own",
        advice=f"set HUBBUB_PRODUCTHUNT__TOKEN; {SEE}. Without one, `hubbub import --as producthunt` reads snapshots",
    )


def account(values: Mapping[str, str]) -> str:
    """A digest of who reads."""
    told = [door(values), values.get("token", ""), values.get("client_id", "")]
    return hashlib.blake2b(msgspec.json.encode(told), digest_size=16).hexdigest()


def token_flow(values: Mapping[str, str]) -> TokenFlow:
    """A function that begins one run of the flow. Neither kind of token is said to expire (§2)."""
    if door(values) == DEVELOPER:
        token = values["token"]

        def as_it_is() -> Generator[Request, Response, Token]:
            yield from ()
            return Token(value=token, expires_in_s=LONGEST_LIFE_S, given=True)

        return as_it_is
    form = {
        "client_id": values["client_id"],
        "client_secret": values["client_secret"],
        "grant_type": "client_credentials",
    }

    def granted() -> Generator[Request, Response, Token]:
        response = yield Request(
            method="POST", url=TOKEN_PATH, form=tuple(form.items()), route="producthunt_token", authorize=False
        )
        return _token(response)

    return granted


def _token(response: Response) -> Token:
    said: dict[str, Any] = object_in(response.body)
    value = said.get("access_token")
    if response.status == 200 and isinstance(value, str) and value and value.isprintable() and value.isascii():
        scopes = said.get("scope")
        return Token(
            value=value,
            expires_in_s=LONGEST_LIFE_S,
            scopes=tuple(scopes.split()) if isinstance(scopes, str) else None,
        )
    if response.status in {400, 401, 403} and said:
        reason = said.get("error_description") or said.get("error") or "no reason given"
        raise AuthError(
            f"Product Hunt gives no token for these credentials: {str(reason)[:200]}",
            advice=f"check producthunt.client_id and producthunt.client_secret; {SEE}",
        )
    if response.status >= 500:
        raise TransientRemoteError(f"Product Hunt's token address answered {response.status}", advice="try again later")
    raise RemoteError(f"Product Hunt's token address answered {response.status} without a token", advice=SEE)
