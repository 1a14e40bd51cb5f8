"""What somebody writes to say which alerts they mean, where only labels can say it: in the form of a silence."""

import re

_ONE = r"""[A-Za-z_][A-Za-z0-9_]*(?:=~|!~|!=|=)(?:"(?:[^"\\]|\\.)*"|[^\s",{}]+)"""
_BESIDE = re.compile(rf"\s*{_ONE}(?:\s+{_ONE})+\s*")


def matchers_in(text: str) -> list[str]:
    """Return the matchers of a text, beside commas as Alertmanager writes them, or beside spaces as our query box does.

    Alertmanager would take ``a=b c=d`` for one matcher, of the value ``b c=d``: that is never what was meant, and a
    silence of it hides nothing. What is not plainly some matchers beside each other stays one text.

    >>> matchers_in("service=pay region=north")
    ['service=pay', 'region=north']
    >>> matchers_in('team=~"a b" service=pay')
    ['team=~"a b"', 'service=pay']
    >>> matchers_in('service=pay, city="New York"'), matchers_in("city=New York")
    (['service=pay, city="New York"'], ['city=New York'])
    """
    return re.findall(_ONE, text) if _BESIDE.fullmatch(text) else [text]
