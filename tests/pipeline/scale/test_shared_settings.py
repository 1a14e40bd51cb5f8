"""Which settings let several flow processes share the work."""

from pathlib import Path

import pytest

from config.settings import Settings
from pipeline.assembly import load_settings
from pipeline.feeds.contract import Share, Status
from pipeline.scale.keys import ScaleError
from pipeline.scale.parts import kafka_topics, scaled
from tests.cli.support import makegood
from tests.pipeline.scale.test_requeued import parts_of

SCALE = "scale: {bootstrap: [kafka:9092], partitions: 4}\n"
CRM = "  crm: {type: kafka, bootstrap: kafka:9092, topics: [cases, calls]}\n"
HOOKS = "  hooks: {type: http, signature: {scheme: none}"


def settings_of(folder: Path, text: str) -> Settings:
    path = folder / "makegood.yaml"
    path.write_text(text, encoding="utf-8")
    return load_settings(path).settings


def test_a_feed_that_is_pushed_into_kafka_may_stand_beside_the_feed_that_reads_it(tmp_path: Path) -> None:
    to = ", to: {kafka: {bootstrap: kafka:9092, topic: cases}}}\n"
    settings = settings_of(tmp_path, SCALE + "feeds:\n" + CRM + HOOKS + to)
    assert kafka_topics(settings) == [("crm", "cases"), ("crm", "calls")]
    assert scaled(settings, Share(1, 2)) == settings.scale


def test_a_spool_is_read_by_one_process_only_and_the_error_says_what_to_do(tmp_path: Path) -> None:
    settings = settings_of(tmp_path, SCALE + "feeds:\n" + CRM + HOOKS + "}\n")
    with pytest.raises(ScaleError, match=r"feeds\.hooks: .*to: \{kafka: "):
        scaled(settings, Share(0, 2))


def test_no_more_processes_than_partitions_and_none_without_scale(tmp_path: Path) -> None:
    with pytest.raises(ScaleError, match="5 processes cannot share 4 partitions"):
        scaled(settings_of(tmp_path, SCALE + "feeds:\n" + CRM), Share(0, 5))
    with pytest.raises(ScaleError, match="no `scale`"):
        scaled(settings_of(tmp_path, "feeds:\n" + CRM), Share(0, 2))


PUSHED = "  hooks: {type: http, signature: {scheme: none}, to: {kafka: {bootstrap: kafka:9092, topic: %s%s}}}\n"


@pytest.mark.parametrize(
    ("feeds", "where", "what"),
    [
        (CRM + HOOKS + "}\n", "feeds.hooks.type", "to: {kafka: ...}"),
        (CRM + "  old: {type: file, path: x.jsonl}\n", "feeds.old.type", "a feed of type 'file' cannot be shared"),
        (CRM + PUSHED % ("other", ", key: '{/case}'"), "feeds.hooks.to.kafka.topic", "no feed of type kafka reads"),
        (CRM + PUSHED % ("cases", ""), "feeds.hooks.to.kafka.key", "records of one case would come to different"),
        (PUSHED % ("cases", ""), "scale", "nothing that processes could share"),
    ],
)
def test_check_says_which_feeds_processes_cannot_share_and_what_to_do(
    tmp_path: Path, feeds: str, where: str, what: str
) -> None:
    path = tmp_path / "makegood.yaml"
    path.write_text(SCALE + "feeds:\n" + feeds, encoding="utf-8")
    done = makegood("check", "--config", path)
    assert (done.returncode, done.defect) == (1, None)
    assert str(path) in done.stderr
    assert f"{where}: " in done.stderr
    assert what in done.stderr
    path.write_text("feeds:\n" + feeds, encoding="utf-8")
    assert makegood("check", "--config", path).returncode == 0, "without scale there is nothing to share"


def test_check_has_nothing_against_feeds_that_are_shared(tmp_path: Path) -> None:
    path = tmp_path / "makegood.yaml"
    sorting = "  crm: {type: kafka, bootstrap: kafka:9092, topics: [cases], repartition: true}\n"
    for feeds in (CRM + PUSHED % ("cases", ", key: '{/case}'"), sorting + PUSHED % ("cases", "")):
        path.write_text(SCALE + "feeds:\n" + feeds, encoding="utf-8")
        assert makegood("check", "--config", path).returncode == 0


def test_every_partition_of_a_share_holds_time_back_before_its_cluster_has_answered(tmp_path: Path) -> None:
    settings = settings_of(tmp_path, SCALE + "feeds:\n" + CRM.replace("kafka:9092", "127.0.0.1:9"))
    feed = parts_of(settings, tmp_path).feeds(Share(1, 2))["crm"]
    feed.open({})
    names = ["cases/1", "cases/3", "calls/1", "calls/3"]
    assert feed.partitions() == dict.fromkeys(names, Status.UNREACHABLE)
    feed.close()
