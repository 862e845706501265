"""The commands over one small home, as a user would run them one after the other."""

from __future__ import annotations

import csv
import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from hubbub.plugins import registry
from hubbub.simulator.server import Options, Running
from tests.cli.running import hubbub

WORLD = ("--posts", "12", "--comments", "80", "--community", "whatisthisbug")
CANARY = "canary-secret-4711"


@pytest.fixture(scope="module")
def dumps(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    done = hubbub("simulate", "dump", tmp_path_factory.mktemp("dumps"), *WORLD)
    assert done.code == 0, done.err
    return done.out.splitlines()


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, dumps: list[str]) -> Path:
    """A home that only reading commands are run on."""
    place = tmp_path_factory.mktemp("home")
    done = hubbub("import", *dumps, home=place)
    assert done.code == 0, done.err
    return place


def test_an_import_prints_its_conservation_line_on_stderr_only(dumps: list[str], tmp_path: Path) -> None:
    done = hubbub("import", *dumps, home=tmp_path / "home")
    assert (done.code, done.out) == (0, "")
    assert "offered " in done.err
    assert " = new " in done.err
    quiet = hubbub("import", *dumps, "-q", home=tmp_path / "home2")
    assert (quiet.code, quiet.out, quiet.err) == (0, "", "")


def test_an_import_with_json_prints_one_document_that_adds_up(dumps: list[str], tmp_path: Path) -> None:
    done = hubbub("import", "--json", *dumps, home=tmp_path / "home")
    told = done.document
    terms = ("new", "updated", "unchanged", "older", "tombstoned", "filtered", "set_aside")
    assert told["offered"] == sum(told["tally"][name] for name in terms) > 12
    assert told["exit_code"] == 0
    assert told["conservation"].startswith("offered ")


def test_a_missing_file_ends_with_7_and_its_name(tmp_path: Path) -> None:
    done = hubbub("import", tmp_path / "none.zst", home=tmp_path / "home")
    assert (done.code, done.out) == (7, "")
    assert "none.zst" in done.err
    assert "Traceback" not in done.err


def test_status_counts_what_is_here(home: Path) -> None:
    done = hubbub("status", home=home)
    assert done.code == 0
    assert "reddit:whatisthisbug" in done.out
    told = hubbub("status", "--json", home=home).document
    posts = next(kind for kind in told["store"]["kinds"] if kind["kind"] == "post")
    assert posts["live"] + posts["withdrawn"] == 12


def test_status_of_an_empty_home_says_how_to_begin(tmp_path: Path) -> None:
    done = hubbub("status", home=tmp_path / "none")
    assert done.code == 0
    assert "hubbub demo" in done.out
    assert not (tmp_path / "none").exists()


def test_search_finds_words_and_prints_two_lines_a_hit(home: Path) -> None:
    done = hubbub("search", "spider", "OR", "beetle", "OR", "bug", "OR", "the", "--limit", "3", home=home)
    assert done.code == 0
    assert len(done.out.splitlines()) == 6
    assert "r/whatisthisbug" in done.out
    told = hubbub("search", "--json", "the", "--kind", "comment", home=home).document
    assert {hit["kind"] for hit in told["hits"]} == {"comment"}
    assert hubbub("search", "zzzzqqq", home=home).out == "nothing found\n"


def test_a_query_that_cannot_be_ends_with_2(home: Path) -> None:
    done = hubbub("search", "score:many", home=home)
    assert (done.code, done.out) == (2, "")


def test_runs_lists_the_import(home: Path) -> None:
    assert "import" in hubbub("runs", home=home).out
    told = hubbub("runs", "--json", home=home).document
    assert [run["exit_code"] for run in told["runs"]] == [0]


def test_digest_prints_one_hex_line(home: Path) -> None:
    whole, shared = hubbub("db", "digest", home=home), hubbub("db", "digest", "--shared", home=home)
    assert whole.code == shared.code == 0
    assert len(bytes.fromhex(whole.out.strip())) == len(bytes.fromhex(shared.out.strip())) >= 16
    assert whole.out.count("\n") == 1
    assert whole.out != shared.out


