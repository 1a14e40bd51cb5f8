"""E-mail: one message with text and HTML over SMTP, with a result for each recipient."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, ClassVar, Literal

from pydantic import Field, StringConstraints

from config.secret import SecretMissingError, SecretRef
from sinks.checking import Checked
from sinks.contract import CHANNELS, ChannelSettings, Message, Reason, Receipt, permanent
from sinks.mail import build_mail
from sinks.points import host_in
from sinks.smtp_session import Dialogue, Server

_PORTS = {"starttls": 587, "tls": 465, "none": 25}
MailAddress = Annotated[str, StringConstraints(pattern=r"^[^@\s<>,;\"]+@[^@\s<>,;\"]+$")]


class EmailSettings(ChannelSettings):
    """Settings of an e-mail channel.

    Attributes:
        host: of the SMTP server. port: None: 587 for ``starttls``, 465 for ``tls``, 25 for ``none``.
        security: ``starttls`` (refused when the server does not offer it), ``tls`` from the first byte, or ``none``.
        username, password: for servers that want a login.
        sender: address in ``From`` and of bounces. to: whom it reaches.
        ca_file: certificates to trust in place of the system's.
    """

    tells_code: ClassVar[bool] = True

    type: Literal["email"]
    host: str = Field(min_length=1)
    port: int | None = Field(default=None, ge=1, le=65535)
    security: Literal["starttls", "tls", "none"] = "starttls"
    username: str | None = None
    password: SecretRef | None = None
    sender: MailAddress
    to: tuple[MailAddress, ...] = Field(min_length=1)
    ca_file: Path | None = None

    def points_of_failure(self) -> frozenset[str]:
        """Return the server."""
        return frozenset({host_in(self.host, self.port or _PORTS[self.security])})

    def model_post_init(self, context: object, /) -> None:
        """Check that a login is whole."""
        if (self.username is None) != (self.password is None):
            msg = "a login needs both `username` and `password`, or neither"
            raise ValueError(msg)


@CHANNELS.register("email", EmailSettings)
class EmailChannel:
    """Sends over SMTP. A server that takes a mail has accepted it; whether it arrives only a bounce would say."""

    def __init__(self, name: str, settings: EmailSettings) -> None:
        self.name = name
        self.recipients: tuple[str, ...] = settings.to
        self._settings = settings

    def send(self, message: Message, recipients: Sequence[str], timeout_s: float) -> list[Receipt]:
        """Send one mail to ``recipients``."""
        mail = build_mail(message, self._settings.sender, recipients)
        return Dialogue(self._server(), timeout_s).send(mail, self._settings.sender, recipients)

    def check(self, timeout_s: float) -> list[Checked]:
        """Log in and leave again; no recipient is named."""
        return [Checked(subject=self._settings.host, said=Dialogue(self._server(), timeout_s).check())]

    def close(self) -> None:
        """Nothing to release: each mail has its own connection."""

    def _server(self) -> Server:
        settings = self._settings
        return Server(
            host=settings.host,
            port=settings.port,
            security=settings.security,
            ca_file=settings.ca_file,
            login=None if settings.username is None else self._login,
        )

    def _login(self) -> tuple[str, str]:
        username, password = self._settings.username or "", self._settings.password
        try:
            return username, "" if password is None else password.resolve().get_secret_value()
        except SecretMissingError as error:
            raise permanent(Reason.AUTH, str(error)) from error
