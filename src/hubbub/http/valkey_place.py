"""A budget in a Redis or Valkey; its driver is an extra, so that only whoever names one loads this."""

from __future__ import annotations

from contextlib import suppress

import redis

from hubbub.http.budgets import AwayError, Step
from hubbub.http.valkey import connect, first_line, place_of

TIMEOUT_S = 2.0
KEPT_S = 2 * 86_400
"""What nobody touches for so long is dropped."""
_TRIES = 50


class ValkeyPlace:
    """One key of a Redis or Valkey, changed only when nobody else changed it meanwhile."""

    def __init__(self, url: str, *, key: str) -> None:
        self._client, self._trouble = connect(url, setting="budget.share", timeout_s=TIMEOUT_S)
        self._key = key
        self.where = place_of(url)

    def change(self, step: Step) -> None:
        """Replace what is kept, if the step says so; raises AwayError."""
        try:
            try:
                done = self._change(step)
            except redis.ConnectionError:  # perhaps only this connection: the server was restarted, or had enough of it
                self._client.connection_pool.disconnect()
                done = self._change(step)
        except self._trouble as error:
            raise AwayError(f"the shared budget at {self.where} is out of reach: {first_line(error)}") from None
        if not done:
            raise AwayError(f"the shared budget at {self.where} is changed by too many at once")

    def _change(self, step: Step) -> bool:
        for _ in range(_TRIES):
            with self._client.pipeline() as pipe:
                pipe.watch(self._key)
                kept = pipe.get(self._key)
                seconds, micros = pipe.time()
                made = step(kept, seconds + micros / 1e6)
                if made is None:
                    return True
                pipe.multi()
                pipe.set(self._key, made, ex=KEPT_S)
                with suppress(redis.WatchError):
                    pipe.execute()
                    return True
        return False

    def close(self) -> None:
        """Let go of the connection."""
        self._client.close()
