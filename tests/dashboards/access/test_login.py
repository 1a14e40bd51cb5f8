"""Logging in with a password: sessions, their ids and ends, and who guesses."""

import re
from pathlib import Path

import pytest

from alerts.store import AlertStore
from dashboards.access.audit import trail_of
from dashboards.access.contract import Role
from dashboards.access.sessions import Sessions
from tests.support.access import PASSWORD, Served, log_in, served, token_in, users


def test_whoever_logs_in_is_known_by_a_cookie(people: Served) -> None:
    client = people.client()
    assert client.get("/").status_code == 303
    answer = log_in(client, "rob", PASSWORD)
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    assert client.get("/").json() | {"csrf_token": ""} == {
        "name": "rob",
        "kind": "session",
        "role": "RESPONDER",
        "csrf_token": "",
    }


def test_the_login_leads_to_the_page_that_was_wanted(people: Served) -> None:
    client = people.client()
    sent = client.get("/?q=a%20b&tz=utc").headers["location"]
    assert sent == "/login?next=%2F%3Fq%3Da%2520b%26tz%3Dutc"
    page = client.get(sent)
    wanted = re.search(r'name="next" value="([^"]+)"', page.text)
    assert wanted is not None
    assert wanted.group(1).replace("&amp;", "&") == "/?q=a%20b&tz=utc"
    answer = log_in(client, "rob", PASSWORD, next="/?q=a%20b&tz=utc")
    assert answer.headers["location"] == "/?q=a%20b&tz=utc"


@pytest.mark.parametrize(
    "wanted",
    [
        *("//evil.example", "https://evil.example/", "/\\evil.example", "\\\\evil.example", "/\t/evil.example"),
        *("javascript:alert(1)", "evil.example", "/login", "/logout", "/%0d%0aX: y\r\nZ: 1", " //evil.example"),
        *("/api/v1/look", "///evil.example", "/\u2028x", "http:evil.example", "", "/" + "a" * 3000),
    ],
)
def test_a_login_leads_nowhere_else(people: Served, wanted: str) -> None:
    client = people.client()
    assert log_in(client, "rob", PASSWORD, next=wanted).headers["location"] == "/"


def test_cookies_are_for_this_site_and_its_server_alone(people: Served) -> None:
    answer = log_in(people.client(), "rob", PASSWORD)
    cookie = next(one for one in answer.headers.get_list("set-cookie") if one.startswith("makegood="))
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie
    assert "Path=/" in cookie
    assert "Domain" not in cookie


def test_over_tls_cookies_are_bound_to_the_host(store: AlertStore, tmp_path: Path) -> None:
    made = served(store, {"users": users(tmp_path, rob="responder"), "public_url": "https://mg.example.com"})
    client = made.client(base_url="https://mg.example.com")
    answer = log_in(client, "rob", PASSWORD)
    cookie = next(one for one in answer.headers.get_list("set-cookie") if one.startswith("__Host-makegood="))
    assert "Secure" in cookie
    assert "Path=/" in cookie
    assert client.get("/").status_code == 200
    assert answer.headers["strict-transport-security"].startswith("max-age=")


def test_a_login_gives_a_new_id_whatever_the_browser_had(people: Served) -> None:
    client = people.client()
    client.cookies.set("makegood", "an-id-that-somebody-else-has-set")
    log_in(client, "rob", PASSWORD)
    fixed = people.client()
    fixed.cookies.set("makegood", "an-id-that-somebody-else-has-set")
    assert fixed.get("/").status_code == 303


def test_a_second_login_ends_the_session_before(people: Served) -> None:
    client = people.logged_in("rob")
    (first,) = [one.value for one in client.cookies.jar if one.name == "makegood"]
    assert log_in(client, "vera", PASSWORD).status_code == 303
    before = people.client(cookies={"makegood": str(first)})
    assert before.get("/").status_code == 303
    assert client.get("/").json()["name"] == "vera"


def test_who_reads_redis_is_not_logged_in(people: Served) -> None:
    client = people.logged_in("rob")
    (key,) = [one.value for one in client.cookies.jar if one.name == "makegood"]
    kept = list(people.store.client.scan_iter(f"{people.store.keys.prefix}session:*"))
    assert kept
    for name in kept:
        assert str(key) not in name + people.store.client.get(name)
        stolen = people.client(cookies={"makegood": name.rpartition(":")[2]})
        assert stolen.get("/").status_code == 303


