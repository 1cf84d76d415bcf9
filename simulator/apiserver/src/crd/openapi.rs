//! What a schema of a custom kind may say at all, and the expressions in it.

use std::sync::Arc;

use super::budget::{self, Budget};
use super::place::Place;
use super::{defaults, structural};
use crate::Tree;
use crate::builtin::internal;
use crate::expression::{self, Kind, Scope};
use crate::schema::{self, Expression, Faults, Path, Schema};
use crate::status::{FieldError, FieldErrorKind};

/// A schema that stands in another; what is no schema is none.
pub(super) fn sub<'t>(schema: &'t Tree, key: &str) -> Option<&'t Tree> {
    schema.get(key).filter(|inner| inner.is_map())
}

/// The schemas of a map.
pub(super) fn schemas<'t>(
    schema: &'t Tree,
    key: &str,
) -> impl Iterator<Item = (&'t str, &'t Tree)> + use<'t> {
    sub(schema, key).into_iter().flat_map(Tree::entries)
}

/// All schemas that stand right in a schema.
pub(super) fn inner(schema: &Tree) -> impl Iterator<Item = &Tree> {
    let lists = ["allOf", "anyOf", "oneOf"].into_iter().flat_map(|key| list(schema, key));
    let singles = ["not", "items", "additionalProperties"].into_iter();
    let singles = singles.filter_map(|key| sub(schema, key));
    let properties = schemas(schema, "properties").map(|(_, property)| property);
    singles.chain(lists).chain(properties)
}

pub(super) use crate::builtin::check::{list, text};

pub(super) fn on(schema: &Tree, key: &str) -> bool {
    schema.bool_at(&[key]) == Some(true)
}

/// All that is wrong with the schema of a version, or of all of them. `of`: a schema of the server that checks.
pub(super) fn check(
    schema: &Tree,
    has_status: bool,
    of: &Schema,
    at: &Path<'_>,
    faults: &mut Faults,
) {
    let before = faults.0.len();
    if has_status {
        root(schema, at, faults);
    }
    if on(schema, "nullable") {
        faults.forbidden(at.field("nullable"), "nullable cannot be true at the root");
    }
    let unread = unsupported(schema);
    let mut expressions = false;
    if unread.is_none() {
        let mut found = structural::check(schema, at);
        if found.is_empty() {
            found = defaults::check(schema, of, at);
        }
        expressions = found.is_empty();
        faults.0.extend(found);
    }
    let mut found = Found::default();
    let standing = Standing { root: true, expressions, times: Some(1), ..Standing::default() };
    node(schema, &standing, at, &mut found);
    faults.0.extend(found.schema.0);
    faults.0.extend(found.expressions.0);
    found.budget.check(at, faults);
    if let Some(why) = unread.filter(|_| faults.0.len() == before) {
        faults.invalid(*at, "", &why);
    }
}

/// Where status has its own way in, it has to be found below the root.
fn root(schema: &Tree, at: &Path<'_>, faults: &mut Faults) {
    const ALLOWED: &str = "Description Type Format Title Maximum ExclusiveMaximum Minimum ExclusiveMinimum MaxLength MinLength Pattern MaxItems MinItems UniqueItems MultipleOf Required Items Properties ExternalDocs Example XPreserveUnknownFields XValidations";
    const TYPE: &str = "apiextensions.JSONSchemaProps";
    // The first that is not allowed is told, in the order of the real server's own type.
    for (name, value) in internal::members(TYPE, schema) {
        let kind = value.as_str().unwrap_or_default();
        if name == "Type" && kind != "object" {
            let why = "only \"object\" is allowed as the type at the root of the schema if the status subresource is enabled";
            faults.invalid(at.field("type"), kind, why);
            return;
        }
        if !ALLOWED.split(' ').any(|allowed| allowed == name) {
            let why = format!(
                "only [{ALLOWED}] fields are allowed at the root of the schema if the status subresource is enabled"
            );
            faults.0.push(FieldError::invalid_printed(*at, &internal::json(TYPE, schema), &why));
            return;
        }
    }
}

