"""Bars as an SVG picture that reads well on light and on dark pages; nothing but text is needed to draw it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from xml.sax.saxutils import escape

import msgspec

WIDTH, BAR, GAP, TITLE, MARGIN, LABEL, VALUE = 960, 16, 8, 34, 20, 400, 190
_STYLE = """
.page { fill: #ffffff } text { fill: #1f2328; font: 13px system-ui, sans-serif } .title { font-weight: 600 }
.note { fill: #59636e } .ours { fill: #d9480f } .theirs { fill: #4c6ef5 } .floor { fill: #868e96 }
.second { opacity: .55 } .third { opacity: .3 }
@media (prefers-color-scheme: dark) {
  .page { fill: #0d1117 } text { fill: #e6edf3 } .note { fill: #9198a1 } .ours { fill: #ff922b }
  .theirs { fill: #748ffc } .floor { fill: #adb5bd }
}
"""


class Bar(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the picture."""

    label: str
    parts: Sequence[float]
    """Drawn one after the other, each paler than the one before."""
    note: str
    """Printed behind the bar."""
    look: str = "theirs"
    """`ours`, `theirs` or `floor`."""


def chart(title: str, groups: Mapping[str, Sequence[Bar]], *, legend: str) -> str:
    """An SVG document of horizontal bars in groups, all on one scale."""
    longest = max((sum(bar.parts) for bars in groups.values() for bar in bars), default=1.0) or 1.0
    scale = (WIDTH - 2 * MARGIN - LABEL - VALUE) / longest
    y = MARGIN + 8
    drawn = [_text(MARGIN, y + 6, title, kind="title"), _text(MARGIN, y + 26, legend, kind="note")]
    y += TITLE
    for name, bars in groups.items():
        y += TITLE
        drawn.append(_text(MARGIN, y - 8, name, kind="title"))
        for bar in bars:
            drawn += _bar(bar, y=y, scale=scale)
            y += BAR + GAP
    height = y + MARGIN
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img">',
            f"<title>{escape(title)}</title>",
            f"<style>{_STYLE}</style>",
            f'<rect class="page" width="{WIDTH}" height="{height}" rx="8"/>',
            *drawn,
            "</svg>\n",
        ]
    )


def _bar(bar: Bar, *, y: int, scale: float) -> list[str]:
    x = float(MARGIN + LABEL)
    drawn = [_text(MARGIN + LABEL - 10, y + BAR - 3, bar.label, kind="label", end=True)]
    for part, paler in zip(bar.parts, ("", " second", " third"), strict=False):
        width = max(0.0, part) * scale
        drawn.append(f'<rect class="{bar.look}{paler}" x="{x:.1f}" y="{y}" width="{width:.1f}" height="{BAR}"/>')
        x += width
    return [*drawn, _text(round(x) + 8, y + BAR - 3, bar.note, kind="note")]


def _text(x: int, y: int, text: str, *, kind: str, end: bool = False) -> str:
    anchor = ' text-anchor="end"' if end else ""
    return f'<text class="{kind}" x="{x}" y="{y}"{anchor}>{escape(text)}</text>'
