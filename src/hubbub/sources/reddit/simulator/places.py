"""Communities and people as JSON objects (API reference, sections 12, 16 and 17)."""

from __future__ import annotations

from typing import Any

from hubbub.simulator.fates import Standing
from hubbub.simulator.things import HORIZON, Community, Person
from hubbub.sources.reddit.simulator.numbers import b36
from hubbub.sources.reddit.simulator.posts import subscribers
from hubbub.sources.reddit.simulator.shapes import community_id, text_html
from hubbub.sources.reddit.simulator.view import View

CLOSED: dict[str, Standing] = {
    "simulated_private": "private",
    "simulated_quarantined": "quarantined",
    "simulated_gated": "gated",
    "simulated_gold_only": "gold_only",
    "simulated_banned": "banned",
    "simulated_legal": "legal",
    "simulated_listing": "listing",
    "simulated_invalid": "invalid",
}
"""Communities that stay shut, and how they answer (see `hubbub.simulator.fates`)."""

_RULES = (
    ("link", "Say where & how big", "Give the **location** and the size (e.g. < 1 cm).", "No location"),
    ("all", "Be civil", "Nobody is born knowing what a bed bug looks like.", "Incivility"),
    ("comment", "No guesses as facts", "", "Guess stated as fact"),
    ("all", 'No "kill it" jokes', "They were funny in 2011.\n\n> Really.", "Kill-it joke"),
)


_FIXED: dict[str, Any] = {
    "accept_followers": True,
    "advertiser_category": "Animals & Pets",
    "all_original_content": False,
    "allow_discovery": True,
    "allow_galleries": True,
    "allow_images": True,
    "allow_polls": True,
    "allow_prediction_contributors": False,
    "allow_predictions": False,
    "allow_predictions_tournament": False,
    "allow_talks": False,
    "allow_videogifs": True,
    "allow_videos": True,
    "allowed_media_in_comments": ["giphy", "static"],
    "banner_background_color": "#94e044",
    "banner_background_image": "",
    "banner_img": "",
    "banner_size": None,
    "can_assign_link_flair": True,
    "can_assign_user_flair": True,
    "collapse_deleted_comments": True,
    "comment_contribution_settings": {},
    "comment_score_hide_mins": 60,
    "community_reviewed": True,
    "disable_contributor_requests": False,
    "emojis_custom_size": None,
    "emojis_enabled": True,
    "free_form_reports": True,
    "has_menu_widget": False,
    "header_img": None,
    "header_size": None,
    "header_title": "",
    "hide_ads": False,
    "icon_img": "",
    "icon_size": None,
    "is_crosspostable_subreddit": True,
    "is_enrolled_in_new_modmail": None,
    "key_color": "#46d160",
    "lang": "en",
    "link_flair_enabled": True,
    "link_flair_position": "left",
    "mobile_banner_image": "",
    "notification_level": None,
    "original_content_tag_enabled": False,
    "over18": False,
    "prediction_leaderboard_entry_type": "IN_FEED",
    "primary_color": "#46d160",
    "public_traffic": False,
    "quarantine": False,
    "restrict_commenting": False,
    "restrict_posting": True,
    "should_archive_posts": False,
    "should_show_media_in_comments_setting": True,
    "show_media": True,
    "show_media_preview": True,
    "spoilers_enabled": True,
    "submission_type": "any",
    "submit_link_label": "",
    "submit_text_label": "",
    "subreddit_type": "public",
    "suggested_comment_sort": None,
    "accounts_active_is_fuzzed": False,
    "allow_chat_post_creation": False,
    "coins": 0,
    "collections_enabled": True,
    "event_posts_enabled": True,
    "is_chat_post_feature_enabled": True,
    "user_can_flair_in_sr": None,
    "user_flair_background_color": None,
    "user_flair_css_class": None,
    "user_flair_enabled_in_sr": True,
    "user_flair_position": "right",
    "user_flair_richtext": [],
    "user_flair_template_id": None,
    "user_flair_text": None,
    "user_flair_text_color": None,
    "user_flair_type": "text",
    "user_sr_flair_enabled": None,
    "user_sr_theme_enabled": True,
    "user_has_favorited": False,
    "user_is_banned": False,
    "user_is_contributor": False,
    "user_is_moderator": False,
    "user_is_muted": False,
    "user_is_subscriber": False,
    "videostream_links_count": 0,
    "whitelist_status": "all_ads",
    "wiki_enabled": True,
    "wls": 6,
}
"""Fields that are the same for every community."""


