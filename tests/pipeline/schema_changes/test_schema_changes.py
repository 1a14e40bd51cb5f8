import json
from collections.abc import Iterator
from typing import Any

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from structlog.testing import capture_logs

from config.mapping import MappingSettings
from pipeline.decode import Decoded, Decoder
from pipeline.feeds.contract import RawBatch
from pipeline.health import FlowHealth
from pipeline.metrics import FlowCollector
from pipeline.reasons import Reason, RecordError
from pipeline.schema_changes import MAX_CHANGES, OTHER, SchemaChanges, read_detail
from pipeline.tallies import Tallies

MAPPING: dict[str, Any] = {
    "events": [
        {
            "type": {"field": "kind", "map": {"post": "social.post", "note": None}},
            "id": "{id}",
            "time": {"field": "at", "formats": ["rfc3339"]},
            "data": {
                "sentiment": "mood",
                "text": {"field": ["body.text", "body.html"]},
                "labels": {"plan": {"field": "plan", "map": {"a": "A", "b": "B"}}},
            },
        }
    ]
}


def post(mood: Any = 0.5, number: int = 0, **fields: Any) -> bytes:
    event = {"id": str(number), "source": "s", "type": "social.post", "time": "2024-05-01T09:30:00Z"}
    return json.dumps({**event, "data": {"sentiment": mood}, **fields}).encode()


def foreign(**fields: Any) -> bytes:
    return json.dumps({"id": "1", "kind": "post", "at": "2024-05-01T09:30:00Z", "plan": "a", **fields}).encode()


class Reader:
    """Gives batches of one feed to a decoder, and keeps what was logged."""

    def __init__(self, feed: str = "crm", mapping: dict[str, Any] | None = None) -> None:
        self.changes = SchemaChanges()
        settings = None if mapping is None else MappingSettings.model_validate(mapping)
        self.decoder = Decoder({feed: settings}, self.changes)
        self.feed = feed
        self.at = 0

    def read(self, *records: bytes, feed: str | None = None) -> Decoded:
        offsets = list(range(self.at, self.at + len(records)))
        self.at += len(records)
        return self.decoder.decode(RawBatch(feed or self.feed, "0", offsets, list(records)))


@pytest.fixture
def lines() -> Iterator[list[Any]]:
    with capture_logs() as captured:
        yield captured


def names(lines: list[Any]) -> list[str]:
    return [line["event"] for line in lines]


def test_a_changed_type_is_told_once_and_every_record_is_a_dead_letter(lines: list[Any]) -> None:
    reader = Reader()
    reader.read(post(), post())
    dead = [len(reader.read(post(), post("bad"), post("bad")).dead) for _ in range(50)]
    assert dead == [2] * 50
    assert names(lines) == ["schema.changed"]
    told = lines[0]
    assert told["log_level"] == "warning"
    assert (told["feed"], told["field"], told["expected"], told["found"]) == (
        "crm", "data.sentiment", "float | null", "str",
    )  # fmt: skip
    assert (told["partition"], told["offset"]) == ("0", 3)
    assert reader.changes.states() == {("crm", "data.sentiment", "wrong_type"): True}


def test_fields_expected_types_and_feeds_are_told_apart(lines: list[Any]) -> None:
    reader = Reader()
    reader.read(post("bad"), post(0.1, id=5), post(0.1, source=None), post(0.1, time="yesterday"))
    reader.read(post("bad"), feed="social")
    reader.read(post("bad"), feed="social/requeue")
    assert sorted((line["feed"], line["field"]) for line in lines) == [
        ("crm", "data.sentiment"),
        ("crm", "id"),
        ("crm", "source"),
        ("crm", "time"),
        ("social", "data.sentiment"),
    ]


def test_records_that_are_merely_bad_are_no_change_of_shape(lines: list[Any]) -> None:
    reader = Reader()
    reader.read(b"{", b"", b"[]", b"\xff", post(7), post(time="1980-01-01T00:00:00Z"))
    assert lines == []
    assert reader.changes.states() == {}


def test_unknown_fields_pass_without_a_word(lines: list[Any]) -> None:
    reader = Reader()
    assert reader.read(post(extension={"new": 1})).dead == []
    assert lines == []


