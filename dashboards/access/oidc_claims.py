"""What an ID token says, when it can be believed (OpenID Connect Core 1.0, section 3.1.3.7), and which role follows."""

from collections.abc import Mapping
from typing import Any

from authlib.oidc.core import CodeIDToken
from joserfc import jwt
from joserfc.errors import InvalidKeyIdError, JoseError
from joserfc.jwk import KeySet
from joserfc.jws import JWSRegistry

from config.console import OidcSettings
from dashboards.access.contract import Role

ALGORITHMS = ["RS256", "PS256", "ES256", "RS384", "PS384", "ES384", "RS512", "PS512", "ES512", "EdDSA", "Ed25519"]
"""Signatures by keys of the provider alone: no ``none``, and no HS256, which whoever has the client's secret makes."""
_LEEWAY_S = 60
_MOST_NAME = 128


class OidcError(Exception):
    """Nobody could be logged in by the provider.

    Args:
        told: for people, and what to do.
        why: for the log; no secret.
    """

    def __init__(self, told: str, why: str) -> None:
        super().__init__(why)
        self.told = told


class UnknownKeyError(Exception):
    """The token is signed with a key that is not among those that were read: the provider may have new ones."""


def read_id_token(
    text: str,
    keys: Mapping[str, Any],
    *,
    issuer: str,
    client_id: str,
    nonce: str,
    access_token: str | None,
    now_s: int,
) -> dict[str, Any]:
    """Return the claims of an ID token that was made for this login, by this provider, for us.

    Raises:
        UnknownKeyError: fetch the keys again, once.
        OidcError: it was not.
    """
    try:
        decoded = jwt.decode(
            text,
            _usable(keys),
            registry=JWSRegistry(algorithms=ALGORITHMS, strict_check_header=False),
        )
        params = {"nonce": nonce, "client_id": client_id}
        if access_token is not None:
            params["access_token"] = access_token
        claims = CodeIDToken(
            decoded.claims,
            decoded.header,
            {"iss": {"essential": True, "value": issuer}, "aud": {"essential": True, "value": client_id}},
            params,
        )
        claims.validate(now=now_s, leeway=_LEEWAY_S)
    except InvalidKeyIdError as error:
        raise UnknownKeyError from error
    except (JoseError, ValueError, TypeError, KeyError) as error:
        msg = f"the ID token cannot be believed: {type(error).__name__}: {error}"
        raise unusable(msg) from error
    if claims.get("nonce") != nonce:  # also when the library takes an empty one
        msg = "the ID token has another nonce"
        raise unusable(msg)
    return dict(claims)


def who(claims: Mapping[str, Any], settings: OidcSettings) -> tuple[str, Role]:
    """Return the name and the role of whom an ID token is about.

    Raises:
        OidcError: they have no name, or no role.
    """
    found = claims.get(settings.name_claim)
    name = found.strip() if isinstance(found, str) else ""
    if not name or len(name) > _MOST_NAME or not name.isprintable():
        msg = "The provider does not say what you are called: whoever runs Makegood looks at console.oidc.name_claim."
        raise OidcError(
            msg,
            f"the ID token has no usable claim {settings.name_claim!r}",
        )
    role = _role(claims, settings)
    if role is None:
        msg = f"You are {name}, but have no role here: ask whoever runs Makegood for one (console.oidc.roles)."
        raise OidcError(
            msg,
            f"{name!r} has no value of {settings.role_claim!r} that has a role",
        )
    return name, role


def _usable(keys: Mapping[str, Any]) -> KeySet:
    """Return the keys of a provider that may sign; it may list others, of kinds that are not known here."""
    found = keys.get("keys")
    listed = [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []
    signing: Any = [one for one in listed if one.get("kty") in {"RSA", "EC", "OKP"} and one.get("use", "sig") == "sig"]
    if not signing:
        msg = "the provider lists no keys that sign"
        raise unusable(msg)
    return KeySet.import_key_set({"keys": signing})


def _role(claims: Mapping[str, Any], settings: OidcSettings) -> Role | None:
    value: Any = claims
    if settings.role_claim in claims:  # some claims have dots in their names: https://example.com/roles
        value = claims[settings.role_claim]
    else:
        for part in settings.role_claim.split("."):
            value = value.get(part) if isinstance(value, Mapping) else None
    values = [value] if isinstance(value, str) else value if isinstance(value, list) else []
    names = [settings.roles[one] for one in values if isinstance(one, str) and one in settings.roles]
    if settings.default_role is not None:
        names.append(settings.default_role)
    return max((Role[name.upper()] for name in names), default=None)


def unusable(why: str) -> OidcError:
    """Return the error of a login that the provider, or somebody between, has spoilt."""
    return OidcError(
        "The login at the provider did not work. Try again; if it stays so, tell whoever runs Makegood.", why
    )