def about_json(view: View, community: Community) -> dict[str, Any]:
    """The `data` of a t5 thing."""
    name = view.called(community.name)
    description = (
        f"# r/{name}\n\nPost a picture, get a name. Read the [rules](/r/{name}/about/rules) first & have fun <3"
    )
    public = f"For pictures of small animals & questions about them. Part of r/{name}."
    submit = "Where was it, and how big?"
    return _FIXED | {
        "community_icon": f"https://styles.redditmedia.com/t5_{community_id(community.position)}/styles/communityIcon_x.png?width=256&s=0a1b2c",
        "created": float(community.created_at),
        "created_utc": float(community.created_at),
        "description": description,
        "description_html": text_html(description, fenced=True),
        "display_name": name,
        "display_name_prefixed": f"r/{name}",
        "id": community_id(community.position),
        "name": f"t5_{community_id(community.position)}",
        "public_description": public,
        "public_description_html": text_html(public, fenced=True),
        "submit_text": submit,
        "submit_text_html": text_html(submit, fenced=True),
        "subreddit_type": "restricted" if view.standing(name) == "restricted" else "public",
        "subscribers": subscribers(view, community.name),
        "title": f"What's this thing? ({name})",
        "url": f"/r/{name}/",
    }


def rules_json(community: Community) -> dict[str, Any]:
    """The answer of about/rules."""
    rules = [
        {
            "kind": kind,
            "short_name": short,
            "description": text,
            "violation_reason": reason,
            "created_utc": float(community.created_at + 86_400 * i),
            "priority": i,
        }
        | ({"description_html": text_html(text, fenced=True)} if text else {})
        for i, (kind, short, text, reason) in enumerate(_RULES)
    ]
    site = ["Spam", "Personal and confidential information", "Threatening, harassing, or inciting violence"]
    flow = [{"reasonTextToShow": "This is spam", "reasonText": "This is spam"}]
    return {"rules": rules, "site_rules": site, "site_rules_flow": flow}


def user_json(person: Person, *, at: float) -> dict[str, Any]:
    """The answer of user/NAME/about; a suspended account comes without id."""
    link, talk = person.position * 37 % 9001, person.position * 113 % 70_001
    if person.fate == "suspended" and person.fate_at <= at:
        bare = {"name": person.name, "is_suspended": True, "awardee_karma": 0, "awarder_karma": 0, "is_blocked": False}
        return {"kind": "t2", "data": bare | {"total_karma": link + talk}}
    profile = {
        "accept_followers": True,
        "banner_img": "",
        "display_name": f"u_{person.name}",
        "display_name_prefixed": f"u/{person.name}",
        "icon_img": "https://www.redditstatic.com/avatars/defaults/v2/avatar_default_3.png",
        "name": f"t5_{b36(3_000_000 + person.position)}",
        "over_18": False,
        "public_description": "I like bugs & <3 spiders" if person.position % 3 == 0 else "",
        "subreddit_type": "user",
        "subscribers": 0,
        "title": "",
        "url": f"/user/{person.name}/",
    }
    data = {
        "accept_followers": True,
        "awardee_karma": 0,
        "awarder_karma": 0,
        "comment_karma": talk,
        "created": float(person.created_at),
        "created_utc": float(person.created_at),
        "has_subscribed": True,
        "has_verified_email": person.position % 7 > 0,
        "hide_from_robots": person.position % 19 == 2,
        "icon_img": profile["icon_img"],
        "id": b36(person.number),
        "is_blocked": False,
        "is_employee": False,
        "is_friend": False,
        "is_gold": False,
        "is_mod": person.position <= 3,
        "is_suspended": False,
        "link_karma": link,
        "name": person.name,
        "pref_show_snoovatar": False,
        "snoovatar_img": "",
        "snoovatar_size": None,
        "subreddit": profile,
        "total_karma": link + talk,
        "verified": True,
    }
    return {"kind": "t2", "data": data}


def account_json(person: Person) -> dict[str, Any]:
    """A member of the answer of user_data_by_account_ids."""
    return {
        "name": person.name,
        "created_utc": float(person.created_at),
        "link_karma": person.position * 37 % 9001,
        "comment_karma": person.position * 113 % 70_001,
        "profile_img": "https://www.redditstatic.com/avatars/defaults/v2/avatar_default_3.png",
        "profile_color": "",
        "profile_over_18": False,
    }


def me_json(username: str) -> dict[str, Any]:
    """The answer of api/v1/me: a bare object without kind."""
    created = float(HORIZON - 200 * 86_400)
    return {
        "comment_karma": 2,
        "created_utc": created,
        "features": {},
        "has_verified_email": True,
        "id": "1simul8",
        "is_suspended": False,
        "link_karma": 1,
        "name": username,
        "total_karma": 3,
        "verified": True,
    }
