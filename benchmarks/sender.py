"""Sends events to a topic at a given rate, in a process of its own, and says what it sent when.

    python -m benchmarks.sender PLAN OUT

``PLAN`` is a :class:`Plan` as JSON; ``OUT`` becomes a :class:`Sent`. The time of an event is the moment at which it is
given to the Kafka client.
"""

import sys
import time
from pathlib import Path

import msgspec
from confluent_kafka import Producer

from benchmarks.traffic import Template, cycle, rfc3339
from pipeline.kafka_producing import LOSSLESS

TICK_S = 0.002
CYCLE_EVENTS = 100_000
PROPERTIES: dict[str, str | int | bool] = {
    **LOSSLESS,
    "linger.ms": 5,
    "compression.type": "lz4",
    "queue.buffering.max.messages": 1_000_000,
    "queue.buffering.max.kbytes": 1_000_000,
    "log_level": 0,
}


class Extra(msgspec.Struct):
    """An event besides the mix: sent ``after_s`` seconds after the start, with the time in place of ``@TIME@``.

    ``mark``: under which name its time is told; empty: not at all.
    """

    after_s: float
    key: str
    value: str
    mark: str = ""


class Plan(msgspec.Struct):
    """What to send: ``rate`` events a second of the mix for ``seconds``, from ``start_us`` of the wall clock on."""

    bootstrap: str
    topic: str
    rate: float
    seconds: float
    start_us: int
    seed: int
    extras: list[Extra]


class Sent(msgspec.Struct):
    """What was sent.

    Attributes:
        events: how many.
        seconds: how long it took.
        behind_s: by how much it was behind its plan at worst.
        cpu_s: processor time of the sender.
        marks: event time in microseconds, by mark.
    """

    events: int
    seconds: float
    behind_s: float
    cpu_s: float
    marks: dict[str, int]


class Mix:
    """Goes through the cycle again and again; numbers of cycles make ids differ."""

    def __init__(self, seed: int, run: str, events: int = CYCLE_EVENTS) -> None:
        self._templates: list[Template] = cycle(events, seed)
        self._at = 0
        self._cycle = 0
        self._run = run
        self._name = f"{run}0".encode()

    def take(self, count: int, at: bytes) -> list[dict[str, bytes]]:
        """Return the next messages, with this time."""
        messages = []
        for _ in range(count):
            if self._at == len(self._templates):
                self._at = 0
                self._cycle += 1
                self._name = f"{self._run}{self._cycle}".encode()
            key, value = self._templates[self._at].fill(self._name, at)
            messages.append({"key": key, "value": value})
            self._at += 1
        return messages


class Sender:
    """Gives messages to the Kafka client, and waits where it has too many. The partition follows from the key."""

    MOST_WAITING = 300_000

    def __init__(self, bootstrap: str, topic: str) -> None:
        self._topic = topic
        self._producer = Producer({**PROPERTIES, "bootstrap.servers": bootstrap})

    def send(self, messages: list[dict[str, bytes]]) -> None:
        """Send messages in their order; at most :attr:`MOST_WAITING` at a time."""
        self._producer.poll(0)
        while len(self._producer) > self.MOST_WAITING:
            self._producer.poll(0.05)
        if self._producer.produce_batch(self._topic, messages) != len(messages):
            msg = "the Kafka client did not take all messages"
            raise RuntimeError(msg)

    def finish(self) -> None:
        """Wait until the cluster has everything."""
        left = self._producer.flush(120)
        if left:
            msg = f"{left} messages were not taken by the cluster"
            raise RuntimeError(msg)


def run(plan: Plan) -> Sent:
    """Send what the plan says, at its pace."""
    mix = Mix(plan.seed, "live-")
    sender = Sender(plan.bootstrap, plan.topic)
    extras = sorted(plan.extras, key=lambda extra: extra.after_s)
    marks: dict[str, int] = {}
    sent = next_extra = 0
    behind_s = 0.0
    time.sleep(max(0.0, plan.start_us / 1e6 - time.time()))
    started_s, started_cpu_s = time.monotonic(), time.process_time()
    while True:
        passed_s = min(time.monotonic() - started_s, plan.seconds)
        due = int(passed_s * plan.rate) - sent
        behind_s = max(behind_s, due / plan.rate)
        # Not all at once after a stop of the machine: the time of an event is when it is sent.
        due = min(due, max(1, int(plan.rate * 10 * TICK_S)))
        now_us = time.time_ns() // 1000
        text = rfc3339(now_us)
        messages = mix.take(due, text)
        while next_extra < len(extras) and extras[next_extra].after_s <= passed_s:
            extra = extras[next_extra]
            messages.append({"key": extra.key.encode(), "value": extra.value.encode().replace(b"@TIME@", text)})
            if extra.mark:
                marks[extra.mark] = now_us
            next_extra += 1
        sender.send(messages)
        sent += due
        if passed_s >= plan.seconds and sent >= int(plan.seconds * plan.rate):
            break
        time.sleep(TICK_S)
    took_s, took_cpu_s = time.monotonic() - started_s, time.process_time() - started_cpu_s
    sender.finish()
    return Sent(sent + next_extra, took_s, behind_s, took_cpu_s, marks)


def main() -> None:
    """Send, and write what was sent."""
    plan = msgspec.json.decode(Path(sys.argv[1]).read_bytes(), type=Plan)
    Path(sys.argv[2]).write_bytes(msgspec.json.encode(run(plan)))


if __name__ == "__main__":
    main()