/// Why a schema cannot be read as a structural one.
pub(super) fn unsupported(schema: &Tree) -> Option<String> {
    let there = |key: &str| schema.get(key).is_some_and(|value| !value.is_empty());
    let keys = [
        ("id", "id"),
        ("$schema", "schema"),
        ("$ref", "$ref"),
        ("patternProperties", "patternProperties"),
        ("dependencies", "dependencies"),
        ("additionalItems", "additionalItems"),
        ("definitions", "definitions"),
    ];
    let is_set = |key: &str| match key {
        "additionalItems" => schema.get(key).is_some_and(|value| !value.is_null()),
        _ => there(key),
    };
    if let Some((_, shown)) = keys.iter().find(|(key, _)| is_set(key)) {
        return Some(format!("OpenAPIV3Schema '{shown}' is not supported"));
    }
    if schema.bool_at(&["x-kubernetes-preserve-unknown-fields"]) == Some(false) {
        let why =
            "internal error: 'x-kubernetes-preserve-unknown-fields' must be true or undefined";
        return Some(why.to_owned());
    }
    if schema.get("items").is_some_and(|items| items.is_list() && !items.is_empty()) {
        return Some("OpenAPIV3Schema 'items' must be a schema, but is an array".to_owned());
    }
    inner(schema).find_map(unsupported)
}

#[derive(Default)]
struct Found {
    schema: Faults,
    expressions: Faults,
    budget: Budget,
}

/// What is known of a place from what stands above it.
#[derive(Clone, Default)]
struct Standing {
    root: bool,
    /// Why no default may be set here.
    no_defaults: Option<String>,
    inside_metadata: bool,
    /// Below this, an old value cannot be told.
    uncorrelated: Option<String>,
    /// Whether expressions are looked at.
    expressions: bool,
    /// How often such values may stand in an object; `None`: nobody says.
    times: Option<u64>,
}

impl Standing {
    fn below(&self) -> Self {
        Self { root: false, ..self.clone() }
    }

    fn without_expressions(&self) -> Self {
        Self { expressions: false, ..self.below() }
    }

    fn without_old_values(mut self, at: &Path<'_>) -> Self {
        self.uncorrelated.get_or_insert_with(|| at.to_string());
        self
    }
}

fn node(schema: &Tree, standing: &Standing, at: &Path<'_>, found: &mut Found) {
    let before = found.schema.0.len();
    members(schema, standing, at, &mut found.schema);
    let times = budget::below(schema, standing.times);
    let properties = schemas(schema, "properties").next().is_some();
    if let Some(values) = schema.get("additionalProperties").filter(|values| !values.is_null()) {
        let place = at.field("additionalProperties");
        if properties && values.as_bool() != Some(true) {
            let why = "additionalProperties and properties are mutual exclusive";
            found.schema.forbidden(place, why);
        }
        if values.is_map() {
            let mut below = Standing { times, ..standing.below() };
            if standing.inside_metadata {
                let why = "inside additionalProperties applying to object metadata";
                below.no_defaults = Some(why.to_owned());
            }
            node(values, &below, &place, found);
        }
    }
    let place = at.field("properties");
    let kinds = [None, Some("granular"), Some("atomic")];
    let correlates = kinds.contains(&schema.str_at(&["x-kubernetes-map-type"]));
    let embedded = on(schema, "x-kubernetes-embedded-resource");
    for (key, property) in schemas(schema, "properties") {
        let mut below = Standing { times, ..standing.below() };
        if !correlates {
            below = below.without_old_values(at);
        }
        let is_meta = matches!(key, "metadata" | "kind" | "apiVersion");
        if is_meta && (standing.root || embedded) {
            below.inside_metadata = true;
            if standing.root {
                below.no_defaults = Some(format!("in top-level {key}"));
            }
        }
        node(property, &below, &place.key(key), found);
    }
    let plain = standing.without_expressions();
    if let Some(not) = sub(schema, "not") {
        node(not, &plain, &at.field("not"), found);
    }
    for key in ["allOf", "oneOf", "anyOf"] {
        let all = at.field(key);
        for (index, one) in list(schema, key).iter().enumerate() {
            node(one, &plain, &all.index(index), found);
        }
    }
    for key in ["definitions", "dependencies"] {
        let all = at.field(key);
        for (name, one) in schemas(schema, key).filter(|(_, one)| one.is_map()) {
            node(one, &plain, &all.key(name), found);
        }
    }
    if let Some(items) = schema.get("items") {
        let mut below = Standing { times, ..standing.below() };
        if text(schema, "x-kubernetes-list-type") != "map" {
            below = below.without_old_values(at);
        }
        let place = at.field("items");
        if items.is_map() {
            node(items, &below, &place, found);
        }
        for (index, one) in items.items().iter().enumerate() {
            node(one, &below, &place.index(index), found);
        }
    }
    super::lists::check(schema, at, &mut found.schema);
    rules(schema, at, &mut found.schema);
    if standing.expressions && found.schema.0.len() == before {
        expressions(schema, standing, at, found);
    }
}

