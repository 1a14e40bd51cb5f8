#!/usr/bin/env python3
"""Writes the job that gives the state of flow processes to another number of them, for `kubectl apply`.

The StatefulSet says everything but the new number: image, settings, volumes, and how many there were. Scale it to 0
first, and wait until its pods are gone:

    kubectl get statefulset makegood-flow -o json | python3 rescale.py --to 3 | kubectl apply -f -

Should the job not end well, give `--id` of its name to go on with it. See docs/how-to/deploy-on-kubernetes.md.
"""

import argparse
import copy
import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

SCRIPT = Path(__file__).with_name("rescale.sh")
CONTAINER = "flow"
STATE = "state"
VOLUMES = "/volumes"
RETRIES = 5
UNUSABLE_INPUT = 2
Manifest = dict[str, Any]


class UnusableError(Exception):
    """What was given is not a StatefulSet that can be rescaled now: says why."""


def processes(stateful_set: Manifest) -> int:
    """Return how many processes share the work, as their environment says: INDEX/OF."""
    for variable in container(stateful_set)["env"]:
        if variable["name"] == "MAKEGOOD_SHARE":
            of = str(variable.get("value", "")).rpartition("/")[2]
            if of.isdecimal() and int(of) > 0:
                return int(of)
    msg = "MAKEGOOD_SHARE of its container `flow` does not say how many processes there are"
    raise UnusableError(msg)


def container(stateful_set: Manifest) -> Manifest:
    """Return the container of the flow."""
    found: list[Manifest] = [
        one for one in stateful_set["spec"]["template"]["spec"]["containers"] if one["name"] == CONTAINER
    ]
    if len(found) != 1:
        msg = f"it has no container {CONTAINER!r}"
        raise UnusableError(msg)
    return found[0]


def manifests(stateful_set: Manifest, to: int, identity: str, lost: list[int]) -> list[Manifest]:
    """Return the claims of new volumes, and the job.

    Args:
        stateful_set: as ``kubectl get -o json`` shows it.
        to: how many processes there will be.
        identity: names the move: the same for all tries of it.
        lost: processes whose volume is gone for good.

    Raises:
        UnusableError: when it cannot be done, or not now.
    """
    if stateful_set.get("kind") != "StatefulSet":
        msg = f"expected a StatefulSet, got {stateful_set.get('kind')}: give one name to kubectl get"
        raise UnusableError(msg)
    before = processes(stateful_set)
    if to < 1 or any(not 0 <= number < before for number in lost):
        msg = f"--to is 1 or more, and --lost one of 0 to {before - 1}"
        raise UnusableError(msg)
    status = stateful_set.get("status", {})
    if stateful_set["spec"].get("replicas") or status.get("replicas"):
        msg = "its pods run, or are going: `kubectl scale statefulset NAME --replicas=0`, and wait until they are gone"
        raise UnusableError(msg)
    numbers = [number for number in range(max(before, to)) if number not in lost or number < to]
    new = [number for number in numbers if number >= before or number in lost]
    return [*(claim(stateful_set, number) for number in new), job(stateful_set, before, to, identity, lost, numbers)]


def claim_name(stateful_set: Manifest, number: int) -> str:
    """Return the name under which the StatefulSet looks for the volume of a process."""
    return f"{STATE}-{stateful_set['metadata']['name']}-{number}"


