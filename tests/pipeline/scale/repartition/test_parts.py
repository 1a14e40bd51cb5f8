"""The parts of sorting: places, topics that are made anew, what cannot be used or passed on, settings, state."""

from pathlib import Path

import pytest

from config.mapping import MappingSettings
from config.problems import SettingsError
from detectors.contract import NEVER_US
from pipeline.assembly import load_settings
from pipeline.decode import Decoder
from pipeline.feeds.contract import RawBatch, Share, Status, Told
from pipeline.scale.repartition import state, wire
from pipeline.scale.repartition.names import key_of
from pipeline.scale.repartition.sorted import STALE_AFTER_S, Sorted
from pipeline.scale.repartition.splitter import Splitter
from pipeline.tallies import Tallies
from pipeline.watermarks import PartitionTime
from tests.support.events import START_US, make_event, raw_event

SCALE = "scale: {bootstrap: [kafka:9092], partitions: 4}\n"
MAPPING = {
    "where": [{"field": "kind", "equals": "case"}],
    "events": [
        {
            "type": "crm.case.updated",
            "each": "items",
            "id": "@item.id",
            "time": "@item.at",
            "data": {"case_id": "@item.case"},
        }
    ],
}


def run_of(*places: int, topic_id: str = "a", before_us: int = NEVER_US) -> wire.Run:
    return wire.Run("t/0", topic_id, before_us, list(places), [b"%d" % place for place in places])


def message(*runs: wire.Run, marks: tuple[wire.Mark, ...] = (), counts: dict[str, int] | None = None) -> bytes:
    return wire.encode("crm", list(runs), list(marks), counts or {})


def splitter_of(mapping: MappingSettings | None = None, largest_bytes: int = 10_000) -> tuple[Splitter, Tallies]:
    tallies = Tallies()
    made = Splitter(
        "crm",
        partitions=2,
        mapped=mapping is not None,
        decoder=Decoder({"crm": mapping}),
        future_skew_us=0,
        largest_bytes=largest_bytes,
        tallies=tallies,
    )
    return made, tallies


def taken(part: Sorted, raw: bytes) -> list[bytes]:
    return [record for batch in part.take(raw, 0, 0.0) for record in batch.records]


def test_what_has_come_is_dropped_also_after_a_restart() -> None:
    first = Sorted("crm", 1, ["t"])
    assert taken(first, message(run_of(1, 2, 3))) == [b"1", b"2", b"3"]
    again = Sorted("crm", 1, ["t"])
    again.restore(first.places())
    assert taken(again, message(run_of(2, 3))) == []
    assert taken(again, message(run_of(3, 4), run_of(5))) == [b"4", b"5"]
    assert again.statuses(0.0) == {"t/0/1": Status.UNREACHABLE}


def test_places_of_a_topic_that_was_made_anew_are_other_events() -> None:
    part = Sorted("crm", 1, ["t"])
    mark = wire.Mark("t/3", "a", 0, START_US)
    assert taken(part, message(run_of(7, 8), marks=(mark,), counts={"t": 4})) == [b"7", b"8"]
    assert len(part.statuses(0.0)) == 4
    assert taken(part, message(run_of(0, 1, topic_id="b"))) == [b"0", b"1"]
    mark = wire.Mark("t/0", "b", 0, START_US)
    assert taken(part, message(marks=(mark,), counts={"t": 2})) == []
    assert len(part.statuses(0.0)) == 2


def test_all_upstream_partitions_are_known_before_time_passes_and_go_stale_when_nobody_tells() -> None:
    part = Sorted("crm", 1, ["t", "u"])
    assert part.statuses(0.0) == {"t/?/1": Status.UNREACHABLE, "u/?/1": Status.UNREACHABLE}
    mark = wire.Mark("t/0", "a", 5, START_US, "caught_up", silent=True)
    (told,) = part.take(message(marks=(mark,), counts={"t": 2}), 9, 100.0)
    assert (told.partition, told.told) == ("t/0/1", Told(5, START_US, silent=True))
    expected = {"t/0/1": Status.CAUGHT_UP, "t/1/1": Status.UNREACHABLE, "u/?/1": Status.UNREACHABLE}
    assert part.statuses(100.0 + STALE_AFTER_S) == expected
    assert set(part.statuses(100.1 + STALE_AFTER_S).values()) == {Status.UNREACHABLE}


@pytest.mark.parametrize(
    ("raw", "why"),
    [
        (b"nonsense", "let nothing else write to this topic"),
        (wire.encode("other", [], [], {}), "of feed 'other'"),
        (b"\x95\x63\xa3crm\x90\x90\x80", "of version 99, this program reads 1: upgrade all processes together"),
    ],
)
def test_a_message_that_cannot_be_used_says_why(raw: bytes, why: str) -> None:
    with pytest.raises(wire.BadMessageError, match=why):
        Sorted("crm", 0, ["t"]).take(raw, 0, 0.0)