/// What no schema may say.
fn members(schema: &Tree, standing: &Standing, at: &Path<'_>, faults: &mut Faults) {
    const TYPES: [&str; 6] = ["array", "boolean", "integer", "number", "object", "string"];
    let kind = text(schema, "type");
    if !kind.is_empty() && !TYPES.contains(&kind) {
        faults.not_supported_text(at.field("type"), kind, &TYPES);
    }
    if let Some(why) = standing.no_defaults.as_ref().filter(|_| schema.get("default").is_some()) {
        faults.forbidden(at.field("default"), &format!("must not be set {why}"));
    }
    let keys =
        ["id", "additionalItems", "patternProperties", "definitions", "dependencies", "$ref"];
    for key in keys {
        let is_set = schema.get(key).is_some_and(|value| match key {
            "id" | "patternProperties" | "definitions" => !value.is_empty(),
            _ => !value.is_null(),
        });
        if is_set {
            faults.forbidden(at.field(key), &format!("{key} is not supported"));
        }
    }
    if kind == "null" {
        let why = "type cannot be set to null, use nullable as an alternative";
        faults.forbidden(at.field("type"), why);
    }
    if schema.get("items").is_some_and(|items| items.is_list() && !items.is_empty()) {
        let why = "items must be a schema object and not an array";
        faults.forbidden(at.field("items"), why);
    }
    if standing.inside_metadata && on(schema, "x-kubernetes-embedded-resource") {
        let place = at.field("x-kubernetes-embedded-resource");
        faults.forbidden(place, "must not be used inside of resource meta");
    }
    if on(schema, "uniqueItems") {
        let why =
            "uniqueItems cannot be set to true since the runtime complexity becomes quadratic";
        faults.forbidden(at.field("uniqueItems"), why);
    }
}

/// What rules say beside their expressions.
fn rules(schema: &Tree, at: &Path<'_>, faults: &mut Faults) {
    const REASONS: [&str; 4] =
        ["FieldValueDuplicate", "FieldValueForbidden", "FieldValueInvalid", "FieldValueRequired"];
    let all = at.field("x-kubernetes-validations");
    for (index, rule) in list(schema, "x-kubernetes-validations").iter().enumerate() {
        let at = all.index(index);
        let (source, message) = (text(rule, "rule").trim(), text(rule, "message"));
        let has_breaks = |text: &str| text.contains(['\n', '\r']);
        if source.is_empty() {
            faults.required(at.field("rule"), "rule is not specified");
        } else if !message.is_empty() && message.trim().is_empty() {
            faults.invalid(at.field("message"), message, "must be non-empty if specified");
        } else if has_breaks(message.trim()) {
            faults.invalid(at.field("message"), message, "must not contain line breaks");
        } else if has_breaks(source) && message.trim().is_empty() {
            let why = "message must be specified if rule contains line breaks";
            faults.required(at.field("message"), why);
        }
        let expression = text(rule, "messageExpression");
        if !expression.is_empty() && expression.trim().is_empty() {
            let why = "messageExpression must be non-empty if specified";
            faults.required(at.field("messageExpression"), why);
        }
        if let Some(reason) = rule.str_at(&["reason"]).filter(|reason| !REASONS.contains(reason)) {
            faults.not_supported(at.field("reason"), reason, &REASONS);
        }
        let path = text(rule, "fieldPath");
        let place = at.field("fieldPath");
        if !path.is_empty() && path.trim().is_empty() {
            faults.invalid(place, path, "must be non-empty if specified");
        }
        if has_breaks(path) {
            faults.invalid(place, path, "must not contain line breaks");
        }
        if !path.is_empty() && super::parts::field_at(schema, path, true).is_err() {
            faults.invalid(place, path, "must be a valid path");
        }
    }
}

