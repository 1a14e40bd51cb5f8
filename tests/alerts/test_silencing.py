"""What a silence is, and what may be changed about it: the rules of Alertmanager's ``canUpdate`` and ``expire``."""

from collections.abc import Mapping

import pytest

from alerts.silencing import MOST_COMMENT, Silence, SilenceError, Wanted, create, edit, expire, mute
from tests.support.silences import HOUR_US, NOW_US


def silence(
    *matchers: str,
    starts_us: int | None = None,
    ends_us: int = NOW_US + HOUR_US,
    now_us: int = NOW_US,
    silence_id: str = "aaaa0001",
    author: str = "kim",
    comment: str = "moving the database",
) -> Silence:
    return create(
        silence_id,
        matchers=matchers or ("service=shop",),
        starts_us=starts_us,
        ends_us=ends_us,
        author=author,
        comment=comment,
        now_us=now_us,
    )


def changed(old: Silence, now_us: int, **wanted: object) -> tuple[Silence, ...]:
    return edit(old, Wanted(**wanted), by="lee", now_us=now_us, new_id="bbbb0002")  # type: ignore[arg-type]


def test_it_is_pending_then_active_then_expired_by_the_clock_alone() -> None:
    one = silence(starts_us=NOW_US + 10, ends_us=NOW_US + 20)
    assert [one.state(NOW_US + at) for at in (0, 9, 10, 19, 20, 99)] == [
        "pending", "pending", "active", "active", "expired", "expired",
    ]  # fmt: skip


def test_it_starts_now_at_the_earliest() -> None:
    assert silence(starts_us=NOW_US - HOUR_US).starts_us == NOW_US


def test_matchers_are_kept_sorted_and_once() -> None:
    assert silence("{b=2,a=1}", 'a="1"').matchers == ('a="1"', 'b="2"')


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"author": " "}, "who silences"),
        ({"comment": " "}, "why"),
        ({"comment": "x" * (MOST_COMMENT + 1)}, "at most"),
        ({"ends_us": NOW_US}, "not after its start"),
        ({"starts_us": NOW_US + HOUR_US, "ends_us": NOW_US + 10}, "not after its start"),
    ],
)
def test_a_silence_that_makes_no_sense_is_refused(wrong: dict[str, object], says: str) -> None:
    with pytest.raises(SilenceError, match=says):
        silence(**wrong)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("matchers", "says"),
    [
        (["{}"], "at least one matcher"),
        (["service"], "not a matcher"),
        (["service="], "lacks the label"),
        (['service=~".*"', "team="], "lacks the label"),
    ],
)
def test_matchers_that_hide_nearly_all_are_refused(matchers: list[str], says: str) -> None:
    with pytest.raises(SilenceError, match=says):
        silence(*matchers)


def test_a_negative_matcher_is_enough_as_it_is_for_alertmanager() -> None:
    assert silence("service!=shop").matches({})


@pytest.mark.parametrize(
    ("labels", "hidden"),
    [({"service": "shop"}, True), ({"service": "shop", "x": "y"}, True), ({"service": "web"}, False), ({}, False)],
)
def test_an_active_silence_hides_what_all_its_matchers_match(labels: Mapping[str, str], hidden: bool) -> None:
    assert (mute(labels, [silence()], NOW_US) is not None) is hidden
    assert mute(labels, [silence()], NOW_US + HOUR_US) is None
    assert mute(labels, [silence(starts_us=NOW_US + 1)], NOW_US) is None


def test_of_several_silences_the_one_that_ends_last_is_named() -> None:
    several = [silence(), silence(ends_us=NOW_US + 2 * HOUR_US, silence_id="aaaa0002"), silence(silence_id="aaaa0003")]
    for order in (several, several[::-1]):
        found = mute({"service": "shop"}, order, NOW_US)
        assert found is not None
        assert (found.kind, found.by, found.until_us) == ("silenced", "aaaa0002", NOW_US + 2 * HOUR_US)
        assert found.detail == "moving the database (kim), until 2026-03-02T12:00:00Z"


def test_the_end_and_the_comment_of_an_active_silence_change_in_place() -> None:
    old = silence()
    later = NOW_US + 60
    (new,) = changed(old, later, ends_us=NOW_US + 2 * HOUR_US, comment="takes longer")
    assert (new.id, new.version, new.starts_us, new.ends_us) == (old.id, 2, NOW_US, NOW_US + 2 * HOUR_US)
    assert (new.author, new.updated_us, new.created_us) == ("kim", later, NOW_US)
    assert new.edits[-1].by == "lee"
    assert new.edits[-1].what == "ends 2026-03-02T12:00:00Z instead of 2026-03-02T11:00:00Z, another comment"


@pytest.mark.parametrize("wanted", [{"matchers": ("service=web",)}, {"starts_us": NOW_US + HOUR_US // 2}])
def test_an_active_silence_whose_matchers_or_start_change_is_expired_and_replaced(wanted: dict[str, object]) -> None:
    old = silence()
    gone, new = changed(old, NOW_US + 60, **wanted)
    assert (gone.id, gone.state(NOW_US + 60), gone.ends_us, gone.version) == (old.id, "expired", NOW_US + 60, 2)
    assert gone.edits[-1].what == "replaced by bbbb0002"
    assert (new.id, new.replaces, new.author, new.version) == ("bbbb0002", old.id, "lee", 1)
    assert new.starts_us == max(wanted.get("starts_us", 0), NOW_US + 60)  # type: ignore[call-overload]
    assert new.ends_us == old.ends_us


def test_a_pending_silence_may_be_moved_in_place_but_not_into_the_past() -> None:
    old = silence(starts_us=NOW_US + 100, ends_us=NOW_US + HOUR_US)
    (new,) = changed(old, NOW_US + 10, starts_us=NOW_US + 50)
    assert (new.id, new.starts_us) == (old.id, NOW_US + 50)
    gone, made = changed(old, NOW_US + 10, starts_us=NOW_US)
    assert (gone.starts_us, gone.ends_us) == (NOW_US + 10, NOW_US + 10)
    assert (made.starts_us, made.state(NOW_US + 10)) == (NOW_US + 10, "active")


def test_an_expired_silence_stays_and_a_new_one_follows() -> None:
    old = silence()
    late = NOW_US + 2 * HOUR_US
    (new,) = changed(old, late, ends_us=late + HOUR_US)
    assert (new.id, new.replaces, new.starts_us, new.ends_us) == ("bbbb0002", old.id, late, late + HOUR_US)
    with pytest.raises(SilenceError, match="not after its start"):
        changed(old, late, comment="again")


def test_an_edit_that_ends_in_the_past_is_refused() -> None:
    with pytest.raises(SilenceError, match="has passed"):
        changed(silence(), NOW_US + 100, ends_us=NOW_US + 50)


def test_expiring_ends_it_now_and_twice_is_once() -> None:
    ended = expire(silence(), by="lee", now_us=NOW_US + 5)
    assert (ended.ends_us, ended.version, ended.edits[-1].what) == (NOW_US + 5, 2, "expired")
    assert expire(ended, by="lee", now_us=NOW_US + 6) is ended
    pending = expire(silence(starts_us=NOW_US + 100), by="lee", now_us=NOW_US + 5)
    assert (pending.starts_us, pending.ends_us, pending.state(NOW_US + 5)) == (NOW_US + 5, NOW_US + 5, "expired")


def test_the_history_of_a_silence_does_not_grow_without_end() -> None:
    one = silence()
    for step in range(80):
        (one,) = changed(one, NOW_US, ends_us=NOW_US + HOUR_US + step)
    assert (len(one.edits), one.version) == (50, 81)
