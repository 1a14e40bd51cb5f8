"""The reference page of templates, from what templates know."""

from sinks.words.vocabulary import FILTERS, LIMITS, TESTS, TESTS_OF_NUMBERS, VARIABLES

_INTRODUCTION = (
    "What a channel's `title` and `text` can say. How to write them: [write messages](../how-to/write-messages.md)."
)
_TIMES = (
    "Times are text for people, in the zone of `words.zone`; the filter `local` writes them otherwise. `startsAt` "
    "and `endsAt` are RFC 3339 in UTC."
)
_STEPS = (
    "each value, operator and filter is one, in each turn of a loop, and long texts and lists are more. Not there: "
    "calls (apart from `items()`, `keys()`, `values()` and `get()` of a mapping), macros, includes, blocks, `**`, "
    "lists that hold anything but written values."
)
_LINES = "A line with nothing but a `{% %}` leaves no empty line behind."
_FIGURES = (
    "These annotations (or labels) of an alert are read for its urgency and for the first line of a message. All may "
    "be absent; what is no number of at least 0 is not read. Numbers of several alerts of one detector are added up; "
    "of several detectors the largest counts; customers are counted once. Detectors of single customers and cases "
    "say `customer`, `tier` and `customer_value`; those that look at windows say `events`, not `customers`, because "
    "panes are sums, and different customers do not add up: keeping them apart would more than double what an event "
    "costs there. How many customers an incident touches is counted from those of its alerts that name one."
)
_REACH = {
    "customer": "whom it is about",
    "tier": "that customer's tier",
    "customer_value": "that customer's lifetime value",
    "customers": "how many customers are affected",
    "events": "how many events (payments, posts, cases) are affected",
    "revenue_at_risk": "money that may be lost",
}


def templates_page(note: str) -> str:
    """Return the page."""
    tests = ", ".join(f"`{name}`" for name in TESTS + TESTS_OF_NUMBERS)
    parts = ["# Templates", note, _INTRODUCTION, "## Variables", _table("variable", VARIABLES), _TIMES]
    parts += ["## Filters", _table("filter", FILTERS), "## Tests", f"Behind `is`: {tests}.", "## Limits"]
    parts += [
        f"A template has at most {LIMITS['source_chars']:,} characters, and gives at most {LIMITS['output_chars']:,}. "
        f"It has {LIMITS['work']:,} steps: {_STEPS}",
        _LINES,
    ]
    parts += ["## How far an alert reaches", _FIGURES, _table("annotation", _REACH)]
    return "\n\n".join(parts) + "\n"


def _table(first: str, rows: dict[str, str]) -> str:
    lines = [f"| {first} | meaning |", "|---|---|"]
    lines += [f"| `{name}` | {_escaped(meaning)} |" for name, meaning in rows.items()]
    return "\n".join(lines)


def _escaped(text: str) -> str:
    return text.replace("|", "\\|")
