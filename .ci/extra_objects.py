"""Objects that a dump has in the recorded namespace and the recording lacks, but for what Kubernetes itself makes."""
import sys

import yaml

KUBERNETES = {("ConfigMap", "kube-root-ca.crt"), ("ServiceAccount", "default")}


def objects(path, kinds):
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    with open(path) as file:
        documents = [d for d in yaml.load_all(file, loader) if d]
    return {
        (d["kind"], d["metadata"].get("namespace", ""), d["metadata"]["name"])
        for d in documents
        if d["kind"] in kinds
    }


kinds = set(sys.argv[1].split(","))
recorded, ours = (objects(path, kinds) for path in sys.argv[2:4])
namespaces = {namespace for _, namespace, _ in recorded}
extra = sorted(
    (kind, namespace, name)
    for kind, namespace, name in ours - recorded
    if namespace in namespaces and (kind, name) not in KUBERNETES
)
for kind, namespace, name in extra:
    print(f"only ours: {kind} {namespace}/{name}")
sys.exit(1 if extra else 0)
