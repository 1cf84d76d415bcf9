//! Ownership that is not computed until somebody asks: each revision knows its write and the revision before.

use std::sync::{Arc, Mutex, PoisonError};

use super::check;
use super::managers::{Managers, Writer};
use super::reset;
use super::shape::Shape;
use crate::kinds::KindInfo;
use crate::object::{Tree, Write};

/// Who owns the fields of a revision. Cloning it copies a pointer.
#[derive(Clone, Default)]
pub(crate) struct Ownership(Option<Arc<Mutex<State>>>);

/// Each write that waits keeps what was there before it: so many may wait.
const LONGEST: usize = 256;

enum State {
    Settled(Arc<Managers>),
    Pending(Box<Pending>),
}

/// A write whose effect on ownership was not computed yet.
struct Pending {
    before: Ownership,
    /// How many writes up to this one were not computed.
    depth: usize,
    /// What the client said of ownership, in place of what was known before.
    stated: Option<Managers>,
    write: Write,
    kind: Arc<KindInfo>,
    others: Vec<Arc<KindInfo>>,
    minor: u32,
    old: Tree,
    new: Tree,
    is_new: bool,
}

/// A write that was not an apply.
pub(crate) struct Update<'a> {
    pub write: &'a Write,
    pub kind: &'a Arc<KindInfo>,
    /// The other versions of the kind, if objects look different in them.
    pub others: Vec<Arc<KindInfo>>,
    pub minor: u32,
    /// What was stored; `None` for a new object.
    pub old: Option<&'a Tree>,
    /// What the client wanted, with defaults filled in, before the server changed it any further.
    pub new: &'a Tree,
    pub stated: Option<Managers>,
}

impl Ownership {
    pub(crate) fn of(managers: Managers) -> Self {
        if managers.is_empty() {
            return Self::default();
        }
        Self(Some(Arc::new(Mutex::new(State::Settled(Arc::new(managers))))))
    }

    /// What it is after an update.
    pub(crate) fn after(&self, update: Update<'_>) -> Self {
        let kind_of_new = || {
            Tree::map([
                ("apiVersion", Tree::from(update.kind.api_version())),
                ("kind", Arc::clone(&update.kind.kind).into()),
            ])
        };
        if self.depth() >= LONGEST {
            self.managers();
        }
        let pending = Pending {
            before: self.clone(),
            depth: self.depth() + 1,
            stated: update.stated,
            write: update.write.clone(),
            kind: Arc::clone(update.kind),
            others: update.others,
            minor: update.minor,
            old: update.old.cloned().unwrap_or_else(kind_of_new),
            new: update.new.clone(),
            is_new: update.old.is_none(),
        };
        Self(Some(Arc::new(Mutex::new(State::Pending(Box::new(pending))))))
    }

    /// Whether nobody owns anything, as far as that is known without computing.
    pub(crate) fn is_nothing(&self) -> bool {
        self.0.is_none()
    }

    /// Whether the next write changes who owns what, whatever it is about.
    pub(crate) fn has_forgotten(&self) -> bool {
        let Some(state) = &self.0 else { return false };
        match &*state.lock().unwrap_or_else(PoisonError::into_inner) {
            State::Settled(managers) => managers.has_forgotten(),
            State::Pending(_) => false,
        }
    }

    fn depth(&self) -> usize {
        let Some(state) = &self.0 else { return 0 };
        match &*state.lock().unwrap_or_else(PoisonError::into_inner) {
            State::Settled(_) => 0,
            State::Pending(pending) => pending.depth,
        }
    }

    pub(crate) fn managers(&self) -> Arc<Managers> {
        // From here back to what is known, and forward again: a history may be too long for recursion.
        let mut waiting = Vec::new();
        let mut at = self.clone();
        let mut managers = loop {
            let Some(state) = at.0.clone() else { break Arc::default() };
            let before = match &*state.lock().unwrap_or_else(PoisonError::into_inner) {
                State::Settled(managers) => break Arc::clone(managers),
                State::Pending(pending) => pending.before.clone(),
            };
            waiting.push(state);
            at = before;
        };
        while let Some(state) = waiting.pop() {
            let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
            if let State::Pending(pending) = &*state {
                managers = Arc::new(pending.settle(&managers));
                *state = State::Settled(Arc::clone(&managers));
            } else if let State::Settled(known) = &*state {
                managers = Arc::clone(known);
            }
        }
        managers
    }
}

impl Pending {
    fn settle(&self, before: &Managers) -> Managers {
        let mut managers = self.stated.clone().unwrap_or_else(|| before.clone());
        // Objects that nobody owns anything of stay so until somebody applies.
        if managers.is_empty() && !self.is_new {
            return managers;
        }
        let shape = Shape::root(&self.kind.schema);
        if self.minor >= 21
            && [&self.old, &self.new]
                .iter()
                .any(|tree| check::fault_of_stored(shape, tree).is_some())
        {
            return Managers::default();
        }
        let ignored = reset::fields(&self.kind, self.write.subresource.as_deref(), self.minor);
        let writer = Writer {
            name: &self.write.manager,
            api_version: &self.write.api_version,
            subresource: self.write.subresource.as_deref().unwrap_or_default(),
            time: self.write.time,
            schema: &self.kind.schema,
            ignored: &ignored,
            minor: self.minor,
            others: &self.others,
        };
        managers.update(&writer, &self.old, &self.new);
        managers
    }
}

/// One revision after the other: a long history must not be taken apart by recursion.
impl Drop for Ownership {
    fn drop(&mut self) {
        let mut next = self.0.take();
        while let Some(state) = next.and_then(Arc::into_inner) {
            next = match state.into_inner().unwrap_or_else(PoisonError::into_inner) {
                State::Pending(mut pending) => pending.before.0.take(),
                State::Settled(_) => None,
            };
        }
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::kinds::Profile;
    use crate::object::{Operation, text};
    use crate::store::Server;

    #[test]
    fn a_history_that_nobody_reads_does_not_grow_without_end() {
        let server = Server::new(Profile::V1_34, 1);
        let id = server.kind("", "ConfigMap").expect("a builtin kind");
        let kind = Arc::new(server.kind_info(id).expect("a builtin kind").clone());
        let write = Write {
            manager: text("me"),
            operation: Operation::Update,
            subresource: None,
            api_version: text("v1"),
            time: Timestamp::UNIX_EPOCH,
        };
        let mut ownership = Ownership::default();
        let mut old: Option<Tree> = None;

        for number in 0..2 * LONGEST {
            let new = Tree::null().with(&["data", "a"], number.to_string());
            let update = Update {
                write: &write,
                kind: &kind,
                others: Vec::new(),
                minor: 34,
                old: old.as_ref(),
                new: &new,
                stated: None,
            };
            ownership = ownership.after(update);
            assert!(ownership.depth() <= LONGEST, "{} writes wait", ownership.depth());
            old = Some(new);
        }

        assert_eq!(ownership.managers().to_tree().items().len(), 1);
        assert_eq!(ownership.depth(), 0);
    }
}
