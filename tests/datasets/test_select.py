from __future__ import annotations

import pytest

from hubbub.datasets.select import DEFAULT_COLUMNS, EXTRA_COLUMNS, KINDS, Selection, check, columns_of
from hubbub.errors import UsageError
from hubbub.store.tables import CONTENT


def test_every_column_on_offer_is_a_column_of_the_store() -> None:
    for kind in KINDS:
        names = {column.name for column in (*DEFAULT_COLUMNS[kind], *EXTRA_COLUMNS[kind])}
        assert names - {"topics"} <= set(CONTENT[kind].c.keys()), kind
        assert not names & {"n", "hidden_at", "hidden_by", "run_id"}


def test_named_columns_come_in_the_order_of_the_schema_and_only_where_they_exist() -> None:
    selection = Selection(columns=("title", "id", "post_id"))
    assert [column.name for column in columns_of("post", selection)] == ["id", "title"]
    assert [column.name for column in columns_of("comment", selection)] == ["id", "post_id"]


def test_a_narrowed_selection_leaves_people_out_unless_it_names_them() -> None:
    assert Selection().chosen_kinds == KINDS
    assert Selection(communities=("bugs",)).chosen_kinds == ("post", "comment")
    assert Selection(communities=("bugs",), kinds=("user",)).chosen_kinds == ("user",)


@pytest.mark.parametrize(
    ("selection", "says"),
    [
        (Selection(kinds=("picture",)), "post, comment"),
        (Selection(columns=("titel",)), "'title'"),
        (Selection(kinds=("user",), columns=("post_id",)), "post_id"),
    ],
)
def test_unknown_words_are_refused_with_what_is_known(selection: Selection, says: str) -> None:
    with pytest.raises(UsageError, match=says):
        check(selection)
