"""Requests that other sites have a browser send (CSRF), and names that other sites give this machine (rebinding)."""

import pytest

from alerts.store import AlertStore
from tests.dashboards.access.conftest import TOKEN
from tests.support.access import PASSWORD, Served, served

OWN = {"Origin": "http://127.0.0.1:8080", "Sec-Fetch-Site": "same-origin"}


def test_a_form_needs_the_token_of_its_session(people: Served) -> None:
    client = people.logged_in("rob")
    token = client.get("/").json()["csrf_token"]
    other = people.logged_in("rob").get("/").json()["csrf_token"]
    assert token != other
    for wrong in ({}, {"csrf_token": ""}, {"csrf_token": other}, {"csrf_token": "ü"}):
        assert client.post("/form", data=wrong | {"x": "1"}, headers=OWN).status_code == 403
    assert people.seen == []
    answer = client.post("/form", data={"csrf_token": token, "x": "1"}, headers=OWN)
    assert answer.json() == {"csrf_token": token, "x": "1"}
    assert client.post("/form", files={"f": b"1"}, data={"csrf_token": token}, headers=OWN).status_code == 200


def test_htmx_sends_the_token_in_a_header(people: Served) -> None:
    client = people.logged_in("rob")
    token = client.get("/").json()["csrf_token"]
    assert client.post("/api/v1/change", headers=OWN | {"X-CSRF-Token": token}).status_code == 200
    assert client.post("/api/v1/change", headers=OWN | {"X-CSRF-Token": "wrong"}).status_code == 403
    assert client.post("/api/v1/change", headers=OWN).status_code == 403


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:9999"},
        {"Origin": "http://127.0.0.1:8080.evil.example"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "http://127.0.0.1:8080", "Sec-Fetch-Site": "cross-site"},
    ],
)
def test_what_another_site_sends_is_refused_even_with_the_token(people: Served, headers: dict[str, str]) -> None:
    client = people.logged_in("rob")
    token = client.get("/").json()["csrf_token"]
    assert client.post("/api/v1/change", headers=headers | {"X-CSRF-Token": token}).status_code == 403
    assert people.client(auth=("rob", PASSWORD)).post("/api/v1/change", headers=headers).status_code == 403
    assert people.seen == []


def test_a_program_needs_no_token_of_a_session(people: Served) -> None:
    client = people.client()
    assert client.post("/api/v1/change", headers={"Authorization": f"Bearer {TOKEN}"}).status_code == 200
    assert client.post("/api/v1/change", auth=("rob", PASSWORD)).status_code == 200


def test_where_nobody_logs_in_a_page_needs_the_token_and_a_program_does_not(nobody: Served) -> None:
    client = nobody.client()
    page = client.get("/").json()
    assert (page["name"], page["kind"], page["role"]) == ("local", "anonymous", "ADMIN")
    assert client.post("/api/v1/change").status_code == 200
    assert client.post("/api/v1/change", headers=OWN).status_code == 403
    assert client.post("/api/v1/change", headers=OWN | {"X-CSRF-Token": page["csrf_token"]}).status_code == 200
    foreign = {"Origin": "https://evil.example", "X-CSRF-Token": page["csrf_token"]}
    assert client.post("/api/v1/change", headers=foreign).status_code == 403
    assert client.post("/api/v1/change", headers={"Referer": "https://evil.example/"}).status_code == 403


def test_where_nobody_logs_in_nothing_comes_through_a_proxy(nobody: Served) -> None:
    for name in ("X-Forwarded-For", "Forwarded", "X-Real-IP", "Via"):
        answer = nobody.client().get("/api/v1/look", headers={name: "192.0.2.1"})
        assert answer.status_code == 403
        assert "console.users" in answer.text


@pytest.mark.parametrize(
    "host",
    [
        *("evil.example", "evil.example:8080", "127.0.0.1.evil.example:8080", "localhost.evil.example", "", "a b"),
        *("127.0.0.1:8080@evil.example", "[::1].evil.example", "0x7f.1.evil.example", "localhost,evil.example"),
    ],
)
def test_a_name_that_is_not_ours_is_refused(nobody: Served, people: Served, host: str) -> None:
    assert nobody.client(headers={"Host": host}).get("/").status_code == 421
    assert nobody.client(headers={"Host": host}).post("/api/v1/change").status_code == 421
    assert people.client(headers={"Host": host}).get("/login").status_code == 421


@pytest.mark.parametrize("host", ["127.0.0.1:8080", "localhost", "LOCALHOST:1", "[::1]:8080", "10.1.2.3", "localhost."])
def test_numbers_and_localhost_are_ours(nobody: Served, host: str) -> None:
    assert nobody.client(headers={"Host": host}).get("/").status_code == 200


def test_names_of_the_settings_are_ours(store: AlertStore) -> None:
    console = {
        "public_url": "https://mg.example.com/",
        "hosts": ["Makegood.internal"],
        "tokens": {"karma": {"sha256": "0" * 64}},
    }
    made = served(store, console)
    for host in ("mg.example.com", "makegood.internal:8080"):
        assert made.client(headers={"Host": host}).get("/login").status_code == 200
    assert made.client(headers={"Host": "example.com"}).get("/login").status_code == 421
