//! `x-kubernetes-validations`: CEL expressions over a value and the one it replaces.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use cel::objects::{Key, Map};
use cel::{Context, Env, Program, Value};

use super::error::Faults;
use super::{ListType, Node, Path, Type, counterpart};
use crate::Tree;
use crate::status::{FieldError, FieldErrorKind};

/// One rule, compiled when it is first evaluated.
#[derive(Debug)]
pub struct Rule {
    source: String,
    message: String,
    message_expression: String,
    reason: FieldErrorKind,
    field_path: String,
    transition: Transition,
    program: OnceLock<Option<Arc<Program>>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Transition {
    /// Looks at the value alone.
    No,
    /// `self == oldSelf`: by far the most common rule, decided without an interpreter.
    Equal,
    /// Holds whenever nothing changed.
    Reflexive,
    Any,
}

impl Rule {
    pub(super) fn compile(rule: &Tree) -> Option<Self> {
        let text = |key: &str| rule.str_at(&[key]).unwrap_or_default().to_owned();
        let source = text("rule");
        Some(Self {
            transition: Transition::of(&source),
            message: text("message"),
            message_expression: text("messageExpression"),
            reason: match rule.str_at(&["reason"]) {
                Some("FieldValueForbidden") => FieldErrorKind::Forbidden,
                Some("FieldValueRequired") => FieldErrorKind::Required,
                Some("FieldValueDuplicate") => FieldErrorKind::Duplicate,
                _ => FieldErrorKind::Invalid,
            },
            field_path: text("fieldPath"),
            program: OnceLock::new(),
            source: (!source.is_empty()).then_some(source)?,
        })
    }

    /// What is wrong with the text of a rule; `None` if it compiles.
    pub(crate) fn fault(source: &str) -> Option<String> {
        compiled(source).err()
    }

    pub(super) fn may_fail_unchanged(&self) -> bool {
        self.transition == Transition::Any
    }

    /// What the rule says against the value.
    fn broken(&self, node: &Node, value: &Tree, old: Option<&Tree>) -> Option<String> {
        if self.transition == Transition::Equal {
            return (old != Some(value)).then(|| self.plain_message());
        }
        let program = self.program.get_or_init(|| compiled(&self.source).ok()).as_ref()?;
        let mut context = Context::with_env(Arc::clone(env()));
        context.add_variable_from_value("self", convert(node, value));
        if let Some(old) = old {
            context.add_variable_from_value("oldSelf", convert(node, old));
        }
        match program.execute(&context) {
            Ok(Value::Bool(true)) => None,
            Ok(Value::Bool(false)) => Some(self.computed_message(&context)),
            Ok(_) => Some("rule evaluation error".to_owned()),
            Err(error) => {
                let mut error = error.to_string();
                if let Some(first) = error.get(..1) {
                    error = first.to_lowercase() + &error[1..];
                }
                Some(format!("{error} evaluating rule: {}", self.named()))
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
        let computed = (!self.message_expression.is_empty())
            .then(|| compiled(&self.message_expression).ok()?.execute(context).ok())
            .flatten();
        match computed {
            Some(Value::String(text)) if !text.trim().is_empty() && !text.contains('\n') => {
                text.to_string()
            }
            _ => self.plain_message(),
        }
    }

    fn error(&self, path: &Path<'_>, value: &Tree, message: &str) -> FieldError {
        let field = format!("{}{}", String::from(*path), self.field_path);
        let body = match self.reason {
            FieldErrorKind::Forbidden => format!("Forbidden: {message}"),
            FieldErrorKind::Required => format!("Required value: {message}"),
            FieldErrorKind::Duplicate => format!("Duplicate value: \"{}\"", value.type_name()),
            _ => format!("Invalid value: \"{}\": {message}", value.type_name()),
        };
        FieldError { kind: self.reason, field, body }
    }
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

pub(super) fn env() -> &'static Arc<Env> {
    static ENV: OnceLock<Arc<Env>> = OnceLock::new();
    ENV.get_or_init(|| {
        let mut env = Env::stdlib();
        for extension in [cel::extensions::strings, cel::extensions::lists, cel::extensions::math] {
            env.add_extension(extension).expect("the extensions declare different functions");
        }
        Arc::new(env)
    })
}

/// As many programs as the definitions of a busy cluster have.
const MOST_PROGRAMS: usize = 1024;

/// The program of an expression, or what is wrong with it. Parsing takes longer than running it ever does, and each
/// definition is checked before it is used: what was parsed lately is kept. It follows from the text alone.
pub(super) fn compiled(source: &str) -> Result<Arc<Program>, String> {
    static KNOWN: Mutex<BTreeMap<String, Result<Arc<Program>, String>>> =
        Mutex::new(BTreeMap::new());
    let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(program) = known.get(source) {
        return program.clone();
    }
    let program = env().compile(source).map(Arc::new).map_err(|error| error.to_string());
    if known.len() == MOST_PROGRAMS {
        known.clear();
    }
    known.insert(source.to_owned(), program.clone());
    program
}

/// All rules of a node, then those below it.
pub(super) fn check(
    node: &Node,
    value: &Tree,
    old: Option<&Tree>,
    path: &Path<'_>,
    faults: &mut Faults,
) {
    let unchanged = old.is_some_and(|old| old.same(value) || old == value);
    if !node.traits.rules || (unchanged && !node.traits.transitions) {
        return;
    }
    if value.is_null() {
        return;
    }
    for rule in &node.rules {
        let applies = match rule.transition {
            Transition::No => !unchanged,
            Transition::Equal | Transition::Reflexive => old.is_some() && !unchanged,
            Transition::Any => old.is_some(),
        };
        if applies && let Some(message) = rule.broken(node, value, old) {
            faults.0.push(rule.error(path, value, &message));
        }
    }
    if let Some(items) = &node.items {
        for (at, item) in value.items().iter().enumerate() {
            // Only lists of type map know which old element an element continues.
            let old = match node.list {
                ListType::Map(_) => counterpart(node, old, at, item),
                _ => None,
            };
            check(items, item, old, &path.index(at), faults);
        }
    }
    for (key, value) in value.entries() {
        let old = old.and_then(|old| old.get(key));
        if let Some(member) = node.member(key) {
            check(&member.node, value, old, &path.field(key), faults);
        } else if let Some(additional) = &node.additional {
            check(additional, value, old, &path.key(key), faults);
        }
    }
}

pub(super) fn convert(node: &Node, tree: &Tree) -> Value {
    if let Some(text) = tree.as_str() {
        return Value::String(Arc::new(text.to_owned()));
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
            tree.items().iter().map(|item| convert(items, item)).collect(),
        ));
    }
    if tree.is_map() {
        let entries = tree.entries().map(|(key, value)| {
            let (name, child) = match node.member(key) {
                Some(member) => (escaped(key), &*member.node),
                None => (key.to_owned(), node.additional.as_deref().unwrap_or(&any)),
            };
            (Key::String(Arc::new(name)), convert(child, value))
        });
        return Value::Map(Map { map: Arc::new(entries.collect()) });
    }
    Value::Null
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
