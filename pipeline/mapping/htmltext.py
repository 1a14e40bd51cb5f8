"""The text of an HTML fragment, as mails and chats carry it. Linear in its length, whatever the fragment holds."""

import re
from html import unescape

_TAG = re.compile(r"<[^<>]*>")
_NAME = re.compile(r"</?\s*([A-Za-z][A-Za-z0-9]*)")
_BLANKS = re.compile(r"[ \t\r\f\v\u00a0]+")
_BREAKS = frozenset(
    {"br", "p", "div", "li", "ul", "ol", "tr", "table", "blockquote", "h1", "h2", "h3", "h4", "h5", "h6"}
)
_UNSEEN = frozenset({"script", "style", "head", "title"})
_COMMENT = "!--"


def html_text(markup: str) -> str:
    r"""Return the text that a reader of ``markup`` sees: one line a paragraph, no tags, no blank lines.

    What is no HTML comes out as it is, without blanks at its ends.

    >>> html_text("<p>It&#39;s <b>broken</b>.</p><style>p {}</style><p>Again!</p>")
    "It's broken.\nAgain!"
    >>> html_text("5 < 7")
    '5 < 7'
    """
    pieces: list[str] = []
    unseen = ""  # what ends the part that nobody sees: the name of a tag, or a comment
    at = 0
    for tag in _TAG.finditer(markup):
        between = markup[at : tag.start()]
        at = tag.end()
        if unseen == _COMMENT and "-->" in between:
            between, unseen = between.rpartition("-->")[2], ""
        if not unseen:
            pieces.append(between)
        unseen = _after(tag[0], unseen, pieces)
    rest = markup[at:]
    if unseen == _COMMENT and "-->" in rest:
        rest, unseen = rest.rpartition("-->")[2], ""
    if not unseen:
        pieces.append(rest)
    lines = (_BLANKS.sub(" ", line).strip() for line in unescape("".join(pieces)).split("\n"))
    return "\n".join(line for line in lines if line)


def _after(tag: str, unseen: str, pieces: list[str]) -> str:
    """Return what is unseen behind a tag; a tag that breaks the line is written as a line break."""
    if unseen == _COMMENT:
        return "" if tag.endswith("-->") else unseen
    if tag.startswith("<!--"):
        return "" if tag.endswith("-->") else _COMMENT
    named = _NAME.match(tag)
    name = "" if named is None else named[1].lower()
    if unseen:
        return "" if tag.startswith("</") and name == unseen else unseen
    if not name and not tag.startswith("<!"):
        pieces.append(tag)  # "a <3> b": no tag
    elif name in _BREAKS:
        pieces.append("\n")
    return name if name in _UNSEEN and not tag.startswith("</") and not tag.endswith("/>") else ""
