//! An expression as the server's parser makes it: every macro is spelled out, and functions of libraries have one name.

use cel::IdedExpr;
use cel::common::ast::{CallExpr, ComprehensionExpr, EntryExpr, Expr, LiteralValue};

use super::functions;

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
    pub(super) names: [Option<&'a str>; 2],
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
    Loop(Loop<'a>),
    /// A value with a name.
    Bind {
        name: &'a str,
        value: At,
        body: At,
    },
}

#[derive(Debug, Default)]
pub(super) struct Tree<'a> {
    pub(super) nodes: Vec<What<'a>>,
    /// What our parser has given a name, lest it be there twice; the server's has it twice.
    targets: Vec<&'a IdedExpr>,
    depth: usize,
}

const TARGET: &str = "@target";
const SUM: &str = "@result";

/// The tree of an expression, and its root; `None` if the server would not read it.
pub(super) fn spelled(root: &IdedExpr) -> Option<(Tree<'_>, At)> {
    let mut tree = Tree::default();
    let at = tree.read(root)?;
    Some((tree, at))
}

impl<'a> Tree<'a> {
    fn push(&mut self, what: What<'a>) -> Option<At> {
        self.nodes.push(what);
        (self.nodes.len() < MOST).then(|| self.nodes.len() - 1)
    }

    fn read(&mut self, node: &'a IdedExpr) -> Option<At> {
        self.depth += 1;
        let at = (self.depth <= DEEPEST).then(|| self.read_node(node))?;
        self.depth -= 1;
        at
    }

    fn read_node(&mut self, node: &'a IdedExpr) -> Option<At> {
        let what = match &node.expr {
            Expr::Unspecified | Expr::Struct(_) => return None,
            Expr::Literal(value) => What::Literal(literal(value)),
            Expr::Ident(name) if name == TARGET => {
                // What stands there may be made of a target itself.
                let target = self.targets.pop()?;
                let at = self.read(target);
                self.targets.push(target);
                return at;
            }
            Expr::Ident(name) => What::Name(name),
            Expr::Select(select) => {
                if let Some(name) = named_type(node) {
                    return self.push(What::Name(name));
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
                    let EntryExpr::MapEntry(entry) = &entry.expr else { return None };
                    let key = self.read(&entry.key)?;
                    entries.push(([key, self.read(&entry.value)?], entry.optional));
                }
                What::Map(entries)
            }
            Expr::Call(call) => return self.call(call),
            Expr::Comprehension(all) if all.accu_var == TARGET => {
                self.targets.push(&all.accu_init);
                let at = self.read(&all.result);
                self.targets.pop();
                return at;
            }
            Expr::Comprehension(all) => self.comprehension(all)?,
        };
        self.push(what)
    }

