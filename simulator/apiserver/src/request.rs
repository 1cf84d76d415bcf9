//! What can be asked of a server, and what it answers.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use crate::kinds::KindInfo;
use crate::object::{Object, Tree};
use crate::status::Status;
use crate::watch::Cursor;

/// Group, version and plural.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Gvr {
    pub group: Cow<'static, str>,
    pub version: Cow<'static, str>,
    pub resource: Cow<'static, str>,
}

impl Gvr {
    pub const fn new(group: &'static str, version: &'static str, resource: &'static str) -> Self {
        Self {
            group: Cow::Borrowed(group),
            version: Cow::Borrowed(version),
            resource: Cow::Borrowed(resource),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verb {
    Get,
    List,
    Watch,
    Create,
    Update,
    Patch,
    Delete,
    DeleteCollection,
}

impl Verb {
    pub fn as_str(self) -> &'static str {
        match self {
            Verb::Get => "get",
            Verb::List => "list",
            Verb::Watch => "watch",
            Verb::Create => "create",
            Verb::Update => "update",
            Verb::Patch => "patch",
            Verb::Delete => "delete",
            Verb::DeleteCollection => "deletecollection",
        }
    }
}

#[derive(Clone, Debug, PartialEq)]
pub struct Request {
    pub verb: Verb,
    pub resource: Gvr,
    pub subresource: Option<Cow<'static, str>>,
    /// Empty for cluster-scoped kinds, and for lists over all namespaces.
    pub namespace: String,
    /// Empty for collections.
    pub name: String,
    pub options: Options,
    pub body: Body,
    pub user: User,
}

/// What a URL's query says, as the client wrote it: the answer to a mistake quotes it. The options of a
/// delete are in its body.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// `All`, or nothing.
    pub dry_run: Vec<Cow<'static, str>>,
    pub field_manager: Cow<'static, str>,
    /// Up to its first slash the field manager of those who name none.
    pub user_agent: String,
    /// `Strict`, `Warn` (the default) or `Ignore`.
    pub field_validation: Cow<'static, str>,
    pub label_selector: String,
    pub field_selector: String,
    pub limit: u64,
    pub continue_token: String,
    pub resource_version: String,
    pub resource_version_match: String,
    pub send_initial_events: Option<bool>,
    pub allow_bookmarks: bool,
    /// After which a watch ends; 0: as the server likes.
    pub timeout_seconds: u64,
    /// How long the client waits for anything else, in nanoseconds; 0: as long as it takes.
    pub patience_ns: i64,
    /// What only some subresources know: `container`, `tailLines`.
    pub others: BTreeMap<String, String>,
    /// Of an apply: take fields over from other managers.
    pub force: Option<bool>,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub enum Body {
    #[default]
    None,
    Tree(Tree),
    Patch(PatchKind, Tree),
    Delete(DeleteOptions),
    /// As it came over the wire.
    Bytes {
        content_type: String,
        bytes: Arc<[u8]>,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PatchKind {
    /// RFC 6902.
    Json,
    /// RFC 7386.
    Merge,
    Strategic,
    Apply,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DeleteOptions {
    pub preconditions: Preconditions,
    pub propagation: Option<Propagation>,
    pub grace: Option<i64>,
    /// The old form of `propagation`.
    pub orphan_dependents: Option<bool>,
    pub dry_run: Vec<Cow<'static, str>>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Preconditions {
    pub uid: Option<String>,
    pub resource_version: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Propagation {
    Background,
    Foreground,
    Orphan,
    /// Anything else; refused.
    Unknown(String),
}

impl Propagation {
    pub fn as_str(&self) -> &str {
        match self {
            Self::Background => "Background",
            Self::Foreground => "Foreground",
            Self::Orphan => "Orphan",
            Self::Unknown(policy) => policy,
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    pub name: Cow<'static, str>,
    pub groups: Vec<Cow<'static, str>>,
    /// Empty for those who have none.
    pub uid: String,
    pub extra: BTreeMap<String, Vec<String>>,
}

impl User {
    pub fn new<G: Into<Cow<'static, str>>>(
        name: impl Into<Cow<'static, str>>,
        groups: impl IntoIterator<Item = G>,
    ) -> Self {
        let groups = groups.into_iter().map(Into::into).collect();
        Self { name: name.into(), groups, uid: String::new(), extra: BTreeMap::new() }
    }

    /// Who shows nothing.
    pub fn anonymous() -> Self {
        Self::new("system:anonymous", ["system:unauthenticated"])
    }

    pub fn is_in(&self, group: &str) -> bool {
        self.groups.iter().any(|known| known == group)
    }
}

impl Default for User {
    fn default() -> Self {
        Self::new("system:admin", ["system:masters"])
    }
}

impl Request {
    fn new(verb: Verb, resource: Gvr, namespace: &str, name: &str, body: Body) -> Self {
        Self {
            verb,
            resource,
            subresource: None,
            namespace: namespace.to_owned(),
            name: name.to_owned(),
            options: Options::default(),
            body,
            user: User::default(),
        }
    }

    pub fn get(resource: Gvr, namespace: &str, name: &str) -> Self {
        Self::new(Verb::Get, resource, namespace, name, Body::None)
    }

    pub fn list(resource: Gvr, namespace: &str) -> Self {
        Self::new(Verb::List, resource, namespace, "", Body::None)
    }

    /// Everything after `revision`; with 0 also what there is now, as additions.
    pub fn watch(resource: Gvr, namespace: &str, revision: u64) -> Self {
        let mut request = Self::new(Verb::Watch, resource, namespace, "", Body::None);
        if revision > 0 {
            request.options.resource_version = revision.to_string();
        }
        request
    }

    pub fn create(resource: Gvr, namespace: &str, object: Tree) -> Self {
        Self::new(Verb::Create, resource, namespace, "", Body::Tree(object))
    }

    pub fn update(resource: Gvr, namespace: &str, name: &str, object: Tree) -> Self {
        Self::new(Verb::Update, resource, namespace, name, Body::Tree(object))
    }

    pub fn patch(resource: Gvr, namespace: &str, name: &str, kind: PatchKind, patch: Tree) -> Self {
        Self::new(Verb::Patch, resource, namespace, name, Body::Patch(kind, patch))
    }

    pub fn merge_patch(resource: Gvr, namespace: &str, name: &str, patch: Tree) -> Self {
        Self::patch(resource, namespace, name, PatchKind::Merge, patch)
    }

    pub fn delete(resource: Gvr, namespace: &str, name: &str) -> Self {
        let body = Body::Delete(DeleteOptions::default());
        Self::new(Verb::Delete, resource, namespace, name, body)
    }

    pub fn delete_collection(resource: Gvr, namespace: &str) -> Self {
        let body = Body::Delete(DeleteOptions::default());
        Self::new(Verb::DeleteCollection, resource, namespace, "", body)
    }

    pub fn subresource(mut self, name: impl Into<Cow<'static, str>>) -> Self {
        self.subresource = Some(name.into());
        self
    }

    /// The manager that owns the fields this request writes.
    pub fn by(mut self, manager: impl Into<Cow<'static, str>>) -> Self {
        self.options.field_manager = manager.into();
        self
    }

    pub fn as_user(mut self, name: impl Into<Cow<'static, str>>) -> Self {
        self.user.name = name.into();
        self
    }

    pub fn dry_run(mut self) -> Self {
        self.options.dry_run = vec!["All".into()];
        self
    }

    pub fn strict(mut self) -> Self {
        self.options.field_validation = "Strict".into();
        self
    }

    /// A label selector.
    pub fn selector(mut self, selector: impl Into<String>) -> Self {
        self.options.label_selector = selector.into();
        self
    }

    pub fn field_selector(mut self, selector: impl Into<String>) -> Self {
        self.options.field_selector = selector.into();
        self
    }

    pub fn limit(mut self, limit: u64, continue_token: impl Into<String>) -> Self {
        self.options.limit = limit;
        self.options.continue_token = continue_token.into();
        self
    }

    /// Of a delete; others do not change.
    pub fn delete_options(mut self, change: impl FnOnce(&mut DeleteOptions)) -> Self {
        if let Body::Delete(options) = &mut self.body {
            change(options);
        }
        self
    }

    /// Only if the object still has this uid.
    pub fn if_uid(self, uid: &str) -> Self {
        self.delete_options(|options| options.preconditions.uid = Some(uid.to_owned()))
    }

    pub fn propagation(self, propagation: Propagation) -> Self {
        self.delete_options(|options| options.propagation = Some(propagation))
    }

    /// Seconds a pod has to end.
    pub fn grace(self, seconds: i64) -> Self {
        self.delete_options(|options| options.grace = Some(seconds))
    }
}

/// What a request leads to.
#[derive(Clone, Debug)]
pub enum Outcome {
    Done(Response),
    Watch(Cursor),
    /// A stream to a container.
    Session(Session),
    /// A webhook has to be asked first; its answer goes to the rest of the request.
    Call {
        webhook: Webhook,
        then: Box<Request>,
    },
    /// The request asks for a revision this server has not reached.
    WaitFor(u64),
}

impl Outcome {
    /// The answer of a request that is no watch.
    pub fn done(self) -> Option<Response> {
        match self {
            Outcome::Done(response) => Some(response),
            _ => None,
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    pub namespace: String,
    pub pod: String,
    pub subresource: Cow<'static, str>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Webhook {
    pub configuration: String,
    pub name: String,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Response {
    pub code: u16,
    pub body: Answer,
    pub warnings: Vec<String>,
    /// Whether anything was stored.
    pub changed: bool,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    Object(Object),
    Objects {
        kind: Arc<KindInfo>,
        items: Vec<Object>,
        revision: u64,
        /// Where to go on, if there is more.
        continue_token: Option<String>,
        remaining: Option<u64>,
    },
    Status(Status),
    /// What is not stored: a Scale, a discovery document.
    Tree(Tree),
}

impl Response {
    pub fn object(&self) -> Option<&Object> {
        match &self.body {
            Answer::Object(object) => Some(object),
            _ => None,
        }
    }

    pub fn objects(&self) -> &[Object] {
        match &self.body {
            Answer::Objects { items, .. } => items,
            _ => &[],
        }
    }

    /// The error, if it is one.
    pub fn error(&self) -> Option<&Status> {
        match &self.body {
            Answer::Status(status) if self.code >= 400 => Some(status),
            _ => None,
        }
    }

    pub fn is_success(&self) -> bool {
        self.code < 400
    }
}

impl From<Status> for Response {
    fn from(status: Status) -> Self {
        Self {
            code: status.code,
            body: Answer::Status(status),
            warnings: Vec::new(),
            changed: false,
        }
    }
}
