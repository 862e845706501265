"""Every query is valid against the schema, and what it is thought to cost is what the assumed formula says."""

from __future__ import annotations

from pathlib import Path

import pytest

from hubbub.sources.producthunt import queries
from hubbub.sources.producthunt.queries import Template, document
from tests.shared import SHARED, needs_shared

graphql = pytest.importorskip("graphql", reason="graphql-core comes with the demo extra")

TEMPLATES = [each for each in vars(queries).values() if isinstance(each, Template)]

SCHEMA = SHARED / "api" / "producthunt-schema.graphql"


@needs_shared
@pytest.mark.parametrize("template", TEMPLATES, ids=lambda each: each.name)
def test_a_query_is_valid_against_the_schema(template: Template) -> None:
    schema = graphql.build_schema(SCHEMA.read_text(encoding="utf-8"))
    text = document(template.name, aliases=3 if template.name.endswith("ById") else 0)
    parsed = graphql.parse(text)
    assert graphql.validate(schema, parsed) == []
    operations = [each.name.value for each in parsed.definitions if isinstance(each, graphql.OperationDefinitionNode)]
    assert operations == [template.name]


def test_no_query_asks_for_single_votes_or_for_people() -> None:
    for template in TEMPLATES:
        if template.name == "Viewer":
            continue
        words = document(template.name, aliases=1).replace("votesCount", "").split()
        assert not {"votes", "user", "userId", "hunter"} & set(words), template.name


def test_every_file_beside_is_used() -> None:
    folder = Path(queries.__file__).parent / "queries"
    used = "".join(document(template.name, aliases=1) for template in TEMPLATES)
    for path in folder.glob("*.graphql"):
        assert path.read_text(encoding="utf-8") in used, path.name
