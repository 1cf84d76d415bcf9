//! One row per kind: its names, its columns and the types of its spec and status.

use serde_json::{Value, json};

use super::structural::structural;
use crate::Resource;
use crate::meta::Kind;
use crate::{apps, workloads};

struct Names {
    singular: &'static str,
    short: &'static [&'static str],
    categories: &'static [&'static str],
}

/// Name and compact JSON of every definition, sorted by name.
pub fn generate() -> Vec<(String, String)> {
    let mut crds: Vec<_> = full().into_iter().chain(thin()).collect();
    crds.sort();
    crds
}

fn full() -> Vec<(String, String)> {
    let kubeblocks = &["kubeblocks"][..];
    let text = "string";
    let age = ("AGE", "date", ".metadata.creationTimestamp");
    let status = ("STATUS", text, ".status.phase");
    vec![
        crd(
            apps::Cluster::kind(),
            &Names { singular: "cluster", short: &[], categories: &["kubeblocks", "all"] },
            &[
                ("CLUSTER-DEFINITION", text, ".spec.clusterDef"),
                ("TERMINATION-POLICY", text, ".spec.terminationPolicy"),
                status,
                age,
            ],
            &structural::<apps::ClusterSpec>(),
            &structural::<apps::ClusterStatus>(),
        ),
        crd(
            apps::ClusterDefinition::kind(),
            &Names { singular: "clusterdefinition", short: &["cd"], categories: kubeblocks },
            &[("Topologies", text, ".status.topologies"), status, age],
            &structural::<apps::ClusterDefinitionSpec>(),
            &structural::<apps::ClusterDefinitionStatus>(),
        ),
        crd(
            apps::Component::kind(),
            &Names { singular: "component", short: &["cmp"], categories: kubeblocks },
            &[
                ("DEFINITION", text, ".spec.compDef"),
                ("SERVICE-VERSION", text, ".spec.serviceVersion"),
                status,
                age,
            ],
            &structural::<apps::ComponentSpec>(),
            &structural::<apps::ComponentStatus>(),
        ),
        crd(
            apps::ComponentDefinition::kind(),
            &Names { singular: "componentdefinition", short: &["cmpd"], categories: kubeblocks },
            &[
                ("SERVICE", text, ".spec.serviceKind"),
                ("SERVICE-VERSION", text, ".spec.serviceVersion"),
                status,
                age,
            ],
            &structural::<apps::ComponentDefinitionSpec>(),
            &structural::<apps::DefinitionStatus>(),
        ),
        crd(
            apps::ComponentVersion::kind(),
            &Names { singular: "componentversion", short: &["cmpv"], categories: kubeblocks },
            &[
                ("Versions", text, ".status.serviceVersions"),
                ("Status", text, ".status.phase"),
                ("Age", "date", ".metadata.creationTimestamp"),
            ],
            &structural::<apps::ComponentVersionSpec>(),
            &structural::<apps::ComponentVersionStatus>(),
        ),
        crd(
            apps::ServiceDescriptor::kind(),
            &Names { singular: "servicedescriptor", short: &["sd"], categories: kubeblocks },
            &[
                ("SERVICE_KIND", text, ".spec.serviceKind"),
                ("SERVICE_VERSION", text, ".spec.serviceVersion"),
                status,
                age,
            ],
            &structural::<apps::ServiceDescriptorSpec>(),
            &structural::<apps::DefinitionStatus>(),
        ),
        crd(
            apps::ShardingDefinition::kind(),
            &Names { singular: "shardingdefinition", short: &["sdd"], categories: kubeblocks },
            &[("TEMPLATE", text, ".spec.template.compDef"), status, age],
            &structural::<apps::ShardingDefinitionSpec>(),
            &structural::<apps::DefinitionStatus>(),
        ),
        crd(
            apps::SidecarDefinition::kind(),
            &Names { singular: "sidecardefinition", short: &["sdcd"], categories: kubeblocks },
            &[
                ("Owner", text, ".status.owners"),
                ("Selector", text, ".status.selectors"),
                status,
                age,
            ],
            &structural::<apps::SidecarDefinitionSpec>(),
            &structural::<apps::SidecarDefinitionStatus>(),
        ),
        crd(
            workloads::InstanceSet::kind(),
            &Names { singular: "instanceset", short: &["its"], categories: kubeblocks },
            &[
                ("DESIRED", text, ".spec.replicas"),
                ("UP-TO-DATE", text, ".status.updatedReplicas"),
                ("READY", text, ".status.readyReplicas"),
                ("AVAILABLE", text, ".status.availableReplicas"),
                age,
            ],
            &structural::<workloads::instance_set::Spec>(),
            &structural::<workloads::instance_set::Status>(),
        ),
    ]
}

