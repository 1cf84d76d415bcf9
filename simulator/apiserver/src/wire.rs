//! Requests from the words of HTTP, and answers to JSON text. No IO: who listens brings the method, the URL
//! and the body.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use crate::builtin::admission::TEMPLATES;
use crate::golang;
use crate::kinds::KindInfo;
use crate::object::shown::{Members, Shown, elements, write};
use crate::object::{Object, Tree};
use crate::protobuf;
use crate::request::{
    Answer, Body, DeleteOptions, Gvr, Options, Preconditions, Propagation, Request, User, Verb,
};
use crate::status::Status;
use crate::watch::WatchEvent;

/// One HTTP request for something under `/api` or `/apis`.
#[derive(Clone, Debug, Default)]
pub struct Http<'a> {
    pub method: &'a str,
    /// Without the query.
    pub path: &'a str,
    pub query: &'a str,
    pub content_type: &'a str,
    /// Its beginning names the field manager when the query does not.
    pub user_agent: &'a str,
    pub body: &'a [u8],
}

/// What an HTTP request asks for. `Err` for paths that cannot name a resource: they may be documents
/// ([`Server::document`](crate::Server::document)).
pub fn parse(http: &Http<'_>) -> Result<Request, Status> {
    let query = Query::parse(http.query);
    let place = place(http.path).ok_or_else(Status::unknown_path)?;
    let watches = query.flag("watch") || place.watches;
    let patience_ns = if watches { 0 } else { patience(query.get("timeout"))? };
    let named = !place.name.is_empty();
    let verb = match http.method {
        // Of one object only the old form of a watch exists.
        "GET" if named && !place.watches => Verb::Get,
        "GET" if watches => Verb::Watch,
        "GET" => Verb::List,
        "POST" => Verb::Create,
        "PUT" => Verb::Update,
        "PATCH" if named => Verb::Patch,
        "DELETE" if named => Verb::Delete,
        "DELETE" => Verb::DeleteCollection,
        _ => return Err(Status::method_not_allowed()),
    };
    // A POST to an object is a mistake unless it makes something of it: `pods/x/binding`.
    if verb == Verb::Create && named && place.subresource.is_none() {
        return Err(Status::method_not_allowed());
    }
    let body = match verb {
        Verb::Get | Verb::List | Verb::Watch => Body::None,
        Verb::Delete | Verb::DeleteCollection => delete_body(http, &query)?,
        _ => Body::Bytes { content_type: http.content_type.to_owned(), bytes: http.body.into() },
    };
    Ok(Request {
        verb,
        resource: place.resource,
        subresource: place.subresource.clone(),
        namespace: place.namespace,
        name: place.name,
        options: Options {
            dry_run: match verb {
                Verb::Delete | Verb::DeleteCollection => Vec::new(),
                _ => query.all("dryRun").map(|value| value.to_owned().into()).collect(),
            },
            field_manager: query.get("fieldManager").to_owned().into(),
            user_agent: http.user_agent.to_owned(),
            field_validation: query.get("fieldValidation").to_owned().into(),
            label_selector: query.get("labelSelector").to_owned(),
            field_selector: query.get("fieldSelector").to_owned(),
            limit: query.number("limit")?.unwrap_or(0).try_into().unwrap_or(0),
            continue_token: query.get("continue").to_owned(),
            resource_version: query.get("resourceVersion").to_owned(),
            resource_version_match: query.get("resourceVersionMatch").to_owned(),
            send_initial_events: query
                .has("sendInitialEvents")
                .then(|| query.flag("sendInitialEvents")),
            allow_bookmarks: query.flag("allowWatchBookmarks"),
            timeout_seconds: query.number("timeoutSeconds")?.unwrap_or(0).try_into().unwrap_or(0),
            patience_ns,
            others: match place.subresource.as_deref() {
                Some("log" | "exec" | "attach" | "portforward") => {
                    query.0.iter().cloned().collect()
                }
                _ => BTreeMap::new(),
            },
            force: query.has("force").then(|| query.flag("force")),
        },
        body,
        user: User::default(),
    })
}

pub(crate) struct Place {
    pub resource: Gvr,
    pub namespace: String,
    pub name: String,
    pub subresource: Option<Cow<'static, str>>,
    /// The old form of a watch, `/api/v1/watch/...`.
    pub watches: bool,
}

/// Whether a query asks for a watch.
pub(crate) fn watches(query: &str) -> bool {
    Query::parse(query).flag("watch")
}

