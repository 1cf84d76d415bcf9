//! Our definitions beside those that are in use, where a copy of these is at hand.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use drydock_operator_api::crd;
use serde_json::{Map, Value};

/// What is different on purpose: the end of the path, what differs, why.
const INTENDED: &[(&str, &str, &str)] = &[
    ("issuer.name", "allOf", "theirs says the same enum twice; ours says it once"),
    ("issuer.name", "enum", "see above"),
    ("volumeClaimTemplates[].apiVersion", "missing", "nobody writes it"),
    ("volumeClaimTemplates[].kind", "missing", "nobody writes it"),
    ("volumeClaimTemplates[].metadata.finalizers", "missing", "claims get none"),
    ("volumeClaimTemplates[].metadata.namespace", "missing", "the set's own"),
    // Theirs stop at the Kubernetes version they were built for; ours are of 1.34.
    (".request", "extra", "Kubernetes 1.31"),
    (".restartPolicyRules", "extra", "Kubernetes 1.34"),
    (".stopSignal", "extra", "Kubernetes 1.33"),
    (".resourceClaimName", "extra", "Kubernetes 1.31"),
    (".resourceClaimTemplateName", "extra", "Kubernetes 1.31"),
    ("resourceClaims[].source", "missing", "gone in Kubernetes 1.31"),
    (".hostnameOverride", "extra", "Kubernetes 1.34"),
    ("runtime.resources", "extra", "Kubernetes 1.32"),
    ("template.spec.resources", "extra", "Kubernetes 1.32"),
    (".appArmorProfile", "extra", "Kubernetes 1.30"),
    (".seLinuxChangePolicy", "extra", "Kubernetes 1.32"),
    (".supplementalGroupsPolicy", "extra", "Kubernetes 1.31"),
    (".podCertificate", "extra", "Kubernetes 1.34"),
    (".trafficDistribution", "extra", "Kubernetes 1.30"),
    (".fileKeyRef", "extra", "Kubernetes 1.34"),
    (".recursiveReadOnly", "extra", "Kubernetes 1.30"),
    ("volumes[].image", "extra", "Kubernetes 1.31"),
];

#[expect(clippy::disallowed_methods, reason = "a test reads files")]
fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap()
}

#[test]
fn our_definitions_say_what_those_in_use_say() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/crds/1.2");
    let folder = if folder.exists() { folder } else { "/work/shared/data/crds/1.2".into() };
    if !folder.exists() {
        eprintln!("NOT RUN: {} is not there", folder.display());
        return;
    }
    let mut differences = Vec::new();

    for ours in crd::ALL {
        let theirs = read(&folder.join(format!("{}.yaml", ours.name)));
        let theirs: Value = serde_saphyr::from_str(&theirs).unwrap();
        let ours: Value = serde_json::from_str(ours.json).unwrap();
        compare_definitions(&theirs, &ours, &mut differences);
    }

    let (intended, other): (Vec<_>, Vec<_>) =
        differences.iter().partition(|difference| rule(difference).is_some());
    assert_eq!(other, Vec::<&Difference>::new());
    let used: BTreeSet<_> = intended.into_iter().filter_map(rule).collect();
    let unused: Vec<_> = (0..INTENDED.len()).filter(|index| !used.contains(index)).collect();
    assert_eq!(unused, Vec::<usize>::new(), "differences that are none any more");
}

#[derive(Debug, PartialEq)]
struct Difference {
    path: String,
    what: String,
    theirs: Value,
    ours: Value,
}

fn rule(difference: &Difference) -> Option<usize> {
    INTENDED
        .iter()
        .position(|(end, what, _)| difference.what == *what && difference.path.ends_with(end))
}

fn compare_definitions(theirs: &Value, ours: &Value, differences: &mut Vec<Difference>) {
    let name = ours["metadata"]["name"].as_str().unwrap();
    let storage = |definition: &Value| {
        let versions = definition["spec"]["versions"].as_array().unwrap();
        versions.iter().find(|version| version["storage"] == true).unwrap().clone()
    };
    let (their_version, our_version) = (storage(theirs), storage(ours));
    let mut same = |what: &str, theirs: &Value, ours: &Value| {
        if theirs != ours {
            differences.push(difference(name, what, theirs, ours));
        }
    };
    for what in ["group", "names", "scope"] {
        same(what, &theirs["spec"][what], &ours["spec"][what]);
    }
    for what in ["name", "served", "subresources"] {
        same(what, &their_version[what], &our_version[what]);
    }
    let (their_schema, our_schema) =
        (&their_version["schema"]["openAPIV3Schema"], &our_version["schema"]["openAPIV3Schema"]);
    // A kind that is stored as it is has no columns and no fields of its own yet.
    if our_schema["properties"]["spec"].get("properties").is_some() {
        same(
            "columns",
            &their_version["additionalPrinterColumns"],
            &our_version["additionalPrinterColumns"],
        );
        let kind = name.split('.').next().unwrap();
        compare(kind, their_schema, our_schema, differences);
    }
}

fn compare(path: &str, theirs: &Value, ours: &Value, differences: &mut Vec<Difference>) {
    let (their, our) = (members(theirs), members(ours));
    for key in their.keys().chain(our.keys()).collect::<BTreeSet<_>>() {
        let [theirs, ours] = [&their, &our].map(|it| it.get(key).unwrap_or(&Value::Null));
        match key.as_str() {
            "properties" => {
                let (their, our) = (members(theirs), members(ours));
                for name in their.keys().chain(our.keys()).collect::<BTreeSet<_>>() {
                    let path = format!("{path}.{name}");
                    match (their.get(name), our.get(name)) {
                        (Some(theirs), Some(ours)) => compare(&path, theirs, ours, differences),
                        (Some(_), None) => {
                            differences.push(difference(
                                &path,
                                "missing",
                                &Value::Null,
                                &Value::Null,
                            ));
                        }
                        _ => {
                            differences.push(difference(
                                &path,
                                "extra",
                                &Value::Null,
                                &Value::Null,
                            ));
                        }
                    }
                }
            }
            "items" if theirs.is_object() && ours.is_object() => {
                compare(&format!("{path}[]"), theirs, ours, differences);
            }
            "additionalProperties" if theirs.is_object() && ours.is_object() => {
                compare(&format!("{path}.*"), theirs, ours, differences);
            }
            "required" | "enum" if as_set(theirs) == as_set(ours) => {}
            _ if theirs == ours => {}
            _ => differences.push(difference(path, key, theirs, ours)),
        }
    }
}

fn difference(path: &str, what: &str, theirs: &Value, ours: &Value) -> Difference {
    Difference {
        path: path.to_owned(),
        what: what.to_owned(),
        theirs: theirs.clone(),
        ours: ours.clone(),
    }
}

fn members(value: &Value) -> Map<String, Value> {
    value.as_object().cloned().unwrap_or_default()
}

fn as_set(value: &Value) -> BTreeSet<String> {
    value.as_array().into_iter().flatten().map(Value::to_string).collect()
}
