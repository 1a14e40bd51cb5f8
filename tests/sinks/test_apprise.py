import importlib.util
import logging
import threading
from urllib.parse import parse_qs

import msgspec
import pytest
from apprise import NotifyBase
from pydantic import ValidationError

from sinks import apprise_client
from sinks.apprise_client import body, failure_of
from sinks.channels.apprise import AppriseChannel, AppriseSettings
from sinks.contract import DeliveryError, Failure, Message, Reason, Receipt
from tests.support.golden import check_golden
from tests.support.http import Answer, black_hole, http_server, refused_port
from tests.support.messages import message
from tests.support.patience import PATIENCE_S, given_time

SECRET = "hunter2-canary"


def _channel(monkeypatch: pytest.MonkeyPatch, **urls: str) -> AppriseChannel:
    for name, url in urls.items():
        monkeypatch.setenv(f"MG_TEST_{name.upper()}", url)
    refs = {name: {"env": f"MG_TEST_{name.upper()}"} for name in urls}
    return AppriseChannel("tail", AppriseSettings.model_validate({"type": "apprise", "urls": refs}))


def _send(channel: AppriseChannel, timeout_s: float = PATIENCE_S, told: Message | None = None) -> list[Receipt]:
    return channel.send(told or message(), channel.recipients, timeout_s)


def _failure(channel: AppriseChannel, timeout_s: float = PATIENCE_S) -> Failure:
    with pytest.raises(DeliveryError) as caught:
        _send(channel, timeout_s)
    return caught.value.failure


def _json(url: str) -> str:
    return url.replace("http://", "json://")


def test_title_text_and_reference_are_sent_as_json_and_as_a_form(monkeypatch: pytest.MonkeyPatch) -> None:
    told = message(notes=("It may have reached you already.",), summary="<b>1 & 2</b>")
    with http_server() as server:
        urls = {"one": _json(server.url), "two": server.url.replace("http://", "form://")}
        receipts = _send(_channel(monkeypatch, **urls), told=told)
    assert [(receipt.recipient, receipt.outcome) for receipt in receipts] == [
        ("one", "delivered"),
        ("two", "delivered"),
    ]
    by_type = {request.headers["content-type"].partition(";")[0]: request for request in server.requests}
    check_golden("apprise/json", by_type["application/json"].json)
    form = parse_qs(by_type["application/x-www-form-urlencoded"].body.decode())
    check_golden("apprise/form", {name: values[0] for name, values in form.items()})


@pytest.mark.parametrize(
    ("step", "severity", "expected"),
    [("firing", "critical", "failure"), ("firing", "warning", "warning"), ("resolved", "critical", "success")],
)
def test_the_kind_says_how_bad_it_is(step: str, severity: str, expected: str, monkeypatch: pytest.MonkeyPatch) -> None:
    told = message(step=step)
    alert = told.notification.alerts[0]
    alert = msgspec.structs.replace(alert, labels={**alert.labels, "severity": severity})
    told = msgspec.structs.replace(told, notification=msgspec.structs.replace(told.notification, alerts=(alert,)))
    with http_server() as server:
        _send(_channel(monkeypatch, one=_json(server.url)), told=told)
        assert server.requests[0].json["type"] == expected


def test_each_url_has_a_receipt_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    with http_server() as good, http_server(Answer(503)) as bad:
        channel = _channel(monkeypatch, one=_json(good.url), two=_json(bad.url), three=_json(good.url))
        receipts = _send(channel)
        assert [receipt.outcome for receipt in receipts] == ["delivered", "failed", "delivered"]
        assert len(good.requests) == 2
        assert len(bad.requests) == 1, "apprise tries once"


