"""What a silence or a window would have hidden, from the history of real alerts."""

from collections.abc import Iterable

from alerts.preview import Episode, preview
from alerts.silences import SilenceBook
from alerts.store import AlertStore
from detectors.contract import AlertChange
from tests.support.alerts import MINUTE_US, START_US, change


def at(minute: int) -> int:
    return START_US + minute * MINUTE_US


def fired(service: str, minute: int, until: int | None = None, step: str = "resolved") -> list[AlertChange]:
    made = [change(service=service, at_us=at(minute), starts_at_us=at(minute), summary=f"{service} at {minute}")]
    if until is not None:
        made.append(change(service=service, step=step, at_us=at(until), starts_at_us=at(minute)))
    return made


def apply(store: AlertStore, *lists: list[AlertChange]) -> None:
    store.apply([one for made in lists for one in made])


def summaries(found: Iterable[Episode]) -> list[str]:
    return [episode.summary for episode in found]


def test_a_silence_would_have_hidden_every_episode_that_it_matches(store: AlertStore) -> None:
    apply(store, fired("shop", 1, 2), fired("shop", 10, 12), fired("shop", 20), fired("web", 3, 4), fired("db", 5))
    found = SilenceBook(store).preview(["service=shop"], from_us=START_US, to_us=at(60))
    assert summaries(found.hidden) == ["shop at 1", "shop at 10", "shop at 20"]
    assert [episode.ends_us for episode in found.hidden] == [at(2), at(12), None]
    assert (found.late, found.total) == ((), 5)


def test_only_what_began_to_fire_in_the_span_counts(store: AlertStore) -> None:
    apply(store, fired("shop", -10, 5), fired("shop", 10, 12), fired("shop", 30))
    found = SilenceBook(store).preview(["service=shop"], from_us=START_US, to_us=at(30))
    assert summaries(found.hidden) == ["shop at 10"]


def test_a_window_hides_what_resolves_in_it_and_delays_what_outlasts_it(store: AlertStore) -> None:
    apply(store, fired("shop", 1, 5), fired("web", 2, 50), fired("db", 3), fired("app", 20, 21))

    def open_(_labels: object, time_us: int) -> bool:
        return START_US <= time_us < at(10)

    found = preview(store, open_, from_us=START_US, to_us=at(60))
    assert summaries(found.hidden) == ["shop at 1"]
    assert summaries(found.late) == ["web at 2", "db at 3"]
    assert found.total == 4


def test_a_window_that_is_still_open_hides_what_still_fires(store: AlertStore) -> None:
    apply(store, fired("shop", 1))
    found = preview(store, lambda _labels, _at: True, from_us=START_US, to_us=at(60))
    assert summaries(found.hidden) == ["shop at 1"]


def test_an_episode_that_was_moved_counts_where_it_came_to_stand(store: AlertStore) -> None:
    apply(store, fired("shop", 5, 6, step="moved"), fired("shop", 4, 8))
    found = SilenceBook(store).preview(["service=shop"], from_us=START_US, to_us=at(60))
    assert summaries(found.hidden) == ["shop at 4"]


def test_confirmations_and_updates_are_the_same_episode(store: AlertStore) -> None:
    steps = [
        change(service="shop", step="suspected", at_us=at(1), starts_at_us=at(1)),
        change(service="shop", step="confirmed", at_us=at(2), starts_at_us=at(1)),
        change(service="shop", step="updated:1", at_us=at(3), starts_at_us=at(1)),
        change(service="shop", step="retracted", at_us=at(4), starts_at_us=at(1)),
    ]
    store.apply(steps)
    found = SilenceBook(store).preview(["service=shop"], from_us=START_US, to_us=at(60))
    assert [(episode.told_us, episode.ends_us) for episode in found.hidden] == [(at(1), at(4))]


def test_many_alerts_are_looked_at(store: AlertStore) -> None:
    store.apply([change(service="shop", case_id=str(number), at_us=at(number % 50)) for number in range(1200)])
    found = SilenceBook(store).preview(["case_id=~1.."], from_us=START_US, to_us=at(60))
    assert (len(found.hidden), found.total) == (100, 1200)
    assert [one.told_us for one in found.hidden] == sorted(one.told_us for one in found.hidden)
