import pytest

from alerts.handovers import MOST_KEPT, HandoverBook, HandoverError, HandoverNote
from alerts.store import AlertStore
from tests.support.alerts import START_US


def leave(store: AlertStore, text: str = "call the vendor at four", by: str = "anna") -> HandoverNote:
    return HandoverBook(store).write(schedule="first", by=by, at_us=START_US, text=text, facts=("3 open",))


def test_who_takes_a_note_first_has_it(store: AlertStore) -> None:
    note = leave(store)
    taken = HandoverBook(store).accept(note.id, by="ben", at_us=START_US + 5)
    assert (taken.accepted_by, taken.accepted_us) == ("ben", START_US + 5)
    with pytest.raises(HandoverError, match="ben has taken it already"):
        HandoverBook(store).accept(note.id, by="chen", at_us=START_US + 6)
    assert HandoverBook(store).newest() == [taken]


def test_the_newest_notes_are_kept_and_nothing_of_older_ones(store: AlertStore) -> None:
    first = leave(store, "first")
    HandoverBook(store).accept(first.id, by="ben", at_us=START_US)
    for number in range(MOST_KEPT):
        leave(store, str(number))
    found = HandoverBook(store).newest(MOST_KEPT + 5)
    assert (len(found), found[0].text, found[-1].text) == (MOST_KEPT, str(MOST_KEPT - 1), "0")
    assert store.client.hlen(store.keys.named("handovers:taken")) == 0
    with pytest.raises(HandoverError, match="there is no hand-over note"):
        HandoverBook(store).accept(first.id, by="ben", at_us=START_US)


@pytest.mark.parametrize(("text", "by"), [(" ", "anna"), ("x" * 10_000, "anna"), ("x", " ")])
def test_a_note_that_says_nothing_or_too_much_is_not_kept(store: AlertStore, text: str, by: str) -> None:
    with pytest.raises(HandoverError):
        leave(store, text, by)
    assert HandoverBook(store).newest() == []
