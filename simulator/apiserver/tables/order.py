#!/usr/bin/env python3
"""Writes order.txt: structs whose members Go writes to JSON in another order than that of their numbers in proto.txt.

    order.py API_MODULE APIMACHINERY_MODULE APIEXTENSIONS_MODULE

The three are unpacked Go modules (k8s.io/api, k8s.io/apimachinery, k8s.io/apiextensions-apiserver; Apache-2.0). Only names and their order are taken. A line is a
message: its name as in proto.txt, then its members.
"""
import glob
import re
import sys

api, machinery, extensions = sys.argv[1:]
lines = []
paths = sorted(glob.glob(f"{api}/*/v[12]/types.go")) + [f"{machinery}/pkg/apis/meta/v1/types.go"]
paths += [f"{extensions}/pkg/apis/apiextensions/v1/{file}.go" for file in ["types", "types_jsonschema"]]
for path in paths:
    group = ".".join(path.split("/")[-3:-1])
    text = open(path, encoding="utf-8").read()
    for m in re.finditer(r"^type (\w+) struct \{\n(.*?)^\}", text, re.M | re.S):
        members = re.findall(r'`json:"([^",]+)[^`]*protobuf:"\w+,(\d+)', m[2])
        names = [name for name, _ in members]
        numbers = [int(number) for _, number in members]
        if numbers != sorted(numbers):
            lines.append(f"{group}.{m[1]} {' '.join(names)}\n")
print("# Members in the order of Go's JSON, where that is not the order of their numbers. Made by order.py; do not edit.")
print("".join(sorted(lines)), end="")
