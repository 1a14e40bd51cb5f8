"""What of a Kafka cluster cannot be reached, and why: said once when it begins and once when it ends."""

from typing import Any

CLUSTER = "cluster"
REGISTRY = "schema registry"


class Troubles:
    """Reasons by what they are about: ``cluster``, a topic, a partition, or ``schema registry``.

    Args:
        log: where changes are said.

    Attributes:
        last_error: what the client complained of last; it may say more than the failure of a question does.
    """

    def __init__(self, log: Any) -> None:
        self._log = log
        self._reasons: dict[str, str] = {}
        self.last_error = ""

    def __contains__(self, name: str) -> bool:
        return name in self._reasons

    def __bool__(self) -> bool:
        return bool(self._reasons)

    def names(self) -> list[str]:
        """Return what is in trouble."""
        return list(self._reasons)

    def ill(self, name: str, reason: str) -> None:
        """Note a reason; say it when it is news."""
        if name not in self._reasons:
            self._log.error(
                "kafka_unreachable", what=name, reason=reason, last_error=self.last_error, action="trying again"
            )
        self._reasons[name] = reason

    def well(self, name: str) -> None:
        """Note, and say, that it can be reached again."""
        was = self._reasons.pop(name, None)
        if was is not None:
            self._log.info("kafka_reachable", what=name, was=was)

    def reason(self, topic: str, partition: str) -> str | None:
        """Return why a partition cannot be reached; None: it can."""
        if not self._reasons:
            return None
        for name in (CLUSTER, topic, partition):
            reason = self._reasons.get(name)
            if reason is not None:
                said = self.last_error
                return f"{reason} ({said})" if said and said != reason else reason
        return None
