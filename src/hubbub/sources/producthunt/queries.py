"""The GraphQL documents this source sends. They lie beside as `.graphql` files, which tests hold against the schema.

Small on purpose: no votes and no users, which are redacted, and each nested connection multiplies the price
(producthunt.md §8, §10)."""

from __future__ import annotations

import re
from functools import cache
from importlib import resources

import msgspec

_SPREAD = re.compile(r"\.\.\.(\w+)")
MOST_ALIASES = 20
"""Records that are asked for by id in one request."""


class Template(msgspec.Struct, frozen=True, kw_only=True):
    """A query by name, and a guess at its price until the platform has told it.

    The guess counts as the common Ruby GraphQL library does, which the service's schema has the marks of: one point a
    field, and a connection as often as its page is long (producthunt.md §3, an assumption). It only decides
    whether the first one fits into a window; from then on the learned price counts."""

    name: str
    base: int
    """Points of what is asked once."""
    each: int = 0
    """Points of one node."""


LAUNCHES = Template(name="Launches", base=5, each=37)
PULSE = Template(name="Pulse", base=5, each=6)
LAUNCH_IDS = Template(name="LaunchIds", base=5, each=1)
COMMENTS = Template(name="Comments", base=8, each=17)
COMMENT_IDS = Template(name="CommentIds", base=8, each=3)
REPLIES = Template(name="Replies", base=6, each=4)
TOPICS = Template(name="Topics", base=5, each=8)
TOPIC = Template(name="Topic", base=9)
COLLECTIONS = Template(name="Collections", base=5, each=9)
COLLECTION = Template(name="Collection", base=10)
MEMBERS = Template(name="Members", base=7, each=1)
VIEWER = Template(name="Viewer", base=5)
POSTS_BY_ID = Template(name="PostsById", base=0, each=38)
PULSES_BY_ID = Template(name="PulsesById", base=0, each=7)
COMMENTS_BY_ID = Template(name="CommentsById", base=0, each=6)
BELOW_BY_ID = Template(name="BelowById", base=0, each=5)

_BY_ID = {
    POSTS_BY_ID.name: ("post", "LaunchFields"),
    PULSES_BY_ID.name: ("post", "PulseFields"),
    COMMENTS_BY_ID.name: ("comment", "CommentFields"),
    BELOW_BY_ID.name: ("comment", "BelowFields"),
}


@cache
def document(name: str, *, aliases: int = 0) -> str:
    """The text of a query with the fragments it spreads; `aliases` is how many ids a query by id asks for."""
    if name in _BY_ID:
        root, fragment = _BY_ID[name]
        variables = ", ".join(f"$i{at}: ID!" for at in range(aliases))
        fields = "\n".join(f"  r{at}: {root}(id: $i{at}) {{ ...{fragment} }}" for at in range(aliases))
        text = f"query {name}({variables}) {{\n{fields}\n}}\n"
    else:
        text = _file(name)
    return text + "".join(_file(fragment) for fragment in dict.fromkeys(_SPREAD.findall(text)))


def _file(name: str) -> str:
    return resources.files(__package__).joinpath("queries", f"{name}.graphql").read_text(encoding="utf-8")