def claim(stateful_set: Manifest, number: int) -> Manifest:
    """Return the claim of a volume, as the StatefulSet would make it."""
    (template,) = (one for one in stateful_set["spec"]["volumeClaimTemplates"] if one["metadata"]["name"] == STATE)
    labels = template["metadata"].get("labels", {}) | stateful_set["spec"]["selector"]["matchLabels"]
    metadata = {**_place(stateful_set), "name": claim_name(stateful_set, number), "labels": labels}
    spec = {key: value for key, value in template["spec"].items() if key != "volumeMode" or value != "Filesystem"}
    return {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": metadata, "spec": spec}


def job(stateful_set: Manifest, before: int, to: int, identity: str, lost: list[int], numbers: list[int]) -> Manifest:
    """Return the job: one pod with all volumes, that copies, moves and puts back."""
    pod = stateful_set["spec"]["template"]["spec"]
    flow = container(stateful_set)
    settings = {mount["name"]: mount for mount in flow["volumeMounts"]}
    work = settings.pop(STATE)
    mounts = [*settings.values(), {"name": "work", "mountPath": work["mountPath"]}]
    volumes = [volume for volume in pod["volumes"] if volume["name"] in settings]
    volumes.append({"name": "work", "emptyDir": {}})
    for number in numbers:
        mounts.append({"name": f"state-{number}", "mountPath": f"{VOLUMES}/{number}"})
        claimed = {"claimName": claim_name(stateful_set, number)}
        volumes.append({"name": f"state-{number}", "persistentVolumeClaim": claimed})
    said = {
        "FROM": str(before),
        "TO": str(to),
        "ID": identity,
        "LOST": " ".join(map(str, sorted(lost))),
        "VOLUMES": VOLUMES,
        "WORK": work["mountPath"],
    }
    env = [variable for variable in flow["env"] if variable["name"] == "MAKEGOOD_CONFIG"]
    env += [{"name": name, "value": value} for name, value in said.items()]
    labels = {"app.kubernetes.io/name": "makegood", "app.kubernetes.io/component": "rescale"}
    kept = ("serviceAccountName", "automountServiceAccountToken", "enableServiceLinks", "securityContext",
            "imagePullSecrets", "nodeSelector", "tolerations")  # fmt: skip
    running = {
        "name": "rescale",
        "image": flow["image"],
        "command": ["sh", "-c", SCRIPT.read_text(encoding="utf-8")],
        "env": env,
        "resources": copy.deepcopy(flow["resources"]),
        "securityContext": flow["securityContext"],
        "volumeMounts": mounts,
    }
    # The copies lie on the node's disk for a while.
    running["resources"].get("limits", {}).pop("ephemeral-storage", None)
    exits = {"operator": "In", "values": [UNUSABLE_INPUT]}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {**_place(stateful_set), "name": f"makegood-rescale-{identity}", "labels": labels},
        "spec": {
            "backoffLimit": RETRIES,
            # What cannot be used will not be usable at the next try. (Older schemas want both kinds of condition.)
            "podFailurePolicy": {"rules": [{"action": "FailJob", "onExitCodes": exits, "onPodConditions": []}]},
            "template": {
                "metadata": {"labels": labels},
                "spec": {
                    **{key: pod[key] for key in kept if key in pod},
                    "restartPolicy": "Never",
                    "containers": [running],
                    "volumes": volumes,
                },
            },
        },
    }


def _place(stateful_set: Manifest) -> Manifest:
    namespace = stateful_set["metadata"].get("namespace")
    return {} if namespace is None else {"namespace": namespace}


def main(arguments: list[str] | None = None) -> int:
    """Read a StatefulSet from the standard input, and write a list of manifests to the standard output."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--to", type=int, required=True, metavar="N", help="how many flow processes there will be")
    parser.add_argument("--lost", type=int, action="append", default=[], metavar="INDEX",
                        help="a process whose volume is gone for good: its tasks begin anew")  # fmt: skip
    parser.add_argument("--id", default=None, help="of a job that did not end well, to go on with it")
    given = parser.parse_args(arguments)
    identity = given.id or datetime.now(UTC).strftime("%Y%m%d-%H%M%S")
    try:
        items = manifests(json.load(sys.stdin), given.to, identity, given.lost)
    except (UnusableError, json.JSONDecodeError) as error:
        sys.stderr.write(f"rescale.py: {error}\n")
        return UNUSABLE_INPUT
    json.dump({"apiVersion": "v1", "kind": "List", "items": items}, sys.stdout, indent=1)
    sys.stdout.write("\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
