//! `ValidatingAdmissionPolicy`: what is asked of every write before it is carried out.

use std::sync::Arc;

use cel::objects::{Key, Map};
use cel::{Context, Value};

use super::{Call, webhook};
use crate::builtin::check::{list, selects, text};
use crate::convert::converted;
use crate::object::{Object, Tree};
use crate::request::Verb;
use crate::schema;
use crate::status::Status;

pub(super) const GROUP: &str = "admissionregistration.k8s.io";

/// A write that is about to happen.
pub(super) struct Change<'a> {
    pub operation: &'static str,
    pub name: &'a str,
    pub object: Option<&'a Tree>,
    pub old: Option<&'a Tree>,
}

/// Asks all who have a say in such a write; the first that denies it says why.
pub(super) fn ask(call: &mut Call<'_>, change: &Change<'_>) -> Result<(), Status> {
    webhook::ask(call, change, "MutatingWebhookConfiguration")?;
    policies(call, change)?;
    webhook::ask(call, change, "ValidatingWebhookConfiguration")
}

fn policies(call: &mut Call<'_>, change: &Change<'_>) -> Result<(), Status> {
    let all = |call: &Call<'_>, kind: &str| -> Vec<Object> {
        let kind = call.server.kind(GROUP, kind);
        kind.into_iter().flat_map(|kind| call.server.table(kind).iter()).cloned().collect()
    };
    // A policy cannot keep anybody from mending it.
    let is_policy = &*call.info().group == GROUP;
    let policies = if is_policy { Vec::new() } else { all(call, "ValidatingAdmissionPolicy") };
    if policies.is_empty() {
        return Ok(());
    }
    let bindings = all(call, "ValidatingAdmissionPolicyBinding");
    let mut denials = Vec::new();
    for policy in &policies {
        let spec = policy.tree().get("spec").cloned().unwrap_or_default();
        let constraints = spec.get("matchConstraints").cloned().unwrap_or_default();
        if !matches(call, change, &constraints) {
            continue;
        }
        let bound = |binding: &&Object| {
            binding.tree().str_at(&["spec", "policyName"]) == Some(policy.name())
        };
        for binding in bindings.iter().filter(bound) {
            let terms = binding.tree().get("spec").cloned().unwrap_or_default();
            let narrower = terms.get("matchResources");
            if narrower.is_some_and(|chosen| !matches(call, change, chosen)) {
                continue;
            }
            for finding in findings(call, change, &spec, &terms) {
                let by = format!("'{}' with binding '{}'", policy.name(), binding.name());
                for action in list(&terms, "validationActions") {
                    match action.as_str() {
                        Some("Warn") => call.warnings.push(format!(
                            "Validation failed for ValidatingAdmissionPolicy {by}: {}",
                            finding.message
                        )),
                        Some("Deny") => denials.push((by.clone(), finding.clone())),
                        _ => {}
                    }
                }
            }
        }
    }
    let Some((by, finding)) = denials.into_iter().next() else { return Ok(()) };
    let why = format!("ValidatingAdmissionPolicy {by} denied request: {}", finding.message);
    Err(Status::denied(call.info(), change.name, &finding.reason, &why))
}

#[derive(Clone)]
struct Finding {
    message: String,
    /// Empty for `Invalid`.
    reason: String,
}

/// Whether a policy or a binding is about such a write.
fn matches(call: &Call<'_>, change: &Change<'_>, chosen: &Tree) -> bool {
    if !selected(call, change, chosen) {
        return false;
    }
    let any = |key: &str| list(chosen, key).iter().any(|rule| covers(call, change, chosen, rule));
    if any("excludeResourceRules") {
        return false;
    }
    list(chosen, "resourceRules").is_empty() || any("resourceRules")
}

/// Whether the selectors choose what is written, or what it replaces.
pub(super) fn selected(call: &Call<'_>, change: &Change<'_>, chosen: &Tree) -> bool {
    let empty = Tree::null();
    let namespaces = chosen.get("namespaceSelector").unwrap_or(&empty);
    if !is_open(namespaces) {
        let labels = match namespace(call) {
            Some(namespace) => namespace.tree().at(&["metadata", "labels"]).cloned(),
            None if call.info().is("", "Namespace") => {
                let tree = change.object.or(change.old);
                tree.and_then(|tree| tree.at(&["metadata", "labels"])).cloned()
            }
            // What is in no namespace is never left out for its namespace.
            None => None,
        };
        let is_there = call.info().namespaced || call.info().is("", "Namespace");
        if is_there && !selects(namespaces, labels.as_ref()) {
            return false;
        }
    }
    let objects = chosen.get("objectSelector").unwrap_or(&empty);
    let picks = |tree: Option<&Tree>| {
        tree.is_some_and(|tree| selects(objects, tree.at(&["metadata", "labels"])))
    };
    is_open(objects) || picks(change.object) || picks(change.old)
}

fn is_open(selector: &Tree) -> bool {
    selector.entries().all(|(_, part)| part.is_empty())
}

