"""What customers, providers and colleagues write is text on every page, in every export and every stream."""

import asyncio
import csv
import io
import re
from html import unescape
from pathlib import Path
from typing import Any

import pytest

from alerts.trail import Trail
from alerts.trail_model import Draft
from dashboards.access.contract import Role
from dashboards.access.marks import marks
from dashboards.console import templating
from dashboards.stream import heard
from tests.dashboards.security.conftest import World
from tests.support.hostile import MARK, SCRIPT_ADDRESS, TEXT, come_to_life

_PAGES = (
    *("/inbox", "/inbox?view=alerts", "/inbox?view=groups", "/inbox?state=open,acked,silenced,standing,resolved"),
    *("/incidents", "/incidents/1", "/incidents/1?lane=x", "/silences", "/silences/new?again={silence_id}", "/feeds"),
    *("/dead-letters", "/detectors", "/detectors/drop", "/channels", "/duty", "/audit", "/a/{fingerprint}", "/truth"),
    *("/a/{fingerprint}/{starts_us}", "/settings", "/wall", "/wall/now", "/load", "/detectors/drop/backtests"),
    *("/silences/windows/patches",),
)
"""Each has a text of strangers on it, or could have."""
_ANSWERS = (
    *("/api/v1/alerts", "/api/v1/incidents", "/api/v1/silences", "/api/v1/dead-letters", "/api/v1/dead-letters/1"),
    *("/api/v1/audit", "/api/v1/feeds", "/api/v2/alerts", "/api/v2/silences", "/api/v2/alerts/groups"),
)


def test_the_reader_of_pages_finds_what_came_to_life() -> None:
    assert come_to_life(f"<p>{TEXT}</p>")
    assert come_to_life(f'<input value="{TEXT}">')
    assert come_to_life(f'<a href="{SCRIPT_ADDRESS}">x</a>')
    assert come_to_life("<script>1</script>")
    assert come_to_life('<a href="//evil.example">x</a>')
    assert come_to_life('<p title="&quot;&gt;&lt;x-evil&gt;">&lt;script&gt;</p><a href="/a?b=//c">x</a>') == []


@pytest.mark.parametrize("part", [False, True], ids=["page", "part"])
def test_no_text_of_theirs_comes_to_life_on_a_page(world: World, part: bool) -> None:
    headers = {"HX-Request": "true"} if part else {}
    seen = 0
    for path in _PAGES:
        answer = world.ask().get(path.format(**world.there), headers=headers)
        assert answer.status_code == 200, (path, answer.text[:300])
        page = answer.json()["html"] if path == "/wall/now" else answer.text
        assert come_to_life(page) == [], path
        assert "49" not in re.findall(r"onerror=alert\(1\)&gt;(\w*)", page), f"{path}: a template took it"
        seen += MARK in page
    assert seen >= 10, "the pages show what was written"


def test_every_page_that_there_is_was_looked_at(world: World) -> None:
    shown = [re.sub(r"\?.*", "", path).format(**world.there) for path in _PAGES]
    found = {mark.path for mark in marks(world.app) if "GET" in mark.methods and mark.role}
    elsewhere = re.compile(r"/(am|api|-)/.*|/metrics|/|/events|/.*/export\..*")
    unseen = {
        path
        for path in found
        if elsewhere.fullmatch(path) is None
        and not any(re.fullmatch(re.sub(r"\{[^}]*\}", "[^/]+", path), one) for one in shown)
    }
    assert unseen == set()


def test_no_template_takes_for_html_what_is_not_written_in_it() -> None:
    found = list(Path(templating.__file__).parents[1].rglob("templates/**/*.html"))
    assert len(found) > 40
    for path in found:
        text = path.read_text(encoding="utf-8")
        assert set(re.findall(r"([\w.()]+)\s*\|\s*safe", text)) <= {"off"}, path
        assert "autoescape" not in text, path
        for unquoted in re.findall(r"\s[\w-]+=\{\{[^}]*\}\}", text):
            raise AssertionError(path, f"an attribute without quotes: {unquoted}")


def test_answers_of_the_api_are_json_that_no_browser_takes_for_a_page(world: World) -> None:
    seen = 0
    for path in _ANSWERS:
        answer = world.ask().get(path)
        assert answer.status_code == 200, answer.text
        assert answer.headers["content-type"].partition(";")[0] == "application/json"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert "default-src 'self'" in answer.headers["content-security-policy"]
        seen += MARK in answer.text
    assert seen >= 6


def test_a_draft_of_a_post_mortem_has_no_markdown_and_no_html_of_theirs(world: World) -> None:
    answer = world.ask().get("/incidents/1/export.md")
    assert answer.headers["content-disposition"] == 'attachment; filename="incident-1.md"'
    text = answer.text
    assert MARK in text
    assert "<" not in text
    assert re.search(r"(?<!\\)\]\(", text) is None
    assert "\x1b" not in text
    for line in text.splitlines():
        assert not re.match(r"\s*\[[^\]]*\]:", line), "a link of theirs is defined"
    assert SCRIPT_ADDRESS not in world.ask().get(f"/a/{world.there['fingerprint']}").text.split('rel="noreferrer"')[0]


def test_an_export_for_spreadsheets_has_no_formula_and_no_line_of_theirs(world: World) -> None:
    nasty = ["=1+1", "x;=cmd|' /C calc'!A0", "\t=1", "a\n=1", " =1", "\uff1d1", "+1", "-1", "@x", "\r\n=1", '"=1"']
    drafts = [Draft(at_us=1, who=why, via="cli", action="a", object=why, after=why, why=why) for why in nasty]
    Trail(world.store).append(*drafts)
    rows = list(csv.DictReader(io.StringIO(world.ask().get("/audit/export.csv").text, newline="")))
    assert len(rows) > len(nasty)
    for row in rows:
        for cell in row.values():
            assert re.search(r"(^|[;\t\r\n])[\s\"]*[=+\-@\uff1d\uff0b\uff0d\uff20]", cell) is None, cell


def test_what_open_pages_hear_holds_no_text_of_theirs(world: World) -> None:
    async def first(count: int) -> list[str]:
        stream = heard(world.app.state.makegood)
        return [await anext(stream) for _ in range(count)]

    for message in asyncio.run(first(2)):
        assert MARK not in message
        assert re.fullmatch(r"(retry: \d+|event: \w+\ndata: [^\n]*)\n\n", message), "one message, whatever is in it"


@pytest.mark.parametrize("query", ["q", "m", "why", "feed", "reason", "who", "action", "about", "lane", "said", "next"])
def test_what_an_address_says_is_text_on_the_page_that_it_leads_to(world: World, query: str) -> None:
    for path in ("/inbox", "/silences/new", "/dead-letters", "/audit", "/incidents/1", "/login", "/no-such-page"):
        answer: Any = world.ask(None if path == "/login" else Role.ADMIN).get(path, params={query: TEXT})
        assert answer.status_code < 500
        assert come_to_life(answer.text) == [], path
        assert unescape(answer.text).count(f"<{MARK}") < 50
