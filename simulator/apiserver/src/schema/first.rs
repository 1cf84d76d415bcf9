//! Which of several values that do not fit is told: Go reads a text from its start to its end.

use super::decode::{Misfit, Unknown};
use super::{Schema, decode};
use crate::Tree;
use crate::object::walk::{Walk, walk};

/// Longer texts are not read again, bytes.
const LONGEST: usize = 1 << 20;

impl Schema {
    /// The first value in a text of JSON that an object of this kind cannot have. A value that a type which reads
    /// itself cannot read ends the reading; any other is told if nothing such follows.
    pub(crate) fn first_misfit(&self, text: &[u8]) -> Option<Misfit> {
        if text.len() > LONGEST {
            return None;
        }
        let mut reading = Reading { schema: self, way: Vec::new(), first: None, last: None };
        walk(text, &mut reading);
        reading.last.or(reading.first)
    }
}

struct Reading<'s> {
    schema: &'s Schema,
    /// The members on the way to where the reading is; `None` is any item of a list.
    way: Vec<Option<String>>,
    first: Option<Misfit>,
    /// What ended the reading.
    last: Option<Misfit>,
}

impl Walk for Reading<'_> {
    fn member(&mut self, key: &str, _is_again: bool) -> bool {
        self.way.push(Some(key.to_owned()));
        self.last.is_none()
    }

    fn item(&mut self, _index: usize) {
        self.way.push(None);
    }

    fn leave(&mut self) {
        self.way.pop();
    }

    /// Reads an object that has nothing but this value.
    fn leaf(&mut self, value: Tree) {
        if self.last.is_some() {
            return;
        }
        let tree = self.way.iter().rev().fold(value, |below, step| match step {
            Some(key) => Tree::map([(key.as_str(), below)]),
            None => Tree::list([below]),
        });
        let mut unknown = Unknown::default();
        match decode::check(self.schema.node(), &tree, &mut unknown) {
            Err(misfit) => self.last = Some(misfit),
            Ok(()) => self.first = self.first.take().or(unknown.misfit),
        }
    }
}
