"""A case told by each service desk, through its shipped mapping, comes to the same verdicts on promises."""

import json
import random
from typing import Any

import pytest

from config.shipped import shipped_mapping
from detectors.events import Event
from pipeline.dedup import Deduplicator
from pipeline.harness import Harness
from pipeline.mapping import Mapper
from tests.pipeline.mapping.desks import DESKS, WITHOUT_REPLIES, epoch, example, freshdesk, iso, plain, servicenow
from tests.support.promises import DAY_US, clock, detector

NEVER_RISKS: dict[str, Any] = {"unit": "minutes", "at_risk": []}
FIRST_REPLY = {"kind": "first_reply", "target": 20, **NEVER_RISKS}
RESOLUTION = {"kind": "resolution", "target": 150, **NEVER_RISKS}
HANDOFF = {"kind": "handoff", "target": 10, **NEVER_RISKS}


def events_of(name: str, records: list[dict[str, Any]]) -> list[Event]:
    """The events of records, each once, in the order in which they are told."""
    mapped = Mapper(shipped_mapping(name).mapping, name).map_many([json.dumps(record).encode() for record in records])
    assert mapped.errors == []
    newest_us = max(event.time_us for event in mapped.events)
    return list(Deduplicator(DAY_US).fresh(mapped.events, newest_us))


def verdicts(events: list[Event], *promises: dict[str, Any]) -> list[tuple[str, str, str]]:
    harness = Harness([detector(*promises)])
    end_us = max(event.time_us for event in events) + DAY_US
    harness.feed(events, end_us)
    return [(change.labels["promise"], change.status, clock(change.at_us)) for change in harness.changes]


@pytest.mark.parametrize("name", DESKS)
def test_a_case_stands_still_while_it_waits_stops_when_solved_and_goes_on_when_it_is_open_again(name: str) -> None:
    events = events_of(name, DESKS[name]())
    # one hour before it waited, one after, and the last half hour from 15:00 on
    assert verdicts(events, RESOLUTION) == [
        ("resolution", "firing", "02-02T15:30"),
        ("resolution", "resolved", "02-02T16:00"),
    ]
    assert verdicts(events, RESOLUTION | {"target": 180}) == []
    assert verdicts(events, RESOLUTION | {"target": 120, "on_reopen": "first_only"}) == []


@pytest.mark.parametrize("name", sorted(set(DESKS) - WITHOUT_REPLIES))
def test_the_first_reply_is_the_agents(name: str) -> None:
    events = events_of(name, DESKS[name]())
    assert verdicts(events, FIRST_REPLY) == [
        ("first_reply", "firing", "02-02T09:20"),
        ("first_reply", "resolved", "02-02T09:30"),
    ]
    assert verdicts(events, FIRST_REPLY | {"target": 30}) == []


@pytest.mark.parametrize("name", DESKS)
@pytest.mark.parametrize("seed", range(3))
def test_the_order_in_which_messages_come_changes_no_verdict(name: str, seed: int) -> None:
    records = DESKS[name]()
    expected = verdicts(events_of(name, records), FIRST_REPLY, RESOLUTION)
    random.Random(seed).shuffle(records)
    assert verdicts(events_of(name, records), FIRST_REPLY, RESOLUTION) == expected


@pytest.mark.parametrize(
    ("name", "records", "time"), [("servicenow", servicenow, plain), ("freshdesk", freshdesk, iso)]
)
def test_a_case_that_was_solved_and_reopened_between_two_looks_is_open_again(
    name: str, records: Any, time: Any
) -> None:
    told_of = records()
    seen = [record for record in told_of if f'"{time("13:00")}"' not in json.dumps(updates(record))]
    assert len(seen) == len(told_of) - 1
    assert verdicts(events_of(name, seen), RESOLUTION) == verdicts(events_of(name, told_of), RESOLUTION)


def updates(record: dict[str, Any]) -> list[Any]:
    """When the record was last updated, wherever it says so."""
    found = record.get("result", [record])
    return [entry.get("sys_updated_on", entry.get("updated_at")) for entry in found]


def test_a_merged_zendesk_ticket_owes_nothing_whether_or_not_it_says_into_which() -> None:
    opened, *_ = DESKS["zendesk"]()
    for event in ({"target_ticket_id": "5160"}, {}):
        merged = opened | {"type": "zen:event-type:ticket.merged", "id": "m", "time": iso("10:00"), "event": event}
        assert verdicts(events_of("zendesk", [opened, merged]), RESOLUTION) == []