fn expressions(schema: &Tree, standing: &Standing, at: &Path<'_>, found: &mut Found) {
    let rules = list(schema, "x-kubernetes-validations");
    if rules.is_empty() {
        return;
    }
    let faults = &mut found.expressions;
    let all = at.field("x-kubernetes-validations");
    let place = if standing.root { Place::root(schema) } else { Place::new(schema) };
    let Some(value) = place.kind() else {
        faults.0.push(FieldError {
            kind: FieldErrorKind::Internal,
            field: all.to_string(),
            body: "Internal error: internal error: failed to construct type information for x-kubernetes-validations rules: unable to convert structural schema to CEL declarations".to_owned(),
        });
        return;
    };
    for (index, rule) in rules.iter().enumerate() {
        let at = all.index(index);
        let scope = scope(&value, rule);
        let (source, message) = (text(rule, "rule"), text(rule, "messageExpression"));
        let complain = |key: &str, why: &str, faults: &mut Faults| {
            let printed = internal::json(RULE, rule);
            faults.0.push(FieldError::invalid_printed(at.field(key), &printed, why));
        };
        let compiled = compiled(source, &scope, &Kind::Bool, place);
        match &compiled {
            Err(misfit) => complain("rule", &misfit.of_rule(), faults),
            Ok((_, cost)) => {
                found.budget.rule(place, standing.times, *cost, &at, faults);
                let made = (!message.is_empty())
                    .then(|| self::compiled(message, &scope, &Kind::String, place));
                match made {
                    Some(Err(misfit)) => {
                        complain("messageExpression", &misfit.of_message(), faults);
                    }
                    Some(Ok((_, cost))) => found.budget.message(cost, &at, faults),
                    None => {}
                }
            }
        }
        let uses_old =
            compiled.is_ok_and(|(program, _)| program.references().has_variable("oldSelf"));
        if uses_old {
            if let Some(path) = &standing.uncorrelated {
                let why = format!(
                    "oldSelf cannot be used on the uncorrelatable portion of the schema within {path}"
                );
                faults.invalid(at.field("rule"), source, &why);
            }
        } else if let Some(optional) = rule.get("optionalOldSelf") {
            let why = "may not be set if oldSelf is not used in rule";
            faults.invalid(at.field("optionalOldSelf"), optional, why);
        }
    }
}

/// The rules of a schema as they are asked of values, whatever is wrong with them: one that cannot be asked says why, and
/// one whose message cannot be told has neither that nor a path. `None`: expressions have no type for such values.
pub(super) fn asked(schema: &Tree) -> Option<Vec<Tree>> {
    let place = Place::new(schema);
    let value = place.kind()?;
    let asked = |rule: &Tree| {
        let scope = scope(&value, rule);
        if let Err(misfit) = compiled(text(rule, "rule"), &scope, &Kind::Bool, place) {
            let why = format!("rule compile error: {}", misfit.of_rule());
            return rule.with(&[crate::schema::MISFIT], why);
        }
        let (message, path) = (text(rule, "messageExpression"), text(rule, "fieldPath"));
        let is_told = message.is_empty() || compiled(message, &scope, &Kind::String, place).is_ok();
        let leads = is_told && super::parts::field_at(schema, path, true).is_ok();
        let rule = if is_told { rule.clone() } else { rule.without(&["messageExpression"]) };
        if leads { rule } else { rule.without(&["fieldPath"]) }
    };
    Some(list(schema, "x-kubernetes-validations").iter().map(asked).collect())
}

/// What a rule of a schema may use, and its message as well.
fn scope(value: &Kind, rule: &Tree) -> Scope {
    let mut old = value.clone();
    if on(rule, "optionalOldSelf") {
        old = Kind::optional(old);
    }
    Scope::from([("self".to_owned(), value.clone()), ("oldSelf".to_owned(), old)])
}

const RULE: &str = "apiextensions.ValidationRule";

enum Misfit {
    /// What is wrong with the expression.
    Source(String),
    /// It makes something else than is wanted.
    Makes,
}

impl Misfit {
    fn of_rule(&self) -> String {
        match self {
            Self::Source(why) => format!("compilation failed: {why}"),
            Self::Makes => "cel expression must evaluate to a bool".to_owned(),
        }
    }

    fn of_message(&self) -> String {
        match self {
            Self::Source(why) => format!("messageExpression compilation failed: {why}"),
            Self::Makes => "messageExpression must evaluate to a string".to_owned(),
        }
    }
}

/// An expression about a place, and the most that it may cost.
fn compiled(
    source: &str,
    scope: &Scope,
    wanted: &Kind,
    place: Place<'_>,
) -> Result<(Arc<Expression>, u64), Misfit> {
    let program = schema::program(source);
    let program = program.map_err(|error| Misfit::Source(expression::shown(&error)))?;
    let checked = expression::check(&program, scope).map_err(Misfit::Source)?;
    if checked.made() != wanted {
        return Err(Misfit::Makes);
    }
    let cost = expression::cost(&checked, place);
    Ok((program, cost))
}
