#!/usr/bin/env python3
"""Makes openapi-<version>.bin: the OpenAPI documents of the builtin kinds, each part kept once.

    openapi.py FOLDER openapi-1.34.bin      FOLDER has v3/<document with / as __>.json and v2.json
    openapi.py --fetch URL FOLDER           fills such a folder from a running kube-apiserver

1.34 is what a kube-apiserver v1.34.4 built from the Go module k8s.io/kubernetes tells of itself (the published files in
api/openapi-spec of that module lack the enums). 1.20 is api/openapi-spec/swagger.json of the module's v1.20.2, as v2.json,
without the alpha versions.
Apache-2.0, (c) The Kubernetes Authors.

The file is text in zlib's format: one JSON value a line, in which the string `~7` stands for the value of line 7 and `~~x` for
the string `~x`. The last line is {"v2": document, "v3": {name: document}}.
"""

import json
import os
import re
import sys
import urllib.request
import zlib

# Shorter texts cost more as a reference.
WORTH = 24


def fetch(url, folder):
    def get(path):
        with urllib.request.urlopen(url + path) as answer:
            return answer.read()

    os.makedirs(f"{folder}/v3", exist_ok=True)
    for name in json.loads(get("/openapi/v3"))["paths"]:
        with open(f"{folder}/v3/{name.replace('/', '__')}.json", "wb") as file:
            file.write(get(f"/openapi/v3/{name}"))
    with open(f"{folder}/v2.json", "wb") as file:
        file.write(get("/openapi/v2"))


def without_alpha(document):
    """The published document has all groups; a server serves no alpha versions unless it is told to."""
    alpha = re.compile(r"v\d+alpha\d+")
    document["info"]["version"] = "v1.20.2"
    document["paths"] = {path: item for path, item in document["paths"].items() if not alpha.search(path)}
    document["definitions"] = {
        name: schema for name, schema in document["definitions"].items() if not re.match(r"io\.k8s\.api\.\w+\.v\d+alpha", name)
    }
    return document


def load(folder):
    root = {}
    if os.path.exists(f"{folder}/v2.json"):
        with open(f"{folder}/v2.json") as file:
            root["v2"] = json.load(file)
        if root["v2"]["info"]["version"] == "unversioned":
            without_alpha(root["v2"])
    if os.path.isdir(f"{folder}/v3"):
        root["v3"] = {}
        for name in sorted(os.listdir(f"{folder}/v3")):
            with open(f"{folder}/v3/{name}") as file:
                root["v3"][name.removesuffix(".json").replace("__", "/")] = json.load(file)
    return root


def compact(value):
    return json.dumps(value, separators=(",", ":"), sort_keys=True, ensure_ascii=False)


def shared(root):
    """The lines: parts that stand more than once, and the whole."""
    counts = {}

    def count(value):
        key = compact(value)
        if len(key) < WORTH:
            return
        counts[key] = counts.get(key, 0) + 1
        if counts[key] == 1:
            for child in value.values() if isinstance(value, dict) else value if isinstance(value, list) else []:
                count(child)

    count(root)
    lines, known = [], {}

    def put(value):
        key = compact(value)
        if key in known:
            return f"~{known[key]}"
        if isinstance(value, dict):
            new = {name: put(child) for name, child in value.items()}
        elif isinstance(value, list):
            new = [put(child) for child in value]
        elif isinstance(value, str) and value.startswith("~"):
            new = "~" + value
        else:
            new = value
        if counts.get(key, 0) > 1:
            known[key] = len(lines)
            lines.append(compact(new))
            return f"~{known[key]}"
        return new

    lines.append(compact(put(root)))
    return lines


def main():
    if sys.argv[1] == "--fetch":
        fetch(*sys.argv[2:])
        return
    folder, target = sys.argv[1:]
    text = "\n".join(shared(load(folder)))
    packed = zlib.compress(text.encode(), 9)
    with open(target, "wb") as file:
        file.write(packed)
    print(f"{len(text)} bytes of text, {len(packed)} packed")


main()
