"""From the body of a request to records: one, or one for each item of a batch."""

import base64
import zlib
from collections.abc import Mapping
from urllib.parse import parse_qsl, unquote

import msgspec

_BATCH = frozenset({"application/json", "application/cloudevents-batch+json"})
_LINES = frozenset(f"application/{name}" for name in ("x-ndjson", "ndjson", "jsonl", "x-jsonlines", "json-seq"))
_FORM = "application/x-www-form-urlencoded"
_KNOWN = frozenset({"", "application/json", "text/plain", "text/json", _FORM})
_SPACE = b" \t\r\n"
_ITEMS = msgspec.json.Decoder(list[msgspec.Raw])
_MOST_FIELDS = 1000


class UnreadableError(Exception):
    """A body that is refused: with 413 when it grows too large, else with 415."""

    def __init__(self, reason: str, *, too_large: bool = False) -> None:
        super().__init__(reason)
        self.too_large = too_large


def media_type(headers: Mapping[bytes, bytes]) -> str:
    """Return the media type of the body, in lower case, without parameters; empty when none is given."""
    return headers.get(b"content-type", b"").decode("latin-1").partition(";")[0].strip().lower()


def is_readable(headers: Mapping[bytes, bytes]) -> bool:
    """Say whether bodies of this type are taken: JSON in its forms, plain text (as some label their JSON), forms.

    A CloudEvents event in binary mode may be of any type.
    """
    kind = media_type(headers)
    known = kind in _KNOWN or kind in _LINES or kind.endswith("+json")
    return (known or b"ce-specversion" in headers) and headers.get(b"content-encoding", b"identity").lower() in {
        b"identity",
        b"gzip",
    }


def records_of(body: bytes, headers: Mapping[bytes, bytes], max_bytes: int) -> list[bytes]:
    """Return the records in a body, as they were sent.

    What is no JSON is a record all the same: the flow makes a dead letter of it, with its bytes.

    Args:
        body: of the request.
        headers: by name in lower case.
        max_bytes: of the body when it is unpacked.

    Raises:
        UnreadableError: when it cannot be unpacked, or grows too large.
    """
    if headers.get(b"content-encoding", b"").lower() == b"gzip":
        body = _unpacked(body, max_bytes)
    kind = media_type(headers)
    if b"ce-specversion" in headers:
        return [_envelope(body, headers, kind)]
    if kind in _LINES:
        return [line for line in (line.strip(_SPACE + b"\x1e") for line in body.split(b"\n")) if line]
    if kind == _FORM:
        return [_of_form(body)]
    if body[:1] == b"[" or (kind in _BATCH and body.lstrip(_SPACE)[:1] == b"["):
        try:
            return [bytes(item) for item in _ITEMS.decode(body)]
        except (msgspec.DecodeError, RecursionError):
            return [body]
    return [body]


def _unpacked(body: bytes, max_bytes: int) -> bytes:
    unpacker = zlib.decompressobj(wbits=31)
    try:
        unpacked = unpacker.decompress(body, max_bytes + 1)
    except zlib.error as error:
        msg = "the body is not gzip, as its header says"
        raise UnreadableError(msg) from error
    if len(unpacked) > max_bytes:
        msg = f"the unpacked body has more than {max_bytes} bytes"
        raise UnreadableError(msg, too_large=True)
    if not unpacker.eof:
        msg = "the gzip body is cut short"
        raise UnreadableError(msg)
    return unpacked


def _envelope(body: bytes, headers: Mapping[bytes, bytes], kind: str) -> bytes:
    """Return an event in binary mode as one in structured mode.

    https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/http-protocol-binding.md#31-binary-content-mode
    """
    event: dict[str, object] = {
        name[3:].decode("latin-1"): unquote(value.decode("utf-8", "replace"))
        for name, value in headers.items()
        if name.startswith(b"ce-")
    }
    if kind:
        event["datacontenttype"] = headers[b"content-type"].decode("latin-1")
    if body:
        if kind in {"", "application/json", "text/json"} or kind.endswith("+json"):
            event["data"] = msgspec.Raw(body)
        elif kind.startswith("text/"):
            event["data"] = body.decode("utf-8", "replace")
        else:
            event["data_base64"] = base64.b64encode(body).decode()
    return msgspec.json.encode(event)


def _of_form(body: bytes) -> bytes:
    """Return the ``payload`` of a form (Slack's interactivity, GitHub), or else its fields as an object of texts."""
    try:
        fields = dict(parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=_MOST_FIELDS))
    except ValueError:
        return body
    payload = fields.get("payload")
    return msgspec.json.encode(fields) if payload is None else payload.encode()
