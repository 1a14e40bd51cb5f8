r"""How matchers are written, as Alertmanager reads them: the classic syntax and the UTF-8 syntax of version 0.27.

A text that the classic syntax can read means what that says; any other is read by the UTF-8 syntax. That is what
Alertmanager does from 0.27 on, unless a flag forbids one of both; before, there was the classic syntax alone.

- Classic: names of letters, digits, ``_`` and ``:``; a value may stand bare and then holds everything up to the next
  comma; in a value ``\n``, ``\"`` and ``\\`` are escapes, and any other backslash is itself.
- UTF-8: a name or a value stands in quotes, where it may hold anything, with the escapes of Go (``\t``,
  ``\u00e9``, ...), or bare without white space and ``{}!=~,\"'```.

Source: ``pkg/labels/parse.go``, ``matcher/parse`` and ``matcher/compat`` of Alertmanager.
"""

import re
from collections.abc import Iterator
from typing import Literal, NamedTuple, cast

Operator = Literal["=", "!=", "=~", "!~"]
_SPACE = r"[\t\n\f\r ]*"
_CLASSIC = re.compile(rf"{_SPACE}([a-zA-Z_:][a-zA-Z0-9_:]*){_SPACE}(=~|=|!=|!~){_SPACE}(.*?){_SPACE}", re.DOTALL)
_GO_SPACE = "\t\n\v\f\r \x85\xa0\u1680\u2028\u2029\u202f\u205f\u3000" + "".join(map(chr, range(0x2000, 0x200B)))
RESERVED = frozenset(_GO_SPACE + "{}!=~,\\\"'`")
"""Characters of which the UTF-8 syntax takes none in a name or a value without quotes."""
_RESERVED_CLASS = f"[{re.escape(''.join(sorted(RESERVED)))}]"
_TOKEN = re.compile(
    rf"[{re.escape(_GO_SPACE)}]*(?:([{{}},]|=~|!~|!=|=)|(\"(?:[^\"\\]|\\.)*\")|((?:(?!{_RESERVED_CLASS}).)+))",
    re.DOTALL,
)
_ESCAPE = re.compile(
    r"\\(?:([abfnrtv\\\"])|x([0-9a-fA-F]{2})|([0-7]{3})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8}))|([^\\\n]+)", re.DOTALL
)
_SIMPLE = {"a": 7, "b": 8, "f": 12, "n": 10, "r": 13, "t": 9, "v": 11, "\\": 92, '"': 34}
_WRITTEN = {code: f"\\{letter}" for letter, code in _SIMPLE.items()}


class Written(NamedTuple):
    """A matcher as it stands in a text: nothing is known yet about its regular expression."""

    label: str
    operator: Operator
    value: str


def read(text: str) -> list[Written]:
    """Return the matchers in a text, which may stand in braces and are separated by commas.

    Raises:
        ValueError: when neither syntax can read it. Says what the classic one stumbles over.
    """
    try:
        return read_classic(text)
    except ValueError:
        try:
            return read_utf8(text)
        except ValueError:
            pass
        raise


def read_classic(text: str) -> list[Written]:
    """Return the matchers in a text of the classic syntax.

    Raises:
        ValueError: when it cannot be read.
    """
    return [_classic(part) for part in _parts(text.removeprefix("{").removesuffix("}"))]


def _parts(text: str) -> Iterator[str]:
    """Yield what stands between the commas outside of quotes."""
    in_quotes = escaped = False
    start = 0
    for position, letter in enumerate(text):
        if letter == ",":
            if not in_quotes:
                yield text[start:position]
                start = position + 1
            # An escape goes on behind a comma in quotes: so does Alertmanager's.
        elif letter == '"':
            in_quotes, escaped = (in_quotes, False) if escaped else (not in_quotes, False)
        elif letter == "\\":
            escaped = not escaped
        else:
            escaped = False
    rest = text[start:].strip(_GO_SPACE)
    if rest:
        yield rest


