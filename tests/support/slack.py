"""A fake Slack: the Web API for a bot, and an incoming webhook. Fails the test on anything unexpected.

Sources: https://docs.slack.dev/reference/methods/chat.postMessage, .../chat.update, .../auth.test,
https://docs.slack.dev/reference/block-kit/blocks, https://docs.slack.dev/legacy/legacy-messaging (attachments),
https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from jsonschema import Draft202012Validator

from tests.support.http import Answer, HttpServer, Request

TOKEN = "xoxb-hunter2-slack"
HOOK = "/services/T0AAAAAAA/B0AAAAAAA/hunter2"
CHANNELS = {"C0ALERTS": "C0ALERTS", "#alerts": "C0ALERTS", "C0OTHER": "C0OTHER", "U0PERSON": "D0PERSON"}

_TEXT = {
    "type": "object",
    "additionalProperties": False,
    "required": ["type", "text"],
    "properties": {
        "type": {"const": "mrkdwn"},
        "text": {"type": "string", "minLength": 1, "maxLength": 3000},
        "verbatim": {"type": "boolean"},
    },
}
_BLOCK = {
    "oneOf": [
        {
            "type": "object",
            "additionalProperties": False,
            "required": ["type", "text"],
            "properties": {"type": {"const": "section"}, "text": _TEXT},
        },
        {
            "type": "object",
            "additionalProperties": False,
            "required": ["type", "elements"],
            "properties": {
                "type": {"const": "context"},
                "elements": {"type": "array", "minItems": 1, "maxItems": 10, "items": _TEXT},
            },
        },
    ]
}
_SHOWN: dict[str, Any] = {
    "text": {"type": "string", "minLength": 1, "maxLength": 40_000},
    "attachments": {
        "type": "array",
        "maxItems": 100,
        "items": {
            "type": "object",
            "additionalProperties": False,
            "required": ["blocks"],
            "properties": {
                "color": {"type": "string", "pattern": "^#[0-9a-f]{6}$"},
                "fallback": {"type": "string"},
                "blocks": {"type": "array", "minItems": 1, "maxItems": 50, "items": _BLOCK},
            },
        },
    },
}
_UNFURL = {"unfurl_links": {"const": False}, "unfurl_media": {"const": False}}
_CHANNEL = {"type": "string", "minLength": 1}
_TS = {"type": "string", "pattern": r"^\d{10}\.\d{6}$"}


def _closed(required: list[str], properties: dict[str, Any]) -> Draft202012Validator:
    schema = {"type": "object", "additionalProperties": False, "required": required, "properties": properties}
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema)


WEBHOOK_SCHEMA = _closed(["text"], {**_SHOWN, **_UNFURL})
METHODS = {
    "/api/chat.postMessage": _closed(
        ["channel", "text", "unfurl_links", "unfurl_media"],
        {
            **_SHOWN,
            **_UNFURL,
            "channel": _CHANNEL,
            "client_msg_id": {"type": "string", "pattern": "^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$"},
            "parse": {"enum": ["none", "full"]},
            "thread_ts": _TS,
            "reply_broadcast": {"type": "boolean"},
        },
    ),
    "/api/chat.update": _closed(
        ["channel", "ts"],
        {**_SHOWN, "channel": {"type": "string", "pattern": "^[CDG]"}, "ts": _TS, "parse": {"enum": ["none", "full"]}},
    ),
    "/api/auth.test": _closed([], {}),
}


def problems(schema: Draft202012Validator, body: object) -> list[str]:
    """Return how ``body`` breaks the schema."""
    return [f"{'/'.join(map(str, error.path))}: {error.message[:200]}" for error in schema.iter_errors(body)]


class FakeSlack(HttpServer):
    """Keeps messages by channel and time; ``errors`` maps a method or a channel to an answer to give instead."""

    def __init__(self) -> None:
        super().__init__()
        self.messages: dict[tuple[str, str], dict[str, Any]] = {}
        self.errors: dict[str, Answer] = {}
        self.methods: list[str] = []
        self.unexpected: list[str] = []
        self._by_client_id: dict[str, tuple[str, str]] = {}

    @property
    def replies(self) -> list[dict[str, Any]]:
        """Messages in threads, in order."""
        return [message for message in self.messages.values() if "thread_ts" in message]

    def answer(self, request: Request) -> Answer:
        """Return Slack's answer."""
        schema = METHODS.get(request.path)
        if schema is None or request.method != "POST":
            self.unexpected.append(f"{request.method} {request.path}")
            return refusal("unknown_method")
        method = request.path.rpartition("/")[2]
        self.methods.append(method)
        if request.headers.get("content-type") != "application/json; charset=utf-8":
            self.unexpected.append(f"content type {request.headers.get('content-type')}")
        if request.headers.get("authorization") != f"Bearer {TOKEN}":
            return refusal("invalid_auth")
        body = request.json
        self.unexpected += [f"{method}: {problem}" for problem in problems(schema, body)]
        for key in (method, f"{method} {body.get('thread_ts')}", str(body.get("channel"))):
            if key in self.errors:
                return self.errors[key]
        return getattr(self, f"_{method.replace('.', '_')}")(body)  # type: ignore[no-any-return]

    def _auth_test(self, body: dict[str, Any]) -> Answer:
        return good(
            url="https://example.slack.com/", team="T", user="makegood", team_id="T0", user_id="U0", bot_id="B0"
        )

    def _chat_postMessage(self, body: dict[str, Any]) -> Answer:
        channel = CHANNELS.get(body["channel"], body["channel"] if body["channel"] in CHANNELS.values() else "")
        if not channel:
            return refusal("channel_not_found")
        if "thread_ts" in body and (channel, body["thread_ts"]) not in self.messages:
            return refusal("thread_not_found")
        place = self._by_client_id.setdefault(body["client_msg_id"], (channel, f"1424520000.{len(self.messages):06d}"))
        self.messages.setdefault(place, body)
        return good(channel=place[0], ts=place[1], message={"type": "message", "ts": place[1]})

    def _chat_update(self, body: dict[str, Any]) -> Answer:
        place = (body["channel"], body["ts"])
        if place not in self.messages:
            return refusal("message_not_found")
        self.messages[place] = {**self.messages[place], **body}
        return good(channel=place[0], ts=place[1], text=body["text"])


