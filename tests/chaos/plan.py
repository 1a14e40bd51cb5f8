"""What happens in a run, all of it drawn from its seed: settings, changes, faults, kills."""

import random
from typing import Any, Literal

import msgspec

from detectors.contract import AlertChange
from sinks.stages.transport import Step
from tests.chaos.hiding import Hush, hush
from tests.chaos.providers import FAULTS, Fault
from tests.support.alerts import START_US, change

TIMEOUT_MS = 250
LEASE_MS = 700
CHANNELS = ("first", "second", "own")
STEPS = tuple(Step)
_SERVICES = ("pay", "shop", "ship")
_MINUTE_US = 60_000_000
_Act = Literal["fires", "updates", "resolves"]


class Kill(msgspec.Struct, frozen=True, kw_only=True):
    """A notifier kills itself at a step, the ``skip`` + 1st time that it comes there; without step: it is killed.

    Attributes:
        step: empty: at whatever it is doing.
    """

    step: str
    skip: int = 0


class Tick(msgspec.Struct, frozen=True, kw_only=True):
    """What happens at one moment of a run.

    Attributes:
        changes: that are applied.
        faults: how providers behave from now on.
        kill: number of the notifier that is killed now, whatever it is doing; None: neither is.
        restart_redis: whether Redis is killed and started again.
        hush: a silence that begins.
        pause_s: until the next.
    """

    changes: tuple[AlertChange, ...]
    faults: dict[str, Fault]
    kill: int | None
    restart_redis: bool
    pause_s: float
    hush: Hush | None = None


class RunPlan(msgspec.Struct, frozen=True, kw_only=True):
    """All that is decided before a run begins.

    Attributes:
        steps: of each of the two notifiers: at which steps it kills itself, one after the other.
        workers: of each notifier.
        inhibits: whether critical alerts inhibit others about the same service. window: whether there is one.
        last: changes that come when all is to be well: nothing inhibits any more.
    """

    number: int
    seed: int
    settings: dict[str, Any]
    workers: int
    steps: tuple[tuple[Kill, ...], tuple[Kill, ...]]
    ticks: tuple[Tick, ...]
    inhibits: bool = False
    window: bool = False
    last: tuple[AlertChange, ...] = ()

    @property
    def restarts_redis(self) -> int:
        """How often."""
        return sum(tick.restart_redis for tick in self.ticks)


class _Life:
    """An alert as its detector sees it."""

    def __init__(self, labels: dict[str, str]) -> None:
        self.labels = labels
        self.episode = 0
        self.updates = 0
        self.fires = False

    def next(self, rng: random.Random, at_us: int) -> AlertChange:
        """Return what happens to it next."""
        if not self.fires:
            self.episode += 1
            self.updates = 0
            self.fires = True
            step = "firing"
        elif rng.random() < 0.25:
            self.updates += 1
            step = f"updated:{self.updates}"
        else:
            return self.end(at_us)
        return self._change(step, at_us)

    def end(self, at_us: int) -> AlertChange:
        """Return that it has resolved."""
        self.fires = False
        return self._change("resolved", at_us)

    def _change(self, step: str, at_us: int) -> AlertChange:
        starts_us = START_US + self.episode * _MINUTE_US
        return change("Chaos", step=step, at_us=at_us, starts_at_us=starts_us, **self.labels)


