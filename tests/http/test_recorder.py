from __future__ import annotations

import json
from pathlib import Path
from urllib.parse import parse_qsl

import pytest

from hubbub.errors import RemoteError
from hubbub.http.messages import Request
from hubbub.http.recorder import Recorder, Replay
from tests.shared import DATA, needs_shared

from .loopback import Answer, Seen, access, asking, serving, token_flow


async def test_a_recorded_run_is_replayed_without_network_and_without_secrets(tmp_path: Path) -> None:
    def answer(seen: Seen) -> Answer:
        if seen.target == "/api/v1/access_token":
            return 200, {"set-cookie": "CANARY=1"}, json.dumps({"access_token": "CANARY-TOKEN"}).encode()
        return 200, {"x-ratelimit-remaining": "7"}, json.dumps({"asked": seen.target}).encode()

    requests = [
        Request(url="/r/x/new", params=(("a", "1"), ("b", "2")), route="new"),
        Request(url="/api/more", method="POST", form=(("children", "a,b"),), route="more"),
    ]
    async with serving(answer) as server:
        to = access(server.url, token=token_flow(server.url))
        async with asking(to, via=lambda wire: Recorder(wire, tmp_path / "saved")) as client:
            first = [await client.fetch(request) for request in requests]
    saved = "\n".join(path.read_text() for path in (tmp_path / "saved").iterdir())
    assert "CANARY" not in saved
    async with asking(access("http://nowhere.invalid"), via=lambda _: Replay(tmp_path / "saved")) as client:
        again = [await client.fetch(request) for request in requests]
        assert [a.body for a in again] == [a.body for a in first]
        assert again[0].header("x-ratelimit-remaining") == "7"
        with pytest.raises(RemoteError, match="no saved answer left"):
            await client.fetch(requests[0])


@needs_shared
async def test_a_recorded_session_with_503s_in_it_is_replayed_through_the_retry_rules() -> None:
    session = "thread_fcn10m_2020"
    lines = [json.loads(line) for line in (DATA / "reddit" / "index.jsonl").read_text().splitlines()]
    lines = [line for line in lines if line.get("session") == session]
    assert sum(line["status"] == 503 for line in lines) == 3
    got = 0
    async with asking(access("http://nowhere.invalid"), via=lambda _: Replay(DATA / "reddit", session=session)) as c:
        for line in lines:
            if line["status"] == 503:
                continue
            form = tuple(parse_qsl(line.get("form") or "", keep_blank_values=True))
            response = await c.fetch(Request(url=f"{line['path']}?{line['query']}", method=line["method"], form=form))
            got += response.status == 200
        assert got == 5
        assert c.requests == 8
