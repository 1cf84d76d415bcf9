#!/usr/bin/env python3
"""Makes proto.txt: how objects of builtin kinds look in protobuf.

Numbers and types come from the `generated.proto` files, names in JSON and what is a pointer from the tags of the Go
types beside them: k8s.io/{api,apimachinery,apiextensions-apiserver,kube-aggregator} of v0.34.4, and of v0.20.2 what
later versions lack. Apache-2.0, (c) The Kubernetes Authors.

    proto.py [GO MODULE CACHE] > proto.txt
"""

import glob
import os
import re
import sys

MODULES = ["apimachinery", "api", "apiextensions-apiserver", "kube-aggregator"]
VERSIONS = ["v0.34.4", "v0.20.2"]
# Not of an API server's kinds.
LEFT_OUT = ("testapigroup", "imagepolicy", "util/proto", "runtime/schema")

# Messages that look otherwise in JSON than a map of their fields.
SPECIAL = {
    "meta.v1.Time": "time",
    "meta.v1.MicroTime": "microtime",
    "meta.v1.Duration": "duration",
    "meta.v1.FieldsV1": "raw",
    "resource.Quantity": "quantity",
    "intstr.IntOrString": "int-or-string",
    "runtime.RawExtension": "raw",
    "apiextensions.v1.JSON": "raw",
    "apiextensions.v1beta1.JSON": "raw",
    "meta.v1.Verbs": "items",
    "authentication.v1.ExtraValue": "items",
    "authentication.v1beta1.ExtraValue": "items",
    "authorization.v1.ExtraValue": "items",
    "authorization.v1beta1.ExtraValue": "items",
    "certificates.v1.ExtraValue": "items",
    "certificates.v1beta1.ExtraValue": "items",
    "apiextensions.v1.JSONSchemaPropsOrArray": "or-schemas",
    "apiextensions.v1beta1.JSONSchemaPropsOrArray": "or-schemas",
    "apiextensions.v1.JSONSchemaPropsOrBool": "or-bool",
    "apiextensions.v1beta1.JSONSchemaPropsOrBool": "or-bool",
    "apiextensions.v1.JSONSchemaPropsOrStringArray": "or-strings",
    "apiextensions.v1beta1.JSONSchemaPropsOrStringArray": "or-strings",
}
# Kinds that no table lists: what subresources and discovery speak.
ALSO = ["meta.v1.", "apidiscovery.", "core.v1.List", "autoscaling.v1.Scale", "policy.v1.Eviction", "policy.v1beta1.Eviction",
        "authentication.v1.TokenRequest", "apiextensions.v1.JSONSchemaProps", "apiregistration.v1.", "flowcontrol.v1.", "resource.v1."]


def short(package):
    """`k8s.io.api.core.v1` -> `core.v1`, `...apimachinery.pkg.apis.meta.v1` -> `meta.v1`."""
    parts = package.split(".")
    return ".".join(parts[-2:] if re.fullmatch(r"v\d+(alpha\d+|beta\d+)?", parts[-1]) else parts[-1:])


def messages(text):
    """Name -> [(number, label, type, name)] of one .proto file, and its package."""
    text = re.sub(r"//[^\n]*", "", text)
    package = re.search(r"^package ([\w.]+);", text, re.M).group(1)
    found = {}
    for name, body in re.findall(r"^message (\w+) \{(.*?)^\}", text, re.M | re.S):
        fields = []
        for label, kind, field, number in re.findall(
            r"^\s*(optional |repeated |required |)(map<[^>]+>|[\w.]+) (\w+) = (\d+);", body, re.M
        ):
            fields.append((int(number), label.strip(), kind.replace(" ", ""), field))
        found[name] = fields
    return package, found


