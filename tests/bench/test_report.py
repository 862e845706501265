from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from bench.chart import LABEL
from bench.pairs import pairs
from bench.trials import medians, rounded

from bench import importing as named
from bench import report

PLACES = set(re.findall(r"<!-- figures: ([\w-]+) -->", report.PAGE.read_text()))


def figures(cpu: float, **more: float) -> dict[str, float]:
    return {"user us/row": cpu / 2, "cpu us/row": cpu, "rows/s": 1e6 / cpu, "peak MB": 50.0, "start s": 0.1, **more}


MEASURED = {
    "keep": {named.SCRIPT: figures(10), named.BARE: figures(20, changed=7)},
    "postgres": {named.POSTGRES: figures(30, **{"server us/row": 10.0})},
}
SAVED = {
    "name": "import",
    "rows": 1_000,
    "rounds": 3,
    "bytes_a_row": 1_776,
    "machine": {"cores": "2", "system": "Linux x86_64", "python": "3.11.7", "sqlite": "3.40.1"},
    "notes": {"a case": "left out"},
    "figures": MEASURED,
}


def test_every_place_for_figures_on_the_page_is_one_that_the_report_fills() -> None:
    assert {*named.GROUPS, "run", "pairs", "notes", "growth", "growing", "damage"} == PLACES


def test_no_place_on_the_page_is_left_empty() -> None:
    assert not re.findall(r"<!-- figures: ([\w-]+) -->\s*<!-- end of figures -->", report.PAGE.read_text())
    assert report.CHART.read_text().startswith("<svg")


def test_the_chart_has_room_for_every_label() -> None:
    labels = {value for name, value in vars(named).items() if name.isupper() and isinstance(value, str)}
    assert named.BARE in labels
    assert max(map(len, labels)) <= LABEL // 8


def test_a_report_fills_what_was_measured_and_leaves_the_rest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "import.json").write_text(json.dumps(SAVED))
    page, picture = tmp_path / "page.md", tmp_path / "page.svg"
    place = "<!-- figures: {} -->\n<!-- end of figures -->\n"
    old = "<!-- figures: damage -->\n\nas it was\n\n<!-- end of figures -->\n"
    page.write_text("Before\n\n" + place.format("keep") + old)
    for name, value in {"RESULTS": tmp_path, "PAGE": page, "CHART": picture}.items():
        monkeypatch.setattr(report, name, value)
    report.report()
    once = page.read_text()
    assert f"| {named.BARE} | 10.0 | 20.0 | 50,000 | 50 | 0.1 | 7 |" in once
    assert f"| {named.SCRIPT} | 5.0 | 10.0 | 100,000 | 50 | 0.1 |  |" in once
    assert once.endswith(old)
    assert "20.0 us, 50k rows/s" in picture.read_text()
    report.report()
    assert page.read_text() == once


def test_a_pair_is_ours_divided_by_theirs_with_the_servers_cpu() -> None:
    found = {(pair.ours, pair.theirs): pair.ratios for pair in pairs(MEASURED)}
    assert found == {
        (named.BARE, named.SCRIPT): {"cpu us/row": 2.0, "user us/row": 2.0, "rows/s": 0.5},
        (named.POSTGRES, named.BARE): {"cpu us/row": 2.0, "user us/row": 1.5, "rows/s": pytest.approx(2 / 3)},
    }


def test_a_median_is_taken_figure_by_figure() -> None:
    seen = {"a": [{"x": 1.0, "y": 9.0}, {"x": 3.0, "y": 8.0}, {"x": 2.0, "y": 7.00004}]}
    assert rounded(medians(seen)) == {"a": {"x": 2.0, "y": 8.0}}
