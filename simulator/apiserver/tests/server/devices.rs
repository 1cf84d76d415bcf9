//! Claims for devices, their classes, and the slices that offer them: what of them is kept, and what is refused.

use drydock_apiserver::{Body, PatchKind, Request};
use serde_json::json;

use super::*;

const CLAIMS: Gvr = Gvr::new("resource.k8s.io", "v1", "resourceclaims");
const CLASSES: Gvr = Gvr::new("resource.k8s.io", "v1", "deviceclasses");
const SLICES: Gvr = Gvr::new("resource.k8s.io", "v1", "resourceslices");
const TEMPLATES: Gvr = Gvr::new("resource.k8s.io", "v1", "resourceclaimtemplates");

/// What is wrong, and where, one a line.
fn causes(status: &Status) -> Vec<String> {
    let causes = status.details.as_ref().map_or(&[][..], |details| &details.causes);
    causes.iter().map(|cause| format!("{}: {}", cause.field, cause.message)).collect()
}

fn claim(devices: &Value) -> Request {
    create(CLAIMS, json!({ "metadata": { "name": "c" }, "spec": { "devices": devices } }))
}

fn one_device(exactly: &Value) -> Value {
    json!({ "requests": [{ "name": "a", "exactly": exactly }] })
}

fn slice(spec: &Value) -> Value {
    let mut slice = json!({
        "apiVersion": "resource.k8s.io/v1",
        "kind": "ResourceSlice",
        "metadata": { "name": "s" },
        "spec": {
            "driver": "a.example.com",
            "pool": { "name": "p", "generation": 1, "resourceSliceCount": 1 },
            "nodeName": "n",
        },
    });
    for (key, value) in spec.as_object().expect("members") {
        slice["spec"][key] = value.clone();
    }
    slice
}

fn offer(spec: &Value) -> Request {
    Request::create(SLICES, "", slice(spec).into())
}

fn change_offer(spec: &Value) -> Request {
    Request::update(SLICES, "", "s", slice(spec).into())
}

fn status_of(claim: &Tree, status: Value) -> Request {
    Request::update(CLAIMS, "default", "c", claim.with(&["status"], Tree::from(status)))
        .subresource("status")
}

#[test]
fn a_claim_says_what_was_left_out_and_nothing_of_features_that_are_off() {
    let devices = json!({
        "requests": [
            { "name": "a", "exactly": { "deviceClassName": "a", "tolerations": [{ "key": "b" }], "capacity": { "requests": { "a": "1" } } } },
            { "name": "b", "firstAvailable": [{ "name": "c", "deviceClassName": "a", "allocationMode": "All" }] },
        ],
        "constraints": [{ "distinctAttribute": "example.com/a" }],
    });

    let made = ok(&mut server(), &claim(&devices));

    let kept = json!({
        "requests": [
            { "name": "a", "exactly": { "deviceClassName": "a", "allocationMode": "ExactCount", "count": 1, "tolerations": [{ "key": "b", "operator": "Equal" }] } },
            { "name": "b", "firstAvailable": [{ "name": "c", "deviceClassName": "a", "allocationMode": "All" }] },
        ],
        "constraints": [{ "distinctAttribute": "example.com/a" }],
    });
    assert_eq!(made.at(&["spec", "devices"]).map(Tree::to_value), Some(kept));
    assert_eq!(made.get("status").map(Tree::to_value), Some(json!({})));
}

