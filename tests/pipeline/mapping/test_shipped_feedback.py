"""Shipped mappings of payments, surveys and posts: what their published examples do not show.

The records are the published ones with the fields changed that the rule is about.
"""

import json
from copy import deepcopy
from typing import Any

import msgspec
import pytest

from config.mapping import MappingSettings
from config.shipped import shipped_mapping
from pipeline.events import encode_event
from pipeline.mapping import compile_mapping

OURS = ("bluesky", "delighted", "mastodon", "qualtrics", "reddit", "shopify", "stripe", "typeform")


def example(name: str, number: int = 0) -> dict[str, Any]:
    return deepcopy(dict(shipped_mapping(name).mapping.examples[number].record))


def numbered(name: str, kind: str) -> dict[str, Any]:
    """Return the published example of a Stripe event type."""
    records = [entry.record for entry in shipped_mapping(name).mapping.examples]
    return deepcopy(dict(next(record for record in records if record["type"] == kind)))


def mapped(name: str, record: dict[str, Any], **beside: Any) -> list[dict[str, Any]]:
    settings = MappingSettings.model_validate({"use": name, **beside})
    events = compile_mapping(settings, "feed")(json.dumps(record).encode()) or []
    return [msgspec.json.decode(encode_event(event)) for event in events]


@pytest.mark.parametrize("name", OURS)
def test_a_repeated_delivery_makes_the_same_ids_and_one_delivery_makes_no_id_twice(name: str) -> None:
    for entry in shipped_mapping(name).mapping.examples:
        first, second = mapped(name, entry.record), mapped(name, entry.record)
        assert first == second
        identities = [(event["source"], event["id"]) for event in first]
        assert len(set(identities)) == len(identities)


@pytest.mark.parametrize(
    ("currency", "amount"), [("usd", 20), ("jpy", 2000), ("kwd", 2), ("isk", 20), ("ugx", 20), ("xyz", 20)]
)
def test_stripe_amounts_are_in_units_of_the_currency(currency: str, amount: float) -> None:
    record = numbered("stripe", "charge.succeeded")
    record["data"]["object"]["currency"] = currency
    (event,) = mapped("stripe", record)
    assert event["data"]["amount"] == amount


def test_a_stripe_charge_that_is_only_authorized_is_approved_and_paid_when_it_is_captured() -> None:
    record = numbered("stripe", "charge.succeeded")
    record["data"]["object"]["captured"] = False
    assert [event["type"] for event in mapped("stripe", record)] == ["transaction.approved"]
    captured = {**numbered("stripe", "charge.succeeded"), "type": "charge.captured"}
    assert [event["type"] for event in mapped("stripe", captured)] == ["transaction.payment"]


@pytest.mark.parametrize(
    ("outcome", "kind"),
    [
        ({"type": "issuer_declined"}, "declined"),
        ({"type": "blocked"}, "declined"),
        ({"type": "invalid"}, "failed"),
        (None, "failed"),
    ],
)
def test_a_stripe_charge_that_the_bank_turned_down_is_declined_any_other_failed(outcome: Any, kind: str) -> None:
    record = numbered("stripe", "charge.failed")
    record["data"]["object"]["outcome"] = outcome
    assert [event["type"] for event in mapped("stripe", record)] == [f"transaction.{kind}"]


def test_a_second_partial_refund_of_a_stripe_charge_replaces_the_first() -> None:
    record = numbered("stripe", "charge.refunded")
    record["data"]["object"] |= {"amount": 1000, "amount_refunded": 300, "refunded": False}
    (first,) = mapped("stripe", record)
    record["id"] = "evt_2"
    record["data"]["object"]["amount_refunded"] = 500
    (second,) = mapped("stripe", record)
    assert first["id"] == second["id"]
    assert first["rev"] < second["rev"]
    assert (second["data"]["amount"], second["data"]["status"]) == (5, "partially_refunded")


