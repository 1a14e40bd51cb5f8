from typing import Any

import pytest

from sinks.channels.opsgenie import OpsgenieChannel, OpsgenieSettings, created
from sinks.contract import DeliveryError, Message, Reason, Receipt
from sinks.http_answer import HttpAnswer
from sinks.opsgenie_alert import details, judge
from tests.support.alerts import START_US, change
from tests.support.golden import check_golden
from tests.support.http import Answer, http_server
from tests.support.incident_messages import GOLDEN_MESSAGES, THREAD, firing, told
from tests.support.opsgenie import API_KEY, FakeOpsgenie, fake_opsgenie
from tests.support.patience import PATIENCE_S


@pytest.fixture(autouse=True)
def _key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MG_TEST_KEY", API_KEY)


def settings(**more: Any) -> OpsgenieSettings:
    return OpsgenieSettings.model_validate({"type": "opsgenie", "api_key": {"env": "MG_TEST_KEY"}, **more})


def channel_to(url: str, **more: Any) -> OpsgenieChannel:
    return OpsgenieChannel("genie", settings(base_url=url, **more))


def send(provider: FakeOpsgenie, message: Message, **more: Any) -> Receipt:
    channel = channel_to(provider.url, **more)
    (receipt,) = channel.send(message, channel.recipients, PATIENCE_S)
    channel.close()
    return receipt


@pytest.mark.parametrize("case", sorted(GOLDEN_MESSAGES))
def test_what_goes_out_is_the_golden_request(case: str) -> None:
    responders = [{"type": "team", "name": "payments"}, {"type": "user", "username": "ada@example.com"}]
    with fake_opsgenie() as provider:
        send(provider, GOLDEN_MESSAGES[case], responders=responders, tags=["makegood"])
    ((_action, _alias, body),) = provider.taken
    check_golden(f"opsgenie/{case}", {"path": provider.requests[0].path, "body": body})


def test_a_thread_is_one_alert_that_its_end_closes_and_results_tell_so() -> None:
    with fake_opsgenie() as provider:
        channel = channel_to(provider.url)
        opened = send(provider, GOLDEN_MESSAGES["firing"])
        assert (opened.outcome, opened.provider_id) == ("accepted", "request-1")
        assert channel.result(opened.recipient, opened.provider_id, PATIENCE_S).outcome == "accepted"
        send(provider, GOLDEN_MESSAGES["firing"])
        provider.process()
        assert provider.open == {THREAD: 2}
        assert channel.result(opened.recipient, opened.provider_id, PATIENCE_S).outcome == "delivered"
        send(provider, GOLDEN_MESSAGES["resolved"])
        again = send(provider, GOLDEN_MESSAGES["resolved"])
        provider.process()
        assert provider.open == {}
        assert channel.result(again.recipient, again.provider_id, PATIENCE_S).outcome == "delivered"


def test_a_request_that_was_taken_and_failed_later_is_a_failure() -> None:
    with fake_opsgenie() as provider:
        provider.results["request-1"] = {"isSuccess": False, "action": "Create", "status": "hunter2"}
        receipt = channel_to(provider.url).result("genie", "request-1", PATIENCE_S)
    assert receipt.outcome == "failed"
    assert receipt.failure is not None
    assert (receipt.failure.reason, receipt.failure.permanent) == (Reason.REJECTED, True)
    assert "hunter2" not in receipt.failure.detail


@pytest.mark.parametrize("answer", [Answer(500), Answer(429), Answer(200), Answer(200, {}, b"<html>"), Answer(302)])
def test_a_result_that_cannot_be_had_is_an_error(answer: Answer) -> None:
    with http_server(answer) as server, pytest.raises(DeliveryError):
        channel_to(server.url).result("genie", "request-1", PATIENCE_S)


def test_an_alias_with_any_characters_is_closed_by_its_own_name() -> None:
    odd = "a/b?c#d%e ü🚨"
    with fake_opsgenie() as provider:
        send(provider, told(firing(), thread=odd))
        send(provider, told(change(step="resolved"), thread=odd))
        assert [(action, alias) for action, alias, _body in provider.taken] == [("Create", odd), ("Close", odd)]


