use std::collections::BTreeMap;

use drydock_apiserver::{Request, Tree};
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
