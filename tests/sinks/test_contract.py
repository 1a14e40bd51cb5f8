"""The contract of ``sinks.contract``, over every registered channel."""

import io
import logging
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from sinks.channels import catalogue, console
from sinks.contract import CHANNELS, Channel, ChannelSettings, DeliveryError, Receipt
from tests.support import chat_cases, contract_cases
from tests.support.alertmanager_fake import TOKEN as ALERTMANAGER_TOKEN
from tests.support.alertmanager_fake import fake_alertmanager
from tests.support.http import Answer, black_hole, http_server, refused_port
from tests.support.messages import message
from tests.support.opsgenie import API_KEY, fake_opsgenie
from tests.support.pagerduty import ROUTING_KEY, fake_pagerduty
from tests.support.smtp import PASSWORD, USER, certificate, smtp_server
from tests.support.twilio import ACCOUNT, SENDER, TOKEN, fake_twilio

SECRET = "hunter2-contract"


class Case:
    """How to build a channel against a far side that works, that refuses connections, or that swallows."""

    def __init__(self, tmp_path: Path, stack: ExitStack, monkeypatch: pytest.MonkeyPatch) -> None:
        self.tmp_path = tmp_path
        self.stack = stack
        self.monkeypatch = monkeypatch

    def port(self, fault: str) -> int:
        return self.stack.enter_context(refused_port() if fault == "refused" else black_hole())


def _console(case: Case, fault: str) -> tuple[dict[str, Any], Callable[[], int]]:
    return {"type": "console"}, lambda: 1


def _file(case: Case, fault: str) -> tuple[dict[str, Any], Callable[[], int]]:
    path = case.tmp_path / "out" / "alerts.jsonl"
    if fault:
        path.mkdir(parents=True)
    return {"type": "file", "path": path}, lambda: path.read_text().count("\n")


def _webhook(case: Case, fault: str) -> tuple[dict[str, Any], Callable[[], int]]:
    more = {"signing_secret": {"env": "MG_TEST_SECRET"}, "bearer_token": {"env": "MG_TEST_SECRET"}}
    if fault:
        return {"type": "webhook", "url": f"http://127.0.0.1:{case.port(fault)}", **more}, lambda: 0
    server = case.stack.enter_context(http_server())
    return {"type": "webhook", "url": server.url, **more}, lambda: len(server.requests)


def _email(case: Case, fault: str) -> tuple[dict[str, Any], Callable[[], int]]:
    base = {"type": "email", "host": "127.0.0.1", "sender": "a@b.c", "to": ["d@e.f", "g@h.i"]}
    if fault:
        return {**base, "security": "none", "port": case.port(fault)}, lambda: 0
    cert = certificate(case.tmp_path)
    inbox, port = case.stack.enter_context(smtp_server(cert=cert, auth=True))
    login = {"username": USER, "password": {"env": "MG_TEST_SMTP"}, "ca_file": cert[0]}
    return {**base, **login, "port": port}, lambda: sum(len(to) for to, _mail in inbox.mails)


def _sms(case: Case, fault: str) -> tuple[dict[str, Any], Callable[[], int]]:
    base = {"type": "sms_twilio", "account_sid": ACCOUNT, "auth_token": {"env": "MG_TEST_TWILIO"}, "sender": SENDER}
    base["to"] = ["+15005550001", "+15005550002"]
    if fault:
        return {**base, "base_url": f"http://127.0.0.1:{case.port(fault)}"}, lambda: 0
    twilio = case.stack.enter_context(fake_twilio())
    return {**base, "base_url": twilio.url}, lambda: len(twilio.sent)


def _pagerduty(case: Case, fault: str) -> tuple[dict[str, Any], Callable[[], int]]:
    base = {"type": "pagerduty", "routing_key": {"env": "MG_TEST_PAGERDUTY"}}
    if fault:
        return {**base, "base_url": f"http://127.0.0.1:{case.port(fault)}"}, lambda: 0
    pagerduty = case.stack.enter_context(fake_pagerduty())
    return {**base, "base_url": pagerduty.url}, lambda: len(pagerduty.events)


