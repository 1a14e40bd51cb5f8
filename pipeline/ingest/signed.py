"""What a generic signature covers: a template like ``{timestamp}.{body}``, taken apart."""

import re
from enum import Enum

_PART = re.compile(r"\{(timestamp|body)\}")


class Template(Enum):
    """A part of the signed bytes that comes from the request."""

    TIMESTAMP = "timestamp"
    BODY = "body"


def parse_template(text: str) -> tuple[bytes | Template, ...]:
    """Return the parts of the signed bytes, in order.

    Raises:
        ValueError: when the body is not part of it exactly once, or something else stands in braces.

    >>> parse_template("v0:{timestamp}:{body}")
    (b'v0:', <Template.TIMESTAMP: 'timestamp'>, b':', <Template.BODY: 'body'>)
    """
    parts: list[bytes | Template] = []
    for number, piece in enumerate(_PART.split(text)):
        if number % 2:
            parts.append(Template(piece))
        elif "{" in piece or "}" in piece:
            msg = f"{text!r}: in braces stand timestamp and body only, like {{timestamp}}.{{body}}"
            raise ValueError(msg)
        elif piece:
            parts.append(piece.encode())
    if parts.count(Template.BODY) != 1 or parts.count(Template.TIMESTAMP) > 1:
        msg = f"{text!r}: {{body}} stands in it exactly once, {{timestamp}} at most once"
        raise ValueError(msg)
    return tuple(parts)
