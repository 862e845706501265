from __future__ import annotations

import pytest

from hubbub.cli.report import summary
from hubbub.errors import ExitCode
from hubbub.pipeline.run import RunReport
from hubbub.store.batch import Tally


@pytest.mark.parametrize(
    ("tally", "words"),
    [
        (Tally(new=3), "done in part"),
        (Tally(new=3, set_aside=1), "done, with records set aside"),
    ],
)
def test_a_run_speaks_of_records_set_aside_only_when_there_are_any(tally: Tally, words: str) -> None:
    report = RunReport(
        run_id=1,
        command="sync",
        target="reddit:private reddit:public",
        tally=tally,
        requests=9,
        missing=0,
        findings=(),
        errors=(),
        exit_code=ExitCode.PARTIAL,
        started_at=0,
        elapsed_s=1.0,
        peak_rss_bytes=0,
        resume_at=None,
        details={},
    )
    assert summary(report)[0] == f"sync reddit:private reddit:public: {words} in 1.0 s, 9 requests"
