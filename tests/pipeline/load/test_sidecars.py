"""`hashes.txt` and info files beside a dump: a difference is told, nothing unclear is taken for one."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from hubbub.errors import ExitCode
from hubbub.pipeline.sidecars import Stated, stated
from tests.pipeline.load.cases import posts, squeeze
from tests.pipeline.load.conftest import Load

OTHER = "0" * 63 + "a"


def doubts(load: Load, path: Path) -> list[str]:
    report = load(path)
    assert report.exit_code is ExitCode.OK, report.errors
    return [what for severity, what in report.findings if severity == "warning"]


@pytest.fixture
def dump(tmp_path: Path) -> Path:
    path = tmp_path / "RS_2024-01.zst"
    path.write_bytes(squeeze(b"".join(posts(20))))
    return path


def test_another_hash_is_told_and_the_file_imported(dump: Path, load: Load) -> None:
    right = hashlib.sha256(dump.read_bytes()).hexdigest()
    for line in (
        f"{OTHER}  RS_2024-01.zst",
        f"RS_2024-01.zst: {OTHER}",
        f"SHA256 (./x/RS_2024-01.zst) = {OTHER.upper()}",
    ):
        dump.with_name("hashes.txt").write_text(f"{right}  RC_2024-01.zst\n{line}\n")
        (words,) = doubts(load, dump)
        assert "SHA-256" in words
        assert right[:16] in words


def test_the_right_hash_or_none_is_no_doubt(dump: Path, load: Load) -> None:
    right = hashlib.sha256(dump.read_bytes()).hexdigest()
    for text in (f"{right.upper()} *submissions/RS_2024-01.zst\n", f"{OTHER}  RS_2024-01.zst_blocks\n", "\xff\0 junk"):
        dump.with_name("hashes.txt").write_text(text, encoding="latin-1")
        assert doubts(load, dump) == []
    dump.with_name("hashes.txt").unlink()
    dump.with_name("hashes.txt").mkdir()
    assert doubts(load, dump) == []


@pytest.mark.parametrize("name", ["RS_2024_01_info.md", "RX_2024_01_info.md"])
def test_another_number_of_records_is_told(name: str, *, dump: Path, load: Load) -> None:
    dump.with_name(name).write_text("# RS_2024-01\n\nTotal records: 1,021\n")
    (words,) = doubts(load, dump)
    assert "20 records" in words
    assert f"{name} beside it says 1,021" in words


def test_another_unpacked_size_is_told(dump: Path, load: Load) -> None:
    size = len(b"".join(posts(20)))
    info = dump.with_name("RS_2024_01_info.md")
    info.write_text(f"20 records\nUncompressed size: {size:,} bytes (9.9 KB)\n")
    assert doubts(load, dump) == []
    info.write_text(f"20 records\nUncompressed size: {size + 1} bytes\n")
    with_one_more = dump.with_name("RS_2024-01.ndjson")
    with_one_more.write_bytes(b"".join(posts(20)))
    assert f"says {size + 1:,}" in doubts(load, with_one_more)[0]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("records: 12345", Stated(records=12_345)),
        ("**Number of objects**: 41 234 567", Stated(records=41_234_567)),
        ("45_123 lines\nsize 99 bytes", Stated(records=45_123, size_bytes=99)),
        ("## Posts\n12 records\n## Comments\n34 records", Stated(records=12)),
        ("## Comments\n34 records\n## Submissions\n12 records", Stated(records=12)),
        ("RC_2024-01: 34 records\nRS_2024-01: 12 records", Stated(records=12)),
        ("12 records\n13 records", Stated()),
        ("12 of 13 records", Stated()),
        ("size: 5 GB", Stated()),
        ("1.5 million records", Stated()),
        ("2024-01 records", Stated()),
        ("```ts\nlines: 5\n```\nrecords 7", Stated(records=7)),
        ("posts and comments: 9", Stated()),
        ("", Stated()),
    ],
)
def test_only_what_is_clear_counts(text: str, said: Stated) -> None:
    assert stated(text, kind="S") == said