fn namespace(call: &Call<'_>) -> Option<Object> {
    if !call.info().namespaced {
        return None;
    }
    let kind = call.server.kind("", "Namespace")?;
    call.server.table(kind).get("", &call.request.namespace).cloned()
}

pub(super) fn covers(call: &Call<'_>, change: &Change<'_>, chosen: &Tree, rule: &Tree) -> bool {
    let info = call.info();
    let has = |key: &str, value: &str| {
        list(rule, key)
            .iter()
            .any(|one| matches!(one.as_str(), Some(one) if one == "*" || one == value))
    };
    let sub = call.request.subresource.as_deref().unwrap_or_default();
    let resources = list(rule, "resources").iter().filter_map(Tree::as_str);
    let mut resources = resources.map(|one| one.split_once('/').unwrap_or((one, "")));
    let is_resource = resources.any(|(resource, below)| {
        (resource == "*" || resource == &*info.plural) && (below == "*" || below == sub)
    });
    let scope = match text(rule, "scope") {
        "Namespaced" => info.namespaced,
        "Cluster" => !info.namespaced,
        _ => true,
    };
    let exact = text(chosen, "matchPolicy") == "Exact";
    let other_version = || {
        let mut kinds = call.server.kinds();
        let same = |one: &&crate::KindInfo| one.group == info.group && one.plural == info.plural;
        kinds.any(|kind| same(&kind) && has("apiVersions", &kind.version))
    };
    let is_version = has("apiVersions", &info.version) || !exact && other_version();
    let named = list(rule, "resourceNames");
    let is_named = named.is_empty() || named.iter().any(|name| name.as_str() == Some(change.name));
    has("apiGroups", &info.group)
        && is_version
        && has("operations", change.operation)
        && is_resource
        && scope
        && is_named
}

/// What a bound policy finds wrong.
fn findings(call: &Call<'_>, change: &Change<'_>, spec: &Tree, terms: &Tree) -> Vec<Finding> {
    let lenient = text(spec, "failurePolicy") == "Ignore";
    let failed = |message: String| {
        let finding = Finding { message, reason: String::new() };
        if lenient { Vec::new() } else { vec![finding] }
    };
    let params = match params(call, spec, terms) {
        Ok(params) => params,
        Err(why) => return failed(format!("failed to configure binding: {why}")),
    };
    let mut found = Vec::new();
    for param in params {
        let names = Names::new(call, change, param.as_ref(), spec);
        match names.conditions(spec) {
            Err(why) => {
                found.extend(failed(why));
                continue;
            }
            Ok(false) => continue,
            Ok(true) => {}
        }
        for one in list(spec, "validations") {
            match names.run(text(one, "expression")) {
                Ok(Value::Bool(true)) => {}
                Ok(_) => found.push(Finding {
                    message: names.message(one),
                    reason: text(one, "reason").to_owned(),
                }),
                Err(why) => found.extend(failed(why)),
            }
        }
    }
    found
}

/// The objects a binding gives its policy; `None` where a policy goes without.
fn params(call: &Call<'_>, spec: &Tree, terms: &Tree) -> Result<Vec<Option<Tree>>, String> {
    let (Some(kind), Some(wanted)) = (spec.get("paramKind"), terms.get("paramRef")) else {
        return Ok(vec![None]);
    };
    let (version, name) = (text(kind, "apiVersion"), text(kind, "kind"));
    let (group, _) = version.split_once('/').unwrap_or(("", version));
    let id = call.server.kind(group, name);
    let info = id.and_then(|id| call.server.kind_info(id));
    let (Some(id), Some(info)) = (id, info) else {
        let shown = format!("&ParamKind{{APIVersion:{version},Kind:{name},}}");
        return Err(format!("paramKind kind `{shown}` not known"));
    };
    let stated = text(wanted, "namespace");
    let place = if info.namespaced {
        let place = if stated.is_empty() { &call.request.namespace } else { stated };
        if place.is_empty() {
            return Err("cannot use namespaced paramRef in policy binding that matches cluster-scoped resources".to_owned());
        }
        place
    } else if stated.is_empty() {
        ""
    } else {
        return Err(
            "paramRef.namespace must not be provided for a cluster-scoped `paramKind`".to_owned()
        );
    };
    let table = call.server.table(id);
    let name = text(wanted, "name");
    let labels = wanted.get("selector");
    let is_meant = |object: &&Object| {
        object.namespace() == place
            && labels.map_or(object.name() == name, |labels| {
                selects(labels, object.tree().at(&["metadata", "labels"]))
            })
    };
    let found: Vec<Option<Tree>> =
        table.iter().filter(is_meant).map(|object| Some(object.tree().clone())).collect();
    if found.is_empty() && text(wanted, "parameterNotFoundAction") == "Deny" {
        return Err(
            "no params found for policy binding with `Deny` parameterNotFoundAction".to_owned()
        );
    }
    Ok(found)
}

