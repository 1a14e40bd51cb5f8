"""What goes by rows, always: of records, and of whole flows."""

from pathlib import Path
from typing import Any

import msgspec
import pytest

from config.enrichment import ProfileSettings
from pipeline import compose
from pipeline.assembly import load_settings
from pipeline.columns.lane import ColumnLane
from pipeline.routing import ProcessRouter, Router
from tests.pipeline.columns import holding
from tests.pipeline.columns.rig import CONFIG

PLAIN: dict[str, Any] = {
    "specversion": "1.0", "type": "social.post", "source": "s", "id": "1", "time": "2026-03-02T00:00:00Z",
    "data": {"service": "tv", "sentiment": 0.5},
}  # fmt: skip
DROP = "\n  drop: {{type: sentiment_drop, group_by: [{group}], event_types: [social.post], window: 10m}}"
SURVEYS = "\n  surveys: {type: survey_drop, group_by: [service], window: 10m}"


def changed(more: dict[str, Any], data: dict[str, Any]) -> bytes:
    return msgspec.json.encode({**PLAIN, **more, "data": {**PLAIN["data"], **data}})


@pytest.mark.parametrize(
    ("more", "data"),
    [
        ({"type": "social.like"}, {}),
        ({"type": "crm.case.vanished"}, {}),
        ({"type": ""}, {}),
        ({"specversion": "1.1"}, {}),
        ({"rev": 1}, {}),
        ({"sequence": 4}, {}),
        ({"recordedtime": "2026-03-02T00:00:00Z"}, {}),
        ({"partitionkey": "x"}, {}),
        ({}, {"labels": {"tier": "gold"}}),
        ({}, {"labels": {}}),
        ({}, {"text": "awful", "sentiment": None}),
        ({}, {"mood": "bad"}),
        ({}, {"service": 'a "quoted" one'}),
        ({}, {"sentiment": 1.5}),
        ({}, {"sentiment": "0.5"}),
    ],
)
def test_records_that_are_not_plain(more: dict[str, Any], data: dict[str, Any]) -> None:
    pytest.importorskip("numba")
    scanner = holding.scanner()
    assert scanner.scan([changed({}, {})]).uncertain() == []
    assert scanner.scan([changed(more, data)]).uncertain() == [0]


def wants(folder: Path, detectors: str) -> Any:
    return ProcessRouter(compose.build_detectors(read(folder, detectors, "auto")), 4).wants


def read(folder: Path, detectors: str, mode: str) -> Any:
    path = folder / "makegood.yaml"
    path.write_text(CONFIG.format(detectors=detectors, mode=mode))
    return load_settings(path).settings


@pytest.mark.parametrize("group", ["service", "service, region", "queue", "source", "feed"])
def test_groups_that_every_event_says_itself_are_read_out_of_columns(tmp_path: Path, group: str) -> None:
    found = wants(tmp_path, DROP.format(group=group))
    assert found is not None
    assert found.as_events == set()


@pytest.mark.parametrize("group", ["tier", "language", "contract", "service, tier", "shop"])
def test_groups_by_profile_or_label_want_the_events_themselves(tmp_path: Path, group: str) -> None:
    assert wants(tmp_path, DROP.format(group=group)) is None
    assert wants(tmp_path, DROP.format(group=group) + SURVEYS).as_events == {"social.post"}


def test_events_of_case_detectors_are_made_of_records_or_packed(tmp_path: Path) -> None:
    found = wants(tmp_path, SURVEYS + "\n  negative_survey: {type: negative_survey}")
    assert found is not None
    assert found.as_events == set()
    assert {"survey.response", "crm.case.agent_reply"} < found.made == found.packed
    # One for whom an opened case is a beginning wants the event, and it is made.
    found = wants(tmp_path, SURVEYS + "\n  repeat_contact: {type: repeat_contact}")
    assert found is not None
    assert found.made - found.packed == {"crm.case.opened", "crm.case.customer_message", "crm.case.reopened"}


def test_what_somebody_else_wants_as_events_is_not_packed(tmp_path: Path) -> None:
    detectors = SURVEYS + "\n  negative_survey: {type: negative_survey}" + DROP.format(group="tier")
    found = wants(tmp_path, detectors.replace("social.post", "survey.response"))
    assert found is not None
    assert found.as_events & (found.made | found.packed) == set()


def test_where_customers_are_looked_up_case_detectors_get_events_by_rows(tmp_path: Path) -> None:
    table = tmp_path / "customers.csv"
    table.write_text("customer,tier\nc-1,gold\n")
    detectors = SURVEYS + "\n  negative_survey: {type: negative_survey}"
    settings = read(tmp_path, detectors, "on")
    profiles = ProfileSettings(path=table)
    router = ProcessRouter(compose.build_detectors(settings), 4)
    record = b'{"type":"survey.response","source":"s","id":"1","time":"2026-03-02T00:00:00Z","data":{"score":9}}'
    for known, plain in ((None, True), (profiles, False)):
        lane = compose.build_columns(settings.model_copy(update={"profiles": known}), router)
        assert lane is not None
        columns = lane.scan("feed", [record])
        assert columns is not None
        assert columns.uncertain() == ([] if plain else [0])


@pytest.mark.parametrize(
    ("detectors", "mode", "taken"),
    [
        (SURVEYS, "auto", True),
        (SURVEYS, "off", False),
        (SURVEYS + "\n  negative_survey: {type: negative_survey}", "auto", True),
        (DROP.format(group="tier"), "auto", False),
    ],
)
def test_flows_for_which_columns_are_worth_it_take_them(
    tmp_path: Path, detectors: str, mode: str, *, taken: bool
) -> None:
    settings = read(tmp_path, detectors, mode)
    router = ProcessRouter(compose.build_detectors(settings), 4)
    assert isinstance(compose.build_columns(settings, router), ColumnLane) is taken


class Shown:
    """A router that looks at every event, as those do that learn, or share the work."""

    def __init__(self, inner: Router) -> None:
        self.inner = inner

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)


def test_whoever_looks_at_every_event_gets_every_event(tmp_path: Path) -> None:
    settings = read(tmp_path, SURVEYS, "auto")
    router: Any = Shown(ProcessRouter(compose.build_detectors(settings), 4))
    assert compose.build_columns(settings, router) is None
