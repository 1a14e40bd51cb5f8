"""A fake Twilio: takes messages and calls as its documentation says, and fails the test on anything unexpected.

It calls back as Twilio does: with what became of a message, with what people write, with the digits that they press.
What it sends is signed, by its own reading of the documentation, not by Twilio's package:
https://www.twilio.com/docs/usage/security#validating-requests

Sources: https://www.twilio.com/docs/messaging/api/message-resource#create-a-message,
https://www.twilio.com/docs/voice/api/call-resource#create-a-call-resource,
https://www.twilio.com/docs/iam/api/account#fetch-an-account-resource
"""

import base64
import hashlib
import hmac
import json
import re
import xml.etree.ElementTree as ET
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from urllib.parse import parse_qs, quote

import httpx

from tests.support.http import Answer, HttpServer, Request
from tests.support.patience import PATIENCE_S

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
    "Hangup": set(),
    "Message": {"to", "from", "action", "method", "statusCallback"},
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
        self.made: dict[str, dict[str, str]] = {}
        """By sid: the fields of what was made."""
        self.statuses: dict[str, tuple[str, int | None]] = {}
        """By sid: what it says when it is asked."""
        self.asked: list[str] = []
        self.user = ACCOUNT
        self.token = TOKEN
        """With which it signs."""
        self.way = ("", "")
        """The public address that it knows, and where that leads to."""
        self.account_status = "active"
        self.errors: dict[str, tuple[int, int]] = {}
        self.headers: dict[str, str] = {}
        self.unexpected: list[str] = []

    def answer(self, request: Request) -> Answer:
        """Return Twilio's answer."""
        expected = "Basic " + base64.b64encode(f"{self.user}:{TOKEN}".encode()).decode()
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
        fetched = re.fullmatch(rf"{_PATH}/(?:Messages/(SM\w+)|Calls/(CA\w+))\.json", request.path)
        if request.method == "GET" and fetched:
            return self._fetch(fetched[1] or fetched[2])
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
        callback = fields.get("StatusCallback", "https://x")
        if not re.match(r"https?://[^\s/_]+", callback):
            return _error(400, 21609, "Invalid StatusCallback")
        self.sent.append((to, body))
        sid = f"SM{len(self.sent):032x}"
        self.made[sid] = fields
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
        self.made[f"CA{len(self.calls):032x}"] = fields
        made: dict[str, object] = {
            "sid": f"CA{len(self.calls):032x}",
            "account_sid": ACCOUNT,
            "to": to,
            "from": fields["From"],
        }
        made |= {"status": "queued", "direction": "outbound-api", "duration": None}
        return Answer(201, {"Content-Type": "application/json"}, json.dumps(made).encode())

    def _fetch(self, sid: str) -> Answer:
        self.asked.append(sid)
        if sid not in self.made:
            return _error(404, 20404, "The requested resource was not found")
        status, code = self.statuses.get(sid, ("queued", None))
        found = {"sid": sid, "account_sid": ACCOUNT, "to": self.made[sid]["To"], "status": status, "error_code": code}
        return Answer(200, {"Content-Type": "application/json"}, json.dumps(found).encode())

    def report(self, sid: str, status: str, code: int | None = None, **more: str) -> httpx.Response:
        """Say what became of a message or call, to the address that was given with it."""
        fields = self.made[sid]
        self.statuses[sid] = (status, code)
        said = {
            "AccountSid": ACCOUNT,
            "ApiVersion": "2010-04-01",
            "To": fields["To"],
            "From": fields.get("From", SENDER),
        }
        if sid.startswith("CA"):
            said |= {"CallSid": sid, "CallStatus": status, "Direction": "outbound-api", "SequenceNumber": "0"}
        else:
            said |= {"MessageSid": sid, "SmsSid": sid, "MessageStatus": status, "SmsStatus": status}
        said |= {} if code is None else {"ErrorCode": str(code)}
        return self.post(fields["StatusCallback"], said | more)

    def write(self, url: str, sender: str, text: str, sid: str = "SM" + "f" * 32) -> str:
        """Have somebody write a text message; return what that person is answered, empty when nothing."""
        said = {"MessageSid": sid, "AccountSid": ACCOUNT, "From": sender, "To": SENDER, "Body": text, "NumMedia": "0"}
        answer = self.post(url, said | {"FromCity": "", "FromCountry": "GB"})
        assert answer.status_code == 200, answer.text
        root = self._twiml(answer)
        return "\n".join(verb.text or "" for verb in root if verb.tag == "Message")

    def press(self, sid: str, digits: str, twiml: str | None = None) -> str:
        """Have the called person press digits; return the TwiML that follows.

        ``twiml``: of the moment; by default that with which the call was made.
        """
        fields = self.made[sid]
        gather = ET.fromstring(fields["Twiml"] if twiml is None else twiml).find("Gather")  # noqa: S314 - our own
        assert gather is not None, "nobody listens to digits"
        said = {"CallSid": sid, "AccountSid": ACCOUNT, "To": fields["To"], "From": SENDER, "Digits": digits}
        said |= {"Called": fields["To"], "Caller": SENDER, "CallStatus": "in-progress", "msg": "Gather End"}
        answer = self.post(gather.attrib["action"], said)
        assert answer.status_code == 200, answer.text
        self._twiml(answer)
        return answer.text

    def post(self, url: str, said: Mapping[str, str], signature: str | None = None) -> httpx.Response:
        """Post a form, signed."""
        headers = {"X-Twilio-Signature": self.sign(url, said) if signature is None else signature}
        return httpx.post(url.replace(*self.way), data=dict(said), headers=headers, trust_env=False, timeout=PATIENCE_S)

    def sign(self, url: str, said: Mapping[str, str]) -> str:
        """Return the signature of a form."""
        text = url + "".join(f"{name}{said[name]}" for name in sorted(said))
        return base64.b64encode(hmac.new(self.token.encode(), text.encode(), hashlib.sha1).digest()).decode()

    def _twiml(self, answer: httpx.Response) -> ET.Element:
        self.unexpected += _wrong_twiml(answer.text)
        if answer.headers["Content-Type"].partition(";")[0] not in {"text/xml", "application/xml"}:
            self.unexpected.append("12300 invalid Content-Type")
        return ET.fromstring(answer.text)  # noqa: S314 - our own


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
