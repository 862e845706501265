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

    def dump(self, *, world: Any, out: Any, **options: Any) -> list[Any]:
        """Write the world as RS_/RC_ dump files into the directory `out`; returns their paths.

        Options: at, communities, monthly, frames, base_url (see `dump.write_dump`)."""
        from hubbub.sources.reddit.simulator.dump import write_dump  # noqa: PLC0415 - as above

        return list(write_dump(world, out, **options))


ROUTES = RedditRoutes()
