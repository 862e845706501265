"""From a post or comment to the pictures, videos and polls it shows, as original addresses (reddit.md §18)."""

from __future__ import annotations

import re
from contextlib import suppress
from typing import Any
from urllib.parse import SplitResult, urlsplit

from hubbub.errors import RecordError
from hubbub.records.clean import canonical_json
from hubbub.records.models import MediaItem
from hubbub.sources.reddit.removal import post_verdict
from hubbub.sources.reddit.values import moment, number_of

_IMAGE_PATH = re.compile(r"\.(?:jpe?g|png|webp|gif)$", re.IGNORECASE)
_SLUG = re.compile(r"^.*-v\d+-(?=[0-9a-z]+\.[a-z]+$)", re.IGNORECASE)
_EXTENSIONS = {"image/jpg": "jpg", "image/jpeg": "jpg", "image/png": "png", "image/gif": "gif", "image/webp": "webp"}
REDDIT_IMAGES = {"i.redd.it", "i.reddituploads.com", "i.redditmedia.com", "preview.redd.it"}
_IMGUR_ID = re.compile(r"^/([A-Za-z0-9]{5,8})$")
_IMGUR_SMALL = re.compile(r"_d(?=\.[a-z]+$)")
"""Marks a thumbnail of the file without it."""
_LARGEST_SIDE = 2**31 - 1


def post_media(data: dict[str, Any]) -> tuple[MediaItem, ...]:
    """What a post shows, in order. Odd shapes bring fewer items, never an error; a crosspost shows its original's."""
    parents = data.get("crosspost_parent_list")
    parent = parents[0] if isinstance(parents, list) and parents and isinstance(parents[0], dict) else None
    is_crosspost = parent is not None or isinstance(data.get("crosspost_parent"), str)
    shown = data if parent is None or parent.get("id") == data.get("id") else parent
    if shown is not data and post_verdict(shown).reason is not None:
        return ()
    return (*_polls(shown, crosspost=is_crosspost), *_files(shown, crosspost=is_crosspost))


def comment_media(data: dict[str, Any]) -> tuple[MediaItem, ...]:
    """The pictures inside a comment, in the order of its text."""
    return _inline(data, text=data.get("body"), crosspost=False)


def original_url(url: str) -> tuple[str | None, str | None]:
    """(original, signed): where the original behind a Reddit picture address lies and the signed preview, if it is one.

    Foreign previews have no original; for them the first is None."""
    parts = split(url)
    if parts is None:
        return None, None
    host = parts.hostname or ""
    if host == "preview.redd.it":
        name = _SLUG.sub("", parts.path.rsplit("/", 1)[-1])
        return (f"https://i.redd.it/{name}" if name else None), url
    if host == "external-preview.redd.it":
        return None, url
    if host == "i.redd.it":
        return f"https://i.redd.it{parts.path}", None
    return url, None


def split(url: Any) -> SplitResult | None:
    """The parts of an http(s) address, or None when it is no usable one."""
    if not isinstance(url, str):
        return None
    try:
        parts = urlsplit(url.strip())
        named = parts.hostname
    except ValueError:
        return None
    return parts if parts.scheme in {"http", "https"} and named else None


def _files(data: dict[str, Any], *, crosspost: bool) -> tuple[MediaItem, ...]:
    if isinstance(data.get("gallery_data"), dict):
        return _gallery(data, crosspost=crosspost)
    if (video := _video(data, crosspost=crosspost)) is not None:
        return (video,)
    linked = _linked(data, crosspost=crosspost)
    if linked is not None:
        return (linked,)
    return _inline(data, text=data.get("selftext"), crosspost=crosspost)


def _gallery(data: dict[str, Any], *, crosspost: bool) -> tuple[MediaItem, ...]:
    items = data["gallery_data"].get("items")
    known = data.get("media_metadata")
    entries = known if isinstance(known, dict) else {}
    found: list[MediaItem] = []
    for item in items if isinstance(items, list) else ():
        if not isinstance(item, dict) or not isinstance(media_id := item.get("media_id"), str):
            continue
        link = item.get("outbound_url")
        caption = item.get("caption")
        found.append(
            _entry(
                entries.get(media_id),
                media_id=media_id,
                kind="gallery",
                crosspost=crosspost,
                caption=caption if isinstance(caption, str) and caption else None,
                details=canonical_json({"outbound_url": link}) if isinstance(link, str) and link else None,
                deleted=item.get("is_deleted") is True,
            )
        )
    return tuple(found)


def _inline(data: dict[str, Any], *, text: Any, crosspost: bool) -> tuple[MediaItem, ...]:
    known = data.get("media_metadata")
    if not isinstance(known, dict) or not isinstance(text, str):
        return ()
    placed = sorted((at, key) for key in known if (at := text.find(key)) >= 0 and not key.startswith("emote|"))
    return tuple(_entry(known[key], media_id=key, kind="inline", crosspost=crosspost) for _, key in placed)


def _entry(
    entry: Any,
    *,
    media_id: str,
    kind: Any,
    crosspost: bool,
    caption: str | None = None,
    details: str | None = None,
    deleted: bool = False,
) -> MediaItem:
    """One entry of `media_metadata`; without a usable file it keeps its id and says why in `status`."""
    entry = entry if isinstance(entry, dict) else {}
    status = "deleted" if deleted else entry.get("status", "missing")
    status = status if isinstance(status, str) else "missing"
    mime = entry.get("m") if isinstance(entry.get("m"), str) else None
    url = signed = None
    largest = entry.get("s") if isinstance(entry.get("s"), dict) else {}
    if status == "valid":
        url, signed = _entry_urls(entry, largest=largest, media_id=media_id, mime=mime)
        if entry.get("e") == "AnimatedImage" and kind == "gallery":
            kind = "animated"
    sizes = entry if entry.get("e") == "RedditVideo" else largest
    return MediaItem(
        kind="video" if entry.get("e") == "RedditVideo" else kind,
        url=url,
        fallback_url=signed,
        media_id=media_id,
        width=_side(sizes.get("x")),
        height=_side(sizes.get("y")),
        mime=mime,
        caption=caption,
        status=None if status == "valid" else status,
        crosspost=crosspost,
        details=details,
    )


