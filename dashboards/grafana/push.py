"""Makes a Grafana what it should be: looks first, changes only what is otherwise, and can say what it would change."""

import difflib
import json
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from config.grafana import GrafanaSettings
from dashboards.grafana import annotated
from dashboards.grafana.board import ALERT, TAG
from dashboards.grafana.client import Grafana
from dashboards.grafana.wanted import Source, dashboards, sources
from detectors.contract import AlertChange

Plain = dict[str, Any]
_MARGIN = 2
"""Annotations that are looked for, for each that is wanted: those of before are among them."""


class Step(NamedTuple):
    """A change.

    Attributes:
        what: ``folder``, ``data source``, ``dashboard``, ``annotation``.
        name: uid, or what an annotation is about.
        act: ``create`` or ``update``.
        diff: lines, as of ``diff -u``; without secrets.
        do: does it.
    """

    what: str
    name: str
    act: str
    diff: list[str]
    do: Callable[[], None]


def plan(
    grafana: Grafana,
    settings: GrafanaSettings,
    alerts: Sequence[AlertChange],
    *,
    now_us: int,
    message: str,
    renew_secrets: bool = False,
) -> list[Step]:
    """Return what is to be changed, in the order in which it can be done; nothing is changed yet.

    Args:
        grafana: what is looked at.
        settings: what should be there.
        alerts: current changes of those that may become annotations.
        now_us: the time of day, microseconds UTC.
        message: kept with each version of a dashboard.
        renew_secrets: write tokens of data sources again: Grafana does not tell them, so they cannot be compared.

    Raises:
        GrafanaError: Grafana does not answer, or refuses.
        SecretMissingError: a token of a data source is not there.
    """
    steps = _folder(grafana, settings)
    for source in sources(settings):
        steps += _source(grafana, source, renew=renew_secrets)
    for dashboard in dashboards(settings):
        steps += _dashboard(grafana, dashboard, settings.folder.uid, message)
    wanted = annotated.wanted(alerts, settings.annotations, now_us=now_us, console=settings.console_url)
    return steps + _annotations(grafana, wanted, settings, now_us)


def _folder(grafana: Grafana, settings: GrafanaSettings) -> list[Step]:
    uid, title = settings.folder.uid, settings.folder.title
    found = grafana.folder(uid)
    if found is None:
        return [_step("folder", uid, None, {"title": title}, lambda: grafana.create_folder(uid, title))]
    if found["title"] != title:
        before = {"title": found["title"]}
        return [_step("folder", uid, before, {"title": title}, lambda: grafana.rename_folder(uid, title))]
    return []


def _source(grafana: Grafana, source: Source, *, renew: bool) -> list[Step]:
    plain, uid = source.plain, source.plain["uid"]
    secrets = {"secureJsonData": source.secrets} if source.secrets else {}
    found = grafana.source(uid)
    if found is None:
        return [_step("data source", uid, None, plain, lambda: grafana.create_source({**plain, **secrets}))]
    before = {key: found.get(key) for key in plain}
    known = found.get("secureJsonFields") or {}
    lacking = [name for name in source.secrets if not known.get(name)]
    if before == plain and not lacking and not (renew and secrets):
        return []
    # What we do not know of is left as it is.
    body = {key: value for key, value in found.items() if key not in {"id", "version", "secureJsonFields"}}
    diff = _diff(uid, before, plain) + [f"+ {name}: (a secret)" for name in source.secrets if renew or name in lacking]
    return [Step("data source", uid, "update", diff, lambda: grafana.update_source({**body, **plain, **secrets}))]


def _dashboard(grafana: Grafana, wanted: Plain, folder: str, message: str) -> list[Step]:
    uid = wanted["uid"]
    found = grafana.dashboard(uid)

    def put() -> None:
        grafana.put_dashboard(wanted, folder, message)

    if found is None:
        return [_step("dashboard", uid, None, wanted, put)]
    before = {"folder": found["meta"].get("folderUid", ""), **_of_ours(found["dashboard"], wanted)}
    after = {"folder": folder, **wanted}
    return [] if before == after else [_step("dashboard", uid, before, after, put)]


def _of_ours(found: Any, wanted: Any) -> Any:
    """Return what was found without what Grafana adds of its own: ids, versions, defaults of what we leave out."""
    if isinstance(found, dict) and isinstance(wanted, dict):
        return {key: _of_ours(found.get(key), value) for key, value in wanted.items()}
    if isinstance(found, list) and isinstance(wanted, list) and len(found) == len(wanted):
        return [_of_ours(one, other) for one, other in zip(found, wanted, strict=True)]
    return found


def _annotations(grafana: Grafana, wanted: list[Plain], settings: GrafanaSettings, now_us: int) -> list[Step]:
    if not wanted:
        return []
    first_ms = min(one["time"] for one in wanted)
    at_most = max(100, _MARGIN * settings.annotations.at_most)
    found = grafana.annotations([TAG, ALERT], first_ms, max(now_us // 1000, wanted[-1]["time"]) + 1, at_most)
    known = {annotated.mark(one.get("tags") or ()): one for one in found}
    steps = []
    for one in wanted:
        episode = annotated.mark(one["tags"])
        there = known.get(episode)
        if there is None:
            steps.append(_step("annotation", str(episode), None, one, _adding(grafana, one)))
            continue
        before = {key: there.get(key) for key in one} | {"tags": sorted(there["tags"])}
        before["timeEnd"] = before["timeEnd"] or before["time"]  # of a point in time it may be left out
        if before != one:
            steps.append(_step("annotation", str(episode), before, one, _changing(grafana, there["id"], one)))
    return steps


def _adding(grafana: Grafana, one: Plain) -> Callable[[], None]:
    return lambda: grafana.add_annotation(one)


def _changing(grafana: Grafana, number: int, one: Plain) -> Callable[[], None]:
    return lambda: grafana.change_annotation(number, one)


def _step(what: str, name: str, before: Plain | None, after: Plain, do: Callable[[], None]) -> Step:
    return Step(what, name, "create" if before is None else "update", _diff(name, before, after), do)


def _diff(name: str, before: Plain | None, after: Plain) -> list[str]:
    there = [] if before is None else _text(before).splitlines()
    wanted = _text(after).splitlines()
    return list(difflib.unified_diff(there, wanted, f"{name} (there)", f"{name} (wanted)", lineterm="", n=2))


def _text(value: Plain) -> str:
    return json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False)
