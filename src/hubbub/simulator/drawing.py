"""Pictures of small animals, drawn by code: the same seed gives the same bytes."""

from __future__ import annotations

import io
import math
from functools import lru_cache
from random import Random
from typing import Any

from hubbub.errors import ConfigError

_LEGS = {"spider": 8, "myriapod": 18}
_WINGED = {"moth", "fly", "wasp"}
_FRAMES = 3


@lru_cache(maxsize=64)
def draw(group: str, colour: str, *, seed: str, width: int, height: int, form: str) -> bytes:
    """An encoded picture (JPEG, PNG, WEBP, or GIF with a few frames); raises ConfigError without Pillow."""
    try:
        from PIL import Image  # noqa: PLC0415 - part of the extra `demo`, and slow to load
    except ImportError as error:
        raise ConfigError(
            "the simulator draws its pictures with Pillow", advice="install hubbub with the extra `demo`"
        ) from error
    frames = [
        _frame(Image, group, colour, seed=seed, turn=turn).resize((width, height), Image.Resampling.BILINEAR)
        for turn in range(_FRAMES if form == "GIF" else 1)
    ]
    out = io.BytesIO()
    if form == "GIF":
        frames[0].save(out, form, save_all=True, append_images=frames[1:], duration=200, loop=0)
    else:
        frames[0].save(out, form, **({"quality": 82} if form in ("JPEG", "WEBP") else {}))
    return out.getvalue()


def _frame(image: Any, group: str, colour: str, *, seed: str, turn: int) -> Any:
    """One picture on a canvas of 360 x 270: background, legs, wings, body, eyes."""
    from PIL import ImageDraw  # noqa: PLC0415 - as above

    dice = Random(seed)  # noqa: S311 - a drawing
    ground = tuple(dice.randrange(120, 235) for _ in range(3))
    canvas = image.new("RGB", (360, 270), ground)
    pen = ImageDraw.Draw(canvas)
    for _ in range(140):
        x, y, r = dice.randrange(360), dice.randrange(270), dice.randrange(2, 22)
        shade = tuple(max(0, min(255, g + dice.randrange(-18, 18))) for g in ground)
        pen.ellipse((x - r, y - r, x + r, y + r), fill=shade)
    angle = dice.uniform(0, 2 * math.pi) + turn * 0.06
    size = dice.uniform(0.75, 1.25)

    def at(x: float, y: float) -> tuple[float, float]:
        cos, sin = math.cos(angle), math.sin(angle)
        return 180 + size * (x * cos - y * sin), 135 + size * (x * sin + y * cos)

    _limbs(pen, at, group=group, dice=dice)
    _body(pen, at, group=group, colour=colour)
    return canvas


def _limbs(pen: Any, at: Any, *, group: str, dice: Random) -> None:
    legs = _LEGS.get(group, 6)
    for i in range(legs):
        side = 1 if i % 2 else -1
        x = (i // 2 - (legs / 2 - 1) / 2) * (60 / max(2, legs / 2)) * 1.4
        reach = dice.uniform(50, 78) * (0.6 if group == "myriapod" else 1)
        pen.line([at(x, side * 8), at(x * 1.6, side * reach * 0.6), at(x * 2.1, side * reach)], fill="#2a211c", width=4)
    for side in (1, -1):
        pen.line([at(52, side * 6), at(88, side * 22)], fill="#2a211c", width=2)
    if group in _WINGED:
        for side in (1, -1):
            pen.polygon([at(20, side * 8), at(-10, side * 82), at(-62, side * 62), at(-30, side * 8)], fill="#d8d2c4")


def _body(pen: Any, at: Any, *, group: str, colour: str) -> None:
    long, thick = {"spider": (34, 30), "myriapod": (80, 13), "moth": (48, 14)}.get(group, (54, 25))

    def oval(x: float, length: float, *, width: float, fill: str) -> None:
        steps = [2 * math.pi * k / 24 for k in range(24)]
        pen.polygon([at(x + length * math.cos(s), width * math.sin(s)) for s in steps], fill=fill)

    oval(-14, long, width=thick, fill=colour)
    oval(30, 18, width=15, fill="#4a3a30")
    oval(50, 10, width=9, fill="#2c2420")
    for k in range(3):
        oval(-34 + k * 18, 4, width=thick * 0.7, fill="#000000")
    for side in (1, -1):
        x, y = at(54, side * 5)
        pen.ellipse((x - 2, y - 2, x + 2, y + 2), fill="white")
