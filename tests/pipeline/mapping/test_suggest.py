"""Proposals for unknown records: they always pass, and what they say of well-known shapes is right."""

import csv
import io
import json
import tempfile
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import example as also_with
from hypothesis import given
from hypothesis import strategies as st

from config.mapping import MappingSettings
from config.shipped import shipped_mapping, shipped_names
from config.yamlfile import read_yaml
from pipeline.assembly import example_problems, load_settings
from pipeline.mapping import check_examples, compile_mapping
from pipeline.mapping.suggest import NoSuggestionError, Proposal, suggest
from pipeline.mapping.suggest.columns import columns_of
from pipeline.mapping.suggest.times import time_columns
from pipeline.mapping.suggest.write import write_yaml
from pipeline.records.sample import read_sample
from tests.support.data import data_path


def proposed(records: list[dict[str, Any]]) -> Proposal:
    return suggest(read_sample("-", json.dumps(records).encode()), "-")


def of_rows(text: str, name: str = "-") -> Proposal:
    return suggest(read_sample(name, text.encode(), given="csv"), name)


def events_of(proposal: Proposal, records: list[dict[str, Any]]) -> list[dict[str, Any]]:
    mapper = compile_mapping(MappingSettings.model_validate(proposal.mapping), "feed")
    result = mapper.map_many([json.dumps(record).encode() for record in records])
    assert result.errors == []
    return [msgspec.to_builtins(event) for event in result.events]


@pytest.mark.parametrize("name", shipped_names())
def test_the_published_messages_of_every_provider_are_recognised(name: str) -> None:
    for example in shipped_mapping(name).mapping.examples[:1]:
        proposal = proposed([dict(example.record)])
        assert (proposal.kind, proposal.use) == ("shipped", name)


def test_a_table_that_shares_some_names_with_a_provider_is_not_taken_for_its() -> None:
    rows = (
        "id,status,priority,created_at,updated_at,subject,description\n"
        "1,open,high,2026-03-02T09:00:00Z,2026-03-02T09:00:00Z,a,b\n"
    )
    assert of_rows(rows).kind == "own"


def test_orders_have_an_event_for_each_time_and_a_promise() -> None:
    proposal = of_rows(
        "order_id,customer_id,order_purchase_timestamp,order_approved_at,order_delivered_carrier_date,"
        "order_delivered_customer_date,order_estimated_delivery_date\n"
        "A1,c1,2017-10-02 10:56:33,2017-10-02 11:07:15,2017-10-04 19:55:00,2017-10-10 21:25:13,2017-10-18 00:00:00\n"
        "A2,c2,2018-07-24 20:41:37,,,,2018-08-13 00:00:00\n"
    )
    assert [(event["type"], event["time"]) for event in proposal.mapping["events"]] == [
        ("transaction.purchased", "order_purchase_timestamp"),
        ("transaction.approved", "order_approved_at"),
        ("transaction.shipped", "order_delivered_carrier_date"),
        ("transaction.delivered", "order_delivered_customer_date"),
    ]
    data = proposal.mapping["data"]
    assert (data["order_id"], data["deadline"]) == ("order_id", "order_estimated_delivery_date")
    assert proposal.mapping["subject"] == "customer_id"
    assert any("put in yours" in remark for remark in proposal.remarks)


def test_cases_are_opened_updated_and_resolved_by_nested_fields() -> None:
    records = [
        {"ticket": {"number": f"T-{n}", "createdAt": "2026-03-02T09:00:00Z", "modified": "2026-03-02T10:00:00Z",
                    "solved_at": solved, "severity": "High", "team": "Billing", "state": "open",
                    "customer": {"id": 7, "country": "DE"}, "message": "<p>It is <b>broken</b></p>"}}
        for n, solved in enumerate(["2026-03-03T09:00:00Z", None])
    ]  # fmt: skip
    proposal = proposed(records)
    events = events_of(proposal, records)
    assert [event["id"] for event in events] == [
        "T-0/opened", "T-0/updated/2026-03-02T10:00:00Z", "T-0/resolved",
        "T-1/opened", "T-1/updated/2026-03-02T10:00:00Z",
    ]  # fmt: skip
    assert events[0]["subject"] == "7"
    assert (
        events[0]["data"] | {"priority": "High", "queue": "Billing", "region": "DE", "text": "It is broken"}
        == events[0]["data"]
    )