pub(crate) fn place(path: &str) -> Option<Place> {
    // A name cannot hide a slash, and nothing between two of them is no name at all.
    let whole = decode(path);
    let whole = whole.strip_prefix('/').unwrap_or(&whole);
    let whole = whole.strip_suffix('/').unwrap_or(whole);
    let mut parts: Vec<String> = whole.split('/').map(str::to_owned).collect();
    let (group, used) = match parts.first()?.as_str() {
        "api" => (String::new(), 1),
        "apis" => (parts.get(1)?.clone(), 2),
        _ => return None,
    };
    let version = parts.get(used)?.clone();
    parts.drain(..=used);
    let watches = parts.first().is_some_and(|part| part == "watch");
    if watches {
        parts.remove(0);
    }
    let mut namespace = String::new();
    // `namespaces/x/pods` is about pods, `namespaces/x/status` about a namespace.
    let about_namespace =
        parts.len() == 3 && group.is_empty() && matches!(parts[2].as_str(), "status" | "finalize");
    if parts.len() > 2 && parts[0] == "namespaces" && !about_namespace {
        namespace = parts.drain(..2).nth(1).unwrap_or_default();
    }
    let mut parts = parts.into_iter();
    let resource = parts.next()?;
    let name = parts.next().unwrap_or_default();
    let rest: Vec<String> = parts.collect();
    Some(Place {
        resource: Gvr { group: group.into(), version: version.into(), resource: resource.into() },
        namespace,
        name,
        subresource: (!rest.is_empty()).then(|| rest.join("/").into()),
        watches,
    })
}

fn delete_body(http: &Http<'_>, query: &Query) -> Result<Body, Status> {
    let unreadable = |why: &str| {
        Status::plain(500, format!("couldn't get version/kind; json parse error: {why}"))
    };
    let tree = if http.body.is_empty() {
        Tree::null()
    } else {
        match http.content_type.split(';').next().unwrap_or_default().trim() {
            "" | "application/json" => Tree::from_json(http.body)
                .map_err(|error| unreadable(&golang::json_error(http.body, &error)))?,
            "application/yaml" => {
                crate::yaml::tree(http.body).map_err(|error| unreadable(&error))?
            }
            protobuf::MEDIA => protobuf::object(http.body, ("v1", "DeleteOptions"))
                .map_err(|error| Status::plain(500, error.why()))?,
            _ => {
                return Err(Status::unsupported_media_type(
                    "the body of the request was in an unknown format - accepted media types include: application/json, application/yaml, application/vnd.kubernetes.protobuf",
                ));
            }
        }
    };
    let is_json = matches!(http.content_type, "" | "application/json");
    if is_json && tree.is_map() && misfit(&tree).is_some() {
        // What is said of it depends on the version of the server.
        let content_type = http.content_type.to_owned();
        return Ok(Body::Bytes { content_type, bytes: http.body.into() });
    }
    // With a body the query counts for nothing.
    let others =
        if http.body.is_empty() { query_options(query)? } else { DeleteOptions::default() };
    read_delete_options(&tree, &others).map(Body::Delete)
}

/// The options of a delete that are in the body of something else.
pub(crate) fn delete_options_of(tree: &Tree) -> Result<DeleteOptions, Status> {
    read_delete_options(tree, &DeleteOptions::default())
}

fn propagation(policy: String) -> Propagation {
    match policy.as_str() {
        "Background" => Propagation::Background,
        "Foreground" => Propagation::Foreground,
        "Orphan" => Propagation::Orphan,
        _ => Propagation::Unknown(policy),
    }
}

/// What the query says, where the body says nothing.
fn query_options(query: &Query) -> Result<DeleteOptions, Status> {
    Ok(DeleteOptions {
        preconditions: Preconditions::default(),
        propagation: query
            .has("propagationPolicy")
            .then(|| propagation(query.get("propagationPolicy").to_owned())),
        grace: query.number("gracePeriodSeconds")?,
        orphan_dependents: query.has("orphanDependents").then(|| query.flag("orphanDependents")),
        dry_run: query.all("dryRun").map(|value| value.to_owned().into()).collect(),
    })
}

