"""What stays is looked through once; what becomes garbage in circles is freed at the latest a day later."""

import gc
import weakref

from dashboards.collecting import collecting

DAY_US = 86_400_000_000


class Circle:
    def __init__(self) -> None:
        self.me = self


def test_what_a_full_collection_has_seen_is_looked_through_no_more_until_a_day_has_passed() -> None:
    lasting = Circle()
    gone = weakref.ref(lasting)
    with collecting(0) as keeper:
        gc.collect()
        assert gc.get_freeze_count() > 0
        del lasting
        gc.collect()
        assert gone() is not None
        fresh = Circle()
        freed = weakref.ref(fresh)
        del fresh
        gc.collect()
        assert freed() is None
        assert not keeper.look(DAY_US - 1)
        assert keeper.look(DAY_US)
        assert gone() is None
        assert not keeper.look(DAY_US + 1)
        assert keeper.look(0)  # a clock that was set back
        assert gc.get_freeze_count() > 0
    assert gc.get_freeze_count() == 0
