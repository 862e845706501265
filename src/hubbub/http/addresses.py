"""URLs as the client reads them: which origin, which host, where a redirect leads, what of them may be shown. Pure."""

from __future__ import annotations

from urllib.parse import urlencode, urljoin, urlsplit, urlunsplit

from hubbub.errors import RemoteError

Origin = tuple[str, str, int | None]
REDIRECTS = frozenset({301, 302, 303, 307, 308})


def absolute(url: str, params: tuple[tuple[str, str], ...], *, base: str) -> str:
    """The address to ask: a path is joined to `base` (keeping its path), parameters are appended."""
    whole = url if "://" in url else base.rstrip("/") + "/" + url.lstrip("/")
    if not params:
        return whole
    return whole + ("&" if "?" in whole else "?") + urlencode(params)


def origin(url: str) -> Origin | None:
    """Scheme, host and port, which together decide who gets the token; None for what is no address."""
    try:
        parts = urlsplit(url)
        port = parts.port or {"http": 80, "https": 443}.get(parts.scheme)
    except ValueError:
        return None
    return (parts.scheme, parts.hostname.lower(), port) if parts.hostname else None


def host_and_port(url: str) -> str:
    """`host:port`, the key of a host's cool-down; empty for what is no address."""
    found = origin(url)
    return "" if found is None else f"{found[1]}:{found[2]}"


def next_hop(url: str, location: str | None) -> str:
    """Where a redirect from `url` leads; raises RemoteError when that is nowhere, or no web address."""
    try:
        target = urljoin(url, location or "")
        scheme = urlsplit(target).scheme
        usable = bool(location) and scheme in {"http", "https"} and origin(target) is not None
    except ValueError:
        usable = False
    if not usable:
        raise RemoteError(f"{place(url)} redirects to no address that can be asked")
    return target


def without_user(url: str) -> str:
    """The address without user name, password and fragment."""
    try:
        parts = urlsplit(url)
        return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, parts.query, ""))
    except ValueError:
        return "invalid:"


def place(url: str) -> str:
    """Host and path for a message: a query may hold what nobody else should read."""
    parts = urlsplit(without_user(url))
    return f"{parts.netloc}{parts.path}"
