"""A comment dump as the archives print one: same seed and rows, same bytes, however many processes write it.

Which fields a line has, how often they say something and how long they are follows the field statistics that Arctic
Shift publishes for January 2026: about 70 fields and 1.8 kB a line, 160 characters of text, 3.2 % withdrawn, 14 % with
a flair, 3 % by AutoModerator, 1.2 % with a moving picture."""

from __future__ import annotations

import multiprocessing
import random
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from itertools import accumulate
from pathlib import Path
from typing import Any

import msgspec

from bench.packing import WINDOW_LOG, pack_into

VERSION = 2
"""Of the bytes: a dump that was kept under another number is made again."""
BEGAN = 1_767_225_600
"""2026-01-01."""
BLOCK = 10_000
"""Rows that are written from one random state."""
_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"
_EMPTY = ("all_awardings", "awarders", "mod_reports", "treatment_tags", "user_reports")
_NULL = frozenset(
    """
    approved_at_utc approved_by associated_award author_flair_background_color author_flair_css_class
    author_flair_template_id author_flair_text author_flair_text_color banned_at_utc banned_by
    collapsed_because_crowd_control collapsed_reason collapsed_reason_code comment_type distinguished likes
    mod_note mod_reason_by mod_reason_title num_reports removal_reason report_reasons top_awarded_type
    unrepliable_reason
    """.split()
)
_FALSE = frozenset("archived author_is_blocked can_gild can_mod_post edited locked saved stickied".split())


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
        self.people = [f"{pick.choice(self.words).title()}{pick.choice(self.words)}_{i}" for i in range(60_000)]
        self.places = [f"{pick.choice(self.words)}{pick.choice(self.words)}{i}" for i in range(3_000)]
        self.places[3] = "whatisthisbug"
        self.place_weights = list(accumulate(1 / (rank + 6) for rank in range(len(self.places))))

    def text(self, pick: random.Random, *, words: int) -> str:
        chosen = pick.choices(self.words, cum_weights=self.weights, k=words)
        for at in range(0, words, 11):
            chosen[at] = chosen[at].capitalize() + pick.choice((",", ".\n\n", "!", " —", "'s", " 🐛", "&gt; "))
        return " ".join(chosen)


class _Thread(msgspec.Struct):
    """What the comments of one post have in common."""

    link: str
    place: str
    slug: str
    newest: str | None = None
    """The comment that was answered last."""


