"""Ids go out, and come back as the platform shows them now: skipping what is here, going on where it stopped."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from hubbub.datasets.export import export
from hubbub.datasets.select import Selection
from hubbub.errors import ExitCode, InputError
from hubbub.http.retry import RetryPolicy
from hubbub.pipeline.hydrate import hydrate
from hubbub.pipeline.run import RunReport
from hubbub.plugins.contracts import SyncOptions
from hubbub.simulator.faults import Clock, Limits, Scenario
from hubbub.simulator.server import Running
from hubbub.store.digest import digest
from hubbub.store.engine import Store, open_store
from tests.e2e.road import access, simulated, sync_all
from tests.e2e.test_recheck import control, live, stats
from tests.store.making import one, rows

NAME = "whatisthisbug"
STILL = Scenario(clock=Clock(speed=0, step=0), limits=Limits(requests=10**9, token_requests=100_000))


@pytest.fixture(scope="module")
def running() -> Iterator[Running]:
    with simulated(posts=80, comments=1500, communities=(NAME,), scenario=STILL) as started:
        yield started


@pytest.fixture(scope="module")
def collected(running: Running, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """A store that somebody synced and now shares the ids of."""
    with open_store(f"sqlite:///{tmp_path_factory.mktemp('theirs')}/hubbub.db") as store:
        assert sync_all(store, running, options=SyncOptions(full=True)).exit_code is ExitCode.OK
        yield store


@pytest.fixture(params=["sqlite", "postgresql"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    """An empty store of either engine."""
    url = f"sqlite:///{tmp_path}/hubbub.db" if request.param == "sqlite" else request.getfixturevalue("postgres")
    with open_store(url) as opened:
        yield opened


only_sqlite = pytest.mark.parametrize("store", ["sqlite"], indirect=True)


def shared(collected: Store, out: Path, *, form: str = "csv", **selected: Any) -> Path:
    export(collected, form=form, out=out, selection=Selection(dehydrated=True, **selected))
    return out


def hydrated(store: Store, running: Running, *paths: Path, **options: Any) -> RunReport:
    control(running, reset_stats=True)
    policy = RetryPolicy(attempts=1)
    return hydrate(store, paths, source="reddit", settings=access(running), policy=policy, **options)


def told(report: RunReport) -> dict[str, Any]:
    found: dict[str, Any] = report.details["hydrate"]
    return found


def shown(store: Store) -> list[Any]:
    return rows(
        store,
        "SELECT id, community, created_at, author, title, body, score FROM posts WHERE withdrawn = 0 AND observed_at > 0"
        " UNION ALL SELECT id, community, created_at, author, post_id, body, score FROM comments WHERE withdrawn = 0"
        " ORDER BY 1",
    )


@pytest.mark.parametrize("form", ["csv", "ndjson", "parquet"])
def test_what_was_shared_as_ids_comes_back_whole(
    store: Store, collected: Store, *, running: Running, tmp_path: Path, form: str
) -> None:
    out = shared(collected, tmp_path / "ids", form=form)
    report = hydrated(store, running, out)
    assert report.exit_code is ExitCode.OK, report.errors
    wanted = shown(collected)
    assert shown(store) == wanted
    assert len(wanted) > 1_000
    assert told(report)["asked"] == told(report)["shown"] == len(wanted)
    assert stats(running) == {"info": -(-len(wanted) // 100)}
    before = digest(store)
    again = hydrated(store, running, out)
    assert told(again)["stored_already"] == len(wanted)
    assert stats(running) == {}
    assert digest(store) == before


def test_an_export_of_ids_holds_ids_and_nothing_else(collected: Store, tmp_path: Path) -> None:
    out = shared(collected, tmp_path / "ids")
    assert sorted(path.name for path in out.iterdir()) == ["comments.csv", "manifest.json", "posts.csv"]
    lines = (out / "posts.csv").read_text().splitlines()
    assert lines[0] == "kind,source,id"
    assert all(line.startswith("post,reddit,t3_") for line in lines[1:])
    out = shared(collected, tmp_path / "more", form="ndjson", kinds=("comment",), columns=("created_at", "community"))
    assert [path.name for path in sorted(out.iterdir())] == ["comments.ndjson", "manifest.json"]
    first = json.loads((out / "comments.ndjson").read_text().splitlines()[0])
    assert list(first) == ["kind", "source", "id", "community", "created_at"]


@only_sqlite
def test_plain_lists_are_read_as_people_write_them(
    store: Store, collected: Store, *, running: Running, tmp_path: Path
) -> None:
    keys = sorted(live(collected))[:7]
    posts = [key for key in sorted(live(collected)) if key.startswith("t3_")][:3]
    path = tmp_path / "ids.txt"
    lines = [
        "# ids of bugs",
        *keys,
        "",
        f"https://www.reddit.com/r/{NAME}/comments/{posts[0][3:]}/what/",
        *posts,
        *posts,
    ]
    path.write_text("\n".join(lines))
    bare = tmp_path / "posts.txt"
    bare.write_text(f"{posts[2][3:]}\n")
    report = hydrated(store, running, path, bare)
    assert report.exit_code is ExitCode.OK, report.errors
    assert set(live(store)) == {*keys, *posts}
    assert told(report)["read"] == 7 + 1 + 6 + 1


@only_sqlite
def test_lines_that_name_nothing_are_set_aside_with_their_place(
    store: Store, collected: Store, *, running: Running, tmp_path: Path
) -> None:
    key = next(iter(live(collected)))
    path = tmp_path / "ids.csv"
    path.write_text(f"kind,source,id\ncomment,reddit,{key}\npost,producthunt,123\nuser,reddit,ann\npost,reddit,\n")
    report = hydrated(store, running, path)
    assert report.exit_code is ExitCode.PARTIAL
    assert report.tally.set_aside == 2
    assert told(report)["other_sources"] == 1
    assert rows(store, "SELECT place, reason FROM quarantine ORDER BY n") == [
        (f"{path}:4", "no id of a post or comment"),
        (f"{path}:5", "no id of a post or comment"),
    ]
    assert report.tally.offered == sum(
        getattr(report.tally, term) for term in ("new", "updated", "unchanged", "older", "tombstoned", "set_aside")
    )


@only_sqlite
def test_what_the_platform_does_not_have_is_counted_and_gets_no_tombstone(
    store: Store, collected: Store, *, running: Running, tmp_path: Path
) -> None:
    key = next(iter(live(collected)))
    path = tmp_path / "ids.txt"
    path.write_text(f"{key}\nt1_0000001\nt3_0000001\n")
    for _ in range(3):
        report = hydrated(store, running, path)
        assert told(report)["absent"] == 2
        assert any("2 of 3 ids" in what for _, what in report.findings)
    assert one(store, "SELECT count(*) FROM tombstones") == 0
    assert set(live(store)) == {key}


@only_sqlite
def test_the_blocklist_is_honoured_before_anybody_is_asked(
    store: Store, collected: Store, *, running: Running, tmp_path: Path
) -> None:
    keys = sorted(live(collected))[:5]
    with store.transaction() as db:
        kind = "comment" if keys[0].startswith("t1_") else "post"
        db.execute("INSERT INTO blocklist VALUES ('reddit', ?, ?, 5)", (kind, keys[0]))
    path = tmp_path / "ids.txt"
    path.write_text("\n".join(keys))
    report = hydrated(store, running, path)
    assert told(report)["blocked"] == 1
    assert told(report)["asked"] == 4
    assert set(live(store)) == set(keys[1:])


@only_sqlite
def test_a_list_that_was_cut_short_goes_on_where_it_stopped(
    store: Store, collected: Store, *, running: Running, tmp_path: Path
) -> None:
    out = shared(collected, tmp_path / "ids")
    wanted = shown(collected)
    hydrated(store, running, out)
    control(running, fail=[{"action": "block", "route": "info", "nth": 11, "times": None}])
    broken = hydrated(store, running, out, refresh=True)
    assert broken.exit_code is ExitCode.REMOTE
    control(running, clear=True)
    rest = hydrated(store, running, out, refresh=True)
    assert rest.exit_code is ExitCode.OK, rest.errors
    assert told(rest)["asked"] == len(wanted) - 1_000
    assert shown(store) == wanted
    assert rows(store, "SELECT key FROM checkpoints WHERE key LIKE 'hydrate:%'") == []
    whole = hydrated(store, running, out, refresh=True)
    assert told(whole)["asked"] == len(wanted), "a list that was finished begins anew"


@only_sqlite
def test_ids_whose_request_failed_are_asked_for_again(
    store: Store, collected: Store, *, running: Running, tmp_path: Path
) -> None:
    out = shared(collected, tmp_path / "ids")
    control(running, fail=[{"action": "status", "status": 500, "route": "info", "nth": 3, "times": 1}])
    broken = hydrated(store, running, out)
    control(running, clear=True)
    assert broken.exit_code is ExitCode.REMOTE
    assert told(broken)["failed"] == 100
    again = hydrated(store, running, out)
    assert again.exit_code is ExitCode.OK
    assert told(again)["asked"] == 100
    assert shown(store) == shown(collected)


@pytest.mark.parametrize(
    ("content", "name"),
    [(b"PAR1 but no table", "ids.parquet"), (b"\x28\xb5\x2f\xfd\x00\x00", "ids.zst"), (b"\x00" * 50, "ids.txt")],
)
@only_sqlite
def test_a_file_that_is_no_list_is_said_to_be_none(
    store: Store, running: Running, tmp_path: Path, *, content: bytes, name: str
) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    report = hydrated(store, running, path)
    assert report.exit_code is ExitCode.INPUT
    assert str(path) in report.errors[0]
    assert stats(running) == {}


@only_sqlite
def test_a_missing_file_and_a_folder_without_an_export_are_refused_before_anything(
    store: Store, running: Running, tmp_path: Path
) -> None:
    for path in (tmp_path / "none.csv", tmp_path):
        with pytest.raises(InputError, match=path.name):
            hydrated(store, running, path)
    assert one(store, "SELECT count(*) FROM runs") == 0
