//! CEL expressions that clients write into objects: what is wrong with one before it runs, in the words of cel-go, and
//! how a tree is seen by one.

mod cost;
mod functions;
mod kind;
mod library;

use std::collections::BTreeMap;

use cel::common::ast::{CallExpr, ComprehensionExpr, EntryExpr, Expr, LiteralValue, SourceInfo};
use cel::{IdedExpr, Program};

pub(crate) use cost::{Sort, estimate};
pub(crate) use kind::Kind;
pub(crate) use library::{IN_ORDER, extension as library};

use kind::{fits, general};

/// The names that an expression may use, and what they stand for.
pub(crate) type Scope = BTreeMap<String, Kind>;

/// Stands in the scope of expressions that may name their parts.
pub(crate) const BIND: &str = "cel.bind";

/// What an expression makes; or what is wrong with it, as it stands after `compilation failed: `.
pub(crate) fn kind_of(program: &Program, scope: &Scope) -> Result<Kind, String> {
    let source = program.source_info();
    let mut checker = Checker { source, scopes: vec![scope.clone()], errors: Vec::new() };
    let kind = checker.kind(program.expression());
    if checker.errors.is_empty() {
        return Ok(kind);
    }
    // As they stand in the text.
    checker.errors.sort_by_key(|fault| fault.0);
    Err(checker.errors.into_iter().map(|fault| fault.1).collect::<Vec<_>>().join("\n"))
}

