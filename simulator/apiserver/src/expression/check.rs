//! What type each part of an expression has, and which functions its calls may mean; or all that is wrong with it. It goes
//! about it as the checker of cel-go does, step by step: its messages name variables of types by their number.

mod bindings;
mod literals;

use cel::Program;

use super::Scope;
use super::functions::{self, Overload};
use super::kind::Kind;
use super::shown::{self, Fault};
use super::tree::{self, At, Literal, Loop, Tree, Unread, What};
use bindings::{Bindings, widest};

/// An expression in which nothing is wrong.
pub(crate) struct Checked<'a> {
    pub(super) tree: Tree<'a>,
    kinds: Vec<Kind>,
    bindings: Bindings,
    /// The functions that a call may mean: several, if a type is known when it runs.
    pub(super) meant: Vec<Vec<&'static Overload>>,
    made: Kind,
}

impl Checked<'_> {
    /// What the expression makes.
    pub(crate) const fn made(&self) -> &Kind {
        &self.made
    }

    /// The type of a part. What stands within it may still have variables.
    pub(super) fn kind(&self, at: At) -> Kind {
        self.bindings.shallow(&self.kinds[at])
    }

    pub(super) fn shallow(&self, kind: &Kind) -> Kind {
        self.bindings.shallow(kind)
    }
}

/// The types of an expression that may use these names; or what is wrong with it, as it stands after `compilation
/// failed: `: every fault with its place, in the words of cel-go.
pub(crate) fn check<'a>(program: &'a Program, scope: &'a Scope) -> Result<Checked<'a>, String> {
    let told = |faults| shown::all(program.source_info(), faults);
    let tree = tree::spelled(program.expression(), scope).map_err(|unread| match unread {
        Unread::TooLarge => shown::of_all(TOO_LARGE),
        Unread::Misused(id, why) => told(vec![Fault { id, why }]),
    })?;
    let count = tree.nodes.len();
    let mut checker = Checker {
        scope,
        names: Vec::new(),
        kinds: vec![Kind::Dyn; count],
        bindings: Bindings::default(),
        meant: vec![Vec::new(); count],
        faults: Vec::new(),
        tree: &tree,
    };
    let made = checker.visit(tree.root());
    let Checker { kinds, mut bindings, meant, mut faults, .. } = checker;
    let made = bindings.settled(&made);
    if faults.is_empty() {
        faults = literals::faults(&tree, |at| bindings.settled(&kinds[at]));
    }
    if bindings.is_spent() {
        return Err(shown::of_all(TOO_LARGE));
    }
    if !faults.is_empty() {
        return Err(told(faults));
    }
    Ok(Checked { tree, kinds, bindings, meant, made })
}

const TOO_LARGE: &str = "expression cannot be checked";

struct Checker<'c, 'a> {
    tree: &'c Tree<'a>,
    scope: &'c Scope,
    /// Those that stand in the expression, the innermost last.
    names: Vec<(&'a str, Kind)>,
    kinds: Vec<Kind>,
    bindings: Bindings,
    meant: Vec<Vec<&'static Overload>>,
    faults: Vec<Fault>,
}

impl<'a> Checker<'_, 'a> {
    fn visit(&mut self, at: At) -> Kind {
        let tree = self.tree;
        let kind = match &tree.nodes[at] {
            What::Literal(literal) => of_literal(*literal),
            What::Name(name) => self.variable(at, name),
            What::Select { of, field } => {
                let made = self.member(at, *of, field, false);
                self.bindings.known(&made)
            }
            What::Has { of, field } => {
                self.member(at, *of, field, false);
                Kind::Bool
            }
            What::Call { name: "_?._", takes, .. } => self.optional_member(at, takes),
            What::Call { name, target, takes } => self.call(at, name, *target, takes),
            What::List(items) => {
                let mut all = None;
                for (item, is_optional) in items {
                    all = Some(self.next(all, *item, *is_optional));
                }
                Kind::list(all.unwrap_or_else(|| self.var()))
            }
            What::Map(entries) => {
                let (mut keys, mut values) = (None, None);
                for ([key, value], is_optional) in entries {
                    keys = Some(self.next(keys, *key, false));
                    values = Some(self.next(values, *value, *is_optional));
                }
                let key = keys.unwrap_or_else(|| self.var());
                Kind::map(key, values.unwrap_or_else(|| self.var()))
            }
            What::Struct(name) => self.structure(at, name),
            What::Loop(all) => self.gather(all),
            What::Bind { name, value, body } => {
                // To the server it is a loop over an empty list.
                self.var();
                let value = self.visit(*value);
                self.names.push((name, value));
                let made = self.visit(*body);
                self.names.pop();
                self.bindings.known(&made)
            }
        };
        self.kinds[at] = kind.clone();
        kind
    }

