"""The state that a release left behind is gone on with by this one, and the same alert changes come out."""

from pathlib import Path

import pytest

from tests.faults.flowing import counted, running, settle, stored
from tests.faults.keep_state import EXPECTED, FOLDER, TOLD, changes, give, unpack
from tests.support.own_redis import OwnRedis

RELEASES = sorted(path.name.removesuffix(".tar.xz") for path in FOLDER.glob("*.tar.xz"))


def test_the_releases_so_far_are_kept() -> None:
    assert RELEASES[0] == "0.1.0"


@pytest.mark.parametrize("release", RELEASES)
def test_state_of_a_release_is_gone_on_with_as_if_nothing_had_happened(
    tmp_path: Path, own_redis: OwnRedis, release: str
) -> None:
    config = unpack(release, tmp_path)
    told, expected = changes(tmp_path / TOLD), counted(changes(tmp_path / EXPECTED))
    assert 0 < len(told) < expected.total()
    give(own_redis.url, told)
    with running(config, own_redis.url) as flow:
        settle(flow, own_redis.url, expected.total())
        flow.stop()
        log = flow.log()
    assert "fresh_start" not in log
    assert stored(own_redis.url) == expected
