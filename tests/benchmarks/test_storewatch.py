"""What the live benchmark sees of the store is what the store took."""

from alerts.store import AlertStore
from benchmarks.storewatch import StoreWatch
from tests.support.alerts import change
from tests.support.patience import until


def test_every_change_is_seen_once_with_the_time_at_which_the_store_took_it(store: AlertStore) -> None:
    changes = [change("Slow", case_id=str(number)) for number in range(3)]
    watch = StoreWatch(store)
    watch.start()
    store.apply([*changes, changes[0]])
    until(lambda: watch.count() >= len(changes))
    seen = watch.stop()
    assert [one.change for one in seen] == changes
    assert all(one.accepted_us <= one.seen_us for one in seen)
