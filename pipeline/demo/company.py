"""The company: what it sells, where, to whom, and when its customers are awake."""

import math
from dataclasses import dataclass
from random import Random

from config.durations import US_PER_SECOND
from pipeline.demo.chance import Weighted, lognormal

MINUTE_US = 60 * US_PER_SECOND
HOUR_US = 60 * MINUTE_US
DAY_US = 24 * HOUR_US

FEEDS = ("crm", "survey", "transaction", "social")
"""The four feeds; also the names of the demo feed's partitions."""
SERVICES = {"checkout": 0.30, "delivery": 0.30, "app": 0.25, "billing": 0.15}
REGIONS = {"north": 0.40, "central": 0.35, "south": 0.25}
_UTC_OFFSET_H = {"north": 0, "central": 1, "south": 2}
_LANGUAGES = {
    "north": {"en": 0.9, "de": 0.1},
    "central": {"en": 0.5, "de": 0.4, "fr": 0.1},
    "south": {"en": 0.4, "es": 0.5, "fr": 0.1},
}
VENDORS = {
    "checkout": {"payfast": 0.6, "unipay": 0.4},
    "delivery": {"swiftpost": 0.7, "roadrun": 0.3},
    "app": {"cloudline": 1.0},
    "billing": {"unipay": 1.0},
}
_TIERS = {"gold": 0.05, "silver": 0.20, "bronze": 0.75}
_VALUE_MEDIAN = {"gold": 20_000.0, "silver": 4_000.0, "bronze": 600.0}
_CONTRACTS = {"gold": "enterprise", "silver": "business", "bronze": "basic"}

PER_HOUR = {"orders": 1000.0, "cases": 120.0, "posts": 480.0, "surveys": 40.0}
"""What happens in an hour of an ordinary day, on average over the day, at scale 1."""
_PEAK_HOUR = {"orders": 15.0, "cases": 14.0, "posts": 18.0, "surveys": 17.0}
_WEEKEND = {"orders": 0.9, "cases": 0.6, "posts": 1.1, "surveys": 0.7}
_SWING = 0.7
_THURSDAY = 3
"""1970-01-01 was one (Monday is 0)."""


@dataclass(frozen=True, slots=True)
class Customer:
    """One customer; the row of the profile table."""

    id: str
    tier: str
    region: str
    language: str
    lifetime_value: float
    contract: str


class Company:
    """Customers and rhythm. The same seed gives the same company.

    Args:
        seed: of everything random.
        customers: how many there are.
    """

    def __init__(self, seed: int, customers: int = 2000) -> None:
        if customers < 50:
            msg = f"customers: a company of {customers} is too small for its regions; give it 50 or more"
            raise ValueError(msg)
        rng = Random(f"company {seed}")  # noqa: S311 - a simulation
        tiers, regions = Weighted(list(_TIERS), list(_TIERS.values())), Weighted(list(REGIONS), list(REGIONS.values()))
        languages = {name: Weighted(list(share), list(share.values())) for name, share in _LANGUAGES.items()}
        self.seed = seed
        self.customers: list[Customer] = []
        by_region: dict[str, list[tuple[Customer, float]]] = {region: [] for region in REGIONS}
        for number in range(customers):
            # The first few make sure that every region has somebody.
            region = list(REGIONS)[number] if number < len(REGIONS) else regions.pick(rng)
            tier = tiers.pick(rng)
            value = round(lognormal(rng, _VALUE_MEDIAN[tier], 0.6), 2)
            one = Customer(f"c{number:05d}", tier, region, languages[region].pick(rng), value, _CONTRACTS[tier])
            self.customers.append(one)
            by_region[region].append((one, lognormal(rng, 1.0, 1.2)))
        self._by_region = {
            region: Weighted([one for one, _ in some], [activity for _, activity in some])
            for region, some in by_region.items()
        }
        self._vendors = {name: Weighted(list(share), list(share.values())) for name, share in VENDORS.items()}

    def customer(self, rng: Random, region: str) -> Customer:
        """Return a customer of a region: a few are heard from much more often than the rest."""
        return self._by_region[region].pick(rng)

    def vendor(self, rng: Random, service: str) -> str:
        """Return the vendor that serves one transaction."""
        return self._vendors[service].pick(rng)


def rhythm(what: str, region: str, time_us: int) -> float:
    """Return how busy a moment is: a factor on a weekday's average, by the region's hour of day and by weekday."""
    local_us = time_us + _UTC_OFFSET_H[region] * HOUR_US
    hour = (local_us % DAY_US) / HOUR_US
    weekend = (local_us // DAY_US + _THURSDAY) % 7 >= 5
    daily = 1.0 + _SWING * math.cos(2.0 * math.pi * (hour - _PEAK_HOUR[what]) / 24.0)
    return daily * (_WEEKEND[what] if weekend else 1.0)
