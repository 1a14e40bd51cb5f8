"""How the contract suite builds each channel: against a far side that works, that refuses connections, or swallows.

A channel without an entry here, and one over HTTP without an entry in ``http_cases``, makes the suite fail.
"""

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import unquote_plus

import pytest

from tests.support.alertmanager_fake import TOKEN as ALERTMANAGER_TOKEN
from tests.support.alertmanager_fake import fake_alertmanager
from tests.support.http import HttpServer, black_hole, http_server, refused_port
from tests.support.kafka import Broker, BrokerUnavailable, shared_broker
from tests.support.kafka_records import records
from tests.support.opsgenie import API_KEY, fake_opsgenie
from tests.support.pagerduty import ROUTING_KEY, fake_pagerduty
from tests.support.slack import HOOK, fake_hook, fake_slack
from tests.support.slack import TOKEN as SLACK_TOKEN
from tests.support.smtp import PASSWORD, USER, certificate, smtp_server
from tests.support.teams import PATH as TEAMS_PATH
from tests.support.teams import fake_teams
from tests.support.twilio import ACCOUNT, SENDER, fake_twilio
from tests.support.twilio import TOKEN as TWILIO_TOKEN

SECRETS = {
    "MG_TEST_SECRET": "hunter2-contract",
    "MG_TEST_SMTP": PASSWORD,
    "MG_TEST_TWILIO": TWILIO_TOKEN,
    "MG_TEST_PAGERDUTY": ROUTING_KEY,
    "MG_TEST_OPSGENIE": API_KEY,
    "MG_TEST_ALERTMANAGER": ALERTMANAGER_TOKEN,
    "MG_TEST_SLACK": SLACK_TOKEN,
}
"""In the environment while the suite runs; each has ``hunter2`` in it where its form allows."""


class Built(NamedTuple):
    """A channel's entry in the settings, and what has arrived at its far side.

    Attributes:
        arrived: how many messages. seen: all that came in, as text; headers too.
    """

    entry: dict[str, Any]
    arrived: Callable[[], int] = lambda: 0
    seen: Callable[[], str] = lambda: ""


class Case:
    """What a builder works with: a folder, the environment, and things to close at the end."""

    def __init__(self, tmp_path: Path, stack: ExitStack, monkeypatch: pytest.MonkeyPatch) -> None:
        self.tmp_path = tmp_path
        self.stack = stack
        self.monkeypatch = monkeypatch
        for name, value in SECRETS.items():
            monkeypatch.setenv(name, value)

    def broken(self, fault: str) -> str:
        """Return ``127.0.0.1:port`` where connections are ``refused``, or anything is ``swallowed``."""
        port = self.stack.enter_context(refused_port() if fault == "refused" else black_hole())
        return f"127.0.0.1:{port}"


def _requests(*servers: HttpServer) -> Callable[[], str]:
    def seen() -> str:
        parts = [[one.path, *one.headers.values(), one.body.decode()] for far in servers for one in far.requests]
        return "\n".join(f"{text}\n{unquote_plus(text)}" for part in parts for text in part)

    return seen


def console(case: Case, fault: str) -> Built:
    return Built({"type": "console"}, lambda: 1)


def file(case: Case, fault: str) -> Built:
    path = case.tmp_path / "out" / "alerts.jsonl"
    if fault:
        path.mkdir(parents=True)
    return Built({"type": "file", "path": path}, lambda: len(path.read_text().splitlines()), path.read_text)


def email(case: Case, fault: str) -> Built:
    base = {"type": "email", "host": "127.0.0.1", "sender": "a@b.c", "to": ["d@e.f", "g@h.i"]}
    if fault:
        port = int(case.broken(fault).rpartition(":")[2])
        return Built({**base, "security": "none", "port": port})
    cert = certificate(case.tmp_path)
    inbox, port = case.stack.enter_context(smtp_server(cert=cert, auth=True))
    login = {"username": USER, "password": {"env": "MG_TEST_SMTP"}, "ca_file": cert[0]}

    def seen() -> str:
        bodies = [mail.get_body((kind,)) for _to, mail in inbox.mails for kind in ("plain", "html")]
        return "\n".join([*map(str, inbox.mails), *(body.get_content() for body in bodies if body is not None)])

    return Built({**base, **login, "port": port}, lambda: sum(len(to) for to, _mail in inbox.mails), seen)


def kafka(case: Case, fault: str) -> Built:
    # The password is of no use without SASL: it is there to be missing.
    base = {"type": "kafka", "properties": {"sasl.password": {"env": "MG_TEST_SECRET"}}}
    if fault:
        return Built({**base, "bootstrap": case.broken(fault), "topic": "t"})
    broker = _broker()
    topic = broker.create_topic()
    entry = {**base, "bootstrap": broker.bootstrap, "topic": topic}

    def seen() -> str:
        return "\n".join(f"{(one.value() or b'').decode()} {one.headers()}" for one in records(broker, topic))

    return Built(entry, lambda: broker.end_offset(topic, 0), seen)


def _broker() -> Broker:
    try:
        return shared_broker().ensure_running()
    except BrokerUnavailable as why:
        pytest.skip(str(why))


