"""Login by a provider that behaves as the specification says, and by ones that do not."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from starlette.testclient import TestClient
from structlog.testing import capture_logs

from alerts.store import AlertStore
from dashboards.access import oidc
from dashboards.access.oidc import CALLBACK
from tests.support.access import BASE_URL, Clock, Served, served, users
from tests.support.http import Answer
from tests.support.oidc import CLIENT_ID, CLIENT_SECRET, Provider, key, provider
from tests.support.patience import PATIENCE_S

ROLES = {"sre": "responder", "tuners": "tuner", "boss": "admin"}


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """The provider may be as slow as the machine."""
    monkeypatch.setattr(oidc, "_TIMEOUT_S", PATIENCE_S)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def idp(clock: Clock) -> Iterator[Provider]:
    with provider(clock, f"{BASE_URL}{CALLBACK}", preferred_username="rob@example.com", groups=["sre", "x"]) as made:
        yield made


def console(idp: Provider, folder: Path, **more: Any) -> dict[str, Any]:
    path = folder / "client-secret"
    path.write_text(CLIENT_SECRET)
    oidc = {"issuer": idp.url, "client_id": CLIENT_ID, "client_secret": {"file": str(path)}, "roles": ROLES}
    return {"oidc": oidc | more}


@pytest.fixture
def made(store: AlertStore, idp: Provider, clock: Clock, tmp_path: Path) -> Served:
    return served(store, console(idp, tmp_path), clock)


def to_provider(client: TestClient, wanted: str = "/") -> str:
    """Go to the provider and log in there; return where it sends the browser back to."""
    sent = client.get("/login/oidc", params={"next": wanted})
    assert sent.status_code == 303, sent.text
    back = httpx.get(sent.headers["location"], verify=False, timeout=PATIENCE_S)  # noqa: S501 - on this machine, without TLS
    assert back.status_code == 302, back.text
    return str(back.headers["location"]).removeprefix(BASE_URL)


def log_in(client: TestClient, wanted: str = "/") -> Any:
    return client.get(to_provider(client, wanted))


def why_not(made: Served, client: TestClient | None = None) -> str:
    """Log in; return why that did not work."""
    client = client or made.client()
    with capture_logs() as logs:
        answer = log_in(client)
    assert answer.status_code == 403
    assert client.get("/").status_code == 303, "somebody was logged in"
    (line,) = [line for line in logs if line["event"] == "login_failed"]
    assert CLIENT_SECRET not in str(logs) + answer.text
    return str(line["reason"])


def test_whoever_the_provider_knows_is_logged_in_with_the_role_of_their_groups(made: Served, idp: Provider) -> None:
    client = made.client()
    answer = log_in(client, "/?q=x")
    assert (answer.status_code, answer.headers["location"]) == (303, "/?q=x")
    seen = client.get("/").json()
    assert (seen["name"], seen["kind"], seen["role"]) == ("rob@example.com", "session", "RESPONDER")
    assert idp.complaints == []


def test_a_public_client_is_protected_by_pkce_alone(
    store: AlertStore, idp: Provider, clock: Clock, tmp_path: Path
) -> None:
    idp.secret = None
    settings = console(idp, tmp_path)
    del settings["oidc"]["client_secret"]
    made = served(store, settings, clock)
    assert log_in(made.client()).status_code == 303
    assert idp.complaints == []


def test_the_highest_role_counts(made: Served, idp: Provider) -> None:
    idp.claims["groups"] = ["sre", "boss", "tuners"]
    client = made.client()
    log_in(client)
    assert client.get("/").json()["role"] == "ADMIN"


@pytest.mark.parametrize("groups", [[], ["x"], "x", None, {"sre": True}, [["sre"]], 7])
def test_without_a_role_nobody_is_logged_in(made: Served, idp: Provider, groups: object) -> None:
    idp.claims["groups"] = groups
    assert "has no value of 'groups'" in why_not(made)


def test_others_may_have_a_default_role(store: AlertStore, idp: Provider, clock: Clock, tmp_path: Path) -> None:
    idp.claims["groups"] = []
    client = served(store, console(idp, tmp_path, default_role="viewer"), clock).client()
    log_in(client)
    assert client.get("/").json()["role"] == "VIEWER"


def test_a_role_may_be_deep_in_the_claims(store: AlertStore, idp: Provider, clock: Clock, tmp_path: Path) -> None:
    idp.claims |= {"realm_access": {"roles": ["tuners"]}, "https://mg.example/role": "boss"}
    for claim, role in (("realm_access.roles", "TUNER"), ("https://mg.example/role", "ADMIN")):
        client = served(store, console(idp, tmp_path, role_claim=claim), clock).client()
        log_in(client)
        assert client.get("/").json()["role"] == role


@pytest.mark.parametrize("name", [None, "", "  ", 7, "a\nb", "x" * 200])
def test_without_a_name_nobody_is_logged_in(made: Served, idp: Provider, name: object) -> None:
    idp.claims["preferred_username"] = name
    assert "no usable claim" in why_not(made)


def test_nobody_gets_the_name_of_somebody_in_the_settings(
    store: AlertStore, idp: Provider, clock: Clock, tmp_path: Path
) -> None:
    made = served(store, console(idp, tmp_path) | {"users": users(tmp_path, adam="admin")}, clock)
    idp.claims["preferred_username"] = "adam"
    assert "taken" in why_not(made)


def spoil(**changed: Any) -> Any:
    def change(claims: dict[str, Any]) -> dict[str, Any]:
        return {name: value for name, value in (claims | changed).items() if value is not None}

    return change


@pytest.mark.parametrize(
    "changed",
    [
        {"iss": "https://evil.example"},
        {"iss": None},
        {"aud": "another-client"},
        {"aud": ["another-client"]},
        {"aud": [CLIENT_ID, "another-client"]},
        {"aud": [CLIENT_ID, "another-client"], "azp": "another-client"},
        {"aud": None},
        {"azp": "another-client"},
        {"exp": 1_600_000_000},
        {"exp": None},
        {"iat": None},
        {"iat": 2_600_000_000},
        {"nbf": 2_600_000_000},
        {"nonce": "another-nonce"},
        {"nonce": None},
        {"nonce": ""},
        {"at_hash": "AAAAAAAAAAAAAAAAAAAAAA"},
        {"sub": None},
    ],
)
def test_a_token_that_was_not_made_for_this_login_logs_nobody_in(
    made: Served, idp: Provider, changed: dict[str, Any]
) -> None:
    idp.change = spoil(**changed)
    assert "ID token" in why_not(made)


@pytest.mark.parametrize("algorithm", ["none", "HS256"])
def test_a_token_that_the_providers_key_has_not_signed_logs_nobody_in(
    made: Served, idp: Provider, algorithm: str
) -> None:
    idp.algorithm = algorithm
    assert "ID token" in why_not(made)


def test_a_token_that_another_key_has_signed_logs_nobody_in(made: Served, idp: Provider) -> None:
    idp.listed = [key("two", "one").as_dict(private=False)]
    assert "ID token" in why_not(made)


def test_a_key_that_the_provider_does_not_list_logs_nobody_in(made: Served, idp: Provider) -> None:
    idp.listed = [key("two").as_dict(private=False)]
    assert "does not list" in why_not(made)


def test_keys_that_the_provider_changes_are_read_again(made: Served, idp: Provider, clock: Clock) -> None:
    assert log_in(made.client()).status_code == 303
    clock.pass_s(120)
    idp.key = key("two")
    assert log_in(made.client()).status_code == 303
    assert idp.asked.count("/keys") == 2
    assert idp.asked.count("/.well-known/openid-configuration") == 1


def test_keys_of_other_kinds_do_not_hold_up_a_login(made: Served, idp: Provider) -> None:
    idp.listed = [{"kty": "new-kind", "kid": "z"}, {"kty": "oct", "k": "AAAA"}, idp.key.as_dict(private=False)]
    assert log_in(made.client()).status_code == 303


def test_a_login_can_be_used_once(made: Served) -> None:
    client = made.client()
    back = to_provider(client)
    assert client.get(back).status_code == 303
    again = made.client()
    again.cookies = client.cookies
    assert client.get(back).status_code == 403


def test_a_login_is_of_the_browser_that_began_it(made: Served) -> None:
    back = to_provider(made.client())
    other = made.client()
    other.get("/login/oidc")
    assert other.get(back).status_code == 403
    assert made.client().get(back).status_code == 403


@pytest.mark.parametrize("name", ["state", "code", "iss"])
def test_an_answer_without_what_belongs_to_it_is_refused(made: Served, name: str) -> None:
    client = made.client()
    path, _, query = to_provider(client).partition("?")
    params = {key: values[0] for key, values in parse_qs(query).items() if key != name}
    assert client.get(path, params=params).status_code == 403
    assert client.get("/").status_code == 303


def test_an_answer_of_another_provider_is_refused(made: Served) -> None:
    client = made.client()
    path, _, query = to_provider(client).partition("?")
    params = {key: values[0] for key, values in parse_qs(query).items()} | {"iss": "https://evil.example"}
    assert client.get(path, params=params).status_code == 403


def test_what_the_provider_says_of_an_error_is_not_shown(made: Served) -> None:
    client = made.client()
    path, _, query = to_provider(client).partition("?")
    state = parse_qs(query)["state"][0]
    params = {"state": state, "error": "access_denied", "error_description": "<script>x</script>", "iss": ""}
    answer = client.get(path, params=params | {"iss": parse_qs(query)["iss"][0]})
    assert answer.status_code == 403
    assert "did not let you in" in answer.text
    assert "script" not in answer.text


def test_a_login_leads_nowhere_else(made: Served) -> None:
    assert log_in(made.client(), "//evil.example").headers["location"] == "/"


@pytest.mark.parametrize(
    ("metadata", "told"),
    [
        ({"issuer": "https://evil.example"}, "calls itself otherwise"),
        ({"token_endpoint": "http://evil.example/token"}, "no address with https"),
        ({"jwks_uri": "file:///etc/passwd"}, "no address with https"),
        ({"jwks_uri": "https://169.254.169.254/keys"}, "no address with https"),
        ({"token_endpoint": "http://localhost:6379/token"}, "no address with https"),
        ({"authorization_endpoint": None}, "no address with https"),
        ({"code_challenge_methods_supported": ["plain"]}, "PKCE"),
    ],
)
def test_a_provider_that_cannot_be_trusted_is_not_used(
    made: Served, idp: Provider, metadata: dict[str, Any], told: str
) -> None:
    idp.metadata = metadata
    with capture_logs() as logs:
        assert made.client().get("/login/oidc").status_code == 403
    assert any(told in str(line.get("reason")) for line in logs)


def test_a_provider_leads_us_nowhere_else(made: Served, idp: Provider, monkeypatch: pytest.MonkeyPatch) -> None:
    moved = Answer(302, {"Location": f"{idp.url}/moved"}, b"")
    monkeypatch.setattr(idp, "_keys", lambda _request: moved)
    assert log_in(made.client()).status_code == 403
    assert "/keys" in idp.asked
    assert "/moved" not in idp.asked


def test_a_provider_that_is_away_is_told_of(store: AlertStore, clock: Clock, tmp_path: Path) -> None:
    with provider(clock, f"{BASE_URL}{CALLBACK}") as gone:
        settings = console(gone, tmp_path)
    answer = served(store, settings, clock).client().get("/login/oidc")
    assert answer.status_code == 403
    assert "cannot be reached now" in answer.text


def test_the_login_page_leads_to_the_provider(made: Served) -> None:
    page = made.client().get("/login", params={"next": "/?q=1&r=2"}).text
    assert "/login/oidc?next=%2F%3Fq%3D1%26r%3D2" in page or "/login/oidc?next=/%3Fq%3D1%26r%3D2" in page
    assert "password" not in page


def test_behind_tls_the_provider_sends_people_back_to_the_public_address(
    store: AlertStore, idp: Provider, clock: Clock, tmp_path: Path
) -> None:
    made = served(store, console(idp, tmp_path) | {"public_url": "https://mg.example.com"}, clock)
    sent = made.client(base_url="https://mg.example.com").get("/login/oidc")
    asked = parse_qs(urlsplit(sent.headers["location"]).query)
    assert asked["redirect_uri"] == [f"https://mg.example.com{CALLBACK}"]
    assert "__Host-makegood-oidc=" in sent.headers["set-cookie"]