fn read_delete_options(tree: &Tree, query: &DeleteOptions) -> Result<DeleteOptions, Status> {
    check_delete_options(tree)?;
    let string = |key: &str| tree.str_at(&[key]).map(str::to_owned);
    let precondition = |key: &str| tree.str_at(&["preconditions", key]).map(str::to_owned);
    let dry_run = tree.get("dryRun").into_iter().flat_map(Tree::items).filter_map(Tree::as_str);
    let dry_run = dry_run.map(|value| value.to_owned().into());
    Ok(DeleteOptions {
        preconditions: Preconditions {
            uid: precondition("uid"),
            resource_version: precondition("resourceVersion"),
        },
        propagation: string("propagationPolicy")
            .map(propagation)
            .or_else(|| query.propagation.clone()),
        grace: tree.int_at(&["gracePeriodSeconds"]).or(query.grace),
        orphan_dependents: tree.bool_at(&["orphanDependents"]).or(query.orphan_dependents),
        dry_run: dry_run.chain(query.dry_run.iter().cloned()).collect(),
    })
}

/// Whether a value is of some type.
type Fits = fn(&Tree) -> bool;

/// What of the options is of a wrong type.
fn misfit(tree: &Tree) -> Option<String> {
    let fields: [(_, _, Fits); 2] = [
        ("gracePeriodSeconds", "int64", Tree::is_integer),
        ("propagationPolicy", "v1.DeletionPropagation", Tree::is_string),
    ];
    fields.into_iter().find_map(|(field, wanted, fits)| {
        let found = tree.get(field).filter(|found| !found.is_null() && !fits(found))?;
        let found = golang::type_name(found);
        Some(format!(
            "json: cannot unmarshal {found} into Go struct field DeleteOptions.{field} of type {wanted}"
        ))
    })
}

fn check_delete_options(tree: &Tree) -> Result<(), Status> {
    if !tree.is_map() && !tree.is_null() {
        return Err(Status::plain(
            500,
            format!(
                r#"couldn't get version/kind; json parse error: json: cannot unmarshal {} into Go value of type struct {{ APIVersion string "json:\"apiVersion,omitempty\""; Kind string "json:\"kind,omitempty\"" }}"#,
                golang::type_name(tree)
            ),
        ));
    }
    if let Some(why) = misfit(tree) {
        return Err(Status::plain(500, why));
    }
    match tree.str_at(&["kind"]) {
        None | Some("" | "DeleteOptions") => Ok(()),
        Some(kind) => {
            let version = tree.str_at(&["apiVersion"]).unwrap_or_default();
            Err(Status::plain(
                500,
                format!(
                    "no kind {kind:?} is registered for version {version:?} in scheme \"pkg/api/legacyscheme/scheme.go:30\""
                ),
            ))
        }
    }
}

/// How long a client is ready to wait, in Go's words for a duration: `1m30s`.
fn patience(text: &str) -> Result<i64, Status> {
    if text.is_empty() {
        return Ok(0);
    }
    golang::duration(text).map_err(|why| {
        Status::bad_request(format!("invalid timeout specified in the request URL - {why}"))
    })
}

struct Query(Vec<(String, String)>);

impl Query {
    fn parse(query: &str) -> Self {
        let pairs = query.split('&').filter(|pair| !pair.is_empty()).map(|pair| {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            (decode(&key.replace('+', " ")), decode(&value.replace('+', " ")))
        });
        Self(pairs.collect())
    }

    fn all(&self, key: &str) -> impl Iterator<Item = &str> {
        self.0.iter().filter(move |(k, _)| k == key).map(|(_, value)| value.as_str())
    }

    fn has(&self, key: &str) -> bool {
        self.all(key).next().is_some()
    }

    fn get(&self, key: &str) -> &str {
        self.all(key).next().unwrap_or_default()
    }

    /// Only absence, `false` and `0` mean no.
    fn flag(&self, key: &str) -> bool {
        self.all(key).next().is_some_and(|value| !matches!(value, "false" | "0"))
    }

    fn number(&self, key: &str) -> Result<Option<i64>, Status> {
        match self.get(key) {
            "" => Ok(None),
            text => text.parse().map(Some).map_err(|_| {
                Status::bad_request(format!("strconv.ParseInt: parsing {text:?}: invalid syntax"))
            }),
        }
    }
}

/// Percent decoding. What is not valid stays as it is.
pub(crate) fn decode(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let hex = bytes.get(at + 1..at + 3).and_then(|hex| std::str::from_utf8(hex).ok());
        match hex.and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            Some(byte) if bytes[at] == b'%' => {
                decoded.push(byte);
                at += 3;
            }
            _ => {
                decoded.push(bytes[at]);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&decoded).into_owned()
}

impl Answer {
    /// The body as a tree.
    pub(crate) fn to_tree(&self) -> Tree {
        match self {
            Answer::Object(object) => object.shown(),
            Answer::Tree(tree) => tree.clone(),
            other => Tree::from_json(&other.to_json()).unwrap_or_default(),
        }
    }

