"""Where requests may go: every known way to have us post to what only we can reach."""

import ipaddress
import socket
import threading
from collections.abc import Callable

import pytest
from pydantic import ValidationError

from sinks import addresses
from sinks.addresses import AddressRefusedError, AddressRule, kind, written_out
from sinks.channels.webhook import WebhookChannel, WebhookSettings
from sinks.contract import DeliveryError
from sinks.http import BoundedHttp
from tests.support.http import Answer, http_server
from tests.support.messages import message
from tests.support.patience import PATIENCE_S

KINDS = {
    "loopback": ["127.0.0.1", "127.255.255.254", "::1", "::ffff:127.0.0.1", "64:ff9b::7f00:1", "::127.0.0.1"],
    "private": ["10.0.0.1", "172.16.0.1", "192.168.1.1", "100.64.0.1", "fd00::1", "::ffff:10.0.0.1", "2002:a00:1::"],
    "link-local": ["169.254.169.254", "fe80::1", "::ffff:169.254.169.254", "64:ff9b::a9fe:a9fe"],
    "multicast": ["224.0.0.1", "239.255.255.255", "ff02::1"],
    "unspecified": ["0.0.0.0", "::"],
    "reserved": ["240.0.0.1", "255.255.255.255"],
}
PUBLIC = ["8.8.8.8", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"]
NAME = "pager.example.com"


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[str]]:
    """Give a way to say what names lead to, answer by answer; it returns the names that were asked for."""

    def lead_to(*answers: list[str]) -> list[str]:
        asked: list[str] = []
        left = list(answers)

        def look_up(host: str, port: int) -> list[str]:
            asked.append(host)
            return left.pop(0)

        monkeypatch.setattr(addresses, "look_up", look_up)
        return asked

    return lead_to


def _post(url: str, *allowed: str, timeout_s: float = PATIENCE_S) -> int:
    http = BoundedHttp(addresses=AddressRule(allowed))
    return http.request("POST", url, timeout_s=timeout_s, content=b"x").status_code


@pytest.mark.parametrize(("expected", "text"), [(name, text) for name, texts in KINDS.items() for text in texts])
def test_an_address_that_is_not_public_is_known_in_whatever_it_is_wrapped(expected: str, text: str) -> None:
    assert kind(ipaddress.ip_address(text)) == expected


@pytest.mark.parametrize("text", PUBLIC)
def test_a_public_address_is_known(text: str) -> None:
    assert kind(ipaddress.ip_address(text)) is None


@pytest.mark.parametrize("text", [text for texts in KINDS.values() for text in texts])
def test_a_name_that_leads_to_an_address_that_is_not_public_is_refused(
    text: str, names: Callable[..., list[str]]
) -> None:
    names([text])
    with pytest.raises(DeliveryError, match=r"allow_private_addresses") as caught:
        _post(f"http://{NAME}/")
    failure = caught.value.failure
    assert (failure.reason, failure.permanent, failure.ambiguous) == ("bad_recipient", True, False)
    assert NAME not in failure.detail
    assert text not in failure.detail


def test_the_name_is_looked_up_once_and_the_connection_goes_to_what_was_judged(
    names: Callable[..., list[str]],
) -> None:
    with http_server() as server:
        asked = names(["127.0.0.1"], ["169.254.169.254"])
        port = server.url.rpartition(":")[2]
        assert _post(f"http://{NAME}:{port}/x", "127.0.0.0/8") == 200
        assert asked == [NAME]
        assert server.requests[0].headers["host"] == f"{NAME}:{port}"


def test_of_several_answers_only_the_good_ones_are_connected_to(names: Callable[..., list[str]]) -> None:
    with http_server() as server:
        names(["169.254.169.254", "127.0.0.1"])
        assert _post(server.url.replace("127.0.0.1", NAME), "127.0.0.0/8") == 200


def test_when_the_first_address_does_not_answer_the_next_is_taken(names: Callable[..., list[str]]) -> None:
    with http_server() as server:
        names(["127.0.0.2", "127.0.0.1"])  # the server listens at the second only
        assert _post(server.url.replace("127.0.0.1", NAME), "127.0.0.0/8") == 200


def test_an_address_that_is_written_out_is_meant_and_a_name_for_it_is_not() -> None:
    with http_server() as server:
        assert _post(server.url) == 200
        assert _post(server.url.replace("127.0.0.1", "localhost")) == 200
        with pytest.raises(DeliveryError, match="loopback"):
            _post(server.url.replace("127.0.0.1", "anybody@127.0.0.1"))
        assert len(server.requests) == 2


def test_localhost_is_meant_only_while_it_is_the_loopback(names: Callable[..., list[str]]) -> None:
    names(["10.0.0.1"])
    with pytest.raises(DeliveryError, match="private"):
        _post("http://localhost/")


def test_what_came_from_elsewhere_than_the_settings_is_not_trusted_even_written_out() -> None:
    http = BoundedHttp(addresses=AddressRule(trust_written=False))
    for host in ("127.0.0.1", "localhost", "[::1]"):
        with pytest.raises(DeliveryError, match="loopback"):
            http.request("POST", f"http://{host}:1/", timeout_s=PATIENCE_S)


