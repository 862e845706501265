"""One sync from the simulator in a process of its own, so that it can be killed."""

from __future__ import annotations

import sys
from collections.abc import Mapping

from hubbub.http.retry import RetryPolicy
from hubbub.pipeline.sync import sync
from hubbub.plugins.contracts import SourceSettings, SyncOptions, Target
from hubbub.store.engine import open_store


def main(database: str, *, name: str, base_url: str, credentials: Mapping[str, str], source: str = "reddit") -> None:
    """Exit with the report's code."""
    with open_store(database) as store:
        report = sync(
            store,
            [Target(source=source, name=name)],
            options=SyncOptions(),
            settings={source: SourceSettings(values=credentials, base_url=base_url)},
            policy=RetryPolicy(attempts=1),
        )
    sys.exit(int(report.exit_code))
