"""Programs: tokens and passwords sent with each request."""

import hmac
from pathlib import Path
from typing import Any

import pytest

from alerts.store import AlertStore
from config.console import ConsoleSettings
from dashboards.access import tokens
from dashboards.access.passwords import NoLoginError
from dashboards.access.revoked import Revoked
from dashboards.access.tokens import Tokens, digest_of, new_token
from tests.dashboards.access.conftest import TOKEN, WALL_TOKEN, sha256
from tests.support.access import PASSWORD, Served, served, users

BEARER = {"Authorization": f"Bearer {TOKEN}"}


def test_a_token_is_taken_as_bearer_and_as_the_password_of_basic(people: Served) -> None:
    client = people.client()
    wanted = {"name": "karma", "kind": "token", "role": "RESPONDER"}
    assert client.get("/api/v1/look", headers=BEARER).json() == wanted
    assert client.get("/api/v1/look", auth=("karma", TOKEN)).json() == wanted
    assert client.get("/api/v1/look", headers={"Authorization": f"bearer {TOKEN}"}).json() == wanted


def test_a_person_may_send_name_and_password(people: Served) -> None:
    client = people.client(auth=("rob", PASSWORD))
    for _ in range(3):
        assert client.get("/api/v1/look").json()["name"] == "rob"
    assert people.client(auth=("rob", "wrong")).get("/api/v1/look").status_code == 401


def test_guessing_by_basic_is_locked_out_as_well(people: Served) -> None:
    for _ in range(5):
        assert people.client(auth=("rob", "wrong")).get("/api/v1/look").status_code == 401
    assert people.client(auth=("rob", PASSWORD)).get("/api/v1/look").status_code == 429


@pytest.mark.parametrize(
    "header",
    [
        *("Bearer", "Bearer ", "Bearer wrong", f"Bearer {TOKEN}x", f"Bearer {TOKEN[:-1]}", "Bearer " + "x" * 5000),
        *("Basic", "Basic !!!", "Basic /////w==", "Basic bm9jb2xvbg==", f"Digest {TOKEN}", TOKEN),
    ],
)
def test_the_api_answers_401_and_never_sends_anybody_to_a_login_page(people: Served, header: str) -> None:
    for method in ("GET", "POST"):
        answer = people.client().request(
            method, "/api/v1/look" if method == "GET" else "/api/v1/change", headers={"Authorization": header}
        )
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"].startswith("Basic ")
        assert "location" not in answer.headers


def test_without_anything_the_api_answers_401(people: Served) -> None:
    assert people.client().get("/api/v1/look").status_code == 401
    assert people.client().post("/api/v1/change").status_code == 401


def test_a_page_of_ours_does_not_open_the_browsers_window_for_passwords(people: Served) -> None:
    answer = people.client().get("/api/v1/look", headers={"Sec-Fetch-Site": "same-origin"})
    assert answer.headers["www-authenticate"].startswith("Bearer ")


def test_a_bad_token_is_not_overlooked_because_of_a_good_cookie(people: Served) -> None:
    client = people.logged_in("adam")
    assert client.get("/api/v1/look", headers={"Authorization": "Bearer wrong"}).status_code == 401


def test_a_token_runs_out(people: Served) -> None:
    people.clock.at_us = 1_764_547_199_000_000
    assert people.client().get("/api/v1/look", headers=BEARER).status_code == 200
    people.clock.pass_s(1)
    answer = people.client().get("/api/v1/look", headers=BEARER)
    assert answer.status_code == 401
    assert "has expired" in answer.text


def test_a_token_that_is_revoked_is_taken_no_more_within_seconds(people: Served) -> None:
    client = people.client(headers=BEARER)
    assert client.get("/api/v1/look").status_code == 200
    assert Revoked(people.store).add(digest_of(TOKEN))
    people.clock.pass_s(5)
    answer = client.get("/api/v1/look")
    assert answer.status_code == 401
    assert "revoked" in answer.text
    assert people.client().get("/wall", params={"token": WALL_TOKEN}).status_code == 200


def test_a_role_is_what_the_token_has(people: Served) -> None:
    client = people.client(headers=BEARER)
    assert client.post("/api/v1/change").status_code == 200
    assert client.get("/tune").status_code == 403
    assert client.get("/admin").status_code == 403


