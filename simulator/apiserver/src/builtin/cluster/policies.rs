//! Policies of admission: what they match, and the expressions they consist of.

use std::collections::BTreeMap;

use super::webhooks;
use crate::Tree;
use crate::builtin::check::{NOTHING, complain, list, one_of, required, selector, text};
use crate::builtin::internal;
use crate::builtin::rules::Write;
use crate::builtin::workload::budget;
use crate::expression::{self, AUTHORIZER, Kind, RESOURCE_CHECK, Scope};
use crate::names;
use crate::schema::{self, Faults, Path};
use crate::status::FieldError;

pub(in crate::builtin) fn validating(write: &Write<'_>, faults: &mut Faults) {
    if write.subresource == Some("status") && write.old.is_some() {
        return status(write.part(&["status"]), &Path::Root.field("status"), faults);
    }
    if !write.changed(&["spec"]) {
        return;
    }
    let spec = write.new.get("spec").unwrap_or(&NOTHING);
    let at = Path::Root.field("spec");
    one_of(faults, spec, "failurePolicy", &at, &["Fail", "Ignore"]);
    let has_params = spec.get("paramKind").is_some();
    if let Some(kind) = spec.get("paramKind") {
        param_kind(kind, &at.field("paramKind"), faults);
    }
    match spec.get("matchConstraints") {
        None => faults.required(at.field("matchConstraints"), ""),
        Some(constraints) => {
            let at = at.field("matchConstraints");
            resources(constraints, &at, faults);
            if list(constraints, "resourceRules").is_empty() {
                faults.required(at.field("resourceRules"), "");
            }
        }
    }
    conditions(spec, has_params, &at, faults);
    let mut scope = Scope::new();
    if !list(spec, "variables").is_empty() {
        scope = variables(spec, has_params, &at, faults);
    }
    let (validations, annotations) = (list(spec, "validations"), list(spec, "auditAnnotations"));
    if validations.is_empty() && annotations.is_empty() {
        let why = "validations or auditAnnotations must contain at least one item";
        faults.required(at.field("validations"), why);
        faults.required(at.field("auditAnnotations"), why);
        return;
    }
    let all = at.field("validations");
    for (index, one) in validations.iter().enumerate() {
        validation(one, &scope, has_params, &all.index(index), faults);
    }
    let all = at.field("auditAnnotations");
    if annotations.len() > 20 {
        let name = "admissionregistration.AuditAnnotation";
        let shown: Vec<String> = annotations.iter().map(|one| internal::json(name, one)).collect();
        let why = "must not have more than 20 auditAnnotations";
        faults.0.push(FieldError::invalid_printed(all, &format!("[{}]", shown.join(",")), why));
    }
    let name = write.new.str_at(&["metadata", "name"]).unwrap_or_default();
    for (index, one) in annotations.iter().enumerate() {
        let at = all.index(index);
        annotation(one, name, &scope, has_params, &at, faults);
        if annotations[..index].iter().any(|other| text(other, "key") == text(one, "key")) {
            faults.duplicate(at.field("key"), text(one, "key"));
        }
    }
}

/// What the server found out about the types of a policy, and the conditions that all newer kinds have.
fn status(status: &Tree, at: &Path<'_>, faults: &mut Faults) {
    let above = at.field("typeChecking");
    let all = above.field("expressionWarnings");
    let warnings = status.at(&["typeChecking", "expressionWarnings"]).map_or(&[][..], Tree::items);
    for (index, warning) in warnings.iter().enumerate() {
        let at = all.index(index);
        required(faults, warning, "warning", &at);
        if text(warning, "fieldRef").trim().is_empty() {
            faults.required(at.field("fieldRef"), "");
        }
    }
    budget::conditions(list(status, "conditions"), &at.field("conditions"), faults);
}

