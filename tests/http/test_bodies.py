"""Which bodies are whole enough to be read: an early end is never taken for the end, other faults are left to the reader."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hubbub.http.bodies import BodyError, check_json

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8) | st.sampled_from(["}", "]", '"}]', "\\", '\\"']),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner, max_size=4),
    max_leaves=12,
)


@given(st.lists(json_values, min_size=1, max_size=5) | st.dictionaries(st.text(), json_values, min_size=1), st.data())
def test_no_part_of_an_answer_is_taken_for_the_whole(value: object, data: st.DataObject) -> None:
    whole = json.dumps(value).encode()
    check_json(whole)
    cut = whole[: data.draw(st.integers(0, len(whole) - 1))]
    with pytest.raises(BodyError):
        check_json(cut)


@pytest.mark.parametrize(
    "body",
    [
        b'{"a": "\\ud800"}',
        b'{"a": NaN, "b": {"c": 1}}',
        b'{"a": "\xff\xfe", "b": 1e400}',
        b'{"a": ' + b"9" * 5_000 + b"}",
        b"[" * 20_000 + b"]" * 20_000,
        b'{"a": 1} {"b": 2}',
        b'{"a": 1}}',
        b'\xef\xbb\xbf{"a": 1}\r\n',
    ],
)
def test_one_bad_value_is_left_to_the_reader(body: bytes) -> None:
    check_json(body)


@pytest.mark.parametrize(
    "body", [b'{"a": NaN, "b": {"c": 1}', b'[{"a": "\\ud800"}, {"b": []', b'{"a": "x}"', b'["\\"}]', b'{"a": "x}']
)
def test_an_early_end_is_seen_beside_a_bad_value(body: bytes) -> None:
    with pytest.raises(BodyError, match="cut short"):
        check_json(body)
