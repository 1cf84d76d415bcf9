//! One request: found, checked, carried out, answered.

mod apply;
mod body;
mod claim;
mod component;
mod container;
mod create;
mod delete;
mod empties;
mod escalation;
mod eviction;
mod fields;
mod metadata;
mod options;
mod page;
mod patched;
mod policy;
mod read;
mod review;
mod scale;
mod signing;
mod spelling;
mod subresource;
mod update;
mod watch;
mod webhook;
mod write;

use std::sync::Arc;

use jiff::Timestamp;

use crate::convert::converted;
use crate::kinds::KindInfo;
use crate::object::{Object, Operation, Tree, Write};
use crate::registry::{Kind, Missing};
use crate::request::{Answer, Outcome, Request, Response, Verb};
use crate::status::Status;
use crate::store::Server;

/// A request on its way, with what it is about.
struct Call<'a> {
    server: &'a mut Server,
    request: &'a Request,
    kind: Kind,
    now: Timestamp,
    warnings: Vec<String>,
    /// What is to be stored is known to be good.
    is_trusted: bool,
    /// The object as the request gives it, before it has the shape of its kind.
    given: Option<Tree>,
    /// What a patch is of, where that is no object as it is stored.
    target: Option<Tree>,
    /// Something of what is wanted was applied that cannot be kept.
    said_more: bool,
    /// The body may have a member twice.
    says_twice: bool,
}

type Answered = Result<Response, Status>;

impl Server {
    /// Carries out a request. Total: whatever is asked, there is an answer.
    pub fn handle(&mut self, request: &Request, now: Timestamp) -> Outcome {
        if !options::is_dry_run(request) {
            return self.respond(request, now, false);
        }
        // A dry run is a real run on a copy that nobody looks at again.
        let mut copy = self.clone();
        copy.is_trial = true;
        // What it draws is nobody's afterwards.
        self.draw("trial");
        let mut outcome = copy.respond(request, now, false);
        if let Outcome::Done(response) = &mut outcome {
            response.changed = false;
        }
        outcome
    }

    /// Stores an object that a server of this version has taken before, without any change: it is not checked again,
    /// which is most of the cost.
    pub fn create_known(&mut self, request: &Request, now: Timestamp) -> Outcome {
        self.respond(request, now, true)
    }

    fn respond(&mut self, request: &Request, now: Timestamp, is_trusted: bool) -> Outcome {
        let kind = match self.kinds.find(&request.resource) {
            Ok(kind) => kind.clone(),
            Err(Missing::Group) => return Outcome::Done(Status::unknown_path().into()),
            Err(Missing::Resource) => return Outcome::Done(Status::unknown_resource().into()),
        };
        let mut call = Call { is_trusted, ..Call::new(self, request, kind, now) };
        match call.respond() {
            Ok(Outcome::Done(mut response)) => {
                response.warnings.append(&mut call.warnings);
                Outcome::Done(response)
            }
            Ok(outcome) => outcome,
            Err(status) => {
                let mut response = Response::from(status);
                response.warnings = call.warnings;
                Outcome::Done(response)
            }
        }
    }
}

impl<'a> Call<'a> {
    fn new(server: &'a mut Server, request: &'a Request, kind: Kind, now: Timestamp) -> Self {
        Self {
            server,
            request,
            kind,
            now,
            warnings: Vec::new(),
            is_trusted: false,
            given: None,
            target: None,
            said_more: false,
            says_twice: true,
        }
    }

