"""Opening the store: the Redis that the environment or the settings name, or the embedded one."""

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

import structlog

from alerts.connection import connect
from alerts.embedded_redis import EmbeddedRedis, EmbeddedRedisError
from alerts.store import AlertStore
from config.delivery import StoreSettings

_log = structlog.get_logger("makegood.store")
REDIS_URL_VARIABLE = "MAKEGOOD_REDIS_URL"


@contextmanager
def open_store(settings: StoreSettings, environ: Mapping[str, str] | None = None) -> Iterator[AlertStore]:
    """Give the store for the time of a ``with`` block; start, adopt and stop an embedded Redis as needed.

    Raises:
        EmbeddedRedisError: when the embedded Redis does not come up.
        SecretMissingError: when ``settings.url`` names a place without a secret.
        StoreError: when the address cannot be read. (A Redis that is merely away shows at its first use.)
    """
    env = os.environ if environ is None else environ
    url = env.get(REDIS_URL_VARIABLE) or (None if settings.url is None else settings.url.resolve().get_secret_value())
    if url:
        with _connected(url, settings) as store:
            yield store
        return
    with EmbeddedRedis(settings.dir) as server:

        def revive() -> None:
            try:
                server.revive()
            except EmbeddedRedisError as error:  # who waits goes on waiting: the disk may have room again later
                _log.error("store_not_started_again", detail=str(error))

        with _connected(server.url, settings, revive, server.complaint) as store:
            yield store


@contextmanager
def _connected(
    url: str,
    settings: StoreSettings,
    revive: Callable[[], None] | None = None,
    complaint: Callable[[], str] | None = None,
) -> Iterator[AlertStore]:
    client = connect(url)
    try:
        yield AlertStore(client, settings, revive, complaint)
    finally:
        client.close()
