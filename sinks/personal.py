"""Finds personal data in text: e-mail addresses, phone numbers, payment cards, bank accounts.

What it takes for personal data follows rules that ids, amounts, times and fingerprints do not meet:

* **Card**: 13 to 19 digits, in groups or not, that pass Luhn's check and begin as cards do (2 to 6, 81, 9792). Nine of
  ten other numbers of that length do not pass. https://en.wikipedia.org/wiki/Payment_card_number
* **IBAN**: two letters of a country, its length, and the check of ISO 13616 (a number modulo 97).
* **Phone**: ``+`` or ``00`` and a country's code (ITU-T E.164), or a national number that is written as one: a leading
  zero or brackets, and groups. Bare digits are a phone number only behind a word like "tel".
"""

import re
from collections.abc import Callable, Iterator
from typing import NamedTuple

_JOINTS = "[ \u00a0\u2009\u202f\u200b\u2060.\u2010\u2011\u2012\u2013\u2014_/*-]"
_DIGITS = re.compile(rf"\d(?:{_JOINTS}{{0,3}}\d){{6,}}")
"""A run of digits with single separators between. What it is, the functions below say."""
_NOT_IN_EMAIL = r"\s@<>()\[\]{},;:\"'|="
_EMAIL = re.compile(
    rf"[^{_NOT_IN_EMAIL}]{{1,64}}@(?:[^{_NOT_IN_EMAIL}./?&#]{{1,63}}\.){{1,8}}[^\W\d_]{{2,24}}(?![\w@])"
)
_IBAN = re.compile(r"(?<![A-Za-z0-9])(?=([A-Za-z]{2}\d{2}(?:[ \u00a0-]?[A-Za-z0-9]){11,32}))")
"""Looks ahead, so that a word before it that looks like the beginning of one does not hide it."""
_PHONE = re.compile(
    r"""(?<![\w.,+/=-])(?:
      (?:\+|00)[ ]?[1-9]\d{0,2} (?:[ \u00a0./-]?\(\d{1,5}\))? (?:[ \u00a0./-]{0,3}\d){5,13}   # +49 30 123456
    | \(0?\d{2,5}\)[ ./-]?\d{2,4}(?:[ ./-]?\d{2,5}){1,3}                                      # (030) 123 456
    | 0\d{1,4}[ /-]\d{2,4}(?:[ /-]?\d{2,5}){1,3}                                              # 0171 123 4567
    | \d{3}[-.]\d{3}[-.]\d{4}                                                                 # 555-123-4567
    )(?![\w+]|[.,:-]\d)""",
    re.VERBOSE,
)
_NAMED_PHONE = re.compile(
    r"(?i)\b(?:tel(?:ephone|efon)?|phone|mobile|mobil|cell|handy|fax|call(?:back)?|sms|whatsapp)\b"
    r"[ ]?(?:(?:no|nr|number)\b)?[.:# ]{0,3}(\+?[(]?\d(?:[ ()./-]{0,2}\d){5,14})(?![\w+])"
)
_WORD = re.compile(r"[^\W_]+")
_IBAN_LENGTHS = {
    "AD": 24, "AE": 23, "AL": 28, "AT": 20, "AZ": 28, "BA": 20, "BE": 16, "BG": 22, "BH": 22, "BI": 27, "BR": 29,
    "BY": 28, "CH": 21, "CR": 22, "CY": 28, "CZ": 24, "DE": 22, "DJ": 27, "DK": 18, "DO": 28, "EE": 20, "EG": 29,
    "ES": 24, "FI": 18, "FK": 18, "FO": 18, "FR": 27, "GB": 22, "GE": 22, "GI": 23, "GL": 18, "GR": 27, "GT": 28,
    "HN": 28, "HR": 21, "HU": 28, "IE": 22, "IL": 23, "IQ": 23, "IS": 26, "IT": 27, "JO": 30, "KW": 30, "KZ": 20,
    "LB": 28, "LC": 32, "LI": 21, "LT": 20, "LU": 20, "LV": 21, "LY": 25, "MC": 27, "MD": 24, "ME": 22, "MK": 19,
    "MN": 20, "MR": 27, "MT": 31, "MU": 30, "NI": 28, "NL": 18, "NO": 15, "OM": 23, "PK": 24, "PL": 28, "PS": 29,
    "PT": 25, "QA": 29, "RO": 24, "RS": 22, "RU": 33, "SA": 24, "SC": 31, "SD": 18, "SE": 24, "SI": 19, "SK": 24,
    "SM": 27, "SO": 23, "ST": 25, "SV": 28, "TL": 23, "TN": 24, "TR": 26, "UA": 29, "VA": 22, "VG": 24, "XK": 20,
    "YE": 30,
}  # fmt: skip
"""Lengths by country, of the registry of ISO 13616 (SWIFT, release 99)."""
_MIN_CARD, _MAX_CARD = 13, 19
_MIN_PHONE, _MIN_NATIONAL, _MAX_PHONE = 7, 9, 17
MAYBE = re.compile(r"@|\d(?:\D{0,3}\d){6}|[A-Za-z]{2}\d{2}[ \u00a0-]?[A-Za-z0-9]{2}")
"""Texts in which it finds nothing hold no personal data of these kinds."""


