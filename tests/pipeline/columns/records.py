"""Records of every kind: most of them plain, the others wrong, rare or awkward in one of the ways there are."""

import random
import re
from datetime import UTC, datetime, timedelta

import msgspec

from detectors.events import EVENT_CLASSES
from tests.fuzz.mutate import Mutator
from tests.support.events import START_US

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SERVICES = ("tv", "broadband", "a service with quite a long name", "", "z" * 64, "z" * 65, "Käse", None)
_REGIONS = ("north", "north-east", "south", None)
_SCALES = ("nps", "CSAT", "ces", "stars", "other", None)
_NUMBERS = (
    b"0", b"-0", b"-0.0", b"1", b"-1", b"0.5", b"-0.05", b"0.1234567890123456", b"-0.30000000000000004", b"1.0",
    b"0.123456789012345", b"0.99999999999999999999", b"1.00000000000000000001", b"1e-1", b"1E0", b"12", b"null",
    b"9.5", b"123456789012345", b"1234567890123456", b"123456789012.34567890", b"01", b"1.", b".5", b"-", b"+1", b"NaN",
    b"Infinity", b"true", b'"0.5"', b"[1]", b"{}", b"0.1 ", b"9" * 400, b"0." + b"3" * 400,
)  # fmt: skip
_TIMES = (
    "%Y-%m-%dT%H:%M:%S.%fZ", "%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%dT%H:%M:%S+00:00", "%Y-%m-%dT%H:%M:%S.%f+05:30",
    "%Y-%m-%dT%H:%M:%S-11:59", "%Y-%m-%d %H:%M:%SZ", "%Y-%m-%dt%H:%M:%Sz", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M:60Z",
    "%Y-%m-%dT%H:%M:%S.1234567Z", "%Y-%m-%dT%H:%M:%S.Z", "%Y-%m-%dT%H:%M:%S+0000", "%Y-02-30T%H:%M:%SZ",
    "%Y-%m-%dT%H:%M:%S+24:00", "1989-12-31T23:59:59.999999Z", "2100-01-01T00:00:00Z", "2099-12-31T23:59:59.999999Z",
    "1990-01-01T00:00:00Z", "%Y-%m-%dT%H:%M:%S.5Z",
)  # fmt: skip
_EXTREME = re.compile(rb"(20(99|24)|1990)-")
_EXTRAS = (
    b'"rev":1', b'"sequence":7', b'"unknown":{"a":[1,2]}', b'"recordedtime":"2026-03-02T00:00:00Z"',
    b'"datacontenttype":"application/json"', b'"subject":"c-1"', b'"subject":null', b'"specversion":"1.1"',
    b'"id":"again"', b'"(makegood) time_us":"5"', b'"rev":"2"', b'"dataschema":"x"',
)  # fmt: skip
_DATA_EXTRAS = (
    b'"labels":{"tier":"gold"}', b'"labels":{}', b'"text":"very bad, awful"', b'"text":""', b'"text":null',
    b'"deadline":"2026-03-02T05:00:00Z"', b'"service":"again"', b'"author":7', b'"unknown":1', b'"queue":"q\\u0041"',
    b'"status":"breached"', b'"amount":12.5', b'"order_id":"o"', b'"currency":null',
)  # fmt: skip


