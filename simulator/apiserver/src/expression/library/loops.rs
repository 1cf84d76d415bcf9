//! Loops over keys and values: `self.labels.all(name, value, name != value)`.
//!
//! Our parser makes of them what cel-go's does: comprehensions with two names. The crate does not run those as they are.

use std::sync::Arc;

use cel::common::ast::{CallExpr, ComprehensionExpr, Expr, ListExpr, LiteralValue, MapExpr};
use cel::common::types::{DYN_TYPE, MAP_TYPE};
use cel::common::value::CowVal;
use cel::objects::{Key, Map};
use cel::parser::{Macro, MacroExprHelper, ParseError};
use cel::{DeclarationError, Env, ExecutionError, IdedExpr, Value};

use super::{Given, Made, failed, global, unfit};

const INSERT: &str = "cel.@mapInsert";
const SUM: &str = "@result";

pub(super) fn extension(env: &mut Env) -> Result<(), DeclarationError> {
    for (name, with_filter, makes) in MACROS {
        // Two names, what is made of them, and before that which of them count.
        for count in if *with_filter { 3..=4 } else { 3..=3 } {
            env.add_macro(Macro::receiver(*name, count, |helper, target, args| {
                expanded(helper, target, args, *makes).map(Some)
            }))?;
        }
    }
    global(env, INSERT, vec![MAP_TYPE, DYN_TYPE, DYN_TYPE], insert)?;
    global(env, INSERT, vec![MAP_TYPE, MAP_TYPE], insert_all)
}

#[derive(Clone, Copy)]
enum Makes {
    All,
    Exists,
    One,
    List,
    Map,
    Entries,
}

/// Each with whether it may choose before it makes something.
const MACROS: &[(&str, bool, Makes)] = &[
    ("all", false, Makes::All),
    ("exists", false, Makes::Exists),
    ("existsOne", false, Makes::One),
    ("exists_one", false, Makes::One),
    ("transformList", true, Makes::List),
    ("transformMap", true, Makes::Map),
    ("transformMapEntry", true, Makes::Entries),
];

/// What a macro stands for; all of it stands where the macro does.
struct Maker<'h, 'p>(&'h mut MacroExprHelper<'p>);

impl Maker<'_, '_> {
    fn call(&mut self, name: &str, args: Vec<IdedExpr>) -> IdedExpr {
        let func_name = name.to_owned();
        self.0.next_expr(Expr::Call(CallExpr { func_name, target: None, args }))
    }

    fn name(&mut self, name: &str) -> IdedExpr {
        self.0.next_expr(Expr::Ident(name.to_owned()))
    }

    fn sum(&mut self) -> IdedExpr {
        self.name(SUM)
    }

    fn bool(&mut self, value: bool) -> IdedExpr {
        self.0.next_expr(Expr::Literal(LiteralValue::Boolean(value.into())))
    }

    fn int(&mut self, value: i64) -> IdedExpr {
        self.0.next_expr(Expr::Literal(LiteralValue::Int(value.into())))
    }

    fn list(&mut self, items: Vec<IdedExpr>) -> IdedExpr {
        self.0.next_expr(Expr::List(ListExpr::new(items)))
    }
}

fn expanded(
    helper: &mut MacroExprHelper<'_>,
    target: &mut Option<IdedExpr>,
    args: &mut Vec<IdedExpr>,
    makes: Makes,
) -> Result<IdedExpr, ParseError> {
    let mut args = std::mem::take(args).into_iter();
    let simple = |node: Option<IdedExpr>| {
        let node = node.unwrap_or_default();
        match node.expr {
            Expr::Ident(name) => Ok((node.id, name)),
            _ => Err(helper.new_error(node.id, "argument must be a simple name")),
        }
    };
    let (_, first) = simple(args.next())?;
    let (id, second) = simple(args.next())?;
    if first == second {
        return Err(helper.new_error(id, format!("duplicate variable name: {first}")));
    }
    let body = args.next_back().unwrap_or_default();
    let filter = args.next();
    let mut make = Maker(helper);
    let so_far = make.sum();
    let (start, mut step) = match makes {
        Makes::All => (make.bool(true), make.call("_&&_", vec![so_far, body])),
        Makes::Exists => (make.bool(false), make.call("_||_", vec![so_far, body])),
        Makes::One => {
            let one = make.int(1);
            let more = make.call("_+_", vec![so_far, one]);
            let same = make.sum();
            (make.int(0), make.call("_?_:_", vec![body, more, same]))
        }
        Makes::List => {
            let item = make.list(vec![body]);
            (make.list(Vec::new()), make.call("_+_", vec![so_far, item]))
        }
        Makes::Map | Makes::Entries => {
            let mut takes = vec![so_far];
            if matches!(makes, Makes::Map) {
                takes.push(make.name(&first));
            }
            takes.push(body);
            let start = make.0.next_expr(Expr::Map(MapExpr { entries: Vec::new() }));
            (start, make.call(INSERT, takes))
        }
    };
    if let Some(filter) = filter {
        let same = make.sum();
        step = make.call("_?_:_", vec![filter, step, same]);
    }
    let mut goes = match makes {
        Makes::All | Makes::Exists => make.sum(),
        _ => make.bool(true),
    };
    if matches!(makes, Makes::Exists) {
        goes = make.call("!_", vec![goes]);
    }
    if matches!(makes, Makes::All | Makes::Exists) {
        goes = make.call("@not_strictly_false", vec![goes]);
    }
    let mut result = make.sum();
    if matches!(makes, Makes::One) {
        let one = make.int(1);
        result = make.call("_==_", vec![result, one]);
    }
    Ok(make.0.next_expr(Expr::Comprehension(Box::new(ComprehensionExpr {
        iter_range: target.take().unwrap_or_default(),
        iter_var: first,
        iter_var2: Some(second),
        accu_var: SUM.to_owned(),
        accu_init: start,
        loop_cond: goes,
        loop_step: step,
        result,
    }))))
}

fn map(given: &[CowVal<'_, '_>], at: usize) -> Result<Map, ExecutionError> {
    match given.get(at).map(|one| Value::try_from(one.as_ref())) {
        Some(Ok(Value::Map(map))) => Ok(map),
        _ => Err(unfit()),
    }
}

fn insert<'b, 'v>(given: Given<'b, 'v>) -> Made<'b, 'v> {
    let mut into = map(&given, 0)?;
    let value = |at: usize| Value::try_from(given[at].as_ref());
    let key = match value(1)? {
        Value::Bool(key) => Key::from(key),
        Value::Int(key) => Key::from(key),
        Value::String(key) => Key::from(key),
        Value::UInt(key) => Key::from(key),
        _ => return Err(unfit()),
    };
    add(&mut into, key, value(2)?)?;
    made(into)
}

fn insert_all<'b, 'v>(given: Given<'b, 'v>) -> Made<'b, 'v> {
    let mut into = map(&given, 0)?;
    for (key, value) in map(&given, 1)?.map.iter() {
        add(&mut into, key.clone(), value.clone())?;
    }
    made(into)
}

fn add(into: &mut Map, key: Key, value: Value) -> Result<(), ExecutionError> {
    if into.map.contains_key(&key) {
        return Err(failed(format!("insert failed: key {key} already exists")));
    }
    Arc::make_mut(&mut into.map).insert(key, value);
    Ok(())
}

fn made<'b, 'v>(map: Map) -> Made<'b, 'v> {
    Ok(CowVal::Owned(Box::try_from(Value::Map(map))?))
}
