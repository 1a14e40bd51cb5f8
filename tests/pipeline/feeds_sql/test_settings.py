from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from config.secret import SecretMissingError
from pipeline.feeds.contract import FeedContext, FeedError
from pipeline.feeds.sql import SqlFeed
from pipeline.feeds.sql_settings import SqlSettings
from pipeline.feeds.sql_tables.connect import Database

LEAST: dict[str, Any] = {"type": "sql", "url": "sqlite:///crm.db", "table": "tickets", "mark": "id"}


def settings(**given: Any) -> SqlSettings:
    return SqlSettings.model_validate({**LEAST, **given})


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"url": "postgresql://reader:hunter2@db/crm"}, "holds a secret"),
        ({"url": "postgresql://db/crm?sslpassword=hunter2"}, "holds a secret"),
        ({"url": "not an address"}, "address of a database"),
        ({"table": None}, "exactly one of table and query"),
        ({"query": "SELECT 1"}, "exactly one of table and query"),
        ({"key": "id"}, "key: 'id' is the mark already"),
        ({"every": "1m", "lateness": "30s"}, r"lateness is shorter than every \(1m\)"),
        ({"start": "yesterday"}, "start: 'yesterday' is none of"),
        ({"start": "2024-05-01T00:00:00"}, "start:"),
    ],
)
def test_settings_that_cannot_be_are_refused_by_name(given: dict[str, Any], told: str) -> None:
    with pytest.raises(ValidationError, match=told) as caught:
        settings(**given)
    assert "hunter2" not in str(caught.value)


def test_a_key_may_be_one_column_or_several() -> None:
    assert settings(key="a").key == ["a"]
    assert settings(key=["a", "b"]).key == ["a", "b"]


def test_an_address_that_is_a_secret_is_read_when_the_feed_is_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    feed = SqlFeed("crm", settings(url={"env": "CRM_DB"}), FeedContext(recording=True))
    with pytest.raises(SecretMissingError, match="CRM_DB"):
        feed.open({})
    monkeypatch.setenv("CRM_DB", "hunter2")
    with pytest.raises(FeedError, match="feed 'crm': url: what is kept there is not the address") as caught:
        feed.open({})
    assert "hunter2" not in str(caught.value)
    monkeypatch.setenv("CRM_DB", f"sqlite:///{tmp_path}/none.db")
    feed.open({})
    feed.close()


def test_a_driver_that_is_not_installed_is_named_with_what_to_do() -> None:
    with pytest.raises(FeedError, match=r"cannot use mysql\+mysqldb.*install the driver"):
        Database("crm", settings(url="mysql+mysqldb://db/crm"))


def test_no_error_shows_a_password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CRM_DB", "postgresql+psycopg://reader:p%40ss%20word@127.0.0.1:1/crm?connect_timeout=1")
    database = Database("crm", settings(url={"env": "CRM_DB"}))
    told = database.told(ValueError("no: p@ss word, p%40ss%20word\nand p%40ss+word"))
    assert told == "no: ***, *** and ***"
    assert "p%40ss" not in repr(database.__dict__["_engine"])