def test_upgrade_of_a_new_store_has_nothing_to_do(home: Path) -> None:
    done = hubbub("db", "upgrade", home=home)
    assert done.code == 0
    assert "up to date" in done.out


def test_upgrade_makes_a_store_where_there_is_none(tmp_path: Path) -> None:
    made = hubbub("db", "upgrade", home=tmp_path / "new" / "home")
    assert made.code == 0
    assert "made" in made.out
    assert hubbub("db", "digest", home=tmp_path / "new" / "home").code == 0


@pytest.mark.parametrize("form", ["csv", "ndjson", "parquet"])
def test_export_writes_a_folder_and_refuses_to_write_it_twice(home: Path, tmp_path: Path, form: str) -> None:
    out = tmp_path / "bugs"
    assert hubbub("export", form, out, "--community", "WhatIsThisBug", home=home).code == 0
    assert sorted(path.name for path in out.iterdir()) == [f"comments.{form}", "manifest.json", f"posts.{form}"]
    again = hubbub("export", form, out, home=home)
    assert (again.code, again.out) == (8, "")
    assert "--force" in again.err
    assert hubbub("export", form, out, "--force", home=home).code == 0


def test_export_takes_kinds_in_plural_and_columns(home: Path, tmp_path: Path) -> None:
    done = hubbub("export", "csv", tmp_path / "out", "--kind", "posts", "--columns", "id,score", "--json", home=home)
    assert [file["kind"] for file in done.document["files"]] == ["post"]
    with (tmp_path / "out" / "posts.csv").open() as file:
        assert next(csv.reader(file)) == ["id", "score"]


def test_export_never_overwrites_the_store(home: Path) -> None:
    before = (home / "hubbub.db").read_bytes()
    done = hubbub("export", "csv", home / "hubbub.db", "--force", home=home)
    assert done.code == 8
    assert (home / "hubbub.db").read_bytes() == before


def test_what_was_set_aside_is_listed_with_its_reason(tmp_path: Path) -> None:
    bad = tmp_path / "RS_2024-01.ndjson"
    good = {"id": "abc", "author": "ann", "subreddit": "bugs", "title": "t", "created_utc": 1700000000, "score": 1,
            "selftext": "", "permalink": "/r/bugs/comments/abc/t/", "retrieved_on": 1700000100}  # fmt: skip
    bad.write_text(json.dumps(good) + "\n{broken \x1b[2J\n")
    done = hubbub("import", bad, home=tmp_path / "home")
    assert done.code == 3
    assert "quarantine list" in done.err
    listed = hubbub("quarantine", "list", home=tmp_path / "home")
    assert "RS_2024-01.ndjson" in listed.out
    assert "\x1b" not in listed.out
    told = hubbub("quarantine", "list", "--json", home=tmp_path / "home").document
    assert told["quarantine"][0]["raw"] == "{broken \x1b[2J"


@pytest.mark.skipif(os.geteuid() == 0, reason="the superuser may write anywhere")
def test_a_read_only_home_ends_with_8(tmp_path: Path, dumps: list[str]) -> None:
    (tmp_path / "locked").mkdir(mode=0o500)
    done = hubbub("import", *dumps, home=tmp_path / "locked" / "home")
    assert (done.code, done.out) == (8, "")


def test_a_home_that_cannot_be_made_ends_with_8(tmp_path: Path, dumps: list[str]) -> None:
    (tmp_path / "file").write_text("x")
    done = hubbub("import", *dumps, home=tmp_path / "file" / "home")
    assert (done.code, done.out) == (8, "")
    assert "--home" in done.err


def test_a_taken_port_ends_with_10() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        done = hubbub("simulate", "--port", str(taken.getsockname()[1]))
    assert (done.code, done.out) == (10, "")
    assert "--port" in done.err


def test_a_store_elsewhere_is_used_with_store(tmp_path: Path, dumps: list[str]) -> None:
    assert hubbub("import", *dumps, "--store", tmp_path / "else.db", home=tmp_path / "home").code == 0
    assert (tmp_path / "else.db").is_file()
    assert not (tmp_path / "home" / "hubbub.db").exists()
    assert hubbub("status", "--store", "mysql://x/y", home=tmp_path / "home").code == 10


