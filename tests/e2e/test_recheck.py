"""What is deleted on the platform is gone here after a recheck, from every byte; what only cannot be reached stays."""

from __future__ import annotations

import hashlib
import json
import urllib.request
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from hubbub.errors import ExitCode
from hubbub.http.retry import RetryPolicy
from hubbub.pipeline import recheck_run as pipeline
from hubbub.pipeline.recheck import RecheckOptions
from hubbub.pipeline.run import RunReport
from hubbub.pipeline.sweep import sweep_after
from hubbub.plugins.contracts import SyncOptions, Target
from hubbub.records.models import Comment as CommentRecord
from hubbub.records.models import Door, Rejected
from hubbub.simulator.faults import Clock, Limits, Scenario
from hubbub.simulator.server import Running
from hubbub.simulator.things import HORIZON, Comment, Post
from hubbub.simulator.world import World
from hubbub.sources.reddit.simulator import answers, failures
from hubbub.sources.reddit.simulator.view import View
from hubbub.store.backend import StoreOptions
from hubbub.store.batch import Batch
from hubbub.store.digest import digest
from hubbub.store.engine import Store, open_store
from hubbub.store.spill import Spill, entries
from hubbub.store.writes import Blob, set_media_state
from tests.e2e.living import NAME, SIZE, bytes_of_home, lingering, mark_world, move_to, word
from tests.e2e.road import access, get_json, simulated, sync_all
from tests.store.making import index_faults, one, rows

DAY = 86_400
T0 = int(HORIZON - 30 * DAY)
LIMITS = Limits(requests=10**9, token_requests=100_000)
ENGINES = ("sqlite", "postgresql")


