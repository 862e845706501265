"""Secrets in text that is about to leave the program."""

from __future__ import annotations

import pytest

from hubbub.observe.masking import MASK, Mask

SECRETS = ["pa$$ word/7", "redis://me:hunter%402@host:6379/0"]


@pytest.mark.parametrize(
    "text",
    [
        "form=(('password', 'pa$$ word/7'),)",
        "password=pa%24%24%20word%2F7&x=1",
        "cannot reach redis://me:hunter%402@host:6379/0",
        "AUTH me hunter@2 failed",
        "{'authorization': 'Bearer eyJhbGciOi.J9-x_y'}",
        "Authorization: Basic Y2xpZW50OnNlY3JldA==",
        '{"access_token": "eyJhbGciOi.J9-x_y", "expires_in": 3600}',
        "grant_type=refresh_token&refresh_token=12345-abcdef",
    ],
)
def test_no_secret_stays(text: str) -> None:
    shown = Mask(SECRETS)(text)
    assert MASK in shown
    hidden = ("pa$$", "word", "hunter", "eyJ", "Y2xp", "12345-abc")
    assert not any(part in shown for part in hidden if part != "word" or "password" not in text)


def test_other_text_stays_as_it_is() -> None:
    text = "the basic idea of a bearer is a word; word/8; redis://me:•••@host; access_token is missing"
    assert Mask(SECRETS)(text) == text
    assert Mask(["abc"])("abcdef") == "abcdef", "a word this short would be hidden inside others"
