//! What type each part of an expression has, and which functions its calls may mean.

use super::Scope;
use super::functions::{self, Overload};
use super::sort::{Bindings, Sort};
use super::tree::{At, DOTTED_TYPES, Literal, Loop, Tree, What};

pub(super) struct Checked<'t> {
    sorts: Vec<Option<Sort<'t>>>,
    bindings: Bindings<'t>,
    /// The functions that a call may mean: several, if a type is known when it runs.
    pub(super) meant: Vec<Vec<&'static Overload>>,
}

impl<'t> Checked<'t> {
    /// The type of a part. What stands within it may still have variables.
    pub(super) fn sort(&self, at: At) -> Sort<'t> {
        self.sorts[at].as_ref().map_or(Sort::Dyn, |sort| self.bindings.shallow(sort))
    }

    pub(super) fn shallow(&self, sort: &Sort<'t>) -> Sort<'t> {
        self.bindings.shallow(sort)
    }
}

/// All types of a tree; `None` if they do not go together.
pub(super) fn check<'t>(tree: &Tree<'_>, root: At, scope: &Scope<'t>) -> Option<Checked<'t>> {
    let count = tree.nodes.len();
    let checked = Checked {
        sorts: vec![None; count],
        bindings: Bindings::default(),
        meant: (0..count).map(|_| Vec::new()).collect(),
    };
    let mut checker = Checker { tree, scope, names: Vec::new(), checked };
    checker.visit(root)?;
    (!checker.checked.bindings.is_spent()).then_some(checker.checked)
}

struct Checker<'c, 'a, 't> {
    tree: &'c Tree<'a>,
    scope: &'c Scope<'t>,
    /// Those that stand in the expression, the innermost last.
    names: Vec<(&'a str, Sort<'t>)>,
    checked: Checked<'t>,
}

