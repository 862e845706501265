"""Who the token belongs to, what is left of its points, and which topics and collections there are. PURE."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from hubbub.errors import ExitCode
from hubbub.http.messages import Response
from hubbub.plugins.verifying import Standing, Verdict, Verification
from hubbub.sources.producthunt import api, auth
from hubbub.sources.producthunt.agenda import Place
from hubbub.sources.producthunt.prices import Prices
from hubbub.sources.producthunt.queries import COLLECTION, TOPIC, VIEWER


def verify(places: Sequence[Place], values: Mapping[str, str]) -> Verification:
    """The verdict for this token and these targets, one request each. Raises what ends a source."""
    door = auth.door(values)
    prices = Prices()
    response: Response = yield api.ask(VIEWER, {}, prices=prices)
    viewer = api.data_of(response).get("viewer")
    account = _account(viewer)
    note = None if account or door == auth.APPLICATION else "the token belongs to nobody: it sees public data only"
    standings = []
    for place in places:
        template = TOPIC if place.kind == "topic" else COLLECTION
        named = {"id": place.slug} if place.kind == "collection" and place.slug.isdigit() else {"slug": place.slug}
        response = yield api.ask(template, named, prices=prices)
        node = api.data_of(response).get(place.kind)
        standings.append(_standing(node, place=place))
    return Verdict(
        account=account,
        door=door,
        note=note,
        budget=api.read_budget(response),
        standings=tuple(standings),
    )


def _account(viewer: Any) -> str | None:
    user = viewer.get("user") if isinstance(viewer, dict) else None
    name = user.get("username") if isinstance(user, dict) else None
    return f"@{name}" if isinstance(name, str) and name and name != "[REDACTED]" else None


def _standing(node: Any, *, place: Place) -> Standing:
    if isinstance(node, dict):
        return Standing(name=place.target, state="public", said=f"{str(node.get('name'))[:80]!r} can be read")
    return Standing(
        name=place.target,
        state="missing",
        exit_code=ExitCode.PARTIAL,
        said=f"there is no {place.kind} {place.slug!r}",
        advice="check the spelling of its slug",
    )
