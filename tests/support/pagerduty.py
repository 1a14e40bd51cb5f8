"""A fake PagerDuty: takes events as its schema says, and fails the test on anything unexpected.

Source: https://developer.pagerduty.com/docs/send-alert-event,
https://github.com/PagerDuty/api-schema/blob/main/reference/events-v2/openapiv3.json
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests.support.http import Answer, Request
from tests.support.strict import JSON_TYPE, Expected, StrictProvider, schema, strict, text

ROUTING_KEY = "hunter2pagerduty" * 2
MAX_BYTES = 512 * 1000
_LINK = {"type": "string", "pattern": "^https?://[^ ]+$"}
_PAYLOAD = schema(
    {
        "summary": text(1024, shortest=1),
        "source": text(shortest=1),
        "severity": {"enum": ["critical", "error", "warning", "info"]},
        "timestamp": {"type": "string", "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:?\d\d)$"},
        "component": text(),
        "group": text(),
        "class": text(),
        "custom_details": {"type": "object"},
    },
    "summary",
    "source",
    "severity",
)
EVENT = schema(
    {
        "routing_key": text(),
        "event_action": {"enum": ["trigger", "acknowledge", "resolve"]},
        "dedup_key": text(255, shortest=1),
        "payload": _PAYLOAD,
        "client": text(),
        "client_url": _LINK,
        "links": {"type": "array", "items": schema({"href": _LINK, "text": text()}, "href")},
        "images": {"type": "array"},
    },
    "routing_key",
    "event_action",
    "dedup_key",
)


class FakePagerDuty(StrictProvider):
    """Keeps the events, and which incidents are open; a resolve of what is not open is dropped, as is documented."""

    expected = (Expected("POST", "/v2/enqueue".__eq__, EVENT),)

    def __init__(self) -> None:
        super().__init__()
        self.events: list[dict[str, Any]] = []
        self.open: set[str] = set()

    def wrong_with(self, request: Request) -> str:
        """Check the size, too."""
        if len(request.body) > MAX_BYTES:
            return f"{len(request.body)} bytes"
        if "authorization" in request.headers:
            return "a header that is not asked for: Authorization"
        return super().wrong_with(request)

    def accepted(self, request: Request) -> Answer:
        """Take the event."""
        event = request.json
        if event["routing_key"] != ROUTING_KEY:
            return _invalid("Length of 'routing_key' is incorrect (should be 32 characters)")
        self.events.append(event)
        if event["event_action"] == "trigger":
            if "payload" not in event:
                return _invalid("'payload' is missing or blank")
            self.open.add(event["dedup_key"])
        else:
            self.open.discard(event["dedup_key"])
        said = {"status": "success", "message": "Event processed", "dedup_key": event["dedup_key"]}
        return Answer(202, JSON_TYPE, json.dumps(said).encode())

    def refused(self, request: Request, wrong: str) -> Answer:
        """Say why, in PagerDuty's form."""
        return _invalid(wrong)


def _invalid(error: str) -> Answer:
    said = {"status": "invalid event", "message": "Event object is invalid", "errors": [error]}
    return Answer(400, JSON_TYPE, json.dumps(said).encode())


@contextmanager
def fake_pagerduty() -> Iterator[FakePagerDuty]:
    """Give a fake PagerDuty."""
    with strict(FakePagerDuty()) as provider:
        yield provider
