"""The routes, receivers and inhibition rules as a configuration that Alertmanager loads: for its tools, and to compare.

What Alertmanager has no words for is left out: tiers and channels of receivers, escalations, maintenance windows. No
secret is in it.
"""

from typing import Any

import yaml

from config.delivery import RouteSettings
from config.settings import Settings

NOBODY = "none"
"""Receiver in the configuration of settings without a route: Alertmanager's needs one."""
_UNITS = (("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1))


def receiver_names(settings: Settings) -> list[str]:
    """Return the receivers of the settings, sorted."""
    return sorted(settings.receivers)


def alertmanager_config(settings: Settings) -> dict[str, Any]:
    """Return the configuration as plain data."""
    found: dict[str, Any] = {
        "global": {"resolve_timeout": duration(settings.alertmanager_api.resolve_timeout)},
        "route": {"receiver": NOBODY} if settings.route is None else _route(settings.route, root=True),
    }
    if settings.inhibit_rules:
        found["inhibit_rules"] = [
            {
                "source_matchers": list(rule.source_matchers),
                "target_matchers": list(rule.target_matchers),
                "equal": list(rule.equal),
            }
            for rule in settings.inhibit_rules
        ]
    names = set(settings.receivers) | ({NOBODY} if settings.route is None else _named(settings.route))
    found["receivers"] = [{"name": name} for name in sorted(names)]
    return found


def alertmanager_yaml(settings: Settings) -> str:
    """Return the configuration as YAML."""
    return yaml.safe_dump(alertmanager_config(settings), sort_keys=False, allow_unicode=True)


def duration(time_us: int) -> str:
    """Return a span as Alertmanager writes it, rounded up to milliseconds.

    >>> duration(5_400_000_000), duration(1), duration(0)
    ('1h30m', '1ms', '0s')
    """
    left = -(-time_us // 1000)
    told = ""
    for unit, ms in _UNITS:
        count, left = divmod(left, ms)
        told += f"{count}{unit}" if count else ""
    return told or "0s"


def _route(route: RouteSettings, *, root: bool) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if route.receiver is not None:
        found["receiver"] = route.receiver
    if route.group_by:
        found["group_by"] = list(route.group_by)
    if route.matchers:
        found["matchers"] = list(route.matchers)
    if route.continue_ and not root:
        found["continue"] = True
    for name in ("group_wait", "group_interval", "repeat_interval"):
        span = getattr(route, name)
        if span is not None:
            found[name] = duration(span)
    if route.routes:
        found["routes"] = [_route(child, root=False) for child in route.routes]
    return found


def _named(route: RouteSettings) -> set[str]:
    own = set() if route.receiver is None else {str(route.receiver)}
    return own.union(*(_named(child) for child in route.routes))
