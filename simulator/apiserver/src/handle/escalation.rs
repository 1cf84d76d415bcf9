//! Nobody grants what he does not hold: what is asked before a role or a binding is written.

use std::collections::BTreeSet;

use super::Call;
use crate::authorization::{self, Deed, MASTERS, RBAC};
use crate::object::Tree;
use crate::status::Status;

/// `old`: what is replaced.
pub(super) fn check(call: &Call<'_>, new: &Tree, old: Option<&Tree>) -> Result<(), Status> {
    let (info, user) = (call.info(), &call.request.user);
    if *info.group != *RBAC || call.is_trusted || user.is_in(MASTERS) {
        return Ok(());
    }
    if old.is_some_and(|old| frees_only(new, old)) {
        return Ok(());
    }
    if info.kind.ends_with("Binding") { binding(call, new) } else { role(call, new, old) }
}

fn role(call: &Call<'_>, new: &Tree, old: Option<&Tree>) -> Result<(), Status> {
    let request = call.request;
    if may(call, "escalate", &call.info().plural, &request.name) {
        return Ok(());
    }
    confirm(call, new, new.get("rules").map_or(&[][..], Tree::items))?;
    let gathers = |role: &Tree| {
        let selectors = role.at(&["aggregationRule", "clusterRoleSelectors"]);
        selectors.is_some_and(|selectors| !selectors.is_empty())
    };
    let everything = authorization::everything();
    if (gathers(new) || old.is_some_and(gathers)) && confirm(call, new, &everything).is_err() {
        let why = "must have cluster-admin privileges to use the aggregationRule";
        return Err(Status::forbidden(call.info(), name(new), why));
    }
    Ok(())
}

fn binding(call: &Call<'_>, new: &Tree) -> Result<(), Status> {
    let text = |key: &str| new.str_at(&["roleRef", key]).unwrap_or_default();
    let (kind, role) = (text("kind"), text("name"));
    let resource = match kind {
        "ClusterRole" => "clusterroles",
        "Role" => "roles",
        // It is refused for that.
        _ => return Ok(()),
    };
    if may(call, "bind", resource, role) {
        return Ok(());
    }
    let rules = call.server.rules(kind, &call.request.namespace, role);
    let rules = rules.ok_or_else(|| Status::not_found(call.info(), role))?;
    let rules: Vec<Tree> = rules.into_iter().cloned().collect();
    confirm(call, new, &rules)
}

fn may(call: &Call<'_>, verb: &str, resource: &str, name: &str) -> bool {
    let deed = Deed {
        verb: verb.to_owned(),
        group: RBAC.to_owned(),
        version: "*".to_owned(),
        resource: resource.to_owned(),
        namespace: call.request.namespace.clone(),
        name: name.to_owned(),
        ..Deed::default()
    };
    call.server.authorize(&call.request.user, &deed).allowed
}

/// A change of nothing but what keeps an object from being collected.
fn frees_only(new: &Tree, old: &Tree) -> bool {
    let rest = |tree: &Tree| {
        ["ownerReferences", "finalizers", "selfLink", "managedFields"]
            .iter()
            .fold(tree.clone(), |tree, key| tree.without(&["metadata", key]))
    };
    rest(new) == rest(old)
}

fn name(tree: &Tree) -> &str {
    tree.str_at(&["metadata", "name"]).unwrap_or_default()
}

/// Whether the author holds all that these rules grant, where he grants it.
fn confirm(call: &Call<'_>, role: &Tree, rules: &[Tree]) -> Result<(), Status> {
    let user = &call.request.user;
    let mut lost = Vec::new();
    let held = call.server.held(user, &call.request.namespace, &mut lost);
    let missing = rules.iter().flat_map(Rule::each);
    let missing = missing.filter(|rule| !held.iter().any(|held| rule.is_covered_by(held)));
    let missing: Vec<Rule> = missing.collect();
    if missing.is_empty() {
        return Ok(());
    }
    let groups: Vec<String> = user.groups.iter().map(|group| format!("{group:?}")).collect();
    let lines: BTreeSet<String> = compact(missing).iter().map(Rule::to_string).collect();
    let lines: Vec<String> = lines.into_iter().collect();
    let mut why = format!(
        "user {:?} (groups=[{}]) is attempting to grant RBAC permissions not currently held:\n{}",
        user.name,
        groups.join(" "),
        lines.join("\n")
    );
    match lost.as_slice() {
        [] => {}
        [one] => why += &format!("; resolution errors: [{one}]"),
        several => why += &format!("; resolution errors: [[{}]]", several.join(", ")),
    }
    Err(Status::forbidden(call.info(), name(role), &why))
}

