//! Expressions, compiled: within bounds, whatever a client sends.

use std::collections::BTreeMap;
use std::ops::Deref;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread;

use cel::common::ast::{CallExpr, ComprehensionExpr, EntryExpr, Expr, ListExpr, LiteralValue};
use cel::{Context, Env, ExecutionError, IdedExpr, Program, Value};

use crate::expression::{self, IN_ORDER, PAIRS};

/// A program that a client may have written.
#[derive(Debug)]
pub(crate) struct Expression {
    program: Program,
    /// The same with every range in order; nothing if it has none.
    ordered: Option<IdedExpr>,
    is_deep: bool,
}

impl Deref for Expression {
    type Target = Program;

    fn deref(&self) -> &Program {
        &self.program
    }
}

impl Expression {
    /// What it makes of what it is given. One that is deep has a stack of its own.
    pub(crate) fn execute(&self, context: &Context<'_, '_>) -> Result<Value, ExecutionError> {
        let execute = || match &self.ordered {
            Some(ordered) => Value::resolve(ordered, context),
            None => self.program.execute(context),
        };
        if !self.is_deep {
            return execute();
        }
        on_a_large_stack(execute).unwrap_or_else(|| {
            Err(ExecutionError::InternalError("the expression cannot be evaluated".to_owned()))
        })
    }
}

pub(super) fn env() -> &'static Arc<Env> {
    static ENV: OnceLock<Arc<Env>> = OnceLock::new();
    ENV.get_or_init(|| {
        let mut env = Env::stdlib();
        for extension in [cel::extensions::strings, expression::library] {
            env.add_extension(extension).expect("the extensions declare different functions");
        }
        Arc::new(env)
    })
}

/// As many programs as the definitions of a busy cluster have.
const MOST_PROGRAMS: usize = 1024;

/// The program of an expression, or what is wrong with it. Parsing takes longer than running it ever does, and each
/// definition is checked before it is used: what was parsed lately is kept. It follows from the text alone.
pub(super) fn compiled(source: &str) -> Result<Arc<Expression>, String> {
    static KNOWN: Mutex<BTreeMap<String, Result<Arc<Expression>, String>>> =
        Mutex::new(BTreeMap::new());
    let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(program) = known.get(source) {
        return program.clone();
    }
    let program = within_bounds(source).map(Arc::new);
    if known.len() == MOST_PROGRAMS {
        known.clear();
    }
    known.insert(source.to_owned(), program.clone());
    program
}

/// In signs.
const LONGEST: usize = 100_000;
/// Of brackets within brackets: as far as the parser goes, where the real server goes to 250.
const MOST_BRACKETS: usize = 95;
/// Of operators within operators.
const DEEPEST: usize = 250;
/// As deep as any stack allows.
const SHALLOW: usize = 24;
/// What is shorter cannot be deep.
const SHORT: usize = 64;
/// Of the thread for what may be deep: the parser calls itself for every bracket. Only what is used is taken.
const STACK: usize = 1 << 30;

fn within_bounds(source: &str) -> Result<Expression, String> {
    let parse = || {
        let program = env().compile(source).map_err(|error| error.to_string())?;
        let mut ordered = program.expression().clone();
        let ordered = in_order(&mut ordered).then_some(ordered);
        let depth = depth(program.expression());
        Ok((Expression { program, ordered, is_deep: depth > SHALLOW }, depth))
    };
    let beyond = |why: &str| Err(format!("ERROR: <input>:-1:0: {why}\n"));
    if source.len() < SHORT {
        return parse().map(|(expression, _)| expression);
    }
    let size = source.chars().count();
    if size > LONGEST {
        let why =
            format!("expression code point size exceeds limit: size: {size}, limit {LONGEST}");
        return beyond(&why);
    }
    if nesting(source) > MOST_BRACKETS {
        return beyond(&format!("expression recursion limit exceeded: {MOST_BRACKETS}"));
    }
    let read = || {
        match parse()? {
            // One that is too deep to be dropped elsewhere ends here.
            (_, depth) if depth > DEEPEST + 1 => beyond("max recursion depth exceeded"),
            (expression, _) => Ok(expression),
        }
    };
    on_a_large_stack(read).unwrap_or_else(|| beyond("expression cannot be read"))
}

/// Nothing if there is no memory for it.
fn on_a_large_stack<T: Send>(act: impl FnOnce() -> T + Send) -> Option<T> {
    thread::scope(|scope| {
        let thread = thread::Builder::new().stack_size(STACK).spawn_scoped(scope, act);
        thread.ok()?.join().ok()
    })
}

/// How many brackets are open at most. Those in texts are counted, too: a text of hundreds is none that anybody writes.
fn nesting(source: &str) -> usize {
    let (mut open, mut most) = (0_usize, 0);
    for byte in source.bytes() {
        match byte {
            b'(' | b'[' | b'{' => open += 1,
            b')' | b']' | b'}' => open = open.saturating_sub(1),
            _ => {}
        }
        most = most.max(open);
    }
    most
}

