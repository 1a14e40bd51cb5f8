"""One HTTP request within a time that holds for all of it: from looking up the name to the last byte of the answer.

Timeouts of HTTP libraries are per read: a server that sends a byte now and then holds such a request for as long as it
likes, past the tier's deadline and the lease of the notification. Their cost is the other reason for a client of our
own: at a thousand notifications a second, the libraries alone would take the core that the rest needs.

It does what sending needs and nothing else: HTTP/1.1; no redirects, cookies or proxies; nothing of the environment.
"""

import re
import socket
import ssl
import time
import weakref
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from sinks.addresses import AddressedSettings, AddressRefusedError, AddressRule, refused
from sinks.contract import Reason, permanent, transient
from sinks.guarded import connect
from sinks.http_answer import HttpAnswer, NoHttpError
from sinks.http_connection import Connection, IdleConnections, secured
from sinks.http_target import Target, UnusableAddressError, basic, form, target
from sinks.tls import tls_context

MAX_ANSWER_BYTES = 1024 * 1024
"""Of an answer's body. What is longer is cut, and is then, as a rule, no answer that a channel understands."""
_FIELD = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+: [\t\x20-\x7e\x80-\xff]*")
_STANDARD = {"user-agent": "Makegood", "accept": "*/*", "accept-encoding": "identity"}


class _Job(NamedTuple):
    """One request: where it goes, its bytes, until when, what is wanted of the answer."""

    goal: Target
    request: bytes
    end_s: float
    max_body_bytes: int
    waited: str

    def __repr__(self) -> str:
        return "_Job()"  # the rest has secrets in it


class BoundedHttp:
    """Makes requests, each within its deadline. Used by several threads at once.

    A connection is kept for some seconds, for the next request to the same place. Nothing is sent twice in here: a
    request on a connection that the far side was just closing is a failure like any other broken connection.

    Args:
        verify_tls: whether the far side's certificate is checked.
        addresses: where requests may go; None: to public addresses, and to those that are written out.
        ca_file: certificates to trust in place of the usual ones.
    """

    def __init__(
        self, *, verify_tls: bool = True, addresses: AddressRule | None = None, ca_file: Path | None = None
    ) -> None:
        self._rule = addresses or AddressRule()
        self._verify_tls = verify_tls
        self._ca_file = ca_file
        self._tls: ssl.SSLContext | None = None
        self._idle = IdleConnections()
        weakref.finalize(self, self._idle.close)

    def request(
        self,
        method: str,
        url: str,
        *,
        timeout_s: float,
        headers: Mapping[str, str] | None = None,
        content: bytes | None = None,
        data: Mapping[str, Any] | None = None,
        params: Mapping[str, Any] | None = None,
        auth: tuple[str, str] | None = None,
        read_body: bool = True,
    ) -> HttpAnswer:
        """Send one request and return the answer, whatever its status.

        Args:
            method: ``POST``, ...
            url: address. It is repeated in no error.
            timeout_s: for everything, in seconds.
            headers: of the request.
            content: body.
            data: fields of a form, in place of a body.
            params: added to the address.
            auth: name and password.
            read_body: whether the answer's body is wanted.

        Raises:
            DeliveryError: when there is no answer; ``ambiguous`` when the request may have arrived all the same.
        """
        end_s = time.monotonic() + timeout_s
        fields = dict(headers or {})
        if auth is not None:
            fields["Authorization"] = basic(*auth)
        if data is not None:
            fields["Content-Type"] = "application/x-www-form-urlencoded"
            content = form(data)
        try:
            goal = target(url, params)
        except UnusableAddressError as error:
            raise permanent(Reason.BAD_RECIPIENT, str(error)) from error
        job = _Job(
            goal=goal,
            request=_request(method, goal, fields, content),
            end_s=end_s,
            max_body_bytes=MAX_ANSWER_BYTES if read_body else 0,
            waited=f"{timeout_s:.3g} s",
        )
        return self._exchange(self._idle.take(goal.place) or self._open(job), job)

    def reach(self, url: str, timeout_s: float) -> str:
        """Connect, say nothing, and close; return with whom, and how: ``TLSv1.3 with pager.example.com:443``.

        Args:
            url: address. Nothing of it is repeated but the host and port.
            timeout_s: for everything, in seconds.

        Raises:
            DeliveryError: as in :meth:`request`.
        """
        try:
            goal = target(url)
        except UnusableAddressError as error:
            raise permanent(Reason.BAD_RECIPIENT, str(error)) from error
        job = _Job(goal, b"", time.monotonic() + timeout_s, 0, f"{timeout_s:.3g} s")
        connection = self._open(job)
        protocol = connection.protocol
        connection.close()
        return f"{protocol} with {goal.host}:{goal.port}"

    def close(self) -> None:
        """Close the connections that are kept."""
        self._idle.close()

    def _exchange(self, connection: Connection, job: _Job) -> HttpAnswer:
        try:
            answer = connection.exchange(job.request, job.end_s, job.max_body_bytes)
        except TimeoutError as error:
            raise transient(Reason.TIMEOUT, f"no answer within {job.waited}", ambiguous=True) from error
        except NoHttpError as error:
            raise transient(Reason.SERVER_ERROR, str(error), ambiguous=True) from error
        except OSError as error:
            # It broke after it was made: the far side may have the message.
            detail = f"the connection broke: {type(error).__name__}"
            raise transient(Reason.UNREACHABLE, detail, ambiguous=connection.sent) from error
        finally:
            if connection.reusable:
                self._idle.give(job.goal.place, connection)
            else:
                connection.close()
        return answer

    def _open(self, job: _Job) -> Connection:
        goal = job.goal
        try:
            sock = connect(self._rule, goal.host, goal.port, written=goal.written, end_s=job.end_s)
            if goal.secure:
                if self._tls is None:
                    self._tls = tls_context(verify=self._verify_tls, ca_file=self._ca_file)
                sock = secured(sock, self._tls, goal.host, job.end_s)
        except AddressRefusedError as error:
            raise refused(error) from error
        except ssl.SSLCertVerificationError as error:
            # The text of the library names the host; the number says what is wrong.
            detail = f"the server's certificate is not trusted (verification error {error.verify_code})"
            raise permanent(Reason.UNREACHABLE, detail) from error
        except TimeoutError as error:
            raise transient(Reason.UNREACHABLE, f"no connection within {job.waited}") from error
        except (OSError, UnicodeError) as error:
            raise transient(Reason.UNREACHABLE, _why_not(error)) from error
        return Connection(sock)


