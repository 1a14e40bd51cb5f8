"""Texts that somebody sends who means harm, and whether a page has taken them for more than text."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any
from urllib.parse import urlsplit

from fastapi import FastAPI
from fastapi.dependencies.models import Dependant
from fastapi.params import Form
from fastapi.routing import iter_route_contexts

MARK = "x-evil"
TEXT = (
    f"\"'><{MARK} {MARK}=1 onclick=alert(1)></{MARK}><script>{MARK}</script><img src=x onerror=alert(1)>"
    "{{7*7}}\x1b[31m\u2028](javascript:alert(1))[x]: javascript:x"
)
"""What would come to life in HTML, in an attribute, in a template, on a terminal, in Markdown."""
SCRIPT_ADDRESS = f"javascript:alert('{MARK}')"
LINE = f"one\r\nSet-Cookie: {MARK}=1\r\n\r\n<{MARK}>"
VALUES = (
    *("", " ", "\x00", "%", "%00", "//[", "/\\evil.example", "//evil.example", "https://evil.example/", "[", "("),
    *("../../../../etc/passwd", "..%2f..%2fetc%2fpasswd", "a" * 3000, "9" * 5000, "-1", "0", "1e999", "NaN", "\u0663"),
    *(
        "\u00b2",
        "true",
        "2026-13-45T99:99",
        "2026-01-01T00:00:00+99:99",
        "9999-12-31T23:59:59Z",
        "0001-01-01",
        "1h",
        "²h",
    ),
    *('=~"("', 'a=~"(a+)+$"', "state:open", "age>999999999999999999d", "p<=9", "\ufeff\u202e", TEXT, LINE),
)
"""For any parameter; also what is no time, no number, no address, no matcher, no path."""
BODIES = (
    *(b"", b"{", b"null", b"[]", b"{}", b'"x"', b"\xff\xfe", b'"\\ud800"', b"[" * 100_000, b'{"a":' * 50_000, b"NaN"),
    *(b"9" * 10_000, b'[{"labels":{"a":"\\ud800"}}]', b'[{"labels":{"a":"b"},"startsAt":"9999-99-99T99:99:99Z"}]'),
)
"""For any route that takes JSON."""


@dataclass
class Route:
    """A route, with what it takes.

    Attributes:
        query, form: names of parameters.
        json: names of fields of its body, where that is JSON.
    """

    path: str
    methods: tuple[str, ...]
    query: list[str] = field(default_factory=list)
    form: list[str] = field(default_factory=list)
    json: list[str] = field(default_factory=list)


def routes(app: FastAPI) -> Iterator[Route]:
    """Yield every route, with each parameter that it declares."""
    for context in iter_route_contexts(app.routes):
        dependant = getattr(context, "dependant", None)
        if not isinstance(dependant, Dependant):
            continue
        found = Route(str(context.path), tuple(sorted(context.methods or ())))
        found.query = [one.alias for part in _flat(dependant) for one in part.query_params]
        for one in (param for part in _flat(dependant) for param in part.body_params):
            if isinstance(one.field_info, Form):
                found.form.append(one.alias)
            else:
                model: Any = one.field_info.annotation
                found.json += list(getattr(model, "model_fields", {}))
        yield found


def _flat(dependant: Dependant) -> Iterator[Dependant]:
    yield dependant
    for inner in dependant.dependencies:
        yield from _flat(inner)


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.wrong: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if MARK in tag or tag in {"iframe", "object", "embed", "base"}:
            self.wrong.append(f"<{tag}>")
        if tag == "script" and not str(given.get("src", "")).startswith(("/static/", "/wall/files/")):
            self.wrong.append(f"a script of its own: {attrs}")
        if tag in {"img", "image"}:
            self.wrong.append(f"a picture: {attrs}")
        for name, value in attrs:
            if MARK in name or name.startswith("on") or name == "style":
                self.wrong.append(f"<{tag} {name}=…>")
            if name in {"href", "src", "action", "formaction", "hx-get", "hx-post", "xlink:href"} and value:
                address = "".join(value.split())
                if urlsplit(address).scheme not in {"", "http", "https"} or address.startswith(("//", "/\\")):
                    self.wrong.append(f"<{tag} {name}={value[:80]!r}>")


def come_to_life(page: str) -> list[str]:
    """Return what of a page is there because a text was taken for HTML, or leads where no page of ours does."""
    reader = _Reader()
    reader.feed(page)
    reader.close()
    return reader.wrong
