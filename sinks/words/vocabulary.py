"""What a template may name. The reference page is made from this."""

VARIABLES: dict[str, str] = {
    "status": "`firing` as long as one of the alerts is, then `resolved`",
    "kind": "why this is told: `group` (something changed), `repeat`, `escalation`, `digest` or `test`",
    "severity": "of the first alert; alerts that fire come first",
    "urgency": "`urgency.name` (`urgent`, `high`, `normal`, `low`), `.rank` (0 to 3), `.why`, `.customers`, `.events`, "
    "`.revenue_at_risk`, `.currency`; a number that is not known is empty",
    "alerts": "all alerts. Of each: `.status`, `.state` (`firing`, `resolved`, `retracted`), `.severity`, `.name`, "
    "`.summary`, `.description`, `.labels`, `.annotations`, `.starts`, `.ends` (empty while it fires), `.duration` "
    "(seconds), `.runbook`, `.fingerprint`",
    "firing": "those of the alerts that fire",
    "resolved": "the others",
    "labels": "of the first alert: `labels.service`",
    "annotations": "of the first alert: `annotations.summary`",
    "startsAt": "when the first alert began, as RFC 3339",
    "endsAt": "when it ended; empty while it fires",
    "fingerprint": "of the first alert",
    "group_labels": "what the alerts are grouped by: `group_labels.service`",
    "common_labels": "labels that all alerts have with the same value",
    "incident": "`incident.id`, `.title`, `.alerts` and `.customers` (how many), `.evidence` and `.blind` (lists of "
    "lines); empty where the alerts belong to none",
    "links": "what the message links to: `links.acknowledge`; empty where links are not set up",
    "code": "by what a person who answers names it: of its one alert (`K7F`), else of its incident (`INC-7`); empty on "
    "channels whose messages tell none (see `makegood preview-message`), and when nothing fires",
    "runbook": "the first runbook that an alert names (annotation `runbook_url` or `runbook`); else empty",
    "notes": "lines about the way of this message; they end every text, whatever the template does",
    "truncated": "how many alerts it is about beyond `alerts`",
    "left_out": "how many of these there are of what: a mapping",
    "absorbed": "how many notifications a digest stands for",
    "receiver": "name of the receiver",
    "key": "idempotency key",
    "standard_title": "the title as it is without a template",
    "standard_text": "the text as it is without a template, without notes",
}

FILTERS: dict[str, str] = {
    "duration": "seconds as people say them: `{{ alert.duration | duration }}` gives `2 h 05`",
    "local": "a time in a zone: `{{ alert.starts | local }}`, `{{ alert.starts | local('Europe/Berlin', '%H:%M') }}`; "
    "without a zone in that of `words.zone`",
    "money": "an amount: `{{ urgency.revenue_at_risk | money }}` gives `18,400 EUR`; `money('USD')` names the currency",
    "percent": "a share: `{{ 0.41 | percent }}` gives `41 %`; `percent(1)` has one digit behind the point",
    "number": "a number with commas between thousands: `18,400`; `number(1)` has one digit behind the point",
    "plural": "a count with its noun: `{{ alerts | count | plural('alert') }}` gives `3 alerts`; a plural that is not "
    "made with s is the second argument",
    "truncate": "cut to a number of characters, the last one an ellipsis: "
    "`{{ annotations.description | truncate(80) }}`",
    "oneline": "all white space to single spaces",
    "default": "in place of what is not there: `{{ labels.region | default('everywhere') }}`; `default('x', true)` in "
    "place of empty values, too. Also `d`",
    "upper": "in capitals",
    "lower": "in small letters",
    "title": "each word with a capital",
    "capitalize": "the first letter a capital",
    "trim": "without white space around",
    "replace": "one text for another: `replace('a', 'b')`",
    "indent": "lines after the first by that many spaces: `indent(2)`",
    "join": "a list as text: `join(', ')`; with `attribute='labels.service'` of its items",
    "count": "how many: of a list, a mapping, a text. Also `length`",
    "first": "the first of a list",
    "last": "the last of a list",
    "sort": "a list in order; `sort('starts')` by an attribute, `sort('starts', true)` from the other end",
    "unique": "a list without repeats",
    "map": "an attribute of each item: `map('labels.service')`",
    "where": "items of a list whose attribute has a value: `alerts | where('labels.region', 'north')`",
    "group": "a list as groups by an attribute: `{% for service, some in alerts | group('labels.service') %}`",
    "sum": "numbers added up; `sum('duration')` of an attribute",
    "min": "the smallest",
    "max": "the largest",
    "items": "names and values of a mapping: `{% for name, value in labels | items %}`; `labels.items()` is the same",
    "keys": "names of a mapping",
    "values": "values of a mapping",
    "get": "the value of a name, else the second argument: `labels | get('region', '')`; `labels.get('region', '')` is "
    "the same",
    "int": "a text as a whole number",
    "float": "a text as a number",
    "round": "rounded: `round(1)`",
    "abs": "without its sign",
}

TESTS = ("defined", "undefined", "none", "string", "number", "integer", "float", "boolean", "true", "false", "mapping")
TESTS_OF_NUMBERS = ("odd", "even", "divisibleby")

LIMITS: dict[str, int] = {"source_chars": 10_000, "output_chars": 100_000, "work": 200_000}
"""A template's length, a message's length, and steps of work: each value, operator and filter counts, in each turn of a
loop, and long texts count more."""
