"""Connections that go only where the rule of ``sinks.addresses`` lets them, made within a deadline."""

import socket
import threading
import time

from sinks.addresses import AddressRule

_MAX_LOOK_UPS = 64
_look_ups = threading.BoundedSemaphore(_MAX_LOOK_UPS)
"""A resolver that hangs is left behind, each question in a thread of its own: not in ever more of them."""


def connect(rule: AddressRule, host: str, port: int, *, written: bool, end_s: float) -> socket.socket:
    """Look a name up once, and connect to the first of the allowed addresses that answers.

    Args:
        rule: which addresses are allowed.
        host: name or address.
        port: to connect to.
        written: whether the host is written out in the settings.
        end_s: until when, by ``time.monotonic``.

    Raises:
        AddressRefusedError: when no address may be connected to.
        TimeoutError: when it took too long.
        OSError: when the name is not known, or nobody listens.
    """
    found = _found(rule, host, port, written, end_s)
    for number, address in enumerate(found):
        rest = len(found) - number
        try:
            return socket.create_connection((address, port), max(0.001, (end_s - time.monotonic()) / rest))
        except OSError:
            if rest == 1:
                raise
    msg = "there is no address"
    raise OSError(msg)


def _found(rule: AddressRule, host: str, port: int, written: bool, end_s: float) -> list[str]:
    if _is_address(host):
        return rule.addresses(host, port, written=written)
    if not _look_ups.acquire(timeout=max(0.0, end_s - time.monotonic())):
        msg = "too many names are being looked up"
        raise TimeoutError(msg)
    done = threading.Event()
    found: list[str] = []
    errors: list[Exception] = []

    def look_up() -> None:
        try:
            found.extend(rule.addresses(host, port, written=written))
        except Exception as error:  # raised where it was asked for
            errors.append(error)
        finally:
            _look_ups.release()
            done.set()

    threading.Thread(target=look_up, name="look-up", daemon=True).start()
    if not done.wait(max(0.0, end_s - time.monotonic())):
        msg = "the name was not found in time"
        raise TimeoutError(msg)
    if errors:
        raise errors[0]
    return found


def _is_address(host: str) -> bool:
    for family in (socket.AF_INET, socket.AF_INET6):
        try:
            socket.inet_pton(family, host)
        except OSError:
            continue
        return True
    return False
