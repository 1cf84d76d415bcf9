//! Questions that nothing is stored of: who am I, may I, whose token is this. And the tokens themselves.

use jiff::SignedDuration;

use super::claim::Claim;
use super::{Answered, Call, body, write};
use crate::authentication::{Claims, ISSUER};
use crate::authorization::Deed;
use crate::kinds::KindInfo;
use crate::object::{Operation, Tree, text};
use crate::ownership::{Ownership, Update};
use crate::request::{Answer, Response, User};
use crate::schema::Schema;
use crate::status::{Details, FieldError, Status};
use crate::store::Server;

/// The kinds that are answered and not kept.
pub(super) fn is_review(group: &str, kind: &str) -> bool {
    matches!(group, "authentication.k8s.io" | "authorization.k8s.io") && kind.ends_with("Review")
}

pub(super) fn review(call: &mut Call<'_>) -> Answered {
    let sent = body::object(call)?;
    let sent = write::place(call, &sent)?;
    let sent = write::shape(call, &sent, None)?;
    let info = call.kind.info.clone();
    let status = match &*info.kind {
        "SelfSubjectReview" => Tree::empty_map().with(&["userInfo"], user_info(&call.request.user)),
        "TokenReview" => token_status(call, &sent)?,
        "SelfSubjectRulesReview" => rules_status(call, &sent)?,
        _ => access_status(call, &sent)?,
    };
    let mut answer = sent.with(&["status"], status);
    if &*info.kind == "SelfSubjectReview" {
        answer = answer.with(&["metadata", "creationTimestamp"], call.now);
    } else if !answer.get("metadata").is_some_and(Tree::is_map) {
        answer = answer.with(&["metadata"], Tree::empty_map());
    }
    // Servers before 1.34 say of everything when it was made.
    let created_at = ["metadata", "creationTimestamp"];
    if call.server.profile().minor < 34 && answer.at(&created_at).is_none() {
        answer = answer.with(&created_at, Tree::null());
    }
    // Nothing is stored, and still its writer is told what he owns.
    let note = call.write_note(Operation::Update);
    let ownership = Claim::Stated(None).ownership(call, &note, None, &sent);
    let managers = ownership.managers();
    if !managers.is_empty() {
        answer = answer.with(&["metadata", "managedFields"], managers.to_tree());
    }
    Ok(created(answer))
}

fn created(tree: Tree) -> Response {
    Response { code: 201, body: Answer::Tree(tree), warnings: Vec::new(), changed: false }
}

/// A user as reviews show one.
pub(super) fn user_info(user: &User) -> Tree {
    let texts = |texts: &mut dyn Iterator<Item = &str>| Tree::list(texts.map(Tree::from));
    let mut info = Tree::empty_map().with(&["username"], &*user.name);
    if !user.uid.is_empty() {
        info = info.with(&["uid"], &*user.uid);
    }
    if !user.groups.is_empty() {
        info = info.with(&["groups"], texts(&mut user.groups.iter().map(|group| &**group)));
    }
    for (key, values) in &user.extra {
        info = info.with(&["extra", key], texts(&mut values.iter().map(|value| &**value)));
    }
    info
}

fn token_status(call: &Call<'_>, sent: &Tree) -> Result<Tree, Status> {
    let token = sent.str_at(&["spec", "token"]).unwrap_or_default();
    if token.is_empty() {
        return Err(Status::bad_request("token is required for TokenReview in authentication"));
    }
    let asked: Vec<&str> = strings(sent, &["spec", "audiences"]).collect();
    Ok(match call.server.authenticate(token, &asked, call.now) {
        Ok(shown) => Tree::empty_map()
            .with(&["authenticated"], true)
            .with(&["user"], user_info(&shown.user))
            .with(&["audiences"], Tree::list(shown.audiences.iter().map(|one| Tree::from(&**one)))),
        Err(why) => Tree::empty_map().with(&["user"], Tree::empty_map()).with(&["error"], why),
    })
}

fn strings<'t>(tree: &'t Tree, path: &[&str]) -> impl Iterator<Item = &'t str> {
    tree.at(path).into_iter().flat_map(Tree::items).filter_map(Tree::as_str)
}

fn rules_status(call: &Call<'_>, sent: &Tree) -> Result<Tree, Status> {
    let namespace = sent.str_at(&["spec", "namespace"]).unwrap_or_default();
    if namespace.is_empty() {
        return Err(Status::bad_request("no namespace on request"));
    }
    let (resources, paths) = call.server.rules_of(&call.request.user, namespace);
    Ok(Tree::empty_map()
        .with(&["resourceRules"], Tree::list(resources))
        .with(&["nonResourceRules"], Tree::list(paths))
        .with(&["incomplete"], false))
}

