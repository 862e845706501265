"""The pretend Product Hunt: its GraphQL door over a seeded world of launches. It shares no code with the client."""

from __future__ import annotations

from typing import Any


class ProductHuntRoutes:
    """Builds the pretend Product Hunt."""

    name = "producthunt"

    def build(self, *, world: Any, **options: Any) -> Any:
        """The platform with a world of its own, of the same seed, horizon and span as this one; a closed one while
        recordings are replayed.

        Options: limits (Limits), switches (a mapping, see `Switches`), replay (Path), official_hosts (write the real
        media host into answers), strange (unknown members and values). Raises ConfigError for a wrong switch."""
        # Loaded on demand: listing plug-ins must stay cheap. The world and graphql-core come with the first request.
        from hubbub.simulator.faults import Limits  # noqa: PLC0415 - as above
        from hubbub.sources.producthunt.simulator.platform import ProductHunt  # noqa: PLC0415 - as above
        from hubbub.sources.producthunt.simulator.switches import switches  # noqa: PLC0415 - as above

        return ProductHunt(
            seed=world.seed,
            span_days=world.ground.size.span_days,
            limits=options.get("limits") or Limits(),
            switches=switches(options.get("switches") or {}),
            official=bool(options.get("official_hosts")),
            strange=bool(options.get("strange")),
            closed=options.get("replay") is not None,
        )


ROUTES = ProductHuntRoutes()
"""What the entry point names."""
