"""A fake Opsgenie: takes alerts as its documentation says, and fails the test on anything unexpected.

Source: https://docs.opsgenie.com/docs/alert-api, https://github.com/opsgenie/opsgenie-oas
"""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import unquote, urlsplit

from tests.support.http import Answer, Request
from tests.support.strict import JSON_TYPE, Expected, StrictProvider, schema, strict, text

API_KEY = "hunter2-opsgenie"
_ACTION = {"user": text(100), "source": text(100), "note": text(25_000)}
_RESPONDER = {
    "oneOf": [
        schema({"type": {"enum": ["team", "escalation", "schedule"]}, "name": text(shortest=1)}, "type", "name"),
        schema({"type": {"const": "user"}, "username": text(shortest=1)}, "type", "username"),
        schema({"type": {"enum": ["team", "escalation", "schedule", "user"]}, "id": text(shortest=1)}, "type", "id"),
    ]
}
CREATE = schema(
    {
        **_ACTION,
        "message": text(130, shortest=1),
        "alias": text(512),
        "description": text(15_000),
        "responders": {"type": "array", "items": _RESPONDER, "maxItems": 50},
        "tags": {"type": "array", "items": text(50, shortest=1), "maxItems": 20},
        "details": {"type": "object", "additionalProperties": {"type": "string"}},
        "entity": text(512),
        "priority": {"enum": ["P1", "P2", "P3", "P4", "P5"]},
    },
    "message",
)
CLOSE = schema(_ACTION)
_CLOSE_PATH = re.compile(r"^/v2/alerts/([^/?]+)/close\?identifierType=alias$")
_REQUEST_PATH = re.compile(r"^/v2/alerts/requests/([^/?]+)$")


class FakeOpsgenie(StrictProvider):
    """Keeps what it was asked to create and to close; requests are processed when :meth:`process` is called."""

    expected = (
        Expected("POST", "/v2/alerts".__eq__, CREATE),
        Expected("POST", lambda path: _CLOSE_PATH.match(path) is not None, CLOSE),
        Expected("GET", lambda path: _REQUEST_PATH.match(path) is not None, None),
        Expected("GET", lambda path: path == "/v2/alerts/count?query=status%3Aopen", None),
    )

    def __init__(self) -> None:
        super().__init__()
        self.taken: list[tuple[str, str, dict[str, Any]]] = []
        self.open: dict[str, int] = {}
        self.results: dict[str, dict[str, Any]] = {}

    def wrong_with(self, request: Request) -> str:
        """Check the sum of the details, too: 8000 characters."""
        wrong = super().wrong_with(request)
        if not wrong and request.path == "/v2/alerts":
            length = sum(len(name) + len(value) for name, value in request.json.get("details", {}).items())
            return f"details of {length} characters" if length > 8000 else ""
        return wrong

    def accepted(self, request: Request) -> Answer:
        """Take the request."""
        if request.headers.get("authorization") != f"GenieKey {API_KEY}":
            said = {"message": "Could not authenticate", "took": 0.001, "requestId": "0"}
            return Answer(401, JSON_TYPE, json.dumps(said).encode())
        if request.method == "GET":
            return self._asked(request.path)
        closes = _CLOSE_PATH.match(request.path)
        body = request.json
        action, alias = ("Close", unquote(closes[1])) if closes else ("Create", body["alias"])
        self.taken.append((action, alias, body))
        said = {"result": "Request will be processed", "took": 0.302, "requestId": f"request-{len(self.taken)}"}
        return Answer(202, JSON_TYPE, json.dumps(said).encode())

    def process(self) -> None:
        """Process what was taken, in order."""
        for number, (action, alias, _body) in enumerate(self.taken, 1):
            name = f"request-{number}"
            if name in self.results:
                continue
            good = action == "Create" or alias in self.open
            if action == "Create":
                self.open[alias] = self.open.get(alias, 0) + 1
            else:
                self.open.pop(alias, None)
            status = f"{action}d alert" if good else "Alert does not exist"
            self.results[name] = {"success": good, "isSuccess": good, "action": action, "status": status}

    def _asked(self, path: str) -> Answer:
        if urlsplit(path).path == "/v2/alerts/count":
            said: dict[str, Any] = {"data": {"count": len(self.open)}, "took": 0.01, "requestId": "1"}
            return Answer(200, JSON_TYPE, json.dumps(said).encode())
        found = _REQUEST_PATH.match(path)
        result = self.results.get("" if found is None else found[1])
        if result is None:
            said = {"message": "Request not found. It might not be processed, yet.", "took": 0.01, "requestId": "1"}
            return Answer(404, JSON_TYPE, json.dumps(said).encode())
        return Answer(200, JSON_TYPE, json.dumps({"data": result, "took": 0.01, "requestId": "1"}).encode())

    def refused(self, request: Request, wrong: str) -> Answer:
        """Say why, in Opsgenie's form."""
        said = {"message": "Request body is not processable.", "errors": {"message": wrong}, "requestId": "2"}
        return Answer(422, JSON_TYPE, json.dumps(said).encode())


@contextmanager
def fake_opsgenie() -> Iterator[FakeOpsgenie]:
    """Give a fake Opsgenie."""
    with strict(FakeOpsgenie()) as provider:
        yield provider
