"""Short codes of alerts, over a real Redis."""

import random

import pytest
import redis

from alerts import codes
from alerts.codes import ShortCodes, is_code
from alerts.connection import connect
from alerts.store import AlertStore
from tests.alerts.test_responses import run
from tests.support.patience import PATIENCE_S


@pytest.fixture
def short(store: AlertStore) -> ShortCodes:
    return ShortCodes(store)


def test_an_alert_keeps_its_code_and_is_found_by_it_in_any_case(short: ShortCodes) -> None:
    code = short.short_code("0f3a9c5512de7f80")
    assert (len(code), is_code(code)) == (3, True)
    assert short.short_code("0f3a9c5512de7f80") == code
    assert short.fingerprint(code.lower()) == "0f3a9c5512de7f80"
    assert short.fingerprint("ZZ9") is None


def test_no_two_alerts_have_one_code(short: ShortCodes) -> None:
    rng = random.Random(7)
    prints = [f"{rng.getrandbits(64):016x}" for _ in range(400)]
    given = {print_: short.short_code(print_) for print_ in prints}
    assert len(set(given.values())) == len(prints)
    assert max(map(len, given.values())) <= 4
    assert all(short.fingerprint(code) == print_ for print_, code in given.items())


def test_two_that_ask_at_once_get_different_codes(
    redis_url: str, store: AlertStore, short: ShortCodes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(codes, "candidates", lambda _print: [f"K{number}" for number in range(22, 60)])
    found: list[str] = []

    def ask(place: int) -> None:
        client = connect(redis_url, timeout_s=PATIENCE_S)
        mine = ShortCodes(AlertStore(client, store.settings))
        found.extend(mine.short_code(f"{place:08x}{number:08x}") for number in range(6))
        client.close()

    run([lambda: ask(1), lambda: ask(2), lambda: ask(3), lambda: ask(4)])
    assert sorted(found) == sorted({f"K{number}" for number in range(22, 46)})


def test_an_alert_is_called_by_its_fingerprint_when_every_code_is_taken(
    short: ShortCodes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(codes, "candidates", lambda _print: ["K22"])
    assert short.short_code("a" * 16) == "K22"
    assert short.short_code("b" * 16) == "b" * 16


def test_a_code_expires_a_week_after_its_last_use_at_the_earliest(
    store: AlertStore, short: ShortCodes, client: "redis.Redis"
) -> None:
    code = short.short_code("a" * 16)
    keys = [store.keys.named(f"code:{code}"), store.keys.named(f"code_of:{'a' * 16}")]
    for key in keys:
        client.pexpire(key, 1000)
    short.short_code("a" * 16)
    assert all(client.pttl(key) > 6 * 86_400_000 for key in keys)
