"""How long a check takes says nothing: shown by what is compared and computed, not by a stopwatch."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from argon2 import PasswordHasher, extract_parameters

from config.console import ConsoleSettings
from dashboards.access import passwords
from dashboards.access.contract import Role
from dashboards.access.passwords import MOST_BYTES, Passwords
from tests.support.access import PASSWORD, Served, log_in, users

_ROOT = Path(__file__).parents[3]
_JUDGE = (
    *(*(_ROOT / "dashboards/access").glob("*.py"), *(_ROOT / "pipeline/ingest").glob("sign*.py")),
    *(_ROOT / "pipeline/ingest/credentials.py", _ROOT / "alerts/links.py", *(_ROOT / "sinks/callbacks").glob("*.py")),
)
_SECRET = re.compile(r"(^|_)(token|secret|signature|digest|password|csrf|mac|mark|given|wanted_token)$")


class Counting:
    """A hasher that notes what it verifies."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str]] = []
        self._hasher = PasswordHasher()

    def verify(self, digest: str, password: str) -> bool:
        self.asked.append((digest, password))
        return self._hasher.verify(digest, password)


@pytest.fixture
def counting(monkeypatch: pytest.MonkeyPatch) -> Counting:
    made = Counting()
    monkeypatch.setattr(passwords, "_hasher", made)
    return made


def test_a_name_that_there_is_not_costs_one_argon2_as_one_that_there_is(tmp_path: Path, counting: Counting) -> None:
    settings = ConsoleSettings.model_validate({"users": users(tmp_path, anna="admin")})
    known = Passwords(settings.users)
    assert known.check("anna", PASSWORD) == Role.ADMIN
    for name, password in (("anna", "wrong"), ("nobody", "wrong"), ("", ""), ("nobody", PASSWORD), ("ännä", "ü")):
        counting.asked.clear()
        assert known.check(name, password) is None
        ((digest, asked),) = counting.asked
        assert asked == password
        assert extract_parameters(digest) == extract_parameters((tmp_path / "password-hash").read_text())
    assert known.check("nobody", "nobody has this password") is None


def test_a_password_that_is_too_long_costs_nothing_whoever_it_is_of(tmp_path: Path, counting: Counting) -> None:
    known = Passwords(ConsoleSettings.model_validate({"users": users(tmp_path, anna="admin")}).users)
    for name in ("anna", "nobody"):
        assert known.check(name, "x" * (MOST_BYTES + 1)) is None
    assert counting.asked == []


@pytest.mark.parametrize("name", ["rob", "nobody"])
def test_a_login_computes_the_same_for_names_that_there_are_and_are_not(
    people: Served, counting: Counting, name: str
) -> None:
    assert log_in(people.client(), name, "wrong").status_code == 403
    assert people.client(auth=(name, "wrong")).get("/api/v1/look").status_code == 401
    assert len(counting.asked) == 2


def compared(path: Path) -> Iterator[str]:
    """Yield what a module compares by ``==`` or ``!=`` though its name says that it is secret."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not isinstance(node, ast.Compare) or not any(isinstance(one, ast.Eq | ast.NotEq) for one in node.ops):
            continue
        sides: list[Any] = [node.left, *node.comparators]
        names = [getattr(side, "id", getattr(side, "attr", "")) for side in sides]
        if any(_SECRET.search(name) for name in names) and not any(isinstance(side, ast.Constant) for side in sides):
            yield f"{path.relative_to(_ROOT)}:{node.lineno}: {ast.unparse(node)}"


def test_no_secret_is_compared_letter_by_letter() -> None:
    assert len(_JUDGE) > 30
    assert [one for path in _JUDGE for one in compared(path)] == [], "use hmac.compare_digest"


def test_this_test_notices_a_comparison_letter_by_letter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(globals(), "_ROOT", tmp_path)
    path = tmp_path / "wrong.py"
    path.write_text("def check(given, known):\n    return known.digest == given\n")
    assert list(compared(path)) == ["wrong.py:2: known.digest == given"]
