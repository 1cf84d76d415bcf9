//! Every broken rule of a custom object, in the order and words of the real server.

use super::decode::misfit_of_meta;
use super::error::Faults;
use super::rule::{self, Asked};
use super::{Limits, ListType, Node, Path, Ref, Schema, Type, counterpart, format, unique};
use crate::Tree;
use crate::metadata;
use crate::names;
use crate::status::{FieldError, FieldErrorKind};

impl Schema {
    /// Builtin kinds have their rules in `builtin`; their schema only types them.
    pub fn validate(&self, tree: &Tree, old: Option<&Tree>) -> Vec<FieldError> {
        self.validate_with(tree, old, &[], Vec::new)
    }

    /// The same, after what is known to be wrong with the object, and with what else is wrong with the values: told
    /// before what is wrong with lists, and by expressions.
    pub(crate) fn validate_with(
        &self,
        tree: &Tree,
        old: Option<&Tree>,
        before: &[FieldError],
        beside: impl FnOnce() -> Vec<FieldError>,
    ) -> Vec<FieldError> {
        if !self.is_custom() {
            return Vec::new();
        }
        let kept = old.filter(|_| self.lets_pass());
        if kept.is_some_and(|old| old.same(tree)) && !self.root().traits.transitions {
            return Vec::new();
        }
        let mut context = self.context();
        values(self.node(), tree, kept, &Path::Root, &mut context);
        // What two parts of a schema say alike is said once.
        let mut told: Vec<FieldError> = Vec::new();
        for fault in context.faults.0.drain(..) {
            if !told.contains(&fault) {
                told.push(fault);
            }
        }
        context.faults.0 = told;
        context.faults.0.extend(beside());
        objects_within(self.node(), tree, &Path::Root, &mut context);
        self.lists_and_rules(tree, old, before, context.faults)
    }

    /// What is wrong with an object that is of another kind: nobody looks at its values then, but at the objects within
    /// it and at lists, and expressions are asked.
    pub(crate) fn validate_another(&self, tree: &Tree, old: Option<&Tree>) -> Vec<FieldError> {
        let mut context = self.context();
        objects_within(self.node(), tree, &Path::Root, &mut context);
        self.lists_and_rules(tree, old, &[], context.faults)
    }

    /// What is wrong with a default that stands `at` a place: its rules are asked as of what was so before, and then as
    /// of what is new.
    pub(crate) fn validate_default(&self, value: &Tree, at: &Path<'_>) -> Vec<FieldError> {
        let mut context = self.context();
        objects_within(self.node(), value, at, &mut context);
        if !context.faults.0.is_empty() {
            return context.faults.0;
        }
        values(self.node(), value, None, &Path::Root, &mut context);
        if !context.faults.0.is_empty() {
            let mut found = context.faults.0;
            for error in &mut found {
                // The validator names places of its own, and the real server puts them behind a dot.
                error.field = match error.field.trim_start_matches('.') {
                    "" | "<nil>" => at.to_string(),
                    inner => format!("{at}.{inner}"),
                };
            }
            return found;
        }
        let mut faults = context.faults;
        for old in [Some(value), None] {
            if faults.0.is_empty() {
                rule::check(self.node(), value, old, at, Asked::Everything, &mut faults);
            }
        }
        faults.0
    }

    /// What is broken of values that a change left as they were: told in warnings.
    pub(crate) fn let_pass(&self, tree: &Tree, old: &Tree) -> Vec<FieldError> {
        let mut found = Faults::default();
        rule::check(self.node(), tree, Some(old), &Path::Root, Asked::Kept, &mut found);
        found.0
    }

    /// Whether what is wrong with a value is let pass as long as the value stays as it is.
    const fn lets_pass(&self) -> bool {
        self.minor >= 30
    }

    fn context(&self) -> Context {
        Context {
            minor: self.minor,
            is_old: self.minor < 24,
            meta: Some(self.meta.clone()),
            ..Context::default()
        }
    }