/// The smallest thing that can be granted; its verbs are joined to be shown.
struct Rule {
    /// Group and resource.
    of: Option<(String, String)>,
    path: Option<String>,
    name: Option<String>,
    verbs: Vec<String>,
}

impl Rule {
    /// What a rule of a role grants, one by one.
    fn each(rule: &Tree) -> Vec<Rule> {
        let texts = |key: &str| -> Vec<String> {
            let items = rule.get(key).map_or(&[][..], Tree::items);
            items.iter().filter_map(Tree::as_str).map(str::to_owned).collect()
        };
        let (verbs, names) = (texts("verbs"), texts("resourceNames"));
        let names: Vec<Option<String>> =
            if names.is_empty() { vec![None] } else { names.into_iter().map(Some).collect() };
        let mut each = Vec::new();
        for group in texts("apiGroups") {
            for resource in texts("resources") {
                for verb in &verbs {
                    each.extend(names.iter().map(|name| Rule {
                        of: Some((group.clone(), resource.clone())),
                        path: None,
                        name: name.clone(),
                        verbs: vec![verb.clone()],
                    }));
                }
            }
        }
        for path in texts("nonResourceURLs") {
            each.extend(verbs.iter().map(|verb| Rule {
                of: None,
                path: Some(path.clone()),
                name: None,
                verbs: vec![verb.clone()],
            }));
        }
        each
    }

    fn is_covered_by(&self, held: &Tree) -> bool {
        let has = |key: &str, fits: &dyn Fn(&str) -> bool| {
            held.get(key).into_iter().flat_map(Tree::items).filter_map(Tree::as_str).any(fits)
        };
        let is_open = held.get("resourceNames").is_none_or(Tree::is_empty);
        let named = self.name.as_ref();
        self.verbs.iter().all(|verb| has("verbs", &|known| known == "*" || known == verb))
            && self.of.as_ref().is_none_or(|(group, resource)| {
                let sub = resource.split_once('/').map(|(_, sub)| sub);
                has("apiGroups", &|known| known == "*" || known == group)
                    && has("resources", &|known| {
                        known == "*"
                            || known == resource
                            || sub.is_some() && known.strip_prefix("*/") == sub
                    })
            })
            && self.path.as_ref().is_none_or(|path| {
                has("nonResourceURLs", &|known| {
                    let start = known.trim_end_matches('*');
                    known == path || start.len() < known.len() && path.starts_with(start)
                })
            })
            && (is_open || named.is_some_and(|name| has("resourceNames", &|known| known == name)))
    }
}

/// With the verbs of each resource together.
fn compact(rules: Vec<Rule>) -> Vec<Rule> {
    let mut joined: Vec<Rule> = Vec::new();
    for rule in rules {
        let same = |known: &&mut Rule| {
            known.of.is_some() && known.of == rule.of && known.name == rule.name
        };
        match joined.iter_mut().find(same) {
            Some(known) => {
                let news = rule.verbs.into_iter().filter(|verb| !known.verbs.contains(verb));
                let news: Vec<String> = news.collect();
                known.verbs.extend(news);
            }
            None => joined.push(rule),
        }
    }
    joined
}

impl std::fmt::Display for Rule {
    /// `{APIGroups:[""], Resources:["pods"], Verbs:["get" "list"]}`
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let verbs: Vec<String> = self.verbs.iter().map(|verb| format!("{verb:?}")).collect();
        f.write_str("{")?;
        if let Some((group, resource)) = &self.of {
            write!(f, "APIGroups:[{group:?}], Resources:[{resource:?}], ")?;
        }
        if let Some(path) = &self.path {
            write!(f, "NonResourceURLs:[{path:?}], ")?;
        }
        if let Some(name) = &self.name {
            write!(f, "ResourceNames:[{name:?}], ")?;
        }
        write!(f, "Verbs:[{}]}}", verbs.join(" "))
    }
}
