"""What the callbacks count. Label values are a closed set, there from the start at zero."""

from typing import Literal, get_args

from prometheus_client import REGISTRY, CollectorRegistry

from config.metrics import build, notifier

Kind = Literal["receipt", "sms", "voice", "link"]
Result = Literal["taken", "repeated", "early", "not_understood", "refused", "unknown_sender", "invalid", "unavailable"]
"""``early``: about nothing that is known (yet). ``refused``: not signed as it should be, or not valid any more.
``invalid``: not what such a request looks like. ``unavailable``: the store is away."""


class CallbackMetrics:
    """Counts requests.

    Args:
        registry: of ``prometheus_client``.
    """

    def __init__(self, registry: CollectorRegistry = REGISTRY) -> None:
        self._requests = build.counter(notifier.CALLBACKS, registry)
        for kind in get_args(Kind):
            for result in get_args(Result):
                self._requests.labels(kind, result)

    def count(self, kind: Kind, result: Result) -> None:
        """Count a request."""
        self._requests.labels(kind, result).inc()