@pytest.mark.parametrize(
    "host",
    [
        "2130706433",
        "0x7f000001",
        "0x7f.1",
        "127.1",
        "127.0.1",
        "017700000001",
        "127.0.0.1.",
        "134744072",
        "127\N{IDEOGRAPHIC FULL STOP}0\N{IDEOGRAPHIC FULL STOP}0\N{IDEOGRAPHIC FULL STOP}1",
        "good.example:80@127.0.0.1",
        "good.example\\@127.0.0.1",
        "127.0.0.1%2f@127.0.0.1",
    ],
)
def test_a_form_that_hides_where_it_leads_is_refused(host: str) -> None:
    with pytest.raises(DeliveryError) as caught:
        _post(f"http://{host}:9/")
    assert caught.value.failure.permanent


@pytest.mark.parametrize(
    "host",
    [
        "0177.0.0.1",
        "127.0.0.0x1",
        "\N{FULLWIDTH DIGIT ONE}27.0.0.1",
        "\N{CIRCLED DIGIT ONE}27.0.0.1",
        "127.0.0.1%00.good.example",
        "good.example%40127.0.0.1",
        "[fe80::1%25eth0]",
    ],
)
def test_a_form_that_no_client_should_read_leads_nowhere(host: str) -> None:
    with pytest.raises(DeliveryError):
        _post(f"http://{host}:9/", timeout_s=5)  # where names are looked up in vain, that takes its time


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("http://127.0.0.1", True),
        ("https://10.0.0.1:8443/x?y#z", True),
        ("http://[::1]:80/", True),
        ("http://LocalHost:80", True),
        ("http://127.1/", False),
        ("http://0127.0.0.1/", False),
        ("http://user@127.0.0.1/", False),
        ("http://127.0.0.1:80@good.example/", False),
        ("http://127.0.0.1\\@good.example/", False),
        ("http://localhost.good.example/", False),
        ("http://good.example/127.0.0.1", False),
    ],
)
def test_written_out_is_what_a_person_reads_as_an_address(url: str, expected: bool) -> None:
    assert written_out(url) is expected


def test_a_redirect_to_the_inside_is_not_followed() -> None:
    with http_server() as inside, http_server(Answer(302, {"Location": inside.url})) as server:
        assert _post(server.url) == 302
        assert inside.requests == []


def test_a_resolver_that_hangs_does_not_hold_the_request_beyond_its_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    released = threading.Event()

    def look_up(host: str, port: int) -> list[str]:
        released.wait(PATIENCE_S)
        return ["8.8.8.8"]

    monkeypatch.setattr(addresses, "look_up", look_up)
    http = BoundedHttp()
    with pytest.raises(DeliveryError, match="no connection within"):
        http.request("POST", f"http://{NAME}/", timeout_s=0.1)
    assert not released.is_set()
    released.set()


def test_a_name_that_is_not_there_is_unreachable(monkeypatch: pytest.MonkeyPatch) -> None:
    def look_up(host: str, port: int) -> list[str]:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(addresses, "look_up", look_up)
    channel = WebhookChannel("web", WebhookSettings(type="webhook", url=f"http://{NAME}"))
    with pytest.raises(DeliveryError) as caught:
        channel.send(message(), channel.recipients, PATIENCE_S)
    assert (caught.value.failure.reason, caught.value.failure.permanent) == ("unreachable", False)


def test_a_webhook_takes_the_networks_of_its_settings(names: Callable[..., list[str]]) -> None:
    with http_server() as server:
        url = server.url.replace("127.0.0.1", NAME)
        names(["127.0.0.1"], ["127.0.0.1"])
        channel = WebhookChannel("web", WebhookSettings(type="webhook", url=url))
        with pytest.raises(DeliveryError, match="loopback"):
            channel.send(message(), channel.recipients, PATIENCE_S)
        settings = WebhookSettings(type="webhook", url=url, allow_private_addresses=("127.0.0.0/8",))
        WebhookChannel("web", settings).send(message(), channel.recipients, PATIENCE_S)
        assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({"url": "http://169.254.169.254/latest/meta-data"}, "link-local"),
        ({"url": "http://[::ffff:169.254.169.254]/"}, "link-local"),
        ({"url": "http://0.0.0.0:9000/"}, "unspecified"),
        ({"url": "http://224.0.0.1/"}, "multicast"),
        ({"url": "http://2130706433/"}, "hides where it leads"),
        ({"url": "http://me:hunter2@pager.example.com/"}, "url_secret"),
        ({"url": "http://a", "allow_private_addresses": ["10.0.0.1/8"]}, "not a network"),
        ({"url": "http://a", "allow_private_addresses": ["inside"]}, "not a network"),
    ],
)
def test_settings_that_lead_where_nothing_is_sent_are_refused_at_once(more: dict[str, object], expected: str) -> None:
    with pytest.raises(ValidationError, match=expected) as caught:
        WebhookSettings.model_validate({"type": "webhook", **more})
    assert "hunter2" not in str(caught.value)


def test_networks_go_over_everything() -> None:
    rule = AddressRule(["169.254.169.254/32", "::ffff:0:0/96"])
    assert rule.addresses("169.254.169.254", 80, written=False) == ["169.254.169.254"]
    with pytest.raises(AddressRefusedError):
        rule.addresses("169.254.169.253", 80, written=True)
