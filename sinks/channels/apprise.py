"""Apprise: the long tail of services (https://github.com/caronc/apprise/wiki), each named by a URL of its own.

Needs the extra: ``pip install 'makegood[apprise]'``. Each URL is a recipient and is notified by itself, so that one
that worked is not notified again when another has failed.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from typing import Annotated, ClassVar, Literal

import msgspec
from pydantic import Field, StringConstraints

from config.secret import SecretMissingError, SecretRef
from sinks.checking import Checked, each_checked
from sinks.contract import (
    CHANNELS,
    ChannelSettings,
    DeliveryError,
    Failure,
    Message,
    Reason,
    Receipt,
    permanent,
)
from sinks.points import host_in

_HOSTED = frozenset({"json", "jsons", "xml", "xmls", "form", "forms", "mailto", "mailtos"})
RecipientName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9 ._-]{0,63}$")]


class AppriseSettings(ChannelSettings):
    """Settings of an Apprise channel.

    Attributes:
        urls: where each recipient's URL is kept, by a name for the recipient. URLs have secrets in them, the names are
            shown. A URL with several targets is one recipient: when one of them fails, all are tried again.
    """

    tells_code: ClassVar[bool] = True

    type: Literal["apprise"]
    urls: dict[RecipientName, SecretRef] = Field(min_length=1, max_length=50)

    def points_of_failure(self) -> frozenset[str]:
        """Return the service of each URL, or its place where it is not there: what follows can be a token."""
        return frozenset(_service(ref) for ref in self.urls.values())

    def model_post_init(self, context: object, /) -> None:
        """Check that the library is there."""
        if find_spec("apprise") is None:
            msg = "a channel of type apprise needs the library apprise; install it: pip install 'makegood[apprise]'"
            raise ValueError(msg)


def _service(ref: SecretRef) -> str:
    try:
        url = ref.resolve().get_secret_value()
    except SecretMissingError:
        return f"the address in {ref.env or ref.file}"
    scheme = url.partition("://")[0].lower()
    return host_in(url) if scheme in _HOSTED else f"{scheme}:// by apprise"


@CHANNELS.register("apprise", AppriseSettings)
class AppriseChannel:
    """Believes what the library says about each URL."""

    def __init__(self, name: str, settings: AppriseSettings) -> None:
        self.name = name
        self.recipients: tuple[str, ...] = tuple(settings.urls)
        self._settings = settings
        from sinks import apprise_client  # noqa: PLC0415 - an extra, and slow to load

        self._client = apprise_client
        apprise_client.quiet_apprise()
        apprise_client.load_plugins()

    def send(self, message: Message, recipients: Sequence[str], timeout_s: float) -> list[Receipt]:
        """Notify the URLs of ``recipients``, all at the same time, so that a slow one takes no time from the others."""
        with ThreadPoolExecutor(len(recipients), thread_name_prefix="apprise") as pool:
            failures = list(pool.map(lambda name: self._try(name, message, timeout_s), recipients))
        common = _for_one_reason(failures)
        if common is not None:
            raise DeliveryError(common)
        return [
            Receipt(recipient=name, outcome="delivered" if failure is None else "failed", failure=failure)
            for name, failure in zip(recipients, failures, strict=True)
        ]

    def check(self, timeout_s: float) -> list[Checked]:
        """Read every URL and see whether apprise understands it; ask nobody: nothing is waited for."""

        def read(name: str, _share_s: float) -> str:
            made = self._client.plugin(self._url(name), name)
            return f"apprise has a plugin for it ({type(made).__name__}); nobody was asked"

        return each_checked(self.recipients, timeout_s, read)

    def close(self) -> None:
        """Nothing to release."""

    def _url(self, name: str) -> str:
        try:
            return self._settings.urls[name].resolve().get_secret_value()
        except SecretMissingError as error:
            raise permanent(Reason.AUTH, str(error)) from error

    def _try(self, name: str, message: Message, timeout_s: float) -> Failure | None:
        try:
            self._client.notify(self._client.plugin(self._url(name), name), message, timeout_s)
        except DeliveryError as error:
            return error.failure
        except Exception as error:  # of a plugin, with who knows what in its text; the others must not suffer from it
            detail = f"defect in apprise's plugin: {type(error).__name__}"
            return Failure(reason=Reason.INTERNAL, permanent=True, detail=detail, ambiguous=True)
        return None


def _for_one_reason(failures: Sequence[Failure | None]) -> Failure | None:
    """Return the failure of all, when all failed alike."""
    first = failures[0]
    if first is None:
        return None
    for failure in failures:
        if failure is None or (failure.reason, failure.permanent, failure.ambiguous) != (
            first.reason,
            first.permanent,
            first.ambiguous,
        ):
            return None
    details = dict.fromkeys(failure.detail for failure in failures if failure is not None)
    return msgspec.structs.replace(first, detail="; ".join(details))
