//! Who may use whom: what the manifests promise, read from cargo's own resolution.

use std::collections::BTreeSet;

/// The names of all packages that `package` is built from, in its default features.
fn built_from(package: &str) -> BTreeSet<String> {
    let tree = duct::cmd!(
        env!("CARGO"),
        "tree",
        "--offline",
        "--prefix",
        "none",
        "--edges",
        "normal",
        "--package",
        package,
        "--format",
        "{p}"
    )
    .dir(env!("CARGO_MANIFEST_DIR"))
    .read()
    .expect("cargo tree knows the packages of this workspace");
    tree.lines().filter_map(|line| line.split(' ').next()).map(str::to_owned).collect()
}

#[test]
fn no_async_runtime_and_no_client_is_inside_the_simulator() {
    for package in [
        "drydock-apiserver",
        "drydock-operator-api",
        "drydock-operator-core",
        "drydock-scenarios",
        "drydock-simulator",
    ] {
        let tree = built_from(package);

        assert!(tree.contains(package), "cargo tree printed nothing of {package}: {tree:?}");
        for banned in [
            "tokio",
            "hyper",
            "tower",
            "http",
            "kube",
            "kube-client",
            "kube-core",
            "kube-runtime",
            "reqwest",
            "async-std",
        ] {
            assert!(!tree.contains(banned), "{package} is built from {banned}");
        }
    }
}

#[test]
fn each_package_uses_only_those_below_it() {
    let allowed: [(&str, &[&str]); 6] = [
        ("drydock-operator-api", &[]),
        ("drydock-operator-core", &["drydock-operator-api"]),
        ("drydock-operator", &["drydock-operator-api", "drydock-operator-core"]),
        ("drydock-apiserver", &[]),
        ("drydock-scenarios", &[]),
        (
            "drydock-simulator",
            &[
                "drydock-operator-api",
                "drydock-operator-core",
                "drydock-apiserver",
                "drydock-scenarios",
            ],
        ),
    ];
    for (package, below) in allowed {
        let ours: BTreeSet<String> = built_from(package)
            .into_iter()
            .filter(|name| name.starts_with("drydock") && name != package)
            .collect();

        let unexpected: Vec<_> =
            ours.iter().filter(|name| !below.contains(&name.as_str())).collect();
        assert!(unexpected.is_empty(), "{package} uses {unexpected:?}");
    }
}

/// Canonical output sorts its keys: a feature turned on anywhere in the workspace would undo that everywhere.
#[test]
fn nothing_turns_on_the_insertion_order_of_serde_json() {
    let features = duct::cmd!(
        env!("CARGO"),
        "tree",
        "--offline",
        "--workspace",
        "--edges",
        "features",
        "--invert",
        "serde_json"
    )
    .dir(env!("CARGO_MANIFEST_DIR"))
    .read()
    .expect("cargo tree knows serde_json");

    assert!(features.contains("serde_json feature"), "no features were listed:\n{features}");
    assert!(!features.contains("preserve_order"), "serde_json's preserve_order is on:\n{features}");
}
