#!/usr/bin/env python3
"""Writes types.txt: members whose Go type has a name of its own where the schema knows a string, a list or a map.

    types.py API_MODULE APIMACHINERY_MODULE

The two are unpacked Go modules (k8s.io/api, k8s.io/apimachinery; Apache-2.0). A line is a struct, a member and its type as Go
prints it, as errors of decoding do. Names that two groups use for different things are left out.
"""
import glob
import re
import sys

api, machinery = sys.argv[1:]
named = {"types.UID": "string", "v1.ResourceList": "map"}
files = sorted(glob.glob(f"{api}/*/v[12]/types.go")) + [f"{machinery}/pkg/apis/meta/v1/types.go"]
texts = {}
for path in files:
    text = re.sub(r"//[^\n]*", "", open(path, encoding="utf-8").read())
    version = path.split("/")[-2]
    texts[path] = (version, text)
found = {}
for path, (version, text) in texts.items():
    own = set(re.findall(r"^type (\w+) string$", text, re.M)) | set(re.findall(r"^type (\w+) (?:map|\[\])[^\n]*$", text, re.M))
    meta = {"metav1.": "v1.", "v1.": "v1.", "corev1.": "v1.", "types.": "types.", "authenticationv1.": "v1."}
    others = {"DeletionPropagation", "ConditionStatus", "UID", "ResourceList", "ResourceName", "Protocol", "NodeSelectorOperator",
              "LabelSelectorOperator", "PersistentVolumeAccessMode", "ExtraValue"}
    for m in re.finditer(r"^type (\w+) struct \{\n(.*?)^\}", text, re.M | re.S):
        for line in m[2].split("\n"):
            f = re.match(r'\s*\w+\s+(\*?)((?:\[\]|map\[[\w.]+\])?)\*?([\w.]+)\s+`json:"([^",]+)', line)
            if not f:
                continue
            shape, kind, name = f[2], f[3], f[4]
            if "." in kind:
                package, bare = kind.rsplit(".", 1)
                if bare not in others:
                    continue
                shown = meta.get(package + ".", package + ".") + bare
            elif kind in own:
                shown = f"{version}.{kind}"
            else:
                continue
            if shape.startswith("map") and "." not in shape and shape != "map[string]":
                shape = f"map[{version}.{shape[4:-1]}]"
            found.setdefault(f"{m[1]} {name}", set()).add(shape + shown)
print("# Members with types of their own name. Made by types.py; do not edit.")
for key, kinds in sorted(found.items()):
    if len(kinds) == 1:
        print(key, *kinds)
