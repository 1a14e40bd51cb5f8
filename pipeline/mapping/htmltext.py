"""The text of an HTML fragment, as mails and chats carry it. Linear in its length, whatever the fragment holds."""

import re
from html import unescape

_MARK = re.compile(r"<!--|-->|<[^<>]*>")
_NAME = re.compile(r"</?\s*([A-Za-z][A-Za-z0-9]*)")
_BLANKS = re.compile(r"[ \t\r\f\v\u00a0]+")
_BREAKS = frozenset({"br", "p", "div", "li", "ul", "ol", "tr", "table", "blockquote", "h1", "h2", "h3", "h4"})
_UNSEEN = frozenset({"script", "style", "head", "title"})


def html_text(markup: str) -> str:
    r"""Return the text that a reader of ``markup`` sees: one line a paragraph, no tags, no blank lines.

    What is no HTML comes out as it is, without blanks at its ends.

    >>> html_text("<p>It&#39;s <b>broken</b>.</p><style>p {}</style><p>Again!</p>")
    "It's broken.\nAgain!"
    >>> html_text("5 < 7")
    '5 < 7'
    """
    pieces: list[str] = []
    until = ""  # what ends the part that nobody sees: an arrow, or the name of a tag
    at = 0
    for found in _MARK.finditer(markup):
        if not until:
            pieces.append(markup[at : found.start()])
        at = found.end()
        mark = found[0]
        named = _NAME.match(mark)
        name = mark if named is None else named[1].lower()
        closing = mark.startswith("</")
        if until:
            until = "" if name == until and (closing or name == "-->") else until
        elif mark == "<!--":
            until = "-->"
        elif named is None:
            pieces.append("" if mark.startswith("<!") else mark)  # "a <3> b" is no tag
        elif name in _BREAKS:
            pieces.append("\n")
        elif name in _UNSEEN and not closing and not mark.endswith("/>"):
            until = name
    if not until:
        pieces.append(markup[at:])
    lines = (_BLANKS.sub(" ", line).strip() for line in unescape("".join(pieces)).split("\n"))
    return "\n".join(line for line in lines if line)