/// A syntax error as cel-go shows it: its picture of the line stands one column to the right, and its mark below.
pub(crate) fn shown(error: &str) -> String {
    // What is said of the whole has no picture.
    if error.starts_with("ERROR: <input>:-1:0: ") {
        return error.to_owned();
    }
    // What the parser could not finish after an error is no error of its own.
    let is_unfinished = |line: &str| line.contains(": Incomplete `");
    let errors = || error.lines().filter(|line| line.starts_with("ERROR: "));
    let skips = errors().any(is_unfinished) && !errors().all(is_unfinished);
    let mut skipping = false;
    let told = error.lines().filter(|line| {
        if line.starts_with("ERROR: ") {
            skipping = skips && is_unfinished(line);
        }
        !skipping
    });
    let mut above = "";
    let lines = told.map(|line| {
        let Some(picture) = line.strip_prefix("| ") else { return expecting(line) };
        let column = picture.strip_suffix('^').filter(|dots| dots.bytes().all(|b| b == b'.'));
        let text = std::mem::replace(&mut above, picture);
        match column {
            Some(dots) => format!(" | {}", mark(text, dots.len())),
            None => format!(" | {picture}"),
        }
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// After an expression that may end, cel-go expects what ends it, and nothing that could go on.
fn expecting(line: &str) -> String {
    let Some((lead, set)) = line.split_once(" expecting {") else { return line.to_owned() };
    let mut set = set.trim_end_matches('}').split(", ");
    let ends = set
        .clone()
        .any(|token| token == "'=='")
        .then(|| set.find(|token| matches!(*token, "<EOF>" | "':'")));
    ends.flatten().map_or_else(|| line.to_owned(), |end| format!("{lead} expecting {end}"))
}

/// What points at a column of a line: as wide as what stands there.
fn mark(line: &str, column: usize) -> String {
    let is_wide = |sign: char| !sign.is_ascii();
    let before = line.chars().take(column).map(|sign| if is_wide(sign) { '．' } else { '.' });
    let mut mark: String = before.collect();
    mark.extend(std::iter::repeat_n('.', column - mark.chars().count()));
    mark.push(if line.chars().nth(column).is_some_and(is_wide) { '＾' } else { '^' });
    mark
}

/// `net.IP` and `net.CIDR`, the only types whose names have a dot.
fn is_network_type(operand: &IdedExpr, name: &str) -> bool {
    matches!(&operand.expr, Expr::Ident(net) if net == "net") && matches!(name, "IP" | "CIDR")
}

struct Checker<'a> {
    source: &'a SourceInfo,
    scopes: Vec<Scope>,
    /// By line and column.
    errors: Vec<((usize, usize), String)>,
}

impl Checker<'_> {
    fn kind(&mut self, node: &IdedExpr) -> Kind {
        match &node.expr {
            Expr::Literal(value) => match value {
                LiteralValue::Boolean(_) => Kind::Bool,
                LiteralValue::Bytes(_) => Kind::Bytes,
                LiteralValue::Double(_) => Kind::Double,
                LiteralValue::Int(_) => Kind::Int,
                LiteralValue::Null => Kind::Null,
                LiteralValue::String(_) => Kind::String,
                LiteralValue::UInt(_) => Kind::Uint,
            },
            Expr::Ident(name) => self.variable(node.id, name),
            Expr::Select(select) if is_network_type(&select.operand, &select.field) => Kind::Type,
            Expr::Select(select) => {
                let of = self.kind(&select.operand);
                let field = self.member(node.id, &of, &select.field);
                if select.test { Kind::Bool } else { field }
            }
            Expr::List(list) => {
                let kinds = list.elements.iter().map(|one| (one.id, self.kind(one))).collect();
                Kind::list(self.common(kinds))
            }
            Expr::Map(map) => {
                let entries = map.entries.iter().filter_map(|entry| match &entry.expr {
                    EntryExpr::MapEntry(entry) => Some(entry),
                    EntryExpr::StructField(_) => None,
                });
                let (mut keys, mut values) = (Vec::new(), Vec::new());
                for entry in entries {
                    keys.push((entry.key.id, self.kind(&entry.key)));
                    values.push((entry.value.id, self.kind(&entry.value)));
                }
                let key = self.common(keys);
                Kind::map(key, self.common(values))
            }
            Expr::Call(call) => self.call(node.id, call),
            Expr::Comprehension(all) => self.comprehension(all),
            Expr::Struct(_) | Expr::Unspecified => Kind::Dyn,
        }
    }

    fn variable(&mut self, id: u64, name: &str) -> Kind {
        const TYPES: [&str; 10] = [
            "bool",
            "bytes",
            "double",
            "int",
            "list",
            "map",
            "null_type",
            "string",
            "type",
            "uint",
        ];
        if let Some(kind) = self.scopes.iter().rev().find_map(|scope| scope.get(name)) {
            return kind.clone();
        }
        if TYPES.contains(&name) {
            return Kind::Type;
        }
        self.fault(id, &format!("undeclared reference to '{name}' (in container '')"));
        Kind::Error
    }

    /// What all elements of a literal are: of one type.
    fn common(&mut self, elements: Vec<(u64, Kind)>) -> Kind {
        let mut common = Kind::Free;
        for (id, kind) in elements {
            if !fits(&common, &kind) {
                self.fault(id, &format!("expected type '{common}' but found '{kind}'"));
                return Kind::Error;
            }
            common = general(&common, &kind);
        }
        common
    }

    fn member(&mut self, id: u64, of: &Kind, field: &str) -> Kind {
        match of {
            Kind::Object(_, fields) => {
                if let Some(kind) = fields.get(field) {
                    return kind.clone();
                }
                self.fault(id, &format!("undefined field '{field}'"));
                Kind::Error
            }
            Kind::Map(_, value) => (**value).clone(),
            Kind::Optional(of) => Kind::optional(self.member(id, of, field)),
            Kind::Dyn | Kind::Error | Kind::Free => of.clone(),
            other => {
                let why = format!("type '{other}' does not support field selection");
                self.fault(id, &why);
                Kind::Error
            }
        }
    }

    /// `cel.bind(name, part, whole)`: the whole, in which a part has a name.
    fn bound(&mut self, call: &CallExpr) -> Option<Kind> {
        let is_library =
            |target: &IdedExpr| matches!(&target.expr, Expr::Ident(cel) if cel == "cel");
        let is_known = self.scopes.iter().any(|scope| scope.contains_key(BIND));
        let [name, part, whole] = call.args.as_slice() else { return None };
        let Expr::Ident(name) = &name.expr else { return None };
        if call.func_name != "bind" || !is_known || !call.target.as_deref().is_some_and(is_library)
        {
            return None;
        }
        let part = self.kind(part);
        self.scopes.push(Scope::from([(name.clone(), part)]));
        let made = self.kind(whole);
        self.scopes.pop();
        Some(made)
    }

    fn call(&mut self, id: u64, call: &CallExpr) -> Kind {
        if let Some(made) = self.bound(call) {
            return made;
        }
        let mut name = call.func_name.clone();
        if name == "_?._"
            && let [of, field] = call.args.as_slice()
            && let Expr::Literal(LiteralValue::String(field)) = &field.expr
        {
            let of = match self.kind(of) {
                Kind::Optional(of) => *of,
                of => of,
            };
            return Kind::optional(self.member(id, &of, field.inner()));
        }
        let mut given = Vec::new();
        let mut is_member = false;
        if let Some(target) = call.target.as_deref() {
            // The name of a library is none of a variable: `optional.of`, `format.named`.
            let qualified = match &target.expr {
                Expr::Ident(library) => Some(format!("{library}.{name}")),
                _ => None,
            };
            if let Some(qualified) = qualified.filter(|name| functions::is_known(name)) {
                name = qualified;
            } else {
                is_member = true;
                given.push(self.kind(target));
            }
        }
        given.extend(call.args.iter().map(|one| self.kind(one)));
        if !functions::is_known(&name) {
            self.fault(id, &format!("undeclared reference to '{name}' (in container '')"));
            return Kind::Error;
        }
        functions::call(&name, is_member, &given)
            .unwrap_or_else(|| self.no_overload(id, &name, is_member, &given))
    }

    fn comprehension(&mut self, all: &ComprehensionExpr) -> Kind {
        let range = self.kind(&all.iter_range);
        let (first, second) = match &range {
            Kind::List(item) => (Kind::Int, (**item).clone()),
            Kind::Map(key, value) => ((**key).clone(), (**value).clone()),
            Kind::Error => (Kind::Error, Kind::Error),
            Kind::Dyn | Kind::Free => (Kind::Dyn, Kind::Dyn),
            other => {
                let why = format!(
                    "expression of type '{other}' cannot be range of a comprehension (must be list, map, or dynamic)"
                );
                self.fault(all.iter_range.id, &why);
                (Kind::Error, Kind::Error)
            }
        };
        let mut scope = Scope::new();
        if let Some(name) = &all.iter_var2 {
            scope.insert(all.iter_var.clone(), first);
            scope.insert(name.clone(), second);
        } else {
            let one = if matches!(range, Kind::List(_)) { second } else { first };
            scope.insert(all.iter_var.clone(), one);
        }
        let start = self.kind(&all.accu_init);
        scope.insert(all.accu_var.clone(), start.clone());
        self.scopes.push(scope);
        self.kind(&all.loop_cond);
        let step = self.kind(&all.loop_step);
        // An empty list says nothing of its items; what is added to it does.
        let sum = if matches!(start, Kind::List(_) | Kind::Map(..)) { step } else { start };
        if let Some(scope) = self.scopes.last_mut() {
            scope.insert(all.accu_var.clone(), sum);
        }
        let made = self.kind(&all.result);
        self.scopes.pop();
        made
    }

    fn no_overload(&mut self, id: u64, name: &str, is_member: bool, given: &[Kind]) -> Kind {
        let mut kinds = given.iter().map(ToString::to_string);
        let target = if is_member { kinds.next() } else { None };
        let dot = target.map(|target| format!("{target}.")).unwrap_or_default();
        let kinds = kinds.collect::<Vec<_>>().join(", ");
        let why = format!("found no matching overload for '{name}' applied to '{dot}({kinds})'");
        self.fault(id, &why);
        Kind::Error
    }

    fn fault(&mut self, id: u64, why: &str) {
        let offset = self.source.offset_for(id).map_or(0, |(start, _)| start as usize);
        let text = &self.source.source;
        let before = text.get(..offset).unwrap_or(text);
        let line = before.matches('\n').count();
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count();
        let shown = text.lines().nth(line).unwrap_or_default();
        let mark = mark(shown, column);
        let (line, column) = (line + 1, column + 1);
        let fault = format!("ERROR: <input>:{line}:{column}: {why}\n | {shown}\n | {mark}");
        let fault = ((line, column), fault);
        if !self.errors.contains(&fault) {
            self.errors.push(fault);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_is_as_wide_as_what_it_points_at() {
        let error = "ERROR: <input>:1:1: a\n| ä\n| ^\nERROR: <input>:1:2: b\n| ä\n| .^";
        let told = "ERROR: <input>:1:1: a\n | ä\n | ＾\nERROR: <input>:1:2: b\n | ä\n | ．^";
        assert_eq!(shown(error), told);
    }

    #[test]
    fn what_is_expected_after_an_expression_is_its_end() {
        let error = |set: &str| format!("1:3: Syntax error: mismatched input '2' expecting {set}");
        assert_eq!(expecting(&error("{<EOF>, '==', '!='}")), error("<EOF>"));
        assert_eq!(expecting(&error("{'==', '.', ':'}")), error("':'"));
        assert_eq!(expecting(&error("{'[', '{', '('}")), error("{'[', '{', '('}"));
    }

    fn checked(source: &str) -> Result<String, String> {
        let fields = BTreeMap::from([("a".to_owned(), Kind::Int)]);
        let scope = Scope::from([
            ("object".to_owned(), Kind::Dyn),
            ("variables".to_owned(), Kind::Object("Variables".into(), fields)),
        ]);
        let program = crate::schema::program(source).map_err(|error| shown(&error))?;
        kind_of(&program, &scope).map(|kind| kind.to_string())
    }

    #[test]
    fn an_expression_makes_what_its_parts_make() {
        for (source, kind) in [
            ("object.x == 1 && has(object.y)", "bool"),
            ("1", "int"),
            ("variables.a + 2", "int"),
            ("object.x", "dyn"),
            ("object.items.all(i, i > 0)", "bool"),
            ("[1, 2].map(i, string(i))", "list(string)"),
            ("'a' + string(size(object.x))", "string"),
            ("object.x ? 'a' : 'b'", "string"),
            ("{'a': 1}", "map(string, int)"),
            ("null", "null"),
        ] {
            assert_eq!(checked(source).as_deref(), Ok(kind), "{source}");
        }
    }

    #[test]
    fn what_is_wrong_is_shown_where_it_stands() {
        for (source, why) in [
            (
                "frob == 1",
                "1:1: undeclared reference to 'frob' (in container '')\n | frob == 1\n | ^",
            ),
            ("variables.b", "1:10: undefined field 'b'\n | variables.b\n | .........^"),
            (
                "[1].sortBy(e, e) == [1]",
                "1:11: undeclared reference to 'sortBy' (in container '')\n | [1].sortBy(e, e) == [1]\n | ..........^\nERROR: <input>:1:12: undeclared reference to 'e' (in container '')\n | [1].sortBy(e, e) == [1]\n | ...........^\nERROR: <input>:1:15: undeclared reference to 'e' (in container '')\n | [1].sortBy(e, e) == [1]\n | ..............^",
            ),
            (
                "lists.range(2) == [0, 1]",
                "1:1: undeclared reference to 'lists' (in container '')\n | lists.range(2) == [0, 1]\n | ^\nERROR: <input>:1:12: undeclared reference to 'range' (in container '')\n | lists.range(2) == [0, 1]\n | ...........^",
            ),
            (
                "1 == 'a'",
                "1:3: found no matching overload for '_==_' applied to '(int, string)'\n | 1 == 'a'\n | ..^",
            ),
            (
                "object.",
                "1:8: Syntax error: no viable alternative at input '.'\n | object.\n | .......^",
            ),
        ] {
            assert_eq!(checked(source), Err(format!("ERROR: <input>:{why}")), "{source}");
        }
    }
}
