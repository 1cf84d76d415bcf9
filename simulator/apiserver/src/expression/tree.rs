//! An expression as the server's parser makes it: every macro is spelled out, and functions of libraries, variables and
//! types have one name, even if there are dots in it.

use cel::IdedExpr;
use cel::common::ast::{CallExpr, ComprehensionExpr, EntryExpr, Expr, LiteralValue};

use super::kind::DOTTED_TYPES;
use super::{BIND, Kind, Scope, functions};

/// Where a node stands in its tree.
pub(super) type At = usize;

/// As large as no text becomes, but by macros that spell their target out twice.
const MOST: usize = 100_000;
/// The server reads nothing that stands within 250 others; what macros make is deeper.
const DEEPEST: usize = 500;

#[derive(Clone, Copy, Debug)]
pub(super) enum Literal<'a> {
    Bool,
    Bytes(&'a [u8]),
    Double,
    Int(i64),
    Null,
    Text(&'a str),
    Uint,
}

#[derive(Debug)]
pub(super) struct Loop<'a> {
    pub(super) range: At,
    /// One name, for items or keys; or two, for both.
    pub(super) names: (&'a str, Option<&'a str>),
    /// The name of what is gathered.
    pub(super) sum: &'a str,
    pub(super) start: At,
    pub(super) until: At,
    pub(super) step: At,
    pub(super) result: At,
}

#[derive(Debug)]
pub(super) enum What<'a> {
    Literal(Literal<'a>),
    Name(&'a str),
    Select {
        of: At,
        field: &'a str,
    },
    Has {
        of: At,
        field: &'a str,
    },
    Call {
        name: &'a str,
        target: Option<At>,
        takes: Vec<At>,
    },
    /// Of items, and whether each may be missing.
    List(Vec<(At, bool)>),
    Map(Vec<([At; 2], bool)>),
    /// Of a type with a name: no expression of Kubernetes has any.
    Struct(&'a str),
    Loop(Loop<'a>),
    /// A value with a name.
    Bind {
        name: &'a str,
        value: At,
        body: At,
    },
}

#[derive(Debug)]
pub(super) struct Tree<'a> {
    /// What a node is made of stands before it, and the whole at the end.
    pub(super) nodes: Vec<What<'a>>,
    /// The node of the text that each was made of: where faults of it are shown.
    pub(super) stands: Vec<u64>,
}

/// Why there is no tree of an expression.
pub(super) enum Unread {
    TooLarge,
    /// A node of the text is not what a macro wants there.
    Misused(u64, String),
}

struct Reader<'a> {
    tree: Tree<'a>,
    scope: &'a Scope,
    /// Names of variables and types that have dots.
    dotted: Vec<&'a str>,
    /// What our parser has given a name, lest it be there twice; the server's has it twice.
    targets: Vec<&'a IdedExpr>,
    depth: usize,
}

type Read<T = At> = Result<T, Unread>;

const TARGET: &str = "@target";

/// The tree of an expression that may use these names.
pub(super) fn spelled<'a>(root: &'a IdedExpr, scope: &'a Scope) -> Read<Tree<'a>> {
    let variables = scope.keys().map(String::as_str).filter(|name| name.contains('.'));
    let mut reader = Reader {
        tree: Tree { nodes: Vec::new(), stands: Vec::new() },
        scope,
        dotted: variables.chain(DOTTED_TYPES).collect(),
        targets: Vec::new(),
        depth: 0,
    };
    reader.read(root)?;
    Ok(reader.tree)
}

impl Tree<'_> {
    /// Where the whole expression stands.
    pub(super) fn root(&self) -> At {
        self.nodes.len() - 1
    }
}

impl What<'_> {
    /// What a node is made of.
    pub(super) fn parts(&self) -> Vec<At> {
        match self {
            Self::Literal(_) | Self::Name(_) | Self::Struct(_) => Vec::new(),
            Self::Select { of, .. } | Self::Has { of, .. } => vec![*of],
            Self::Call { target, takes, .. } => takes.iter().chain(target).copied().collect(),
            Self::List(items) => items.iter().map(|(item, _)| *item).collect(),
            Self::Map(entries) => entries.iter().flat_map(|(entry, _)| *entry).collect(),
            Self::Loop(all) => vec![all.range, all.start, all.until, all.step, all.result],
            Self::Bind { value, body, .. } => vec![*value, *body],
        }
    }
}

impl<'a> Reader<'a> {
    fn push(&mut self, id: u64, what: What<'a>) -> Read {
        let at = self.tree.nodes.len();
        self.tree.nodes.push(what);
        self.tree.stands.push(id);
        if at < MOST { Ok(at) } else { Err(Unread::TooLarge) }
    }

    fn read(&mut self, node: &'a IdedExpr) -> Read {
        self.depth += 1;
        if self.depth > DEEPEST {
            return Err(Unread::TooLarge);
        }
        let at = self.read_node(node)?;
        self.depth -= 1;
        Ok(at)
    }

