"""The bearer token of one Access: obtained when first needed, renewed early, and once when the platform refuses it."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Generator

import msgspec

from hubbub import clock
from hubbub.errors import AuthError, HubbubError
from hubbub.http.access import LONGEST_LIFE_S, SHORTEST_LIFE_S, Token
from hubbub.http.messages import Request, Response

_EARLY_S = 60.0
"""Renew this long before expiry (api/reddit.md §3)."""
_VALUE = re.compile(r"[\x21-\x7e]{1,8192}")
"""What may stand in a header: no blank, no control character, ASCII."""


class Held(msgspec.Struct, frozen=True):
    """A token in use; `number` counts renewals, so that many refusals of one token renew it once."""

    value: str
    number: int
    renew_at: float
    given: bool = False
    """See `Token`."""


class Tokens:
    """Hands out the current token. A refusal by the token endpoint is final for this object."""

    def __init__(
        self,
        flow: Callable[[], Generator[Request, Response, Token]],
        fetch: Callable[[Request], Awaitable[Response]],
        *,
        rotated: Callable[[], None],
    ) -> None:
        """`rotated` is called when the platform replaced the refresh token: the one in the settings may be dead."""
        self._flow = flow
        self._fetch = fetch
        self._rotated = rotated
        self._lock = asyncio.Lock()
        self._held: Held | None = None
        self._dead = -1
        """The newest token that is known to be of no use."""
        self._refused: AuthError | None = None
        self._failures = 0
        self._failed: HubbubError | None = None
        self.scopes: tuple[str, ...] | None = None
        """What the last token allows; None before there is one, or when the platform did not say."""

    async def current(self) -> Held:
        """A token that still lives; raises AuthError, or what the fetch raises."""
        held = self._held
        if held is not None and clock.monotonic() < held.renew_at:
            return held
        return await self.renewed(None if held is None else held.number)

    async def live(self, held: Held) -> Held:
        """That token or the one that took its place; a newer one when it was refused or grew old while a request waited
        with it. Raises AuthError, or what the fetch raises."""
        newest = self._held or held
        if newest.number > self._dead and clock.monotonic() < newest.renew_at:
            return newest
        return await self.renewed(newest.number)

    async def renewed(self, number: int | None) -> Held:
        """A token newer than that number; whoever comes second gets what the first one brought."""
        failures = self._failures
        self._dead = max(self._dead, -1 if number is None else number)
        async with self._lock:
            held = self._held
            if held is not None and held.number != number:
                return held
            if self._refused is not None:
                raise self._refused
            if self._failed is not None and failures != self._failures:
                raise self._failed  # while this one waited, another asked in vain, with all the patience there is
            try:
                token = await self._run()
            except AuthError as error:
                self._refused = error
                raise
            except HubbubError as error:
                self._failures += 1
                self._failed = error
                raise
            self.scopes = token.scopes
            if token.refresh_token is not None:
                self._rotated()
            life_s = min(max(token.expires_in_s, SHORTEST_LIFE_S), LONGEST_LIFE_S)
            self._held = Held(
                token.value,
                0 if held is None else held.number + 1,
                clock.monotonic() + life_s - min(_EARLY_S, life_s / 2),
                token.given,
            )
            return self._held

    async def _run(self) -> Token:
        flow = self._flow()
        try:
            request = next(flow)
            while True:
                try:
                    response = await self._fetch(msgspec.structs.replace(request, authorize=False))
                except HubbubError as error:
                    request = flow.throw(error)
                else:
                    request = flow.send(response)
        except StopIteration as stop:
            token: Token = stop.value
        if _VALUE.fullmatch(token.value) is None:
            raise AuthError("the platform sent a token that cannot be used", advice="try again later")
        return token
