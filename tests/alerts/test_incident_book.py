from typing import Any

import pytest

from alerts.incident_book import MOST_ENTRIES, BookEntry, IncidentBook, IncidentBookError, lead_of
from alerts.response_model import TEXT_MAX
from alerts.store import AlertStore
from tests.support.alerts import START_US


def lead(to: str, *others: int, at_us: int = START_US, text: str = "") -> BookEntry:
    return BookEntry(kind="lead", by="ben", at_us=at_us, to=to, others=others, text=text)


def note(text: str) -> BookEntry:
    return BookEntry(kind="note", by="anna", at_us=START_US, text=text)


def test_who_was_said_last_to_lead_leads_and_notes_change_nothing_of_it(store: AlertStore) -> None:
    book = IncidentBook(store)
    assert (book.read(7), book.leads([7]), book.led_with(7)) == ([], {}, None)
    for entry in (
        lead("anna"),
        note("uplink flaps"),
        lead("ben", 9, 8, 8, 7, text="takes over"),
        note("vendor called"),
    ):
        book.write(7, entry)
    assert [one.text for one in book.read(7)] == ["", "uplink flaps", "takes over", "vendor called"]
    found = book.leads([7, 8])
    assert found.keys() == {7}
    assert (found[7].to, found[7].others) == ("ben", (8, 9))
    assert lead_of(book.read(8)) is None


def test_a_part_leads_to_the_incident_that_it_was_said_to_be_a_part_of_as_long_as_that_holds(store: AlertStore) -> None:
    book = IncidentBook(store)
    book.write(7, lead("anna", 8))
    assert (book.led_with(8), book.led_with(7)) == (7, None)
    book.write(7, lead("anna"))
    assert book.led_with(8) is None


def test_a_book_ends_some_time(store: AlertStore) -> None:
    book, client = IncidentBook(store), store.client
    for number in range(MOST_ENTRIES + 5):
        book.write(7, note(str(number)))
    assert [book.read(7)[0].text, len(book.read(7))] == ["5", MOST_ENTRIES]
    key: Any = store.keys.named("incident_book:7")
    assert client.pttl(key) > 0


@pytest.mark.parametrize(
    "entry",
    [note(" "), note("x" * (TEXT_MAX + 1)), lead(" "), BookEntry(kind="note", by=" ", at_us=0, text="x")],
    ids=["says nothing", "says too much", "names nobody", "by nobody"],
)
def test_what_says_nothing_or_too_much_is_not_kept(store: AlertStore, entry: BookEntry) -> None:
    with pytest.raises(IncidentBookError):
        IncidentBook(store).write(7, entry)
    assert IncidentBook(store).read(7) == []