    fn var(&mut self) -> Kind {
        Kind::Var(self.bindings.more(1))
    }

    /// Says what is wrong with a part, which then is of no type.
    fn wrong(&mut self, at: At, why: String) -> Kind {
        self.faults.push(Fault { id: self.tree.stands[at], why });
        Kind::Error
    }

    fn undeclared(&mut self, at: At, name: &str) -> Kind {
        self.wrong(at, format!("undeclared reference to '{name}' (in container '')"))
    }

    fn misfit(&mut self, at: At, wanted: &Kind, found: &Kind) -> Kind {
        self.wrong(at, misfit(wanted, found))
    }

    fn named(&self, name: &str) -> Option<Kind> {
        let inner = self.names.iter().rev().find(|(known, _)| *known == name);
        let known = inner.map(|(_, kind)| kind).or_else(|| self.scope.get(name));
        known.cloned().or_else(|| Kind::by_name(name).map(Kind::type_of))
    }

    fn variable(&mut self, at: At, name: &str) -> Kind {
        self.named(name).unwrap_or_else(|| self.undeclared(at, name))
    }

    fn structure(&mut self, at: At, name: &str) -> Kind {
        match self.named(name) {
            None => self.undeclared(at, name),
            Some(Kind::Type(_)) => self.wrong(at, format!("'{name}' is not a message type")),
            Some(other) => self.wrong(at, format!("'{other}' is not a type")),
        }
    }

    /// The type of one more item of a list of these.
    fn next(&mut self, all: Option<Kind>, at: At, is_optional: bool) -> Kind {
        let mut kind = self.visit(at);
        if is_optional {
            match kind {
                Kind::Optional(of) => kind = (*of).clone(),
                Kind::Dyn => {}
                ref other => {
                    let wanted = Kind::optional(other.clone());
                    self.misfit(at, &wanted, other);
                }
            }
        }
        match all {
            None => kind,
            Some(all) if self.bindings.fit(&all, &kind) => widest(&all, &kind),
            Some(_) => Kind::Dyn,
        }
    }

    fn optional_member(&mut self, at: At, takes: &[At]) -> Kind {
        let [of, field] = *takes else { return Kind::Error };
        let What::Literal(Literal::Text(field)) = self.tree.nodes[field] else {
            return Kind::Error;
        };
        let made = self.member(at, of, field, true);
        self.meant[at] = functions::named("_?._").into_iter().flat_map(|(_, all)| all).collect();
        self.bindings.known(&made)
    }

    fn member(&mut self, at: At, of: At, field: &str, optional: bool) -> Kind {
        let of = self.visit(of);
        let of = self.bindings.known(&of);
        let (of, optional) = match &of {
            Kind::Optional(inner) => (&**inner, true),
            other => (other, optional),
        };
        let made = match of {
            Kind::Map(_, value) => (**value).clone(),
            Kind::Object(object) => match object.member(field) {
                Some(kind) => kind.clone(),
                None => self.wrong(at, format!("undefined field '{field}'")),
            },
            Kind::Named(name) if !Kind::is_opaque(name) => {
                self.wrong(at, format!("unexpected failed resolution of '{name}'"))
            }
            Kind::Dyn | Kind::Error => Kind::Dyn,
            Kind::Var(_) => {
                self.bindings.fit(&Kind::Dyn, of);
                Kind::Dyn
            }
            other => {
                self.wrong(at, format!("type '{other}' does not support field selection"));
                Kind::Dyn
            }
        };
        if optional { Kind::optional(made) } else { made }
    }

