"""The Python client on a served cluster: typed, dynamic, watch, leader election, server-side apply.

usage: client.py KUBECONFIG    prints one line per part; ends with 1 at the first that fails
"""

import sys
import threading
import time
import uuid

import yaml
from kubernetes import client, config, dynamic, watch
from kubernetes.client.rest import ApiException
from kubernetes.leaderelection import electionconfig, leaderelection
from kubernetes.leaderelection.resourcelock.configmaplock import ConfigMapLock

NAMESPACE = "python"


def refused(code, call, *arguments, **more):
    try:
        call(*arguments, **more)
    except ApiException as refusal:
        assert refusal.status == code, refusal
        return refusal
    raise AssertionError(f"not refused: {call.__name__}")


def typed():
    core, apps = client.CoreV1Api(), client.AppsV1Api()
    core.create_namespace({"metadata": {"name": NAMESPACE}})
    meta = client.V1ObjectMeta(name="map", labels={"app": "check"})
    made = core.create_namespaced_config_map(NAMESPACE, client.V1ConfigMap(metadata=meta, data={"a": "b"}))
    assert made.metadata.uid and made.data == {"a": "b"}
    core.patch_namespaced_config_map("map", NAMESPACE, {"data": {"c": "d"}})
    core.patch_namespaced_config_map("map", NAMESPACE, [{"op": "remove", "path": "/data/a"}])
    found = core.list_namespaced_config_map(NAMESPACE, label_selector="app=check").items
    assert [one.data for one in found] == [{"c": "d"}], found
    found[0].data = {"e": "f"}
    core.replace_namespaced_config_map("map", NAMESPACE, found[0])
    refused(409, core.replace_namespaced_config_map, "map", NAMESPACE, found[0])
    refused(404, core.read_namespaced_config_map, "none", NAMESPACE)
    container = client.V1Container(name="web", image="nginx:1.25")
    template = client.V1PodTemplateSpec(metadata={"labels": {"app": "web"}}, spec=client.V1PodSpec(containers=[container]))
    spec = client.V1DeploymentSpec(replicas=0, selector={"matchLabels": {"app": "web"}}, template=template)
    apps.create_namespaced_deployment(NAMESPACE, client.V1Deployment(metadata={"name": "web"}, spec=spec))
    assert not apps.read_namespaced_deployment_scale("web", NAMESPACE).spec.replicas
    gone = core.delete_namespaced_config_map("map", NAMESPACE, body=client.V1DeleteOptions(propagation_policy="Background"))
    assert (gone if isinstance(gone, dict) else gone.to_dict())["status"] == "Success", gone
    assert client.VersionApi().get_code().minor
    review = client.V1SelfSubjectAccessReview(spec={"resourceAttributes": {"verb": "get", "resource": "pods"}})
    assert client.AuthorizationV1Api().create_self_subject_access_review(review).status.allowed


def dynamically():
    kinds = dynamic.DynamicClient(client.ApiClient())
    definitions = kinds.resources.get(api_version="apiextensions.k8s.io/v1", kind="CustomResourceDefinition")
    schema = {"type": "object", "properties": {"spec": {"type": "object", "properties": {"colour": {"type": "string"}}}}}
    definitions.create(body={
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": {"name": "kites.python.drydock.dev"},
        "spec": {"group": "python.drydock.dev", "scope": "Namespaced", "names": {"plural": "kites", "singular": "kite", "kind": "Kite"},
                 "versions": [{"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}]},
    })
    for _ in range(50):
        conditions = definitions.get(name="kites.python.drydock.dev").status.conditions or []
        if any(one.type == "Established" and one.status == "True" for one in conditions):
            break
        time.sleep(0.1)
    kites = kinds.resources.get(api_version="python.drydock.dev/v1", kind="Kite")
    kite = {"apiVersion": "python.drydock.dev/v1", "kind": "Kite", "metadata": {"name": "kite"}, "spec": {"colour": "red"}}
    kites.create(body=kite, namespace=NAMESPACE)
    kites.patch(name="kite", namespace=NAMESPACE, body={"spec": {"colour": "blue"}}, content_type="application/merge-patch+json")
    assert kites.get(name="kite", namespace=NAMESPACE).spec.colour == "blue"
    assert [one.metadata.name for one in kites.get(namespace=NAMESPACE).items] == ["kite"]
    kites.delete(name="kite", namespace=NAMESPACE)
    definitions.delete(name="kites.python.drydock.dev")


def watching():
    core = client.CoreV1Api()
    start = core.list_namespaced_config_map(NAMESPACE).metadata.resource_version

    def write():
        core.create_namespaced_config_map(NAMESPACE, {"metadata": {"name": "seen"}})
        core.patch_namespaced_config_map("seen", NAMESPACE, {"data": {"a": "b"}})
        core.delete_namespaced_config_map("seen", NAMESPACE)

    threading.Timer(0.2, write).start()
    seen = []
    stream = watch.Watch()
    for event in stream.stream(core.list_namespaced_config_map, NAMESPACE, resource_version=start, timeout_seconds=10):
        seen.append((event["type"], event["object"].metadata.name))
        if event["type"] == "DELETED":
            stream.stop()
    assert seen == [("ADDED", "seen"), ("MODIFIED", "seen"), ("DELETED", "seen")], seen
    began = time.monotonic()
    for _ in watch.Watch().stream(core.list_namespaced_config_map, NAMESPACE, timeout_seconds=1, field_selector="metadata.name=none"):
        raise AssertionError("nothing happens")
    assert time.monotonic() - began < 5
    core.create_namespaced_config_map(NAMESPACE, {"metadata": {"name": "old"}})


def election():
    led = threading.Event()

    def stand():
        lock = ConfigMapLock("leader", NAMESPACE, str(uuid.uuid4()))
        standing = electionconfig.Config(lock, lease_duration=3, renew_deadline=2, retry_period=1, onstarted_leading=led.set, onstopped_leading=None)
        leaderelection.LeaderElection(standing).run()

    threading.Thread(target=stand, daemon=True).start()
    assert led.wait(10), "nobody leads"


def applying():
    core = client.CoreV1Api()

    def apply(manager, data, force=False):
        body = yaml.safe_dump({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "applied"}, "data": data})
        return core.patch_namespaced_config_map(
            "applied", NAMESPACE, yaml.safe_load(body), field_manager=manager, force=force, _content_type="application/apply-patch+yaml")

    apply("one", {"a": "1", "b": "1"})
    conflict = refused(409, apply, "two", {"a": "2"})
    assert "conflict with" in conflict.body, conflict.body
    assert apply("two", {"a": "2"}, force=True).data == {"a": "2", "b": "1"}
    assert apply("one", {}).data == {"a": "2"}


config.load_kube_config(sys.argv[1])
for part in (typed, dynamically, watching, election, applying):
    part()
    print(f"ok   {part.__name__}", flush=True)
client.CoreV1Api().delete_namespace(NAMESPACE)