/// What the expressions of a policy may use.
pub(super) struct Names {
    values: Vec<(&'static str, Value)>,
}

impl Names {
    pub(super) fn new(
        call: &Call<'_>,
        change: &Change<'_>,
        param: Option<&Tree>,
        spec: &Tree,
    ) -> Self {
        let value = |tree: Option<&Tree>| tree.map_or(Value::Null, schema::value_of);
        // A write is judged in the version it came in.
        let seen = |tree: &Tree| {
            if call.info().custom || call.info().storage {
                tree.clone()
            } else {
                converted(tree, call.info())
            }
        };
        let namespace = namespace(call).map(|namespace| namespace.tree().clone());
        let mut values = vec![
            ("object", value(change.object.map(seen).as_ref())),
            ("oldObject", value(change.old.map(seen).as_ref())),
            ("request", schema::value_of(&request(call, change))),
            ("namespaceObject", value(namespace.as_ref())),
        ];
        if spec.get("paramKind").is_some() {
            values.push(("params", value(param)));
        }
        let mut names = Self { values };
        // Each may use those before it. One that fails is missed by who uses it.
        let mut known: Vec<(Key, Value)> = Vec::new();
        names.values.push(("variables", map_of(&known)));
        for variable in list(spec, "variables") {
            let Ok(made) = names.run(text(variable, "expression")) else { continue };
            known.push((Key::String(Arc::new(text(variable, "name").to_owned())), made));
            if let Some(last) = names.values.last_mut() {
                last.1 = map_of(&known);
            }
        }
        names
    }

    fn run(&self, source: &str) -> Result<Value, String> {
        let failed = |why: String| format!("expression '{source}' resulted in error: {why}");
        let program = schema::program(source).map_err(failed)?;
        let mut context = Context::with_env(schema::environment());
        for (name, value) in &self.values {
            context.add_variable_from_value(*name, value.clone());
        }
        program.execute(&context).map_err(|error| {
            let mut letters = error.to_string();
            if let Some(first) = letters.get(..1) {
                letters = first.to_lowercase() + &letters[1..];
            }
            failed(letters)
        })
    }

    /// Whether the policy is about this write, as its own conditions say.
    pub(super) fn conditions(&self, spec: &Tree) -> Result<bool, String> {
        let mut errors = Vec::new();
        for condition in list(spec, "matchConditions") {
            match self.run(text(condition, "expression")) {
                Ok(Value::Bool(false)) => return Ok(false),
                Ok(_) => {}
                Err(why) => errors.push(why),
            }
        }
        match errors.as_slice() {
            [] => Ok(true),
            [one] => Err(one.clone()),
            all => Err(format!("[{}]", all.join(", "))),
        }
    }

    fn message(&self, validation: &Tree) -> String {
        let said = text(validation, "messageExpression");
        if !said.is_empty()
            && let Ok(Value::String(made)) = self.run(said)
        {
            let made = made.trim();
            if !made.is_empty() && made.len() <= 5 * 1024 && !made.contains('\n') {
                return made.to_owned();
            }
        }
        match text(validation, "message").trim() {
            "" => format!("failed expression: {}", text(validation, "expression").trim()),
            message => message.to_owned(),
        }
    }
}

fn map_of(members: &[(Key, Value)]) -> Value {
    Value::Map(Map { map: Arc::new(members.iter().cloned().collect()) })
}

/// The write as `request` shows it.
fn request(call: &Call<'_>, change: &Change<'_>) -> Tree {
    let (info, request) = (call.info(), call.request);
    let text = |text: &str| Tree::from(text);
    let version = |name: &str, value: &str| {
        Tree::map([
            ("group", text(&info.group)),
            ("version", text(&info.version)),
            (name, text(value)),
        ])
    };
    let (kind, resource) = (version("kind", &info.kind), version("resource", &info.plural));
    let user = &request.user;
    let extra = user
        .extra
        .iter()
        .map(|(key, values)| (key.as_str(), Tree::list(values.iter().map(|value| text(value)))));
    let user = Tree::map([
        ("username", text(&user.name)),
        ("uid", text(&user.uid)),
        ("groups", Tree::list(user.groups.iter().map(|group| text(group)))),
        ("extra", Tree::map(extra)),
    ]);
    let options = match request.verb {
        Verb::Create => "CreateOptions",
        Verb::Patch => "PatchOptions",
        Verb::Delete | Verb::DeleteCollection => "DeleteOptions",
        _ => "UpdateOptions",
    };
    let options = Tree::map([("apiVersion", text("meta.k8s.io/v1")), ("kind", text(options))]);
    let sub = request.subresource.as_deref().unwrap_or_default();
    Tree::map([
        ("dryRun", Tree::from(call.server.is_trial)),
        ("kind", kind.clone()),
        ("name", text(change.name)),
        ("namespace", text(&request.namespace)),
        ("operation", text(change.operation)),
        ("options", options),
        ("requestKind", kind),
        ("requestResource", resource.clone()),
        ("requestSubResource", text(sub)),
        ("resource", resource),
        ("subResource", text(sub)),
        ("userInfo", user),
    ])
}