fn variables(spec: &Tree, has_params: bool, at: &Path<'_>, faults: &mut Faults) -> Scope {
    let all = at.field("variables");
    let mut known: BTreeMap<String, Kind> = BTreeMap::new();
    let scope = |known: &BTreeMap<String, Kind>| {
        Scope::from([("variables".to_owned(), Kind::object("kubernetes.variables", known.clone()))])
    };
    for (index, variable) in list(spec, "variables").iter().enumerate() {
        let at = all.index(index);
        let (name, source) = (text(variable, "name"), text(variable, "expression"));
        if name.trim().is_empty() {
            faults.required(at.field("name"), "name is not specified");
        } else if !is_identifier(name) {
            faults.invalid(at.field("name"), name, "must be a valid CEL identifier");
        }
        if source.trim().is_empty() {
            faults.required(at.field("expression"), "expression is not specified");
            continue;
        }
        let place = at.field("expression");
        let wanted = Wanted { scope: &scope(&known), has_params, has_authorizer: true, kinds: &[] };
        // A name is known to those who follow, however wrong what it stands for.
        let kind = compiled(source, source, &wanted, place, faults).unwrap_or(Kind::Dyn);
        known.insert(name.to_owned(), kind);
    }
    scope(&known)
}

fn is_identifier(name: &str) -> bool {
    let start = |byte: &u8| byte.is_ascii_alphabetic() || *byte == b'_';
    let inner = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    name.as_bytes().first().is_some_and(start)
        && name.bytes().all(inner)
        && !schema::RESERVED.contains(&name)
}

fn validation(one: &Tree, scope: &Scope, has_params: bool, at: &Path<'_>, faults: &mut Faults) {
    let source = text(one, "expression");
    if source.trim().is_empty() {
        faults.required(at.field("expression"), "expression is not specified");
    } else {
        let wanted = Wanted { scope, has_params, has_authorizer: true, kinds: &[Kind::Bool] };
        compiled(source, source, &wanted, at.field("expression"), faults);
    }
    let said = text(one, "messageExpression");
    if !said.is_empty() {
        let place = at.field("messageExpression");
        if said.trim().is_empty() {
            faults.invalid(place, said, "must be non-empty if specified");
        } else {
            let wanted =
                Wanted { scope, has_params, has_authorizer: false, kinds: &[Kind::String] };
            compiled(said, said, &wanted, place, faults);
        }
    }
    let message = text(one, "message");
    let trimmed = message.trim();
    if !message.is_empty() && trimmed.is_empty() {
        faults.invalid(at.field("message"), message, "must be non-empty if specified");
    } else if trimmed.contains(['\n', '\r']) {
        faults.invalid(at.field("message"), message, "must not contain line breaks");
    }
    one_of(faults, one, "reason", at, &["Forbidden", "Invalid", "RequestEntityTooLarge"]);
}

fn annotation(
    one: &Tree,
    policy: &str,
    scope: &Scope,
    has_params: bool,
    at: &Path<'_>,
    faults: &mut Faults,
) {
    let key = text(one, "key");
    if policy.is_empty() {
        faults.invalid(at.field("key"), key, "requires metadata.name be non-empty");
    } else {
        let whole = format!("{policy}/{key}");
        complain(faults, at.field("key"), &*whole, names::qualified_name(&whole));
    }
    let source = text(one, "valueExpression");
    let place = at.field("valueExpression");
    match source.trim() {
        "" => faults.required(place, "valueExpression is not specified"),
        long if long.len() > 5 * 1024 => {
            faults.required(place, "must not exceed 5120 bytes in length");
        }
        trimmed => {
            let kinds = &[Kind::String, Kind::Null];
            let wanted = Wanted { scope, has_params, has_authorizer: true, kinds };
            compiled(trimmed, source, &wanted, place, faults);
        }
    }
}

/// The conditions under which a policy or a webhook is asked at all.
pub(in crate::builtin) fn conditions(
    spec: &Tree,
    has_params: bool,
    at: &Path<'_>,
    faults: &mut Faults,
) {
    let all = at.field("matchConditions");
    let conditions = list(spec, "matchConditions");
    if conditions.len() > 64 {
        faults.too_many(all, conditions.len(), 64);
    }
    for (index, one) in conditions.iter().enumerate() {
        let at = all.index(index);
        let source = text(one, "expression").trim();
        if source.is_empty() {
            faults.required(at.field("expression"), "");
        } else {
            let kinds = &[Kind::Bool];
            let scope = &Scope::new();
            let wanted = Wanted { scope, has_params, has_authorizer: true, kinds };
            compiled(source, source, &wanted, at.field("expression"), faults);
        }
        if required(faults, one, "name", &at) {
            let name = text(one, "name");
            complain(faults, at.field("name"), name, names::qualified_name(name));
            if conditions[..index].iter().any(|other| text(other, "name") == name) {
                faults.duplicate(at.field("name"), name);
            }
        }
    }
}

