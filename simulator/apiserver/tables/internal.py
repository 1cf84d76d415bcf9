#!/usr/bin/env python3
"""Writes internal.txt: the fields of the Go structs that kube-apiserver prints in its error messages, in their order.

    internal.py KUBERNETES_MODULE APIMACHINERY_MODULE API_MODULE APIEXTENSIONS_MODULE

These are unpacked Go modules (k8s.io/kubernetes, k8s.io/apimachinery, k8s.io/api, k8s.io/apiextensions-apiserver; Apache-2.0). Only names, order and kinds of
fields are taken. A line is a struct: its name, then a field each:

    Name:kind         kind is one of s(tring) i(nt) b(ool) Q(uantity) I(ntOrString) T(ime) J(son), or a struct's name
    Name:*kind        a pointer; Name:[]kind a list; Name:{}kind a map by strings
    =Struct           the fields of another struct, in place
    name,:kind        a field that is left out while it is empty (external types)
"""
import re
import sys

ROOTS = """core.PodTemplateSpec core.PersistentVolumeSpec core.PersistentVolumeClaimSpec core.EphemeralContainer core.ServicePort
batch.JobSpec storage.CSINodeSpec storage.VolumeAttachmentSpec storage.CSIDriverSpec networking.IPAddressSpec networking.IngressSpec
resource.ResourceClaimSpec resource.ResourceClaimTemplateSpec resource.AllocationResult resource.DeviceAttribute
rbac.RoleRef policy.PodDisruptionBudgetSpec core.Taint core.EndpointPort
networking.NetworkPolicySpec core.EventSource autoscaling.HorizontalPodAutoscalerBehavior
autoscalingv1.MetricSpec autoscalingv1.MetricStatus autoscalingv1.HorizontalPodAutoscalerCondition
apps.DeploymentStrategy apps.StatefulSetUpdateStrategy apps.DaemonSetUpdateStrategy
core.ScopeSelector core.NodeAddress flowcontrol.FlowSchemaSpec flowcontrol.PriorityLevelConfigurationSpec
certificates.CertificateSigningRequestCondition admissionregistration.AuditAnnotation
apiextensions.CustomResourceDefinitionVersion""".split()
PLAIN = {"string": "s", "bool": "b", "int": "i", "int32": "i", "int64": "i", "int16": "i", "uint8": "i", "byte": "i", "float64": "i",
         "resource.Quantity": "Q", "intstr.IntOrString": "I", "metav1.Time": "T", "metav1.MicroTime": "T", "metav1.Duration": "s",
         "types.UID": "s", "metav1.FieldsV1": "J", "runtime.Object": "J", "runtime.RawExtension": "J",
         "JSON": "J"}


def strip(text):
    text = re.sub(r"/\*.*?\*/", "", text, flags=re.S)
    return re.sub(r"//[^\n]*", "", text)


def load(path, package, structs, names):
    text = strip(open(path, encoding="utf-8").read())
    for m in re.finditer(r"^type (\w+) struct \{\n(.*?)^\}", text, re.M | re.S):
        structs[f"{package}.{m[1]}"] = m[2]
    for m in re.finditer(r"^type (\w+) struct\{\}$", text, re.M):
        structs[f"{package}.{m[1]}"] = ""
    for m in re.finditer(r"^type (\w+) (=? ?)([\[\]\w.*]+)$", text, re.M):
        if m[3] != "struct" and not m[3].startswith("interface"):
            names[f"{package}.{m[1]}"] = m[3]
    for m in re.finditer(r"^\t(\w+) (string|int32|bool)$", text, re.M):
        names.setdefault(f"{package}.{m[1]}", m[2])


class Table:
    def __init__(self):
        self.structs, self.names, self.out = {}, {}, {}

    def kind(self, go, package):
        if go.startswith("*"):
            return "*" + self.kind(go[1:], package)
        if go == "[]byte":
            return "*s"
        if go.startswith("[]"):
            return "[]" + self.kind(go[2:], package)
        m = re.match(r"map\[[\w.]+\](.*)", go)
        if m:
            return "{}" + self.kind(m[1], package)
        go = re.sub(r"^(api|v1)\.", "core." if package != "metav1" else "metav1.", go)
        name = go if "." in go else f"{package}.{go}"
        if go in PLAIN or name in PLAIN and package == "metav1":
            return PLAIN.get(go) or PLAIN[name]
        if name in self.structs:
            self.struct(name)
            return name
        if name in self.names:
            return self.kind(self.names[name], name.split(".")[0])
        raise ValueError(f"unknown type {go} in {package}")

    def struct(self, name):
        if name in self.out:
            return
        self.out[name] = None
        package, fields = name.split(".")[0], []
        for line in self.structs[name].splitlines():
            line = line.strip()
            if not line:
                continue
            tag = re.search(r'json:"([^"]*)"', line)
            parts = re.sub(r"`.*`", "", line).split()
            if len(parts) == 1:
                embedded = parts[0]
                if embedded == "metav1.TypeMeta":
                    continue
                kind = self.kind(embedded, package)
                own = tag and tag[1].split(",")[0]
                fields.append(f"{own}:{kind}" if own else f"={kind}")
                continue
            shown, empty = parts[0], ""
            if tag:
                shown, *options = tag[1].split(",")
                if shown == "-":
                    continue
                shown = shown or parts[0]
                empty = "," if {"omitempty", "omitzero"} & set(options) else ""
            fields.append(f"{shown}{empty}:{self.kind(parts[1], package)}")
        self.out[name] = fields


def main():
    kubernetes, apimachinery, api, apiextensions = sys.argv[1:]
    table = Table()
    for package in "core apps batch storage networking resource rbac policy autoscaling flowcontrol certificates admissionregistration".split():
        load(f"{kubernetes}/pkg/apis/{package}/types.go", package, table.structs, table.names)
    load(f"{apimachinery}/pkg/apis/meta/v1/types.go", "metav1", table.structs, table.names)
    # What another version cannot say stands in annotations, in the form of v1.
    load(f"{api}/autoscaling/v1/types.go", "autoscalingv1", table.structs, table.names)
    for file in ["types", "types_jsonschema"]:
        load(f"{apiextensions}/pkg/apis/apiextensions/{file}.go", "apiextensions", table.structs, table.names)
    table.names["core.ResourceName"] = "string"
    table.names["core.ResourceList"] = "map[string]resource.Quantity"
    for root in ROOTS:
        table.struct(root)
    for name in sorted(table.out):
        print(name, *table.out[name])


main()
