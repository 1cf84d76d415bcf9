//! How a value is reached from a variable: `self`, `list`, `@items`, `name`.

use std::cell::RefCell;
use std::rc::Rc;

/// Steps in a list with room to grow. Who goes on from the same route takes the same room, if there is some left: the
/// server's estimator does so, and what it believes of a value may then be that of another. Its limits rest on it.
#[derive(Clone, Debug)]
pub(super) struct Route<'a> {
    room: Rc<RefCell<Vec<&'a str>>>,
    len: usize,
}

impl<'a> Route<'a> {
    pub(super) fn new(step: &'a str) -> Self {
        Self { room: Rc::new(RefCell::new(vec![step])), len: 1 }
    }

    /// One step on.
    pub(super) fn on(from: Option<Self>, step: &'a str) -> Self {
        let Some(from) = from else { return Self::new(step) };
        let len = from.len + 1;
        let mut room = from.room.borrow_mut();
        if let Some(next) = room.get_mut(from.len) {
            *next = step;
            drop(room);
            return Self { len, ..from };
        }
        // The room doubles.
        let mut more = Vec::with_capacity(2 * from.len);
        more.extend_from_slice(&room);
        more.push(step);
        more.resize(2 * from.len, "");
        Self { room: Rc::new(RefCell::new(more)), len }
    }

    /// A route with room of its own.
    pub(super) fn apart(&self, step: &'a str) -> Self {
        let mut steps = self.room.borrow()[..self.len].to_vec();
        steps.push(step);
        Self { len: steps.len(), room: Rc::new(RefCell::new(steps)) }
    }

    /// The steps after the variable.
    pub(super) fn steps(&self) -> Vec<&'a str> {
        self.room.borrow()[1..self.len].to_vec()
    }
}