@pytest.mark.parametrize(
    ("status", "reason", "is_permanent"),
    [
        (301, Reason.REJECTED, True),
        (400, Reason.REJECTED, True),
        (401, Reason.AUTH, True),
        (403, Reason.AUTH, True),
        (404, Reason.BAD_RECIPIENT, True),
        (408, Reason.TIMEOUT, False),
        (410, Reason.BAD_RECIPIENT, True),
        (429, Reason.RATE_LIMITED, False),
        (500, Reason.SERVER_ERROR, False),
        (503, Reason.SERVER_ERROR, False),
    ],
)
def test_the_status_that_apprise_saw_is_the_failure(
    status: int, reason: Reason, is_permanent: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    with http_server(Answer(status)) as server:
        failure = _failure(_channel(monkeypatch, one=_json(server.url)))
    assert (failure.reason, failure.permanent, failure.ambiguous) == (reason, is_permanent, False)
    assert str(status) in failure.detail


@pytest.mark.parametrize("asked", ["", "?redirect=yes"])
def test_a_redirect_is_not_followed(asked: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with http_server() as other, http_server(Answer(302, {"Location": other.url})) as server:
        _failure(_channel(monkeypatch, one=_json(server.url) + asked))
        assert other.requests == []


def test_a_url_does_not_bring_retries_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    with http_server(Answer(503)) as server:
        _failure(_channel(monkeypatch, one=_json(server.url) + "?retry=3&wait=0"))
        assert len(server.requests) == 1


def test_a_far_side_that_is_away_is_told_from_one_that_is_silent(monkeypatch: pytest.MonkeyPatch) -> None:
    with refused_port() as port:
        failure = _failure(_channel(monkeypatch, one=f"json://127.0.0.1:{port}"))
        assert (failure.reason, failure.permanent, failure.ambiguous) == (Reason.UNREACHABLE, False, False)
    with black_hole() as port:
        silent = _channel(monkeypatch, one=f"json://127.0.0.1:{port}")

        def attempt(time_s: float) -> tuple[Reason, bool, bool]:
            failure = _failure(silent, time_s)
            return failure.reason, failure.permanent, failure.ambiguous

        wanted = (Reason.TIMEOUT, False, True)
        assert given_time(attempt, wanted) == wanted
    with http_server(Answer(drop=True)) as server:
        failure = _failure(_channel(monkeypatch, one=_json(server.url)))
        assert (failure.reason, failure.permanent, failure.ambiguous) == (Reason.UNREACHABLE, False, True)


def test_a_slow_url_takes_no_time_from_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    with http_server() as good, black_hole() as port:
        channel = _channel(monkeypatch, one=f"json://127.0.0.1:{port}", two=_json(good.url))

        def attempt(time_s: float) -> list[str]:
            return [receipt.outcome for receipt in _send(channel, time_s)]

        assert given_time(attempt, ["failed", "delivered"], 0.5) == ["failed", "delivered"]


@pytest.mark.parametrize("url", ["nonsense://hunter2-canary", "hunter2-canary", "slack://hunter2-canary", "json://"])
def test_a_url_that_apprise_does_not_understand_is_permanent_and_named_by_its_recipient(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    channel = _channel(monkeypatch, one=url)
    failure = _failure(channel)
    assert (failure.reason, failure.permanent) == (Reason.BAD_RECIPIENT, True)
    assert "'one'" in failure.detail
    assert "hunter2" not in str(failure)
    (found,) = channel.check(1)
    assert found.failure is not None
    assert "'one'" in found.failure.detail


def test_the_check_reads_the_urls_and_sends_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    with http_server() as server:
        channel = _channel(monkeypatch, one=_json(server.url))
        (found,) = channel.check(1)
        assert (found.subject, found.failure) == ("one", None)
        assert server.requests == []
    monkeypatch.delenv("MG_TEST_ONE")
    (found,) = channel.check(1)
    assert found.failure is not None
    assert "MG_TEST_ONE" in found.failure.detail


@pytest.mark.parametrize("answer", [Answer(), Answer(500, body=SECRET.encode()), Answer(drop=True), Answer(hold=True)])
def test_what_is_secret_in_a_url_is_nowhere_to_be_seen(
    answer: Answer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(1)
    for name in ("", "apprise", "urllib3", "urllib3.connectionpool", "requests"):
        monkeypatch.setattr(logging.getLogger(name), "level", 1)
    receipts: list[Receipt] = []
    with http_server(answer) as server:
        place = server.url.removeprefix("http://")
        # User, password, path, header, parameter and field of the payload: wherever apprise has a place for one.
        url = f"json://{SECRET}:{SECRET}@{place}/{SECRET}?+X-Key={SECRET}&-token={SECRET}&:field={SECRET}"
        channel = _channel(monkeypatch, one=url, two=f"nonsense://{SECRET}")

        def attempt(time_s: float) -> bool:
            receipts.extend(_send(channel, time_s))
            return bool(server.requests)

        assert given_time(attempt, wanted=True, time_s=0.5)
        assert SECRET in server.requests[0].path
    printed = capfd.readouterr()
    said = [repr(channel), repr(vars(channel)), repr(channel._settings), channel._settings.model_dump_json()]
    for text in [*said, repr(receipts), caplog.text, printed.out, printed.err]:
        assert "hunter2" not in text


def test_a_plugin_that_raises_is_a_failure_of_its_url_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    real = apprise_client.notify

    def notify(target: NotifyBase, told: Message, timeout_s: float) -> None:
        if target.port == 1:
            raise RuntimeError(SECRET)
        real(target, told, timeout_s)

    monkeypatch.setattr(apprise_client, "notify", notify)
    with http_server() as server:
        receipts = _send(_channel(monkeypatch, one="json://localhost:1", two=_json(server.url)))
    assert [receipt.outcome for receipt in receipts] == ["failed", "delivered"]
    assert receipts[0].failure is not None
    assert (receipts[0].failure.reason, receipts[0].failure.ambiguous) == (Reason.INTERNAL, True)
    assert "hunter2" not in str(receipts)


def test_a_text_that_is_too_long_is_cut_at_the_services_limit_but_not_the_notes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    notes = ("It may have reached you already.",)
    told = message(summary="word " * 20_000, notes=notes)
    with http_server() as server:
        _send(_channel(monkeypatch, one=_json(server.url)), told=told)
        sent = server.requests[0].json["message"]
    assert len(sent) <= 32_768
    assert sent.startswith(notes[0])
    assert sent.endswith("…\nref mg-0123456789ab")
    assert len(body(told, 140)) == 140


def test_what_apprise_says_without_a_reason_may_pass_and_may_have_arrived() -> None:
    failure = failure_of(["Something went wrong."])
    assert (failure.reason, failure.permanent, failure.ambiguous) == (Reason.SERVER_ERROR, False, True)


def test_several_threads_send_at_the_same_time(monkeypatch: pytest.MonkeyPatch) -> None:
    with http_server() as server:
        channel = _channel(monkeypatch, one=_json(server.url))
        threads = [threading.Thread(target=_send, args=(channel,)) for _number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(server.requests) == 8


def test_without_the_library_the_settings_say_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    real = importlib.util.find_spec
    monkeypatch.setattr("sinks.channels.apprise.find_spec", lambda name: None if name == "apprise" else real(name))
    with pytest.raises(ValidationError, match=r"pip install 'makegood\[apprise\]'"):
        AppriseSettings.model_validate({"type": "apprise", "urls": {"one": {"env": "X"}}})


@pytest.mark.parametrize(
    "urls", [{}, {"one": "json://hunter2"}, {"https://hunter2/": {"env": "X"}}, {"": {"env": "X"}}]
)
def test_a_url_is_named_by_its_recipient_and_kept_as_a_secret(urls: dict[str, object]) -> None:
    with pytest.raises(ValidationError, match="urls"):
        AppriseSettings.model_validate({"type": "apprise", "urls": urls})
