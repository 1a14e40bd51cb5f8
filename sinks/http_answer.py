"""An answer to an HTTP request, and reading it off the wire."""

from collections.abc import Iterator, Mapping
from http import HTTPStatus

import httptools

MAX_HEAD_BYTES = 64 * 1024
"""Of status line and header fields together. Answers of providers have one or two thousand."""


class HttpHeaders(Mapping[str, str]):
    """Header fields, found by their names in any case. Fields that are there several times are one, with commas.

    >>> HttpHeaders({"Retry-After": "7"}).get("retry-after")
    '7'
    """

    __slots__ = ("_fields",)

    def __init__(self, fields: Mapping[str, str]) -> None:
        self._fields = {name.lower(): value for name, value in fields.items()}

    def __getitem__(self, name: str) -> str:
        return self._fields[name.lower()]

    def __iter__(self) -> Iterator[str]:
        return iter(self._fields)

    def __len__(self) -> int:
        return len(self._fields)


class HttpAnswer:
    """What the far side said. Its repr shows the status only: the rest can repeat what we sent.

    Attributes:
        status_code: 100 to 999.
        headers: fields of the head.
        content: the body; cut when it was longer than was asked for.
        reason_phrase: of the status line.
    """

    __slots__ = ("content", "headers", "reason_phrase", "status_code")

    def __init__(
        self,
        status_code: int,
        headers: Mapping[str, str] | None = None,
        content: bytes = b"",
        reason_phrase: str | None = None,
    ) -> None:
        self.status_code = status_code
        self.headers = HttpHeaders(headers or {})
        self.content = content
        self.reason_phrase = _standard_phrase(status_code) if reason_phrase is None else reason_phrase

    def __repr__(self) -> str:
        return f"HttpAnswer({self.status_code})"

    @property
    def is_success(self) -> bool:
        """Whether the status is 2xx."""
        return 200 <= self.status_code < 300

    @property
    def text(self) -> str:
        """The body as UTF-8; what is none becomes �."""
        return self.content.decode("utf-8", "replace")


def _standard_phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""


class NoHttpError(Exception):
    """What came back is no HTTP. The text repeats nothing of it."""


class AnswerReader:
    """Reads one answer, piece by piece; interim answers (1xx) are passed over, as RFC 9110 section 15.2 has it.

    Args:
        max_body_bytes: how much of the body is kept.

    Attributes:
        begun: whether any byte has come. has_head: whether the head is whole. done: whether the body is, too.
        reusable: whether the connection can carry another request; known when it is done.
        body_bytes: how much of the body has come.
    """

    def __init__(self, max_body_bytes: int) -> None:
        self.begun = False
        self.has_head = False
        self.done = False
        self.reusable = False
        self.body_bytes = 0
        self._max = max_body_bytes
        self._head_bytes = 0
        self._sized = False
        self._reason = b""
        self._fields: list[tuple[bytes, bytes]] = []
        self._body: list[bytes] = []
        self._kept = 0
        self._status = 0
        self._parser = httptools.HttpResponseParser(self)

    def feed(self, data: bytes) -> None:
        """Take what came from the connection; nothing: it was closed.

        Raises:
            NoHttpError: when it is none.
            ConnectionError: when it ended in the middle.
        """
        if not data:
            self._end()
            return
        self.begun = True
        self._head_bytes += 0 if self.has_head else len(data)
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            self.reusable = False  # also for what comes after the end of the answer
            if self._parser.get_status_code() == 101 and self.has_head:
                self.done = True
            if not self.done:
                msg = "what came back is no HTTP"
                raise NoHttpError(msg) from None
        if not self.has_head and self._head_bytes > MAX_HEAD_BYTES:
            msg = f"the head of the answer is longer than {MAX_HEAD_BYTES} bytes"
            raise NoHttpError(msg)

    def answer(self) -> HttpAnswer:
        """Return the answer, as far as it has come."""
        fields: dict[str, str] = {}
        for raw, value in self._fields:
            name, said = raw.decode("latin-1").lower(), value.decode("latin-1").strip()
            fields[name] = f"{fields[name]}, {said}" if name in fields else said
        return HttpAnswer(self._status, fields, b"".join(self._body), self._reason.decode("latin-1"))

    def _end(self) -> None:
        if self.has_head and not self._sized:
            self.done = True  # its body ends with the connection
            return
        msg = "the connection ended in the middle of the answer" if self.begun else "the connection ended"
        raise ConnectionError(msg)

    def on_message_begin(self) -> None:
        """Begin; a second answer that nobody asked for makes the connection useless."""
        if self.done:
            self.reusable = False

    def on_status(self, reason: bytes) -> None:
        """Take a piece of the reason phrase."""
        if not self.done:
            self._reason += reason

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header field."""
        if not self.done:
            self._fields.append((name, value))

    def on_headers_complete(self) -> None:
        """Take note that the head is whole."""
        if self.done:
            return
        self._status = self._parser.get_status_code()
        if self._status >= 200 or self._status == 101:
            self.has_head = True
            self._sized = any(name.lower() in {b"content-length", b"transfer-encoding"} for name, _ in self._fields)
            self.reusable = self._parser.should_keep_alive()

    def on_body(self, data: bytes) -> None:
        """Take a piece of the body."""
        if self.done:
            return
        self.body_bytes += len(data)
        if self._kept < self._max:
            self._body.append(data[: self._max - self._kept])
            self._kept += len(self._body[-1])

    def on_message_complete(self) -> None:
        """Take note that it is whole, unless it was an interim one."""
        if self.has_head:
            self.done = True
        else:
            self._reason = b""
            self._fields = []
