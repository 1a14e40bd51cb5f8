"""To whom an alert goes: the routing tree, as Alertmanager walks it."""

from collections.abc import Mapping

from config.delivery import RouteSettings
from config.matchers import matches_all, parse_matcher


def receivers_for(labels: Mapping[str, str], root: RouteSettings) -> list[str]:
    """Return the receivers of an alert with ``labels``, each once, in the order of the tree; never none."""
    found = _walk(labels, root, root.receiver or "")
    return list(dict.fromkeys(found))


def _walk(labels: Mapping[str, str], node: RouteSettings, inherited: str) -> list[str]:
    receiver = inherited if node.receiver is None else node.receiver
    found: list[str] = []
    for child in node.routes:
        if matches_all([parse_matcher(text) for text in child.matchers], labels):
            found += _walk(labels, child, receiver)
            if not child.continue_:
                break
    return found if found else [receiver]
