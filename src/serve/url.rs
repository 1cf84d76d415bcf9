//! From an HTTP request line to a request of the API server.

use std::borrow::Cow;
use std::collections::BTreeMap;

use drydock_apiserver::{Body, Gvr, Options, PatchKind, Request, Tree, User, Verb};

/// What a path asks for.
#[derive(Debug, PartialEq)]
pub enum Asked {
    /// `/api`, `/apis/apps/v1`, ...: a document that describes the server.
    Document,
    Object(Box<Request>),
    /// The method is not one of the API.
    Unsupported,
}

pub struct Incoming<'a> {
    pub method: &'a str,
    pub path: &'a str,
    pub query: &'a str,
    pub content_type: &'a str,
    pub body: &'a [u8],
}

pub fn asked(incoming: &Incoming<'_>) -> Asked {
    let path = decode(incoming.path);
    let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    let (group, version, rest) = match parts.as_slice() {
        ["api", version, rest @ ..] if !rest.is_empty() => ("", *version, rest),
        ["apis", group, version, rest @ ..] if !rest.is_empty() => (*group, *version, rest),
        _ => return Asked::Document,
    };
    let (namespace, rest) = match rest {
        // A namespace is also an object: `/api/v1/namespaces/demo`, and has subresources itself.
        ["namespaces", _, "status" | "finalize"] => ("", *rest),
        ["namespaces", namespace, rest @ ..] if !rest.is_empty() => (*namespace, rest),
        rest => ("", *rest),
    };
    let (resource, name, subresource) = match rest {
        [resource] => (*resource, "", None),
        [resource, name] => (*resource, *name, None),
        [resource, name, subresource] => (*resource, *name, Some(*subresource)),
        _ => return Asked::Document,
    };
    let query = parameters(incoming.query);
    let flag = |name: &str| query.get(name).is_some_and(|value| value == "true" || value == "1");
    let verb = match (incoming.method, name.is_empty()) {
        ("GET", _) if flag("watch") => Verb::Watch,
        ("GET", true) => Verb::List,
        ("GET", false) => Verb::Get,
        ("POST", _) => Verb::Create,
        ("PUT", false) => Verb::Update,
        ("PATCH", false) => Verb::Patch,
        ("DELETE", false) => Verb::Delete,
        ("DELETE", true) => Verb::DeleteCollection,
        _ => return Asked::Unsupported,
    };
    let owned = |text: &str| Cow::Owned(text.to_owned());
    let body = match (verb, incoming.body.is_empty()) {
        (_, true) => Body::None,
        (Verb::Patch, _) => match (patch_kind(incoming.content_type), Tree::from_json(incoming.body)) {
            (Some(kind), Ok(patch)) => Body::Patch(kind, patch),
            _ => bytes(incoming),
        },
        _ => bytes(incoming),
    };
    Asked::Object(Box::new(Request {
        verb,
        resource: Gvr { group: owned(group), version: owned(version), resource: owned(resource) },
        subresource: subresource.map(owned),
        namespace: namespace.to_owned(),
        name: name.to_owned(),
        options: options(&query),
        body,
        user: User::default(),
    }))
}

fn bytes(incoming: &Incoming<'_>) -> Body {
    Body::Bytes { content_type: incoming.content_type.to_owned(), bytes: incoming.body.into() }
}

fn patch_kind(content_type: &str) -> Option<PatchKind> {
    match content_type.split(';').next().unwrap_or_default().trim() {
        "application/json-patch+json" => Some(PatchKind::Json),
        "application/merge-patch+json" => Some(PatchKind::Merge),
        "application/strategic-merge-patch+json" => Some(PatchKind::Strategic),
        "application/apply-patch+yaml" => Some(PatchKind::Apply),
        _ => None,
    }
}

fn options(query: &BTreeMap<String, String>) -> Options {
    let text = |name: &str| query.get(name).cloned().unwrap_or_default();
    let flag = |name: &str| query.get(name).map(|value| value == "true" || value == "1");
    Options {
        dry_run: query.get("dryRun").map(|value| Cow::Owned(value.clone())).into_iter().collect(),
        field_manager: text("fieldManager").into(),
        field_validation: text("fieldValidation").into(),
        label_selector: text("labelSelector"),
        field_selector: text("fieldSelector"),
        limit: text("limit").parse().unwrap_or(0),
        continue_token: text("continue"),
        resource_version: text("resourceVersion"),
        resource_version_match: text("resourceVersionMatch"),
        send_initial_events: flag("sendInitialEvents"),
        allow_bookmarks: flag("allowWatchBookmarks").unwrap_or(false),
        force: flag("force"),
    }
}

pub fn parameters(query: &str) -> BTreeMap<String, String> {
    let pairs = query.split('&').filter(|pair| !pair.is_empty());
    pairs.map(|pair| pair.split_once('=').unwrap_or((pair, ""))).map(|(k, v)| (decode(k), decode(&v.replace('+', " ")))).collect()
}

/// `%2C` as `,`; what is no such code stays as it is.
fn decode(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let code = (bytes[at] == b'%')
            .then(|| bytes.get(at + 1..at + 3))
            .flatten()
            .and_then(|hex| std::str::from_utf8(hex).ok())
            .and_then(|hex| u8::from_str_radix(hex, 16).ok());
        out.push(code.unwrap_or(bytes[at]));
        at += if code.is_some() { 3 } else { 1 };
    }
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(method: &str, path: &str, query: &str) -> Request {
        match asked(&Incoming { method, path, query, content_type: "application/json", body: b"" }) {
            Asked::Object(request) => *request,
            other => panic!("{path} is {other:?}"),
        }
    }

    #[test]
    fn paths_name_kinds_objects_and_subresources() {
        let pod = request("GET", "/api/v1/namespaces/demo/pods/a", "");
        let status = request("PUT", "/apis/apps.kubeblocks.io/v1/namespaces/demo/clusters/c/status", "");
        let namespace = request("DELETE", "/api/v1/namespaces/demo", "");
        let all = request("GET", "/api/v1/pods", "labelSelector=a%3Db&watch=true");

        assert_eq!((pod.verb, &*pod.namespace, &*pod.name), (Verb::Get, "demo", "a"));
        assert_eq!((status.verb, status.subresource.as_deref()), (Verb::Update, Some("status")));
        assert_eq!((namespace.verb, &*namespace.namespace, &*namespace.name), (Verb::Delete, "", "demo"));
        assert_eq!((all.verb, &*all.options.label_selector), (Verb::Watch, "a=b"));
    }

    #[test]
    fn what_describes_the_server_is_no_object() {
        for path in ["/", "/api", "/apis", "/apis/apps/v1", "/version", "/a/b/c/d/e/f/g/h/i", "/%zz%"] {
            let incoming = Incoming { method: "GET", path, query: "", content_type: "", body: b"" };
            assert_eq!(asked(&incoming), Asked::Document, "{path}");
        }
    }
}
