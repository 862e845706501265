"""Pieces that posts and comments have in common."""

from __future__ import annotations

import html
from typing import Any

from hubbub.simulator.things import MODERATORS, Person
from hubbub.sources.reddit.simulator.numbers import b36, unb36

FLAIRS = ("", "", "", "Entomologist", ":beetle: Beetle fan", "Arachnologist")
_COMMUNITY_NUMBER = 2_871_000


def community_id(position: int) -> str:
    """Base-36 id of a community, without prefix."""
    return b36(_COMMUNITY_NUMBER + position * 4711)


def community_position(name: str) -> int:
    """Where the community of that id stands; -1 when there is none."""
    place, rest = divmod((unb36(name) or 0) - _COMMUNITY_NUMBER, 4711)
    return -1 if rest else place


def listing(
    children: list[dict[str, Any]], *, after: str | None = None, before: str | None = None, dist: int | None = None
) -> dict[str, Any]:
    """The envelope of every list."""
    data = {"after": after, "dist": dist, "modhash": None, "geo_filter": "", "children": children, "before": before}
    return {"kind": "Listing", "data": data}


def text_html(text: str, *, fenced: bool) -> str | None:
    """Markdown as (very plain) HTML; `fenced` adds the comments posts have around it. None when empty."""
    if not text:
        return None
    paragraphs = "\n\n".join(f"<p>{html.escape(part, quote=False)}</p>" for part in text.split("\n\n"))
    inner = f'<div class="md">{paragraphs}\n</div>'
    return f"<!-- SC_OFF -->{inner}<!-- SC_ON -->" if fenced else inner


def author_fields(person: Person | None) -> dict[str, Any]:
    """Name and flair of an author; None stands for one that is gone, and then most of them are absent."""
    if person is None:
        return {
            "author": "[deleted]",
            "author_flair_background_color": "",
            "author_flair_css_class": None,
            "author_flair_template_id": None,
            "author_flair_text": None,
            "author_flair_text_color": "dark",
            "author_is_blocked": False,
        }
    flair = FLAIRS[person.position % len(FLAIRS)]
    return {
        "author": person.name,
        "author_fullname": f"t2_{b36(person.number)}",
        "author_flair_background_color": "#dadada" if flair else None,
        "author_flair_css_class": "expert" if flair else None,
        "author_flair_richtext": [{"e": "text", "t": flair}] if flair else [],
        "author_flair_template_id": None,
        "author_flair_text": flair or None,
        "author_flair_text_color": "dark" if flair else None,
        "author_flair_type": "richtext" if flair else "text",
        "author_is_blocked": False,
        "author_patreon_flair": False,
        "author_premium": person.position % 50 == 3,
    }


def distinguished(person: Person | None, *, pinned: bool) -> str | None:
    """The word "moderator" on what moderators pin."""
    return "moderator" if person is not None and pinned and person.position <= max(MODERATORS) else None


VIEWER: dict[str, Any] = {
    "all_awardings": [],
    "approved_at_utc": None,
    "approved_by": None,
    "awarders": [],
    "banned_at_utc": None,
    "banned_by": None,
    "can_gild": False,
    "can_mod_post": False,
    "downs": 0,
    "gilded": 0,
    "gildings": {},
    "likes": None,
    "mod_note": None,
    "mod_reason_by": None,
    "mod_reason_title": None,
    "mod_reports": [],
    "num_reports": None,
    "report_reasons": None,
    "saved": False,
    "top_awarded_type": None,
    "total_awards_received": 0,
    "treatment_tags": [],
    "user_reports": [],
}
"""Fields that tell of the reader, of moderators or of awards: the same everywhere."""
