"""A small pretend Reddit for comment trees: limits, stubs, dead leaves and caps as reddit.md §9 to §11 describe them."""

from __future__ import annotations

import random
from typing import Any

from hubbub.errors import HubbubError
from hubbub.http.messages import Request, Response
from tests.sources.drive import answer

CREATED = 1_700_000_000
MAX_DEPTH = 10


def post_data(key: str, *, comments: int, created: int = CREATED) -> dict[str, Any]:
    return {
        "id": key,
        "name": "t3_" + key,
        "subreddit": "bugs",
        "author": "asker",
        "title": "what is it",
        "selftext": "",
        "score": 3,
        "num_comments": comments,
        "created_utc": float(created),
        "edited": False,
        "is_self": True,
        "permalink": f"/r/bugs/comments/{key}/what/",
    }


class Forest:
    """Posts with comment trees; `respond` answers what a client may ask about them."""

    def __init__(self) -> None:
        self.posts: dict[str, dict[str, Any]] = {}
        self.comments: dict[str, dict[str, Any]] = {}
        self.children: dict[str, list[str]] = {}
        self.dead: set[str] = set()
        self.failing: dict[str, HubbubError] = {}
        self.continues = 0

    def grow(
        self, key: str, *, comments: int, seed: int, bushy: float = 0.4, dead: float = 0.0, latest: int = 200
    ) -> None:
        """A post with so many comments, of which a share of the leaves is dead; each may answer one of the `latest`."""
        rng = random.Random(f"{key}{seed}")
        self.posts[key] = post_data(key, comments=comments)
        ids: list[str] = []
        for n in range(comments):
            comment = f"{key}{n:05d}"
            parent = "t1_" + rng.choice(ids[-latest:]) if ids and rng.random() > bushy else "t3_" + key
            self.comments[comment] = {
                "id": comment,
                "name": "t1_" + comment,
                "link_id": "t3_" + key,
                "parent_id": parent,
                "subreddit": "bugs",
                "author": f"writer{rng.randrange(50)}",
                "body": "a beetle",
                "score": rng.randrange(99),
                "created_utc": CREATED + n,
                "edited": False,
            }
            self.children.setdefault(parent, []).append(comment)
            ids.append(comment)
        leaves = [i for i in ids if "t1_" + i not in self.children]
        self.dead.update(i for i in leaves if rng.random() < dead)

    def living(self) -> set[str]:
        return {"t1_" + i for i in self.comments if i not in self.dead}

    def below(self, name: str) -> list[str]:
        """Every comment under a post or comment, parents first, dead ones too."""
        found: list[str] = []
        waiting = list(self.children.get(name, ()))
        while waiting:
            key = waiting.pop(0)
            found.append(key)
            waiting.extend(self.children.get("t1_" + key, ()))
        return found

    def depth(self, key: str) -> int:
        depth = 0
        while (parent := self.comments[key]["parent_id"]).startswith("t1_"):
            key, depth = parent[3:], depth + 1
        return depth

    def respond(self, request: Request) -> Response | HubbubError:
        if request.route == "info":
            return self._info(request)
        if request.route == "morechildren":
            return self._more(request)
        parts = request.url.split("/")
        if parts[2] in self.failing:
            return self.failing[parts[2]]
        root = "t1_" + parts[4] if len(parts) > 4 else "t3_" + parts[2]
        return answer(request, self.thread(parts[2], root=root, order=dict(request.params)["sort"]))

    def thread(self, key: str, *, root: str, order: str, limit: int = 500) -> list[Any]:
        focus = [root[3:]] if root.startswith("t1_") else []
        ordered = self.below(root)
        random.Random(order).shuffle(ordered)
        shown = set(focus)
        base = self.depth(root[3:]) if focus else 0
        for candidate in sorted(ordered, key=self.depth) if order == "old" else ordered:
            path = [candidate]
            while self.comments[path[-1]]["parent_id"] != root:
                path.append(self.comments[path[-1]]["parent_id"][3:])
            deep = self.depth(candidate) - base >= MAX_DEPTH
            if not deep and candidate not in self.dead and len(shown | set(path)) <= limit:
                shown.update(path)
        top = [self._node(root[3:], shown)] if focus else self._nodes(root, shown, base=base)
        posts = {"kind": "Listing", "data": {"after": None, "children": [{"kind": "t3", "data": self.posts[key]}]}}
        return [posts, {"kind": "Listing", "data": {"after": None, "children": top}}]

    def _node(self, key: str, shown: set[str], *, base: int = 0) -> dict[str, Any]:
        below = self._nodes("t1_" + key, shown, base=base)
        replies: Any = {"kind": "Listing", "data": {"after": None, "children": below}} if below else ""
        return {"kind": "t1", "data": {**self.comments[key], "depth": self.depth(key) - base, "replies": replies}}

    def _nodes(self, parent: str, shown: set[str], *, base: int) -> list[dict[str, Any]]:
        kids = self.children.get(parent, [])
        nodes = [self._node(kid, shown, base=base) for kid in kids if kid in shown]
        hidden = [kid for kid in kids if kid not in shown]
        if hidden:
            nodes.append(self.stub(parent, hidden, base=base))
        return nodes

    def stub(self, parent: str, hidden: list[str], *, base: int = 0) -> dict[str, Any]:
        """What stands for hidden comments below another, or below a post."""
        depth = self.depth(hidden[0]) - base
        if depth >= MAX_DEPTH:
            self.continues += 1
            data = {"count": 0, "name": "t1__", "id": "_", "parent_id": parent, "depth": depth, "children": []}
        else:
            count = len(hidden) + sum(len(self.below("t1_" + kid)) for kid in hidden)
            names = {"name": "t1_" + hidden[0], "id": hidden[0]}
            data = {"count": count, **names, "parent_id": parent, "depth": depth, "children": hidden}
        return {"kind": "more", "data": data}

    def _info(self, request: Request) -> Response:
        ids = dict(request.params)["id"].split(",")
        assert len(ids) <= 100
        found = [self.comments[i[3:]] for i in ids if i[3:] in self.comments and i[3:] not in self.dead]
        children = [{"kind": "t1", "data": {**data, "replies": ""}} for data in found]
        return answer(request, {"kind": "Listing", "data": {"after": None, "children": children}})

    def _more(self, request: Request) -> Response:
        form = dict(request.form)
        asked = form["children"].split(",")
        assert len(asked) <= 100
        assert request.serial == "morechildren"
        shallowest = min(self.depth(i) for i in asked)
        assert all(self.depth(i) == shallowest for i in asked), "children of mixed depth are cut to the shallowest"
        assert {self.comments[i]["link_id"] for i in asked} == {form["link_id"]}
        queue = [i for i in asked if i not in self.dead]
        sent: list[str] = []
        while queue and len(sent) < 100:
            key = queue.pop(0)
            sent.append(key)
            queue.extend(k for k in self.children.get("t1_" + key, ()) if k not in self.dead)
        things = [{"kind": "t1", "data": {**self.comments[i], "replies": "", "depth": self.depth(i)}} for i in sent]
        left: dict[str, list[str]] = {}
        for key in queue:
            left.setdefault(self.comments[key]["parent_id"], []).append(key)
        things.extend(self.stub(parent, hidden) for parent, hidden in left.items())
        return answer(request, {"json": {"errors": [], "data": {"things": things}}})
