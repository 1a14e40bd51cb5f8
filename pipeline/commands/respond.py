"""``makegood unack``, ``resolve``, ``comment``, ``reassign``: what a person answers to alerts; and what they share."""

import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pipeline.commands import answers, controls, shell

if TYPE_CHECKING:
    from alerts.lookup import Found, Lookup
    from alerts.response_model import Answer, Kind, Said
    from alerts.responses import Responses
    from alerts.store import AlertStore
    from config.settings import Settings
    from detectors.contract import AlertChange

Alerts = Annotated[
    list[str],
    typer.Argument(
        metavar="ALERT...",
        help="Fingerprints, or how they begin; codes out of messages (K7F); incidents (INC-7); keys of notifications.",
    ),
]
Note = Annotated[str, typer.Option("--note", metavar="TEXT", help="What else there is to say. It is kept.")]
By = Annotated[str | None, typer.Option(metavar="NAME", help="Who says it; default: the user of this machine.")]
_DONE = frozenset({"done", "repeated"})
_WORDS = {
    "acknowledge": "acknowledged",
    "unacknowledge": "no longer acknowledged",
    "resolve": "resolved",
    "comment": "commented",
    "reassign": "reassigned",
}
_WHY_NOT = {
    "resolved": "it has resolved already",
    "not_acknowledged": "nobody has acknowledged it",
    "another_episode": "it has fired anew since",
    "unknown": "it has resolved long ago, and is no longer kept",
}


def register(app: typer.Typer) -> None:
    """Add the commands."""
    _register_unack(app)
    _register_resolve(app)
    _register_comment(app)
    _register_reassign(app)


def _register_unack(app: typer.Typer) -> None:
    @shell.command(app, "unack", example="makegood unack 0f3a9c55 --config makegood.yaml")
    def unack(
        config: shell.Config, alerts: Alerts, *, by: By = None, note: Note = "", as_json: shell.Json = False
    ) -> None:
        """Take an acknowledgement back, whoever gave it: the escalation goes on."""
        respond(config, alerts, "unacknowledge", by=by, text=note, as_json=as_json)


def _register_resolve(app: typer.Typer) -> None:
    @shell.command(app, "resolve", example='makegood resolve INC-7 --config makegood.yaml --note "rolled back"')
    def resolve(
        config: shell.Config, alerts: Alerts, *, by: By = None, note: Note = "", as_json: shell.Json = False
    ) -> None:
        """Resolve alerts by hand, and tell their receivers so.

        The episode stays resolved, whatever its detector says of it later. When the alert fires anew, that is told as
        always.
        """
        respond(config, alerts, "resolve", by=by, text=note, as_json=as_json)


def _register_comment(app: typer.Typer) -> None:
    @shell.command(app, "comment", example='makegood comment K7F --config makegood.yaml --text "the vendor knows"')
    def comment(
        config: shell.Config,
        alerts: Alerts,
        text: Annotated[str, typer.Option("--text", "-t", metavar="TEXT", help="What is to be said.")],
        *,
        by: By = None,
        as_json: shell.Json = False,
    ) -> None:
        """Say something about alerts. It changes nothing about them."""
        respond(config, alerts, "comment", by=by, text=text, as_json=as_json)


def _register_reassign(app: typer.Typer) -> None:
    @shell.command(app, "reassign", example="makegood reassign K7F --to payments-primary --config makegood.yaml")
    def reassign(
        config: shell.Config,
        alerts: Alerts,
        to: Annotated[str, typer.Option("--to", metavar="NAME", help="A person or a schedule of the settings.")],
        *,
        by: By = None,
        note: Note = "",
        as_json: shell.Json = False,
    ) -> None:
        """Give alerts to another person, or to whoever is on duty in a schedule."""
        respond(config, alerts, "reassign", by=by, to=to, text=note, as_json=as_json)


