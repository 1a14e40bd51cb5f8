import json
from http.client import HTTPConnection, HTTPResponse

import pytest
from prometheus_client import CollectorRegistry, Counter

from pipeline.server import Health, ListenError, StatusServer
from tests.support.patience import PATIENCE_S


def get(port: int, path: str) -> tuple[HTTPResponse, str]:
    connection = HTTPConnection("127.0.0.1", port, timeout=PATIENCE_S)
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


@pytest.mark.parametrize(("well", "status", "word"), [(True, 200, "live"), (False, 503, "stuck")])
def test_livez_asks_whether_a_new_process_would_help_and_not_whether_all_is_well(
    *, well: bool, status: int, word: str
) -> None:
    with StatusServer(
        "127.0.0.1:0", lambda: (not well, {}), live=lambda: (well, {"waits": {}}), registry=CollectorRegistry()
    ) as server:
        response, body = get(server.port, "/livez")
    assert (response.status, json.loads(body)) == (status, {"status": word, "waits": {}})


@pytest.mark.parametrize(("well", "status", "word"), [(True, 200, "ready"), (False, 503, "not ready")])
def test_readyz_asks_whether_the_work_has_begun(*, well: bool, status: int, word: str) -> None:
    with StatusServer(
        "127.0.0.1:0", lambda: (not well, {}), ready=lambda: (well, {}), registry=CollectorRegistry()
    ) as server:
        response, body = get(server.port, "/readyz")
    assert (response.status, json.loads(body)) == (status, {"status": word})


def test_who_says_nothing_of_liveness_is_live_while_it_answers_and_ready_while_it_is_healthy() -> None:
    with serving(lambda: (False, {"store": "away"})) as server:
        assert get(server.port, "/livez")[0].status == 200
        assert get(server.port, "/readyz")[0].status == 503


def test_other_paths_are_404_and_say_what_there_is() -> None:
    with serving(lambda: (True, {})) as server:
        response, body = get(server.port, "/")
    assert (response.status, body) == (404, "There are /metrics, /healthz, /livez, /readyz.\n")


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
