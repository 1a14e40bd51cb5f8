"""Makes text as people type it readable for VADER, which looks words up as they are written in its list."""

import html
import re
from collections.abc import Container

_ADDRESS = re.compile(r"https?://\S+|www\.\S+")
_GLUED = re.compile(r"([A-Za-z])([.,!?\u2026]+)(?=[A-Za-z]{2})")
_DRAWN = re.compile(r"([A-Za-z])\1\1")
_WORD = re.compile(r"[A-Za-z]+")
_RUN = re.compile(r"(.)\1{2,}")


def tidy(text: str, known: Container[str]) -> str:
    """Return ``text`` with marks of HTML resolved, apostrophes straight, addresses left out, and words told apart.

    Words whose letters are drawn out become the word that is known, where there is one.

    Args:
        text: as it was written.
        known: words in small letters.

    >>> tidy("I&#39;m soooo haaappy!Really &lt;3 http://x.example/sad", {"happy"})
    "I'm soooo happy! Really <3  "
    """
    if "&" in text:
        text = html.unescape(text)
    text = text.replace("\u2019", "'")
    if "://" in text or "www." in text:
        text = _ADDRESS.sub(" ", text)
    text = _GLUED.sub(r"\1\2 ", text)
    if _DRAWN.search(text) is None:
        return text
    return _WORD.sub(lambda found: _known_form(found[0], known), text)


def _known_form(word: str, known: Container[str]) -> str:
    if _DRAWN.search(word) is None or word.lower() in known:
        return word
    for letters in (r"\1\1", r"\1"):
        shorter = _RUN.sub(letters, word)
        if shorter.lower() in known:
            return shorter
    return word
