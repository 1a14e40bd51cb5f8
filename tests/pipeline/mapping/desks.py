"""One tiny life of a case, told in the messages of each service desk.

Opened at 9:00, answered at 9:30, waiting for the customer from 10:00 to 12:00, solved at 13:00, open again at 15:00,
closed at 16:00, all on 2 February 2026. The messages are the shipped examples with other times and states.
"""

from collections.abc import Callable
from copy import deepcopy
from datetime import UTC, datetime
from typing import Any

from config.shipped import shipped_mapping

Record = dict[str, Any]


def at(time: str) -> datetime:
    return datetime.fromisoformat(f"2026-02-02T{time}:00").replace(tzinfo=UTC)


def iso(time: str) -> str:
    return at(time).strftime("%Y-%m-%dT%H:%M:%SZ")


def plain(time: str) -> str:
    return at(time).strftime("%Y-%m-%d %H:%M:%S")


def epoch(time: str) -> int:
    return int(at(time).timestamp())


def example(name: str, number: int) -> Record:
    return deepcopy(dict(shipped_mapping(name).mapping.examples[number].record))


def zendesk() -> list[Record]:
    created = example("zendesk", 0)

    def event(time: str, kind: str, status: str, **said: Any) -> Record:
        detail = created["detail"] | {"status": status, "created_at": iso("09:00"), "updated_at": iso(time)}
        return created | {
            "type": f"zen:event-type:ticket.{kind}", "id": f"{kind}/{time}", "time": iso(time), "detail": detail,
            "event": said,
        }  # fmt: skip

    comment = {"author": {"id": "7", "is_staff": True}, "body": "Soon.", "id": "8", "is_public": True}
    return [
        event("09:00", "created", "OPEN"),
        event("09:30", "comment_added", "OPEN", comment=comment),
        event("10:00", "status_changed", "PENDING", current="PENDING", previous="OPEN"),
        event("12:00", "status_changed", "OPEN", current="OPEN", previous="PENDING"),
        event("13:00", "status_changed", "SOLVED", current="SOLVED", previous="OPEN"),
        event("15:00", "status_changed", "OPEN", current="OPEN", previous="SOLVED"),
        event("16:00", "status_changed", "CLOSED", current="CLOSED", previous="OPEN"),
    ]


def zendesk_export() -> list[Record]:
    ticket = example("zendesk_export", 0) | {"created_at": iso("09:00"), "satisfaction_rating": {"score": "unoffered"}}
    states = [("09:00", "new"), ("10:00", "pending"), ("12:00", "open"), ("13:00", "solved"), ("15:00", "open"),
              ("16:00", "closed")]  # fmt: skip
    return [ticket | {"updated_at": iso(time), "status": status} for time, status in states]


def salesforce() -> list[Record]:
    def event(number: int, time: str, sequence: int, *changed: str, **fields: Any) -> Record:
        record = example("salesforce", number)
        header = record["payload"]["ChangeEventHeader"]
        header |= {"commitTimestamp": epoch(time) * 1000, "transactionKey": f"key/{time}", "sequenceNumber": sequence}
        if changed:
            header["changedFields"] = [*changed, "LastModifiedDate"]
        return record | {"payload": {"ChangeEventHeader": header, **fields}}

    case = "500RM000003cXyZYAU"
    return [
        event(2, "09:00", 1, Status="New", Priority="Medium", ContactId="003"),
        event(11, "09:30", 1, ParentId=case, Incoming=False, TextBody="Soon."),
        event(4, "10:00", 1, "Status", Status="Waiting on Customer"),
        event(4, "12:00", 1, "Status", Status="Working"),
        event(4, "13:00", 1, "Status", "ClosedDate", Status="Closed", ClosedDate=iso("13:00")),
        event(5, "15:00", 1, "Status", "ClosedDate", Status="Working", ClosedDate=None),
        event(4, "16:00", 1, "Status", "ClosedDate", Status="Closed", ClosedDate=iso("16:00")),
    ]


def freshdesk() -> list[Record]:
    ticket = example("freshdesk", 0) | {"created_at": iso("09:00"), "due_by": None}
    reply = example("freshdesk", 5) | {"ticket_id": ticket["id"], "created_at": iso("09:30")}
    stats: Record = {"resolved_at": None, "closed_at": None, "reopened_at": None}
    solved, again = {"resolved_at": iso("13:00")}, {"reopened_at": iso("15:00")}
    states: list[tuple[str, int, Record]] = [
        ("09:00", 2, {}), ("10:00", 3, {}), ("12:00", 2, {}), ("13:00", 4, solved), ("15:00", 2, solved | again),
        ("16:00", 5, again | {"resolved_at": iso("16:00"), "closed_at": iso("16:00")}),
    ]  # fmt: skip
    tickets = [
        ticket | {"updated_at": iso(time), "status": status, "stats": stats | known} for time, status, known in states
    ]
    return [tickets[0], reply, *tickets[1:]]


def intercom() -> list[Record]:
    def event(time: str, topic: str, state: str, body: str | None = None) -> Record:
        record = example("intercom", 5)
        record["data"]["item"] |= {"state": state, "conversation_parts": {"conversation_parts": [{"body": body}]}}
        record |= {"topic": f"conversation.{topic}", "id": f"notif/{time}", "created_at": epoch(time)}
        return record

    return [
        event("09:00", "user.created", "open"),
        event("09:30", "admin.replied", "open", "<p>Soon.</p>"),
        event("10:00", "admin.snoozed", "snoozed"),
        event(
            "12:00", "user.replied", "open", "<p>Here it is.</p>"
        ),  # wakes the conversation, and nothing else says so
        event("13:00", "admin.closed", "closed"),
        event("15:00", "admin.opened", "open"),
        event("16:00", "admin.closed", "closed"),
    ]


def servicenow() -> list[Record]:
    incident = example("servicenow", 0)["result"] | {"opened_at": plain("09:00")}
    solved = {"resolved_at": plain("13:00")}
    states: list[tuple[str, int, Record]] = [
        ("09:00", 1, {}),
        ("10:00", 3, {"hold_reason": "1"}),
        ("12:00", 2, {"hold_reason": "1"}),  # the reason may outlive the hold
        ("13:00", 6, solved),
        ("15:00", 2, solved),
        ("16:00", 7, {"resolved_at": plain("16:00"), "closed_at": plain("16:00")}),
    ]
    return [
        {
            "result": [
                incident | {"sys_updated_on": plain(time), "sys_mod_count": str(number), "state": str(state)} | known
            ]
        }
        for number, (time, state, known) in enumerate(states)
    ]


DESKS: dict[str, Callable[[], list[Record]]] = {
    "freshdesk": freshdesk,
    "intercom": intercom,
    "salesforce": salesforce,
    "servicenow": servicenow,
    "zendesk": zendesk,
    "zendesk_export": zendesk_export,
}
WITHOUT_REPLIES = {"servicenow", "zendesk_export"}
