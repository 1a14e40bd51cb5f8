"""The component that sorts events: an overlay that takes it is valid, and runs what the program has."""

import os
from pathlib import Path

import kubernetes_validate  # type: ignore[import-untyped]
import pytest
import yaml

from tests.deploy import tools
from tests.deploy.manifests import KUBERNETES, Manifest, selects
from tests.deploy.test_kubernetes import NEWEST, OLDEST
from tests.deploy.tools import known_variables, need, parse, pinned, port_of, run

NAME = "makegood-repartition"
pytestmark = pytest.mark.timeout(tools.FETCHING_S)


@pytest.fixture(scope="module")
def documents(tmp_path_factory: pytest.TempPathFactory) -> list[Manifest]:
    folder = tmp_path_factory.mktemp("overlay").resolve()
    overlay = {
        "apiVersion": "kustomize.config.k8s.io/v1beta1",
        "kind": "Kustomization",
        "namespace": "makegood",
        "resources": [os.path.relpath(KUBERNETES / "base", folder)],
        "components": [os.path.relpath(KUBERNETES / "components" / "repartition", folder)],
    }
    (folder / "kustomization.yaml").write_text(yaml.safe_dump(overlay), encoding="utf-8")
    built = yaml.safe_load_all(run(need("kustomize"), "build", Path(folder)))
    return [document for document in built if document["metadata"]["name"] == NAME]


def test_the_component_fits_the_schema_of_kubernetes(documents: list[Manifest]) -> None:
    kinds = {document["kind"] for document in documents}
    assert kinds == {"Service", "StatefulSet", "PodDisruptionBudget", "NetworkPolicy"}
    for document in documents:
        for version in (OLDEST, NEWEST):
            kubernetes_validate.validate(document, version, strict=True)


def test_it_runs_a_share_each_and_listens_where_it_is_asked(
    documents: list[Manifest], monkeypatch: pytest.MonkeyPatch
) -> None:
    (workload,) = (document for document in documents if document["kind"] == "StatefulSet")
    (container,) = workload["spec"]["template"]["spec"]["containers"]
    assert pinned(container["image"])
    variables = {variable["name"]: variable.get("value", "0") for variable in container["env"]}
    ours = {name: value for name, value in variables.items() if name.startswith("MAKEGOOD_")}
    assert ours.keys() <= known_variables()
    assert ours["MAKEGOOD_SHARE"] == f"$(POD_INDEX)/{workload['spec']['replicas']}"
    given = parse(container["args"], ours, monkeypatch)
    (port,) = container["ports"]
    assert port_of(given["listen"]) == port["containerPort"]
    labels = workload["spec"]["template"]["metadata"]["labels"]
    for document in documents:
        if document["kind"] == "NetworkPolicy":
            assert selects(document["spec"]["podSelector"]["matchLabels"], labels)
            (rule,) = document["spec"]["ingress"]
            assert [one["port"] for one in rule["ports"]] == [port["containerPort"]]
