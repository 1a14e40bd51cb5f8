"""Settings of a feed that is pushed to over HTTP."""

import re
from typing import Annotated, Literal, Self

from pydantic import Field, field_validator, model_validator

from config.base import SettingsModel
from config.durations import US_PER_SECOND, DurationUs
from config.secret import SecretRef
from pipeline.feeds.contract import FeedSettings
from pipeline.ingest.signed import Template, parse_template
from pipeline.kafka_producing import LOSSLESS

Scheme = Literal[
    "zendesk", "stripe", "typeform", "shopify", "slack", "github", "hmac", "bearer", "basic", "none"
]  # fmt: skip
TIMED_SCHEMES = frozenset({"zendesk", "stripe", "slack"})
"""Schemes whose signature covers a time stamp."""
_OF_HMAC = ("header", "algorithm", "encoding", "prefix", "signed", "timestamp_header")
KEY_PART = re.compile(r"\{(header:[A-Za-z0-9-]+|/[^{}]*)\}")
"""What of a Kafka key comes from the request: a header, or a JSON pointer into the record."""
_OWNED = frozenset({*LOSSLESS, "bootstrap.servers", "delivery.timeout.ms", "message.timeout.ms", "max.in.flight"})
_SECRET = re.compile(r"password|secret|\.key\.pem$|^ssl\.key$|sasl\.oauthbearer\.config")
_DAY_US = 86_400 * US_PER_SECOND


class SignatureSettings(SettingsModel):
    """How a sender proves who it is.

    Attributes:
        scheme: ``zendesk``, ``stripe``, ``typeform``, ``shopify``, ``slack`` and ``github`` as these providers document
            them; ``hmac``: described by the keys below; ``bearer``, ``basic``: a fixed token or password, which proves
            the sender but not the body; ``none``: anybody may send.
        secret: the secret, or several: any may match, so that a secret can be changed without a gap. Secrets in files
            are read anew every few seconds.
        tolerance: how far the signed time stamp may be from our clock, before or behind, where the scheme signs one.
        user: for ``basic``: the user's name.
        header: for ``hmac``: the header with the signature. For ``bearer``: a header that holds the bare token, in
            place of ``Authorization: Bearer TOKEN``.
        algorithm: for ``hmac``: the hash.
        encoding: for ``hmac``: how the signature is written.
        prefix: for ``hmac``: text before the signature, like ``sha256=``.
        signed: for ``hmac``: what is signed; ``{body}`` is the raw body, ``{timestamp}`` the text of
            ``timestamp_header``.
        timestamp_header: for ``hmac``: the header with the signed time: (milli)seconds since 1970, or RFC 3339.
    """

    scheme: Scheme
    secret: SecretRef | Annotated[list[SecretRef], Field(min_length=1)] | None = None
    tolerance: DurationUs = Field(default=300 * US_PER_SECOND, gt=0, le=_DAY_US)
    user: str | None = Field(default=None, min_length=1)
    header: Annotated[str, Field(pattern=r"^[A-Za-z0-9-]{1,100}$")] | None = None
    algorithm: Literal["sha1", "sha256", "sha512"] = "sha256"
    encoding: Literal["hex", "base64"] = "hex"
    prefix: str = ""
    signed: str = "{body}"
    timestamp_header: Annotated[str, Field(pattern=r"^[A-Za-z0-9-]{1,100}$")] | None = None

    @model_validator(mode="after")
    def _fits_the_scheme(self) -> Self:
        if (self.scheme == "none") != (self.secret is None):
            needs = "takes no secret" if self.scheme == "none" else "needs a secret: {env: NAME} or {file: PATH}"
            msg = f"scheme {self.scheme} {needs}"
            raise ValueError(msg)
        if (self.scheme == "basic") != (self.user is not None):
            msg = "user is given with scheme basic, and only there"
            raise ValueError(msg)
        given = self.model_fields_set & set(_OF_HMAC)
        if self.scheme == "bearer":
            given -= {"header"}
        if self.scheme != "hmac" and given:
            msg = f"{', '.join(sorted(given))}: only for scheme hmac; scheme {self.scheme} is complete without"
            raise ValueError(msg)
        if self.scheme == "hmac":
            self._hmac_is_whole()
        return self

    def _hmac_is_whole(self) -> None:
        if self.header is None:
            msg = "scheme hmac needs header: the name of the header with the signature"
            raise ValueError(msg)
        template = parse_template(self.signed)
        if (Template.TIMESTAMP in template) != (self.timestamp_header is not None):
            msg = (
                "timestamp_header goes with {timestamp} in signed: a time that is not signed can be changed by anybody"
            )
            raise ValueError(msg)

    def secrets(self) -> list[SecretRef]:
        """Return where the secrets are."""
        if self.secret is None:
            return []
        return [self.secret] if isinstance(self.secret, SecretRef) else list(self.secret)

    def signs_time(self) -> bool:
        """Say whether a request that was recorded is refused once ``tolerance`` has passed."""
        return self.scheme in TIMED_SCHEMES or self.timestamp_header is not None


