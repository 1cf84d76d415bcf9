#!/usr/bin/env python3
"""Make the tables of columns (`columns-<version>.txt`) that an API server prints builtin kinds with.

    columns.py 1.34 v1.34.4
    columns.py 1.20 v1.20.2

Names, types and descriptions stand in the Go modules of the Kubernetes project (Apache-2.0): `go mod download` fetches them.
Run by hand; the output is committed.
"""
import json, pathlib, re, subprocess, sys

HERE = pathlib.Path(__file__).parent
GROUPS = {
    "api": "-", "core": "-", "apps": "apps", "batch": "batch", "policy": "policy", "networking": "networking.k8s.io", "extensions": "extensions",
    "discovery": "discovery.k8s.io", "rbac": "rbac.authorization.k8s.io", "certificates": "certificates.k8s.io",
    "autoscaling": "autoscaling", "storage": "storage.k8s.io", "coordination": "coordination.k8s.io", "scheduling": "scheduling.k8s.io",
    "node": "node.k8s.io", "nodeapi": "node.k8s.io", "flowcontrol": "flowcontrol.apiserver.k8s.io", "apiserverinternal": "internal.apiserver.k8s.io",
    "admissionregistration": "admissionregistration.k8s.io", "resource": "resource.k8s.io", "metav1": "-",
}


def folder(module, version):
    run = subprocess.run(["go", "mod", "download", "-json", f"{module}@{version}"], check=True, stdout=subprocess.PIPE, cwd="/")
    return pathlib.Path(json.loads(run.stdout)["Dir"])


def documents(path):
    """{type: {field: text}} of a package; the text of the type itself is under the empty name."""
    source = (path / "types_swagger_doc_generated.go").read_text()
    maps = re.findall(r"^var map_(\w+) = map\[string\]string\{\n(.*?)^\}", source, re.S | re.M)
    line = re.compile(r'^\t("(?:[^"\\]|\\.)*"):\s*("(?:[^"\\]|\\.)*"),$', re.M)
    return {name: {json.loads(k): json.loads(v) for k, v in line.findall(body)} for name, body in maps}


def main(version, release):
    printers = (folder("k8s.io/kubernetes", release) / "pkg/printers/internalversion/printers.go").read_text()
    parts = "v0" + release[2:]
    roots = {"k8s.io/api": folder("k8s.io/api", parts), "k8s.io/apimachinery": folder("k8s.io/apimachinery", parts)}
    packages = {}
    for alias, module, path in re.findall(r'^\t(\w+) "(k8s\.io/api(?:machinery)?)/([^"]+)"(?: //.*)?$', printers, re.M):
        if (roots[module] / path / "types_swagger_doc_generated.go").exists():
            packages[alias] = documents(roots[module] / path)

    def text(code):
        if code.startswith('"'):
            return json.loads(code)
        # Fields of structs have the descriptions of their types.
        nested = re.fullmatch(r'apiv1\.Event\{\}\.InvolvedObject\.SwaggerDoc\(\)\["(\w*)"\]', code)
        if nested:
            return packages["apiv1"]["ObjectReference"].get(nested[1], "")
        alias, kind, field = re.fullmatch(r'(\w+)\.(\w+)\{\}\.SwaggerDoc\(\)\["(\w*)"\]', code).groups()
        return packages[alias][kind].get(field, "")

    kinds = dict(re.findall(r"^func (print\w+)\(\w+ \*(\w+\.\w+), ", printers, re.M))
    lines = [f"# Kubernetes {version}, from k8s.io/kubernetes {release}. Made by columns.py; do not edit."]
    handlers = dict((p, d) for d, p in re.findall(r"h\.TableHandler\((\w+), (print\w+)\)", printers))
    for printer, definitions in sorted(handlers.items()):
        package, kind = kinds[printer].split(".")
        # A printer of capacities is there, but the server does not use it.
        if kind.endswith("List") or package not in GROUPS or kind == "CSIStorageCapacity":
            continue
        lines.append(f"kind {GROUPS[package]} {kind}")
        # Some lists are put together from several.
        parts = re.findall(rf"^\t(?:if .*\{{\n\t)?\t?{definitions} :?= (?:append\({definitions}, )?\[\]metav1\.TableColumnDefinition\{{\n(.*?)^\t\}}", printers, re.S | re.M)
        body = "".join(parts)
        for column in re.findall(r"^\t\t\{(.*)\},(?:\s*//.*)?$", body, re.M):
            members = dict(re.findall(r'(\w+): ((?:"(?:[^"\\]|\\.)*"|[^,"]|\["\w*"\])+)', column))
            name, kind_of, form = (json.loads(members.get(m, '""')) for m in ("Name", "Type", "Format"))
            described = json.dumps(text(members.get("Description", '""')), ensure_ascii=False)
            lines.append("\t".join(["", name, kind_of, form, members.get("Priority", "0"), described]))
    (HERE / f"columns-{version}.txt").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
