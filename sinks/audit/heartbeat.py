"""The dead-man's switch: somebody outside who calls for help when nothing is heard from us.

Healthchecks, Dead Man's Snitch, Cronitor, Better Stack and the like are asked for an address each time all is well.
Source: https://healthchecks.io/docs/http_api/ (``/ping/<uuid>``, and ``/fail`` behind it).
"""

from config.audit import AuditSettings
from config.secret import SecretMissingError, SecretRef
from sinks.contract import DeliveryError
from sinks.http import BoundedHttp

_MOST_CHARS = 2000


class Heartbeat:
    """Asks for one address when all is well, and for another when not.

    Args:
        settings: where the addresses are kept.
    """

    def __init__(self, settings: AuditSettings) -> None:
        self._settings = settings
        self._http = BoundedHttp()

    def __call__(self, *, well: bool, said: str) -> str:
        """Tell how it is; return what became of that, in words, without the address. Never raises.

        Args:
            well: whether all is well.
            said: what was found, for people; kept beside the ping by services that do so.
        """
        ref = self._settings.heartbeat_url if well else self._settings.heartbeat_fail_url
        if ref is None:
            return "" if self._settings.heartbeat_url is None else "held back"
        try:
            status = self._ask(ref, said)
        except (DeliveryError, SecretMissingError) as error:
            return f"not sent: {error}"
        if not 200 <= status < 300:
            return f"refused: HTTP {status}"
        return "sent" if well else "sent that not all is well"

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def _ask(self, ref: SecretRef, said: str) -> int:
        answer = self._http.request(
            "POST",
            ref.resolve().get_secret_value(),
            content=said[:_MOST_CHARS].encode(),
            headers={"Content-Type": "text/plain; charset=utf-8"},
            timeout_s=self._settings.heartbeat_timeout / 1_000_000,
            read_body=False,
        )
        return answer.status_code