impl<'a, 't> Checker<'_, 'a, 't> {
    fn visit(&mut self, at: At) -> Option<Sort<'t>> {
        let tree = self.tree;
        let sort = match &tree.nodes[at] {
            What::Literal(literal) => of_literal(*literal),
            What::Name(name) => self.variable(name)?,
            What::Select { of, field } => {
                let made = self.member(*of, field, false)?;
                self.known(&made)
            }
            What::Has { of, field } => {
                self.member(*of, field, false)?;
                Sort::Bool
            }
            What::Call { name: "_?._", takes, .. } => {
                let [of, field] = takes[..] else { return None };
                let What::Literal(Literal::Text(field)) = tree.nodes[field] else { return None };
                let made = self.member(of, field, true)?;
                self.checked.meant[at] = functions::named("_?._")?.1.iter().collect();
                self.known(&made)
            }
            What::Call { name, target, takes } => self.call(at, name, *target, takes)?,
            What::List(items) => {
                let mut all = None;
                for (item, is_optional) in items {
                    all = Some(self.next(all, *item, *is_optional)?);
                }
                Sort::list(all.unwrap_or_else(|| self.var()))
            }
            What::Map(entries) => {
                let (mut keys, mut values) = (None, None);
                for ([key, value], is_optional) in entries {
                    keys = Some(self.next(keys, *key, false)?);
                    values = Some(self.next(values, *value, *is_optional)?);
                }
                let key = keys.unwrap_or_else(|| self.var());
                Sort::map(key, values.unwrap_or_else(|| self.var()))
            }
            What::Loop(all) => self.gather(all)?,
            What::Bind { name, value, body } => {
                let value = self.visit(*value)?;
                self.names.push((name, value));
                let made = self.visit(*body)?;
                self.names.pop();
                self.known(&made)
            }
        };
        self.checked.sorts[at] = Some(sort.clone());
        Some(sort)
    }

    fn known(&mut self, sort: &Sort<'t>) -> Sort<'t> {
        self.checked.bindings.known(sort)
    }

    fn var(&mut self) -> Sort<'t> {
        Sort::Var(self.checked.bindings.more(1))
    }

    fn fit(&mut self, a: &Sort<'t>, b: &Sort<'t>) -> bool {
        self.checked.bindings.fit(&[(a.clone(), b.clone())])
    }

    fn variable(&self, name: &str) -> Option<Sort<'t>> {
        const TYPES: [&str; 11] = [
            "bool",
            "bytes",
            "double",
            "dyn",
            "int",
            "list",
            "map",
            "null_type",
            "string",
            "type",
            "uint",
        ];
        if let Some((_, sort)) = self.names.iter().rev().find(|(known, _)| *known == name) {
            return Some(sort.clone());
        }
        if let Some((_, sort)) = self.scope.iter().find(|(known, _)| *known == name) {
            return Some(sort.clone());
        }
        (TYPES.contains(&name) || DOTTED_TYPES.contains(&name)).then_some(Sort::Type)
    }

    /// The type of one more item of a list of these.
    fn next(&mut self, all: Option<Sort<'t>>, at: At, is_optional: bool) -> Option<Sort<'t>> {
        let mut sort = self.visit(at)?;
        if is_optional && let Sort::Optional(of) = &sort {
            sort = (**of).clone();
        }
        let Some(all) = all else { return Some(sort) };
        let joined = if self.fit(&all, &sort) { Bindings::widest(&all, &sort) } else { Sort::Dyn };
        Some(joined)
    }

    fn member(&mut self, of: At, field: &str, optional: bool) -> Option<Sort<'t>> {
        let of = self.visit(of)?;
        let of = self.known(&of);
        let (of, optional) = match &of {
            Sort::Optional(inner) => ((**inner).clone(), true),
            other => (other.clone(), optional),
        };
        let made = match &of {
            Sort::Map(_, value) => (**value).clone(),
            Sort::Object(place) => place.selected(field)?,
            Sort::Dyn => Sort::Dyn,
            Sort::Var(_) => {
                self.fit(&Sort::Dyn, &of);
                Sort::Dyn
            }
            _ => return None,
        };
        Some(if optional { Sort::optional(made) } else { made })
    }

    fn call(&mut self, at: At, name: &str, target: Option<At>, takes: &[At]) -> Option<Sort<'t>> {
        let mut given = Vec::new();
        for one in takes {
            given.push(self.visit(*one)?);
        }
        if let Some(target) = target {
            given.insert(0, self.visit(target)?);
        }
        let (_, overloads) = functions::named(name)?;
        let mut made: Option<Sort<'t>> = None;
        for overload in overloads {
            if overload.is_member != target.is_some() || overload.takes.len() != given.len() {
                continue;
            }
            let first = self.checked.bindings.more(overload.vars);
            let wanted = overload.takes.iter().map(|sort| sort.fresh(first));
            let pairs: Vec<_> = given.iter().cloned().zip(wanted).collect();
            if !self.checked.bindings.fit(&pairs) {
                continue;
            }
            self.checked.meant[at].push(overload);
            let one = self.known(&overload.makes.fresh(first));
            made = Some(match made {
                None => one,
                Some(Sort::Dyn) => Sort::Dyn,
                Some(made) if made == one => made,
                Some(_) => Sort::Dyn,
            });
        }
        made
    }

    fn gather(&mut self, all: &Loop<'a>) -> Option<Sort<'t>> {
        let range = self.visit(all.range)?;
        let start = self.visit(all.start)?;
        let range = self.known(&range);
        let before = self.names.len();
        self.names.push((all.sum, start.clone()));
        let (one, other) = match &range {
            Sort::List(item) => (None, (**item).clone()),
            Sort::Map(key, value) => (Some((**key).clone()), (**value).clone()),
            Sort::Dyn => (None, Sort::Dyn),
            Sort::Var(_) => {
                self.fit(&Sort::Dyn, &range);
                (None, Sort::Dyn)
            }
            _ => return None,
        };
        let is_list = matches!(range, Sort::List(_));
        match all.names {
            [Some(key), Some(value)] => {
                let position = if is_list { Sort::Int } else { Sort::Dyn };
                self.names.push((key, one.unwrap_or(position)));
                self.names.push((value, other));
            }
            [Some(name), None] => self.names.push((name, one.unwrap_or(other))),
            _ => {}
        }
        let goes = self.visit(all.until)?;
        let step = self.fit(&Sort::Bool, &goes).then(|| self.visit(all.step))??;
        if !self.fit(&start, &step) {
            return None;
        }
        self.names.truncate(before + 1);
        let made = self.visit(all.result)?;
        self.names.truncate(before);
        Some(self.known(&made))
    }
}

fn of_literal<'t>(literal: Literal<'_>) -> Sort<'t> {
    match literal {
        Literal::Bool => Sort::Bool,
        Literal::Bytes(_) => Sort::Bytes,
        Literal::Double => Sort::Double,
        Literal::Int(_) => Sort::Int,
        Literal::Null => Sort::Null,
        Literal::Text(_) => Sort::String,
        Literal::Uint => Sort::Uint,
    }
}