def test_logging_out_ends_the_session_and_not_only_the_cookie(people: Served) -> None:
    client = people.logged_in("rob")
    (key,) = [one.value for one in client.cookies.jar if one.name == "makegood"]
    token = client.get("/").json()["csrf_token"]
    assert client.post("/logout", data={"csrf_token": token}).headers["location"] == "/login"
    assert people.client(cookies={"makegood": str(key)}).get("/").status_code == 303


def test_logging_out_everywhere_ends_all_sessions_of_a_person_and_no_others(people: Served) -> None:
    here, there, other = people.logged_in("rob"), people.logged_in("rob"), people.logged_in("vera")
    token = here.get("/").json()["csrf_token"]
    assert here.post("/logout/everywhere", headers={"X-CSRF-Token": token}).status_code == 303
    assert there.get("/").status_code == 303
    assert other.get("/").status_code == 200


def test_a_session_ends_when_it_is_not_used(people: Served) -> None:
    client = people.logged_in("rob")
    for _ in range(3):
        people.clock.pass_s(11 * 3600)
        assert client.get("/").status_code == 200
    people.clock.pass_s(12 * 3600 + 120)
    assert client.get("/").status_code == 303


def test_a_session_ends_after_its_lifetime_however_much_it_is_used(people: Served) -> None:
    client = people.logged_in("rob")
    for _ in range(20):
        people.clock.pass_s(8 * 3600)
        assert client.get("/").status_code == 200
    people.clock.pass_s(8 * 3600)
    assert client.get("/").status_code == 303


def test_a_session_that_was_ended_is_not_brought_back_by_being_used(people: Served) -> None:
    sessions = Sessions(people.store, people.settings.console.session)
    key, _ = sessions.start("rob", Role.VIEWER, "password", now_us=people.clock())
    sessions.end(key)
    people.clock.pass_s(3600)
    assert sessions.find(key, people.clock()) is None
    assert sessions.of("rob") == []


def test_redis_forgets_sessions_by_itself(people: Served) -> None:
    people.logged_in("rob")
    (name,) = people.store.client.scan_iter(f"{people.store.keys.prefix}session:*")
    assert 0 < people.store.client.pttl(name) <= 12 * 3600 * 1000


def test_a_role_that_the_settings_take_away_is_gone_at_once(people: Served, tmp_path: Path) -> None:
    client = people.logged_in("adam")
    (key,) = [one.value for one in client.cookies.jar if one.name == "makegood"]
    lower = served(people.store, {"users": users(tmp_path, adam="viewer")}, people.clock)
    gone = served(people.store, {"users": users(tmp_path, rob="viewer")}, people.clock)
    assert lower.client(cookies={"makegood": str(key)}).get("/").json()["role"] == "VIEWER"
    assert gone.client(cookies={"makegood": str(key)}).get("/").status_code == 303


def test_a_wrong_password_and_a_wrong_name_are_told_alike(people: Served) -> None:
    client = people.client()
    wrong = log_in(client, "rob", "wrong")
    unknown = log_in(client, "nobody-is-called-so", "wrong")
    assert wrong.status_code == unknown.status_code == 403

    def told(page: str) -> str:
        return re.sub(r'value="[^"]*"|Request \w+', "", page)

    assert told(wrong.text) == told(unknown.text)


def test_who_guesses_is_locked_out_and_a_right_password_does_not_help(people: Served) -> None:
    client = people.client()
    for _ in range(5):
        assert log_in(client, "rob", "wrong").status_code == 403
    answer = log_in(client, "rob", PASSWORD)
    assert answer.status_code == 429
    assert 0 < int(answer.headers["retry-after"]) <= 900
    assert "minutes" in answer.text


def test_a_lock_is_for_a_name_and_an_address(store: AlertStore, tmp_path: Path) -> None:
    made = served(store, {"users": users(tmp_path, rob="responder", vera="viewer"), "trusted_proxies": ["10.0.0.0/8"]})
    here = made.client(client=("10.0.0.1", 1), headers={"X-Forwarded-For": "192.0.2.1"})
    there = made.client(client=("10.0.0.1", 1), headers={"X-Forwarded-For": "192.0.2.2"})
    for _ in range(6):
        log_in(here, "rob", "wrong")
    assert log_in(here, "rob", PASSWORD).status_code == 429
    assert log_in(here, "vera", PASSWORD).status_code == 303
    assert log_in(there, "rob", PASSWORD).status_code == 303


