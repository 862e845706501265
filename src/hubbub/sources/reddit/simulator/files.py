"""The pretend media hosts, served as folders of the simulator's address (API reference, section 18)."""

from __future__ import annotations

import zlib
from functools import lru_cache
from struct import pack

from hubbub.simulator import drawing
from hubbub.simulator.exchange import Ask, Reply, fields
from hubbub.simulator.taxa import TAXA
from hubbub.sources.reddit.simulator import media
from hubbub.sources.reddit.simulator.view import View

HOSTS = ("i.redd.it", "preview.redd.it", "external-preview.redd.it", "v.redd.it", "i.imgur.com")
_PLACEHOLDER_BYTES = 503
_FORMATS = {"jpg": "JPEG", "jpeg": "JPEG", "png": "PNG", "gif": "GIF"}
_TYPES = {"JPEG": "image/jpeg", "PNG": "image/png", "GIF": "image/gif", "WEBP": "image/webp"}


def serve(view: View, addresses: media.Addresses, ask: Ask) -> Reply:
    """A file of one of HOSTS; 404 when it was deleted or never was, 403 for a query that was not signed so."""
    host, _, name = ask.path.lstrip("/").partition("/")
    if host in ("v.redd.it", "i.imgur.com"):
        return _video(name) if host == "v.redd.it" else _hosted(view, name)
    if host == "i.redd.it" and ask.headers.get("accept", "").startswith("text/html"):
        page = (("location", f"/media?url=https%3A%2F%2Fi.redd.it%2F{name}"),)
        return Reply(status=302, headers=page, media_type="text/html")
    if host != "i.redd.it" and not addresses.is_signed(host, name, ask.raw_query):
        return Reply(status=403, body=b"Forbidden", media_type="text/plain")
    found = _live(view, name, exact=host == "i.redd.it")
    if found is None:
        return _missing()
    if host == "i.redd.it":
        return _picture(found, width=found.width, form=_FORMATS[found.extension])
    asked = fields(ask.raw_query)
    width = int(asked["width"]) if asked.get("width", "").isdigit() else found.width
    form = "WEBP" if asked.get("auto") == "webp" else _FORMATS[found.extension]
    return _picture(found, width=min(width, found.width), form=form)


def _live(view: View, name: str, *, exact: bool) -> media.Picture | None:
    """The picture of that file name, unless its post took it away; `exact` when the extension must be the real one."""
    media_id, _, extension = name.partition(".")
    found = media.find(view.world, media_id)
    if found is None or (exact and extension != found.extension) or not view.exists(found.post):
        return None
    return None if view.state(found.post) in ("deleted", "staff", "legal") else found


def viewer_page() -> Reply:
    """What a browser gets instead of the picture."""
    return Reply(body=b"<!doctype html><html><body><img alt=''></body></html>", media_type="text/html; charset=UTF-8")


def _missing() -> Reply:
    return Reply(status=404, body=b"<html><body>404 Not Found</body></html>", media_type="text/html")


def _picture(found: media.Picture, *, width: int, form: str) -> Reply:
    taxon = TAXA[found.post.taxon]
    height = max(1, width * found.height // found.width)
    body = drawing.draw(taxon.group, taxon.colour, seed=found.dice, width=width, height=height, form=form)
    return Reply(body=body, media_type=_TYPES[form], headers=(("cache-control", "public, max-age=31536000"),))


def _hosted(view: View, name: str) -> Reply:
    """A foreign host: a third of its pictures were deleted there, and a placeholder stands for them with status 200."""
    if name == "removed.png":
        return Reply(body=placeholder(), media_type="image/png")
    found = media.find(view.world, name.partition(".")[0])
    if found is None or found.post.position % 3 == 0:
        return Reply(status=302, headers=(("location", "/i.imgur.com/removed.png"),))
    return _picture(found, width=found.width, form="JPEG")


def _video(name: str) -> Reply:
    if name.endswith(".mpd"):
        body = b'<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static"><Period/></MPD>'
        return Reply(body=body, media_type="application/dash+xml")
    if name.endswith(".mp4"):
        body = b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom" + b"\0\0\0\x08mdat"
        return Reply(body=body, media_type="video/mp4")
    return _missing()


@lru_cache(maxsize=1)
def placeholder() -> bytes:
    """A PNG of 161 x 81 pixels and exactly 503 bytes, as the foreign host sends for a deleted picture."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return pack(">I", len(data)) + kind + data + pack(">I", zlib.crc32(kind + data))

    head = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", pack(">IIBBBBB", 161, 81, 8, 0, 0, 0, 0))
    rows = chunk(b"IDAT", zlib.compress((b"\0" + b"\xee" * 161) * 81, 9))
    end = chunk(b"IEND", b"")
    comment = b"Comment\0" + b"x" * (_PLACEHOLDER_BYTES - len(head) - len(rows) - len(end) - 12 - 8)
    return head + chunk(b"tEXt", comment) + rows + end