def _entry_urls(
    entry: dict[str, Any], *, largest: dict[str, Any], media_id: str, mime: str | None
) -> tuple[str | None, str | None]:
    if entry.get("e") == "RedditVideo":
        manifest = split(entry.get("dashUrl"))
        return (f"https://{manifest.netloc}{manifest.path}" if manifest else None), None
    for given in (largest.get("u"), largest.get("gif"), largest.get("mp4")):
        if split(given) is not None:
            url, signed = original_url(str(given))
            return (url, signed) if url is not None else (signed, None)
    previews = entry.get("p")
    for preview in previews if isinstance(previews, list) else ():
        if isinstance(preview, dict) and split(preview.get("u")) is not None:
            url, signed = original_url(preview["u"])
            if url is not None:
                return url, signed
    extension = _EXTENSIONS.get(mime or "")
    if extension is None or not media_id.isalnum():
        return None, None
    return f"https://i.redd.it/{media_id}.{extension}", None


def _video(data: dict[str, Any], *, crosspost: bool) -> MediaItem | None:
    for key in ("media", "secure_media"):
        holder = data.get(key)
        video = holder.get("reddit_video") if isinstance(holder, dict) else None
        if not isinstance(video, dict):
            continue
        parts = split(video.get("fallback_url"))
        facts = {name: video[name] for name in ("duration", "has_audio", "is_gif") if video.get(name) is not None}
        state = video.get("transcoding_status")
        return MediaItem(
            kind="video",
            url=video["fallback_url"] if parts is not None else None,
            media_id=parts.path.strip("/").split("/", 1)[0] or None if parts is not None else None,
            width=_side(video.get("width")),
            height=_side(video.get("height")),
            status=state if isinstance(state, str) and state != "completed" else None,
            crosspost=crosspost,
            details=canonical_json(facts) if facts else None,
        )
    if data.get("is_video") is True:
        return MediaItem(kind="video", status="unprocessed", crosspost=crosspost)
    return None


def _linked(data: dict[str, Any], *, crosspost: bool) -> MediaItem | None:
    """The picture a post's link leads to, on Reddit's own hosts or elsewhere."""
    link = data.get("url_overridden_by_dest") or data.get("url")
    parts = split(link)
    if parts is None:
        return None
    host = (parts.hostname or "").lower()
    source = _preview_source(data)
    signed = source.get("url") if isinstance(source.get("url"), str) else None
    if host in REDDIT_IMAGES:
        url, given = original_url(str(link).strip())
        kind: Any = "animated" if parts.path.lower().endswith(".gif") else "image"
        return MediaItem(
            kind=kind,
            url=url,
            fallback_url=given or signed,
            media_id=(url or "").rsplit("/", 1)[-1].split(".", 1)[0] or None,
            width=_side(source.get("width")),
            height=_side(source.get("height")),
            crosspost=crosspost,
        )
    found = _external(parts, host=host)
    if found is None:
        return None
    return MediaItem(
        kind="external",
        url=found,
        fallback_url=signed,
        width=_side(source.get("width")),
        height=_side(source.get("height")),
        crosspost=crosspost,
    )


def _external(parts: SplitResult, *, host: str) -> str | None:
    if host in {"imgur.com", "www.imgur.com", "m.imgur.com"} and (page := _IMGUR_ID.match(parts.path)):
        return f"https://i.imgur.com/{page[1]}.jpg"
    if host == "i.imgur.com" and parts.path.count("/") == 1 and len(parts.path) > 1:
        path = _IMGUR_SMALL.sub("", parts.path)
        if path.endswith(".gifv"):
            path = path.removesuffix(".gifv") + ".mp4"
        return f"https://i.imgur.com{path}"
    return parts.geturl() if _IMAGE_PATH.search(parts.path) else None


def _preview_source(data: dict[str, Any]) -> dict[str, Any]:
    preview = data.get("preview")
    images = preview.get("images") if isinstance(preview, dict) else None
    first = images[0] if isinstance(images, list) and images else None
    source = first.get("source") if isinstance(first, dict) else None
    return source if isinstance(source, dict) else {}


def _polls(data: dict[str, Any], *, crosspost: bool) -> tuple[MediaItem, ...]:
    poll = data.get("poll_data")
    if not isinstance(poll, dict):
        return ()
    listed = poll.get("options")
    options = [
        {key: option[key] for key in ("id", "text", "vote_count") if option.get(key) is not None}
        for option in (listed if isinstance(listed, list) else ())
        if isinstance(option, dict)
    ]
    facts: dict[str, Any] = {"options": options}
    if any("vote_count" in option for option in options) and isinstance(poll.get("total_vote_count"), int):
        facts["votes"] = poll["total_vote_count"]
    with suppress(RecordError):
        facts["ends_at"] = moment(poll.get("voting_end_timestamp"), name="voting_end_timestamp")
    return (MediaItem(kind="poll", crosspost=crosspost, details=canonical_json(facts)),)


def _side(value: Any) -> int | None:
    number = number_of(value)
    if number is None or not 0 < number <= _LARGEST_SIDE:
        return None
    return int(number)
