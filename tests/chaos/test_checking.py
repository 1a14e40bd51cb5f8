"""What checks the runs finds what is wrong: a check that finds nothing, whatever happens, is worth nothing."""

from collections import Counter
from collections.abc import Callable, Iterator

import msgspec
import pytest

from alerts.model import Account
from alerts.store import AlertStore
from config.delivery import RootRouteSettings
from tests.chaos import running
from tests.chaos.checking import findings
from tests.chaos.evidence import Evidence, Findings
from tests.chaos.hiding import Hidden
from tests.chaos.plan import RunPlan, plan
from tests.chaos.processes import Pair
from tests.chaos.providers import Provider, Request
from tests.chaos.running import Run, arena
from tests.support.patience import PATIENCE_S

Check = Callable[[Evidence], Findings]
Told = tuple[AlertStore, Evidence, Check]


def _peaceful() -> RunPlan:
    """Return a run in which nothing fails, nobody dies or is too slow, and every change is told by itself."""
    one = plan(3, 0)
    ticks = tuple(msgspec.structs.replace(tick, faults={}, kill=None, restart_redis=False) for tick in one.ticks)
    alone = {"group_by": ["..."], "group_wait": "0s", "group_interval": "20ms"}
    receivers = {
        name: {
            **{key: value for key, value in receiver.items() if key != "digest_above"},
            "tiers": [{**tier, "deadline": "10m"} for tier in receiver["tiers"]],
        }
        for name, receiver in one.settings["receivers"].items()
    }
    settings = {
        **one.settings,
        "receivers": receivers,
        "route": {"receiver": "ops", **alone, "repeat_interval": "1h"},
        "notifier": {**one.settings["notifier"], "lease": "10m"},
    }
    return msgspec.structs.replace(one, ticks=ticks, steps=((), ()), settings=settings)


class _OneByOne(Run):
    """Each change is told before the next one comes."""

    def _live(self, pair: Pair, far: dict[str, Provider]) -> None:
        for tick in self._plan.ticks:
            self._apply(tick.changes)
            assert self._until_quiet() == ""


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> Iterator[Told]:
    """Give the evidence of a run, before its store is gone."""
    found: list[Told] = []

    def keep(store: AlertStore, route: RootRouteSettings, seen: Evidence) -> Findings:
        found.append((store, seen, lambda now: findings(store, route, now)))
        return findings(store, route, seen)

    monkeypatch.setattr(running, "findings", keep)
    monkeypatch.setattr("tests.chaos.plan.TIMEOUT_MS", round(PATIENCE_S * 1000))  # of tries
    with arena() as at:
        result = _OneByOne(at, _peaceful())()
        assert (result.lost, result.wrong, result.duplicates) == ([], [], {})
        yield found[0]


def test_what_is_lost_told_twice_or_out_of_order_is_found(told: Told) -> None:
    store, seen, check = told
    told_of = Counter(one.alerts[0][0] for one in seen.requests)
    first = next(one for one in seen.requests if told_of[one.alerts[0][0]] > 1)  # another follows it in its line
    without = [one for one in seen.requests if one.key != first.key]
    assert any("recorded as taken by" in words for words in _with(check, seen, without).lost)

    again = msgspec.structs.replace(first, number=first.number + 10_000, at_us=first.at_us + 1)
    assert _with(check, seen, [*seen.requests, again]).duplicates == {"unexplained": 1}

    late = msgspec.structs.replace(first, number=first.number + 10_000)
    assert any("out of order" in words for words in _with(check, seen, [*without, late]).wrong)

    stuck = msgspec.structs.replace(seen, stuck="something", fresh_told=False)
    assert len(check(stuck).lost) == 2

    hidden = Hidden(by="silenced by x", hides=lambda _labels: True, may_us=(0, 2**62), sure_us=(0, 2**62))
    found = check(msgspec.structs.replace(seen, hidden=[hidden])).wrong
    assert any("while silenced by x hid it" in words for words in found)

    fingerprint = first.alerts[0][0]
    accounts = store.keys.accounts(fingerprint)
    account = msgspec.json.decode(store.client.lindex(accounts, 0), type=Account)
    muted = msgspec.structs.replace(account, verdict="muted", by="silenced by x: for good")
    store.client.lset(accounts, 0, msgspec.json.encode(muted))
    assert any("is muted at" in words for words in check(seen).wrong)

    store.client.ltrim(accounts, 1, -1)
    assert any("accounts in []" in words for words in check(seen).lost)


def _with(check: Check, seen: Evidence, requests: list[Request]) -> Findings:
    return check(msgspec.structs.replace(seen, requests=requests))