#[test]
fn all_that_is_wrong_with_a_claim_is_said_in_the_order_of_its_parts() {
    let devices = json!({
        "requests": [
            { "name": "a", "exactly": {
                "adminAccess": true, "count": -1, "tolerations": [{ "effect": "Never" }],
                "selectors": [{ "cel": { "expression": "device.speed" } }, {}],
            } },
            { "name": "a" },
        ],
        "constraints": [{ "requests": ["b"], "matchAttribute": "speed" }],
        "config": [{ "opaque": { "driver": "a.example.com", "parameters": 7 } }],
    });

    let status = refused(&mut server(), &claim(&devices));

    let at = "spec.devices.requests[0].exactly";
    assert_eq!(causes(&status), [
        "spec.devices.requests[0].adminAccess: Forbidden: admin access to devices requires the `resource.kubernetes.io/admin-access: true` label on the containing namespace".to_owned(),
        format!("{at}.deviceClassName: Required value"),
        format!("{at}.selectors[0].cel.expression: Invalid value: \"device.speed\": compilation failed: ERROR: <input>:1:7: undefined field 'speed'\n | device.speed\n | ......^"),
        format!("{at}.selectors[1].cel: Required value"),
        format!("{at}.count: Invalid value: -1: must be greater than zero"),
        format!("{at}.tolerations[0].effect: Unsupported value: \"Never\": supported values: \"NoExecute\", \"NoSchedule\""),
        "spec.devices.requests[1]: Required value: exactly one of `exactly` or `firstAvailable` is required".to_owned(),
        "spec.devices.requests[1].name: Duplicate value: \"a\"".to_owned(),
        "spec.devices.constraints[0].requests[0]: Invalid value: \"b\": must be the name of a request in the claim or the name of a request and a subrequest separated by '/'".to_owned(),
        "spec.devices.constraints[0].matchAttribute: Invalid value: \"speed\": must include a domain".to_owned(),
        "spec.devices.config[0].opaque.parameters: Invalid value: \"<value omitted>\": must be a valid JSON object".to_owned(),
    ]);
}

#[test]
fn devices_in_use_are_for_claims_of_a_namespace_that_is_labelled_so() {
    let mut server = server();
    let wanted = one_device(&json!({ "deviceClassName": "a", "adminAccess": true }));
    let of_template =
        json!({ "metadata": { "name": "t" }, "spec": { "spec": { "devices": wanted } } });

    let refused = refused(&mut server, &create(TEMPLATES, of_template.clone()));
    let labels =
        json!({ "metadata": { "labels": { "resource.kubernetes.io/admin-access": "true" } } });
    ok(&mut server, &Request::merge_patch(NAMESPACES, "", "default", labels.into()));
    let made = ok(&mut server, &create(TEMPLATES, of_template));
    ok(&mut server, &claim(&wanted));

    assert_eq!(refused.details.unwrap().causes[0].field, "spec.devices.requests[0].adminAccess");
    assert_eq!(made.at(&["spec", "metadata"]), Some(&Tree::empty_map()));
}

#[test]
fn what_a_claim_asks_for_and_what_it_got_stay() {
    let mut server = server();
    let made = ok(&mut server, &claim(&one_device(&json!({ "deviceClassName": "a" }))));
    let got = |device: &str| {
        let result = json!({ "request": "a", "driver": "a.example.com", "pool": "p", "device": device, "shareID": "x" });
        json!({ "allocation": { "devices": { "results": [result] } } })
    };

    let asked = refused(
        &mut server,
        &merge(CLAIMS, "c", json!({ "spec": { "devices": { "requests": [] } } })),
    );
    let allocated = ok(&mut server, &status_of(&made, got("d")));
    let mut other = got("e");
    other["allocation"]["devices"]["results"][0]["consumedCapacity"] = json!({});
    let changed = refused(&mut server, &status_of(&allocated, other));

    assert_eq!(
        causes(&asked),
        [
            "spec: Invalid value: {\"Devices\":{\"Requests\":[],\"Constraints\":null,\"Config\":null}}: field is immutable"
        ]
    );
    let path = ["status", "allocation", "devices", "results"];
    let results =
        json!([{ "request": "a", "driver": "a.example.com", "pool": "p", "device": "d" }]);
    assert_eq!(allocated.at(&path).map(Tree::to_value), Some(results));
    let shown = r#"{"Devices":{"Results":[{"Request":"a","Driver":"a.example.com","Pool":"p","Device":"e","AdminAccess":null,"Tolerations":null,"BindingConditions":null,"BindingFailureConditions":null,"ShareID":null,"ConsumedCapacity":null}],"Config":null},"NodeSelector":null,"AllocationTimestamp":null}"#;
    assert_eq!(
        causes(&changed),
        [format!("status.allocation: Invalid value: {shown}: field is immutable")]
    );
}

