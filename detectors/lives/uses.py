"""What plain events are to lives that have not begun, asked of many at once."""

from datetime import UTC, datetime
from typing import Any

import numpy as np

from detectors.columns import Columns, Ints, Lookup
from detectors.events import EVENT_CLASSES, CaseData, SurveyData, SurveyEvent
from detectors.lives.life import SEED, Life
from detectors.packed import TYPES

_ANSWER = "survey.response"
_ONCE = datetime(2024, 1, 1, tzinfo=UTC)
_MOST_ANSWERS = 10_000
_ABOUT: dict[str, Any] = {"id": "x", "source": "x", "time": _ONCE}


class PlainUses:
    """Answers for many plain events what :meth:`~detectors.lives.life.Life.use_of` does for one of them.

    Args:
        life: what the detector knows.
        types: of the events that it wants.

    Attributes:
        types: of which some events are no seeds.
    """

    def __init__(self, life: Life[Any], types: frozenset[str]) -> None:
        self._life = life
        steps = (types & TYPES) - {_ANSWER}
        quiet = {name for name in steps if {self._step(name, None), self._step(name, "x")} != {SEED}}
        self.types = frozenset(quiet | (types & {_ANSWER}))
        self._without = Lookup("type", lambda name: self._figure(name, None), missing=SEED)
        self._with = Lookup("type", lambda name: self._figure(name, "x"), missing=SEED)
        self._is_answer = Lookup("type", lambda name: float(name == _ANSWER and name in types), missing=0.0)
        self._answers: dict[tuple[str | None, float | None], int] = {}

    def _figure(self, name: str, status: str | None) -> float:
        return float(self._step(name, status) if name in self.types and name != _ANSWER else SEED)

    def _step(self, name: str, status: str | None) -> int:
        kind: Any = EVENT_CLASSES[name]
        return self._life.use_of(kind(**_ABOUT, data=CaseData("x", status)))

    def _answer(self, scale: str | None, figure: float) -> int:
        score = None if figure != figure else figure  # noqa: PLR0124 - not a number
        found = self._answers.get((scale, score))
        if found is None:
            found = self._life.use_of(SurveyEvent(**_ABOUT, data=SurveyData(score, scale)))
            if len(self._answers) < _MOST_ANSWERS:
                self._answers[scale, score] = found
        return found

    def __call__(self, columns: Columns) -> Ints:
        """Return what the events are."""
        found = np.where(columns.codes("status") >= 0, self._with(columns), self._without(columns)).astype(np.int64)
        answers = np.flatnonzero(self._is_answer(columns))
        if len(answers):
            texts: list[str | None] = [*columns.texts("scale"), None]  # the last of them is found by -1
            scales = columns.codes("scale").take(answers).tolist()
            scores = columns.numbers("score").take(answers).tolist()
            pairs = zip(scales, scores, strict=True)
            found[answers] = [self._answer(texts[scale], score) for scale, score in pairs]
        return found