def tags(folder):
    """(Go type, field number) -> (name in JSON, is inlined, is a pointer)."""
    found = {}
    for path in glob.glob(os.path.join(folder, "*.go")):
        if path.endswith("_test.go") or "zz_generated" in path or path.endswith(".pb.go"):
            continue
        with open(path) as file:
            text = file.read()
        for name, body in re.findall(r"^type (\w+) struct \{(.*?)^\}", text, re.M | re.S):
            for line in body.splitlines():
                tag = re.search(r'^\s*(.*?)\s*`.*protobuf:"\w+,(\d+),\w+', line)
                json = re.search(r'json:"([^",]*)((?:,\w+)*)"', line)
                if tag is None or json is None:
                    continue
                go_type = tag.group(1).split()[-1]
                inline = "inline" in json.group(2) or (not json.group(1) and "omitempty" not in json.group(2))
                found[(name, int(tag.group(2)))] = (json.group(1), inline, go_type.startswith("*"))
    return found


def type_of(kind, package):
    scalars = {"string", "bytes", "int32", "int64", "bool", "double", "uint32", "uint64"}
    if kind in scalars:
        return kind
    whole = kind.lstrip(".") if "." in kind else f"{package}.{kind}"
    owner, name = whole.rsplit(".", 1)
    name = f"{short(owner)}.{name}"
    return SPECIAL.get(name) or f"@{name}"


def kinds(folder):
    """The messages of the kinds in the tables, and of lists of them."""
    for path in glob.glob(f"{folder}/[0-9]*.txt"):
        with open(path) as file:
            for line in file:
                words = line.split()
                if line.startswith("kind "):
                    name = f"{words[1].split('.')[0].replace('-', 'core')}.{words[2]}.{words[3]}"
                    yield name
                    yield f"{name}List"
    # Of a version that no table is of.
    for kind in ["FlowSchema", "PriorityLevelConfiguration"]:
        yield f"flowcontrol.v1beta3.{kind}"
        yield f"flowcontrol.v1beta3.{kind}List"


def needed(table):
    """What can be reached from a kind."""
    found = set()
    ahead = [name for name in table if name.startswith(tuple(ALSO))]
    ahead += kinds(os.path.dirname(os.path.abspath(__file__)))
    while ahead:
        name = ahead.pop()
        if name not in found and name in table:
            found.add(name)
            ahead += [kind.split("@")[1] for _, kind in table[name].values() if "@" in kind]
    return found


def main():
    root = sys.argv[1] if len(sys.argv) > 1 else os.path.expanduser("~/go/pkg/mod")
    table, newest = {}, set()
    for version in VERSIONS:
        for module in MODULES:
            start = f"{root}/k8s.io/{module}@{version}"
            for path in sorted(glob.glob(f"{start}/**/generated.proto", recursive=True)):
                if any(part in path for part in LEFT_OUT) or "/vendor/" in path or "/examples/" in path:
                    continue
                with open(path) as file:
                    package, found = messages(file.read())
                names = tags(os.path.dirname(path))
                for message, fields in found.items():
                    full = f"{short(package)}.{message}"
                    if version == VERSIONS[0]:
                        newest.add(full)
                    if full in SPECIAL:
                        continue
                    rows = table.setdefault(full, {})
                    for number, label, kind, field in fields:
                        json, inline, pointer = names.get((message, number), (field, False, False))
                        value = re.fullmatch(r"map<string,(.+)>", kind)
                        if value:
                            kind = "{}" + type_of(value.group(1), package)
                        else:
                            kind = ("[]" if label == "repeated" else "") + type_of(kind, package)
                        flag = "~" if inline else "?" if pointer else ""
                        # A name and a number never change their meaning: older versions only add what is gone.
                        taken = {name for name, _ in rows.values()}
                        if number not in rows and (inline or json not in taken):
                            rows[number] = (json or field, flag + kind)
    print("# Messages of Kubernetes 1.34 and 1.20, from their generated.proto. Made by proto.py; do not edit.")
    # Versions of served kinds that the newest server's types still have, though it serves them no more.
    served = {name for name in kinds(os.path.dirname(os.path.abspath(__file__))) if not name.endswith("List")}
    ends = {(name.split(".")[0], name.split(".")[2]) for name in served}
    known = [name for name in newest if (name.split(".")[0], name.split(".")[-1]) in ends and name.count(".") == 2]
    print("# known " + " ".join(sorted(known)))
    for name in sorted(needed(table)):
        print(name)
        for number, (json, kind) in sorted(table[name].items()):
            print(f" {number} {json} {kind}")


main()
