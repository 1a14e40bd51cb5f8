"""Dead letters that are sent again where processes share the work."""

from pathlib import Path

import msgspec
import pytest

from config.settings import Settings
from pipeline import compose, recovery
from pipeline.assembly import load_settings
from pipeline.clock import wall_clock_us
from pipeline.deadletters import DeadLetters
from pipeline.engine.tasks import TaskLogic
from pipeline.feeds.contract import RawBatch, Share, Status
from pipeline.feeds.requeue import RequeueFeed
from pipeline.lane import Lane, Pace
from pipeline.letters import DeadLetter, LetterFilter
from pipeline.reasons import Reason
from pipeline.routing import CaseBatch, PaneReport
from pipeline.scale.keys import home_of, key_of, number_of
from pipeline.scale.moving import folder_of, identity_of
from pipeline.scale.parts import ScaledParts
from pipeline.tallies import Tallies
from tests.cli.support import makegood
from tests.support.recording import CONFIG, make_recording

PARTITIONS = 4
SETTINGS = CONFIG.format(crm="CRM", social="SOCIAL", shards=1, batch_size=50, epoch="1s")
KAFKA = 'type: kafka, bootstrap: "kafka:9092", topics: [{topic}]'
FILE = "type: file, path: {name}, format: jsonl"
SCALE = "scale: {{bootstrap: 'kafka:9092', partitions: {partitions}}}\nstore: {{dir: '{store}'}}\n"
ALL = LetterFilter()


@pytest.fixture
def config(tmp_path: Path) -> Path:
    text = SETTINGS
    for name in ("CRM", "SOCIAL"):
        text = text.replace(FILE.format(name=name), KAFKA.format(topic=name.lower()))
    path = tmp_path / "makegood.yaml"
    path.write_text(text + SCALE.format(partitions=PARTITIONS, store=tmp_path / "var"), encoding="utf-8")
    return path


def letter(feed: str, partition: str, offset: int, raw: bytes = b"{}") -> DeadLetter:
    return DeadLetter(feed, partition, offset, 0, raw, Reason.UNKNOWN_TYPE, "d")


def taken(feed: RequeueFeed) -> dict[str, list[bytes]]:
    found: dict[str, list[bytes]] = {}
    for batch in feed.poll(3):
        found.setdefault(batch.partition, []).extend(batch.records)
    return found


def test_each_process_reads_what_came_from_its_own_partitions_once(tmp_path: Path) -> None:
    path = tmp_path / "letters.db"
    with DeadLetters(path) as store:
        store.add([letter("crm", f"cases/{number}", 0, b"%d" % number) for number in (0, 1, 2, 3)], seen_at_us=1)
        store.add([letter("crm/requeue", "requeue/12", 0, b"12"), letter("crm", "x", 0)], seen_at_us=1)
        store.requeue(ALL, at_us=2)
        store.prune(before_us=2)  # letters go before what was requeued: their places are still known
    even, odd = (RequeueFeed("crm", path, [number for number in range(13) if number % 2 == rest]) for rest in (0, 1))
    even.open({})
    odd.open({})
    assert set(odd.partitions()) == {f"requeue/{number}" for number in range(1, 13, 2)}
    assert set(odd.partitions().values()) == {Status.CAUGHT_UP}
    assert taken(even) == {"requeue/0": [b"0"], "requeue/2": [b"2"]}
    snapshot = even.positions()
    assert taken(even) == {"requeue/12": [b"12"]}
    assert taken(even) == {}
    assert taken(odd) == {"requeue/1": [b"1"]}
    assert taken(odd) == {"requeue/3": [b"3"]}
    again = RequeueFeed("crm", path, [0, 2, 12])
    again.open(snapshot)
    assert taken(again) == {"requeue/12": [b"12"]}
    moved = RequeueFeed("crm", path, [2, 3])  # partition 3 has been moved here, with its position
    moved.open({"requeue/2": snapshot["requeue/2"], "requeue/3": 0})
    assert taken(moved) == {}
    assert taken(moved) == {"requeue/3": [b"3"]}
    for feed in (even, odd, again, moved):
        feed.close()


def test_a_store_of_before_knows_the_places_of_what_was_requeued(tmp_path: Path) -> None:
    path = tmp_path / "letters.db"
    with DeadLetters(path) as store:
        store.add([letter("crm", "cases/3", 0)], seen_at_us=1)
        store.requeue(ALL, at_us=2)
        store._db.execute("ALTER TABLE requeue DROP COLUMN part_of")
    with DeadLetters(path) as store:
        assert [record.partition for record in store.requeued("crm", 0, 9)] == ["cases/3"]


