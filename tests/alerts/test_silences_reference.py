"""Silences are changed as Alertmanager changes them, and hide what its silences hide."""

import time
from collections.abc import Iterator
from typing import Any

import pytest

from alerts.model import rfc3339
from alerts.silencing import Silence, Wanted, create, edit, expire
from config.matchers import parse_matcher
from tests.support.alertmanager import Alertmanager, alertmanager, needs_alertmanager
from tests.support.silences import HOUR_US


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Alertmanager]:
    with alertmanager(tmp_path_factory.mktemp("alertmanager")) as server:
        yield server


def posted(
    reference: Alertmanager, silence: Silence, silence_id: str | None = None, starts_at: str | None = None
) -> str:
    """Give Alertmanager a silence; return the id that it has there."""
    matchers = [parse_matcher(text) for text in silence.matchers]
    answer = reference.ask(
        "/api/v2/silences",
        {
            "id": silence_id,
            "matchers": [
                {
                    "name": one.label,
                    "value": one.value,
                    "isRegex": one.operator.endswith("~"),
                    "isEqual": one.operator.startswith("="),
                }
                for one in matchers
            ],
            "startsAt": starts_at or rfc3339(silence.starts_us),
            "endsAt": rfc3339(silence.ends_us),
            "createdBy": silence.author,
            "comment": silence.comment,
        },
    )
    return str(answer["silenceID"])


def made(now_us: int, matcher: str = "service=shop", starts_us: int | None = None) -> Silence:
    ends_us = (starts_us or now_us) + HOUR_US
    return create(
        "aaaa0001", matchers=[matcher], starts_us=starts_us, ends_us=ends_us, author="kim", comment="x", now_us=now_us
    )


CHANGES: dict[str, dict[str, Any]] = {
    "nothing": {},
    "comment": {"comment": "y"},
    "matchers": {"matchers": ("service=web",)},
    "end": {"ends_us": 3 * HOUR_US},
    "start": {"starts_us": HOUR_US // 2},
    "end and matchers": {"ends_us": 3 * HOUR_US, "matchers": ("service=web",)},
}


@needs_alertmanager
@pytest.mark.parametrize("state", ["active", "pending"])
@pytest.mark.parametrize("name", CHANGES)
def test_a_change_keeps_the_silence_or_replaces_it_as_alertmanager_does(
    state: str, name: str, reference: Alertmanager
) -> None:
    now_us = time.time_ns() // 1000
    old = made(now_us, starts_us=now_us + HOUR_US // 4 if state == "pending" else None)
    theirs = posted(reference, old)
    wanted = {key: now_us + value if key.endswith("_us") else value for key, value in CHANGES[name].items()}
    ours = edit(old, Wanted(**wanted), by="kim", now_us=now_us, new_id="bbbb0002")
    asked = Silence(**{**{field: getattr(old, field) for field in Silence.__struct_fields__}, **wanted})
    kept = reference.ask(f"/api/v2/silence/{theirs}")["startsAt"]  # it began when the server took it
    starts_at = None if "starts_us" in wanted else kept
    assert (posted(reference, asked, theirs, starts_at) == theirs) is (len(ours) == 1)
    before = reference.ask(f"/api/v2/silence/{theirs}")["status"]["state"]
    assert before == (state if len(ours) == 1 else ours[0].state(now_us))


@needs_alertmanager
def test_an_expired_silence_is_followed_by_a_new_one_as_in_alertmanager(reference: Alertmanager) -> None:
    now_us = time.time_ns() // 1000
    old = made(now_us)
    theirs = posted(reference, old)
    reference.ask(f"/api/v2/silence/{theirs}", method="DELETE")
    ended = expire(old, by="kim", now_us=now_us)
    (new,) = edit(ended, Wanted(ends_us=now_us + HOUR_US), by="kim", now_us=now_us, new_id="bbbb0002")
    assert (posted(reference, new, theirs) != theirs) is (new.id != old.id)


@needs_alertmanager
@pytest.mark.parametrize(
    "matcher",
    [
        "service=shop",
        "service!=shop",
        'service=~"sh.*|x"',
        'service!~"web"',
        'team=~"a|"',
        'service=~"(?i)SHOP"',
    ],
)
def test_a_silence_hides_what_alertmanagers_hides(matcher: str, reference: Alertmanager) -> None:
    now_us = time.time_ns() // 1000
    alerts = [{"service": "shop"}, {"service": "web"}, {"service": "shop", "team": "a"}, {"team": "b"}]
    silence = made(now_us, f"{{{matcher},service!=none}}")
    theirs = posted(reference, silence)
    reference.fire(alerts)
    found = {
        tuple(sorted(alert["labels"].items())): theirs in alert["status"]["silencedBy"]
        for alert in reference.ask("/api/v2/alerts")
    }
    assert found == {tuple(sorted(labels.items())): silence.matches(labels) for labels in alerts}
