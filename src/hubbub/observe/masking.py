"""Hides secrets in text that is about to leave the program: log lines, tracebacks, crash reports."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from urllib.parse import quote, unquote, urlsplit

MASK = "•••"
_LEAST_CHARS = 4
"""A shorter word would be hidden wherever it stands in other words."""
_AUTHORIZATION = re.compile(r"\b(bearer|basic)\s+[A-Za-z0-9._~+/=-]{6,}", re.IGNORECASE)
_TOKEN = re.compile(r"((?:access|refresh)_token\W{1,6})[A-Za-z0-9._~+/=-]{6,}", re.IGNORECASE)


class Mask:
    """Hides these values, the passwords inside addresses among them, and whatever looks like an authorization."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        found = {form for secret in secrets for form in _forms(secret) if len(form) >= _LEAST_CHARS}
        self._forms = sorted(found, key=len, reverse=True)

    def __call__(self, text: str) -> str:
        """The text without any of them."""
        for form in self._forms:
            text = text.replace(form, MASK)
        return _TOKEN.sub(rf"\1{MASK}", _AUTHORIZATION.sub(rf"\1 {MASK}", text))


def _forms(secret: str) -> Iterator[str]:
    """How a secret may stand in a text: as it is, in a form or an address, and its password when it is an address."""
    yield secret
    yield quote(secret, safe="")
    password = password_in(secret)
    if password:
        yield password
        yield unquote(password)


def password_in(address: str) -> str | None:
    """The password in an address, as it is written there; None when there is none."""
    try:
        return urlsplit(address).password if "://" in address else None
    except ValueError:
        return None
