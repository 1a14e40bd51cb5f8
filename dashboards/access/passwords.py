"""Passwords of people in the settings: Argon2id hashes (RFC 9106), checked in threads, a few at a time."""

from collections.abc import Mapping

import structlog
from argon2 import PasswordHasher, extract_parameters
from argon2.exceptions import Argon2Error, InvalidHashError

from alerts.console_doubts import open_to_all, start_problem
from config.console import ConsoleSettings, UserSettings
from config.secret import SecretMissingError
from dashboards.access.contract import Role

MOST_BYTES = 1024
LEAST_CHARACTERS = 12
_log = structlog.get_logger("makegood.access")
_hasher = PasswordHasher()  # the second profile that RFC 9106 recommends: 64 MiB, 3 passes, 4 lanes


class NoLoginError(Exception):
    """The settings do not let the console start: the message says what to do."""


def hash_password(password: str) -> str:
    """Return what the settings keep of a password.

    Raises:
        ValueError: it is too short, or too long.
    """
    if len(password) < LEAST_CHARACTERS:
        msg = f"a password has at least {LEAST_CHARACTERS} characters: a few words that do not belong together are good"
        raise ValueError(msg)
    if len(password.encode()) > MOST_BYTES:
        msg = f"a password has at most {MOST_BYTES} bytes"
        raise ValueError(msg)
    return _hasher.hash(password)


class Passwords:
    """Checks passwords. A name that there is not takes as long as one that there is.

    Args:
        users: of the settings.

    Raises:
        NoLoginError: a hash is none.
        SecretMissingError: a hash is not there.
    """

    def __init__(self, users: Mapping[str, UserSettings]) -> None:
        self._users = users
        hashes = {name: _hash_of(name, user) for name, user in users.items()}
        self._no_ones = ""
        if hashes:  # as costly as a real one, or a stopwatch would tell which names there are
            found = extract_parameters(next(iter(hashes.values())))
            stand_in = PasswordHasher(found.time_cost, found.memory_cost, found.parallelism, found.hash_len)
            self._no_ones = stand_in.hash("nobody has this password")

    def check(self, name: str, password: str) -> Role | None:
        """Return the role of whoever has this name and password; None when nobody has. It takes some 50 ms."""
        user = self._users.get(name)
        try:
            digest = self._no_ones if user is None else _hash_of(name, user)
            good = len(password.encode()) <= MOST_BYTES and _hasher.verify(digest, password)
        except (Argon2Error, InvalidHashError):
            good = False
        except (SecretMissingError, NoLoginError) as error:  # it was there when the console started
            _log.error("password_hash_gone", detail=str(error))
            good = False
        return Role[user.role.upper()] if good and user is not None else None

    def role(self, name: str) -> Role | None:
        """Return the role that somebody has by the settings; None when they are not in them."""
        user = self._users.get(name)
        return None if user is None else Role[user.role.upper()]

    def admins(self) -> list[str]:
        """Return the names of those who are admins."""
        return sorted(name for name, user in self._users.items() if user.role == "admin")


def _hash_of(name: str, user: UserSettings) -> str:
    try:
        digest = user.password_hash.resolve().get_secret_value()
    except SecretMissingError as error:
        msg = f"console.users.{name}.password_hash: {error}"
        raise SecretMissingError(msg) from error
    try:
        found = extract_parameters(digest)
    except (InvalidHashError, ValueError):
        found = None
    if found is None or found.type.name != "ID":
        msg = (
            f"console.users.{name}.password_hash is no Argon2id hash (it begins with $argon2id$): "
            "make one with `makegood users hash`"
        )
        raise NoLoginError(msg)
    return digest


def check_start(settings: ConsoleSettings, listen: str) -> bool:
    """Return whether everybody who reaches the console is an admin without a login.

    Args:
        settings: of the console.
        listen: where it listens.

    Raises:
        NoLoginError: it would be open to others.
    """
    problem = start_problem(settings, listen)
    if problem is not None:
        raise NoLoginError(problem)
    return open_to_all(settings, listen)
