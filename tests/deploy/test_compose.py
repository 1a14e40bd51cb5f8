"""docker-compose.yml and the files beside it agree with the program and with each other."""

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from config.settings import Settings
from pipeline.assembly import load_settings
from pipeline.feeds.contract import Share
from pipeline.feeds.kafka_settings import KafkaSettings
from pipeline.ingest.serve import http_feeds
from pipeline.scale.parts import scaled
from tests.cli.support import makegood
from tests.deploy import tools
from tests.deploy.tools import DEPLOY, REPO, SERVED, known_variables, need, parse, pinned, port_of, run, secrets_in

FILE = REPO / "docker-compose.yml"
SETTINGS = DEPLOY / "compose" / "makegood.yaml"
ONE_SHOT = {"topics", "rescale"}
OURS = {"flow-0", "flow-1", "rescale", "repartition", "notifier", "ingest", "console"}
Service = dict[str, Any]


def load() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load(FILE.read_text(encoding="utf-8"))
    return loaded


COMPOSE = load()
SERVICES: dict[str, Service] = COMPOSE["services"]


@pytest.fixture(scope="module")
def settings() -> Settings:
    return load_settings(SETTINGS).settings


@pytest.mark.timeout(tools.FETCHING_S)
def test_the_reference_parser_takes_the_compose_file() -> None:
    """The schema, anchors, references between services, volumes and files."""
    rendered: dict[str, Any] = yaml.safe_load(run(need("compose-spec"), FILE))
    running = {name for name, service in SERVICES.items() if "profiles" not in service}
    assert running <= rendered["services"].keys()
    assert rendered["services"]["flow-1"]["environment"]["MAKEGOOD_SHARE"] == "1/2"


def test_docker_compose_takes_the_compose_file() -> None:
    docker = shutil.which("docker")
    if docker is None or subprocess.run([docker, "compose", "version"], capture_output=True, check=False).returncode:
        pytest.skip("no docker compose here")
    run(docker, "compose", "--file", FILE, "config", "--quiet")


@pytest.mark.parametrize("name", SERVICES)
def test_images_are_pinned_by_an_exact_version(name: str) -> None:
    assert pinned(SERVICES[name]["image"])


@pytest.mark.parametrize("name", SERVICES)
def test_a_container_may_do_no_more_than_it_needs(name: str) -> None:
    service = SERVICES[name]
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert "privileged" not in service
    assert not any("docker.sock" in str(volume) for volume in service.get("volumes", []))
    if name in OURS:
        assert service["read_only"] is True


@pytest.mark.parametrize("name", SERVICES)
def test_a_container_comes_back_and_says_how_it_is_and_its_log_does_not_fill_the_disk(name: str) -> None:
    service = SERVICES[name]
    assert service["restart"] == ("no" if name in ONE_SHOT else "unless-stopped")
    assert service["logging"]["options"].keys() == {"max-size", "max-file"}
    if name not in ONE_SHOT:
        assert service["healthcheck"]["test"]


@pytest.mark.parametrize("name", SERVICES)
def test_no_secret_stands_in_the_file(name: str) -> None:
    for variable, value in SERVICES[name].get("environment", {}).items():
        assert not re.search(r"PASSWORD|SECRET|TOKEN|_KEY$", variable), variable
        assert not re.search(r"://[^/@]*:[^/@]+@", str(value)), variable


def test_ports_are_open_on_this_machine_only() -> None:
    published = [port for service in SERVICES.values() for port in service.get("ports", [])]
    assert published
    assert all(port.startswith("127.0.0.1:") for port in published)


def test_volumes_are_declared_and_what_is_state_is_on_one() -> None:
    mounts = [
        volume.partition(":")[0]
        for service in SERVICES.values()
        for volume in service.get("volumes", [])
        if isinstance(volume, str) and not volume.startswith(".")
    ]
    assert set(mounts) == set(COMPOSE["volumes"])
    assert "state:/var/lib/makegood" in SERVICES["flow-0"]["volumes"]
    assert SERVICES["flow-0"]["volumes"] == SERVICES["flow-1"]["volumes"] == SERVICES["rescale"]["volumes"]
    log_dirs = SERVICES["kafka"]["environment"]["KAFKA_LOG_DIRS"]
    assert f"kafka:{log_dirs}" in SERVICES["kafka"]["volumes"]