#[test]
fn what_drivers_are_told_stays_to_the_byte() {
    let made = |parameters: &str| {
        let mut server = server();
        let mut request = claim(&json!({}));
        let text = format!(
            r#"{{"metadata":{{"name":"c"}},"spec":{{"devices":{{"config":[{{"opaque":{{"driver":"a.example.com","parameters":{parameters}}}}}]}}}}}}"#
        );
        let content_type = "application/json".into();
        request.body = Body::Bytes { content_type, bytes: text.into_bytes().into() };
        ok(&mut server, &request);
        server
    };
    let patched = |server: &mut Server, kind: PatchKind, media: &'static str| {
        let patch = json!({ "metadata": { "annotations": { "a": media } } });
        let mut request = Request::patch(CLAIMS, "default", "c", kind, Tree::null());
        let bytes = patch.to_string().into_bytes().into();
        request.body = Body::Bytes { content_type: media.into(), bytes };
        done(server, &request).error().map(causes)
    };
    let merge = (PatchKind::Merge, "application/merge-patch+json");
    let strategic = (PatchKind::Strategic, "application/strategic-merge-patch+json");
    let refused = r#"spec: Invalid value: {"Devices":{"Requests":null,"Constraints":null,"Config":[{"Requests":null,"Opaque":{"Driver":"a.example.com","Parameters":{"a":2,"b":1}}}]}}: field is immutable"#;

    for (parameters, by_merge, by_strategic) in [
        (r#"{"a":2,"b":1}"#, true, true),
        (r#"{"b":1,"a":2}"#, true, false),
        (r#"{"a": 2, "b": 1}"#, false, false),
    ] {
        let mut server = made(parameters);
        for ((kind, media), passes) in [(merge, by_merge), (strategic, by_strategic)] {
            let wanted = (!passes).then(|| vec![refused.to_owned()]);
            assert_eq!(patched(&mut server, kind, media), wanted, "{parameters} {media}");
        }
    }
}

#[test]
fn drivers_speak_of_devices_that_a_claim_has() {
    let mut server = server();
    let made = ok(&mut server, &claim(&one_device(&json!({ "deviceClassName": "a" }))));
    let device = json!({ "driver": "a.example.com", "pool": "p", "device": "d" });
    let mut result = device.clone();
    result["request"] = "a".into();
    let allocation = json!({ "devices": { "results": [result] } });
    let user = json!({ "resource": "pods", "name": "a", "uid": "1" });

    let early = json!({ "devices": [device], "reservedFor": [user] });
    let early = refused(&mut server, &status_of(&made, early));
    let both = json!({ "allocation": allocation, "devices": [device], "reservedFor": [user] });
    let told = ok(&mut server, &status_of(&made, both));
    let lost = ok(&mut server, &status_of(&told, json!({ "devices": [device] })));

    assert_eq!(
        causes(&early),
        [
            "status.devices[0]: Invalid value: {\"Driver\":{},\"Pool\":{},\"Device\":{},\"ShareID\":{}}: must be an allocated device in the claim",
            "status.reservedFor: Forbidden: may not be specified when `allocated` is not set",
        ]
    );
    let mut kept = device;
    kept["conditions"] = Value::Null;
    assert_eq!(told.at(&["status", "devices"]).map(Tree::to_value), Some(json!([kept])));
    assert_eq!(lost.get("status").map(Tree::to_value), Some(json!({})));
}

#[test]
fn a_slice_has_one_place_and_facts_that_can_be_read() {
    let spec = json!({
        "pool": { "name": "p", "generation": 1, "resourceSliceCount": 0 },
        "allNodes": true,
        "devices": [{
            "name": "d",
            "attributes": { "1st": { "int": 1 }, "v": { "version": "1.0", "bool": true } },
            "capacity": { "c": null },
            "taints": [{ "key": "a b" }],
        }],
    });

    let status = refused(&mut server(), &offer(&spec));

    assert_eq!(
        causes(&status),
        [
            "spec.pool.resourceSliceCount: Invalid value: 0: must be greater than zero",
            "spec: Invalid value: \"{`nodeName`, `allNodes`}\": exactly one of `nodeName`, `nodeSelector`, `allNodes`, `perDeviceNodeSelection` is required, but multiple fields are set",
            "spec.devices[0].attributes[1st]: Invalid value: \"1st\": a valid C identifier must start with alphabetic character or '_', followed by a string of alphanumeric characters or '_' (e.g. 'my_name',  or 'MY_NAME',  or 'MyName', regex used for validation is '[A-Za-z_][A-Za-z0-9_]*')",
            "spec.devices[0].attributes[v].version: Invalid value: \"1.0\": must be a string compatible with semver.org spec 2.0.0",
            "spec.devices[0].attributes[v]: Invalid value: {\"IntValue\":null,\"BoolValue\":true,\"StringValue\":null,\"VersionValue\":\"1.0\"}: exactly one value must be specified",
        ]
    );
}

#[test]
fn what_a_slice_says_of_features_that_are_off_goes_and_counts_as_a_change() {
    let mut server = server();
    ok(&mut server, &offer(&json!({})));

    let tainted = ok(&mut server, &change_offer(&json!({ "sharedCounters": [{ "name": "a" }] })));
    let again = ok(&mut server, &change_offer(&json!({ "devices": [] })));
    let moved = refused(
        &mut server,
        &change_offer(&json!({ "driver": "b.example.com", "nodeName": null, "allNodes": true })),
    );

    assert_eq!(tainted.at(&["spec", "sharedCounters"]), None);
    assert_eq!(tainted.int_at(&["metadata", "generation"]), Some(2));
    assert_eq!(again.int_at(&["metadata", "generation"]), Some(2));
    assert_eq!(
        causes(&moved),
        [
            "spec.driver: Invalid value: \"b.example.com\": field is immutable",
            "spec.nodeName: Invalid value: null: field is immutable",
        ]
    );
}

#[test]
fn slices_are_listed_by_their_node_and_driver() {
    let mut server = server();
    ok(&mut server, &offer(&json!({})));
    let listed = |server: &mut Server, selector: &str| {
        let mut request = Request::list(SLICES, "");
        request.options.field_selector = selector.to_owned();
        let response = done(server, &request);
        response.error().map_or(Ok(response.objects().len()), |error| Err(error.message.clone()))
    };

    assert_eq!(listed(&mut server, "spec.nodeName=n,spec.driver=a.example.com"), Ok(1));
    assert_eq!(listed(&mut server, "spec.nodeName="), Ok(0));
    assert_eq!(
        listed(&mut server, "metadata.namespace=x"),
        Err("field label not supported for resource.k8s.io/v1, Kind=ResourceSlice: metadata.namespace".to_owned())
    );
}

#[test]
fn a_class_chooses_by_what_a_device_says_and_may_name_parts_of_that() {
    let class = |expression: &str| {
        let spec = json!({ "selectors": [{ "cel": { "expression": expression } }] });
        let name = json!({ "generateName": "c-" });
        Request::create(CLASSES, "", json!({ "metadata": name, "spec": spec }).into())
    };
    let mut server = server();
    for good in [
        "device.driver == 'a.example.com'",
        "device.attributes['a.example.com'].speed",
        "cel.bind(a, device.attributes['a.example.com'], a.fast && a.big)",
        "device.capacity['a.example.com'].memory.compareTo(quantity('1Gi')) >= 0",
    ] {
        ok(&mut server, &class(good));
    }

    for (bad, why) in [
        ("1 + 1", "must evaluate to bool or the unknown type, not int"),
        (
            "device.capacity",
            "must evaluate to bool or the unknown type, not map(string, map(string, kubernetes.Quantity))",
        ),
        (
            "",
            "compilation failed: ERROR: <input>:1:0: Syntax error: mismatched input '<EOF>' expecting {'[', '{', '(', '.', '-', '!', 'true', 'false', 'null', NUM_FLOAT, NUM_INT, NUM_UINT, STRING, BYTES, IDENTIFIER}",
        ),
    ] {
        let status = refused(&mut server, &class(bad));

        let at = "spec.selectors[0].cel.expression";
        assert_eq!(causes(&status), [format!("{at}: Invalid value: {bad:?}: {why}")]);
    }
}

#[test]
fn through_the_status_of_a_claim_nobody_says_where_it_is() {
    let mut server = server();
    let claim = json!({ "apiVersion": "resource.k8s.io/v1", "kind": "ResourceClaim",
        "metadata": { "name": "a" }, "spec": {} });
    let claims = Gvr::new("resource.k8s.io", "v1", "resourceclaims");
    ok(&mut server, &create(claims.clone(), claim.clone()));
    let mut linked = claim;
    linked["metadata"]["selfLink"] = "a-b".into();
    let mut status = Request::update(claims, "default", "a", linked.into());
    status.subresource = Some("status".into());
    status.options.dry_run = vec!["All".into()];

    let tried = done(&mut server, &status);

    let shown = tried.object().expect("it is tried").shown();
    assert_eq!(shown.at(&["metadata", "selfLink"]), None);
}
