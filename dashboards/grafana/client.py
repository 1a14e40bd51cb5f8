"""The few things that are asked of a Grafana, in one place: its addresses move from release to release."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any
from urllib.parse import quote, urlsplit

from grafana_client.api import GrafanaApi
from grafana_client.client import GrafanaClientError, GrafanaException, GrafanaUnauthorizedError
from niquests.exceptions import RequestException
from pydantic import SecretStr

Plain = dict[str, Any]
_LONGEST = 300
"""So much of what Grafana says is told, in characters: it may be a page of a proxy."""


class GrafanaError(Exception):
    """Grafana does not do what is asked of it. Says what was asked, why it was not done, and what to do; no secret."""


class Grafana:
    """A Grafana.

    Args:
        url: of it, with the path that it is served under.
        token: of a service account.
        timeout_s: of a request.

    Every method raises :class:`GrafanaError`.
    """

    def __init__(self, url: str, token: SecretStr, timeout_s: float) -> None:
        self.url = url.rstrip("/")
        parts = urlsplit(self.url)
        self._api: Any = GrafanaApi(
            token.get_secret_value(),
            host=parts.hostname or "",
            port=parts.port,
            url_path_prefix=f"{parts.path.strip('/')}/" if parts.path.strip("/") else "",
            protocol=parts.scheme,
            timeout=timeout_s,
        )

    def folder(self, uid: str) -> Plain | None:
        """Return a folder; None: there is none."""
        return self._found(f"folder {uid}", lambda: self._api.folder.get_folder(uid))

    def create_folder(self, uid: str, title: str) -> None:
        """Make a folder."""
        self._asked(f"make the folder {uid}", lambda: self._api.folder.create_folder(title, uid=uid))

    def rename_folder(self, uid: str, title: str) -> None:
        """Give a folder another title."""
        self._asked(f"rename the folder {uid}", lambda: self._api.folder.update_folder(uid, title, overwrite=True))

    def source(self, uid: str) -> Plain | None:
        """Return a data source; None: there is none."""
        return self._found(f"data source {uid}", lambda: self._api.datasource.get_datasource_by_uid(uid))

    def create_source(self, source: Plain) -> None:
        """Make a data source."""
        self._asked(f"make the data source {source['uid']}", lambda: self._api.datasource.create_datasource(source))

    def update_source(self, source: Plain) -> None:
        """Change a data source."""
        self._asked(
            f"change the data source {source['uid']}",
            lambda: self._api.datasource.update_datasource_by_uid(source["uid"], source),
        )

    def dashboard(self, uid: str) -> Plain | None:
        """Return a dashboard and what is known about it (``dashboard``, ``meta``); None: there is none."""
        return self._found(f"dashboard {uid}", lambda: self._api.dashboard.get_dashboard(uid))

    def put_dashboard(self, dashboard: Plain, folder: str, message: str) -> None:
        """Write a dashboard, whatever was there."""
        body = {"dashboard": {**dashboard, "id": None}, "folderUid": folder, "overwrite": True, "message": message}
        self._asked(f"write the dashboard {dashboard['uid']}", lambda: self._api.dashboard.update_dashboard(body))

    def annotations(self, tags: Sequence[str], from_ms: int, to_ms: int, at_most: int) -> list[Plain]:
        """Return the annotations of a time that have all of these tags."""
        quoted = [quote(tag, safe="") for tag in tags]  # the client does not
        found = self._asked(
            "find annotations",
            lambda: self._api.annotations.find_annotations(
                time_from=from_ms, time_to=to_ms, tags=quoted, ann_type="annotation", limit=at_most
            ),
        )
        return list(found)

    def add_annotation(self, annotation: Plain) -> None:
        """Make an annotation: ``time``, ``timeEnd`` (milliseconds), ``tags``, ``text``."""
        self._asked(
            "make an annotation",
            lambda: self._api.annotations.add_annotation(
                time_from=annotation["time"],
                time_to=annotation["timeEnd"],
                tags=annotation["tags"],
                text=annotation["text"],
            ),
        )

    def change_annotation(self, number: int, annotation: Plain) -> None:
        """Change an annotation."""
        self._asked(
            f"change the annotation {number}",
            lambda: self._api.annotations.update_annotation(
                number,
                time_from=annotation["time"],
                time_to=annotation["timeEnd"],
                tags=annotation["tags"],
                text=annotation["text"],
            ),
        )

    def close(self) -> None:
        """Close the connections."""
        self._api.client.s.close()

    def _found(self, what: str, ask: Callable[[], Plain]) -> Plain | None:
        with self._told(f"look for the {what}"):
            try:
                return ask()
            except GrafanaClientError as error:
                if error.status_code != 404:
                    raise
                return None

    def _asked(self, what: str, ask: Callable[[], Any]) -> Any:
        with self._told(what):
            return ask()

    @contextmanager
    def _told(self, what: str) -> Iterator[None]:
        try:
            yield
        except GrafanaUnauthorizedError as error:
            msg = f"{self.url} does not know the token (401); check `grafana.token`: {what}"
            raise GrafanaError(msg) from error
        except GrafanaException as error:
            hint = "; the token's service account needs the role Admin" if error.status_code == 403 else ""
            why = str(error.message).partition("\n")[0][:_LONGEST]
            msg = f"{self.url} would not {what}: {why}{hint}"
            raise GrafanaError(msg) from error
        except (RequestException, OSError, ValueError) as error:
            msg = f"{self.url} could not be asked to {what}: {type(error).__name__}; check `grafana.url`"
            raise GrafanaError(msg) from error
