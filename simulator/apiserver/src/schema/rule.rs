//! `x-kubernetes-validations`: CEL expressions over a value and the one it replaces.

use std::sync::{Arc, OnceLock};

use base64::Engine;
use cel::objects::{Key, Map, OptionalValue};
use cel::{Context, ExecutionError, Value};
use chrono::{DateTime, TimeDelta};

use super::error::Faults;
use super::program::{Expression, compiled, env};
use super::{ListType, Node, Path, Type, counterpart, validate};
use crate::Tree;
use crate::status::{FieldError, FieldErrorKind};

/// One rule, compiled when it is first evaluated.
#[derive(Debug)]
pub struct Rule {
    source: String,
    message: String,
    message_expression: String,
    reason: FieldErrorKind,
    /// The member that is to blame, as paths name it.
    field_path: String,
    transition: Transition,
    /// Why it cannot be asked of such values.
    misfit: Option<String>,
    program: OnceLock<Option<Arc<Expression>>>,
}

/// Where a rule says why it cannot be asked.
pub(crate) const MISFIT: &str = "misfit";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Transition {
    /// Looks at the value alone.
    No,
    /// `self == oldSelf`: by far the most common rule, decided without an interpreter.
    Equal,
    /// Holds whenever nothing changed.
    Reflexive,
    Any,
    /// Asked of what is new, too: its old value is an optional one.
    Optional,
}

impl Rule {
    pub(super) fn compile(rule: &Tree) -> Option<Self> {
        let text = |key: &str| rule.str_at(&[key]).unwrap_or_default().to_owned();
        let source = text("rule");
        let is_optional = rule.bool_at(&["optionalOldSelf"]) == Some(true);
        Some(Self {
            transition: match Transition::of(&source) {
                transition if !is_optional || transition == Transition::No => transition,
                _ => Transition::Optional,
            },
            message: text("message").trim().to_owned(),
            message_expression: text("messageExpression"),
            reason: match rule.str_at(&["reason"]) {
                Some("FieldValueForbidden") => FieldErrorKind::Forbidden,
                Some("FieldValueRequired") => FieldErrorKind::Required,
                Some("FieldValueDuplicate") => FieldErrorKind::Duplicate,
                _ => FieldErrorKind::Invalid,
            },
            field_path: named(&text("fieldPath")),
            misfit: rule.str_at(&[MISFIT]).map(str::to_owned),
            program: OnceLock::new(),
            source: (!source.trim().is_empty()).then_some(source)?,
        })
    }

    pub(super) fn may_fail_unchanged(&self) -> bool {
        matches!(self.transition, Transition::Any | Transition::Optional)
    }

    /// What the rule says against the value.
    fn broken(
        &self,
        node: &Node,
        value: &Tree,
        old: Option<&Tree>,
        path: &Path<'_>,
    ) -> Option<FieldError> {
        let invalid = |why: &str| {
            let body = format!("Invalid value: \"{}\": {why}", named_kind(node));
            Some(FieldError { kind: FieldErrorKind::Invalid, field: (*path).into(), body })
        };
        if let Some(why) = &self.misfit {
            return invalid(why);
        }
        if is_misread(node, value) {
            return invalid(&format!("{MISREAD} evaluating rule: {}", self.named()));
        }
        if self.transition == Transition::Equal {
            let is_same = old.is_some_and(|old| equal(node, old, value));
            if is_same || self.message_expression.is_empty() {
                return (!is_same).then(|| self.error(path, node, &self.plain_message()));
            }
        }
        let program = self.program.get_or_init(|| compiled(&self.source).ok()).as_ref()?;
        let mut context = Context::with_env(Arc::clone(env()));
        context.add_variable_from_value("self", convert(node, value));
        if self.transition == Transition::Optional {
            // What lies in an optional list or map has lost its schema: times are texts there.
            let convert = |old: &Tree| {
                if old.is_map() || old.is_list() { untyped(node, old) } else { convert(node, old) }
            };
            let old = old.map_or_else(OptionalValue::none, |old| OptionalValue::of(convert(old)));
            context.add_variable_from_value("oldSelf", Value::Opaque(Arc::new(old)));
        } else if let Some(old) = old {
            context.add_variable_from_value("oldSelf", convert(node, old));
        }
        match program.execute(&context) {
            Ok(Value::Bool(true)) => None,
            Ok(_) => Some(self.error(path, node, &self.computed_message(&context))),
            Err(error) => {
                let why = match said(&error) {
                    None if has_misread(node, value) => {
                        format!("{MISREAD} evaluating rule: {}", self.named())
                    }
                    None => format!(
                        "'no such overload': call arguments did not match a supported operator, function or macro signature for rule: {}",
                        self.named()
                    ),
                    Some(error) => format!("{error} evaluating rule: {}", self.named()),
                };
                invalid(&why)
            }
        }
    }

