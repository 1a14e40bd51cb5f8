"""Deciding what is told, without a notifier: for tests of what comes before and after."""

from collections.abc import Callable, Mapping
from typing import Any

from alerts.dispatch import Dispatcher
from alerts.store import AlertStore
from config.delivery import ReceiverSettings, RootRouteSettings
from config.settings import Settings
from sinks.service import build_dispatcher
from tests.support.notifier import AT_ONCE

LEASE_US = 10_000_000


def dispatcher(
    store: AlertStore,
    clock_us: Callable[[], int] | None = None,
    route: Mapping[str, Any] | None = None,
    receivers: Mapping[str, Mapping[str, Any]] | None = None,
    on_step: Callable[[str], None] = lambda _step: None,
    **more: Any,
) -> Dispatcher:
    """Return a dispatcher; by default with one receiver, ``ops``, who is told every change at once."""

    def no_defect() -> None:
        msg = "the dispatcher has a defect; see the log"
        raise AssertionError(msg)

    named = {"ops": {}, **(receivers or {})}
    settings = Settings(
        receivers={
            name: ReceiverSettings.model_validate({"tiers": [{"channel": "web"}], **entry})
            for name, entry in named.items()
        },
        route=RootRouteSettings.model_validate({"receiver": "ops", **AT_ONCE} if route is None else route),
        **more,
    )
    return build_dispatcher(
        store, settings, clock_us=clock_us, on_defect=no_defect, on_step=lambda step, _key: on_step(step)
    )


def dispatch(store: AlertStore, clock_us: Callable[[], int] | None = None) -> None:
    """Decide of everything that is due: each change is told at once to ``ops``."""
    one = dispatcher(store, clock_us)
    while one.turn(100, LEASE_US):
        pass
