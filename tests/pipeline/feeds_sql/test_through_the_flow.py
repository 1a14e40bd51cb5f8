from pathlib import Path

from pipeline.assembly import load_settings
from pipeline.replay import replay
from tests.pipeline.feeds_sql.reading import database, fill

CONFIG = """
feeds:
  crm:
    type: sql
    url: sqlite:///{path}
    table: tickets
    mark: at
    key: id
    zone: Europe/London
    batch: 7
    mapping:
      formats: [iso8601]
      zone: Europe/London
      events:
        - {{type: social.post, id: "{{id}}:{{at}}", time: at, data: {{text: what}}}}
detectors:
  mood: {{type: sentiment_drop}}
"""


def test_rows_of_a_table_become_events_and_bad_ones_dead_letters(tmp_path: Path) -> None:
    db = database(tmp_path / "crm.db")
    fill(db, range(40))
    fill(db, range(40, 50), "2024-05-01 10:00:00")
    fill(db, range(50, 52), "2024-05-01 oops")
    config = tmp_path / "watch.yaml"
    config.write_text(CONFIG.format(path=tmp_path / "crm.db"))
    db.execute("INSERT INTO tickets VALUES (60, '2024-05-02 10:00:00', 'last')")
    summary = replay(load_settings(config).settings, tmp_path / "alerts.jsonl")
    assert (summary.events, summary.dead_letters_by_reason) == (51, {"invalid_time": 2})
