"""What is said of a metric."""

from dataclasses import dataclass
from typing import Literal

Kind = Literal["counter", "gauge", "histogram"]
Part = Literal["flow", "ingest", "notifier", "console"]
Unit = Literal["seconds", "bytes", "ratio", "number", "bool", "own"]
"""``ratio``: 0 to 1. ``bool``: 1 or 0. ``own``: that of the detector, see its reference page."""
OTHER = "other"
"""Stands for all values of a label beyond the most that it may have."""


class UnboundedLabelError(Exception):
    """A label is declared without what bounds its values, or with more than one thing that does."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Label:
    """A label, and the one thing that bounds its values: a metric costs memory for each of them, for ever.

    Attributes:
        values: all there are.
        of: all there are, as an enumeration or a ``Literal`` of the code: ``module:name``.
        settings: the names in these sections of the settings file.
        most: so many at most, which the code that counts sees to (:class:`config.metrics.build.Capped`).
        also: values that come beside those of ``of`` or ``settings``.
        told: in words, what the values are, where that is not plain.

    Raises:
        UnboundedLabelError: nothing bounds it, or several things do.
    """

    name: str
    values: tuple[str, ...] = ()
    of: tuple[str, ...] = ()
    settings: tuple[str, ...] = ()
    most: int = 0
    also: tuple[str, ...] = ()
    told: str = ""

    def __post_init__(self) -> None:
        bounds = [bool(self.values), bool(self.of), bool(self.settings), self.most > 0]
        if sum(bounds) != 1:
            msg = f"label {self.name!r}: give exactly one of values, of, settings, most; given: {sum(bounds)}"
            raise UnboundedLabelError(msg)

    def bound(self) -> str:
        """Return in words what bounds the values."""
        if self.values:
            return ", ".join(f"`{value}`" for value in self.values)
        extra = "".join(f", or `{value}`" for value in self.also)
        if self.settings:
            return f"{self.told or 'names in the settings'}: {', '.join(f'`{one}`' for one in self.settings)}{extra}"
        if self.most:
            return f"{self.told or 'values of the data'}: {self.most} at most{extra}"
        return (self.told or "a closed set") + extra


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """A metric.

    Attributes:
        name: without the ending that its type adds: a counter is exposed with ``_total``.
        part: the process that exposes it.
        help: what it says, in one sentence.
        buckets: upper bounds of a histogram's, without ``+Inf``; ascending.
    """

    name: str
    kind: Kind
    part: Part
    unit: Unit
    help: str
    labels: tuple[Label, ...] = ()
    buckets: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        if bool(self.buckets) != (self.kind == "histogram") or list(self.buckets) != sorted(set(self.buckets)):
            msg = f"{self.name}: histograms, and only they, have buckets, in ascending order"
            raise ValueError(msg)

    @property
    def label_names(self) -> tuple[str, ...]:
        """The labels' names, in the order in which values are given."""
        return tuple(label.name for label in self.labels)

    @property
    def exposed(self) -> tuple[str, ...]:
        """The names under which samples are exposed."""
        if self.kind == "counter":
            return (f"{self.name}_total",)
        if self.kind == "histogram":
            return (f"{self.name}_bucket", f"{self.name}_sum", f"{self.name}_count")
        return (self.name,)