    fn comprehension(&mut self, all: &'a ComprehensionExpr) -> Option<What<'a>> {
        if matches!(&all.iter_range.expr, Expr::List(list) if list.elements.is_empty())
            && matches!(all.loop_cond.expr, Expr::Literal(LiteralValue::Boolean(ref on)) if !on.inner())
        {
            let value = self.read(&all.accu_init)?;
            return Some(What::Bind { name: &all.accu_var, value, body: self.read(&all.result)? });
        }
        Some(What::Loop(Loop {
            range: self.read(&all.iter_range)?,
            names: [Some(&all.iter_var), all.iter_var2.as_deref()],
            sum: &all.accu_var,
            start: self.read(&all.accu_init)?,
            until: self.read(&all.loop_cond)?,
            step: self.read(&all.loop_step)?,
            result: self.read(&all.result)?,
        }))
    }

    fn call(&mut self, call: &'a CallExpr) -> Option<At> {
        let name = call.func_name.as_str();
        let args = call.args.as_slice();
        if let Some(target) = &call.target {
            if let Some((name, _)) = qualified(target, name) {
                let takes = self.read_all(args)?;
                return self.push(What::Call { name, target: None, takes });
            }
            if let [first, second, rest @ ..] = args
                && is_two_named(name, rest)
            {
                let names = [Some(ident(first)?), Some(ident(second)?)];
                return self.two_named(name, target, names, rest);
            }
        }
        let takes = self.read_all(args)?;
        let target = match &call.target {
            Some(target) => Some(self.read(target)?),
            None => None,
        };
        self.push(What::Call { name, target, takes })
    }

    fn read_all(&mut self, all: &'a [IdedExpr]) -> Option<Vec<At>> {
        all.iter().map(|one| self.read(one)).collect()
    }

    fn function(&mut self, name: &'a str, takes: Vec<At>) -> Option<At> {
        self.push(What::Call { name, target: None, takes })
    }

    fn two_named(
        &mut self,
        macro_name: &'a str,
        range: &'a IdedExpr,
        names: [Option<&'a str>; 2],
        rest: &'a [IdedExpr],
    ) -> Option<At> {
        let range = self.read(range)?;
        let [filter, body] = match rest {
            [filter, body] => [Some(self.read(filter)?), Some(self.read(body)?)],
            [body] => [None, Some(self.read(body)?)],
            _ => return None,
        };
        let body = body?;
        let sum = |tree: &mut Self| tree.push(What::Name(SUM));
        let number = |tree: &mut Self, one| tree.push(What::Literal(Literal::Int(one)));
        let accumulated = sum(self)?;
        let (start, step) = match macro_name {
            "all" => {
                let start = self.push(What::Literal(Literal::Bool))?;
                (start, self.function("_&&_", vec![accumulated, body])?)
            }
            "exists" => {
                let start = self.push(What::Literal(Literal::Bool))?;
                (start, self.function("_||_", vec![accumulated, body])?)
            }
            "existsOne" | "exists_one" => {
                let one = number(self, 1)?;
                let more = self.function("_+_", vec![accumulated, one])?;
                let same = sum(self)?;
                (number(self, 0)?, self.function("_?_:_", vec![body, more, same])?)
            }
            "transformList" => {
                let item = self.push(What::List(vec![(body, false)]))?;
                (self.push(What::List(Vec::new()))?, self.function("_+_", vec![accumulated, item])?)
            }
            _ => {
                let mut takes = vec![accumulated];
                if macro_name == "transformMap" {
                    takes.push(self.push(What::Name(names[0]?))?);
                }
                takes.push(body);
                (self.push(What::Map(Vec::new()))?, self.function("cel.@mapInsert", takes)?)
            }
        };
        let step = match filter {
            Some(filter) => {
                let same = sum(self)?;
                self.function("_?_:_", vec![filter, step, same])?
            }
            None => step,
        };
        let until = match macro_name {
            "all" => {
                let so_far = sum(self)?;
                self.function("@not_strictly_false", vec![so_far])?
            }
            "exists" => {
                let so_far = sum(self)?;
                let none = self.function("!_", vec![so_far])?;
                self.function("@not_strictly_false", vec![none])?
            }
            _ => self.push(What::Literal(Literal::Bool))?,
        };
        let mut result = sum(self)?;
        if matches!(macro_name, "existsOne" | "exists_one") {
            let one = number(self, 1)?;
            result = self.function("_==_", vec![result, one])?;
        }
        self.push(What::Loop(Loop { range, names, sum: SUM, start, until, step, result }))
    }
}

/// Whether a macro goes over keys and values, of these arguments after their names.
fn is_two_named(name: &str, rest: &[IdedExpr]) -> bool {
    match name {
        "all" | "exists" | "existsOne" | "exists_one" => rest.len() == 1,
        "transformList" | "transformMap" | "transformMapEntry" => matches!(rest.len(), 1 | 2),
        _ => false,
    }
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

/// A name with dots; none of a library has more than a few.
fn dotted(node: &IdedExpr) -> Option<String> {
    match &node.expr {
        Expr::Ident(name) => Some(name.clone()),
        Expr::Select(select) if !select.test => {
            Some(format!("{}.{}", dotted(&select.operand)?, select.field))
        }
        _ => None,
    }
}

/// The types whose names have dots.
pub(super) const DOTTED_TYPES: [&str; 4] =
    ["google.protobuf.Duration", "google.protobuf.Timestamp", "net.CIDR", "net.IP"];

fn named_type(node: &IdedExpr) -> Option<&'static str> {
    let mut root = node;
    while let Expr::Select(select) = &root.expr {
        root = &select.operand;
    }
    ident(root).filter(|root| matches!(*root, "google" | "net"))?;
    let name = dotted(node)?;
    DOTTED_TYPES.into_iter().find(|known| *known == name)
}

/// The function of a library that `target.name` is.
fn qualified(
    target: &IdedExpr,
    name: &str,
) -> Option<(&'static str, &'static [functions::Overload])> {
    let library = ident(target)?;
    functions::named(&format!("{library}.{name}"))
}
