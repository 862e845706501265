"""PURE. Names that must be known again and may not be kept: what stands for them, and where they stand in text."""

from __future__ import annotations

import hashlib
import hmac
import re

KEEPER = "hubbub"
"""The source under which a blocklist keeps the key of its aliases: no platform is called so."""
KEY_PREFIX = "key:"
PROFILE_PREFIX = "u_"
"""A person's own community is named so and by the person, on the platform that has such communities."""

FORGOTTEN = "[forgotten]"

_AUTHORS = re.compile(rb'"(?:author|author_name|name|owner|id)"\s*:\s*"([^"\\]{1,64})"')


def alias(key: str, source: str, *, name: str) -> str:
    """What stands for a name on the blocklist: without the key nobody can try names against it."""
    return "~" + hmac.new(key.encode(), f"{source}\x00{name}".encode(), hashlib.sha256).hexdigest()


def is_profile(community: str | None) -> bool:
    """Whether a community's key spells a person's name."""
    return community is not None and community.startswith(PROFILE_PREFIX)


def candidates(key: str | None, source: str, *, kind: str, identity: str) -> tuple[str, ...]:
    """How a record may stand on a blocklist: as it is, or as its alias where its key is a person's name."""
    if key is not None and (kind == "user" or (kind == "community" and is_profile(identity))):
        return identity, alias(key, source, name=identity)
    return (identity,)


def mentioned(raw: bytes) -> set[str]:
    """The case-folded names that bytes of a record give as its author, or as its own."""
    return {found.decode("utf-8", "replace").casefold() for found in _AUTHORS.findall(raw)}
