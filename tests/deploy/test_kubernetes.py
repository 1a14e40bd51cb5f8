"""The manifests are valid, and agree with the program and with each other."""

import copy
import re
from pathlib import Path

import kubernetes_validate  # type: ignore[import-untyped]
import pytest

from pipeline.feeds.contract import Share
from pipeline.ingest.serve import http_feeds
from pipeline.scale.parts import scaled
from tests.cli.support import makegood
from tests.deploy import tools
from tests.deploy.manifests import (
    KUBERNETES,
    OUTPUTS,
    Manifest,
    containers,
    of_kind,
    one,
    pod_labels,
    rendered,
    selects,
    settings_in,
)
from tests.deploy.tools import REPO, known_variables, parse, pinned, port_of, secrets_in

OLDEST, NEWEST = "1.28", "1.37"
"""Versions of Kubernetes: the oldest that has what we use (the pod's index as a label), the newest with a schema."""
NO_SCHEMA = {"ServiceMonitor"}
"""Of the Prometheus operator."""
HOW_TO = REPO / "docs" / "how-to" / "deploy-on-kubernetes.md"
pytestmark = [pytest.mark.parametrize("output", OUTPUTS), pytest.mark.timeout(tools.FETCHING_S)]


@pytest.mark.parametrize("version", [OLDEST, NEWEST])
def test_every_document_fits_the_schema_of_kubernetes(output: str, version: str) -> None:
    for document in rendered(output):
        if document["kind"] not in NO_SCHEMA:
            kubernetes_validate.validate(document, version, strict=True)


def test_the_schema_refuses_what_kubernetes_would(output: str) -> None:
    document = copy.deepcopy(one(output, "StatefulSet", "makegood-flow"))
    document["spec"]["replica"] = 2
    with pytest.raises(kubernetes_validate.ValidationError, match="replica"):
        kubernetes_validate.validate(document, NEWEST, strict=True)


def test_names_are_unique_and_in_the_namespace(output: str) -> None:
    names = [(document["kind"], document["metadata"]["name"]) for document in rendered(output)]
    assert len(names) == len(set(names))
    spaces = {document["metadata"].get("namespace") for document in rendered(output) if document["kind"] != "Namespace"}
    assert spaces == {"makegood"}


def test_images_are_pinned_by_an_exact_version(output: str) -> None:
    images = [one.container["image"] for one in containers(output)]
    assert images
    assert [image for image in images if not pinned(image)] == []


def test_pods_fit_the_restricted_standard_and_a_read_only_disk(output: str) -> None:
    (space,) = of_kind(output, "Namespace")
    assert space["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"
    for found in containers(output):
        pod = found.workload["spec"]["template"]["spec"]
        assert pod["securityContext"]["runAsNonRoot"] is True, found.name
        assert pod["securityContext"]["runAsUser"] > 0, found.name
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}, found.name
        assert pod["automountServiceAccountToken"] is False, found.name
        assert not {"hostNetwork", "hostPID", "hostIPC"} & pod.keys(), found.name
        assert found.container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }, found.name
        assert not any("hostPath" in volume for volume in pod.get("volumes", [])), found.name


def test_the_user_is_that_of_the_image(output: str) -> None:
    image = (REPO / "Dockerfile").read_text(encoding="utf-8")
    found = re.search(r"^USER (\d+):(\d+)$", image, re.MULTILINE)
    assert found is not None
    for one_of in (one_of for one_of in containers(output) if one_of.ours):
        context = one_of.workload["spec"]["template"]["spec"]["securityContext"]
        assert (context["runAsUser"], context["runAsGroup"]) == (int(found[1]), int(found[2]))


def test_containers_say_what_they_need_and_no_flow_is_held_up_by_a_limit_of_cpu(output: str) -> None:
    for found in containers(output):
        resources = found.container["resources"]
        assert resources["requests"].keys() >= {"cpu", "memory"}, found.name
        assert resources["limits"]["memory"] == resources["requests"]["memory"], found.name
        assert "cpu" not in resources["limits"], found.name


def test_probes_ask_for_what_is_served_and_health_is_no_reason_to_be_killed(output: str, tmp_path: Path) -> None:
    settings = settings_in(output, tmp_path)
    listened = {
        "flow": port_of(settings.metrics.listen),
        "notifier": port_of(settings.metrics.notifier_listen),
        "ingest": 8088,
        "console": port_of(settings.console.listen),
    }
    served = {"startup": "/livez", "liveness": "/livez", "readiness": "/readyz"}
    by_console = {"startup": "/-/healthy", "liveness": "/-/healthy", "readiness": "/-/ready"}
    for found in (found for found in containers(output) if found.ours):
        asked = {kind: found.container[f"{kind}Probe"] for kind in ("startup", "liveness", "readiness")}
        paths = {kind: probe["httpGet"]["path"] for kind, probe in asked.items()}
        assert paths == (by_console if found.container["name"] == "console" else served), found.name
        (port,) = found.container["ports"]
        assert {probe["httpGet"]["port"] for probe in asked.values()} == {port["name"]}, found.name
        assert port["containerPort"] == listened[found.container["name"]], found.name