def apprise(case: Case, fault: str) -> Built:
    names = ["one", "two"]
    entry = {"type": "apprise", "urls": {name: {"env": f"MG_TEST_APPRISE_{name.upper()}"} for name in names}}
    far = None if fault else case.stack.enter_context(http_server())
    place = case.broken(fault) if far is None else far.url.removeprefix("http://")
    for name in names:
        case.monkeypatch.setenv(f"MG_TEST_APPRISE_{name.upper()}", f"json://user:hunter2-apprise@{place}/{name}")
    return Built(entry) if far is None else Built(entry, lambda: len(far.requests), _requests(far))


def webhook(case: Case, fault: str) -> Built:
    secret = {"env": "MG_TEST_SECRET"}
    base = {"type": "webhook", "signing_secret": secret, "bearer_token": secret}
    if fault:
        return Built({**base, "url": f"http://{case.broken(fault)}"})
    far = case.stack.enter_context(http_server())
    return Built({**base, "url": far.url}, lambda: len(far.requests), _requests(far))


def alertmanager(case: Case, fault: str) -> Built:
    base = {"type": "alertmanager", "bearer_token": {"env": "MG_TEST_ALERTMANAGER"}}
    if fault:
        return Built({**base, "urls": [f"http://{case.broken(fault)}" for _ in range(2)]})
    cluster = [case.stack.enter_context(fake_alertmanager(f"Bearer {ALERTMANAGER_TOKEN}")) for _ in range(2)]
    entry = {**base, "urls": [one.url for one in cluster]}
    return Built(entry, lambda: sum(len(one.posted) for one in cluster), _requests(*cluster))


def _based(
    fake: Callable[[], Any], count: Callable[[Any], int], base: Mapping[str, Any], case: Case, fault: str
) -> Built:
    """Build a channel whose far side is told by ``base_url``."""
    if fault:
        return Built({**base, "base_url": f"http://{case.broken(fault)}"})
    far = case.stack.enter_context(fake())
    return Built({**base, "base_url": far.url}, lambda: count(far), _requests(far))


def pagerduty(case: Case, fault: str) -> Built:
    base = {"type": "pagerduty", "routing_key": {"env": "MG_TEST_PAGERDUTY"}}
    return _based(fake_pagerduty, lambda far: len(far.events), base, case, fault)


def opsgenie(case: Case, fault: str) -> Built:
    base = {"type": "opsgenie", "api_key": {"env": "MG_TEST_OPSGENIE"}}
    return _based(fake_opsgenie, lambda far: len(far.taken), base, case, fault)


def slack(case: Case, fault: str) -> Built:
    base = {"type": "slack", "token": {"env": "MG_TEST_SLACK"}, "to": ["C0ALERTS", "C0OTHER"]}
    return _based(fake_slack, lambda far: len(far.messages), base, case, fault)


_TWILIO = {"account_sid": ACCOUNT, "auth_token": {"env": "MG_TEST_TWILIO"}, "sender": SENDER}
_NUMBERS = {"to": ["+15005550001", "+15005550002"]}


def sms_twilio(case: Case, fault: str) -> Built:
    return _based(fake_twilio, lambda far: len(far.sent), {"type": "sms_twilio", **_TWILIO, **_NUMBERS}, case, fault)


def voice_twilio(case: Case, fault: str) -> Built:
    return _based(fake_twilio, lambda far: len(far.calls), {"type": "voice_twilio", **_TWILIO, **_NUMBERS}, case, fault)


def _hooked(fake: Callable[[], Any], path: str, kind: str, case: Case, fault: str) -> Built:
    """Build a channel whose address is a secret."""
    entry = {"type": kind, "url_secret": {"env": "MG_TEST_HOOK"}}
    far = None if fault else case.stack.enter_context(fake())
    case.monkeypatch.setenv("MG_TEST_HOOK", (f"http://{case.broken(fault)}" if far is None else far.url) + path)
    return Built(entry) if far is None else Built(entry, lambda: len(far.taken), _requests(far))


def slack_webhook(case: Case, fault: str) -> Built:
    return _hooked(fake_hook, HOOK, "slack_webhook", case, fault)


def teams(case: Case, fault: str) -> Built:
    return _hooked(fake_teams, TEAMS_PATH, "teams", case, fault)


_ALL = (alertmanager, apprise, console, email, file, kafka, opsgenie, pagerduty, slack, slack_webhook, sms_twilio)
CASES: Mapping[str, Callable[[Case, str], Built]] = {
    build.__name__: build for build in (*_ALL, teams, voice_twilio, webhook)
}
CANNOT_FAIL = {"console": "prints to a stream that is there", "file": "has no far side; its faults are its own tests"}
UNSEEN = {"console": "prints to the terminal; its own test reads it"}
"""Channels whose far side shows the suite nothing, and why."""
NO_PLACE_FOR_THE_KEY = {"voice_twilio": "a key is nothing to read aloud; it is in `ack_url`, where there is one"}


def shown_key(name: str, key: str) -> str:
    """Return how a channel shows the idempotency key."""
    return f"ref {key[:15]}" if name in {"sms_twilio", "apprise"} else key