class Span(NamedTuple):
    """Where in a text personal data stands."""

    start: int
    end: int


def emails(text: str) -> Iterator[Span]:
    """Yield e-mail addresses."""
    if "@" in text:
        for found in _EMAIL.finditer(text):
            yield Span(*found.span())


def phones(text: str) -> Iterator[Span]:
    """Yield phone numbers."""
    for found in _PHONE.finditer(text):
        digits = sum(sign.isdecimal() for sign in found[0])
        least = _MIN_PHONE if found[0][0] in "+(" or found[0].startswith("00") else _MIN_NATIONAL
        if least <= digits <= _MAX_PHONE:
            yield Span(*found.span())
    for found in _NAMED_PHONE.finditer(text):
        yield Span(*found.span(1))


def cards(text: str) -> Iterator[Span]:
    """Yield numbers of payment cards: every stretch of groups of digits that is one by its check."""
    for run in _DIGITS.finditer(text):
        places = [place for place in range(run.start(), run.end()) if text[place].isdecimal()]
        if len(places) < _MIN_CARD:
            continue
        yield from _cards_in(text, places)


def ibans(text: str) -> Iterator[Span]:
    """Yield numbers of bank accounts."""
    for found in _IBAN.finditer(text):
        length = _IBAN_LENGTHS.get(found[1][:2].upper())
        signs = [place for place in range(*found.span(1)) if text[place].isalnum()]
        if length is None or len(signs) < length:
            continue
        if is_iban("".join(text[place] for place in signs[:length])):
            yield Span(signs[0], signs[length - 1] + 1)


FINDERS: dict[str, Callable[[str], Iterator[Span]]] = {"email": emails, "iban": ibans, "card": cards, "phone": phones}
"""By kind, in the order in which they look: what one took the next does not see."""


def passes_luhn(digits: str) -> bool:
    """Return whether the last digit is what Luhn's formula wants.

    >>> passes_luhn("4111111111111111"), passes_luhn("4111111111111112")
    (True, False)
    """
    total = 0
    for place, sign in enumerate(reversed(digits)):
        digit = int(sign)
        total += digit if place % 2 == 0 else digit * 2 - 9 * (digit > 4)
    return total % 10 == 0


def is_card(digits: str) -> bool:
    """Return whether digits are the number of a payment card.

    >>> is_card("378282246310005"), is_card("1424520000000000")
    (True, False)
    """
    if not _MIN_CARD <= len(digits) <= _MAX_CARD:
        return False
    begins = "".join(str(int(sign)) for sign in digits[:4])
    return (begins[0] in "23456" or begins.startswith(("81", "9792"))) and passes_luhn(digits)


def is_iban(signs: str) -> bool:
    """Return whether letters and digits are the number of a bank account.

    >>> is_iban("DE89370400440532013000"), is_iban("DE89370400440532013001")
    (True, False)
    """
    signs = signs.upper()
    if not signs.isascii() or _IBAN_LENGTHS.get(signs[:2]) != len(signs) or not signs[2:4].isdecimal():
        return False
    return int("".join(str(int(sign, 36)) for sign in signs[4:] + signs[:4])) % 97 == 1


def _cards_in(text: str, places: list[int]) -> Iterator[Span]:
    """Yield cards among digits: they begin and end where a group does."""
    begins = [at for at, place in enumerate(places) if at == 0 or place - places[at - 1] > 1]
    ends = {*begins[1:], len(places)}
    free = 0
    for begin in begins:
        if begin < free:
            continue
        for end in range(begin + _MAX_CARD, begin + _MIN_CARD - 1, -1):  # the longest first
            if end not in ends:
                continue
            digits = "".join(text[place] for place in places[begin:end])
            span = Span(places[begin], places[end - 1] + 1)
            if is_card(digits) and not _within_an_id(text, span):
                yield span
                free = end
                break


def _within_an_id(text: str, span: Span) -> bool:
    """Return whether a number is a part of something like a hash: letters and further digits without a gap."""
    before, after = span
    while before and text[before - 1].isalnum():
        before -= 1
    while after < len(text) and text[after].isalnum():
        after += 1
    around = text[before : span.start] + text[span.end : after]
    return any(sign.isdecimal() for sign in around)
