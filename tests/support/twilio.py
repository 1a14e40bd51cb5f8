"""A fake Twilio: takes messages as its documentation says, and fails the test on anything unexpected.

Source: https://www.twilio.com/docs/messaging/api/message-resource#create-a-message
"""

import base64
import json
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import parse_qs

from tests.support.http import Answer, HttpServer, Request

ACCOUNT = "AC" + "0123456789abcdef" * 2
TOKEN = "hunter2-twilio"
SENDER = "+15005550006"
_FIELDS = {"To", "From", "MessagingServiceSid", "Body", "StatusCallback"}


class FakeTwilio(HttpServer):
    """Answers 201 with a queued message; ``errors`` maps a recipient to (HTTP status, Twilio's code)."""

    def __init__(self) -> None:
        super().__init__()
        self.sent: list[tuple[str, str]] = []
        self.errors: dict[str, tuple[int, int]] = {}
        self.headers: dict[str, str] = {}
        self.unexpected: list[str] = []

    def answer(self, request: Request) -> Answer:
        """Return Twilio's answer."""
        expected = "Basic " + base64.b64encode(f"{ACCOUNT}:{TOKEN}".encode()).decode()
        if request.headers.get("authorization") != expected:
            return _error(401, 20003, "Authentication Error - invalid username")
        if request.method != "POST" or request.path != f"/2010-04-01/Accounts/{ACCOUNT}/Messages.json":
            self.unexpected.append(f"{request.method} {request.path}")
            return _error(404, 20404, "The requested resource was not found")
        fields = {name: values[0] for name, values in parse_qs(request.body.decode()).items()}
        if not set(fields) <= _FIELDS:
            self.unexpected.append(f"fields {sorted(set(fields) - _FIELDS)}")
        to, body = fields.get("To", ""), fields.get("Body", "")
        if to in self.errors:
            status, code = self.errors[to]
            return _error(status, code, f"About '{to}'", self.headers)
        refused = [
            (not body, 21602, "Message body is required."),
            (len(body) > 1600, 21617, "The concatenated message body exceeds the 1600 character limit."),
            (not {"From", "MessagingServiceSid"} & set(fields), 21603, "A 'From' phone number is required."),
        ]
        for wrong, code, text in refused:
            if wrong:
                return _error(400, code, text)
        self.sent.append((to, body))
        sid = f"SM{len(self.sent):032x}"
        made = {"sid": sid, "account_sid": ACCOUNT, "to": to, "from": fields.get("From"), "body": body}
        made |= {"status": "queued", "error_code": None, "error_message": None, "num_segments": "1"}
        return Answer(201, {"Content-Type": "application/json"}, json.dumps(made).encode())


def _error(status: int, code: int, text: str, headers: dict[str, str] | None = None) -> Answer:
    body = {"code": code, "message": text, "more_info": f"https://www.twilio.com/docs/errors/{code}", "status": status}
    return Answer(status, {"Content-Type": "application/json", **(headers or {})}, json.dumps(body).encode())


@contextmanager
def fake_twilio() -> Iterator[FakeTwilio]:
    """Give a fake Twilio; anything unexpected that it was asked fails the test at the end."""
    twilio = FakeTwilio()
    with twilio.serving():
        yield twilio
    assert twilio.unexpected == []
