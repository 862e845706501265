"""Reddit's people and communities as records (reddit.md §12, §16, §17)."""

from __future__ import annotations

from typing import Any

from hubbub.errors import RecordError
from hubbub.records.clean import canonical_json
from hubbub.records.facets import Facet
from hubbub.records.models import Community, Rule, User
from hubbub.sources.reddit.mapping import Look
from hubbub.sources.reddit.values import SOURCE_NAME, Gathered, flag, integer, label, moment, prose

_COMMUNITY_EXTRA = (
    "submission_type",
    "advertiser_category",
    "banner_img",
    "banner_background_image",
    "primary_color",
    "key_color",
    "allow_images",
    "allow_videos",
    "allow_galleries",
    "allow_polls",
    "comment_score_hide_mins",
    "suggested_comment_sort",
    "wiki_enabled",
    "spoilers_enabled",
    "restrict_posting",
    "should_archive_posts",
    "submit_text",
)
_USER_EXTRA = ("is_gold", "has_verified_email", "accept_followers", "snoovatar_img")


def map_community(data: dict[str, Any], *, look: Look, out: Gathered) -> Community:
    """The record of one t5 object: all but its rules. Raises RecordError when it has no name."""
    name = label(data, "display_name", out=out)
    if name is None:
        raise RecordError("display_name is missing")
    return Community(
        source=SOURCE_NAME,
        id=name.casefold(),
        door=look.door,
        observed_at=look.observed_at,
        terms=look.terms,
        stated=Facet.ALL & ~Facet.RULES,
        created_at=_time(data, "created_utc", out=out),
        name=name,
        platform_id=_platform_id(data, prefix="t5_", out=out),
        community_type=label(data, "subreddit_type", out=out),
        over_18=flag(data, "over18", out=out),
        quarantined=flag(data, "quarantine", out=out),
        language=label(data, "lang", out=out),
        title=label(data, "title", out=out),
        body=label(data, "description", out=out),
        description=label(data, "public_description", out=out),
        url=label(data, "icon_img", out=out) or label(data, "community_icon", out=out),
        member_count=integer(data, "subscribers", out=out, least=0),
        active_count=_either(data, ("active_user_count", "accounts_active"), out=out),
        extra=_extra(data, _COMMUNITY_EXTRA),
    )


def map_user(data: dict[str, Any], *, look: Look, out: Gathered) -> User:
    """The record of one t2 object. Raises RecordError when it has no name.

    A suspended account and an entry of people by id have little more: they state neither profile nor extra."""
    name = label(data, "name", out=out)
    if name is None:
        raise RecordError("name is missing")
    profile = data.get("subreddit")
    profile = profile if isinstance(profile, dict) else {}
    suspended = flag(data, "is_suspended", out=out)
    whole = "is_employee" in data or "subreddit" in data
    stated = Facet.ALL if whole else Facet.FRAME | Facet.NUMBERS
    return User(
        source=SOURCE_NAME,
        id=name.casefold(),
        door=look.door,
        observed_at=look.observed_at,
        terms=look.terms,
        stated=stated,
        created_at=_time(data, "created_utc", out=out),
        name=name,
        platform_id=_platform_id(data, prefix="t2_", out=out),
        is_suspended=suspended,
        is_employee=flag(data, "is_employee", out=out),
        is_moderator=flag(data, "is_mod", out=out),
        verified=flag(data, "verified", out=out),
        no_index=flag(data, "hide_from_robots", out=out),
        title=label(profile, "title", out=out),
        body=prose(profile, "public_description", out=out),
        url=label(data, "icon_img", out=out) or label(data, "profile_img", out=out),
        post_karma=integer(data, "link_karma", out=out),
        comment_karma=integer(data, "comment_karma", out=out),
        total_karma=integer(data, "total_karma", out=out),
        extra=_extra(data, _USER_EXTRA),
    )


def map_rules(value: Any, *, name: str, look: Look) -> Community:
    """The rules answer of one community as an observation that states nothing but the rules.

    Raises RecordError when the answer holds no list of rules."""
    listed = value.get("rules") if isinstance(value, dict) else None
    if not isinstance(listed, list):
        raise RecordError("the answer holds no list of rules")
    return Community(
        source=SOURCE_NAME,
        id=name.casefold(),
        door=look.door,
        observed_at=look.observed_at,
        terms=look.terms,
        stated=Facet.RULES,
        name=name,
        rules=tuple(_rule(item) for item in listed if isinstance(item, dict)),
    )


def _rule(item: dict[str, Any]) -> Rule:
    def text(key: str) -> str | None:
        value = item.get(key)
        return value.strip() or None if isinstance(value, str) else None

    try:
        created_at = moment(item.get("created_utc"), name="created_utc")
    except RecordError:
        created_at = None
    return Rule(
        short_name=text("short_name") or "",
        applies_to=text("kind"),
        description=text("description"),
        violation_reason=text("violation_reason"),
        created_at=created_at,
    )


def _time(data: dict[str, Any], key: str, *, out: Gathered) -> int | None:
    if data.get(key) is None:
        return None
    try:
        return moment(data[key], name=key)
    except RecordError:
        out.repaired += 1
        return None


def _platform_id(data: dict[str, Any], *, prefix: str, out: Gathered) -> str | None:
    value = label(data, "id", out=out)
    return None if value is None else prefix + value.removeprefix(prefix)


def _either(data: dict[str, Any], keys: tuple[str, ...], *, out: Gathered) -> int | None:
    found = (integer(data, key, out=out, least=0) for key in keys)
    return next((value for value in found if value is not None), None)


def _extra(data: dict[str, Any], keys: tuple[str, ...]) -> str | None:
    kept = {key: data[key] for key in keys if data.get(key)}
    return canonical_json(kept) if kept else None
