//! What somebody may do, by the roles that are bound to them.

use crate::object::{Object, Tree};
use crate::request::User;
use crate::status::Status;
use crate::store::Server;

/// The group whose members may do everything.
pub(crate) const MASTERS: &str = "system:masters";
pub(crate) const RBAC: &str = "rbac.authorization.k8s.io";

/// What somebody wants to do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Deed {
    pub verb: String,
    /// Of what is no resource; empty for resources.
    pub path: String,
    pub group: String,
    pub version: String,
    pub resource: String,
    pub subresource: String,
    pub namespace: String,
    pub name: String,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Decision {
    pub allowed: bool,
    /// Which binding allows it, or what could not be looked up.
    pub reason: String,
}

/// A rule that holds for somebody, and why.
struct Grant<'a> {
    rule: &'a Tree,
    because: String,
}

impl Deed {
    /// What an HTTP request is about. Total: what names no resource is about its path.
    pub fn of(method: &str, path: &str, query: &str) -> Self {
        let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
        let is_resource = match parts.first() {
            Some(&"api") => parts.len() > 2,
            Some(&"apis") => parts.len() > 3,
            _ => false,
        };
        let place = if is_resource { crate::wire::place(path) } else { None };
        let Some(place) = place else {
            let verb = method.to_lowercase();
            return Self { verb, path: path.to_owned(), ..Self::default() };
        };
        let named = !place.name.is_empty();
        let watches = place.watches || crate::wire::watches(query);
        let verb = match method {
            "POST" => "create",
            "PUT" => "update",
            "PATCH" => "patch",
            "DELETE" if named => "delete",
            "DELETE" => "deletecollection",
            "GET" | "HEAD" if place.watches || watches && !named => "watch",
            "GET" | "HEAD" if named => "get",
            "GET" | "HEAD" => "list",
            _ => "",
        };
        // A namespace is in itself.
        let is_namespace = place.resource.group.is_empty()
            && place.resource.resource == "namespaces"
            && place.namespace.is_empty();
        Self {
            verb: verb.to_owned(),
            path: String::new(),
            group: place.resource.group.into_owned(),
            version: place.resource.version.into_owned(),
            resource: place.resource.resource.into_owned(),
            subresource: place.subresource.unwrap_or_default().into_owned(),
            namespace: if is_namespace { place.name.clone() } else { place.namespace },
            name: place.name,
        }
    }

    fn is_allowed_by(&self, rule: &Tree) -> bool {
        let has = |key: &str, fits: &dyn Fn(&str) -> bool| {
            rule.get(key).into_iter().flat_map(Tree::items).filter_map(Tree::as_str).any(fits)
        };
        if !has("verbs", &|verb| verb == "*" || verb == self.verb) {
            return false;
        }
        if !self.path.is_empty() {
            return has("nonResourceURLs", &|url| match url.strip_suffix('*') {
                Some(start) => self.path.starts_with(start),
                None => self.path == url,
            });
        }
        let whole = self.whole_resource();
        let sub = &*self.subresource;
        has("apiGroups", &|group| group == "*" || group == self.group)
            && has("resources", &|resource| {
                resource == "*"
                    || resource == whole
                    || !sub.is_empty() && resource.strip_prefix("*/") == Some(sub)
            })
            && (rule.get("resourceNames").is_none_or(Tree::is_empty)
                || has("resourceNames", &|name| name == self.name))
    }

    /// `pods/log`.
    fn whole_resource(&self) -> String {
        if self.subresource.is_empty() {
            self.resource.clone()
        } else {
            format!("{}/{}", self.resource, self.subresource)
        }
    }

    /// The refusal, in the words of the real server.
    pub fn forbidden(&self, user: &User, reason: &str) -> Status {
        let reason = if reason.is_empty() { String::new() } else { format!(": {reason}") };
        let (who, verb) = (&user.name, &self.verb);
        if !self.path.is_empty() {
            let why = format!("User {who:?} cannot {verb} path {:?}{reason}", self.path);
            return Status::forbidden_with(format!("forbidden: {why}"), "", "", "");
        }
        let scope = if self.namespace.is_empty() {
            "at the cluster scope".to_owned()
        } else {
            format!("in the namespace {:?}", self.namespace)
        };
        let (group, resource) = (&self.group, self.whole_resource());
        let why = format!(
            "User {who:?} cannot {verb} resource {resource:?} in API group {group:?} {scope}{reason}"
        );
        self.refusal(&why)
    }

    /// A refusal of this deed for any reason.
    pub(crate) fn refusal(&self, why: &str) -> Status {
        let qualified = if self.group.is_empty() {
            self.resource.clone()
        } else {
            format!("{}.{}", self.resource, self.group)
        };
        let message = if self.name.is_empty() {
            format!("{qualified} is forbidden: {why}")
        } else {
            format!("{qualified} {:?} is forbidden: {why}", self.name)
        };
        Status::forbidden_with(message, &self.group, &self.resource, &self.name)
    }
}

impl Server {
    /// Whether somebody may do something: members of `system:masters` everything, others what is bound to them.
    pub fn authorize(&self, user: &User, deed: &Deed) -> Decision {
        if user.is_in(MASTERS) {
            return Decision { allowed: true, reason: String::new() };
        }
        let mut missing = Vec::new();
        let namespace = if deed.path.is_empty() { &*deed.namespace } else { "" };
        let mut grants = self.grants(user, namespace, &mut missing);
        if let Some(grant) = grants.find(|grant| deed.is_allowed_by(grant.rule)) {
            return Decision { allowed: true, reason: grant.because };
        }
        drop(grants);
        let reason = match missing.as_slice() {
            [] => String::new(),
            [one] => format!("RBAC: {one}"),
            several => format!("RBAC: [{}]", several.join(", ")),
        };
        Decision { allowed: false, reason }
    }

