from __future__ import annotations

import io

from rich.console import Console

from hubbub import events
from hubbub.observe.progress import ProgressObserver


def test_what_is_drawn_counts_the_run_and_neutralises_names() -> None:
    screen = io.StringIO()
    with ProgressObserver(Console(file=screen, force_terminal=True, width=120)) as display:
        display(events.RequestDone(source="reddit", route="new", status=200, elapsed_s=0.1, body_bytes=10, attempt=1))
        display(events.BatchStored(stream="x/new", tally={"new": 90, "updated": 10}))
        display(events.FileProgress(path="/x/[red]RS\x1b[2J.zst", done_bytes=5, total_bytes=10, rows=1234))
        display(events.Waiting(source="reddit", why="budget", wait_s=30, until=1_780_000_000))
    drawn = screen.getvalue()
    assert "1 requests, 100 records, waiting 30 s until 20:26:40Z: budget" in drawn
    assert "[red]RS\\x1b[2J.zst" in drawn
    assert "1,234 rows" in drawn


def test_an_import_shows_its_files_only() -> None:
    screen = io.StringIO()
    with ProgressObserver(Console(file=screen, force_terminal=True, width=120)) as display:
        display(events.BatchStored(stream="RS.zst", tally={"new": 90}))
        display(events.FileProgress(path="RS.zst", done_bytes=5, total_bytes=10, rows=90))
    assert "requests" not in screen.getvalue()


def test_a_copy_shows_the_table_it_is_at() -> None:
    screen = io.StringIO()
    with ProgressObserver(Console(file=screen, force_terminal=True, width=120)) as display:
        display(events.CopyProgress(table="runs", done=3, total=3))
        display(events.CopyProgress(table="comments", done=5_000, total=12_000))
    last = screen.getvalue().rpartition("comments")[2]
    assert "5,000 of 12,000" in last
    assert "runs" not in last
