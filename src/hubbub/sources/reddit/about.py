"""What a community or a person says about itself: one look per sync (reddit.md §12)."""

from __future__ import annotations

from typing import Any

import msgspec

from hubbub.errors import HubbubError, RecordError, Remedy, TransientRemoteError, UnavailableError
from hubbub.http.messages import Response
from hubbub.plugins.contracts import Answer, Checkpoint, Page, Stream
from hubbub.sources.reddit import api
from hubbub.sources.reddit.answers import KIND_NAMES, add_thing, parse, raw_of
from hubbub.sources.reddit.listings import ask, gather, look_of
from hubbub.sources.reddit.people import map_rules


def community_about(name: str) -> Stream:
    """The description and the rules of a community; missing rules are a finding, a missing community an error."""
    answers: tuple[Answer, Answer] = yield (
        api.about(f"/r/{name}/about", route="about"),
        api.about(f"/r/{name}/about/rules", route="rules"),
    )
    told, ruled = answers
    if isinstance(told, HubbubError):
        raise told
    yield described(told, kind="t5", name=f"a community named {name}")
    mark = Checkpoint(key=f"{name.casefold()}/about", state=msgspec.json.encode({"at": told.received_at}).decode())
    if isinstance(ruled, HubbubError):
        if ruled.remedy is Remedy.STOP:
            raise ruled
        yield Page(note=f"the rules of {name} could not be read: {ruled}")
        return
    yield msgspec.structs.replace(_rules(ruled, name=name), checkpoints=(mark,))


def user_about(name: str) -> Stream:
    """The public profile of a person."""
    response, _, _ = yield from ask(api.about(f"/user/{name}/about", route="user"), read=_any)
    yield described(response, kind="t2", name=f"a person named {name}")


def described(response: Response, *, kind: str, name: str) -> Page:
    """The description in an answer, as a page. Raises UnavailableError when there is none to be had (closed, banned,
    no such name) and TransientRemoteError when the answer holds something else."""
    api.check_status(response)
    parsed = parse(response.body, where=response.url)
    value = parsed.value
    given = value.get("kind") if isinstance(value, dict) else None
    if given == "Listing":
        raise UnavailableError(f"there is no {name.removeprefix('a ')}", advice="check the spelling")
    if given != kind or not isinstance(value.get("data"), dict):
        raise TransientRemoteError(f"{response.url} answered with no description of a {KIND_NAMES[kind]}")
    out = gather(response)
    entities = not api.has_raw_json(response.request)
    add_thing(value, look=look_of(response), out=out, dirty=parsed.dirty, entities=entities)
    return out.page()


def _rules(response: Response, *, name: str) -> Page:
    out = gather(response)
    try:
        api.check_status(response)
    except UnavailableError as error:
        return Page(note=f"the rules of {name} could not be read: {error}")
    parsed = parse(response.body, where=response.url)
    try:
        out.records.append(map_rules(parsed.value, name=name, look=look_of(response)))
    except RecordError as error:
        out.reject(str(error), raw=raw_of(parsed.value), kind="community", identity=name.casefold())
    return out.page()


def _any(value: Any, _where: str) -> Any:
    return value
