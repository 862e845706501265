"""A user's own data request: posts and comments are kept, nothing private is, hostile zips are refused unopened."""

from __future__ import annotations

import csv
import io
import struct
import subprocess
import sys
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from hubbub.errors import ExitCode
from hubbub.pipeline import archive_zip, exported
from hubbub.store import reads
from hubbub.store.digest import digest
from hubbub.store.engine import Store, open_store
from tests.pipeline.load.cases import ARCHIVES, line, record
from tests.pipeline.load.conftest import Load
from tests.pipeline.load.test_acceptance import column, counts
from tests.shared import needs_shared

ROOT = Path(__file__).resolve().parents[3]
POSTS = ["id", "permalink", "date", "ip", "subreddit", "gildings", "title", "url", "body"]
COMMENTS = ["id", "permalink", "date", "ip", "subreddit", "gildings", "link", "parent", "body", "media"]
ADDRESS, MAIL, SECRET = "203.0.113.77", "ann@example.org", "meet me at the old mill"
EXPORTED_AT = 1_711_972_800
PAGE = "https://www.reddit.com/r/whatisthisbug/comments"

Rows = Sequence[Sequence[str]]


def post(name: str, **fields: str) -> list[str]:
    """A row of posts.csv: a text post unless it has a `url`."""
    page = f"{PAGE}/{name}/what_is_it/"
    row = {
        "id": name,
        "permalink": page,
        "date": "2024-01-02 03:04:05 UTC",
        "ip": ADDRESS,
        "subreddit": "whatisthisbug",
        "gildings": "0",
        "title": f"What is {name}?",
        "url": page,
        "body": 'found it, in the\n\n"kitchen"',
        **fields,
    }
    return [row[heading] for heading in POSTS]


def comment(name: str, **fields: str) -> list[str]:
    """A row of comments.csv that answers the post p1."""
    row = {
        "id": name,
        "permalink": f"{PAGE}/p1/what_is_it/{name}/",
        "date": "2024-01-02 04:00:00 UTC",
        "ip": ADDRESS,
        "subreddit": "whatisthisbug",
        "gildings": "0",
        "link": f"{PAGE}/p1/what_is_it/",
        "parent": "",
        "body": f"a beetle, {name}",
        "media": "",
        **fields,
    }
    return [row[heading] for heading in COMMENTS]


def sheet(headings: Sequence[str], rows: Rows) -> bytes:
    """A CSV table as the platform writes it."""
    out = io.StringIO()
    csv.writer(out).writerows([headings, *rows])
    return out.getvalue().encode()


def private() -> dict[str, bytes]:
    """What else is in a data request; none of it may be kept."""
    return {
        "statistics.csv": sheet(
            ["statistic", "value"],
            [
                ["account name", "Ann_Bug"],
                ["email address", MAIL],
                ["export time", "2024-04-01 12:00:00 UTC"],
                ["registration date", "2019-05-05 05:05:05 UTC"],
            ],
        ),
        "ip_logs.csv": sheet(["date", "ip"], [["registration ip", ADDRESS]]),
        "messages.csv": sheet(["id", "from", "to", "body"], [["m1", "Ann_Bug", "Bob", SECRET]]),
        "chat_history.csv": sheet(["message_id", "message"], [["x", SECRET]]),
        "post_votes.csv": sheet(["id", "permalink", "direction"], [["vote1", f"{PAGE}/vote1/x/", "up"]]),
        "saved_posts.csv": sheet(["id", "permalink"], [["saved1", f"{PAGE}/saved1/x/"]]),
        "linked_phone_number.csv": sheet(["phone_number"], [["+15550100"]]),
        "account_gender.csv": sheet(["account_gender"], [["unguessable"]]),
    }


def tables(posts: Rows = (), comments: Rows = ()) -> dict[str, bytes]:
    """A whole data request."""
    return {"posts.csv": sheet(POSTS, posts), "comments.csv": sheet(COMMENTS, comments), **private()}


