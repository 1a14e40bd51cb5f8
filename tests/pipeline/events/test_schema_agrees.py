"""What the JSON Schemas accept the decoder accepts, and the other way round, but for what the reference page lists."""

import json
import math
import re
from datetime import UTC, datetime
from functools import cache
from typing import Any

import jsonschema
from hypothesis import example as hypothesis_example
from hypothesis import given
from hypothesis import strategies as st

from detectors.events import EVENT_CLASSES
from pipeline.contractdoc.shapes import event_schema, example
from pipeline.decode import Decoder
from pipeline.feeds.contract import RawBatch

RFC3339 = re.compile(r"(\d{4}-\d\d-\d\d)[Tt](\d\d:\d\d:\d\d)(\.\d+)?([Zz]|[+-]\d\d:\d\d)", re.ASCII)
LOOSE = re.compile(r"(\d{4}-\d\d-\d\d)[Tt ](\d\d:\d\d:\d\d)(\.\d+)?([Zz]|[+-]\d\d:?\d\d)", re.ASCII)
WHOLE = re.compile(r"-?(0|[1-9][0-9]{0,18})", re.ASCII)
FIRST, LAST = datetime(1990, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)
TIME_FIELDS = (("time",), ("recordedtime",), ("data", "deadline"))
MISSING: Any = object()

FORMATS = jsonschema.FormatChecker(formats=())


@FORMATS.checks("date-time")
def is_time(value: object) -> bool:
    if not isinstance(value, str):
        return True
    matched = RFC3339.fullmatch(value)
    return matched is not None and read_time(value) is not None


def read_time(text: str) -> datetime | None:
    matched = LOOSE.fullmatch(text)
    if matched is None:
        return None
    day, clock, fraction, offset = matched.groups()
    try:
        micro = round(float(fraction or 0) * 1e6)
        second = datetime.fromisoformat(f"{day}T{clock}{'+00:00' if offset in 'zZ' else offset}")
        return second.replace(microsecond=min(micro, 999_999))
    except ValueError:
        return None


@cache
def schema_of(event_type: str) -> Any:
    return jsonschema.Draft202012Validator(event_schema(event_type), format_checker=FORMATS)


def accepts(event: dict[str, Any]) -> bool:
    kind = event.get("type")
    return isinstance(kind, str) and kind in EVENT_CLASSES and schema_of(kind).is_valid(event)


def decodes(event: dict[str, Any]) -> bool:
    raw = json.dumps(event, allow_nan=False).encode()
    return not Decoder({}).decode(RawBatch("f", "0", [0], [raw])).dead


def without_liberties(event: dict[str, Any]) -> dict[str, Any]:
    """Return the event as a producer should have sent it."""
    plain: dict[str, Any] = json.loads(json.dumps(event))
    if plain.get("specversion") is None:
        plain["specversion"] = "1.0"
    for name in ("sequence", "rev"):
        if isinstance(plain.get(name), str) and WHOLE.fullmatch(plain[name]):
            plain[name] = int(plain[name])
    for path in TIME_FIELDS:
        text = at(plain, path)
        if isinstance(text, str) and LOOSE.fullmatch(text):
            colon = text if text[-1] in "zZ" or text[-3] == ":" else f"{text[:-2]}:{text[-2:]}"
            put(plain, path, colon[:10] + "T" + colon[11:])
    return plain


def refused_besides(event: dict[str, Any]) -> bool:
    """Say whether the decoder refuses what a schema cannot know."""
    for path in TIME_FIELDS:
        text = at(event, path)
        time = read_time(text) if isinstance(text, str) else None
        if time is not None and not FIRST <= time < LAST:
            return True
    if any(isinstance(event.get(name), float) for name in ("sequence", "rev")):
        return True
    data = event.get("data")
    numbers = [value for value in data.values() if isinstance(value, int)] if isinstance(data, dict) else []
    return any(not too_small(number) for number in numbers)


def too_small(number: int) -> bool:
    try:
        return math.isfinite(float(number))
    except OverflowError:
        return False


def at(event: Any, path: tuple[str, ...]) -> Any:
    for name in path:
        event = event.get(name) if isinstance(event, dict) else None
    return event


def put(event: Any, path: tuple[str, ...], value: Any) -> None:
    for name in path[:-1]:
        event = event.get(name)
    if not isinstance(event, dict):
        return
    if value is MISSING:
        event.pop(path[-1], None)
    else:
        event[path[-1]] = value


times = st.one_of(
    st.datetimes(datetime(1985, 1, 1), datetime(2105, 1, 1)).map(lambda at: at.isoformat() + "Z"),  # noqa: DTZ001
    st.sampled_from(
        [
            "2024-05-01T09:30:00Z", "2024-05-01t09:30:00.5z", "2024-05-01 09:30:00Z", "2024-05-01T09:30:00+0200",
            "2024-05-01T09:30:00-00:00", "2024-02-30T00:00:00Z", "2024-05-01T24:00:00Z", "2024-05-01T09:30:00",
            "2024-05-01T09:30Z", "2024-05-01", "2024-05-01T09:30:60Z", "2024-05-01T09:30:00+24:00",
            "2024-05-01T09:30:00.1234567Z", "1990-01-01T00:00:00+00:01", "0000-01-01T00:00:00Z", "",
        ]
    ),
)  # fmt: skip
texts = st.one_of(st.text(max_size=8), st.sampled_from(["", "x" * 1024, "x" * 1025, "12", "-0", "012", "1.0"]))
numbers = st.one_of(
    st.integers(),
    st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from([1, -1.0, 2**63, -(2**63), 10**400]),
)
plain = st.recursive(
    st.one_of(st.none(), st.booleans(), numbers, texts, times),
    lambda inner: st.one_of(st.lists(inner, max_size=2), st.dictionaries(texts, inner, max_size=2)),
    max_leaves=4,
)
likely = st.one_of(st.just(MISSING), st.none(), texts, numbers, times, st.dictionaries(texts, texts, max_size=2), plain)


@st.composite
def events(draw: st.DrawFn) -> dict[str, Any]:
    event_type = draw(st.sampled_from(sorted(EVENT_CLASSES)))
    event: dict[str, Any] = json.loads(json.dumps(example(event_type)))
    schema = event_schema(event_type)["properties"]
    paths = [(name,) for name in schema] + [("data", name) for name in schema["data"]["properties"]]
    for path in draw(st.lists(st.sampled_from([*paths, ("new",), ("data", "new")]), max_size=3)):
        put(event, path, draw(likely))
    return event


@given(events())
@hypothesis_example({**example("social.post"), "sequence": "5", "subject": None})
@hypothesis_example({**example("social.post"), "sequence": 5.0})
@hypothesis_example({**example("survey.response"), "data": {"score": 10**400}})
@hypothesis_example({**example("crm.case.opened"), "data": {"case_id": "1", "deadline": "2100-01-01T00:00:00Z"}})
def test_what_the_schema_accepts_the_decoder_accepts_and_the_other_way_round(event: dict[str, Any]) -> None:
    assert decodes(event) == (accepts(without_liberties(event)) and not refused_besides(event))


@given(events())
def test_what_the_schema_accepts_as_it_stands_needs_no_liberty(event: dict[str, Any]) -> None:
    if accepts(event) and not refused_besides(event):
        assert decodes(event)
