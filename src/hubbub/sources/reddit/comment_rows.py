"""The short road of a dump's comments: nearly all lines are exactly as they should be.

A block of lines is decoded in one go into strict structs, and what calls for no decision becomes a row at once
(`records.rows`); every other line takes the long road (`dump`, `mapping`), which gives the same record for these: tests
compare the two."""

from __future__ import annotations

import operator
import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from itertools import chain
from typing import Any

import msgspec

from hubbub.records.models import Door
from hubbub.records.rows import TIMES, Rows
from hubbub.sources.reddit.fields import COMMENT_EXTRA, extra_of
from hubbub.sources.reddit.media import comment_media
from hubbub.sources.reddit.ordinary import (
    SUSPECT,
    Fullname,
    Id36,
    Number,
    Times,
    bit,
    encode_json,
    fields_of_times,
    people_names,
    place_names,
    plain_labels,
    times_of,
)
from hubbub.sources.reddit.removal import Verdict, archive_verdict, comment_verdict
from hubbub.sources.reddit.values import SOURCE_NAME

_IDS = re.compile(r"(?:[0-9a-z]{1,13} t3_[0-9a-z]{1,13} t[13]_[0-9a-z]{1,13} )*")
_ids_of = operator.attrgetter("id", "link_id", "parent_id")
_EXTRAS = tuple(sorted(COMMENT_EXTRA))
_extras_of = operator.attrgetter(*_EXTRAS)
_NOTHING_SAID = Verdict()
_TIMES_FROM = 22 + len(_EXTRAS) + 1
"""Where `updated_on` and `updated_utc` stand in a line."""
_SAYS_NO_MORE: tuple[Any, ...] = (False, False, False, False, None, False, None, None)
"""What most lines end with, extras aside: flags, `distinguished`, `edited`, media, `promoted`."""

_PLACE = ("community", "post_id", "parent_id", "created_at")
_COMMON = ("id", *_PLACE, "community_name", "permalink", "is_submitter", "author", "author_name", "author_id")
_SAID = ("author_flair", "body", "score", "controversiality")
_FLAGS = ("locked", "archived", "stickied", "score_hidden")
_REST = ("distinguished", "edited", "edited_at", "media", "extra")
"""What few comments say; the others have it in common that they do not."""

COMMON_COLUMNS = (*_COMMON, *_SAID, *TIMES)
COMMON = dict.fromkeys((*_FLAGS, "edited"), 0)
WHOLE_COLUMNS = (*_COMMON, *_SAID, *_FLAGS, *_REST, *TIMES)
GONE_COLUMNS = ("id", *_PLACE, "observed_at")


@lru_cache(maxsize=4)
def comment_lines(latest: int) -> msgspec.json.Decoder[Any]:
    """Decodes ordinary lines; `latest` is the greatest time (epoch seconds) that may stand in one.

    The fields come in the order in which `_sort` takes them apart."""
    created, fetched, *others, meta = fields_of_times(latest)
    maybe, flag = str | None, bool | None
    return msgspec.json.Decoder(
        msgspec.defstruct(
            "CommentLine",
            [
                ("id", Id36),
                ("link_id", Fullname),
                ("parent_id", Fullname),
                created,
                fetched,
                *((name, str) for name in ("subreddit", "author", "body")),
                *((name, maybe, None) for name in ("author_fullname", "author_flair_text")),
                *((name, Number | None, None) for name in ("score", "controversiality")),
                ("is_submitter", flag, None),
                meta,
                *((name, flag, None) for name in ("locked", "archived", "stickied", "score_hidden")),
                ("distinguished", maybe, None),
                ("edited", Any, None),
                ("media_metadata", Any, None),
                ("promoted", flag, None),
                *((name, Any, None) for name in _EXTRAS),
                # Whoever says something here is met by the long road.
                ("removal_reason", None, None),
                *others,
            ],
            rename={"meta": "_meta"},
            kw_only=True,
            gc=False,
        )
    )


def _extra(said: dict[str, Any]) -> str | None:
    try:
        return _known_extra(*chain.from_iterable(said.items()))
    except TypeError:  # a list or an object among them, which no cache takes
        return extra_of(said, kind="comment", unknown={})


@lru_cache(maxsize=1_000, typed=True)
def _known_extra(*said: Any) -> str | None:
    """The `extra` of names and values in turn: nearly all comments that say any of it say the same."""
    return extra_of(dict(zip(said[::2], said[1::2], strict=True)), kind="comment", unknown={})


class _Sorted(msgspec.Struct):
    """What became of some lines."""

    common: list[tuple[Any, ...]] = []
    whole: list[tuple[Any, ...]] = []
    gone: dict[tuple[str, str | None], list[tuple[Any, ...]]] = {}
    """By reason and detail."""
    odd: list[int] = []
    """Positions of the lines that must go the long road."""


