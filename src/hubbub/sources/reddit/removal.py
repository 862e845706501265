"""Who withdrew a post or a comment, as the platform's words and categories tell it (reddit.md §19)."""

from __future__ import annotations

from typing import Any

import msgspec

from hubbub.records.models import Reason

DELETED = "[deleted]"
_REMOVED = "[removed]"
_UNAVAILABLE = "[unavailable]"
_BY_USER = "[deleted by user]"
_STAFF = "[ removed by reddit"
_LONGEST_NOTICE = 200

CATEGORIES: dict[str, Reason] = {
    "deleted": Reason.AUTHOR,
    "author": Reason.AUTHOR,
    "user": Reason.AUTHOR,
    "moderator": Reason.MODERATOR,
    "automod_filtered": Reason.MODERATOR,
    "reddit": Reason.MODERATOR,
    "anti_evil_ops": Reason.STAFF,
    "community_ops": Reason.STAFF,
    "content_takedown": Reason.STAFF,
    "copyright_takedown": Reason.LEGAL,
    "legal_operations": Reason.LEGAL,
    "removed": Reason.MODERATOR,
    "removed by reddit": Reason.STAFF,
}
"""Values of `removed_by_category` and of the archives' `removal_type`. "reddit" alone is the spam filter; new values
count as a removal that later text may undo."""


class Verdict(msgspec.Struct, frozen=True):
    """What is left of a post or comment."""

    reason: Reason | None = None
    """Not None: it is withdrawn."""
    detail: str | None = None
    account_gone: bool = False
    author_hidden: bool = False
    """The answer does not name the author (blocked, removed, missing): say nothing about them."""
    text_hidden: bool = False
    """The text is withheld from this viewer only: say nothing about it."""


_NOTHING = Verdict()


def post_verdict(data: dict[str, Any]) -> Verdict:
    """The verdict on a post: a category wins over words, words over the author's name.

    A legal reason beside the category of a moderator or the spam filter erases all the same."""
    author = _trimmed(data.get("author"))
    text, title = _trimmed(data.get("selftext")), _trimmed(data.get("title"))
    staff = _staff_words(text) or _staff_words(title)
    category = _trimmed(data.get("removed_by_category"))
    legal = data.get("removal_reason") == "legal"
    if category:
        told = CATEGORIES.get(category, Reason.MODERATOR)
        if legal and not told.erases:
            told = Reason.LEGAL
        return Verdict(staff if staff is not None and category == "reddit" else told, category)
    reason, detail = None, None
    if legal:
        reason, detail = Reason.LEGAL, "legal"
    elif staff is not None:
        reason, detail = staff, "removed by reddit"
    elif text == _REMOVED:
        reason, detail = Reason.MODERATOR, "removed"
    elif text == DELETED:
        reason, detail = (Reason.AUTHOR if _nobody(author) else Reason.MODERATOR), "deleted"
    elif title == _BY_USER and _nobody(author):
        reason, detail = Reason.AUTHOR, "deleted"
    if reason is not None:
        return Verdict(reason, detail)
    return _author_verdict(author, blocked=data.get("author_is_blocked") is True, text=text)


def comment_verdict(data: dict[str, Any]) -> Verdict:
    """The verdict on a comment: `[removed]` and `[deleted]` count only without an author, since people type them."""
    author, text = _trimmed(data.get("author")), _trimmed(data.get("body"))
    if author and "[" not in {author[0], text[:1]} and data.get("removal_reason") != "legal":
        return _NOTHING
    if data.get("removal_reason") == "legal":
        return Verdict(Reason.LEGAL, "legal")
    if (staff := _staff_words(text)) is not None:
        return Verdict(staff, "removed by reddit")
    if _nobody(author):
        if text == _REMOVED:
            return Verdict(Reason.MODERATOR, "removed")
        if text == DELETED:
            return Verdict(Reason.AUTHOR, "deleted")
    return _author_verdict(author, blocked=data.get("author_is_blocked") is True, text=text)


def archive_verdict(meta: dict[str, Any]) -> Verdict:
    """The verdict of an archive's `_meta.was_deleted_later`; without a named type it may come back (reason "gone")."""
    kind = meta.get("removal_type")
    if isinstance(kind, str) and kind.strip():
        return Verdict(CATEGORIES.get(kind.strip(), Reason.MODERATOR), kind.strip())
    return Verdict(Reason.GONE, "was_deleted_later")


def _author_verdict(author: str, *, blocked: bool, text: str) -> Verdict:
    hidden = text == _UNAVAILABLE
    if author == DELETED and not blocked and not hidden:
        return Verdict(account_gone=True)
    unnamed = author in {"", DELETED, _REMOVED, _UNAVAILABLE}
    return Verdict(author_hidden=unnamed, text_hidden=hidden)


def _staff_words(text: str) -> Reason | None:
    if not text.startswith("[") or not text.endswith("]"):
        return None
    low = text.lower()
    if not low.startswith(_STAFF) or len(low) > _LONGEST_NOTICE:
        return None
    return Reason.LEGAL if "copyright" in low or "legal" in low else Reason.STAFF


def _nobody(author: str) -> bool:
    return author in {"", DELETED, _REMOVED}


def _trimmed(value: Any) -> str:
    return value.strip() if isinstance(value, str) else ""
