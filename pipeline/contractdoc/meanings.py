"""What the events and their fields mean, in words: one entry for every field and type of :mod:`detectors.events`.

The shapes come from the Structs; only words and examples stand here. A test fails when a field or a type has no entry,
and when an entry has no field.
"""

from typing import Any, NamedTuple


class Meaning(NamedTuple):
    """One field.

    Attributes:
        text: what it means; what is done with it.
        unit: unit, notation or range that the type does not say; empty where there is none.
        example: a value as it stands in JSON.
    """

    text: str
    unit: str
    example: Any


ENVELOPE: dict[str, Meaning] = {
    "specversion": Meaning("Version of CloudEvents.", "`1.0`", "1.0"),
    "type": Meaning("What happened. It decides which fields `data` has.", "one of the types below", "crm.case.opened"),
    "source": Meaning(
        "Who says it. With `id` it identifies the event: a repeat of both is dropped.",
        "a URI reference; 1 to 1024 characters",
        "/crm/zendesk",
    ),
    "id": Meaning("Identifies the event within its source.", "1 to 1024 characters", "1042/opened"),
    "time": Meaning(
        "When it happened (event time), not when it was sent. CloudEvents leaves it open; here it is needed.",
        "RFC 3339 with an offset; 1990 to 2099; kept to the microsecond",
        "2026-03-02T09:15:00Z",
    ),
    "subject": Meaning(
        "The customer, under the key of the profile table.", "a key; empty or null: not known", "customer-4711"
    ),
    "sequence": Meaning(
        "The source's own order among events of equal time.",
        "whole number of 64 bits; absent or null: 0",
        3,
    ),
    "rev": Meaning(
        "Revision of the event: of several events of one `source` and `id`, the highest revision counts.",
        "whole number of 64 bits; absent or null: 0",
        1,
    ),
    "recordedtime": Meaning(
        "When the source wrote it down, where that is not `time` (an extension that CloudEvents documents).",
        "RFC 3339 with an offset; 1990 to 2099",
        "2026-03-02T09:15:02Z",
    ),
    "data": Meaning("What the event says.", "an object; its fields depend on `type`", {}),
}
"""Fields of the envelope, in the order in which they are shown."""

DATA: dict[str, Meaning] = {
    "case_id": Meaning(
        "The case. All events of one case carry the same; on a survey, the case that it is about.", "", "1042"
    ),
    "order_id": Meaning("The order or payment. All events of one order carry the same.", "", "A-77120"),
    "status": Meaning(
        "The status after the event, in the source's words; case, blanks and hyphens do not matter.", "", "open"
    ),
    "priority": Meaning("The priority after the event, in the source's words.", "", "high"),
    "queue": Meaning("The queue, group or team that has the case.", "", "billing"),
    "service": Meaning("The product or service concerned. Detectors group by it.", "", "broadband"),
    "region": Meaning("The region or market concerned. Detectors group by it.", "", "north"),
    "channel": Meaning("How the customer came: mail, phone, chat, web, store, ...", "", "mail"),
    "to": Meaning("What a change leads to; which one depends on the type, see there.", "", "high"),
    "reason": Meaning("Why: of a pause its name, which `resumed` repeats.", "", "waiting_for_customer"),
    "deadline": Meaning(
        "A promise with a date that was made to the customer (solved, delivered by ...).",
        "RFC 3339 with an offset; 1990 to 2099",
        "2026-03-05T17:00:00+01:00",
    ),
    "sentiment": Meaning(
        "Mood of the customer. Where it is absent and `text` is English, it is computed.",
        "-1 (worst) to 1 (best)",
        -0.6,
    ),
    "text": Meaning("What the customer wrote, or the subject line.", "", "No connection since Monday."),
    "score": Meaning("The answer on `scale`.", "`nps` 0 to 10, `csat` 1 to 5, `ces` 1 to 7, `stars` 1 to 5", 3),
    "scale": Meaning("Which scale `score` is on.", "`nps`, `csat`, `ces`, `stars`", "nps"),
    "amount": Meaning("Value of the order or payment.", "units of `currency`, not cents", 49.9),
    "currency": Meaning("Currency of `amount`.", "ISO 4217", "EUR"),
    "latency_ms": Meaning("How long the step took.", "milliseconds", 812.5),
    "author": Meaning("Who wrote the post, as the network names them.", "", "@sam"),
    "labels": Meaning("Anything else that detectors may group by, by name.", "texts by name", {"plan": "family"}),
}
"""Fields of ``data``, of all families."""

