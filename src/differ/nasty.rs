//! Values that servers have been known to trip over, beside everyday ones.

use fastrand::Rng;
use serde_json::{Value, json};

use super::kinds::Schema;

pub const ACCEPT: &[&str] = &[
    "application/json;as=Table;v=v1;g=meta.k8s.io,application/json",
    "application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io",
    "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io",
    "application/json;as=Table;v=v2;g=meta.k8s.io",
    "application/yaml",
    "text/html",
    "*/*",
    "application/json;as=Table;v=v1;g=meta.k8s.io;includeObject=None",
];

pub const SELECTORS: &[&str] = &[
    "labelSelector=app%3Da",
    "labelSelector=app%21%3Da",
    "labelSelector=app+in+%28a%2Cb%29",
    "labelSelector=app+notin+%28a%29",
    "labelSelector=%21app",
    "labelSelector=app",
    "labelSelector=app%3D%3D%3D",
    "labelSelector=-app%3Da",
    "labelSelector=app+in+a",
    "labelSelector=app%3Da%2C%2Capp",
    "labelSelector=%2C",
    "fieldSelector=metadata.name%3D${ns}-a",
    "fieldSelector=metadata.name%21%3Dx",
    "fieldSelector=metadata.namespace%3Dx",
    "fieldSelector=spec.nodeName%3Dx",
    "fieldSelector=type%3DOpaque",
    "fieldSelector=status.phase%3DRunning",
    "fieldSelector=nonsense",
];

pub const LIST_OPTIONS: &[&str] = &[
    "limit=1",
    "limit=-1",
    "limit=x",
    "continue=abc",
    "resourceVersion=0",
    "resourceVersion=abc",
    "resourceVersion=0&resourceVersionMatch=Exact",
    "resourceVersionMatch=NotOlderThan",
    "resourceVersion=0&resourceVersionMatch=Other",
    "limit=500&resourceVersion=0",
    "timeoutSeconds=abc",
];

pub const VALIDATION: &[&str] = &[
    "fieldValidation=Strict",
    "fieldValidation=Strict",
    "fieldValidation=Warn",
    "fieldValidation=Ignore",
    "fieldValidation=Other",
];

/// Bodies that are no JSON objects.
pub const BODIES: &[&str] =
    &["", "null", "[]", "\"x\"", "{", "{\"a\":1}{\"b\":2}", "apiVersion: v1\nkind: Pod", "\u{1}"];

const TEXTS: &[&str] = &[
    "",
    "a",
    "A",
    "a_b",
    "-a",
    "a.b",
    "a/b",
    "a b",
    "ä",
    "..",
    "0",
    "true",
    "null",
    "example.com/a",
    "example.com/",
    "http://example.com",
    "10.0.0.1",
    "300.0.0.1",
    "::1",
    "10.0.0.0/8",
    "100m",
    "1Gi",
    "-1",
    "1.5",
    "2001-01-01T00:00:00Z",
    "2001-01-01",
    "1h",
    "* * * * *",
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    "a\nb",
    "\"quoted\"",
    "self == oldSelf",
];

/// Every odd value for a field: of its type, of others, and none.
pub fn each(schema: &Schema) -> Vec<Value> {
    let texts = || TEXTS.iter().map(|text| json!(text));
    let numbers = || NUMBERS.iter().map(|number| json!(number));
    let mut all = schema.choices().to_vec();
    match schema.of_type() {
        "string" => all.extend(texts()),
        "integer" | "number" => all.extend(numbers()),
        "int-or-string" => all.extend(texts().chain(numbers())),
        "boolean" => all.extend([json!(true), json!(false)]),
        "array" => {
            let one = match schema.items().as_ref().map(Schema::of_type) {
                Some("string") => json!("a"),
                Some("integer") => json!(1),
                _ => json!({}),
            };
            all.extend([json!([]), json!([null]), json!([one]), json!([one, one])]);
        }
        _ => all.extend([
            json!({}),
            json!({ "a": "b" }),
            json!({ "a b": "1" }),
            json!({ "a": null }),
        ]),
    }
    let others = [json!(null), json!("x"), json!(7), json!(1.5), json!(true), json!([]), json!({})];
    for other in others {
        if !all.contains(&other) {
            all.push(other);
        }
    }
    all
}