@pytest.mark.parametrize(
    ("name", "scores", "scale"),
    [("nps", [1, 5], "nps"), ("score", [0, 9], "nps"), ("rating", [1, 4], "csat"), ("score", [2, 7], "ces"),
     ("csat_score", [5], "csat"), ("review_score", [5, 1], "stars")],
)  # fmt: skip
def test_the_scale_of_a_survey_is_found_or_guessed(name: str, scores: list[int], scale: str) -> None:
    records = [
        {"response_id": n, "submitted": 1700000000 + n, name: score, "comment": "x"} for n, score in enumerate(scores)
    ]
    proposal = proposed(records)
    assert proposal.mapping["events"] == [{"type": "survey.response", "id": "{response_id}", "time": "submitted"}]
    assert proposal.mapping["data"]["scale"] == {"const": scale}
    assert any("a guess: the scores go from" in remark for remark in proposal.remarks) is (name in {"score", "rating"})


def test_payments_take_their_type_from_their_status_and_amounts_their_notation() -> None:
    records = [
        {"payment_id": "p1", "ts": 1700000000, "amount": "1.200,50", "currency": "EUR", "state": "paid"},
        {"payment_id": "p2", "ts": 1700000100, "amount": "3,10", "currency": "EUR", "state": "Declined"},
        {"payment_id": "p3", "ts": 1700000200, "amount": "4,10", "currency": "EUR", "state": "weird"},
    ]
    proposal = proposed(records)
    events = events_of(proposal, records)
    assert [event["type"] for event in events] == ["transaction.payment", "transaction.declined", "transaction.updated"]
    assert [event["data"]["amount"] for event in events] == [1200.5, 3.1, 4.1]
    assert any("'weird'" in remark for remark in proposal.remarks)


@pytest.mark.parametrize(
    ("texts", "format_", "local", "rival"),
    [
        (["2026-03-02T09:00:00Z"], "rfc3339", False, None),
        (["2026-03-02T09:00:00"], "iso8601", True, None),
        (["2026-03-02 09:00:00 +0100"], "iso8601", False, None),
        (["02/03/2026 09:15"], "%d/%m/%Y %H:%M", True, "%m/%d/%Y %H:%M"),
        (["02/13/2026 09:15"], "%m/%d/%Y %H:%M", True, None),
        (["13/2/2026 9:15:01"], "%d/%m/%Y %H:%M:%S", True, None),
        (["1.2.2026 09:15", "31.1.2026 10:00"], "%d.%m.%Y %H:%M", True, None),
        (["3/2/2026 09:15 PM"], "%d/%m/%Y %I:%M %p", True, "%m/%d/%Y %I:%M %p"),
        ([1700000000], "epoch_s", False, None),
        ([1700000000.5], "epoch_s", False, None),
        (["1700000000123"], "epoch_ms", False, None),
        ([1700000000123456], "epoch_us", False, None),
    ],
)
def test_the_format_of_a_time_is_found_by_reading_it(
    texts: list[Any], format_: str, local: bool, rival: str | None
) -> None:
    columns, _ = columns_of([{"created_at": text} for text in texts])
    (found,) = time_columns(columns)
    assert (found.format, found.local, found.ambiguous) == (format_, local, rival)


@pytest.mark.parametrize("values", [["yes"], [True], [17], ["12:30"], [{"a": 1}], ["1999-01-01"], [10**30]])
def test_what_is_no_time_is_not_taken_for_one(values: list[Any]) -> None:
    columns, _ = columns_of([{"created_at": value} for value in values])
    assert time_columns(columns) == []


def test_markers_of_missing_values_are_found() -> None:
    rows = "ticket,opened,closed\n1,2026-03-02 09:00,?\n2,2026-03-02 10:00,2026-03-02 11:00\n3,2026-03-02 10:00,N/A\n"
    assert of_rows(rows).mapping["missing"] == ["", "?", "N/A"]


