"""The words of the pretend Product Hunt: what launches are called, how they are praised, and what is said of them."""

from __future__ import annotations

from random import Random

_FIRST = (
    "Amber", "Atlas", "Beacon", "Birch", "Bold", "Bright", "Cedar", "Cinder", "Clear", "Copper", "Delta", "Drift",
    "Echo", "Ember", "Fable", "Fern", "Flint", "Harbor", "Hazel", "Indigo", "Juniper", "Kite", "Lumen", "Maple",
    "Nimbus", "North", "Opal", "Orbit", "Pebble", "Quartz", "Quill", "Raven", "River", "Sable", "Slate", "Spark",
    "Tandem", "Tidal", "Umber", "Velvet", "Willow", "Zephyr",
)  # fmt: skip
_SECOND = (
    "base", "board", "cast", "chart", "desk", "dock", "flow", "form", "gate", "grid", "hub", "kit", "lane", "leaf",
    "line", "list", "loop", "mail", "mark", "mind", "note", "pad", "path", "pilot", "post", "shelf", "stack", "sync",
    "talk", "track", "wave", "works",
)  # fmt: skip
_WHAT = (
    "Plan your week", "Notes that answer back", "Ship your changelog", "A calm inbox", "Turn meetings into tasks",
    "Invoices", "Your bookmarks, sorted", "Find the right font", "Backups", "Charts from plain text",
    "Learn a language on walks", "Pair programming", "A tiny analytics script", "Grow herbs indoors",
    "Voice memos to prose", "Screenshots with context",
)  # fmt: skip
_HOW = (
    "without the busywork", "in one keystroke", "for small teams", "that respect your time", "on your own machine",
    "with a little help from AI", "& nothing else", "in < 5 minutes", "for people who hate forms", "as it should be",
)  # fmt: skip
_PRAISE = (
    "Congrats on the launch!", "Looks great, does it work offline?", "I have been waiting for something like this.",
    "How does it compare with what I use today?", "The onboarding took me two minutes, well done.",
    "Is there a plan for students?", "Upvoted. What is next on the roadmap?", "Does it export to CSV & JSON?",
    "Love the design, the pricing page confuses me a bit.", "We tried it at work and it stuck.",
)  # fmt: skip
_THANKS = (
    "Thank you so much, that means a lot!", "Good question: yes, since last week.", "Not yet, it is on the list.",
    "Would you tell us more about your use case?", "Fixed, thanks for reporting.",
)  # fmt: skip
_PEOPLE = ("ada_builds", "marek_t", "june.codes", "sofia_w", "okafor", "lin_makes")
_LINK = 'target="_blank" rel="nofollow noopener noreferrer"'


def name(dice: Random) -> str:
    """What a launch is called."""
    made = dice.choice(_FIRST) + dice.choice(_SECOND)
    return made + dice.choice(("", "", "", "", " AI", " 2.0", " for Teams", " — beta"))


def tagline(dice: Random) -> str:
    """One line about it, at most 60 characters as on the real site."""
    return f"{dice.choice(_WHAT)} {dice.choice(_HOW)}"[:60]


def description(dice: Random, *, called: str) -> str:
    """A few sentences about it, at most 500 characters as on the real site."""
    parts = [f"{called}: {tagline(dice)}." for _ in range(dice.randrange(1, 6))]
    return " ".join(parts)[:500]


def slug(called: str) -> str:
    """A name as addresses write it."""
    kept = "".join(c if c.isascii() and c.isalnum() else "-" for c in called.lower())
    return "-".join(part for part in kept.split("-") if part)


def body(dice: Random, *, called: str, opening: bool, reply: bool) -> str:
    """What a comment says: mostly HTML, else plain text, as three in ten recorded ones were."""
    if opening:
        return (
            f"<p><strong>Hey Product Hunt! 👋</strong></p><p></p><p>We made {called}. {tagline(dice)}.</p>"
            "<ul><li><p>No account needed</p></li><li><p>Works on what you <em>have</em></p></li></ul>"
            f'<p>Try it: <a href="https://example.com/{slug(called)}" {_LINK}>https://example.com/{slug(called)}</a></p>'
        )
    said = dice.choice(_THANKS if reply else _PRAISE)
    if dice.random() < 0.28:
        return said
    throw = dice.random()
    said = said.replace("&", "&amp;")
    if throw < 0.2:
        who = dice.choice(_PEOPLE)
        mention = (
            f'<a href="https://www.producthunt.com/@{who}" data-node-type="mention" data-mention-type="user" '
            f'data-mention-id="{who}" {_LINK}>@{who}</a>'
        )
        return f"<p>{mention} {said}</p>"
    if throw < 0.28:
        return f'<p>{said}</p><img src="https://ph-files.imgix.net/{picture(dice)}.png?auto=format" alt="">'
    if throw < 0.36:
        return f'<p>{said}</p><p>See <a href="https://example.org/{slug(called)}" {_LINK}>our notes</a>.</p>'
    return f"<p>{said}</p>"


def picture(dice: Random) -> str:
    """The name of an uploaded picture: a version 4 UUID."""
    digits = f"{dice.getrandbits(128):032x}"
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-a{digits[17:20]}-{digits[20:]}"
