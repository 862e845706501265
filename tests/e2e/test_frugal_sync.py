"""A full sync of a large community misses nothing and asks little more than it must."""

from __future__ import annotations

import json
import math
import urllib.parse
import urllib.request
from base64 import b64encode
from pathlib import Path
from typing import Any

from hubbub.errors import ExitCode
from hubbub.simulator.server import Running
from hubbub.store import reads
from hubbub.store.engine import open_store
from tests.e2e.road import get_json, simulated, store_url, sync_all

NAME = "whatisthisbug"
SLACK = 1.15
PAGE = 100


class Reader:
    """Asks the simulator by hand, to know beforehand what the sync will meet."""

    def __init__(self, running: Running) -> None:
        self.running = running
        pair = f"{running['client_id']}:{running['client_secret']}".encode()
        self.agent = {"user-agent": "test:hubbub-budget:1 (by /u/test)"}
        form = {"grant_type": "client_credentials"}
        asked = urllib.request.Request(
            f"{running.url}/api/v1/access_token",
            data=urllib.parse.urlencode(form).encode(),
            headers={**self.agent, "authorization": "Basic " + b64encode(pair).decode()},
        )
        with urllib.request.urlopen(asked, timeout=30) as answer:
            self.token = json.load(answer)["access_token"]

    def get(self, path: str) -> Any:
        asked = urllib.request.Request(
            self.running.url + path, headers={**self.agent, "authorization": f"bearer {self.token}"}
        )
        with urllib.request.urlopen(asked, timeout=60) as answer:
            return json.load(answer)


def stubs(value: Any) -> list[dict[str, Any]]:
    """All `more` objects in a body."""
    found, waiting = [], [value]
    while waiting:
        here = waiting.pop()
        if isinstance(here, list):
            waiting += here
        elif isinstance(here, dict):
            if here.get("kind") == "more":
                found.append(here["data"])
            else:
                waiting += here.values()
    return found


def allowed_requests(running: Running) -> float:
    """The most a full sync may ask (the budget of the first milestone)."""
    reader = Reader(running)
    pages, after, ids = 0, None, []
    while pages == 0 or after:
        page = reader.get(f"/r/{NAME}/new?limit=100&raw_json=1" + (f"&after={after}" if after else ""))["data"]
        ids += [child["data"] for child in page["children"]]
        pages, after = pages + 1, page["after"]
    talked_about = [post for post in ids if post["num_comments"]]
    hidden, continued = 0, 0
    for post in talked_about:
        more = stubs(reader.get(f"/comments/{post['id']}?limit=500&depth=10&raw_json=1"))
        hidden += math.ceil(sum(stub["count"] for stub in more) / PAGE)
        continued += sum(stub["id"] == "_" for stub in more)
    return SLACK * (pages + len(talked_about) + hidden) + continued


def test_a_full_sync_of_27000_comments_misses_nothing_and_stays_within_its_budget(tmp_path: Path) -> None:
    with simulated(posts=900, comments=27_000, communities=(NAME,)) as running:
        allowed = allowed_requests(running)
        before = sum(get_json(running, "/__stats").values())
        with open_store(store_url(tmp_path)) as store:
            report = sync_all(store, running)
            asked = sum(get_json(running, "/__stats").values()) - before
            truth = get_json(running, "/__truth")[NAME]
            assert report.exit_code is ExitCode.OK, report.errors
            for kind in ("post", "comment"):
                assert set(truth[f"{kind}s"]) <= reads.known_ids(store, "reddit", kind, truth[f"{kind}s"])
        assert asked <= allowed, f"{asked} requests, {allowed:.0f} allowed"