def test_records_that_nothing_identifies_have_a_digest_as_their_id() -> None:
    proposal = proposed(
        [{"text": "good", "time": "2026-03-02T09:00:00Z"}, {"text": "good", "time": "2026-03-02T09:00:00Z"}]
    )
    assert [event["id"] for event in proposal.mapping["events"]] == ["{@hash}"]


@pytest.mark.parametrize(
    ("records", "why"),
    [
        ([{"a": 1}], "no field holds a time in every record"),
        ([{"at": "2026-03-02T09:00:00Z"}, {"b": 1}], "some records have none in at"),
        ([[1]], "no record is a JSON object"),
    ],
)
def test_what_cannot_be_proposed_for_says_what_is_missing(records: list[Any], why: str) -> None:
    with pytest.raises(NoSuggestionError, match=why):
        proposed(records)


@pytest.mark.data
@pytest.mark.parametrize(
    ("path", "first"), [("airline_tweets/Tweets.csv", "social.post"), ("olist/orders.csv", "transaction.purchased")]
)
def test_real_exports_get_a_mapping_that_reads_them(path: str, first: str, tmp_path: Path) -> None:
    source = str(data_path(*path.split("/")))
    sample = read_sample(source, None)
    proposal = suggest(sample, source)
    assert proposal.mapping["events"][0]["type"] == first
    mapper = compile_mapping(MappingSettings.model_validate(proposal.mapping), "feed")
    result = mapper.map_many([raw for raw in sample.records if isinstance(raw, bytes)])
    assert len(result.errors) <= len(sample.records) // 100
    settings = tmp_path / "proposed.yaml"
    settings.write_text(proposal.text, encoding="utf-8")
    loaded = load_settings(settings)
    assert example_problems(loaded.settings, loaded.document) == []


NAMES = st.sampled_from(
    [
        "id",
        "time",
        "created_at",
        "status",
        "amount",
        "score",
        "a.b",
        "x y",
        "text",
        'q"',
        "[0]",
        "{a}",
        "@item",
        "é",
        "customer",
    ]
)
SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=30)
RECORDS = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=4), max_leaves=8
)


@given(st.lists(st.dictionaries(NAMES, RECORDS, max_size=6), min_size=1, max_size=4))
@also_with([{"{a}": f"T-{number}", "status": "open"} for number in range(4)])
def test_whatever_the_records_are_a_proposal_is_right_about_them_or_refused(records: list[dict[str, Any]]) -> None:
    timed = [
        {"time": "2026-03-02T09:00:00Z", **record, "created_at": f"2026-03-02T09:00:0{n}Z"}
        for n, record in enumerate(records)
    ]
    content = json.dumps(timed).encode("utf-8", "surrogatepass")
    try:
        proposal = suggest(read_sample("-", content), "-")
    except NoSuggestionError:
        return
    settings = MappingSettings.model_validate(proposal.mapping)
    if proposal.kind == "own":
        assert check_examples(settings, "records") == []


YAML = st.recursive(
    SCALARS
    | st.sampled_from(
        ["no", "1e5", "0x1", "~", "null", "- a", "a: b", "# x", "\u2028", "\x85", "\x7f", "😀", "", " a", "2024-01-01"]
    ),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=15,
)


@given(st.dictionaries(st.text(min_size=1, max_size=8), YAML, min_size=1, max_size=4))
def test_any_data_comes_back_from_the_yaml_that_is_written(data: dict[str, Any]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "x.yaml"
        path.write_bytes(write_yaml(data, {("feeds",): "remark"}).encode("utf-8"))
        assert read_yaml(path).data == data


def test_csv_that_is_written_by_the_csv_module_is_read_as_a_sample() -> None:
    out = io.StringIO()
    csv.writer(out).writerows([["ticket", "opened", "note"], ["1", "2026-03-02 09:00", 'a "b",\nc']])
    sample = read_sample("-", out.getvalue().encode())
    assert sample.format == "csv"
    assert [msgspec.json.decode(raw)["note"] for raw in sample.records if isinstance(raw, bytes)] == ['a "b",\nc']
