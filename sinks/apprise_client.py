"""Notifies one URL by the library apprise. Only its channel imports it: the library is an extra, and slow to load.

apprise answers with yes or no, and writes into its log why; what went wrong is read there. The log goes nowhere else:
apprise, and the HTTP library below it, write addresses with secrets into it.
"""

import logging
import re
import warnings
from collections.abc import Iterable
from contextvars import ContextVar

from apprise import Apprise, AppriseAsset, NotifyBase, NotifyFormat, NotifyType
from apprise.common import OverflowMode
from apprise.result import AppriseResultStatus

from sinks.contract import DeliveryError, Failure, Message, Reason, permanent, transient
from sinks.http_status import http_failure

_STATUS = re.compile(r"\berror=([1-5]\d\d)\b")
_NOT_CONNECTED = re.compile(
    r"NewConnectionError|ConnectTimeout|NameResolutionError|Failed to establish|Failed to resolve|Connection refused|"
    r"CERTIFICATE_VERIFY_FAILED"
)
_TOO_SLOW = re.compile(r"Read timed out|ReadTimeout|timed out", re.IGNORECASE)
_BROKEN = re.compile(r"connection error|Socket Exception", re.IGNORECASE)
_SHARE = 0.85
"""Of the timeout, for the library's own; it takes up to a tenth of a second more."""
_KEY_CHARS = 15


_LINES: ContextVar[list[str] | None] = ContextVar("apprise_lines", default=None)
"""What apprise logs while it notifies one URL. Its threads have the context of whoever started them."""


def quiet_apprise() -> None:
    """Keep what apprise and its HTTP library log out of our logs. Calling it again has no effect."""
    log = logging.getLogger("apprise")
    log.setLevel(logging.DEBUG)
    log.addFilter(_kept_back)
    for name in ("urllib3.connectionpool", "urllib3.util.retry", "requests_oauthlib.oauth1_session"):
        logging.getLogger(name).addFilter(_only_errors)


def _kept_back(record: logging.LogRecord) -> bool:
    lines = _LINES.get()
    if lines is not None:
        lines.append(record.getMessage())
    return False


def _only_errors(record: logging.LogRecord) -> bool:
    return record.levelno >= logging.ERROR


def load_plugins() -> None:
    """Have the library look for its plugins now, and not within the timeout of the first message."""
    with warnings.catch_warnings():
        # Plugins import what they find, some of it older than Python likes.
        warnings.simplefilter("ignore", DeprecationWarning)
        Apprise.instantiate("json://localhost")


def plugin(url: str, whose: str) -> NotifyBase:
    """Return apprise's plugin for ``url``.

    Args:
        url: with secrets in it; repeated in no error.
        whose: the recipient, for the error.

    Raises:
        DeliveryError: when apprise does not understand the URL.
    """
    # No retries of its own, no files, no redirects: what happens when it fails is the notifier's to say.
    asset = AppriseAsset(app_id="Makegood", async_mode=False, http_redirects=False, storage_mode="memory")
    made = Apprise.instantiate(url, asset=asset)
    if not isinstance(made, NotifyBase):
        raise permanent(
            Reason.BAD_RECIPIENT,
            f"apprise cannot use the URL of {whose!r}: it does not know the service, or a part of the URL is missing",
        )
    made.retry = 0
    made.redirects = False
    if made.overflow_mode == OverflowMode.UPSTREAM:
        made.overflow_mode = OverflowMode.TRUNCATE
    return made


def notify(target: NotifyBase, message: Message, timeout_s: float) -> None:
    """Notify one URL.

    Raises:
        DeliveryError: when apprise says that it failed.
    """
    quiet_apprise()
    own_s = timeout_s * _SHARE
    target.socket_connect_timeout = min(target.socket_connect_timeout, own_s)
    target.socket_read_timeout = min(target.socket_read_timeout, own_s)
    sender = Apprise(asset=target.asset)
    sender.add(target)
    lines: list[str] = []
    token = _LINES.set(lines)
    try:
        with sender.notify(
            body=body(message, int(target.body_maxlen)),
            title=message.title,
            notify_type=_kind(message),
            body_format=NotifyFormat.TEXT.value,
            timeout=own_s,
        ) as result:
            status = result.status
    finally:
        _LINES.reset(token)
    if status == AppriseResultStatus.TIMEOUT:
        raise transient(Reason.TIMEOUT, f"no answer within {timeout_s:.3g} s", ambiguous=True)
    if status != AppriseResultStatus.SUCCESS:
        raise DeliveryError(failure_of(lines))


def body(message: Message, max_chars: int) -> str:
    """Return text and reference, cut to ``max_chars`` from the text's end; notes then come first."""
    reference = f"\nref {message.key[:_KEY_CHARS]}"
    whole = message.text + reference
    if len(whole) <= max_chars:
        return whole
    text = message.text
    for note in message.notes:
        text = text.replace(note, "")
    room = max(1, max_chars - len(reference))
    text = "\n".join([*message.notes, text.strip()])
    return text[: room - 1] + "…" + reference


def _kind(message: Message) -> NotifyType:
    if message.notification.status == "resolved":
        return NotifyType.SUCCESS
    severities = {alert.labels.get("severity", "") for alert in message.notification.alerts}
    return NotifyType.FAILURE if severities & {"critical", "page", "error"} else NotifyType.WARNING


def failure_of(log: Iterable[str]) -> Failure:
    """Return what the lines of apprise's log say about a failure; nothing of them is repeated.

    >>> failure_of(["Failed to send JSON POST notification: error=503."]).reason.value
    'server_error'
    """
    lines = "\n".join(log)
    status = _STATUS.search(lines)
    if status is not None:
        failure = http_failure(int(status[1]), f"HTTP {status[1]}, says apprise")
        if failure is not None:
            return failure
    if _BROKEN.search(lines) is not None:
        if _NOT_CONNECTED.search(lines) is not None:
            error = transient(Reason.UNREACHABLE, "the connection was refused, or the name or certificate is wrong")
        elif _TOO_SLOW.search(lines) is not None:
            error = transient(Reason.TIMEOUT, "no answer in time", ambiguous=True)
        else:
            error = transient(Reason.UNREACHABLE, "the connection broke", ambiguous=True)
        return error.failure
    return transient(Reason.SERVER_ERROR, "apprise says that it failed, and not why", ambiguous=True).failure