def _classic(text: str) -> Written:
    found = _CLASSIC.fullmatch(text)
    if found is None:
        msg = f'{text!r} is not a matcher: write label, one of = != =~ !~, and a value, like severity="critical"'
        raise ValueError(msg)
    label, operator, raw = found.groups()
    quoted = raw.startswith('"')
    closed = not quoted
    raw = raw[1:] if quoted else raw
    value: list[str] = []
    escaped = False
    for position, letter in enumerate(raw):
        last = position == len(raw) - 1
        if escaped:
            escaped = False
            value.append("\n" if letter == "n" else letter if letter in '"\\' else f"\\{letter}")
        elif letter == "\\" and not last:
            escaped = True
        elif letter == '"':
            if closed or not last:
                break
            closed = True
        else:
            value.append(letter)
    else:
        if closed:
            return Written(label, cast("Operator", operator), "".join(value))
    msg = f'{text!r} is not a matcher: a value has a quote at both ends or at none, and quotes inside are written \\"'
    raise ValueError(msg)


def read_utf8(text: str) -> list[Written]:
    """Return the matchers in a text of the UTF-8 syntax.

    Raises:
        ValueError: when it cannot be read.
    """
    tokens = list(_tokens(text))
    braced = tokens[:1] == ["{"]
    if braced != (tokens[-1:] == ["}"]) or (braced and len(tokens) == 1):
        msg = f"{text!r} is not a list of matchers: it has only one brace"
        raise ValueError(msg)
    rest = tokens[1:-1] if braced else tokens
    found: list[Written] = []
    while rest:
        if len(rest) < 3 or rest[0] in _SIGNS or rest[1] not in _OPERATORS or rest[2] in _SIGNS:
            msg = f'{text!r} is not a matcher: write label, one of = != =~ !~, and a value, like severity="critical"'
            raise ValueError(msg)
        found.append(Written(_unquoted(rest[0]), cast("Operator", rest[1]), _unquoted(rest[2])))
        if rest[3:4] not in ([], [","]):
            msg = f"{text!r} is not a list of matchers: expected a comma before {rest[3]}"
            raise ValueError(msg)
        rest = rest[4:]
    return found


_OPERATORS = {"=", "!=", "=~", "!~"}
_SIGNS = _OPERATORS | {"{", "}", ","}


def _tokens(text: str) -> Iterator[str]:
    position = 0
    text = text.rstrip(_GO_SPACE)
    while position < len(text):
        found = _TOKEN.match(text, position)
        if found is None:
            msg = (
                f"{text!r} is not a matcher: {text[position:].strip()!r} cannot be read; put names and values in quotes"
            )
            raise ValueError(msg)
        yield found[0].lstrip(_GO_SPACE)
        position = found.end()


def _unquoted(token: str) -> str:
    if not token.startswith('"'):
        return token
    made = bytearray()
    inner, position = token[1:-1], 0
    while position < len(inner):
        found = _ESCAPE.match(inner, position)
        if found is None:
            msg = (
                f"{token} has an escape that there is not, or a line break: write \\\\ for a backslash, \\n for a break"
            )
            raise ValueError(msg)
        simple, byte, octal, short, long, plain = found.groups()
        if plain is not None:
            made += plain.encode()
        elif simple is not None:
            made.append(_SIMPLE[simple])
        elif short is not None or long is not None:
            made += _character(int(short or long, 16), token).encode()
        else:
            code = int(byte, 16) if byte is not None else int(octal, 8)
            if code > 255:
                msg = f"{token} has an escape beyond \\377"
                raise ValueError(msg)
            made.append(code)
        position = found.end()
    return made.decode()  # not UTF-8: a ValueError


def _character(code: int, token: str) -> str:
    if code > 0x10FFFF or 0xD800 <= code <= 0xDFFF:
        msg = f"{token} has an escape that is no character"
        raise ValueError(msg)
    return chr(code)


def written(label: str, operator: str, value: str) -> str:
    """Return a matcher as Alertmanager writes it, in its route keys too; :func:`read` reads it back.

    >>> written("service", "=~", "pay.*")
    'service=~"pay.*"'
    """
    if RESERVED.isdisjoint(label):
        escaped = value.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')
        return f'{label}{operator}"{escaped}"'
    return f"{quoted(label)}{operator}{quoted(value)}"


def quoted(text: str) -> str:
    r"""Return a text in quotes, as Go writes it.

    >>> quoted("a tab\t")
    '"a tab\\t"'
    """
    if text.isascii() and text.isprintable() and '"' not in text and "\\" not in text:
        return f'"{text}"'
    return f'"{"".join(map(_go, text))}"'


def _go(letter: str) -> str:
    code = ord(letter)
    if code in _WRITTEN:
        return _WRITTEN[code]
    if letter.isprintable():
        return letter
    return f"\\x{code:02x}" if code < 0x80 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