def _opsgenie(case: Case, fault: str) -> tuple[dict[str, Any], Callable[[], int]]:
    base = {"type": "opsgenie", "api_key": {"env": "MG_TEST_OPSGENIE"}}
    if fault:
        return {**base, "base_url": f"http://127.0.0.1:{case.port(fault)}"}, lambda: 0
    opsgenie = case.stack.enter_context(fake_opsgenie())
    return {**base, "base_url": opsgenie.url}, lambda: len(opsgenie.taken)


def _alertmanager(case: Case, fault: str) -> tuple[dict[str, Any], Callable[[], int]]:
    base = {"type": "alertmanager", "bearer_token": {"env": "MG_TEST_ALERTMANAGER"}}
    if fault:
        return {**base, "urls": [f"http://127.0.0.1:{case.port(fault)}" for _ in range(2)]}, lambda: 0
    login = f"Bearer {ALERTMANAGER_TOKEN}"
    cluster = [case.stack.enter_context(fake_alertmanager(login)) for _ in range(2)]
    return {**base, "urls": [one.url for one in cluster]}, lambda: sum(len(one.posted) for one in cluster)


CASES = {"console": _console, "file": _file, "webhook": _webhook, "email": _email, "sms_twilio": _sms}
CASES |= {"pagerduty": _pagerduty, "opsgenie": _opsgenie, "alertmanager": _alertmanager}
CASES |= {"kafka": contract_cases.kafka, "voice_twilio": contract_cases.voice_twilio}
CASES |= {"apprise": contract_cases.apprise}
CASES |= {"slack": chat_cases.slack, "slack_webhook": chat_cases.slack_webhook, "teams": chat_cases.teams}
CANNOT_FAIL = {"console": "prints to a stream that is there", "file": "has no far side; its faults are its own tests"}
NAMES = CHANNELS.names()


@pytest.fixture
def case(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Case]:
    monkeypatch.setenv("MG_TEST_SECRET", SECRET)
    monkeypatch.setenv("MG_TEST_SMTP", PASSWORD)
    monkeypatch.setenv("MG_TEST_TWILIO", TOKEN)
    monkeypatch.setenv("MG_TEST_PAGERDUTY", ROUTING_KEY)
    monkeypatch.setenv("MG_TEST_OPSGENIE", API_KEY)
    monkeypatch.setenv("MG_TEST_ALERTMANAGER", ALERTMANAGER_TOKEN)
    with ExitStack() as stack:
        yield Case(tmp_path, stack, monkeypatch)


def _build(name: str, entry: dict[str, Any]) -> tuple[Channel, ChannelSettings]:
    settings = CHANNELS.settings(name).model_validate(entry)
    assert isinstance(settings, ChannelSettings)
    return CHANNELS.factory(name)("mine", settings), settings


def test_every_channel_has_a_case_and_every_case_a_channel() -> None:
    assert catalogue is not None
    assert sorted(CASES) == NAMES
    assert set(CANNOT_FAIL) <= set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_it_answers_one_receipt_for_each_recipient(name: str, case: Case) -> None:
    entry, arrived = CASES[name](case, "")
    channel, _settings = _build(name, entry)
    receipts: list[Receipt] = channel.send(message(), channel.recipients, 5)
    channel.close()
    assert channel.recipients
    assert [receipt.recipient for receipt in receipts] == list(channel.recipients)
    assert {receipt.outcome for receipt in receipts} <= {"delivered", "accepted"}
    assert arrived() == len(channel.recipients)


@pytest.mark.parametrize("name", NAMES)
def test_it_sends_only_to_the_recipients_that_it_is_given(name: str, case: Case) -> None:
    entry, arrived = CASES[name](case, "")
    channel, _settings = _build(name, entry)
    receipts = channel.send(message(), channel.recipients[:1], 5)
    channel.close()
    assert [receipt.recipient for receipt in receipts] == list(channel.recipients[:1])
    assert arrived() == 1


@pytest.mark.parametrize("fault", ["refused", "swallowed"])
@pytest.mark.parametrize("name", [name for name in NAMES if name not in CANNOT_FAIL])
def test_a_far_side_that_is_away_is_a_typed_failure_in_time(name: str, fault: str, case: Case) -> None:
    entry, _arrived = CASES[name](case, fault)
    channel, _settings = _build(name, entry)
    try:
        receipts = channel.send(message(), channel.recipients, 0.2)
        failures = [receipt.failure for receipt in receipts]
    except DeliveryError as error:
        failures = [error.failure]
    channel.close()
    for failure in failures:
        assert failure is not None
        assert not failure.permanent
        assert failure.reason in {"unreachable", "timeout"}


