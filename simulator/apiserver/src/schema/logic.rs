//! `allOf`, `anyOf`, `oneOf` and `not`: in custom schemas they restrict values, nothing else.

use super::compile::Known;
use super::validate::{self, Context};
use super::{Node, Path, Ref, compile};
use crate::Tree;
use crate::schema::error::Faults;
use crate::status::FieldError;

#[derive(Debug, Default)]
pub struct Logic {
    all: Vec<Ref>,
    any: Vec<Ref>,
    one: Vec<Ref>,
    not: Option<Ref>,
}

impl Logic {
    /// `None` if the schema has none of the four.
    pub(super) fn compile(schema: &Tree, known: &mut Known) -> Option<Self> {
        let not = schema.get("not").filter(|not| not.is_map());
        let not = not.map(|not| compile::own(not, known));
        let mut list = |key: &str| {
            let schemas = schema.get(key).map_or(&[][..], Tree::items);
            schemas.iter().map(|schema| compile::own(schema, known)).collect::<Vec<_>>()
        };
        let logic = Self { all: list("allOf"), any: list("anyOf"), one: list("oneOf"), not };
        let none = logic.all.is_empty() && logic.any.is_empty() && logic.one.is_empty();
        (!none || logic.not.is_some()).then_some(logic)
    }

    pub(super) fn check(&self, value: &Tree, path: &Path<'_>, faults: &mut Faults) {
        let holds = |node: &Node| {
            let mut inner = Context::default();
            validate::values(node, value, None, path, &mut inner);
            inner.faults.0.is_empty()
        };
        // The real server's library says these of the whole object, and names the place in its words.
        let say = |faults: &mut Faults, what: &str| {
            faults.0.push(FieldError::invalid("<nil>", &"".into(), &format!("\"{path}\" {what}")));
        };
        let of_first = |nodes: &[Ref]| {
            let mut inner = Context::default();
            if let Some(node) = nodes.first() {
                validate::values(node, value, None, path, &mut inner);
            }
            inner.faults.0
        };
        if !self.any.is_empty() && !self.any.iter().any(|node| holds(node)) {
            say(faults, "must validate at least one schema (anyOf)");
            faults.0.extend(of_first(&self.any));
        }
        let valid = self.one.iter().filter(|node| holds(node)).count();
        if !self.one.is_empty() && valid != 1 {
            let found = if valid == 0 {
                "Found none valid".to_owned()
            } else {
                format!("Found {valid} valid alternatives")
            };
            say(faults, &format!("must validate one and only one schema (oneOf). {found}"));
            if valid == 0 {
                faults.0.extend(of_first(&self.one));
            }
        }
        let broken = self.all.iter().any(|node| !holds(node));
        if broken {
            for node in &self.all {
                let mut inner = Context::default();
                validate::values(node, value, None, path, &mut inner);
                faults.0.append(&mut inner.faults.0);
            }
            say(faults, "must validate all the schemas (allOf)");
        }
        if self.not.as_ref().is_some_and(|node| holds(node)) {
            say(faults, "must not validate the schema (not)");
        }
    }
}
