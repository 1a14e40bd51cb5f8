"""Keeps secrets out of the logs: httpx logs addresses at INFO, and the library below it headers of answers at DEBUG.

The address of a webhook can be a secret, and a server can repeat what it was sent.
"""

import logging

# A filter holds for its own logger, not for those below it.
_LOGGERS = ("httpx", "httpcore.connection", "httpcore.http11", "httpcore.http2", "httpcore.proxy", "httpcore.socks")


def _only_warnings(record: logging.LogRecord) -> bool:
    return record.levelno >= logging.WARNING


def quiet_httpx() -> None:
    """Drop what httpx logs below WARNING, however the program sets up its logs. Calling it again has no effect."""
    for name in _LOGGERS:
        logging.getLogger(name).addFilter(_only_warnings)
