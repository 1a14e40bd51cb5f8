"""What the settings of every channel over Twilio have."""

from typing import Annotated

from pydantic import Field, StringConstraints

from config.secret import SecretMissingError, SecretRef
from sinks.addresses import AddressedSettings
from sinks.contract import Reason, permanent
from sinks.receipts import ReportedSettings

PhoneNumber = Annotated[str, StringConstraints(pattern=r"^\+[1-9]\d{6,14}$")]


class TwilioSettings(ReportedSettings, AddressedSettings):
    """Settings of an account with Twilio.

    Attributes:
        account_sid: of the Twilio account. api_key_sid: None: ``auth_token`` is the account's; else the key's secret.
        auth_token: where the token is kept.
        signing_token: where the account's own token is kept, with which Twilio signs what it sends to us; needed where
            ``auth_token`` is the secret of an API key.
        to: numbers in E.164 form.
        base_url: of Twilio's API; another one for tests and proxies.
    """

    account_sid: str = Field(pattern=r"^AC[0-9a-fA-F]{32}$")
    api_key_sid: str | None = Field(default=None, pattern=r"^SK[0-9a-fA-F]{32}$")
    auth_token: SecretRef
    signing_token: SecretRef | None = None
    to: tuple[PhoneNumber, ...] = Field(min_length=1)
    base_url: str = Field(default="https://api.twilio.com", pattern=r"^https?://[^\s/]+$")

    def points_of_failure(self) -> frozenset[str]:
        """Return Twilio's host, and the account: one that is suspended sends neither messages nor calls."""
        return super().points_of_failure() | {f"Twilio account {self.account_sid}"}

    def reports_to_us(self) -> bool:
        """Whether we could check that a report comes from Twilio."""
        return self.signing_token is not None or self.api_key_sid is None

    def signs_with(self) -> str | None:
        """Return the token with which Twilio signs, read anew; None when the settings do not name it.

        Raises:
            SecretMissingError: when it is not there.
        """
        if not self.reports_to_us():
            return None
        return (self.signing_token or self.auth_token).resolve().get_secret_value()

    def token(self) -> str:
        """Return the token, read anew.

        Raises:
            DeliveryError: when it is not there.
        """
        try:
            return self.auth_token.resolve().get_secret_value()
        except SecretMissingError as error:
            raise permanent(Reason.AUTH, str(error)) from error
