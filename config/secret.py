"""Secrets: named in the settings, kept in the environment or in a file, never in the settings file itself."""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Self

from pydantic import BaseModel, SecretStr, model_validator

from config.base import SettingsModel


class SecretMissingError(Exception):
    """The environment variable or file that should hold a secret is not there, or is empty."""


class SecretRef(SettingsModel):
    """Where a secret is: ``{env: NAME}`` or ``{file: PATH}`` (exactly one).

    Its repr names the place, never the secret.

    Attributes:
        env: an environment variable that holds it.
        file: a file that holds it; read anew for each use.
    """

    env: str | None = None
    file: Path | None = None

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        if (self.env is None) == (self.file is None):
            msg = "a secret is given as exactly one of {env: NAME} or {file: PATH}"
            raise ValueError(msg)
        return self

    def resolve(self) -> SecretStr:
        """Return the secret, read anew each time (so that a rotated file is noticed).

        Raises:
            SecretMissingError: naming the variable or file.
        """
        if self.env is not None:
            value = os.environ.get(self.env, "")
            if not value:
                msg = f"the environment variable {self.env} is not set or empty; it should hold a secret"
                raise SecretMissingError(msg)
            return SecretStr(value)
        path = self.file
        if path is None:  # pragma: no cover - excluded by the validator
            msg = "secret without a place"
            raise SecretMissingError(msg)
        try:
            value = path.read_text(encoding="utf-8").strip()
        except OSError as error:
            msg = f"cannot read the secret file {path}: {error.strerror}"
            raise SecretMissingError(msg) from error
        if not value:
            msg = f"the secret file {path} is empty"
            raise SecretMissingError(msg)
        return SecretStr(value)


def missing_secrets(settings: object, path: str = "") -> Iterator[tuple[str, str]]:
    """Yield where in the settings a secret is named that is not there now, and what is wrong with it.

    Args:
        settings: models, mappings and sequences, nested as they come.
        path: of ``settings`` itself.
    """
    if isinstance(settings, SecretRef):
        try:
            settings.resolve()
        except SecretMissingError as error:
            yield path, str(error)
    elif isinstance(settings, BaseModel):
        for name in type(settings).model_fields:
            yield from missing_secrets(getattr(settings, name), f"{path}.{name}" if path else name)
    elif isinstance(settings, Mapping):
        for name, value in settings.items():
            yield from missing_secrets(value, f"{path}.{name}" if path else str(name))
    elif isinstance(settings, list | tuple):
        for number, value in enumerate(settings):
            yield from missing_secrets(value, f"{path}[{number}]")
