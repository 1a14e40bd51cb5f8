"""Findings over HTTP: what `GET /findings` of a flow process answers."""

from collections.abc import Callable, Mapping, Sequence
from http import HTTPStatus
from pathlib import Path

from pipeline.findings.asking import parse_group, parse_moment
from pipeline.findings.query import NotFoundError, UnreadableError, opened
from pipeline.server import Page

PATH = "/findings"


def findings_page(paths: Callable[[], Sequence[Path]]) -> Page:
    """Return the page that answers ``detector``, ``group`` and ``at``; without a detector it lists the groups.

    Args:
        paths: returns the files of findings.
    """

    def answer(parameters: Mapping[str, str]) -> tuple[HTTPStatus, object]:
        try:
            with opened(paths()) as findings:
                if "detector" not in parameters:
                    return HTTPStatus.OK, {"detectors": findings.groups()}
                group = parse_group(parameters.get("group", ""))
                moment = parse_moment(parameters.get("at", "now"))
                return HTTPStatus.OK, findings.around(parameters["detector"], group, moment)
        except ValueError as error:
            return HTTPStatus.BAD_REQUEST, {"error": str(error)}
        except NotFoundError as error:
            return HTTPStatus.NOT_FOUND, {"error": str(error)}
        except UnreadableError as error:
            return HTTPStatus.SERVICE_UNAVAILABLE, {"error": str(error)}

    return answer