def plan(seed: int, number: int, *, changes: int = 20) -> RunPlan:
    """Return the plan of a run.

    Args:
        seed: of the run.
        number: of the run: in turn, each step is that at which notifiers kill themselves.
        changes: how many changes there are, at least.
    """
    rng, hides = random.Random(seed), random.Random(f"{seed} hides")
    silences, inhibits, window = hides.random() < 0.5, hides.random() < 0.4, hides.random() < 0.1
    escalates = rng.random() < 0.2
    restarts = rng.random() < 0.25
    lives = [
        _Life({"service": rng.choice(_SERVICES), "severity": rng.choice(("warning", "critical")), "case_id": str(case)})
        for case in range(rng.randint(4, 9))
    ]
    applied: list[AlertChange] = []
    ticks: list[Tick] = []
    at_us = START_US + 100 * _MINUTE_US
    while len(applied) < changes:
        at_us += 1_000_000
        now = [life.next(rng, at_us) for life in rng.sample(lives, rng.choice((1, 1, 2, 3)))]
        applied += now
        again = [rng.choice(applied)] if rng.random() < 0.1 else []  # as a flow that was killed does
        ticks.append(
            Tick(
                changes=(*now, *again),
                faults={name: _fault(rng) for name in CHANNELS if rng.random() < 0.3},
                kill=rng.randrange(2) if rng.random() < 0.07 else None,
                restart_redis=restarts and rng.random() < 0.1,
                pause_s=rng.random() * rng.choice((0.0, 0.02, 0.1)),
                hush=hush(hides) if silences else None,
            )
        )
    if restarts and not any(tick.restart_redis for tick in ticks):
        place = rng.randrange(len(ticks))
        ticks[place] = msgspec.structs.replace(ticks[place], restart_redis=True)
    step = STEPS[number % len(STEPS)]
    return RunPlan(
        number=number,
        seed=seed,
        settings=_settings(rng, escalates=escalates),
        workers=rng.choice((1, 1, 4)),
        steps=(
            (Kill(step=step, skip=rng.randrange(3)), *_some(rng)),
            _some(rng),
        ),
        ticks=tuple(ticks),
        inhibits=inhibits,
        window=window,
        last=tuple(
            life.end(at_us + 1_000_000)
            for life in lives
            if inhibits and life.fires and life.labels["severity"] == "critical"
        ),
    )


def _some(rng: random.Random) -> tuple[Kill, ...]:
    return tuple(Kill(step=rng.choice(STEPS), skip=rng.randrange(6)) for _ in range(rng.choice((0, 0, 1))))


def _fault(rng: random.Random) -> Fault:
    return "works" if rng.random() < 0.4 else rng.choice(FAULTS)


def _settings(rng: random.Random, *, escalates: bool) -> dict[str, Any]:
    """Return the settings of both notifiers but for the addresses of the channels."""
    tier = {"deadline": "600ms", "max_tries": 2, "first_wait": "10ms"}
    alone = {"group_by": ["..."], "group_wait": "0s", "group_interval": "20ms"}
    together = {
        "group_by": rng.choice((["service"], ["service", "severity"], [])),
        "group_wait": rng.choice(("0s", "40ms", "150ms")),
        "group_interval": rng.choice(("50ms", "120ms")),
    }
    timing = alone if rng.random() < 0.4 else together
    paged = {"escalation": "page"} if escalates else {}
    return {
        "receivers": {
            "ops": {"tiers": [{"channel": "first", **tier}, {"channel": "second", **tier}]},
            "team": {
                "tiers": [{"channel": "second", **tier}, {"channel": "first", **tier}],
                "send_resolved": rng.random() < 0.8,
                **({"digest_above": 2} if rng.random() < 0.5 else {}),
            },
            "boss": {"tiers": [{"channel": "second", **tier}]},
            "own": {"tiers": [{"channel": "own", **tier}]},
        },
        "route": {
            "receiver": "ops",
            **timing,
            "repeat_interval": "1h",
            "routes": [
                {"matchers": ["alertname=ChannelFailing"], "receiver": "own", **alone},
                {"matchers": ["service=pay"], "receiver": "team", "continue": True, **rng.choice((alone, together))},
                {"matchers": ["service=~pay|shop"], "receiver": "ops", **paged},
            ],
        },
        "escalations": {
            "page": {"steps": [{"notify": [{"receiver": "boss"}], "wait": "1s"}], "then": "team"},
        }
        if escalates
        else {},
        "notifier": {
            "lease": f"{LEASE_MS}ms",
            "poll": "50ms",
            "retry_first_wait": "50ms",
            "retry_max_wait": "300ms",
        },
        "audit": {"every": "1h"},  # it must not mend what is looked for here
    }


def channels_of(addresses: dict[str, str], sender: int) -> dict[str, dict[str, Any]]:
    """Return the channels of one notifier process, whose requests say which one it is."""
    return {
        name: {
            "type": "webhook",
            "url": f"{url}/{sender}",
            "timeout": f"{TIMEOUT_MS}ms",
            "breaker_failures": 4,
            "breaker_open_for": "200ms",
        }
        for name, url in addresses.items()
    }
