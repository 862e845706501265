"""A comment dump as the archives print one: same seed and rows, same bytes.

Which fields a line has, how often they say something and how long they are follows the field statistics that Arctic
Shift publishes for a month of 2026: about 65 fields and 1.8 kB a line, 160 characters of text, 3.2 % withdrawn."""

from __future__ import annotations

import random
from collections.abc import Iterator
from itertools import accumulate
from pathlib import Path
from typing import Any

import msgspec

from bench.packing import pack

BEGAN = 1_767_225_600
"""2026-01-01."""
_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"
_EMPTY = ("all_awardings", "awarders", "mod_reports", "treatment_tags", "user_reports", "author_flair_richtext")
_NULL = frozenset(
    """
    approved_at_utc approved_by associated_award author_flair_background_color author_flair_css_class
    author_flair_template_id author_flair_text author_flair_text_color banned_at_utc banned_by
    collapsed_because_crowd_control collapsed_reason collapsed_reason_code comment_type distinguished likes
    mod_note mod_reason_by mod_reason_title num_reports removal_reason report_reasons top_awarded_type
    unrepliable_reason
    """.split()
)
_FALSE = frozenset(
    """
    archived author_is_blocked author_patreon_flair author_premium can_gild can_mod_post collapsed edited
    is_submitter locked saved score_hidden stickied
    """.split()
)


class Words:
    """An invented language with the word frequencies of a real one, its people and its places."""

    def __init__(self, seed: int) -> None:
        pick = random.Random(seed)
        syllables = [c + v for c in "bcdfghklmnprstvwz" for v in "aeiou"]
        self.words = [
            "the",
            "bug",
            "spider",
            "leaf",
            *("".join(pick.choices(syllables, k=1 + i % 4)) for i in range(20_000)),
        ]
        self.weights = list(accumulate(1 / (rank + 2.7) for rank in range(len(self.words))))
        self.people = [f"{pick.choice(self.words).title()}{pick.choice(self.words)}_{i}" for i in range(20_000)]
        self.places = ["whatisthisbug", *(f"{pick.choice(self.words)}{pick.choice(self.words)}{i}" for i in range(800))]
        self.place_weights = list(accumulate(1 / (rank + 6) for rank in range(len(self.places))))

    def text(self, pick: random.Random, *, words: int) -> str:
        chosen = pick.choices(self.words, cum_weights=self.weights, k=words)
        for at in range(0, words, 11):
            chosen[at] = chosen[at].capitalize() + pick.choice((",", ".\n\n", "!", " —", "'s", " 🐛", "&gt; "))
        return " ".join(chosen)


def comment_lines(rows: int, *, seed: int = 1) -> Iterator[bytes]:
    """The lines of a dump of so many comments, in the order of their ids."""
    words, pick = Words(seed), random.Random(seed)
    newest: dict[int, str] = {}
    for number in range(rows):
        post = max(0, number // 4 - int(pick.paretovariate(0.8)))
        line = _comment(number, post=post, reply_to=newest.get(post), words=words, pick=pick)
        newest[post] = line["name"]
        yield msgspec.json.encode(line, order="sorted") + b"\n"


def _comment(number: int, *, post: int, reply_to: str | None, words: Words, pick: random.Random) -> dict[str, Any]:
    name, thread, created = base36(51_000_000_000 + number * 5), base36(3_900_000_000 + post * 7), BEGAN + number * 2
    rest = random.Random(post)
    place = rest.choices(words.places, cum_weights=words.place_weights)[0]
    gone = pick.random() < 0.032
    author = words.people[int(len(words.people) * pick.random() ** 2.2)]
    score = 1 if pick.random() < 0.45 else int(pick.paretovariate(1.05)) % 40_000 - 2
    meta: dict[str, Any] = {"retrieved_2nd_on": created + 129_600 + pick.randrange(900)}
    if gone:
        meta |= {"removal_type": "deleted", "was_deleted_later": True}
    length = min(1_500, max(1, int(pick.lognormvariate(2.75, 1.08))))
    return {
        **dict.fromkeys(_NULL),
        **dict.fromkeys(_FALSE, False),
        **{key: [] for key in _EMPTY},
        "_meta": meta,
        "author": "[deleted]" if gone else author,
        "author_flair_text": words.words[number % 900] if pick.random() < 0.14 else None,
        "author_flair_type": "text",
        "author_fullname": "t2_" + base36(900_000_000 + len(author) * 7_919 + ord(author[0])),
        "body": "[removed]" if gone else words.text(pick, words=length),
        "controversiality": int(pick.random() < 0.02),
        "created": created,
        "created_utc": created,
        "downs": 0,
        "edited": created + 60 if pick.random() < 0.02 else False,
        "gilded": 0,
        "gildings": {},
        "id": name,
        "link_id": "t3_" + thread,
        "name": "t1_" + name,
        "no_follow": True,
        "parent_id": reply_to if reply_to and pick.random() < 0.6 else "t3_" + thread,
        "permalink": f"/r/{place}/comments/{thread}/{'_'.join(rest.choices(words.words, k=5))[:50]}/{name}/",
        "replies": "",
        "retrieved_on": created + 3 + pick.randrange(900),
        "score": score,
        "send_replies": True,
        "subreddit": place,
        "subreddit_id": "t5_" + base36(2_000_000 + len(place)),
        "subreddit_name_prefixed": "r/" + place,
        "subreddit_type": "public",
        "total_awards_received": 0,
        "ups": score,
    }


def base36(number: int) -> str:
    """A positive number in the platform's digits."""
    digits = ""
    while number:
        number, rest = divmod(number, 36)
        digits = _DIGITS[rest] + digits
    return digits


def write_dump(path: Path, *, rows: int) -> int:
    """Write the dump (zstd); returns its unpacked bytes."""
    text = b"".join(comment_lines(rows))
    path.write_bytes(pack(text))
    return len(text)
