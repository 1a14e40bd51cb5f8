"""``makegood ingest`` as a command: what it refuses to start with, and that the flow reads what it kept."""

import json
import socket
import threading
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry
from pydantic import ValidationError

from pipeline import supervise
from pipeline.ingest.app import App
from pipeline.ingest.folder import Lock
from pipeline.ingest.settings import HttpSettings
from tests.cli.support import Finished, makegood, makegood_process
from tests.pipeline.ingest.process import Ingest, running

OPEN = "{type: http, signature: {scheme: none}}"


@pytest.fixture(autouse=True)
def stopped_at_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The command finds that it was asked to stop as soon as it serves."""
    monkeypatch.chdir(tmp_path)
    stop = threading.Event()
    stop.set()
    monkeypatch.setattr(supervise, "stop_on_signals", lambda: stop)


def ingest(feeds: str, *options: str) -> Finished:
    Path("m.yaml").write_text(f"feeds: {feeds}\nstore: {{dir: var}}\n", encoding="utf-8")
    return makegood("ingest", "--config", "m.yaml", *(options or ("--listen", "127.0.0.1:0")))


def test_it_serves_and_stops_with_status_0() -> None:
    done = ingest(f"{{f: {OPEN}}}")
    assert (done.returncode, done.stdout, done.defect) == (0, "", None)
    assert "ingest.stopped" in done.stderr
    assert Path("var/spool/f/id").exists()


def test_settings_without_such_a_feed_are_refused() -> None:
    Path("posts.jsonl").write_text("")
    done = ingest("{f: {type: file, path: posts.jsonl}}")
    assert (done.returncode, done.defect) == (2, None)
    assert "no feed of type http" in done.stderr


def test_a_secret_that_is_not_there_is_named() -> None:
    done = ingest("{f: {type: http, signature: {scheme: stripe, secret: {env: NOT_SET_ANYWHERE}}}}")
    assert (done.returncode, done.defect) == (2, None)
    assert "NOT_SET_ANYWHERE" in done.stderr


def test_two_feeds_with_one_path_are_named() -> None:
    done = ingest("{a: {type: http, path: /ingest/b, signature: {scheme: none}}, b: " + OPEN + "}")
    assert (done.returncode, done.defect) == (2, None)
    assert "/ingest/b is the path of feed 'a' already" in done.stderr


def test_an_address_that_is_taken_is_named_with_what_to_do() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        done = ingest(f"{{f: {OPEN}}}", "--listen", f"127.0.0.1:{taken.getsockname()[1]}")
    assert (done.returncode, done.defect) == (2, None)
    assert "cannot listen on 127.0.0.1:" in done.stderr
    assert "choose another by --listen" in done.stderr


@pytest.mark.parametrize("public", [False, True])
def test_open_doors_to_other_machines_must_be_asked_for(monkeypatch: pytest.MonkeyPatch, public: bool) -> None:
    monkeypatch.setenv("DESK_SECRET", "dGhpc19zZWNyZXRfaXNfZm9yX3Rlc3Rpbmdfb25seQ==")
    feed = "{type: http, signature: {scheme: zendesk, secret: {env: DESK_SECRET}}}" if public else OPEN
    done = ingest(f"{{f: {feed}}}", "--listen", "0.0.0.0:0")
    assert (done.returncode, done.defect) == (2, None)
    assert "anybody there could send" in done.stderr
    assert "--allow-unsigned" in done.stderr
    assert "dGhpc19z" not in done.stderr
    assert ingest(f"{{f: {feed}}}", "--listen", "0.0.0.0:0", "--allow-unsigned").returncode == 0
    assert ingest(f"{{f: {feed}}}", "--listen", "127.0.0.1:0").returncode == 0


def test_a_signed_feed_is_served_to_other_machines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DESK_SECRET", "our own")
    feed = "{type: http, signature: {scheme: zendesk, secret: {env: DESK_SECRET}}}"
    assert ingest(f"{{f: {feed}}}", "--listen", "0.0.0.0:0").returncode == 0


def test_a_spool_that_is_written_already_is_left_alone() -> None:
    assert ingest(f"{{f: {OPEN}}}").returncode == 0
    lock = Lock(Path("var/spool/f"))
    lock.take()
    done = ingest(f"{{f: {OPEN}}}")
    lock.close()
    assert (done.returncode, done.defect) == (1, None)
    assert "another process writes to the spool var/spool/f" in done.stderr


def test_a_path_that_is_ours_and_a_spool_that_is_too_small_are_refused() -> None:
    done = ingest("{f: {type: http, path: /metrics, signature: {scheme: none}}}")
    assert (done.returncode, done.defect) == (2, None)
    assert "/metrics is taken by Makegood itself" in done.stderr
    done = ingest("{f: {type: http, signature: {scheme: none}, max_spool_bytes: 10000, segment_bytes: 8000}}")
    assert done.returncode == 2
    assert "at least twice segment_bytes" in done.stderr


def test_every_path_that_is_served_besides_feeds_is_refused_to_feeds() -> None:
    own = App({}, lambda: (True, {}), CollectorRegistry())._own
    assert own.keys() == {"/health", "/healthz", "/livez", "/readyz", "/metrics"}
    for path in own:
        with pytest.raises(ValidationError, match=f"{path} is taken by Makegood itself"):
            HttpSettings.model_validate({"type": "http", "path": path, "signature": {"scheme": "none"}})
        assert HttpSettings.model_validate({"type": "http", "signature": {"scheme": "none"}}).address(path[1:]) != path


def test_what_was_received_is_read_by_the_flow(tmp_path: Path) -> None:
    def event(number: int) -> bytes:
        told = {"specversion": "1.0", "id": str(number), "source": "forms", "type": "survey.response"}
        return json.dumps({**told, "time": "2026-03-02T09:00:00Z", "data": {"score": 3, "scale": "nps"}}).encode()

    server = Ingest(tmp_path, "  f: {type: http, signature: {scheme: none}, max_record_bytes: 1000}")
    with running(server):
        bodies = [event(1), event(2), b"no json", b'{"pad": "' + b"x" * 2000 + b'"}', b"[" + event(3) + b",7]"]
        assert [server.post("/ingest/f", body).status for body in bodies] == [202] * 5
        assert server.stop() == 0
    done = makegood_process("replay", "--config", "m.yaml", "--out", "alerts.jsonl", "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    summary = json.loads(done.stdout.splitlines()[-1])
    assert summary["events"] == 3
    listed = makegood("deadletters", "list", "--file", "alerts.jsonl.deadletters.db", "--json")
    counts = json.loads(listed.stdout)["counts"]
    assert counts == {"f": {"invalid_json": 1, "not_an_object": 1, "too_large": 1}}