    fn read_node(&mut self, node: &'a IdedExpr) -> Read {
        let what = match &node.expr {
            Expr::Unspecified => return Err(Unread::TooLarge),
            Expr::Struct(of) => What::Struct(&of.type_name),
            Expr::Literal(value) => What::Literal(literal(value)),
            Expr::Ident(name) if name == TARGET && !self.targets.is_empty() => {
                // What stands there may be made of a target itself.
                let target = self.targets.pop().expect("there is one");
                let at = self.read(target);
                self.targets.push(target);
                return at;
            }
            Expr::Ident(name) => {
                let is_name =
                    |bare: &str| self.scope.contains_key(bare) || Kind::by_name(bare).is_some();
                What::Name(known(name, is_name))
            }
            Expr::Select(select) => {
                if let Some(name) = self.dotted.iter().find(|name| spells(node, name)) {
                    return self.push(node.id, What::Name(name));
                }
                let (of, field) = (self.read(&select.operand)?, select.field.as_str());
                if select.test { What::Has { of, field } } else { What::Select { of, field } }
            }
            Expr::List(list) => {
                let mut items = Vec::new();
                for (index, item) in list.elements.iter().enumerate() {
                    items.push((self.read(item)?, list.optional_indices.contains(&index)));
                }
                What::List(items)
            }
            Expr::Map(map) => {
                let mut entries = Vec::new();
                for entry in &map.entries {
                    let EntryExpr::MapEntry(entry) = &entry.expr else {
                        return Err(Unread::TooLarge);
                    };
                    let key = self.read(&entry.key)?;
                    entries.push(([key, self.read(&entry.value)?], entry.optional));
                }
                What::Map(entries)
            }
            Expr::Call(call) => return self.call(node.id, call),
            Expr::Comprehension(all) if all.accu_var == TARGET => {
                self.targets.push(&all.accu_init);
                let at = self.read(&all.result);
                self.targets.pop();
                return at;
            }
            Expr::Comprehension(all) => self.comprehension(all)?,
        };
        self.push(node.id, what)
    }

    fn comprehension(&mut self, all: &'a ComprehensionExpr) -> Read<What<'a>> {
        if matches!(&all.iter_range.expr, Expr::List(list) if list.elements.is_empty())
            && matches!(all.loop_cond.expr, Expr::Literal(LiteralValue::Boolean(ref on)) if !on.inner())
        {
            let value = self.read(&all.accu_init)?;
            return Ok(What::Bind { name: &all.accu_var, value, body: self.read(&all.result)? });
        }
        Ok(What::Loop(Loop {
            range: self.read(&all.iter_range)?,
            names: (&all.iter_var, all.iter_var2.as_deref()),
            sum: &all.accu_var,
            start: self.read(&all.accu_init)?,
            until: self.read(&all.loop_cond)?,
            step: self.read(&all.loop_step)?,
            result: self.read(&all.result)?,
        }))
    }

    fn call(&mut self, id: u64, call: &'a CallExpr) -> Read {
        let name = call.func_name.as_str();
        let args = call.args.as_slice();
        if let Some(target) = &call.target {
            if let Some(name) = qualified(target, name) {
                let takes = self.read_all(args)?;
                return self.push(id, What::Call { name, target: None, takes });
            }
            if let [first, value, body] = args
                && name == "bind"
                && ident(target) == Some("cel")
                && self.scope.contains_key(BIND)
            {
                let why = "cel.bind() variable names must be simple identifiers";
                let name = ident(first).ok_or_else(|| Unread::Misused(first.id, why.to_owned()))?;
                let value = self.read(value)?;
                let body = self.read(body)?;
                return self.push(id, What::Bind { name, value, body });
            }
        }
        let takes = self.read_all(args)?;
        let (name, target) = match &call.target {
            Some(target) => (name, Some(self.read(target)?)),
            None => (known(name, |bare| functions::named(bare).is_some()), None),
        };
        self.push(id, What::Call { name, target, takes })
    }

    fn read_all(&mut self, all: &'a [IdedExpr]) -> Read<Vec<At>> {
        all.iter().map(|one| self.read(one)).collect()
    }
}

/// A name that is known, without the dot before it that says that it stands in nothing.
fn known(name: &str, is_known: impl Fn(&str) -> bool) -> &str {
    name.strip_prefix('.').filter(|bare| is_known(bare)).unwrap_or(name)
}

fn literal(value: &LiteralValue) -> Literal<'_> {
    match value {
        LiteralValue::Boolean(_) => Literal::Bool,
        LiteralValue::Bytes(bytes) => Literal::Bytes(bytes.inner()),
        LiteralValue::Double(_) => Literal::Double,
        LiteralValue::Int(number) => Literal::Int(*number.inner()),
        LiteralValue::Null => Literal::Null,
        LiteralValue::String(text) => Literal::Text(text.inner()),
        LiteralValue::UInt(_) => Literal::Uint,
    }
}

fn ident(node: &IdedExpr) -> Option<&str> {
    if let Expr::Ident(name) = &node.expr { Some(name) } else { None }
}

/// Whether a part of a text is that name, which has dots.
fn spells(node: &IdedExpr, name: &str) -> bool {
    match (&node.expr, name.rsplit_once('.')) {
        (Expr::Ident(ident), None) => ident.trim_start_matches('.') == name,
        (Expr::Select(select), Some((before, last))) => {
            !select.test && select.field == last && spells(&select.operand, before)
        }
        _ => false,
    }
}

/// The function of a library that `target.name` is.
fn qualified(target: &IdedExpr, name: &str) -> Option<&'static str> {
    let library = ident(target)?.trim_start_matches('.');
    functions::named(&format!("{library}.{name}")).map(|(name, _)| name)
}
