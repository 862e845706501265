"""The HTML of Product Hunt's comments as readable text.

A scanner of our own, not `html.parser`: that one takes quadratic time over unclosed tags and comments in Python 3.11
(CVE-2025-6069). This one looks at every character a bounded number of times and keeps no tree, so that neither depth
nor damage costs anything."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from hubbub.records.clean import REPLACEMENT, mend

_TAG = re.compile(r"</?[A-Za-z][^\s/>]{0,40}")
_TAG_MARK = re.compile("[>\"']")
_ATTRIBUTE = re.compile(r"""(?<![\w:-])([A-Za-z][\w:-]{0,40})\s{0,9}=\s{0,9}(?:"([^"]*)"|'([^']*)'|([^\s"'>]+))""")
_PROFILE = re.compile(r"(?:https?:)?(?://(?:[a-z]+\.)?producthunt\.com)?/@", re.IGNORECASE)
"""A person's page: a mention, whatever else the anchor says."""
_HUGE_REFERENCE = re.compile(r"&#(?:[0-9]{8,}|[xX][0-9a-fA-F]{7,});?")
"""`html.unescape` fails on a number of more than 4,300 digits."""
_SPACE = re.compile(r"[ \t\r\n\f]+")
_SPACE_IN_LINE = re.compile(r"[ \t\f]+")
_EMPTY_LINES = re.compile(r"\n{3,}")
_PARAGRAPHS = re.compile(r"<(?:p|div|ul|ol|h[1-6])[\s>]", re.IGNORECASE)
_BLOCKS = frozenset(
    [
        "p",
        "div",
        "h1",
        "h2",
        "h3",
        "h4",
        "h5",
        "h6",
        "ul",
        "ol",
        "pre",
        "blockquote",
        "table",
        "tr",
        "section",
        "article",
        "header",
        "footer",
        "figure",
        "hr",
    ]
)
_HIDDEN = frozenset(("script", "style", "template", "noscript", "title"))
_PLAIN_TAGS = frozenset(("p", "br"))


class Rendered(msgspec.Struct, frozen=True, kw_only=True):
    """What a body of HTML says."""

    text: str
    images: tuple[str, ...]
    """Web addresses of its pictures, in order, each once."""
    formatted: bool
    """True where it has tags besides paragraphs and line breaks: the text does not tell all."""


def rendered(source: str) -> Rendered:
    """The readable text of a body: paragraphs and <br> are line breaks, list items lines that begin with "- ", links
    `text (address)`, mentions their text; entities are decoded, scripts and styles left out. Any text is accepted."""
    page = _Page(keeps_lines=_PARAGRAPHS.search(source) is None)
    for name, closing, attributes, text in _pieces(mend(source)):
        if name is None:
            page.say(text)
        elif closing:
            page.close(name)
        else:
            page.open(name, attributes)
    return page.done()


class _Page:
    """The text so far."""

    def __init__(self, *, keeps_lines: bool) -> None:
        self._parts: list[str] = []
        self._images: dict[str, None] = {}
        self._keeps_lines = keeps_lines
        """Bodies without paragraphs come from plain text: their line ends count."""
        self._verbatim = 0
        self._link: tuple[str, int] | None = None
        """Address of the link that is open, and the part it begins at."""
        self._formatted = False
        self._fresh = True
        """True at the beginning of a line."""

    def say(self, text: str) -> None:
        text = unescaped(text)
        if self._keeps_lines or self._verbatim:
            text = text.replace("\r\n", "\n")
            text = text if self._verbatim else _SPACE_IN_LINE.sub(" ", text)
        else:
            text = _SPACE.sub(" ", text)
            text = text.lstrip(" ") if self._fresh else text
        if text:
            self._parts.append(text)
            self._fresh = text.endswith("\n")

    def open(self, name: str, attributes: str) -> None:
        self._formatted = self._formatted or name not in _PLAIN_TAGS
        if name == "br":
            self._break()
        elif name == "li":
            self._line()
            if self._in_item():
                self._break()
            self._parts.append("- ")
        elif name == "a":
            self._end_link()
            values = _attributes(attributes)
            target = values.get("href", "").strip()
            if values.get("data-node-type") != "mention" and not _PROFILE.match(target):
                self._link = (target, len(self._parts))
        elif name == "img":
            picture = _attributes(attributes).get("src", "").strip()
            if picture.lower().startswith(("http://", "https://")):
                self._images[picture] = None
        elif name in _BLOCKS:
            self._line()
            self._verbatim += name == "pre"

    def close(self, name: str) -> None:
        self._formatted = self._formatted or name not in _PLAIN_TAGS
        if name == "a":
            self._end_link()
        elif name == "p" and self._fresh and not self._in_item():
            self._break()  # an empty paragraph is how authors set paragraphs apart
        elif name in _BLOCKS or name == "li":
            self._line()
            if name == "pre":
                self._verbatim = max(0, self._verbatim - 1)

    def done(self) -> Rendered:
        self._end_link()
        text = "\n".join(line.rstrip() for line in "".join(self._parts).split("\n"))
        text = _EMPTY_LINES.sub("\n\n", text.replace("\xa0", " ")).strip()
        return Rendered(text=text, images=tuple(self._images), formatted=self._formatted)

    def _break(self) -> None:
        self._parts.append("\n")
        self._fresh = True

    def _line(self) -> None:
        """Begin a new line, unless this one is still empty."""
        if not self._fresh and not self._in_item():
            self._break()

    def _in_item(self) -> bool:
        """True behind the dash of a list item."""
        return bool(self._parts) and self._parts[-1] == "- "

    def _end_link(self) -> None:
        if self._link is None:
            return
        (target, begins), self._link = self._link, None
        text = "".join(self._parts[begins:]).strip()
        if not target.lower().startswith(("http://", "https://", "mailto:")) or _same(text, target):
            return
        self._parts.append(f" ({target})" if text else target)
        self._fresh = False


