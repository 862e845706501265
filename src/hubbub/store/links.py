"""Links between records (topics of a post, posts of a collection): per link the last time it was seen."""

from __future__ import annotations

from collections.abc import Iterable

from hubbub.records.models import LinkListing
from hubbub.store.session import Session


def write(db: Session, listings: Iterable[LinkListing]) -> None:
    """Fold listings in; a link holds if it was seen at or after its owner's last complete listing."""
    for listing in listings:
        seen = [
            (listing.source, listing.owner, member, listing.observed_at) for member in dict.fromkeys(listing.members)
        ]
        latest = {"seen_at": f"{db.greatest}({listing.link}.seen_at, excluded.seen_at)"}
        key = ("source", "owner", "member")
        db.save(listing.link, (*key, "seen_at"), seen, key=key, sets=latest)
        if listing.complete:
            latest = {"complete_at": f"{db.greatest}(link_listings.complete_at, excluded.complete_at)"}
            whole = [(listing.source, listing.link, listing.owner, listing.observed_at)]
            key = ("source", "link", "owner")
            db.save("link_listings", (*key, "complete_at"), whole, key=key, sets=latest)
