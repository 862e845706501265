"""A connection to a Redis or Valkey that several processes share: tried once, soon given up, no secret told."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from hubbub.errors import ConfigError


def connect(url: str, *, setting: str, timeout_s: float) -> tuple[Any, tuple[type[Exception], ...]]:
    """A client that tries once and soon gives up (seconds), and what it raises; nothing is asked of it yet.

    Raises ConfigError, naming the setting, for what is no address, and where the driver is not installed."""
    try:
        import redis  # noqa: PLC0415 - an extra: without it only the error below is wanted
    except ImportError as err:
        raise ConfigError(f"{setting} needs the extra 'redis'", advice="pip install 'hubbub[redis]'") from err
    scheme, separator, rest = url.partition("://")
    spoken = {"valkey": "redis", "valkeys": "rediss"}.get(scheme, scheme)
    try:
        client = redis.Redis.from_url(
            f"{spoken}{separator}{rest}",
            socket_timeout=timeout_s,
            socket_connect_timeout=timeout_s,
            retry=redis.retry.Retry(redis.backoff.NoBackoff(), 0),
        )
    except (ValueError, TypeError):  # its words may hold part of the password
        raise ConfigError(
            f"{setting} is no address of a Redis or Valkey; write redis://[USER:PASSWORD@]HOST:PORT/DATABASE"
        ) from None
    return client, (redis.RedisError, OSError, UnicodeError)


def place_of(url: str) -> str:
    """What messages call it: its address without user and password."""
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    return f"{parts.scheme}://{host}{parts.path}"


def first_line(error: Exception) -> str:
    """The driver's words, short."""
    lines = str(error).splitlines()
    return lines[0].rstrip(".") if lines else type(error).__name__