def test_a_message_to_the_customer_in_zendesk_messaging_is_a_reply_and_the_bots_is_not() -> None:
    opened, *_ = DESKS["zendesk"]()
    message = example("zendesk", 3) | {"id": "r", "detail": {"id": opened["detail"]["id"]}}
    for kind, expected in (("agent", []), ("system", ["02-02T09:20"]), ("end_user", ["02-02T09:20"])):
        said = message | {"time": iso("09:10"), "event": {"actor": {"type": kind}, "message": {"body": "Hi"}}}
        found = verdicts(events_of("zendesk", [opened, said]), FIRST_REPLY)
        assert [at for _, step, at in found if step == "firing"] == expected


def test_a_case_that_is_taken_out_of_salesforces_bin_is_owed_what_was_left() -> None:
    opened, *_ = DESKS["salesforce"]()
    deleted, undeleted = example("salesforce", 6), example("salesforce", 7)
    for record, time in ((deleted, "10:00"), (undeleted, "15:00")):
        record["payload"]["ChangeEventHeader"] |= {"commitTimestamp": epoch(time) * 1000, "transactionKey": time}
    assert verdicts(events_of("salesforce", [opened, deleted]), RESOLUTION) == []
    found = verdicts(events_of("salesforce", [opened, deleted, undeleted]), RESOLUTION)
    assert found == [("resolution", "firing", "02-02T16:30")]


def test_a_draft_in_salesforce_is_a_reply_once_it_is_sent() -> None:
    opened, reply, *_ = DESKS["salesforce"]()
    reply["payload"]["Status"] = "5"
    sent = example("salesforce", 12)
    sent["payload"]["ChangeEventHeader"] |= {"commitTimestamp": epoch("09:45") * 1000, "transactionKey": "sent"}
    assert verdicts(events_of("salesforce", [opened, reply, sent]), FIRST_REPLY) == [
        ("first_reply", "firing", "02-02T09:20"),
        ("first_reply", "resolved", "02-02T09:45"),
    ]


def call(*steps: tuple[str, str, dict[str, Any]]) -> list[dict[str, Any]]:
    """Messages of Genesys about one conversation."""
    records = []
    for time, part, said in steps:
        record = example("genesys", 0)
        conversation = record["eventBody"]["conversationId"]
        record["topicName"] = f"v2.detail.events.conversation.{conversation}.{part}"
        record["eventBody"] |= {"eventTime": epoch(time) * 1000, "sessionId": part.split(".")[0], **said}
        records.append(record)
    return records


def test_a_call_is_answered_in_time_or_late() -> None:
    answered = call(
        ("09:00", "customer.start", {}),
        ("09:01", "acd.start", {"queueId": "q"}),
        ("09:15", "acd.end", {"queueId": "q", "acdOutcome": "ANSWERED"}),
        ("09:40", "customer.end", {}),
    )
    events = events_of("genesys", answered)
    assert verdicts(events, FIRST_REPLY, RESOLUTION) == []
    assert verdicts(events, HANDOFF) == [
        ("handoff", "firing", "02-02T09:11"),
        ("handoff", "resolved", "02-02T09:15"),
    ]


def test_a_call_that_was_abandoned_was_neither_answered_in_time_nor_late() -> None:
    abandoned = call(
        ("09:00", "customer.start", {}),
        ("09:01", "acd.start", {"queueId": "q"}),
        ("09:05", "acd.end", {"queueId": "q", "acdOutcome": "ABANDON"}),
        ("09:05", "customer.end", {}),
    )
    events = events_of("genesys", abandoned)
    assert verdicts(events, FIRST_REPLY, RESOLUTION, HANDOFF) == []
    assert [event.type for event in events][-2:] == ["crm.case.cancelled", "crm.case.closed"]
    late = events_of("genesys", call(("09:00", "customer.start", {}), ("09:30", "acd.end", {"acdOutcome": "ABANDON"})))
    assert [step for _, step, _ in verdicts(late, FIRST_REPLY)] == ["firing", "resolved"]


def test_a_call_that_goes_on_to_another_queue_waits_there_anew() -> None:
    moved = call(
        ("09:00", "customer.start", {}),
        ("09:01", "acd.start", {"queueId": "q"}),
        ("09:06", "acd.end", {"queueId": "q", "acdOutcome": "FLOW_OUT"}),
        ("09:07", "acd.start", {"queueId": "r", "sessionId": "second"}),
        ("09:16", "acd.end", {"queueId": "r", "sessionId": "second", "acdOutcome": "ANSWERED"}),
    )
    assert verdicts(events_of("genesys", moved), HANDOFF) == []
