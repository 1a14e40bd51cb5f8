"""Queries that several dashboards ask."""


def every_notifier(selector: str) -> str:
    """Return the sum of what every notifier says alike: added up in each, and then of one of them."""
    return f"max(sum by (instance) ({selector}))"


def quantile(share: float, name: str, by: str = "", over: str = "$__rate_interval", of: str = "") -> str:
    """Return the query of a quantile of a histogram.

    Args:
        share: 0 to 1.
        name: of the metric, without ``_bucket``.
        by: a label that is kept.
        over: so long a time.
        of: matchers.
    """
    labels = f"le, {by}" if by else "le"
    selector = f"{name}_bucket{{{of}}}" if of else f"{name}_bucket"
    return f"histogram_quantile({share}, sum by ({labels}) (rate({selector}[{over}])))"


def share(name: str, part: str, whole: str, by: str = "", over: str = "$__rate_interval") -> str:
    """Return the query of a part of a counter's increase in the whole of it, both given by matchers."""
    of = f"sum by ({by})" if by else "sum"
    return f"{of} (rate({name}{{{part}}}[{over}])) / {of} (rate({name}{{{whole}}}[{over}]))"


_FIRST = 'kind="first_reply"'
EVENT_TIME_BEHIND = "max(makegood_event_clock_seconds - makegood_watermark_timestamp_seconds)"
OLDEST_FEED = (
    "max(makegood_event_clock_seconds) - min(max by (feed) (makegood_partition_newest_event_timestamp_seconds))"
)
SENTIMENT_NOW = (
    "sum(makegood_sentiment_mean * makegood_window_events) / sum(makegood_window_events and makegood_sentiment_mean)"
)
RESOLUTION_MEDIAN = quantile(0.5, "makegood_case_resolution_seconds", over="1h")
FIRST_REPLY_KEPT = share("makegood_promises_total", f'{_FIRST}, outcome="met"', _FIRST, over="1h")
REPEAT_SHARE = share("makegood_findings_total", 'verdict="repeat"', 'verdict=~"repeat|no_repeat"', over="1h")
DETECTION_P95 = quantile(0.95, "makegood_detection_delay_seconds", over="1h")
DELIVERY_P95 = quantile(0.95, "makegood_notification_delay_seconds", over="1h")
