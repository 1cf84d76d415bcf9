//! Every custom kind of a real operator can be defined, and its definitions are as fast to load as they have to be.

use drydock_apiserver::{Answer, Gvr, Outcome, Profile, Request, Response, Server, Tree};
use jiff::Timestamp;

const DEFINITIONS: Gvr = Gvr::new("apiextensions.k8s.io", "v1", "customresourcedefinitions");

/// The folder of recordings and charts beside the project; not there in a clone of the project alone.
fn shared(path: &str) -> Option<std::path::PathBuf> {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    // A git worktree may lie one level deeper than the main one.
    let found = ["../shared", "../../shared"]
        .iter()
        .map(|up| root.join(up).join(path))
        .find(|p| p.exists());
    if found.is_none() {
        eprintln!("SKIPPED: no ../shared/{path} beside the project");
    }
    found
}

#[expect(clippy::disallowed_methods, reason = "a test reads recordings")]
fn read(path: &std::path::Path) -> String {
    std::fs::read_to_string(path).expect("the file was just listed")
}

fn definitions(line: &str) -> Vec<Tree> {
    let Some(folder) = shared(&format!("data/crds/{line}")) else { return Vec::new() };
    let mut paths: Vec<_> = std::fs::read_dir(folder)
        .expect("the folder exists")
        .map(|entry| entry.expect("the folder can be read").path())
        .collect();
    paths.sort();
    paths
        .iter()
        .flat_map(|path| {
            serde_saphyr::from_multiple::<serde_json::Value>(&read(path)).expect("YAML")
        })
        .map(Tree::from_value)
        .collect()
}

fn respond(server: &mut Server, request: &Request) -> Response {
    match server.handle(request, Timestamp::UNIX_EPOCH) {
        Outcome::Done(response) => response,
        _ => panic!("a write is answered at once"),
    }
}

#[test]
fn every_definition_of_kubeblocks_is_accepted_and_its_kinds_are_served() {
    for line in ["0.9", "1.0", "1.2"] {
        let mut server = Server::new(Profile::V1_34, 1);
        for definition in definitions(line) {
            let name = definition.str_at(&["metadata", "name"]).expect("a name").to_owned();

            let response =
                respond(&mut server, &Request::create(DEFINITIONS, "", definition.clone()));

            assert_eq!(response.code, 201, "{line} {name}: {:?}", response.body);
            assert_eq!(response.warnings, Vec::<String>::new(), "{line} {name}");
            let group = definition.str_at(&["spec", "group"]).expect("a group");
            let kind = definition.str_at(&["spec", "names", "kind"]).expect("a kind");
            let id = server.kind(group, kind).expect("its kind is there");
            let info = server.kind_info(id).expect("one version is stored");
            assert!(!info.schema.root().members.is_empty(), "{line} {name} has a schema");
            let read = respond(&mut server, &Request::get(DEFINITIONS, "", &name));
            let Answer::Object(object) = &read.body else { panic!("an object") };
            let established = object.tree().at(&["status", "conditions"]).expect("conditions");
            assert_eq!(established.items().len(), 2, "{line} {name}");
        }
    }
}
