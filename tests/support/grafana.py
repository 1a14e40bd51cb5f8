"""A server that answers as Grafana's HTTP API is documented, for the few addresses that are used; it fails on the rest.

https://grafana.com/docs/grafana/latest/developers/http_api/ : folder, data source, dashboard, annotations. What comes
in that the documentation does not allow is answered as Grafana does, and noted in ``wrong``: a test that leaves
something there fails.
"""

import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.support.http import Answer, HttpServer, Request

TOKEN = "glsa_canary-of-the-token_12345678"
Plain = dict[str, Any]
_SOURCE_FIELDS = {
    *("uid", "name", "type", "access", "url", "isDefault", "jsonData", "secureJsonData", "basicAuth", "basicAuthUser"),
    *(
        "orgId",
        "typeLogoUrl",
        "user",
        "database",
        "withCredentials",
        "readOnly",
        "accessControl",
        "typeName",
        "apiVersion",
    ),
}


class FakeGrafana(HttpServer):
    """One Grafana, empty at first.

    Args:
        prefix: the path that it is served under.

    Attributes:
        wrong: requests that it does not know, or that are not as documented.
        writes: methods and paths of requests that changed something.
    """

    def __init__(self, prefix: str = "") -> None:
        super().__init__()
        self.prefix = prefix
        self.folders: dict[str, Plain] = {}
        self.sources: dict[str, Plain] = {}
        self.secrets: dict[str, dict[str, str]] = {}
        self.dashboards: dict[str, Plain] = {}
        self.placed: dict[str, str] = {}
        self.messages: list[str] = []
        self.annotations: dict[int, Plain] = {}
        self.wrong: list[str] = []
        self.writes: list[str] = []
        self.refuses: dict[str, Answer] = {}
        self._routes: list[tuple[str, str, Callable[..., Answer]]] = [
            ("GET", r"/api/folders/([\w-]+)", self._get_folder),
            ("POST", r"/api/folders", self._post_folder),
            ("PUT", r"/api/folders/([\w-]+)", self._put_folder),
            ("GET", r"/api/datasources/uid/([\w-]+)", self._get_source),
            ("POST", r"/api/datasources", self._post_source),
            ("PUT", r"/api/datasources/uid/([\w-]+)", self._put_source),
            ("GET", r"/api/dashboards/uid/([\w-]+)", self._get_dashboard),
            ("POST", r"/api/dashboards/db", self._post_dashboard),
            ("GET", r"/api/annotations", self._find_annotations),
            ("POST", r"/api/annotations", self._post_annotation),
            ("PUT", r"/api/annotations/(\d+)", self._put_annotation),
        ]

    def answer(self, request: Request) -> Answer:
        """Answer as documented."""
        if request.headers.get("authorization") != f"Bearer {TOKEN}":
            return said(401, {"message": "Invalid API key"})
        path = urlsplit(request.path).path
        for method, pattern, act in self._routes:
            found = re.fullmatch(self.prefix + pattern, path)
            if found is not None and method == request.method:
                refusal = self.refuses.get(f"{method} {pattern}")
                if refusal is not None:
                    return refusal
                if method != "GET":
                    self.writes.append(f"{method} {path}")
                return act(request, *found.groups())
        return self._bad(404, f"{request.method} {request.path}: no such address", "Not found")

    def _bad(self, status: int, why: str, message: str) -> Answer:
        self.wrong.append(why)
        return said(status, {"message": message})

    def _body(self, request: Request, allowed: set[str]) -> Plain:
        body: Plain = request.json
        self.wrong += [f"{request.path}: unknown field {name}" for name in sorted(body.keys() - allowed)]
        return body

    def _get_folder(self, _request: Request, uid: str) -> Answer:
        if uid not in self.folders:
            return said(404, {"message": "folder not found", "status": "not-found"})
        return said(200, self.folders[uid])

    def _post_folder(self, request: Request) -> Answer:
        body = self._body(request, {"uid", "title", "parentUid"})
        if not body.get("title"):
            return self._bad(400, "a folder without a title", "folder title cannot be empty")
        if body["uid"] in self.folders:
            return self._bad(409, "a folder twice", "a folder with the same uid already exists")
        number = len(self.folders) + 1
        self.folders[body["uid"]] = {
            "id": number,
            "uid": body["uid"],
            "title": body["title"],
            "version": 1,
            "url": "/f",
        }
        return said(200, self.folders[body["uid"]])

    def _put_folder(self, request: Request, uid: str) -> Answer:
        body = self._body(request, {"title", "version", "overwrite", "description"})
        folder = self.folders[uid]
        if not body.get("overwrite") and body.get("version") != folder["version"]:
            return self._bad(412, "a folder changed without its version", "the folder has been changed by someone else")
        folder |= {"title": body["title"], "version": folder["version"] + 1}
        return said(200, folder)

    def _shown(self, uid: str) -> Plain:
        fields = dict.fromkeys(self.secrets.get(uid, {}), True)
        return {**self.sources[uid], "secureJsonFields": fields}

    def _get_source(self, _request: Request, uid: str) -> Answer:
        if uid not in self.sources:
            return said(404, {"message": "Data source not found"})
        return said(200, self._shown(uid))

    def _post_source(self, request: Request) -> Answer:
        body = self._body(request, _SOURCE_FIELDS)
        if body["uid"] in self.sources or body["name"] in {one["name"] for one in self.sources.values()}:
            return self._bad(409, "a data source twice", "data source with the same name already exists")
        self._keep_source(body, {"id": len(self.sources) + 1, "orgId": 1, "version": 1, "typeLogoUrl": "", "user": ""})
        return said(200, {"datasource": self._shown(body["uid"]), "id": 1, "message": "Datasource added"})

    def _put_source(self, request: Request, uid: str) -> Answer:
        if uid not in self.sources:
            return self._bad(404, "a data source that is not there", "Data source not found")
        body = self._body(request, _SOURCE_FIELDS)
        before = self.sources[uid]
        self._keep_source(body, {"id": before["id"], "orgId": 1, "version": before["version"] + 1})
        return said(200, {"datasource": self._shown(uid), "id": before["id"], "message": "Datasource updated"})

    def _keep_source(self, body: Plain, own: Plain) -> None:
        secrets = body.pop("secureJsonData", {})
        self.sources[body["uid"]] = {"basicAuth": False, "readOnly": False, **body, **own}
        self.secrets.setdefault(body["uid"], {}).update(secrets)

    def _get_dashboard(self, _request: Request, uid: str) -> Answer:
        if uid not in self.dashboards:
            return said(404, {"message": "Dashboard not found", "status": "not-found"})
        meta = {"folderUid": self.placed[uid], "version": self.dashboards[uid]["version"], "provisioned": False}
        return said(200, {"dashboard": self.dashboards[uid], "meta": meta})

    def _post_dashboard(self, request: Request) -> Answer:
        body = self._body(request, {"dashboard", "folderUid", "overwrite", "message"})
        model = body["dashboard"]
        if not model.get("title"):
            return self._bad(400, "a dashboard without a title", "Dashboard title cannot be empty")
        if body["folderUid"] not in self.folders:
            return self._bad(400, "a dashboard in no folder", "folder not found")
        known = self.dashboards.get(model["uid"])
        if known is not None and not body.get("overwrite"):
            return self._bad(412, "a dashboard changed without its version", "The dashboard has been changed")
        number = len(self.dashboards) + 1 if known is None else known["id"]
        version = 1 if known is None else known["version"] + 1
        # It gives what it was given, and what it adds of its own.
        self.dashboards[model["uid"]] = {"liveNow": False, **model, "id": number, "version": version}
        self.placed[model["uid"]] = body["folderUid"]
        self.messages.append(body["message"])
        return said(200, {"id": number, "uid": model["uid"], "status": "success", "version": version, "slug": "x"})

    def _find_annotations(self, request: Request) -> Answer:
        asked = parse_qs(urlsplit(request.path).query)
        self.wrong += [f"annotations: unknown parameter {name}" for name in asked.keys() - _ANNOTATION_PARAMETERS]
        low, high = int(asked["from"][0]), int(asked["to"][0])
        found = [
            one
            for one in self.annotations.values()
            if one["time"] <= high and one["timeEnd"] >= low and set(asked["tags"]) <= set(one["tags"])
        ]
        newest = sorted((_point(one) for one in found), key=lambda one: -int(one["time"]))
        return Answer(200, _JSON, json.dumps(newest[: int(asked["limit"][0])]).encode())

    def _post_annotation(self, request: Request) -> Answer:
        body = self._body(request, {"time", "timeEnd", "tags", "text", "panelId", "dashboardUID"})
        if not body.get("text"):
            return self._bad(400, "an annotation without a text", "text field should not be empty")
        number = len(self.annotations) + 1
        self.annotations[number] = {"id": number, "alertId": 0, **{key: body[key] for key in _ANNOTATION}}
        return said(200, {"message": "Annotation added", "id": number})

    def _put_annotation(self, request: Request, number: str) -> Answer:
        body = self._body(request, set(_ANNOTATION))
        self.annotations[int(number)] |= body
        return said(200, {"message": "Annotation updated"})


def _point(one: Plain) -> Plain:
    """Return an annotation as it is shown: one of a point in time may have no end."""
    return {key: value for key, value in one.items() if key != "timeEnd" or value != one["time"]}


_JSON = {"Content-Type": "application/json"}
_ANNOTATION = ("time", "timeEnd", "tags", "text")
_ANNOTATION_PARAMETERS = {"from", "to", "tags", "type", "limit", "dashboardUID", "panelId", "userId", "matchAny"}


def said(status: int, body: Plain) -> Answer:
    """Return an answer in JSON."""
    return Answer(status, _JSON, json.dumps(body).encode())


@contextmanager
def fake_grafana(prefix: str = "") -> Iterator[FakeGrafana]:
    """Give a Grafana; fails when it was asked for what is not documented."""
    server = FakeGrafana(prefix)
    with server.serving():
        yield server
    assert server.wrong == []