def pack(path: Path, members: Mapping[str, bytes], *, at: tuple[int, int, int] = (2024, 5, 1)) -> Path:
    """A zip of these files."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, data in members.items():
            info = zipfile.ZipInfo(name, (*at, 0, 0, 0))
            info.compress_type = zipfile.ZIP_DEFLATED
            packed.writestr(info, data)
    return path


def without(members: dict[str, bytes], *names: str) -> dict[str, bytes]:
    return {name: data for name, data in members.items() if name not in names}


def refused(load: Load, path: Path) -> str:
    """Why a file is not imported."""
    report = load(path)
    assert report.exit_code is ExitCode.INPUT
    assert report.tally.offered == 0
    (error,) = report.errors
    assert str(path) in error
    return error


def test_posts_and_comments_of_the_user_are_kept(tmp_path: Path, store: Store, load: Load) -> None:
    link = post("p2", url="https://i.redd.it/beetle.jpg", body="")
    old = comment("t1_c3", permalink="/r/whatisthisbug/comments/p9/x/c3/", link="", parent="t1_c9")
    path = pack(tmp_path / "export.zip", tables([post("p1"), link], [comment("c1"), comment("c2", parent="c1"), old]))
    report = load(path)
    assert report.exit_code is ExitCode.OK, report.errors
    assert counts(store) == {"posts": 2, "comments": 3}
    with store.reading() as connection:
        posts = connection.exec_driver_sql(
            "SELECT id, title, body, url, post_type, author_name, door, terms, score, created_at, observed_at FROM posts"
            " WHERE observed_at IS NOT NULL ORDER BY id"
        ).all()
        comments = connection.exec_driver_sql(
            "SELECT id, post_id, parent_id, body, author, observed_at FROM comments ORDER BY id"
        ).all()
    told = ("Ann_Bug", "export", "data-request", None, 1_704_164_645, EXPORTED_AT)
    assert [tuple(row) for row in posts] == [
        ("t3_p1", "What is p1?", 'found it, in the\n\n"kitchen"', None, "self", *told),
        ("t3_p2", "What is p2?", None, "https://i.redd.it/beetle.jpg", "image", *told),
    ]
    assert [tuple(row) for row in comments] == [
        ("t1_c1", "t3_p1", "t3_p1", "a beetle, c1", "ann_bug", EXPORTED_AT),
        ("t1_c2", "t3_p1", "t1_c1", "a beetle, c2", "ann_bug", EXPORTED_AT),
        ("t1_c3", "t3_p9", "t1_c9", "a beetle, t1_c3", "ann_bug", EXPORTED_AT),
    ]
    assert column(store, "SELECT count(*) FROM observations") == [0]
    again = load(path)
    assert (again.details["files"][0].state, again.tally.offered) == ("skipped", 0)


def test_nothing_private_reaches_the_disk(tmp_path: Path, database: str, load: Load) -> None:
    broken = [*post("p3")[:4], "spilled", *post("p3")]
    shifted = ["p4", ADDRESS, "2024-01-02 03:04:05 UTC", "bugs", ADDRESS, "0", "title", "", ""]
    members = tables([post("p1"), broken, shifted, post("not an id")], [comment("c1")])
    with open_store(database) as store:
        report = load(pack(tmp_path / "export.zip", members), into=store)
        assert (report.tally.new, report.tally.set_aside) == (2, 3)
        places = {row.where.rpartition("/")[2] for row in reads.quarantined(store)}
        assert places == {"posts.csv:5", "posts.csv:8", "posts.csv:9"}
    kept = b"".join(file.read_bytes() for file in tmp_path.rglob("hubbub.db*"))
    assert b"Ann_Bug" in kept
    for word in (ADDRESS, MAIL, SECRET, "vote1", "saved1", "15550100", "unguessable"):
        assert word.encode() not in kept, word
    assert all(file.name.startswith(("hubbub.db", "export.zip")) for file in tmp_path.rglob("*") if file.is_file())


def test_a_dump_or_a_removal_outranks_the_request_in_any_order(tmp_path: Path, load: Load) -> None:
    path = pack(tmp_path / "export.zip", tables([post("p1"), post("p2")]))
    known = {"created_utc": 1_704_164_645, "retrieved_on": 1_704_200_000}
    dump = tmp_path / "RS.ndjson"
    dump.write_bytes(
        line(record("p1", link_flair_text="beetles", over_18=True, score=9, **known))
        + line(record("p2", author="[deleted]", selftext="[removed]", **known))
    )
    digests = set()
    for order in ((path, dump), (dump, path)):
        with open_store(f"sqlite:///{tmp_path}/{order[0].name}.db") as store:
            load(*order, into=store)
            assert column(store, "SELECT flair FROM posts WHERE id = 't3_p1'") == ["beetles"]
            assert column(store, "SELECT over_18 FROM posts WHERE id = 't3_p1'") == [True]
            assert column(store, "SELECT score FROM posts WHERE id = 't3_p1'") == [9]
            assert column(store, "SELECT title FROM posts WHERE id = 't3_p2'") == [None]
            assert column(store, "SELECT reason FROM tombstones") == ["moderator"]
            digests.add(digest(store))
    assert len(digests) == 1


def test_withdrawn_texts_become_tombstones(tmp_path: Path, store: Store, load: Load) -> None:
    load(
        pack(
            tmp_path / "export.zip",
            tables([post("p1", body="[removed]")], [comment("c1", body="[removed]"), comment("c2", body="[deleted]")]),
        )
    )
    with store.reading() as connection:
        stones = connection.exec_driver_sql("SELECT id, reason, at FROM tombstones ORDER BY id").all()
    assert [tuple(row) for row in stones] == [
        ("t1_c1", "moderator", EXPORTED_AT),
        ("t1_c2", "author", EXPORTED_AT),
        ("t3_p1", "moderator", EXPORTED_AT),
    ]


def test_the_author_is_the_account_or_the_one_named_or_unknown(tmp_path: Path, load: Load) -> None:
    told = tables([post("p1")])
    silent = without(told, "statistics.csv")
    for number, (members, options, author) in enumerate(
        [
            (told, {}, "ann_bug"),
            (silent, {"authors": ["u/Cid"]}, "cid"),
            (silent, {}, None),
            (told, {"authors": ["Ann_Bug"]}, "ann_bug"),
        ]
    ):
        with open_store(f"sqlite:///{tmp_path}/{number}.db") as store:
            load(pack(tmp_path / f"{number}.zip", members), into=store, **options)
            assert column(store, "SELECT author FROM posts WHERE observed_at IS NOT NULL") == [author]


def test_the_request_is_of_when_it_says_or_was_packed_or_of_its_latest_row(tmp_path: Path, load: Load) -> None:
    said = tables([post("p1", body="[removed]"), post("p2", date="2024-02-02T00:00:00+00:00")])
    silent = without(said, "statistics.csv")
    cases: list[tuple[dict[str, bytes], tuple[int, int, int], dict[str, int], int]] = [
        (said, (2024, 5, 1), {}, EXPORTED_AT),
        (silent, (2024, 5, 1), {}, 1_714_521_600),
        (silent, (1980, 1, 1), {}, 1_706_832_000),
        (silent, (2100, 1, 1), {}, 1_706_832_000),
        (said, (2024, 5, 1), {"observed_at": 1_720_000_000}, 1_720_000_000),
    ]
    for number, (members, at, options, wanted) in enumerate(cases):
        with open_store(f"sqlite:///{tmp_path}/{number}.db") as store:
            load(pack(tmp_path / f"{number}.zip", members, at=at), into=store, **options)
            assert column(store, "SELECT at FROM tombstones") == [wanted], number


def test_filters_judge_each_row(tmp_path: Path, store: Store, load: Load) -> None:
    rows = [post("p1"), post("p2", subreddit="Spiders"), post("p3", date="2020-01-01 00:00:00 UTC")]
    report = load(pack(tmp_path / "export.zip", tables(rows)), communities=["whatisthisbug"], since=1_700_000_000)
    assert column(store, "SELECT id FROM posts WHERE observed_at IS NOT NULL") == ["t3_p1"]
    assert (report.tally.offered, report.tally.filtered) == (3, 2)


def test_tables_without_texts_are_read_where_the_whole_ones_are_missing(
    tmp_path: Path, store: Store, load: Load
) -> None:
    headings = [name for name in POSTS if name not in {"title", "body"}]
    row = [value for name, value in zip(POSTS, post("p1"), strict=True) if name in headings]
    members = {"post_headers.csv": sheet(headings, [row]), **private()}
    load(pack(tmp_path / "headers.zip", members))
    assert column(store, "SELECT community FROM posts WHERE id = 't3_p1'") == ["whatisthisbug"]
    load(pack(tmp_path / "both.zip", {**members, "posts.csv": sheet(POSTS, [post("p1")])}))
    assert column(store, "SELECT title FROM posts WHERE id = 't3_p1'") == ["What is p1?"]


def test_odd_tables_are_read_row_by_row(tmp_path: Path, store: Store, load: Load) -> None:
    text = sheet([name.upper() for name in POSTS], [post("p1"), [], post("p2", title="half \ufffd")])
    text = b"\xef\xbb\xbf" + text.replace(b"\xef\xbf\xbd", b"\xff") + b'p3,"a quote without end\n' * 3
    text += sheet(POSTS, [post("p4", body="x" * 200_000), post("p5")]).partition(b"\n")[2]
    report = load(pack(tmp_path / "export.zip", {"Reddit/posts.csv": text, "__MACOSX/posts.csv": b"junk"}))
    assert report.exit_code is ExitCode.PARTIAL
    assert {"t3_p1", "t3_p2", "t3_p5"} <= set(column(store, "SELECT id FROM posts WHERE observed_at IS NOT NULL"))
    assert column(store, "SELECT title FROM posts WHERE id = 't3_p2'") == ["half \ufffd"]
    assert report.tally.set_aside > 0


def test_a_request_without_rows_is_done_at_once(tmp_path: Path, load: Load) -> None:
    for number, members in enumerate((tables(), {"posts.csv": b"", **private()})):
        report = load(pack(tmp_path / f"{number}.zip", members))
        assert (report.exit_code, report.tally.offered) == (ExitCode.OK, 0)
        assert report.details["files"][0].state == "done"


@needs_shared
def test_the_recorded_zip_that_climbs_out_is_refused_and_nothing_unpacked(tmp_path: Path, load: Load) -> None:
    case = tmp_path / "deep" / "er"
    case.mkdir(parents=True)
    (case / "a.zip").write_bytes((ARCHIVES / "zip-traversal.zip").read_bytes())
    error = refused(load, case / "a.zip")
    assert "zip archive" in error
    assert "leads out of it" in error
    assert sorted(file.name for file in tmp_path.rglob("*.ndjson")) == []


def test_a_name_that_leads_out_spoils_the_whole_zip(tmp_path: Path, load: Load) -> None:
    for name in ("../x.csv", "/etc/posts.csv", "a\\..\\b.csv", "C:x.csv"):
        members = {**tables([post("p1")]), name: b"x"}
        assert "leads out" in refused(load, pack(tmp_path / "a.zip", members)), name


def test_another_zip_is_called_by_its_name(tmp_path: Path, load: Load) -> None:
    inner = pack(tmp_path / "inner.zip", tables([post("p1")])).read_bytes()
    cases: list[tuple[dict[str, bytes], str]] = [
        ({"RS_2024-01.ndjson": b"{}"}, "no data request"),
        ({"export.zip": inner}, "another zip"),
        ({"posts.csv": sheet(["id", "label"], [["1", "x"]])}, "lacks the columns date, subreddit, title"),
        (without(tables(), "posts.csv") | {"comments.csv": b"id;date\n"}, "lacks the columns"),
        ({"posts.csv": b"id,date\rsubreddit,title"}, "lacks the columns"),
        ({"a/posts.csv": sheet(POSTS, []), "b/posts.csv": sheet(POSTS, [])}, "twice"),
    ]
    for members, words in cases:
        assert words in refused(load, pack(tmp_path / "a.zip", members))


def test_bombs_are_refused_unopened(tmp_path: Path, load: Load, monkeypatch: pytest.MonkeyPatch) -> None:
    bomb = {"posts.csv": sheet(POSTS, []) + b"a" * (64 << 20), **private()}
    assert "as no text does" in refused(load, pack(tmp_path / "ratio.zip", bomb))
    crowd = {f"{number}.csv": b"" for number in range(archive_zip.MOST_MEMBERS + 1)}
    assert "1,001 members" in refused(load, pack(tmp_path / "crowd.zip", crowd))
    monkeypatch.setattr(archive_zip, "LARGEST_TABLE", 1000)
    big = tables([post(f"p{number}") for number in range(99)])
    assert "at most 1,000 are read" in refused(load, pack(tmp_path / "big.zip", big))


def test_a_table_that_lies_about_its_size_ends_at_what_it_said(tmp_path: Path, store: Store, load: Load) -> None:
    """A directory that says 100 bytes for a table of 64 MiB: no more than that is unpacked."""
    content = bytearray(pack(tmp_path / "a.zip", {"posts.csv": sheet(POSTS, []) + b"a" * (64 << 20)}).read_bytes())
    at = content.rfind(b"PK\x01\x02")
    struct.pack_into("<L", content, at + 24, 100)
    (tmp_path / "a.zip").write_bytes(content)
    report = load(tmp_path / "a.zip")
    assert report.exit_code is ExitCode.INPUT
    assert "damaged" in report.errors[0]


def test_a_table_that_is_encrypted_is_refused(tmp_path: Path, load: Load) -> None:
    content = bytearray(pack(tmp_path / "a.zip", tables([post("p1")])).read_bytes())
    for magic, flags in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        at = content.find(magic)
        content[at + flags] |= 1
    (tmp_path / "a.zip").write_bytes(content)
    assert "encrypted" in refused(load, tmp_path / "a.zip")


def test_a_zip_that_is_cut_off_is_refused(tmp_path: Path, load: Load) -> None:
    whole = pack(tmp_path / "whole.zip", tables([post("p1")])).read_bytes()
    for size in (4, 30, len(whole) // 2, len(whole) - 1):
        (tmp_path / "cut.zip").write_bytes(whole[:size])
        assert "cut off" in refused(load, tmp_path / "cut.zip")


def test_what_comes_before_a_damaged_table_is_kept_and_the_run_is_untrusted(
    tmp_path: Path, store: Store, load: Load
) -> None:
    rows = [comment(f"c{number}", body=f"{zlib.crc32(b'%d' % number)}") for number in range(5000)]
    path = pack(tmp_path / "a.zip", tables([post("p1"), post("p2")], rows))
    content = bytearray(path.read_bytes())
    with zipfile.ZipFile(path) as packed:
        info = packed.getinfo("comments.csv")
    middle = info.header_offset + info.compress_size // 2
    content[middle : middle + 8] = bytes(8)
    path.write_bytes(content)
    report = load(path)
    assert report.exit_code is ExitCode.INPUT
    assert "comments.csv is damaged" in report.errors[0]
    assert counts(store)["posts"] == 2
    assert counts(store)["comments"] > 1000
    assert reads.runs(store)[0].untrusted
    before = digest(store)
    again = load(path)
    assert (again.exit_code, again.tally.offered) == (ExitCode.INPUT, 0)
    assert digest(store) == before


@pytest.mark.parametrize(("where", "number"), [("after", 4), ("inside", 1), ("inside", 6)])
def test_an_import_killed_anywhere_goes_on_inside_the_zip(
    where: str, number: int, *, tmp_path: Path, load: Load, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exported, "ROWS_AT_ONCE", 30)
    posts = [post(f"p{number}") for number in range(150)]
    path = pack(tmp_path / "a.zip", tables(posts, [comment(f"c{number}") for number in range(250)]))
    database = f"sqlite:///{tmp_path}/torn.db"
    child = subprocess.run(
        [sys.executable, "-m", "tests.pipeline.load.child", database, where, str(number), str(path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert child.returncode == -9, child.stderr
    with open_store(database) as torn, open_store(f"sqlite:///{tmp_path}/whole.db") as whole:
        report = load(path, into=torn)
        assert report.exit_code is ExitCode.OK
        assert report.details["files"][0].lines == 400
        assert load(path, into=whole).tally.new == 400
        assert digest(torn) == digest(whole)