@pytest.mark.parametrize("fault", ["", "refused"])
@pytest.mark.parametrize("name", NAMES)
def test_no_secret_is_in_reprs_settings_logs_errors_or_receipts(
    name: str, fault: str, case: Case, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    entry, _arrived = CASES[name](case, fault)
    channel, settings = _build(name, entry)
    said = [repr(channel), repr(settings), settings.model_dump_json(), repr(vars(channel))]
    try:
        said.append(repr(channel.send(message(), channel.recipients, 0.5)))
    except DeliveryError as error:
        said += [str(error), repr(error.failure), repr(error.__cause__)]
    channel.close()
    printed = capfd.readouterr()
    for text in [*said, caplog.text, printed.out, printed.err]:
        assert "hunter2" not in text


@pytest.mark.parametrize("name", [name for name in NAMES if name not in CANNOT_FAIL])
def test_a_missing_secret_is_permanent_and_names_its_place(
    name: str, case: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry, arrived = CASES[name](case, "")
    channel, _settings = _build(name, entry)
    for variable in [name for name in os.environ if name.startswith("MG_TEST_")]:
        monkeypatch.delenv(variable)
    with pytest.raises(DeliveryError, match="MG_TEST_") as caught:
        channel.send(message(), channel.recipients, 5)
    channel.close()
    assert (caught.value.failure.reason, caught.value.failure.permanent) == ("auth", True)
    assert arrived() == 0


@pytest.mark.parametrize("name", NAMES)
def test_its_settings_are_frozen_closed_and_read_themselves_back(name: str, case: Case) -> None:
    entry, _arrived = CASES[name](case, "")
    model = CHANNELS.settings(name)
    settings = model.model_validate(entry)
    assert model.model_validate_json(settings.model_dump_json(by_alias=True)) == settings
    with pytest.raises(ValidationError, match="nonsense"):
        model.model_validate({**entry, "nonsense": 1})
    with pytest.raises(ValidationError, match="frozen"):
        settings.type = "other"


@pytest.mark.parametrize("name", NAMES)
def test_notes_and_odd_characters_go_through(name: str, case: Case) -> None:
    entry, arrived = CASES[name](case, "")
    channel, _settings = _build(name, entry)
    odd = message(summary="[red]Ünïcode 🚨 <b>\r\nBcc: x@y.z", notes=("It may have reached you already.",))
    receipts = channel.send(odd, channel.recipients, 5)
    channel.close()
    assert {receipt.outcome for receipt in receipts} <= {"delivered", "accepted"}
    assert arrived() == len(channel.recipients)


def test_the_console_shows_severity_summary_and_the_cause_of_a_failover() -> None:
    out = io.StringIO()
    channel = console.ConsoleChannel("console", console.ConsoleSettings(type="console"), out)
    channel.send(message(notes=("Sent by tier 2 because tier 1 (web) failed: timeout.",)), channel.recipients, 1)
    shown = " ".join(out.getvalue().split())
    assert "[CRITICAL] Checkout is slow" in shown
    assert "because tier 1 (web) failed: timeout." in shown
    out.close()
    with pytest.raises(DeliveryError, match="cannot print"):
        channel.send(message(), channel.recipients, 1)


def test_a_file_that_cannot_be_written_is_a_typed_failure(tmp_path: Path) -> None:
    for path, is_permanent in ((tmp_path, True), (Path("/dev/full"), False)):
        channel, _settings = _build("file", {"type": "file", "path": path})
        with pytest.raises(DeliveryError) as caught:
            channel.send(message(), channel.recipients, 1)
        assert caught.value.failure.permanent is is_permanent


def test_a_webhook_redirect_is_not_followed(tmp_path: Path) -> None:
    with http_server() as other, http_server(Answer(307, {"Location": other.url})) as server:
        channel, _settings = _build("webhook", {"type": "webhook", "url": server.url})
        with pytest.raises(DeliveryError, match="HTTP 307"):
            channel.send(message(), channel.recipients, 1)
        channel.close()
        assert other.requests == []
