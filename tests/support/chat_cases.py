"""How the contract suite builds the channels slack, slack_webhook and teams: against a far side that works, or not."""

from collections.abc import Callable
from contextlib import ExitStack
from typing import Any, Protocol

import pytest

from tests.support.slack import HOOK, TOKEN, fake_hook, fake_slack
from tests.support.teams import PATH, fake_teams


class Case(Protocol):
    """What the suite hands over."""

    stack: ExitStack
    monkeypatch: pytest.MonkeyPatch

    def port(self, fault: str) -> int: ...


Built = tuple[dict[str, Any], Callable[[], int]]
"""The channel's entry in the settings, and how many messages have arrived."""


def slack(case: Case, fault: str) -> Built:
    case.monkeypatch.setenv("MG_TEST_SLACK", TOKEN)
    base = {"type": "slack", "token": {"env": "MG_TEST_SLACK"}, "to": ["C0ALERTS", "C0OTHER"]}
    if fault:
        return {**base, "base_url": f"http://127.0.0.1:{case.port(fault)}"}, lambda: 0
    far = case.stack.enter_context(fake_slack())
    return {**base, "base_url": far.url}, lambda: len(far.messages)


def slack_webhook(case: Case, fault: str) -> Built:
    base = {"type": "slack_webhook", "url_secret": {"env": "MG_TEST_SLACK"}}
    if fault:
        case.monkeypatch.setenv("MG_TEST_SLACK", f"http://127.0.0.1:{case.port(fault)}{HOOK}")
        return base, lambda: 0
    hook = case.stack.enter_context(fake_hook())
    case.monkeypatch.setenv("MG_TEST_SLACK", hook.url + HOOK)
    return base, lambda: len(hook.taken)


def teams(case: Case, fault: str) -> Built:
    base = {"type": "teams", "url_secret": {"env": "MG_TEST_TEAMS"}}
    if fault:
        case.monkeypatch.setenv("MG_TEST_TEAMS", f"http://127.0.0.1:{case.port(fault)}{PATH}")
        return base, lambda: 0
    workflow = case.stack.enter_context(fake_teams())
    case.monkeypatch.setenv("MG_TEST_TEAMS", workflow.url + PATH)
    return base, lambda: len(workflow.taken)
