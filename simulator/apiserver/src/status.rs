//! Errors (and the successes that return no object) in Kubernetes' words.

mod field;

use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};

use crate::Tree;
use crate::kinds::KindInfo;

pub use field::{FieldError, FieldErrorKind};

/// A `Status`. Displays as its message.
#[derive(Clone, Debug, Default, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Status {
    pub code: u16,
    /// Empty for errors that have none, and for successes.
    pub reason: &'static str,
    pub message: String,
    pub details: Option<Box<Details>>,
    /// Where a list that cannot be continued consistently can be continued after all.
    pub continue_token: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Details {
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub group: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub kind: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub uid: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub causes: Vec<Cause>,
    #[serde(rename = "retryAfterSeconds", skip_serializing_if = "Option::is_none")]
    pub retry_after_seconds: Option<u32>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Cause {
    #[serde(skip_serializing_if = "str::is_empty")]
    pub reason: &'static str,
    pub message: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub field: String,
}

/// `deployments.apps`, or `pods`.
pub(crate) fn group_resource(kind: &KindInfo) -> String {
    qualified(&kind.plural, &kind.group)
}

/// `Deployment.apps`, or `Pod`.
pub(crate) fn group_kind(kind: &KindInfo) -> String {
    qualified(&kind.kind, said_group(kind))
}

/// The group of a kind in whatever is said of its objects: that of the form a server checks them in.
fn said_group(kind: &KindInfo) -> &str {
    match (&*kind.group, &*kind.kind) {
        ("events.k8s.io", "Event") => "",
        ("networking.k8s.io", "Ingress" | "NetworkPolicy") if kind.schema.minor() < 22 => {
            "extensions"
        }
        (group, _) => group,
    }
}

fn qualified(name: &str, group: &str) -> String {
    if group.is_empty() { name.to_owned() } else { format!("{name}.{group}") }
}

impl Status {
    fn error(code: u16, reason: &'static str, message: impl Into<String>) -> Self {
        Self { code, reason, message: message.into(), ..Self::default() }
    }

    fn about(mut self, details: Details) -> Self {
        self.details = Some(Box::new(details));
        self
    }

    pub fn not_found(kind: &KindInfo, name: &str) -> Self {
        let message = format!("{} {name:?} not found", group_resource(kind));
        Self::error(404, "NotFound", message).about(of_resource(kind, name))
    }

    /// For a part of the control plane that nobody knows: the real server spells its kind so.
    pub fn no_component(name: &str) -> Self {
        let details =
            Details { name: name.to_owned(), kind: "componentstatus".into(), ..Details::default() };
        Self::error(404, "NotFound", format!("componentstatus {name:?} not found")).about(details)
    }

    /// For a resource or subresource that is not there in a group that is.
    pub fn unknown_resource() -> Self {
        Self::error(404, "NotFound", "the server could not find the requested resource")
            .about(Details::default())
    }

    /// For a group that is not there. Over HTTP this is plain text, no Status.
    pub fn unknown_path() -> Self {
        Self::error(404, "", "404 page not found")
    }

    /// Whether it goes over the wire as plain text.
    pub fn is_plain_text(&self) -> bool {
        self.reason.is_empty() && self.code == 404 || self.is_bare()
    }

    /// Whether it does not say what it is: who cuts a request off writes JSON by hand.
    pub(crate) fn is_bare(&self) -> bool {
        self.reason == "Timeout"
            && self.details.as_ref().is_some_and(|it| **it == Details::default())
    }

    /// A request that takes longer than its client waits.
    pub fn out_of_time() -> Self {
        let message = "Timeout: request did not complete within the allotted timeout";
        Self::error(504, "Timeout", message).about(Details::default())
    }

    pub fn already_exists(kind: &KindInfo, name: &str) -> Self {
        let message = format!("{} {name:?} already exists", group_resource(kind));
        Self::error(409, "AlreadyExists", message).about(of_resource(kind, name))
    }

    /// The name that the server made from a prefix is taken, or the client sent both.
    pub fn no_unique_name(kind: &KindInfo, name: &str) -> Self {
        let mut status = Self::already_exists(kind, name);
        status.message += ", the server was not able to generate a unique name for the object";
        if let Some(details) = &mut status.details {
            details.retry_after_seconds = Some(1);
        }
        status
    }

    /// Of an object that is about to go, what is said of one that stays.
    #[must_use]
    pub fn of_what_is_deleted(mut self) -> Self {
        self.message = format!("object is being deleted: {}", self.message);
        self
    }

    pub fn conflict(kind: &KindInfo, name: &str, why: &str) -> Self {
        let message =
            format!("Operation cannot be fulfilled on {} {name:?}: {why}", group_resource(kind));
        Self::error(409, "Conflict", message).about(of_resource(kind, name))
    }

    pub(crate) fn conflict_with(message: String, details: Details) -> Self {
        Self::error(409, "Conflict", message).about(details)
    }

    /// Of a missing object, whose scale was asked for.
    pub(crate) fn about_scale(mut self, kind: &KindInfo) -> Self {
        let own = &*kind.plural;
        self.message = self.message.replacen(own, &format!("{own}/scale"), 1);
        if let Some(details) = &mut self.details {
            details.kind = format!("{own}/scale");
        }
        self
    }

    /// Of an apply. Each cause: who owns the field, and where it is.
    pub(crate) fn apply_conflict(message: String, causes: &[(&str, String)]) -> Self {
        let causes = causes.iter().map(|(manager, path)| Cause {
            reason: "FieldManagerConflict",
            message: format!("conflict with {manager}"),
            field: path.clone(),
        });
        let details = Details { causes: causes.collect(), ..Details::default() };
        Self::conflict_with(message, details)
    }

    /// For a form that the answer cannot take.
    pub(crate) fn not_acceptable(message: String) -> Self {
        Self::error(406, "NotAcceptable", message)
    }

    pub(crate) fn with_empty_details(self) -> Self {
        self.about(Details::default())
    }

    pub fn modified(kind: &KindInfo, name: &str) -> Self {
        Self::conflict(
            kind,
            name,
            "the object has been modified; please apply your changes to the latest version and try again",
        )
    }

    /// A precondition of a delete that does not hold: it names the kind where others name the resource.
    pub fn delete_conflict(kind: &KindInfo, name: &str, why: &str) -> Self {
        if kind.ends_by_itself() {
            return Self::conflict(kind, name, why);
        }
        let message =
            format!("Operation cannot be fulfilled on {} {name:?}: {why}", group_kind(kind));
        Self::error(409, "Conflict", message).about(of_kind(kind, name))
    }

    pub fn invalid(kind: &KindInfo, name: &str, errors: &[FieldError]) -> Self {
        Self::invalid_object(&group_kind(kind), of_kind(kind, name), errors)
    }

    /// As `invalid`, but named by the resource.
    pub(crate) fn invalid_resource(kind: &KindInfo, name: &str, errors: &[FieldError]) -> Self {
        Self::invalid_object(&group_resource(kind), of_resource(kind, name), errors)
    }

    /// For an options object: `ListOptions`, `DeleteOptions`, ...
    pub fn invalid_options(options: &str, errors: &[FieldError]) -> Self {
        let details =
            Details { group: "meta.k8s.io".into(), kind: options.to_owned(), ..Details::default() };
        Self::invalid_object(&format!("{options}.meta.k8s.io"), details, errors)
    }

    pub(crate) fn invalid_object(what: &str, mut details: Details, errors: &[FieldError]) -> Self {
        let mut distinct: Vec<&FieldError> = Vec::with_capacity(errors.len());
        for error in errors {
            if !distinct.contains(&error) {
                distinct.push(error);
            }
        }
        let rendered: Vec<String> = distinct.iter().map(ToString::to_string).collect();
        let rendered = match rendered.as_slice() {
            [one] => one.clone(),
            several => format!("[{}]", several.join(", ")),
        };
        details.causes = errors
            .iter()
            .map(|error| Cause {
                reason: error.kind.as_str(),
                message: error.body.clone(),
                field: error.field.clone(),
            })
            .collect();
        let message = format!("{what} {:?} is invalid: {rendered}", details.name);
        Self::error(422, "Invalid", message).about(details)
    }

    pub(crate) fn caused_by(
        mut self,
        reason: &'static str,
        message: impl Into<String>,
        field: &str,
    ) -> Self {
        let cause = Cause { reason, message: message.into(), field: field.to_owned() };
        self.details.get_or_insert_default().causes.push(cause);
        self
    }

    /// A patch that cannot be carried out.
    pub fn rejected() -> Self {
        Self::error(
            422,
            "Invalid",
            "the server rejected our request due to an error in our request",
        )
        .about(Details::default())
    }

    pub fn bad_request(message: impl Into<String>) -> Self {
        Self::error(400, "BadRequest", message)
    }

    pub fn forbidden(kind: &KindInfo, name: &str, why: &str) -> Self {
        let resource = group_resource(kind);
        let message = if name.is_empty() {
            format!("{resource} is forbidden: {why}")
        } else {
            format!("{resource} {name:?} is forbidden: {why}")
        };
        Self::error(403, "Forbidden", message).about(of_resource(kind, name))
    }

    /// For a write that a policy does not allow; no reason is that it is invalid.
    pub(crate) fn denied(kind: &KindInfo, name: &str, reason: &str, why: &str) -> Self {
        let (code, reason) = match reason {
            "Forbidden" => (403, "Forbidden"),
            "Unauthorized" => (401, "Unauthorized"),
            "RequestEntityTooLarge" => (413, "RequestEntityTooLarge"),
            _ => (422, "Invalid"),
        };
        let status = Self::forbidden(kind, name, why).caused_by("", why.to_owned(), "");
        Self { code, reason, ..status }
    }

    pub fn method_not_allowed() -> Self {
        Self::error(
            405,
            "MethodNotAllowed",
            "the server does not allow this method on the requested resource",
        )
        .about(Details::default())
    }

    pub fn too_large(why: &str) -> Self {
        Self::error(413, "RequestEntityTooLarge", format!("Request entity too large: {why}"))
    }

    /// For a patch whose result cannot be read as an object of its kind.
    pub(crate) fn invalid_patch(patched: &str, why: &str) -> Self {
        let error = FieldError::invalid("patch", &patched.into(), why);
        Self::invalid_object("", Details::default(), &[error])
    }

    pub(crate) fn not_allowed_for(kind: &KindInfo, message: &str) -> Self {
        Self::error(405, "MethodNotAllowed", message).about(of_resource(kind, ""))
    }

    pub fn unsupported_media_type(message: impl Into<String>) -> Self {
        Self::error(415, "UnsupportedMediaType", message)
    }

    /// A revision that is no longer kept.
    pub fn expired(message: impl Into<String>) -> Self {
        Self::error(410, "Expired", message)
    }

    pub(crate) fn go_on_at(mut self, token: String) -> Self {
        self.continue_token = Some(token);
        self
    }

    pub fn too_large_revision(wanted: u64, current: u64) -> Self {
        let message = format!("Timeout: Too large resource version: {wanted}, current: {current}");
        Self::error(504, "Timeout", message).about(Details {
            causes: vec![Cause {
                reason: "ResourceVersionTooLarge",
                message: "Too large resource version".into(),
                field: String::new(),
            }],
            retry_after_seconds: Some(1),
            ..Details::default()
        })
    }

    /// An error that upstream returns without a reason.
    pub fn plain(code: u16, message: impl Into<String>) -> Self {
        Self::error(code, "", message)
    }

    pub fn internal(message: &str) -> Self {
        Self::error(500, "InternalError", format!("Internal error occurred: {message}")).about(
            Details {
                causes: vec![Cause { message: message.to_owned(), ..Cause::default() }],
                ..Details::default()
            },
        )
    }

    /// What a server that is overloaded or down says; faults use it.
    pub fn unavailable(message: impl Into<String>) -> Self {
        Self::error(503, "ServiceUnavailable", message)
    }

    pub fn too_many_requests(message: impl Into<String>) -> Self {
        Self::error(429, "TooManyRequests", message)
            .about(Details { retry_after_seconds: Some(1), ..Details::default() })
    }

    /// For an eviction that a disruption budget does not allow.
    pub(crate) fn eviction_refused(why: String, retry_after_seconds: Option<u32>) -> Self {
        let causes = vec![Cause { reason: "DisruptionBudget", message: why, ..Cause::default() }];
        let message = "Cannot evict pod as it would violate the pod's disruption budget.";
        Self::error(429, "TooManyRequests", message).about(Details {
            causes,
            retry_after_seconds,
            ..Details::default()
        })
    }

    pub(crate) fn forbidden_with(message: String, group: &str, plural: &str, name: &str) -> Self {
        Self::error(403, "Forbidden", message).about(Details {
            name: name.to_owned(),
            group: group.to_owned(),
            kind: plural.to_owned(),
            ..Details::default()
        })
    }

    /// After how many seconds a client should ask again.
    pub fn retry_after(&self) -> Option<u32> {
        self.details.as_ref()?.retry_after_seconds
    }

    /// The answer to a delete that returns no object.
    pub fn deleted(kind: &KindInfo, name: &str, uid: &str) -> Self {
        let details = Details { uid: uid.to_owned(), ..of_resource(kind, name) };
        Self { code: 200, details: Some(Box::new(details)), ..Self::default() }
    }

    /// The answer to a request that made nothing to return.
    pub fn created() -> Self {
        Self { code: 201, ..Self::default() }
    }

    pub fn is_success(&self) -> bool {
        self.code < 400
    }
}

pub(crate) fn of_resource(kind: &KindInfo, name: &str) -> Details {
    Details {
        name: name.to_owned(),
        group: kind.group.to_string(),
        kind: kind.plural.to_string(),
        ..Details::default()
    }
}

fn of_kind(kind: &KindInfo, name: &str) -> Details {
    Details {
        kind: kind.kind.to_string(),
        group: said_group(kind).to_owned(),
        ..of_resource(kind, name)
    }
}

impl Serialize for Status {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        if !self.is_bare() {
            map.serialize_entry("kind", "Status")?;
            map.serialize_entry("apiVersion", "v1")?;
        }
        let metadata = Tree::empty_map();
        map.serialize_entry(
            "metadata",
            &match &self.continue_token {
                Some(token) => metadata.with(&["continue"], token),
                None => metadata,
            },
        )?;
        map.serialize_entry("status", if self.is_success() { "Success" } else { "Failure" })?;
        if !self.message.is_empty() {
            map.serialize_entry("message", &self.message)?;
        }
        if !self.reason.is_empty() {
            map.serialize_entry("reason", self.reason)?;
        }
        if let Some(details) = &self.details {
            map.serialize_entry("details", details)?;
        }
        // A delete that succeeded has no code; a create that made nothing has.
        if self.code != 200 {
            map.serialize_entry("code", &self.code)?;
        }
        map.end()
    }
}
