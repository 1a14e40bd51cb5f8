"""One address that is posted to: from a request to records that are durable, and the answer."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, NamedTuple

import msgspec
import structlog

from pipeline.ingest.commit import NotKeptError
from pipeline.ingest.content import UnreadableError, is_readable, records_of
from pipeline.ingest.credentials import Secrets
from pipeline.ingest.once import Once
from pipeline.ingest.settings import HttpSettings
from pipeline.ingest.signatures import Refused, verifier

Receive = Callable[[], Awaitable[dict[str, Any]]]
BODY_WITHIN_S = 30.0
TELL_EVERY_US = 60_000_000
"""Refused requests of one reason are logged at most this often."""

_log = structlog.get_logger(__name__)


class Answer(NamedTuple):
    """What the sender is told."""

    status: int
    headers: list[tuple[bytes, bytes]]
    body: bytes


def answer(status: int, error: str = "", *extra: tuple[bytes, bytes]) -> Answer:
    """Return an answer: empty, or with an error as JSON."""
    body = msgspec.json.encode({"error": error}) if error else b""
    headers = [(b"content-length", str(len(body)).encode()), *extra]
    if body:
        headers.append((b"content-type", b"application/json"))
    return Answer(status, headers, body)


ACCEPTED = answer(202)
_CLOSE = (b"connection", b"close")


class _Challenge(msgspec.Struct, tag_field="type", tag="url_verification"):
    challenge: str


_CHALLENGE = msgspec.json.Decoder(_Challenge)


class _BodyError(Exception):
    def __init__(self, answered: Answer) -> None:
        super().__init__(answered.status)
        self.answered = answered


class Endpoint:
    """Takes the requests to one feed.

    Args:
        name: of the feed.
        settings: of the feed.
        secrets: of the feed.
        once: where records go.
        clock_us: the wall clock.

    Attributes:
        answered: requests by status.
        refused: requests that were not believed, by reason.
    """

    def __init__(
        self, name: str, settings: HttpSettings, secrets: Secrets, once: Once, clock_us: Callable[[], int]
    ) -> None:
        self.name = name
        self.once = once
        self.answered: Counter[int] = Counter({202: 0})
        self.refused: Counter[Refused] = Counter(dict.fromkeys(Refused, 0))
        self._verify = verifier(settings.signature)
        self._slack = settings.signature.scheme == "slack"
        self._secrets = secrets
        self._max_body_bytes = settings.max_body_bytes
        self._max_reading_bytes = max(settings.max_waiting_bytes, settings.max_body_bytes)
        self._reading_bytes = 0
        self._clock_us = clock_us
        self._told_us: dict[Refused, int] = {}
        self._log = _log.bind(feed=name)

    async def take(self, method: str, headers: Mapping[bytes, bytes], receive: Receive) -> Answer:
        """Answer a request: 202 when its records are durable, and not before."""
        if method not in {"POST", "PUT"}:
            return self._count(answer(405, "records are sent by POST", (b"allow", b"POST, PUT"), _CLOSE))
        try:
            body = await self._body(headers, receive)
        except _BodyError as error:
            return self._count(error.answered)
        now_us = self._clock_us()
        refused = self._verify(headers, body, now_us, self._secrets.get(now_us))
        if refused is not None:
            return self._refuse(refused, now_us)
        return self._count(await self._keep(body, headers, now_us))

    async def _keep(self, body: bytes, headers: Mapping[bytes, bytes], now_us: int) -> Answer:
        if self._slack and (challenge := _challenge(body)) is not None:
            return challenge
        try:
            records = records_of(body, headers, self._max_body_bytes)
            for kept in self.once.submit(records, now_us, headers) if records else ():
                await kept
        except UnreadableError as error:
            return answer(413 if error.too_large else 415, str(error))
        except NotKeptError as error:
            after = (b"retry-after", str(error.retry_after_s).encode())
            return answer(429 if error.busy else 503, "come again later", after)
        return ACCEPTED

    async def _body(self, headers: Mapping[bytes, bytes], receive: Receive) -> bytes:
        """Read the body.

        Raises:
            _BodyError: with the answer to a request without a usable one.
        """
        length = headers.get(b"content-length")
        if length is not None and (not length.isdigit() or int(length[:20]) > self._max_body_bytes):
            raise _BodyError(self._too_large())
        if not is_readable(headers):
            raise _BodyError(answer(415, "send JSON (application/json or a type that ends in +json)", _CLOSE))
        try:
            async with asyncio.timeout(BODY_WITHIN_S):
                message = await receive()
                if message["type"] == "http.request" and not message.get("more_body", False):
                    body: bytes = message["body"]  # the usual case
                else:
                    body = await self._rest(message, receive)
        except TimeoutError:
            raise _BodyError(answer(408, f"the body did not come within {BODY_WITHIN_S:.0f} s", _CLOSE)) from None
        if len(body) > self._max_body_bytes:
            raise _BodyError(self._too_large())
        return body

    async def _rest(self, message: dict[str, Any], receive: Receive) -> bytes:
        parts: list[bytes] = []
        size = 0
        try:
            while True:
                if message["type"] == "http.disconnect":
                    raise _BodyError(answer(400, "the connection was closed within the body", _CLOSE))
                part = message.get("body", b"")
                parts.append(part)
                size += len(part)
                self._reading_bytes += len(part)
                if size > self._max_body_bytes:
                    raise _BodyError(self._too_large())
                if self._reading_bytes > self._max_reading_bytes:
                    # Nobody knows yet who they are: together they may not take all the memory.
                    raise _BodyError(answer(429, "come again later", (b"retry-after", b"2"), _CLOSE))
                if not message.get("more_body", False):
                    return b"".join(parts)
                message = await receive()
        finally:
            self._reading_bytes -= size

    def _too_large(self) -> Answer:
        return answer(413, f"the body has more than {self._max_body_bytes} bytes", _CLOSE)

    def _refuse(self, reason: Refused, now_us: int) -> Answer:
        self.refused[reason] += 1
        if now_us - self._told_us.get(reason, 0) >= TELL_EVERY_US:
            self._told_us[reason] = now_us
            self._log.warning("ingest.refused", reason=reason.value, so_far=self.refused[reason])
        return self._count(answer(401, "not authorized"))

    def _count(self, answered: Answer) -> Answer:
        self.answered[answered.status] += 1
        return answered


def _challenge(body: bytes) -> Answer | None:
    """Return the answer to Slack's question whether this address is ours: https://docs.slack.dev/apis/events-api/."""
    try:
        challenge = _CHALLENGE.decode(body).challenge.encode()
    except (msgspec.DecodeError, UnicodeEncodeError):
        return None
    headers = [(b"content-length", str(len(challenge)).encode()), (b"content-type", b"text/plain; charset=utf-8")]
    return Answer(200, headers, challenge)
