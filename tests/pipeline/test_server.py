import json
from http.client import HTTPConnection, HTTPResponse

import pytest
from prometheus_client import CollectorRegistry, Counter

from pipeline.server import Health, ListenError, StatusServer


def get(port: int, path: str) -> tuple[HTTPResponse, str]:
    connection = HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        return response, response.read().decode()
    finally:
        connection.close()


def serving(health: Health, registry: CollectorRegistry | None = None) -> StatusServer:
    return StatusServer("127.0.0.1:0", health, registry=registry or CollectorRegistry())


def test_healthz_is_200_with_the_evidence_while_all_is_well() -> None:
    with serving(lambda: (True, {"flow": "running"})) as server:
        response, body = get(server.port, "/healthz")
    assert (response.status, json.loads(body)) == (200, {"status": "healthy", "flow": "running"})


def test_healthz_is_503_with_the_evidence_when_something_is_wrong() -> None:
    with serving(lambda: (False, {"unreachable": ["crm/0"]})) as server:
        response, body = get(server.port, "/healthz")
    assert (response.status, json.loads(body)) == (503, {"status": "unhealthy", "unreachable": ["crm/0"]})


def test_metrics_are_those_of_the_registry() -> None:
    registry = CollectorRegistry()
    Counter("things", "Things", registry=registry).inc(3)
    with serving(lambda: (True, {}), registry) as server:
        response, body = get(server.port, "/metrics?x=1")
    assert response.status == 200
    assert "things_total 3.0" in body


def test_other_paths_are_404_and_say_what_there_is() -> None:
    with serving(lambda: (True, {})) as server:
        response, body = get(server.port, "/")
    assert (response.status, body) == (404, "There are /metrics and /healthz.\n")


def test_an_address_that_is_taken_is_named_with_what_to_do() -> None:
    with (
        serving(lambda: (True, {})) as server,
        pytest.raises(ListenError, match=rf"cannot listen on 127\.0\.0\.1:{server.port}: .*choose another"),
    ):
        StatusServer(f"127.0.0.1:{server.port}", lambda: (True, {}), registry=CollectorRegistry())


def test_ipv6_addresses_are_written_in_brackets() -> None:
    try:
        server = StatusServer("[::1]:0", lambda: (True, {}), registry=CollectorRegistry())
    except ListenError as error:
        pytest.skip(f"no IPv6 here: {error}")
    server.close()
    assert server.port > 0
