"""The pytest plug-in for tests of other people's programs: its how-to runs as it stands, and its hand moves everything."""

from __future__ import annotations

import re
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest

from hubbub.errors import ConfigError
from hubbub.testing import Clock, Fate, Fault, Scenario, SimulatedReddit, simulated_reddit
from tests.simulator.conftest import AGENT, basic

pytest_plugins = ["hubbub.testing"]
GUIDE = Path(__file__).parents[2] / "docs/how-to/test-against-reddit.md"


def test_the_how_to_runs_as_it_stands(tmp_path: Path) -> None:
    plugin, tests = re.findall(r"```python\n(.*?)```", GUIDE.read_text(), re.DOTALL)
    (tmp_path / "conftest.py").write_text(plugin)
    (tmp_path / "test_bot.py").write_text(tests)
    run = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(tmp_path)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    assert f"{tests.count('def test_')} passed" in run.stdout


def status(simulated: SimulatedReddit, path: str, **headers: str) -> int:
    data = b"grant_type=client_credentials" if path.endswith("access_token") else None
    request = urllib.request.Request(simulated.address + path, data=data, headers={"User-Agent": AGENT} | headers)
    try:
        with urllib.request.urlopen(request, timeout=10) as reply:
            return int(reply.status)
    except urllib.error.HTTPError as refused:
        with refused:
            return refused.code


def token(simulated: SimulatedReddit) -> int:
    held = simulated.credentials
    return status(simulated, "/api/v1/access_token", **basic(held.client_id, held.client_secret))


def test_every_call_makes_another_world_and_the_hand_moves_it(
    reddit_simulator: Callable[..., SimulatedReddit],
) -> None:
    one = reddit_simulator(communities=["bees", "wasps"], posts=3, comments=5)
    other = reddit_simulator(communities=["bees"], posts=4, comments=0, seed=8)
    assert one.address != other.address
    assert (one.communities, other.communities) == (("bees", "wasps"), ("bees",))
    assert one.truth()["bees"]["counts"]["posts_made"] == 3
    assert one.truth(community="wasps").keys() == {"wasps"}
    before = one.now
    one.advance(3600)
    assert 3600 <= one.now - before < 3700
    one.move_to(before)
    assert abs(one.now - before) < 60
    assert token(one) == 200
    one.revoke_app()
    assert token(one) == 401
    one.revoke_app(revoked=False)
    one.fail(Fault(action="status", status=502, route="token", times=None))
    assert [token(one), token(one)] == [502, 502]
    one.recover()
    assert token(one) == 200
    assert one.requests() == {"token": 5}
    assert one.requests(by="status") == {"200": 2, "401": 1, "502": 2}
    assert other.requests() == {}
    one.revoke()
    one.befall(Fate(community="bees", state="banned"))
    assert one.truth()["bees"]["posts"] == []


@pytest.mark.parametrize(
    "scenario",
    [Scenario(clock=Clock(start=1_780_000_000)), {"clock": {"start": 1_780_000_000}}],
    ids=["object", "mapping"],
)
def test_a_scenario_is_taken_in_every_form(scenario: Scenario | dict[str, object], tmp_path: Path) -> None:
    file = tmp_path / "early.toml"
    file.write_text("[clock]\nstart = 1780000000\n")
    for given in (scenario, file, str(file)):
        with simulated_reddit(posts=1, comments=0, scenario=given) as simulated:
            assert 0 <= simulated.now - 1_780_000_000 < 60


def test_what_is_wrong_is_said() -> None:
    with pytest.raises(ConfigError, match="sped"), simulated_reddit(scenario={"clock": {"sped": 2}}):
        pass
    with simulated_reddit(posts=1, comments=0) as simulated, pytest.raises(ConfigError, match="explode"):
        simulated.control(explode=True)


def test_hubbub_itself_reads_it_with_its_environment(
    reddit_simulator: Callable[..., SimulatedReddit], tmp_path: Path
) -> None:
    simulated = reddit_simulator(communities=["bees"], posts=5, comments=10, scenario="rough-day")
    run = subprocess.run(
        [sys.executable, "-m", "hubbub", "--home", str(tmp_path), "sync", "reddit:bees"],
        env=simulated.environment | {"PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    assert simulated.requests()["new"] >= 1
