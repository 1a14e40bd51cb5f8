"""Signs requests as providers do, written from their documentation and independently of the product."""

import base64
import hashlib
import hmac
import time
from collections.abc import Callable

SECRET = "s3cret-of-the-provider"
Headers = dict[str, str]
Sign = Callable[[bytes, str, int], Headers]
"""``sign(body, secret, unix_seconds)``."""


def _mac(secret: str, message: bytes) -> "hmac.HMAC":
    return hmac.new(secret.encode(), message, hashlib.sha256)


def zendesk(body: bytes, secret: str, at_s: int) -> Headers:
    stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(at_s))
    signature = base64.b64encode(_mac(secret, stamp.encode() + body).digest()).decode()
    return {"X-Zendesk-Webhook-Signature": signature, "X-Zendesk-Webhook-Signature-Timestamp": stamp}


def stripe(body: bytes, secret: str, at_s: int) -> Headers:
    signature = _mac(secret, f"{at_s}.".encode() + body).hexdigest()
    return {"Stripe-Signature": f"t={at_s},v1={signature},v0={'6f' * 32}"}


def slack(body: bytes, secret: str, at_s: int) -> Headers:
    signature = "v0=" + _mac(secret, f"v0:{at_s}:".encode() + body).hexdigest()
    return {"X-Slack-Signature": signature, "X-Slack-Request-Timestamp": str(at_s)}


def typeform(body: bytes, secret: str, at_s: int) -> Headers:
    del at_s
    return {"Typeform-Signature": "sha256=" + base64.b64encode(_mac(secret, body).digest()).decode()}


def shopify(body: bytes, secret: str, at_s: int) -> Headers:
    del at_s
    return {"X-Shopify-Hmac-Sha256": base64.b64encode(_mac(secret, body).digest()).decode()}


def github(body: bytes, secret: str, at_s: int) -> Headers:
    del at_s
    return {"X-Hub-Signature-256": "sha256=" + _mac(secret, body).hexdigest()}


def own(body: bytes, secret: str, at_s: int) -> Headers:
    """Sign as ``OWN`` describes it."""
    signature = hmac.new(secret.encode(), b"v9|" + body + f"|{at_s * 1000}".encode(), hashlib.sha512).hexdigest()
    return {"X-Sig": f"h={signature}", "X-Time": str(at_s * 1000)}


OWN = {
    "scheme": "hmac",
    "header": "X-Sig",
    "algorithm": "sha512",
    "prefix": "h=",
    "signed": "v9|{body}|{timestamp}",
    "timestamp_header": "X-Time",
}


def bearer(body: bytes, secret: str, at_s: int) -> Headers:
    del body, at_s
    return {"Authorization": f"Bearer {secret}"}


def basic(body: bytes, secret: str, at_s: int) -> Headers:
    del body, at_s
    return {"Authorization": "Basic " + base64.b64encode(f"crm:{secret}".encode()).decode()}


SCHEMES: dict[str, tuple[dict[str, str], Sign]] = {
    "zendesk": ({"scheme": "zendesk"}, zendesk),
    "stripe": ({"scheme": "stripe"}, stripe),
    "slack": ({"scheme": "slack"}, slack),
    "typeform": ({"scheme": "typeform"}, typeform),
    "shopify": ({"scheme": "shopify"}, shopify),
    "github": ({"scheme": "github"}, github),
    "own": (OWN, own),
    "bearer": ({"scheme": "bearer"}, bearer),
    "basic": ({"scheme": "basic", "user": "crm"}, basic),
}
"""By name: the settings of a signature (without its secret), and how the sender signs."""
TIMED = ("zendesk", "stripe", "slack", "own")
SIGNED = (*TIMED, "typeform", "shopify", "github")