    fn named(&self) -> &str {
        if self.message.is_empty() { self.source.trim() } else { &self.message }
    }

    fn plain_message(&self) -> String {
        if self.message.is_empty() {
            format!("failed rule: {}", self.source.trim())
        } else {
            self.message.clone()
        }
    }

    fn computed_message(&self, context: &Context<'_, '_>) -> String {
        const LONGEST: usize = 5 * 1024;
        let computed = (!self.message_expression.is_empty())
            .then(|| compiled(&self.message_expression).ok()?.execute(context).ok())
            .flatten();
        let is_good =
            |text: &str| !text.is_empty() && text.len() <= LONGEST && !text.contains(['\n', '\r']);
        match computed {
            Some(Value::String(text)) if is_good(text.trim()) => text.trim().to_owned(),
            _ => self.plain_message(),
        }
    }

    fn error(&self, path: &Path<'_>, node: &Node, message: &str) -> FieldError {
        let field = match (path, &*self.field_path) {
            (_, "") => String::from(*path),
            (Path::Root, member) => member.to_owned(),
            (_, member) => format!("{path}.{member}"),
        };
        let body = match self.reason {
            FieldErrorKind::Forbidden => format!("Forbidden: {message}"),
            FieldErrorKind::Required => format!("Required value: {message}"),
            FieldErrorKind::Duplicate => format!("Duplicate value: \"{}\"", named_kind(node)),
            _ => format!("Invalid value: \"{}\": {message}", named_kind(node)),
        };
        FieldError { kind: self.reason, field, body }
    }
}

/// The type that a schema gives its values.
fn named_kind(node: &Node) -> &'static str {
    match node.kind {
        Type::Any | Type::IntOrString | Type::Quantity => "",
        kind => validate::wanted(kind),
    }
}

/// How paths name what a rule's own path leads to: `.a['b.c']` is `a[b.c]`.
fn named(path: &str) -> String {
    let path = path.trim().trim_start_matches('.');
    path.replace("['", "[").replace("']", "]")
}

const MISREAD: &str = "invalid data, expected string, got []interface {}";

/// A list in place of a text of some format: validators let it pass, expressions cannot read it.
fn is_misread(node: &Node, value: &Tree) -> bool {
    node.kind == Type::String && value.is_list()
}

fn has_misread(node: &Node, value: &Tree) -> bool {
    let mut found = is_misread(node, value);
    below(node, value, None, &Path::Root, &mut |node, value, _, _| {
        found = found || has_misread(node, value);
    });
    found
}

/// What cel-go says of an error; nothing of a function that does not take what it is given.
fn said(error: &ExecutionError) -> Option<String> {
    let shown = |value: &Value| match value {
        Value::Int(index) => index.to_string(),
        other => format!("{other:?}"),
    };
    Some(match error {
        ExecutionError::NoSuchOverload(_) | ExecutionError::UnsupportedBinaryOperator(..) => {
            return None;
        }
        ExecutionError::NoSuchKey(key) => format!("no such key: {key}"),
        ExecutionError::DivisionByZero(_) => "division by zero".to_owned(),
        ExecutionError::RemainderByZero(_) => "modulus by zero".to_owned(),
        ExecutionError::Overflow(_, Value::UInt(_), _) => "unsigned integer overflow".to_owned(),
        ExecutionError::Overflow(..) => "integer overflow".to_owned(),
        ExecutionError::IndexOutOfBounds(index) => format!("index out of bounds: {}", shown(index)),
        ExecutionError::FunctionError { message, .. } => message.clone(),
        other => other.to_string(),
    })
}

