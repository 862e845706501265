"""What a perfect client would get now, and what it must have forgotten."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from hubbub.errors import ConfigError
from hubbub.sources.producthunt.simulator import nodes, roots
from hubbub.sources.producthunt.simulator.launches import Launch
from hubbub.sources.producthunt.simulator.nodes import Scene


def present(scene: Scene, query: Mapping[str, str]) -> dict[str, Any]:
    """Launches, their comments, topics and collections as they stand; `since` and `until` (ISO 8601 or epoch seconds)
    bound the launches by the date that `posts` tests."""
    bounds = {arg: _instant(query, name) for arg, name in (("postedAfter", "since"), ("postedBefore", "until"))}
    asked = {name: at for name, at in bounds.items() if at is not None}
    launches = list(roots.shown(scene, args=asked | {"order": "NEWEST"}))
    spoken = {str(one.number): _comments(one, scene) for one in launches}
    return {
        "posts": {str(one.number): _post(one, scene, comments=len(spoken[str(one.number)])) for one in launches},
        "comments": {number: said for number, said in spoken.items() if said},
        "topics": {
            str(one.number): {"name": one.name, "slug": one.slug, "followers": one.followers_at(scene.at)}
            for one in roots.known_topics(scene)
        },
        "collections": {
            str(one.number): {"name": one.name, "posts": [str(has.number) for has in nodes.members(one, scene)]}
            for one in roots.known_collections(scene)
        },
    }


def deletions(scene: Scene) -> dict[str, Any]:
    """Launches and comments that were to be seen once and are not any more, with the epoch second they went."""
    world, at = scene.world, scene.at
    everything = [one for day in range(world.calendar.days) for one in world.of_day(day) if one.launched_at <= at]
    gone = {str(one.number): one.deleted_at for one in everything if one.deleted_at <= at}
    silenced = {
        str(said.number): went
        for one in everything
        for said in world.comments(one)
        if said.created_at < (went := min(one.deleted_at, said.gone_at())) and one.launched_at < went <= at
    }
    return {"posts": gone, "comments": silenced}


def _post(launch: Launch, scene: Scene, *, comments: int) -> dict[str, Any]:
    said = scene.world.words(launch, at=scene.at)
    return {
        "name": said.name,
        "slug": said.slug,
        "tagline": said.tagline,
        "description": said.description,
        "votes": launch.votes(scene.at),
        "comments": comments,
        "featured": launch.featured(scene.at),
        "created": launch.created(scene.at),
        "launched": launch.launched_at,
        "makers": launch.makers,
        "topics": [scene.world.topics[i].slug for i in launch.topics],
        "collections": [str(scene.world.collections[i].number) for i, since in launch.collections if since <= scene.at],
    }


def _comments(launch: Launch, scene: Scene) -> dict[str, Any]:
    return {
        str(said.number): {
            "parent": None if said.parent is None else str(said.parent.number),
            "votes": said.votes(scene.at),
            "created": said.created_at,
            "body": nodes.body(said, about=launch, world=scene.world),
        }
        for said in nodes.talk_of(launch, scene)
    }


def _instant(query: Mapping[str, str], name: str) -> float | None:
    written = query.get(name)
    if written is None:
        return None
    if written.isascii() and written.isdigit():
        return float(written)
    try:
        moment = datetime.fromisoformat(written)
    except ValueError as error:
        raise ConfigError(f"{name} is no time: {written!r}") from error
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
