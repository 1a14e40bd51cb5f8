"""What a group has to tell: tables, the first of them Alertmanager's own."""

from collections.abc import Sequence
from typing import Any

import msgspec
import pytest

from alerts.grouping import Decision, Group, Member, News, Timing, Told, decide, tick_after, token
from alerts.muting import Mute
from detectors.contract import AlertChange
from tests.support.alerts import MINUTE_US, START_US, change

NOW_US = START_US + 60 * MINUTE_US
TIMING = Timing(wait_us=MINUTE_US // 2, interval_us=5 * MINUTE_US, repeat_us=10 * MINUTE_US)
LONG_US = 600 * MINUTE_US


def alert(number: int, step: str = "firing", at_us: int = START_US) -> AlertChange:
    return change(f"A{number}", step=step, at_us=at_us)


def print_of(number: int) -> str:
    return alert(number).fingerprint


def told(firing: Sequence[int] = (), resolved: Sequence[int] = (), ago_min: int = 0, owed: Sequence[int] = ()) -> Told:
    return Told(
        at_us=NOW_US - ago_min * MINUTE_US,
        firing={print_of(number): "firing" for number in firing},
        resolved={print_of(number): "before" for number in resolved},
        thread="t1",
        owed=tuple(print_of(number) for number in owed),
    )


def group(
    members: Sequence[AlertChange], before: Told | None = None, news: Sequence[AlertChange | News] | None = None
) -> Group:
    came = members if news is None else news
    return Group(
        key="g",
        route="{}",
        receiver="ops",
        labels={"team": "web"},
        origin_us=NOW_US,
        tick_us=NOW_US,
        told=before,
        members=tuple(Member(change=one, order=one.change_id) for one in members),
        news=tuple(one if isinstance(one, News) else came_at(one) for one in came),
    )


def came_at(one: AlertChange, ago_us: int = 1000) -> News:
    return News(fingerprint=one.fingerprint, change_id=one.change_id, accepted_us=NOW_US - ago_us)


def decided(group: Group, *, hidden: Sequence[int] = (), send_resolved: bool = True, **more: Any) -> Decision:
    prints = {print_of(number) for number in hidden}

    def mute(one: AlertChange) -> Mute | None:
        if one.fingerprint not in prints:
            return None
        return Mute(kind="silenced", by="s1", detail="quiet", until_us=more.get("until_us"))

    return decide(group, NOW_US, timing=more.get("timing", TIMING), mute=mute, send_resolved=send_resolved)


def names(found: Decision) -> str:
    """Return who is listed: ``A1 a2``: the first fires, the second has resolved."""
    listed = [member.change for member in found.members]
    return " ".join(
        one.labels["alertname"] if one.status == "firing" else one.labels["alertname"].lower() for one in listed
    )


def verdicts(found: Decision) -> list[str]:
    return [account.verdict for account in found.accounts]


# --- TestDedupStageNeedsUpdate of Alertmanager's notify_test.go, in its order

NEEDS_UPDATE = {
    "nothing was told, some fire": (None, [2, 3, 4], [], 0, False, True),
    "nothing was told, none fires": (None, [], [2, 3, 4], 0, False, False),
    "others fire": (told([1, 2, 3]), [2, 3, 4], [], LONG_US, False, True),
    "told before all times": (told([1, 2, 3], ago_min=NOW_US // MINUTE_US), [1, 2, 3], [], 0, False, True),
    "the same, before repeat_interval": (told([1, 2, 3], ago_min=9), [1, 2, 3], [], 10 * MINUTE_US, False, False),
    "the same, after repeat_interval": (told([1, 2, 3], ago_min=11), [1, 2, 3], [], 10 * MINUTE_US, False, True),
    "others have resolved, none fires": (
        told(resolved=[1, 2, 3], ago_min=11), [], [3, 4, 5], 10 * MINUTE_US, True, False,
    ),
    "others have resolved, which nobody wants": (told([1, 2], [3], 9), [1], [2, 3], 10 * MINUTE_US, False, False),
    "others have resolved": (told([1, 2], [3], 9), [1], [2, 3], 10 * MINUTE_US, True, True),
    "all have resolved, which nobody wants": (told([1, 2], [3], 9), [], [1, 2, 3], 10 * MINUTE_US, False, True),
    "all have resolved": (told([1, 2], [3], 9), [], [1, 2, 3], 10 * MINUTE_US, True, True),
}  # fmt: skip


@pytest.mark.parametrize(
    ("before", "firing", "resolved", "repeat_us", "send_resolved", "updates"),
    NEEDS_UPDATE.values(),
    ids=NEEDS_UPDATE.keys(),
)
def test_a_group_is_told_when_alertmanager_would(
    before: Told | None, firing: list[int], resolved: list[int], repeat_us: int, send_resolved: bool, updates: bool
) -> None:
    members = [alert(number) for number in firing]
    members += [alert(number, "resolved", START_US + MINUTE_US) for number in resolved]
    timing = Timing(wait_us=MINUTE_US, interval_us=MINUTE_US, repeat_us=repeat_us)
    found = decided(group(members, before), timing=timing, send_resolved=send_resolved)
    assert (found.told is not None) is updates
    # As its RetryStage: that all have resolved is noted, and not sent to who does not want it.
    sent = updates and bool(firing or send_resolved)
    assert (found.kind is not None) is sent
    if sent:
        listed = {member.change.fingerprint for member in found.members}
        assert listed == {print_of(number) for number in [*firing, *(resolved if send_resolved else [])]}


def test_a_repeat_says_that_it_is_one() -> None:
    assert decided(group([alert(1)], told([1], ago_min=11), [])).kind == "repeat"
    assert decided(group([alert(1), alert(2)], told([1], ago_min=11))).kind == "group"


ENDS = START_US + MINUTE_US
CASES: dict[str, tuple[Group, dict[str, Any], str, list[str]]] = {
    "first": (group([alert(1)]), {}, "A1", ["told"]),
    "firing before resolved": (group([alert(1, "resolved", ENDS), alert(2)], told([1])), {}, "A2 a1", ["told", "told"]),
    "an update is known": (group([alert(1, "updated:1", ENDS)], told([1])), {}, "", ["known"]),
    "an update goes along": (
        group([alert(1, "updated:1", ENDS), alert(2)], told([1])), {}, "A1 A2", ["told", "told"],
    ),
    "replaced by what is told": (
        group([alert(1, "updated:1", ENDS)], None, [alert(1), alert(1, "updated:1", ENDS)]), {}, "A1",
        ["replaced", "told"],
    ),
    "over before it was told": (
        group([alert(1, "resolved", ENDS)], None, [alert(1), alert(1, "resolved", ENDS)]), {}, "",
        ["never_told", "never_told"],
    ),
    "over before it was told, to who wants no resolves": (
        group([alert(1, "resolved", ENDS)], None, [alert(1), alert(1, "resolved", ENDS)]), {"send_resolved": False},
        "", ["never_told", "never_told"],
    ),
    "over before it was told, beside another": (
        group([alert(1, "resolved", ENDS), alert(2)], told([3]), [alert(1), alert(1, "resolved", ENDS), alert(2)]), {},
        "A2 a1", ["replaced", "told", "told"],
    ),
    "over, to who wants no resolves": (
        group([alert(1, "resolved", ENDS)], told([1])), {"send_resolved": False}, "", ["unwanted"],
    ),
    "over, to who wants no resolves, beside another": (
        group([alert(1, "resolved", ENDS), alert(2)], told([1])), {"send_resolved": False}, "A2", ["unwanted", "told"],
    ),
    "hidden": (group([alert(1)]), {"hidden": [1]}, "", ["muted"]),
    "hidden beside another": (group([alert(1), alert(2)]), {"hidden": [1]}, "A2", ["muted", "told"]),
    "hidden and over": (group([alert(1, "resolved", ENDS)]), {"hidden": [1]}, "", ["muted"]),
    "hidden and over, when it was told": (
        group([alert(1, "resolved", ENDS)], told([1])), {"hidden": [1]}, "a1", ["told"],
    ),
    "hidden and over, when it was told before the last time": (
        group([alert(1, "resolved", ENDS)], told(resolved=[2], owed=[1])), {"hidden": [1]}, "a1", ["told"],
    ),
    "no more hidden": (group([alert(1), alert(2)], told([2], owed=[1]), []), {}, "A1 A2", []),
    "hidden since it was told": (group([alert(1)], told([1], ago_min=11), []), {"hidden": [1]}, "", []),
    "it expired": (group([alert(2)], told([2]), [alert(1)]), {}, "", ["never_told"]),
    "suspected": (group([alert(1, "suspected")]), {}, "A1", ["told"]),
    "confirmed after suspected": (
        group([alert(1, "confirmed", ENDS)], Told(
            at_us=NOW_US, firing={print_of(1): "suspected"}, resolved={}, thread="t1",
        )), {}, "A1", ["told"],
    ),
    "reinstated after it was told as over": (
        group([alert(1, "reinstated:1", ENDS)], told(resolved=[1])), {}, "A1", ["told"],
    ),
    "retracted after it was told as over": (
        group([alert(1, "retracted", ENDS)], told(resolved=[1])), {}, "a1", ["told"],
    ),
    "retracted after it was told as over, while it is hidden": (
        group([alert(1, "retracted", ENDS)], told(resolved=[1])), {"hidden": [1]}, "", ["muted"],
    ),
    "a resolve that was on its way when it was told": (
        group([alert(1, "resolved", ENDS)], Told(
            at_us=NOW_US, firing={}, resolved={print_of(1): alert(1, "resolved", ENDS).change_id}, thread="t1",
        ), [alert(1, "updated:1", ENDS), alert(1, "resolved", ENDS)]), {}, "", ["replaced", "known"],
    ),
}  # fmt: skip


@pytest.mark.parametrize(("group", "how", "listed", "accounts"), CASES.values(), ids=CASES.keys())
def test_who_is_listed_and_what_becomes_of_each_change(
    group: Group, how: dict[str, Any], listed: str, accounts: list[str]
) -> None:
    found = decided(group, **how)
    assert names(found) == listed
    assert (found.kind is not None) is bool(listed)
    assert verdicts(found) == accounts
    assert {account.group for account in found.accounts} <= {'{}:{team="web"}'}
    assert {member.change.status for member in found.removed} <= {"resolved"}
    assert all(member in found.removed for member in group.members if member.change.status == "resolved")


def test_what_hid_a_change_stands_in_its_account() -> None:
    (account,) = decided(group([alert(1)]), hidden=[1]).accounts
    assert account.by == "silenced by s1: quiet"


# --- what nobody was there to tell


@pytest.mark.parametrize(
    ("before", "fired_ago_us", "ended_ago_us", "listed"),
    [
        pytest.param(None, 10 * MINUTE_US, 9 * MINUTE_US, "a1", id="longer than group_wait"),
        pytest.param(None, 10 * MINUTE_US, 10 * MINUTE_US - TIMING.wait_us + 1, "", id="shorter than group_wait"),
        pytest.param(told(resolved=[1], ago_min=999), 10 * MINUTE_US, 9 * MINUTE_US, "a1", id="told before, long ago"),
        pytest.param(told(resolved=[1], ago_min=999), 10 * MINUTE_US, 10 * MINUTE_US - 1, "", id="short, told before"),
    ],
)
def test_what_fired_for_long_while_nobody_was_there_is_told_as_over(
    before: Told | None, fired_ago_us: int, ended_ago_us: int, listed: str
) -> None:
    over = alert(1, "resolved", ENDS)
    news = [came_at(alert(1), fired_ago_us), came_at(over, ended_ago_us)]
    for send_resolved in (True, False):
        assert names(decided(group([over], before, news), send_resolved=send_resolved)) == listed


@pytest.mark.parametrize(("fired_min", "listed"), [(7, "a1"), (4, "")])
def test_in_a_group_that_was_there_what_fired_over_a_tick_is_told_as_over(fired_min: int, listed: str) -> None:
    over = alert(1, "resolved", ENDS)
    news = [came_at(alert(1), fired_min * MINUTE_US), came_at(over, 2 * MINUTE_US)]
    old = group([over], told(resolved=[2]), news)
    assert names(decided(msgspec.structs.replace(old, origin_us=NOW_US - 20 * MINUTE_US))) == listed


# --- what is remembered


def test_who_was_told_and_is_hidden_now_is_owed_its_end() -> None:
    found = decided(group([alert(1), alert(2), alert(3)], told([1], owed=[3])), hidden=[1, 3])
    assert found.told is not None
    assert set(found.told.firing) == {print_of(2)}
    assert set(found.told.owed) == {print_of(1), print_of(3)}
    assert found.told.thread == "t1"
    again = decided(group([alert(1), alert(2), alert(3)], found.told, []))
    assert again.told is not None
    assert (set(again.told.firing), again.told.owed) == ({print_of(1), print_of(2), print_of(3)}, ())


def test_a_thread_lasts_until_all_is_told_as_over() -> None:
    first = decided(group([alert(1)]))
    assert first.told is not None
    assert first.told.thread == f"g-{NOW_US // 1000}"
    over = decided(group([alert(1, "resolved", ENDS)], first.told))
    assert over.told is not None
    assert over.told.thread == first.told.thread
    assert not over.told.is_open
    assert decided(group([alert(1)], over.told)).told == first.told


# --- when it is looked at again


@pytest.mark.parametrize(
    ("found", "minutes"),
    [
        pytest.param(decided(group([alert(1)])), 15, id="repeat"),
        pytest.param(decided(group([alert(1)], told([1], ago_min=3), [])), 10, id="repeat, told before"),
        pytest.param(decided(group([alert(1)]), hidden=[1]), 5, id="hidden, depends on others"),
        pytest.param(decided(group([alert(1)]), hidden=[1], until_us=NOW_US + 21 * MINUTE_US), 25, id="hidden until"),
        pytest.param(
            decided(group([alert(1), alert(2)]), hidden=[1], until_us=NOW_US + 6 * MINUTE_US), 10, id="first of both"
        ),
        pytest.param(decided(group([alert(1, "resolved", ENDS)], told([1]))), None, id="all is over"),
    ],
)  # fmt: skip
def test_a_group_is_looked_at_on_the_first_tick_on_which_something_can_come_of_it(
    found: Decision, minutes: int | None
) -> None:
    assert found.look_again_us == (None if minutes is None else NOW_US + minutes * MINUTE_US)


def test_ticks() -> None:
    assert [tick_after(100, 30, time) for time in (0, 99, 100, 101, 130, 131)] == [100, 100, 100, 130, 130, 160]


@pytest.mark.parametrize(
    ("step", "said"),
    [
        ("firing", "firing"), ("confirmed", "firing"), ("updated:3", "firing"), ("suspected", "suspected"),
        ("suspected:2", "suspected:2"), ("reinstated:1", "reinstated:1"), ("resolved", "resolved"),
    ],
)  # fmt: skip
def test_what_is_said_by_telling_a_step(step: str, said: str) -> None:
    assert token(alert(1, step)) == said


def test_what_is_told_when_what_hid_it_has_ended_has_an_account_although_nothing_came() -> None:
    before = told(firing=[2])
    found = decided(group([alert(1), alert(2), alert(3)], before, news=[alert(3)]))
    assert [account.verdict for account in found.accounts] == ["told"]
    assert [(print_, one.change_id, one.verdict) for print_, one in found.after_all] == [
        (print_of(1), alert(1).change_id, "told")
    ]
    assert decided(group([alert(1), alert(2)], before, news=[]), hidden=[1]).after_all == ()
