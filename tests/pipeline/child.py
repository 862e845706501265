"""One sync of the forum in a process of its own, so that it can be killed."""

from __future__ import annotations

import resource
import sys
import warnings
from pathlib import Path

from hubbub.http.retry import RetryPolicy
from hubbub.pipeline.sync import sync
from hubbub.plugins.contracts import SourceSettings, SyncOptions, Target
from hubbub.store.engine import open_store


def main(url: str, database: str, *, plugins: str, said: str, file_limit: int | None = None) -> None:
    """Exit with the report's code; what a user would read on stderr goes to the file `said`."""
    sys.path.insert(0, plugins)
    warnings.simplefilter("error")
    with Path(said).open("w", buffering=1) as sys.stderr, open_store(database) as store:
        if file_limit is not None:  # no file may grow beyond it: a full disk, as far as the database can tell
            resource.setrlimit(resource.RLIMIT_FSIZE, (file_limit, resource.RLIM_INFINITY))
        report = sync(
            store,
            [Target(source="forum", name="insects")],
            options=SyncOptions(),
            settings={"forum": SourceSettings(values={}, base_url=url)},
            policy=RetryPolicy(attempts=1),
        )
        if file_limit is not None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        for line in report.errors:
            print(line, file=sys.stderr)  # noqa: T201
    sys.exit(int(report.exit_code))