@pytest.fixture(scope="module")
def simulator() -> object:
    routes = [registry.load("simulators", name) for name in ("arctic", "reddit")]
    options = Options(routes=routes, posts=12, comments=80, communities=("whatisthisbug",))
    with Running(options) as running:
        yield running


def sign_in(monkeypatch: pytest.MonkeyPatch, simulator: Running, **instead: str) -> None:
    for name in ("client_id", "client_secret", "username", "password"):
        monkeypatch.setenv(f"HUBBUB_REDDIT__{name.upper()}", instead.get(name, str(simulator[name])))


def test_a_sync_and_an_import_of_one_world_agree(
    monkeypatch: pytest.MonkeyPatch, *, simulator: Running, home: Path, tmp_path: Path
) -> None:
    sign_in(monkeypatch, simulator)
    done = hubbub("sync", "reddit:whatisthisbug", "--base-url", simulator.url, home=tmp_path / "home")
    assert (done.code, done.out) == (0, ""), done.err
    assert "requests" in done.err
    synced = hubbub("db", "digest", "--shared", home=tmp_path / "home").out
    assert synced == hubbub("db", "digest", "--shared", home=home).out


def test_without_an_account_an_archive_gives_the_same(simulator: Running, home: Path, tmp_path: Path) -> None:
    where = ("--base-url", str(simulator["arctic"]))
    done = hubbub("sync", "arctic:whatisthisbug", *where, "--json", home=tmp_path / "home")
    assert (done.code, done.document["missing"], done.document["findings"]) == (0, 0, []), done.err
    synced = hubbub("db", "digest", "--shared", home=tmp_path / "home").out
    assert synced == hubbub("db", "digest", "--shared", home=home).out
    again = hubbub("sync", "arctic:whatisthisbug", *where, "--json", home=tmp_path / "home")
    assert (again.code, again.document["tally"]["new"], again.document["tally"]["updated"]) == (0, 0, 0)


def test_wrong_credentials_end_with_4_and_no_secret_is_anywhere(
    monkeypatch: pytest.MonkeyPatch, *, simulator: Running, tmp_path: Path
) -> None:
    sign_in(monkeypatch, simulator, client_secret=CANARY, password=CANARY)
    where = ("--base-url", simulator.url)
    done = hubbub("sync", "reddit:whatisthisbug", *where, "-vv", home=tmp_path / "home")
    told = hubbub("sync", "reddit:whatisthisbug", *where, "--json", home=tmp_path / "home")
    assert done.code == told.code == told.document["exit_code"] == 4
    kept = b"".join(path.read_bytes() for path in (tmp_path / "home").rglob("*") if path.is_file())
    assert CANARY not in done.out + done.err + told.out + told.err
    assert CANARY.encode() not in kept


@pytest.mark.parametrize("address", ["nonsense", "ftp://x", "http://", "http://user:canary@host"])
def test_an_address_that_is_none_ends_with_10_before_anything_is_asked(tmp_path: Path, address: str) -> None:
    done = hubbub("sync", "reddit:whatisthisbug", "--base-url", address, home=tmp_path / "home")
    assert (done.code, done.out) == (10, "")
    assert "base_url" in done.err
    assert "canary" not in done.err


def test_missing_credentials_end_before_anything_is_asked(tmp_path: Path) -> None:
    done = hubbub("sync", "reddit:whatisthisbug", home=tmp_path / "home")
    assert done.code == 10
    assert "HUBBUB_REDDIT__CLIENT_ID" in done.err


def test_words_of_any_script_can_be_searched_for_in_a_c_locale(home: Path) -> None:
    plain = {**os.environ, "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    done = subprocess.run(
        [sys.executable, "-m", "hubbub", "--home", str(home), "search", "Käfer OR 甲虫", "--json"],
        capture_output=True,
        env=plain,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, b"")
    assert json.loads(done.stdout)["query"] == "Käfer OR 甲虫"
