"""Whatever is sent, to whatever address: no defect, nobody led elsewhere, no header that a text has written."""

import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote, urljoin, urlsplit

import pytest
from starlette.testclient import TestClient

from dashboards.access.contract import Role
from tests.dashboards.security.conftest import World
from tests.support.access import BASE_URL
from tests.support.hostile import BODIES, LINE, MARK, TEXT, VALUES, Route, come_to_life, routes

_READ_BY_HAND: dict[str, list[str]] = {
    "/acts": [
        *("act", "row", "q", "state", "view", "view_seq", "expected_count", "minutes", "to", "text", "back"),
        *("nonce", "line", "whole", "sure"),
    ],
    "/undo": ["id", "back"],
    "/inbox": ["q", "state", "view", "after", "sort", "said", "zone"],
    "/wall": ["in", "m", "hide", "theme", "pages", "service", "region", "token"],
    "/wall/now": ["in", "m", "hide", "seen", "shown", "size", "nodes"],
    "/wall/size.css": ["in", "m"],
    "/login/oidc/callback": ["state", "code", "iss", "error"],
}
_OF_ALERTMANAGER = ["filter", "receiver", "receiver_matchers", "active", "silenced", "inhibited", "muted", "expired"]
_ENDLESS = {"/events"}


def asked(world: World) -> Iterator[tuple[Route, str, str]]:
    """Yield every route with each of its methods, and an address of something that there is."""
    for route in routes(world.app):
        if route.path in _ENDLESS:
            continue
        path = re.sub(r"\{(\w+)[^}]*\}", lambda found: world.there.get(found[1], "1"), route.path)
        for method in route.methods:
            yield route, method, path


def names(route: Route, method: str) -> list[str]:
    by_hand = _READ_BY_HAND.get(route.path, [])
    if "/api/v2/" in route.path:
        by_hand = [*by_hand, *_OF_ALERTMANAGER]
    return [*route.query, *by_hand] if method in {"GET", "HEAD", "DELETE"} else [*route.query, *route.form, *by_hand]


def check(answer: Any, what: str) -> None:
    assert answer.status_code < 500, f"{what}: {answer.status_code} {answer.text[:300]}"
    assert "set-cookie" not in answer.headers or MARK not in answer.headers["set-cookie"].partition("=")[0], what
    for name in ("location", "hx-redirect"):
        if name in answer.headers:
            there = urlsplit(urljoin(BASE_URL, answer.headers[name].replace("\\", "/")))
            assert f"{there.scheme}://{there.netloc}" == BASE_URL, f"{what} leads to {answer.headers[name]!r}"
    if answer.headers.get("content-type", "").startswith("text/html"):
        assert come_to_life(answer.text) == [], what
    assert "root:x:0:0" not in answer.text, what
    assert "Traceback" not in answer.text, what


def sent(client: TestClient, method: str, path: str, given: dict[str, Any], **more: Any) -> Any:
    if method in {"GET", "HEAD", "DELETE"}:
        return client.request(method, path, params=given, **more)
    return client.request(method, path, data=given, **more)


def values(*few: int) -> list[Any]:
    """Return the values as parameters: some of them every day, each other one at night."""
    return [
        pytest.param(value, id=ascii(value)[:24], marks=() if place in few else pytest.mark.slow)
        for place, value in enumerate(VALUES)
    ]


EVERY_DAY = [VALUES.index(one) for one in ("\x00", "//[", "9" * 5000, "\u0663", TEXT)]


@pytest.mark.parametrize("value", values(*EVERY_DAY))
def test_no_value_of_any_parameter_is_a_defect_or_leads_elsewhere(world: World, value: str) -> None:
    client = world.ask()
    for route, method, path in asked(world):
        given = dict.fromkeys(names(route, method), value)
        check(sent(client, method, path, given), f"{method} {path} with {value[:40]!r}")
        if given and route.path.count("{") == 0 and method == "POST":
            htmx = {"HX-Request": "true", "HX-Current-URL": value.encode("ascii", "replace").decode()}
            if not re.search(r"[\r\n\x00]", value):
                check(sent(client, method, path, given, headers=htmx), f"{method} {path} by htmx with {value[:40]!r}")


@pytest.mark.parametrize("value", values(*EVERY_DAY)[2:])
def test_no_name_in_a_path_is_a_defect_or_leads_to_a_file(world: World, value: str) -> None:
    client = world.ask()
    for route in routes(world.app):
        if "{" not in route.path:
            continue
        path = re.sub(r"\{[^}]*\}", quote(value[:500], safe=""), route.path)
        for method in route.methods:
            check(sent(client, method, path, {}), f"{method} {path[:200]}")


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(body, id=ascii(body)[:24], marks=() if body[:2] in {b"[[", b"{", b'"\\'} else pytest.mark.slow)
        for body in BODIES
    ],
)
def test_no_body_is_a_defect(world: World, body: bytes) -> None:
    client = world.ask()
    kinds = ("application/json", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "text/plain")
    for _route, method, path in asked(world):
        if method in {"POST", "PATCH", "PUT"}:
            for kind in kinds if len(body) < 1_000 and body else kinds[:1]:
                answer = client.request(method, path, content=body, headers={"Content-Type": kind})
                check(answer, f"{method} {path} with {body[:20]!r} as {kind}")


def test_no_value_of_any_field_is_a_defect(world: World, request: pytest.FixtureRequest) -> None:
    client = world.ask()
    some = VALUES if request.config.getoption("--nightly") else [VALUES[place] for place in EVERY_DAY]
    for route, method, path in asked(world):
        for name in route.json:
            for value in (*some, None, 10**400, -1, 1e308, [], {}, [[]], {"a": {}}, "\ud800"):
                try:
                    answer = client.request(method, path, json={name: value})
                except UnicodeEncodeError:
                    answer = client.request(
                        method, path, content=f'{{"{name}":"\\ud800"}}', headers={"Content-Type": "application/json"}
                    )
                check(answer, f"{method} {path} with {name}={value!r:.40}")


def test_whoever_is_sent_to_log_in_comes_back_to_this_site(world: World) -> None:
    client = world.ask(None)
    for value in VALUES:
        if re.search(r"[\x00-\x20]", value):
            continue
        for path in (
            f"/{quote(value[:200], safe='/')}",
            f"/inbox?next={quote(value[:200])}",
            f"/inbox/{quote(value[:200])}",
        ):
            check(client.get(path, headers={"Accept": "text/html"}), path)
        check(client.get("/login", params={"next": value}), value)


def test_a_file_that_is_downloaded_has_a_name_of_ours(world: World) -> None:
    client = world.ask()
    names = set()
    for path in ("/incidents/1/export.md", "/incidents/1/export.json", "/audit/export.csv", "/audit/export.json"):
        for query in ("", f"?who={quote(LINE)}&filename={quote(LINE)}"):
            names.add(client.get(path + query).headers["content-disposition"])
    assert all(re.fullmatch(r'attachment; filename="[a-z0-9.-]+"', name) for name in names), names
    assert client.get(f"/audit/export.{quote(LINE, safe='')}").status_code == 404


def test_roles_hold_whatever_is_said_of_the_method(world: World) -> None:
    client = world.ask(Role.VIEWER)
    for headers in ({"X-HTTP-Method-Override": "POST"}, {"X-Original-URL": "/audit"}, {"X-Rewrite-URL": "/audit"}):
        assert client.get("/audit", headers=headers).status_code == 403
        assert client.post("/undo", headers=headers).status_code == 403
