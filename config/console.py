"""Settings of the console: where it listens, who may log in, and what they may do."""

import ipaddress
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, AwareDatetime, Field, StringConstraints, model_validator

from config.backtests import BacktestSettings
from config.base import SettingsModel
from config.durations import US_PER_SECOND, DurationUs
from config.links import BaseUrl
from config.secret import SecretRef

_ADDRESS = r"^(\[[0-9a-fA-F:.]+\]|[^\s:\[\]]+):\d{1,5}$"
_HOUR_US = 3_600 * US_PER_SECOND
_DAY_US = 24 * _HOUR_US
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LOCAL = frozenset({"127.0.0.1", "::1", "localhost"})

RoleName = Literal["viewer", "responder", "tuner", "admin"]
UserName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.@+-]{0,127}$")]
HostName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?$", to_lower=True)]
Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]


def _network(text: str) -> str:
    try:
        return str(ipaddress.ip_network(text))
    except ValueError as error:
        msg = f"{text!r} is no address or network: write one like 10.0.0.7 or 10.0.0.0/8"
        raise ValueError(msg) from error


NetworkText = Annotated[str, AfterValidator(_network)]


class UserSettings(SettingsModel):
    """Somebody who logs in with a password.

    Attributes:
        role: what they may do: `viewer` looks, `responder` answers alerts and silences them, `tuner` changes detectors,
            `admin` does everything. Each may do what those before it may.
        password_hash: where the hash of the password is, as `makegood users hash` prints it.
    """

    role: RoleName
    password_hash: SecretRef


class _TokenSettings(SettingsModel):
    """What a program shows instead of a password. Exactly one of ``sha256`` and ``secret`` is given."""

    sha256: Sha256 | None = None
    secret: SecretRef | None = None
    expires: AwareDatetime | None = None

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        if (self.sha256 is None) == (self.secret is None):
            msg = "a token is given as exactly one of sha256 (of it, as `makegood users token` prints it) or secret"
            raise ValueError(msg)
        return self

    @property
    def expires_us(self) -> int | None:
        """When it is not taken any more, microseconds UTC; None: it does not run out."""
        return None if self.expires is None else (self.expires - _EPOCH) // timedelta(microseconds=1)


class TokenSettings(_TokenSettings):
    """A token of the API: sent as `Authorization: Bearer TOKEN`, or as the password of HTTP Basic.

    Attributes:
        sha256: of the token, as `makegood users token` prints it: the token itself need not be kept here.
        secret: where the token itself is; at least 20 characters that nobody can guess.
        expires: when it is not taken any more: a time with its offset.
        role: what may be done with it: `viewer`, `responder`, `tuner` or `admin`.
    """

    role: RoleName = "viewer"


class WallTokenSettings(_TokenSettings):
    """The token of one wall screen: it shows the wall (`/wall?token=TOKEN`), and nothing else.

    Attributes:
        sha256: of the token, as `makegood users token` prints it: the token itself need not be kept here.
        secret: where the token itself is; at least 20 characters that nobody can guess.
        expires: when it is not taken any more: a time with its offset.
    """


class OidcSettings(SettingsModel):
    """Login by an identity provider, with OpenID Connect: authorization code flow with PKCE.

    Attributes:
        issuer: of the provider: its configuration is read from `ISSUER/.well-known/openid-configuration`. With
            `https`, except on this machine.
        client_id: as which the console is registered there.
        client_secret: of the registration; without it the console is a public client (PKCE protects the login).
        label: what the login page calls it.
        scopes: that are asked for.
        name_claim: of the ID token: the name that a person has here and in the audit log.
        role_claim: of the ID token: what decides about the role; dots go into objects, like `realm_access.roles`.
        roles: role by value of `role_claim`; where several fit, the highest counts.
        default_role: of those without such a value; without it they may not log in.
    """

    issuer: BaseUrl
    client_id: str = Field(min_length=1)
    client_secret: SecretRef | None = None
    label: str = Field(default="single sign-on", min_length=1, max_length=60)
    scopes: tuple[str, ...] = ("openid", "profile", "email")
    name_claim: str = Field(default="preferred_username", min_length=1)
    role_claim: str = Field(default="groups", min_length=1)
    roles: Mapping[str, RoleName] = Field(default={})
    default_role: RoleName | None = None

    @model_validator(mode="after")
    def _usable(self) -> Self:
        scheme, _, rest = self.issuer.partition("://")
        host = rest.partition("/")[0].rpartition("@")[2]
        if scheme != "https" and host_of(host) not in _LOCAL:
            msg = f"issuer {self.issuer}: a provider that is not on this machine needs https"
            raise ValueError(msg)
        if "openid" not in self.scopes:
            msg = "scopes must hold openid: without it the provider sends no ID token"
            raise ValueError(msg)
        if not self.roles and self.default_role is None:
            msg = "give roles, or a default_role: else nobody could log in"
            raise ValueError(msg)
        return self


