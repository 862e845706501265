"""Who we are at Reddit, what is left of the budget, and the state of communities (reddit.md §3, §5, §6).

Asked frugally: one request for the account, one for up to a hundred communities that are open, one for each other."""

from __future__ import annotations

import re
from collections.abc import Generator, Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from hubbub.errors import AuthError, ExitCode, HubbubError, RemoteError, UnavailableError
from hubbub.http.messages import Request, Response
from hubbub.plugins.contracts import Answer
from hubbub.plugins.verifying import Standing, Verdict, Verification
from hubbub.sources.reddit import api
from hubbub.sources.reddit.auth import INSTALLED_GRANT, grant
from hubbub.sources.reddit.comments import ends_all

NAMES_AT_ONCE = 100
_DOORS = {
    "refresh_token": "refresh token: a user who authorised the application",
    "password": "password: a script application",
    "client_credentials": "client credentials: an application without a user",
    INSTALLED_GRANT: "installed client: an application without a user",
}
_USERLESS = frozenset({"client_credentials", INSTALLED_GRANT})
_OPEN = frozenset({"public", "restricted", "archived"})
_IN_COMMUNITY = re.compile(r"/r/([^/]+)(/.*)?\Z")

Asked = Generator[Request | tuple[Request, ...], Any, Sequence[Answer]]


def verify(names: Sequence[str], values: Mapping[str, str]) -> Verification:
    """The verdict for these credentials and names ("bugs", "u/somebody"). Raises what ends a source."""
    door = dict(grant(values))["grant_type"]
    account: str | None = None
    note: str | None = None
    answers: list[Answer] = []
    if door not in _USERLESS or not names:
        (me,) = yield from _side_by_side([api.about("/api/v1/me", route="me")])
        answers.append(me)
        account, note = _account(_whole(me), userless=door in _USERLESS)
    found = yield from _places(names, answers)
    budget = next((read for each in reversed(answers) if (read := _budget(each)) is not None), None)
    return Verdict(account=account, door=_DOORS[door], note=note, budget=budget, standings=found)


def _side_by_side(requests: Sequence[Request]) -> Asked:
    """The answers in order; an error after which asking on is pointless is raised."""
    if not requests:
        return ()
    answers: Sequence[Answer] = yield tuple(requests)
    for answer in answers:
        if isinstance(answer, HubbubError) and ends_all(answer):
            raise answer
    return answers


def _whole(answer: Answer) -> Response:
    if isinstance(answer, HubbubError):
        raise answer
    return answer


def _account(response: Response, *, userless: bool) -> tuple[str | None, str | None]:
    """The account's name, and what is odd about it."""
    if response.status == 403 and "insufficient_scope" in (response.header("www-authenticate") or ""):
        return None, "the token may not say whose it is: the scope `identity` was not granted"
    if userless and response.status in {403, 404} and api.object_in(response.body):
        return None, None
    try:
        api.check_status(response)
    except UnavailableError:
        if response.status != 403:
            raise _not_reddit(response) from None
        raise AuthError(
            f"{response.url}: Reddit knows the login and refuses the account ({response.status})",
            advice=f"is the account suspended? Log in on the web to see; {api.SEE_CREDENTIALS}",
        ) from None
    said = api.object_in(response.body)
    name = said.get("name")
    if isinstance(name, str) and name:
        suspended = "the account is suspended: little or nothing can be read" if said.get("is_suspended") else None
        return f"u/{name}", suspended
    if userless and said:
        return None, None
    raise _not_reddit(response)


def _not_reddit(response: Response) -> RemoteError:
    return RemoteError(
        f"{response.url} answered ({response.status}) with something that is no account of Reddit's",
        advice="check reddit.base_url or --base-url: is this Reddit, or a simulator of it?",
    )


def _places(names: Sequence[str], answers: list[Answer]) -> Generator[Any, Any, tuple[Standing, ...]]:
    """The standing of each name; what is asked on the way is added to `answers`."""
    standings: dict[str, Standing] = {}
    communities = [name for name in names if not _is_person(name)]
    if len(communities) > 1:
        chunks = [communities[at : at + NAMES_AT_ONCE] for at in range(0, len(communities), NAMES_AT_ONCE)]
        asked = [api.communities(chunk) for chunk in chunks]
        joined = yield from _side_by_side(asked)
        answers.extend(joined)
        known = {folded: about for answer in joined for folded, about in _open_ones(answer)}
        found = ((name, known.get(name.casefold())) for name in communities)
        standings = {name: _described(about, name=name) for name, about in found if about is not None}
    rest = [name for name in names if name not in standings]
    singly = yield from _side_by_side([_about(name) for name in rest])
    answers.extend(singly)
    standings |= {name: _standing(answer, name=name) for name, answer in zip(rest, singly, strict=True)}
    return tuple(standings[name] for name in names)