    /// The rules that hold for somebody in a namespace: those about resources, and those about paths.
    pub(crate) fn rules_of(&self, user: &User, namespace: &str) -> (Vec<Tree>, Vec<Tree>) {
        let mut all = if user.is_in(MASTERS) { everything() } else { Vec::new() };
        let mut missing = Vec::new();
        all.extend(self.grants(user, namespace, &mut missing).map(|grant| grant.rule.clone()));
        let about_paths =
            |rule: &Tree| rule.get("nonResourceURLs").is_some_and(|of| !of.is_empty());
        all.into_iter().partition(|rule| !about_paths(rule))
    }

    /// The same, unsorted, of bindings alone. `missing`: what could not be looked up.
    pub(crate) fn held(
        &self,
        user: &User,
        namespace: &str,
        missing: &mut Vec<String>,
    ) -> Vec<Tree> {
        self.grants(user, namespace, missing).map(|grant| grant.rule.clone()).collect()
    }

    fn grants<'a>(
        &'a self,
        user: &'a User,
        namespace: &'a str,
        missing: &'a mut Vec<String>,
    ) -> impl Iterator<Item = Grant<'a>> {
        let all = self.of_kind("ClusterRoleBinding");
        let own = self.of_kind("RoleBinding").filter(move |_| !namespace.is_empty());
        let own = own.filter(move |binding| binding.namespace() == namespace);
        all.chain(own).flat_map(move |binding| {
            let Some(subject) = bound(binding, user) else { return Vec::new() };
            let role = binding.tree().get("roleRef");
            let text = |key: &str| role.and_then(|role| role.str_at(&[key])).unwrap_or_default();
            let (kind, name) = (text("kind"), text("name"));
            let Some(rules) = self.rules(kind, binding.namespace(), name) else {
                missing.push(format!("{}.{RBAC} {name:?} not found", kind.to_lowercase()));
                return Vec::new();
            };
            let what = if binding.namespace().is_empty() {
                format!("ClusterRoleBinding {:?}", binding.name())
            } else {
                format!("RoleBinding \"{}/{}\"", binding.name(), binding.namespace())
            };
            let because = format!("RBAC: allowed by {what} of {kind} {name:?} to {subject}");
            let grant = |rule| Grant { rule, because: because.clone() };
            rules.into_iter().map(grant).collect::<Vec<_>>()
        })
    }

    /// What a role grants, with what it gathers from others. `None` if it is not there.
    pub(crate) fn rules(&self, kind: &str, namespace: &str, name: &str) -> Option<Vec<&Tree>> {
        let namespace = if kind == "Role" { namespace } else { "" };
        let role = self.table(self.kind(RBAC, kind)?).get(namespace, name)?;
        let Some(rule) = role.tree().get("aggregationRule") else {
            return Some(rules_in(role).collect());
        };
        let selectors: Vec<_> = rule
            .get("clusterRoleSelectors")
            .into_iter()
            .flat_map(Tree::items)
            .map(crate::selector::LabelSelector::from_tree)
            .collect();
        let parts = self
            .of_kind("ClusterRole")
            .filter(|role| selectors.iter().any(|selector| selector.matches(role)));
        Some(parts.filter(|part| part.name() != name).flat_map(rules_in).collect())
    }

    fn of_kind(&self, kind: &str) -> impl Iterator<Item = &Object> {
        self.kind(RBAC, kind).into_iter().flat_map(|kind| self.table(kind).iter())
    }
}

/// The rules of who may do everything.
pub(crate) fn everything() -> Vec<Tree> {
    let every = |key: &str| Tree::empty_map().with(&["verbs"], star()).with(&[key], star());
    vec![every("apiGroups").with(&["resources"], star()), every("nonResourceURLs")]
}

fn star() -> Tree {
    Tree::list([Tree::from("*")])
}

fn rules_in(role: &Object) -> impl Iterator<Item = &Tree> {
    role.tree().get("rules").into_iter().flat_map(Tree::items)
}

/// As whom somebody is among the subjects of a binding.
fn bound(binding: &Object, user: &User) -> Option<String> {
    binding.tree().get("subjects").into_iter().flat_map(Tree::items).find_map(|subject| {
        let text = |key: &str| subject.str_at(&[key]).unwrap_or_default();
        let name = text("name");
        let shown = match text("kind") {
            "User" if user.name == name => format!("User {name:?}"),
            "Group" if user.is_in(name) => format!("Group {name:?}"),
            "ServiceAccount" => {
                let own = text("namespace");
                let namespace = if own.is_empty() { binding.namespace() } else { own };
                let account = format!("system:serviceaccount:{namespace}:{name}");
                (user.name == account).then(|| format!("ServiceAccount \"{name}/{namespace}\""))?
            }
            _ => return None,
        };
        Some(shown)
    })
}

impl Status {
    /// Who shows what is not good.
    pub fn unauthorized() -> Self {
        Self {
            code: 401,
            reason: "Unauthorized",
            message: "Unauthorized".into(),
            ..Self::default()
        }
    }
}
