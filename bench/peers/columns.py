"""The columns every peer writes: the fields of a comment that hubbub keeps, under their names in the dump."""

from __future__ import annotations

COLUMNS = (
    "id link_id parent_id subreddit author author_fullname author_flair_text body created_utc edited score score_hidden"
    " controversiality is_submitter locked archived stickied distinguished permalink retrieved_on"
).split()
META_COLUMNS = ["removal_type", "retrieved_2nd_on"]
"""Of the object `_meta`, which Arctic Shift adds."""
WHOLE = frozenset("created_utc score controversiality retrieved_on".split())
FLAGS = frozenset("score_hidden is_submitter locked archived stickied".split())