    fn lists_and_rules(
        &self,
        tree: &Tree,
        old: Option<&Tree>,
        before: &[FieldError],
        mut faults: Faults,
    ) -> Vec<FieldError> {
        unique::check(self.node(), tree, old, &Path::Root, &mut faults);
        if self.root().traits.rules {
            // Expressions would stumble over it.
            if faults.0.iter().chain(before).any(blocks) {
                faults.0.push(FieldError::invalid_printed(
                    Path::Root,
                    "null",
                    "some validation rules were not checked because the object was invalid; correct the existing errors to complete validation",
                ));
            } else {
                let asked = if self.lets_pass() { Asked::Changes } else { Asked::Everything };
                rule::check(self.node(), tree, old, &Path::Root, asked, &mut faults);
            }
        }
        faults.0
    }
}

/// Whether the rules of expressions are not asked.
fn blocks(fault: &FieldError) -> bool {
    use FieldErrorKind::{NotSupported, Required, TooLong, TooMany, TypeInvalid};
    matches!(fault.kind, NotSupported | Required | TooLong | TooMany | TypeInvalid)
}

#[derive(Default)]
pub(super) struct Context {
    pub faults: Faults,
    minor: u32,
    /// The words of servers before 1.24.
    is_old: bool,
    /// What metadata of any object looks like.
    meta: Option<Ref>,
}

impl Context {
    fn invalid(&mut self, path: &Path<'_>, value: &Tree, what: &str) {
        self.faults.invalid(*path, printed(value), &format!("{path} in body {what}"));
    }
}

pub(super) fn values(
    node: &Node,
    value: &Tree,
    old: Option<&Tree>,
    path: &Path<'_>,
    context: &mut Context,
) {
    if old.is_some_and(|old| old.same(value)) {
        return;
    }
    let is_allowed = fits(node.kind, value) || node.nullable && value.is_null();
    if !is_allowed && let Some((wanted, got)) = misfit(node, value, context.minor) {
        let detail = format!("{path} in body must be of type {wanted}: \"{got}\"");
        context.faults.0.push(FieldError::type_invalid(*path, got, &detail));
    }
    // Of nothing, the real server asks no more than of what type it is, and which values there are. Of what is there it
    // asks all that can be asked of such a value, whatever it should have been.
    if value.is_null() {
        if let Some(limits) = &node.limits {
            enumerated(limits, value, path, context);
        }
        return;
    }
    if let Some(limits) = &node.limits {
        limited(limits, value, path, context);
    }
    if value.is_list() {
        let items =
            node.items.iter().flat_map(|node| value.items().iter().map(move |item| (node, item)));
        for (at, (items, item)) in items.enumerate() {
            // Which old element an element of a list without keys continues, nobody knows.
            let old = match node.list {
                ListType::Map(_) => counterpart(node, old, at, item),
                _ => None,
            };
            // Older servers did not say which.
            let place = if context.is_old { *path } else { path.index(at) };
            values(items, item, old, &place, context);
        }
        if let Some(limits) = &node.limits {
            counted(limits, value, path, context);
        }
    } else if value.is_map() {
        let members = node.members.iter().filter(|member| member.flags.required);
        let others = node.limits.iter().flat_map(|limits| &limits.required);
        for name in members.map(|member| &member.name).chain(others) {
            if value.get(name).is_none() {
                context.faults.required(path.field(name), "");
            }
        }
        for (key, value) in value.entries() {
            let old = old.and_then(|old| old.get(key));
            if let Some(member) = node.member(key) {
                values(&member.node, value, old, &path.field(key), context);
            } else if let Some(additional) = &node.additional {
                // The validator of the real server names a map's entry like a member, but for the dot of the first.
                let nameless = Path::Root.field("");
                let above = if matches!(path, Path::Root) { &nameless } else { path };
                values(additional, value, old, &above.field(key), context);
            }
        }
    }
}

