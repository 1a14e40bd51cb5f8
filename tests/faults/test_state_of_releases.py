"""The state that a release left behind is gone on with by this one: no alert is lost or told twice."""

from pathlib import Path

import pytest

from tests.faults.flowing import Changes, counted, history, running, settle
from tests.faults.keep_state import EXPECTED, FOLDER, TOLD, changes, give, unpack
from tests.support.own_redis import OwnRedis

RELEASES = sorted(path.name.removesuffix(".tar.xz") for path in FOLDER.glob("*.tar.xz"))


def test_the_releases_so_far_are_kept() -> None:
    assert RELEASES[0] == "0.1.0"


OTHER_MODELS = {"0.1.0": {"SentimentDrop"}}
"""Alerts whose models have changed since: open ones go on, and what is normal is learned anew."""


@pytest.mark.parametrize("release", RELEASES)
def test_state_of_a_release_is_gone_on_with_as_if_nothing_had_happened(
    tmp_path: Path, own_redis: OwnRedis, release: str
) -> None:
    config = unpack(release, tmp_path)
    changed = OTHER_MODELS.get(release, set())
    told, expected = changes(tmp_path / TOLD), changes(tmp_path / EXPECTED)
    same = counted([change for change in expected if change.labels["alertname"] not in changed])
    assert 0 < len(told) < len(expected)
    give(own_redis.url, told)

    def found() -> Changes:
        return counted([change for change in history(own_redis.url) if change.labels["alertname"] not in changed])

    with running(config, own_redis.url) as flow:
        flow.until(lambda: found().total() >= same.total())
        settle(flow, own_redis.url)
        flow.stop()
        log = flow.log()
    assert "fresh_start" not in log
    assert found() == same