def test_a_throttled_request_waits_for_the_period_that_opsgenie_names() -> None:
    with http_server(Answer(429, {"X-RateLimit-State": "THROTTLED", "X-RateLimit-Period-In-Sec": "60"})) as server:
        channel = channel_to(server.url)
        with pytest.raises(DeliveryError) as caught:
            channel.send(GOLDEN_MESSAGES["firing"], channel.recipients, PATIENCE_S)
    assert caught.value.failure.retry_after_us == 60_000_000


def test_422_says_which_field_opsgenie_did_not_like() -> None:
    said = b'{"message": "Request body is not processable.", "errors": {"message": "can not be empty"}, "took": 0.1}'
    with http_server(Answer(422, {}, said)) as server:
        channel = channel_to(server.url)
        with pytest.raises(DeliveryError, match=r"HTTP 422 \(about message\)"):
            channel.send(GOLDEN_MESSAGES["firing"], channel.recipients, PATIENCE_S)


def test_the_gravest_alert_that_fires_gives_the_priority() -> None:
    def priority(*alerts: Any, **more: Any) -> str:
        return str(created(told(*alerts), settings(**more))["priority"])

    ended = change(step="resolved", severity="critical", at_us=START_US + 1)
    assert priority(ended, change("B", severity="info"), change("C", severity="warning")) == "P3"
    assert priority(change(severity="critical")) == "P1"
    assert priority(change(severity="page")) == "P3"
    assert priority(change(severity="page"), default_priority="P2") == "P2"
    assert priority(change(severity="page"), priorities={"page": "P1"}) == "P1"


def test_every_limit_holds_whatever_comes() -> None:
    labels: dict[str, Any] = {f"label{n}": "ü🚨" * 400 for n in range(60)}
    tags = [f"{n}" + "t" * 80 for n in range(18)]
    with fake_opsgenie() as provider:
        alert = change("A" * 5000, summary="🚨" * 9000, severity="s" * 500, service="v" * 2000, **labels)
        send(provider, told(alert, thread="t" * 2000), tags=tags)
        send(provider, told(change(step="resolved", summary="🚨" * 30_000), thread="t" * 2000))
        provider.process()
        assert provider.open == {}
    body = provider.taken[0][2]
    assert len(body["tags"]) == 20
    assert body["message"].endswith("…")


def test_what_matters_most_comes_first_in_the_details() -> None:
    many = told(*[change(f"Alert{n}", severity="info") for n in range(3000)])
    kept = details(many)
    assert list(kept)[:2] == ["key", "receiver"]
    assert len(kept["fingerprints"]) <= 1000


def test_a_healthy_answer_to_check_changes_nothing_and_a_wrong_key_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    with fake_opsgenie() as provider:
        channel = channel_to(provider.url)
        channel.check(PATIENCE_S)
        assert provider.taken == []
        monkeypatch.setenv("MG_TEST_KEY", "wrong")
        with pytest.raises(DeliveryError, match="401") as caught:
            channel.check(PATIENCE_S)
        assert caught.value.failure.reason == Reason.AUTH
    with http_server(Answer(200, {}, b"hello")) as server, pytest.raises(DeliveryError, match="not Opsgenie"):
        channel_to(server.url).check(PATIENCE_S)


def test_the_region_or_jira_service_management_chooses_the_address() -> None:
    assert OpsgenieChannel("o", settings()).recipients == ("api.opsgenie.com",)
    assert OpsgenieChannel("o", settings(region="eu")).recipients == ("api.eu.opsgenie.com",)
    assert channel_to("https://api.atlassian.com/jsm/ops/integration").recipients == ("api.atlassian.com",)


@pytest.mark.parametrize(
    "responder",
    [
        {"type": "team"},
        {"type": "team", "username": "x"},
        {"type": "user", "name": "x"},
        {"type": "team", "name": "x", "id": "y"},
        {"type": "nobody", "name": "x"},
    ],
)
def test_a_responder_is_named_once_and_rightly(responder: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="responder"):
        settings(responders=[responder])


def test_an_answer_without_a_request_id_is_none_of_opsgenies() -> None:
    failure = judge(HttpAnswer(202, content=b'{"requestId": ""}'))
    assert failure is not None
    assert failure.ambiguous
