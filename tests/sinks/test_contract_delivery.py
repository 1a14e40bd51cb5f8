"""Every channel behind a real notifier and a real store: counted once, recorded as it was, no secret in either."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import msgspec
import pytest
from prometheus_client import CollectorRegistry, generate_latest

from alerts.store import AlertStore
from sinks.channels import catalogue
from sinks.contract import CHANNELS, ChannelSettings
from sinks.receipts import within_us
from tests.support.alerts import change
from tests.support.channel_cases import CANNOT_FAIL, CASES, SECRETS, Case
from tests.support.notifier import Rig

assert catalogue is not None
NAMES = CHANNELS.names()
TRIES = 3


@pytest.fixture
def case(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Case]:
    with ExitStack() as stack:
        yield Case(tmp_path, stack, monkeypatch)


def counted(registry: CollectorRegistry, metric: str) -> dict[str, float]:
    """Return what a counter with the label of the channel ``mine`` has counted, by its other label, without zeros."""
    found = {}
    for family in registry.collect():
        for sample in family.samples:
            if sample.name == f"{metric}_total" and sample.labels.get("channel") == "mine" and sample.value:
                other = next(value for label, value in sample.labels.items() if label != "channel")
                found[other] = sample.value
    return found


def assert_no_secret(*texts: object) -> None:
    for text in map(str, texts):
        assert "hunter2" not in text
        assert SECRETS["MG_TEST_PAGERDUTY"] not in text


def rig_of(name: str, case: Case, store: AlertStore, fault: str = "", **tier: Any) -> tuple[Rig, Any]:
    built = CASES[name](case, fault)
    return Rig(store, case.tmp_path, {"mine": {**built.entry, "timeout": "1s" if fault else "3m"}}, tier=tier), built


@pytest.mark.parametrize("name", NAMES)
def test_what_is_delivered_is_counted_and_recorded_once(name: str, case: Case, store: AlertStore) -> None:
    rig, built = rig_of(name, case, store)
    alert = change(severity="critical", service="pay")
    store.apply([alert])
    rig.run(2)
    rig.notifier.close()
    (tried,) = rig.tries(alert.fingerprint)
    assert tried in {("mine", "delivered", ""), ("mine", "accepted", "")}
    assert counted(rig.registry, "makegood_tries") == {tried[1]: 1}
    assert counted(rig.registry, "makegood_try_failures") == {}
    settings = CHANNELS.settings(name).model_validate(built.entry)
    assert isinstance(settings, ChannelSettings)
    # What is delivered only when the far side says so, is not yet.
    assert rig.status(alert.fingerprint) == ["delivered" if within_us(settings) is None else "pending"]
    assert name in CANNOT_FAIL or built.arrived() > 0
    detail = store.get(alert.fingerprint)
    assert_no_secret(msgspec.json.encode(detail), generate_latest(rig.registry))


@pytest.mark.parametrize("name", [name for name in NAMES if name not in CANNOT_FAIL])
def test_what_fails_is_counted_once_a_try_and_recorded_with_its_reason(
    name: str, case: Case, store: AlertStore
) -> None:
    rig, _built = rig_of(name, case, store, "refused", max_tries=TRIES, deadline="20s")
    alert = change(severity="critical", service="pay")
    store.apply([alert])
    rig.run(15)
    rig.notifier.close()
    tries = rig.tries(alert.fingerprint)
    assert len(tries) >= TRIES
    assert set(tries) == {("mine", "failed", "unreachable")}
    assert counted(rig.registry, "makegood_tries") == {"failed": len(tries)}
    assert counted(rig.registry, "makegood_try_failures") == {"unreachable": len(tries)}
    assert "delivered" not in rig.status(alert.fingerprint)
    detail = store.get(alert.fingerprint)
    assert_no_secret(msgspec.json.encode(detail), generate_latest(rig.registry))