class KafkaTargetSettings(SettingsModel):
    """A Kafka topic that receives records in place of the spool. Read it by a feed of type ``kafka``.

    Attributes:
        bootstrap: servers to ask first, ``host:port``; a list, or one text with commas.
        topic: is written to; it must be there.
        key: of the messages: ``{header:NAME}``, or ``{/json/pointer}`` into the record, with any text around. Records
            of one key stay in order, in one partition. Without it they are spread.
        properties: any further property of the client (librdkafka's names); passwords as ``{env: NAME}`` or
            ``{file: PATH}``.
    """

    bootstrap: str | list[str]
    topic: str = Field(pattern=r"^[a-zA-Z0-9._-]{1,249}$")
    key: str | None = Field(default=None, min_length=1)
    properties: dict[str, str | bool | int | float | SecretRef] = Field(default={})

    @field_validator("key")
    @classmethod
    def _of_the_record(cls, key: str | None) -> str | None:
        if key is not None and not KEY_PART.search(key):
            msg = f"{key!r} is the same for every record; write {{header:NAME}} or {{/json/pointer}} in it"
            raise ValueError(msg)
        return key

    @field_validator("properties")
    @classmethod
    def _only_what_is_the_users(cls, properties: dict[str, object]) -> dict[str, object]:
        for name, value in properties.items():
            if name in _OWNED:
                msg = f"{name!r} is set by Makegood: a record is confirmed when it is kept, and not before"
                raise ValueError(msg)
            if _SECRET.search(name) and not isinstance(value, SecretRef):
                msg = f"{name!r} is a secret: write {{env: NAME}} or {{file: PATH}} in place of the value"
                raise ValueError(msg)
        return properties


class TargetSettings(SettingsModel):
    """Where received records go, when not into the spool.

    Attributes:
        kafka: a topic.
    """

    kafka: KafkaTargetSettings


class HttpSettings(FeedSettings):
    """Records that others push to us over HTTP: webhooks. ``makegood ingest`` receives them, this feed reads them.

    Attributes:
        path: of the address that is posted to; default: ``/ingest/`` and the feed's name.
        signature: how a sender proves who it is.
        max_body_bytes: larger requests are refused (413).
        once_within: a record that is byte for byte the same as one of this time is kept once; ``0s``: never.
        segment_bytes: size at which the spool goes on in a new file.
        keep: how long records that have been read stay in the spool.
        max_spool_bytes: when the spool is this large and nothing in it may be deleted, requests are put off (429).
        max_waiting_bytes: when so much waits to be written, requests are put off (429).
        to: write to Kafka in place of the spool.
    """

    type: Literal["http"]
    path: Annotated[str, Field(pattern=r"^(/[A-Za-z0-9._~-]+)+$")] | None = None
    signature: SignatureSettings
    max_body_bytes: int = Field(default=8 << 20, ge=1, le=256 << 20)
    once_within: DurationUs = Field(default=_DAY_US, ge=0)
    segment_bytes: int = Field(default=64 << 20, ge=4096)
    keep: DurationUs = Field(default=7 * _DAY_US, ge=0)
    max_spool_bytes: int = Field(default=10 << 30, ge=8192)
    max_waiting_bytes: int = Field(default=64 << 20, ge=1)
    to: TargetSettings | None = None

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.path is not None and re.fullmatch(r"/(health|healthz|livez|readyz|metrics)", self.path):
            msg = f"path: {self.path} is taken by Makegood itself"
            raise ValueError(msg)
        if self.max_spool_bytes < 2 * self.segment_bytes:
            msg = "max_spool_bytes must be at least twice segment_bytes: whole segments are deleted"
            raise ValueError(msg)
        return self

    def address(self, name: str) -> str:
        """Return the path at which the feed of this name is posted to."""
        return self.path or f"/ingest/{name}"
