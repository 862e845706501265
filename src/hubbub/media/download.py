"""One media item: ask its address (then its fallback), judge what comes, keep the file. Says what became of it."""

from __future__ import annotations

import asyncio

import msgspec

from hubbub.errors import RateLimitedError, RemoteError, TransientRemoteError
from hubbub.http.client import Client
from hubbub.http.messages import Request
from hubbub.media.blobs import Blob, Blobs, Incoming
from hubbub.media.guard import RefusedError
from hubbub.media.validate import Verdict, may_be_media, validate

ACCEPT = "image/*,*/*;q=0.8"
"""With anything that begins with text/html, i.redd.it redirects to a web page (api/reddit.md §18 Fetch rules)."""
_REDIRECTS = 5
_GONE = frozenset({403, 404, 410, 451})
"""What hosts answer for a picture that was taken down (api/reddit.md §18: deleted originals give 403 or 404)."""


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """One item to fetch."""

    url: str
    fallback_url: str | None
    video: bool
    """A moving picture in a video file is fine."""
    max_bytes: int
    max_pixels: int


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one item. `blob` stands only with the state "stored"; a `passing` failure may be tried again."""

    verdict: Verdict
    blob: Blob | None = None
    passing: bool = False
    limited: RateLimitedError | None = None


async def download(client: Client, blobs: Blobs, wanted: Wanted) -> Outcome:
    """Fetch one item; when it is stored, its blob is on disk for good.

    The fallback is asked when the original is gone, refused or broken. Raises StorageError."""
    outcome = await _one(client, blobs, wanted, url=wanted.url)
    if outcome.verdict.state == "stored" or wanted.fallback_url is None or outcome.limited is not None:
        return outcome
    second = await _one(client, blobs, wanted, url=wanted.fallback_url)
    return second if second.verdict.state == "stored" else outcome


async def _one(client: Client, blobs: Blobs, wanted: Wanted, *, url: str) -> Outcome:
    request = Request(
        url=url,
        headers=(("accept", ACCEPT),),
        route="media",
        authorize=False,
        max_bytes=wanted.max_bytes,
        follow=_REDIRECTS,
    )
    with blobs.incoming() as incoming:
        incoming.check_head = _refuse_head
        try:
            response = await client.fetch(request, sink=incoming)
        except RateLimitedError as error:
            return Outcome(verdict=Verdict(state="broken", reason=str(error)), passing=True, limited=error)
        except TransientRemoteError as error:
            return Outcome(verdict=Verdict(state="broken", reason=str(error)), passing=True)
        except RemoteError as error:
            return Outcome(verdict=Verdict(state="refused", reason=str(error)))
        if response.status != 200:
            return Outcome(verdict=_by_status(response.status))
        return await _judged(incoming, wanted, url=response.url)


async def _judged(incoming: Incoming, wanted: Wanted, *, url: str) -> Outcome:
    with incoming.content() as content:
        verdict = validate(content, url=url, video=wanted.video, max_pixels=wanted.max_pixels)
    if verdict.state != "stored":
        return Outcome(verdict=verdict)
    # Syncing takes the disk milliseconds, in which other downloads go on.
    return Outcome(verdict=verdict, blob=await asyncio.to_thread(incoming.keep))


def _by_status(status: int) -> Verdict:
    if status in _GONE:
        return Verdict(state="gone", reason=f"the host answered {status}")
    return Verdict(state="refused", reason=f"the host answered {status}")


def _refuse_head(head: bytes) -> None:
    reason = may_be_media(head)
    if reason is not None:
        raise RefusedError(reason)
