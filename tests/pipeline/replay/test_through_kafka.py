"""The same recording through a real broker gives the same alerts, also when the broker goes away in the middle."""

from pathlib import Path
from zlib import crc32

import pytest

from pipeline.assembly import load_settings
from pipeline.feeds.contract import RawBatch, Status
from pipeline.feeds.kafka import KafkaFeed
from pipeline.replay import Summary, replay
from tests.support.kafka import Broker, Cluster
from tests.support.recording import CONFIG, Timed, make_recording, write_config, write_lines

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(900)]

CRM, SOCIAL = make_recording(20260302)
FEED = "{{type: file, path: {%s}, format: jsonl}}"


def produce(cluster: Cluster, events: list[Timed], partitions: int) -> str:
    """Write events to a new topic, those of one case to one partition."""
    topic = cluster.create_topic(partitions=partitions)
    cluster.produce(topic, ((crc32(raw.split(b'"case_id":"')[-1][:12]) % partitions, raw) for _, raw in events))
    return topic


def kafka_config(folder: Path, bootstrap: str, crm: str, social: str, *, batch_size: int) -> Path:
    text = CONFIG
    for name, topic in (("crm", crm), ("social", social)):
        feed = f"{{{{type: kafka, bootstrap: '{bootstrap}', topics: [{topic}]}}}}"
        text = text.replace(FEED % name, feed)
    path = folder / "makegood.yaml"
    path.write_text(text.format(shards=3, batch_size=batch_size, epoch="100ms"), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory) -> tuple[bytes, Summary]:
    folder = tmp_path_factory.mktemp("reference")
    config = write_config(folder, write_lines(folder / "crm.jsonl", CRM), write_lines(folder / "social.jsonl", SOCIAL))
    summary = replay(load_settings(config).settings, folder / "alerts.jsonl")
    return (folder / "alerts.jsonl").read_bytes(), summary


def test_a_replay_through_kafka_gives_the_same_bytes(
    tmp_path: Path, cluster: Cluster, reference: tuple[bytes, Summary]
) -> None:
    config = kafka_config(
        tmp_path, cluster.bootstrap, produce(cluster, CRM, 3), produce(cluster, SOCIAL, 2), batch_size=500
    )
    summary = replay(load_settings(config).settings, tmp_path / "alerts.jsonl")
    assert (tmp_path / "alerts.jsonl").read_bytes() == reference[0]
    assert (summary.events, summary.late, summary.dead_letters) == (reference[1].events, 0, 0)


class Outage:
    """Kills the broker as soon as a feed has given something, and starts it again when every feed has missed it."""

    def __init__(self, broker: Broker, monkeypatch: pytest.MonkeyPatch) -> None:
        self.taken = 0
        """Records that came before the broker was back."""
        self.back = False
        self._broker = broker
        self._killed = False
        self._missing: dict[str, bool] = {}
        self._poll = KafkaFeed.poll

        def polled(feed: KafkaFeed, max_records: int, partition: str | None = None) -> list[RawBatch]:
            return self._polled(feed, max_records, partition)

        monkeypatch.setattr(KafkaFeed, "poll", polled)

    def _polled(self, feed: KafkaFeed, max_records: int, partition: str | None) -> list[RawBatch]:
        batches = self._poll(feed, max_records, partition)
        if not self.back:
            self.taken += sum(len(batch.records) for batch in batches)
            # What was fetched before may be all of a small partition.
            self._missing[feed.name] = set(feed.partitions().values()) <= {Status.UNREACHABLE, Status.ENDED}
            if not self._killed and self.taken:
                self._broker.kill()  # one that is asked to end goes on serving for a while
                self._killed = True
            elif self._killed and len(self._missing) == 2 and all(self._missing.values()):
                self._broker.start()
                self.back = True
        return batches


def test_a_broker_that_goes_away_in_the_middle_loses_nothing(
    tmp_path: Path, broker: Broker, reference: tuple[bytes, Summary], monkeypatch: pytest.MonkeyPatch
) -> None:
    crm, social = produce(broker, CRM, 3), produce(broker, SOCIAL, 2)
    # Small fetches, so that the client cannot have read everything before the broker goes.
    config = kafka_config(tmp_path, broker.bootstrap, crm, social, batch_size=50)
    text = config.read_text(encoding="utf-8").replace(
        "topics: [", "properties: {fetch.message.max.bytes: 4096, queued.min.messages: 1}, topics: ["
    )
    config.write_text(text, encoding="utf-8")
    outage = Outage(broker, monkeypatch)
    try:
        summary = replay(load_settings(config).settings, tmp_path / "alerts.jsonl")
    finally:
        broker.kill()  # it ends with the thread that started it; the next test needs one of our own
        broker.ensure_running()
    total = len(CRM) + len(SOCIAL)
    assert outage.back
    assert 0 < outage.taken < total, "the broker went away too late to matter"
    assert (tmp_path / "alerts.jsonl").read_bytes() == reference[0]
    assert (summary.events, summary.late, summary.dead_letters) == (total, 0, 0)
