r"""Texts of others as text alone: without what would move a cursor, colour a terminal, or write a line of its own."""

import re

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202d\u202e]")
_IN_JSON = re.compile(r"[\x7f-\x9f\u202d\u202e]")


def tidy(text: str) -> str:
    r"""Return a text whose lines end with \n, in which control characters and half characters are shown as �.

    >>> tidy("a\r\nb\x1b[31m\x9b31m")
    'a\nb�[31m�31m'
    """
    lines = text.replace("\r\n", "\n").replace("\r", "\n")
    return _CONTROL.sub("�", lines).encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def tidy_json(text: str) -> str:
    r"""Return a JSON text with its control characters escaped, also those that JSON does not demand it of.

    >>> tidy_json('{"a":"\x9b31m"}')
    '{"a":"\\u009b31m"}'
    """
    return _IN_JSON.sub(lambda found: f"\\u{ord(found[0]):04x}", text)
