//! The paths of a custom kind: which operations there are, with which parameters, in both editions of OpenAPI.

use super::custom::{Custom, Edition};
use crate::object::Tree;

/// The parameters of builtin kinds: those of custom ones are the same, word for word.
pub(super) struct Parameters {
    document: &'static Tree,
}

const COLLECTION: &str = "/apis/apps/v1/namespaces/{namespace}/deployments";
const ITEM: &str = "/apis/apps/v1/namespaces/{namespace}/deployments/{name}";

const LIST: &[&str] = &[
    "allowWatchBookmarks",
    "continue",
    "fieldSelector",
    "labelSelector",
    "limit",
    "resourceVersion",
    "resourceVersionMatch",
    "sendInitialEvents",
    "timeoutSeconds",
    "watch",
];
const WRITE: &[&str] = &["dryRun", "fieldManager", "fieldValidation"];
const APPLY: &[&str] = &["dryRun", "fieldManager", "fieldValidation", "force"];
const DELETE: &[&str] = &[
    "dryRun",
    "gracePeriodSeconds",
    "ignoreStoreReadErrorWithClusterBreakingPotential",
    "orphanDependents",
    "propagationPolicy",
];

const BODIES: &[&str] = &["application/json", "application/yaml"];
const PATCHES: &[&str] = &[
    "application/apply-patch+yaml",
    "application/json-patch+json",
    "application/merge-patch+json",
];

impl Parameters {
    pub(super) fn of(documents: &'static Tree) -> Self {
        Self { document: documents.get("v2").unwrap_or(documents) }
    }

    /// In the form of v2.
    fn find(&self, path: &str, verb: &str, name: &str) -> Option<Tree> {
        let item = self.document.at(&["paths", path])?;
        let own = item.at(&[verb, "parameters"]).map_or(&[][..], Tree::items);
        let shared = item.at(&["parameters"]).map_or(&[][..], Tree::items);
        let known = |parameter: &Tree| {
            let target = parameter.str_at(&["$ref"]).and_then(|text| text.rsplit('/').next());
            match target {
                Some(target) => self.document.at(&["parameters", target]).cloned(),
                None => Some(parameter.clone()),
            }
        };
        let mut all = own.iter().chain(shared).filter_map(known);
        all.find(|parameter| parameter.str_at(&["name"]) == Some(name))
    }

    fn named(&self, path: &str, verb: &str, names: &[&str]) -> Vec<Tree> {
        names.iter().filter_map(|name| self.find(path, verb, name)).collect()
    }
}

/// What can be done at a path.
struct Operation<'a> {
    verb: &'static str,
    action: &'static str,
    /// `list`, `create`: the beginning of its id.
    id: &'static str,
    words: String,
    parameters: Vec<Tree>,
    body: Option<(Kind<'a>, bool)>,
    answer: Kind<'a>,
    codes: &'static [(&'static str, &'static str)],
}

/// The name of a schema.
type Kind<'a> = &'a str;

const OK: (&str, &str) = ("200", "OK");
const CREATED: (&str, &str) = ("201", "Created");
const ACCEPTED: (&str, &str) = ("202", "Accepted");

const STATUS: &str = "io.k8s.apimachinery.pkg.apis.meta.v1.Status";
const OPTIONS: &str = "io.k8s.apimachinery.pkg.apis.meta.v1.DeleteOptions";
const PATCH: &str = "io.k8s.apimachinery.pkg.apis.meta.v1.Patch";
const SCALE: &str = "io.k8s.api.autoscaling.v1.Scale";

pub(super) fn all(custom: &Custom, known: &Parameters, edition: Edition) -> Vec<(String, Tree)> {
    let root = format!("/apis/{}/{}", custom.group, custom.version);
    let collection = if custom.namespaced {
        format!("{root}/namespaces/{{namespace}}/{}", custom.plural)
    } else {
        format!("{root}/{}", custom.plural)
    };
    let item = format!("{collection}/{{name}}");
    let own = custom.name(&custom.kind);
    let lists = custom.name(&custom.list_kind);
    let render = |path: &str, operations: Vec<Operation<'_>>, subresource: &str| {
        let tree = Render { custom, known, edition, path, subresource }.item(operations);
        (path.to_owned(), tree)
    };
    let mut paths = vec![
        render(&collection, collection_operations(custom, known, &own, &lists), ""),
        render(&item, item_operations(custom, known, &own), ""),
    ];
    for (name, exists, answer) in
        [("status", custom.status, own.as_str()), ("scale", custom.scale, SCALE)]
    {
        if exists {
            let operations = subresource_operations(custom, known, name, answer);
            paths.push(render(&format!("{item}/{name}"), operations, name));
        }
    }
    if custom.namespaced {
        let everywhere = format!("{root}/{}", custom.plural);
        let list = list_operation(custom, known, &lists);
        paths.push(render(&everywhere, vec![list], "everywhere"));
    }
    paths
}

