"""Unmodified PRAW reads the pretend Reddit and finds exactly what is there."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import praw
import prawcore
import pytest

from hubbub.simulator.faults import Fault, Scenario
from hubbub.simulator.server import Running
from tests.simulator.conftest import AGENT, COMMUNITY, bare, options


def client(simulator: Running, **changed: Any) -> praw.Reddit:
    credentials = {key: simulator[key] for key in ("client_id", "client_secret", "username", "password")}
    asked: dict[str, Any] = {"user_agent": AGENT, "check_for_updates": False} | credentials | changed
    return praw.Reddit(reddit_url=simulator["reddit"], oauth_url=simulator["oauth"], **asked)


def close(reddit: praw.Reddit) -> None:
    vars(reddit)["_core"].close()


def ids(post: praw.models.Submission) -> list[str]:
    return [comment.id for comment in post.comments.list() if isinstance(comment, praw.models.Comment)]


@pytest.fixture
def reddit(running: Running) -> Iterator[praw.Reddit]:
    made = client(running)
    yield made
    close(made)


def truth(simulator: Running, **query: str) -> Any:
    assert simulator.app is not None
    return bare(simulator.app.platforms[0].truth(simulator.app.clock.now(), query))


def test_praw_reads_every_post_and_every_comment(running: Running, reddit: praw.Reddit) -> None:
    expected = truth(running)[COMMUNITY]
    posts: list[str] = []
    comments: list[str] = []
    for post in reddit.subreddit(COMMUNITY).new(limit=None):
        posts.append(post.id)
        post.comments.replace_more(limit=None)
        comments.extend(ids(post))
    assert posts == expected["posts"]
    assert sorted(comments) == sorted(expected["comments"])
    assert max(map(len, (expected["posts"], expected["comments"]))) > 300


@pytest.mark.parametrize("sort", ["new", "old", "top", "controversial"])
def test_praw_unfolds_a_small_first_answer_to_the_same_comments(
    running: Running, reddit: praw.Reddit, sort: str
) -> None:
    found = truth(running)["spiders"]
    post = max((reddit.submission(name) for name in found["posts"][-12:]), key=lambda p: p.num_comments)
    whole = reddit.submission(post.id)
    whole.comments.replace_more(limit=None)
    part = reddit.submission(post.id)
    part.comment_sort, part.comment_limit = sort, 5
    part.comments.replace_more(limit=None)
    assert sorted(ids(part)) == sorted(ids(whole))


def test_praw_reads_a_persons_pages(running: Running, reddit: praw.Reddit) -> None:
    names = {str(c.author) for c in reddit.subreddit(COMMUNITY).comments(limit=100)} - {"None", "AutoModerator"}
    read = 0
    for name in sorted(names)[:5]:
        expected = truth(running, user=name)["user"]
        try:
            found = [thing.id for thing in reddit.redditor(name).comments.new(limit=None)]
        except prawcore.Forbidden:
            continue
        if found:
            assert found == expected["comments"]
            assert [p.id for p in reddit.redditor(name).submissions.new(limit=None)] == expected["posts"]
            read += 1
    assert read >= 2


def test_praw_sees_the_states_of_closed_communities(reddit: praw.Reddit) -> None:
    with pytest.raises(prawcore.Forbidden):
        next(reddit.subreddit("simulated_private").new())
    with pytest.raises(prawcore.NotFound):
        next(reddit.subreddit("simulated_banned").new())
    with pytest.raises(prawcore.Redirect):
        next(reddit.subreddit("nobody_ever_made_this").new())


def test_praw_learns_about_communities_accounts_and_itself(running: Running, reddit: praw.Reddit) -> None:
    assert reddit.subreddit(COMMUNITY).display_name == COMMUNITY
    assert reddit.subreddit(COMMUNITY).subscribers > 0
    assert [rule.kind for rule in reddit.subreddit(COMMUNITY).rules] == ["link", "all", "comment", "all"]
    assert str(reddit.user.me()) == running["username"]
    assert reddit.redditor("AutoModerator").id
    posts = truth(running)[COMMUNITY]["posts"]
    assert [p.id for p in reddit.info(fullnames=[f"t3_{i}" for i in posts])] == posts


def test_praw_is_told_when_its_password_is_wrong(running: Running) -> None:
    wrong = client(running, password="wrong")
    with pytest.raises(prawcore.OAuthException, match="invalid_grant"):
        wrong.user.me()
    close(wrong)


def test_praw_goes_on_after_its_token_was_revoked() -> None:
    trouble = Scenario(faults=(Fault(action="revoke", route="thread", nth=3),))
    with Running(options(posts=6, comments=40, scenario=trouble)) as simulator:
        reddit = client(simulator)
        posts = list(reddit.subreddit(COMMUNITY).new(limit=None))
        comments = [c for p in posts for c in ids(p)]
        assert sorted(comments) == sorted(truth(simulator)[COMMUNITY]["comments"])
        close(reddit)
