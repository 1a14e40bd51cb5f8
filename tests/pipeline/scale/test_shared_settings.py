"""Which settings let several flow processes share the work."""

from pathlib import Path

import pytest

from config.settings import Settings
from pipeline.assembly import load_settings
from pipeline.feeds.contract import Share
from pipeline.scale.keys import ScaleError
from pipeline.scale.parts import kafka_topics, scaled

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
