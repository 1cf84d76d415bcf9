use drydock_apiserver::{Form, Gvr, Request, Response, Verb};
use serde_json::{Value, json};

use super::*;

const TABLE: &str = "application/json;as=Table;v=v1;g=meta.k8s.io";

fn form(server: &Server, resource: &Gvr) -> (Form, drydock_apiserver::KindInfo) {
    let of = |kind: &&drydock_apiserver::KindInfo| {
        *kind.group == *resource.group && *kind.plural == *resource.resource
    };
    let kind = server.kinds().find(of).expect("the kind is served").clone();
    (Form::negotiate(TABLE, "", &kind, (Verb::List, None), 34).expect("it can be given"), kind)
}

fn shown(server: &Server, resource: &Gvr, response: Response) -> Value {
    let (form, kind) = form(server, resource);
    let response = form.of(response, &kind, 34, now());
    serde_json::from_slice(&response.body.to_json()).expect("JSON")
}

#[test]
fn a_page_of_a_list_is_a_table_that_says_how_to_go_on() {
    let mut server = server();
    for name in ["a", "b", "c"] {
        ok(&mut server, &config_map(name));
    }

    let page = done(&mut server, &Request::list(CONFIG_MAPS, "default").limit(2, ""));
    let table = shown(&server, &CONFIG_MAPS, page);

    assert_eq!(table["metadata"]["remainingItemCount"], 1);
    assert!(table["metadata"]["continue"].is_string(), "{table}");
    assert_eq!(table["rows"][1]["cells"], json!(["b", 1, "0s"]));
    assert_eq!(table["rows"][1]["object"]["kind"], "PartialObjectMetadata");
    assert_eq!(table["rows"][1]["object"]["metadata"]["name"], "b");
}

#[test]
fn only_the_first_table_of_a_watch_says_what_its_columns_are() {
    let mut server = server();
    let mut cursor = watch(&mut server, &Request::watch(CONFIG_MAPS, "default", 0));
    ok(&mut server, &config_map("a"));
    ok(&mut server, &config_map("b"));
    let (form, kind) = form(&server, &CONFIG_MAPS);

    let mut frame = |first| {
        let event = cursor.next(&server).expect("something was made");
        serde_json::from_slice::<Value>(&form.frame(&event, &kind, 34, now(), first))
            .expect("a table")
    };
    let (first, second) = (frame(true), frame(false));

    assert_eq!(first["object"]["columnDefinitions"][1]["name"], "Data");
    assert_eq!(second["object"]["columnDefinitions"], Value::Null);
    assert_eq!(second["object"]["rows"][0]["cells"][0], "b");
}

#[test]
fn some_statuses_have_no_rows() {
    let server = server();
    let status = |plural: &'static str, group: &'static str| {
        let (_, kind) = form(&server, &Gvr::new(group, "v1", plural));
        Form::negotiate(TABLE, "", &kind, (Verb::Get, Some("status")), 34).map_err(|why| why.code)
    };

    assert!(status("deployments", "apps").is_ok());
    assert_eq!(status("resourceclaims", "resource.k8s.io").err(), Some(406));
    assert_eq!(status("apiservices", "apiregistration.k8s.io").err(), Some(406));
}