    /// The body as it goes over the wire.
    pub fn to_json(&self) -> Vec<u8> {
        match self {
            Answer::Object(object) => object.to_json(),
            Answer::Tree(tree) => tree.to_json(),
            Answer::Status(status) if status.is_plain_text() && !status.is_bare() => {
                format!("{}\n", status.message).into_bytes()
            }
            Answer::Status(status) => {
                serde_json::to_vec(status).expect("writing to memory cannot fail")
            }
            Answer::Objects { kind, items, revision, continue_token, remaining } => {
                let mut metadata = Tree::empty_map();
                // What is not stored has no revision.
                if *revision > 0 {
                    metadata = metadata.with(&["resourceVersion"], revision.to_string());
                }
                if let Some(token) = continue_token {
                    metadata = metadata.with(&["continue"], token);
                } else if kind.custom {
                    metadata = metadata.with(&["continue"], "");
                }
                if let Some(remaining) = remaining {
                    metadata = metadata.with(&["remainingItemCount"], *remaining);
                }
                list(kind, &metadata, items)
            }
        }
    }
}

/// Items of a builtin kind do not repeat what the list says: kind and version.
fn list(kind: &KindInfo, metadata: &Tree, items: &[Object]) -> Vec<u8> {
    let mut text = Vec::new();
    let mut list = Members::begin(&mut text);
    list.member("kind", |to| write(&*kind.list_kind, to));
    list.member("apiVersion", |to| write(&kind.api_version(), to));
    list.member("metadata", |to| write(metadata, to));
    list.member("items", |to| {
        elements(items, to, |object, to| {
            let shown = Shown::of(object);
            (if kind.custom { shown } else { shown.without_kind() }).write(to);
        });
    });
    list.end();
    text
}

impl WatchEvent {
    fn name(&self) -> &'static str {
        match self {
            WatchEvent::Added(_) => "ADDED",
            WatchEvent::Modified(_) => "MODIFIED",
            WatchEvent::Deleted(_) => "DELETED",
            WatchEvent::Bookmark { .. } => "BOOKMARK",
            WatchEvent::Error(_) => "ERROR",
        }
    }

    /// One frame of a watch. `kind` is that of the watch.
    pub(crate) fn to_tree(&self, kind: &KindInfo) -> Tree {
        let object = match self {
            WatchEvent::Added(object)
            | WatchEvent::Modified(object)
            | WatchEvent::Deleted(object) => object.shown(),
            WatchEvent::Bookmark { revision, initial_events_end } => {
                bookmark(kind, *revision, *initial_events_end)
            }
            WatchEvent::Error(status) => Answer::Status(status.clone()).to_tree(),
        };
        Tree::map([("type", Tree::from(self.name())), ("object", object)])
    }

    /// The same as JSON, with its newline.
    pub fn to_json(&self, kind: &KindInfo) -> Vec<u8> {
        let name = self.name();
        let object: Arc<[u8]> = match self {
            WatchEvent::Added(object)
            | WatchEvent::Modified(object)
            | WatchEvent::Deleted(object) => object.json(),
            WatchEvent::Bookmark { revision, initial_events_end } => {
                bookmark(kind, *revision, *initial_events_end).to_json().into()
            }
            WatchEvent::Error(status) => Answer::Status(status.clone()).to_json().into(),
        };
        let mut frame = format!("{{\"type\":\"{name}\",\"object\":").into_bytes();
        frame.extend_from_slice(&object);
        frame.extend_from_slice(b"}\n");
        frame
    }
}

/// What the server's own types say where nothing is set, and those that it shows have no words for.
fn bare(kind: &KindInfo, object: Tree) -> Tree {
    match (&*kind.group, &*kind.kind) {
        ("apps", "Deployment" | "ReplicaSet" | "StatefulSet") => {
            object.with(&["spec", "replicas"], 0)
        }
        ("apps", "ControllerRevision") => object.with(&["data"], Tree::null()),
        ("apps", "DaemonSet") => object.with(&TEMPLATES, "0"),
        _ => object,
    }
}

/// An object of which only the revision is known.
fn bookmark(kind: &KindInfo, revision: u64, initial_events_end: bool) -> Tree {
    let object =
        Tree::map([("kind", Tree::from(&*kind.kind)), ("apiVersion", kind.api_version().into())])
            .with(&["metadata", "resourceVersion"], revision.to_string());
    let object = if kind.custom { object } else { bare(kind, kind.schema.unset(&object)) };
    if initial_events_end {
        return object.with(&["metadata", "annotations", "k8s.io/initial-events-end"], "true");
    }
    object
}
