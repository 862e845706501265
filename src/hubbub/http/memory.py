"""Gives kept answers to requests, and keeps new ones: what stands before retry and budget when somebody develops."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from hubbub import clock
from hubbub.http.access import Access, KeptOptions
from hubbub.http.conditional import answer_of, is_fresh, kept, key_of, may_keep, revalidated, ttl_of, with_validators
from hubbub.http.kept import Shelf, open_shelf
from hubbub.http.messages import Request, Response


class Memory:
    """Answers of one source and one credential."""

    def __init__(self, shelf: Shelf, *, identity: str, options: KeptOptions) -> None:
        self._shelf = shelf
        self._identity = identity
        self._options = options
        self.hits = 0
        self.misses = 0

    async def answer(self, request: Request, *, ask: Callable[[Request], Awaitable[Response]]) -> Response:
        """The kept answer while it is good, what the platform says of an old one, or a new one."""
        if request.method != "GET" or not request.authorize or request.form:
            return await ask(request)
        key, now = key_of(request, identity=self._identity), clock.now()
        entry = self._shelf.get(key)
        ttl_s = ttl_of(request.route, ttl_s=self._options.ttl_s, by_route=self._options.by_route)
        if entry is not None and is_fresh(entry, ttl_s=ttl_s, now=now):
            self.hits += 1
            return answer_of(entry, request)
        self.misses += 1
        asking = None if entry is None else with_validators(request, entry)
        response = await ask(asking or request)
        if entry is not None and asking is not None and response.status == 304:
            entry = revalidated(entry, response=response, now=clock.now())
            self._shelf.put(key, entry)
            return answer_of(entry, request)
        if may_keep(request, response):
            self._shelf.put(key, kept(response, now=clock.now()))
        return response

    def close(self) -> None:
        """Leave word of how often what is kept was of use."""
        if self.hits or self.misses:
            self._shelf.note(hits=self.hits, misses=self.misses)


def memory_of(access: Access, *, source: str, warn: Callable[[str], None]) -> Memory | None:
    """What an access keeps; None when it keeps nothing. Raises ConfigError."""
    shelf = open_shelf(access.kept, warn=warn)
    if shelf is None:
        return None
    identity = f"{source}\x00{access.base_url}\x00{access.identity}\x00{access.account}"
    return Memory(shelf, identity=identity, options=access.kept)
