"""Schema registries for tests: a real one (Apicurio, like Confluent's), and one of our own for what that one lacks.

Apicurio gives Protobuf schemas as text only, and knows no GUIDs. ``LocalRegistry`` behaves as Confluent's documentation
says (https://docs.confluent.io/platform/current/schema-registry/develop/api.html) for what serializers and the feed ask
for, and remembers whatever else it is asked for as a mistake.
"""

import atexit
import base64
import json
import os
import shutil
import signal
import ssl
import subprocess
import tempfile
import threading
import time
import urllib.request
import uuid
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from tests.support.kafka import BrokerUnavailable
from tests.support.patience import PATIENCE_S
from tests.support.ports import free_port
from tests.support.tied import tied_to_us

REPO = Path(__file__).resolve().parents[2]
FETCH = Path(__file__).with_name("fetch_apicurio.sh")
START_TIMEOUT_S = PATIENCE_S
_JAR = "apicurio-registry-app-2.6.13.Final-runner.jar"


class LocalRegistry:
    """A registry in a thread of ours.

    Args:
        authorization: the header that every request must have; None: any.
        tls: makes it speak HTTPS.

    Attributes:
        asked: the paths that were asked for.
        unexpected: requests that no client should make.
        failing: answer everything with this status and a page; None: work.
    """

    def __init__(self, authorization: str | None = None, tls: ssl.SSLContext | None = None) -> None:
        self.port = free_port()
        self.url = f"{'http' if tls is None else 'https'}://localhost:{self.port}"
        self.authorization = authorization
        self.tls = tls
        self.asked: list[str] = []
        self.unexpected: list[str] = []
        self.failing: int | None = None
        self._schemas: list[dict[str, Any]] = []
        self._subjects: dict[str, list[int]] = {}
        self._server: ThreadingHTTPServer | None = None

    def start(self) -> "LocalRegistry":
        """Listen, on the same port each time."""
        self._server = ThreadingHTTPServer(("127.0.0.1", self.port), _handler(self))
        if self.tls is not None:
            self._server.socket = self.tls.wrap_socket(self._server.socket, server_side=True)
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def stop(self) -> None:
        """Refuse connections."""
        server, self._server = self._server, None
        if server is not None:
            server.shutdown()
            server.server_close()

    def register(
        self, subject: str, schema: str, kind: str = "AVRO", references: list[dict[str, Any]] | None = None
    ) -> int:
        """Register a schema (Protobuf: a descriptor as Base64); return its number."""
        return int(self.post(subject, {"schema": schema, "schemaType": kind, "references": references or []})["id"])

    def guid(self, number: int) -> str:
        """Return the GUID of a schema."""
        return str(self._schemas[number - 1]["guid"])

    def post(self, subject: str, body: dict[str, Any]) -> dict[str, Any]:
        """Answer ``POST /subjects/(subject)/versions``, and the question for a schema, which serializers ask first."""
        known = {key: body.get(key) for key in ("schema", "schemaType", "references")}
        number = next((at for at, made in enumerate(self._schemas, 1) if made["body"] == known), None)
        if number is None:
            self._schemas.append({"body": known, "guid": str(uuid.uuid4())})
            number = len(self._schemas)
        versions = self._subjects.setdefault(subject, [])
        if number not in versions:
            versions.append(number)
        return {**self._told(number, None), "version": versions.index(number) + 1, "subject": subject}

    def get(self, path: list[str], query: dict[str, str]) -> tuple[int, dict[str, Any]] | None:
        """Answer a question; None: no client should ask it."""
        form = query.get("format")
        match path:
            case ["schemas", "ids", number]:
                found = int(number) if 0 < int(number) <= len(self._schemas) else None
            case ["schemas", "guids", guid]:
                found = next((at for at, made in enumerate(self._schemas, 1) if made["guid"] == guid), None)
            case ["subjects", subject, "versions", version]:
                versions = self._subjects.get(subject)
                if versions is None:
                    return 404, {"error_code": 40401, "message": f"Subject '{subject}' not found."}
                if not 0 < int(version) <= len(versions):
                    return 404, {"error_code": 40402, "message": f"Version {version} not found."}
                number_found = versions[int(version) - 1]
                return 200, {**self._told(number_found, form), "subject": subject, "version": int(version)}
            case _:
                return None
        if found is None:
            return 404, {"error_code": 40403, "message": "Schema not found"}
        return 200, self._told(found, form)

    def _told(self, number: int, form: str | None) -> dict[str, Any]:
        made = self._schemas[number - 1]
        body = dict(made["body"])
        if body["schemaType"] == "PROTOBUF" and form != "serialized":
            body["schema"] = "// the text of the schema"
        if body["schemaType"] == "AVRO":
            del body["schemaType"]  # Avro is what is meant where nothing is said
        return {"id": number, "guid": made["guid"], **body}


