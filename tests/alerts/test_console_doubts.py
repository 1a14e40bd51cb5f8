"""What is said of the console's settings before it starts."""

from typing import Any

import pytest

from alerts.console_doubts import console_doubts, open_to_all
from config.console import ConsoleSettings

USERS = {"users": {"anna": {"role": "admin", "password_hash": {"env": "X"}}}}
TOKENS = {"tokens": {"karma": {"sha256": "0" * 64}}}


def doubts(**console: Any) -> list[tuple[str, str]]:
    return [(one.level, str(one.path[-1])) for one in console_doubts(ConsoleSettings.model_validate(console))]


@pytest.mark.parametrize(
    ("console", "found"),
    [
        ({}, []),
        (USERS, []),
        ({"listen": "0.0.0.0:80"}, [("error", "listen"), ("warning", "listen")]),
        ({"listen": "0.0.0.0:80"} | USERS, [("warning", "listen")]),
        ({"listen": "0.0.0.0:80", "public_url": "https://a.example"} | USERS, []),
        ({"listen": "0.0.0.0:80", "public_url": "https://a.example"} | TOKENS, []),
        ({"listen": "0.0.0.0:80", "public_url": "http://a.example"} | USERS, [("warning", "public_url")]),
        ({"public_url": "https://a.example"}, [("error", "listen")]),
        ({"public_url": "http://localhost:8080"}, []),
        ({"trusted_proxies": ["127.0.0.1"]}, [("error", "listen")]),
    ],
)
def test_what_is_said_of_a_console(console: dict[str, Any], found: list[tuple[str, str]]) -> None:
    assert doubts(**console) == found


def test_nobody_is_an_admin_without_a_login_where_there_are_people_or_proxies() -> None:
    def opened(**console: Any) -> bool:
        return open_to_all(ConsoleSettings.model_validate(console))

    assert opened()
    assert opened(**TOKENS)
    assert not opened(**USERS)
    assert not opened(trusted_proxies=["10.0.0.0/8"])
    assert not opened(public_url="https://a.example")
    assert not opened(listen="0.0.0.0:80")
