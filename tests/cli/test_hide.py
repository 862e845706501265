"""`hubbub hide`, `hubbub restore` and `hubbub exemplars`, as typed, over a store of either engine."""

from __future__ import annotations

import getpass
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec
import pytest

from hubbub.store.engine import open_store
from tests.cli.running import Outcome, hubbub
from tests.servers import ValkeyServer
from tests.store.making import T0, comment, post, write

Run = Callable[..., Outcome]
LONG = "That is a stag beetle, a male: look at the mandibles and at the lamellate antennae of it."


@pytest.fixture(params=["sqlite", "postgresql"])
def run(request: pytest.FixtureRequest, tmp_path: Path) -> Run:
    """Runs a command on a small store."""
    url = f"sqlite:///{tmp_path}/hubbub.db" if request.param == "sqlite" else request.getfixturevalue("postgres")
    with open_store(url) as store:
        write(
            store,
            post("t3_a", title="What is it"),
            post("t3_b", title="Another beetle", author="bob", author_name="Bob"),
            comment("t1_a", body=LONG, score=12, created_at=T0),
            comment("t1_b", body=f"{LONG} Yes.", score=12, created_at=T0 + 9, author="ann", author_name="Ann"),
            comment("t1_c", body="short one", score=50),
        )

    def run(*words: str) -> Outcome:
        return hubbub(*words, "--store", url, home=tmp_path)

    return run


def found(run: Run) -> set[str]:
    told: Sequence[dict[str, str]] = run("search", "after:2000-01-01", "--json").document["hits"]
    return {hit["id"] for hit in told}


def test_what_is_hidden_is_told_and_gone_until_it_is_restored(run: Run) -> None:
    digest = run("db", "digest").out
    done = run("hide", "post:t3_a", "--by", "Ann of the lab")
    assert (done.code, done.out, done.err) == (0, "post:reddit/t3_a is hidden\n", "")
    assert found(run) == {"t3_b", "t1_a", "t1_b", "t1_c"}
    again = run("hide", "post:t3_a", "--by", "somebody else")
    assert again.code == 0
    assert "was hidden already (20" in again.out
    assert "by Ann of the lab)" in again.out
    assert run("db", "digest").out == digest
    assert run("restore", "post:reddit/t3_a").out == "post:reddit/t3_a is visible again\n"
    assert run("restore", "post:t3_a").out == "post:reddit/t3_a was not hidden\n"
    assert len(found(run)) == 5


def test_a_community_says_how_much_it_takes_along(run: Run) -> None:
    assert run("hide", "community:r/Bugs").out == "community:reddit/bugs is hidden with 2 posts and 3 comments\n"
    assert found(run) == set()
    assert run("hide", "user:ann").out == "user:reddit/ann is hidden\n"
    back = run("restore", "community:bugs").out
    stay = "2 more stay hidden with their author"
    assert back == f"community:reddit/bugs is visible again with 1 post and 2 comments; {stay}\n"


def test_what_stays_hidden_is_told(run: Run) -> None:
    assert run("hide", "user:Ann").out == "user:reddit/ann is hidden with 1 post and 1 comment\n"
    run("hide", "community:bugs")
    told = run("restore", "user:ann").out
    assert told == "user:reddit/ann is visible again; 2 more stay hidden with their community\n"
    told = run("restore", "community:bugs", "--json").document
    (each,) = told["restored"]
    assert (each["posts"], each["comments"], each["still_hidden"], told["rows"]) == (2, 3, 0, 6)


def test_the_list_shows_who_hid_what_and_when(run: Run) -> None:
    assert run("hide", "--list").out == "nothing is hidden\n"
    told = run("hide", "community:bugs", "--json").document
    assert told["rows"] == 6
    assert told["hidden"][0]["hidden_by"] == getpass.getuser()
    listed = run("hide", "--list")
    assert listed.out.splitlines()[0].split() == ["hidden", "by", "what", "with", "it"]
    assert "community:reddit/bugs  2 posts and 3 comments" in listed.out
    document = run("hide", "--list", "--json").document
    (each,) = document["hidden"]
    assert (each["kind"], each["id"], each["posts"], each["comments"]) == ("community", "bugs", 2, 3)
    assert each["hidden_at"].endswith("Z")
    assert document["more"] is False
    run("restore", "community:bugs")
    run("hide", "post:t3_a", "post:t3_b")
    assert run("hide", "--list", "--limit", "1").out.splitlines()[-1].startswith("and more")


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["hide"], "name what to hide: post:ID"),
        (["restore"], "name what to restore: post:ID"),
        (["hide", "--list", "post:t3_a"], "takes no TARGET"),
        (["hide", "post:t3_aa"], "did you mean post:t3_a?"),
        (["restore", "comunity:bugs"], "did you mean community:bugs?"),
        (["hide", "post:t3_a", "--by", " "], "--by needs a name"),
        (["exemplars", "bug"], "did you mean community:bugs?"),
        (["exemplars", "bugs", "--max-age", "soon"], "'soon' is no age"),
        (["exemplars", "bugs", "--max-age", "2024-01-01"], "is no age"),
    ],
)
def test_a_line_that_means_nothing_ends_with_2(run: Run, words: list[str], says: str) -> None:
    done = run(*words)
    assert (done.code, done.out) == (2, "")
    assert says in done.err
    assert "Traceback" not in done.err


