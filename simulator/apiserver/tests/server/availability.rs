use drydock_apiserver::{Gvr, Request, Server, Tree};
use serde_json::{Value, json};

use super::*;

const API_SERVICES: Gvr = Gvr::new("apiregistration.k8s.io", "v1", "apiservices");
const SERVICES: Gvr = Gvr::new("", "v1", "services");
const SLICES: Gvr = Gvr::new("discovery.k8s.io", "v1", "endpointslices");

fn register(object: Value) -> Request {
    Request::create(API_SERVICES, "", object.into())
}

fn change(patch: Value) -> Request {
    Request::merge_patch(API_SERVICES, "", "v1.a.example", patch.into())
}

fn registered(name: &str, service: &Value) -> Request {
    let spec = json!({ "group": "a.example", "version": "v1", "groupPriorityMinimum": 1000,
        "versionPriority": 15, "service": service });
    register(json!({ "metadata": { "name": name }, "spec": spec }))
}

fn remote() -> Request {
    registered("v1.a.example", &json!({ "namespace": "default", "name": "a" }))
}

/// Status, reason and message of what the server says now.
fn said(server: &mut Server) -> [String; 3] {
    let now = ok(server, &Request::get(API_SERVICES, "", "v1.a.example"));
    let conditions = now.at(&["status", "conditions"]).map_or(&[][..], Tree::items);
    let [condition] = conditions else { panic!("one condition in {conditions:?}") };
    ["status", "reason", "message"].map(|key| condition.str_at(&[key]).unwrap().to_owned())
}

#[test]
fn an_api_service_is_called_after_its_version_and_group() {
    let mut server = server();

    let why = refused(&mut server, &registered("v2.a.example", &Value::Null)).message;
    ok(&mut server, &registered("v1.a.example", &Value::Null));
    let patch = change(json!({ "spec": { "group": "b.example" } }));
    let changed = refused(&mut server, &patch).message;

    assert_eq!(
        why,
        r#"APIService.apiregistration.k8s.io "v2.a.example" is invalid: metadata.name: Invalid value: "v2.a.example": must be `spec.version+"."+spec.group`: "v1.a.example""#
    );
    assert!(changed.ends_with(r#"must be `spec.version+"."+spec.group`: "v1.b.example""#));
}

#[test]
fn what_a_server_answers_itself_needs_no_trust_and_has_its_priorities() {
    let mut server = server();
    let mut object = json!({ "metadata": { "name": "v1.a.example" }, "spec": { "group": "a.example",
        "version": "v1", "groupPriorityMinimum": 20001, "caBundle": "YQ==", "insecureSkipTLSVerify": true } });
    let local = refused(&mut server, &register(object.clone())).message;
    object["spec"]["service"] = json!({ "port": 70000 });
    let remote = refused(&mut server, &register(object)).message;

    let priorities = "spec.groupPriorityMinimum: Invalid value: 20001: must be positive and less than 20000, spec.versionPriority: Invalid value: 0: must be positive and less than 1000, ";
    let start =
        format!(r#"APIService.apiregistration.k8s.io "v1.a.example" is invalid: [{priorities}"#);
    assert_eq!(
        local,
        start.clone()
            + r#"spec.caBundle: Invalid value: "1 bytes": local APIServices may not have a caBundle, spec.insecureSkipTLSVerify: Invalid value: true: local APIServices may not have insecureSkipTLSVerify]"#
    );
    assert_eq!(
        remote,
        start
            + "spec.service.namespace: Required value, spec.service.name: Required value, spec.service.port: Invalid value: 70000: port is not valid: must be between 1 and 65535, inclusive, spec.insecureSkipTLSVerify: Invalid value: true: may not be true if caBundle is present]"
    );
}

#[test]
fn what_a_server_answers_itself_is_available_whatever_others_say() {
    let mut server = server();
    let made = ok(&mut server, &registered("v1.a.example", &Value::Null));
    let lie = json!({ "status": { "conditions": [{ "type": "Available", "status": "False" }] } });
    let lie = change(lie).subresource("status");

    let told = ok(&mut server, &lie);

    let first = |tree: &Tree| tree.at(&["status", "conditions"]).unwrap().items()[0].clone();
    assert_eq!(first(&made).str_at(&["reason"]), Some("Local"));
    assert_eq!(first(&told).str_at(&["status"]), Some("False"));
    assert_eq!(said(&mut server), ["True", "Local", "Local APIServices are always available"]);
}

#[test]
fn a_service_that_is_not_there_or_has_nothing_behind_it_is_not_available() {
    let mut server = server();
    ok(&mut server, &remote());
    let missing = said(&mut server);
    let service =
        json!({ "metadata": { "name": "a" }, "spec": { "ports": [{ "name": "b", "port": 80 }] } });
    ok(&mut server, &create(SERVICES, service));
    let deaf = said(&mut server);
    let ports = json!({ "spec": { "ports": [{ "name": "b", "port": 443 }] } });
    ok(&mut server, &merge(SERVICES, "a", ports));
    let alone = said(&mut server);
    let slice = json!({ "metadata": { "name": "a-1", "labels": { "kubernetes.io/service-name": "a" } },
        "addressType": "IPv4", "ports": [{ "name": "c", "port": 443 }], "endpoints": [{ "addresses": ["10.0.0.1"] }] });
    ok(&mut server, &create(SLICES, slice));
    let other = said(&mut server);
    ok(&mut server, &Request::delete(SLICES, "default", "a-1"));
    let alone_again = said(&mut server);

    assert_eq!(missing, ["False", "ServiceNotFound", r#"service/a in "default" is not present"#]);
    assert_eq!(
        deaf,
        ["False", "ServicePortError", r#"service/a in "default" is not listening on port 443"#]
    );
    assert_eq!(
        alone,
        ["False", "EndpointsNotFound", r#"cannot find endpointslices for service/a in "default""#]
    );
    assert_eq!(
        other,
        [
            "False",
            "MissingEndpoints",
            r#"endpointslices for service/a in "default" have no addresses with port name "b""#
        ]
    );
    assert_eq!(alone_again, alone);
}