def test_the_end_is_told_when_the_field_is_good_again(lines: list[Any]) -> None:
    reader = Reader()
    reader.read(*[post("bad")] * 20)
    reader.read(*[post()] * 9)
    assert names(lines) == ["schema.changed"]
    reader.read(*[post()] * 5)
    assert names(lines) == ["schema.changed", "schema.change_over"]
    assert lines[1]["bad_records"] == 20
    assert reader.changes.states() == {("crm", "data.sentiment", "wrong_type"): False}
    assert not reader.changes.open_feeds


def test_records_without_the_field_do_not_make_it_good(lines: list[Any]) -> None:
    reader = Reader()
    reader.read(post("bad"))
    without = [post(None), post(type="crm.case.opened", data={"case_id": "1"})] * 40
    for _ in range(10):
        reader.read(*without)
    assert names(lines) == ["schema.changed"]
    for _ in range(10):
        reader.read(*without)
    assert lines[1]["because"].startswith("not seen in 1")


def test_a_feed_with_a_rare_bad_record_is_not_told_of_again_and_again(lines: list[Any]) -> None:
    reader = Reader()
    for _ in range(200):
        reader.read(*[post()] * 200, post("bad"))
    assert len(lines) <= 4, names(lines)
    assert lines[-1]["event"] == "schema.changed"
    reader.read(*[post()] * 3_000)
    assert lines[-1]["event"] == "schema.change_over"


def test_a_feed_has_a_bounded_number_of_changes(lines: list[Any]) -> None:
    changes = SchemaChanges()
    batch = RawBatch("crm", "0", [0], [b"{}"])
    for number in range(MAX_CHANGES * 3):
        changes.saw(batch, [], [(0, RecordError(Reason.MISSING_FIELD, f"f{number}: expected a value, got none"))])
    assert len(changes.states()) == MAX_CHANGES + 1
    assert changes.states()["crm", OTHER, OTHER]
    assert len(lines) == MAX_CHANGES + 1


@pytest.mark.parametrize(
    ("record", "field", "reason", "expected", "found"),
    [
        (foreign(mood=[1]), "mood", "wrong_type", "a number", "a list"),
        (foreign(at=17), "at", "invalid_time", "a time as rfc3339", "17"),
        (foreign(at="2024-05-01T09:30:00"), "at", "invalid_time", "no offset in the time", "'2024"),
        (foreign(at=None), "at", "missing_field", "a value", "none"),
        (foreign(plan="gold"), "plan", "unmapped_value", "one of 'a', 'b'", "'gold'"),
        (foreign(kind="story"), "kind", "unmapped_value", "one of 'post', 'note'", "'story'"),
        (foreign(body={"html": {}}), "body.text or body.html", "wrong_type", "text", "an object"),
        (foreign(id=None), "{id}", "missing_field", "a value", "none"),
    ],
)
def test_of_a_mapped_feed_the_field_of_the_record_is_named(
    lines: list[Any], record: bytes, field: str, reason: str, expected: str, found: str
) -> None:
    reader = Reader(mapping=MAPPING)
    assert len(reader.read(foreign(), record).dead) == 1
    (told,) = lines
    assert (told["reason"], told["feed"]) == (reason, "crm")
    assert field in told["field"]
    assert told["expected"].startswith(expected)
    assert told["found"].startswith(found)
    reader.read(*[foreign(mood=0.5, body={"text": "x"})] * 20)
    assert names(lines) == ["schema.changed", "schema.change_over"]


def test_a_detail_that_was_cut_is_one_change_whatever_was_found() -> None:
    listed = ", ".join(repr(f"value-{number}") for number in range(60))
    details = [f"events[0].data.status: field 'status': expected one of {listed}; got {n!r}" for n in range(5)]
    told = {read_detail(RecordError(Reason.UNMAPPED_VALUE, detail)) for detail in details}
    assert len(told) == 1


def test_the_metric_shows_changes_that_go_on_and_those_that_are_over() -> None:
    health, tallies = FlowHealth(), Tallies()
    health.attach(tallies, dict)
    reader = Reader()
    tallies.schema_changes = reader.changes
    reader.read(post("bad"), post(0.1, id=5))
    reader.read(*[post(number=7)] * 20)
    reader.read(post("bad"))
    registry = CollectorRegistry()
    registry.register(FlowCollector(health, ["crm"]))
    text = generate_latest(registry).decode()
    assert 'makegood_schema_changes{feed="crm",field="data.sentiment",reason="wrong_type"} 1.0' in text
    assert 'makegood_schema_changes{feed="crm",field="id",reason="wrong_type"} 0.0' in text