fn objects_within(node: &Node, value: &Tree, path: &Path<'_>, context: &mut Context) {
    if !node.traits.embeds {
        return;
    }
    if let (Some(items), true) = (&node.items, value.is_list()) {
        for (at, item) in value.items().iter().enumerate() {
            objects_within(items, item, &path.index(at), context);
        }
    }
    if node.embedded && value.is_map() {
        embedded(value, path, context);
    }
    for (key, value) in value.entries() {
        if let Some(member) = node.member(key) {
            objects_within(&member.node, value, &path.field(key), context);
        } else if let Some(additional) = &node.additional {
            objects_within(additional, value, &path.key(key), context);
        }
    }
}

fn embedded(value: &Tree, path: &Path<'_>, context: &mut Context) {
    for key in ["apiVersion", "kind"] {
        let said = value.get(key);
        if let Some(said) = said.filter(|said| !said.is_string() && !context.is_old) {
            context.faults.invalid(path.field(key), said.clone(), "must be a string");
            continue;
        }
        match said.and_then(Tree::as_str) {
            None if !context.is_old => context.faults.required(path.field(key), ""),
            None | Some("") if context.is_old => {
                context.faults.required(path.field(key), "must not be empty");
            }
            Some("") => context.faults.invalid(path.field(key), "", "must not be empty"),
            Some(text) if !context.is_old => head(key, text, path, context),
            _ => {}
        }
    }
    let meta = path.field("metadata");
    if let Some(metadata) = value.get("metadata").filter(|_| !context.is_old)
        && let Some(misfit) = context.meta.as_ref().and_then(|meta| misfit_of_meta(meta, metadata))
    {
        context.faults.invalid(meta, metadata.clone(), &misfit.to_string());
        return;
    }
    for key in ["generateName", "name", "namespace"].iter().filter(|_| !context.is_old) {
        let name = value.str_at(&["metadata", key]).unwrap_or_default();
        if name.is_empty() {
            continue;
        }
        let faults = match *key {
            "namespace" => names::dns_label(name),
            "generateName" => names::path_segment_prefix(name),
            _ => names::path_segment(name),
        };
        for fault in faults {
            context.faults.invalid(meta.field(key), name, &fault);
        }
    }
    let Some(metadata) = value.get("metadata") else { return };
    for mut error in metadata::of_embedded(metadata, context.minor) {
        error.field = format!("{path}.{}", error.field);
        context.faults.0.push(error);
    }
}

/// What an object within an object says that it is.
fn head(key: &str, text: &str, path: &Path<'_>, context: &mut Context) {
    if key == "apiVersion" {
        if text.matches('/').count() > 1 {
            let why = format!("unexpected GroupVersion string: {text}");
            context.faults.invalid(path.field(key), text, &why);
        }
        return;
    }
    let faults = names::dns_1035_label(&text.to_lowercase());
    if !faults.is_empty() {
        let why = format!("may have mixed case, but should otherwise match: {}", faults.join(","));
        context.faults.invalid(path.field(key), text, &why);
    }
}

fn fits(kind: Type, value: &Tree) -> bool {
    match kind {
        Type::Object | Type::Raw => value.is_map(),
        Type::List => value.is_list(),
        Type::String | Type::Bytes | Type::Time | Type::MicroTime => value.is_string(),
        Type::Int32 | Type::Integer => is_integer(value),
        Type::Number => value.is_number(),
        Type::Bool => value.as_bool().is_some(),
        Type::IntOrString | Type::Quantity => value.is_string() || is_integer(value),
        Type::Any => true,
    }
}

/// What a value should be, and what it is, in words of Go where it should have some format. `None` for a list in
/// place of a text of some format, which the real server lets pass.
fn misfit(node: &Node, value: &Tree, minor: u32) -> Option<(String, &'static str)> {
    let is_text = matches!(node.kind, Type::String | Type::Bytes | Type::Time | Type::MicroTime)
        && !value.is_null();
    let format = node.limits.as_ref().and_then(|limits| limits.format.as_deref());
    // Formats of numbers are none that it knows.
    match format.filter(|format| is_text && format::is_known(format, minor)) {
        Some(_) if value.is_list() => None,
        Some(format) => {
            let got = match value.type_name() {
                "integer" if value.as_i64().is_some() => "int64",
                "integer" | "number" => "float64",
                _ => "",
            };
            Some((format.to_owned(), got))
        }
        None => Some((wanted(node.kind).to_owned(), value.type_name())),
    }
}

