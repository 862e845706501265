"""Input that is no file, changes while it is read, or meets a full disk or a second import of itself."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from hubbub.errors import ExitCode
from hubbub.events import BatchStored, Event
from hubbub.pipeline.load import LoadOptions, load_files
from hubbub.pipeline.run import RunReport
from hubbub.store.digest import digest
from hubbub.store.engine import Store, open_store
from tests.pipeline.load.cases import long_line, posts, record, squeeze
from tests.pipeline.load.conftest import Load
from tests.pipeline.load.test_acceptance import bad_lines, column

ROOT = Path(__file__).resolve().parents[3]
MIB = 1 << 20


LIMITED = (
    "import os, resource, sys\n"
    "resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[1]),) * 2)\n"
    "os.execv(sys.executable, [sys.executable, *sys.argv[2:]])\n"
)
"""No file may grow beyond so many bytes: to the database that is a full disk."""


def child(database: str, path: Path, *, where: str = "never", room: int | None = None) -> subprocess.Popen[str]:
    """An import in a process of its own."""
    words = ["-m", "tests.pipeline.load.child", database, where, "0", str(path)]
    if room is not None:
        words = ["-c", LIMITED, str(room), *words]
    return subprocess.Popen(
        [sys.executable, *words], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def whole_digest(load: Load, path: Path, *, beside: Path) -> str:
    """What an import that nothing disturbed leaves."""
    with open_store(f"sqlite:///{beside}/whole.db") as whole:
        assert load(path, into=whole).exit_code is ExitCode.OK
        return digest(whole)


def test_what_is_no_file_is_refused_at_once(tmp_path: Path, load: Load, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # the address of a socket is short
    os.mkfifo("pipe")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind("socket")
        Path("link").symlink_to("pipe")
        Path("ring").symlink_to("ring")
        Path("folder").mkdir()
        kinds = {
            "pipe": "pipe",
            "link": "pipe",
            "socket": "socket",
            "ring": "cannot be read",
            "folder": "folder",
            "/dev/zero": "device",
            "/dev/null": "device",
            "/proc/self/mem": "empty",
            "none": "does not exist",
            "none/none": "does not exist",
            "pipe/none": "cannot be read",
            "n" * 300: "cannot be read",
        }
        report = load(*(Path(name) for name in kinds))
    assert report.exit_code is ExitCode.INPUT
    assert len(report.errors) == len(kinds)
    for (name, words), error in zip(kinds.items(), report.errors, strict=True):
        assert error.startswith(name)
        assert words in error, error


def test_a_letter_that_lies_across_a_border_is_whole(tmp_path: Path, store: Store, load: Load) -> None:
    """Every letter of the text takes three or four bytes, so that any cut by size goes through some of them."""
    text = "昆虫🪲" * 400
    lines = posts(2_500, selftext="@@")
    content = b"".join(lines).replace(b"@@", text.encode())
    assert content[: 5 * MIB].decode("utf-8", "ignore").encode() != content[: 5 * MIB]
    for name, data in (("plain.ndjson", content), ("packed.zst", squeeze(content))):
        (tmp_path / name).write_bytes(data)
        with open_store(f"sqlite:///{tmp_path}/{name}.db") as other:
            report = load(tmp_path / name, into=other)
            assert (report.tally.new, report.tally.repaired, report.tally.set_aside) == (2_500, 0, 0)
            assert column(other, "SELECT DISTINCT body FROM posts WHERE observed_at IS NOT NULL") == [text]


def test_a_line_of_many_megabytes_costs_little_and_spares_its_neighbours(tmp_path: Path, database: str) -> None:
    path = tmp_path / "long.zst"
    long_line(path, mb=120)
    importing = child(database, path)
    out, err = importing.communicate()
    assert importing.returncode == ExitCode.PARTIAL, err
    assert json.loads(out)["rss_mb"] < 300
    with open_store(database) as store:
        assert set(column(store, "SELECT id FROM posts WHERE observed_at IS NOT NULL")) == {"t3_ar0001", "t3_ar0002"}
        assert bad_lines(store, path) == [2]


def test_two_imports_of_one_file_at_once_end_with_the_store_of_one(tmp_path: Path, database: str, load: Load) -> None:
    path = tmp_path / "dump.zst"
    path.write_bytes(squeeze(b"".join(posts(3_000))))
    with open_store(database):
        pass
    both = [child(database, path, where="paced") for _ in range(2)]
    ends = [(importing.communicate()[1], importing.returncode) for importing in both]
    assert {code for _, code in ends} <= {ExitCode.OK, ExitCode.LOCKED}, ends
    assert ExitCode.OK in {code for _, code in ends}
    with open_store(database) as store:
        assert digest(store) == whole_digest(load, path, beside=tmp_path)


@pytest.mark.parametrize("room_mib", [1, 3])
def test_a_full_disk_is_told_and_the_import_goes_on_when_there_is_room(
    room_mib: int, *, tmp_path: Path, database: str, load: Load
) -> None:
    path = tmp_path / "dump.ndjson"
    path.write_bytes(b"".join(posts(9_000, selftext="x" * 800)))
    with open_store(database):
        pass
    importing = child(database, path, where="paced", room=room_mib * MIB)
    _, err = importing.communicate()
    assert importing.returncode == ExitCode.STORAGE, err
    assert "Traceback" not in err
    with open_store(database) as store:
        with store.reading() as connection:
            assert connection.exec_driver_sql("PRAGMA quick_check").scalar_one() == "ok"
        report = load(path, into=store)
        assert report.exit_code is ExitCode.OK
        assert report.details["files"][0].lines == 9_000
        assert digest(store) == whole_digest(load, path, beside=tmp_path)


@pytest.mark.parametrize("room_kib", [16, 300])
def test_a_store_that_may_not_grow_to_its_schema_says_so_and_is_made_when_there_is_room(
    room_kib: int, *, tmp_path: Path
) -> None:
    path = tmp_path / "RS_2024-01.ndjson"
    path.write_bytes(b"".join(posts(3)))
    words = ["-m", "hubbub", "--home", str(tmp_path / "home"), "import", str(path)]
    refused = subprocess.run(
        [sys.executable, "-c", LIMITED, str(room_kib * 1024), *words], capture_output=True, text=True, check=False
    )
    assert refused.returncode == ExitCode.STORAGE, refused.stderr
    assert "the system refused to read or write" in refused.stderr
    assert "rollback" not in refused.stderr
    imported = subprocess.run([sys.executable, *words], capture_output=True, text=True, check=False)
    assert imported.returncode == ExitCode.OK, imported.stderr


def load_and(do: Callable[[], object], path: Path, *, into: Store) -> RunReport:
    """Import a file of several batches; when the first is stored, something is done to the file."""
    due = [do]

    def watch(event: Event) -> None:
        if isinstance(event, BatchStored) and due:
            due.pop()()

    report = load_files(into, [path], options=LoadOptions(), observers=[watch])
    assert not due
    return report


def test_a_file_that_grows_while_it_is_read_is_not_called_done(tmp_path: Path, store: Store, load: Load) -> None:
    path = tmp_path / "dump.ndjson"
    path.write_bytes(b"".join(posts(12_000)))

    def grow() -> None:
        with path.open("ab") as file:
            file.writelines(posts(5, first=12_000))

    report = load_and(grow, path, into=store)
    assert report.exit_code is ExitCode.INPUT
    assert "changed while it was read" in report.errors[0]
    again = load(path)
    assert again.exit_code is ExitCode.OK
    assert column(store, "SELECT count(*) FROM posts WHERE observed_at IS NOT NULL") == [12_005]


def test_a_file_that_is_swapped_while_it_is_read_is_read_to_its_end(tmp_path: Path, store: Store, load: Load) -> None:
    path, other = tmp_path / "dump.ndjson", tmp_path / "other"
    path.write_bytes(b"".join(posts(12_000)))
    other.write_bytes(b"".join(posts(7, first=20_000)))
    assert load_and(lambda: other.replace(path), path, into=store).tally.new == 12_000
    report = load(path)
    assert report.details["files"][0].state == "done"
    assert report.tally.new == 7


def test_a_file_that_is_cut_short_while_it_is_read_is_not_called_done(tmp_path: Path, store: Store) -> None:
    path = tmp_path / "dump.ndjson"
    path.write_bytes(b"".join(posts(30_000)))
    report = load_and(lambda: os.truncate(path, 2 * MIB), path, into=store)
    assert report.exit_code is ExitCode.INPUT
    assert report.details["files"][0].state == "refused"


def test_a_record_of_every_length_near_the_border_of_a_piece_is_kept(tmp_path: Path, store: Store, load: Load) -> None:
    path = tmp_path / "dump.ndjson"
    first = json.dumps(record("a0", selftext="")).encode()
    for spare in range(-3, 4):
        filled = json.dumps(record("a0", selftext="x" * (MIB - len(first) - 1 + spare))).encode()
        path.write_bytes(filled + b"\n" + posts(1)[0])
        with open_store(f"sqlite:///{tmp_path}/{spare}.db") as other:
            assert load(path, into=other).tally.new == 2