def unescaped(text: str) -> str:
    """The text with its character references decoded; what cannot be stored becomes U+FFFD."""
    if "&" not in text:
        return text
    return mend(html.unescape(_HUGE_REFERENCE.sub(REPLACEMENT, text)))


def _same(text: str, target: str) -> bool:
    """True when a link's text is its address, but for the scheme, a last slash, or being cut short."""
    shown, whole = _bare(text), _bare(target)
    return shown == whole or (shown.endswith(("...", "…")) and whole.startswith(shown.rstrip(".…")) and len(shown) > 8)


def _bare(address: str) -> str:
    address = address.strip().lower()
    for scheme in ("https://", "http://", "mailto:"):
        address = address.removeprefix(scheme)
    return address.removeprefix("www.").rstrip("/")


def _attributes(text: str) -> Mapping[str, str]:
    """Names and values; the first of a name counts, as in browsers."""
    found: dict[str, Any] = {}
    for name, double, single, bare in _ATTRIBUTE.findall(text):
        found.setdefault(name.lower(), unescaped(double or single or bare))
    return found


def _pieces(source: str) -> Iterator[tuple[str | None, bool, str, str]]:
    """(tag, whether it closes, its attributes, "") of each tag and (None, False, "", text) of what lies between."""
    ends = _Ends(source)
    at, size = 0, len(source)
    while at < size:
        begins = source.find("<", at)
        if begins < 0:
            yield None, False, "", source[at:]
            return
        if begins > at:
            yield None, False, "", source[at:begins]
        if source.startswith(("<!", "<?"), begins):
            at = ends.after("-->" if source.startswith("<!--", begins) else ">", begins + 2)
            continue
        tag = _TAG.match(source, begins)
        end = ends.of_tag(tag.end()) if tag is not None else -1
        if tag is None or end < 0:
            yield None, False, "", "<"
            at = begins + 1
            continue
        name, closing = tag.group().lstrip("</").lower(), source.startswith("</", begins)
        yield name, closing, source[tag.end() : end - 1], ""
        at = ends.of_hidden(name, end) if name in _HIDDEN and not closing else end


class _Ends:
    """Where things end; what was once searched for in vain is not searched for again, which keeps time linear."""

    def __init__(self, source: str) -> None:
        self._source = source
        self._missing: set[str] = set()
        self._quotes = True
        """False once quotation marks did not fit: from there on a tag ends at the next `>`, as it may in browsers."""

    def after(self, mark: str, start: int) -> int:
        """The place behind the next `mark`, or the end of the text."""
        at = self._find(mark, start)
        return len(self._source) if at < 0 else at + len(mark)

    def of_hidden(self, name: str, start: int) -> int:
        """Where the end tag of an element begins whose content is no text, or the end of the text."""
        mark = f"</{name}"
        if mark in self._missing:
            return len(self._source)
        found = re.compile(mark, re.IGNORECASE | re.ASCII).search(self._source, start)
        if found is None:
            self._missing.add(mark)
            return len(self._source)
        return found.start()

    def of_tag(self, start: int) -> int:
        """The place behind the `>` that ends a tag, where quoted values may hold one; -1 where there is none."""
        close = self._find(">", start)
        if close < 0 or not self._quotes:
            return close + 1 if close >= 0 else -1
        at = start
        while mark := _TAG_MARK.search(self._source, at):
            if mark.group() == ">":
                return mark.end()
            quoted = self._find(mark.group(), mark.end())
            at = quoted + 1 if quoted >= 0 else mark.end()
        self._quotes = False
        return close + 1

    def _find(self, mark: str, start: int) -> int:
        if mark in self._missing:
            return -1
        at = self._source.find(mark, start)
        if at < 0:
            self._missing.add(mark)
        return at
