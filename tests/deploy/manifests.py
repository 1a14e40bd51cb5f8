"""What kustomize makes of the folders under ``deploy/kubernetes``."""

from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from config.settings import Settings
from pipeline.assembly import load_settings
from tests.deploy.tools import DEPLOY, need, run

KUBERNETES = DEPLOY / "kubernetes"
OUTPUTS = ("base", "overlays/production", "overlays/trial")
WORKLOADS = {"Deployment", "StatefulSet"}
Manifest = dict[str, Any]


class Container(NamedTuple):
    """A container, and the workload that it belongs to."""

    workload: Manifest
    container: Manifest

    @property
    def name(self) -> str:
        return f"{self.workload['metadata']['name']}/{self.container['name']}"

    @property
    def environment(self) -> dict[str, Manifest]:
        return {variable["name"]: variable for variable in self.container.get("env", [])}

    @property
    def ours(self) -> bool:
        return str(self.container["image"]).rpartition("/")[2].startswith("makegood:")


@cache
def rendered(output: str) -> tuple[Manifest, ...]:
    """Return every document; skip the test where there is no kustomize."""
    return tuple(yaml.safe_load_all(run(need("kustomize"), "build", KUBERNETES / output)))


def of_kind(output: str, *kinds: str) -> list[Manifest]:
    return [document for document in rendered(output) if document["kind"] in kinds]


def one(output: str, kind: str, name: str) -> Manifest:
    (found,) = (document for document in of_kind(output, kind) if document["metadata"]["name"] == name)
    return found


def containers(output: str) -> list[Container]:
    return [
        Container(workload, container)
        for workload in of_kind(output, *WORKLOADS)
        for container in workload["spec"]["template"]["spec"]["containers"]
    ]


def settings_in(output: str, folder: Path) -> Settings:
    """Return the settings that the pods get, through the program's own loader."""
    (data,) = (document["data"] for document in of_kind(output, "ConfigMap"))
    assert data.keys() == {"makegood.yaml"}
    path = folder / "makegood.yaml"
    path.write_text(data["makegood.yaml"], encoding="utf-8")
    return load_settings(path).settings


def selects(selector: Manifest, labels: Manifest) -> bool:
    return selector.items() <= labels.items()


def pod_labels(output: str) -> list[Manifest]:
    return [workload["spec"]["template"]["metadata"]["labels"] for workload in of_kind(output, *WORKLOADS)]
