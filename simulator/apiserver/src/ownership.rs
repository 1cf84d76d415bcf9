//! Who owns which fields of an object: `metadata.managedFields`, and what applying rests on it.
//!
//! The rules are those of Kubernetes' structured merge: a write owns what it changed, an apply owns what it says,
//! and what somebody else owns is not changed by applying without force. Reading is what costs: a write only notes
//! who wrote and what was there before and after ([`Ownership`]), and the sets are computed when somebody reads them
//! or applies.

mod check;
mod difference;
mod ledger;
mod managers;
mod merge;
mod reset;
mod scale;
mod set;
mod shape;

use std::sync::Arc;

use jiff::Timestamp;

pub(crate) use ledger::{Ownership, Update};
pub(crate) use managers::{Conflict, Managers};
pub(crate) use scale::Scaled;

use self::difference::{Changes, places};
use self::managers::Writer;
use self::set::Set;
use self::shape::Shape;
use crate::kinds::KindInfo;
use crate::object::Tree;
use crate::schema::Schema;

/// One who applies.
pub(crate) struct Applier<'a> {
    pub manager: Arc<str>,
    pub kind: &'a KindInfo,
    pub subresource: Option<&'a str>,
    pub time: Timestamp,
    pub minor: u32,
}

impl Applier<'_> {
    /// Applies `config` over `live`: the new object, if it is another one.
    pub(crate) fn apply(
        &self,
        managers: &mut Managers,
        live: &Tree,
        config: &Tree,
        force: bool,
    ) -> Result<Option<Tree>, Vec<Conflict>> {
        let ignored = reset::fields(self.kind, self.subresource, self.minor);
        let api_version = self.kind.api_version().into();
        let writer = Writer {
            name: &self.manager,
            api_version: &api_version,
            subresource: self.subresource.unwrap_or_default(),
            time: self.time,
            schema: &self.kind.schema,
            ignored: &ignored,
            minor: self.minor,
            others: &[],
        };
        managers.apply(&writer, live, config, force)
    }
}

/// Why an object cannot be applied, if it cannot.
pub(crate) fn fault(schema: &Schema, config: &Tree) -> Option<String> {
    check::fault(Shape::root(schema), config)
}

/// Why an object that is stored cannot be compared with others of its kind, if it cannot.
pub(crate) fn fault_of_stored(schema: &Schema, tree: &Tree) -> Option<String> {
    check::fault_of_stored(Shape::root(schema), tree)
}

/// Of what `last` said, the part that still holds in `live`.
pub(crate) fn still_holding(schema: &Schema, last: &Tree, live: &Tree) -> Set {
    let shape = Shape::root(schema);
    let changes = Changes::between(shape, last, live);
    let changed = changes.added.union(changes.modified).union(changes.removed);
    places(shape, last).difference(&changed)
}