def test_without_a_store_there_is_nothing_to_hide(tmp_path: Path) -> None:
    for words in (["hide", "post:t3_a"], ["restore", "post:t3_a"], ["hide", "--list"], ["exemplars", "bugs"]):
        done = hubbub(*words, home=tmp_path / "none")
        assert done.code == 8, words
        assert "no store" in done.err
    assert not (tmp_path / "none").exists()


def test_a_name_cannot_steer_the_terminal(run: Run) -> None:
    run("hide", "post:t3_a", "--by", "\x1b[31mred\u202e")
    listed = run("hide", "--list")
    assert "\x1b" not in listed.out
    assert "\\x1b[31mred\\u202e" in listed.out


def test_exemplars_are_the_long_comments_by_score_the_newest_first(run: Run) -> None:
    done = run("exemplars", "r/Bugs")
    assert done.code == 0
    assert [line.split(",")[0] for line in done.out.splitlines()[::2]] == ["score 12  (t1_b", "score 12  (t1_a"]
    assert done.out.splitlines()[1] == f"    {LONG} Yes."
    told = run("exemplars", "bugs", "--min-chars", "0", "--limit", "1", "--json").document
    assert [each["id"] for each in told["comments"]] == ["t1_c"]
    assert (told["community"], told["whole"], told["cached"]) == ("bugs", True, False)
    assert run("exemplars", "bugs", "--min-score", "13").out == "nothing found; 1 comment was looked at\n"
    assert run("exemplars", "bugs", "--max-age", "1d").out.startswith("nothing found")
    run("hide", "comment:t1_b")
    assert run("exemplars", "bugs").out.count("score 12") == 1


def test_exemplars_are_shared_by_a_cache_that_may_be_down(
    run: Run, own_valkey: ValkeyServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HUBBUB_CACHE__URL", own_valkey.url().replace("redis://", "redis://default:canary-4711@"))
    own_valkey.stop()
    down = run("exemplars", "bugs", "--json")
    assert down.code == 0
    assert down.err.count("warning: the cache at redis://127.0.0.1") == 1
    assert "canary" not in down.err
    assert run("exemplars", "bugs", "--json", "-q").err == ""
    own_valkey.start()
    monkeypatch.setenv("HUBBUB_CACHE__URL", own_valkey.url())
    monkeypatch.setenv("HUBBUB_CACHE__TTL_S", "120")
    first, second = run("exemplars", "bugs", "--json"), run("exemplars", "bugs", "--json")
    assert (first.document["cached"], second.document["cached"]) == (False, True)
    assert first.document["comments"] == second.document["comments"] == down.document["comments"]
    run("hide", "comment:t1_a")
    assert [each["id"] for each in run("exemplars", "bugs", "--json").document["comments"]] == ["t1_b"]


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("HUBBUB_CACHE__URL", "memcached://canary", "cache.url is no address"),
        ("HUBBUB_CACHE__TTL_S", "0", "HUBBUB_CACHE__TTL_S: cache.ttl_s"),
        ("HUBBUB_CACHE__URI", "x", "did you mean cache.url"),
    ],
)
def test_a_wrong_setting_of_the_cache_is_told(
    run: Run, monkeypatch: pytest.MonkeyPatch, *, name: str, value: str, says: str
) -> None:
    monkeypatch.setenv(name, value)
    done = run("exemplars", "bugs")
    assert done.code == 10
    assert says in done.err.replace("'", "")
    assert "canary" not in done.err
    assert msgspec.json.decode(run("exemplars", "bugs", "--json").out)["error"]["exit_code"] == 10
