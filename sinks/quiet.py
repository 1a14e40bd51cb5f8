"""Keeps addresses out of the logs: httpx logs every address at INFO, and the address of a webhook can be a secret."""

import logging


def _only_warnings(record: logging.LogRecord) -> bool:
    return record.levelno >= logging.WARNING


def quiet_httpx() -> None:
    """Drop what httpx logs below WARNING, however the program sets up its logs. Calling it again has no effect."""
    logging.getLogger("httpx").addFilter(_only_warnings)