def test_events_of_one_record_have_places_of_their_own_and_filters_count() -> None:
    splitter, tallies = splitter_of(MappingSettings.model_validate(MAPPING))
    records = [
        b'{"kind": "case", "items": [{"id": "1", "at": "2026-03-02T10:00:00Z", "case": "c"},'
        b' {"id": "2", "at": "2026-03-02T10:00:01Z", "case": "c"}]}',
        b'{"kind": "call", "items": []}',
        b'{"kind": "case", "items": [{"id": "3", "at": "yesterday", "case": "c"}]}',
    ]
    part = PartitionTime(0, 0)
    splitter.take(RawBatch("crm", "t/0", [4, 5, 6], records), "a", part, START_US * 2, START_US * 2)
    ((_, raw),) = splitter.messages()
    (run,) = wire.decode(raw, "crm").runs
    assert run.places == [wire.place(4, 0), wire.place(4, 1)]
    assert (tallies.records, tallies.filtered, tallies.events) == (3, 1, 2)
    assert [(letter.offset, letter.raw) for letter in splitter.letters()] == [(6, records[2])]


def test_what_is_from_the_future_or_too_large_is_buried_and_moves_no_time() -> None:
    splitter, tallies = splitter_of(largest_bytes=300)
    data = {"case_id": "c"}
    records = [
        raw_event("crm.case.opened", "1", START_US + 1, data),
        raw_event("crm.case.opened", "2", START_US, {**data, "text": "x" * 300}),
        raw_event("crm.case.opened", "3", START_US, data),
    ]
    part = PartitionTime(0, 0)
    splitter.take(RawBatch("crm", "t/0", [0, 1, 2], records), "a", part, START_US, START_US)
    letters = splitter.letters()
    assert [(letter.reason.value, letter.mapped) for letter in letters] == [("from_future", True), ("too_large", True)]
    assert letters[1].raw == records[1]
    assert (part.newest_us, tallies.events, tallies.dead_letter_count) == (START_US, 1, 2)


def test_a_case_an_order_and_an_answer_about_a_case_have_its_key_and_all_else_that_of_its_customer() -> None:
    case = make_event("crm.case.opened", "1", START_US, {"case_id": "c-1"}, subject="ann")
    answer = make_event("survey.response", "2", START_US, {"case_id": "c-1"}, subject="ann")
    order = make_event("transaction.failed", "3", START_US, {"order_id": "o-1"}, subject="ann")
    post = make_event("social.post", "4", START_US, {}, subject="ann")
    nobody = make_event("social.post", "5", START_US, {}, source="forum")
    assert [key_of(event) for event in (case, answer, order, post, nobody)] == [
        "c-1", "c-1", "o-1", "ann", "forum\x005",
    ]  # fmt: skip


def test_an_intake_goes_on_where_whoever_had_its_partitions_last_was(tmp_path: Path) -> None:
    def save(index: int, tallies: int, **offsets: int) -> None:
        folder = state.folder_of(tmp_path, index)
        folder.mkdir(exist_ok=True)
        places = {f"t/{name[1:]}": state.Place(at, at, "a", saved_us=at) for name, at in offsets.items()}
        state.save(folder, {"crm": places}, [tallies])

    save(0, 1, p0=10, p2=20)
    save(1, 2, p1=5, p3=5)
    save(2, 3, p2=30)
    begun = state.load(tmp_path, Share(0, 2))
    assert {name: place.offset for name, place in begun.places["crm"].items()} == {"t/0": 10, "t/2": 30}
    assert begun.tallies == [1]
    (state.folder_of(tmp_path, 2) / "intake").write_bytes(b"damaged")
    assert state.load(tmp_path, Share(0, 2)).places["crm"]["t/2"].offset == 20


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("feeds:\n  crm: {type: kafka, bootstrap: k:1, topics: [a], repartition: true}\n", "repartition needs `scale`"),
        (
            SCALE + "feeds:\n  crm: {type: kafka, bootstrap: k:1, topics: [makegood.panes]}\n",
            "feeds.crm.topics: 'makegood.panes' is a topic that processes write to themselves",
        ),
        (
            "scale: {bootstrap: [k:1], partitions: 2, events_topic: a, panes_topic: a.crm}\n"
            "feeds:\n  crm: {type: kafka, bootstrap: k:1, topics: [b], repartition: true}\n",
            "scale.panes_topic: is the topic of a feed's events too",
        ),
    ],
)
def test_settings_that_cannot_be_are_refused_by_file_and_field(tmp_path: Path, text: str, told: str) -> None:
    path = tmp_path / "makegood.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(SettingsError) as caught:
        load_settings(path)
    assert told in str(caught.value)
    assert str(caught.value).startswith(f"{path}:")
