"""A fake workflow of Power Automate: checks the card against its schema, and fails the test on anything unexpected.

Sources: https://learn.microsoft.com/connectors/teams#microsoft-teams-webhook,
https://adaptivecards.io/schemas/adaptive-card.json (the elements that we use, closed)
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from jsonschema import Draft202012Validator

from tests.support.http import Answer, HttpServer, Request

PATH = "/workflows/0123/triggers/manual/paths/invoke?api-version=1&sp=%2Ftriggers%2Fmanual%2Frun&sig=hunter2-teams"
RUN = "08584000000000000000000000000CU00"
LIMIT_BYTES = 28 * 1024


def _element(name: str, required: list[str], properties: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "additionalProperties": False,
        "required": ["type", *required],
        "properties": {"type": {"const": name}, **properties},
    }


_OPEN = _element("Action.OpenUrl", ["url"], {"url": {"type": "string", "pattern": "^https?://[^\\s]+$"}})
_RUN = _element(
    "TextRun",
    ["text"],
    {
        "text": {"type": "string", "minLength": 1},
        "size": {"enum": ["Default", "Small", "Medium", "Large", "ExtraLarge"]},
        "weight": {"enum": ["Default", "Lighter", "Bolder"]},
        "isSubtle": {"type": "boolean"},
        "selectAction": _OPEN,
    },
)
_RICH = _element(
    "RichTextBlock",
    ["inlines"],
    {"inlines": {"type": "array", "minItems": 1, "items": _RUN}, "separator": {"type": "boolean"}},
)
_CONTAINER = _element(
    "Container",
    ["items"],
    {
        "items": {"type": "array", "minItems": 1, "items": _RICH},
        "style": {"enum": ["default", "emphasis", "good", "attention", "warning", "accent"]},
        "bleed": {"type": "boolean"},
    },
)
_CARD = _element(
    "AdaptiveCard",
    ["version", "body"],
    {
        "$schema": {"const": "http://adaptivecards.io/schemas/adaptive-card.json"},
        "version": {"const": "1.4"},
        "msteams": {"const": {"width": "Full"}},
        "body": {"type": "array", "minItems": 1, "items": {"oneOf": [_RICH, _CONTAINER]}},
    },
)
SCHEMA = {
    "type": "object",
    "additionalProperties": False,
    "required": ["type", "attachments"],
    "properties": {
        "type": {"const": "message"},
        "attachments": {
            "type": "array",
            "minItems": 1,
            "items": {
                "type": "object",
                "additionalProperties": False,
                "required": ["contentType", "content"],
                "properties": {
                    "contentType": {"const": "application/vnd.microsoft.card.adaptive"},
                    "contentUrl": {"type": "null"},
                    "content": _CARD,
                },
            },
        },
    },
}
Draft202012Validator.check_schema(SCHEMA)


class FakeTeams(HttpServer):
    """Answers 202, or ``instead``."""

    def __init__(self) -> None:
        super().__init__()
        self.instead: Answer | None = None
        self.taken: list[dict[str, Any]] = []
        self.unexpected: list[str] = []

    def answer(self, request: Request) -> Answer:
        """Return the answer of Power Automate."""
        if request.method != "POST" or request.path != PATH:
            self.unexpected.append(f"{request.method} {request.path}")
            return Answer(404)
        if request.headers.get("content-type") != "application/json; charset=utf-8":
            self.unexpected.append(f"content type {request.headers.get('content-type')}")
        if not re.fullmatch(r"mg-[0-9a-f]{32}", request.headers.get("x-ms-client-tracking-id", "")):
            self.unexpected.append("no tracking id")
        if len(request.body) > LIMIT_BYTES:
            self.unexpected.append(f"{len(request.body)} bytes")
        errors = Draft202012Validator(SCHEMA).iter_errors(request.json)
        self.unexpected += [f"{'/'.join(map(str, error.path))}: {error.message[:200]}" for error in errors]
        if self.instead is not None:
            return self.instead
        self.taken.append(request.json)
        return Answer(202, {"x-ms-workflow-run-id": RUN}, b"")


def shown(payload: dict[str, Any]) -> list[str]:
    """What a person reads, line by line."""
    lines = []
    for element in payload["attachments"][0]["content"]["body"]:
        blocks = element.get("items", [element])
        lines += ["".join(run["text"] for run in block["inlines"]) for block in blocks]
    return lines


@contextmanager
def fake_teams() -> Iterator[FakeTeams]:
    """Give a fake workflow; anything unexpected that it was asked fails the test at the end."""
    teams = FakeTeams()
    with teams.serving():
        yield teams
    assert teams.unexpected == []
