"""The pretend Reddit: routes, rules and shapes over a simulated world. It shares no code with the client."""

from __future__ import annotations

from typing import Any


class RedditRoutes:
    """Builds the pretend Reddit."""

    name = "reddit"

    def build(self, *, world: Any, **options: Any) -> Any:
        """The platform over this world, or over recorded exchanges when `replay` names a directory.

        Options: limits (Limits), replay (Path), official_hosts (write the real media hosts into answers), strange
        (unknown fields and values)."""
        # Loaded on demand: listing plug-ins must stay cheap.
        from hubbub.simulator.faults import Limits  # noqa: PLC0415
        from hubbub.sources.reddit.simulator.platform import Reddit  # noqa: PLC0415
        from hubbub.sources.reddit.simulator.replay import Replay  # noqa: PLC0415

        limits, replay = options.get("limits") or Limits(), options.get("replay")
        live = Reddit(
            world,
            limits=limits,
            official=bool(options.get("official_hosts")),
            strange=bool(options.get("strange")),
        )
        return live if replay is None else Replay(replay, tokens=live.tokens, windows=live.windows)

    def dump(self, *, world: Any, out: Any, **options: Any) -> list[Any]:
        """Write the world as RS_/RC_ dump files into the directory `out`; returns their paths.

        Options: at, communities, monthly, frames, base_url (see `dump.write_dump`)."""
        from hubbub.sources.reddit.simulator.dump import write_dump  # noqa: PLC0415 - as above

        return list(write_dump(world, out, **options))


ROUTES = RedditRoutes()
