"""Unmodified Async PRAW reads the pretend Reddit and finds exactly what is there."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpraw
import asyncprawcore
import pytest

from hubbub.simulator.faults import Fault, Scenario
from hubbub.simulator.server import Running
from tests.simulator.conftest import AGENT, COMMUNITY, bare, options

# asyncprawcore 4.0 itself asks aiohttp for what 3.14 calls deprecated.
pytestmark = [
    pytest.mark.filterwarnings("ignore:BasicAuth is deprecated:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:The 'auth' parameter is deprecated:DeprecationWarning"),
]


@asynccontextmanager
async def client(simulator: Running, **changed: Any) -> AsyncIterator[asyncpraw.Reddit]:
    credentials = {key: simulator[key] for key in ("client_id", "client_secret", "username", "password")}
    asked: dict[str, Any] = {"user_agent": AGENT, "check_for_updates": False} | credentials | changed
    async with asyncpraw.Reddit(reddit_url=simulator["reddit"], oauth_url=simulator["oauth"], **asked) as reddit:
        yield reddit


def truth(simulator: Running, **query: str) -> Any:
    assert simulator.app is not None
    return bare(simulator.app.platforms[0].truth(simulator.app.clock.now(), query))


async def ids(post: asyncpraw.models.Submission) -> list[str]:
    await post.load()
    await post.comments.replace_more(limit=None)
    return [comment.id for comment in post.comments.list() if isinstance(comment, asyncpraw.models.Comment)]


async def read(reddit: asyncpraw.Reddit, name: str) -> tuple[list[str], list[str]]:
    posts, comments = [], []
    async for post in (await reddit.subreddit(name)).new(limit=None):
        posts.append(post.id)
        comments += await ids(post)
    return posts, comments


async def test_async_praw_reads_every_post_and_every_comment(running: Running) -> None:
    expected = truth(running)[COMMUNITY]
    async with client(running) as reddit:
        posts, comments = await read(reddit, COMMUNITY)
    assert posts == expected["posts"]
    assert sorted(comments) == sorted(expected["comments"])
    assert len(comments) > 300


async def test_async_praw_reads_several_communities_in_one_listing(running: Running) -> None:
    expected = truth(running)
    async with client(running) as reddit:
        both = await reddit.subreddit(f"{COMMUNITY}+spiders+simulated_banned")
        found = [post.id async for post in both.new(limit=None)]
    assert sorted(found) == sorted(expected[COMMUNITY]["posts"] + expected["spiders"]["posts"])


async def test_async_praw_asks_many_things_at_a_time(running: Running) -> None:
    expected = truth(running)["spiders"]
    async with client(running) as reddit:
        named = [f"t3_{i}" for i in expected["posts"]]
        everything = [post.id async for post in reddit.info(fullnames=named)]
        abouts = await asyncio.gather(*(reddit.subreddit(name, fetch=True) for name in (COMMUNITY, "spiders") * 5))
        me = await reddit.user.me()
    assert everything == expected["posts"]
    assert [place.display_name for place in abouts] == [COMMUNITY, "spiders"] * 5
    assert str(me) == running["username"]


@pytest.mark.parametrize(
    ("name", "error"),
    [
        ("simulated_private", asyncprawcore.Forbidden),
        ("simulated_banned", asyncprawcore.NotFound),
        ("simulated_legal", asyncprawcore.UnavailableForLegalReasons),
        ("nobody_ever_made_this", asyncprawcore.Redirect),
    ],
)
async def test_async_praw_sees_the_states_of_closed_communities(
    running: Running, name: str, error: type[Exception]
) -> None:
    async with client(running) as reddit:
        place = await reddit.subreddit(name)
        with pytest.raises(error):
            await anext(aiter(place.new()))


async def test_async_praw_is_told_when_its_password_is_wrong(running: Running) -> None:
    async with client(running, password="wrong") as wrong:
        with pytest.raises(asyncprawcore.OAuthException, match="invalid_grant"):
            await wrong.user.me()


async def test_async_praw_goes_on_after_its_token_was_revoked() -> None:
    trouble = Scenario(faults=(Fault(action="revoke", route="thread", nth=3),))
    with Running(options(posts=6, comments=40, scenario=trouble)) as simulator:
        async with client(simulator) as reddit:
            _, comments = await read(reddit, COMMUNITY)
        assert sorted(comments) == sorted(truth(simulator)[COMMUNITY]["comments"])