    fn respond(&mut self) -> Result<Outcome, Status> {
        let request = self.request;
        let info = &*self.kind.info;
        if !info.namespaced && !request.namespace.is_empty() {
            return Err(Status::unknown_resource());
        }
        let subresource = request.subresource.as_deref();
        let is_there = info.custom || subresource.is_none_or(|name| info.has_subresource(name));
        if !info.deprecation.is_empty() && is_there {
            self.warnings.push(info.deprecation.clone());
        }
        let needs_namespace =
            !matches!(request.verb, Verb::List | Verb::Watch) || !request.name.is_empty();
        if info.namespaced && request.namespace.is_empty() && needs_namespace {
            return Err(if request.name.is_empty() && info.custom {
                Status::unknown_path()
            } else if request.name.is_empty() {
                Status::method_not_allowed()
            } else {
                Status::unknown_resource()
            });
        }
        if request.verb == Verb::Update && request.name.is_empty() {
            return Err(if info.custom {
                Status::bad_request("name must be provided")
            } else {
                Status::method_not_allowed()
            });
        }
        if let Some(subresource) = &request.subresource {
            if !info.has_subresource(subresource) {
                return Err(if info.custom {
                    Status::not_found(info, &request.name)
                } else {
                    Status::unknown_resource()
                });
            }
        } else if !info.verbs.iter().any(|verb| *verb == request.verb.as_str()) {
            return Err(Status::method_not_allowed());
        }
        options::check(self)?;
        let response = match (request.subresource.as_deref(), request.verb) {
            (None, Verb::Get) if info.is("", "ComponentStatus") => component::get(self),
            (None, Verb::List) if info.is("", "ComponentStatus") => component::list(self),
            (None | Some("status" | "ephemeralcontainers" | "resize" | "approval"), Verb::Get) => {
                read::get(self)
            }
            (None, Verb::List) => read::list(self),
            (None, Verb::Watch) => return watch::watch(self),
            (None, Verb::Create) if self.kind.info.is("", "Binding") => subresource::bind_any(self),
            (None, Verb::Create) if review::is_review(&info.group, &info.kind) => {
                review::review(self)
            }
            (None, Verb::Create) => create::create(self),
            (
                None | Some("status" | "ephemeralcontainers" | "resize" | "approval" | "finalize"),
                Verb::Update,
            ) => update::update(self),
            (
                None | Some("status" | "ephemeralcontainers" | "resize" | "approval"),
                Verb::Patch,
            ) => update::patch(self),
            (None, Verb::Delete) => delete::delete(self),
            (Some("scale"), Verb::Get | Verb::Update | Verb::Patch) => scale::scale(self),
            (Some("binding"), Verb::Create) => subresource::bind(self),
            (Some("token"), Verb::Create) => review::token(self),
            (Some("eviction"), Verb::Create) => eviction::evict(self),
            (Some("log"), Verb::Get) => container::log(self),
            (Some("exec" | "attach" | "portforward"), Verb::Get | Verb::Create) => {
                container::session(self)
            }
            (Some("proxy"), _) => container::proxy(self),
            (None, Verb::DeleteCollection) => delete::delete_collection(self),
            _ => Err(Status::method_not_allowed()),
        };
        response.map(Outcome::Done)
    }

    fn info(&self) -> &KindInfo {
        &self.kind.info
    }

    /// The kind in all its versions.
    fn versions(&self) -> impl Iterator<Item = &Arc<KindInfo>> {
        let id = self.kind.id;
        self.server.kinds.iter().filter(move |known| known.id == id).map(|known| &known.info)
    }

    /// The object the request names.
    fn stored(&self) -> Result<Object, Status> {
        let found =
            self.server.table(self.kind.id).get(&self.request.namespace, &self.request.name);
        found.cloned().ok_or_else(|| Status::not_found(self.info(), &self.request.name))
    }

    /// A tree in the version in which objects of this kind are kept.
    fn as_stored(&self, tree: &Tree) -> Tree {
        if self.kind.info.storage {
            return tree.clone();
        }
        match self.server.kinds.storage(self.kind.id) {
            Some(stored) if stored.info.custom => {
                let tree = tree.with(&["apiVersion"], stored.info.api_version());
                let schema = &stored.info.schema;
                let known =
                    schema.prune(&tree, None).map_or_else(|_| tree.clone(), |(tree, _)| tree);
                schema.default(&known, None)
            }
            Some(stored) if tree.str_at(&["apiVersion"]) == Some(&stored.info.api_version()) => {
                tree.clone()
            }
            Some(stored) => converted(tree, &stored.info),
            None => tree.clone(),
        }
    }

    fn write_note(&self, operation: Operation) -> Write {
        Server::write_by(self.request, &self.info().api_version(), operation, self.now)
    }

    fn answer(&self, code: u16, object: Object, changed: bool) -> Response {
        let object = crate::watch::in_version(object, self.info());
        Response { code, body: Answer::Object(object), warnings: Vec::new(), changed }
    }
}