@pytest.fixture(autouse=True)
def _troubled(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every text carries a word of its own, and more is withdrawn than usual: some posts vanish without a word, others
    are deleted or removed, and so are comments, in the weeks after T0."""
    mark_world(monkeypatch)
    exists, state, comment_state = View.exists, View.state, View.comment_state

    def still_exists(view: View, post: Post) -> bool:
        return exists(view, post) and not (post.number % 7 == 3 and view.at > T0 + 2 * DAY)

    def post_state(view: View, post: Post) -> str:
        return "deleted" if post.number % 11 == 5 and view.at > T0 + 3 * DAY else state(view, post)

    def state_of_comment(view: View, comment: Comment) -> str:
        fates = {2: ("deleted", 1), 4: ("removed", 8)}
        fate, days = fates.get(comment.number % 13, ("", 0))
        return fate if fate and view.at > T0 + days * DAY else comment_state(view, comment)

    monkeypatch.setattr(View, "exists", still_exists)
    monkeypatch.setattr(View, "state", post_state)
    monkeypatch.setattr(View, "comment_state", state_of_comment)


@pytest.fixture
def running() -> Iterator[Running]:
    scenario = Scenario(clock=Clock(start=T0, speed=0, step=0.01), limits=LIMITS)
    with simulated(posts=SIZE.posts, comments=SIZE.comments, communities=(NAME,), scenario=scenario) as started:
        yield started


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


@pytest.fixture(params=ENGINES)
def store(request: pytest.FixtureRequest, home: Path, running: Running) -> Iterator[Store]:
    """A store of either engine, synced at T0."""
    home.mkdir()
    url = f"sqlite:///{home}/hubbub.db" if request.param == "sqlite" else request.getfixturevalue("postgres")
    with open_store(url) as opened:
        report = sync_all(opened, running, options=SyncOptions(full=True))
        assert report.exit_code is ExitCode.OK, report.errors
        yield opened


only_sqlite = pytest.mark.parametrize("store", ["sqlite"], indirect=True)


def rechecked(
    store: Store, running: Running, *, at: float, run: str | None = None, attempts: int = 1, **options: Any
) -> RunReport:
    """One pass at this time of the simulated world."""
    move_to(running, at)
    control(running, reset_stats=True)
    return pipeline.recheck(
        store,
        [Target(source="reddit", name=NAME)],
        options=RecheckOptions(now=int(at), by=run or f"run {at}", **options),
        settings=access(running),
        policy=RetryPolicy(attempts=attempts),
    )


def found(report: RunReport) -> dict[str, Any]:
    told: dict[str, Any] = report.details["recheck"]
    return told


def control(running: Running, **order: Any) -> None:
    asked = urllib.request.Request(f"{running.url}/__control", data=json.dumps(order).encode(), method="POST")
    with urllib.request.urlopen(asked, timeout=30) as answer:
        answer.read()


def stats(running: Running) -> dict[str, int]:
    told: dict[str, int] = get_json(running, "/__stats")
    return {route: count for route, count in told.items() if route != "token"}


def live(store: Store) -> dict[str, str | None]:
    """Text by id of what is live here."""
    return dict(
        rows(
            store,
            "SELECT id, title FROM posts WHERE withdrawn = 0 AND observed_at IS NOT NULL"
            " UNION ALL SELECT id, body FROM comments WHERE withdrawn = 0 AND observed_at IS NOT NULL",
        )
    )


def standing(at: float) -> tuple[set[int], set[int]]:
    """Numbers of what the world shows with its content at a time, and of what exists at all; read from the world."""
    world = World(7, size=SIZE, communities=(NAME,))
    view = View(world, at)
    community = world.community(NAME)
    assert community is not None
    posts = [post for post in community.posts if view.exists(post)]
    comments = [each for each in community.comments if each.created_at <= view.at and view.exists(each.post)]
    shown = {post.number for post in posts if view.state(post) in ("live", "held")}
    shown |= {comment.number for comment in comments if view.comment_state(comment) == "live"}
    return shown, {post.number for post in posts} | {comment.number for comment in comments}


def numbers(ids: Iterable[str]) -> set[int]:
    return {int(key[3:], 36) for key in ids}


def test_rechecks_alone_follow_every_deletion_and_cost_a_request_a_hundred(store: Store, running: Running) -> None:
    stored = live(store)
    assert len(stored) > 300
    for days in (29, 28, 26, 20, 10, 5, 1, 0):
        at = HORIZON - days * DAY
        before = live(store)
        due = pipeline.plan_recheck(
            store, [Target(source="reddit", name=NAME)], options=RecheckOptions(now=int(at), by="plan")
        )
        report = rechecked(store, running, at=at)
        assert report.exit_code is ExitCode.OK, report.errors
        assert found(report)["asked"] == due.rows
        assert stats(running).get("info", 0) == due.requests == -(-due.rows // 100)
        assert sum(stats(running).values()) - due.requests <= 1, "nothing but a look at the community where needed"
        if due.rows == len(before):
            shown, there = standing(at)
            assert numbers(live(store)) & there == numbers(before) & shown
    assert one(store, "SELECT count(*) FROM tombstones WHERE reason = 'gone'") > 0
    assert one(store, "SELECT count(*) FROM tombstones WHERE reason = 'author'") > 0
    assert one(store, "SELECT count(*) FROM tombstones WHERE reason = 'moderator'") > 0
    rechecked(store, running, at=HORIZON + 2 * DAY)
    rechecked(store, running, at=HORIZON + 4 * DAY)
    shown, _ = standing(HORIZON)
    assert numbers(live(store)) == numbers(stored) & shown
    assert all(live(store)[key] for key in live(store))
    assert rows(store, "SELECT key FROM checkpoints WHERE key LIKE 'missing:%'") == []
    assert index_faults(store) == []
    community = World(7, size=SIZE, communities=(NAME,)).community(NAME)
    assert community is not None
    people = {comment.author.name: comment.author for comment in community.comments}
    departed = [name for name, person in people.items() if person.fate == "gone" and person.fate_at <= HORIZON]
    assert departed
    for table in ("posts", "comments"):
        shown_names = {name for (name,) in rows(store, f"SELECT author_name FROM {table}")}
        assert not shown_names & set(departed), "the names of people whose account is gone"


def test_what_is_fresh_is_not_asked_for_again(store: Store, running: Running) -> None:
    rechecked(store, running, at=HORIZON)
    report = rechecked(store, running, at=HORIZON + 30 * 3600)
    assert found(report)["asked"] <= found(report)["missed"] + found(report)["gone"] + 20
    again = rechecked(store, running, at=HORIZON + 31 * 3600)
    assert found(again)["asked"] == 0
    assert stats(running) == {}
    assert again.requests <= 1, "a token at most"


def test_one_absence_is_remembered_and_the_second_run_decides(store: Store, running: Running) -> None:
    first = rechecked(store, running, at=HORIZON, run="first")
    missing = found(first)["missed"]
    assert missing > 0
    assert found(first)["gone"] == 0
    assert one(store, "SELECT count(*) FROM checkpoints WHERE key LIKE 'missing:%'") == missing
    same = rechecked(store, running, at=HORIZON + 60, run="first")
    assert (found(same)["gone"], stats(running)) == (0, {}), "the run that has just missed them learns nothing new"
    second = rechecked(store, running, at=HORIZON + 120, run="second")
    assert found(second)["gone"] == found(second)["asked"] == missing
    assert stats(running)["info"] == 1
    assert one(store, "SELECT count(*) FROM tombstones WHERE reason = 'gone' AND detail = 'missing twice'") == missing
    third = rechecked(store, running, at=HORIZON + 180, run="third")
    assert found(third)["asked"] == 0


def test_one_run_that_goes_on_for_an_hour_may_decide_itself(store: Store, running: Running) -> None:
    missing = found(rechecked(store, running, at=HORIZON, run="watch"))["missed"]
    assert found(rechecked(store, running, at=HORIZON + 3_700, run="watch"))["gone"] == missing


def shut(monkeypatch: pytest.MonkeyPatch, *, status: int, reason: str) -> None:
    """The community closes: nothing of it is handed out any more."""

    def refused(asked: Any) -> Any:
        raise answers.RefusedError(msgspec.structs.replace(failures.shut(reason), status=status))

    for route in ("about", "rules", "new", "community_comments"):
        monkeypatch.setitem(answers.ANSWERS, route, refused)
    monkeypatch.setattr(answers, "_by_fullname", lambda asked, fullname: None)


@pytest.mark.parametrize(("status", "reason"), [(403, "private"), (404, "banned"), (403, "quarantined")])
@only_sqlite
def test_a_community_that_closes_loses_nothing_and_is_said_to_be_closed(
    store: Store, running: Running, monkeypatch: pytest.MonkeyPatch, *, status: int, reason: str
) -> None:
    before, whole = digest(store), len(live(store))
    with monkeypatch.context() as closing:
        shut(closing, status=status, reason=reason)
        for step in range(3):
            report = rechecked(store, running, at=HORIZON + step * DAY)
            assert report.exit_code is ExitCode.OK
            assert found(report)["closed"] == {NAME: whole}
            assert (found(report)["missed"], found(report)["gone"]) == (0, 0)
            ((severity, what),) = report.findings
            assert severity == "warning"
            assert reason in what
            assert f"{whole} rows of {NAME} not rechecked" in what
            if step:
                assert stats(running) == {"about": 1}, "a closed community is asked whether it is open, nothing else"
    assert digest(store) == before
    options = RecheckOptions(now=int(HORIZON + 4 * DAY), by="plan")
    plan = pipeline.plan_recheck(store, [Target(source="reddit", name=NAME)], options=options)
    assert (plan.rows, plan.requests, plan.closed) == (0, 0, 1)
    opened = rechecked(store, running, at=HORIZON + 4 * DAY)
    assert found(opened)["asked"] == whole
    assert found(opened)["closed"] == {}
    assert rows(store, "SELECT key FROM checkpoints WHERE key LIKE 'closed:%'") == []


@pytest.mark.parametrize(
    "fault",
    [
        {"action": "status", "status": 503},
        {"action": "status", "status": 403, "html": False, "route": "info"},
        {"action": "status", "status": 404, "html": False, "route": "info"},
        {"action": "block"},
        {"action": "truncate"},
        {"action": "reset"},
    ],
    ids=lambda fault: f"{fault['action']}{fault.get('status', '')}",
)
@only_sqlite
def test_a_failing_platform_never_looks_like_a_deletion(store: Store, running: Running, fault: dict[str, Any]) -> None:
    before = digest(store)
    control(running, fail=[{**fault, "times": None}])
    for step in range(2):
        report = rechecked(store, running, at=HORIZON + step * DAY)
        assert report.exit_code is ExitCode.REMOTE, report.errors
        assert report.errors
    control(running, clear=True)
    assert digest(store) == before
    assert rows(store, "SELECT key FROM checkpoints WHERE key LIKE 'missing:%'") == []


@only_sqlite
def test_requests_that_fail_leave_their_ids_for_the_next_pass(store: Store, running: Running) -> None:
    rechecked(store, running, at=T0 + 60, run="zero", within_s=0)
    whole = len(live(store))
    control(running, fail=[{"action": "status", "status": 500, "route": "info", "nth": 2, "times": 1}])
    report = rechecked(store, running, at=HORIZON, run="one")
    assert report.exit_code is ExitCode.REMOTE
    told = found(report)
    assert told["asked"] == whole
    assert 0 < told["undecided"] <= 100
    assert f"{told['undecided']} of {whole}" in report.errors[0]
    control(running, clear=True)
    again = rechecked(store, running, at=HORIZON + 10, run="one")
    assert found(again)["asked"] == told["undecided"], (
        "absences are this run's own and wait; what failed is asked again"
    )
    assert again.exit_code is ExitCode.OK


@only_sqlite
def test_a_hiccup_of_empty_answers_buries_nothing(
    store: Store, running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    missing = found(rechecked(store, running, at=HORIZON, run="before"))["missed"]
    rechecked(store, running, at=HORIZON + 60, run="before too")
    before, whole = live(store), len(live(store))
    assert missing
    with monkeypatch.context() as hiccup:
        hiccup.setattr(answers, "_by_fullname", lambda asked, fullname: None)
        report = rechecked(store, running, at=HORIZON + 3 * DAY, run="hiccup")
    assert found(report)["missed"] == whole
    assert stats(running)["about"] == 1
    assert live(store) == before
    after = rechecked(store, running, at=HORIZON + 3 * DAY + 60, run="after")
    assert found(after)["shown"] == whole
    assert live(store) == before
    assert rows(store, "SELECT key FROM checkpoints WHERE key LIKE 'missing:%'") == []


def left_on_disk(store: Store, folder: Path) -> None:
    """A dead process has left a batch on disk that holds the comments as they were first seen."""
    found = rows(
        store, "SELECT id, post_id, parent_id, community, body, created_at FROM comments WHERE body IS NOT NULL"
    )
    names = ("id", "post_id", "parent_id", "community", "body", "created_at")
    records = [
        CommentRecord(source="reddit", door=Door.LIVE, observed_at=T0 - 5, **dict(zip(names, row, strict=True)))
        for row in found
    ]
    spill = Spill(folder, name=store.backend.key)
    spill.append(Batch(run_id=1, source="reddit", stream="left", records=records), commits=10_000)
    spill.close()
    spill.path.rename(folder / f"{store.backend.key}-999999999.spill")


def lingering_words(world: World, folder: Path) -> int:
    """Comments whose word is in a batch on disk, which is compressed."""
    community = world.community(NAME)
    assert community is not None
    texts = " ".join(
        getattr(record, "body", None) or ""
        for path in folder.iterdir()
        for entry in entries(path)
        for record in entry.batch.records
    )
    return sum(word(comment) in texts for comment in community.comments)


@only_sqlite
def test_the_text_of_what_is_gone_is_in_no_file_of_the_home(store: Store, running: Running, home: Path) -> None:
    world = World(7, size=SIZE, communities=(NAME,))
    pictured = rows(store, "SELECT m.n, m.post_id FROM media m ORDER BY m.n")
    for n, key in pictured:
        post = world.post(int(key[3:], 36))
        assert post is not None
        content = f"picture of {word(post)} number {n}".encode()
        name = hashlib.sha256(content).hexdigest()
        path = home / "blobs" / name[:2] / name[2:]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        assert set_media_state(store, n, state="stored", blob=Blob(sha256=name, size_bytes=len(content)))
    aside = [
        Rejected(reason="odd", raw=text.encode(), source="reddit", door=Door.DUMP, where="x", kind=kind, id=key)
        for kind, sql in (("post", "SELECT id, body FROM posts"), ("comment", "SELECT id, body FROM comments"))
        for key, text in rows(store, f"{sql} WHERE body IS NOT NULL")
    ]
    store.write(Batch(run_id=1, source="reddit", stream="aside", rejected=aside))
    blobs = len(list((home / "blobs").rglob("*/*")))
    assert blobs == len(pictured) > 20
    for run in ("one", "two"):
        report = rechecked(store, running, at=HORIZON, run=run)
        assert report.exit_code is ExitCode.OK, report.errors
    sweep_after(store, home / "blobs")
    assert one(store, "SELECT count(*) FROM tombstones") > 20
    assert lingering(store, content=bytes_of_home(home)) == []
    assert 0 < len(list((home / "blobs").rglob("*/*"))) < blobs
    kept = World(7, size=SIZE, communities=(NAME,)).post(int(next(iter(live(store)))[3:], 36))
    assert kept is None or word(kept)[4:].encode() in bytes_of_home(home), "what stands is still there"


@pytest.mark.parametrize("store", ["postgresql"], indirect=True)
def test_what_a_dead_process_left_on_disk_is_gone_with_its_file(
    store: Store, running: Running, *, home: Path, postgres: str
) -> None:
    world = World(7, size=SIZE, communities=(NAME,))
    left_on_disk(store, home / "spill")
    assert lingering_words(world, home / "spill") > 20
    with open_store(postgres, options=StoreOptions(spill=home / "spill")) as again:
        for run in ("one", "two"):
            report = rechecked(again, running, at=HORIZON, run=run)
            assert report.exit_code is ExitCode.OK, report.errors
        shown, _ = standing(HORIZON)
        assert numbers(live(again)) <= shown
    assert not (home / "spill").exists()


@only_sqlite
def test_a_limit_takes_the_longest_unseen_and_a_scope_only_its_own(store: Store, running: Running) -> None:
    rechecked(store, running, at=HORIZON - 20 * DAY, limit=150)
    seen = "SELECT id FROM {} WHERE last_seen_at > ?"
    fresh = [key for table in ("posts", "comments") for (key,) in rows(store, seen.format(table), T0 + DAY)]
    assert len(fresh) >= 130, "but for those that are missing"
    report = rechecked(store, running, at=HORIZON - 19 * DAY, limit=10)
    old = "SELECT count(*) FROM {} WHERE withdrawn = 0 AND observed_at < ?"
    assert found(report)["overdue"] == sum(one(store, old.format(t), HORIZON - 21 * DAY) for t in ("posts", "comments"))
    assert found(report)["overdue"] > 200
    report = rechecked(store, running, at=HORIZON - 19 * DAY + 3_700)
    assert found(report)["asked"] + 160 >= len(live(store))
    assert found(report)["overdue"] == found(report)["missed"]
    author = one(
        store, "SELECT author FROM comments WHERE author IS NOT NULL GROUP BY 1 ORDER BY count(*) DESC LIMIT 1"
    )
    wanted = one(
        store,
        "SELECT (SELECT count(*) FROM posts WHERE author = ? AND withdrawn = 0)"
        " + (SELECT count(*) FROM comments WHERE author = ? AND withdrawn = 0)",
        author,
        author,
    )
    move_to(running, HORIZON)
    report = pipeline.recheck(
        store,
        [Target(source="reddit", name=f"u/{author}")],
        options=RecheckOptions(now=HORIZON, by="author"),
        settings=access(running),
    )
    assert found(report)["asked"] == wanted


@only_sqlite
def test_rows_of_other_doors_are_left_alone_unless_all_are_asked_for(store: Store, running: Running) -> None:
    with store.transaction() as db:
        db.execute("UPDATE comments SET door = 'dump'")
    comments = one(store, "SELECT count(*) FROM comments WHERE withdrawn = 0 AND observed_at IS NOT NULL")
    posts = one(store, "SELECT count(*) FROM posts WHERE withdrawn = 0 AND observed_at IS NOT NULL")
    assert found(rechecked(store, running, at=HORIZON))["asked"] == posts
    report = rechecked(store, running, at=HORIZON + 60, other_doors=True, run="all")
    assert found(report)["asked"] >= comments
    assert one(store, "SELECT count(*) FROM comments WHERE door = 'dump' AND withdrawn = 0") == found(report)["missed"]
    assert found(rechecked(store, running, at=HORIZON + 3 * DAY, run="later"))["asked"] > comments // 2
    assert report.exit_code is ExitCode.OK


def test_a_pass_that_broke_off_is_made_whole_by_the_next(running: Running, tmp_path: Path) -> None:
    ends = set()
    for number, broken in enumerate([None, 1, 3, 5]):
        folder = tmp_path / str(number)
        folder.mkdir()
        move_to(running, T0)
        with open_store(f"sqlite:///{folder}/hubbub.db") as fresh:
            sync_all(fresh, running, options=SyncOptions(full=True))
            if broken is not None:
                control(running, fail=[{"action": "reset", "route": "info", "nth": broken, "times": None}])
                rechecked(fresh, running, at=HORIZON, run="first")
                control(running, clear=True)
            for run in ("second", "third", "fourth"):
                assert rechecked(fresh, running, at=HORIZON, run=run).exit_code is ExitCode.OK
            ends.add(tuple(sorted(live(fresh))))
    assert len(ends) == 1