    fn call(&mut self, at: At, name: &str, target: Option<At>, takes: &[At]) -> Kind {
        let mut given: Vec<Kind> = takes.iter().map(|one| self.visit(*one)).collect();
        if let Some(target) = target {
            given.insert(0, self.visit(target));
        }
        let Some((declared, overloads)) = functions::named(name) else {
            return self.undeclared(at, name);
        };
        let mut overloads = overloads.iter().filter(|one| one.is_member == target.is_some());
        // However many they join, each has to be true or false.
        if let ("_&&_" | "_||_", Some(both)) = (declared, overloads.clone().next()) {
            let before = self.faults.len();
            for (one, kind) in takes.iter().zip(&given) {
                if !self.bindings.fit(kind, &Kind::Bool) {
                    self.misfit(*one, &Kind::Bool, kind);
                }
            }
            self.meant[at].push(both);
            return if self.faults.len() == before { Kind::Bool } else { Kind::Error };
        }
        let mut made: Option<Kind> = None;
        for overload in &mut overloads {
            let first = self.bindings.more(overload.vars);
            if overload.takes.len() != given.len() {
                continue;
            }
            let wanted = overload.takes.iter().map(|kind| fresh(kind, first));
            let pairs: Vec<_> = given.iter().cloned().zip(wanted).collect();
            if !self.bindings.fit_all(&pairs) {
                continue;
            }
            self.meant[at].push(overload);
            let one = self.bindings.known(&fresh(&overload.makes, first));
            made = Some(match made {
                Some(made) if made != one => Kind::Dyn,
                _ => one,
            });
        }
        made.unwrap_or_else(|| self.no_overload(at, declared, target.is_some(), &given))
    }

    fn no_overload(&mut self, at: At, name: &str, is_member: bool, given: &[Kind]) -> Kind {
        let mut kinds = given.iter().map(|kind| self.bindings.settled(kind).to_string());
        let target = if is_member { kinds.next() } else { None };
        let dot = target.map(|target| format!("{target}.")).unwrap_or_default();
        let kinds = kinds.collect::<Vec<_>>().join(", ");
        self.wrong(
            at,
            format!("found no matching overload for '{name}' applied to '{dot}({kinds})'"),
        )
    }

    fn gather(&mut self, all: &Loop<'a>) -> Kind {
        let range = self.visit(all.range);
        let start = self.visit(all.start);
        let range = self.bindings.known(&range);
        let before = self.names.len();
        self.names.push((all.sum, start.clone()));
        // Of keys or positions, and of what stands there.
        let (key, value) = match &range {
            Kind::List(item) => (Kind::Int, (**item).clone()),
            Kind::Map(key, value) => ((**key).clone(), (**value).clone()),
            Kind::Dyn | Kind::Error | Kind::Var(_) => {
                self.bindings.fit(&Kind::Dyn, &range);
                (Kind::Dyn, Kind::Dyn)
            }
            other => {
                let why = format!(
                    "expression of type '{other}' cannot be range of a comprehension (must be list, map, or dynamic)"
                );
                (self.wrong(all.range, why), Kind::Error)
            }
        };
        match all.names {
            (name, Some(second)) => self.names.extend([(name, key), (second, value)]),
            (name, None) if matches!(range, Kind::List(_)) => self.names.push((name, value)),
            (name, None) => self.names.push((name, key)),
        }
        let goes = self.visit(all.until);
        self.expect(all.until, &Kind::Bool, &goes);
        let step = self.visit(all.step);
        self.expect(all.step, &start, &step);
        self.names.truncate(before + 1);
        let made = self.visit(all.result);
        self.names.truncate(before);
        self.bindings.known(&made)
    }

