//! What is refused, in which order and in which words.

use drydock_apiserver::{PatchKind, Request};
use serde_json::json;

use super::*;

const LIMIT_RANGES: Gvr = Gvr::new("", "v1", "limitranges");
const QUOTAS: Gvr = Gvr::new("", "v1", "resourcequotas");
const SERVICES: Gvr = Gvr::new("", "v1", "services");
const TEMPLATES: Gvr = Gvr::new("", "v1", "podtemplates");
const CONTROLLERS: Gvr = Gvr::new("", "v1", "replicationcontrollers");

/// The field of each cause.
fn fields(status: &Status) -> Vec<&str> {
    let causes = status.details.as_ref().map_or(&[][..], |details| &details.causes);
    causes.iter().map(|cause| cause.field.as_str()).collect()
}

#[test]
fn options_are_looked_at_before_what_they_are_about() {
    let mut request = merge(CONFIG_MAPS, "not-there", json!({})).by("a\0b");
    request.options.field_validation = "Other".into();
    request.options.dry_run = vec!["Some".into()];

    let status = refused(&mut server(), &request);

    assert_eq!(status.code, 422);
    assert_eq!(fields(&status), ["fieldManager", "dryRun", "fieldValidation"]);
    assert!(
        status.message.contains(r#""a\x00b": invalid character U+0000 (at position 1)"#),
        "{status}"
    );
}

#[test]
fn a_change_is_looked_at_in_the_order_of_its_kind_and_some_parts_twice() {
    let mut server = server();
    ok(&mut server, &config_map("c"));
    let patch = json!({ "metadata": { "labels": { "a b": "" } }, "data": { "a b": "" } });

    let status = refused(&mut server, &merge(CONFIG_MAPS, "c", patch));

    let labels = "metadata.labels";
    assert_eq!(fields(&status), [labels, labels, labels, labels, "data[a b]"]);
}

#[test]
fn limits_have_known_names_and_stand_in_their_order() {
    let range = json!({ "metadata": { "name": "l" }, "spec": { "limits": [
        { "type": "x" },
        { "type": "Container", "min": { "cpu": "2" }, "max": { "cpu": "1", "a": "1" } },
    ] } });

    let status = refused(&mut server(), &create(LIMIT_RANGES, range));

    let known = ["spec.limits[0].type", "spec.limits[1].max[a]", "spec.limits[1].min[cpu]"];
    for field in known {
        assert!(fields(&status).contains(&field), "{field}: {status}");
    }
}

#[test]
fn the_scopes_of_a_quota_are_known_cover_what_it_limits_and_stay() {
    let mut server = server();
    let quota = |scopes: Value| {
        let spec = json!({ "hard": { "services": "1" }, "scopes": scopes });
        create(QUOTAS, json!({ "metadata": { "name": "q" }, "spec": spec }))
    };

    let odd = refused(&mut server, &quota(json!(["Sometimes"])));
    let beyond = refused(&mut server, &quota(json!(["BestEffort"])));
    ok(&mut server, &quota(json!([])));
    let patch = json!({ "spec": { "hard": { "services": null }, "scopes": ["BestEffort"] } });
    let changed = refused(&mut server, &merge(QUOTAS, "q", patch));

    assert!(odd.message.contains("unsupported scope"), "{odd}");
    assert!(beyond.message.contains("unsupported scope applied to resource"), "{beyond}");
    assert!(changed.message.contains("field is immutable"), "{changed}");
}

#[test]
fn templates_and_controllers_of_pods_are_checked_as_pods_are() {
    let mut server = server();
    let template = json!({ "metadata": { "name": "t" }, "template": {} });
    let controller = json!({ "metadata": { "name": "c" }, "spec": { "selector": { "a": "b" }, "template": {
        "metadata": { "labels": { "a": "c" } }, "spec": { "containers": [{ "name": "a", "image": "b" }] },
    } } });

    let template = refused(&mut server, &create(TEMPLATES, template));
    let controller = refused(&mut server, &create(CONTROLLERS, controller));

    assert_eq!(fields(&template), ["template.spec.containers"]);
    assert_eq!(fields(&controller), ["spec.template.metadata.labels"]);
}

#[test]
fn addresses_of_a_service_are_compared_before_any_is_given() {
    let spec = json!({ "ports": [{ "port": 1 }], "clusterIPs": ["a"], "ipFamilyPolicy": "RequireDualStack" });

    let service = json!({ "metadata": { "name": "s" }, "spec": spec });
    let status = refused(&mut server(), &create(SERVICES, service));

    assert_eq!(fields(&status), ["spec.clusterIPs", "spec.clusterIPs[0]"]);
}

#[test]
fn a_dry_run_counts_its_node_ports_on_and_looks_for_no_address() {
    let tried = |first: Value| {
        let ports = [first, json!({ "name": "b", "port": 2 }), json!({ "name": "c", "port": 3 })];
        let spec =
            json!({ "type": "LoadBalancer", "externalTrafficPolicy": "Local", "ports": ports });
        let mut request = create(SERVICES, json!({ "metadata": { "name": "s" }, "spec": spec }));
        request.options.dry_run = vec!["All".into()];
        let tree = ok(&mut server(), &request).to_json();
        let spec = serde_json::from_slice::<Value>(&tree).expect("JSON")["spec"].clone();
        assert_eq!(spec["clusterIP"], "10.96.0.0");
        let ports = spec["ports"].as_array().expect("ports").iter();
        let mut numbers: Vec<i64> = ports.filter_map(|port| port["nodePort"].as_i64()).collect();
        numbers.extend(spec["healthCheckNodePort"].as_i64());
        numbers
    };

    let drawn = tried(json!({ "name": "a", "port": 1 }));
    let stated = tried(json!({ "name": "a", "port": 1, "nodePort": 30123 }));

    assert_eq!(drawn, [32769, 32770, 32771, 32772]);
    assert_eq!(stated, [30123, 30124, 30125, 30126]);
}

#[test]
fn a_strategic_patch_orders_only_lists_that_its_type_has() {
    let mut server = server();
    ok(&mut server, &config_map("c"));
    let patch = |patch: Value| {
        Request::patch(CONFIG_MAPS, "default", "c", PatchKind::Strategic, patch.into())
    };

    let order = refused(&mut server, &patch(json!({ "$setElementOrder/x": ["a"] })));
    let merge = refused(&mut server, &patch(json!({ "$patch": "merge" })));

    assert_eq!(
        order.message,
        r#"unable to find api field in struct ConfigMap for the json field "x""#
    );
    assert_eq!(merge.message, "unknown patch type: merge in map: map[$patch:merge]");
}
