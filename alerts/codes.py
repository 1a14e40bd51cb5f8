"""Short codes of alerts: what a person types into a phone to say which alert is meant.

A code begins with a consonant that is no hexadecimal digit, has no vowels (so it spells no word), none of the
characters that look alike (0 O, 1 I L), and at least one digit: it can be told from a word, from a duration (which
begins with a digit) and from the beginning of a fingerprint.
"""

import re
from hashlib import blake2b
from pathlib import Path

from alerts.connection import Scripts, store_errors
from alerts.store import AlertStore

_FIRST = "GHJKMNPQRSTVWXZ"
_DIGITS = "23456789"
_REST = "BCDFGHJKMNPQRSTVWXZ" + _DIGITS
_LENGTHS = (3,) * 6 + (4,) * 12 + (5,) * 6 + (6,) * 6
_LEAST_KEPT_MS = 7 * 86_400_000
_CODE = re.compile(f"(?=.*[{_DIGITS}])[{_FIRST}][{_REST}]{{2,5}}")


def is_code(text: str) -> bool:
    """Return whether a text has the form of a code, in upper or lower case.

    >>> is_code("k7f"), is_code("thx"), is_code("30m"), is_code("b42")
    (True, False, False, False)
    """
    return _CODE.fullmatch(text.upper()) is not None


def candidates(fingerprint: str) -> list[str]:
    """Return the codes that an alert may have, the shortest first: always the same ones.

    >>> [len(code) for code in candidates("0f3a9c5512de7f80")[5:8]]
    [3, 4, 4]
    """
    return [_candidate(fingerprint, number, length) for number, length in enumerate(_LENGTHS)]


def _candidate(fingerprint: str, number: int, length: int) -> str:
    drawn = int.from_bytes(blake2b(f"{fingerprint}|{number}".encode(), digest_size=16).digest(), "big")
    drawn, first = divmod(drawn, len(_FIRST))
    drawn, place = divmod(drawn, length - 1)
    code = [_FIRST[first]]
    for position in range(length - 1):
        letters = _DIGITS if position == place else _REST
        drawn, index = divmod(drawn, len(letters))
        code.append(letters[index])
    return "".join(code)


class ShortCodes:
    """The codes of a store's alerts. May be used by several threads and processes.

    A code is kept as long as it is used, and as long after that as resolved alerts are (at least a week): an old
    message never means another alert.

    Args:
        store: of the alerts.
    """

    def __init__(self, store: AlertStore) -> None:
        self._client = store.client
        self._keys = store.keys
        self._kept_ms = max(store.settings.retention // 1000, _LEAST_KEPT_MS)
        self._scripts = Scripts(store.client, Path(__file__).parent)

    def short_code(self, fingerprint: str) -> str:
        """Return the alert's code: 3 or 4 characters, more only when hundreds of thousands are in use.

        Raises:
            StoreUnavailableError: when Redis cannot be used now.
        """
        return str(self._scripts.run("code", self._keys.prefix, fingerprint, self._kept_ms, *candidates(fingerprint)))

    def fingerprint(self, code: str) -> str | None:
        """Return the alert that is called so; None when none is.

        Raises:
            StoreUnavailableError: when Redis cannot be used now.
        """
        with store_errors():
            found: str | None = self._client.get(self._keys.named(f"code:{code.upper()}"))
        return found
