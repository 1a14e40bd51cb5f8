"""What the audit log holds: one entry for each thing that somebody has changed."""

import hashlib
import re
from typing import Any, Literal

import msgspec

Via = Literal["session", "token", "link", "sms", "voice", "chat", "wall", "anonymous", "cli", "system"]
GENESIS = "0" * 64
"""What stands in the place of a hash before the first entry."""
MOST_VALUE_BYTES = 16_384
MOST_TEXT = 2_000
_HIDDEN = ("password", "secret", "token", "authorization", "cookie", "credential", "api_key", "apikey", "private_key")


class Draft(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody has done, before it has its place in the log.

    Attributes:
        at_us: when.
        who: name of a person or token; of the user of the machine, by command line.
        role: that they had; empty by command line.
        via: how they came: a session of the console, an API token, a signed link, a text message, a call, the command
            line (``cli``), or nobody (``system``).
        address: from where; empty by command line.
        request: id of the request, which the answer carried and the log has.
        action: what, like ``silence.create``.
        object: to what, like ``silence:<id>``.
        before, after: the thing as it was and is: JSON values.
        why: the reason that they gave.
        count: of the things that it changed.
    """

    at_us: int
    who: str
    role: str = ""
    via: Via
    address: str = ""
    request: str = ""
    action: str
    object: str
    before: Any = None
    after: Any = None
    why: str = ""
    count: int = 1


class Entry(Draft, frozen=True, kw_only=True):
    """One entry.

    Attributes:
        seq: its number, from 1, without gaps.
        prev: hash of the entry before it.
    """

    seq: int
    prev: str


class Kept(msgspec.Struct, frozen=True):
    """An entry as it is kept: its hash is that of its bytes, as they are kept.

    Attributes:
        entry: as it was read.
        hash: SHA-256 of its JSON text, which holds the hash before it; in hexadecimal digits.
    """

    entry: Entry
    hash: str


class Head(msgspec.Struct, frozen=True):
    """The end of the log: whoever has noted it notices later when anything up to it was changed or cut off.

    Attributes:
        seq: number of the last entry; 0 where there is none.
        hash: of it.
    """

    seq: int = 0
    hash: str = GENESIS

    def __str__(self) -> str:
        return f"{self.seq}:{self.hash}"

    @classmethod
    def read(cls, text: str) -> "Head":
        """Return what ``str`` has written.

        Raises:
            ValueError: it is none.

        >>> Head.read("7:" + "ab" * 32).seq
        7
        """
        number, _, digest = text.strip().partition(":")
        if re.fullmatch("[0-9]{1,18}", number) is None or re.fullmatch("[0-9a-f]{64}", digest) is None:
            msg = f"{text!r} is no end of an audit log; expected NUMBER:HASH, as `makegood audit head` prints it"
            raise ValueError(msg)
        return cls(int(number), digest)


_encoder = msgspec.json.Encoder(order="deterministic")
_decoder = msgspec.json.Decoder(Entry)


def digest_of(text: str) -> str:
    """Return the hash of an entry's JSON text."""
    return hashlib.sha256(text.encode()).hexdigest()


def decode(text: str) -> Entry:
    """Return the entry in a JSON text.

    Raises:
        msgspec.DecodeError: it is none.
    """
    return _decoder.decode(text)


def linked(draft: Draft, before: Head) -> tuple[str, Head]:
    """Return the JSON text of an entry that follows ``before``, and the end of the log with it."""
    fields = {name: getattr(draft, name) for name in Draft.__struct_fields__}
    fields |= {name: _text(value[:MOST_TEXT]) for name, value in fields.items() if isinstance(value, str)}
    fields |= {"before": plain(draft.before), "after": plain(draft.after)}
    text = _encoder.encode(Entry(**fields, seq=before.seq + 1, prev=before.hash)).decode()
    return text, Head(before.seq + 1, digest_of(text))


def plain(value: object) -> Any:
    """Return a value as the log keeps it: JSON, without secrets, not larger than 16 KiB.

    >>> plain({"url": "https://a", "auth": {"token": "t"}})
    {'url': 'https://a', 'auth': {'token': '(hidden)'}}
    """
    found = _hidden(msgspec.to_builtins(value, str_keys=True, enc_hook=str))
    data = _encoder.encode(found)
    if len(data) <= MOST_VALUE_BYTES:
        return found
    return {"too_large": True, "bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}


def _hidden(value: object) -> Any:
    if isinstance(value, dict):
        return {_text(name): "(hidden)" if _is_secret(name, one) else _hidden(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_hidden(one) for one in value]
    return _text(value) if isinstance(value, str) else value


def _text(text: str) -> str:
    """Return a text that can be written: JSON of others can hold halves of characters (lone surrogates)."""
    return text.encode("utf-8", "replace").decode()


def _is_secret(name: str, value: object) -> bool:
    return isinstance(value, str) and bool(value) and any(word in name.lower() for word in _HIDDEN)
