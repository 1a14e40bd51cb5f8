import json
import os
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from structlog.testing import capture_logs

from config.enrichment import ProfileSettings, SentimentSettings
from detectors.events import Event, Profile, SocialEvent
from pipeline.enrich import Enricher
from pipeline.events import decode_event
from pipeline.profiles import ProfilesError, load_profiles
from pipeline.reasons import Reason
from pipeline.sentiment import MAX_TEXT_CHARS, Sentiment

NO_SENTIMENT = SentimentSettings(method="none")
TABLE = "customer,tier,lifetime_value,language,contract\nc1,gold,1200.5,en,\nc2,,,pt-BR,premier\n"


def event(type_: str = "social.post", subject: str = "c1", **data: Any) -> Event:
    whole = {"id": "1", "source": "s", "type": type_, "time": "2024-05-01T09:30:00Z", "subject": subject, "data": data}
    return decode_event(json.dumps(whole).encode())


def sentiment_of(found: Event) -> float | None:
    assert isinstance(found, SocialEvent)
    return found.data.sentiment


def table(path: Path, text: str = TABLE) -> ProfileSettings:
    path.write_text(text)
    return ProfileSettings(path=path)


def test_events_get_the_profile_of_their_subject(tmp_path: Path) -> None:
    events = [event(subject="c1"), event(subject="c2"), event(subject="c3"), event(subject="")]
    Enricher(table(tmp_path / "p.csv"), NO_SENTIMENT).enrich(events)
    assert [found.profile for found in events] == [
        Profile(customer="c1", tier="gold", lifetime_value=1200.5, language="en"),
        Profile(customer="c2", language="pt-BR", contract="premier"),
        None,
        None,
    ]


def test_tables_of_every_format_give_the_same_profiles(tmp_path: Path) -> None:
    expected = load_profiles(table(tmp_path / "p.csv")).by_customer
    rows = [
        {"customer": "c1", "tier": "gold", "lifetime_value": 1200.5, "language": "en", "contract": None},
        {"customer": "c2", "tier": None, "lifetime_value": None, "language": "pt-BR", "contract": "premier"},
    ]
    (tmp_path / "p.jsonl").write_text("\n".join(map(json.dumps, rows)))
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "p.parquet")
    for name in ("p.jsonl", "p.parquet"):
        assert load_profiles(ProfileSettings(path=tmp_path / name)).by_customer == expected


def test_columns_can_have_other_names(tmp_path: Path) -> None:
    (tmp_path / "p.csv").write_text("Id;Segment;Worth\n7;VIP;?\n")
    settings = ProfileSettings.model_validate(
        {"path": tmp_path / "p.csv", "key": "Id", "tier": "Segment", "lifetime_value": "Worth", "missing": ["?", ""]}
        | {"csv": {"delimiter": ";"}}
    )
    assert load_profiles(settings).by_customer == {"7": Profile(customer="7", tier="VIP")}


def test_bad_rows_are_reported_with_their_number_and_the_others_hold(tmp_path: Path) -> None:
    text = TABLE + ",gold,1,,\nc3,x,much,,\nc4,x\nc1,silver,nan,,\nc1,platinum,5,,\n"
    profiles = load_profiles(table(tmp_path / "p.csv", text))
    assert [(row.row, row.reason) for row in profiles.bad] == [
        (1, Reason.INVALID_VALUE),
        (3, Reason.MISSING_FIELD),
        (4, Reason.INVALID_VALUE),
        (5, Reason.INVALID_CSV),
        (6, Reason.INVALID_VALUE),
    ]
    assert profiles.by_customer["c1"].tier == "platinum"
    assert sorted(profiles.by_customer) == ["c1", "c2"]


def test_a_table_that_cannot_be_read_names_the_file_or_column(tmp_path: Path) -> None:
    with pytest.raises(ProfilesError, match=r"profiles: path: cannot read .*none\.csv"):
        load_profiles(ProfileSettings(path=tmp_path / "none.csv"))
    with pytest.raises(ProfilesError, match=r"set format"):
        load_profiles(table(tmp_path / "p.bin"))
    settings = table(tmp_path / "p.csv").model_copy(update={"tier": "segment"})
    with pytest.raises(ProfilesError, match=r"tier: .*no column 'segment'; there are: contract, customer"):
        load_profiles(settings)


