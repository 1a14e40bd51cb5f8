import json
from typing import Any

import pytest

from sinks.channels.pagerduty import (
    MAX_EVENT_BYTES,
    PagerDutyChannel,
    PagerDutySettings,
    event,
    fitted,
    incident_key,
)
from sinks.contract import DeliveryError, Message, Reason, Receipt
from tests.support.alerts import START_US, change
from tests.support.golden import check_golden
from tests.support.incident_messages import GOLDEN_MESSAGES, THREAD, firing, told
from tests.support.pagerduty import MAX_BYTES, ROUTING_KEY, FakePagerDuty, fake_pagerduty
from tests.support.patience import PATIENCE_S


@pytest.fixture(autouse=True)
def _key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MG_TEST_KEY", ROUTING_KEY)


def settings(**more: Any) -> PagerDutySettings:
    return PagerDutySettings.model_validate({"type": "pagerduty", "routing_key": {"env": "MG_TEST_KEY"}, **more})


def send(provider: FakePagerDuty, message: Message, **more: Any) -> Receipt:
    channel = PagerDutyChannel("pager", settings(base_url=provider.url, **more))
    (receipt,) = channel.send(message, channel.recipients, PATIENCE_S)
    channel.close()
    return receipt


@pytest.mark.parametrize("case", sorted(GOLDEN_MESSAGES))
def test_what_goes_out_is_the_golden_event(case: str) -> None:
    with fake_pagerduty() as provider:
        send(provider, GOLDEN_MESSAGES[case])
    (sent,) = provider.events
    assert sent.pop("routing_key") == ROUTING_KEY
    check_golden(f"pagerduty/{case}", sent)


def test_a_thread_is_one_incident_that_its_end_closes() -> None:
    with fake_pagerduty() as provider:
        receipt = send(provider, GOLDEN_MESSAGES["firing"])
        assert (receipt.outcome, receipt.provider_id) == ("accepted", THREAD)
        send(provider, GOLDEN_MESSAGES["several"])
        assert provider.open == {THREAD}
        send(provider, GOLDEN_MESSAGES["resolved"])
    assert provider.open == set()
    assert [one["event_action"] for one in provider.events] == ["trigger", "trigger", "resolve"]


def test_a_notification_without_a_thread_goes_by_its_key_and_a_long_one_stays_within_255() -> None:
    assert incident_key(told(firing(), thread="")) == "mg-0123456789abcdef0123456789abcdef"
    assert len(incident_key(told(firing(), thread="t" * 400))) <= 255


def test_the_gravest_alert_that_fires_gives_the_severity() -> None:
    def severity(*alerts: Any, **more: Any) -> str:
        return str(event(told(*alerts), settings(**more))["payload"]["severity"])

    ended = change(step="resolved", severity="critical", at_us=START_US + 1)
    assert severity(ended, change("B", severity="info"), change("C", severity="warning")) == "warning"
    assert severity(ended) == "critical"
    assert severity(change(severity="page")) == "error"
    assert severity(change(severity="page"), default_severity="info") == "info"
    assert severity(change(severity="page"), severities={"page": "critical"}) == "critical"


def test_the_region_chooses_the_address() -> None:
    assert PagerDutyChannel("p", settings()).recipients == ("events.pagerduty.com",)
    assert PagerDutyChannel("p", settings(region="eu")).recipients == ("events.eu.pagerduty.com",)


@pytest.mark.parametrize(("number", "length"), [(2000, 200), (1, 600_000), (40, 20_000), (1, 900_000)])
def test_an_event_is_within_the_limit_and_says_how_many_alerts_it_left_out(number: int, length: int) -> None:
    alerts = [change(f"Alert{n}", summary="ä" * length, severity="critical") for n in range(number)]
    with fake_pagerduty() as provider:
        send(provider, told(*alerts))
        assert len(provider.requests[0].body) <= MAX_EVENT_BYTES <= MAX_BYTES
    details = provider.events[0]["payload"]["custom_details"]
    assert details["alerts_left_out"] == number - len(details["alerts"])
    assert details["key"]


def test_an_event_just_within_the_limit_goes_out_whole() -> None:
    made = event(told(firing()), settings())
    made["payload"]["custom_details"]["text"] = ""
    spare = MAX_EVENT_BYTES - len(fitted(made))
    made["payload"]["custom_details"]["text"] = "x" * spare
    assert len(fitted(made)) == MAX_EVENT_BYTES
    assert json.loads(fitted(made)) == made
    made["payload"]["custom_details"]["text"] = "x" * (spare + 1)
    assert len(fitted(made)) <= MAX_EVENT_BYTES


def test_an_event_that_cannot_be_made_to_fit_is_refused_here() -> None:
    made = event(told(firing()), settings())
    made["payload"]["custom_details"]["notes"] = ["x" * MAX_EVENT_BYTES]
    with pytest.raises(DeliveryError, match="512000"):
        fitted(made)


def test_a_refused_routing_key_is_a_matter_of_the_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MG_TEST_KEY", "hunter2-wrong")
    with fake_pagerduty() as provider, pytest.raises(DeliveryError, match="refused the routing key") as caught:
        send(provider, GOLDEN_MESSAGES["firing"])
    assert (caught.value.failure.reason, caught.value.failure.permanent) == (Reason.AUTH, True)
    assert provider.events == []


def test_the_fake_refuses_what_pagerduty_would() -> None:
    provider = FakePagerDuty()
    channel = PagerDutyChannel("pager", settings(base_url=provider.url))
    channel._url += "?x=1"
    with provider.serving(), pytest.raises(DeliveryError, match="HTTP 400"):
        channel.send(GOLDEN_MESSAGES["firing"], channel.recipients, PATIENCE_S)
    assert provider.unexpected == ["unknown: POST /v2/enqueue?x=1"]