impl Transition {
    fn of(source: &str) -> Self {
        if !source.contains("oldSelf") {
            return Self::No;
        }
        let bare: String = source.chars().filter(|c| !c.is_whitespace()).collect();
        if matches!(&*bare, "self==oldSelf" | "oldSelf==self") {
            return Self::Equal;
        }
        let reflexive =
            |a: &str, b: &str| a.replace("oldSelf", "self") == b.replace("oldSelf", "self");
        let implied = bare.split_once("||").is_some_and(|(a, b)| {
            a.strip_prefix('!').is_some_and(|a| reflexive(a, b) && !b.contains("||"))
        });
        let equal = bare
            .split_once("==")
            .is_some_and(|(a, b)| reflexive(a, b) && !bare.contains("&&") && !bare.contains("||"));
        if implied || equal { Self::Reflexive } else { Self::Any }
    }
}

/// Which rules are asked of a value.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Asked {
    /// What a write changed, and what rules say of a change.
    Changes,
    /// Everything, as of a default: what it replaces may be the same.
    Everything,
    /// Values that are as they were, though their rules may have come later: what these say is let pass, with a warning.
    Kept,
}

impl Asked {
    /// `is_kept`: the value is as it was.
    fn of(self, rule: &Rule, has_old: bool, is_kept: bool) -> bool {
        match (self, rule.transition) {
            _ if rule.misfit.is_some() => self != Self::Kept,
            (Self::Kept, transition) => is_kept && transition == Transition::No,
            (_, Transition::Optional) => true,
            (Self::Everything, transition) => has_old || transition == Transition::No,
            (Self::Changes, Transition::No) => !is_kept,
            (Self::Changes, Transition::Any) => has_old,
            (Self::Changes, Transition::Equal | Transition::Reflexive) => has_old && !is_kept,
        }
    }
}

/// What the rules of a node say, then those below it.
pub(super) fn check(
    node: &Node,
    value: &Tree,
    old: Option<&Tree>,
    path: &Path<'_>,
    asked: Asked,
    faults: &mut Faults,
) {
    walk((node, false), value, old, path, asked, faults);
}

/// `was_kept`: all around the value is as it was, also where nobody can tell what the value was before.
fn walk(
    (node, was_kept): (&Node, bool),
    value: &Tree,
    old: Option<&Tree>,
    path: &Path<'_>,
    asked: Asked,
    faults: &mut Faults,
) {
    let old = old.filter(|old| !old.is_null());
    let is_kept = was_kept || old.is_some_and(|old| old.same(value) || old == value);
    let settled = asked == Asked::Changes && is_kept && !node.traits.transitions;
    if !node.traits.rules || settled || value.is_null() {
        return;
    }
    let rules = node.rules.iter().filter(|rule| asked.of(rule, old.is_some(), is_kept));
    faults.0.extend(rules.filter_map(|rule| rule.broken(node, value, old, path)));
    below(node, value, old, path, &mut |node, value, old, path| {
        walk((node, is_kept), value, old, path, asked, faults);
    });
}