fn access_status(call: &Call<'_>, sent: &Tree) -> Result<Tree, Status> {
    let info = &*call.kind.info;
    let is_own = &*info.kind == "SelfSubjectAccessReview";
    let about = sent.at(&["spec", "resourceAttributes"]).filter(|about| about.is_map());
    let path = sent.at(&["spec", "nonResourceAttributes"]).filter(|path| path.is_map());
    let mut errors = Vec::new();
    if about.is_some() && path.is_some() {
        let detail = "cannot be specified in combination with resourceAttributes";
        // The real server prints its own type.
        let printed = path.map(|path| {
            let text = |key: &str| path.get(key).cloned().unwrap_or_else(|| "".into());
            Tree::map([("Path", text("path")), ("Verb", text("verb"))]).to_json()
        });
        errors.push(FieldError::invalid_printed(
            "spec.nonResourceAttributes",
            &String::from_utf8_lossy(&printed.unwrap_or_default()),
            detail,
        ));
    }
    if about.is_none() && path.is_none() {
        let detail = "exactly one of nonResourceAttributes or resourceAttributes must be specified";
        errors.push(FieldError::invalid("spec.resourceAttributes", &Tree::null(), detail));
    }
    let user = if is_own {
        call.request.user.clone()
    } else {
        let name = sent.str_at(&["spec", "user"]).unwrap_or_default();
        let groups: Vec<String> = strings(sent, &["spec", "groups"]).map(str::to_owned).collect();
        if name.is_empty() && groups.is_empty() {
            let detail = "at least one of user or group must be specified";
            errors.push(FieldError::invalid("spec.user", &"".into(), detail));
        }
        User::new(name.to_owned(), groups)
    };
    if &*info.kind == "LocalSubjectAccessReview" {
        let namespace = about.and_then(|about| about.str_at(&["namespace"])).unwrap_or_default();
        if namespace != call.request.namespace {
            let detail = "must match metadata.namespace";
            let field = "spec.resourceAttributes.namespace";
            errors.push(FieldError::invalid(field, &namespace.into(), detail));
        }
        if path.is_some() {
            let detail = "disallowed on this kind of request";
            errors.push(FieldError::forbidden("spec.nonResourceAttributes", detail));
        }
    }
    for error in &mut errors {
        error.in_words_of(call.server.profile().minor);
    }
    if !errors.is_empty() {
        // It names no kind.
        let details = Details { group: info.group.to_string(), ..Default::default() };
        return Err(Status::invalid_object(".authorization.k8s.io", details, &errors));
    }
    let text = |key: &str| {
        let of = about.or(path).and_then(|of| of.str_at(&[key]));
        of.unwrap_or_default().to_owned()
    };
    let deed = Deed {
        verb: text("verb"),
        path: if path.is_some() { text("path") } else { String::new() },
        group: text("group"),
        version: text("version"),
        resource: text("resource"),
        subresource: text("subresource"),
        namespace: text("namespace"),
        name: text("name"),
    };
    let decision = call.server.authorize(&user, &deed);
    let status = Tree::empty_map().with(&["allowed"], decision.allowed);
    Ok(if decision.reason.is_empty() { status } else { status.with(&["reason"], decision.reason) })
}

/// The shortest and the longest time a token may live, and that of one for which nothing is said.
const SHORTEST: i64 = 600;
const LONGEST: i64 = 1 << 32;
const USUAL: i64 = 3600;

