"""How the contract suite builds the channels kafka, apprise and voice_twilio: against a far side that works, or not."""

from collections.abc import Callable
from contextlib import ExitStack
from typing import Any, Protocol

import pytest

from tests.support.http import http_server
from tests.support.kafka import Broker, BrokerUnavailable, shared_broker
from tests.support.twilio import ACCOUNT, SENDER, fake_twilio


class Case(Protocol):
    """What the suite hands over."""

    stack: ExitStack

    def port(self, fault: str) -> int: ...


Built = tuple[dict[str, Any], Callable[[], int]]
"""The channel's entry in the settings, and how many messages have arrived."""


def apprise(case: Case, fault: str) -> Built:
    names = ["one", "two"]
    entry = {"type": "apprise", "urls": {name: {"env": f"MG_TEST_APPRISE_{name.upper()}"} for name in names}}
    if fault:
        place, arrived = f"127.0.0.1:{case.port(fault)}", lambda: 0
    else:
        server = case.stack.enter_context(http_server())
        place, arrived = server.url.removeprefix("http://"), lambda: len(server.requests)
    patch = case.stack.enter_context(pytest.MonkeyPatch.context())
    for name in names:
        patch.setenv(f"MG_TEST_APPRISE_{name.upper()}", f"json://user:hunter2-apprise@{place}/{name}")
    return entry, arrived


def kafka(case: Case, fault: str) -> Built:
    # The password is of no use without SASL: it is there to be missing.
    base = {"type": "kafka", "properties": {"sasl.password": {"env": "MG_TEST_SECRET"}}}
    if fault:
        return {**base, "bootstrap": f"127.0.0.1:{case.port(fault)}", "topic": "t"}, lambda: 0
    broker = _broker()
    topic = broker.create_topic()
    return {**base, "bootstrap": broker.bootstrap, "topic": topic}, lambda: broker.end_offset(topic, 0)


def voice_twilio(case: Case, fault: str) -> Built:
    base = {"type": "voice_twilio", "account_sid": ACCOUNT, "auth_token": {"env": "MG_TEST_TWILIO"}, "sender": SENDER}
    entry: dict[str, Any] = {**base, "to": ["+15005550001", "+15005550002"]}
    if fault:
        return {**entry, "base_url": f"http://127.0.0.1:{case.port(fault)}"}, lambda: 0
    twilio = case.stack.enter_context(fake_twilio())
    return {**entry, "base_url": twilio.url}, lambda: len(twilio.calls)


def _broker() -> Broker:
    try:
        return shared_broker().ensure_running()
    except BrokerUnavailable as why:
        pytest.skip(str(why))