@contextmanager
def opened(config: Path) -> "Iterator[tuple[Settings, Lookup, Responses]]":
    """Open the store of a settings file, with all that answers need."""
    from alerts.incident_scope import feeds_by_detector
    from alerts.incidents import Incidents
    from alerts.lookup import Lookup
    from alerts.opening import open_store
    from alerts.responses import Responses

    settings = shell.load(config)
    with open_store(settings.store) as store:
        feeds = feeds_by_detector(settings.detectors, settings.incidents)
        lookup = Lookup(store, Incidents(store, settings.incidents, feeds))
        yield settings, lookup, Responses(store, settings.responses)


def respond(
    config: Path,
    alerts: Sequence[str],
    kind: "Kind",
    *,
    by: str | None,
    lasts_us: int | None = None,
    until_us: int | None = None,
    to: str = "",
    text: str = "",
    as_json: bool,
) -> None:
    """Give a response to all alerts that are named, and say what became of it.

    Raises:
        UserError: nothing is called so, or nobody can have said it.
        Exit: 1 when there was an alert to which it could not be given.
    """
    from alerts.response_model import ResponseError, Said
    from pipeline.clock import wall_clock_us

    now_us = wall_clock_us()
    said = Said(id=f"cli-{uuid.uuid4().hex}", by=controls.who(by), via="cli", at_us=now_us)
    until_us = now_us + lasts_us if lasts_us is not None else until_us
    given: list[Answer] = []
    with opened(config) as (settings, lookup, responses):
        if kind == "reassign":
            _there(to, settings)
        # All names first: a slip in the last one must not leave the first ones answered.
        meant: dict[str, AlertChange] = {}
        for one in _find_all(lookup, alerts):
            meant |= {alert.fingerprint: alert for alert in one.meant}
        for fingerprint in meant:
            try:
                given.append(responses.respond(fingerprint, kind, said, until_us=until_us, to=to, text=text))
            except ResponseError as error:
                raise shell.UserError(str(error)) from error
        _note(lookup.store, kind, given, said, text)
    if as_json:
        shell.out_json([_plain(answer) for answer in given])
    else:
        for answer in given:
            shell.out(_line(answer, kind))
        if not given:
            shell.out("none of its alerts fires: nothing to do")
    if any(answer.result not in _DONE for answer in given) or not given:
        raise typer.Exit(shell.FOUND_WRONG)


def _find_all(lookup: "Lookup", names: Sequence[str]) -> "list[Found]":
    return [answers.find(lookup, name) for name in names]


def _there(to: str, settings: "Settings") -> None:
    from config.explain import suggestion

    known = sorted({*settings.people, *settings.schedules})
    if to not in known:
        there = f" There are: {', '.join(known)}" if known else " The settings have no people: and no schedules: yet"
        msg = f"--to {to}: nobody, and no schedule, is called so.{suggestion(to, known)}{there}"
        raise shell.UserError(msg)


def _note(store: "AlertStore", kind: "Kind", given: "Sequence[Answer]", said: "Said", text: str) -> None:
    """Write to the audit log what was done."""
    from alerts.trail import Trail
    from alerts.trail_answers import answers_entry
    from pipeline.commands.noting import machine

    entry = answers_entry(kind, given, by=said.by, via="cli", at_us=said.at_us, text=text, address=machine())
    if entry is not None:
        Trail(store).append(entry)


def _line(answer: "Answer", kind: "Kind") -> str:
    from pipeline.commands.times import told

    summary = "" if answer.current is None else f"  {answer.current.annotations.get('summary', '')}"
    if answer.result not in _DONE or answer.response is None:
        return f"{answer.fingerprint}  not {_WORDS[kind]}: {_WHY_NOT[answer.result]}{summary}"
    response = answer.response
    more = f" until {told(response.until_us)}" if response.until_us is not None else ""
    more += f" to {response.to}" if response.to else ""
    return f"{answer.fingerprint}  {_WORDS[kind]}{more}{summary}"


def _plain(answer: "Answer") -> dict[str, Any]:
    status = None if answer.current is None else answer.current.status
    response = None if answer.response is None else answers.plain_response(answer.response)
    return {"fingerprint": answer.fingerprint, "result": answer.result, "status": status, "response": response}
