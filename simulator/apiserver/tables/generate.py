#!/usr/bin/env python3
"""Make the tables of builtin kinds (`<version>.txt`) from published OpenAPI definitions.

    generate.py 1.34 1.20 [--cache DIR]

For each Kubernetes version the definitions are taken from the PyPI package `kubernetes-validate` (the newest release that
carries the version; `pip download` fetches it into the cache). What they do not say stands in `facts.py`.
The format of a table is described in `README.md`. Run by hand; the output is committed.
"""
import argparse, json, pathlib, subprocess, sys, tarfile, zipfile

import facts

HERE = pathlib.Path(__file__).parent
# Releases by what they carry; a release holds about a dozen versions up to its own.
RELEASES = [("1.37.0", 25, 37), ("1.24.1", 21, 24), ("1.20.0", 10, 20)]


def definitions(minor, cache):
    release = next(r for r, low, high in RELEASES if low <= minor <= high)
    folder = cache / release
    if not folder.exists():
        folder.mkdir(parents=True)
        subprocess.run([sys.executable, "-m", "pip", "download", "-q", "--no-deps", "-d", folder, f"kubernetes-validate=={release}"], check=True)
    archive = next(p for p in folder.iterdir() if p.name.startswith(("kubernetes_validate", "kubernetes-validate")))
    wanted = f"/v1.{minor}.0-local/_definitions.json"
    if archive.suffix == ".whl":
        with zipfile.ZipFile(archive) as z:
            name = next(n for n in z.namelist() if n.endswith(wanted))
            text = z.read(name)
    else:
        with tarfile.open(archive) as t:
            name = next(m for m in t.getmembers() if m.name.endswith(wanted))
            text = t.extractfile(name).read()
    document = json.loads(text)
    return release, document.get("$defs") or document["definitions"]


# Definitions that are one word in a table.
SCALARS = {
    "io.k8s.apimachinery.pkg.apis.meta.v1.Time": "time",
    "io.k8s.apimachinery.pkg.apis.meta.v1.MicroTime": "microtime",
    "io.k8s.apimachinery.pkg.api.resource.Quantity": "quantity",
    "io.k8s.apimachinery.pkg.util.intstr.IntOrString": "int-or-string",
    "io.k8s.apimachinery.pkg.runtime.RawExtension": "raw",
    "io.k8s.apimachinery.pkg.apis.meta.v1.FieldsV1": "fields",
    "io.k8s.apimachinery.pkg.apis.meta.v1.Patch": "any",
}
PROPS_OR = "JSONSchemaPropsOr"


def short(name):
    for prefix in ("io.k8s.api.", "io.k8s.apimachinery.pkg.apis.", "io.k8s.apiextensions-apiserver.pkg.apis.", "io.k8s.kube-aggregator.pkg.apis."):
        if name.startswith(prefix):
            return name[len(prefix):]
    return name


def one_type(schema):
    kind = schema.get("type")
    if isinstance(kind, list):
        kind = next(k for k in kind if k != "null")
    return kind


