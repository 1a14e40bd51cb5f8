"""A large seeded file of closed cases in about the order of time, as a CRM would send them; and the same, split in two.

The events are Makegood's own canonical CloudEvents (``crm.case.closed``). Three things are as in real life: events come
up to :data:`DISORDER_MS` after younger ones, some come twice (same ``source`` and ``id``, as a sender that tries again
does), and some lines are broken.
"""

import heapq
import random
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zlib import crc32

import msgspec

START = datetime(2026, 3, 2, tzinfo=UTC)
HOURS = 24
DISORDER_MS = 5_000
REPEAT_SHARE = 0.001
BROKEN_SHARE = 0.0001
SERVICES = (
    "broadband", "mobile", "tv", "landline", "cloud", "hosting",
    "security", "billing", "field-service", "roaming", "smart-home", "business-line",
)  # fmt: skip
REGIONS = ("north", "north-east", "east", "south-east", "south", "south-west", "west", "north-west")
_QUEUES = ("frontline", "second-line", "retention", "field-dispatch")
_PRIORITIES = ("low", "normal", "normal", "normal", "high", "urgent")
_CHANNELS = ("phone", "email", "chat", "web", "social")
_CUSTOMERS = 200_000
_CUSTOMER = re.compile(rb'"subject":"([^"]+)"')
_GROUP = re.compile(rb'"service":"([^"]+)","region":"([^"]+)"')


class Made(msgspec.Struct, frozen=True):
    """What was written: ``lines`` in all, of which ``repeats`` and ``broken`` ones."""

    lines: int
    repeats: int
    broken: int


def write_recording(path: Path, events: int, *, seed: int = 20260302) -> Made:
    """Write ``events`` lines; the same bytes for the same arguments."""
    repeats = broken = 0
    with path.open("wb") as file:
        for line, is_repeat, is_broken in _arrivals(events, random.Random(seed)):
            file.write(line)
            repeats += is_repeat
            broken += is_broken
    return Made(events, repeats, broken)


def _arrivals(count: int, rng: random.Random) -> Iterator[tuple[bytes, bool, bool]]:
    """Yield ``count`` lines in the order of arrival: line, whether it is a repeat, whether it is broken."""
    waiting: list[tuple[float, int, bytes, bool, bool]] = []
    gap_ms = HOURS * 3_600_000 / count
    numbers = iter(range(count))
    for number in numbers:
        at_ms = number * gap_ms
        while waiting and waiting[0][0] <= at_ms:
            yield heapq.heappop(waiting)[2:]
        line = _line(at_ms, rng)
        is_broken = rng.random() < BROKEN_SHARE
        if is_broken:
            line = _broken(line, rng)
        elif rng.random() < REPEAT_SHARE and (other := next(numbers, None)) is not None:
            # The repeat takes the place of the next event, so that there are as many lines as were asked for.
            heapq.heappush(waiting, (at_ms + rng.uniform(0, DISORDER_MS), other, line, True, False))
        heapq.heappush(waiting, (at_ms + rng.uniform(0, DISORDER_MS), number, line, False, is_broken))
    while waiting:
        yield heapq.heappop(waiting)[2:]


def _line(at_ms: float, rng: random.Random) -> bytes:
    time = (START + timedelta(milliseconds=int(at_ms))).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3]
    service, region = rng.choice(SERVICES), rng.choice(REGIONS)
    breached = rng.random() < 0.12
    sentiment = max(-1000, min(1000, round(rng.gauss(-350 if breached else 150, 300)))) / 1000
    bits = f"{rng.getrandbits(128):032x}"
    event_id = f"{bits[:8]}-{bits[8:12]}-{bits[12:16]}-{bits[16:20]}-{bits[20:]}"
    customer = rng.randrange(_CUSTOMERS)
    return (
        f'{{"specversion":"1.0","type":"crm.case.closed","source":"crm/{region}","id":"{event_id}",'
        f'"time":"{time}Z","subject":"cust-{customer:06d}","data":{{"case_id":"case-{bits[:10]}",'
        f'"status":"{"breached" if breached else "kept"}","priority":"{rng.choice(_PRIORITIES)}",'
        f'"queue":"{rng.choice(_QUEUES)}","service":"{service}","region":"{region}",'
        f'"channel":"{rng.choice(_CHANNELS)}","sentiment":{sentiment}}}}}\n'
    ).encode()


def _broken(line: bytes, rng: random.Random) -> bytes:
    """Break a line: cut off in the middle, or without its time, or without its data."""
    kind = rng.randrange(3)
    if kind == 0:
        return line[: rng.randrange(20, len(line) - 20)] + b"\n"
    plain = msgspec.json.decode(line)
    del plain["time" if kind == 1 else "data"]
    return msgspec.json.encode(plain) + b"\n"


def split(path: Path, parts: list[Path], by: Callable[[bytes], bytes]) -> None:
    """Share the lines of a file out by a key, as a keyed topic has them in its partitions; keep their order."""
    files = [part.open("wb") for part in parts]
    try:
        with path.open("rb") as source:
            for line in source:
                files[crc32(by(line)) % len(files)].write(line)
    finally:
        for file in files:
            file.close()


def customer(line: bytes) -> bytes:
    """Return a line's customer; nothing where it is cut off."""
    found = _CUSTOMER.search(line)
    return found[1] if found else b""


def group(line: bytes) -> bytes:
    """Return a line's service and region; nothing where they are missing."""
    found = _GROUP.search(line)
    return found[1] + b"|" + found[2] if found else b""
