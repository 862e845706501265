"""Rows of a user's own data request as records."""

from __future__ import annotations

from typing import Any

import pytest

from hubbub.plugins.contracts import Decoded, ExportFacts, ExportReader, ExportRow
from hubbub.records.facets import Facet
from hubbub.records.models import Comment, Door, Post, Stub
from hubbub.sources.reddit import SOURCE
from tests.sources.drive import NOW

FACTS = ExportFacts(author="Ann_Bug", exported_at=1_711_972_800)
CREATED_AT = 1_577_934_245
PAGE = "https://www.reddit.com/r/bugs/comments"
POST = {
    "id": "p1",
    "permalink": f"{PAGE}/p1/what/",
    "date": "2020-01-02 03:04:05 UTC",
    "subreddit": "Bugs",
    "title": "What?",
    "url": "",
    "body": "found it",
}
COMMENT = {
    "id": "c1",
    "permalink": f"{PAGE}/p1/what/c1/",
    "date": "2020-01-02 03:04:05 UTC",
    "subreddit": "Bugs",
    "link": f"{PAGE}/p1/what/",
    "parent": "",
    "body": "a beetle",
}


def decode(fields: dict[str, str], *, table: str = "posts.csv", facts: ExportFacts = FACTS) -> Decoded:
    row = ExportRow(number=2, fields=fields)
    return SOURCE.decode_export([row], table=table, where="export.zip/posts.csv", facts=facts, now=NOW)


def only(fields: dict[str, str], **options: Any) -> Any:
    decoded = decode(fields, **options)
    assert not decoded.rejected
    (record,) = [record for record in decoded.records if not isinstance(record, Stub)]
    return record


def test_reddit_reads_data_requests() -> None:
    assert isinstance(SOURCE, ExportReader)


def test_only_what_the_request_proves_is_stated() -> None:
    record = only(POST)
    assert isinstance(record, Post)
    assert record.stated == Facet.FRAME | Facet.AUTHOR | Facet.CONTENT
    assert (record.door, record.observed_at) == (Door.EXPORT, 1_711_972_800)
    assert (record.stated_at(Facet.FRAME), record.stated_at(Facet.CONTENT)) == (CREATED_AT, CREATED_AT)
    assert record.stated_at(Facet.AUTHOR) == 1_711_972_800
    assert record.stated_at(Facet.NUMBERS) is None
    assert only(POST, facts=ExportFacts(exported_at=1)).stated == Facet.FRAME | Facet.CONTENT
    headers = {name: value for name, value in POST.items() if name not in {"title", "body"}}
    assert only(headers, table="post_headers.csv").stated == Facet.FRAME | Facet.AUTHOR


@pytest.mark.parametrize(
    ("url", "link", "kind"),
    [
        ("", None, "self"),
        (f"{PAGE}/p1/what/", None, "self"),
        ("/r/bugs/comments/p1/what/", None, "self"),
        (f"{PAGE}/p2/other/", f"{PAGE}/p2/other/", "link"),
        ("https://i.redd.it/a.jpg", "https://i.redd.it/a.jpg", "image"),
        ("https://www.reddit.com/gallery/p1", "https://www.reddit.com/gallery/p1", "gallery"),
        ("https://example.org/comments/p1/", "https://example.org/comments/p1/", "link"),
        ("https://[broken", "https://[broken", None),
    ],
)
def test_a_post_points_where_its_url_does_unless_that_is_its_own_page(
    url: str, link: str | None, kind: str | None
) -> None:
    record = only({**POST, "url": url})
    assert record.url == link
    assert kind is None or record.post_type == kind


@pytest.mark.parametrize(
    ("change", "post_id", "parent_id"),
    [
        ({}, "t3_p1", "t3_p1"),
        ({"parent": "c0"}, "t3_p1", "t1_c0"),
        ({"parent": "t1_c0"}, "t3_p1", "t1_c0"),
        ({"parent": "p1"}, "t3_p1", "t3_p1"),
        ({"parent": "t3_p1"}, "t3_p1", "t3_p1"),
        ({"link": "", "parent": ""}, "t3_p1", "t3_p1"),
        ({"link": "", "permalink": "", "parent": "c0"}, None, "t1_c0"),
    ],
)
def test_a_comment_answers_its_parent_or_the_post(
    change: dict[str, str], post_id: str | None, parent_id: str | None
) -> None:
    record = only({**COMMENT, **change}, table="comments.csv")
    assert isinstance(record, Comment)
    assert (record.post_id, record.parent_id) == (post_id, parent_id)


@pytest.mark.parametrize(
    "date",
    [
        "2020-01-02 03:04:05 UTC",
        "2020-01-02 03:04:05",
        "2020-01-02T03:04:05Z",
        "2020-01-02T04:04:05.9+01:00",
        "1577934245",
    ],
)
def test_dates_of_every_form_are_the_same_second(date: str) -> None:
    assert only({**POST, "date": date}).created_at == CREATED_AT


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"id": ""}, "id is missing"),
        ({"id": "198.51.100.1"}, "id is not base 36"),
        ({"date": "198.51.100.1"}, "date is no date"),
        ({"date": ""}, "date is no date"),
        ({"date": "2001-01-01 00:00:00 UTC"}, "date is outside June 2005 to now"),
        ({"date": "2999-01-01 00:00:00 UTC"}, "date is outside June 2005 to now"),
        ({"subreddit": "198.51.100.1"}, "subreddit is no community's name"),
        ({"subreddit": ""}, "subreddit is no community's name"),
    ],
)
def test_a_row_that_is_no_record_is_set_aside_without_its_values(change: dict[str, str], reason: str) -> None:
    (rejected,) = decode({**POST, **change}).rejected
    assert (rejected.reason, rejected.raw, rejected.where) == (reason, b"", "export.zip/posts.csv:2")


def test_only_the_name_and_the_time_are_taken_from_the_statistics() -> None:
    pairs = {"account name": "Ann_Bug", "email address": "ann@example.org", "Export Time": "2024-04-01 12:00:00 UTC"}
    rows = [ExportRow(number=n, fields={"statistic": k, "value": v}) for n, (k, v) in enumerate(pairs.items(), 2)]
    assert SOURCE.export_facts(rows) == FACTS
    assert SOURCE.export_facts([]) == ExportFacts()
    assert (
        SOURCE.export_facts([ExportRow(number=2, fields={"statistic": "account name", "value": "a b"})])
        == ExportFacts()
    )