def _about(name: str) -> Request:
    path = f"/user/{name.partition('/')[2]}" if _is_person(name) else f"/r/{name}"
    return api.about(f"{path}/about", route="user" if _is_person(name) else "about")


def _is_person(name: str) -> bool:
    return name.startswith("u/")


def _open_ones(answer: Answer) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Communities that a joined answer shows to be open, by folded name: their descriptions.

    About all others it proves nothing: closed ones come as stubs full of nulls, and missing ones not at all (§11)."""
    data = {} if isinstance(answer, HubbubError) or answer.status != 200 else api.object_in(answer.body).get("data")
    children = data.get("children") if isinstance(data, dict) else None
    for child in children if isinstance(children, list) else ():
        about = child.get("data") if isinstance(child, dict) else None
        if not isinstance(about, dict) or not isinstance(about.get("display_name"), str) or not about.get("id"):
            continue
        if about.get("subreddit_type") in _OPEN and not about.get("quarantine") and not about.get("user_is_banned"):
            yield about["display_name"].casefold(), about


def _standing(answer: Answer, *, name: str) -> Standing:
    try:
        response = _whole(answer)
        api.check_status(response)
        return _told(response, name=name)
    except HubbubError as error:
        if ends_all(error):
            raise
        if isinstance(answer, Response):
            moved = _new_name(answer, name=name)
            if moved is not None:
                return _renamed(name, moved)
            if isinstance(error, UnavailableError):
                return _closed(answer, error, name=name)
        return Standing(name=name, state="unknown", exit_code=ExitCode.REMOTE, said=str(error), advice=error.advice)


def _told(response: Response, *, name: str) -> Standing:
    """What a description says. Raises RemoteError for an answer that is none."""
    said = api.object_in(response.body)
    about = said.get("data")
    if said.get("kind") == "Listing":
        return _missing(name)
    if said.get("kind") not in {"t5", "t2"} or not isinstance(about, dict):
        raise RemoteError(f"{response.url} answered with no description")
    return _described(about, name=name)


def _described(about: Mapping[str, Any], *, name: str) -> Standing:
    given = about.get("display_name")
    if _is_person(name):
        suspended = bool(about.get("is_suspended"))
        code = ExitCode.PARTIAL if suspended else ExitCode.OK
        return Standing(name=name, state="suspended" if suspended else "public", exit_code=code)
    if isinstance(given, str) and given.casefold() != name.casefold():
        return _renamed(name, given)
    kind = about.get("subreddit_type")
    state = "quarantined" if about.get("quarantine") else kind if isinstance(kind, str) and kind else "unknown"
    member = " and open to this account" if state not in _OPEN else ""
    return Standing(name=name, state=state, said=f"{state}{member}" if member else "")


def _closed(answer: Response, error: UnavailableError, *, name: str) -> Standing:
    reason = api.object_in(answer.body).get("reason")
    said = str(error).removeprefix(f"{answer.url}: ")
    if isinstance(reason, str) and reason in api.CLOSED:
        state = reason
    elif answer.status in {301, 302, 404}:
        return _missing(name)
    else:
        state = "unavailable" if answer.status == 451 else "forbidden"
    return Standing(name=name, state=state, exit_code=ExitCode.PARTIAL, said=said, advice=error.advice)


def _missing(name: str) -> Standing:
    what = "person" if _is_person(name) else "community"
    return Standing(
        name=name,
        state="missing",
        exit_code=ExitCode.PARTIAL,
        said=f"there is no {what} of this name",
        advice="check the spelling; what was renamed or deleted is missing under its old name",
    )


def _renamed(name: str, now: str) -> Standing:
    return Standing(
        name=name,
        state="renamed",
        exit_code=ExitCode.PARTIAL,
        said=f"the community is now named {now}",
        advice=f"write reddit:{now}",
    )


def _new_name(response: Response, *, name: str) -> str | None:
    """Where a redirect leads when it is to the same page of another community."""
    if not 300 <= response.status < 400:
        return None
    found = _IN_COMMUNITY.match(urlsplit(response.header("location") or "").path)
    return found[1] if found is not None and found[1].casefold() != name.casefold() else None


def _budget(answer: Answer) -> Any:
    return None if isinstance(answer, HubbubError) else api.read_budget(answer)
