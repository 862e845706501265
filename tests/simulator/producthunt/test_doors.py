"""Tokens, refusals, trouble on demand; and that the other platforms are as they were."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from hubbub.errors import ConfigError
from hubbub.plugins.registry import load, names
from hubbub.simulator.exchange import Ask
from hubbub.simulator.faults import Fault, Limits, Scenario, load_scenario
from hubbub.simulator.server import Options, Running, build
from hubbub.simulator.server import ready as ready_line
from hubbub.sources.producthunt.simulator.switches import Switches
from hubbub.testing import SimulatedProductHunt
from tests.simulator.producthunt.conftest import AGENT, Hunt, headers, options

pytest_plugins = ["hubbub.testing"]
GUIDE = Path(__file__).parents[3] / "docs/how-to/simulate.md"
SIMULATOR = Path(__file__).parents[3] / "src/hubbub/sources/producthunt/simulator"
ALL = [load("simulators", name) for name in names("simulators")]


def decoded(body: bytes) -> Any:
    return msgspec.json.decode(body)


def test_a_missing_or_unknown_token_is_refused_in_its_own_shape() -> None:
    hunt = Hunt()
    hunt.token = "nonsense"
    reply = hunt.reply("{ viewer { user { id } } }")
    assert reply.status == 401
    assert headers(reply)["www-authenticate"] == 'Bearer realm="ProductHuntOauth2", error="invalid_token"'
    told = decoded(reply.body)
    assert told["data"] is None
    assert told["errors"][0].keys() == {"error", "error_description"}
    assert told["errors"][0]["error"] == "invalid_oauth_token"


def test_the_token_door_gives_application_tokens_without_an_end() -> None:
    hunt = Hunt()
    tokens = hunt.platform.tokens
    told = {"client_id": tokens.client_id, "client_secret": tokens.client_secret, "grant_type": "client_credentials"}
    reply = hunt.post("/v2/oauth/token", msgspec.json.encode(told))
    body = decoded(reply.body)
    assert (body["token_type"].lower(), body["scope"]) == ("bearer", "public")
    assert "expires_in" not in body
    assert headers(reply)["x-rate-limit-limit"] == "450"
    wrong = hunt.post("/v2/oauth/token", msgspec.json.encode(told | {"client_secret": "no"}))
    assert (wrong.status, decoded(wrong.body)["error"]) == (401, "invalid_client")
    other = hunt.post("/v2/oauth/token", msgspec.json.encode(told | {"grant_type": "password"}))
    assert (other.status, decoded(other.body)["error"]) == (400, "unsupported_grant_type")
    answers = [hunt.post("/v2/oauth/token", msgspec.json.encode(told)).status for _ in range(448)]
    assert answers == [200] * 447 + [429]
    assert hunt.reply("{ viewer { user { id } } }").status == 200, "the other budget is another"


@pytest.mark.parametrize(
    "query",
    [
        "{ posts { nodes { id nonsense } } }",
        "{ posts(",
        "",
        "query A { viewer { user { id } } } query B { __typename }",
    ],
)
def test_a_wrong_question_is_answered_with_200_and_errors(hunt: Hunt, query: str) -> None:
    reply = hunt.reply(query)
    assert reply.status == 200
    told = decoded(reply.body)
    assert "data" not in told
    assert all(isinstance(error["message"], str) for error in told["errors"])


def test_errors_tell_where_they_are(hunt: Hunt) -> None:
    (error,) = decoded(hunt.reply("query Q {\n  posts { nodes { nonsense } }\n}").body)["errors"]
    assert error["locations"] == [{"line": 2, "column": 19}]
    assert error["path"] == ["query Q"]
    wrong = decoded(hunt.reply("query Q($at: DateTime) { posts(postedAfter: $at) { nodes { id } } }", at="soon").body)
    assert "soon" in wrong["errors"][0]["message"]
    assert decoded(hunt.reply('mutation { userFollow(input: {userId: "1"}) { node { id } } }').body)["errors"]


@pytest.mark.parametrize("agent", ["", "python-requests/2.32", "Python-urllib/3.11", "curl/8.5", "python-httpx/0.28"])
def test_robots_meet_the_delivery_networks_page(hunt: Hunt, agent: str) -> None:
    reply = hunt.reply("{ viewer { user { id } } }", agent=agent)
    assert reply.status == 403
    assert reply.media_type.startswith("text/html")
    assert b"Just a moment..." in reply.body


def test_troubles_come_in_the_platforms_shapes(hunt: Hunt) -> None:
    def meets(**fault: Any) -> Any:
        ask = Ask(method="POST", path="/v2/api/graphql", at=hunt.at)
        return hunt.platform.failure(Fault(action="status", **fault), ask=ask)

    assert meets(status=502).media_type.startswith("text/html")
    assert meets(status=502, html=False).body == b""
    assert b"Just a moment" in meets(status=403).body
    assert b"Just a moment" not in meets(status=503).body
    assert b"Just a moment" in meets(status=503, reason="just_a_moment").body
    assert decoded(meets(status=401).body)["errors"][0]["error"] == "invalid_oauth_token"
    assert decoded(meets(status=429).body)["errors"][0]["details"]["remaining"] == -50
    told = decoded(meets(status=200, html=False, reason="Internal trouble").body)
    assert (told["data"], told["errors"][0]["message"]) == (None, "Internal trouble")


def test_revoked_tokens_and_a_withdrawn_application() -> None:
    hunt = Hunt()
    other = hunt.app_token()
    hunt.platform.withdraw(withdrawn=True)
    assert hunt.reply("{ __typename }").status == 401
    with pytest.raises(KeyError):
        hunt.app_token()
    hunt.platform.withdraw(withdrawn=False)
    assert hunt.reply("{ __typename }").status == 200
    hunt.token = other
    assert hunt.reply("{ __typename }").status == 401
    hunt.token = hunt.app_token()
    hunt.platform.revoke()
    assert hunt.reply("{ __typename }").status == 401


def test_routes_are_named_after_operations(hunt: Hunt) -> None:
    def route(path: str, body: bytes = b"") -> str | None:
        named: str | None = hunt.platform.route(Ask(method="POST", path=path, body=body))
        return named

    door = "/v2/api/graphql"
    assert route(door, b'{"query": "query Posts($a: Int) { x }"}') == "graphql:Posts"
    assert route(door, b'{"query": "query A { x } query B { x }", "operationName": "B"}') == "graphql:B"
    assert route(door, b'{"query": "{ x }"}') == "graphql"
    assert route("/v2/oauth/token") == "producthunt_token"
    assert route("/r/bees/new") is None


def test_only_the_days_asked_for_come_about() -> None:
    hunt = Hunt(Scenario(limits=Limits(points=10**6), producthunt={"launches_a_day": 3000}), span_days=2000)
    assert hunt.platform.grown_days == 0
    page = hunt.data("{ posts(order: NEWEST, first: 20) { nodes { id comments(first: 1) { nodes { id } } } } }")[
        "posts"
    ]
    assert hunt.platform.grown_days == 1
    comment = next(c["id"] for post in page["nodes"] for c in post["comments"]["nodes"])
    hunt.data(
        "query Q($id: ID!, $post: ID) { comment(id: $id) { id } post(id: $post) { id } }",
        id=comment,
        post=page["nodes"][9]["id"],
    )
    window = 'postedAfter: "2025-01-10T08:00:00Z", postedBefore: "2025-01-11T08:00:00Z"'
    hunt.data(f"{{ posts(order: VOTES, {window}) {{ nodes {{ id }} }} }}")
    assert hunt.platform.grown_days < 12


def test_a_wrong_switch_is_named_when_the_simulator_starts() -> None:
    for table in ({"launches": 3}, {"dates": "someday"}, {"launches_a_day": 0}):
        with pytest.raises(ConfigError, match=r"\[producthunt\]"):
            build(options(Scenario(producthunt=table)))


def test_a_scenario_file_sets_switches_and_points(tmp_path: Path) -> None:
    path = tmp_path / "small.toml"
    path.write_text("[producthunt]\nlaunches_a_day = 2\n[limits]\npoints = 30\npoints_window_s = 60\n")
    hunt = Hunt(load_scenario(path), span_days=4)
    told = headers(hunt.reply("{ __typename }"))
    assert (told["x-rate-limit-limit"], told["x-rate-limit-reset"]) == ("30", "60")
    assert 4 <= len(hunt.truth()["posts"]) <= 12


def test_the_guide_names_every_switch(tmp_path: Path) -> None:
    tables = re.findall(r"```toml\n(\[producthunt\].*?)```", GUIDE.read_text(), re.DOTALL)
    path = tmp_path / "guide.toml"
    path.write_text(tables[0])
    scenario = load_scenario(path)
    assert scenario.producthunt.keys() == set(Switches.__struct_fields__)
    defaults = msgspec.to_builtins(Switches()) | {"span_days": 365}
    assert scenario.producthunt == defaults
    assert Hunt(scenario).reply("{ __typename }").status == 200


def test_strange_answers_hold_what_nobody_has_met(hunt: Hunt) -> None:
    strange = Hunt(Scenario(strange=True, limits=Limits(points=10**6)))
    query = "{ posts(first: 20) { nodes { id media { type } } } }"
    told = [decoded(each.reply(query).body) for each in (hunt, strange)]
    assert [set(one) for one in told] == [{"data"}, {"data", "extensions"}]
    types = [{m["type"] for post in one["data"]["posts"]["nodes"] for m in post["media"]} for one in told]
    assert types[1] - types[0] == {"hologram"}


def test_while_recordings_are_replayed_there_is_no_product_hunt(tmp_path: Path) -> None:
    platform: Any = Hunt(replay=tmp_path).platform
    assert platform.ready("http://sim.test") == {}
    assert platform.route(Ask(method="POST", path="/v2/api/graphql")) is None


def test_reddit_is_as_it_was_beside_product_hunt() -> None:
    small: dict[str, Any] = {"posts": 5, "comments": 20, "communities": ("bees",)}
    alone = build(Options(routes=[load("simulators", "reddit")], **small))
    together = build(Options(routes=ALL, **small))
    by_name: dict[str, Any] = {platform.name: platform for platform in together.platforms}
    lines = [ready_line(app) for app in (alone, together)]
    ours = {"arctic", "producthunt", "producthunt_token", "producthunt_client_id", "producthunt_client_secret"}
    assert {name for name in lines[0] if lines[0][name] != lines[1][name]} == ours
    assert lines[1].keys() == lines[0].keys()
    at = alone.clock.now()
    merged = [
        {name: told for platform in app.platforms for name, told in platform.truth(at, {}).items()}
        for app in (alone, together)
    ]
    assert merged[0] == merged[1]
    assert "bees" in merged[1]
    assert by_name["producthunt"].grown_days == 0


def test_starting_loads_neither_graphql_nor_the_world() -> None:
    code = (
        "import sys\nfrom hubbub.plugins.registry import load, names\nfrom hubbub.simulator.server import *\n"
        "app = build(Options(routes=[load('simulators', n) for n in names('simulators')]))\n"
        "assert ready(app)['producthunt_token']\n"
        "loaded = {'graphql', 'hubbub.sources.producthunt.simulator.launches'} & set(sys.modules)\n"
        "assert not loaded, loaded\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_without_graphql_core_reddit_is_still_served() -> None:
    code = (
        "import sys, importlib.util as u\nreal = u.find_spec\n"
        "u.find_spec = lambda name, *a: None if name == 'graphql' else real(name, *a)\n"
        "from hubbub.plugins.registry import load, names\nfrom hubbub.simulator.server import *\n"
        "app = build(Options(routes=[load('simulators', n) for n in names('simulators')], posts=1, comments=0))\n"
        "line = ready(app)\nassert line['producthunt'] is line['producthunt_token'] is None\nassert line['client_id']\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_simulator_imports_nothing_of_the_client() -> None:
    for path in SIMULATOR.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            named = [a.name for a in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom):
                named = [f"{node.module}.{a.name}" for a in node.names]
            ours = [name for name in named if name.startswith("hubbub.sources.")]
            assert all(name.startswith("hubbub.sources.producthunt.simulator") for name in ours), path.name


def post(address: str, body: dict[str, Any], **more: str) -> tuple[int, dict[str, str], Any]:
    told = {"User-Agent": AGENT, "Content-Type": "application/json"} | more
    request = urllib.request.Request(address, data=msgspec.json.encode(body), headers=told)
    try:
        with urllib.request.urlopen(request, timeout=10) as reply:
            return reply.status, {name.lower(): value for name, value in reply.headers.items()}, decoded(reply.read())
    except urllib.error.HTTPError as refused:
        with refused:
            return refused.code, {name.lower(): value for name, value in refused.headers.items()}, refused.read()


def test_over_http_with_every_platform_on_one_address() -> None:
    with Running(Options(routes=ALL, posts=3, comments=5, span_days=5, communities=("bees",))) as running:
        address, token = running["producthunt"], {"Authorization": f"Bearer {running['producthunt_token']}"}
        door = f"{address}/v2/api/graphql"
        status, told, body = post(
            door,
            {"query": "query Me { viewer { user { username } } posts { nodes { media { url } thumbnail { url } } } }"},
            **token,
        )
        assert status == 200
        assert body["data"]["viewer"]["user"]["username"]
        assert int(told["x-rate-limit-remaining"]) < 6250
        picture = next(p["thumbnail"]["url"] for p in body["data"]["posts"]["nodes"] if p["thumbnail"])
        with urllib.request.urlopen(picture, timeout=10) as reply:
            assert reply.read().startswith(b"\x89PNG")
        assert post(door, {"query": "{ __typename }"})[0] == 401
        with urllib.request.urlopen(f"{address}/__stats", timeout=10) as reply:
            assert decoded(reply.read()) == {"graphql": 1, "graphql:Me": 1, "producthunt_media": 1}
        with urllib.request.urlopen(f"{address}/__truth", timeout=10) as reply:
            assert set(decoded(reply.read())) == {"bees"}
        with urllib.request.urlopen(f"{address}/__truth?platform=producthunt", timeout=10) as reply:
            assert set(decoded(reply.read())) == {"producthunt"}


def test_the_fixture_takes_switches_and_troubles(producthunt_simulator: Callable[..., SimulatedProductHunt]) -> None:
    hunt = producthunt_simulator(span_days=2, scenario={"producthunt": {"launches_a_day": 3}, "limits": {"points": 50}})
    told = hunt.truth()
    assert 0 < len(told["posts"]) < 12
    token = {"Authorization": f"Bearer {hunt.token}"}
    door = f"{hunt.address}/v2/api/graphql"
    hunt.fail(Fault(action="block", route="graphql:Ids"))
    status, _, page = post(door, {"query": "query Ids { posts { nodes { id } } }"}, **token)
    assert (status, b"Just a moment" in page) == (403, True)
    status, _, body = post(door, {"query": "query Ids { posts { nodes { id } } }"}, **token)
    assert {node["id"] for node in body["data"]["posts"]["nodes"]} == set(told["posts"])
    assert post(door, {"query": "query Ids { posts { nodes { id name } } }"}, **token)[0] == 429
    assert (hunt.truth()["points"], hunt.truth()["refused"]) == (21, 1)
    with pytest.raises(ConfigError, match="scenario"):
        producthunt_simulator(scenario={"producthunt": 3})