def test_a_changed_table_is_read_again_and_a_broken_one_leaves_what_is_known(tmp_path: Path) -> None:
    path = tmp_path / "p.csv"
    enricher = Enricher(table(path), NO_SENTIMENT)
    assert not enricher.reload_if_changed()
    path.write_text(TABLE + "c9,new,,,\n")
    assert enricher.reload_if_changed()
    events = [event(subject="c9")]
    enricher.enrich(events)
    assert events[0].profile == Profile(customer="c9", tier="new")
    path.write_text("nothing,of,the,kind\n1,2,3,4\n")
    with capture_logs() as logs:
        assert not enricher.reload_if_changed()
    assert [entry["event"] for entry in logs] == ["profiles.not_reloaded"]
    path.unlink()
    assert not enricher.reload_if_changed()
    enricher.enrich(events)
    assert events[0].profile is not None


def test_a_table_of_the_same_size_written_anew_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "p.csv"
    enricher = Enricher(table(path), NO_SENTIMENT)
    path.write_text(TABLE.replace("gold", "iron"))
    os.utime(path, ns=(1, 1))
    assert enricher.reload_if_changed()


def test_bad_rows_are_logged_when_the_table_is_read(tmp_path: Path) -> None:
    with capture_logs() as logs:
        enricher = Enricher(table(tmp_path / "p.csv", TABLE + "c3,x,much,,\n"), NO_SENTIMENT)
    assert [(entry["event"], entry["count"]) for entry in logs] == [("profiles.bad_rows", 1)]
    assert len(enricher.bad_rows) == 1


def test_text_without_a_sentiment_gets_one_and_a_sentiment_that_is_there_stays() -> None:
    events = [
        event(text="I love it, great service!"),
        event(text="This is horrible, I hate it."),
        event(text="I love it", sentiment=-1),
        event("survey.response", text="terrible"),
        event("crm.case.customer_message", text="terrible", case_id="1"),
        event("transaction.failed", order_id="1"),
        event(text="  "),
        event(),
    ]
    Enricher(None, SentimentSettings()).enrich(events)
    values: list[Any] = [getattr(found.data, "sentiment", None) for found in events]
    assert values[0] > 0.5
    assert values[1] < -0.5
    assert values[2] == -1
    assert values[3] == values[4] < -0.3
    assert values[5:] == [None, None, None]


def test_only_languages_that_are_read_are_scored_and_the_label_wins_over_the_profile(tmp_path: Path) -> None:
    events = [
        event(subject="c2", text="great"),
        event(subject="c2", text="great", labels={"language": "en_GB"}),
        event(subject="c1", text="great", labels={"language": "pt"}),
        event(subject="c1", text="great"),
        event(subject="", text="great"),
    ]
    Enricher(table(tmp_path / "p.csv"), SentimentSettings()).enrich(events)
    assert [sentiment_of(found) is not None for found in events] == [False, True, False, True, True]
    other = [event(subject="", text="great")]
    Enricher(None, SentimentSettings(assume="de")).enrich(other)
    assert sentiment_of(other[0]) is None


def test_a_score_depends_on_the_text_alone_and_is_remembered() -> None:
    first, second = Sentiment(SentimentSettings()), Sentiment(SentimentSettings(cache_size=0))
    texts = ["great", "not great", "GREAT!!!", ":(", "meh", "x" * 100_000, "\U0001f600", "\n", "NUL\0"]
    assert [first.score(text) for text in texts] == [second.score(text) for text in reversed(texts)][::-1]
    assert all(-1 <= first.score(text) <= 1 for text in texts)
    assert first.score.cache_info().hits == len(texts)
    assert first.score("good " * MAX_TEXT_CHARS) == first.score(("good " * MAX_TEXT_CHARS)[:MAX_TEXT_CHARS])
