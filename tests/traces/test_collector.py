"""The collector: what it gets, and what happens when it is not there."""

import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from alerts.store import AlertStore
from alerts.traces import otlp
from alerts.traces.model import Ids, Span
from config import traces as trace_settings
from config.settings import Settings
from sinks.traces import NotifierTraces
from tests.support.alerts import START_US, change
from tests.support.http import Answer, black_hole, http_server, refused_port
from tests.support.notifier import Rig
from tests.support.otlp import Collector, collector
from tests.support.patience import until
from tests.support.traces import Opened, opened


def settings(**more: Any) -> Settings:
    return Settings.model_validate({"traces": more})


def span(ids: Ids, number: int) -> Span:
    return Span(name="alert X", place=ids.root(str(number)), parent=None, start_us=START_US, end_us=START_US + 5)


def send(traces: Opened, spans: int = 1) -> None:
    for number in range(spans):
        traces.tracing.tell(str(number), lambda number=number: [span(traces.tracing.ids, number)])  # type: ignore[misc]


@contextmanager
def sending(endpoint: str, **more: Any) -> Iterator[Opened]:
    with opened(settings(endpoint=endpoint, **more)) as traces:
        yield traces


@pytest.fixture
def collected() -> Iterator[Collector]:
    with collector() as found:
        yield found


def test_a_span_arrives_with_the_ids_and_times_that_it_was_given(collected: Collector) -> None:
    with sending(collected.url) as traces:
        send(traces)
        until(lambda: traces.fate("sent") == 1)
    (seen,) = collected.spans
    assert (int(seen.trace, 16), int(seen.id, 16)) == traces.tracing.ids.root("0")
    assert (seen.parent, seen.start_us, seen.end_us) == ("", START_US, START_US + 5)
    assert (seen.resource["service.name"], seen.resource["makegood.part"]) == ("makegood", "notifier")


def test_what_the_settings_leave_out_is_as_the_environment_has_it(
    collected: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collected.url)
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "x-team=service")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_COMPRESSION", "gzip")
    monkeypatch.setenv("OTEL_SERVICE_NAME", "recovery")
    monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment.name=stage")
    with opened(settings()) as traces:
        send(traces)
    (seen,) = collected.spans
    assert (seen.resource["service.name"], seen.resource["deployment.environment.name"]) == ("recovery", "stage")
    (request,) = collected.requests
    assert (request.headers["x-team"], request.headers["content-encoding"]) == ("service", "gzip")