fn crd(
    kind: &Kind,
    names: &Names,
    columns: &[(&str, &str, &str)],
    spec: &Value,
    status: &Value,
) -> (String, String) {
    let columns: Vec<_> = columns
        .iter()
        .map(|(name, r#type, path)| json!({ "name": name, "type": r#type, "jsonPath": path }))
        .collect();
    let schema = json!({
        "type": "object",
        "properties": {
            "apiVersion": { "type": "string" },
            "kind": { "type": "string" },
            "metadata": { "type": "object" },
            "spec": spec,
            "status": status,
        },
    });
    let mut version = json!({
        "name": kind.version,
        "served": true,
        "storage": true,
        "schema": { "openAPIV3Schema": schema },
        "subresources": { "status": {} },
        "additionalPrinterColumns": columns,
    });
    if kind.kind == "InstanceSet" {
        version["subresources"]["scale"] = json!({ "specReplicasPath": ".spec.replicas", "statusReplicasPath": ".status.replicas" });
    }
    definition(kind.group, kind.kind, kind.plural, kind.namespaced, names, &version)
}

fn definition(
    group: &str,
    kind: &str,
    plural: &str,
    namespaced: bool,
    names: &Names,
    version: &Value,
) -> (String, String) {
    let name = format!("{plural}.{group}");
    let mut definition = json!({
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": { "name": name },
        // What servers fill in stands here too: none of them has anything to change.
        "spec": {
            "conversion": { "strategy": "None" },
            "group": group,
            "names": {
                "kind": kind,
                "listKind": format!("{kind}List"),
                "plural": plural,
                "singular": names.singular,
            },
            "scope": if namespaced { "Namespaced" } else { "Cluster" },
            "versions": [version],
        },
    });
    if !names.short.is_empty() {
        definition["spec"]["names"]["shortNames"] = json!(names.short);
    }
    if !names.categories.is_empty() {
        definition["spec"]["names"]["categories"] = json!(names.categories);
    }
    (name, definition.to_string())
}

/// Kinds that charts bring and the operator does not look into yet: they are stored as they are.
fn thin() -> impl Iterator<Item = (String, String)> {
    THIN.iter().map(|((group, version, kind), plural, singular, namespaced, short, categories)| {
        let open = json!({ "type": "object", "x-kubernetes-preserve-unknown-fields": true });
        let version = json!({
            "name": version,
            "served": true,
            "storage": true,
            "schema": { "openAPIV3Schema": {
                "type": "object",
                "properties": {
                    "apiVersion": { "type": "string" },
                    "kind": { "type": "string" },
                    "metadata": { "type": "object" },
                    "spec": open,
                    "status": open,
                },
            } },
            "subresources": { "status": {} },
        });
        let names = Names { singular, short, categories };
        definition(group, kind, plural, *namespaced, &names, &version)
    })
}

/// Group, version and kind; plural and singular; whether namespaced; short names; categories.
type Thin = (
    (&'static str, &'static str, &'static str),
    &'static str,
    &'static str,
    bool,
    &'static [&'static str],
    &'static [&'static str],
);

const THIN: &[Thin] = &[
    (
        ("dataprotection.kubeblocks.io", "v1alpha1", "ActionSet"),
        "actionsets",
        "actionset",
        false,
        &["as"],
        &["kubeblocks"],
    ),
    (
        ("dataprotection.kubeblocks.io", "v1alpha1", "BackupPolicy"),
        "backuppolicies",
        "backuppolicy",
        true,
        &["bp"],
        &["kubeblocks"],
    ),
    (
        ("dataprotection.kubeblocks.io", "v1alpha1", "BackupPolicyTemplate"),
        "backuppolicytemplates",
        "backuppolicytemplate",
        false,
        &["bpt"],
        &["kubeblocks"],
    ),
    (
        ("dataprotection.kubeblocks.io", "v1alpha1", "BackupRepo"),
        "backuprepos",
        "backuprepo",
        false,
        &[],
        &["kubeblocks"],
    ),
    (
        ("dataprotection.kubeblocks.io", "v1alpha1", "Backup"),
        "backups",
        "backup",
        true,
        &[],
        &["kubeblocks"],
    ),
    (
        ("dataprotection.kubeblocks.io", "v1alpha1", "BackupSchedule"),
        "backupschedules",
        "backupschedule",
        true,
        &["bs"],
        &["kubeblocks"],
    ),
    (
        ("parameters.kubeblocks.io", "v1alpha1", "ComponentParameter"),
        "componentparameters",
        "componentparameter",
        true,
        &["cmpp"],
        &["kubeblocks", "parameters"],
    ),
    (
        ("apps.kubeblocks.io", "v1beta1", "ConfigConstraint"),
        "configconstraints",
        "configconstraint",
        false,
        &["cc"],
        &["kubeblocks"],
    ),
    (
        ("apps.kubeblocks.io", "v1alpha1", "Configuration"),
        "configurations",
        "configuration",
        true,
        &[],
        &[],
    ),
    (
        ("operations.kubeblocks.io", "v1alpha1", "OpsDefinition"),
        "opsdefinitions",
        "opsdefinition",
        false,
        &["od"],
        &["kubeblocks"],
    ),
    (
        ("operations.kubeblocks.io", "v1alpha1", "OpsRequest"),
        "opsrequests",
        "opsrequest",
        true,
        &["ops"],
        &["kubeblocks"],
    ),
    (
        ("parameters.kubeblocks.io", "v1alpha1", "ParamConfigRenderer"),
        "paramconfigrenderers",
        "paramconfigrenderer",
        false,
        &["pcr"],
        &["kubeblocks"],
    ),
    (
        ("parameters.kubeblocks.io", "v1alpha1", "Parameter"),
        "parameters",
        "parameter",
        true,
        &[],
        &["kubeblocks"],
    ),
    (
        ("parameters.kubeblocks.io", "v1alpha1", "ParametersDefinition"),
        "parametersdefinitions",
        "parametersdefinition",
        false,
        &["pd"],
        &["kubeblocks"],
    ),
    (
        ("parameters.kubeblocks.io", "v1alpha1", "ParameterView"),
        "parameterviews",
        "parameterview",
        true,
        &["pview"],
        &["kubeblocks", "parameters"],
    ),
    (
        ("dataprotection.kubeblocks.io", "v1alpha1", "Restore"),
        "restores",
        "restore",
        true,
        &[],
        &["kubeblocks"],
    ),
    (
        ("apps.kubeblocks.io", "v1alpha1", "Rollout"),
        "rollouts",
        "rollout",
        true,
        &[],
        &["kubeblocks"],
    ),
];