class FakeHook(HttpServer):
    """An incoming webhook: ``ok``, or ``instead``."""

    def __init__(self) -> None:
        super().__init__()
        self.instead: Answer | None = None
        self.taken: list[dict[str, Any]] = []
        self.unexpected: list[str] = []

    def answer(self, request: Request) -> Answer:
        """Return Slack's answer."""
        if request.method != "POST" or request.path != HOOK:
            self.unexpected.append(f"{request.method} {request.path}")
            return Answer(404, {"Content-Type": "text/html"}, b"no_service")
        self.unexpected += problems(WEBHOOK_SCHEMA, request.json)
        if not (request.headers.get("content-type") or "").startswith("application/json"):
            self.unexpected.append(f"content type {request.headers.get('content-type')}")
        if self.instead is not None:
            return self.instead
        self.taken.append(request.json)
        return Answer(200, {"Content-Type": "text/html"}, b"ok")


def good(**said: Any) -> Answer:
    """Return what Slack says of a success."""
    return Answer(200, {"Content-Type": "application/json"}, json.dumps({"ok": True, **said}).encode())


def refusal(code: str, status: int = 200, **headers: str) -> Answer:
    """Return what Slack says of an error."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Answer(
        status, {"Content-Type": "application/json", **named}, json.dumps({"ok": False, "error": code}).encode()
    )


@contextmanager
def fake_slack() -> Iterator[FakeSlack]:
    """Give a fake Slack; anything unexpected that it was asked fails the test at the end."""
    slack = FakeSlack()
    with slack.serving():
        yield slack
    assert slack.unexpected == []


@contextmanager
def fake_hook() -> Iterator[FakeHook]:
    """Give a fake incoming webhook; anything unexpected that it was asked fails the test at the end."""
    hook = FakeHook()
    with hook.serving():
        yield hook
    assert hook.unexpected == []