class Records:
    """Makes records, as many as are wanted; the same ones for the same seed.

    Args:
        seed: of chance.
        odd: the share of records that are not plain.
        late: the share of those that come late.
        extreme: there are times that are decades apart: after one of them everything is late.
    """

    def __init__(self, seed: int, odd: float = 0.2, late: float = 0.02, *, extreme: bool = False) -> None:
        self.rng = random.Random(seed)
        self.odd, self.late, self.extreme = odd, late, extreme
        self.at_us = START_US
        self.made: list[bytes] = []
        self._mutator = Mutator([self.plain() for _ in range(40)])

    def next(self) -> bytes:
        """Return a record: plain, repeated, late, or odd."""
        rng = self.rng
        self.at_us += rng.choice((0, 1, 1_000, 2_000_000, 9_000_000))
        if self.made and rng.random() < 0.1:
            return rng.choice(self.made[-50:])
        if rng.random() >= self.odd:
            record = self.plain()
        elif rng.random() < 0.3:
            record = self._mutator.records(rng, 1)[0]
        else:
            record = self.odd_one()
        if not self.extreme and _EXTREME.search(record):
            record = self.plain()
        self.made.append(record)
        return record

    def batch(self, size: int) -> list[bytes]:
        """Return several."""
        return [self.next() for _ in range(size)]

    def time(self, form: str = _TIMES[0]) -> str:
        """Return a time: now, or up to an hour before."""
        back = self.rng.randrange(3_000_000)
        if self.rng.random() < self.late:
            back = self.rng.choice((60_000_000, 400_000_000, 3_600_000_000, 10_000_000_000))
        return (_EPOCH + timedelta(microseconds=self.at_us - back)).strftime(form)

    def plain(self) -> bytes:
        """Return a record as a sender of good will writes it."""
        rng = self.rng
        kind = rng.choice([*EVENT_CLASSES, *["social.post", "survey.response", "crm.case.customer_message"] * 8])
        data: dict[str, object] = {"service": rng.choice(_SERVICES), "region": rng.choice(_REGIONS)}
        if kind.startswith("crm"):
            data |= {"case_id": f"c-{rng.randrange(30)}", "queue": rng.choice(("a", "b"))}
        if kind.startswith("transaction"):
            data |= {"order_id": f"o-{rng.randrange(30)}", "latency_ms": round(rng.expovariate(0.01), 3)}
        else:
            data["sentiment"] = rng.choice((None, round(rng.uniform(-1, 1), 3), rng.uniform(-1, 1)))
        if kind == "survey.response":
            data |= {"score": rng.choice((0, 3, 7.5, 10, 1, None)), "scale": rng.choice(_SCALES), "channel": "web"}
        if rng.random() < 0.3:
            data = {name: value for name, value in data.items() if value is not None}
        event: dict[str, object] = {
            "specversion": "1.0",
            "type": kind,
            "source": rng.choice(("crm/a", "crm/b", "erp")),
            "id": f"{rng.randrange(100_000):x}",
            "time": self.time(),
            "data": data,
        }
        names = list(event)
        if rng.random() < 0.3:
            rng.shuffle(names)
        raw = msgspec.json.encode({name: event[name] for name in names})
        if rng.random() < 0.1:
            raw = raw.replace(b",", b", ").replace(b'":', b'": ')
        return raw

    def odd_one(self) -> bytes:  # noqa: PLR0911 - one way each
        """Return a plain record with something about it."""
        rng = self.rng
        raw = self.plain()
        what = rng.randrange(9)
        if what == 0:
            return raw.replace(b'"sentiment":', b'"sentiment":' + rng.choice(_NUMBERS) + b',"to":', 1)
        if what == 1:
            return raw.replace(b'"data":{', b'"data":{' + rng.choice(_DATA_EXTRAS) + b",", 1)
        if what == 2:
            return raw.replace(b"{", b"{" + rng.choice(_EXTRAS) + b",", 1)
        if what == 3:
            event = msgspec.json.decode(raw)
            # These say another time than now.
            form = rng.choice([each for each in _TIMES if self.extreme or each[-6:] not in {"+05:30", "-11:59"}])
            event["time"] = self.time(form)
            return msgspec.json.encode(event)
        if what == 4:
            return raw[: rng.randrange(len(raw))] or b"{"
        if what == 5:
            event = msgspec.json.decode(raw)
            del event[rng.choice([*event])]
            return msgspec.json.encode(event)
        if what == 6:
            place = rng.randrange(len(raw))
            return raw[:place] + bytes([rng.choice((0, 9, 13, 32, 34, 92, 127, 195, 255))]) + raw[place:]
        if what == 7:
            event = msgspec.json.decode(raw)
            name = rng.choice([*event["data"], "sentiment", "score"])
            event["data"][name] = rng.choice((None, True, 5, "x", [], {}, "", "y" * 1025, -1.5, 2**70))
            return msgspec.json.encode(event)
        event = msgspec.json.decode(raw)
        name = rng.choice([*event])
        event[name] = rng.choice((None, 5, "", "y" * 1024, "y" * 1025, "ü" * 600, "line\nend", "crm.case.opened"))
        return msgspec.json.encode(event)