def parts_of(settings: Settings, folder: Path) -> ScaledParts:
    assert settings.scale is not None
    return ScaledParts(
        settings,
        settings.scale,
        compose.build_detectors(settings),
        enricher=compose.build_enricher(settings),
        total=Tallies(),
        pace=Pace(),
        seen_folder=folder,
    )


def test_a_record_that_is_sent_again_comes_to_the_cases_and_windows_of_its_task(config: Path, tmp_path: Path) -> None:
    settings = load_settings(config).settings
    names = {entry.type: name for name, entry in settings.detectors.items()}
    crm, social = make_recording(20260302)
    path = tmp_path / "letters.db"
    feeds = sorted(settings.feeds)
    with DeadLetters(path) as store:
        for feed, records in zip(feeds, (crm, social), strict=True):
            store.add([letter(feed, "topic/3", number, records[number][1]) for number in range(20)], seen_at_us=1)
        store.requeue(ALL, at_us=2)
    requeue = compose.build_requeue(settings, path, [1, 3])
    lane = Lane(
        requeue,
        batch_size=1000,
        clock_us=lambda: max(crm[19][0], social[19][0]),
        tick_us=1,
        pace=Pace(),
        key_of=lambda feed, partition: key_of(feed, partition, partitions=PARTITIONS),
    )
    lane.open({})
    parts = parts_of(settings, tmp_path / "seen")
    tasks: dict[str, TaskLogic] = {}
    routed = []
    for _ in range(3):
        for item in lane.next():
            logic = tasks.setdefault(item.key, TaskLogic(parts, None))
            routed += logic.on_batch([item])[0]
    assert set(tasks) == {"task/1", "task/3"}
    events = [event for part in routed if isinstance(part, CaseBatch) for event in part.events]
    assert {part.shard for part in routed if isinstance(part, CaseBatch) and part.events} == {3}
    assert len({event.id for event in events}) == len(events) > 0
    told = [part for part in routed if isinstance(part, PaneReport)]
    assert {report.source for report in told} == {f"{feeds[1]}/requeue/requeue/3"}, "and nothing where nothing came"
    mood = names["sentiment_drop"]
    inbox = parts.inbox(home_of(mood, PARTITIONS))
    (batch,) = inbox.take([report.message for report in told if report.detector == mood])
    assert sum(vector[0] for _, _, vector in batch.panes) == 20
    assert inbox.refused.total() == 0
    lane.close()


def test_a_batch_of_a_requeue_belongs_to_the_task_of_its_number() -> None:
    batch = RawBatch("crm/requeue", "requeue/3", [1], [b"{}"])
    assert number_of(key_of(batch.feed, batch.partition, partitions=PARTITIONS)) == 3


def test_letters_that_no_process_here_would_read_are_refused_with_what_to_do(config: Path, tmp_path: Path) -> None:
    settings = load_settings(config).settings
    feed = min(settings.feeds)
    path = settings.store.dir / "deadletters.db"
    now_us = wall_clock_us()
    with DeadLetters(path) as store:
        store.add([letter(feed, "cases/1", 0), letter(feed, "cases/2", 0)], seen_at_us=now_us)
    replay = ("deadletters", "replay", "--config", config)
    refused = makegood(*replay, "--all")
    assert (refused.returncode, refused.defect) == (2, None)
    assert "no flow process has its folder in" in refused.stderr
    recovery.locked(folder_of(settings, 1)).__enter__()
    recovery.write_identity(folder_of(settings, 1), identity_of(PARTITIONS, Share(1, 3)))
    refused = makegood(*replay, "--all")
    assert f"feeds.{feed}: cases/2: its records belong to process 2 of 3" in refused.stderr.replace("\n", "")
    assert "write these records to their topics again" in " ".join(refused.stderr.split())
    with DeadLetters(path) as store:
        assert {kept.status for kept in store.page()} == {"new"}
    done = makegood(*replay, "1", "--json")
    assert msgspec.json.decode(done.stdout) == {"requeued": 1}
    with DeadLetters(path) as store:
        store.add([letter(feed, "old.jsonl", 0)], seen_at_us=now_us)
    refused = makegood(*replay, "3")
    assert "does not say which process has the keys" in " ".join(refused.stderr.split())
