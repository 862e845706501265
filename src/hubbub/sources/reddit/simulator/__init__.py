"""The pretend Reddit: routes, rules and shapes over a simulated world. It shares no code with the client."""

from __future__ import annotations

from typing import Any


class RedditRoutes:
    """Builds the pretend Reddit."""

    name = "reddit"

    def build(self, *, world: Any, **options: Any) -> Any:
        """The platform over this world, or over recorded exchanges when `replay` names a directory."""
        # Loaded on demand: listing plug-ins must stay cheap.
        from hubbub.sources.reddit.simulator.platform import build  # noqa: PLC0415

        return build(world, **options)


ROUTES = RedditRoutes()