/// Lets every comprehension range over what has an order, and tells whether there is any.
fn in_order(node: &mut IdedExpr) -> bool {
    let each = |all: &mut dyn Iterator<Item = &mut IdedExpr>| {
        all.filter_map(|one| in_order(one).then_some(())).count() > 0
    };
    match &mut node.expr {
        Expr::Call(call) => {
            each(&mut call.target.iter_mut().map(|it| &mut **it).chain(&mut call.args))
        }
        Expr::Select(select) => in_order(&mut select.operand),
        Expr::List(list) => each(&mut list.elements.iter_mut()),
        Expr::Map(map) => {
            let entries = map.entries.iter_mut().filter_map(|entry| match &mut entry.expr {
                EntryExpr::MapEntry(entry) => Some([&mut entry.key, &mut entry.value]),
                EntryExpr::StructField(_) => None,
            });
            each(&mut entries.flatten())
        }
        Expr::Comprehension(all) => {
            for part in [
                &mut all.iter_range,
                &mut all.accu_init,
                &mut all.loop_cond,
                &mut all.loop_step,
                &mut all.result,
            ] {
                in_order(part);
            }
            let range = std::mem::take(&mut all.iter_range);
            let second = all.iter_var2.take();
            let name = if second.is_some() { PAIRS } else { IN_ORDER };
            if let Some(second) = second {
                let first = std::mem::replace(&mut all.iter_var, PAIRS.to_owned());
                name_both(&mut all.loop_step, &all.accu_var, &[&first, &second]);
            }
            all.iter_range = call(name, vec![range]);
            true
        }
        _ => false,
    }
}

fn node(expr: Expr) -> IdedExpr {
    IdedExpr { id: 0, expr }
}

fn call(name: &str, args: Vec<IdedExpr>) -> IdedExpr {
    node(Expr::Call(CallExpr { func_name: name.to_owned(), target: None, args }))
}

/// Names both of a pair wherever a step of a loop uses them: all around that is for the crate to see.
fn name_both(step: &mut IdedExpr, sum: &str, names: &[&str; 2]) {
    let is_sum = |one: &IdedExpr| matches!(&one.expr, Expr::Ident(name) if name == sum);
    match &mut step.expr {
        Expr::Call(step) if step.target.is_none() && step.args.iter().any(is_sum) => {
            for arg in step.args.iter_mut().filter(|arg| !is_sum(arg)) {
                name_both(arg, sum, names);
            }
        }
        Expr::List(list) => list.elements.iter_mut().for_each(|one| name_both(one, sum, names)),
        _ => {
            for (at, name) in (0_i64..).zip(names) {
                let pair = node(Expr::Ident(PAIRS.to_owned()));
                let at = node(Expr::Literal(LiteralValue::Int(at.into())));
                let value = call("_[_]", vec![pair, at]);
                let body = std::mem::take(step);
                *step = bound(name, value, body);
            }
        }
    }
}

/// A value with a name, as the crate has it: what a loop over nothing begins with.
fn bound(name: &str, value: IdedExpr, body: IdedExpr) -> IdedExpr {
    node(Expr::Comprehension(Box::new(ComprehensionExpr {
        iter_range: node(Expr::List(ListExpr::new(Vec::new()))),
        iter_var: "#unused".to_owned(),
        iter_var2: None,
        accu_var: name.to_owned(),
        accu_init: value,
        loop_cond: node(Expr::Literal(LiteralValue::Boolean(false.into()))),
        loop_step: node(Expr::Ident(name.to_owned())),
        result: body,
    })))
}

fn depth(node: &IdedExpr) -> usize {
    let deepest = |all: &mut dyn Iterator<Item = &IdedExpr>| all.map(depth).max().unwrap_or(0);
    1 + match &node.expr {
        Expr::Call(call) => deepest(&mut call.target.iter().map(|it| &**it).chain(&call.args)),
        Expr::Select(select) => depth(&select.operand),
        Expr::List(list) => deepest(&mut list.elements.iter()),
        Expr::Map(map) => {
            let entries = map.entries.iter().filter_map(|entry| match &entry.expr {
                EntryExpr::MapEntry(entry) => Some([&entry.key, &entry.value]),
                EntryExpr::StructField(_) => None,
            });
            deepest(&mut entries.flatten())
        }
        Expr::Comprehension(all) => {
            depth(&all.iter_range).max(depth(&all.loop_step)).max(depth(&all.result))
        }
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_deep_or_long_is_refused_before_it_is_read() {
        let nested = |n: usize| format!("{}self{} > 0", "(".repeat(n), ")".repeat(n));
        let sum = |n: usize| format!("{} > 0", vec!["self"; n].join("+"));
        let any = |n: usize| vec!["self > 0"; n].join(" || ");
        let fails = |source: &str, why: &str| {
            assert_eq!(compiled(source).err(), Some(format!("ERROR: <input>:-1:0: {why}\n")));
        };

        for good in [nested(90), sum(250), any(3000)] {
            assert_eq!(compiled(&good).err(), None, "{} signs", good.len());
        }
        fails(&nested(96), "expression recursion limit exceeded: 95");
        fails(&nested(40_000), "expression recursion limit exceeded: 95");
        fails(&sum(260), "max recursion depth exceeded");
        fails(&sum(16_000), "max recursion depth exceeded");
        fails(
            &" ".repeat(100_022),
            "expression code point size exceeds limit: size: 100022, limit 100000",
        );
    }
}