/// A whole number that fits 64 bits, however it is written.
fn is_integer(value: &Tree) -> bool {
    const EDGE: f64 = 9_223_372_036_854_775_808.0;
    value.as_i64().is_some()
        || value.is_integer() && value.as_f64().is_some_and(|number| number.abs() < EDGE)
}

pub(super) fn wanted(kind: Type) -> &'static str {
    match kind {
        Type::Object | Type::Raw => "object",
        Type::List => "array",
        Type::Int32 | Type::Integer => "integer",
        Type::Number => "number",
        Type::Bool => "boolean",
        Type::IntOrString | Type::Quantity => "integer,string",
        _ => "string",
    }
}

/// A value as validators print it: scalars themselves, the rest by its type.
pub(super) fn printed(value: &Tree) -> Tree {
    if value.is_map() || value.is_list() { Tree::from(value.type_name()) } else { value.clone() }
}

fn limited(limits: &Limits, value: &Tree, path: &Path<'_>, context: &mut Context) {
    if let Some(logic) = &limits.logic {
        logic.check(value, path, &mut context.faults);
    }
    if let Some(text) = value.as_str() {
        written(limits, text, value, path, context);
    } else if let Some(number) = value.as_f64() {
        measured(limits, number, value, path, context);
    } else if value.is_map() {
        let count = value.entries().len() as u64;
        if let Some(least) = limits.min_properties.filter(|least| count < *least) {
            let what = format!("should have at least {least} properties");
            context.invalid(path, &Tree::from(count), &what);
        }
        if let Some(most) = limits.max_properties.filter(|most| count > *most) {
            too_many(context, path, count, most, "properties");
        }
    }
    if !value.is_list() {
        enumerated(limits, value, path, context);
    }
}

/// The first that is wrong with a text; its format is looked at on its own. Lengths count characters.
fn written(limits: &Limits, text: &str, value: &Tree, path: &Path<'_>, context: &mut Context) {
    let length = text.chars().count() as u64;
    let pattern = limits.pattern.as_ref().filter(|pattern| !pattern.matches(text));
    if let Some(most) = limits.max_length.filter(|most| length > *most) {
        if context.is_old {
            context.invalid(path, value, &format!("should be at most {most} chars long"));
        } else {
            context.faults.too_long(*path, usize::try_from(most).unwrap_or(usize::MAX));
        }
    } else if let Some(least) = limits.min_length.filter(|least| length < *least) {
        context.invalid(path, value, &format!("should be at least {least} chars long"));
    } else if let Some(pattern) = pattern {
        context.invalid(path, value, &format!("should match '{}'", pattern.source));
    }
    if let Some(name) = limits.format.as_deref().filter(|name| !format::fits(name, text)) {
        let detail = format!("{path} in body must be of type {name}: {value}");
        let mut fault = FieldError::invalid(*path, value, &detail);
        fault.kind = FieldErrorKind::TypeInvalid;
        context.faults.0.push(fault);
    }
}

