"""Whom TLS connections trust."""

import ssl
from pathlib import Path

import certifi

from sinks.contract import Reason, permanent


def tls_context(*, verify: bool = True, ca_file: Path | None = None) -> ssl.SSLContext:
    """Return how TLS connections are made: TLS 1.2 or later, with the far side's certificate and name checked.

    Args:
        verify: whether they are.
        ca_file: certificates to trust, in place of the system's and those of Mozilla (the package ``certifi``).

    Raises:
        DeliveryError: when the file cannot be read, or has no certificate in it.
    """
    try:
        context = ssl.create_default_context(cafile=None if ca_file is None else str(ca_file))
        if ca_file is None:
            context.load_verify_locations(certifi.where())  # a small container has no certificates of its own
    except OSError as error:  # ssl.SSLError is one
        why = "has no certificate in it" if isinstance(error, ssl.SSLError) else f"cannot be read ({error.strerror})"
        raise permanent(Reason.REJECTED, f"`ca_file` {ca_file} {why}") from error
    if not verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context