/// What an expression may use, and what it has to make; nothing: whatever it likes.
struct Wanted<'a> {
    scope: &'a Scope,
    has_params: bool,
    has_authorizer: bool,
    kinds: &'a [Kind],
}

/// The kind of what an expression makes, if it is good.
fn compiled(
    source: &str,
    shown: &str,
    wanted: &Wanted<'_>,
    at: Path<'_>,
    faults: &mut Faults,
) -> Option<Kind> {
    let mut scope = wanted.scope.clone();
    for name in ["object", "oldObject"] {
        scope.insert(name.to_owned(), Kind::Dyn);
    }
    scope.insert("request".to_owned(), request());
    scope.insert("namespaceObject".to_owned(), namespace());
    if wanted.has_params {
        scope.insert("params".to_owned(), Kind::Dyn);
    }
    if wanted.has_authorizer {
        scope.insert("authorizer".to_owned(), Kind::Named(AUTHORIZER));
        scope.insert("authorizer.requestResource".to_owned(), Kind::Named(RESOURCE_CHECK));
    }
    let program = schema::program(source).map_err(|error| expression::shown(&error));
    let kind = program.and_then(|program| {
        expression::check(&program, &scope).map(|checked| checked.made().clone())
    });
    match kind {
        Err(why) => faults.invalid(at, shown, &format!("compilation failed: {why}")),
        Ok(kind) if wanted.kinds.is_empty() || wanted.kinds.contains(&kind) => return Some(kind),
        Ok(kind) => {
            let kinds: Vec<String> = wanted.kinds.iter().map(Kind::made).collect();
            let kind = kind.made();
            let why = match kinds.as_slice() {
                [one] => format!("must evaluate to {one} but got {kind}"),
                all => format!("must evaluate to one of [{}] but got {kind}", all.join(" ")),
            };
            faults.invalid(at, shown, &why);
        }
    }
    None
}

fn object(name: &'static str, fields: &[(&str, Kind)]) -> Kind {
    let fields = fields.iter().map(|(name, kind)| ((*name).to_owned(), kind.clone()));
    Kind::object(name, fields)
}

fn request() -> Kind {
    let text = || Kind::String;
    let texts = || Kind::list(Kind::String);
    let kind = object(
        "kubernetes.GroupVersionKind",
        &[("group", text()), ("version", text()), ("kind", text())],
    );
    let resource = object(
        "kubernetes.GroupVersionResource",
        &[("group", text()), ("version", text()), ("resource", text())],
    );
    let user = object(
        "kubernetes.UserInfo",
        &[
            ("username", text()),
            ("uid", text()),
            ("groups", texts()),
            ("extra", Kind::map(text(), texts())),
        ],
    );
    object(
        "kubernetes.AdmissionRequest",
        &[
            ("kind", kind.clone()),
            ("resource", resource.clone()),
            ("subResource", text()),
            ("requestKind", kind),
            ("requestResource", resource),
            ("requestSubResource", text()),
            ("name", text()),
            ("namespace", text()),
            ("operation", text()),
            ("userInfo", user),
            ("dryRun", Kind::Bool),
            ("options", Kind::Dyn),
        ],
    )
}

fn namespace() -> Kind {
    let text = || Kind::String;
    let labels = || Kind::map(Kind::String, Kind::String);
    let metadata = object(
        "kubernetes.NamespaceMetadata",
        &[
            ("name", text()),
            ("generateName", text()),
            ("namespace", text()),
            ("labels", labels()),
            ("annotations", labels()),
            ("UID", text()),
            ("creationTimestamp", Kind::Timestamp),
            ("deletionGracePeriodSeconds", Kind::Int),
            ("deletionTimestamp", Kind::Timestamp),
            ("resourceVersion", text()),
            ("finalizers", Kind::list(text())),
        ],
    );
    let spec = object("kubernetes.NamespaceSpec", &[("finalizers", Kind::list(text()))]);
    let status = object("kubernetes.NamespaceStatus", &[("phase", text())]);
    object("kubernetes.Namespace", &[("metadata", metadata), ("spec", spec), ("status", status)])
}