pub fn any(rng: &mut Rng) -> Value {
    match rng.u32(..12) {
        0 => Value::Null,
        1 => json!({}),
        2 => json!([]),
        3 => json!(true),
        4 => json!([null]),
        5 => json!({ "a": null }),
        6 => json!(1.5),
        7 => number(rng),
        _ => json!(TEXTS[rng.usize(..TEXTS.len())]),
    }
}

const NUMBERS: &[i64] = &[
    0,
    1,
    -1,
    2,
    10,
    80,
    443,
    3600,
    30_000,
    65_535,
    65_536,
    2_147_483_647,
    2_147_483_648,
    i64::MAX,
    i64::MIN,
];

pub fn number(rng: &mut Rng) -> Value {
    match rng.u32(..3) {
        0 => json!(NUMBERS[rng.usize(..NUMBERS.len())]),
        _ => json!(rng.i64(0..100)),
    }
}

/// A text that could stand in a field of that name.
pub fn text(rng: &mut Rng, name: &str, format: &str) -> Value {
    if rng.u32(..5) == 0 {
        return json!(TEXTS[rng.usize(..TEXTS.len())]);
    }
    let pick = |rng: &mut Rng, from: &[&str]| json!(from[rng.usize(..from.len())]);
    match (name, format) {
        (_, "date-time") => pick(rng, &["2001-01-01T00:00:00Z", "2001-01-01T01:00:00+01:00"]),
        (_, "byte") => pick(rng, &["YQ==", "YWI=", "!"]),
        ("image", _) => pick(rng, &["nginx", "nginx:1", "a/b:c", " nginx"]),
        ("protocol", _) => pick(rng, &["TCP", "UDP", "SCTP", "tcp"]),
        ("cpu" | "memory" | "storage", _) => pick(rng, &["1", "100m", "1Gi", "1.5", "1e3", "x"]),
        ("mountPath" | "path", _) => pick(rng, &["/a", "/", "a", "../a", "/a:b"]),
        ("port" | "targetPort" | "intOrString", _) => {
            pick(rng, &["http", "80", "a-b-c-d-e-f-g-h-i"])
        }
        ("operator", _) => pick(rng, &["In", "NotIn", "Exists", "DoesNotExist", "Gt", "Equal"]),
        ("key", _) => pick(rng, &["app", "example.com/a", "a b"]),
        ("effect", _) => pick(rng, &["NoSchedule", "NoExecute", "Never"]),
        ("restartPolicy", _) => pick(rng, &["Always", "OnFailure", "Never", "Sometimes"]),
        ("imagePullPolicy", _) => pick(rng, &["Always", "IfNotPresent", "Sometimes"]),
        ("type", _) => pick(
            rng,
            &["ClusterIP", "NodePort", "Opaque", "RollingUpdate", "Recreate", "Normal", "x"],
        ),
        ("apiGroup", _) => pick(rng, &["", "rbac.authorization.k8s.io", "apps"]),
        ("apiVersion", _) => pick(rng, &["v1", "apps/v1", "x"]),
        ("kind", _) => pick(rng, &["Pod", "Role", "User", "ServiceAccount"]),
        ("uid", _) => pick(rng, &["a-uid", ""]),
        ("clusterIP", _) => pick(rng, &["None", "", "10.96.77.7"]),
        ("storageClassName" | "className", _) => pick(rng, &["a", ""]),
        ("schedule", _) => pick(rng, &["* * * * *", "@hourly", "x"]),
        ("ip" | "hostIP" | "podIP", _) => pick(rng, &["10.0.0.1", "::1", "x"]),
        _ => pick(rng, &["a", "b", "a-b", "example.com/a", "c"]),
    }
}

/// An object whose head is not what its place says.
pub fn head(rng: &mut Rng, mut object: Value) -> Value {
    match rng.u32(..7) {
        0 => object["kind"] = json!("Another"),
        1 => object["apiVersion"] = json!("v9"),
        2 => drop(object.as_object_mut().and_then(|object| object.remove("kind"))),
        3 => object["metadata"]["namespace"] = json!("another"),
        4 => object["metadata"]["name"] = json!(""),
        5 => object["metadata"] = Value::Null,
        _ => object["metadata"]["resourceVersion"] = json!("7"),
    }
    object
}