/// Takes a part of a value, and what it was before.
type Visitor<'a> = &'a mut dyn FnMut(&Node, &Tree, Option<&Tree>, &Path<'_>);

/// Goes on to what a value consists of, each with what it was before.
fn below(node: &Node, value: &Tree, old: Option<&Tree>, path: &Path<'_>, go_on: Visitor<'_>) {
    if let Some(items) = &node.items {
        for (at, item) in value.items().iter().enumerate() {
            // Only lists of type map know which old element an element continues.
            let old = match node.list {
                ListType::Map(_) => counterpart(node, old, at, item),
                _ => None,
            };
            go_on(items, item, old, &path.index(at));
        }
    }
    for (key, value) in value.entries() {
        let old = old.and_then(|old| old.get(key));
        if let Some(member) = node.member(key) {
            go_on(&member.node, value, old, &path.field(key));
        } else if let Some(additional) = &node.additional {
            go_on(additional, value, old, &path.key(key));
        }
    }
}

/// Whether two values are the same to an expression: sets and lists with keys have no order.
fn equal(node: &Node, a: &Tree, b: &Tree) -> bool {
    if a == b {
        return true;
    }
    let any = Node::default();
    if a.is_list() && b.is_list() {
        let items = node.items.as_deref().unwrap_or(&any);
        let (a, b) = (a.items(), b.items());
        let is_in = |one: &Tree, all: &[Tree]| all.iter().any(|other| equal(items, one, other));
        return a.len() == b.len()
            && match node.list {
                ListType::Set | ListType::Map(_) => {
                    a.iter().all(|one| is_in(one, b)) && b.iter().all(|one| is_in(one, a))
                }
                ListType::Atomic => a.iter().zip(b).all(|(a, b)| equal(items, a, b)),
            };
    }
    if a.is_map() && b.is_map() {
        let below = |key: &str| match node.member(key) {
            Some(member) => &*member.node,
            None => node.additional.as_deref().unwrap_or(&any),
        };
        return a.entries().len() == b.entries().len()
            && a.entries().all(|(key, a)| b.get(key).is_some_and(|b| equal(below(key), a, b)));
    }
    convert(node, a) == convert(node, b)
}

pub(super) fn convert(node: &Node, tree: &Tree) -> Value {
    converted(node, tree, true)
}

/// A value whose texts are nothing but texts.
fn untyped(node: &Node, tree: &Tree) -> Value {
    converted(node, tree, false)
}

fn converted(node: &Node, tree: &Tree, typed: bool) -> Value {
    if let Some(text) = tree.as_str() {
        let formatted = of_format(node, text).filter(|_| typed);
        return formatted.unwrap_or_else(|| Value::String(Arc::new(text.to_owned())));
    }
    if let Some(value) = tree.as_bool() {
        return Value::Bool(value);
    }
    if let Some(number) = tree.as_i64().filter(|_| node.kind != Type::Number) {
        return Value::Int(number);
    }
    if let Some(number) = tree.as_f64() {
        return Value::Float(number);
    }
    let any = Node::default();
    if tree.is_list() {
        let items = node.items.as_deref().unwrap_or(&any);
        return Value::List(Arc::new(
            tree.items().iter().map(|item| converted(items, item, typed)).collect(),
        ));
    }
    if tree.is_map() {
        let entries = tree.entries().flat_map(|(key, value)| {
            let (name, child) = match node.member(key) {
                Some(member) => (escaped(key), &*member.node),
                None => (key.to_owned(), node.additional.as_deref().unwrap_or(&any)),
            };
            let value = converted(child, value, typed);
            // A word of the language may also be asked for as it is.
            let word =
                (name != key && RESERVED.contains(&key)).then(|| (key.into(), value.clone()));
            std::iter::once((Key::String(Arc::new(name)), value)).chain(word)
        });
        return Value::Map(Map { map: Arc::new(entries.collect()) });
    }
    Value::Null
}

/// What a text of a known format is to an expression.
fn of_format(node: &Node, text: &str) -> Option<Value> {
    let format = node.limits.as_ref().filter(|_| node.kind == Type::String)?.format.as_deref()?;
    match format {
        "byte" => {
            let bytes = base64::engine::general_purpose::STANDARD.decode(text).ok()?;
            Some(Value::Bytes(Arc::new(bytes)))
        }
        "date-time" | "datetime" => DateTime::parse_from_rfc3339(text).ok().map(Value::Timestamp),
        "date" => {
            let midnight = format!("{text}T00:00:00Z");
            DateTime::parse_from_rfc3339(&midnight).ok().map(Value::Timestamp)
        }
        "duration" => {
            let nanoseconds = super::format::duration(text)?;
            Some(Value::Duration(TimeDelta::nanoseconds(nanoseconds)))
        }
        _ => None,
    }
}

/// Words of the language, which no name may be.
pub(crate) const RESERVED: &[&str] = &[
    "true",
    "false",
    "null",
    "in",
    "as",
    "break",
    "const",
    "continue",
    "else",
    "for",
    "function",
    "if",
    "import",
    "let",
    "loop",
    "package",
    "namespace",
    "return",
    "var",
    "void",
    "while",
];

/// How a member's name is written in an expression.
pub(crate) fn escaped(name: &str) -> String {
    if RESERVED.contains(&name) {
        return format!("__{name}__");
    }
    name.replace("__", "__underscores__")
        .replace('.', "__dot__")
        .replace('-', "__dash__")
        .replace('/', "__slash__")
}
