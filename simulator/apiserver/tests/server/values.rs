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