def test_what_a_container_runs_is_a_command_of_the_program(
    output: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for found in (found for found in containers(output) if found.ours):
        variables = found.environment
        ours = {name: variable for name, variable in variables.items() if name.startswith("MAKEGOOD_")}
        assert ours.keys() <= known_variables(), found.name
        plain = {name: variable.get("value", "secret") for name, variable in ours.items()}
        given = parse(found.container["args"], plain, monkeypatch)
        mounts = {mount["name"]: mount["mountPath"] for mount in found.container["volumeMounts"]}
        assert str(given["config"]) == f"{mounts['settings']}/makegood.yaml", found.name
        if "listen" in given and found.container["name"] == "ingest":
            assert port_of(given["listen"]) == found.container["ports"][0]["containerPort"]
        assert str(settings_in(output, tmp_path).store.dir) in mounts.values(), found.name


def test_the_settings_pass_the_check_and_every_share_fits_them(output: str, tmp_path: Path) -> None:
    settings = settings_in(output, tmp_path)
    done = makegood("check", "--config", tmp_path / "makegood.yaml")
    assert done.returncode == 0, done.stderr
    replicas = one(output, "StatefulSet", "makegood-flow")["spec"]["replicas"]
    for index in range(replicas):
        assert (scaled(settings, Share(index, replicas)) is None) == (replicas == 1)


def test_the_share_of_a_pod_is_its_number_of_as_many_as_there_are(output: str) -> None:
    (flow,) = (found for found in containers(output) if found.container["name"] == "flow")
    replicas = flow.workload["spec"]["replicas"]
    if replicas == 1:
        assert not {"MAKEGOOD_SHARE", "POD_INDEX"} & flow.environment.keys()
        return
    assert flow.environment["MAKEGOOD_SHARE"]["value"] == f"$(POD_INDEX)/{replicas}"
    index = flow.environment["POD_INDEX"]["valueFrom"]["fieldRef"]["fieldPath"]
    assert index == "metadata.labels['apps.kubernetes.io/pod-index']"
    order = list(flow.environment)
    assert order.index("POD_INDEX") < order.index("MAKEGOOD_SHARE"), "a variable refers only to those before it"


def test_a_flow_keeps_its_state_and_starts_without_waiting_for_its_neighbours(output: str) -> None:
    spec = one(output, "StatefulSet", "makegood-flow")["spec"]
    (claim,) = spec["volumeClaimTemplates"]
    assert claim["spec"]["accessModes"] == ["ReadWriteOnce"]
    assert spec["persistentVolumeClaimRetentionPolicy"] == {"whenDeleted": "Retain", "whenScaled": "Retain"}
    assert spec["podManagementPolicy"] == "Parallel"
    services = {document["metadata"]["name"] for document in of_kind(output, "Service")}
    assert spec["serviceName"] in services
    assert of_kind(output, "HorizontalPodAutoscaler") == []


def test_what_is_asked_to_stop_has_the_time_for_it(output: str, tmp_path: Path) -> None:
    epoch_s = settings_in(output, tmp_path).flow.epoch / 1_000_000
    for found in (found for found in containers(output) if found.ours):
        grace_s = found.workload["spec"]["template"]["spec"]["terminationGracePeriodSeconds"]
        assert grace_s >= max(30, 6 * epoch_s), found.name


def test_each_process_gets_the_secrets_that_it_uses_and_no_others(output: str, tmp_path: Path) -> None:
    settings = settings_in(output, tmp_path)
    pushed = http_feeds(settings)
    used = {
        "flow": {
            *secrets_in({name: feed for name, feed in settings.feeds.items() if name not in pushed}),
            *secrets_in(settings.scale),
        },
        "notifier": set(secrets_in(settings.channels)),
        "ingest": set(secrets_in(pushed)),
        # Channels are tried from there.
        "console": {*secrets_in(settings.console), *secrets_in(settings.channels)},
    }
    for found in (found for found in containers(output) if found.ours):
        said = {name for name in found.environment if name != "POD_INDEX" and not name.startswith("MAKEGOOD_")}
        assert said == used[found.container["name"]], found.name


def test_secrets_are_referred_to_not_included_and_the_page_names_every_key(output: str) -> None:
    assert of_kind(output, "Secret") == []
    page = HOW_TO.read_text(encoding="utf-8")
    for found in containers(output):
        for variable in found.environment.values():
            key = variable.get("valueFrom", {}).get("secretKeyRef")
            if key is not None:
                assert key["name"] == "makegood-secrets"
                assert f"`{key['key']}`" in page, key


def test_services_and_budgets_and_policies_select_pods_that_there_are(output: str) -> None:
    pods = pod_labels(output)
    selectors: list[tuple[str, Manifest]] = [
        *((found["metadata"]["name"], found["spec"]["selector"]) for found in of_kind(output, "Service")),
        *(
            (found["metadata"]["name"], found["spec"]["selector"]["matchLabels"])
            for found in of_kind(output, "PodDisruptionBudget")
        ),
        *(
            (found["metadata"]["name"], found["spec"]["podSelector"]["matchLabels"])
            for found in of_kind(output, "NetworkPolicy")
        ),
    ]
    for workload in of_kind(output, "Deployment", "StatefulSet"):
        selector = workload["spec"]["selector"]["matchLabels"]
        assert selects(selector, workload["spec"]["template"]["metadata"]["labels"])
        assert sum(selects(selector, labels) for labels in pods) == 1, "a workload must not select another's pods"
    assert [name for name, selector in selectors if not any(selects(selector, labels) for labels in pods)] == []


def test_a_service_leads_to_a_port_that_its_pods_have(output: str) -> None:
    for service in of_kind(output, "Service"):
        names = {
            port["name"]
            for found in containers(output)
            if selects(service["spec"]["selector"], found.workload["spec"]["template"]["metadata"]["labels"])
            for port in found.container["ports"]
        }
        assert {port["targetPort"] for port in service["spec"]["ports"]} <= names


def test_more_than_one_of_a_kind_never_all_go_at_once(output: str) -> None:
    budgets = of_kind(output, "PodDisruptionBudget")
    for workload in of_kind(output, "Deployment", "StatefulSet"):
        if workload["spec"]["replicas"] == 1:
            continue
        labels = workload["spec"]["template"]["metadata"]["labels"]
        (budget,) = (found for found in budgets if selects(found["spec"]["selector"]["matchLabels"], labels))
        spec = budget["spec"]
        assert spec.get("maxUnavailable", workload["spec"]["replicas"] - spec.get("minAvailable", 0)) >= 1
        assert spec.get("maxUnavailable", 1) < workload["spec"]["replicas"]


def test_nothing_is_let_in_but_where_something_listens(output: str) -> None:
    policies = of_kind(output, "NetworkPolicy")
    closed = [found for found in policies if set(found["spec"]["policyTypes"]) == {"Ingress", "Egress"}]
    for labels in pod_labels(output):
        assert any(selects(found["spec"]["podSelector"]["matchLabels"], labels) for found in closed), labels
    listened = {port["containerPort"] for found in containers(output) for port in found.container["ports"]}
    let_in = {port["port"] for found in policies for rule in found["spec"].get("ingress", []) for port in rule["ports"]}
    assert let_in == listened


def test_a_flow_reaches_its_store_and_the_figures_of_all_are_found(output: str) -> None:
    for document in of_kind(output, "ServiceMonitor"):
        ports = {port["name"] for service in of_kind(output, "Service") for port in service["spec"]["ports"]}
        assert {endpoint["port"] for endpoint in document["spec"]["endpoints"]} == ports
        for service in of_kind(output, "Service"):
            assert selects(document["spec"]["selector"]["matchLabels"], service["metadata"]["labels"])
    for found in containers(output):
        url = found.environment.get("MAKEGOOD_REDIS_URL", {}).get("value")
        if url is not None:
            host = re.fullmatch(r"redis://([\w-]+):(\d+)/0", url)
            assert host is not None
            service = one(output, "Service", host[1])
            assert [port["port"] for port in service["spec"]["ports"]] == [int(host[2])]


def test_the_console_is_where_the_findings_are_or_its_file_says_what_is_missing(output: str) -> None:
    (console,) = (found for found in containers(output) if found.container["name"] == "console")
    if console.workload["kind"] == "StatefulSet":
        mounts = [{"name": "state", "mountPath": "/var/lib/makegood"}]
        assert [mount for mount in console.container["volumeMounts"] if mount["name"] == "state"] == mounts
        return
    said = (KUBERNETES / "base" / "console.yaml").read_text(encoding="utf-8")
    assert "pages here have no series" in said
    assert "What the console does not show there" in HOW_TO.read_text(encoding="utf-8")


def test_prometheus_shows_the_console_a_token_that_it_knows(output: str, tmp_path: Path) -> None:
    settings = settings_in(output, tmp_path)
    (console,) = (found for found in containers(output) if found.container["name"] == "console")
    token = settings.console.tokens["prometheus"].secret
    assert token is not None
    assert token.env is not None
    kept = console.environment[token.env]["valueFrom"]["secretKeyRef"]
    for document in of_kind(output, "ServiceMonitor"):
        (shown,) = (end["authorization"] for end in document["spec"]["endpoints"] if end["port"] == "web")
        assert shown == {"type": "Bearer", "credentials": kept}


def test_every_output_is_tested(output: str) -> None:
    assert (KUBERNETES / output / "kustomization.yaml").exists()
    overlays = {f"overlays/{folder.name}" for folder in (KUBERNETES / "overlays").iterdir()}
    assert overlays | {"base"} == set(OUTPUTS)