class CommentRows:
    """Sorts decoded lines into rows and into those that need a look; remembers names from call to call."""

    def __init__(self, *, terms: str, latest: int) -> None:
        self._latest = latest
        self._shared = {"source": SOURCE_NAME, "door": str(Door.DUMP), "terms": terms}
        self._people, self._places, self._flairs = people_names(), place_names(), plain_labels()
        self._usual: tuple[Any, ...] = ()
        """How a line that says no more ended last: null and false come in many mixtures, but hardly in one file."""

    def take(self, lines: list[Any], *, but: frozenset[int] = frozenset()) -> tuple[list[Rows], list[int]]:
        """The rows of decoded lines, and the positions of those that must go the long road, `but` among them."""
        found = _Sorted(odd=sorted(but))
        if not but and _IDS.fullmatch(" ".join(chain(chain.from_iterable(map(_ids_of, lines)), ("",)))):
            self._sort(enumerate(lines), found)
        else:
            good = [_IDS.fullmatch(" ".join((*_ids_of(line), ""))) is not None for line in lines]
            found.odd += [i for i, fits in enumerate(good) if not fits and i not in but]
            self._sort(((i, line) for i, line in enumerate(lines) if good[i] and i not in but), found)
        return [rows for rows in self._rows(found) if rows.rows], sorted(found.odd)

    def _rows(self, found: _Sorted) -> Iterator[Rows]:
        shared = self._shared
        yield Rows(kind="comment", columns=COMMON_COLUMNS, fixed=shared | COMMON, rows=found.common)
        yield Rows(kind="comment", columns=WHOLE_COLUMNS, fixed=shared, rows=found.whole)
        for (reason, detail), rows in found.gone.items():
            fixed = shared | {"tombstone": reason, "tombstone_detail": detail}
            yield Rows(kind="comment", columns=GONE_COLUMNS, fixed=fixed, rows=rows, withdrawn=True)

    def _sort(self, lines: Iterable[tuple[int, Any]], found: _Sorted) -> None:
        places, flairs, suspect, as_tuple = self._places, self._flairs, SUSPECT, msgspec.structs.astuple
        add, usual = found.common.append, self._usual
        for i, line in lines:
            said = as_tuple(line)
            (key, post, parent, created, fetched, name, person, body) = said[:8]
            (account, flair, score, disputed, submitter, meta) = said[8:14]
            place, rest = places[name], said[14:_TIMES_FROM]
            if rest != usual and rest[:8] == _SAYS_NO_MORE and not any(rest[8:]):
                self._usual = usual = rest
            if (  # in place, one test after the other: a call for each would cost more than all of them
                place is None
                or not person.isidentifier()
                or body[:1] in suspect
                or "\0" in body
                or submitter is None
                or (account is not None and (account[:3] != "t2_" or not account[3:].isalnum()))
                or (flair is not None and flairs[flair] is None)
                or rest != usual
                or created.__class__ is str
                or fetched is None
                or (meta is not None and (meta.was_deleted_later or meta.note or meta.was_initially_deleted))
            ):
                if not self._look_at(line, found):
                    found.odd.append(i)
                continue
            again = (None if meta is None else meta.retrieved_2nd_on) or said[_TIMES_FROM] or said[_TIMES_FROM + 1]
            newest, early = (fetched, None) if again is None or again <= fetched else (again, fetched)
            add(
                (
                    "t1_" + key,
                    place,
                    post,
                    parent,
                    int(created),
                    name,
                    f"/r/{name}/comments/{post[3:]}/_/{key}/",
                    1 if submitter else 0,
                    person.casefold(),
                    person,
                    account,
                    flair,
                    body,
                    score,
                    disputed,
                    newest,
                    early,
                    fetched,
                )
            )

    def _look_at(self, line: Any, found: _Sorted) -> bool:
        """Make the row of a line that says more than most; False when it must go the long road."""
        author, place, meta = self._people[line.author], self._places[line.subreddit], line.meta
        times = times_of(line, latest=self._latest)
        if place is None or times is None or line.promoted or (meta and (meta.note or meta.was_initially_deleted)):
            return False
        later, at = meta is not None and meta.was_deleted_later, times.fetched
        if later:
            if later is not True:
                return False
            verdict, at = archive_verdict({"removal_type": meta.removal_type}), max(at, times.again)
        elif author is None or line.body[:1] in SUSPECT:
            verdict = comment_verdict({"author": line.author, "body": line.body})
        else:
            verdict = _NOTHING_SAID
        if verdict.reason is not None:
            row = ("t1_" + line.id, place, line.link_id, line.parent_id, times.created, at)
            found.gone.setdefault((str(verdict.reason), verdict.detail), []).append(row)
            return True
        if author is None or verdict != _NOTHING_SAID:
            return False
        whole = self._in_full(line, names=(author, place), times=times)
        if whole is None:
            return False
        found.whole.append(whole)
        return True

    def _in_full(self, line: Any, *, names: tuple[str, str], times: Times) -> tuple[Any, ...] | None:
        flair, told = (line.author_flair_text or "").strip(), (line.distinguished or "").strip()
        account, edited, (created, fetched, again) = (line.author_fullname or "").strip(), line.edited, times
        dated = edited is not None and not isinstance(edited, bool)
        if dated and not (type(edited) is int and 0 < edited <= self._latest):
            return None
        shown = comment_media({"media_metadata": line.media_metadata, "body": line.body}) if line.media_metadata else ()
        media = encode_json(shown).decode() if shown else None
        said = {name: value for name, value in zip(_EXTRAS, _extras_of(line), strict=True) if value}
        extra = _extra(said) if said else None
        if "\0" in f"{line.body}{flair}{told}{account}" or "\\u0000" in f"{media}{extra}":
            return None
        newest, early = (again, fetched) if again > fetched else (fetched, None)
        return (
            "t1_" + line.id,
            names[1],
            line.link_id,
            line.parent_id,
            created,
            line.subreddit,
            f"/r/{line.subreddit}/comments/{line.link_id[3:]}/_/{line.id}/",
            bit(line.is_submitter),
            names[0],
            line.author,
            account if account.startswith("t2_") else None,
            flair or None,
            line.body or None,
            line.score,
            line.controversiality,
            bit(line.locked),
            bit(line.archived),
            bit(line.stickied),
            bit(line.score_hidden),
            told or None,
            edited if edited is None else int(edited is not False),
            edited if dated else None,
            media,
            extra,
            newest,
            early,
            fetched,
        )
