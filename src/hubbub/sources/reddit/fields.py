"""Which fields of Reddit's objects are modelled, which go to `extra`, and which are never kept (reddit.md §14 to §17).

Never kept, in this order of reasons: what is about the viewer or written by moderators; what names a person outside the
author facet (a tombstone or a gone account must take it along; `collections` name their authors); HTML twins of a text;
awards but their number, thumbnails, colours and other looks; figures about the community that would change every post
with every look."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from hubbub.records.clean import canonical_json

_LONGEST_EXTRA = 2_000
_PRIVATE_PREFIXES = ("user_", "mod_", "author_", "can_", "profile_", "pref_", "viewer_", "ad_", "adserver_")

POST_MODELLED = frozenset(
    [
        "id",
        "name",
        "title",
        "author",
        "author_fullname",
        "author_flair_text",
        "subreddit",
        "created_utc",
        "edited",
        "permalink",
        "url",
        "url_overridden_by_dest",
        "domain",
        "is_self",
        "selftext",
        "score",
        "upvote_ratio",
        "num_comments",
        "num_crossposts",
        "over_18",
        "spoiler",
        "locked",
        "archived",
        "stickied",
        "hide_score",
        "distinguished",
        "link_flair_text",
        "removed_by_category",
        "media",
        "secure_media",
        "preview",
        "is_gallery",
        "gallery_data",
        "media_metadata",
        "crosspost_parent",
        "crosspost_parent_list",
        "poll_data",
        "is_video",
        "removal_reason",
        "author_is_blocked",
        "promoted",
        "_meta",
        "retrieved_on",
        "retrieved_utc",
        "updated_on",
        "updated_utc",
    ]
)
POST_EXTRA = frozenset(
    [
        "contest_mode",
        "is_original_content",
        "is_meta",
        "quarantine",
        "pinned",
        "media_only",
        "is_reddit_media_domain",
        "is_robot_indexable",
        "suggested_sort",
        "discussion_type",
        "link_flair_css_class",
        "link_flair_template_id",
        "content_categories",
        "category",
        "post_hint",
        "gilded",
        "allow_live_comments",
        "event_start",
        "event_end",
        "event_is_live",
        "events",
        "rpan_video",
        "live_audio",
        "tournament_data",
        "post_categories",
        "from",
        "from_id",
        "from_kind",
    ]
)
COMMENT_MODELLED = frozenset(
    [
        "id",
        "name",
        "link_id",
        "parent_id",
        "subreddit",
        "author",
        "author_fullname",
        "author_flair_text",
        "body",
        "created_utc",
        "edited",
        "score",
        "score_hidden",
        "controversiality",
        "is_submitter",
        "distinguished",
        "stickied",
        "locked",
        "archived",
        "replies",
        "media_metadata",
        "permalink",
        "author_is_blocked",
        "removal_reason",
        "depth",
        "_meta",
        "retrieved_on",
        "retrieved_utc",
        "updated_on",
        "updated_utc",
        "promoted",
    ]
)
COMMENT_EXTRA = frozenset(
    [
        "collapsed",
        "collapsed_reason",
        "collapsed_reason_code",
        "collapsed_because_crowd_control",
        "comment_type",
        "unrepliable_reason",
        "gilded",
        "expression_asset_data",
    ]
)
_DROPPED = frozenset(
    [
        "collections",
        "likes",
        "saved",
        "hidden",
        "visited",
        "clicked",
        "num_reports",
        "report_reasons",
        "user_reports",
        "mod_reports",
        "approved_by",
        "approved_at_utc",
        "banned_by",
        "banned_at_utc",
        "removed",
        "approved",
        "spam",
        "ignore_reports",
        "ban_note",
        "removed_by",
        "view_count",
        "created",
        "ups",
        "downs",
        "subreddit_id",
        "subreddit_name_prefixed",
        "subreddit_subscribers",
        "send_replies",
        "no_follow",
        "is_crosspostable",
        "gildings",
        "all_awardings",
        "total_awards_received",
        "awarders",
        "treatment_tags",
        "top_awarded_type",
        "associated_award",
        "thumbnail",
        "thumbnail_width",
        "thumbnail_height",
        "media_embed",
        "secure_media_embed",
        "wls",
        "pwls",
        "subreddit_type",
        "whitelist_status",
        "parent_whitelist_status",
        "link_flair_type",
        "link_flair_richtext",
        "link_flair_text_color",
        "link_flair_background_color",
        "selftext_html",
        "body_html",
        "sr_detail",
        "rte_mode",
        "brand_safe",
        "previous_visits",
        "num_duplicates",
        "link_title",
        "link_author",
        "link_permalink",
        "link_url",
        "num_comments",
        "over_18",
        "quarantine",
        "quarantined",
        "permalink_url",
        "editable",
        "body_sha1",
        "user_reports_dismissed",
        "mod_reports_dismissed",
        "is_created_from_ads_ui",
        "imp_pixel",
        "href_url",
        "domain_override",
        "mobile_ad_url",
        "third_party_trackers",
        "third_party_tracking",
        "third_party_tracking_2",
        "call_to_action",
        "campaign_id",
        "promoted_by",
        "promoted_display_name",
        "promoted_url",
        "impression_id",
        "impression_id_str",
        "embed_type",
        "embed_url",
        "is_blank",
        "is_survey_ad",
        "original_link",
        "outbound_link",
        "priority_id",
        "product_ids",
        "promo_layout",
        "show_media",
        "sk_ad_network_data",
        "subcaption",
        "app_store_data",
        "disable_comments",
        "steward_reports",
        "eventsOnRender",
        "field",
        "previous_selftext",
        "previous_body",
    ]
)
_PLAIN_TRUE = frozenset({"is_robot_indexable"})
"""Fields that are true for nearly everything: only false says something."""

_KNOWN = {
    "post": (POST_MODELLED | _DROPPED) - POST_EXTRA,
    "comment": (COMMENT_MODELLED | _DROPPED) - COMMENT_EXTRA,
}
_EXTRA = {"post": POST_EXTRA, "comment": COMMENT_EXTRA}
LINE_FIELDS = {
    "post": POST_MODELLED | POST_EXTRA,
    "comment": (COMMENT_MODELLED | COMMENT_EXTRA) - {"permalink"},
}
"""What of a dump line is decoded at all."""


@lru_cache(maxsize=2_000)
def is_unknown(key: str, *, kind: str) -> bool:
    """True for a field of a post or comment that nobody has decided about."""
    return not (
        key in _KNOWN[kind] or key in _EXTRA[kind] or key.startswith(_PRIVATE_PREFIXES) or key.endswith("_html")
    )


def extra_of(data: dict[str, Any], *, kind: str, unknown: dict[str, int]) -> str | None:
    """The compact `extra` of a post or comment; counts in `unknown` the fields nobody has decided about.

    Null, empty and false values are left out (for a field that is nearly always true: true). Unknown fields are kept
    while they are small."""
    kept: dict[str, Any] = {}
    wanted = _EXTRA[kind]
    for key in data.keys() - _KNOWN[kind]:
        value = data[key]
        if key in wanted:
            if key in _PLAIN_TRUE:
                if value is False:
                    kept[key] = False
                continue
        elif is_unknown(key, kind=kind):
            name = f"{kind}.{key[:60]}"
            unknown[name] = unknown.get(name, 0) + 1
        else:
            continue
        if value:
            kept[key] = _impersonal(value)
    if not kept:
        return None
    return canonical_json({key: value for key, value in kept.items() if len(canonical_json(value)) <= _LONGEST_EXTRA})


def _impersonal(value: Any) -> Any:
    """The value without the people named inside it, who must go with the author facet alone."""
    if isinstance(value, list):
        return [_impersonal(item) for item in value]
    if isinstance(value, dict):
        return {key: _impersonal(item) for key, item in value.items() if not str(key).startswith(_PRIVATE_PREFIXES)}
    return value