def test_a_wall_shows_the_wall_and_nothing_else(people: Served) -> None:
    client = people.client()
    assert client.get("/wall", params={"token": WALL_TOKEN}).json() == {"name": "noc", "kind": "wall"}
    assert client.get("/wall", headers={"Authorization": f"Bearer {WALL_TOKEN}"}).status_code == 200
    assert "set-cookie" not in client.get("/wall", params={"token": WALL_TOKEN}).headers
    assert client.get("/", headers={"Authorization": f"Bearer {WALL_TOKEN}"}).status_code == 403
    assert client.get("/api/v1/look", headers={"Authorization": f"Bearer {WALL_TOKEN}"}).status_code == 403
    assert client.post("/api/v1/change", headers={"Authorization": f"Bearer {WALL_TOKEN}"}).status_code == 403


def test_a_token_in_an_address_is_taken_by_the_wall_alone(people: Served) -> None:
    assert people.client().get("/api/v1/look", params={"token": TOKEN}).status_code == 401
    assert people.client().get("/", params={"token": WALL_TOKEN}).status_code == 303
    assert people.client().get("/wall", params={"token": "wrong"}).status_code == 401


def test_a_wall_without_a_token_is_not_sent_to_a_login_page(people: Served) -> None:
    assert people.client().get("/wall").status_code == 401


def test_each_token_is_compared_as_a_hash_of_one_length_and_none_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = ConsoleSettings.model_validate(
        {"tokens": {f"t{number}": {"sha256": sha256(f"token-{number}")} for number in range(5)}}
    )
    known = Tokens(settings)
    compared: list[tuple[bytes, bytes]] = []

    def compare(a: bytes, b: bytes) -> bool:
        compared.append((a, b))
        return hmac.compare_digest(a, b)

    class Watched:
        compare_digest = staticmethod(compare)

    monkeypatch.setattr(tokens, "hmac", Watched)
    for given in ("token-0", "token-4", "x", "", "y" * 4000, "tökén"):
        compared.clear()
        known.find(given)
        assert len(compared) == 5
        assert {len(side) for pair in compared for side in pair} == {32}


def test_tokens_are_long_and_no_two_alike() -> None:
    made = {new_token() for _ in range(50)}
    assert len(made) == 50
    assert all(one.startswith("mg_") and len(one) >= 43 for one in made)


def test_a_token_can_be_kept_in_a_file(store: AlertStore, tmp_path: Path) -> None:
    path = tmp_path / "token"
    path.write_text(TOKEN + "\n")
    made = served(store, {"tokens": {"karma": {"secret": {"file": str(path)}}}})
    assert made.client().get("/api/v1/look", headers=BEARER).json()["role"] == "VIEWER"


def test_a_token_that_can_be_guessed_is_refused_at_the_start(store: AlertStore, tmp_path: Path) -> None:
    path = tmp_path / "token"
    path.write_text("short")
    with pytest.raises(NoLoginError, match=r"console\.tokens\.karma.*20 to 512"):
        served(store, {"tokens": {"karma": {"secret": {"file": str(path)}}}})


def test_a_hash_that_is_none_is_refused_at_the_start(store: AlertStore, tmp_path: Path) -> None:
    path = tmp_path / "hash"
    for text in ("plain text", "$2b$12$abcdefghijklmnopqrstuv", "$argon2id$v=19$nonsense"):
        path.write_text(text)
        with pytest.raises(NoLoginError, match=r"console\.users\.rob.*makegood users hash") as caught:
            served(store, {"users": {"rob": {"role": "viewer", "password_hash": {"file": str(path)}}}})
        assert text not in str(caught.value)


def test_too_many_requests_are_refused_for_a_while(store: AlertStore, tmp_path: Path) -> None:
    console: dict[str, Any] = {
        "users": users(tmp_path, rob="responder"),
        "tokens": {"karma": {"sha256": sha256(TOKEN)}},
        "rate": {"per_second": 1, "burst": 20},
    }
    made = served(store, console)
    client = made.client(headers=BEARER)
    for _ in range(20):
        assert client.get("/api/v1/look").status_code == 200
    answer = client.get("/api/v1/look")
    assert answer.status_code == 429
    assert answer.headers["retry-after"] == "1"
    assert made.client().get("/healthz").status_code == 200  # others are not held up
    made.clock.pass_s(1)
    assert client.get("/api/v1/look").status_code == 200
    for _ in range(2):
        assert made.client(headers={"Authorization": "Bearer wrong"}).get("/api/v1/look").status_code in {401, 429}
    assert made.client(headers={"Authorization": "Bearer wrong"}).get("/api/v1/look").status_code == 429