def test_stripe_takes_the_number_of_the_order_from_its_metadata() -> None:
    record = numbered("stripe", "charge.succeeded")
    record["data"]["object"]["metadata"] = {"order_id": "A-7", "order": "B-8"}
    assert mapped("stripe", record)[0]["data"]["order_id"] == "A-7"
    beside = {"order_id": "data.object.metadata.order"}
    assert mapped("stripe", record, data=beside)[0]["data"]["order_id"] == "B-8"


def test_stripe_events_of_test_mode_can_be_left_out() -> None:
    live_only = [{"field": "livemode", "equals": True}]
    assert mapped("stripe", numbered("stripe", "charge.failed"), where=live_only) == []


def test_messages_of_a_shopify_order_repeat_the_steps_that_are_known_and_add_the_new_one() -> None:
    order = example("shopify") | {"cancelled_at": None, "financial_status": "pending"}
    placed = mapped("shopify", order)
    paid = mapped("shopify", order | {"financial_status": "paid", "updated_at": "2022-01-03T00:00:00Z"})
    cancelled = mapped("shopify", order | {"financial_status": "voided", "cancelled_at": "2022-01-09T00:00:00Z"})
    assert [event["type"] for event in placed] == ["transaction.purchased"]
    assert paid == placed
    assert [event["type"] for event in cancelled] == ["transaction.purchased", "transaction.cancelled"]
    assert cancelled[0] == placed[0]


def test_a_shopify_payment_has_its_own_time_however_long_after_the_order_it_is_made() -> None:
    order = example("shopify")
    record = example("shopify", 6) | {"order_id": order["id"], "processed_at": "2022-01-20T10:00:00-05:00"}
    (payment,) = mapped("shopify", record)
    assert (payment["type"], payment["time"]) == ("transaction.payment", "2022-01-20T15:00:00Z")
    assert payment["data"]["order_id"] == mapped("shopify", order)[0]["data"]["order_id"]
    (unprocessed,) = mapped("shopify", record | {"processed_at": None})
    assert unprocessed["time"] == "2005-08-05T14:22:51Z"


@pytest.mark.parametrize("kind", ["void", "refund"])
def test_what_takes_money_back_is_not_told_by_the_transaction(kind: str) -> None:
    assert mapped("shopify", example("shopify", 6) | {"kind": kind}) == []


@pytest.mark.parametrize("status", ["in_transit", "out_for_delivery", "attempted_delivery", "failure", "a new word"])
def test_what_happens_to_a_parcel_on_its_way_is_an_update(status: str) -> None:
    (event,) = mapped("shopify", example("shopify", 7) | {"status": status})
    assert (event["type"], event["data"]["status"]) == ("transaction.updated", status)


@pytest.mark.parametrize("status", ["delivered", "picked_up"])
def test_a_parcel_is_delivered_when_it_happened_and_not_when_it_was_told(status: str) -> None:
    record = example("shopify", 7) | {"status": status, "updated_at": "2023-06-20T00:00:00Z"}
    (event,) = mapped("shopify", record)
    assert (event["type"], event["time"]) == ("transaction.delivered", "2023-06-14T18:21:36Z")


def test_later_messages_of_a_shopify_fulfillment_repeat_that_it_was_shipped() -> None:
    record = example("shopify", 3)
    (shipped,) = mapped("shopify", record)
    later = record | {"shipment_status": "delivered", "updated_at": "2023-06-16T10:00:00Z"}
    assert mapped("shopify", later) == [shipped]


@pytest.mark.parametrize(("status", "kind"), [("failure", "declined"), ("error", "failed")])
def test_a_shopify_payment_that_did_not_succeed_is_told(status: str, kind: str) -> None:
    record = example("shopify", 5) | {"status": status, "error_code": "card_declined"}
    (event,) = mapped("shopify", record)
    assert event["type"] == f"transaction.{kind}"
    assert event["data"]["amount"] == 419.95
    assert event["data"]["labels"] == {"gateway": "visa", "reason": "card_declined"}


