"""An OpenID provider that behaves as OpenID Connect Core, Discovery, RFC 6749, RFC 7636 and RFC 9207 say.

It refuses, with an entry in ``complaints``, whatever a client should not have sent. ``change`` spoils what it says.
"""

import base64
import hashlib
import json
import re
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from joserfc import jwt
from joserfc.jwk import OctKey, RSAKey

from tests.support.http import Answer, Request, http_server

CLIENT_ID = "makegood"
CLIENT_SECRET = "canary-client-secret-of-tests"
_TOKEN_S = 300


@cache
def key(number: str, kid: str | None = None) -> RSAKey:
    """Return a key; the same for the same number: making one takes long."""
    if kid is not None:
        return RSAKey.import_key(key(number).as_dict(private=True) | {"kid": kid})
    return RSAKey.generate_key(2048, {"kid": number, "use": "sig"})


@dataclass
class Provider:
    """The provider.

    Attributes:
        claims: what it says of whoever logs in.
        change: given the claims of a token, returns those that it is signed with.
        complaints: what clients should not have done.
    """

    url: str
    redirect_uri: str
    now_us: Callable[[], int]
    claims: dict[str, Any]
    key: RSAKey = field(default_factory=lambda: key("one"))
    listed: list[dict[str, Any]] | None = None
    change: Callable[[dict[str, Any]], dict[str, Any]] = dict
    metadata: dict[str, Any] = field(default_factory=dict)
    algorithm: str = "RS256"
    secret: str | None = CLIENT_SECRET
    codes: dict[str, dict[str, str]] = field(default_factory=dict)
    complaints: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)

    def answer(self, request: Request) -> Answer:
        """Answer one request."""
        parts = urlsplit(request.path)
        self.asked.append(parts.path)
        handlers = {
            ("GET", "/.well-known/openid-configuration"): self._discovery,
            ("GET", "/authorize"): self._authorize,
            ("POST", "/token"): self._token,
            ("GET", "/keys"): self._keys,
        }
        handler = handlers.get((request.method, parts.path))
        if handler is None:
            return self._complain(f"there is no {request.method} {parts.path}", 404)
        return handler(request)

    def _discovery(self, _request: Request) -> Answer:
        return _json(
            {
                "issuer": self.url,
                "authorization_endpoint": f"{self.url}/authorize",
                "token_endpoint": f"{self.url}/token",
                "jwks_uri": f"{self.url}/keys",
                "response_types_supported": ["code"],
                "subject_types_supported": ["public"],
                "id_token_signing_alg_values_supported": ["RS256"],
                "code_challenge_methods_supported": ["S256"],
                "authorization_response_iss_parameter_supported": True,
            }
            | self.metadata
        )

    def _keys(self, _request: Request) -> Answer:
        own = [self.key.as_dict(private=False)]
        return _json({"keys": own if self.listed is None else self.listed})

    def _authorize(self, request: Request) -> Answer:
        asked = {name: values[0] for name, values in parse_qs(urlsplit(request.path).query).items()}
        wanted = {
            "response_type": "code",
            "client_id": CLIENT_ID,
            "redirect_uri": self.redirect_uri,
            "code_challenge_method": "S256",
        }
        for name, value in wanted.items():
            if asked.get(name) != value:
                return self._complain(f"{name} is {asked.get(name)!r}, expected {value!r}")
        if "openid" not in asked.get("scope", "").split():
            return self._complain("scope does not hold openid")
        if re.fullmatch("[A-Za-z0-9_-]{43}", asked.get("code_challenge", "")) is None:
            return self._complain("code_challenge is no SHA-256")
        if len(asked.get("state", "")) < 16 or len(asked.get("nonce", "")) < 16:
            return self._complain("state or nonce can be guessed")
        code = secrets.token_urlsafe(16)
        self.codes[code] = asked
        query = urlencode({"code": code, "state": asked["state"], "iss": self.url})
        return Answer(302, {"Location": f"{self.redirect_uri}?{query}"}, b"")

    def _token(self, request: Request) -> Answer:  # noqa: PLR0911 - one for each thing that may be wrong
        form = {name: values[0] for name, values in parse_qs(request.body.decode()).items()}
        if request.headers.get("content-type", "").partition(";")[0] != "application/x-www-form-urlencoded":
            return self._complain("the body is no form")
        basic = "Basic " + base64.b64encode(f"{CLIENT_ID}:{self.secret}".encode()).decode()
        if self.secret is not None and request.headers.get("authorization") != basic:
            return self._complain("the client did not say who it is", 401)
        if self.secret is None and (form.get("client_id") != CLIENT_ID or "authorization" in request.headers):
            return self._complain("a public client says its id, and nothing else", 401)
        begun = self.codes.pop(form.get("code", ""), None)
        if begun is None or form.get("grant_type") != "authorization_code":
            return self._complain("the code is none, or was used before")
        if form.get("redirect_uri") != begun["redirect_uri"]:
            return self._complain("redirect_uri is another one")
        digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        if base64.urlsafe_b64encode(digest).rstrip(b"=").decode() != begun["code_challenge"]:
            return self._complain("code_verifier does not fit")
        access_token = secrets.token_urlsafe(16)
        return _json(
            {
                "access_token": access_token,
                "token_type": "Bearer",
                "expires_in": _TOKEN_S,
                "id_token": self._id_token(begun["nonce"], access_token),
            }
        )

    def _id_token(self, nonce: str, access_token: str) -> str:
        now_s = self.now_us() // 1_000_000
        half = hashlib.sha256(access_token.encode()).digest()[:16]
        claims = self.change(
            {
                "iss": self.url,
                "sub": "248289761001",
                "aud": CLIENT_ID,
                "exp": now_s + _TOKEN_S,
                "iat": now_s,
                "nonce": nonce,
                "at_hash": base64.urlsafe_b64encode(half).rstrip(b"=").decode(),
            }
            | self.claims
        )
        if self.algorithm == "none":
            head = json.dumps({"alg": "none", "kid": "one"}).encode()
            return f"{_text(head)}.{_text(json.dumps(claims).encode())}."
        if self.algorithm == "HS256":
            key = OctKey.import_key(CLIENT_SECRET)
            return jwt.encode({"alg": "HS256", "kid": "one"}, claims, key, algorithms=["HS256"])
        kid = self.key.as_dict(private=False)["kid"]
        return jwt.encode({"alg": self.algorithm, "kid": kid}, claims, self.key, algorithms=[self.algorithm])

    def _complain(self, why: str, status: int = 400) -> Answer:
        self.complaints.append(why)
        return Answer(status, {"Content-Type": "application/json"}, json.dumps({"error": "invalid_request"}).encode())


@contextmanager
def provider(now_us: Callable[[], int], redirect_uri: str, **claims: Any) -> Iterator[Provider]:
    """Serve a provider on a free port of this machine."""
    with http_server() as server:
        made = Provider(server.url, redirect_uri, now_us, claims)
        server.answer = made.answer  # type: ignore[method-assign]
        yield made


def _json(value: object) -> Answer:
    return Answer(200, {"Content-Type": "application/json"}, json.dumps(value).encode())


def _text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
