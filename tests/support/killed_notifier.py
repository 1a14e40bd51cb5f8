"""A real notifier in a process of its own, which kills itself at a step.

The order holds: url, prefix, channels, tiers, lease, step (empty: none), how often the step is passed before, and where
far sides report, if they do.
"""

import os
import random
import signal
import threading
import time

from prometheus_client import CollectorRegistry

from alerts.connection import connect
from alerts.store import AlertStore
from config.delivery import NotifierSettings, ReceiverSettings, RootRouteSettings, StoreSettings
from config.settings import Settings
from sinks.service import build_notifier
from sinks.stages.transport import Step
from tests.support.notifier import AT_ONCE, channel_settings
from tests.support.patience import PATIENCE_S


def main(order: dict[str, object]) -> None:
    """Run until nothing is pending, or until killed."""
    left = [int(str(order["skip"]))]

    def on_step(step: Step, _key: str) -> None:
        if step == order["step"]:
            if left[0] == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            left[0] -= 1

    client = connect(str(order["url"]), timeout_s=PATIENCE_S)
    store = AlertStore(client, StoreSettings(prefix=str(order["prefix"])))
    stop = threading.Event()
    notifier = build_notifier(
        store,
        Settings(
            channels=channel_settings(order["channels"]),  # type: ignore[arg-type]
            receivers={"ops": ReceiverSettings.model_validate({"tiers": order["tiers"]})},
            route=RootRouteSettings.model_validate({"receiver": "ops", **AT_ONCE}),
            callbacks=order.get("callbacks"),  # type: ignore[arg-type]
            notifier=NotifierSettings.model_validate({"lease": order["lease"], "poll": "10ms", "workers": 1}),
        ),
        registry=CollectorRegistry(),
        wait=stop.wait,
        rng=random.Random(1),
        on_step=on_step,
    )

    def watch() -> None:
        while store.counts()["pending"] > 0:
            time.sleep(0.01)
        stop.set()

    threading.Thread(target=watch, daemon=True).start()
    notifier.run(stop)
    notifier.close()
    client.close()