def test_a_net_promoter_score_of_typeform_has_its_scale_and_the_scale_of_others_can_be_said() -> None:
    record = example("typeform")
    answers = record["form_response"]["answers"]
    answers[:] = [answer for answer in answers if answer["field"]["type"] == "opinion_scale"]
    assert [event["data"]["scale"] for event in mapped("typeform", record)] == [None]
    said = mapped("typeform", record, data={"scale": {"const": "csat"}})
    assert [event["data"]["scale"] for event in said] == ["csat"]
    answers[0]["field"]["type"] = "nps"
    assert [event["data"]["scale"] for event in mapped("typeform", record)] == ["nps"]


def test_a_form_that_was_not_finished_or_asks_for_no_score_makes_no_event() -> None:
    record = example("typeform")
    assert mapped("typeform", record | {"event_type": "form_response_partial"}) == []
    record["form_response"]["answers"] = [{"type": "text", "text": "hello", "field": {"id": "a", "type": "long_text"}}]
    assert mapped("typeform", record) == []


def test_the_comment_that_follows_a_delighted_score_replaces_it() -> None:
    record = example("delighted")
    record["event_type"] = "survey_response.created"
    record["event_data"] |= {"comment": None, "updated_at": None}
    (created,) = mapped("delighted", record)
    (updated,) = mapped("delighted", example("delighted"))
    assert (created["id"], created["time"]) == (updated["id"], updated["time"])
    assert created["rev"] < updated["rev"]


@pytest.mark.parametrize(
    ("kind", "score", "expected"),
    [("ces", 5, ("ces", 7)), ("ces", 1, ("ces", 1)), ("csat", 5, ("csat", 5)), ("five_star", 4, ("stars", 4))],
)
def test_delighted_scores_are_on_the_scale_that_their_event_names(
    kind: str, score: int, expected: tuple[str, float]
) -> None:
    record = example("delighted")
    record["event_data"] |= {"survey_type": kind, "score": score}
    (event,) = mapped("delighted", record)
    assert (event["data"]["scale"], event["data"]["score"]) == expected


def test_surveys_of_employees_are_left_out() -> None:
    record = example("delighted")
    record["event_data"]["survey_type"] = "enps"
    assert mapped("delighted", record) == []


def test_a_qualtrics_survey_is_read_once_it_is_said_which_question_is_what() -> None:
    beside = {"score": "values.QID3", "scale": {"const": "ces"}, "text": "values.QID1_TEXT", "case_id": "values.ticket"}
    record = example("qualtrics")
    record["values"]["ticket"] = "T-1"
    (event,) = mapped("qualtrics", record, data=beside)
    assert event["data"] | {"score": 5, "scale": "ces", "text": "wedw", "case_id": "T-1"} == event["data"]
    assert event["data"]["channel"] == "anonymous"


@pytest.mark.parametrize("change", [{"finished": 0}, {"status": 1}, {"status": 8}])
def test_unfinished_and_unreal_qualtrics_responses_are_left_out(change: dict[str, Any]) -> None:
    record = example("qualtrics")
    record["values"] |= change
    assert mapped("qualtrics", record) == []


def test_boosts_and_posts_that_are_not_public_are_left_out() -> None:
    assert mapped("mastodon", example("mastodon") | {"reblog": example("mastodon", 1)}) == []
    assert mapped("mastodon", example("mastodon") | {"visibility": "private"}) == []
    assert mapped("mastodon", example("mastodon") | {"visibility": "direct"}) == []


def test_an_update_of_a_bluesky_post_replaces_it_and_a_deletion_makes_no_event() -> None:
    record = example("bluesky")
    (created,) = mapped("bluesky", record)
    record["commit"]["operation"] = "update"
    (updated,) = mapped("bluesky", record)
    assert created["id"] == updated["id"]
    assert updated["rev"] == record["time_us"] > created["rev"] == 0
    record["commit"] = {**record["commit"], "operation": "delete", "record": None}
    assert mapped("bluesky", record) == []


def test_a_reddit_post_without_a_text_is_its_title() -> None:
    record = example("reddit", 1)
    record["data"] |= {"selftext": "", "edited": False}
    (event,) = mapped("reddit", record)
    assert (event["data"]["text"], event["rev"]) == ("A Test from PRAWCORE.", 0)
    assert mapped("reddit", record | {"kind": "t5"}) == []