def http_for(settings: AddressedSettings, *, verify_tls: bool = True) -> BoundedHttp:
    """Return the client for a channel with these settings."""
    rule = AddressRule(settings.allow_private_addresses)
    return BoundedHttp(verify_tls=verify_tls, addresses=rule, ca_file=settings.ca_file)


def _why_not(error: Exception) -> str:
    if isinstance(error, socket.gaierror):
        return "the name of the server is not known"
    if isinstance(error, ssl.SSLError):
        return f"there is no TLS with the server ({error.reason})"
    if isinstance(error, ConnectionRefusedError):
        return "the connection was refused"
    return f"there is no connection: {type(error).__name__}"


def _request(method: str, goal: Target, headers: Mapping[str, str], content: bytes | None) -> bytes:
    """Return head and body.

    Raises:
        DeliveryError: for a header field that cannot be sent; it is not repeated.
    """
    fields = {name.lower(): f"{name}: {value}" for name, value in headers.items()}
    for name, value in _STANDARD.items():
        fields.setdefault(name, f"{name}: {value}")
    if goal.authorization:
        fields.setdefault("authorization", f"Authorization: {goal.authorization}")
    if content is not None:
        fields["content-length"] = f"Content-Length: {len(content)}"
    for name, field in fields.items():
        if _FIELD.fullmatch(field) is None:
            raise permanent(Reason.REJECTED, f"the header field {name!r} has a character that none can carry")
    head = "\r\n".join([f"{method} {goal.path} HTTP/1.1", f"Host: {goal.host_field}", *fields.values(), "", ""])
    return head.encode("latin-1") + (content or b"")
