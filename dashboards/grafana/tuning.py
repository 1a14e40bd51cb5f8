"""Whether detectors keep what they promise: for those who tune them."""

from dashboards.grafana.board import Board
from dashboards.grafana.looks import Query, Step
from dashboards.grafana.palette import P2
from dashboards.grafana.queries import quantile

_OF = 'detector=~"$detector"'
_GROUP = "{{detector}} {{service}} {{region}} {{group}}"


def build() -> Board:
    """Return the board."""
    board = Board(
        "makegood-tuning",
        "Makegood: detector tuning",
        "Whether detectors keep their promise about false alarms, and what each of them sees.",
        since="now-24h",
        choose={"detector": "label_values(makegood_window_events, detector)"},
    )
    board.row("How much people get to hear")
    board.stat(
        "Alerts in ten minutes",
        "Above 10 for each person on duty people no longer keep up (alarm flood)",
        'sum(increase(makegood_alerts_fired_total{severity=~"critical|warning"}[10m]))',
        "short",
        steps=(Step(10, P2),),
        decimals=0,
    )
    board.bars(
        "Mix",
        "Of the last day's alerts. 5 % critical, 15 % warning, 80 % info is what people can work with",
        Query(
            "sum by (severity) (increase(makegood_alerts_fired_total[1d]))"
            " / on () group_left () sum(increase(makegood_alerts_fired_total[1d]))",
            "{{severity}}",
        ),
        "percentunit",
        width=10,
        most=1,
    )
    board.bars(
        "Where they come from",
        "Alerts of the last day, the ten detectors with the most",
        Query("topk(10, sum by (type) (increase(makegood_alerts_fired_total[1d])))", "{{type}}"),
        "short",
        width=10,
    )
    board.row("False alarms")
    board.series(
        "False alarms a week, by chance",
        "As p-values are, with a 95 % interval; compare it with the budget of the settings",
        [
            Query(
                f'makegood_detector_false_alarms_per_week{{source="p_values", bound="estimate", {_OF}}}', "{{detector}}"
            ),
            Query(
                f'makegood_detector_false_alarms_per_week{{source="p_values", bound=~"low|high", {_OF}}}',
                "{{detector}} {{bound}}",
                limit=True,
            ),
        ],
        "short",
        low=0,
    )
    board.series(
        "Realised rate of p-values",
        "Share of calm windows at or below a level, divided by the level: 1 is as promised, 2 twice as many",
        [
            Query(
                f'sum by (at_or_below) (makegood_detector_p_values_total{{at_or_below="0.1", {_OF}}})'
                f" / on () group_left () sum(makegood_detector_windows_total{{{_OF}}}) / 0.1",
                "at or below {{at_or_below}}",
            ),
            Query(
                f'sum by (at_or_below) (makegood_detector_p_values_total{{at_or_below="0.01", {_OF}}})'
                f" / on () group_left () sum(makegood_detector_windows_total{{{_OF}}}) / 0.01",
                "at or below {{at_or_below}}",
            ),
        ],
        "none",
        low=0,
    )
    board.row("What people said of alerts", needs="verdicts")
    board.series(
        "False alarms a week, by people's verdicts",
        "Of the last four weeks, with a 95 % interval",
        [
            Query(
                f'makegood_detector_false_alarms_per_week{{source="verdicts", bound="estimate", {_OF}}}', "{{detector}}"
            ),
            Query(
                f'makegood_detector_false_alarms_per_week{{source="verdicts", bound=~"low|high", {_OF}}}',
                "{{detector}} {{bound}}",
                limit=True,
            ),
        ],
        "short",
        low=0,
    )
    board.bars(
        "Verdicts",
        "Useful, or noise; so far",
        Query(f"sum by (detector, verdict) (makegood_detector_verdicts_total{{{_OF}}})", "{{detector}} {{verdict}}"),
        "short",
        width=12,
    )
    board.row("What a detector sees")
    board.series(
        "Value and what was expected",
        "Of each group's newest window, in the unit of the detector. Dashed: expected",
        [
            Query(f"makegood_window_value{{{_OF}}}", _GROUP),
            Query(f"makegood_window_baseline{{{_OF}}}", _GROUP + " expected", limit=True),
        ],
        "none",
    )
    board.series(
        "How unusual",
        "p-value of each group's newest window: the lower, the more unusual",
        [Query(f"makegood_window_p_value{{{_OF}}}", _GROUP)],
        "none",
        high=1,
        log=True,
    )
    board.series(
        "Verdicts of windows",
        "A minute. fires: an alert opens; too_few: too little to say; warming_up: it still learns what is normal",
        [Query(f"sum by (verdict) (rate(makegood_findings_total{{{_OF}}}[$__rate_interval])) * 60", "{{verdict}}")],
        "short",
        low=0,
    )
    board.series(
        "How soon alerts are there",
        "From the event time at which an alert fires to the store's having it: half, and 95 %, within",
        [
            Query(quantile(0.5, "makegood_detection_delay_seconds", "type", "1h"), "{{type}} half"),
            Query(quantile(0.95, "makegood_detection_delay_seconds", "type", "1h"), "{{type}} 95 %"),
        ],
        "s",
        low=0,
    )
    board.series(
        "Age of the newest window",
        "How far each detector's last window is behind the clock of events",
        [
            Query(
                f"max(makegood_event_clock_seconds) - on () group_right ()"
                f" max by (detector) (makegood_window_end_timestamp_seconds{{{_OF}}})",
                "{{detector}}",
            )
        ],
        "s",
        low=0,
    )
    board.series(
        "Not shown, not kept",
        "Groups and partitions without series because there are too many; findings that `explain` will not know of",
        [
            Query("sum by (what) (makegood_series_left_out)", "{{what}} left out"),
            Query("sum(makegood_findings_dropped_total)", "findings dropped"),
        ],
        "short",
        low=0,
    )
    board.row("Sentiment that is learned", needs="a version of learned sentiment")
    board.stat("Version", "Of the text model that is in force", "max(makegood_sentiment_version)", "short")
    board.stat("Learned from", "Comments of surveys", "max(makegood_sentiment_labels)", "short")
    board.series(
        "Told right",
        "Share of the last labels, before they were learned; dashed: what was before",
        [
            Query('max by (language) (makegood_sentiment_accuracy{by="model"})', "{{language}}"),
            Query('max by (language) (makegood_sentiment_accuracy{by="prior"})', "{{language}} before", limit=True),
        ],
        "percentunit",
        width=8,
        low=0,
        high=1,
    )
    board.series(
        "Macro-F1, and the model's share",
        "Over three classes; how much of a score is the model's",
        [
            Query('max by (language) (makegood_sentiment_macro_f1{by="model"})', "{{language}} F1"),
            Query("max by (language) (makegood_sentiment_model_share)", "{{language}} model's share", limit=True),
        ],
        "percentunit",
        width=8,
        low=0,
        high=1,
    )
    return board