def test_names_that_there_are_not_are_locked_out_alike(people: Served) -> None:
    client = people.client()
    for _ in range(5):
        log_in(client, "nobody-is-called-so", "wrong")
    assert log_in(client, "nobody-is-called-so", "wrong").status_code == 429


def test_who_tries_many_names_is_locked_out(store: AlertStore, tmp_path: Path) -> None:
    made = served(store, {"users": users(tmp_path, rob="responder"), "login": {"tries": 1, "locked_for": "1h"}})
    client = made.client()
    for number in range(10):
        assert log_in(client, f"name-{number}", "wrong").status_code == 403
    assert log_in(client, "rob", PASSWORD).status_code == 429


def test_a_right_password_clears_what_was_wrong_before(people: Served) -> None:
    client = people.client()
    for _ in range(3):
        for _ in range(4):
            assert log_in(client, "rob", "wrong").status_code == 403
        assert log_in(client, "rob", PASSWORD).status_code == 303


def test_a_login_without_the_token_of_the_page_is_refused(people: Served) -> None:
    client = people.client()
    form = {"name": "rob", "password": PASSWORD}
    assert client.post("/login", data=form).status_code == 403
    stolen = token_in(people.client().get("/login").text)
    client.get("/login")
    assert client.post("/login", data=form | {"csrf_token": stolen}).status_code == 403
    assert client.get("/").status_code == 303


def test_a_login_that_another_site_sends_is_refused(people: Served) -> None:
    client = people.client()
    token = token_in(client.get("/login").text)
    form = {"name": "rob", "password": PASSWORD, "csrf_token": token}
    assert client.post("/login", data=form, headers={"Origin": "https://evil.example"}).status_code == 403
    assert client.post("/login", data=form, headers={"Sec-Fetch-Site": "cross-site"}).status_code == 403
    assert client.post("/login", data=form, headers={"Origin": "http://127.0.0.1:8080"}).status_code == 303


def test_logins_and_logouts_are_in_the_audit_log(people: Served) -> None:
    client = people.logged_in("rob")
    client.post("/logout", data={"csrf_token": client.get("/").json()["csrf_token"]})
    ended, started = trail_of(people.store).newest_first()
    assert (started.entry.action, started.entry.who, started.entry.via) == ("session.start", "rob", "session")
    assert (ended.entry.action, ended.entry.role) == ("session.end", "responder")
    assert started.entry.address == "testclient"
    assert len(started.entry.request) == 16


def test_the_login_page_is_plain_and_escapes_what_was_typed(people: Served) -> None:
    page = log_in(people.client(), '"><script>alert(1)</script>', "wrong").text
    assert "<script" not in page
    assert " style=" not in page
    assert 'for="name"' in page
    assert 'autocomplete="current-password"' in page


def test_a_page_that_somebody_may_not_see_says_who_can_help(people: Served) -> None:
    answer = people.logged_in("rob").get("/admin", headers={"Accept": "text/html"})
    assert answer.status_code == 403
    assert "needs the role admin" in answer.text
    assert "adam" in answer.text


def test_htmx_is_sent_to_the_login_page_as_a_whole(people: Served) -> None:
    headers = {"HX-Request": "true", "HX-Current-URL": "http://127.0.0.1:8080/inbox?q=x"}
    answer = people.client().get("/", headers=headers)
    assert answer.status_code == 401
    assert answer.headers["hx-redirect"] == "/login?next=%2Finbox%3Fq%3Dx"
    evil = people.client().get("/", headers=headers | {"HX-Current-URL": "https://evil.example//evil.example"})
    assert evil.headers["hx-redirect"] == "/login"


def test_a_page_of_one_process_can_be_sent_to_another(people: Served) -> None:
    other = served(people.store, people.settings.model_dump()["console"], people.clock)
    page = people.client()
    token = token_in(page.get("/login").text)
    cookies = {one.name: str(one.value) for one in page.cookies.jar}
    form = {"name": "rob", "password": PASSWORD, "csrf_token": token}
    assert other.client(cookies=cookies).post("/login", data=form).status_code == 303
