"""When a recovery begins: after a complaint, a bad answer, a broken promise, or because somebody says so."""

from collections.abc import Iterable
from typing import Any, Literal, Self

from pydantic import model_validator

from config.base import SettingsModel
from detectors.events import Event
from detectors.lives.facts import Fact
from detectors.lives.settings import RECOVERY_LABEL, Names
from detectors.lives.surveys import Scales
from detectors.promises.kinds import normal
from detectors.promises.settings import Where

On = Literal["opened", "reopened", "status", "survey", "deadline", "marked"]


class Beginning(SettingsModel):
    """One way in which a recovery begins.

    Attributes:
        at: ``opened`` or ``reopened``: with that step of a case. ``status``: when the status becomes one of ``status``.
            ``survey``: with a negative answer about a case. ``deadline``: when the ``deadline`` that an event of the
            case carries passes and the case is not solved. ``marked``: with the label ``recovery: opened``.
        status: statuses.
        where: which cases or answers; every list that is given must hold the value.
    """

    at: On
    status: Names = ()
    where: Where = Where()

    @model_validator(mode="after")
    def _status_fits(self) -> Self:
        if bool(self.status) != (self.at == "status"):
            msg = f"status: belongs to at: status (and must be given there), but at is {self.at}"
            raise ValueError(msg)
        return self


DEFAULT_BEGINNINGS = (
    Beginning(at="opened", where=Where(labels={"kind": ("complaint", "recovery")})),
    Beginning(at="survey"),
    Beginning(at="deadline"),
    Beginning(at="marked"),
)


class Beginnings:
    """Says which facts begin a recovery.

    Attributes:
        labels: that it looks at.
    """

    def __init__(self, beginnings: Iterable[Beginning], scales: Scales) -> None:
        self._all = tuple(beginnings)
        self._scales = scales
        ways = {one.at for one in self._all}
        self._by_deadline, self._by_survey, self._by_status = "deadline" in ways, "survey" in ways, "status" in ways
        self._steps = ways & {"opened", "reopened"}
        self._labelled = all(one.where.labels for one in self._all if one.at in self._steps)
        self.labels = frozenset({RECOVERY_LABEL}).union(*(one.where.labels for one in self._all))

    def may_begin(self, event: Event) -> bool:
        """Say whether :meth:`cause` or :meth:`has_deadline` might hold of an event: quick, not exact."""
        data: Any = event.data
        step = event.step
        if step in self._steps and (not self._labelled or data.labels):
            return True
        if step == "response":
            if self._by_survey and self._scales.verdict(data.score, data.scale) == "negative":
                return True
        elif self._by_status and data.status:
            return True
        return bool(data.labels) or (self._by_deadline and data.deadline is not None)

    def cause(self, fact: Fact) -> str:
        """Return why a recovery begins with a fact; empty: it does not."""
        for one in self._all:
            if self._is_at(one, fact) and fits(one.where, fact):
                return _CAUSES[one.at]
        return ""

    def has_deadline(self, fact: Fact) -> bool:
        """Say whether the deadline of a fact, once it has passed, begins a recovery."""
        return fact.deadline_us is not None and any(one.at == "deadline" and fits(one.where, fact) for one in self._all)

    def _is_at(self, one: Beginning, fact: Fact) -> bool:
        if one.at in {"opened", "reopened"}:
            return fact.step == one.at
        if one.at == "marked":
            return fact.label(RECOVERY_LABEL) == "opened"
        if one.at == "status":
            return fact.status is not None and normal(fact.status) in map(normal, one.status)
        return one.at == "survey" and fact.step == "response" and self.is_negative(fact)

    def is_negative(self, fact: Fact) -> bool:
        """Say whether a fact is a negative answer."""
        return self.verdict(fact) == "negative"

    def verdict(self, fact: Fact) -> str:
        """Return what an answer means; empty where it cannot be judged."""
        return self._scales.verdict(fact.score, fact.scale)


_CAUSES: dict[str, str] = {
    "opened": "a complaint",
    "reopened": "a reopening",
    "status": "its status",
    "survey": "a bad survey answer",
    "deadline": "a deadline that was missed",
    "marked": "it was marked as one",
}


def fits(where: Where, fact: Fact) -> bool:
    """Say whether a fact is one of those that are meant."""
    who = fact.who
    return (
        (not where.priority or who.priority in where.priority)
        and (not where.tier or who.tier in where.tier)
        and (not where.queue or fact.queue in where.queue)
        and (not where.service or who.service in where.service)
        and (not where.region or who.region in where.region)
        and (not where.channel or fact.channel in where.channel)
        and all(fact.label(name) in values for name, values in where.labels.items())
    )
