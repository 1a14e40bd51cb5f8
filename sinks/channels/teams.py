"""Microsoft Teams by a workflow: posts an Adaptive Card to the webhook of Power Automate.

Its 202 means that the workflow has begun, not that the card is in the channel: what becomes of it only the workflow's
history shows. The Office 365 connectors that came before are being retired; where one still answers, it says 200 also
when it failed, and its words are read. There is no harmless request to check an address by: every one that is taken
posts.

Sources: https://learn.microsoft.com/connectors/teams#microsoft-teams-webhook, for errors
https://learn.microsoft.com/azure/logic-apps/logic-apps-http-endpoint and
https://learn.microsoft.com/microsoftteams/platform/webhooks-and-connectors/how-to/connectors-using
"""

import re
from collections.abc import Mapping, Sequence
from typing import ClassVar, Literal

from pydantic import Field

from config.secret import SecretRef
from sinks.addresses import AddressedSettings
from sinks.checking import Checked
from sinks.contract import CHANNELS, Failure, Message, Reason, Receipt
from sinks.http import http_for
from sinks.http_answer import HttpAnswer
from sinks.http_status import answer_failure
from sinks.json_api import encode, exchange, header_secret, json_object, raise_if
from sinks.teams_card import LIMIT_BYTES, card_message

DOCS = "https://learn.microsoft.com/connectors/teams#microsoft-teams-webhook"

ERRORS: Mapping[str, tuple[Reason, str]] = {
    "DirectApiAuthorizationRequired": (
        Reason.AUTH,
        'the address lacks its signature, or the workflow is not open to "Anyone"',
    ),
    "MisMatchingOAuthClaims": (Reason.AUTH, 'the workflow is not open to "Anyone"'),
    "AuthorizationFailed": (Reason.AUTH, "the signature in the address is not good"),
    "InvalidAuthorizationSignature": (Reason.AUTH, "the signature in the address is not good"),
    "WorkflowNotFound": (Reason.BAD_RECIPIENT, "there is no such workflow any more"),
    "WorkflowTriggerIsNotEnabled": (Reason.BAD_RECIPIENT, "the workflow is switched off or deleted"),
    "WorkflowTriggerNotFound": (Reason.BAD_RECIPIENT, "the workflow has no such trigger any more"),
    "InvalidRequestContent": (Reason.REJECTED, "the workflow could not read the message"),
    "InvalidTemplate": (Reason.REJECTED, "the workflow is not as it should be"),
    "TriggerInputSchemaMismatch": (Reason.REJECTED, "the workflow expects another form of message"),
}
"""Permanent failures by the code in the answer's body; others go by their HTTP status."""

_OLD_FAILURE = re.compile(r"Webhook message delivery failed with error|returned HTTP error", re.IGNORECASE)
_OLD_STATUS = re.compile(r"returned HTTP error (\d{3})", re.IGNORECASE)
_RUN_ID = re.compile(r"[A-Za-z0-9_-]{1,100}")


class TeamsSettings(AddressedSettings):
    """Settings of a Teams channel.

    Attributes:
        url_secret: where the address of the workflow's webhook is kept. It has a signature in it, so it is a secret.
        max_bytes: a longer message is cut. Teams takes about 28 KB, and counts what it puts around the message; a
            workflow that fails for its length does so after it has accepted the message, and tells nobody.
    """

    tells_code: ClassVar[bool] = True

    type: Literal["teams"]
    url_secret: SecretRef
    max_bytes: int = Field(default=20_000, ge=12_000, le=LIMIT_BYTES)

    def points_of_failure(self) -> frozenset[str]:
        """Return the host of the workflow, and Teams itself."""
        return super().points_of_failure() | {"Microsoft Teams"}


@CHANNELS.register("teams", TeamsSettings)
class TeamsChannel:
    """Posts one card."""

    def __init__(self, name: str, settings: TeamsSettings) -> None:
        self.name = name
        self.recipients: tuple[str, ...] = (name,)
        self._settings = settings
        self._http = http_for(settings)

    def send(self, message: Message, recipients: Sequence[str], timeout_s: float) -> list[Receipt]:
        """Post once."""
        url = header_secret(self._settings.url_secret)
        answer = exchange(
            self._http,
            "POST",
            url,
            timeout_s=timeout_s,
            headers={
                # Without a charset some gateways count, and pass on, two bytes for each letter.
                "Content-Type": "application/json; charset=utf-8",
                # Shown with the run in the workflow's history.
                "x-ms-client-tracking-id": message.key.encode("ascii", "replace").decode(),
            },
            content=encode(card_message(message, self._settings.max_bytes)),
        )
        raise_if(teams_failure(answer))
        run = answer.headers.get("x-ms-workflow-run-id", "")
        # An old connector answers 1 when the card is in the channel.
        posted = answer.status_code == 200 and answer.text.strip() == "1"
        return [
            Receipt(
                recipient=name,
                outcome="delivered" if posted else "accepted",
                provider_id=run if _RUN_ID.fullmatch(run) else "",
            )
            for name in recipients
        ]

    def check(self, timeout_s: float) -> list[Checked]:
        """Connect, with TLS, and send nothing: every request that is taken posts."""
        url = header_secret(self._settings.url_secret)
        return [Checked(subject=self.name, said=self._http.reach(url, timeout_s))]

    def close(self) -> None:
        """Close the connections."""
        self._http.close()


def teams_failure(answer: HttpAnswer) -> Failure | None:
    """Return what an answer means: None when the message was taken.

    A known code in its body decides, then the words of an old connector, then the HTTP status.
    """
    said = (json_object(answer) or {}).get("error")
    code = said.get("code") if isinstance(said, dict) else None
    if isinstance(code, str) and code in ERRORS:
        reason, why = ERRORS[code]
        return Failure(reason=reason, permanent=True, detail=f"Power Automate: {code}: {why} ({DOCS})")
    if answer.is_success and said is not None:
        detail = f"HTTP {answer.status_code} with an error inside ({DOCS})"
        return Failure(reason=Reason.REJECTED, permanent=True, detail=detail)
    if answer.is_success and _OLD_FAILURE.search(answer.text):
        inner = _OLD_STATUS.search(answer.text)
        status = int(inner[1]) if inner is not None else 500
        detail = f"HTTP {answer.status_code}, with Teams' own answer inside: HTTP {status}"
        # Whatever it was, it was no success.
        return _by_status(status if 300 <= status < 600 else 500, detail, answer)
    return _by_status(answer.status_code, f"Teams: HTTP {answer.status_code} ({DOCS})", answer)


def _by_status(status: int, detail: str, answer: HttpAnswer) -> Failure | None:
    return answer_failure(answer, detail, status=status)
