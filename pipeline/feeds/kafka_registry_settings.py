"""Settings of a schema registry, and what its client is told."""

import re
from pathlib import Path
from typing import Annotated, Any, Self
from urllib.parse import urlsplit

from pydantic import Field, field_validator, model_validator

from config.base import SettingsModel
from config.durations import US_PER_SECOND, DurationUs
from config.secret import SecretRef

_OWNED = {
    "url": "url",
    "timeout": "timeout",
    "basic.auth.user.info": "basic_auth",
    "bearer.auth.credentials.source": "bearer_token",
    "bearer.auth.token": "bearer_token",
    "ssl.ca.location": "ca_file",
    "ssl.certificate.location": "certificate_file",
    "ssl.key.location": "key_file",
    "ssl.key.password": "key_password",
    "max.retries": None,  # asked again by us, with back-off, for as long as it takes
    "retries.wait.ms": None,
    "retries.max.wait.ms": None,
}
_SECRET = re.compile(r"password|secret|token$")


class BasicAuth(SettingsModel):
    """A user and a password.

    Attributes:
        user: its name (with hosted registries the API key).
        password: where the password is (the API secret).
    """

    user: Annotated[str, Field(min_length=1, pattern="^[^:]+$")] | SecretRef
    password: SecretRef


class RegistrySettings(SettingsModel):
    """A schema registry that answers like Confluent's.

    Attributes:
        url: where it is; a list, or one text with commas: tried in turn.
        basic_auth: user and password.
        bearer_token: a token, read anew for each request; in place of ``basic_auth``.
        ca_file: certificates (PEM) of those who may vouch for the registry; default: those that browsers trust.
        certificate_file: our own certificate (PEM), where the registry asks for one.
        key_file: the key of ``certificate_file``, where it is not in the same file.
        key_password: of the key.
        timeout: how long to wait for an answer.
        properties: any further property of the registry's client (confluent-kafka's names): ``proxy``, or
            ``bearer.auth.logical.cluster``. Passwords are given as ``{env: NAME}`` or ``{file: PATH}``.
    """

    url: Annotated[list[str], Field(min_length=1)]
    basic_auth: BasicAuth | None = None
    bearer_token: SecretRef | None = None
    ca_file: Path | None = None
    certificate_file: Path | None = None
    key_file: Path | None = None
    key_password: SecretRef | None = None
    timeout: DurationUs = 5 * US_PER_SECOND
    properties: dict[str, str | bool | int | float | SecretRef] = Field(default={})

    @field_validator("url", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        return [part.strip() for part in value.split(",")] if isinstance(value, str) else value

    @field_validator("url")
    @classmethod
    def _addresses(cls, urls: list[str]) -> list[str]:
        for number, url in enumerate(urls):
            parts = urlsplit(url)
            if parts.username is not None or parts.password is not None:
                msg = f"address {number + 1} holds a user or password: write them as basic_auth"
                raise ValueError(msg)
            if parts.scheme not in {"http", "https"} or not parts.hostname:
                msg = f"{url!r} is not an address: write it like https://registry.example.com:8081"
                raise ValueError(msg)
        return urls

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.basic_auth is not None and self.bearer_token is not None:
            msg = "give one of basic_auth and bearer_token"
            raise ValueError(msg)
        if self.certificate_file is None and (self.key_file is not None or self.key_password is not None):
            msg = "key_file and key_password belong to a certificate_file, which is missing"
            raise ValueError(msg)
        if self.timeout <= 0:
            msg = "timeout must be longer than nothing"
            raise ValueError(msg)
        for name, value in self.properties.items():
            if name in _OWNED:
                instead = f"; write it as {_OWNED[name]!r} of schema_registry" if _OWNED[name] else ""
                msg = f"properties: {name!r} is set by Makegood{instead}"
                raise ValueError(msg)
            if _SECRET.search(name) and not isinstance(value, SecretRef):
                msg = f"properties: {name!r} is a secret: write {{env: NAME}} or {{file: PATH}} in place of the value"
                raise ValueError(msg)
        return self

    def client_properties(self) -> dict[str, Any]:
        """Return the properties of the client, secrets in plain text: for the client alone, never to be logged.

        Raises:
            SecretMissingError: naming the variable or file.
        """
        given = {name: _plain(value) for name, value in self.properties.items()}
        places = {
            "ssl.ca.location": self.ca_file,
            "ssl.certificate.location": self.certificate_file,
            "ssl.key.location": self.key_file,
        }
        told: dict[str, Any] = {
            "url": ",".join(self.url),
            "timeout": self.timeout / US_PER_SECOND,
            "max.retries": 0,
            **{name: str(place) for name, place in places.items() if place is not None},
        }
        if self.key_password is not None:
            told["ssl.key.password"] = _plain(self.key_password)
        if self.basic_auth is not None:
            told["basic.auth.user.info"] = f"{_plain(self.basic_auth.user)}:{_plain(self.basic_auth.password)}"
        if self.bearer_token is not None:
            _plain(self.bearer_token)  # missing now is an error now
            cluster = str(given.pop("bearer.auth.logical.cluster", ""))
            told["bearer.auth.credentials.source"] = "CUSTOM"
            told["bearer.auth.custom.provider.function"] = self._bearer
            told["bearer.auth.custom.provider.config"] = {"bearer.auth.logical.cluster": cluster}
        return {**told, **given}

    def _bearer(self, fields: dict[str, Any]) -> dict[str, Any]:
        """Answer the client, which asks before each request: a token that was rotated is noticed."""
        return {**fields, "bearer.auth.token": _plain(self.bearer_token)}


def _plain(value: object) -> Any:
    return value.resolve().get_secret_value() if isinstance(value, SecretRef) else value
