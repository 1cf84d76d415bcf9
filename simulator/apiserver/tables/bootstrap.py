#!/usr/bin/env python3
"""Makes bootstrap.jsonl: the objects that a Kubernetes API server makes when it starts, one a line.

usage: KUBECONFIG=... bootstrap.py > bootstrap.jsonl    asks a fresh cluster (no kubeadm, no cloud) by kubectl

The objects are those of Kubernetes' own bootstrap policy (https://github.com/kubernetes/kubernetes, Apache-2.0). What
a server chooses (uids, times, revisions) is left out, as are the label and the annotation that all roles have.
"""
import json
import subprocess

KINDS = "clusterroles,clusterrolebindings,roles,rolebindings,priorityclasses,flowschemas,prioritylevelconfigurations,servicecidrs,ipaddresses"


def get(*arguments):
    return json.loads(subprocess.check_output(["kubectl", "get", "-o", "json", *arguments]))


def bare(thing):
    metadata = thing["metadata"]
    for key in ("uid", "creationTimestamp", "resourceVersion", "generation", "managedFields"):
        metadata.pop(key, None)
    thing.pop("status", None)
    for key, entry in (("labels", "kubernetes.io/bootstrapping"), ("annotations", "rbac.authorization.kubernetes.io/autoupdate")):
        if thing["apiVersion"].startswith("rbac.") and key in metadata:
            metadata[key].pop(entry, None)
            if not metadata[key]:
                del metadata[key]
    return thing


things = [bare(thing) for thing in get(KINDS, "-A")["items"]]
service = bare(get("service", "kubernetes", "-n", "default"))
things.append(service)
for thing in things:
    print(json.dumps(thing, separators=(",", ":"), sort_keys=True))
