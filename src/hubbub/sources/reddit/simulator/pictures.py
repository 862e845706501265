"""The media members of a post: picture, gallery, video, link, preview and thumbnail (API reference, section 18)."""

from __future__ import annotations

from typing import Any

from hubbub.simulator.things import Post
from hubbub.sources.reddit.simulator.media import Addresses, Picture, media_id, picture
from hubbub.sources.reddit.simulator.view import View, post_id

_NO_MEDIA: dict[str, Any] = {
    "is_reddit_media_domain": False,
    "media": None,
    "media_embed": {},
    "secure_media": None,
    "secure_media_embed": {},
    "thumbnail": "self",
    "thumbnail_height": None,
    "thumbnail_width": None,
}
_PROCESSING_S = 60
"""How long a fresh gallery item stays "unprocessed"."""


def fields(view: View, post: Post, addresses: Addresses, *, permalink: str) -> dict[str, Any]:
    """All members that tell what the post shows; previews go when the post is deleted or removed, its url stays."""
    here = f"https://www.reddit.com{permalink}"
    live = view.state(post) == "live"
    if post.kind in ("text", "poll"):
        return (
            _NO_MEDIA
            | {"domain": f"self.{view.called(post.community)}", "url": here}
            | _hint("self", when=post.kind == "text")
        )
    if post.kind == "image":
        made = _image(view, post, addresses)
    elif post.kind == "gallery":
        made = _gallery(view, post, addresses)
    elif post.kind == "video":
        made = _video(view, post, addresses)
    elif post.kind == "hosted":
        made = _hosted(post, addresses)
    elif post.kind == "link":
        target = f"https://www.example.org/insects/{post_id(post)}?a=1&b=2"
        made = {"domain": "example.org", "url": target, "thumbnail": "default", "post_hint": "link"}
    else:
        made = {"domain": f"self.{view.called(post.community)}", "url": here, "thumbnail": "default"}
    made = _NO_MEDIA | made | {"url_overridden_by_dest": made["url"]}
    if not live:
        kept = ("domain", "url", "url_overridden_by_dest", "is_reddit_media_domain")
        return _NO_MEDIA | {key: made[key] for key in kept} | {"thumbnail": "default"}
    return made


def _hint(value: str, *, when: bool) -> dict[str, Any]:
    return {"post_hint": value} if when else {}


def _image(view: View, post: Post, addresses: Addresses) -> dict[str, Any]:
    shown = picture(view.world, post, 0)
    url = addresses.original(shown)
    made: dict[str, Any] = {
        "domain": "i.redd.it",
        "url": url,
        "is_reddit_media_domain": True,
        **_thumbnail(post, shown, addresses),
    }
    if view.at - post.created_at > _PROCESSING_S:
        made |= {"post_hint": "image", "preview": {"images": [_preview(post, shown, addresses)], "enabled": True}}
    return made


def _thumbnail(post: Post, shown: Picture, addresses: Addresses) -> dict[str, Any]:
    if post.adult or post.spoiler:
        return {"thumbnail": "nsfw" if post.adult else "spoiler", "thumbnail_height": 140, "thumbnail_width": 140}
    name = f"{shown.media_id}.{shown.extension}"
    url = addresses.signed(name, "width=140&height=105&auto=webp")
    return {"thumbnail": url, "thumbnail_height": 105, "thumbnail_width": 140}


def _preview(post: Post, shown: Picture, addresses: Addresses) -> dict[str, Any]:
    name = f"{shown.media_id}.{shown.extension}"
    variants: dict[str, Any] = {}
    if post.adult or post.spoiler:
        source = {
            "url": addresses.signed(name, "blur=40&format=pjpg&auto=webp"),
            "width": shown.width,
            "height": shown.height,
        }
        variants = {"nsfw" if post.adult else "obfuscated": {"source": source, "resolutions": []}}
    return {
        "source": {"url": addresses.signed(name, "auto=webp"), "width": shown.width, "height": shown.height},
        "resolutions": [{"url": u, "width": w, "height": h} for w, h, u in addresses.previews(shown)],
        "variants": variants,
        "id": addresses.signature("id", name, "")[:40],
    }


