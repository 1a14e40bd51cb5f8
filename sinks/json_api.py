"""What channels over a JSON API share: one exchange with typed errors, reading the answer, cutting text to limits."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

from config.secret import SecretMissingError, SecretRef
from config.tidying import tidy
from sinks.addresses import AddressRefusedError, AddressRule
from sinks.contract import DeliveryError, Failure, Message, Reason, permanent
from sinks.http import BoundedHttp
from sinks.http_answer import HttpAnswer
from sinks.http_status import answer_failure

_MORE = "…"


def header_secret(ref: SecretRef) -> str:
    """Return a secret that goes into a header.

    Raises:
        DeliveryError: ``auth``, when it is not there, or has characters that no header can carry (HTTP libraries would
            repeat the whole of it in their error).
    """
    try:
        value = ref.resolve().get_secret_value()
    except SecretMissingError as error:
        raise permanent(Reason.AUTH, str(error)) from error
    if not value.isascii() or not value.isprintable() or value != value.strip():
        where = f"the environment variable {ref.env}" if ref.env is not None else f"the file {ref.file}"
        raise permanent(Reason.AUTH, f"{where} holds a space, a line break or another character that no key has")
    return value


def check_url(setting: str, url: str, allowed: Sequence[str]) -> None:
    """Judge an address of the settings as far as can be done without looking it up.

    Args:
        setting: its name, for the error.
        url: the address.
        allowed: ``allow_private_addresses``.

    Raises:
        ValueError: when nothing would be sent there.
    """
    try:
        AddressRule(allowed).check(url)
    except AddressRefusedError as error:
        msg = f"`{setting}`: {error}"
        raise ValueError(msg) from error


def exchange(
    http: BoundedHttp,
    method: str,
    url: str,
    *,
    timeout_s: float,
    headers: Mapping[str, str] | None = None,
    content: bytes | None = None,
    auth: tuple[str, str] | None = None,
) -> HttpAnswer:
    """Make one request, with a JSON body if any, and return the answer, read whole.

    Args:
        http: makes it.
        method: ``POST``, ...
        url: address. It is repeated in no error.
        timeout_s: for everything, in seconds.
        headers: beyond those that all have.
        content: body, from :func:`encode`.
        auth: name and password.

    Raises:
        DeliveryError: when there is no answer.
    """
    sent = {"Accept": "application/json", **(headers or {})}
    if content is not None:
        sent.setdefault("Content-Type", "application/json")
    return http.request(method, url, timeout_s=timeout_s, headers=sent, content=content, auth=auth)


def refusal(answer: HttpAnswer, detail: str, *, retry_after: str | None = None) -> Failure | None:
    """Return what the status of ``answer`` means by HTTP itself (see ``sinks.http_status``); None for 2xx.

    Args:
        answer: of the provider.
        detail: for people; without what the provider said, which can repeat what we sent.
        retry_after: in place of the header ``Retry-After``, in either of its forms, where a provider says it elsewhere.
    """
    return answer_failure(answer, detail, retry_after=retry_after)


def unreadable(provider: str, answer: HttpAnswer) -> Failure:
    """Return the failure for an answer of success that is not the provider's: it may have been delivered or not."""
    detail = f"HTTP {answer.status_code}, but the answer is none of {provider}: perhaps of a proxy in between"
    return Failure(reason=Reason.SERVER_ERROR, permanent=False, detail=detail, ambiguous=True)


def json_object(answer: HttpAnswer) -> dict[str, Any] | None:
    """Return the object that is the body; None when it is none."""
    try:
        found = json.loads(answer.content)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def named_fields(said: object, fields: frozenset[str]) -> str:
    """Return which of ``fields`` the provider's words are about, as ``(about a, b)``; empty for none of them.

    Names that we know are all that is repeated of an answer: the rest of it can repeat what we sent.
    """
    text = json.dumps(said, ensure_ascii=False).lower()
    found = sorted(name for name in fields if name.lower() in text)
    return f" (about {', '.join(found)})" if found else ""


def encode(body: object) -> bytes:
    """Return ``body`` as JSON in UTF-8. Control characters and half characters, which providers refuse, become �."""
    return json.dumps(_tidied(body), ensure_ascii=False).encode()


def _tidied(value: Any) -> Any:
    if isinstance(value, str):
        return tidy(value)
    if isinstance(value, Mapping):
        return {name: _tidied(one) for name, one in value.items()}
    return [_tidied(one) for one in value] if isinstance(value, list | tuple) else value


def units(text: str) -> int:
    """Return the length as providers in Java or JavaScript count it, in UTF-16: never less than in characters.

    >>> units("a🚨")
    3
    """
    return len(text) + sum(1 for char in text if ord(char) > 0xFFFF)


def cut(text: str, limit: int) -> str:
    """Return ``text`` within ``limit`` (at least 1), counted by :func:`units`; what is cut ends with an ellipsis.

    >>> cut("abcdef", 4), cut("abc", 4), cut("🚨🚨🚨", 4)
    ('abc…', 'abc', '🚨…')
    """
    if units(text) <= limit:
        return text
    room = limit - 1
    for end, char in enumerate(text):
        room -= 2 if ord(char) > 0xFFFF else 1
        if room < 0:
            return text[:end].rstrip() + _MORE
    return text


def text_within(message: Message, limit: int) -> str:
    """Return the message's text within ``limit``, its notes whole: that it may be a repeat is not what is cut."""
    if units(message.text) <= limit:
        return message.text
    notes = "\n".join(["", "", *message.notes]) if message.notes else ""
    if units(notes) > limit // 2:
        notes = cut(notes, limit // 2)
    return cut(message.text.removesuffix(notes), limit - units(notes)) + notes


def name_within(key: str, limit: int) -> str:
    """Return ``key``, or, when it is longer than ``limit``, a name as long that differs where keys differ.

    >>> name_within("abc", 255)
    'abc'
    """
    key = tidy(key)
    if units(key) <= limit:
        return key
    digest = hashlib.sha256(key.encode()).hexdigest()
    return cut(key, limit - len(digest) - 1).removesuffix(_MORE) + "-" + digest


def raise_if(failure: Failure | None) -> None:
    """Raise the failure, if there is one.

    Raises:
        DeliveryError: with it.
    """
    if failure is not None:
        raise DeliveryError(failure)
