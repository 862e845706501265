"""Days as Product Hunt counts them: from midnight to midnight in Los Angeles."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

PACIFIC = ZoneInfo("America/Los_Angeles")
_FAR_S = 60 * 86_400


class Calendar:
    """The days of a story that ends at `horizon` (epoch seconds), numbered from 0; those before are negative."""

    def __init__(self, *, horizon: int, days: int) -> None:
        self.days = days
        self.horizon = horizon
        self._last = _date(horizon - 1)
        self.beginning = self.midnight(0)

    def date(self, day: int) -> date:
        """The calendar day of that number."""
        return self._last - timedelta(days=self.days - 1 - day)

    def midnight(self, day: int) -> int:
        """Epoch seconds at which it begins: 08:00Z in winter, 07:00Z in summer."""
        return int(datetime.combine(self.date(day), time(), PACIFIC).timestamp())

    def of(self, at: float) -> int:
        """The number of the day that an instant (epoch seconds) lies in; of far instants, that of a nearer one that
        lies outside the story too."""
        near = min(max(at, self.beginning - _FAR_S), self.horizon + _FAR_S)
        return self.days - 1 - (self._last - _date(near)).days


def _date(at: float) -> date:
    return datetime.fromtimestamp(at, tz=UTC).astimezone(PACIFIC).date()
