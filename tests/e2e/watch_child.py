"""Watches communities of a simulator in a process of its own, in virtual time, so that it can be killed."""

from __future__ import annotations

import json
import sys
import urllib.request
from typing import Any

from hubbub.http.retry import RetryPolicy
from hubbub.pipeline.sync import sync
from hubbub.plugins.agenda import Watch
from hubbub.plugins.contracts import SourceSettings, SyncOptions, Target
from hubbub.store.engine import open_store
from tests.virtual import VirtualTime


def main(database: str, told: str) -> None:
    """`told`: the simulator's ready line, the names to watch and how fresh they are kept, as JSON."""
    given: dict[str, Any] = json.loads(told)
    base: str = given["reddit"]
    with urllib.request.urlopen(f"{base}/__control", data=b"{}", timeout=30) as answer:
        now: float = json.load(answer)["now"]
    keys = ("client_id", "client_secret", "username", "password")
    settings = SourceSettings(values={key: given[key] for key in keys}, base_url=base)
    with VirtualTime(start=now, control=base).installed(), open_store(database) as store:
        report = sync(
            store,
            [Target(source="reddit", name=name) for name in given["names"]],
            options=SyncOptions(),
            settings={"reddit": settings},
            watch=Watch(fresh_s=given["fresh_s"]),
            policy=RetryPolicy(),
            blobs=store.path.parent / "blobs",
        )
    sys.stdout.write(json.dumps({"errors": report.errors, "exit_code": int(report.exit_code)}) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