fn list_operation<'a>(custom: &Custom, known: &Parameters, lists: &'a str) -> Operation<'a> {
    Operation {
        verb: "get",
        action: "list",
        id: "list",
        words: format!("list objects of kind {}", custom.kind),
        parameters: known.named(COLLECTION, "get", LIST),
        body: None,
        answer: lists,
        codes: &[OK],
    }
}

fn collection_operations<'a>(
    custom: &Custom,
    known: &Parameters,
    own: &'a str,
    lists: &'a str,
) -> Vec<Operation<'a>> {
    vec![
        list_operation(custom, known, lists),
        Operation {
            verb: "post",
            action: "post",
            id: "create",
            words: format!("create a {}", custom.kind),
            parameters: known.named(COLLECTION, "post", WRITE),
            body: Some((own, true)),
            answer: own,
            codes: &[OK, CREATED, ACCEPTED],
        },
        Operation {
            verb: "delete",
            action: "deletecollection",
            id: "delete",
            words: format!("delete collection of {}", custom.kind),
            parameters: known.named(COLLECTION, "get", LIST),
            body: None,
            answer: STATUS,
            codes: &[OK],
        },
    ]
}

fn item_operations<'a>(custom: &Custom, known: &Parameters, own: &'a str) -> Vec<Operation<'a>> {
    let mut operations = reads_and_writes(custom, known, own, "");
    operations.push(Operation {
        verb: "delete",
        action: "delete",
        id: "delete",
        words: format!("delete a {}", custom.kind),
        parameters: known.named(ITEM, "delete", DELETE),
        body: Some((OPTIONS, false)),
        answer: STATUS,
        codes: &[OK, ACCEPTED],
    });
    operations
}

fn subresource_operations<'a>(
    custom: &Custom,
    known: &Parameters,
    name: &str,
    answer: &'a str,
) -> Vec<Operation<'a>> {
    reads_and_writes(custom, known, answer, &format!("{name} of "))
}

fn reads_and_writes<'a>(
    custom: &Custom,
    known: &Parameters,
    answer: &'a str,
    of: &str,
) -> Vec<Operation<'a>> {
    let what = format!("{of}the specified {}", custom.kind);
    vec![
        Operation {
            verb: "get",
            action: "get",
            id: "read",
            words: format!("read {what}"),
            parameters: known.named(COLLECTION, "get", &["resourceVersion"]),
            body: None,
            answer,
            codes: &[OK],
        },
        Operation {
            verb: "put",
            action: "put",
            id: "replace",
            words: format!("replace {what}"),
            parameters: known.named(ITEM, "put", WRITE),
            body: Some((answer, true)),
            answer,
            codes: &[OK, CREATED],
        },
        Operation {
            verb: "patch",
            action: "patch",
            id: "patch",
            words: format!("partially update {what}"),
            parameters: known.named(ITEM, "patch", APPLY),
            body: Some((PATCH, true)),
            answer,
            codes: &[OK],
        },
    ]
}

struct Render<'a> {
    custom: &'a Custom,
    known: &'a Parameters,
    edition: Edition,
    path: &'a str,
    subresource: &'a str,
}

