import base64
import gzip
import json
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.ingest.content import UnreadableError, is_readable, records_of

LIMIT = 10_000


def read(body: bytes, content_type: str = "application/json", **headers: str) -> list[bytes]:
    told = {b"content-type": content_type.encode()}
    told |= {name.replace("_", "-").encode(): value.encode() for name, value in headers.items()}
    return records_of(body, told, LIMIT)


@pytest.mark.parametrize("body", [b'{"a": 1 }', b"{}", b" {}\n", b"not json", b"", b'"text"', b"\xff"])
def test_a_body_is_one_record_exactly_as_it_was_sent(body: bytes) -> None:
    assert read(body) == [body]


@pytest.mark.parametrize("content_type", ["application/json", "application/cloudevents-batch+json; charset=utf-8"])
def test_each_item_of_an_array_is_a_record_as_it_was_sent(content_type: str) -> None:
    assert read(b' [ {"a": 1.50},{"b" : [1, 2]} , 3, "x"] ', content_type) == [
        b'{"a": 1.50}',
        b'{"b" : [1, 2]}',
        b"3",
        b'"x"',
    ]
    assert read(b"[]", content_type) == []


def test_an_array_that_is_broken_is_one_record_so_that_nothing_of_it_is_lost() -> None:
    for body in (b'[{"a": 1}, {"b"', b"[" * 5000, b"[1,]"):
        assert read(body) == [body]


@pytest.mark.parametrize("content_type", ["application/x-ndjson", "application/jsonl", "application/json-seq"])
def test_each_line_is_a_record(content_type: str) -> None:
    body = b'{"a": 1}\r\n\n\x1e{"b": "\\n"}\nbroken\n'
    assert read(body, content_type) == [b'{"a": 1}', b'{"b": "\\n"}', b"broken"]


def test_an_event_in_binary_mode_becomes_one_in_structured_mode() -> None:
    # the example of the CloudEvents HTTP protocol binding, section 3.1.4
    (record,) = read(
        b'{"text": "hi", "n": 1.50}',
        "application/json; charset=utf-8",
        ce_specversion="1.0",
        ce_type="com.example.someevent",
        ce_time="2018-04-05T03:56:24Z",
        ce_id="1234-1234-1234",
        ce_source="/mycontext/subcontext",
        ce_subject="Euro%20%E2%82%AC%20%F0%9F%98%80",
    )
    assert json.loads(record) == {
        "specversion": "1.0",
        "type": "com.example.someevent",
        "time": "2018-04-05T03:56:24Z",
        "id": "1234-1234-1234",
        "source": "/mycontext/subcontext",
        "subject": "Euro € 😀",
        "datacontenttype": "application/json; charset=utf-8",
        "data": {"text": "hi", "n": 1.5},
    }


def test_data_of_an_event_in_binary_mode_is_kept_in_whatever_form_it_is() -> None:
    (text,) = read(b"hello", "text/plain", ce_specversion="1.0")
    (raw,) = read(b"\x00\xff", "application/octet-stream", ce_specversion="1.0")
    (none,) = read(b"", "", ce_specversion="1.0", ce_id="1")
    assert json.loads(text)["data"] == "hello"
    assert base64.b64decode(json.loads(raw)["data_base64"]) == b"\x00\xff"
    assert json.loads(none) == {"specversion": "1.0", "id": "1"}


def test_a_form_gives_its_payload_or_else_its_fields() -> None:
    form = "application/x-www-form-urlencoded"
    payload = '{"type": "block_actions", "text": "a&b=ü"}'
    assert read(urlencode({"payload": payload}).encode(), form) == [payload.encode()]
    assert json.loads(read(b"command=%2Fhelp&text=", form)[0]) == {"command": "/help", "text": ""}
    assert read(b"\xff=1", form) == [b"\xff=1"]


def test_a_gzip_body_is_unpacked_within_the_limit() -> None:
    assert read(gzip.compress(b'{"a": 1}'), content_encoding="gzip") == [b'{"a": 1}']
    for bad in (b"no gzip", gzip.compress(b"x" * 100)[:-9]):
        with pytest.raises(UnreadableError) as found:
            read(bad, content_encoding="gzip")
        assert not found.value.too_large
    with pytest.raises(UnreadableError) as found:
        read(gzip.compress(b"x" * (LIMIT + 1)), content_encoding="gzip")
    assert found.value.too_large


@pytest.mark.parametrize(
    ("headers", "readable"),
    [
        ({}, True),
        ({b"content-type": b"Application/JSON; charset=UTF-8"}, True),
        ({b"content-type": b"application/vnd.api+json"}, True),
        ({b"content-type": b"text/plain"}, True),
        ({b"content-type": b"application/x-www-form-urlencoded"}, True),
        ({b"content-type": b"text/xml"}, False),
        ({b"content-type": b"multipart/form-data; boundary=x"}, False),
        ({b"content-type": b"text/xml", b"ce-specversion": b"1.0"}, True),
        ({b"content-type": b"application/json", b"content-encoding": b"br"}, False),
        ({b"content-type": b"application/json", b"content-encoding": b"gzip"}, True),
    ],
)
def test_only_types_that_can_hold_records_are_taken(headers: dict[bytes, bytes], readable: bool) -> None:
    assert is_readable(headers) is readable


@given(
    st.binary(max_size=200),
    st.sampled_from(
        ["application/json", "application/x-ndjson", "application/x-www-form-urlencoded", "text/plain", ""]
    ),
    st.dictionaries(st.sampled_from([b"ce-specversion", b"ce-id", b"ce-x"]), st.binary(max_size=20)),
)
def test_any_body_is_records_and_never_an_error(body: bytes, kind: str, more: dict[bytes, bytes]) -> None:
    records = records_of(body, {b"content-type": kind.encode(), **more}, LIMIT)
    assert all(isinstance(record, bytes) for record in records)
