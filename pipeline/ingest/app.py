"""The ASGI application: finds the endpoint of a request; serves health and figures."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import msgspec
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder

from pipeline.ingest.endpoint import Answer, Endpoint, Receive, answer

Send = Callable[[dict[str, Any]], Awaitable[None]]
Health = Callable[[], tuple[bool, dict[str, Any]]]
_NOT_FOUND = "no feed is posted to here; the path is /ingest/NAME, or what the feed's settings say"


class App:
    """Answers requests. Raw ASGI: a framework's routing would cost more than all the rest of a request.

    Args:
        endpoints: by path.
        health: whether all is well, and the evidence.
        registry: what ``/metrics`` shows.
    """

    def __init__(self, endpoints: Mapping[str, Endpoint], health: Health, registry: CollectorRegistry) -> None:
        self._endpoints = dict(endpoints)
        self._own = {
            "/health": self._health,
            "/healthz": self._health,
            # A full disk is no reason to start again, nor to be sent no more requests: the sender is told 429 or 503.
            "/livez": self._answers,
            "/readyz": self._answers,
            "/metrics": self._metrics,
        }
        self._ask = health
        self._registry = registry

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return  # nothing else is served, and the server is told to ask for nothing else
        headers = dict(scope["headers"])
        endpoint = self._endpoints.get(scope["path"])
        if endpoint is not None:
            answered = await endpoint.take(scope["method"], headers, receive)
        else:
            answered = self._other(scope, headers)
        await send({"type": "http.response.start", "status": answered.status, "headers": answered.headers})
        await send({"type": "http.response.body", "body": answered.body})

    def _other(self, scope: dict[str, Any], headers: Mapping[bytes, bytes]) -> Answer:
        serve = self._own.get(scope["path"])
        if serve is None:
            return answer(404, _NOT_FOUND, (b"connection", b"close"))
        if scope["method"] not in {"GET", "HEAD"}:
            return answer(405, "ask by GET", (b"allow", b"GET, HEAD"), (b"connection", b"close"))
        return serve(headers)

    def _health(self, _: Mapping[bytes, bytes]) -> Answer:
        well, report = self._ask()
        body = msgspec.json.encode({"status": "healthy" if well else "unhealthy", **report})
        return _page(200 if well else 503, body, "application/json")

    def _answers(self, _: Mapping[bytes, bytes]) -> Answer:
        return _page(200, b'{"status":"live"}', "application/json")

    def _metrics(self, headers: Mapping[bytes, bytes]) -> Answer:
        encode, content_type = choose_encoder(headers.get(b"accept", b"").decode("latin-1"))
        return _page(200, encode(self._registry), content_type)


def _page(status: int, body: bytes, content_type: str) -> Answer:
    headers = [(b"content-length", str(len(body)).encode()), (b"content-type", content_type.encode())]
    return Answer(status, [*headers, (b"cache-control", b"no-store")], body)