impl Render<'_> {
    fn item(&self, operations: Vec<Operation<'_>>) -> Tree {
        let mut shared = Vec::new();
        if self.path.contains("{name}") {
            let name = self.known.find(ITEM, "get", "name").unwrap_or_default();
            shared.push(name.with(&["description"], format!("name of the {}", self.custom.kind)));
        }
        if self.path.contains("{namespace}") {
            shared.extend(self.known.find(ITEM, "get", "namespace"));
        }
        shared.extend(self.known.find(ITEM, "get", "pretty"));
        let single = operations.len() == 1;
        let mut tree = Tree::empty_map();
        for operation in operations {
            // What all operations of a path have in common stands once.
            let parameters = if single {
                shared.extend(operation.parameters.iter().cloned());
                &[][..]
            } else {
                &operation.parameters[..]
            };
            tree = tree.with(&[operation.verb], self.operation(&operation, parameters));
        }
        shared.sort_by(|one, other| one.str_at(&["name"]).cmp(&other.str_at(&["name"])));
        let shared = shared.iter().map(|parameter| self.parameter(parameter));
        tree.with(&["parameters"], Tree::list(shared))
    }

    fn operation(&self, operation: &Operation<'_>, parameters: &[Tree]) -> Tree {
        let tag = format!("{}_{}", camel(&self.custom.group, false), self.custom.version);
        let mut tree = Tree::map([
            ("tags", Tree::list([tag.into()])),
            ("description", (&operation.words).into()),
            ("operationId", self.id(operation).into()),
            ("x-kubernetes-action", operation.action.into()),
            ("x-kubernetes-group-version-kind", self.custom.own_identity()),
        ]);
        let mut parameters: Vec<Tree> =
            parameters.iter().map(|parameter| self.parameter(parameter)).collect();
        let bodies = if operation.verb == "patch" { PATCHES } else { BODIES };
        if let Some((kind, required)) = operation.body {
            let schema = Tree::map([("$ref", Tree::from(self.edition.reference(kind)))]);
            match self.edition {
                Edition::V3 => {
                    let mut body = Tree::map([("content", content(bodies, &schema))]);
                    if required {
                        body = body.with(&["required"], true);
                    }
                    tree = tree.with(&["requestBody"], body);
                }
                Edition::V2 => {
                    let mut body = Tree::map([
                        ("name", Tree::from("body")),
                        ("in", "body".into()),
                        ("schema", schema),
                    ]);
                    if required {
                        body = body.with(&["required"], true);
                    }
                    parameters.insert(0, body);
                }
            }
        }
        let list = |names: &[&str]| Tree::list(names.iter().map(|name| Tree::from(*name)));
        if self.edition == Edition::V2 {
            tree = tree
                .with(&["consumes"], list(bodies))
                .with(&["produces"], list(BODIES))
                .with(&["schemes"], list(&["https"]));
        }
        if !parameters.is_empty() {
            tree = tree.with(&["parameters"], parameters);
        }
        tree.with(&["responses"], self.responses(operation))
    }

    fn responses(&self, operation: &Operation<'_>) -> Tree {
        let schema = Tree::map([("$ref", Tree::from(self.edition.reference(operation.answer)))]);
        let refused = Tree::map([("description", Tree::from("Unauthorized"))]);
        let answers = operation.codes.iter().map(|(code, words)| {
            let answer = Tree::map([("description", Tree::from(*words))]);
            let answer = match self.edition {
                Edition::V3 => answer.with(&["content"], content(BODIES, &schema)),
                Edition::V2 => answer.with(&["schema"], &schema),
            };
            (*code, answer)
        });
        Tree::map(answers.chain([("401", refused)]))
    }

    fn id(&self, operation: &Operation<'_>) -> String {
        let custom = self.custom;
        let group = camel(&custom.group, true);
        let version = camel(&custom.version, true);
        let scope = match (operation.action, custom.namespaced) {
            _ if self.subresource == "everywhere" => "",
            ("deletecollection", true) => "CollectionNamespaced",
            ("deletecollection", false) => "Collection",
            (_, true) => "Namespaced",
            (_, false) => "",
        };
        let end = match self.subresource {
            "everywhere" => "ForAllNamespaces".to_owned(),
            other => camel(other, true),
        };
        format!("{}{group}{version}{scope}{}{end}", operation.id, custom.kind)
    }

    /// A parameter of v2 in this edition.
    fn parameter(&self, parameter: &Tree) -> Tree {
        if self.edition == Edition::V2 {
            return parameter.clone();
        }
        let mut tree = parameter.clone();
        for key in ["type", "uniqueItems", "format"] {
            if let Some(value) = parameter.get(key) {
                tree = tree.without(&[key]).with(&["schema", key], value);
            }
        }
        tree
    }
}

fn content(types: &[&str], schema: &Tree) -> Tree {
    let entry = Tree::map([("schema", schema.clone())]);
    Tree::map(types.iter().map(|name| (*name, entry.clone())))
}

/// `stable.example.com` as `stableExampleCom`, or with a capital.
fn camel(text: &str, capital: bool) -> String {
    let mut camel = String::new();
    for (at, part) in text.split(['.', '-']).enumerate() {
        let mut characters = part.chars();
        match characters.next() {
            Some(first) if at > 0 || capital => camel.extend(first.to_uppercase()),
            Some(first) => camel.push(first),
            None => {}
        }
        camel.extend(characters);
    }
    camel
}