class SessionSettings(SettingsModel):
    """How long a login holds.

    Attributes:
        idle: without a request it ends after so long.
        lifetime: it ends after so long in any case.
    """

    idle: DurationUs = Field(default=12 * _HOUR_US, ge=60 * US_PER_SECOND)
    lifetime: DurationUs = Field(default=7 * _DAY_US, ge=60 * US_PER_SECOND)


class LoginSettings(SettingsModel):
    """What stops somebody who guesses passwords.

    Attributes:
        tries: wrong passwords for one name from one address, after which both together are locked out; ten times as
            many from one address, whatever the names.
        locked_for: how long.
    """

    tries: int = Field(default=5, ge=1, le=100)
    locked_for: DurationUs = Field(default=900 * US_PER_SECOND, ge=US_PER_SECOND)


class RateSettings(SettingsModel):
    """How many requests one person, token or (before a login) address may send, in each process of the console.

    Where nobody has to log in, requests are not counted.

    Attributes:
        per_second: in the long run.
        burst: at once.
    """

    per_second: float = Field(default=100.0, gt=0)
    burst: int = Field(default=1000, ge=20)


class AuditTrailSettings(SettingsModel):
    """The audit log: who changed what.

    Attributes:
        keep: how long an entry is kept. That the oldest were deleted is an entry of its own.
    """

    keep: DurationUs = Field(default=400 * _DAY_US, ge=_DAY_US)


class ConsoleSettings(SettingsModel):
    """The console: pages, API and wall, on one address.

    On this machine only (`127.0.0.1`), and with neither `users` nor `oidc`, everybody who reaches it is an admin
    without a login. On any other address it does not start without a login.

    Attributes:
        listen: as `HOST:PORT`; port 0 takes a free one. `127.0.0.1` is reached from this machine only.
        public_url: how people reach it, like `https://makegood.example.com`, where a proxy stands before it. With
            `https` cookies are sent over TLS only.
        hosts: further names under which it is reached. Requests for other names are refused (DNS rebinding); addresses
            of numbers, `localhost` and the name in `public_url` are always taken.
        trusted_proxies: addresses or networks of proxies, whose `X-Forwarded-For` is believed.
        users: who logs in with a password, by name.
        tokens: of programs, by name.
        walls: tokens of wall screens, by name.
        oidc: login by an identity provider.
        session: how long a login holds.
        login: what stops somebody who guesses passwords.
        rate: how many requests are taken from one.
        max_body_bytes: of one request.
        body_within: how long the body of a request may take to arrive.
        audit: of the audit log.
        backtests: of backtests over recordings.
    """

    listen: str = Field(default="127.0.0.1:8080", pattern=_ADDRESS)
    public_url: BaseUrl | None = None
    hosts: tuple[HostName, ...] = ()
    trusted_proxies: tuple[NetworkText, ...] = ()
    users: Mapping[UserName, UserSettings] = Field(default={})
    tokens: Mapping[UserName, TokenSettings] = Field(default={})
    walls: Mapping[UserName, WallTokenSettings] = Field(default={})
    oidc: OidcSettings | None = None
    session: SessionSettings = SessionSettings()
    login: LoginSettings = LoginSettings()
    rate: RateSettings = RateSettings()
    max_body_bytes: int = Field(default=4_194_304, ge=65_536, le=268_435_456)
    body_within: DurationUs = Field(default=30 * US_PER_SECOND, ge=US_PER_SECOND)
    audit: AuditTrailSettings = AuditTrailSettings()
    backtests: BacktestSettings = BacktestSettings()

    @model_validator(mode="after")
    def _names(self) -> Self:
        names = [*self.users, *self.tokens, *self.walls]
        twice = sorted(name for name in set(names) if names.count(name) > 1)
        if twice:
            msg = f"{twice[0]!r} is the name of two (users, tokens, walls): the audit log could not tell them apart"
            raise ValueError(msg)
        if self.oidc is not None and self.public_url is None and not is_local(self.listen):
            msg = "oidc needs public_url: the provider sends people back there"
            raise ValueError(msg)
        return self


def host_of(address: str) -> str:
    """Return the host of ``HOST:PORT`` or ``HOST``, in lower case and without brackets.

    >>> host_of("[::1]:8080"), host_of("Example.com:80"), host_of("localhost")
    ('::1', 'example.com', 'localhost')
    """
    if address.startswith("["):
        return address[1:].partition("]")[0].lower()
    return (address.partition(":")[0] if address.count(":") <= 1 else address).lower()


def is_local(listen: str) -> bool:
    """Return whether an address is reached from this machine only.

    >>> is_local("127.0.0.1:8080"), is_local("[::1]:1"), is_local("localhost:80"), is_local("0.0.0.0:8080")
    (True, True, True, False)
    """
    host = host_of(listen)
    if host in _LOCAL:
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
