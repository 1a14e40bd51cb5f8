"""A fake Twilio: takes messages and calls as its documentation says, and fails the test on anything unexpected.

Sources: https://www.twilio.com/docs/messaging/api/message-resource#create-a-message,
https://www.twilio.com/docs/voice/api/call-resource#create-a-call-resource,
https://www.twilio.com/docs/iam/api/account#fetch-an-account-resource
"""

import base64
import json
import re
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import parse_qs, quote

from tests.support.http import Answer, HttpServer, Request

ACCOUNT = "AC" + "0123456789abcdef" * 2
TOKEN = "hunter2-twilio"
SENDER = "+15005550006"
_PATH = f"/2010-04-01/Accounts/{ACCOUNT}"
_FIELDS = {"To", "From", "MessagingServiceSid", "Body", "StatusCallback"}
_CALL_FIELDS = {"To", "From", "Twiml", "Timeout", "StatusCallback"}
_NUMBER = re.compile(r"\+[1-9]\d{6,14}")
# Verbs with their attributes, https://www.twilio.com/docs/voice/twiml.
_VERBS = {
    "Response": set(),
    "Say": {"voice", "language", "loop"},
    "Pause": {"length"},
    "Gather": {"action", "method", "numDigits", "timeout", "finishOnKey", "input"},
}


class FakeTwilio(HttpServer):
    """Answers 201 with a queued message or call; ``errors`` maps a recipient to (HTTP status, Twilio's code).

    ``account_status`` is what it says when it is asked about the account.
    """

    def __init__(self) -> None:
        super().__init__()
        self.sent: list[tuple[str, str]] = []
        self.calls: list[dict[str, str]] = []
        self.account_status = "active"
        self.errors: dict[str, tuple[int, int]] = {}
        self.headers: dict[str, str] = {}
        self.unexpected: list[str] = []

    def answer(self, request: Request) -> Answer:
        """Return Twilio's answer."""
        expected = "Basic " + base64.b64encode(f"{ACCOUNT}:{TOKEN}".encode()).decode()
        if request.headers.get("authorization") != expected:
            return _error(401, 20003, "Authentication Error - invalid username")
        asked = (request.method, request.path)
        if asked == ("GET", f"{_PATH}.json"):
            account = {"sid": ACCOUNT, "status": self.account_status, "friendly_name": "Test", "type": "Full"}
            return Answer(200, {"Content-Type": "application/json"}, json.dumps(account).encode())
        if asked == ("POST", f"{_PATH}/Calls.json"):
            return self._call(request)
        if asked == ("POST", f"{_PATH}/Messages.json"):
            return self._message(request)
        self.unexpected.append(f"{request.method} {request.path}")
        return _error(404, 20404, "The requested resource was not found")

    def _message(self, request: Request) -> Answer:
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

    def _call(self, request: Request) -> Answer:
        values = parse_qs(request.body.decode(), strict_parsing=True)
        fields = {name: texts[0] for name, texts in values.items()}
        if not set(fields) <= _CALL_FIELDS or any(len(texts) != 1 for texts in values.values()):
            self.unexpected.append(f"fields {sorted(values)}")
        to, twiml = fields.get("To", ""), fields.get("Twiml", "")
        if to in self.errors:
            status, code = self.errors[to]
            return _error(status, code, f"About '{to}'", self.headers)
        ring_s = fields.get("Timeout", "60")
        callback = fields.get("StatusCallback", "https://x")
        refused = [
            (not _NUMBER.fullmatch(to), 21211, "Invalid 'To' Phone Number"),
            (fields.get("From") != SENDER, 21210, "'From' phone number not verified"),
            (not twiml, 21205, "Url parameter is required"),
            (len(twiml) > 4000, 32018, "Twiml size exceeded maximum allowed value of 4000 characters"),
            (not ring_s.isdigit() or not 0 < int(ring_s) <= 600, 21208, "Invalid Timeout"),
            (not re.match(r"https?://[^\s/_]+", callback), 21609, "Invalid StatusCallback"),
        ]
        for wrong, code, text in refused:
            if wrong:
                return _error(400, code, text)
        self.unexpected += _wrong_twiml(twiml)
        self.calls.append(fields)
        made: dict[str, object] = {
            "sid": f"CA{len(self.calls):032x}",
            "account_sid": ACCOUNT,
            "to": to,
            "from": fields["From"],
        }
        made |= {"status": "queued", "direction": "outbound-api", "duration": None}
        return Answer(201, {"Content-Type": "application/json"}, json.dumps(made).encode())


def _wrong_twiml(text: str) -> list[str]:
    try:
        root = ET.fromstring(text)  # noqa: S314 - our own
    except ET.ParseError as error:
        return [f"12100 document parse failure: {error}"]
    wrong = [f"root {root.tag}"] if root.tag != "Response" else []
    for verb in root.iter():
        if verb.tag not in _VERBS or not set(verb.attrib) <= _VERBS[verb.tag]:
            wrong.append(f"12200 schema validation: {verb.tag} {sorted(verb.attrib)}")
        if verb.tag == "Say" and not 0 < len(quote(verb.text or "")) <= 4500:
            wrong.append("13520, 13521: text of Say")
    return wrong


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
