#!/usr/bin/env python3
"""Writes types.txt: members whose Go type has a name of its own where the schema knows a string, a list or a map.

    types.py API_MODULE APIMACHINERY_MODULE APIEXTENSIONS_MODULE AGGREGATOR_MODULE

The four are unpacked Go modules (k8s.io/api, k8s.io/apimachinery, k8s.io/apiextensions-apiserver, k8s.io/kube-aggregator;
Apache-2.0). A line is a struct with its group, a member and its type as Go prints it, as errors of decoding do. What two versions
of a group call differently has the name of the later one: the older ones are no part of what is served.
"""
import glob
import re
import sys

api, machinery, extensions, aggregator = sys.argv[1:]
# Import path, the group in the schema's definitions, the files.
packages = [(f"k8s.io/api/{group}/{version}", group, [path]) for path in sorted(glob.glob(f"{api}/*/v[12]/types.go"))
            for group, version in [path.split("/")[-3:-1]]]
packages += [
    ("k8s.io/apimachinery/pkg/apis/meta/v1", "meta", [f"{machinery}/pkg/apis/meta/v1/types.go"]),
    ("k8s.io/apimachinery/pkg/types", "", sorted(glob.glob(f"{machinery}/pkg/types/*.go"))),
    ("k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1", "apiextensions",
     [f"{extensions}/pkg/apis/apiextensions/v1/{file}.go" for file in ["types", "types_jsonschema"]]),
    ("k8s.io/kube-aggregator/pkg/apis/apiregistration/v1", "apiregistration",
     [f"{aggregator}/pkg/apis/apiregistration/v1/types.go"]),
]
texts = {name: re.sub(r"//[^\n]*", "", "\n".join(open(path, encoding="utf-8").read() for path in paths).replace("://", ""))
         for name, _, paths in packages}
own = {name: set(re.findall(r"^type (\w+) (?:string|map\[|\[\])", text, re.M)) for name, text in texts.items()}
found, outer = {}, {}
for name, group, _ in packages:
    aliases = {alias or path.rsplit("/", 1)[-1]: path for alias, path in re.findall(r'^\s*(\w*)\s*"(k8s\.io/[^"]+)"', texts[name], re.M)}
    for struct, body in re.findall(r"^type (\w+) struct \{\n(.*?)^\}", texts[name], re.M | re.S):
        for line in body.split("\n"):
            field = re.match(r'\s*\w+\s+\*?((?:\[\]|map\[[\w.]+\])?)\*?([\w.]+)\s+`json:"([^",]+)', line)
            inline = re.match(r'\s*([A-Z]\w+)\s+`json:",inline"', line)
            if inline:
                outer.setdefault(f"{group}.{inline[1]}", []).append(f"{group}.{struct}")
            if not field:
                continue
            shape, kind, member = field.groups()
            alias, _, bare = kind.rpartition(".")
            home = aliases.get(alias) if alias else name
            shown = f"{home.rsplit('/', 1)[-1]}.{bare}" if bare in own.get(home, ()) else "-"
            if shape.startswith("map") and "." not in shape and shape != "map[string]":
                shape = f"map[{name.rsplit('/', 1)[-1]}.{shape[4:-1]}]"
                shown = f"{home.rsplit('/', 1)[-1]}.{bare}"
            found.setdefault(f"{group}.{struct} {member}", []).append(shape + shown)


def held(struct):
    """The struct and those that hold it inline."""
    return [struct, *(above for holder in outer.get(struct, ()) for above in held(holder))]


for key, kinds in list(found.items()):
    struct, member = key.split(" ")
    for above in held(struct)[1:]:
        found.setdefault(f"{above} {member}", kinds)

print("# Members with types of their own name. Made by types.py; do not edit.")
for key, kinds in sorted(found.items()):
    if not any(kind.endswith("-") for kind in kinds):
        print(key, kinds[-1])
