"""What an address of the wall asks for: ``/wall?in=55&m=5&theme=light&hide=customer&rotate=20&pages=now,services``."""

from collections.abc import Mapping
from typing import Literal, cast, get_args

import msgspec

Page = Literal["now", "alerts", "services", "figures"]
PAGES: tuple[Page, ...] = get_args(Page)
ROTATE_S = 20
_MOST_S = 3600
_MOST_NAME = 40


class OptionError(ValueError):
    """An address asks for something that there is not. Says what was expected."""


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """How one screen shows the wall.

    Attributes:
        inches: diagonal of the screen. metres: from how far it is read.
        theme: dark, or light for bright rooms.
        hide: customers are shown as codes.
        rotate_s: how long each page, and each panel below the alerts, is shown; 0: the first one for ever.
        pages: shown in turn.
        name: by which the screen is known; empty: by its token.
        still: nothing may change place by itself: the screen asks for reduced motion.
    """

    inches: float = 55.0
    metres: float = 5.0
    theme: Literal["dark", "light"] = "dark"
    hide: bool = False
    rotate_s: int = ROTATE_S
    pages: tuple[Page, ...] = ("now",)
    name: str = ""
    still: bool = False


def options_of(asked: Mapping[str, str]) -> Options:
    """Return the options of an address.

    Args:
        asked: its query. Names that mean nothing here (the token) are left alone.

    Raises:
        OptionError: a value means nothing.
    """
    hide = _one_of(asked, "hide", ("", "customer"))
    theme = _one_of(asked, "theme", ("dark", "light"))
    rotate = asked.get("rotate", str(ROTATE_S))
    return Options(
        inches=_number(asked, "in", 55.0, 10.0, 300.0),
        metres=_number(asked, "m", 5.0, 0.3, 30.0),
        theme="light" if theme == "light" else "dark",
        hide=hide == "customer",
        rotate_s=0 if rotate in {"off", "0"} else round(_number(asked, "rotate", ROTATE_S, 5.0, _MOST_S)),
        pages=_pages(asked.get("pages", "now")),
        name=_name(asked.get("name", "")),
        still=asked.get("still") == "1",
    )


def _number(asked: Mapping[str, str], name: str, else_: float, least: float, most: float) -> float:
    text = asked.get(name)
    if text is None:
        return else_
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not least <= value <= most:
        msg = f"{name}={text!r}: write a number from {least:g} to {most:g}, or leave it out for {else_:g}"
        raise OptionError(msg)
    return value


def _one_of(asked: Mapping[str, str], name: str, values: tuple[str, ...]) -> str:
    value = asked.get(name, values[0])
    if value not in values:
        known = " or ".join(f"{name}={one}" for one in values if one)
        msg = f"{name}={value!r}: write {known}, or leave it out"
        raise OptionError(msg)
    return value


def _pages(text: str) -> tuple[Page, ...]:
    names = tuple(one.strip() for one in text.split(",") if one.strip())
    unknown = [one for one in names if one not in PAGES]
    if unknown or not names:
        msg = f"pages={text!r}: write some of {', '.join(PAGES)} with commas between, or leave it out for now"
        raise OptionError(msg)
    return cast("tuple[Page, ...]", names)


def _name(text: str) -> str:
    if len(text) > _MOST_NAME or not all(one.isalnum() or one in " _.-" for one in text):
        msg = f"name={text!r}: write at most {_MOST_NAME} letters, digits, blanks, dots, dashes and underscores"
        raise OptionError(msg)
    return text.strip()