def test_files_that_are_mounted_exist() -> None:
    for service in SERVICES.values():
        for volume in service.get("volumes", []):
            source = volume["source"] if isinstance(volume, dict) else volume.partition(":")[0]
            found = re.fullmatch(r"\$\{\w+:-(.+)\}", source)
            path = found[1] if found else source
            if path.startswith("."):
                assert (REPO / path).exists(), path


def test_the_settings_pass_the_check() -> None:
    done = makegood("check", "--config", SETTINGS)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("name", sorted(OURS))
def test_what_a_container_runs_is_a_command_of_the_program(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    service = SERVICES[name]
    ours = {key: value for key, value in service["environment"].items() if key.startswith("MAKEGOOD_")}
    assert ours.keys() <= known_variables()
    arguments = ["rescale", "--to", "3"] if name == "rescale" else service["command"]
    assert name != "rescale" or service["entrypoint"] == ["tini", "--", "makegood", "rescale"]
    given = parse(arguments, ours, monkeypatch)
    (mounted,) = (volume for volume in service["volumes"] if isinstance(volume, dict))
    assert str(given["config"]) == mounted["target"] == ours["MAKEGOOD_CONFIG"]


def test_the_flow_processes_share_all_of_the_work(settings: Settings) -> None:
    flows = sorted(name for name in SERVICES if name.startswith("flow-"))
    shares = [SERVICES[name]["environment"]["MAKEGOOD_SHARE"] for name in flows]
    assert shares == [f"{index}/{len(flows)}" for index in range(len(flows))]
    for index in range(len(flows)):
        assert scaled(settings, Share(index, len(flows))) is not None


def test_the_topics_that_are_made_are_those_of_the_settings_with_their_number_of_partitions(settings: Settings) -> None:
    (script,) = SERVICES["topics"]["command"]
    found = re.search(r"for topic in (.+); do", script)
    assert found is not None
    read = {topic for feed in settings.feeds.values() if isinstance(feed, KafkaSettings) for topic in feed.topics}
    written = {feed.to.kafka.topic for feed in http_feeds(settings).values() if feed.to is not None}
    assert set(found[1].split()) == read | written
    assert settings.scale is not None
    assert f"--partitions {settings.scale.partitions} " in script
    assert SERVICES["kafka"]["environment"]["KAFKA_AUTO_CREATE_TOPICS_ENABLE"] == "false"


def test_kafka_is_where_the_settings_say() -> None:
    advertised = SERVICES["kafka"]["environment"]["KAFKA_ADVERTISED_LISTENERS"].removeprefix("PLAINTEXT://")
    assert set(re.findall(r"\bkafka:\d+", SETTINGS.read_text(encoding="utf-8"))) == {advertised}


def ports(settings: Settings) -> dict[str, int]:
    return {
        "flow-0": port_of(settings.metrics.listen),
        "flow-1": port_of(settings.metrics.listen),
        "notifier": port_of(settings.metrics.notifier_listen),
        "ingest": port_of(SERVICES["ingest"]["command"][-1]),
        "repartition": port_of(SERVICES["repartition"]["command"][-1]),
        "console": port_of(settings.console.listen),
    }


def test_probes_ask_for_what_is_served(settings: Settings) -> None:
    for name, port in ports(settings).items():
        found = re.search(r"http://127\.0\.0\.1:(\d+)(/[\w/-]+)", SERVICES[name]["healthcheck"]["test"][-1])
        assert found is not None, name
        assert (int(found[1]), found[2]) == (port, "/-/healthy" if name == "console" else "/livez")


def test_published_ports_of_ours_are_those_that_are_listened_on(settings: Settings) -> None:
    for name, port in ports(settings).items():
        for published in SERVICES[name].get("ports", []):
            assert int(published.rpartition(":")[2]) == port


def test_prometheus_asks_every_part(settings: Settings) -> None:
    jobs = yaml.safe_load((DEPLOY / "compose" / "prometheus.yml").read_text(encoding="utf-8"))["scrape_configs"]
    asked: dict[str, int] = {}
    for job in jobs:
        assert job.get("metrics_path", "/metrics") in SERVED
        for target in (one for group in job.get("static_configs", []) for one in group["targets"]):
            host, _, port = target.partition(":")
            asked[host] = int(port)
        for found in job.get("dns_sd_configs", []):
            asked |= dict.fromkeys(found["names"], found["port"])
    assert {name: port for name, port in asked.items() if name in SERVICES} == ports(settings)


def test_grafana_asks_prometheus() -> None:
    file = DEPLOY / "compose" / "grafana" / "datasources" / "prometheus.yaml"
    (source,) = yaml.safe_load(file.read_text(encoding="utf-8"))["datasources"]
    found = re.fullmatch(r"http://(\S+):(\d+)", source["url"])
    assert found is not None
    assert f"127.0.0.1:9090:{found[2]}" in SERVICES[found[1]]["ports"]


def test_grafana_and_prometheus_come_to_the_console_as_who_the_settings_know(settings: Settings) -> None:
    address = f"console:{port_of(settings.console.listen)}"
    assert address.partition(":")[0] in settings.console.hosts
    prometheus = yaml.safe_load((DEPLOY / "compose" / "prometheus.yml").read_text(encoding="utf-8"))
    (told,) = prometheus["alerting"]["alertmanagers"]
    (asked,) = (job for job in prometheus["scrape_configs"] if job["job_name"] == "makegood-console")
    assert told["static_configs"] == asked["static_configs"] == [{"targets": [address]}]
    assert told["authorization"] == asked["authorization"]
    file = DEPLOY / "compose" / "grafana" / "datasources" / "alertmanager.yaml"
    (source,) = yaml.safe_load(file.read_text(encoding="utf-8"))["datasources"]
    assert (source["url"], source["jsonData"]["implementation"]) == (f"http://{address}/am", "prometheus")
    shown = {
        "prometheus": told["authorization"]["credentials_file"],
        "grafana": source["secureJsonData"]["httpHeaderValue1"].removeprefix("Bearer $__file{").removesuffix("}"),
    }
    known = settings.console.tokens
    assert shown == {name: str(token.secret.file) for name, token in known.items() if token.secret is not None}
    assert {name: token.role for name, token in known.items()} == {"prometheus": "responder", "grafana": "viewer"}


def test_tokens_are_files_that_stay_out_of_git_and_only_who_shows_or_knows_one_has_it(settings: Settings) -> None:
    ignored = Path(REPO / ".gitignore").read_text(encoding="utf-8").split()
    assert "deploy/compose/tokens/" in ignored
    assert all(secret["file"].startswith("deploy/compose/tokens/") for secret in COMPOSE["secrets"].values())
    files = {str(token.secret.file) for token in settings.console.tokens.values() if token.secret is not None}
    assert files == {f"/run/secrets/{name}" for name in COMPOSE["secrets"]}
    assert {name: service["secrets"] for name, service in SERVICES.items() if "secrets" in service} == {
        "console": ["prometheus-token", "grafana-token"],
        "prometheus": ["prometheus-token"],
        "grafana": ["grafana-token"],
    }


def test_the_console_sees_what_the_flow_processes_keep() -> None:
    assert SERVICES["console"]["volumes"] == SERVICES["flow-0"]["volumes"]


def test_a_flow_has_time_to_finish_its_epoch(settings: Settings) -> None:
    for name in ("flow-0", "flow-1", "notifier"):
        grace_s = int(SERVICES[name]["stop_grace_period"].removesuffix("s"))
        assert grace_s * 1_000_000 >= 6 * settings.flow.epoch


def test_every_secret_of_the_settings_is_named_in_the_example_and_the_real_file_stays_out_of_git(
    settings: Settings,
) -> None:
    example = (DEPLOY / "compose" / "secrets.env.example").read_text(encoding="utf-8")
    named = set(re.findall(r"^(\w+)=$", example, re.MULTILINE))
    assert named == set(secrets_in(settings))
    for name in OURS:
        assert SERVICES[name]["env_file"] == [{"path": "deploy/compose/secrets.env", "required": False}]
    ignored = Path(REPO / ".gitignore").read_text(encoding="utf-8").split()
    assert "deploy/compose/secrets.env" in ignored
