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

#[test]
fn an_address_outside_of_the_range_is_refused_by_a_dry_run_in_words_of_its_own() {
    let service = json!({ "metadata": { "name": "s" },
        "spec": { "clusterIP": "10.0.0.1", "ports": [{ "port": 1 }] } });
    let request = create(SERVICES, service);

    let real = refused(&mut server(), &request).message;
    let dry = refused(&mut server(), &request.dry_run()).message;

    assert!(real.ends_with("the provided network does not match the current range"), "{real}");
    assert!(dry.contains("the provided IP (10.0.0.1) is not in the valid range."), "{dry}");
}

#[test]
fn two_ports_that_would_be_one_of_the_nodes_fail_where_a_service_changes() {
    let mut server = server();
    let ports = json!([{ "name": "a", "port": 1, "nodePort": 30100 },
        { "name": "b", "port": 2, "nodePort": 30100 }]);
    let service = |ports: &Value| json!({ "metadata": { "name": "s" }, "spec": { "type": "NodePort", "ports": ports } });

    let new = refused(&mut server, &create(SERVICES, service(&ports)));
    ok(&mut server, &create(SERVICES, service(&json!([{ "port": 1 }]))));
    let changed = refused(&mut server, &merge(SERVICES, "s", service(&ports)));

    assert_eq!(new.code, 422);
    assert_eq!((changed.code, &*changed.message), (500, "duplicate nodePort: {TCP 30100}"));
}

#[test]
fn a_text_whose_type_has_a_name_is_printed_as_json_and_a_plain_one_as_go_quotes_it() {
    let mut server = server();
    let odd = |name: &str, operator: &str| {
        let toleration = json!({ "operator": operator, "effect": "<&>" });
        let containers = json!([{ "name": name, "image": "i" }]);
        json!({ "metadata": { "name": "a" },
            "spec": { "containers": containers, "tolerations": [toleration] } })
    };

    let typed = refused(&mut server, &create(PODS, odd("a", "<&>"))).message;
    let plain = refused(&mut server, &create(PODS, odd("<&>", "Exists"))).message;

    let typed_text = r#"spec.tolerations[0].operator: Invalid value: "\u003c\u0026\u003e""#;
    assert!(typed.contains(typed_text), "{typed}");
    assert!(plain.contains(r#"spec.containers[0].name: Invalid value: "<&>""#), "{plain}");
}

#[test]
fn the_beginning_of_a_name_is_looked_at_again_wherever_it_came_from() {
    let mut server = server();
    let containers = json!([{ "name": "a", "image": "i" }]);
    let template =
        json!({ "metadata": { "labels": { "a": "b" } }, "spec": { "containers": containers } });
    let spec = json!({ "selector": { "a": "b" }, "template": template });
    let controller = json!({ "metadata": { "name": "c" }, "spec": spec });
    ok(&mut server, &create(CONTROLLERS, controller));
    let roles = Gvr::new("rbac.authorization.k8s.io", "v1", "roles");
    let role = json!({ "metadata": { "name": "r", "generateName": ".." }, "rules": [] });

    let by_status = merge(CONTROLLERS, "c", json!({ "metadata": { "generateName": "ä" } }));
    ok(&mut server, &by_status.subresource("status"));
    let later =
        refused(&mut server, &merge(CONTROLLERS, "c", json!({ "spec": { "replicas": 2 } })));
    let role = refused(&mut server, &create(roles, role));

    assert_eq!(fields(&later), ["metadata.generateName"]);
    assert_eq!(fields(&role), ["metadata.generateName"]);
}

/// What is said of a widget with this value in place of `a`, whose schema is given.
fn said_of(a: &Value, value: &Value) -> Vec<String> {
    let mut server = server();
    let schema = json!({ "type": "object", "properties": { "spec": { "type": "object", "properties": { "a": a } } } });
    ok(&mut server, &definitions::defining(&schema, &["v1"]));
    let widget = json!({ "apiVersion": "example.com/v1", "kind": "Widget",
        "metadata": { "name": "w" }, "spec": { "a": value } });
    let status = refused(&mut server, &create(Gvr::new("example.com", "v1", "widgets"), widget));
    let causes = status.details.map(|details| details.causes).unwrap_or_default();
    causes.iter().map(|cause| cause.message.clone()).collect()
}

#[test]
fn a_value_of_another_type_is_asked_all_that_can_be_asked_of_such_a_value() {
    let limits = json!({ "type": "string", "maximum": 3.5, "multipleOf": 2.5, "maxItems": 1, "maxLength": 1 });
    let integer = json!({ "type": "integer", "multipleOf": 5 });

    let number = said_of(&integer, &json!(1.5));
    let whole = said_of(&limits, &json!(7));
    let huge = said_of(&limits, &json!(1e30));
    let list = said_of(&limits, &json!([1, 1]));
    let nothing = said_of(
        &json!({ "type": "array", "items": { "type": "string", "format": "ipv6" } }),
        &json!([null]),
    );
    let long = said_of(&limits, &json!("xx"));

    let of = |kind: &str, wanted: &str| {
        format!("Invalid value: \"{kind}\": spec.a in body must be of type {wanted}: \"{kind}\"")
    };
    let five = "Invalid value: 1.5: spec.a in body should be a multiple of 5".to_owned();
    assert_eq!(number, [of("number", "integer"), five]);
    assert_eq!(
        whole,
        [
            of("integer", "string"),
            "Invalid value: 7: spec.a in body should be a multiple of 2".to_owned(),
            "Invalid value: 7: spec.a in body should be less than or equal to 3".to_owned(),
        ]
    );
    assert_eq!(
        huge,
        [
            of("number", "string"),
            "Invalid value: 1e+30: spec.a in body should be a multiple of 2.5".to_owned(),
            "Invalid value: 1e+30: spec.a in body should be less than or equal to 3.5".to_owned(),
        ]
    );
    assert_eq!(list, [of("array", "string"), "Too many: 2: must have at most 1 item".to_owned()]);
    let null =
        "Invalid value: \"null\": spec.a[0] in body must be of type string: \"null\"".to_owned();
    assert_eq!(nothing[..1], [null]);
    assert_eq!(long, ["Too long: may not be more than 1 byte"]);
}

#[test]
fn what_a_rule_cannot_read_is_wrong_though_the_validator_lets_it_pass() {
    let host = json!({ "type": "string", "format": "hostname",
        "x-kubernetes-validations": [{ "rule": "self.matches('^[a-z]*$')" }] });
    let within = json!({ "type": "object",
        "properties": { "b": { "type": "string", "format": "hostname" } },
        "x-kubernetes-validations": [{ "rule": "self.b.matches('^[a-z]*$')", "message": "no" }] });

    let unread = "invalid data, expected string, got []interface {} evaluating rule:";
    assert_eq!(
        said_of(&host, &json!([])),
        [format!("Invalid value: \"string\": {unread} self.matches('^[a-z]*$')")]
    );
    assert_eq!(
        said_of(&within, &json!({ "b": [] })),
        [format!("Invalid value: \"object\": {unread} no")]
    );
}
