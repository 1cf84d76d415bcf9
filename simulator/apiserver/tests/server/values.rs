use std::collections::BTreeMap;

use drydock_apiserver::{Request, Tree, WatchEvent};
use serde_json::json;

use super::*;

#[test]
fn a_clone_goes_its_own_way() {
    let mut server = server();
    ok(&mut server, &config_map("shared"));

    let mut fork = server.clone();
    ok(&mut fork, &Request::delete(CONFIG_MAPS, "default", "shared"));
    ok(&mut server, &config_map("other"));

    let names = |server: &mut Server| {
        let list = done(server, &Request::list(CONFIG_MAPS, "default"));
        list.objects().iter().map(|object| object.name().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(names(&mut server), ["other", "shared"]);
    assert_eq!(names(&mut fork), Vec::<String>::new());
}

#[test]
fn a_change_shares_what_it_does_not_touch() {
    let tree = Tree::from(json!({ "a": { "b": [1, 2] }, "c": { "d": "e" } }));

    let changed = tree.with(&["c", "d"], "f");
    let same = tree.with(&["c", "d"], "e");
    let sent = Tree::from(json!({ "a": { "b": [1, 2] }, "c": { "d": "f" } })).sharing(&tree);

    assert!(changed.get("a").unwrap().same(tree.get("a").unwrap()));
    assert_eq!(changed.to_value(), json!({ "a": { "b": [1, 2] }, "c": { "d": "f" } }));
    assert!(same.same(&tree));
    assert!(sent.get("a").unwrap().same(tree.get("a").unwrap()));
    assert_eq!(tree.without(&["a", "b"]).to_value(), json!({ "a": {}, "c": { "d": "e" } }));
}

#[test]
fn trees_are_read_and_written_by_serde_as_values_are() {
    let value = json!({
        "text": "x", "whole": 1, "negative": -5, "big": u64::MAX, "fraction": 0.5,
        "flag": true, "nothing": null, "list": [{ "k": [] }], "map": { "z": 1, "a": 2 },
    });

    let tree = Tree::from(value.clone());
    let parsed = Tree::from_json(value.to_string().as_bytes()).unwrap();

    assert_eq!(tree, parsed);
    assert_eq!(tree.to_value(), value);
    assert_eq!(serde_json::to_value(&tree).unwrap(), value);
}

#[test]
fn an_object_decodes_once_to_each_type() {
    #[derive(Debug, PartialEq, serde::Deserialize)]
    struct Data {
        data: BTreeMap<String, String>,
    }
    let mut server = server();
    ok(&mut server, &config_map("a"));
    let object =
        done(&mut server, &Request::get(CONFIG_MAPS, "default", "a")).object().unwrap().clone();

    let first = object.decode::<Data>().unwrap();
    let second = object.decode::<Data>().unwrap();

    assert_eq!(first.data["a"], "b");
    assert!(std::sync::Arc::ptr_eq(&first, &second));
    assert!(std::sync::Arc::ptr_eq(&object.json(), &object.json()));
    assert!(object.decode::<Vec<u8>>().is_err());
}

#[test]
fn a_service_keeps_its_ports_of_the_nodes_by_name() {
    const SERVICES: Gvr = Gvr::new("", "v1", "services");
    let mut server = server();
    let service = |ports: Value| {
        json!({ "apiVersion": "v1", "kind": "Service", "metadata": { "name": "s" },
            "spec": { "type": "NodePort", "ports": ports } })
    };
    let numbers = |tree: &Tree| -> Vec<(String, i64)> {
        let ports = tree.at(&["spec", "ports"]).unwrap().items().iter();
        let one = |port: &Tree| {
            let name = port.str_at(&["name"]).unwrap_or_default();
            (name.to_owned(), port.int_at(&["nodePort"]).unwrap())
        };
        ports.map(one).collect()
    };
    let made = ok(&mut server, &create(SERVICES, service(json!([{ "name": "a", "port": 80 }]))));
    let first = numbers(&made)[0].1;

    let ports = json!([{ "name": "b", "port": 80 }, { "name": "a", "port": 81 }]);
    let changed =
        ok(&mut server, &Request::update(SERVICES, "default", "s", service(ports).into()));

    let after = numbers(&changed);
    assert_eq!(after[1], ("a".to_owned(), first));
    assert_ne!(after[0].1, first, "a new port gets another");
}

#[test]
fn nulls_in_lists_stand_for_what_their_type_shows_when_it_is_unset() {
    const NODES: Gvr = Gvr::new("", "v1", "nodes");
    let mut server = server();
    let node = json!({ "metadata": { "name": "n" }, "status": { "addresses": [null] } });
    let request = Request { namespace: String::new(), ..create(NODES, node) };

    let made = ok(&mut server, &request);

    let addresses = made.at(&["status", "addresses"]).map(Tree::to_value);
    assert_eq!(addresses, Some(json!([{ "type": "", "address": "" }])));
}

#[test]
fn a_bookmark_shows_what_its_kind_always_does() {
    let server = server();
    let bookmark = WatchEvent::Bookmark { revision: 7, initial_events_end: false };
    let spec_of = |group: &'static str, plural: &'static str| {
        let id = server.kind_of(&Gvr::new(group, "v1", plural)).expect("a kind");
        let frame = bookmark.to_json(server.kind_info(id).expect("a kind"));
        let frame: Value = serde_json::from_slice(&frame).expect("an event");
        frame["object"]["spec"].clone()
    };

    let request = spec_of("certificates.k8s.io", "certificatesigningrequests");
    let flow = spec_of("flowcontrol.apiserver.k8s.io", "flowschemas");

    assert_eq!(request, json!({ "request": null, "signerName": "" }));
    assert_eq!(flow["matchingPrecedence"], 0);
}

#[test]
fn a_range_of_addresses_takes_a_status_with_the_object() {
    const RANGES: Gvr = Gvr::new("networking.k8s.io", "v1", "servicecidrs");
    let mut server = server();
    let range = json!({ "metadata": { "name": "a" }, "spec": { "cidrs": ["192.168.0.0/24"] },
        "status": { "conditions": [{ "type": "Ready" }] } });
    let without = json!({ "metadata": { "labels": { "a": "b" } }, "status": null });

    let made = ok(&mut server, &Request::create(RANGES, "", range.into()));
    let changed = ok(&mut server, &Request::merge_patch(RANGES, "", "a", without.into()));

    let condition = &made.at(&["status", "conditions"]).unwrap().items()[0];
    assert_eq!(condition.get("lastTransitionTime"), Some(&Tree::null()));
    assert_eq!(changed.at(&["status", "conditions"]), None);
}

#[test]
fn what_a_request_says_of_its_writer_is_a_list_of_a_name_of_its_own() {
    const REQUESTS: Gvr = Gvr::new("certificates.k8s.io", "v1", "certificatesigningrequests");
    let mut server = server();
    let mut why = |extra: Value| {
        let object = json!({ "apiVersion": "certificates.k8s.io/v1", "kind": "CertificateSigningRequest",
            "metadata": { "name": "a" }, "spec": { "extra": extra } });
        let message = refused(&mut server, &Request::create(REQUESTS, "", object.into())).message;
        message.rsplit("json: ").next().unwrap_or_default().to_owned()
    };

    let field = "into Go struct field CertificateSigningRequestSpec.spec.extra of type";
    assert_eq!(
        why(json!("x")),
        format!("cannot unmarshal string {field} map[string]v1.ExtraValue")
    );
    assert_eq!(why(json!({ "a": "x" })), format!("cannot unmarshal string {field} v1.ExtraValue"));
    assert_eq!(why(json!({ "a": [{}] })), format!("cannot unmarshal object {field} string"));
}
