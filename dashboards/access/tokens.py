"""Tokens of programs and of walls: known by their SHA-256, compared in the same time whatever was sent."""

import hashlib
import hmac
import secrets
from dataclasses import dataclass, field

from config.console import ConsoleSettings, TokenSettings, WallTokenSettings
from config.secret import SecretMissingError
from dashboards.access.contract import Kind, Role
from dashboards.access.passwords import NoLoginError

LEAST_CHARACTERS = 20
MOST_CHARACTERS = 512
PREFIX = "mg_"


def new_token() -> str:
    """Return a token: 256 bits that nobody can guess. Its beginning lets scanners of repositories find it."""
    return PREFIX + secrets.token_urlsafe(32)


def digest_of(token: str) -> bytes:
    """Return the hash by which a token is known. It needs no salt: nobody can guess 256 bits."""
    return hashlib.sha256(token.encode()).digest()


@dataclass(frozen=True, slots=True)
class Known:
    """A token that there is.

    Attributes:
        name: of it; the audit log has it.
        role: what may be done with it.
        kind: of an API, or of a wall.
        digest: SHA-256 of it.
        expires_us: when it is not taken any more; None: it does not run out.
    """

    name: str
    role: Role
    kind: Kind
    digest: bytes = field(repr=False)
    expires_us: int | None = None

    def expired(self, now_us: int) -> bool:
        """Return whether it has run out."""
        return self.expires_us is not None and now_us >= self.expires_us


class Tokens:
    """The tokens of the settings, read when the console starts.

    Raises:
        NoLoginError: one is too short.
        SecretMissingError: one is not there.
    """

    def __init__(self, settings: ConsoleSettings) -> None:
        self._known = [_known(f"tokens.{name}", name, one) for name, one in settings.tokens.items()]
        self._known += [_known(f"walls.{name}", name, one) for name, one in settings.walls.items()]

    def find(self, given: str) -> Known | None:
        """Return the token that was given; None when it is none of ours.

        Each is compared, as a hash of fixed length, in constant time: how long it takes says nothing.
        """
        digest = digest_of(given[:MOST_CHARACTERS])
        found = None
        for known in self._known:
            if hmac.compare_digest(known.digest, digest):
                found = known
        return found if len(given) <= MOST_CHARACTERS else None

    def named(self, name: str) -> Known | None:
        """Return the token of a name; None when there is none."""
        return next((known for known in self._known if known.name == name), None)

    def all(self) -> list[Known]:
        """Return all of them."""
        return list(self._known)


def _known(path: str, name: str, one: TokenSettings | WallTokenSettings) -> Known:
    if one.sha256 is not None:
        digest = bytes.fromhex(one.sha256)
    elif one.secret is not None:
        try:
            token = one.secret.resolve().get_secret_value()
        except SecretMissingError as error:
            msg = f"console.{path}: {error}"
            raise SecretMissingError(msg) from error
        if not LEAST_CHARACTERS <= len(token) <= MOST_CHARACTERS:
            msg = (
                f"console.{path}: a token has {LEAST_CHARACTERS} to {MOST_CHARACTERS} characters; "
                "make one with `makegood users token`"
            )
            raise NoLoginError(msg)
        digest = digest_of(token)
    if isinstance(one, WallTokenSettings):
        return Known(name, Role.VIEWER, "wall", digest, one.expires_us)
    return Known(name, Role[one.role.upper()], "token", digest, one.expires_us)
