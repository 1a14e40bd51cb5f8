"""Where the examples of shipped mappings come from: the provider's own publications, or the page says what else."""

import json
import re
from collections import defaultdict
from typing import Any

import pytest

from config.mapping import ShippedMapping
from config.shipped import shipped_mapping, shipped_names
from pipeline.mapping import Mapper
from tests.pipeline.mapping.provenance import differing
from tests.pipeline.mapping.test_shipped import types_of

NAMES = shipped_names()
WHOLE = {"published", "trimmed"}

# Events of which no payload from the provider's own documentation or repository was found. Where an example was
# `recorded`, it is a message that the provider sent; where it is `varied`, it was made by the published schema.
UNPUBLISHED: dict[str, dict[str, set[str]]] = {
    # The stream's page shows other records than posts.
    "bluesky": {"varied": {"social.post"}},
    # The API's page shows tickets without `stats`, and a private note.
    "freshdesk": {
        "varied": {f"crm.case.{step}" for step in ("agent_reply", "closed", "customer_message", "reopened", "resolved")}
    },
    # Genesys publishes the schema of `.acd.*` without values.
    "genesys": {"varied": {f"crm.case.{step}" for step in ("accepted", "agent_reply", "assigned", "cancelled")}},
    # Intercom publishes the first notification of a conversation, the conversation, and the list of topics.
    "intercom": {
        "recorded": {
            f"crm.case.{step}"
            for step in (
                "accepted", "agent_reply", "auto_reply", "closed", "customer_message", "internal_note",
                "priority_changed", "reopened", "updated",
            )
        },
        "varied": {"crm.case.assigned", "survey.response"},
    },
    # The page of the API could not be opened.
    "qualtrics": {"recorded": {"survey.response"}},
    # Reddit describes fields.
    "reddit": {"recorded": {"social.post"}},
    # Salesforce publishes change events of accounts, and the fields of cases.
    "salesforce": {
        "varied": {
            f"crm.case.{step}"
            for step in (
                "agent_reply", "assigned", "cancelled", "closed", "customer_message", "opened", "priority_changed",
                "reopened", "updated",
            )
        }
    },
    # The published incident is a new one.
    "servicenow": {"varied": {"crm.case.closed", "crm.case.resolved"}},
    # The published ones went well, so far.
    "shopify": {"varied": {"transaction.declined", "transaction.delivered", "transaction.failed"}},
    # Stripe publishes one event, and the objects that others carry.
    "stripe": {
        "recorded": {
            f"transaction.{step}" for step in ("cancelled", "declined", "failed", "payment", "refunded", "updated")
        },
        "varied": {"transaction.approved"},
    },
    # The page of ticket events could be read in part.
    "zendesk": {
        "varied": {
            "survey.response",
            *(
                f"crm.case.{step}"
                for step in (
                    "accepted", "agent_reply", "assigned", "cancelled", "closed", "customer_message", "internal_note",
                    "merged", "priority_changed", "reopened", "resolved", "updated",
                )
            ),
        }
    },
}  # fmt: skip


def origins(name: str) -> dict[str, set[str]]:
    """The origins of the examples that show it, by event type."""
    mapping = shipped_mapping(name).mapping
    mapper, found = Mapper(mapping, name), defaultdict[str, set[str]](set)
    for example in mapping.examples:
        if example.expect is not None and example.origin is not None:
            for event in mapper(json.dumps(example.record).encode()) or []:
                found[event.type].add(example.origin)
    return found


@pytest.mark.parametrize("name", NAMES)
def test_every_event_is_shown_by_a_published_payload_or_is_listed_with_what_shows_it(name: str) -> None:
    shown = origins(name)
    can_make = set[str]().union(*(types_of(event) for event in shipped_mapping(name).mapping.events))
    found: dict[str, set[str]] = {}
    for kind in can_make:
        if not shown[kind] & WHOLE:
            found.setdefault("recorded" if "recorded" in shown[kind] else "varied", set()).add(kind)
    assert found == UNPUBLISHED.get(name, {})


@pytest.mark.parametrize("name", NAMES)
def test_a_mapping_says_of_which_messages_no_payload_is_published(name: str) -> None:
    assert (shipped_mapping(name).unpublished is not None) is (name in UNPUBLISHED)


@pytest.mark.parametrize("name", NAMES)
def test_every_provider_has_an_example_that_it_sent_or_published(name: str) -> None:
    assert {example.origin for example in shipped_mapping(name).mapping.examples} & {*WHOLE, "recorded"}


@pytest.mark.parametrize("name", NAMES)
def test_the_note_of_a_varied_example_names_every_field_that_differs(name: str) -> None:
    examples = shipped_mapping(name).mapping.examples
    for index, example in enumerate(examples):
        if example.varies is None:
            continue
        named = set(re.findall(r"[\w$]+", example.note or ""))
        differs = set(differing(example.record, examples[example.varies].record))
        assert differs, f"examples[{index}] is the one that it varies"
        assert differs <= named, f"examples[{index}]: the note does not name {sorted(differs - named)}"


def test_a_note_that_leaves_a_field_out_is_seen() -> None:
    base = {"a": 1, "b": {"c": [1, 2]}, "list": [{"id": 1, "x": 1}, {"id": 2, "x": 1}]}
    assert list(differing(base, base)) == []
    assert list(differing({"b": {"c": [2]}}, base)) == ["c"]
    assert list(differing({"list": [{"id": 2, "x": 1}]}, base)) == []
    assert list(differing({"list": [{"id": 2, "x": 3}]}, base)) == ["x"]
    assert list(differing({"new": {"deep": None}}, base)) == ["deep"]


SHIPPED: dict[str, Any] = {
    "title": "Somebody",
    "sends": "records",
    "docs": ["https://example.com/"],
    "mapping": {"events": [{"type": "social.post", "id": "{id}", "time": "t"}]},
}
EXAMPLE: dict[str, Any] = {"record": {"id": 1}, "docs": "https://example.com/", "origin": "published", "filtered": True}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ([{"docs": None}], r"examples\[0\]: a shipped example has docs and origin"),
        ([{"origin": None}], r"examples\[0\]: a shipped example has docs and origin"),
        ([{}, {"origin": "varied", "varies": 0}], "a varied example says which one it varies"),
        ([{}, {"origin": "varied", "note": "id"}], "a varied example says which one it varies"),
        ([{}, {"varies": 0}], "only an example with origin: varied varies another"),
        (
            [{"origin": "varied", "note": "id", "varies": 0}],
            r"examples\[0\].varies: 0 is not an example that is itself",
        ),
        ([{}, {"origin": "varied", "note": "id", "varies": 2}], r"examples\[1\].varies: 2 is not an example"),
    ],
)
def test_an_example_without_its_origin_is_not_shipped(changes: list[dict[str, Any]], message: str) -> None:
    examples = [EXAMPLE | change for change in changes]
    with pytest.raises(ValueError, match=message):
        ShippedMapping.model_validate({**SHIPPED, "mapping": {**SHIPPED["mapping"], "examples": examples}})
