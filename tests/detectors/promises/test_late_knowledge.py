"""What late knowledge does to alerts that were told already."""

from detectors.contract import AlertChange, Progress
from tests.support.promises import at, event, shard, told


def test_an_alert_that_was_reinstated_is_resolved_by_a_change_of_its_own() -> None:
    state = shard({"kind": "resolution", "target": 4, "unit": "hours", "at_risk": [0.5]})
    changes: list[AlertChange] = []
    for clock, events in (
        ("02-02T15:00", [event("opened", at("02-02T10:00"))]),  # at risk 12:00, broken 14:00
        ("02-02T16:00", [event("paused", at("02-02T13:00"))]),  # late: it was not broken
        ("02-02T21:00", [event("resolved", at("02-02T20:00"))]),
    ):
        changes += state.update(events, Progress(at(clock), at(clock))).changes
    risk = [c for c in changes if c.labels["alertname"] == "SlaAtRisk"]
    assert [c.status for c in risk] == ["firing", "resolved", "firing", "resolved"]
    ids = [c.change_id for c in risk]
    assert len(ids) == len(set(ids)), told(risk)


def test_a_revision_that_makes_an_event_irrelevant_takes_back_what_it_meant() -> None:
    state = shard({"kind": "first_reply", "target": 120, "unit": "minutes", "at_risk": []})
    reply = event("agent_reply", at("02-02T10:30"), id="r")
    note = event("internal_note", at("02-02T10:30"), id="r", rev=1)  # it was an internal note after all
    for order in ([reply, note], [note, reply]):
        state = shard({"kind": "first_reply", "target": 120, "unit": "minutes", "at_risk": []})
        state.update([event("opened", at("02-02T10:00")), *order], Progress(at("02-02T11:00"), at("02-02T11:00")))
        changes = state.update([], Progress(at("02-02T15:00"), at("02-02T15:00"))).changes
        assert told(changes) == [("SlaBreach", "confirmed", "02-02T12:00")]
