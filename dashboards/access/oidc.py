"""Login by an identity provider: OpenID Connect's authorization code flow with PKCE, state and nonce.

A login that has begun is kept in Redis for ten minutes, can be used once, and only by the browser that began it.
"""

import hashlib
import hmac
import secrets
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import httpx
import msgspec
from anyio import to_thread
from authlib.common.errors import AuthlibBaseError
from authlib.integrations.httpx_client import AsyncOAuth2Client

from alerts.connection import store_errors
from alerts.store import AlertStore
from config.console import OidcSettings, is_local
from dashboards.access.contract import Role
from dashboards.access.oidc_claims import OidcError, UnknownKeyError, read_id_token, unusable, who
from sinks.addresses import AddressRefusedError, AddressRule

CALLBACK = "/login/oidc/callback"
_BEGUN_MS = 600_000
_TIMEOUT_S = 10.0
_MOST_BYTES = 1_000_000
_READ_AGAIN_US = 3_600_000_000
_KEYS_AGAIN_US = 60_000_000
_METHODS = ("client_secret_basic", "client_secret_post")


class _Begun(msgspec.Struct, frozen=True):
    """A login that has begun: what comes back must fit it."""

    nonce: str
    verifier: str
    wanted: str
    browser: str


class Oidc:
    """Logs people in by a provider.

    Args:
        settings: of the provider.
        store: keeps what has begun.
        now_us: the time of day, microseconds UTC.

    Raises:
        SecretMissingError: the client's secret is not there.
    """

    def __init__(self, settings: OidcSettings, store: AlertStore, now_us: Callable[[], int]) -> None:
        self.settings = settings
        self._client: Any = store.client
        self._keys = store.keys
        self._now_us = now_us
        self._read: dict[str, tuple[int, dict[str, Any]]] = {}
        self._tls = httpx.create_ssl_context()  # once: it takes long
        if settings.client_secret is not None:
            settings.client_secret.resolve()  # that it is missing is said at the start

    async def begin(self, redirect_uri: str, wanted: str) -> tuple[str, str]:
        """Begin a login.

        Args:
            redirect_uri: where the provider sends people back to; it knows the address.
            wanted: path of the page that they wanted.

        Returns:
            Where to send the browser, and what it keeps in a cookie meanwhile.

        Raises:
            OidcError: the provider cannot be used now.
        """
        found = await self._metadata()
        state, browser = secrets.token_urlsafe(32), secrets.token_urlsafe(32)
        begun = _Begun(secrets.token_urlsafe(32), secrets.token_urlsafe(48), wanted, _hash(browser))
        await to_thread.run_sync(self._keep, state, begun)
        async with self._oauth(found, redirect_uri) as client:
            url, _ = client.create_authorization_url(
                found["authorization_endpoint"], state=state, nonce=begun.nonce, code_verifier=begun.verifier
            )
        return str(url), browser

    async def finish(self, params: dict[str, str], browser: str, redirect_uri: str) -> tuple[str, Role, str]:
        """Finish a login that the provider has sent back.

        Args:
            params: what it sent.
            browser: what the browser kept in its cookie.
            redirect_uri: as it was when the login began.

        Returns:
            Name and role of the person, and the path of the page that they wanted.

        Raises:
            OidcError: nobody is logged in.
        """
        begun = await to_thread.run_sync(self._take, params.get("state", ""))
        if begun is None:
            told = "This login was begun too long ago, or was used before. Log in again."
            raise OidcError(told, "there is no such state")
        if not hmac.compare_digest(begun.browser, _hash(browser)):
            msg = "This login was begun in another browser. Log in again."
            raise OidcError(msg, "another browser's state")
        found = await self._metadata()
        if "iss" in params and params["iss"] != found["issuer"]:  # RFC 9207
            msg = "the answer is from another provider"
            raise unusable(msg)
        if "iss" not in params and found.get("authorization_response_iss_parameter_supported") is True:
            msg = "the answer does not say from which provider it is"
            raise unusable(msg)
        if params.get("error") == "access_denied":
            msg = "The provider did not let you in."
            raise OidcError(msg, "access_denied")
        if "error" in params or not params.get("code"):
            msg = f"the provider answered {params.get('error', 'without a code')[:60]!r}"
            raise unusable(msg)
        token = await self._token(found, params["code"], begun.verifier, redirect_uri)
        claims = await self._claims(found, token, begun.nonce)
        name, role = who(claims, self.settings)
        return name, role, begun.wanted

    async def _token(self, found: dict[str, Any], code: str, verifier: str, redirect_uri: str) -> dict[str, Any]:
        try:
            async with self._oauth(found, redirect_uri) as client:
                token = await client.fetch_token(
                    found["token_endpoint"], grant_type="authorization_code", code=code, code_verifier=verifier
                )
        except (AuthlibBaseError, httpx.HTTPError, ValueError) as error:
            # No text of theirs: it may repeat what we sent.
            msg = f"the provider gave no token: {type(error).__name__}"
            raise unusable(msg) from error
        if not isinstance(token.get("id_token"), str):
            msg = "the provider gave no ID token"
            raise unusable(msg)
        return dict(token)

    async def _claims(self, found: dict[str, Any], token: dict[str, Any], nonce: str) -> dict[str, Any]:
        access_token = token.get("access_token")
        for again in (False, True):
            keys = await self._get(found["jwks_uri"], _KEYS_AGAIN_US if again else _READ_AGAIN_US)
            try:
                return read_id_token(
                    token["id_token"],
                    keys,
                    issuer=found["issuer"],
                    client_id=self.settings.client_id,
                    nonce=nonce,
                    access_token=access_token if isinstance(access_token, str) else None,
                    now_s=self._now_us() // 1_000_000,
                )
            except UnknownKeyError:
                continue
        msg = "the ID token is signed with a key that the provider does not list"
        raise unusable(msg)

    def _oauth(self, found: dict[str, Any], redirect_uri: str) -> Any:
        ref = self.settings.client_secret
        offered = found.get("token_endpoint_auth_methods_supported") or [_METHODS[0]]
        method = next((one for one in _METHODS if one in offered), _METHODS[0])
        return AsyncOAuth2Client(
            client_id=self.settings.client_id,
            client_secret=None if ref is None else ref.resolve().get_secret_value(),
            token_endpoint_auth_method="none" if ref is None else method,
            scope=" ".join(self.settings.scopes),
            redirect_uri=redirect_uri,
            code_challenge_method="S256",
            verify=self._tls,
            timeout=_TIMEOUT_S,
            follow_redirects=False,
        )

    async def _metadata(self) -> dict[str, Any]:
        """Return what the provider says of itself (OpenID Connect Discovery 1.0)."""
        found = await self._get(f"{self.settings.issuer}/.well-known/openid-configuration", _READ_AGAIN_US)
        if str(found.get("issuer", "")).rstrip("/") != self.settings.issuer:
            msg = "the provider calls itself otherwise than console.oidc.issuer"
            raise unusable(msg)
        for name in ("authorization_endpoint", "token_endpoint", "jwks_uri"):
            if not _safe(found.get(name), self.settings.issuer):
                msg = f"the provider's {name} is no address with https that we go to on its word"
                raise unusable(msg)
        if "S256" not in found.get("code_challenge_methods_supported", ["S256"]):
            msg = "the provider does not support PKCE with S256"
            raise unusable(msg)
        return found

    async def _get(self, url: str, keep_us: int) -> dict[str, Any]:
        """Return a JSON object of the provider's, as it was read at most ``keep_us`` ago."""
        now_us = self._now_us()
        at_us, kept = self._read.get(url, (0, None))
        if kept is not None and 0 <= now_us - at_us < keep_us:
            return kept
        try:
            data = b""
            async with (
                httpx.AsyncClient(verify=self._tls, timeout=_TIMEOUT_S, follow_redirects=False) as client,
                client.stream("GET", url) as answer,
            ):
                answer.raise_for_status()
                async for part in answer.aiter_bytes():
                    data += part
                    if len(data) > _MOST_BYTES:
                        msg = f"{url} is too large"
                        raise unusable(msg)
            found = msgspec.json.decode(data, type=dict[str, Any])
        except (httpx.HTTPError, msgspec.DecodeError) as error:
            msg = "The provider cannot be reached now. Try again soon; if it stays so, tell whoever runs Makegood."
            raise OidcError(
                msg,
                f"{url}: {type(error).__name__}",
            ) from error
        self._read[url] = (now_us, found)
        return found

    def _keep(self, state: str, begun: _Begun) -> None:
        with store_errors():
            self._client.set(self._name(state), msgspec.json.encode(begun).decode(), px=_BEGUN_MS)

    def _take(self, state: str) -> _Begun | None:
        with store_errors():
            text = self._client.getdel(self._name(state))
        return None if text is None else msgspec.json.decode(text, type=_Begun)

    def _name(self, state: str) -> str:
        return self._keys.named(f"login:oidc:{_hash(state)}")


def _safe(url: object, issuer: str) -> bool:
    """Return whether an address that a provider has named may be gone to.

    What goes there cannot be read on the way, and it is on the provider's own host, or not an address of this machine
    or network that is written out: else whoever writes the provider's configuration could have us ask what only we can
    reach.
    """
    try:
        parts, own = urlsplit(url if isinstance(url, str) else ""), urlsplit(issuer)
        parts.port  # noqa: B018 - one that is none is noticed here
    except ValueError:
        return False
    if not parts.hostname or not (parts.scheme == "https" or (parts.scheme == "http" and is_local(parts.netloc))):
        return False
    if parts.hostname == own.hostname:
        return True
    if is_local(parts.netloc):
        return False
    try:
        AddressRule(trust_written=False).check(parts.geturl())
    except AddressRefusedError:
        return False
    return True


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
