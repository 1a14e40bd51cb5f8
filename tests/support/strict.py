"""A fake provider of a JSON API: checks each request against the published schema, fails the test on anything else."""

import json
import ssl
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar, NamedTuple, TypeVar

from jsonschema import Draft202012Validator, FormatChecker

from tests.support.http import Answer, HttpServer, Request
from tests.support.smtp import certificate

P = TypeVar("P", bound="StrictProvider")
JSON_TYPE = {"Content-Type": "application/json"}


class Expected(NamedTuple):
    """What may be asked: a method, what the path must be, and the schema of the body (None: no body)."""

    method: str
    path: Callable[[str], bool]
    schema: Mapping[str, Any] | None


class StrictProvider(HttpServer):
    """Answers as its documentation says. ``override``: answered in place of that, to requests that are in order.

    ``unexpected`` holds everything that the documentation does not know; it must stay empty.
    """

    expected: ClassVar[tuple[Expected, ...]] = ()

    def __init__(self) -> None:
        super().__init__()
        self.unexpected: list[str] = []
        self.override: Answer | None = None

    def answer(self, request: Request) -> Answer:
        """Check the request, then answer."""
        wrong = self.wrong_with(request)
        if wrong:
            self.unexpected.append(wrong)
            return self.refused(request, wrong)
        return self.override or self.accepted(request)

    def wrong_with(self, request: Request) -> str:
        """Return what is wrong with a request; empty when nothing is."""
        fitting = [one for one in self.expected if one.method == request.method and one.path(request.path)]
        if not fitting:
            return f"unknown: {request.method} {request.path}"
        if fitting[0].schema is None:
            return f"a body with {request.method} {request.path}" if request.body else ""
        if request.headers.get("content-type") != "application/json":
            return f"Content-Type {request.headers.get('content-type')}"
        try:
            body = json.loads(request.body.decode("utf-8"))
        except ValueError as error:
            return f"no JSON: {error}"
        checker = Draft202012Validator(fitting[0].schema, format_checker=FormatChecker())
        return "; ".join(f"{error.json_path}: {error.message[:200]}" for error in checker.iter_errors(body))

    def accepted(self, request: Request) -> Answer:
        """Return the answer to a request that is in order."""
        raise NotImplementedError

    def refused(self, request: Request, wrong: str) -> Answer:
        """Return the answer to one that is not."""
        return Answer(400, JSON_TYPE, json.dumps({"message": wrong}).encode())


def schema(properties: Mapping[str, Any], *required: str) -> dict[str, Any]:
    """Return a schema of an object with these properties and no others."""
    return {
        "type": "object",
        "properties": dict(properties),
        "required": list(required),
        "additionalProperties": False,
    }


def text(longest: int | None = None, *, shortest: int = 0) -> dict[str, Any]:
    """Return a schema of a text."""
    return {"type": "string", "minLength": shortest} | ({} if longest is None else {"maxLength": longest})


@contextmanager
def strict(provider: P) -> Iterator[P]:
    """Serve, and fail the test at the end on anything unexpected."""
    with provider.serving():
        yield provider
    assert provider.unexpected == []


@contextmanager
def untrusted_https(folder: Path) -> Iterator[str]:
    """Give the address of a server whose certificate nobody trusts."""
    with https_server(*certificate(folder)) as server:
        yield server.url.replace("http://", "https://")
    assert server.requests == []


@contextmanager
def https_server(chain: Path, key: Path) -> Iterator[HttpServer]:
    """Give a server with TLS."""
    server = HttpServer()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain, key)
    # The handshake is made by the thread that serves the connection, or one that is never made would hold up all.
    server._server.socket = context.wrap_socket(server._server.socket, server_side=True, do_handshake_on_connect=False)
    with server.serving():
        yield server
