"""``makegood silence`` over a real Redis."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from alerts.model import rfc3339
from alerts.silences import SilenceBook
from alerts.store import AlertStore
from tests.cli.support import Finished, makegood
from tests.support.alerts import change
from tests.support.redis import fresh_store, redis_client, redis_server

HOUR_US = 3_600_000_000


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with redis_server() as address:
        yield address


@pytest.fixture
def now_us() -> int:
    return time.time_ns() // 1000


@pytest.fixture
def store(url: str, now_us: int) -> Iterator[AlertStore]:
    """A store in which two alerts of the shop fire, and some have fired in the last days."""
    with redis_client(url) as client:
        store = fresh_store(client)

        def fired(hours_ago: int, **labels: str) -> Any:
            at_us = now_us - hours_ago * HOUR_US
            return change(at_us=at_us, starts_at_us=at_us, **labels)

        def ended(hours_ago: int, **labels: str) -> Any:
            at_us = now_us - hours_ago * HOUR_US
            return change(step="resolved", at_us=at_us + 60_000_000, starts_at_us=at_us, **labels)

        store.apply(
            [
                fired(1, service="shop", case_id="1", summary="The shop is slow"),
                fired(2, service="shop", case_id="2", summary="[b]The shop[/b] is closed"),
                fired(3, service="web", summary="The web is down"),
                *(fired(30, service="shop", case_id="3"), ended(30, service="shop", case_id="3")),
                *(fired(24 * 20, service="shop", case_id="4"), ended(24 * 20, service="shop", case_id="4")),
            ]
        )
        yield store


@pytest.fixture
def config(store: AlertStore, url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MAKEGOOD_REDIS_URL", url)
    path = tmp_path / "m.yaml"
    path.write_text(
        f"store: {{prefix: '{store.settings.prefix}'}}\n"
        "maintenance_windows:\n"
        "  always: {matchers: [service=shop], zone: UTC, start: 2020-01-01T00:00:00, rrule: FREQ=DAILY, duration: 1d}\n"
    )
    return path


def silence(config: Path, command: str, *arguments: str) -> Finished:
    done = makegood("silence", command, "--config", config, *arguments)
    assert done.defect is None
    return done


def answer(config: Path, command: str, *arguments: str) -> Any:
    done = silence(config, command, "--json", *arguments)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def added(config: Path, *arguments: str) -> Any:
    return answer(config, "add", "service=shop", "--comment", "moving", "--by", "kim", *(arguments or ("--for", "2h")))


def test_a_new_silence_says_what_it_hides_and_would_have_hidden(config: Path) -> None:
    done = silence(config, "add", "service=shop", "--for", "2h", "--comment", "moving", "--by", "kim")
    assert done.returncode == 0
    lines = done.stdout.splitlines()
    assert lines[0].endswith("(active, version 1)")
    assert '  matchers  service="shop"' in lines
    assert "  by        kim" in lines
    assert "hides 2 alerts that fire now" in lines
    assert any(line.endswith("[b]The shop[/b] is closed") for line in lines)
    assert lines[-1].startswith("would have hidden 3 of 4 alerts in the last 7 days (since ")


def test_a_silence_may_begin_later(config: Path, now_us: int) -> None:
    told = added(config, "--start", "+2h", "--for", "30m")
    assert told["state"] == "pending"
    listed = answer(config, "list")
    assert [one["id"] for one in listed] == [told["id"]]
    assert answer(config, "list", "--state", "active") == []
    at = added(config, "--until", rfc3339(now_us + HOUR_US))
    assert at["endsAt"] == rfc3339(now_us + HOUR_US)


def test_silences_are_listed_with_why_and_until_when(config: Path) -> None:
    assert silence(config, "list").stdout == "no silences\n"
    told = added(config)
    lines = silence(config, "list").stdout.splitlines()
    assert lines[0].split() == ["silence", "state", "starts", "ends", "by", "matchers", "comment"]
    assert lines[1].startswith(f"{told['id']}  active")
    assert lines[1].endswith('kim  service="shop"  moving')
    assert len(answer(config, "list", "--label", "service=shop", "--label", "x=y")) == 1
    assert answer(config, "list", "--label", "service=web") == []


def test_a_silence_is_shown_with_its_changes_and_the_alerts_that_it_hides(config: Path) -> None:
    told = added(config)
    silence(config, "edit", told["id"], "--for", "4h", "--by", "lee")
    text = silence(config, "show", told["id"][:6]).stdout
    assert "version 2" in text
    assert "lee: ends " in text
    assert "hides 2 alerts that fire now" in text
    shown = answer(config, "show", told["id"])
    assert [one["by"] for one in shown["edits"]] == ["kim", "lee"]
    assert sorted(one["labels"]["case_id"] for one in shown["firing"]) == ["1", "2"]


def test_other_matchers_make_another_silence(config: Path) -> None:
    told = added(config)
    new = answer(config, "edit", told["id"], "--match", "service=shop", "--match", "case_id=1", "--by", "lee")
    assert new["id"] != told["id"]
    assert (new["replaces"], new["matchers"], new["createdBy"]) == (
        told["id"],
        ['case_id="1"', 'service="shop"'],
        "lee",
    )
    assert answer(config, "show", told["id"])["state"] == "expired"


def test_an_edit_of_what_somebody_else_has_changed_is_refused(config: Path) -> None:
    told = added(config)
    answer(config, "edit", told["id"], "--comment", "other", "--version", "1")
    done = silence(config, "edit", told["id"], "--comment", "mine", "--version", "1")
    assert done.returncode == 1
    assert "changed by" in done.stderr


def test_silences_are_expired_all_or_none(config: Path, store: AlertStore, now_us: int) -> None:
    ids = [added(config)["id"] for _ in range(2)]
    assert silence(config, "expire", ids[0], "ffffffff").returncode == 1
    assert len(answer(config, "list", "--state", "active")) == 2
    assert [one["state"] for one in answer(config, "expire", *ids)] == ["expired", "expired"]
    assert SilenceBook(store).active(now_us + HOUR_US) == []
    assert len(answer(config, "list", "--state", "all")) == 2
    assert len(answer(config, "expire", ids[0])) == 1  # ending it again does no harm


def test_a_preview_for_which_there_is_nothing_says_what_may_be_mistyped(config: Path) -> None:
    lines = silence(config, "preview", "service=shp", "severity=critical").stdout.splitlines()
    assert lines[0] == "would hide 0 alerts that fire now"
    assert 'note: no alert in the store has service="shp"; did you mean service=shop? (there are: shop, web)' in lines
    lines = silence(config, "preview", "team=web").stdout.splitlines()
    assert lines[-1] == 'note: no alert in the store has team="web" (none has a label team)'
    told = answer(config, "preview", "service=shop")
    assert (len(told["firing"]), told["unseen"]) == (2, [])
    assert answer(config, "preview", "service=shop", "--to", "-1d")["firing"] is None


def test_a_preview_lists_what_would_have_been_hidden(config: Path) -> None:
    done = silence(config, "preview", "service=shop")
    lines = done.stdout.splitlines()
    assert lines[0] == "would hide 2 alerts that fire now"
    assert lines[1].startswith("would have hidden 3 of 4 alerts in the last 7 days")
    assert len(lines) == 5
    assert "still fires" in done.stdout
    told = answer(config, "preview", "service=shop", "--days", "30")
    assert (len(told["hidden"]), told["total"]) == (4, 5)
    assert len(answer(config, "preview", "service=shop", "--to", "-7d", "--days", "30")["hidden"]) == 1
    of = added(config)
    assert len(answer(config, "preview", "--silence", of["id"])["hidden"]) == 3


def test_a_preview_of_a_maintenance_window_goes_by_its_times(config: Path) -> None:
    told = answer(config, "preview", "--window", "always")
    assert len(told["hidden"]) == 3
    done = silence(config, "preview", "--window", "never")
    assert done.returncode == 2
    assert "there are: always" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["add", "service=shop", "--comment", "x"], "say how long"),
        (["add", "service=shop", "--for", "2h"], "it must be said why"),
        (["add", "service=shop", "--for", "2h", "--until", "+2h", "--comment", "x"], "give one of them"),
        (["add", "service=shop", "--for", "0s", "--comment", "x"], "expected more than nothing"),
        (["add", "service=shop", "--for", "soon", "--comment", "x"], "not a duration"),
        (["add", "service=shop", "--until", "-2h", "--comment", "x"], "not after its start"),
        (["add", "service", "--for", "2h", "--comment", "x"], "not a matcher"),
        (["add", "service=", "--for", "2h", "--comment", "x"], "lacks the label"),
        (["edit", "ffff"], "no silence"),
        (["show", "ffff"], "no silence"),
        (["list", "--state", "open"], "expected some of active"),
        (["preview"], "give one of"),
        (["preview", "service=shop", "--silence", "ffff"], "give one of"),
    ],
)
def test_what_cannot_be_done_is_refused(arguments: list[str], says: str, config: Path) -> None:
    done = silence(config, *arguments)
    assert done.returncode == (1 if says == "no silence" else 2)
    assert says in done.stderr


def test_an_edit_of_nothing_is_refused(config: Path) -> None:
    done = silence(config, "edit", added(config)["id"])
    assert done.returncode == 2
    assert "nothing is to be changed" in done.stderr