class Table:
    def __init__(self, defs, minor):
        self.defs, self.minor, self.wanted, self.granular = defs, minor, {}, set()

    def type_of(self, schema, refs):
        if "$ref" in schema:
            name = schema["$ref"].rsplit("/", 1)[1]
            if name in SCALARS:
                return SCALARS[name]
            last = name.rsplit(".", 1)[1]
            if last == "JSON" or last.startswith(PROPS_OR):
                return "any"
            refs.append(name)
            return "@" + short(name)
        kind = one_type(schema)
        if kind == "array":
            return "[]" + self.type_of(schema["items"], refs)
        if kind == "object":
            inner = schema.get("additionalProperties")
            return "{}" + self.type_of(inner, refs) if isinstance(inner, dict) else "any"
        if kind == "integer":
            return "int32" if schema.get("format") == "int32" else "int64"
        if kind == "string":
            return "bytes" if schema.get("format") == "byte" else "string"
        return {"number": "number", "boolean": "bool"}.get(kind, "any")

    def keeps_empty(self, definition, name, kind, required):
        def listed(table):
            return name in table.get(definition, ()) , name in table.get("*", ())
        if kind in ("string", "bytes"):
            special, general = listed(facts.KEEP_EMPTY_STRING)
            if listed(facts.DROP_EMPTY_STRING)[0]:
                return False
            return required or special or general
        if kind in ("int32", "int64", "number"):
            if required or listed(facts.KEEP_ZERO)[0]:
                return True
            return not any(listed(facts.DROP_ZERO))
        if kind == "bool":
            if required or listed(facts.KEEP_FALSE)[0]:
                return True
            return not any(listed(facts.DROP_FALSE))
        if kind.startswith(("[]", "{}")):
            return required or listed(facts.KEEP_EMPTY_LIST)[0]
        return True

    def definition(self, name):
        schema, label, refs, lines = self.defs[name], short(name), [], []
        required = set(schema.get("required", ()))
        defaults = facts.DEFAULTS.get(label, {})
        always = facts.ALWAYS.get(label, ())
        for field, body in sorted(schema.get("properties", {}).items()):
            if (label, field) in facts.WITHDRAWN:
                continue
            kind = self.type_of(body, refs)
            if (label, field) in facts.GRANULAR and self.minor >= 21:
                kind = kind.replace("@", "@granular.")
                self.granular.add(refs[-1])
            words = [field + ("!" if field in required else ""), kind]
            list_type = body.get("x-kubernetes-list-type")
            other, last = facts.LISTS.get((label, field), (None, 0))
            if self.minor <= last:
                words.append(other)
            elif list_type == "map":
                words.append("map=" + ",".join(body["x-kubernetes-list-map-keys"]))
            elif list_type:
                words.append(list_type)
            if body.get("x-kubernetes-map-type") == "atomic":
                words.append("atomic")
            if "x-kubernetes-patch-merge-key" in body:
                words.append("merge=" + body["x-kubernetes-patch-merge-key"])
            strategy = body.get("x-kubernetes-patch-strategy")
            if strategy and strategy != "merge":
                words.append("strategy=" + strategy)
            elif strategy and "x-kubernetes-patch-merge-key" not in body:
                words.append("strategy=merge")
            nulls = field in facts.NULLS.get(label, ()) or self.minor <= facts.NULLS_UNTIL.get((label, field), 0)
            if nulls:
                words.append("null")
            elif not self.keeps_empty(label, field, kind, field in required) and field not in always:
                words.append("-")
            if field in always:
                words.append("+")
            low, high = facts.GATED.get((label, field), (1, 0))
            if low <= self.minor <= high:
                words.append("gated")
            since = facts.DEFAULT_SINCE.get((label, field), 0)
            if field in defaults and self.minor >= since:
                words.append("default=" + json.dumps(defaults[field], separators=(",", ":")))
            lines.append(" " + " ".join(words))
        missing = set(defaults) - set(schema.get("properties", {}))
        if missing and self.minor >= 30:
            raise SystemExit(f"facts.py gives {label} defaults for {missing}, which it has not")
        head = label + (" atomic" if schema.get("x-kubernetes-map-type") == "atomic" else "")
        if "properties" not in schema:
            lines = []
        return [head] + lines, refs

    def add(self, name):
        pending = [name]
        while pending:
            name = pending.pop()
            if name in self.wanted:
                continue
            self.wanted[name], refs = self.definition(name)
            pending += refs

    def lines_of(self):
        """The definitions by name, with the second ones of those that are shared in two ways."""
        own = {short(name): lines for name, lines in self.wanted.items()}
        for name in self.granular:
            label = "granular." + short(name)
            own[label] = [label] + self.wanted[name][1:]
        return [line for label in sorted(own) for line in own[label]]

    def flag(self, flags):
        """`sg1.33`: the last flag counts from that minor version on."""
        if "1." in flags:
            head, since = flags.split("1.")
            return head if self.minor >= int(since) else head[:-1]
        return flags

    def kinds(self):
        by_gvk = {}
        for name, schema in self.defs.items():
            for gvk in schema.get("x-kubernetes-group-version-kind", []):
                by_gvk.setdefault((gvk["group"], gvk["version"], gvk["kind"]), name)
        rows = []
        for group_version, text in facts.KINDS.items():
            group, _, version = group_version.rpartition("/")
            for line in text.strip().splitlines():
                plural, kind, shorts, categories, *flags = line.split()
                name = by_gvk.get((group, version, kind))
                if name is None:
                    continue
                if version == "v1beta1" and group in facts.SAME_IN_BETA:
                    name = by_gvk.get((group, "v1", kind), name)
                self.add(name)
                flags = self.flag(flags[0]) if flags else ""
                rows.append(f"kind {group or '-'} {version} {kind} {plural} {shorts} {categories} {flags or '-'} {short(name)}")
        for name in facts.EXTRA:
            if name in self.defs:
                self.add(name)
        return rows


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("versions", nargs="+")
    parser.add_argument("--cache", type=pathlib.Path, default=pathlib.Path("/tmp/kubernetes-validate"))
    args = parser.parse_args()
    for version in args.versions:
        minor = int(version.split(".")[1])
        release, defs = definitions(minor, args.cache)
        table = Table(defs, minor)
        rows = table.kinds()
        out = [f"# Kubernetes {version}, from kubernetes-validate {release}. Made by generate.py; do not edit."] + rows
        out += table.lines_of()
        path = HERE / f"{version}.txt"
        path.write_text("\n".join(out) + "\n")
        print(f"{path}: {len(rows)} kinds, {len(table.wanted)} definitions, {path.stat().st_size} bytes")


if __name__ == "__main__":
    main()
