"""A sync with the refresh token of an application that a user has authorised: the platform replaces it as it likes."""

from __future__ import annotations

from pathlib import Path

from hubbub.errors import ExitCode
from hubbub.pipeline.sync import sync
from hubbub.plugins.contracts import SourceSettings, SyncOptions, Target
from hubbub.sources.reddit.simulator.platform import Reddit
from hubbub.store.engine import open_store
from tests.e2e.road import simulated

NAME = "whatisthisbug"


def test_a_replaced_refresh_token_is_a_warning_that_does_not_show_it(tmp_path: Path) -> None:
    with simulated(posts=3, comments=0, communities=(NAME,)) as running, open_store(f"sqlite:///{tmp_path}/x") as store:
        assert running.app is not None
        platform = running.app.platforms[0]
        assert isinstance(platform, Reddit)
        first = platform.tokens.first_refresh_token
        values = {**{name: str(running[name]) for name in ("client_id", "client_secret")}, "refresh_token": first}
        report = sync(
            store,
            [Target(source="reddit", name=NAME)],
            options=SyncOptions(),
            settings={"reddit": SourceSettings(values=values, base_url=running.url)},
        )
        stored = (tmp_path / "x").read_bytes()
    warnings = [what for severity, what in report.findings if severity == "warning"]
    assert report.exit_code is ExitCode.OK
    assert [what for what in warnings if "refresh token" in what] == [
        "reddit replaced the refresh token; the one in the settings may be refused by the next run"
    ]
    assert first.encode() not in stored
