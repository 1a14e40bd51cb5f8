"""What a template may cost. Every turn of a loop and every filter asks here first."""

from collections.abc import Iterable, Iterator, Mapping, Sized
from typing import Any

from sinks.words.vocabulary import LIMITS

_CHARS_A_STEP = 64
_STEPS_AN_ITEM = 4
MAX_NUMBER = 10**15


class TemplateError(Exception):
    """A template cannot be used, or asks for something that the notification does not have."""


class Budget:
    """Steps of work that are left."""

    def __init__(self, steps: int = LIMITS["work"]) -> None:
        self._left = steps

    def spend(self, steps: int) -> None:
        """Take steps.

        Raises:
            TemplateError: when there are not so many left.
        """
        self._left -= steps
        if self._left < 0:
            msg = "the template does too much work (loops within loops?)"
            raise TemplateError(msg)

    def counted(self, items: Iterable[Any], weight: int) -> Iterator[Any]:
        """Yield items, at ``weight`` steps each."""
        for item in items:
            self.spend(weight)
            yield item


def cost(value: object) -> int:
    """Return how many steps it takes to look at a value."""
    if isinstance(value, str):
        return 1 + len(value) // _CHARS_A_STEP
    return 1 + _STEPS_AN_ITEM * len(value) if isinstance(value, Sized) else 1


def fits(value: Any) -> Any:
    """Return a value that is not too large.

    Raises:
        TemplateError: a text is longer than a message may be, or a number has more digits than any that makes sense.
    """
    if isinstance(value, str) and len(value) > LIMITS["output_chars"]:
        raise TemplateError(too_long())
    if isinstance(value, int | float) and not -MAX_NUMBER <= value <= MAX_NUMBER:
        msg = "a number in the template becomes too large"
        raise TemplateError(msg)
    return value


def too_long() -> str:
    """Return what to say of a text that is too long."""
    return f"the text becomes longer than {LIMITS['output_chars']:,} characters"


def written(value: object) -> str:
    """Return what stands in the text for a value.

    Raises:
        TemplateError: for lists and mappings: these have no place in a text.
    """
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return f"{value:.12g}"
    what = "mapping" if isinstance(value, Mapping) else "list"
    msg = f"a {what} cannot be written as it is; name one of its values, loop over it, or use join"
    raise TemplateError(msg)
