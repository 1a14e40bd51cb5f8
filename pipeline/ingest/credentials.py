"""The secrets of a feed, read anew now and then, so that a changed file is noticed without a restart."""

from collections.abc import Callable, Sequence
from hashlib import sha256

import structlog

from config.secret import SecretMissingError, SecretRef
from pipeline.ingest.signatures import ZENDESK_TEST_SECRET

REFRESH_US = 5_000_000

_log = structlog.get_logger(__name__)


class Secrets:
    """Gives the secrets of now. A secret that is gone while running stays what it was, and that is logged once.

    Args:
        feed: whose secrets they are, for the log.
        places: where they are.
        clock_us: the wall clock.

    Raises:
        SecretMissingError: when one is not there at the start.
    """

    def __init__(self, feed: str, places: Sequence[SecretRef], clock_us: Callable[[], int]) -> None:
        self._feed = feed
        self._places = places
        self._secrets = _resolved(places)
        self._read_us = clock_us()
        self._trouble = ""

    def get(self, now_us: int) -> list[bytes]:
        """Return the secrets. Any of them may have signed."""
        if not 0 <= now_us - self._read_us < REFRESH_US:
            self._read_us = now_us
            try:
                self._secrets = _resolved(self._places)
                self._trouble = ""
            except SecretMissingError as error:
                if str(error) != self._trouble:
                    self._trouble = str(error)
                    _log.error("ingest.secret_gone", feed=self._feed, reason=self._trouble)
        return self._secrets

    def has_public_one(self) -> bool:
        """Say whether one of them is Zendesk's trial secret, which stands in its documentation for all to read."""
        return any(sha256(secret).digest() == ZENDESK_TEST_SECRET for secret in self._secrets)

    def __repr__(self) -> str:
        return f"Secrets({self._feed!r}, {len(self._places)})"


def _resolved(places: Sequence[SecretRef]) -> list[bytes]:
    return [place.resolve().get_secret_value().encode() for place in places]
