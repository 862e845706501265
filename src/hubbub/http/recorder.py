"""Save exchanges to a folder and answer from it again: what a bug report holds, and what tests replay.

`index.jsonl` has a line an exchange (file, method, path, query, form, status, headers, recorded), beside it lie the
bodies as decoded. Token requests and downloads are never saved; neither are request headers or cookies."""

from __future__ import annotations

import json
from collections import defaultdict, deque
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import parse_qsl, urlencode, urlsplit

from hubbub import clock
from hubbub.errors import InputError
from hubbub.http.exchange import AttemptError, Received, Sender, Sink
from hubbub.http.messages import Request
from hubbub.http.retry import Cause, Failure

_INDEX = "index.jsonl"
_ENCODED = frozenset({"content-encoding", "content-length", "transfer-encoding"})

Key = tuple[str, str, tuple[tuple[str, str], ...], tuple[tuple[str, str], ...]]


class Recorder:
    """Sends by way of another sender and saves what came back."""

    def __init__(self, inner: Sender, folder: Path) -> None:
        self._inner = inner
        self._folder = folder
        self._count = 0

    async def send(
        self, request: Request, *, url: str, headers: Mapping[str, str], deadline_s: float, sink: Sink | None
    ) -> Received:
        """What the inner sender brings; every whole answer to an authorized request is saved."""
        received = await self._inner.send(request, url=url, headers=headers, deadline_s=deadline_s, sink=sink)
        if request.authorize and sink is None:
            self._save(request, url=url, received=received)
        return received

    async def aclose(self) -> None:
        """Close the inner sender."""
        await self._inner.aclose()

    def _save(self, request: Request, *, url: str, received: Received) -> None:
        self._count += 1
        self._folder.mkdir(parents=True, exist_ok=True)
        parts = urlsplit(url)
        name = f"{self._count:03}_{request.route or 'answer'}_{received.status}"
        (self._folder / name).write_bytes(received.body)
        line = {
            "file": name,
            "method": request.method,
            "path": parts.path,
            "query": parts.query,
            "form": _posted(request),
            "status": received.status,
            "headers": dict(received.headers),
            "recorded": datetime.fromtimestamp(clock.now(), UTC).isoformat(),
        }
        with (self._folder / _INDEX).open("a", encoding="utf-8") as index:
            index.write(json.dumps(line) + "\n")


class Replay:
    """Answers from saved exchanges, those of one question in the order in which they were saved. Asks nobody.

    A question that was not saved, or was asked more often than then, fails for good."""

    def __init__(self, folder: Path, *, session: str | None = None) -> None:
        """`session` takes only the lines with that word. Raises InputError when there is no readable index."""
        self._folder = folder
        self._saved: dict[Key, deque[dict[str, object]]] = defaultdict(deque)
        try:
            lines = (folder / _INDEX).read_text(encoding="utf-8").splitlines()
            for line in lines:
                entry = json.loads(line)
                if session is None or entry.get("session") == session:
                    key = _key(entry["method"], entry["path"], query=entry["query"] or "", form=entry.get("form") or "")
                    self._saved[key].append(entry)
        except (OSError, ValueError, KeyError) as error:
            raise InputError(f"{folder / _INDEX} cannot be replayed: {error}") from error

    async def send(
        self, request: Request, *, url: str, headers: Mapping[str, str], deadline_s: float, sink: Sink | None
    ) -> Received:
        """The next saved answer to this question; raises AttemptError when there is none."""
        del headers, deadline_s
        parts = urlsplit(url)
        waiting = self._saved.get(_key(request.method, parts.path, query=parts.query, form=_posted(request)))
        if not waiting:
            why = f"{request.method} {parts.path} has no saved answer left"
            raise AttemptError(Failure(cause=Cause.FINAL, why=why))
        entry = waiting.popleft()
        body = (self._folder / str(entry["file"])).read_bytes()
        if sink is not None:
            sink.begin()
            sink.write(body)
        saved = entry["headers"]
        assert isinstance(saved, dict)
        kept = tuple((name.lower(), value) for name, value in saved.items() if name.lower() not in _ENCODED)
        status = int(str(entry["status"]))
        return Received(status=status, headers=kept, body=b"" if sink else body, raw_bytes=len(body))

    async def aclose(self) -> None:
        """Nothing is open."""


def _posted(request: Request) -> str:
    return urlencode(request.form) if request.form else request.body.decode("utf-8", "replace")


def _key(method: str, path: str, *, query: str, form: str) -> Key:
    """What makes two questions the same: order of parameters and a slash at the end do not matter."""
    asked, sent = (tuple(sorted(parse_qsl(text, keep_blank_values=True))) for text in (query, form))
    return method, path.rstrip("/"), asked, sent