class _Block:
    """Some comments in a row: their threads, and chance that depends on nothing before them."""

    def __init__(self, words: Words, *, seed: int, start: int) -> None:
        self.words = words
        self.seed = seed
        self.pick = random.Random(seed * 1_000_003 + start)
        self.threads: dict[int, _Thread] = {}

    def thread(self, number: int) -> _Thread:
        """The post of the comment with this number: a recent one mostly."""
        post = max(0, number // 4 - int(self.pick.paretovariate(0.8)))
        found = self.threads.get(post)
        if found is None:
            own = random.Random(self.seed * 7_919 + post)
            place = own.choices(self.words.places, cum_weights=self.words.place_weights)[0]
            slug = "_".join(own.choices(self.words.words, k=own.randint(2, 8)))[:50]
            found = self.threads[post] = _Thread(base36(3_900_000_000 + post * 7), place, slug)
        return found

    def line(self, number: int) -> dict[str, Any]:
        thread, name, created = self.thread(number), base36(51_000_000_000 + number * 5), BEGAN + number * 2
        pick = self.pick
        parent = f"t1_{thread.newest}" if thread.newest and pick.random() < 0.6 else f"t3_{thread.link}"
        thread.newest = name
        return {
            **dict.fromkeys(_NULL),
            **dict.fromkeys(_FALSE, False),
            **{key: [] for key in _EMPTY},
            **self._place(thread, name=name),
            **self._numbers(created),
            **self._flags(),
            **self._content(thread, created=created),
            "created": created,
            "created_utc": created,
            "id": name,
            "name": f"t1_{name}",
            "parent_id": parent,
            "replies": "",
        }

    def _place(self, thread: _Thread, *, name: str) -> dict[str, Any]:
        place = thread.place
        return {
            "link_id": f"t3_{thread.link}",
            "permalink": f"/r/{place}/comments/{thread.link}/{thread.slug}/{name}/",
            "subreddit": place,
            "subreddit_id": "t5_" + base36(2_000_000 + len(place)),
            "subreddit_name_prefixed": "r/" + place,
            "subreddit_type": "public",
        }

    def _numbers(self, created: int) -> dict[str, Any]:
        pick = self.pick
        score = 1
        if pick.random() > 0.45:
            score = int(pick.paretovariate(1.05)) if pick.random() < 0.9 else -int(pick.paretovariate(1.2))
        score = max(-1_000, min(score, 47_995))
        return {
            "controversiality": int(pick.random() < 0.02),
            "downs": 0,
            "gilded": 0,
            "gildings": {},
            "retrieved_on": created + 3 + pick.randrange(898),
            "score": score,
            "total_awards_received": 0,
            "ups": score,
        }

    def _flags(self) -> dict[str, Any]:
        chance = self.pick.random
        return {
            "collapsed": chance() < 0.037,
            "is_submitter": chance() < 0.11,
            "no_follow": chance() < 0.94,
            "score_hidden": chance() < 0.02,
            "send_replies": chance() < 0.97,
        }

    def _content(self, thread: _Thread, *, created: int) -> dict[str, Any]:
        """Who wrote what, and what became of it: 1.8 % deleted, 1.4 % removed, 3 % by AutoModerator."""
        pick, words = self.pick, self.words
        fate = pick.random()
        meta: dict[str, Any] = {"retrieved_2nd_on": created + 129_600 + pick.randrange(900)}
        person = int(len(words.people) * pick.random() ** 2.2)
        author = self._author(words.people[person], account=900_000_000 + person * 7_919)
        if fate < 0.032:
            how = "deleted" if fate < 0.018 else "removed"
            meta["removal_type"] = how
            if fate < 0.02:
                meta["was_deleted_later"] = True
            nobody = {"author": "[deleted]"}
            gone = nobody if fate < 0.024 else author
            return {**gone, "_meta": meta, "body": f"[{how}]", "collapsed_reason_code": "DELETED"}
        if pick.random() < 0.056:
            meta["is_edited"] = True
        length = min(1_500, max(1, int(pick.lognormvariate(2.75, 1.08))))
        content = {**author, "_meta": meta, "body": words.text(pick, words=length)}
        if fate > 0.97:
            content |= {"author": "AutoModerator", "author_fullname": "t2_6l4z3", "distinguished": "moderator"}
            content |= {"locked": True, "stickied": True}
        if pick.random() < 0.02:
            content["edited"] = created + 60
        if pick.random() < 0.012:
            content["media_metadata"] = _moving_picture(thread.slug[:9], pick)
        return content

    def _author(self, name: str, *, account: int) -> dict[str, Any]:
        pick = self.pick
        author: dict[str, Any] = {
            "author": name,
            "author_flair_richtext": [],
            "author_flair_type": "text",
            "author_fullname": "t2_" + base36(account),
            "author_patreon_flair": False,
            "author_premium": pick.random() < 0.04,
        }
        if pick.random() < 0.14:
            flair = self.words.words[pick.randrange(300)]
            colour = pick.choice(("", "#dadada", "transparent"))
            author |= {"author_flair_text": flair, "author_flair_background_color": colour}
            author |= {
                "author_flair_text_color": "dark",
                "author_flair_template_id": f"{account:08x}-11eb-{account:012x}",
            }
            if pick.random() < 0.7:
                author |= {"author_flair_richtext": [{"e": "text", "t": flair}], "author_flair_type": "richtext"}
        return author


def _moving_picture(name: str, pick: random.Random) -> dict[str, Any]:
    key, preview = f"giphy|{name}", "https://external-preview.redd.it/"
    size = {"gif": f"{preview}{base36(pick.getrandbits(90))}.gif?width=200&amp;s={pick.getrandbits(150):x}"}
    whole = {"e": "AnimatedImage", "ext": f"https://giphy.com/gifs/{name}", "id": key, "m": "image/gif"}
    return {key: {**whole, "s": {**size, "x": 200, "y": 150}, "status": "valid", "t": "giphy"}}


def _block(words: Words, *, seed: int, start: int, end: int) -> list[bytes]:
    block = _Block(words, seed=seed, start=start)
    return [msgspec.json.encode(block.line(number), order="sorted") + b"\n" for number in range(start, end)]


def comment_lines(rows: int, *, seed: int = 1) -> Iterator[bytes]:
    """The lines of a dump of so many comments, in the order of their ids."""
    words = Words(seed)
    for start in range(0, rows, BLOCK):
        yield from _block(words, seed=seed, start=start, end=min(rows, start + BLOCK))


class _Writer:
    """One process of several: keeps its words between blocks."""

    words: Words

    @classmethod
    def begin(cls, seed: int) -> None:
        cls.words = Words(seed)

    @classmethod
    def text(cls, seed: int, start: int, end: int) -> bytes:
        return b"".join(_block(cls.words, seed=seed, start=start, end=end))


def _blocks(rows: int, *, seed: int, processes: int) -> Iterator[bytes]:
    """The same lines in big pieces; only a few of them wait at any time, so that memory stays flat."""
    waiting: deque[Future[bytes]] = deque()
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(processes, mp_context=context, initializer=_Writer.begin, initargs=(seed,)) as pool:
        for start in range(0, rows, BLOCK):
            waiting.append(pool.submit(_Writer.text, seed, start, min(rows, start + BLOCK)))
            if len(waiting) > 2 * processes:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


def base36(number: int) -> str:
    """A positive number in the platform's digits."""
    digits = ""
    while number:
        number, rest = divmod(number, 36)
        digits = _DIGITS[rest] + digits
    return digits


def write_dump(path: Path, *, rows: int, seed: int = 1, processes: int = 1, window_log: int = WINDOW_LOG) -> int:
    """Write the dump (zstd); returns its unpacked bytes."""
    lines = comment_lines(rows, seed=seed) if processes == 1 else _blocks(rows, seed=seed, processes=processes)
    return pack_into(path, lines, window_log=window_log)
