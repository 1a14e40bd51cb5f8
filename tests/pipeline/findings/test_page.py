"""``GET /findings`` of a flow process."""

from collections.abc import Iterator
from http import HTTPStatus
from pathlib import Path

import httpx
import msgspec
import pytest

from pipeline.findings.page import PATH, findings_page
from pipeline.findings.query import Around
from pipeline.findings.store import FindingStore
from pipeline.server import StatusServer
from tests.support.findings import finding


@pytest.fixture
def url(tmp_path: Path) -> Iterator[str]:
    path = tmp_path / "findings.db"
    store = FindingStore(path)
    store.add([finding(hour, service=service, region="n") for hour in (1, 2) for service in ("a", "b")])
    store.close()
    page = findings_page(lambda: sorted(tmp_path.glob("findings*.db")))
    with StatusServer("127.0.0.1:0", lambda: (True, {}), pages={PATH: page}) as server:
        yield f"http://127.0.0.1:{server.port}{PATH}"


def test_a_window_is_answered_with_those_around_it(url: str) -> None:
    answer = httpx.get(url, params={"detector": "mood", "group": "service=a,region=n", "at": "now"})
    assert (answer.status_code, answer.headers["Content-Type"]) == (HTTPStatus.OK, "application/json")
    around = msgspec.json.decode(answer.content, type=Around)
    assert around.finding == finding(2, service="a", region="n")
    assert (around.before, around.siblings) == (
        [finding(1, service="a", region="n")],
        [finding(2, service="b", region="n")],
    )


def test_without_a_detector_the_groups_are_listed(url: str) -> None:
    assert httpx.get(url).json() == {"detectors": {"mood": [{"region": "n", "service": s} for s in ("a", "b")]}}


@pytest.mark.parametrize(
    ("parameters", "status", "told"),
    [
        ({"detector": "mod"}, 404, "there are mood"),
        ({"detector": "mood", "group": "service=c"}, 404, "region=n,service=a"),
        ({"detector": "mood", "group": "service"}, 400, "is not a group"),
        ({"detector": "mood", "group": "service=a", "at": "noon"}, 400, "is not a time"),
    ],
)
def test_what_cannot_be_answered_says_why(url: str, parameters: dict[str, str], status: int, told: str) -> None:
    answer = httpx.get(url, params=parameters)
    assert answer.status_code == status
    assert told in answer.json()["error"]


def test_files_that_cannot_be_read_are_told(url: str, tmp_path: Path) -> None:
    (tmp_path / "findings-1.db").write_bytes(b"nonsense" * 1000)
    answer = httpx.get(url)
    assert answer.status_code == HTTPStatus.SERVICE_UNAVAILABLE
    assert "findings-1.db cannot be read" in answer.json()["error"]


def test_other_paths_say_which_there_are(url: str) -> None:
    answer = httpx.get(url.removesuffix(PATH) + "/nothing")
    assert (answer.status_code, PATH in answer.text) == (HTTPStatus.NOT_FOUND, True)
