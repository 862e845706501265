"""Posts and comments by id: `/api/info` in hundreds, both kinds mixed, ten requests side by side (reddit.md §11).

What does not exist is left out of an answer without a word, so that answers are compared by id. Leaving out is all that
is told here: what it means is decided elsewhere, and a request that failed says nothing at all about its ids."""

from __future__ import annotations

import re
from collections.abc import Generator, Sequence
from typing import Any
from urllib.parse import quote

from msgspec.structs import replace

from hubbub.errors import HubbubError, RemoteError, TransientRemoteError, UnavailableError
from hubbub.http.messages import Response
from hubbub.plugins.by_id import LookedUp, Marks, Reach, Told
from hubbub.plugins.contracts import Answer, Asked, Page
from hubbub.records.models import Community, Tombstone
from hubbub.sources.reddit import api
from hubbub.sources.reddit.about import described
from hubbub.sources.reddit.answers import KIND_NAMES, add_thing
from hubbub.sources.reddit.comments import SIDE_BY_SIDE, Reading, ends_all, fetch_all
from hubbub.sources.reddit.listings import gather, look_of
from hubbub.sources.reddit.tree import Ask
from hubbub.sources.reddit.values import ID36

_ROUND = api.INFO_SIZE * SIDE_BY_SIDE
_PREFIXES = {"post": "t3_", "comment": "t1_"}
_KINDS = {prefix: kind for kind, prefix in _PREFIXES.items()}
_PAGE = re.compile(
    r"(?:https?://[\w.]*reddit\.com)?/(?:r/\w+/|u(?:ser)?/[\w-]+/)?comments/(\w+)(?:/[^/?#]*(?:/(\w+))?)?"
)


def look_up(ids: Sequence[str], *, told: Told | None = None) -> Generator[Asked, Any, LookedUp]:
    """What became of these fullnames (`t1_…`, `t3_…`); each answer is a page of its own, with what `told` adds."""
    names = tuple(dict.fromkeys(ids))
    whole: list[LookedUp] = []
    for start in range(0, len(names), _ROUND):
        whole += yield from _round(names[start : start + _ROUND], told=told)
    return LookedUp(
        shown=frozenset().union(*(part.shown for part in whole)),
        withdrawn=frozenset().union(*(part.withdrawn for part in whole)),
        unreadable=frozenset().union(*(part.unreadable for part in whole)),
        missing={key: at for part in whole for key, at in part.missing.items()},
        failed={key: error for part in whole for key, error in part.failed.items()},
    )


def _round(names: tuple[str, ...], *, told: Told | None) -> Generator[Asked, Any, list[LookedUp]]:
    parts = [names[start : start + api.INFO_SIZE] for start in range(0, len(names), api.INFO_SIZE)]
    readings = yield from fetch_all([Ask(request=api.info(part), kind="info", threads=()) for part in parts])
    looked: list[LookedUp] = []
    errors: list[HubbubError] = []
    for part, reading in zip(parts, readings, strict=True):
        if isinstance(reading, HubbubError):
            errors.append(reading)
            looked.append(LookedUp(failed=dict.fromkeys(part, reading)))
            continue
        page, found = _read(part, reading=reading)
        marks = Marks() if told is None else told(found)
        yield replace(page, checkpoints=marks.checkpoints, forgotten=marks.forgotten)
        looked.append(found)
    if ending := next((error for error in errors if ends_all(error)), None):
        raise ending
    if len(errors) == len(parts) > 1:
        raise errors[0]
    return looked


def _read(part: tuple[str, ...], *, reading: Reading) -> tuple[Page, LookedUp]:
    """One whole answer as a page, and what it says of the ids that were asked for.

    Things without a readable id, or that nobody asked for, make it impossible to say what was left out."""
    response = reading.response
    out, look = gather(response), look_of(response)
    entities = not api.has_raw_json(response.request)
    shown, withdrawn, unreadable = set[str](), set[str](), set[str]()
    asked, strange = frozenset(part), 0
    for child in reading.value.children:
        name = _name_of(child)
        if name is not None and name not in asked:
            strange += 1
            continue
        kept = add_thing(child, look=look, out=out, dirty=reading.parsed.dirty, entities=entities)
        if name is None:
            strange += 1
        elif kept is None:
            unreadable.add(name)
        else:
            (withdrawn if isinstance(out.records[-1], Tombstone) else shown).add(name)
    came = LookedUp(
        shown=frozenset(shown),
        withdrawn=frozenset(withdrawn - shown),
        unreadable=frozenset(unreadable - withdrawn - shown),
    )
    left_out = [name for name in part if name not in shown | withdrawn | unreadable]
    if strange and left_out:
        words = f"{response.url} answered with {strange} things that were not asked for"
        error = RemoteError(words, advice="nothing is concluded from what it left out")
        note = f"{words}: nothing is concluded from the {len(left_out)} it left out"
        return out.page(note=note), replace(came, failed=dict.fromkeys(left_out, error))
    return out.page(), replace(came, missing=dict.fromkeys(left_out, response.received_at))


def _name_of(child: Any) -> str | None:
    """The fullname of a child of an answer, as far as it can be made out."""
    data = child.get("data") if isinstance(child, dict) else None
    key = data.get("id") if isinstance(data, dict) else None
    kind = child.get("kind") if isinstance(child, dict) else None
    if not isinstance(key, str) or kind not in KIND_NAMES:
        return None
    return f"{kind}_{key.strip().removeprefix(f'{kind}_')}"


def reach(communities: Sequence[str]) -> Generator[Asked, Any, dict[str, Reach]]:
    """Whether these communities can be read; what they say of themselves is stored along the way."""
    found: dict[str, Reach] = {}
    for start in range(0, len(communities), SIDE_BY_SIDE):
        names = communities[start : start + SIDE_BY_SIDE]
        answers: tuple[Answer, ...] = yield tuple(
            api.about(f"/r/{quote(name, safe='')}/about", route="about") for name in names
        )
        ending: HubbubError | None = None
        for name, answer in zip(names, answers, strict=True):
            try:
                yield _about(answer, name=name)
                found[name] = Reach(is_open=True)
            except UnavailableError as error:
                found[name] = Reach(is_open=False, words=str(error))
            except HubbubError as error:
                ending = ending or (error if ends_all(error) else None)
                found[name] = Reach(is_open=None, words=str(error))
        if ending is not None:
            raise ending
    return found


def _about(answer: Answer, *, name: str) -> Page:
    if not isinstance(answer, Response):
        raise answer
    page = described(answer, kind="t5", name=f"a community named {name}")
    if not any(isinstance(record, Community) and record.id == name for record in page.records):
        raise TransientRemoteError(f"{answer.url} answered with another community than {name}")
    return page


def identify(word: str, *, kind: str | None = None) -> tuple[str, str] | None:
    """(kind, fullname) of `t3_1abc`, of a permalink, or of a bare id whose kind is known; None for anything else."""
    text = word.strip()
    if page := _PAGE.match(text):
        post, comment = page[1].lower(), (page[2] or "").lower()
        key, kind = (comment, "comment") if comment else (post, "post")
        return (kind, _PREFIXES[kind] + key) if ID36.match(key) else None
    name = text.lower()
    told = _KINDS.get(name[:3])
    if told is not None:
        return (told, name) if ID36.match(name[3:]) else None
    if kind in _PREFIXES and ID36.match(name):
        return kind, _PREFIXES[kind] + name
    return None
