"""Figures of the text model that scores sentiment, for Prometheus."""

from collections.abc import Iterator

from prometheus_client.core import Metric

from config.metrics import build, flow
from detectors.models.text.version import Header


def sentiment_metrics(header: Header | None) -> Iterator[Metric]:
    """Return what the version in force says of itself.

    Args:
        header: None where there is no version: the families are there, without figures.
    """
    number = build.gauges(flow.SENTIMENT_VERSION)
    learned = build.gauges(flow.SENTIMENT_LABELS)
    share = build.gauges(flow.SENTIMENT_SHARE)
    right = build.gauges(flow.SENTIMENT_ACCURACY)
    f1 = build.gauges(flow.SENTIMENT_F1)
    if header is not None:
        number.add_metric([], header.number)
        learned.add_metric([], header.labels)
        for language in header.languages:
            figures = language.figures
            share.add_metric([language.name], language.share)
            right.add_metric([language.name, "model"], figures.model_right)
            right.add_metric([language.name, "prior"], figures.prior_right)
            f1.add_metric([language.name, "model"], figures.model_f1)
            f1.add_metric([language.name, "prior"], figures.prior_f1)
    yield from (number, learned, share, right, f1)