def _handler(registry: LocalRegistry) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            query = {name: values[0] for name, values in parse_qs(parts.query).items()}
            self._answer(registry.get([unquote(part) for part in parts.path.split("/")[1:]], query))

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            match [unquote(part) for part in urlsplit(self.path).path.split("/")[1:]]:
                case ["subjects", subject] | ["subjects", subject, "versions"]:
                    self._answer((200, registry.post(subject, body)))
                case _:
                    self._answer(None)

        def _answer(self, answer: tuple[int, dict[str, Any]] | None) -> None:
            registry.asked.append(self.path)
            if registry.failing is not None:
                self._send(registry.failing, b"<html>A proxy says no.</html>", "text/html")
                return
            if registry.authorization not in (None, self.headers.get("Authorization")):
                answer = (401, {"error_code": 401, "message": "Unauthorized"})
            elif answer is None:
                registry.unexpected.append(f"{self.command} {self.path}")
                answer = (500, {"error_code": 500, "message": "no client should ask this"})
            self._send(answer[0], json.dumps(answer[1]).encode(), "application/vnd.schemaregistry.v1+json")

        def _send(self, status: int, body: bytes, content_type: str) -> None:
            self.send_response(status)
            self.send_header("Content-Type", content_type)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name in the base class
            pass

    return Handler


class Apicurio:
    """Apicurio Registry in a process of its own, schemas in memory."""

    def __init__(self, folder: Path, libs: Path) -> None:
        self._folder = folder
        self._libs = libs
        self._port = free_port()
        self._process: subprocess.Popen[bytes] | None = None
        self.url = f"http://127.0.0.1:{self._port}/apis/ccompat/v7"

    def start(self) -> "Apicurio":
        """Start it and wait until it answers."""
        environment = {**os.environ, "QUARKUS_HTTP_PORT": str(self._port), "QUARKUS_HTTP_HOST": "127.0.0.1"}
        flags = ["-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xshare:auto"]
        with (self._folder / "registry.log").open("ab") as log:
            self._process = subprocess.Popen(
                [*tied_to_us(), "java", *flags, "-jar", str(self._libs / _JAR)],
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=self._folder,
                env=environment,
            )
        give_up_s = time.monotonic() + START_TIMEOUT_S
        while True:
            try:
                with urllib.request.urlopen(f"{self.url}/subjects", timeout=10):  # noqa: S310 - ours
                    return self
            except OSError:
                if time.monotonic() > give_up_s or self._process.poll() is not None:
                    end = (self._folder / "registry.log").read_text(errors="replace")[-3000:]
                    msg = f"Apicurio did not start; its log ends:\n{end}"
                    raise RuntimeError(msg) from None
                time.sleep(0.05)

    def kill(self) -> None:
        """Kill it."""
        process, self._process = self._process, None
        if process is not None:
            process.send_signal(signal.SIGKILL)
            process.wait()


@cache
def shared_apicurio() -> Apicurio:
    """Return the one of this test process, started at the first call.

    Raises:
        BrokerUnavailable: saying what is missing.
    """
    libs = Path(os.environ.get("APICURIO_LIBS") or REPO / ".cache" / "apicurio")
    if shutil.which("java") is None:
        msg = "no schema registry: 'java' (17 or newer) is not on PATH"
        raise BrokerUnavailable(msg)
    if not (libs / _JAR).exists():
        done = subprocess.run([str(FETCH), str(libs)], capture_output=True, text=True, timeout=600, check=False)
        if done.returncode != 0:
            msg = f"no schema registry: {FETCH.name} failed: {done.stderr.strip() or done.stdout.strip()}"
            raise BrokerUnavailable(msg)
    folder = tempfile.TemporaryDirectory(prefix="makegood-apicurio-", ignore_cleanup_errors=True)
    registry = Apicurio(Path(folder.name), libs)
    atexit.register(folder.cleanup)
    atexit.register(registry.kill)
    return registry.start()


def basic(user: str, password: str) -> str:
    """Return the header of basic authentication."""
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()
