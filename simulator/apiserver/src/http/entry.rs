//! Who asks, and whether they may: what a real server looks at before it reads what is asked for.

use ::http::header::{ACCEPT, AUTHORIZATION};
use ::http::request::Parts;
use ::http::{HeaderMap, HeaderValue, Response as HttpResponse};
use jiff::Timestamp;

use super::{json, refused};
use crate::accept::Form;
use crate::authorization::{Decision, Deed};
use crate::request::User;
use crate::status::Status;
use crate::store::Server;

/// A request at the door.
#[derive(Debug)]
pub struct Entry {
    /// Who asks. None for somebody whose token is not good.
    pub user: Option<User>,
    /// As whom, if they ask in the name of another.
    pub impersonated: Option<User>,
    pub deed: Deed,
    pub decision: Decision,
    /// The answer, if it ends here.
    pub refused: Option<HttpResponse<Vec<u8>>>,
}

/// Whom to take for whom shows nothing.
pub enum Trust {
    /// Nobody in particular: most is closed to them.
    Anonymous,
    /// Who has shown a certificate, or comes in where everybody is trusted.
    User(User),
}

impl Entry {
    /// As whom the request is carried out.
    pub fn acting(&self) -> User {
        let user = self.impersonated.as_ref().or(self.user.as_ref());
        user.cloned().unwrap_or_else(User::anonymous)
    }
}

/// Looks at who asks for what.
pub fn admit(server: &Server, parts: &Parts, trust: Trust, now: Timestamp) -> Entry {
    let form = form_of(&parts.headers);
    let path = parts.uri.path();
    let query = parts.uri.query().unwrap_or_default();
    let deed = Deed::of(parts.method.as_str(), path, query);
    let mut entry = Entry {
        user: None,
        impersonated: None,
        deed,
        decision: Decision::default(),
        refused: None,
    };
    let user = match (bearer(&parts.headers), trust) {
        (Some(token), _) => {
            let Ok(shown) = server.authenticate(token, &[], now) else {
                entry.refused = Some(refused(Status::unauthorized(), form, now));
                return entry;
            };
            shown.user
        }
        (None, Trust::Anonymous) => User::anonymous(),
        (None, Trust::User(user)) => user,
    };
    entry.user = Some(user.clone());
    match impersonated(server, &user, parts, now) {
        Ok(other) => entry.impersonated = other,
        Err(refusal) => {
            entry.refused = Some(*refusal);
            return entry;
        }
    }
    let acting = entry.acting();
    entry.decision = server.authorize(&acting, &entry.deed);
    if !entry.decision.allowed {
        let status = entry.deed.forbidden(&acting, &entry.decision.reason);
        entry.refused = Some(refused(status, form, now));
    }
    entry
}

fn form_of(headers: &HeaderMap) -> Form {
    let accept = headers.get(ACCEPT).and_then(|accept| accept.to_str().ok());
    Form::of_errors(accept.unwrap_or_default())
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let shown = headers.get(AUTHORIZATION)?.to_str().ok()?.trim();
    let (scheme, token) = shown.split_once(' ')?;
    let token = token.trim();
    (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty()).then_some(token)
}

const USER: &str = "impersonate-user";
const GROUP: &str = "impersonate-group";
const UID: &str = "impersonate-uid";
const EXTRA: &str = "impersonate-extra-";

/// As whom somebody asks, if they may ask as them.
fn impersonated(
    server: &Server,
    user: &User,
    parts: &Parts,
    now: Timestamp,
) -> Result<Option<User>, Box<HttpResponse<Vec<u8>>>> {
    let headers = &parts.headers;
    let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    let name = headers.get(USER).map(text).unwrap_or_default();
    let groups: Vec<String> = headers.get_all(GROUP).iter().map(text).collect();
    let uid = headers.get(UID).map(text).unwrap_or_default();
    let mut extra: Vec<(String, String)> = Vec::new();
    for (key, value) in headers {
        if let Some(key) = key.as_str().strip_prefix(EXTRA) {
            extra.push((crate::wire::decode(key), text(value)));
        }
    }
    let beside = !groups.is_empty() || !uid.is_empty() || !extra.is_empty();
    if name.is_empty() {
        if !beside {
            return Ok(None);
        }
        let listed = asked_for(&groups, &uid, &extra);
        let message = format!(
            "Internal Server Error: {:?}: requested {listed} without impersonating a user\n",
            parts.uri.path_and_query().map_or("/", |path| path.as_str())
        );
        let mut answer = json(500, message.into_bytes(), now);
        let plain = HeaderValue::from_static("text/plain; charset=utf-8");
        answer.headers_mut().insert(::http::header::CONTENT_TYPE, plain);
        return Err(Box::new(answer));
    }
    let may = |deed: Deed| {
        let decision = server.authorize(user, &deed);
        if decision.allowed {
            return Ok(());
        }
        Err(Box::new(refused(deed.forbidden(user, &decision.reason), form_of(headers), now)))
    };
    let account = name.strip_prefix("system:serviceaccount:").and_then(|own| own.split_once(':'));
    may(match account {
        Some((namespace, account)) => Deed {
            namespace: namespace.to_owned(),
            ..impersonate("", "serviceaccounts", "", account)
        },
        None => impersonate("", "users", "", &name),
    })?;
    let own = "authentication.k8s.io";
    if !uid.is_empty() {
        may(impersonate(own, "uids", "", &uid))?;
    }
    for group in &groups {
        may(impersonate("", "groups", "", group))?;
    }
    for (key, value) in &extra {
        may(impersonate(own, "userextras", key, value))?;
    }
    let mut other = User::new(name.clone(), groups);
    if let (Some((namespace, _)), true) = (account, other.groups.is_empty()) {
        let own = ["system:serviceaccounts".into(), format!("system:serviceaccounts:{namespace}")];
        other.groups.extend(own.map(Into::into));
    }
    let anonymous = name == "system:anonymous";
    let of_all = if anonymous { "system:unauthenticated" } else { "system:authenticated" };
    if !other.is_in("system:authenticated") && !other.is_in("system:unauthenticated") {
        other.groups.push(of_all.into());
    }
    other.uid = uid;
    for (key, value) in extra {
        other.extra.entry(key).or_default().push(value);
    }
    Ok(Some(other))
}

fn impersonate(group: &str, resource: &str, subresource: &str, name: &str) -> Deed {
    Deed {
        verb: "impersonate".to_owned(),
        group: group.to_owned(),
        resource: resource.to_owned(),
        subresource: subresource.to_owned(),
        name: name.to_owned(),
        ..Deed::default()
    }
}

/// What was asked for, as Go prints references to objects.
fn asked_for(groups: &[String], uid: &str, extra: &[(String, String)]) -> String {
    let mut parts: Vec<String> =
        groups.iter().map(|group| format!("{{Group  {group}    }}")).collect();
    let own = "authentication.k8s.io/v1";
    parts.extend(extra.iter().map(|(key, value)| format!("{{UserExtra  {value}  {own}  {key}}}")));
    if !uid.is_empty() {
        parts.push(format!("{{UID  {uid}  {own}  }}"));
    }
    format!("[{}]", parts.join(" "))
}