def _gallery(view: View, post: Post, addresses: Addresses) -> dict[str, Any]:
    shown = [picture(view.world, post, place) for place in range(post.pictures)]
    items = [
        {"media_id": p.media_id, "id": post.number % 900_000_000 + p.place}
        | ({"caption": "Underside & legs"} if p.place == 1 else {})
        | ({"is_deleted": True} if p.place == 2 and post.position % 6 == 0 else {})
        for p in shown
    ]
    # The map has no order of its own: it is written here against the gallery's order on purpose.
    metadata = {
        p.media_id: _entry(view, post, shown=p, addresses=addresses) for p in sorted(shown, key=lambda p: p.media_id)
    }
    return {
        "domain": "reddit.com",
        "url": f"https://www.reddit.com/gallery/{post_id(post)}",
        "is_gallery": True,
        "gallery_data": {"items": items},
        "media_metadata": metadata,
        **_thumbnail(post, shown[0], addresses),
    }


def _entry(view: View, post: Post, *, shown: Picture, addresses: Addresses) -> dict[str, Any]:
    if view.at - post.created_at < _PROCESSING_S:
        return {"status": "unprocessed"}
    if shown.place == 3 and post.position % 5 == 0:
        return {"status": "failed"}
    name = f"{shown.media_id}.{shown.extension}"
    source: dict[str, Any] = {"y": shown.height, "x": shown.width}
    if shown.extension == "gif":
        source |= {"gif": addresses.original(shown), "mp4": addresses.signed(name, "format=mp4")}
    else:
        form = "png" if shown.extension == "png" else "pjpg"
        source["u"] = addresses.signed(name, f"width={shown.width}&format={form}&auto=webp")
    return {
        "status": "valid",
        "e": "AnimatedImage" if shown.extension == "gif" else "Image",
        "m": shown.mime,
        "p": [{"y": h, "x": w, "u": u} for w, h, u in addresses.previews(shown)],
        "s": source,
        "id": shown.media_id,
    }


def _hosted(post: Post, addresses: Addresses) -> dict[str, Any]:
    """A picture on a foreign host; some were deleted there and answer with a placeholder."""
    url = f"{addresses.host('i.imgur.com')}/{media_id(post, 0)}.jpg"
    return {"domain": "i.imgur.com", "url": url, "thumbnail": "default", "post_hint": "image"}


def _video(view: View, post: Post, addresses: Addresses) -> dict[str, Any]:
    name = media_id(post, 0)
    base = f"{addresses.host('v.redd.it')}/{name}"
    expiry = f"a={post.created_at + 30 * 86_400}%2C{addresses.signature('v.redd.it', name, '')}&v=1&f=sd"
    video = {
        "bitrate_kbps": 2400,
        "fallback_url": f"{base}/CMAF_720.mp4?source=fallback",
        "has_audio": post.number // 64 % 3 > 0,
        "height": 1280,
        "width": 720,
        "scrubber_media_url": f"{base}/CMAF_96.mp4",
        "dash_url": f"{base}/DASHPlaylist.mpd?{expiry}",
        "duration": 5 + post.number // 64 % 50,
        "hls_url": f"{base}/HLSPlaylist.m3u8?{expiry}",
        "is_gif": post.number // 64 % 3 == 0,
        "transcoding_status": "completed" if view.at - post.created_at > _PROCESSING_S else "processing",
    }
    still = {
        "source": {
            "url": addresses.signed(f"{name}.png", "format=pjpg&auto=webp", host="external-preview.redd.it"),
            "width": 720,
            "height": 1280,
        },
        "resolutions": [],
        "variants": {},
        "id": name,
    }
    return {
        "domain": "v.redd.it",
        "url": base,
        "is_reddit_media_domain": True,
        "media": {"reddit_video": video},
        "secure_media": {"reddit_video": video},
        "post_hint": "hosted:video",
        "preview": {"images": [still], "enabled": False},
        "thumbnail": "default",
    }
