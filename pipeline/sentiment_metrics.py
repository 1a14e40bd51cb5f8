"""Figures of the text model that scores sentiment, for Prometheus."""

from collections.abc import Iterator

from prometheus_client.core import GaugeMetricFamily, Metric

from detectors.models.text.version import Header


def sentiment_metrics(header: Header | None) -> Iterator[Metric]:
    """Return what the version in force says of itself.

    Args:
        header: None where there is no version: the families are there, without figures.
    """
    number = GaugeMetricFamily("makegood_sentiment_version", "Number of the version of the text model that is in force")
    learned = GaugeMetricFamily("makegood_sentiment_labels", "Comments of surveys that this version has learned")
    share = GaugeMetricFamily(
        "makegood_sentiment_model_share",
        "How much of the score of a text is the model's, 0 to 1; the rest is VADER's",
        labels=["language"],
    )
    right = GaugeMetricFamily(
        "makegood_sentiment_accuracy",
        "Share of the last labels that were told right before they were learned: by the model, and by what was before",
        labels=["language", "by"],
    )
    f1 = GaugeMetricFamily(
        "makegood_sentiment_macro_f1", "Macro-F1 of the same labels over three classes", labels=["language", "by"]
    )
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
