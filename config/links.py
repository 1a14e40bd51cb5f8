"""Settings of links in messages that do something: acknowledge an alert with one tap."""

from typing import Annotated

from pydantic import AfterValidator, Field

from config.base import SettingsModel
from config.durations import US_PER_SECOND, DurationUs
from config.secret import SecretRef

_HOUR_US = 3_600 * US_PER_SECOND


def _usable(url: str) -> str:
    scheme, separator, rest = url.partition("://")
    host = rest.partition("/")[0]
    if scheme not in {"http", "https"} or not separator or not host or any(sign in url for sign in " \t\n?#<>\"'"):
        msg = f"{url!r} is no address that links can begin with: write one like https://makegood.example.com"
        raise ValueError(msg)
    return url.rstrip("/")


BaseUrl = Annotated[str, AfterValidator(_usable)]
"""An address that others begin with; without a slash at its end."""


class LinkSettings(SettingsModel):
    """Links in messages that do something. Whoever has one can use it, so it is bound to one thing and one time.

    To change the secret: move its place to ``previous``, name the new one in ``secret``, and take ``previous`` away
    when links of the old one have run out.

    Attributes:
        base_url: where people reach what answers links (``callbacks.public_url``), without a query: links begin with
            it.
        secret: what links are signed with; at least 16 bytes that nobody can guess (``openssl rand -hex 32``).
        previous: the secret before, of which links are still taken.
        valid_for: how long a link can be used, from when the notification was due.
    """

    base_url: BaseUrl
    secret: SecretRef
    previous: SecretRef | None = None
    valid_for: DurationUs = Field(default=24 * _HOUR_US, ge=60 * US_PER_SECOND, le=90 * 24 * _HOUR_US)