fn measured(limits: &Limits, number: f64, value: &Tree, path: &Path<'_>, context: &mut Context) {
    // The real server takes limits for whole numbers where the value is one.
    let whole = value.as_i64();
    let limit = |limit: f64| if whole.is_some() { limit.trunc() } else { limit };
    match limits.multiple_of.map(limit) {
        Some(step) if step <= 0.0 => {
            let what = format!("factor MultipleOf declared for {path} must be positive: {step}");
            context.faults.0.push(FieldError::invalid_printed(*path, &step.to_string(), &what));
        }
        Some(step) => {
            #[expect(clippy::cast_possible_truncation, reason = "it is a whole number")]
            let is_multiple = match whole {
                Some(whole) => whole.checked_rem(step as i64).is_none_or(|rest| rest == 0),
                None if step < 1.0 => is_whole(1.0 / step * number),
                None => is_whole(number / step),
            };
            if !is_multiple {
                context.invalid(path, value, &format!("should be a multiple of {step}"));
            }
        }
        None => {}
    }
    match limits.maximum.map(|(most, is_open)| (limit(most), is_open)) {
        Some((most, true)) if number >= most => {
            context.invalid(path, value, &format!("should be less than {most}"));
        }
        Some((most, false)) if number > most => {
            context.invalid(path, value, &format!("should be less than or equal to {most}"));
        }
        _ => {}
    }
    match limits.minimum.map(|(least, is_open)| (limit(least), is_open)) {
        Some((least, true)) if number <= least => {
            context.invalid(path, value, &format!("should be greater than {least}"));
        }
        Some((least, false)) if number < least => {
            context.invalid(path, value, &format!("should be greater than or equal to {least}"));
        }
        _ => {}
    }
}

/// Whether a number is as good as whole, and one that JSON keeps exactly.
fn is_whole(number: f64) -> bool {
    const MOST: f64 = 9_007_199_254_740_991.0;
    const NEAR: f64 = 1e-9;
    let near = number.trunc();
    let is_near = near > 0.0 && (number - near) / (number + near) < NEAR;
    (-MOST - 1.0..=MOST).contains(&number) && (number.fract() == 0.0 || is_near)
}

/// How many elements a list has, told after what is wrong with them.
fn counted(limits: &Limits, value: &Tree, path: &Path<'_>, context: &mut Context) {
    let items = value.items();
    let count = items.len() as u64;
    if let Some(least) = limits.min_items.filter(|least| count < *least) {
        let what = format!("{path} in body should have at least {least} items");
        context.faults.invalid(*path, count, &what);
    }
    if let Some(most) = limits.max_items.filter(|most| count > *most) {
        too_many(context, path, count, most, "items");
    }
    let repeats = |(at, item): (usize, &Tree)| items[..at].contains(item);
    if limits.unique_items && items.iter().enumerate().any(repeats) {
        context.invalid(path, value, "shouldn't contain duplicates");
    }
    enumerated(limits, value, path, context);
}

fn enumerated(limits: &Limits, value: &Tree, path: &Path<'_>, context: &mut Context) {
    // The real server makes of a value what the choice is, a whole number too, and then compares.
    let is_cut = |choice: &Tree| {
        let cut = value.as_f64().filter(|_| value.as_i64().is_none()).map(f64::trunc);
        choice.is_integer() && cut.is_some() && choice.as_f64() == cut
    };
    let is_one = |choice: &Tree| choice == value || is_cut(choice);
    if !limits.enumeration.is_empty() && !limits.enumeration.iter().any(is_one) {
        // All are named as texts.
        let quoted = |value: &Tree| match value.as_str() {
            Some(_) => value.to_string(),
            None => Tree::from(value.to_string()).to_string(),
        };
        let supported: Vec<String> = limits.enumeration.iter().map(quoted).collect();
        context.faults.0.push(FieldError {
            kind: FieldErrorKind::NotSupported,
            field: String::from(*path),
            body: format!("Unsupported value: {value}: supported values: {}", supported.join(", ")),
        });
    }
}

fn too_many(context: &mut Context, path: &Path<'_>, actual: u64, most: u64, of: &str) {
    if context.is_old {
        let what = format!("{path} in body should have at most {most} {of}");
        // They stopped counting at the first that was too much of a map: its number is that of those before it.
        let told = if of == "properties" { most } else { actual };
        context.faults.invalid(*path, told, &what);
        return;
    }
    let number = |count: u64| usize::try_from(count).unwrap_or(usize::MAX);
    context.faults.0.push(FieldError::too_many(*path, number(actual), number(most)));
}