/// A token of a service account.
pub(super) fn token(call: &mut Call<'_>) -> Answered {
    let sent = body::raw(call)?;
    let (kind, version) = (sent.str_at(&["kind"]), sent.str_at(&["apiVersion"]));
    if kind.is_some_and(|kind| kind != "TokenRequest") {
        let (kind, version) = (kind.unwrap_or_default(), version.unwrap_or_default());
        return Err(Status::bad_request(format!(
            "{kind} in version {version:?} cannot be handled as a TokenRequest"
        )));
    }
    let account = call.stored()?;
    let own_name = sent.str_at(&["metadata", "name"]).unwrap_or_default();
    if !own_name.is_empty() && own_name != account.name() {
        return Err(Status::bad_request(format!(
            "the name of the object ({own_name}) does not match the name on the URL ({})",
            account.name()
        )));
    }
    let mut audiences: Vec<String> =
        strings(&sent, &["spec", "audiences"]).map(str::to_owned).collect();
    if audiences.is_empty() {
        audiences.push(ISSUER.to_owned());
    }
    let seconds = sent.int_at(&["spec", "expirationSeconds"]).unwrap_or(USUAL);
    let detail = match seconds {
        ..SHORTEST => "may not specify a duration less than 10 minutes",
        SHORTEST..=LONGEST => "",
        _ => "may not specify a duration larger than 2^32 seconds",
    };
    if !detail.is_empty() {
        let error = FieldError::invalid("spec.expirationSeconds", &seconds.into(), detail);
        let details = Details {
            group: "authentication.k8s.io".into(),
            kind: "TokenRequest".into(),
            ..Default::default()
        };
        return Err(Status::invalid_object(
            "TokenRequest.authentication.k8s.io",
            details,
            &[error],
        ));
    }
    let reference = sent.at(&["spec", "boundObjectRef"]).filter(|of| of.is_map());
    let bound = reference.map(|reference| bound(call, reference)).transpose()?;
    let expires = call.now + SignedDuration::from_secs(seconds);
    let claims = Claims { account: &account, audiences: audiences.clone(), expires, bound };
    let now = call.now;
    let token = call.server.new_token(&claims, now);
    let spec = Tree::empty_map()
        .with(&["audiences"], Tree::list(audiences.iter().map(|one| Tree::from(&**one))))
        .with(&["expirationSeconds"], seconds)
        .with(&["boundObjectRef"], reference.cloned().unwrap_or_default());
    let metadata = Tree::empty_map()
        .with(&["name"], account.name())
        .with(&["namespace"], account.namespace())
        .with(&["uid"], account.uid())
        .with(&["creationTimestamp"], now);
    let status = Tree::empty_map()
        .with(&["token"], token)
        .with(&["expirationTimestamp"], whole_second(expires));
    let request = Tree::empty_map()
        .with(&["kind"], "TokenRequest")
        .with(&["apiVersion"], "authentication.k8s.io/v1")
        .with(&["metadata"], metadata)
        .with(&["spec"], spec);
    let stated = match reference {
        Some(_) => request.clone(),
        None => request.without(&["spec", "boundObjectRef"]),
    };
    let managers = token_managers(call, &stated);
    Ok(created(request.with(&["metadata", "managedFields"], managers).with(&["status"], status)))
}

/// Who owns what of a request for a token: whoever sent it.
fn token_managers(call: &Call<'_>, request: &Tree) -> Tree {
    let mut info = KindInfo::clone(call.info());
    let table = call.server.profile().table();
    let Some(schema) = Schema::builtin(table, "authentication.v1.TokenRequest") else {
        return Tree::list([]);
    };
    let version = "authentication.k8s.io/v1";
    (info.group, info.version, info.kind) =
        (text("authentication.k8s.io"), text("v1"), text("TokenRequest"));
    info.schema = schema;
    let write = Server::write_by(call.request, version, Operation::Update, call.now);
    let minor = call.server.profile().minor;
    let info = std::sync::Arc::new(info);
    let update = Update {
        write: &write,
        kind: &info,
        others: Vec::new(),
        minor,
        old: None,
        new: request,
        stated: None,
    };
    Ownership::default().after(update).managers().to_tree()
}

fn whole_second(time: jiff::Timestamp) -> jiff::Timestamp {
    jiff::Timestamp::from_second(time.as_second()).unwrap_or(time)
}

/// What a token ends with: its claim, its name and its uid.
fn bound(call: &Call<'_>, reference: &Tree) -> Result<(&'static str, String, String), Status> {
    let text = |key: &str| reference.str_at(&[key]).unwrap_or_default();
    let (kind, name, uid) = (text("kind"), text("name"), text("uid"));
    let (claim, namespace) = match kind {
        "Pod" => ("pod", &*call.request.namespace),
        "Secret" => ("secret", &*call.request.namespace),
        "Node" => ("node", ""),
        _ => {
            return Err(Status::bad_request(format!(
                "cannot bind token for serviceaccount {:?} to object of kind {kind:?}",
                call.request.name
            )));
        }
    };
    let id = call.server.kind("", kind).expect("every version has pods, secrets and nodes");
    let info = call.server.kind_info(id).expect("every version has pods, secrets and nodes");
    let found = call.server.table(id).get(namespace, name);
    let found = found.ok_or_else(|| Status::not_found(info, name))?;
    if !uid.is_empty() && uid != found.uid() {
        let why = format!(
            "the UID in the bound object reference ({uid}) does not match the UID in record. The object might have been deleted and then recreated"
        );
        return Err(Status::conflict(info, name, &why));
    }
    Ok((claim, name.to_owned(), found.uid().to_owned()))
}
