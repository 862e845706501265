"""Every hostile Reddit body of the fault corpus, driven through the stream it would hit."""

from __future__ import annotations

import json
from typing import Any

import pytest

from hubbub.errors import AuthError, ExitCode, HubbubError
from hubbub.http.messages import Request, Response
from hubbub.plugins.contracts import SourceSettings, SyncOptions, Target
from hubbub.sources.reddit import SOURCE
from tests.shared import FAULTS, needs_shared
from tests.sources.drive import NOW, Memory, answer, drive

pytestmark = needs_shared

EXITS = {"ok": ExitCode.OK, "partial": ExitCode.PARTIAL, "auth": ExitCode.AUTH, "remote": ExitCode.REMOTE}
INDEX = FAULTS / "json" / "index.json"
CASES: list[dict[str, Any]] = json.loads(INDEX.read_bytes())["cases"] if INDEX.is_file() else []


def of(surface: str) -> list[Any]:
    return [pytest.param(c, id=c["id"]) for c in CASES if c["surface"] == surface and "generator" not in c]


def body(name: str) -> bytes:
    return (FAULTS / "json" / name).read_bytes()


def answered(request: Request, case: dict[str, Any]) -> Response:
    http = case["http"]
    return answer(request, body(case["file"]), status=http["status"], headers=http["headers"].items())


def judge(case: dict[str, Any], memory: Memory, error: HubbubError | None) -> None:
    """The corpus's own rules (its README): one of the outcomes, its exit code, the control records, the words."""
    if error is not None:
        outcome, code = "error", error.exit_code
    elif memory.rejected:
        outcome, code = "quarantine", ExitCode.PARTIAL
    else:
        outcome, code = ("repair" if memory.repaired else "accept"), ExitCode.OK
    assert outcome in case["outcomes"], (outcome, error, memory.rejected)
    assert code in {EXITS[name] for name in case["exit"]}
    if outcome != "error":
        assert set(case["good"]) <= memory.ids()
    for rejected in memory.rejected:
        assert rejected.reason
        assert rejected.raw
    assert len(memory.requests) <= case.get("max_requests", 8)
    assert all(word in str(error) for word in case.get("says", ()))
    if "rows" in case:
        assert len(memory.ids()) == case["rows"]


def run(begin: Any, respond: Any, memory: Memory) -> HubbubError | None:
    try:
        drive(begin(), respond, memory=memory)
    except HubbubError as error:
        return error
    return None


@pytest.mark.parametrize("case", of("reddit.new"))
def test_a_hostile_listing_meets_its_expected_outcome(case: dict[str, Any]) -> None:
    pages = {page["after"]: page["file"] for page in case.get("pages", ())}

    def respond(request: Request) -> Response:
        if not pages:
            return answered(request, case)
        after = dict(request.params).get("after")
        if after in pages:
            return answer(request, body(pages[after]))
        return answer(request, {"kind": "Listing", "data": {"children": [], "after": None}})

    stages = SOURCE.plan(Target(source="reddit", name="whatisthisbug"), SyncOptions(started_at=NOW))
    begin = next(plan.begin for plan in stages[0] if plan.name == "posts")
    memory = Memory()
    error = run(begin, respond, memory)
    judge(case, memory, error)
    kept = memory.checkpoints.get("whatisthisbug/new")
    if error is not None:
        assert kept is None or "watermark" not in json.loads(kept.state), "an error moves no watermark"
    elif kept is not None:
        assert json.loads(kept.state).get("watermark", 0) <= NOW
    first = {key: repr(record) for key, record in memory.records.items()}
    run(begin, respond, memory)
    assert {key: repr(record) for key, record in memory.records.items()} == first, "a second run changes nothing"


@pytest.mark.parametrize("case", of("reddit.comments"))
def test_a_hostile_thread_meets_its_expected_outcome(case: dict[str, Any]) -> None:
    def listing(request: Request) -> Response:
        return answer(request, body("noncharacters.json"))

    def respond(request: Request) -> Response:
        if request.route in {"comments", "branch"}:
            return answered(request, case)
        if request.route == "info":
            return answer(request, {"kind": "Listing", "data": {"children": [], "after": None}})
        return answer(request, {"json": {"errors": [], "data": {"things": []}}})

    options = SyncOptions(started_at=NOW)
    (posts,), (comments,) = SOURCE.plan(
        Target(source="reddit", name="whatisthisbug"),
        SyncOptions(started_at=NOW, only=frozenset({"posts", "comments"})),
    )
    assert options.started_at
    memory = Memory()
    run(posts.begin, listing, memory)
    memory.records = {"t3_gd0001": memory.records["t3_gd0001"]}
    memory.requests.clear()
    memory.repaired = 0
    error = run(comments.begin, respond, memory)
    judge(case, memory, error)
    if error is None:
        asked = len(memory.requests)
        run(comments.begin, respond, memory)
        assert len(memory.requests) == asked, "a tree whose count is remembered is not asked for again"


@pytest.mark.parametrize("case", of("reddit.token"))
def test_a_hostile_token_answer_is_refused_or_made_sane(case: dict[str, Any]) -> None:
    settings = SourceSettings(values={"client_id": "app", "client_secret": "secret"})
    flow = SOURCE.access(settings).token
    assert flow is not None
    run_once = flow()
    response = answered(next(run_once), case)
    if "error" in case["outcomes"] and "accept" not in case["outcomes"]:
        with pytest.raises(AuthError) as caught:
            run_once.send(response)
        assert caught.value.advice
    else:
        with pytest.raises(StopIteration) as stop:
            run_once.send(response)
        assert 60 <= stop.value.value.expires_in_s <= 7 * 86_400
