"""Kinds of value that options take: times, ages and lists."""

from __future__ import annotations

from typing import Any

import rich_click as click

from hubbub import clock
from hubbub.datasets.times import parse_age, parse_time


class Time(click.ParamType[int]):
    """`2024-05-01`, `2024-05-01T12:00Z` or an age such as `7d`; becomes epoch seconds UTC."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Epoch seconds; a wrong word ends in a usage error."""
        if isinstance(value, int):
            return value
        try:
            return parse_time(str(value), now=clock.now())
        except (ValueError, OverflowError):
            self.fail(f"{value!r} is no time; write 2024-05-01, 2024-05-01T12:00Z or an age such as 7d", param, ctx)


TIME = Time()


class Age(click.ParamType[int]):
    """`365d`; becomes seconds."""

    name = "age"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Seconds; a wrong word ends in a usage error."""
        if isinstance(value, int):
            return value
        try:
            return parse_age(str(value))
        except ValueError:
            self.fail(f"{value!r} is no age; write 12h, 365d or 4w", param, ctx)


AGE = Age()


def listed(values: tuple[str, ...]) -> tuple[str, ...]:
    """Repeated options and comma-separated words as one tuple, in the order given, without doubles."""
    words = (word.strip() for value in values for word in value.split(","))
    return tuple(dict.fromkeys(word for word in words if word))
