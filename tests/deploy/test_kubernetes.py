"""The manifests: each by the schema of its kind, and what they say of one another."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from typing import Any

import jsonschema
import kubernetes_validate
import pytest
import yaml

from customer_sync.base.metrics import CATALOGUE
from customer_sync.cli.run import run
from tests.deploy.test_files import exists
from tests.deploy.written import DEPLOY, KUBERNETES, OVERLAY, folders, kustomization, resources, variables
from tests.programs import need

#: The oldest and the newest version whose schemas are asked.
VERSIONS = ("1.30", "1.37")
ALL = resources(OVERLAY)
NAMES = [f"{one['kind']} {one['metadata']['name']}" for one in ALL]
EXAMPLE = KUBERNETES / "overlays" / "example"
#: A workload whose kind the schemas do not have.
SCALED = "ScaledObject"


def of(*kinds: str) -> list[dict[str, Any]]:
    return [one for one in ALL if one["kind"] in kinds]


WORKLOADS = of("Deployment", "StatefulSet")


def pod(workload: dict[str, Any]) -> dict[str, Any]:
    return workload["spec"]["template"]["spec"]


def container(workload: dict[str, Any]) -> dict[str, Any]:
    (found,) = pod(workload)["containers"]
    return found


def labels(workload: dict[str, Any]) -> dict[str, str]:
    return workload["spec"]["template"]["metadata"]["labels"]


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(
    "resource", [one for one in ALL if one["kind"] != SCALED], ids=lambda one: one["metadata"]["name"]
)
def test_a_manifest_is_one_by_the_schema_of_its_kind(resource, version):
    kubernetes_validate.validate(resource, version, strict=True)


def test_a_fault_in_a_manifest_would_be_seen():
    wrong = yaml.safe_load(yaml.safe_dump(WORKLOADS[0]))
    container(wrong)["livenesProbe"] = {}

    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(wrong, VERSIONS[1], strict=True)


def test_what_a_folder_of_kustomize_names_is_there():
    for folder in folders(OVERLAY):
        told = kustomization(folder)
        names = [*told.get("resources", ()), *told.get("components", ())]
        for generator in (*told.get("configMapGenerator", ()), *told.get("secretGenerator", ())):
            names += [*generator.get("files", ()), *generator.get("envs", ())]
        # two files are copied from examples, because what is in them is not for everybody
        examples = {"tajo.yaml": "tajo.example.yaml", "tajo.env": "tajo.env.example"}
        assert [name for name in names if not (folder / examples.get(name, name)).exists()] == [], folder
        kind = "Component" if "components" in folder.parts else "Kustomization"
        assert told["kind"] == kind


def test_every_file_belongs_to_an_overlay():
    listed = {part / name for part in folders(OVERLAY) for name in kustomization(part).get("resources", ())}
    written = {path for path in KUBERNETES.rglob("*.yaml") if path.stem not in {"kustomization", "tajo.example"}}

    assert written - listed == set()


def test_what_kustomize_cannot_take_from_another_folder_is_the_same_there():
    assert (EXAMPLE / "tajo.example.yaml").read_text() == (DEPLOY / "tajo.example.yaml").read_text()
    assert (KUBERNETES / "components/redis/redis.conf").read_text() == (DEPLOY / "redis/redis.conf").read_text()


@pytest.mark.parametrize("workload", WORKLOADS, ids=lambda one: one["metadata"]["name"])
def test_a_pod_may_do_little_and_is_looked_after(workload):
    told, inside = pod(workload)["securityContext"], container(workload)

    assert told["runAsNonRoot"]
    assert told["runAsUser"] > 0
    assert told["seccompProfile"] == {"type": "RuntimeDefault"}
    assert inside["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert {"startupProbe", "livenessProbe"} <= set(inside)
    assert set(inside["resources"]) == {"requests", "limits"}
    assert not pod(workload)["automountServiceAccountToken"]


@pytest.mark.parametrize("workload", WORKLOADS, ids=lambda one: one["metadata"]["name"])
def test_volumes_and_what_is_mounted_fit(workload):
    spec = workload["spec"]
    there = {one["name"] for one in pod(workload)["volumes"]}
    there |= {one["metadata"]["name"] for one in spec.get("volumeClaimTemplates", ())}

    assert {one["name"] for one in container(workload)["volumeMounts"]} == there


def test_our_workloads_run_the_parts_there_are():
    parts = {}
    for workload in WORKLOADS:
        if container(workload)["image"] == "tajo-customer-sync":
            words = container(workload)["args"]
            parts[workload["metadata"]["name"]] = run.make_context("run", words[1:]).params["only"]

    assert parts == {name: name for name in ("web", "worker-live", "worker-platforms", "beat")}


def test_web_keeps_its_spool_on_a_disk_and_the_others_tell_that_they_live():
    (web,) = [one for one in WORKLOADS if one["metadata"]["name"] == "web"]
    signs = {one["metadata"]["name"]: container(one).get("env", [{}])[0].get("name") for one in WORKLOADS if one != web}

    assert web["kind"] == "StatefulSet"
    assert web["spec"]["volumeClaimTemplates"]
    assert {name for name, sign in signs.items() if sign == "TAJO_ALIVE_FILE"} == set(signs) - {"redis"}


def selectors(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        for name, inner in value.items():
            if name in {"selector", "podSelector", "labelSelector"} and isinstance(inner, dict):
                yield inner
            yield from selectors(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from selectors(inner)


def fits(selector: dict[str, Any], given: dict[str, str]) -> bool:
    wanted = selector.get("matchLabels", {} if "matchExpressions" in selector else selector)
    among = selector.get("matchExpressions", [])
    return all(given.get(name) == text for name, text in wanted.items()) and all(
        given.get(one["key"]) in one["values"] for one in among
    )


@pytest.mark.parametrize("resource", ALL, ids=NAMES)
def test_every_selector_finds_a_pod(resource):
    for selector in selectors(resource.get("spec", {})):
        among = [value for one in selector.get("matchExpressions", ()) for value in one["values"]]
        found = [labels(one)["app.kubernetes.io/component"] for one in WORKLOADS if fits(selector, labels(one))]
        assert found
        assert set(among) <= set(found)


def test_redis_is_reached_by_our_pods_alone_and_reaches_nobody():
    (policy,) = [one for one in of("NetworkPolicy") if one["metadata"]["name"] == "redis"]

    assert policy["spec"]["policyTypes"] == ["Ingress", "Egress"]
    assert "egress" not in policy["spec"]
    assert len(policy["spec"]["ingress"]) == 1


def test_from_outside_only_webhooks_and_connecting_are_reached():
    (ingress,) = of("Ingress")

    paths = [path["path"] for rule in ingress["spec"]["rules"] for path in rule["http"]["paths"]]

    assert paths == ["/webhooks/", "/connect/"]


def test_secrets_have_the_variables_that_are_read():
    told = variables(EXAMPLE / "tajo.env.example")

    assert {name for name in told if not exists(name)} == set()
    assert {"TAJO_API_KEY", "TAJO_SECRET_KEY", "TAJO_REDIS_URL", "REDIS_PASSWORD"} <= set(told)


# KEDA


def triggers() -> list[dict[str, Any]]:
    (scaled,) = of(SCALED)
    return scaled["spec"]["triggers"]


def test_workers_scale_by_age_and_by_depth_of_a_deployment_that_is_there():
    (scaled,) = of(SCALED)

    assert scaled["spec"]["scaleTargetRef"]["name"] in {one["metadata"]["name"] for one in of("Deployment")}
    assert (
        scaled["spec"]["minReplicaCount"] <= scaled["spec"]["fallback"]["replicas"] < scaled["spec"]["maxReplicaCount"]
    )
    assert [one["metricType"] for one in triggers()] == ["Value", "AverageValue"]
    jsonschema.validate(
        triggers(), {"items": {"properties": {"metadata": {"additionalProperties": {"type": "string"}}}}}
    )


def test_notices_that_wait_ask_for_no_worker():
    asked = [re.search(r"\{lane!~\"([^\"]+)\"\}", one["metadata"]["query"]) for one in triggers()]

    assert all(one and re.fullmatch(one[1], "notify:ops") and not re.fullmatch(one[1], "contacts") for one in asked)


def test_the_questions_to_prometheus_are_well_formed_and_name_metrics_that_exist(tmp_path):
    questions = [one["metadata"]["query"] for one in triggers()]
    rules = [{"record": f"tajo:question{number}", "expr": text} for number, text in enumerate(questions)]
    (tmp_path / "rules.yml").write_text(yaml.safe_dump({"groups": [{"name": "questions", "rules": rules}]}))

    done = subprocess.run(
        [need("promtool"), "check", "rules", tmp_path / "rules.yml"], check=False, capture_output=True
    )

    assert done.returncode == 0, done.stderr
    assert {name for text in questions for name in re.findall(r"tajo_\w+", text)} <= {one.name for one in CATALOGUE}