    fn expect(&mut self, at: At, wanted: &Kind, found: &Kind) {
        if !self.bindings.fit(wanted, found) {
            self.misfit(at, wanted, found);
        }
    }
}

/// As it stands in a declaration, with variables of its own from `first` on.
fn fresh(kind: &Kind, first: usize) -> Kind {
    kind.with(&mut |var| Kind::Var(first + var))
}

fn misfit(wanted: &Kind, found: &Kind) -> String {
    format!("expected type '{wanted}' but found '{found}'")
}

const fn of_literal(literal: Literal<'_>) -> Kind {
    match literal {
        Literal::Bool => Kind::Bool,
        Literal::Bytes(_) => Kind::Bytes,
        Literal::Double => Kind::Double,
        Literal::Int(_) => Kind::Int,
        Literal::Null => Kind::Null,
        Literal::Text(_) => Kind::String,
        Literal::Uint => Kind::Uint,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::crd::Place;
    use crate::expression::{sample, shown::shown};

    /// Each line was asked of a server of 1.34.
    #[test]
    fn what_is_wrong_is_what_the_real_server_says() {
        let schema = sample::schema();
        let value = Place::new(&schema).kind().expect("the sample has a type");
        let scope =
            Scope::from([("self".to_owned(), value.clone()), ("oldSelf".to_owned(), value)]);
        let said = |source: &str| {
            let program = crate::schema::program(source).map_err(|why| shown(&why));
            let made = program
                .and_then(|program| check(&program, &scope).map(|checked| checked.made().clone()));
            let faults = match made {
                Ok(Kind::Bool) => return "good".to_owned(),
                Ok(_) => return "not a bool".to_owned(),
                Err(faults) => faults,
            };
            let faults = faults.lines().filter_map(|line| line.strip_prefix("ERROR: <input>:"));
            faults.collect::<Vec<_>>().join(" ;; ")
        };

        let lines = include_str!("check/cases.txt").lines();
        let cases = lines.filter_map(|line| line.rsplit_once(" => "));
        let wrong = cases.filter(|(source, wanted)| said(source) != *wanted);
        let wrong: Vec<_> =
            wrong.map(|(source, _)| format!("{source} => {}", said(source))).collect();

        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    }

    #[test]
    fn no_more_is_told_than_anyone_reads() {
        let many = faults(&vec!["a"; 105].join(" == "));
        let wide = faults(&format!("a == '{}'", "b".repeat(17_000)));
        let tabs = faults("a\t== 'b'");

        assert_eq!(many.matches("ERROR").count(), 100);
        assert!(many.ends_with("\n5 more errors were truncated"), "{many}");
        let why = "ERROR: <input>:1:1: undeclared reference to 'a' (in container '')";
        assert_eq!(wide, why);
        assert_eq!(tabs, format!("{why}\n | a == 'b'\n | ^"));
    }

    #[test]
    fn types_do_not_grow_without_end() {
        let grown = faults(&format!("[1]{} == []", ".map(x, {x: x})".repeat(60)));

        assert_eq!(grown, "ERROR: <input>:-1:0: expression cannot be checked\n");
    }

    /// What is wrong with an expression that has no variables.
    fn faults(source: &str) -> String {
        let program = crate::schema::program(source).expect("it can be read");
        check(&program, &Scope::new()).err().unwrap_or_default()
    }

    fn checked(source: &str) -> Result<String, String> {
        let fields = BTreeMap::from([("a".to_owned(), Kind::Int)]);
        let scope = Scope::from([
            ("object".to_owned(), Kind::Dyn),
            ("variables".to_owned(), Kind::object("Variables", fields)),
        ]);
        let program = crate::schema::program(source).map_err(|error| shown(&error))?;
        check(&program, &scope).map(|checked| checked.made().to_string())
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