def test_the_settings_go_before_the_environment(collected: Collector, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setenv("OTEL_SERVICE_NAME", "recovery")
    monkeypatch.setenv("OTEL_TRACES_SAMPLER", "always_off")
    with sending(collected.url, service_name="night", sampling=1.0) as traces:
        send(traces)
    (seen,) = collected.spans
    assert seen.resource["service.name"] == "night"


@pytest.mark.parametrize("by", ["settings", "traceidratio", "parentbased_traceidratio"])
def test_all_processes_sample_the_same_traces(by: str, collected: Collector, monkeypatch: pytest.MonkeyPatch) -> None:
    more: Mapping[str, Any] = {"sampling": 0.5}
    if by != "settings":
        monkeypatch.setenv("OTEL_TRACES_SAMPLER", by)
        monkeypatch.setenv("OTEL_TRACES_SAMPLER_ARG", "0.5")
        more = {}
    wanted = []
    for part in ("flow", "notifier"):
        with opened(settings(endpoint=collected.url, **more), part) as traces:
            send(traces, 200)
        wanted.append({seen.trace for seen in collected.spans})
        collected.spans.clear()
    assert wanted[0] == wanted[1]
    assert 60 < len(wanted[0]) < 140


def test_the_environment_can_switch_traces_off(collected: Collector, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_SDK_DISABLED", "true")
    with sending(collected.url) as traces:
        send(traces, 3)
    assert collected.requests == []


@pytest.mark.parametrize("where", ["refuses", "swallows", "is_not_there"])
def test_a_collector_that_does_not_take_spans_keeps_no_alert_from_being_told(
    where: str, store: AlertStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(otlp, "CLOSE_S", 0.05)
    if where != "refuses":  # nobody is to go on trying for long where another test may listen then
        monkeypatch.delenv("OTEL_EXPORTER_OTLP_TIMEOUT")
    alert = change()
    with black_hole() as silent, refused_port() as nothing, http_server(Answer(400)) as refusing:
        url = {"refuses": refusing.url, "swallows": f"http://127.0.0.1:{silent}"}.get(
            where, f"http://127.0.0.1:{nothing}"
        )
        with sending(url) as traces:
            channels = {"first": {"type": "file", "path": tmp_path / "first.jsonl"}}
            rig = Rig(store, tmp_path, channels, observer=NotifierTraces(traces.tracing))
            store.apply([alert])
            rig.run(1)
            assert rig.status(alert.fingerprint) == ["delivered"]
            if where == "refuses":
                until(lambda: traces.fate("refused") == 4, "the spans to be counted")


def test_spans_for_which_there_is_no_room_are_dropped_and_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(otlp, "CLOSE_S", 0.05)
    monkeypatch.delenv("OTEL_EXPORTER_OTLP_TIMEOUT")
    monkeypatch.setenv("OTEL_BSP_MAX_QUEUE_SIZE", "8")
    monkeypatch.setenv("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "4")
    with black_hole() as port, sending(f"http://127.0.0.1:{port}") as traces:
        send(traces, 20)
        assert traces.fate("queue_full") == 12
        assert traces.fate("sent") == 0


def test_that_spans_are_not_taken_is_logged_once_and_so_is_that_they_are_again(collected: Collector) -> None:
    collected.override = Answer(400, body=b"canary")
    with capture_logs() as logs, sending(collected.url) as traces:
        for count in (1, 2):
            send(traces)
            until(lambda count=count: traces.fate("refused") == count)  # type: ignore[misc]
        collected.override = None
        send(traces)
        until(lambda: traces.fate("sent") == 1)
    assert [line["event"] for line in logs] == ["traces_not_taken", "traces_taken_again"]
    assert "canary" not in str(logs)


def test_a_secret_that_is_not_there_costs_spans_and_nothing_else(
    collected: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    with sending(collected.url, headers={"x-key": {"env": "COLLECTOR_KEY"}}) as traces:
        send(traces)
        until(lambda: traces.fate("refused") == 1)
        monkeypatch.setenv("COLLECTOR_KEY", "k1")
        send(traces)
        until(lambda: traces.fate("sent") == 1)
    assert [request.headers["x-key"] for request in collected.requests] == ["k1"]


def test_a_redirect_is_not_followed_and_the_headers_go_nowhere_else(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLLECTOR_KEY", "k1")
    with http_server() as other, http_server(Answer(307, {"Location": f"{other.url}/v1/traces"})) as server:
        with sending(server.url, headers={"x-key": {"env": "COLLECTOR_KEY"}}) as traces:
            send(traces)
            until(lambda: traces.fate("refused") == 1)
        assert other.requests == []


def test_without_the_section_nothing_of_the_libraries_is_loaded() -> None:
    code = """
import sys
import pipeline.run, sinks.service
from alerts.traces.opening import open_traces
from config.settings import Settings
with open_traces(Settings(), "flow") as tracing:
    assert tracing is None
loaded = ("opentelemetry.sdk.trace", "opentelemetry.exporter", "alerts.traces.otlp")
print([name for name in sys.modules if name.startswith(loaded)])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_without_the_extra_the_settings_say_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trace_settings, "find_spec", lambda name: None)
    with pytest.raises(ValueError, match=r"pip install 'makegood\[otel\]'"):
        settings(endpoint="http://localhost:4318")
    assert Settings().traces is None


@pytest.mark.parametrize(
    "endpoint", ["localhost:4318", "http://user:pass@host/v1/traces", "grpc://host:4317", "http://h?k=1"]
)
def test_an_endpoint_is_an_address_without_a_secret(endpoint: str) -> None:
    with pytest.raises(ValueError, match="endpoint"):
        settings(endpoint=endpoint)
