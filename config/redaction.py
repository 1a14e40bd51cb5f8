"""Settings of what is taken out of outgoing messages: personal data."""

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, StringConstraints

from config.base import SettingsModel
from config.secret import SecretRef

PersonalData = Literal["email", "phone", "card", "iban", "name", "quote"]
"""Addresses of e-mail, numbers of phones, payment cards and bank accounts, names, what customers wrote."""
PatternName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,31}$")]
_REPEATED_GROUP = re.compile(r"[+*}]\)[+*{]")


def _known_pattern(pattern: str) -> str:
    try:
        compiled = re.compile(pattern)
    except re.error as error:
        msg = f"{pattern!r} is not a regular expression: {error}"
        raise ValueError(msg) from error
    if compiled.match("") is not None:
        msg = f"{pattern!r} matches the empty text; it would take out everything"
        raise ValueError(msg)
    if _REPEATED_GROUP.search(pattern):
        msg = f"{pattern!r} repeats a group that ends in a repetition, which can take for ever; write it without"
        raise ValueError(msg)
    return pattern


PatternText = Annotated[str, Field(max_length=500), AfterValidator(_known_pattern)]


class ChannelRedaction(SettingsModel):
    """What one channel does differently.

    Attributes:
        enabled: false: this channel sends what there is (to a system that may know it).
        keep: kinds (and names of ``patterns``) that this channel sends, in addition to those that all keep.
    """

    enabled: bool = True
    keep: tuple[str, ...] = ()


class RedactionSettings(SettingsModel):
    """What is taken out of everything that is sent: title, text, labels, annotations, notes.

    In the place of an e-mail address stands ``[email]``, and so on. What the store, the console and ``makegood alerts``
    show is not changed.

    Attributes:
        default: false: nothing is taken out, unless a channel says so.
        keep: kinds that are sent all the same. Kinds are ``email``, ``phone``, ``card``, ``iban``, ``name`` (see
            ``labels``) and ``quote`` (what a customer wrote, as a whole). A channel can keep more.
        labels: labels and annotations that hold names of people. Their values are taken out, there and in all texts.
        patterns: regular expressions of your own, by the name that stands in place of what they match.
        pseudonyms: a secret. With it ``[email 3f9a1c]`` tells whether two are the same, without telling who it is.
    """

    default: bool = True
    keep: tuple[PersonalData, ...] = ("quote",)
    labels: tuple[str, ...] = (
        "name", "customer_name", "first_name", "last_name", "full_name", "contact_name", "author", "agent_name",
    )  # fmt: skip
    patterns: dict[PatternName, Annotated[str, Field(max_length=500), AfterValidator(_known_pattern)]] = Field(
        default={}
    )
    pseudonyms: SecretRef | None = None
