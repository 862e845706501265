from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
import yaml

from hubbub.config.load import Places, load
from hubbub.simulator.faults import load_scenario
from tests.docs.pages import DOCS, PAGES, ROOT, anchors, fenced, links, name


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_link_leads_to_a_page_and_a_heading_that_exist(page: Path) -> None:
    text = page.read_text()
    for link in links(text):
        if "://" in link:
            continue
        path, _, part = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), f"{name(page)}: {link}"
        if part:
            assert part in anchors(target.read_text()), f"{name(page)}: {link}"


def test_every_page_is_in_the_menu_and_every_entry_of_the_menu_is_a_page() -> None:
    menu = yaml.safe_load((ROOT / "mkdocs.yml").read_text())["nav"]
    listed: set[str] = set()
    waiting = [menu]
    while waiting:
        here = waiting.pop()
        if isinstance(here, str):
            listed.add(here)
        else:
            waiting += here.values() if isinstance(here, dict) else here
    assert listed == {str(page.relative_to(DOCS)) for page in DOCS.rglob("*.md")}


def test_every_decision_is_listed_under_its_number() -> None:
    index = (DOCS / "decisions/index.md").read_text()
    for page in (DOCS / "decisions").glob("0*.md"):
        number = int(page.name[:4])
        assert page.read_text().startswith(f"# {number}. "), page.name
        assert re.search(rf"^{number}\. \[.+\]\({page.name}\)$", index, re.MULTILINE), page.name


def test_pages_that_messages_name_exist() -> None:
    for source in (ROOT / "src").rglob("*.py"):
        for path in re.findall(r"docs/[\w/-]+\.md", source.read_text()):
            assert (ROOT / path).is_file(), f"{source.name} names {path}"


def test_the_first_screen_of_the_readme_shows_what_to_type_and_a_session() -> None:
    first = (ROOT / "README.md").read_text().splitlines()[:30]
    for needed in ("make demo", "make test", "$ hubbub import", "$ hubbub search", "$ hubbub export parquet"):
        assert any(line.strip().startswith(needed) for line in first), needed


def test_settings_files_and_scenarios_in_the_docs_are_understood(tmp_path: Path) -> None:
    settings = (DOCS / "reference/settings.md").read_text()
    homes = []
    for language, suffix in (("toml", "toml"), ("yaml", "yaml")):
        for number, body in enumerate(fenced(settings, language)):
            path = tmp_path / f"{number}.{suffix}"
            path.write_text(body)
            homes.append(load(Places(environ={}, folder=tmp_path, file=path, profile="testing")).settings.home)
    assert homes == ["data-testing", "data-testing"]
    for body in fenced((DOCS / "how-to/simulate.md").read_text(), "toml"):
        path = tmp_path / "scenario.toml"
        path.write_text(body)
        assert load_scenario(path).faults
        assert tomllib.loads(body)
