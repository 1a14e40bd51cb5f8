"""Secrets get into no log, page, header, repr, error or key of Redis: canaries are searched for."""

import base64
import logging
import re
from pathlib import Path
from typing import Any

import pytest

from alerts.store import AlertStore
from config.settings import Settings
from dashboards.access.audit import trail_of
from dashboards.access.tokens import Tokens
from tests.dashboards.access.conftest import TOKEN, WALL_TOKEN
from tests.support.access import PASSWORD, Served, log_in, served, users

CANARIES = (PASSWORD, TOKEN, WALL_TOKEN, "canary-wrong-password")


def everything_in_redis(store: AlertStore) -> str:
    found = []
    for name in store.client.scan_iter(f"{store.keys.prefix}*"):
        kind = store.client.type(name)
        reads: dict[str, Any] = {
            "string": store.client.get,
            "set": store.client.smembers,
            "stream": store.client.xrange,
        }
        found += [name, str(reads[kind](name))]
    return "\n".join(found)


def test_what_people_and_programs_show_is_found_nowhere(
    people: Served,
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for client_of_tests in ("httpx", "httpx2"):  # it says what it asks for, when another test has set up logging
        monkeypatch.setattr(logging.getLogger(client_of_tests), "disabled", True)
    said: list[str] = []

    def note(answer: Any) -> None:
        said.append(answer.text + str(answer.headers))

    client = people.logged_in("rob")
    page = client.get("/").json()
    (session_id,) = [str(one.value) for one in client.cookies.jar if one.name == "makegood"]
    note(log_in(people.client(), "rob", "canary-wrong-password"))
    for headers in (
        {"Authorization": f"Bearer {TOKEN}"},
        {"Authorization": f"Bearer {TOKEN}-canary"},
        {"Authorization": f"Bearer {WALL_TOKEN}"},
        {"Authorization": "Basic " + base64.b64encode(f"rob:{PASSWORD}".encode()).decode()},
        {"Authorization": "Basic " + base64.b64encode(b"rob:canary-wrong-password").decode()},
    ):
        note(people.client().get("/api/v1/look", headers=headers))
        note(people.client().post("/api/v1/change", headers=headers))
    note(people.client().get("/wall", params={"token": WALL_TOKEN}))
    note(people.client().get("/wall", params={"token": WALL_TOKEN + "x"}))
    note(client.post("/form", data={"csrf_token": "wrong"}))
    note(client.post("/logout", data={"csrf_token": page["csrf_token"]}))
    out, err = capfd.readouterr()
    kept = everything_in_redis(people.store)
    places = {"answers": "\n".join(said), "logs": out + err + caplog.text, "Redis": kept}
    for place, text in places.items():
        for canary in (*CANARIES, session_id):
            assert canary not in text, f"{canary!r} is in {place}"
    assert "login_failed" in places["logs"]
    assert page["csrf_token"] not in places["logs"] + str(
        [kept.entry for kept in trail_of(people.store).newest_first()]
    )


def test_settings_and_what_is_made_of_them_show_no_secret(people: Served, tmp_path: Path) -> None:
    digest = (tmp_path / "password-hash").read_text()
    shown = repr(people.settings) + str(people.settings) + people.settings.model_dump_json()
    access = people.app.state.makegood.access
    shown += repr(Tokens(people.settings.console).all()) + repr(vars(access)) + repr(access.passwords.__dict__)
    for canary in (*CANARIES, digest):
        assert canary not in shown


def test_an_error_about_a_secret_does_not_tell_it(store: AlertStore, tmp_path: Path) -> None:
    path = tmp_path / "hash"
    path.write_text("canary-that-is-no-hash")
    with pytest.raises(Exception, match="Argon2id") as caught:
        served(store, {"users": {"rob": {"role": "viewer", "password_hash": {"file": str(path)}}}})
    assert "canary-that" not in str(caught.value)
    with pytest.raises(ValueError, match="password_hash") as wrong:
        Settings.model_validate(
            {"console": {"users": {"rob": {"role": "viewer", "password_hash": "canary-in-the-file"}}}}
        )
    assert "canary-in-the-file" not in str(wrong.value)


def test_a_token_of_a_page_says_nothing_about_another_ones(store: AlertStore, tmp_path: Path) -> None:
    made = served(store, {"users": users(tmp_path, rob="responder")})
    tokens = {made.logged_in("rob").get("/").json()["csrf_token"] for _ in range(3)}
    assert len(tokens) == 3
    assert all(re.fullmatch("[A-Za-z0-9_-]{32}", one) for one in tokens)