TYPES: dict[str, tuple[str, dict[str, Any]]] = {
    "crm.case.opened": (
        "A case came in. Promises of a first reply and of a resolution start.",
        {"status": "new", "priority": "normal", "queue": "billing", "service": "broadband", "region": "north",
         "channel": "mail", "text": "No connection since Monday.", "labels": {"plan": "family"}},
    ),
    "crm.case.agent_reply": ("A person answered, and the customer can read it.", {"status": "open"}),
    "crm.case.auto_reply": ("A machine answered. It keeps no promise.", {}),
    "crm.case.customer_message": (
        "The customer wrote again. A promise of a next reply starts.",
        {"text": "Is anybody there?", "sentiment": -0.6},
    ),
    "crm.case.internal_note": ("A note that the customer cannot read. It keeps no promise.", {}),
    "crm.case.assigned": (
        "The case was given to a queue or a person: `queue` or `to`. A promise of a handoff starts.",
        {"queue": "network", "to": "network"},
    ),
    "crm.case.accepted": ("Whoever the case was given to has taken it.", {"queue": "network"}),
    "crm.case.paused": (
        "The clock of promises stands from here on; `reason` names the pause. Several pauses may overlap.",
        {"status": "pending", "reason": "waiting_for_customer"},
    ),
    "crm.case.resumed": (
        "The pause of this `reason` ends; the clock goes on when no other is left.",
        {"status": "open", "reason": "waiting_for_customer"},
    ),
    "crm.case.priority_changed": ("The priority is `to` from here on.", {"to": "high", "priority": "high"}),
    "crm.case.tier_changed": ("The customer's tier is `to` from here on.", {"to": "gold"}),
    "crm.case.calendar_changed": ("Promises count by the calendar named in `to` from here on.", {"to": "weekend"}),
    "crm.case.updated": (
        "The case as it is now, for sources that tell states and not steps: transitions follow from one `status` to "
        "the next.",
        {"status": "open", "priority": "high", "queue": "network"},
    ),
    "crm.case.resolved": ("The case is solved, as the agent sees it.", {"status": "solved"}),
    "crm.case.closed": ("The case is closed for good.", {"status": "closed"}),
    "crm.case.reopened": ("A solved or closed case is open again.", {"status": "open"}),
    "crm.case.cancelled": ("The case was none: withdrawn, spam, opened by mistake.", {"status": "cancelled"}),
    "crm.case.merged": ("The case goes on as another one: `to` is its `case_id`.", {"to": "1040"}),
    "crm.case.split": ("The case came off from another one: `to` is its `case_id`.", {"to": "1040"}),
    "survey.response": (
        "A customer answered a survey.",
        {"score": 3, "scale": "nps", "case_id": "1042", "service": "broadband", "region": "north", "channel": "mail",
         "text": "Nobody called back.", "sentiment": -0.4, "labels": {"plan": "family"}},
    ),
    "transaction.purchased": (
        "An order was placed. A promise of delivery starts; `deadline` is its date, where one was given.",
        {"amount": 49.9, "currency": "EUR", "deadline": "2026-03-05T17:00:00+01:00", "service": "store",
         "region": "north", "channel": "web", "labels": {"plan": "family"}},
    ),
    "transaction.approved": ("The order or payment was approved.", {"status": "approved", "latency_ms": 812.5}),
    "transaction.payment": ("A payment was made.", {"status": "paid", "amount": 49.9, "currency": "EUR"}),
    "transaction.declined": ("A payment was declined (by the bank, by a rule).", {"status": "insufficient_funds"}),
    "transaction.failed": (
        "A payment or order failed for a technical cause.", {"status": "timeout", "latency_ms": 30000}
    ),
    "transaction.shipped": ("The goods are on their way.", {"status": "shipped"}),
    "transaction.delivered": ("The goods arrived: the promise of delivery is kept.", {"status": "delivered"}),
    "transaction.returned": ("The goods came back.", {"status": "returned"}),
    "transaction.refunded": ("Money went back.", {"amount": 49.9, "currency": "EUR"}),
    "transaction.cancelled": ("The order was called off.", {"status": "cancelled"}),
    "transaction.updated": ("The order as it is now, for sources that tell states and not steps.", {"status": "open"}),
    "social.post": (
        "Somebody wrote about the company in public.",
        {"text": "Third outage this week, thanks a lot.", "sentiment": -0.7, "author": "@sam", "service": "broadband",
         "region": "north", "channel": "mastodon", "labels": {"language": "en"}},
    ),
}  # fmt: skip
"""By event type: what it means, and what the ``data`` of its example holds beside the case or order."""