fn param_kind(kind: &Tree, at: &Path<'_>, faults: &mut Faults) {
    if required(faults, kind, "apiVersion", at) {
        let place = at.field("apiVersion");
        let stated = text(kind, "apiVersion");
        if stated.matches('/').count() > 1 {
            let why = format!("unexpected GroupVersion string: {stated}");
            faults.invalid(place, stated, &why);
        } else {
            let (group, version) = stated.split_once('/').unwrap_or(("", stated));
            let complaints = names::dns_subdomain(group);
            if !group.is_empty() && !complaints.is_empty() {
                faults.invalid(place, group, &complaints.join(","));
            }
            let complaints = names::dns_1035_label(version);
            if version.is_empty() {
                faults.invalid(place, stated, "version must be specified");
            } else if !complaints.is_empty() {
                faults.invalid(place, version, &complaints.join(","));
            }
        }
    }
    if required(faults, kind, "kind", at) {
        let stated = text(kind, "kind");
        let complaints = names::dns_1035_label(&stated.to_lowercase());
        if !complaints.is_empty() {
            let why = "may have mixed case, but should otherwise match: ".to_owned();
            faults.invalid(at.field("kind"), stated, &(why + &complaints.join(",")));
        }
    }
}

fn resources(chosen: &Tree, at: &Path<'_>, faults: &mut Faults) {
    one_of(faults, chosen, "matchPolicy", at, &["Equivalent", "Exact"]);
    for key in ["namespaceSelector", "objectSelector"] {
        if let Some(labels) = chosen.get(key) {
            selector(faults, labels, &at.field(key));
        }
    }
    for key in ["resourceRules", "excludeResourceRules"] {
        let all = at.field(key);
        for (index, rule) in list(chosen, key).iter().enumerate() {
            let at = all.index(index);
            let place = at.field("resourceNames");
            let named = list(rule, "resourceNames");
            for (index, name) in named.iter().enumerate() {
                let bare = name.as_str().unwrap_or_default();
                complain(faults, place.index(index), bare, names::path_segment(bare));
                if named[..index].contains(name) {
                    faults.duplicate(place.index(index), name);
                }
            }
            webhooks::rule(rule, &at, faults);
        }
    }
}

pub(in crate::builtin) fn binding(write: &Write<'_>, faults: &mut Faults) {
    let spec = write.new.get("spec").unwrap_or(&NOTHING);
    let at = Path::Root.field("spec");
    if required(faults, spec, "policyName", &at) {
        let name = text(spec, "policyName");
        complain(faults, at.field("policyName"), name, names::dns_subdomain(name));
    }
    if let Some(params) = spec.get("paramRef") {
        param_ref(params, &at.field("paramRef"), faults);
    }
    if let Some(chosen) = spec.get("matchResources") {
        resources(chosen, &at.field("matchResources"), faults);
    }
    let all = at.field("validationActions");
    let actions = list(spec, "validationActions");
    for (index, action) in actions.iter().enumerate() {
        let known = ["Audit", "Deny", "Warn"];
        if !action.as_str().is_some_and(|action| known.contains(&action)) {
            faults.not_supported(all.index(index), action, &known);
        }
        if actions[..index].contains(action) {
            faults.duplicate(all.index(index), action);
        }
    }
    let has = |name: &str| actions.iter().any(|action| action.as_str() == Some(name));
    if has("Deny") && has("Warn") {
        let value = spec.get("validationActions").cloned().unwrap_or_default();
        let why = "must not contain both Deny and Warn (repeating the same validation failure information in the API response and headers serves no purpose)";
        faults.invalid(all, value, why);
    }
    if actions.is_empty() {
        faults.required(all, "at least one validation action is required");
    }
}

fn param_ref(params: &Tree, at: &Path<'_>, faults: &mut Faults) {
    let (name, labels) = (text(params, "name"), params.get("selector"));
    let both = "name and selector are mutually exclusive";
    if !name.is_empty() {
        complain(faults, at.field("name"), name, names::path_segment(name));
        if labels.is_some() {
            faults.forbidden(at.field("name"), both);
        }
    }
    if let Some(labels) = labels {
        selector(faults, labels, &at.field("selector"));
        if !name.is_empty() {
            faults.forbidden(at.field("selector"), both);
        }
    } else if name.is_empty() {
        faults.required(*at, "one of name or selector must be specified");
    }
    if required(faults, params, "parameterNotFoundAction", at) {
        one_of(faults, params, "parameterNotFoundAction", at, &["Deny", "Allow"]);
    }
}
