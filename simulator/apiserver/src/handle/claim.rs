//! What a write says of who owns which fields.

use std::sync::Arc;

use super::{Call, empties};
use crate::convert::{converted, has_shapes};
use crate::kinds::KindInfo;
use crate::object::{Object, Operation, Tree, Write};
use crate::ownership::{Managers, Ownership, Update};

const PATH: [&str; 2] = ["metadata", "managedFields"];

pub(super) enum Claim {
    /// Its writer owns what it changes; `Some`: and the client says who owned what before.
    Stated(Option<Managers>),
    /// It is about something else.
    None,
    /// An apply, which computed it. One that makes something else of the object is of another time, even if nothing of
    /// it is kept.
    Applied { managers: Managers, differs: bool },
}

impl Claim {
    /// Whether there is something to store even if nothing else changes.
    pub(super) fn changes(&self, call: &Call<'_>, old: &Object, wanted: &Tree) -> bool {
        match self {
            Self::None => false,
            Self::Stated(None)
                if wanted == old.tree() && empties::in_lists(call, wanted).is_none() =>
            {
                old.ownership().has_forgotten()
            }
            // What its writer wanted was not taken, but he let go of what others now keep.
            Self::Stated(None) => {
                let note = call.write_note(Operation::Update);
                let after = Self::Stated(None).ownership(call, &note, Some(old), wanted);
                !after.managers().same_fields(&old.ownership().managers())
            }
            Self::Stated(Some(managers)) => !managers.same_fields(&old.ownership().managers()),
            Self::Applied { managers, differs } => {
                let known = old.ownership().managers();
                // Of a time alone nobody takes note, unless it brings entries into another order, or something is left
                // until the object is stored.
                let link = ["metadata", "selfLink"];
                let is_left = || wanted.at(&link) != old.tree().at(&link);
                !managers.same_fields(&known)
                    || *differs && (!managers.same_order(&known) || is_left())
            }
        }
    }

    /// Ownership after a write of `wanted`.
    pub(super) fn ownership(
        self,
        call: &Call<'_>,
        write: &Write,
        old: Option<&Object>,
        wanted: &Tree,
    ) -> Ownership {
        let stated = match self {
            Self::None => return old.map(Object::ownership).cloned().unwrap_or_default(),
            Self::Applied { managers, .. } => return Ownership::of(managers),
            Self::Stated(stated) => stated,
        };
        let nothing = Ownership::default();
        let live = old.map(|old| crate::watch::in_version(old.clone(), &call.kind.info));
        // What another version cannot say, and what it says when nothing is said, shows on the way through it.
        let info = call.info();
        let passed =
            (!info.storage && !info.custom).then(|| converted(&call.as_stored(wanted), info));
        let new = passed.as_ref().unwrap_or(wanted);
        // Only beside what was there before does it make a difference.
        let said = old.and_then(|_| empties::in_lists(call, new));
        old.map_or(&nothing, Object::ownership).after(Update {
            write,
            kind: &call.kind.info,
            others: other_versions(call),
            minor: call.server.profile().minor,
            old: live.as_ref().map(Object::tree),
            new: said.as_ref().unwrap_or(new),
            stated,
        })
    }
}

/// The versions in which objects of the kind look different; of most kinds they look the same in all.
fn other_versions(call: &Call<'_>) -> Vec<Arc<KindInfo>> {
    let info = call.info();
    if !has_shapes(info) {
        return Vec::new();
    }
    call.versions().filter(|known| known.version != info.version).map(Arc::clone).collect()
}

/// The object without what its sender says of ownership, and that, if it says anything but what is known.
pub(super) fn taken(
    call: &Call<'_>,
    tree: &Tree,
    old: Option<&Object>,
) -> (Tree, Option<Managers>) {
    let Some(list) = tree.at(&PATH).filter(|list| list.is_list()) else {
        return (tree.clone(), None);
    };
    let rest = tree.without(&PATH);
    if call.request.subresource.is_some() {
        return (rest, None);
    }
    let forgets = match list.items() {
        [] => true,
        [one] => one.is_map() && one.is_empty(),
        _ => false,
    };
    if forgets {
        return (rest, Some(Managers::default()));
    }
    // What cannot be read is as if not said.
    let stated = Managers::from_tree(list).ok().filter(|stated| !stated.is_empty());
    let news = stated.filter(|stated| old.is_none_or(|old| *stated != *old.ownership().managers()));
    (rest, news)
}
